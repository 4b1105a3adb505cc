"""Packet captures: every destination that was contacted or attempted, and the telemetry that went in the clear."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from audit.engine.parse import Limits
from audit.engine.run import Broken
from audit.engine.traffic import Exchange, Traffic, Watched
from audit.model import Reason
from audit.sources.bytestream import Bytes, CutShort, Malformed
from audit.sources.packets.conversations import Conversations, instant
from audit.sources.packets.files import Frame, Losses, classic, next_generation
from audit.sources.packets.frames import LINKS, is_local, packet_in
from audit.tally import Watch

_BATCH = 1 << 14


def split(
    blocks: Iterable[bytes], limits: Limits, whole: Callable[[], bool] = lambda: True
) -> Iterator[Traffic | Broken | Watched]:
    """Every packet as a unit, those that complete nothing in batches; then what is known at the end only."""
    reading = _Reading(Bytes(blocks), limits)
    yield from reading.frames()
    yield from reading.rest()
    if reading.problem is not None and (reading.problem is not Reason.CUT_PACKETS or whole()):
        yield Broken(reading.data.at, reading.number + 1, reading.problem)
    for _ in reading.data.blocks:
        pass  # read on for the hash


class _Reading:
    """One capture being read. `number`: packets so far; `waiting`: those of them not yet told."""

    def __init__(self, data: Bytes, limits: Limits) -> None:
        self.data, self.losses, self.conversations = data, Losses(), Conversations(limits)
        self.number = self.waiting = self.short = self.odd = 0
        self.first = self.last = 0
        self.begin = 0
        self.problem: Reason | None = None

    def frames(self) -> Iterator[Traffic]:
        pcapng = self.data.ahead(4) == b"\x0a\x0d\x0d\x0a"
        frames = (next_generation if pcapng else classic)(self.data, self.losses)
        try:
            for frame in frames:
                self.number += 1
                self.waiting += 1
                yield from self._frame(frame)
        except CutShort:
            self.problem = Reason.CUT_PACKETS
        except Malformed:
            self.problem = Reason.BAD_PACKETS

    def _frame(self, frame: Frame) -> Iterator[Traffic]:
        if frame.when:
            self.first = min(self.first, frame.when) if self.first else frame.when
            self.last = max(self.last, frame.when)
        self.short += frame.short
        packet = packet_in(frame.link, frame.data)
        if packet is None:
            self._unknown(frame)
        else:
            exchanges = tuple(self.conversations.packet(frame, self.number, packet))
            if exchanges:
                yield from self._flush(self.number - 1, frame)
                self.waiting = 0
                yield Traffic(frame.at, self.number, exchanges)
                self.begin = self.data.at
        if self.waiting >= _BATCH or self.conversations.full:
            yield from self._flush(self.number, frame)
            yield from self._told(self.conversations.surplus())

    def _unknown(self, frame: Frame) -> None:
        if frame.link not in LINKS:
            self.problem = Reason.LINK
        if not is_local(frame.link, frame.data):
            self.odd += 1

    def _flush(self, last: int, frame: Frame | None) -> Iterator[Traffic]:
        """Account for the packets that completed nothing, up to number `last`."""
        done = self.waiting - (self.number - last)
        if done > 0:
            yield Traffic(self.begin, last - done + 1, (), done)
            self.waiting -= done
            self.begin = frame.at if frame is not None else self.data.at

    @staticmethod
    def _told(found: Iterable[tuple[int, int, Exchange]]) -> Iterator[Traffic]:
        for at, unit, exchange in found:
            yield Traffic(at, unit, (exchange,), 0)

    def rest(self) -> Iterator[Traffic | Watched]:
        yield from self._flush(self.number, None)
        yield from self._told(self.conversations.finish())
        first, last = instant(self.first), instant(self.last)
        losses = self.losses
        watch = Watch(self.number, first, last, losses.dropped, self.short, losses.snaplen, self.odd)
        yield Watched(self.data.at, self.number, watch)
