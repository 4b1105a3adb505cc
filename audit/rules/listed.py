"""Breaches of listed values: how many stand at a place and how sure that is, never which value."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from audit.leaks.search import Hit
from audit.model import Breach, Grade, Level
from audit.rules.case import Case

_SURE = (Grade.SUSPECTED, Grade.STRONG, Grade.PROVED)


def told(case: Case, one: str, many: str, mine: Callable[[Hit], bool], level: Level | None = None) -> Iterator[Breach]:
    """One breach a place for the hits that are `mine`. `one` and `many` are templates over `seed` and `number`."""
    for place in case.sightings.seen:
        hits = [hit for hit in place.hits if mine(hit)]
        if not hits:
            continue
        surest = max(hits, key=lambda hit: (_SURE.index(hit.grade), -len(hit.path)))
        number = len({hit.seed for hit in hits})
        where = " in the name of a field" if place.key else ""
        facts = {"seed": surest.number} if number == 1 else {"number": number}
        yield Breach(place.pointer, (one if number == 1 else many) + where, facts, level, surest.grade, surest.path)
