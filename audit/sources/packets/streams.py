"""The bytes that a client sent over TCP, put in order: retransmissions dropped, early segments kept a while, within bounds."""

from __future__ import annotations

_HALF, _FULL = 1 << 31, 1 << 32
_EARLY = 1 << 20


class Stream:
    """`broken`: bytes are missing for good, so that what follows has no beginning."""

    __slots__ = ("broken", "early", "following", "held")

    def __init__(self) -> None:
        self.following: int | None = None
        self.early: dict[int, bytes] = {}
        self.held = 0
        self.broken = False

    def put(self, sequence: int, data: bytes) -> bytes:
        """What has come into order with this segment."""
        if self.following is None:
            self.following = sequence
        ready = self._place(sequence, data)
        if not ready or not self.early:
            return ready
        pieces = [ready]
        while (piece := self._next()) is not None:
            pieces.append(piece)
        return b"".join(pieces)

    def _place(self, sequence: int, data: bytes) -> bytes:
        assert self.following is not None
        ahead = (sequence - self.following) % _FULL
        if ahead >= _HALF:  # sent before, at least in part
            data, ahead = data[_FULL - ahead :], 0
        if ahead:
            if len(self.early.get(sequence, b"")) < len(data):
                self.held += len(data) - len(self.early.get(sequence, b""))
                self.early[sequence] = data
            self.broken = self.held > _EARLY
            return b""
        self.following = (self.following + len(data)) % _FULL
        return data

    def _next(self) -> bytes | None:
        assert self.following is not None
        for sequence in sorted(self.early, key=lambda at: (at - (self.following or 0)) % _FULL):
            ahead = (sequence - self.following) % _FULL
            if 0 < ahead < _HALF:
                continue
            data = self.early.pop(sequence)
            self.held -= len(data)
            ready = self._place(sequence, data)
            if ready:
                return ready
        return None
