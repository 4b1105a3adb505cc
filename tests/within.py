"""The engine from within, for tests that need no command line: a policy, bytes in, tally and findings out."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from audit.engine.result import Result
from audit.engine.rows import InputFacts
from audit.engine.run import Auditor, Item, Lines, Part
from audit.engine.settle import settle
from audit.model import Finding
from audit.policy.load import load
from audit.policy.pack import Policy
from audit.tally import Size, Tally
from tests.conftest import ROOT

APPSMITH = ROOT / "schemas" / "appsmith" / "2020-11"
HARBOUR = ROOT / "fixtures" / "packs" / "harbour" / "2025-03"
LANTERN = ROOT / "fixtures" / "packs" / "lantern" / "2026-02"
MILLRACE = ROOT / "fixtures" / "packs" / "millrace" / "2026-05"
PACKS = (APPSMITH, HARBOUR, LANTERN, MILLRACE)


@functools.cache
def policy_of(directory: Path) -> Policy:
    return load(directory)


@functools.cache
def auditor_of(directory: Path, *, lanes: bool = True) -> Auditor:
    """Auditors keep no events, so one serves every test."""
    return Auditor(policy_of(directory), lanes=lanes)


class Judged(NamedTuple):
    tally: Tally
    findings: list[Finding]

    @property
    def breaches(self) -> list[tuple[str, str, str | None]]:
        """(rule, level, pointer), sorted."""
        return sorted(((f.rule, f.level.value, f.pointer) for f in self.findings), key=repr)


def judged(auditor: Auditor, parts: Iterable[Part], size: Size | None = None) -> Judged:
    """Parts of one input, judged in order, in one chunk."""
    tally, findings = Tally(size), list[Finding]()
    for part in parts:
        auditor.feed(part, tally, (0, 0), None, findings.append)
    return Judged(tally, findings)


def lines(auditor: Auditor, data: bytes) -> Judged:
    return judged(auditor, [Lines(0, 1, data)])


def event(auditor: Auditor, value: object) -> Judged:
    """One event, judged as a value: no lane, no line."""
    return judged(auditor, [Item(0, 1, json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))])


def settled(policy: Policy, tally: Tally) -> Result:
    """The result of one input of lines named `capture`."""
    return settle(policy, tally, [InputFacts("capture", "jsonl", 0, None, lines=True)], {})
