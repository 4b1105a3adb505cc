"""Values that the auditor gives to search for. They are the auditor's secret: nothing here prints one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    CANARY = "canary"
    IDENTIFIER = "identifier"
    DATASOURCE = "datasource"
    SALT = "salt"


class Refused(StrEnum):
    """Why a listed value is not searched for."""

    SHORT = "too short"
    COMMON = "too common"
    TWICE = "listed twice"
    BAD = "bad line"


@dataclass(frozen=True, slots=True)
class Seed:
    """One value. `repr` stays silent about it, so that no error or log can show it."""

    value: str = field(repr=False)
    kind: Kind
    label: str = field(default="", repr=False)
    planted_at: datetime | None = None


SHORTEST = 4
_COMMON = frozenset(
    "admin administrator root user username test tester testing guest support info null none true false undefined unknown "
    "anonymous default example system server client localhost hello password account customer employee name email public "
    "private http https ubuntu debian linux windows macos darwin android apple chrome firefox safari 0000 1234 12345 123456 "
    "127.0.0.1 0.0.0.0".split()
)


def refused(seed: Seed, documented: str = "") -> Refused | None:
    """Why a value must not be searched for: it would be found in clean traffic. `documented`: folded text of the page."""
    value = seed.value.strip()
    if seed.kind is Kind.SALT:
        return None if value else Refused.SHORT
    folded = value.casefold()
    if len(folded) < SHORTEST:
        return Refused.SHORT
    if folded in _COMMON or len(set(folded)) < 3 or (documented and folded in documented):
        return Refused.COMMON
    if seed.kind is Kind.CANARY and len(folded) < 8:
        return Refused.SHORT
    if seed.kind is Kind.DATASOURCE:
        return _trivial(folded)
    return None


def _trivial(cell: str) -> Refused | None:
    """Why a cell of an export says nothing by itself: short numbers, dates, single plain words."""
    letters = sum(char.isalpha() for char in cell)
    digits = sum(char.isdigit() for char in cell)
    if len(cell) < 6:
        return Refused.SHORT
    if not letters:
        return Refused.COMMON if digits < 7 or _is_time(cell) else None
    if not digits and cell.isalpha():
        return Refused.COMMON if len(cell) < 13 and cell.isascii() else None
    return Refused.COMMON if letters + digits < 6 or _is_time(cell) else None


def _is_time(cell: str) -> bool:
    """Dates and times: every event holds some."""
    try:
        datetime.fromisoformat(cell.upper())
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class SeedList:
    """What was read of the seed files: the values used, and how many were not, by reason."""

    seeds: tuple[Seed, ...] = ()
    left_out: tuple[tuple[Refused, int], ...] = ()

    def of(self, *kinds: Kind) -> tuple[Seed, ...]:
        return tuple(seed for seed in self.seeds if seed.kind in kinds)

    def number(self, kind: Kind) -> int:
        return sum(seed.kind is kind for seed in self.seeds)


def planted(seeds: Iterable[Seed]) -> tuple[datetime, ...]:
    """When values that prove a leak of returned data were planted."""
    kinds = (Kind.CANARY, Kind.DATASOURCE)
    return tuple(sorted(seed.planted_at for seed in seeds if seed.planted_at is not None and seed.kind in kinds))
