"""The exit code of a result and its reason, the same for every format.

Only groups that are neither suppressed nor known from a baseline count; what stands in no group counts always, since
nobody can have looked at it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from audit.engine.result import GateRow, GroupRow, InputRow, Result
from audit.model import Level, Outcome, Reason
from audit.rules import BY_ID
from audit.rules.case import CountRule, PageRule

_UNMET = ("not-exercised", "inconclusive")
_BROKEN = "the chain of the evidence is broken: it was changed after it was written; telemetry-audit verify says where"
_PACKETS = ("pcap", "pcapng")


def decide(result: Result, fail_on: str, required: Collection[str]) -> GateRow:
    """Broken evidence > nothing read > findings at the level > required claims that were not decided > clean."""
    if Reason.BROKEN_CHAIN.value in result["unreadable"]:
        return _row(Outcome.UNVERIFIED, _BROKEN)
    if not any(_read(row, result) for row in result["inputs"]):
        return _row(Outcome.NOTHING_READ, "nothing could be read")
    if fail_on != "never":
        found = sum(number for level, number in _live(result) if level.rank >= Level(fail_on).rank)
        if found:
            new = " that the baseline does not know" if "baseline" in result else ""
            number = "1 finding" if found == 1 else f"{found:,} findings"
            return _row(Outcome.FINDINGS, f"{number}{new} at level {fail_on}{_above(fail_on)}")
    unmet = _unmet(result, required)
    if unmet:
        return _row(Outcome.NOT_EXERCISED, f"required, but not decided: {', '.join(unmet)}")
    return _row(Outcome.CLEAN, _clean(result, fail_on))


def _read(row: InputRow, result: Result) -> bool:
    """Whether a unit of an input could be read. A request whose telemetry cannot be decoded has still shown whom it went to;
    packets of which none is of a protocol that is read have shown nothing, nor has what the proxy writes of itself."""
    traffic = result.get("traffic")
    if row["format"] in _PACKETS and traffic is not None and traffic["packets"] == traffic["not_read"]:
        return False
    own = row["other"] if row["format"] == "evidence" else 0
    return row["units"] > row["unreadable"] + row["blank"] + own or row["contacts"] > 0


def _unmet(result: Result, required: Collection[str]) -> list[str]:
    """What must be decided and is not: claims first, then requirements. One that this capture never asked is undecided."""
    claims = [row for row in result["claims"] if row["verdict"] != "not-testable"]
    wanted = {row["id"] for row in claims if "all" in required} | (set(required) - {"all"})
    asked = [*claims, *(row for row in result["requirements"] if row["id"] in wanted)]
    undecided = [row["id"] for row in asked if row["id"] in wanted and row["verdict"] in _UNMET]
    return [*undecided, *sorted(wanted - {row["id"] for row in asked})]


def _row(outcome: Outcome, reason: str) -> GateRow:
    return {"exit": int(outcome), "reason": reason}


def _above(level: str) -> str:
    return "" if level == "error" else " or above"


def _clean(result: Result, fail_on: str) -> str:
    if fail_on == "never":
        return "no finding fails this run (--fail-on never)"
    hidden = sum(group["count"] for group in result["groups"] if group["suppressed"])
    known = sum(group["count"] for group in result["groups"] if not group["suppressed"] and not _counts(group))
    beside = [
        f"{number:,} {how}" for number, how in ((hidden, "suppressed"), (known, "known from the baseline")) if number
    ]
    rest = f"; not counted: {', '.join(beside)}" if beside else ""
    return f"no finding at level {fail_on}{_above(fail_on)}{rest}"


def _counts(group: GroupRow) -> bool:
    return not group["suppressed"] and group.get("baseline") != "known"


def _live(result: Result) -> Iterator[tuple[Level, int]]:
    """Findings of the capture that count, by level; what the page says against itself never decides."""
    for group in result["groups"]:
        if _counts(group) and group["rule"] != "page-contradiction":
            yield Level(group["level"]), _weight(group)
    for level in Level:
        grouped = sum(_weight(group) for group in result["groups"] if group["level"] == level.value)
        yield level, max(0, result["counts"][level.value] - grouped)  # in no group: there were too many


def _weight(group: GroupRow) -> int:
    """What a group weighs in `counts`: findings of the page or of counts are one each."""
    return 1 if isinstance(BY_ID.get(group["rule"]), CountRule | PageRule) else group["count"]
