"""What is kept within bounds, however much of it there is, and the same in whatever order it came."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class Act(NamedTuple):
    """Opt-in events of one subject in ten minutes of one state of consent: how many, the first and the last."""

    number: int
    first: datetime
    last: datetime

    def plus(self, other: Act) -> Act:
        return Act(self.number + other.number, min(self.first, other.first), max(self.last, other.last))


class ActKey(NamedTuple):
    """`change`: how many changes of this subject's consent lay before; `bucket`: ten minutes since 0001-01-01."""

    subject: str
    change: int
    bucket: int


class Spread(Generic[K]):
    """Acts by time, in buckets that become twice as wide whenever there are more than `most`: made-up times cannot fill the
    memory. The width depends on the whole set alone, so order and grouping don't matter; a wider bucket makes gaps look
    longer and use rarer, never the other way."""

    __slots__ = ("items", "level", "most", "wider")

    def __init__(self, most: int, wider: Callable[[K, int], K]) -> None:
        self.most, self.wider, self.level = most, wider, 0
        self.items: dict[K, Act] = {}

    def add(self, key: K, act: Act, level: int = 0) -> None:
        """Count an act in. `level`: how often the width of the key's bucket was doubled already."""
        while self.level < level:
            self._widen()
        key = self.wider(key, self.level - level)
        known = self.items.get(key)
        self.items[key] = act if known is None else known.plus(act)
        while len(self.items) > self.most and self.level < _WIDEST:
            self._widen()

    def take(self, other: Spread[K]) -> None:
        for key, act in other.items.items():
            self.add(key, act, other.level)

    def _widen(self) -> None:
        held, self.items, self.level = self.items, {}, self.level + 1
        for key, act in held.items():
            wide = self.wider(key, 1)
            known = self.items.get(wide)
            self.items[wide] = act if known is None else known.plus(act)

    def state(self) -> tuple[object, ...]:
        return (self.level, self.items)


_WIDEST = 30
"""Then one bucket holds all times that there are."""


def wider_act(key: ActKey, times: int) -> ActKey:
    return key._replace(bucket=key.bucket >> times) if times else key


def wider_use(bucket: int, times: int) -> int:
    return bucket >> times


class Bounded(Generic[K, V]):
    """A dict that keeps the `most` smallest keys. What falls out can never come back, so counts of kept keys are exact:
    a key falls out only where `most` smaller ones are known, and merging only adds smaller ones."""

    __slots__ = ("items", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self.items: dict[K, V] = {}

    def prune(self, *, final: bool = False) -> None:
        """Drop all but the smallest keys; cheap to call often, it acts at twice the bound."""
        if len(self.items) > (self.most if final else 2 * self.most):
            kept = heapq.nsmallest(self.most, self.items)  # type: ignore[type-var]  # keys are tuples of orderable parts
            self.items = {key: self.items[key] for key in kept}
