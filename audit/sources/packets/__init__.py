"""Packet captures: every destination that was contacted or attempted, and the telemetry that went in the clear."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from audit.engine.parse import Limits
from audit.engine.run import Broken
from audit.engine.traffic import Exchange, Traffic, Watched
from audit.model import Reason
from audit.sources.bytestream import Bytes, CutShort, Malformed
from audit.sources.packets.conversation import instant
from audit.sources.packets.conversations import Conversations
from audit.sources.packets.files import Frame, Losses, classic, next_generation
from audit.sources.packets.frames import LINKS, is_local, packet_in
from audit.sources.packets.plain import Plain
from audit.tally.destinations import Watch

_BATCH = 1 << 14


def split(
    blocks: Iterable[bytes], limits: Limits, whole: Callable[[], bool] = lambda: True
) -> Iterator[Traffic | Broken | Watched]:
    """Every packet as a unit, those that complete nothing in batches; then what is known at the end only."""
    reading = _Reading(Bytes(blocks), limits)
    yield from reading.frames()
    yield from reading.rest()
    if reading.problem is not None and (reading.problem is not Reason.CUT_PACKETS or whole()):
        yield Broken(reading.data.at, reading.losses.packets + 1, reading.problem)
    for _ in reading.data.blocks:
        pass  # read on for the hash


class _Reading:
    """One capture being read. `told`: packets that are accounted for; `begin`: where the last of them stands."""

    def __init__(self, data: Bytes, limits: Limits) -> None:
        self.data, self.losses, self.conversations = data, Losses(), Conversations(limits)
        self.told = self.odd = 0
        self.begin = 0
        self.problem: Reason | None = None

    def frames(self) -> Iterator[Traffic]:
        pcapng = self.data.ahead(4) == b"\x0a\x0d\x0d\x0a"
        plain = Plain(self.conversations).over
        try:
            for frame in (next_generation if pcapng else classic)(self.data, self.losses, plain):
                yield from self._frame(frame)
        except CutShort:
            self.problem = Reason.CUT_PACKETS
        except Malformed:
            self.problem = Reason.BAD_PACKETS

    def _frame(self, frame: Frame) -> Iterator[Traffic]:
        number = self.losses.packets
        packet = packet_in(frame.link, frame.data)
        if packet is None:
            self._unknown(frame)
        else:
            exchanges = tuple(self.conversations.packet(frame, number, packet))
            if exchanges:
                yield from self._flush(number - 1)
                self.told, self.begin = number, frame.at
                yield Traffic(frame.at, number, exchanges)
        if number - self.told >= _BATCH or self.conversations.full:
            yield from self._flush(number)
            self.begin = frame.at
            yield from self._each(self.conversations.surplus())

    def _unknown(self, frame: Frame) -> None:
        if frame.link not in LINKS:
            self.problem = Reason.LINK
        if not is_local(frame.link, frame.data):
            self.odd += 1

    def _flush(self, last: int) -> Iterator[Traffic]:
        """Account for the packets that completed nothing, up to number `last`."""
        if last > self.told:
            yield Traffic(self.begin, self.told + 1, (), last - self.told)
            self.told = last

    @staticmethod
    def _each(found: Iterable[tuple[int, int, Exchange]]) -> Iterator[Traffic]:
        for at, unit, exchange in found:
            yield Traffic(at, unit, (exchange,), 0)

    def rest(self) -> Iterator[Traffic | Watched]:
        losses = self.losses
        yield from self._flush(losses.packets)
        yield from self._each(self.conversations.finish())
        first, last = instant(losses.first), instant(losses.last)
        odd = self.odd + self.conversations.unread
        watch = Watch(losses.packets, first, last, losses.dropped, losses.short, losses.snaplen, odd)
        yield Watched(self.data.at, losses.packets, watch)
