"""What was searched for, and whether that can uphold a claim: listed values that nobody planted show nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from audit.engine.silence import Lack
from audit.leaks.budget import LAYERS
from audit.leaks.search import Search
from audit.leaks.seeds import Kind, SeedList, planted
from audit.model import Gap
from audit.policy.pack import Claim
from audit.tally import Tally

SEED_RULES = ("canary", "known-identifier", "reidentified-hash")
"""Rules that have nothing to search for unless values are listed."""

BLIND = (
    "hashes with a salt that is not listed, encryption, values that are not listed, what is encoded and then split over "
    "documented members"
)
"""What no search of contents can see."""


def lacks_seeds(listed: SeedList | None, needed: int, tally: Tally, *, control: bool) -> Iterator[Lack]:
    """For a claim about returned data: values of the data source were searched, and were there to be read."""
    number = 0 if listed is None else listed.number(Kind.CANARY) + listed.number(Kind.DATASOURCE)
    if listed is None or number < needed:
        yield Lack(
            "no canaries or data source values were given: only shapes were searched",
            "plant some (telemetry-audit canary new) and give --seeds FILE",
            soft=True,
        )
    elif control and not _read(listed, tally):
        yield Lack(
            "searched, but nothing shows that the planted rows were read",
            "write planted_at into the seed file: a time inside the capture; or capture the answers of own hosts (HAR)",
            soft=True,
        )


def _read(listed: SeedList, tally: Tally) -> bool:
    """Whether some value was planted while the capture ran, or came back from a host of the installation's own."""
    if tally.controls:
        return True
    span = tally.alive
    return span is not None and any(span.first <= when <= span.last for when in planted(listed.seeds))


def words(listed: SeedList) -> str:
    """The values searched for, in numbers: `40 canaries and 1,200 identifiers`."""
    kinds = ((Kind.CANARY, "canary", "canaries"), (Kind.IDENTIFIER, "identifier", "identifiers"))
    parts = [(listed.number(kind), one, many) for kind, one, many in kinds]
    parts.append((listed.number(Kind.DATASOURCE), "data source value", "data source values"))
    said = [f"{number:,} {one if number == 1 else many}" for number, one, many in parts if number]
    return " and ".join([", ".join(said[:-1]), said[-1]] if len(said) > 1 else said)


def unasked(claim: Claim) -> tuple[str, ...]:
    """Rules of a claim that found nothing because no value was listed."""
    return tuple(rule for rule in claim.rules if rule in SEED_RULES)


def row(search: Search | None, tally: Tally) -> dict[str, Any]:
    """The result's account of the search."""
    gave_up = sum(number for (gap, _), number in tally.gaps.items() if gap is Gap.SEARCH)
    if search is None:
        return {"canaries": 0, "identifiers": 0, "datasource": 0, "layers": LAYERS, "gave_up": gave_up}
    said = {**search.said(), "gave_up": gave_up, "words": _sentence(search)}
    return {**said, "controls": tally.controls} if tally.controls else said


def _sentence(search: Search) -> str:
    said = search.said()
    names = said["unavailable"]
    without = f" (not available here: {', '.join(names)})" if isinstance(names, list) and names else ""
    hashed = f", and as digests in {said['hashes']} hash forms{without}" if said["hashes"] else ""
    return (
        f"{words(search.listed)}, in every value, name and number: plain, behind {len(search.encodings)} encodings up to "
        f"{LAYERS} layers deep{hashed}. Never seen by content: {BLIND}."
    )
