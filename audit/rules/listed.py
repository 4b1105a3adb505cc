"""Breaches of listed values: how many stand at a place and how sure that is, never which value."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from audit.leaks.search import Hit
from audit.leaks.sightings import Sighting
from audit.model import Breach, Grade, Level
from audit.rules.case import Case

_SURE = (Grade.SUSPECTED, Grade.STRONG, Grade.PROVED)


def told(  # noqa: PLR0913 - a rule's words and its choice
    case: Case,
    one: str,
    many: str,
    mine: Callable[[Hit], bool],
    level: Level | None = None,
    *,
    spared: Callable[[Sighting], bool] = lambda _: False,
) -> Iterator[Breach]:
    """One breach a place for the hits that are `mine`, but for places that are `spared`. `one` and `many` are templates
    over `seed` and `number`."""
    for place in case.sightings.seen:
        hits = [] if spared(place) else [hit for hit in place.hits if mine(hit)]
        if not hits:
            continue
        surest = max(hits, key=lambda hit: (_SURE.index(hit.grade), -len(hit.path)))
        number = len({hit.seed for hit in hits})
        where = " in the name of a field" if place.key else ""
        facts = {"seed": surest.number} if number == 1 else {"number": number}
        yield Breach(place.pointer, (one if number == 1 else many) + where, facts, level, surest.grade, surest.path)
