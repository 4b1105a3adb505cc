"""Which changes may pass: what is accepted with a reason, in a pack whose revision was bumped."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from audit.authoring.diff_change import Change, Severity
from audit.policy.pack import Accepted, Policy

GATES = ("critical", "high", "medium", "low", "never")
"""Values of `--fail-on`: the mildest severity that fails. A change that nobody understood fails at each but `never`."""


class Judged(NamedTuple):
    """A change with the entry that accepts it, and whether it fails the gate."""

    change: Change
    accepted: Accepted | None
    fails: bool


class Answer(NamedTuple):
    """`unused`: entries of this very step that no change needed."""

    changes: tuple[Judged, ...]
    unused: tuple[Accepted, ...]
    bumped: bool

    @property
    def passed(self) -> bool:
        return not any(judged.fails for judged in self.changes)


def answer(old: Policy, new: Policy, changes: Iterable[Change], fail_on: str) -> Answer:
    """Judge every change. An entry counts only where the revision was bumped, and for the revisions since OLD's."""
    bumped = later(old.revision, new.revision)
    entries = [entry for entry in new.accepted if later(old.revision, entry.revision)]
    entries = [entry for entry in entries if bumped and not later(new.revision, entry.revision)]
    judged, used = [], set()
    for change in changes:
        entry = next((entry for entry in entries if _covers(entry, change)), None)
        used |= {entry} if entry is not None else set()
        judged.append(Judged(change, entry, entry is None and _counts(change.severity, fail_on)))
    return Answer(tuple(judged), tuple(entry for entry in entries if entry not in used), bumped)


def _counts(severity: Severity, fail_on: str) -> bool:
    if fail_on == "never" or severity is Severity.NARROWING:
        return False
    return severity is Severity.REVIEW or severity.rank <= GATES.index(fail_on)


def _covers(entry: Accepted, change: Change) -> bool:
    return entry.change == change.kind and entry.event == change.event and entry.at in (None, change.at)


def later(before: str, after: str) -> bool:
    """Whether a revision comes after another, numbers by their value: 1.9, 1.10; 2025-03, 2025-11."""
    return _parts(before) < _parts(after)


def _parts(revision: str) -> list[tuple[int, int, str]]:
    return [
        (0, int(part), "") if part.isdecimal() else (1, 0, part) for part in re.findall(r"[0-9]+|[^0-9]+", revision)
    ]
