"""What keeps a claim from being upheld: what could not be read, was not looked at, or waits for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from audit.engine.destinations import overflow, watch
from audit.engine.seen import (
    CONSENT_RULES,
    CONTACT_RULES,
    EVENT_GAPS,
    HEARTBEAT_RULES,
    SEARCHING_RULES,
    TIMED_RULES,
    Evidence,
    counted,
    plural,
)
from audit.engine.silence import crowded, perhaps
from audit.model import UNKNOWN, Gap, Level
from audit.policy.pack import Claim

STRAY = "events whose time only their sender says are dated more than a month from all others"
FILTERED = "the custody statement says that the capture was filtered"


def remedy(claim: Claim, evidence: Evidence) -> str | None:
    """What the auditor can do about the first doubt that something can be done about."""
    if set(claim.rules) <= CONTACT_RULES:
        return None
    if SEARCHING_RULES & set(claim.rules) and _gaps(claim, evidence, Gap.SEARCH):
        return "raise --max-views or --max-unpacked, so that these events are searched to their end"
    if evidence.owned(claim, Level.ERROR, sure=False):
        return "say who sent a capture with --origin FILE=ORIGIN"
    return None


def doubts(claim: Claim, evidence: Evidence, warnings: Counter[str]) -> Iterator[str]:
    """Why nobody can say that a claim holds, though nothing was found against it."""
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
