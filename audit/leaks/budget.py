"""How much decoding one event may cost, and whether that was enough. What was not decoded is a gap, never clean."""

from __future__ import annotations

from dataclasses import dataclass

LAYERS = 3
INFLATE = 256 * 1024
RATIO = 100


@dataclass(slots=True)
class Budget:
    """Spent while texts are decoded. `gave_up`: something was left undecoded, so that nothing found proves nothing."""

    views: int = 1500
    attempts: int = 60_000
    size: int = 4 * 1024 * 1024
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
