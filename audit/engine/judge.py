"""From a settled tally to verdicts, claim by claim. Pure: it sees counts, never events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta

from audit.engine.contacts import CONTENT_RULES
from audit.engine.destinations import Host, overflow, together, watch
from audit.engine.observed import NO_RHYTHM, Rhythm
from audit.engine.searched import lacks_seeds, words
from audit.engine.silence import Lack, crowded, lacks_refusal, lacks_silence, perhaps
from audit.leaks.seeds import SeedList
from audit.model import UNKNOWN, Gap, Level, Reason, Verdict
from audit.policy.consent import ConsentTable
from audit.policy.pack import Claim, EventType, Policy, Sufficient
from audit.redact import duration
from audit.rules import NOT_YET
from audit.rules.case import PageBreach
from audit.tally import Tally

EVENT_GAPS = (Gap.UNREADABLE,)
HEARTBEAT_RULES = frozenset({"heartbeat-early", "heartbeat-missed"})
CONSENT_RULES = frozenset({"event-without-opt-in", "event-after-opt-out", "late-delivery"})
TIMED_RULES = HEARTBEAT_RULES | CONSENT_RULES
CONTACT_RULES = frozenset({"undocumented-destination", "plaintext-transport", "egress"})
SEARCHING_RULES = CONTENT_RULES | {"query-text"}
"""Rules that find nothing in what the search gave up on."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A claim's or requirement's outcome, with everything that is said about it."""

    id: str
    verdict: Verdict
    looked_at: int
    unit: str
    broken: int
    rules: Mapping[str, int]
    reason: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the capture holds, as claims ask for it."""

    tally: Tally
    page: tuple[PageBreach, ...]
    overflowed: frozenset[str]
    rhythms: Mapping[str, Rhythm]
    consent: ConsentTable | None = None
    reached: tuple[Host, ...] = ()
    cadenced: tuple[EventType, ...] = ()
    filtered: bool = False
    unseen: int = 0
    """Unreadable units of what is no log, which may have shown destinations."""
    listed: SeedList | None = None

    @property
    def events(self) -> int:
        return self.tally.origins.total()

    @property
    def window(self) -> timedelta:
        """How long the captures lasted: the logs as one, each other by itself, since between two nobody watched."""
        return together(self.tally.lived)

    @property
    def watched(self) -> bool:
        """Whether the captures could show destinations at all."""
        return bool(self.tally.contacts or self.tally.watches)

    def contacts(self, purpose: str | None) -> int:
        """Contacts made for a purpose; for none in particular, all."""
        return (
            self.tally.contacts
            if purpose is None
            else sum(host.total.contacts for host in self.reached if host.purpose == purpose)
        )

    def named(self, event: str) -> int:
        return sum(n for key, n in self.tally.events.items.items() if key.name == event and not key.undocumented)

    def owned(self, claim: Claim, level: Level, *, sure: bool) -> Counter[str]:
        """Findings of a claim's rules, by rule. `sure`: not those whose unknown origin another claim could own."""
        found: Counter[str] = Counter()
        for (rule, at, origin), number in self.tally.totals.items():
            if (
                at is level
                and claim.owns(rule, origin)
                and not (sure and claim.origin is not None and origin == UNKNOWN)
            ):
                found[rule] += number
        return found


def judge(claim: Claim, evidence: Evidence) -> Judgement:
    """The verdict of one claim, in the order of the plan: violated, contradicted, input, inconclusive, sufficiency."""
    if claim.not_testable is not None:
        return Judgement(claim.id, Verdict.NOT_TESTABLE, 0, "events", 0, {}, claim.not_testable)
    unit = "contacts" if CONTACT_RULES & set(claim.rules) else "intervals" if _asks_intervals(claim) else "events"
    looked_at = _looked_at(claim, evidence, unit)
    errors = evidence.owned(claim, Level.ERROR, sure=True)
    warnings = evidence.owned(claim, Level.WARNING, sure=False)
    said = dict(sorted((errors + warnings).items()))

    def outcome(verdict: Verdict, reason: str, hint: str | None = None) -> Judgement:
        return Judgement(claim.id, verdict, looked_at, unit, errors.total(), said, reason, hint)

    if errors:
        return outcome(Verdict.VIOLATED, counted(errors, "does not match", "do not match"))
    shown = sum(1 for breach in evidence.page if breach.sample and breach.claim == claim.id)
    if shown:
        return outcome(Verdict.CONTRADICTED, f"the page's own samples show {plural(shown, 'identifier')} of a person")
    missing = _missing_input(claim, evidence)
    if missing is not None:
        return outcome(Verdict.NOT_EXERCISED, *missing)
    doubts = [*_doubts(claim, evidence, warnings)]
    if doubts:
        return outcome(Verdict.INCONCLUSIVE, "; ".join(doubts))
    lacks = [tuple(_lacks(claim, condition, evidence)) for condition in claim.sufficient]
    if not lacks or () in lacks:
        senders = _senders(evidence) if len(claim.sufficient) > 1 else ""
        return outcome(Verdict.UPHELD, _kept(claim, looked_at, unit, evidence.listed, senders))
    nearest = min(lacks, key=len)
    if all(lack.soft for lack in nearest):
        return outcome(Verdict.INCONCLUSIVE, "; ".join(lack.reason for lack in nearest), nearest[0].hint)
    hard = next(lack for lack in nearest if not lack.soft)
    return outcome(Verdict.NOT_EXERCISED, hard.reason, hard.hint)


def _senders(evidence: Evidence) -> str:
    """Whose events were looked at: told where one of several would do."""
    return f" ({', '.join(origin for origin, number in sorted(evidence.tally.origins.items()) if number)})"


def _kept(claim: Claim, looked_at: int, unit: str, listed: SeedList | None, senders: str) -> str:
    """What upheld means for a claim of this kind, with its number."""
    seen = plural(looked_at, unit.removesuffix("s")) + (f" of the {claim.origin}" if claim.origin else "")
    if CONSENT_RULES & set(claim.rules):
        return (
            f"none of {seen} was sent against the consent given" if looked_at else "no event was sent without consent"
        )
    if listed is not None and any(condition.seeds is not None for condition in claim.sufficient):
        return f"none of {words(listed)} in {seen}"
    if claim.destination is not None:
        clear = ", none of them in the clear" if "plaintext-transport" in claim.rules else ""
        return f"{plural(looked_at, f'contact for {claim.destination}')}{clear}"
    if unit == "intervals":
        return f"{seen}, as documented"
    return f"nothing but what the page says in {seen}{senders}"


def _lacks(claim: Claim, condition: Sufficient, evidence: Evidence) -> Iterator[Lack]:  # noqa: C901 - one branch a key of a closed set
    if condition.never:
        yield Lack(
            "content alone never shows this", "ask for a differential run: the same scenario with two users", soft=True
        )
    if condition.events is not None:
        yield from _lacks_events(condition, condition.events, evidence)
    if condition.window is not None and evidence.window < condition.window:
        seen = f"the capture spans {duration(evidence.window)}" if evidence.window else "the capture spans no time"
        yield Lack(f"{seen}, {duration(condition.window)} are needed", "capture longer")
    if condition.intervals is not None:
        rhythm = evidence.rhythms.get(condition.event or "", NO_RHYTHM)
        if rhythm.most < condition.intervals:
            seen = (
                f"at most {plural(rhythm.most, 'interval')} of one instance"
                if rhythm.most
                else "no interval of one instance"
            )
            yield Lack(
                f"{seen} seen, {condition.intervals} are needed", "capture the keep-alives of one instance for longer"
            )
    if condition.seeds is not None:
        yield from lacks_seeds(evidence.listed, condition.seeds, evidence.tally, control=condition.positive_control)
    if condition.contacts is not None:
        yield from _lacks_contacts(claim, condition.contacts, evidence)
    if evidence.consent is not None:
        if condition.alive_without_consent:
            yield from lacks_refusal(evidence.consent, evidence.tally)
        if condition.before_opt_out is not None or condition.alive_after_opt_out is not None:
            least = condition.alive_after_opt_out or timedelta()
            yield from lacks_silence(evidence.consent, evidence.tally, condition.before_opt_out or 0, least)


def _lacks_contacts(claim: Claim, needed: int, evidence: Evidence) -> Iterator[Lack]:
    seen = evidence.contacts(claim.destination)
    if seen < needed:
        what = f"contact for {claim.destination}" if claim.destination else "contact"
        option = (claim.destination or "").replace(" ", "-")
        hint = f"name its host with --allow-host HOST={option}" if claim.destination else "capture longer"
        yield Lack(f"{plural(seen, what)} seen", hint)


def _lacks_events(condition: Sufficient, needed: int, evidence: Evidence) -> Iterator[Lack]:
    if condition.event is not None:
        seen, what = evidence.named(condition.event), f"event {condition.event}"
    elif condition.origin is not None:
        seen, what = evidence.tally.origins[condition.origin], f"event of the {condition.origin}"
    else:
        seen, what = evidence.events, "event"
    if seen < needed:
        where = f"of the {condition.origin}" if condition.origin else "that sends it"
        lack = f"no {what} was captured" if not seen else f"{plural(seen, what)} captured, {needed} are needed"
        yield Lack(lack, f"use the part {where} while capturing")


def _missing_input(claim: Claim, evidence: Evidence) -> tuple[str, str] | None:
    """The input that a claim needs and that is not there at all, with how to give it."""
    rules = set(claim.rules)
    if rules & CONTACT_RULES and evidence.watched:
        return None
    if rules & CONTACT_RULES:
        return "a log has no destinations", _HOW_CONTACTS
    if rules and rules <= CONSENT_RULES and evidence.consent is None:
        return "consent is unknown: the capture does not say who agreed when", _HOW_CONSENT
    if not evidence.events:
        return "no event was captured", "capture events while the product is used"
    return None


_HOW_CONTACTS = "a HAR, a flow dump or a packet capture shows them"
_HOW_CONSENT = "give --consent FILE, --opted-in-at TIME, --opted-out-at TIME or --docker-env FILE"


def _doubts(claim: Claim, evidence: Evidence, warnings: Counter[str]) -> Iterator[str]:
    if warnings:
        yield counted(warnings, "needs a person's judgement", "need a person's judgement")
    unknown = evidence.owned(claim, Level.ERROR, sure=False)
    if unknown:
        yield f"{plural(unknown.total(), 'finding')} of unknown origin may belong here"
    if claim.exclusive and evidence.filtered:
        yield FILTERED
    if set(claim.rules) <= CONTACT_RULES:
        yield from unwatched(evidence)
    else:
        yield from _event_doubts(claim, evidence)
    flooded = sorted(evidence.overflowed & set(claim.rules))
    if flooded:
        yield f"too many different findings of {', '.join(flooded)} to list them all"


STRAY = "events whose time only their sender says are dated more than a month from all others"
FILTERED = "the custody statement says that the capture was filtered"


def _event_doubts(claim: Claim, evidence: Evidence) -> Iterator[str]:
    """What the captures did not show of events, or what in them was not looked at."""
    unreadable = unread(evidence)
    if unreadable:
        yield f"{plural(unreadable, 'record')} could not be read"
    opaque = evidence.tally.gaps[Gap.OPAQUE, None]
    if opaque:
        yield f"{plural(opaque, 'contact')} whose content the capture does not show"
    yield from _lost(evidence)
    doubled = _gaps(claim, evidence, Gap.DUPLICATE)
    if doubled:
        yield f"{plural(doubled, 'event')} with a key that stands twice"
    timed = TIMED_RULES & set(claim.rules)
    if evidence.tally.stray and (timed or any(condition.window for condition in claim.sufficient)):
        yield STRAY
    if timed:
        yield from _timed_doubts(claim, evidence)
    given_up = _gaps(claim, evidence, Gap.SEARCH) if SEARCHING_RULES & set(claim.rules) else 0
    if given_up:
        yield f"the search gave up in {plural(given_up, 'event')}"


def unread(evidence: Evidence) -> int:
    """Records that could not be read, in whatever capture."""
    return sum(n for (gap, _), n in evidence.tally.gaps.items() if gap in EVENT_GAPS)


def unwatched(evidence: Evidence) -> Iterator[str]:
    """What the captures did not show of destinations. A log shows none, so what is unreadable in it hides none."""
    if evidence.unseen:
        yield f"{plural(evidence.unseen, 'record')} could not be read"
    yield from _lost(evidence)


def _lost(evidence: Evidence) -> Iterator[str]:
    """What was sent and nobody can tell where or what it was."""
    whole = watch(evidence.tally)
    if whole.dropped:
        yield f"the capture dropped {plural(whole.dropped, 'packet')}"
    if whole.odd:
        yield f"{plural(whole.odd, 'packet')} of no protocol that is read"
    unlisted = overflow(evidence.tally)
    if unlisted:
        yield f"too many different destinations: {plural(unlisted, 'contact')} stand in no row"


def _timed_doubts(claim: Claim, evidence: Evidence) -> Iterator[str]:
    """What makes answers about time weaker."""
    timeless = _gaps(claim, evidence, Gap.TIME)
    if timeless:
        yield f"{plural(timeless, 'event')} without a usable time"
    homeless = _gaps(claim, evidence, Gap.SUBJECT) if HEARTBEAT_RULES & set(claim.rules) else 0
    if homeless:
        yield f"{plural(homeless, 'keep-alive')} without the id of an instance"
    if evidence.consent is None or not CONSENT_RULES & set(claim.rules):
        return
    if crowded(evidence.consent, evidence.tally):
        yield "several installations stand in the capture, and consent is given for the whole only"
    if "event-after-opt-out" in claim.rules and perhaps(evidence.consent, evidence.tally.alive):
        yield "an opt-out whose effect nobody dates: when were the containers recreated?"


def _gaps(claim: Claim, evidence: Evidence, gap: Gap) -> int:
    return sum(
        n
        for (kind, origin), n in evidence.tally.gaps.items()
        if kind is gap and (claim.origin is None or origin in (claim.origin, UNKNOWN, None))
    )


def _asks_intervals(claim: Claim) -> bool:
    return bool(claim.sufficient) and all(condition.intervals is not None for condition in claim.sufficient)


def _looked_at(claim: Claim, evidence: Evidence, unit: str) -> int:
    if unit == "contacts":
        return evidence.contacts(claim.destination)
    if unit == "intervals":
        return sum(evidence.rhythms.get(condition.event or "", NO_RHYTHM).intervals for condition in claim.sufficient)
    return evidence.events if claim.origin is None else evidence.tally.origins[claim.origin]


def counted(rules: Counter[str], one: str, many: str) -> str:
    total = rules.total()
    parts = ", ".join(
        f"{number:,} {rule}" for rule, number in sorted(rules.items(), key=lambda item: (-item[1], item[0]))
    )
    return f"{plural(total, 'finding')} {one if total == 1 else many}: {parts}"


def plural(number: int, noun: str) -> str:
    """`1 event`, `2 events`, `no event`; a noun with its rest (`event of the server`) takes its s on the first word."""
    head, space, rest = noun.partition(" ")
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {head}s{space}{rest}" if number else f"no {noun}"


def overall(claims: list[Judgement], requirements: list[Judgement], evidence: Evidence) -> Verdict:
    """The worst verdict of the exercised claims; any error finding of the capture makes it violated."""
    errors = any(level is Level.ERROR for _, level, _ in evidence.tally.totals)
    if errors or any(j.verdict is Verdict.VIOLATED for j in (*claims, *requirements)):
        return Verdict.VIOLATED
    if not exercised(claims, evidence):
        return Verdict.NOT_EXERCISED
    order = (Verdict.CONTRADICTED, Verdict.INCONCLUSIVE, Verdict.UPHELD)
    return next(v for v in order if any(j.verdict is v for j in claims))


def exercised(claims: list[Judgement], evidence: Evidence) -> int:
    """How many claims the capture says anything about. A contradiction of the page alone needs no capture."""
    told = {Verdict.VIOLATED, Verdict.INCONCLUSIVE, Verdict.UPHELD} | (
        {Verdict.CONTRADICTED} if evidence.events else set()
    )
    return sum(j.verdict in told for j in claims)


def headline(verdict: Verdict, claims: list[Judgement], requirements: list[Judgement], evidence: Evidence) -> str:
    """The answer in one sentence, with how much of the page was exercised; that evidence was changed comes before it."""
    answer = _headline(verdict, claims, requirements, evidence)
    return f"{_BROKEN}; {answer}" if evidence.tally.reasons[Reason.BROKEN_CHAIN] else answer


_BROKEN = "the chain of the evidence is broken, and what follows the break was not judged"


def _headline(verdict: Verdict, claims: list[Judgement], requirements: list[Judgement], evidence: Evidence) -> str:
    testable = [j for j in claims if j.verdict is not Verdict.NOT_TESTABLE]
    count = Counter(j.verdict for j in testable)
    tail = f"{exercised(testable, evidence)} of {len(testable)} claims were exercised."
    broken, torn = count[Verdict.VIOLATED], count[Verdict.CONTRADICTED]
    page = f"the page contradicts itself in {plural(torn, 'claim')}; " if torn else ""
    match verdict:
        case Verdict.VIOLATED if broken:
            words = "does not match" if broken == 1 else "do not match"
            return f"{broken} of {len(testable)} claims {words} what was sent; {tail}"
        case Verdict.VIOLATED if any(j.verdict is Verdict.VIOLATED for j in requirements):
            return f"what was sent does not meet a requirement of this audit; {page}{tail}"
        case Verdict.VIOLATED:
            return f"what was sent does not match the page; which claim is broken depends on who sent it; {tail}"
        case Verdict.NOT_EXERCISED:
            carrying = sum(units.carrying for units in evidence.tally.units.values())
            what = "nothing that the page speaks of was captured" if carrying else "no event could be read"
            return f"{what}; {page}{tail}"
        case _:
            doubts = verdict is Verdict.INCONCLUSIVE or _incomplete(evidence)
            open_ = count[Verdict.INCONCLUSIVE]
            start = (
                f"no breach was found, but {plural(open_, 'claim')} could not be decided; "
                if doubts
                else "nothing was sent beyond the page; "
            )
            return f"{start}{page}{tail}"


def _incomplete(evidence: Evidence) -> bool:
    """Whether something was not looked at, or waits for a person: then nobody can say that nothing else was sent."""
    warned = any(level is Level.WARNING for _, level, _ in evidence.tally.totals)
    gaps = bool(evidence.tally.gaps or evidence.overflowed or evidence.filtered)
    return warned or gaps or next(unwatched(evidence), None) is not None


def unsearched(claim: Claim) -> tuple[str, ...]:
    """Rules of a claim that this version does not run: said beside the claim, so that its limit is not overstated."""
    return tuple(rule for rule in claim.rules if rule in NOT_YET)


def unknown_rules(policy: Policy) -> tuple[str, ...]:
    """Rule ids that no rule has: a typing error in the pack."""
    from audit.rules import BY_ID

    return tuple(rule for claim in policy.claims for rule in claim.rules if rule not in BY_ID and rule not in NOT_YET)
