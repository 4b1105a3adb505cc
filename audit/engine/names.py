"""How an event's name stands to the page: listed, nearly listed, described, or none of these."""

from __future__ import annotations

import difflib
from typing import NamedTuple

from audit.model import UNKNOWN, Event, PackStr
from audit.policy.pack import EventType, Policy
from audit.rules.case import Listing

_MEMO = 4096


class Standing(NamedTuple):
    """`type` is the page's entry to judge by, `nearest` the listed name that comes closest."""

    listing: Listing
    type: EventType | None
    nearest: PackStr | None


class Names:
    """The names of one policy, with a bounded memo of names seen."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.folded = {_fold(name): entry for name, entry in policy.events.items()}
        self.memo: dict[str, Standing] = {}

    def of(self, event: Event) -> Standing:
        """How an event stands; a category covers only events of its own origin or of none known."""
        if event.call is not None and event.call != self.policy.envelope.named:
            return Standing(Listing.CALL, None, None)
        if event.name is None:
            return Standing(Listing.NAMELESS, None, None)
        found = self.standing(event.name)
        foreign = found.type is not None and event.origin not in (found.type.origin, UNKNOWN)
        return (
            Standing(Listing.UNLISTED, None, found.nearest) if foreign and found.listing is Listing.CATEGORY else found
        )

    def standing(self, name: str) -> Standing:
        entry = self.policy.events.get(name)
        if entry is not None:
            return Standing(Listing.LISTED, entry, None)
        found = self.memo.get(name)
        if found is None:
            if len(self.memo) >= _MEMO:
                self.memo.clear()
            found = self.memo[name] = self._compare(name)
        return found

    def _compare(self, name: str) -> Standing:
        if len(name) > 256:
            return Standing(Listing.UNLISTED, None, None)
        near = self.folded.get(_fold(name))
        if near is not None:
            return Standing(Listing.NEAR, near, near.name)
        close = difflib.get_close_matches(name, list(self.policy.events), n=1, cutoff=0.6)
        nearest = PackStr(close[0]) if close else None
        category = self.policy.category_of(name)
        if category is not None:
            return Standing(Listing.CATEGORY, category.type, nearest)
        return Standing(Listing.UNLISTED, None, nearest)


def _fold(name: str) -> str:
    """Case, white space and plurals folded away."""
    return "".join(word.removesuffix("s") for word in name.casefold().split())
