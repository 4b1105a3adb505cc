"""Names that were asked for: questions until they are answered, and what addresses stand for. Bounded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import NamedTuple

from audit.engine.parse import Document
from audit.engine.traffic import Exchange
from audit.model import Contact, Known, Scheme
from audit.sources.packets.conversation import Seen, instant
from audit.sources.packets.frames import Packet
from audit.sources.packets.names import Lookup, lookup

_MOST = 20_000


class Question(NamedTuple):
    """A name that was asked for and not answered yet."""

    at: int
    unit: int
    when: int
    names: tuple[str, ...]
    size: int


class Lookups:
    """Fed the messages of DNS. `names`: of addresses."""

    def __init__(self) -> None:
        self.names: OrderedDict[bytes, str] = OrderedDict()
        self.questions: OrderedDict[tuple[bytes, int, tuple[str, ...]], Question] = OrderedDict()

    def met(self, seen: Seen, packet: Packet, data: bytes, size: int) -> Iterator[Exchange] | None:
        """What a message completes; None for what is no message."""
        found = lookup(data)
        return None if found is None else self._read(found, seen, packet, size)

    def _read(self, found: Lookup, seen: Seen, packet: Packet, size: int) -> Iterator[Exchange]:
        when, at, unit = seen
        if not found.answer:
            key = (packet.source + packet.target, found.id, found.names)
            before = self.questions.pop(key, None)
            if before is not None:  # asked again: each is an attempt
                yield from (exchange for _, _, exchange in _unanswered(before))
            self.questions[key] = Question(at, unit, when, found.names, size)
            return
        asked = self.questions.pop((packet.target + packet.source, found.id, found.names), None)
        asked_at, sent = (asked.when, asked.size) if asked else (when, 0)
        for name in found.names:
            yield _looked_up(name, asked_at, sent, connected=True)
            for address in found.addresses:
                self.names[address] = name
                self.names.move_to_end(address)
        while len(self.names) > 4 * _MOST:
            self.names.popitem(last=False)

    def surplus(self) -> Iterator[tuple[int, int, Exchange]]:
        """The oldest questions, where there are too many to remember."""
        while len(self.questions) > _MOST:
            _, question = self.questions.popitem(last=False)
            yield from _unanswered(question)

    def finish(self) -> Iterator[tuple[int, int, Exchange]]:
        """What was never answered."""
        for question in self.questions.values():
            yield from _unanswered(question)


def _looked_up(name: str, when: int, size: int, *, connected: bool) -> Exchange:
    at = instant(when)
    contact = Contact(name, 53, Scheme.DNS, Known.DNS, at, None, connected, bytes_out=size)
    return Exchange(contact, content=Document({"host": name}), seen_at=at)  # a name can carry what it likes


def _unanswered(question: Question) -> Iterator[tuple[int, int, Exchange]]:
    for name in question.names:
        yield question.at, question.unit, _looked_up(name, question.when, question.size, connected=False)
