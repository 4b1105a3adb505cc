"""From a settled tally to verdicts, claim by claim. Pure: it sees counts, never events."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from audit.engine.doubts import doubts, remedy
from audit.engine.observed import NO_RHYTHM
from audit.engine.searched import lacks_seeds, words
from audit.engine.seen import CONSENT_RULES, CONTACT_RULES, Evidence, Judgement, counted, plural
from audit.engine.silence import Lack, lacks_refusal, lacks_silence
from audit.leaks.seeds import SeedList
from audit.model import Level, Verdict
from audit.policy.pack import Claim, Policy, Sufficient
from audit.redact import duration
from audit.rules import NOT_YET


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
    open_ = [*doubts(claim, evidence, warnings)]
    if open_:
        return outcome(Verdict.INCONCLUSIVE, "; ".join(open_), remedy(claim, evidence))
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
    if rules & CONTACT_RULES and evidence.traffic:
        return "no contact was captured", "use the product while capturing"
    if rules & CONTACT_RULES:
        return "a log has no destinations", _HOW_CONTACTS
    if rules and rules <= CONSENT_RULES and evidence.consent is None:
        return "consent is unknown: the capture does not say who agreed when", _HOW_CONSENT
    if not evidence.events:
        return "no event was captured", "capture events while the product is used"
    return None


_HOW_CONTACTS = "a HAR, a flow dump or a packet capture shows them"
_HOW_CONSENT = "give --consent FILE, --opted-in-at TIME, --opted-out-at TIME or --docker-env FILE"


def _asks_intervals(claim: Claim) -> bool:
    return bool(claim.sufficient) and all(condition.intervals is not None for condition in claim.sufficient)


def _looked_at(claim: Claim, evidence: Evidence, unit: str) -> int:
    if unit == "contacts":
        return evidence.contacts(claim.destination)
    if unit == "intervals":
        return sum(evidence.rhythms.get(condition.event or "", NO_RHYTHM).intervals for condition in claim.sufficient)
    return evidence.events if claim.origin is None else evidence.tally.origins[claim.origin]


def unsearched(claim: Claim) -> tuple[str, ...]:
    """Rules of a claim that this version does not run: said beside the claim, so that its limit is not overstated."""
    return tuple(rule for rule in claim.rules if rule in NOT_YET)


def unknown_rules(policy: Policy) -> tuple[str, ...]:
    """Rule ids that no rule has: a typing error in the pack."""
    from audit.rules import BY_ID

    return tuple(rule for claim in policy.claims for rule in claim.rules if rule not in BY_ID and rule not in NOT_YET)
