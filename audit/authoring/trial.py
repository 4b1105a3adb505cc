"""A pack against its own tests: pass files pass, fail files fail for their named reason, and no mutant of a sample survives."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from audit.authoring.mutate import Mutant, mutants
from audit.engine.run import Auditor, Item
from audit.model import Finding, Json, Level, Pointer, Shape, leaves, resolve
from audit.policy.files import PackFiles
from audit.policy.load import load
from audit.policy.pack import EventType, Policy, PolicyError
from audit.policy.validators import fits
from audit.redact import shape_of
from audit.rules.case import field_text
from audit.tally import Tally

MAX_MUTANTS = 2_000
"""Mutants of one event type at most; what was left out is said."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One test of the pack. `fault`: why it failed, in one line; None if it passed. `details`: more lines."""

    group: str
    name: str
    fault: str | None = None
    details: tuple[str, ...] = ()


@dataclass(slots=True)
class Trial:
    """All outcomes. `mutants`: how many were tried."""

    outcomes: list[Outcome] = field(default_factory=list)
    mutants: int = 0
    survivors: int = 0

    @property
    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.fault is not None]


def trial(root: Path) -> Trial:
    """Run everything. Raises PolicyError where the pack cannot be loaded."""
    policy = load(root)
    auditor = Auditor(policy)
    files = PackFiles(root)
    run = Trial()
    sound: list[dict[str, Json]] = []
    for path in sorted((root / "tests").glob("*.json")) if (root / "tests").is_dir() else ():
        outcome, event = _file(files, f"tests/{path.name}", auditor)
        run.outcomes.append(outcome)
        if event is not None and outcome.fault is None:
            sound.append(event)
    if not run.outcomes:
        run.outcomes.append(Outcome("tests", "tests/", "there is no test: write tests/<event>.<name>.pass.json"))
    sound += [sample.value for sample in policy.samples]
    _mutate(policy, auditor, sound, run)
    return run


def findings(auditor: Auditor, event: Any) -> list[Finding]:
    """What the audit finds in one event, judged as a value."""
    found: list[Finding] = []
    data = json.dumps(event, ensure_ascii=False).encode("utf-8", "surrogatepass")
    auditor.feed(Item(0, 1, data), Tally(), (0, 0), None, found.append)
    return found


def _file(files: PackFiles, name: str, auditor: Auditor) -> tuple[Outcome, dict[str, Json] | None]:
    """The outcome of one test file, and its event where its shape is sound: it must pass, or is merely not listed by name."""
    try:
        case = files.json(name)
    except PolicyError as error:
        return Outcome("tests", name, str(error)), None
    passes = name.endswith(".pass.json")
    wanted = {"event"} if passes else {"event", "finding"}
    if not passes and not name.endswith(".fail.json"):
        return Outcome("tests", name, "the name must end in .pass.json or .fail.json"), None
    if not isinstance(case, dict) or case.keys() != wanted or not isinstance(case["event"], dict):
        return Outcome("tests", name, f"must hold {' and '.join(sorted(wanted))}, and nothing else"), None
    found = findings(auditor, case["event"])
    if passes:
        return _must_pass(name, found), case["event"]
    outcome = _must_fail(name, case["finding"], found)
    by_name = outcome.fault is None and case["finding"]["rule"] == "undocumented-event"
    return outcome, case["event"] if by_name else None


def _told(finding: Finding) -> str:
    return f"{finding.level.value} {finding.rule} at {finding.pointer or '/'}: {finding.message}"


def _must_pass(name: str, found: list[Finding]) -> Outcome:
    bad = [finding for finding in found if finding.level is not Level.NOTE]
    if not bad:
        return Outcome("tests", name)
    return Outcome("tests", name, f"must pass, but gives {_told(bad[0])}", tuple(map(_told, bad[1:])))


def _must_fail(name: str, wanted: Any, found: list[Finding]) -> Outcome:
    if not isinstance(wanted, dict) or wanted.keys() != {"rule", "pointer"}:
        return Outcome("tests", name, "finding must hold rule and pointer, and nothing else")
    if any((f.rule, f.pointer) == (wanted["rule"], wanted["pointer"]) for f in found):
        return Outcome("tests", name)
    asked = f"{wanted['rule']} at {wanted['pointer']}"
    if not found:
        return Outcome("tests", name, f"must fail with {asked}, but passes")
    return Outcome("tests", name, f"must fail with {asked}, but gives other findings", tuple(map(_told, found)))


# ---- mutants --------------------------------------------------------------------------------------------------------


def _mutate(policy: Policy, auditor: Auditor, sound: list[dict[str, Json]], run: Trial) -> None:
    samples: dict[str, list[dict[str, Json]]] = {}
    for event in sound:
        name = resolve(event, policy.envelope.name) if policy.envelope.name is not None else None
        if isinstance(name, str):
            samples.setdefault(name, []).append(event)
    for name, entry in policy.events.items():
        run.outcomes.append(_schema(str(name), entry, samples.get(name, []), auditor, run))
    for category in policy.categories:
        fitting = [e for name, events in samples.items() if fits(category.name_pattern, name) for e in events]
        run.outcomes.append(_schema(str(category.describes), category.type, fitting, auditor, run))


def _schema(name: str, entry: EventType, samples: list[dict[str, Json]], auditor: Auditor, run: Trial) -> Outcome:
    """Mutate what one schema accepts; a mutant survives if neither the schema nor any rule minds it."""
    good = [sample for sample in samples if entry.validator.is_valid(sample)]
    if not good:
        return Outcome("mutants", name, "no pass file and no sample fits its schema, so nothing was mutated")
    tried, survivors = 0, dict[tuple[str, str, str], Mutant]()
    for mutant, usual in _every(entry, good, auditor):
        if tried == MAX_MUTANTS:
            return Outcome("mutants", name, f"more than {MAX_MUTANTS:,} mutants: keep fewer or smaller samples", ())
        tried += 1
        if entry.validator.is_valid(mutant.value) and _reasons(findings(auditor, mutant.value)) <= usual:
            survivors.setdefault((mutant.kind.value, field_text(_starred(mutant.pointer)), mutant.what), mutant)
    run.mutants += tried
    run.survivors += len(survivors)
    if survivors:
        lines = tuple(f"{kind} at {where}: {what}" for kind, where, what in survivors)
        count = f"{len(lines)} mutants survive" if len(lines) > 1 else "1 mutant survives"
        return Outcome("mutants", name, count, lines)
    return Outcome("mutants", name, details=(f"{tried} mutants, none survives",))


def _reasons(found: list[Finding]) -> frozenset[tuple[str, str | None]]:
    return frozenset((finding.rule, finding.pointer) for finding in found)


def _starred(pointer: Pointer) -> Pointer:
    return tuple("*" if isinstance(token, int) else token for token in pointer)


def _every(
    entry: EventType, samples: list[dict[str, Json]], auditor: Auditor
) -> Iterator[tuple[Mutant, frozenset[tuple[str, str | None]]]]:
    """The mutants of all samples, each with what the sample itself gives; one that breaks the same place of a second sample in
    the same way tells nothing new."""
    shapes: dict[Pointer, set[Shape]] = {}
    for sample in samples:
        for pointer, leaf in leaves(sample):
            shapes.setdefault(_starred(pointer), set()).add(shape_of(leaf))
    formed = frozenset(pointer for pointer, found in shapes.items() if len(found) == 1)
    seen: set[tuple[object, ...]] = set()
    for sample in samples:
        usual = _reasons(findings(auditor, sample))
        for mutant in mutants(entry, sample, formed):
            key = (mutant.kind, _starred(mutant.pointer), mutant.what)
            if key not in seen:
                seen.add(key)
                yield mutant, usual
