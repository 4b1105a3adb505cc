"""After the last merge: page, count and timeline rules conclude, everything is judged and put into one document."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from audit import __version__
from audit.engine import destinations, observed, silence
from audit.engine.headline import headline, overall
from audit.engine.judge import judge
from audit.engine.requirements import asked, require
from audit.engine.result import FORMAT, REVEALED, Result, digest
from audit.engine.rows import (
    Grouped,
    InputFacts,
    Places,
    claim_row,
    counts,
    coverage,
    finding_rows,
    group_order,
    group_row,
    input_rows,
    owners,
    requirement_row,
)
from audit.engine.seen import CONSENT_RULES, Evidence
from audit.leaks.search import Search
from audit.measures import anonymity_report
from audit.model import Finding, Gap, Grade, Level, PackStr, Place
from audit.policy.consent import ConsentTable
from audit.policy.pack import Policy
from audit.redact import fingerprint, message
from audit.rules import RULES
from audit.rules.case import CountRule, PageBreach, PageRule, Timeline, TimelineBreach, TimelineRule, field_text
from audit.rules.timelines import HEARTBEATS, lives
from audit.tally import Group, Tally
from audit.tally.bounds import Bounded

Marks = Callable[[Timeline], Iterable[bytes]]
"""The sorted marks of a timeline."""


def settle(  # noqa: PLR0913 - everything that a result depends on
    policy: Policy,
    tally: Tally,
    inputs: Sequence[InputFacts],
    parameters: Mapping[str, Any],
    consent: ConsentTable | None = None,
    marks: Marks | None = None,
    sink: Callable[[Finding], None] | None = None,
    *,
    air_gapped: bool = False,
    custody: Mapping[str, Any] | None = None,
    seeds: Search | None = None,
) -> Result:
    """The whole result of a capture. Same tally and inputs => same bytes. `marks`: where the runner keeps them."""
    take = marks or (lambda timeline: tally.sorted_marks(timeline.id))
    tally = conclude(policy, soften(tally, consent), take, sink)
    reached = destinations.hosts(tally, policy)
    for finding in destinations.findings(reached, policy, air_gapped=air_gapped):
        tally.add(finding)
    hidden = sum(host.hidden for host in reached)
    if hidden:
        tally.gaps[Gap.OPAQUE, None] += hidden
    page = tuple(breach for rule in RULES if isinstance(rule, PageRule) for breach in rule.check(policy))
    overflow = {rule: n for rule in sorted(tally.groups) if (n := tally.overflow(rule))}
    rhythms = observed.rhythms(lives(policy, take(HEARTBEATS)))
    cadenced = tuple(entry for entry in policy.events.values() if entry.cadence is not None)
    listed = seeds.listed if seeds is not None else None
    evidence = Evidence(
        tally,
        page,
        frozenset(overflow),
        rhythms,
        consent,
        reached,
        cadenced,
        filtered=_filtered(custody),
        unseen=_unseen(tally, inputs),
        listed=listed,
        traffic=any(facts.format in _TRAFFIC for facts in inputs),
    )
    claims = [judge(claim, evidence) for claim in policy.claims]
    requirements = [require(name, evidence) for name in asked(evidence, air_gapped=air_gapped)]
    verdict = overall(claims, requirements, evidence)
    groups = sorted((*_captured(policy, tally), *_counted(policy, tally), *_paged(page)), key=group_order)
    places = Places(tally.units, inputs)
    document: dict[str, Any] = {
        "format": FORMAT,
        **({"reveal": "values", "sensitivity": REVEALED} if parameters.get("reveal") == "values" else {}),
        "tool": {"name": "telemetry-audit", "version": __version__},
        "policy": {"id": policy.id, "revision": policy.revision, "title": policy.title, "sha256": policy.sha256},
        "inputs": input_rows(dict(enumerate(inputs)), tally),
        "coverage": coverage(tally, consent, seeds),
        "verdict": verdict.value,
        "headline": headline(verdict, claims, requirements, evidence),
        "claims": [
            claim_row(claim, j, listed=seeds is not None) for claim, j in zip(policy.claims, claims, strict=True)
        ],
        "counts": counts(groups, tally),
        "groups": [group_row(group) for group in groups],
        "findings": finding_rows(groups, places),
        "destinations": destinations.destination_rows(tally, reached),
        "requirements": [requirement_row(j) for j in requirements],
        "parameters": dict(parameters),
        "custody": None if custody is None else dict(custody),
        "unreadable": {reason.value: n for reason, n in sorted(tally.reasons.items())},
        "overflow": overflow,
        "timeline": observed.timeline(policy, tally, consent, rhythms),
    }
    if parameters.get("inventory"):
        document["inventory"] = observed.inventory(policy, tally)
    if parameters.get("measures"):
        document["measures"] = anonymity_report.report(tally)
    watched = destinations.watch_row(tally, reached)
    if watched is not None:
        document["traffic"] = watched
    document["digest"] = digest(document)
    return cast("Result", document)


def _filtered(custody: Mapping[str, Any] | None) -> bool:
    """Whether the custody statement says that something was left out."""
    return custody is not None and custody["says"].get("filtered") is True


_LOGS = frozenset({"jsonl", "json", "json-array"})
_TRAFFIC = frozenset({"har", "flows", "pcap", "pcapng", "evidence"})


def _unseen(tally: Tally, inputs: Sequence[InputFacts]) -> int:
    """Unreadable units of inputs that are, or may be, no logs."""
    return sum(units.unreadable for (index, _), units in tally.units.items() if inputs[index].format not in _LOGS)


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
            for breach in rule.conclude(policy, marks(rule.timeline)):
                finding = _timed(rule.id, breach)
                tally.add(finding)
                if sink is not None:
                    sink(finding)
    return tally.settled()


def _timed(rule: str, breach: TimelineBreach) -> Finding:
    """A timeline's finding: the place has no byte offset, so the unit's number orders it and `chunk` -1 says so."""
    packed = int.from_bytes(breach.place, "big")
    unit = packed >> 8 & (1 << 36) - 1
    place = Place(packed >> 44, unit, breach.place[7], -1, unit)
    text = message(breach.template, breach.facts)
    return _pageless(rule, breach.level, breach.event, field_text(breach.pointer), text, breach.origin, place)


def _captured(policy: Policy, tally: Tally) -> Iterator[Grouped]:
    for bounded in tally.groups.values():
        for group in bounded.items.values():
            first = group.examples[0]
            yield Grouped(first, group.count, tuple(group.examples), owners(policy, first))


def _counted(policy: Policy, tally: Tally) -> Iterator[Grouped]:
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
                yield Grouped(finding, breach.number, (finding,), owners(policy, finding))


def _paged(page: tuple[PageBreach, ...]) -> Iterator[Grouped]:
    seen: dict[tuple[str, str | None, str | None, str], list[str]] = {}
    for breach in page:
        field = field_text(breach.pointer) if breach.pointer is not None else None
        key = (message(breach.template, breach.facts), breach.event, field, breach.claim)
        seen.setdefault(key, [])
    for text, event, field, claim in seen:
        finding = _pageless("page-contradiction", Level.NOTE, event, field, text, None)
        yield Grouped(finding, 1, (finding,), (claim,) if claim else ())


def _pageless(  # noqa: PLR0913 - one row of the result
    rule: str,
    level: Level,
    event: str | PackStr | None,
    field: str | None,
    text: str,
    origin: str | None,
    place: Place | None = None,
) -> Finding:
    return Finding(
        fingerprint=fingerprint(rule, event, field, None),
        rule=rule,
        level=level,
        grade=Grade.PROVED,
        place=place,
        event=event,
        message_id=None,
        origin=origin,
        pointer=field,
        field=field,
        host=None,
        message=text,
        shape=None,
    )
