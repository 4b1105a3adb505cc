"""SARIF 2.1.0 in GitHub's profile: one alert a group, within the limits of code scanning.

GitHub uses a result's first location and `primaryLocationLineHash` only, makes an alert of everything that is listed,
suppressed or passed alike, and takes at most 5,000 results into its view. The full profile has what is left out here.
"""

from __future__ import annotations

from itertools import islice

from audit.engine.result import FindingRow, GroupRow, Result
from audit.redact import visible
from audit.writers.grouped import PAGE_RULE, grouped, place, times
from audit.writers.sarif_parts import LIMITS, Object, invocation, location, log, notification, prints, tool

MOST = 5_000
"""Results that GitHub shows of a run. It refuses a run of more than 25,000, or a file above 10 MB compressed."""


def write(result: Result) -> str:
    """The heaviest groups first, as the result has them."""
    wanted = [
        (group, examples[0])
        for group, examples in grouped(result)
        if examples and not group["suppressed"] and group["rule"] != PAGE_RULE
    ]
    shown = [*islice(wanted, MOST)]
    rules = [*dict.fromkeys(group["rule"] for group, _ in shown)]
    index = {rule: number for number, rule in enumerate(rules)}
    return log(
        {
            "tool": tool(result, rules),
            "invocations": [invocation(result, [*_notes(result, len(shown), len(wanted))])],
            "columnKind": "utf16CodeUnits",
        },
        (_result(result, group, first, index[group["rule"]]) for group, first in shown),
    )


def _notes(result: Result, shown: int, wanted: int) -> list[Object]:
    """What this profile does not show, in numbers: nothing is left out silently."""
    page = sum(group["rule"] == PAGE_RULE for group in result["groups"])
    hidden = sum(group["count"] for group in result["groups"] if group["suppressed"])
    return [
        notification(f"{result['verdict']}: {result['headline']}"),
        notification(LIMITS),
        notification(f"Shown: {shown:,} of {wanted:,} groups of findings, the heaviest first."),
        notification(f"{hidden:,} findings are suppressed and not listed; {page:,} are about the page itself."),
    ]


def _result(result: Result, group: GroupRow, first: FindingRow, index: int) -> Object:
    where = place(first)
    also = f" Found {times(group['count'])}" + (f", first at {where}." if where else ".")
    path = f" (decoded: {', '.join(first['path'])})" if first["path"] else ""
    what = " ".join(part for part in (group["event"], group["host"], group["field"]) if part)
    return {
        "ruleId": group["rule"],
        "ruleIndex": index,
        "level": group["level"],
        "message": {"text": visible(f"{what + ': ' if what else ''}{first['message']}{path}.{also}")},
        "locations": location(result, first, always=True),
        "occurrenceCount": group["count"],
        "partialFingerprints": prints(group),
    }
