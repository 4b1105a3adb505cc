"""Bounded summaries that merge: how many different values, which fields with what, how many events when.

Each is a commutative monoid whose final state depends on what was seen alone, never on the order or the grouping.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

KEPT = 512
"""Different values that are counted exactly; above it the estimate errs by about 4 %."""
_SPACE = 1 << 64


class Distinct:
    """How many different 64-bit hashes were seen: the smallest ones are kept, and their density tells the number."""

    __slots__ = ("_limit", "hashes")

    def __init__(self) -> None:
        self.hashes: set[int] = set()
        self._limit = _SPACE

    def add(self, digest: int) -> None:
        if digest < self._limit:
            self.hashes.add(digest)
            if len(self.hashes) > 2 * KEPT:
                self._prune()

    def _prune(self) -> None:
        """Keep one more than is counted exactly: the last one says that there are more, and how dense they lie."""
        if len(self.hashes) > KEPT + 1:
            self.hashes = set(sorted(self.hashes)[: KEPT + 1])
            self._limit = max(self.hashes)

    def take(self, other: Distinct) -> None:
        self.hashes |= other.hashes
        self._prune()

    @property
    def exact(self) -> bool:
        return len(self.hashes) <= KEPT

    @property
    def number(self) -> int:
        if self.exact:
            return len(self.hashes)
        self._prune()
        return KEPT * _SPACE // max(self.hashes)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Distinct):
            return NotImplemented
        return sorted(self.hashes)[: KEPT + 1] == sorted(other.hashes)[: KEPT + 1]

    __hash__ = None  # type: ignore[assignment]  # a container that is filled cannot be a key


class FieldKey(NamedTuple):
    """A field of an event, by shown names. Documented ones sort first, so that a flood of others cannot push them out."""

    undocumented: bool
    origin: str
    event: str
    field: str
    category: str


@dataclass(slots=True)
class Seen:
    """What was seen of one field: in how many events, values by JSON type, how many different ones."""

    events: int = 0
    types: Counter[str] = field(default_factory=Counter)
    distinct: Distinct = field(default_factory=Distinct)

    def plus(self, other: Seen) -> Seen:
        total = Seen(self.events + other.events, self.types + other.types)
        total.distinct.take(self.distinct)
        total.distinct.take(other.distinct)
        return total


class TraceKey(NamedTuple):
    """A documented field that identifies: its category, who sends it, and its pointer with its event."""

    category: str
    origin: str
    event: str
    field: str


class Trace(NamedTuple):
    """One value of such a field: in how many events, when first and last (None where no event had a usable time)."""

    events: int
    first: datetime | None
    last: datetime | None

    def plus(self, more: Trace) -> Trace:
        if more.first is None or more.last is None or self.first is None or self.last is None:
            timed = more if self.first is None else self
            return Trace(self.events + more.events, timed.first, timed.last)
        return Trace(self.events + more.events, min(self.first, more.first), max(self.last, more.last))


class CrowdKey(NamedTuple):
    """Subjects of an origin that are told apart by some attributes, named by category."""

    origin: str
    attributes: tuple[str, ...]


CROWD = 50
"""Subjects of one combination that are counted exactly; more are `50 or more`."""


def crowd(*members: tuple[int, ...]) -> tuple[int, ...]:
    """The smallest digests of all subjects given: one more than is needed to know that there are enough."""
    return tuple(sorted({digest for part in members for digest in part})[:CROWD])


WIDTHS = (1, 6, 24, 168, 8_736, 87_360, 873_600)
"""Widths of a bin in hours, each a multiple of the one before: up to every event from year 1 to 9999 fits the bound."""
BINS = 1_000


class Hours:
    """Events by time and origin, in bins as fine as the bound allows: coarser the longer the capture is."""

    __slots__ = ("bins", "level")

    def __init__(self) -> None:
        self.level = 0
        self.bins: Counter[tuple[int, str]] = Counter()

    @property
    def width(self) -> int:
        return WIDTHS[self.level]

    def add(self, origin: str, hour: int, number: int = 1) -> None:
        """Count events of an hour, numbered from year 1."""
        self.bins[hour // self.width, origin] += number
        while len(self.bins) > BINS and self.level + 1 < len(WIDTHS):
            self._coarsen(self.level + 1)

    def _coarsen(self, level: int) -> None:
        factor = WIDTHS[level] // self.width
        bins: Counter[tuple[int, str]] = Counter()
        for (index, origin), number in self.bins.items():
            bins[index // factor, origin] += number
        self.level, self.bins = level, bins

    def take(self, other: Hours) -> None:
        if other.level > self.level:
            self._coarsen(other.level)
        for (index, origin), number in other.bins.items():
            self.add(origin, index * other.width, number)

    def state(self) -> tuple[int, Counter[tuple[int, str]]]:
        return self.level, self.bins
