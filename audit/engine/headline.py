"""The answer of the whole audit: the worst verdict, and one sentence."""

from __future__ import annotations

from collections import Counter

from audit.engine.doubts import unwatched
from audit.engine.seen import Evidence, Judgement, plural
from audit.model import Level, Reason, Verdict


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
            if doubts:
                start = f"no breach was found, but {plural(open_, 'claim')} could not be decided; "
            elif evidence.events:
                start = "nothing was sent beyond the page; "
            else:
                start = "no destination beyond the page was contacted, and no event was captured; "
            return f"{start}{page}{tail}"


def _incomplete(evidence: Evidence) -> bool:
    """Whether something was not looked at, or waits for a person: then nobody can say that nothing else was sent."""
    warned = any(level is Level.WARNING for _, level, _ in evidence.tally.totals)
    gaps = bool(evidence.tally.gaps or evidence.overflowed or evidence.filtered)
    return warned or gaps or next(unwatched(evidence), None) is not None
