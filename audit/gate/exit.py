"""The exit code of a result, the same for every format."""

from __future__ import annotations

from collections.abc import Collection

from audit.engine.result import Result
from audit.model import Level, Outcome

_UNMET = ("not-exercised", "inconclusive")


def outcome(result: Result, fail_on: str, required: Collection[str]) -> Outcome:
    """Nothing read > findings at the level > required claims that were not exercised > clean."""
    # A request whose telemetry cannot be decoded has still shown whom it went to: something was read.
    if all(row["units"] == row["unreadable"] + row["blank"] and not row["contacts"] for row in result["inputs"]):
        return Outcome.NOTHING_READ
    if fail_on != "never" and _at_or_above(result, Level(fail_on)):
        return Outcome.FINDINGS
    wanted = [
        row
        for row in result["claims"]
        if row["verdict"] != "not-testable" and ("all" in required or row["id"] in required)
    ]
    return Outcome.NOT_EXERCISED if any(row["verdict"] in _UNMET for row in wanted) else Outcome.CLEAN


def _at_or_above(result: Result, level: Level) -> bool:
    """Whether the capture broke anything at this level; what the page says against itself never decides."""
    counts = result["counts"]
    if counts["error"] or (level is not Level.ERROR and counts["warning"]):
        return True
    return level is Level.NOTE and any(row["rule"] != "page-contradiction" for row in result["groups"])
