"""Suppressions: findings that somebody answers for, up to a day and up to a number. They hide nothing.

A suppression names one group exactly. It holds only while it is in date, and only if no more findings match than it says:
one that is expired, unused or over its cap is told and has no effect.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from operator import eq
from typing import Any, NamedTuple

from audit.redact import visible
from audit.rules import BY_ID

FORMAT = "telemetry-suppressions/1"
_ABOUT = ("rule", "event", "field", "host")
_WHY = ("reason", "owner")
_KEYS = {*_ABOUT, *_WHY, "expires", "cap"}
_MOST = 10_000
_LONGEST = 500
_HEADER = re.compile(r"\s*\[\[\s*suppress\s*\]\]")


class Target(NamedTuple):
    """The group that is meant: what is absent, the group must not have."""

    rule: str
    event: str | None
    field: str | None
    host: str | None


@dataclass(frozen=True, slots=True)
class Suppression:
    """One entry. `expires`: the last day on which it holds; `cap`: how many findings it may cover."""

    target: Target
    reason: str
    owner: str
    expires: date
    cap: int


@dataclass(frozen=True, slots=True)
class File:
    """A suppression file as it was read: its name as shown, and the hash of its bytes."""

    name: str
    sha256: str
    entries: tuple[Suppression, ...]


@dataclass(frozen=True, slots=True)
class Suppressions:
    """Everything given. `on`: the day that expiry is held against; `applied`: False where an auditor wants none of them."""

    files: tuple[File, ...]
    on: date
    applied: bool = True

    @property
    def entries(self) -> tuple[Suppression, ...]:
        return tuple(entry for file in self.files for entry in file.entries)


class BadSuppressions(ValueError):  # noqa: N818 - the name says what is wrong
    """What is wrong with a suppression file, and where."""


def parse(name: str, data: bytes) -> File:
    """A suppression file. Raises BadSuppressions: one that is half understood must not hide anything."""
    try:
        text = data.decode("utf-8-sig")
        document = tomllib.loads(text)
    except UnicodeDecodeError:
        raise BadSuppressions("not UTF-8: save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadSuppressions(f"not TOML: {visible(str(error))}") from None
    if document.get("format") != FORMAT:
        raise BadSuppressions(f'/format: the file must begin with format = "{FORMAT}"')
    other = sorted(document.keys() - {"format", "suppress"})
    if other:
        raise BadSuppressions(f"/{visible(other[0])}: unknown key; entries are [[suppress]] tables")
    rows = document.get("suppress", [])
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise BadSuppressions("/suppress: write each entry as a [[suppress]] table")
    if len(rows) > _MOST:
        raise BadSuppressions(f"/suppress: more than {_MOST:,} entries")
    lines = _headers(text)
    entries = tuple(_located(number, row, lines) for number, row in enumerate(rows))
    return File(name, hashlib.sha256(data).hexdigest(), entries)


def _located(number: int, row: Mapping[str, Any], lines: Sequence[int]) -> Suppression:
    try:
        return _entry(f"/suppress/{number}", row)
    except BadSuppressions as error:
        if number >= len(lines):
            raise
        raise BadSuppressions(f"in the entry at line {lines[number]}: {error}") from None


def _headers(text: str) -> list[int]:
    """The lines where entries begin, from 1. The standard parser tells none."""
    return [number for number, line in enumerate(text.splitlines(), 1) if _HEADER.match(line)]


def distinct(files: Iterable[File]) -> None:
    """Refuse two entries for one group: which of their caps and days would hold? Raises BadSuppressions."""
    seen: set[Target] = set()
    for file in files:
        for number, entry in enumerate(file.entries):
            if entry.target in seen:
                raise BadSuppressions(f"{visible(file.name)}: /suppress/{number}: a second entry for the same findings")
            seen.add(entry.target)


def _entry(at: str, row: Mapping[str, Any]) -> Suppression:
    for key in sorted(row.keys() - _KEYS):
        near = difflib.get_close_matches(key[:100], sorted(_KEYS), n=1)
        raise BadSuppressions(f"{at}/{visible(key)}: unknown key" + (f"; did you mean {near[0]}?" if near else ""))
    texts = {key: _text(at, key, row[key]) for key in (*_ABOUT, *_WHY) if key in row}
    for key in ("rule", *_WHY):
        if key not in texts:
            raise BadSuppressions(
                f"{at}: {key} is missing: every suppression says rule, reason, owner, expires and cap"
            )
    rule = texts["rule"]
    if rule not in BY_ID:
        raise BadSuppressions(f"{at}/rule: no rule {visible(rule)!r}: `telemetry-audit explain` lists all")
    target = Target(rule, texts.get("event"), texts.get("field"), texts.get("host"))
    return Suppression(target, texts["reason"], texts["owner"], _expires(at, row), _cap(at, row))


def _text(at: str, key: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > _LONGEST:
        raise BadSuppressions(f"{at}/{key}: a text of at most {_LONGEST} characters is needed")
    return value


def _expires(at: str, row: Mapping[str, Any]) -> date:
    value = row.get("expires")
    if not isinstance(value, date) or isinstance(value, datetime):
        raise BadSuppressions(f"{at}/expires: the last day on which it holds is needed, without quotes: 2027-01-31")
    return value


def _cap(at: str, row: Mapping[str, Any]) -> int:
    value = row.get("cap")
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 1 << 53:
        raise BadSuppressions(f"{at}/cap: the most findings that it may cover are needed, a number from 1 up")
    return value


def apply(given: Suppressions, groups: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mark the groups that are covered; the rows of the result's `exceptions`. `groups` is changed."""
    matching: dict[Target, list[dict[str, Any]]] = {}
    for group in groups:
        matching.setdefault(Target(*(group[key] for key in _ABOUT)), []).append(group)
    known: dict[str, list[Target]] = {}
    for target in matching:
        known.setdefault(target.rule, []).append(target)
    rows = []
    for entry in given.entries:
        mine = matching.get(entry.target, [])
        matched = sum(group["count"] for group in mine)
        state = _state(entry, matched, given)
        if state == "in-force":
            for group in mine:
                group["suppressed"] = True
        near = _nearest(entry.target, known.get(entry.target.rule, ())) if state == "unused" else None
        rows.append(_row(entry, matched, state) | ({"nearest": near._asdict()} if near is not None else {}))
    return {
        "on": given.on.isoformat(),
        "applied": given.applied,
        "suppressed": sum(group["count"] for group in groups if group["suppressed"]),
        "files": [{"name": visible(file.name), "sha256": file.sha256} for file in given.files],
        "entries": rows,
    }


def _nearest(meant: Target, known: Iterable[Target]) -> Target | None:
    """Of the groups of a rule the one that most is right of: an entry that leaves out the event, say, names none."""
    return max(known, key=lambda target: sum(map(eq, target, meant)), default=None)


def _state(entry: Suppression, matched: int, given: Suppressions) -> str:
    if not given.applied:
        return "not-applied"
    if entry.expires < given.on:
        return "expired"
    if not matched:
        return "unused"
    return "over-cap" if matched > entry.cap else "in-force"


def _row(entry: Suppression, matched: int, state: str) -> dict[str, Any]:
    about = {key: visible(text) if text is not None else None for key, text in entry.target._asdict().items()}
    why = {"reason": visible(entry.reason), "owner": visible(entry.owner)}
    return {**about, **why, "expires": entry.expires.isoformat(), "cap": entry.cap, "matched": matched, "state": state}
