"""After the last merge: page and count rules, places resolved, everything put into one document."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from audit import __version__
from audit.engine import silence
from audit.engine.judge import (
    CONSENT_RULES,
    REQUIREMENTS,
    Evidence,
    Judgement,
    Rhythm,
    headline,
    judge,
    overall,
    require,
    unsearched,
)
from audit.engine.result import (
    FORMAT,
    ClaimRow,
    FindingRow,
    GroupRow,
    InputRow,
    RequirementRow,
    Result,
    digest,
)
from audit.model import Finding, Grade, Level, PackStr, Place
from audit.policy.consent import ConsentTable
from audit.policy.pack import Claim, Policy
from audit.redact import fingerprint, instant, message
from audit.rules import RULES
from audit.rules.case import CountRule, PageBreach, PageRule, TimelineBreach, TimelineRule, field_text
from audit.rules.timelines import HEARTBEATS, lives
from audit.tally import Bounded, Group, Tally, Units

_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class InputFacts:
    """What the runner knows of an input after reading it. `lines`: whether its units are lines."""

    name: str
    format: str
    bytes: int
    sha256: str | None
    lines: bool


@dataclass(frozen=True, slots=True)
class _Group:
    finding: Finding
    count: int
    examples: tuple[Finding, ...]
    claims: tuple[str, ...]


class _Places:
    """Unit numbers in their input: a chunk's own number plus the units of the chunks before it."""

    def __init__(self, units: Mapping[tuple[int, int], Units], inputs: Sequence[InputFacts]) -> None:
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


Marks = Callable[[str], Iterable[bytes]]
"""The sorted marks of a timeline."""


def settle(  # noqa: PLR0913 - everything that a result depends on
    policy: Policy,
    tally: Tally,
    inputs: Sequence[InputFacts],
    parameters: Mapping[str, Any],
    consent: ConsentTable | None = None,
    marks: Marks | None = None,
    sink: Callable[[Finding], None] | None = None,
) -> Result:
    """The whole result of a capture. Same tally and inputs => same bytes. `marks`: where the runner keeps them."""
    take = marks or tally.sorted_marks
    tally = conclude(policy, soften(tally, consent), take, sink)
    page = tuple(breach for rule in RULES if isinstance(rule, PageRule) for breach in rule.check(policy))
    overflow = {rule: n for rule in sorted(tally.groups) if (n := tally.overflow(rule))}
    evidence = Evidence(tally, page, frozenset(overflow), _rhythms(policy, take), consent)
    claims = [judge(claim, evidence) for claim in policy.claims]
    requirements = [require(name, evidence) for name in REQUIREMENTS]
    verdict = overall(claims, requirements, evidence)
    groups = sorted((*_captured(policy, tally), *_counted(policy, tally), *_paged(page)), key=_group_order)
    places = _Places(tally.units, inputs)
    document: dict[str, Any] = {
        "format": FORMAT,
        "tool": {"name": "telemetry-audit", "version": __version__},
        "policy": {"id": policy.id, "revision": policy.revision, "title": policy.title, "sha256": policy.sha256},
        "inputs": [_input(index, facts, tally) for index, facts in enumerate(inputs)],
        "coverage": _coverage(tally, consent),
        "verdict": verdict.value,
        "headline": headline(verdict, claims, requirements, evidence),
        "claims": [_claim(claim, j) for claim, j in zip(policy.claims, claims, strict=True)],
        "counts": _counts(groups, tally),
        "groups": [_group_row(group) for group in groups],
        "findings": _findings(groups, places),
        "destinations": [],
        "requirements": [_requirement(j) for j in requirements],
        "parameters": dict(parameters),
        "custody": None,
        "unreadable": {reason.value: n for reason, n in sorted(tally.reasons.items())},
        "overflow": overflow,
    }
    document["digest"] = digest(document)
    return cast("Result", document)


def soften(tally: Tally, consent: ConsentTable | None) -> Tally:
    """The tally, settled. Where several installations stand in a capture with consent for the whole only, what the consent
    rules found is a warning: nobody can say whose consent it was."""
    settled = tally.settled()
    if consent is None or not silence.crowded(consent, tally):
        return settled
    softer = Tally(tally.size)
    for (rule, level, origin), number in settled.totals.items():
        softer.totals[rule, _softer(rule, level), origin] += number
    for rule, groups in settled.groups.items():
        if rule in CONSENT_RULES:
            kept = softer.groups[rule] = Bounded(tally.size.groups)
            for key, group in groups.items.items():
                level = _softer(rule, key.level)
                examples = [replace(finding, level=level) for finding in group.examples]
                known = kept.items.get(key._replace(level=level), Group())
                kept.items[key._replace(level=level)] = known.plus(Group(group.count, examples), tally.size.examples)
    settled.totals = softer.totals
    settled.groups.update(softer.groups)
    return settled


def _softer(rule: str, level: Level) -> Level:
    return Level.WARNING if rule in CONSENT_RULES and level is Level.ERROR else level


def conclude(policy: Policy, tally: Tally, marks: Marks, sink: Callable[[Finding], None] | None = None) -> Tally:
    """What the timeline rules find in the marks, added to the tally and told to the sink."""
    for rule in RULES:
        if isinstance(rule, TimelineRule):
            for breach in rule.conclude(policy, marks(rule.timeline.id)):
                finding = _timed(rule.id, breach)
                tally.add(finding)
                if sink is not None:
                    sink(finding)
    return tally.settled()


def _timed(rule: str, breach: TimelineBreach) -> Finding:
    """A timeline's finding: the place has no byte offset, so the unit's number orders it and `chunk` -1 says so."""
    unit = int.from_bytes(breach.place[3:8], "big")
    place = Place(int.from_bytes(breach.place[:2], "big"), unit, breach.place[2], -1, unit)
    text = message(breach.template, breach.facts)
    finding = _pageless(rule, breach.level, breach.event, field_text(breach.pointer), text, breach.origin)
    return replace(finding, place=place)


def _rhythms(policy: Policy, marks: Marks) -> dict[str, Rhythm]:
    found: dict[str, Rhythm] = {}
    for life in lives(policy, marks(HEARTBEATS.id)):
        known = found.get(life.entry.name, Rhythm(0, 0))
        number = len(life.intervals)
        found[life.entry.name] = Rhythm(known.intervals + number, max(known.most, number))
    return found


def _captured(policy: Policy, tally: Tally) -> Iterator[_Group]:
    for bounded in tally.groups.values():
        for group in bounded.items.values():
            first = group.examples[0]
            yield _Group(first, group.count, tuple(group.examples), _owners(policy, first))


def _owners(policy: Policy, finding: Finding) -> tuple[str, ...]:
    return tuple(claim.id for claim in policy.claims if claim.owns(finding.rule, finding.origin))


def _counted(policy: Policy, tally: Tally) -> Iterator[_Group]:
    for rule in RULES:
        if isinstance(rule, CountRule):
            for breach in rule.check(policy, tally.fields):
                finding = _pageless(
                    rule.id,
                    rule.level,
                    breach.event,
                    field_text(breach.pointer),
                    message(breach.template, breach.facts),
                    breach.origin,
                )
                yield _Group(finding, breach.number, (finding,), _owners(policy, finding))


def _paged(page: tuple[PageBreach, ...]) -> Iterator[_Group]:
    seen: dict[tuple[str, str | None, str | None, str], list[str]] = {}
    for breach in page:
        field = field_text(breach.pointer) if breach.pointer is not None else None
        key = (message(breach.template, breach.facts), breach.event, field, breach.claim)
        seen.setdefault(key, [])
    for text, event, field, claim in seen:
        finding = _pageless("page-contradiction", Level.NOTE, event, field, text, None)
        yield _Group(finding, 1, (finding,), (claim,) if claim else ())


def _pageless(  # noqa: PLR0913 - one row of the result
    rule: str, level: Level, event: str | PackStr | None, field: str | None, text: str, origin: str | None
) -> Finding:
    return Finding(
        fingerprint=fingerprint(rule, event, field, None),
        rule=rule,
        level=level,
        grade=Grade.PROVED,
        place=None,
        event=event,
        message_id=None,
        origin=origin,
        pointer=field,
        field=field,
        host=None,
        message=text,
        shape=None,
    )


_RULE_ORDER = {rule.id: number for number, rule in enumerate(RULES)}


def _group_order(group: _Group) -> tuple[Any, ...]:
    f = group.finding
    return (-f.level.rank, _RULE_ORDER[f.rule], f.event or "", f.field or "", f.fingerprint, f.message)


def _group_row(group: _Group) -> GroupRow:
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


def _findings(groups: list[_Group], places: _Places) -> list[FindingRow]:
    pairs = [(example, group) for group in groups for example in group.examples]
    pairs.sort(key=lambda pair: (*pair[0].order(), pair[0].event or "", pair[0].level.value))
    return [_finding_row(finding, group.claims, places) for finding, group in pairs]


def _finding_row(f: Finding, claims: tuple[str, ...], places: _Places) -> FindingRow:
    row: dict[str, Any] = {
        "fingerprint": f.fingerprint,
        "rule": f.rule,
        "level": f.level.value,
        "grade": f.grade.value,
        "claims": list(claims),
        **places.row(f.place),
        "event": f.event,
        "message_id": f.message_id,
        "origin": f.origin,
        "pointer": f.pointer,
        "field": f.field,
        "message": f.message,
        "shape": f.shape.value if f.shape is not None else None,
        "path": list(f.path),
    }
    return cast("FindingRow", row)


def stream_row(policy: Policy, finding: Finding, inputs: Sequence[str]) -> dict[str, Any]:
    """One finding as a line of --findings: the same members as in the result. Only for runs that read each input whole."""
    names = [InputFacts(name, "", 0, None, lines=True) for name in inputs]
    units = {(index, 0): Units() for index in range(len(names))}
    return dict(_finding_row(finding, _owners(policy, finding), _Places(units, names)))


def _counts(groups: list[_Group], tally: Tally) -> Any:
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


def _input(index: int, facts: InputFacts, tally: Tally) -> InputRow:
    total = Units()
    for (number, _), units in tally.units.items():
        total = total.plus(units) if number == index else total
    row: dict[str, Any] = {"name": facts.name, "format": facts.format, "sha256": facts.sha256, "bytes": facts.bytes}
    return cast("InputRow", {**row, **total._asdict()})


def _coverage(tally: Tally, consent: ConsentTable | None) -> dict[str, Any]:
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
        "searched": {"canaries": 0, "identifiers": 0, "datasource": 0, "layers": 2, "gave_up": 0},
        "gaps": {
            f"{gap.value}{'/' + origin if origin else ''}": n
            for (gap, origin), n in sorted(tally.gaps.items(), key=str)
        },
    }


def _claim(claim: Claim, judged: Judgement) -> ClaimRow:
    row: dict[str, Any] = {"id": claim.id, "quotes": list(claim.quotes), **_outcome(judged)}
    row.update({"looked_at": judged.looked_at, "unit": judged.unit})
    later = unsearched(claim)
    limits = [claim.limit] if claim.limit else []
    if later and judged.verdict.value != "not-exercised":
        limits.append(f"Not searched by this version: {', '.join(later)}.")
    if limits:
        row["limit"] = " ".join(limits)
    if judged.hint:
        row["hint"] = judged.hint
    if claim.origin:
        row["origin"] = claim.origin
    return cast("ClaimRow", row)


def _requirement(judged: Judgement) -> RequirementRow:
    return cast("RequirementRow", {"id": judged.id, **_outcome(judged)})


def _outcome(judged: Judgement) -> dict[str, Any]:
    return {
        "verdict": judged.verdict.value,
        "broken": judged.broken,
        "rules": dict(judged.rules),
        "reason": judged.reason,
    }
