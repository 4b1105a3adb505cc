"""What the page shows at a place in whatever event: the form of a value there, when the event itself stands on no page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from audit.model import Json, Pointer
from audit.policy.pack import Leaf, Policy
from audit.policy.validators import compile_validator


class Forms:
    """The documented leaves of a policy by their place. Compiles the schema of one when it is first asked for."""

    def __init__(self, policy: Policy) -> None:
        types = (*policy.events.values(), *(category.type for category in policy.categories))
        self.leaves: dict[Pointer, list[Leaf]] = {}
        for entry in types:
            for leaf in entry.leaves.values():
                known = self.leaves.setdefault(leaf.pointer, [])
                if all(leaf.schema != other.schema for other in known):
                    known.append(leaf)
        for known in self.leaves.values():
            known.sort(key=lambda leaf: not leaf.closed)
        self.known: dict[Pointer, tuple[tuple[Callable[[Any], bool], Leaf], ...]] = {}

    def of(self, pointer: Pointer, value: Json) -> Leaf | None:
        """What the page shows at a place in some event, if a value is like it: best what leaves no room for text."""
        known = self.known.get(pointer)
        if known is None:
            known = tuple((compile_validator(leaf.schema).is_valid, leaf) for leaf in self.leaves.get(pointer, ()))
            if known:
                self.known[pointer] = known
        try:
            return next((leaf for is_valid, leaf in known if is_valid(value)), None)
        except (UnicodeEncodeError, ValueError, OverflowError):  # lone surrogates, numbers beyond the engine
            return None
