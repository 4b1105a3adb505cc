"""How much decoding one event may cost, and whether that was enough. What was not decoded is a gap, never clean."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeVar

LAYERS = 3
INFLATE = 256 * 1024
RATIO = 100


class Bounds(NamedTuple):
    """Forms of one event that are looked at, and bytes that they may have together."""

    views: int = 1500
    size: int = 4 * 1024 * 1024


class _Memory(Protocol):
    def cache_clear(self) -> None: ...


M = TypeVar("M", bound=_Memory)
_memories: list[_Memory] = []
_force = Bounds()


def bounds() -> Bounds:
    """Those in force."""
    return _force


def remembering(memory: M) -> M:
    """Marks what remembers outcomes that depend on the bounds."""
    _memories.append(memory)
    return memory


def enforce(asked: Bounds) -> None:
    """The bounds of this process from now on. What was found under others is forgotten, so that no outcome depends on
    what was audited before."""
    global _force  # noqa: PLW0603 - a parameter of every search of a process, which rules cannot hand down
    if asked != _force:
        _force = asked
        for memory in _memories:
            memory.cache_clear()


@dataclass(slots=True)
class Budget:
    """Spent while texts are decoded. `gave_up`: something was left undecoded, so that nothing found proves nothing."""

    views: int = field(default_factory=lambda: _force.views)
    attempts: int = 60_000
    size: int = field(default_factory=lambda: _force.size)
    gave_up: bool = False

    def attempt(self) -> bool:
        """Whether one more form may be made, be it one that was seen before."""
        self.attempts -= 1
        self.gave_up = self.gave_up or self.attempts < 0
        return self.attempts >= 0

    def spend(self, length: int) -> bool:
        """Whether another form of this length may be looked at; the first refusal is remembered."""
        if self.views <= 0 or self.size < length:
            self.gave_up = True
            return False
        self.views -= 1
        self.size -= length
        return True
