"""What the auditor asks and no sentence of the page says: judged like claims, listed beside them, never the vendor's breach."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import timedelta

from audit.engine.destinations import watch, watched_for
from audit.engine.doubts import FILTERED, unread, unwatched
from audit.engine.seen import Evidence, Judgement, counted, plural
from audit.model import Level, Verdict
from audit.policy.destinations import Standing
from audit.redact import duration

REQUIREMENTS: Mapping[str, tuple[frozenset[str], str]] = {
    "clean-json": (frozenset({"duplicate-key"}), "no key stands twice"),
    "one-id-one-message": (frozenset({"duplicate-message"}), "no id stands on two different messages"),
}
"""What the auditor asks and no sentence of the page says, by the rules that break it."""

AIR_GAP, ENCRYPTED = "air-gap", "encrypted-transport"


def asked(evidence: Evidence, *, air_gapped: bool) -> tuple[str, ...]:
    """The requirements of this audit: two always, transport wherever traffic was captured, the air gap on demand."""
    return (*REQUIREMENTS, *((ENCRYPTED,) if evidence.watched else ()), *((AIR_GAP,) if air_gapped else ()))


def require(name: str, evidence: Evidence) -> Judgement:
    """The verdict of a requirement."""
    if name == AIR_GAP:
        return _air_gap(evidence)
    if name == ENCRYPTED:
        return _encrypted(evidence)
    rules, kept = REQUIREMENTS[name]
    errors: Counter[str] = Counter()
    for (rule, level, _), number in evidence.tally.totals.items():
        if rule in rules and level is Level.ERROR:
            errors[rule] += number
    unreadable = unread(evidence)
    if errors:
        verdict, reason = Verdict.VIOLATED, counted(errors, "does not match", "do not match")
    elif not evidence.events:
        verdict, reason = Verdict.NOT_EXERCISED, "no event was captured"
    elif unreadable:
        verdict, reason = Verdict.INCONCLUSIVE, f"{plural(unreadable, 'record')} could not be read"
    else:
        verdict, reason = Verdict.UPHELD, f"{kept} in {plural(evidence.events, 'event')}"
    return Judgement(name, verdict, evidence.events, "events", errors.total(), dict(errors), reason)


def _air_gap(evidence: Evidence) -> Judgement:
    """Whether nothing left the installation: only packets, all of them and over long enough, can show that."""
    tally = evidence.tally
    errors = sum(n for (rule, level, _), n in tally.totals.items() if rule == "egress" and level is Level.ERROR)
    needed = max((life.cadence.every for life in evidence.cadenced if life.cadence), default=timedelta())
    seen, window = watch(tally), watched_for(tally)
    packets = f"{plural(seen.packets, 'packet')} over {duration(window)}"
    doubts = [*unwatched(evidence), *([FILTERED] if evidence.filtered else [])]
    if errors:
        verdict, reason = Verdict.VIOLATED, f"{plural(errors, 'destination')} outside the installation"
    elif not seen.packets:
        verdict = Verdict.NOT_EXERCISED
        reason = "no packets were captured: only a packet capture can show that there was none"
    elif doubts:
        verdict, reason = Verdict.INCONCLUSIVE, f"none in {packets}, but {'; '.join(doubts)}"
    elif window < needed:
        verdict = Verdict.NOT_EXERCISED
        reason = f"no destination outside in {packets}; {duration(needed)} are needed, the longest documented interval"
    else:
        uncounted = "; no drop counter in the file" if seen.dropped is None else ""
        verdict, reason = Verdict.UPHELD, f"no destination outside in {packets}{uncounted}"
    rules = {"egress": errors} if errors else {}
    return Judgement(AIR_GAP, verdict, seen.packets, "packets", errors, rules, reason)


def _encrypted(evidence: Evidence) -> Judgement:
    """Whether what page and auditor speak of went out encrypted."""
    told = [
        h for h in evidence.reached if h.standing is not Standing.OWN and (h.purpose is not None or h.total.telemetry)
    ]
    plain, total = sum(host.plain > 0 for host in told), sum(host.total.contacts for host in told)
    doubts = [*unwatched(evidence)]
    if plain:
        verdict, reason = Verdict.VIOLATED, f"unencrypted to {plural(plain, 'host')}"
    elif not total:
        verdict, reason = Verdict.NOT_EXERCISED, "no contact with a host known to take telemetry was captured"
    elif doubts:
        verdict, reason = Verdict.INCONCLUSIVE, "; ".join(doubts)
    else:
        verdict, reason = Verdict.UPHELD, f"{plural(total, 'contact')} with such hosts, none of them in the clear"
    rules = {"plaintext-transport": plain} if plain else {}
    return Judgement(ENCRYPTED, verdict, total, "contacts", plain, rules, reason)
