"""The result's rows: groups, findings, claims, inputs and coverage, each from the one value that knows it."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from audit.engine import searched, silence
from audit.engine.judge import unsearched
from audit.engine.result import ClaimRow, FindingRow, GroupRow, InputRow, RequirementRow
from audit.engine.seen import Judgement
from audit.leaks.search import Search
from audit.model import Finding, Place, Revealed, Withheld
from audit.policy.consent import ConsentTable
from audit.policy.pack import Claim, Policy
from audit.redact import instant
from audit.rules import RULES
from audit.tally import Tally, Units

_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class InputFacts:
    """What the runner knows of an input after reading it. `lines`: whether its units are lines; `head`: the digest at the
    end of its chain, for evidence; `etag`: of an object in a store."""

    name: str
    format: str
    bytes: int
    sha256: str | None
    lines: bool
    head: str | None = None
    etag: str | None = None


@dataclass(frozen=True, slots=True)
class Grouped:
    finding: Finding
    count: int
    examples: tuple[Finding, ...]
    claims: tuple[str, ...]


class Places:
    """Unit numbers in their input: a chunk's own number plus the units of the chunks before it."""

    def __init__(
        self, units: Mapping[tuple[int, int], Units], inputs: Sequence[InputFacts] | Mapping[int, InputFacts]
    ) -> None:
        self.inputs = inputs
        self.starts: dict[int, tuple[list[int], list[int]]] = {}
        total: dict[int, int] = {}
        for (index, chunk), counted in sorted(units.items()):
            chunks, before = self.starts.setdefault(index, ([], []))
            chunks.append(chunk)
            before.append(total.get(index, 0))
            total[index] = before[-1] + counted.units

    def row(self, place: Place | None) -> dict[str, Any]:
        if place is None:
            return {"input": None, "unit": None, "line": None, "offset": None, "item": None}
        facts = self.inputs[place.input]
        chunks, before = self.starts[place.input]
        number = place.unit if place.chunk < 0 else before[bisect_left(chunks, place.chunk)] + place.unit
        line = number if facts.lines else None
        offset = None if place.chunk < 0 else place.offset
        return {"input": facts.name, "unit": number, "line": line, "offset": offset, "item": place.item}


def owners(policy: Policy, finding: Finding) -> tuple[str, ...]:
    return tuple(claim.id for claim in policy.claims if claim.owns(finding.rule, finding.origin))


_RULE_ORDER = {rule.id: number for number, rule in enumerate(RULES)}


def group_order(group: Grouped) -> tuple[Any, ...]:
    f = group.finding
    return (-f.level.rank, _RULE_ORDER[f.rule], f.event or "", f.field or "", f.fingerprint, f.message)


def group_row(group: Grouped) -> GroupRow:
    f = group.finding
    return {
        "fingerprint": f.fingerprint,
        "rule": f.rule,
        "level": f.level.value,
        "event": f.event,
        "field": f.field,
        "host": f.host,
        "count": group.count,
        "shown": len(group.examples),
        "suppressed": False,
    }


def finding_rows(groups: list[Grouped], places: Places) -> list[FindingRow]:
    pairs = [(example, group) for group in groups for example in group.examples]
    pairs.sort(key=lambda pair: (*pair[0].order(), pair[0].event or "", pair[0].level.value))
    return [_finding_row(finding, group.claims, places.row(finding.place)) for finding, group in pairs]


def _finding_row(f: Finding, claims: tuple[str, ...], where: Mapping[str, Any]) -> FindingRow:
    row: dict[str, Any] = {
        "fingerprint": f.fingerprint,
        "rule": f.rule,
        "level": f.level.value,
        "grade": f.grade.value,
        "claims": list(claims),
        **where,
        "event": f.event,
        "message_id": f.message_id,
        "origin": f.origin,
        "pointer": f.pointer,
        "field": f.field,
        "message": f.message,
        "shape": f.shape.value if f.shape is not None else None,
        "path": list(f.path),
    }
    if f.host is not None:
        row["host"] = f.host
    match f.value:
        case Revealed():
            row["value"] = {"text": f.value.text, "length": f.value.length}
        case Withheld():
            row["withheld"] = f.value.value
    return cast("FindingRow", row)


class Stream:
    """Makes lines of --findings: the same members as in the result. A unit counts from its chunk."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.owners: dict[tuple[str, str | None], tuple[str, ...]] = {}

    def row(self, finding: Finding, name: str) -> dict[str, Any]:
        """A finding of the capture `name`."""
        place = finding.place
        assert place is not None
        # An origin is the pack's word or the auditor's: there are few.
        claims = self.owners.get((finding.rule, finding.origin))
        if claims is None:
            claims = self.owners[finding.rule, finding.origin] = owners(self.policy, finding)
        offset = None if place.chunk < 0 else place.offset
        where = {"input": name, "unit": place.unit, "line": place.unit, "offset": offset, "item": place.item}
        return dict(_finding_row(finding, claims, where))


def counts(groups: list[Grouped], tally: Tally) -> Any:
    levels = dict.fromkeys(("error", "warning", "note"), 0)
    rules: dict[str, int] = {}
    for (rule, level, _), number in tally.totals.items():
        levels[level.value] += number
        rules[rule] = rules.get(rule, 0) + number
    for group in groups:
        if group.finding.rule not in tally.groups:
            levels[group.finding.level.value] += group.count if group.finding.place is not None else 1
            rules[group.finding.rule] = rules.get(group.finding.rule, 0) + 1
    return {**levels, "rules": dict(sorted(rules.items()))}


def input_rows(inputs: Mapping[int, InputFacts], tally: Tally) -> list[InputRow]:
    """A row an input, in one pass over their chunks, however many there are of either."""
    totals: dict[int, Units] = {}
    for (index, _), units in tally.units.items():
        totals[index] = totals.get(index, Units()).plus(units)
    return [_input_row(facts, totals.get(index, Units())) for index, facts in inputs.items()]


def _input_row(facts: InputFacts, total: Units) -> InputRow:
    row: dict[str, Any] = {"name": facts.name, "format": facts.format, "sha256": facts.sha256, "bytes": facts.bytes}
    if facts.head is not None:
        row["head"] = facts.head
    if facts.etag is not None:
        row["etag"] = facts.etag
    return cast("InputRow", {**row, **total._asdict()})


def coverage(tally: Tally, consent: ConsentTable | None, seeds: Search | None) -> dict[str, Any]:
    events: dict[str, int] = {}
    for key, number in sorted(tally.events.items.items()):
        events[key.name] = events.get(key.name, 0) + number
    rows = dict(list(events.items())[:_ROWS])
    other = tally.origins.total() - sum(rows.values())
    span = tally.span
    return {
        "first": instant(span.first) if span else None,
        "last": instant(span.last) if span else None,
        "events": rows,
        "other": other,
        "origins": dict(sorted(tally.origins.items())),
        "consent": silence.rows(consent, tally) if consent is not None else [],
        "naive_times": tally.naive,
        "searched": searched.row(seeds, tally),
        "gaps": {
            f"{gap.value}{'/' + origin if origin else ''}": n
            for (gap, origin), n in sorted(tally.gaps.items(), key=str)
        },
    }


def claim_row(claim: Claim, judged: Judgement, *, listed: bool = False) -> ClaimRow:
    row: dict[str, Any] = {"id": claim.id, "quotes": list(claim.quotes), **_outcome(judged)}
    row.update({"looked_at": judged.looked_at, "unit": judged.unit})
    later = unsearched(claim)
    limits = [claim.limit] if claim.limit else []
    if later and judged.verdict.value != "not-exercised":
        limits.append(f"Not searched by this version: {', '.join(later)}.")
    unasked = () if listed else searched.unasked(claim)
    if unasked and judged.verdict.value != "not-exercised":
        limits.append(f"No values were listed (--seeds), so these had nothing to search for: {', '.join(unasked)}.")
    if limits:
        row["limit"] = " ".join(limits)
    if judged.hint:
        row["hint"] = judged.hint
    if claim.origin:
        row["origin"] = claim.origin
    return cast("ClaimRow", row)


def requirement_row(judged: Judgement) -> RequirementRow:
    return cast("RequirementRow", {"id": judged.id, **_outcome(judged)})


def _outcome(judged: Judgement) -> dict[str, Any]:
    return {
        "verdict": judged.verdict.value,
        "broken": judged.broken,
        "rules": dict(judged.rules),
        "reason": judged.reason,
    }
