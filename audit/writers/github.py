"""Annotations of GitHub Actions: workflow commands on lines of their own.

GitHub shows 10 annotations of a level a step. Whatever foreign text stands in one, it can neither end its line nor start
another command: percent signs and line ends are encoded, in properties colons and commas too.
"""

from __future__ import annotations

from audit.engine.result import FindingRow, GroupRow, Result
from audit.redact import visible
from audit.writers.grouped import PAGE_RULE, grouped, place, times

MOST = 10
"""Annotations of one level that GitHub shows of a step."""
_COMMANDS = {"error": "error", "warning": "warning", "note": "notice"}


def write(result: Result) -> str:
    """The heaviest groups first, at most ten of each level, the last of a notice's ten for the whole."""
    shown = [pair for level in _COMMANDS for pair in _of(result, level)]
    lines = [_command(_COMMANDS[group["level"]], _properties(first), _said(group, first)) for group, first in shown]
    return "".join(f"{line}\n" for line in [*lines, _whole(result, len(shown))])


def _of(result: Result, level: str) -> list[tuple[GroupRow, FindingRow]]:
    pairs = [(group, examples[0]) for group, examples in grouped(result) if examples and group["level"] == level]
    told = [pair for pair in pairs if not pair[0]["suppressed"] and pair[0]["rule"] != PAGE_RULE]
    told.sort(key=lambda pair: _known(pair[0]))  # what is new must not be crowded out by what is known
    return told[: MOST - (level == "note")]


def _known(group: GroupRow) -> bool:
    return group.get("baseline") == "known"


def _properties(first: FindingRow) -> dict[str, str]:
    where: dict[str, str] = {}
    if first["input"] not in (None, "-"):
        where["file"] = str(first["input"])
        if first["line"] is not None:
            where["line"] = str(first["line"])
    return {**where, "title": f"telemetry-audit {first['rule']}"}


def _said(group: GroupRow, first: FindingRow) -> str:
    what = " ".join(part for part in (group["event"], group["host"], group["field"]) if part)
    where = place(first)
    found = f"found {times(group['count'])}" + (f", first at {where}" if where else "")
    known = "; known from the baseline" if _known(group) else ""
    return f"{what + ': ' if what else ''}{first['message']} ({found}{known})"


def _whole(result: Result, shown: int) -> str:
    groups = result["groups"]
    told = sum(not group["suppressed"] and group["rule"] != PAGE_RULE for group in groups)
    hidden = sum(group["count"] for group in groups if group["suppressed"])
    rest = f"Shown: {shown:,} of {told:,} groups of findings; {hidden:,} findings suppressed. No legal assessment."
    if "gate" in result:
        rest += f" Exit code {result['gate']['exit']}: {result['gate']['reason']}."
    title = f"telemetry-audit {result['policy']['id']} {result['policy']['revision']}"
    return _command("notice", {"title": title}, f"{result['verdict'].upper()}: {result['headline']} {rest}")


def _command(name: str, properties: dict[str, str], text: str) -> str:
    said = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name} {said}::{_data(text)}"


def _data(text: str) -> str:
    return visible(text).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
