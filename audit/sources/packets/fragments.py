"""Datagrams that were sent in pieces, put together again: within bounds, whatever their order."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from audit.sources.packets.files import Frame
from audit.sources.packets.frames import Packet, together

_MOST, _PIECES = 256, 256
"""Datagrams that wait for more of their pieces, and pieces that one of them may have."""


class Met(NamedTuple):
    """A packet, the frame that it came in, and the number of that."""

    frame: Frame
    unit: int
    packet: Packet


class Fragments:
    """Fed fragments. What cannot be put together is given back in its pieces, of which the first shows who spoke with whom."""

    def __init__(self) -> None:
        self.waiting: OrderedDict[bytes, list[Met]] = OrderedDict()

    def put(self, met: Met) -> Iterator[Met]:
        """What can be read now that this fragment has come."""
        piece = met.packet.piece
        if piece is None or met.packet.missing:
            yield met
            return
        pieces = self.waiting.setdefault(piece.datagram, [])
        pieces.append(met)
        whole = _whole(pieces)
        if whole is not None:
            del self.waiting[piece.datagram]
            yield whole
        elif len(pieces) > _PIECES:
            yield from self.waiting.pop(piece.datagram)
        elif len(self.waiting) > _MOST:
            yield from self.waiting.popitem(last=False)[1]

    def finish(self) -> Iterator[Met]:
        """The pieces of what never became whole."""
        while self.waiting:
            yield from self.waiting.popitem(last=False)[1]


def _whole(pieces: list[Met]) -> Met | None:
    """The datagram of some fragments, if none is missing. What an earlier one says stands."""
    ordered = sorted(
        (m.packet.piece.offset, number, m) for number, m in enumerate(pieces) if m.packet.piece is not None
    )
    last = next((m for _, _, m in ordered if m.packet.piece is not None and not m.packet.piece.more), None)
    if last is None or ordered[0][0] > 0:
        return None
    payload = bytearray()
    for offset, _, (frame, _, packet) in ordered:
        if offset > len(payload):
            return None
        payload += frame.data[packet.start + len(payload) - offset : packet.end]
        if packet is last.packet:
            break
    frame, unit, _ = pieces[-1]
    found = together(ordered[0][2].packet, bytes(payload))
    return None if found is None else Met(frame._replace(data=bytes(payload)), unit, found)
