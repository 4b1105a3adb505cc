"""The answer for a terminal: 80 columns, no colour needed, the same in a pipe."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

from audit.engine.result import ClaimRow, FindingRow, GroupRow, InputRow, RequirementRow, Result
from audit.model import Outcome
from audit.redact import visible
from audit.writers import anonymity
from audit.writers.accepted import change, entries, gone, headline
from audit.writers.egress import inventory
from audit.writers.grouped import revealed

WIDTH = 80
_COMMAND = re.compile(r"^(\s*)::(?=.*::)")
MOST = 40
"""Groups shown a claim; the result holds all of them."""


def write(result: Result) -> str:
    """The whole text, ending in a newline."""
    parts = (
        _head(result),
        _answer(result),
        _claims(result),
        _requirements(result),
        _findings(result),
        _page(result),
        _unexercised(result),
        _untestable(result),
        inventory(result),
        _reading(result),
        _searched(result),
        _measures(result),
        _accepted(result),
        _ours(result),
        _limits(result),
    )
    return "\n".join(_inert(line.rstrip()) for part in parts for line in part)


def _inert(line: str) -> str:
    """A line of a job log that runners take for a command, because a name in it looks like one, made a line of text."""
    return _COMMAND.sub(r"\1\\x3a:", line).replace("##[", "#\\x23[")


def _head(result: Result) -> Iterator[str]:
    if "sensitivity" in result:
        yield from (*_wrap(result["sensitivity"].upper(), first=""), "")
    names = [row["name"] for row in result["inputs"]]
    shown = ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
    tool, policy = result["tool"], result["policy"]
    yield from _wrap(f"{tool['name']} {tool['version']}   policy {policy['id']} {policy['revision']}   {shown}")
    yield ""


def _answer(result: Result) -> Iterator[str]:
    yield from _wrap(f"{result['verdict'].upper()}  {result['headline']}", "  ", first="")
    yield ""


def _told(result: Result) -> list[ClaimRow]:
    return [row for row in result["claims"] if row["verdict"] != "not-testable"]


def _claims(result: Result) -> Iterator[str]:
    rows = _told(result)
    wide = max((len(row["id"]) for row in rows), default=5)
    yield f" {'claim':<{wide}}  {'verdict':<14} looked at"
    for row in rows:
        seen = _seen(row)
        yield f" {row['id']:<{wide}}  {_verdict(row['verdict']):<14} {seen}"
        reason = "the page contradicts itself: " + row["reason"] if row["verdict"] == "contradicted" else row["reason"]
        yield from _wrap(reason, "     ")
        if row["verdict"] != "not-exercised" and "limit" in row:
            yield from _wrap(f"Limit: {row['limit']}", "     ")
    yield ""


def _seen(row: ClaimRow) -> str:
    number, unit = row["looked_at"], row["unit"]
    if not number or row["verdict"] == "not-exercised":
        return "-"
    return f"1 {unit.removesuffix('s')}" if number == 1 else f"{number:,} {unit}"


def _verdict(verdict: str) -> str:
    return verdict.upper() if verdict == "violated" else verdict


def _requirements(result: Result) -> Iterator[str]:
    rows: list[RequirementRow] = result["requirements"]
    for row in rows:
        yield from _wrap(f"Requirement {row['id']}: {_verdict(row['verdict'])}, {row['reason']}", "  ", first="")
    if rows:
        yield ""


def _findings(result: Result) -> Iterator[str]:
    """Findings of the capture under their first claim; those of the page itself come later."""
    owners, lost = _owners(result), {_key(row) for row in result["findings"] if row["origin"] == "unknown"}
    captured = [group for group in result["groups"] if group["rule"] != "page-contradiction"]
    groups = [group for group in captured if _key(group) not in lost]
    unknown = [group for group in captured if _key(group) in lost]
    if unknown:
        yield from _wrap(
            "Of unknown origin: which claim they belong to depends on who sent them (--origin FILE=ORIGIN says so)",
            "  ",
            first="",
        )
        yield from _groups(result, unknown, owners, known=False)
    for claim in result["claims"]:
        mine = [group for group in groups if (owners.get(_key(group)) or ("",))[0] == claim["id"]]
        if mine:
            yield from _wrap(
                f"{claim['id']}   " + " ... ".join(f'"{_quote(quote)}"' for quote in claim["quotes"][:3]),
                "  ",
                first="",
            )
            yield from _groups(result, mine, owners)
    rest = [group for group in groups if not owners.get(_key(group))]
    for row in result["requirements"]:
        mine = [group for group in rest if group["rule"] in row["rules"] and group["level"] == "error"]
        if mine:
            yield f"Requirement {row['id']} (asked by this audit, not by the page)"
            yield from _groups(result, mine, owners)
            rest = [group for group in rest if group not in mine]
    if rest:
        yield "No sentence of the page speaks of these"
        yield from _groups(result, rest, owners)


def _key(row: GroupRow | FindingRow) -> tuple[str, str]:
    return row["fingerprint"], row["level"]


def _owners(result: Result) -> dict[tuple[str, str], tuple[str, ...]]:
    return {_key(row): tuple(row["claims"]) for row in result["findings"]}


def _groups(
    result: Result, groups: list[GroupRow], owners: dict[tuple[str, str], tuple[str, ...]], *, known: bool = True
) -> Iterator[str]:
    shown = {_key(group) for group in groups[:MOST]}
    examples: dict[tuple[str, str], list[FindingRow]] = {}
    for row in result["findings"]:
        if _key(row) in shown:
            examples.setdefault(_key(row), []).append(row)
    for group in groups[:MOST]:
        times = "once" if group["count"] == 1 else f"{group['count']:,} times"
        what = "   ".join(part for part in (group["event"], group["host"], group["field"]) if part)
        marks = _marks(group)
        yield from _wrap(f"{group['level']:<7} {group['rule']}   {times}   {what}{marks}", "          ", first="  ")
        for finding in examples.get(_key(group), ()):
            place = _place(finding)
            path = f" (decoded: {', '.join(finding['path'])})" if finding["path"] else ""
            path += revealed(finding)
            yield from _wrap(
                f"{place}   {finding['message']}{path}" if place else finding["message"] + path,
                "       ",
                first="     ",
            )
        also = owners.get(_key(group), ())[1 if known else 0 :]
        if also:
            yield from _wrap(f"{'also' if known else 'one of'}: {', '.join(also)}", "       ", first="     ")
    if len(groups) > MOST:
        yield f"  and {len(groups) - MOST:,} more groups: -o json=FILE lists them all"
    yield ""


def _marks(group: GroupRow) -> str:
    """What takes a group out of the gate."""
    known = group.get("baseline") == "known"
    words = [word for word, holds in (("suppressed", group["suppressed"]), ("known", known)) if holds]
    return f"   [{', '.join(words)}]" if words else ""


def _place(row: FindingRow) -> str:
    if row["input"] is None:
        return ""
    item = f"[{row['item']}]" if row["item"] else ""
    return (
        f"{row['input']}:{row['line']}{item}" if row["line"] is not None else f"{row['input']} unit {row['unit']}{item}"
    )


def _quote(text: str) -> str:
    folded = " ".join(text.replace("**", "").split())
    return folded if len(folded) <= 100 else folded[:97] + "..."


def _page(result: Result) -> Iterator[str]:
    rows = [row for row in result["findings"] if row["rule"] == "page-contradiction"]
    if rows:
        yield "The page by itself (no capture is needed to see this)"
        for row in rows:
            place = " ".join(part for part in (row["event"], row["pointer"]) if part)
            claims = f" [{', '.join(row['claims'])}]" if row["claims"] else ""
            yield from _wrap(
                f"{place}: {row['message']}{claims}" if place else row["message"] + claims, "     ", first="  "
            )
        yield ""


def _unexercised(result: Result) -> Iterator[str]:
    rows = [row for row in _told(result) if row["verdict"] in ("not-exercised", "inconclusive") and row.get("hint")]
    if not rows:
        return
    yield "Not exercised, or not decided, and how to do it"
    for row in rows:
        yield from _wrap(f"{row['id']}: {row['reason']}: {row['hint']}", "     ", first="  ")
    yield ""


def _untestable(result: Result) -> Iterator[str]:
    rows = [row["id"] for row in result["claims"] if row["verdict"] == "not-testable"]
    if rows:
        yield from _wrap(f"Not testable by telemetry: {', '.join(rows)}", "  ", first="")


def _reading(result: Result) -> Iterator[str]:
    if not result["inputs"]:
        yield "Read nothing: the directory holds no file."
    for row in result["inputs"][:MOST]:
        yield from _wrap(_accounting(row), "  ", first="")
    rest = result["inputs"][MOST:]
    if rest:
        units, bad = sum(row["units"] for row in rest), sum(row["unreadable"] for row in rest)
        yield f"and {len(rest):,} more inputs with {units:,} units, {bad:,} of them unreadable."
    for reason, number in result["unreadable"].items():
        yield from _wrap(f"{number:,} unreadable: {reason}", "  ", first="  ")
    for rule, number in result["overflow"].items():
        yield from _wrap(f"{rule}: {number:,} findings stand in no group: too many different ones", "  ", first="  ")


def _accounting(row: InputRow) -> str:
    unit = ("lines" if row["format"] == "jsonl" else "units").removesuffix("s" if row["units"] == 1 else "")
    events = "1 event" if row["events"] == 1 else f"{row['events']:,} events"
    parts = [f"{row['carrying']:,} with events"]
    contacts = f", {row['contacts']:,} contact{'' if row['contacts'] == 1 else 's'}" if row["contacts"] else ""
    parts += [f"{row[kind]:,} {kind}" for kind in ("blank", "unreadable", "other") if row[kind]]
    return f"Read {row['name']}: {row['units']:,} {unit}: {', '.join(parts)}; {events}{contacts}."


def _searched(result: Result) -> Iterator[str]:
    """Which listed values were searched for, how, and what no search of contents can see."""
    said = result["coverage"]["searched"].get("words")
    if said:
        yield from _wrap(f"Searched for {said}", "  ", first="")


def _measures(result: Result) -> Iterator[str]:
    """The anonymity measures in words: their numbers stand in the result."""
    for line in anonymity.lines(result):
        yield from _wrap(line, "     ", first="  ")


def _accepted(result: Result) -> Iterator[str]:
    """What is suppressed or known already. The number stands in every report, also where it is 0."""
    yield from _wrap(headline(result), "  ", first="")
    for line in entries(result):
        yield from _wrap(line, "     ", first="  ")
    baseline, gate = result.get("baseline"), result.get("gate")
    if baseline is not None:
        yield from _wrap(change(result, baseline), "  ", first="")
        for line in gone(result):
            yield from _wrap(line, "     ", first="  ")
    unsaid = gate is not None and gate["exit"] not in (
        Outcome.CLEAN,
        Outcome.FINDINGS,
    )  # the headline tells of findings alone
    if gate is not None and (unsaid or baseline is not None or "exceptions" in result):
        yield from _wrap(f"Exit code {gate['exit']}: {gate['reason']}.", "  ", first="")


def _ours(result: Result) -> Iterator[str]:
    """What this audit chose and no page says."""
    grace, flush = (result["parameters"].get(name) for name in ("grace", "flush_window"))
    if grace is not None:
        yield from _wrap(f"Chosen by this audit, not by the page: grace {grace}, flush window {flush}.", "  ", first="")


def _limits(result: Result) -> Iterator[str]:
    if "sensitivity" in result:
        yield from _wrap(result["sensitivity"].upper(), first="")
    yield "This compares one capture with one page; it cannot see what was not captured,"
    yield "and it is no legal assessment."
    yield ""


def _wrap(text: str, indent: str = "", first: str | None = None) -> list[str]:
    return textwrap.wrap(
        visible(text),
        WIDTH,
        initial_indent=indent if first is None else first,
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
