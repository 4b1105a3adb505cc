"""The answer as Markdown for a job summary, a ticket or a wiki: bounded, and nothing foreign in it is markup.

What is not plain prose stands in a code span: there no renderer sees links, images, mentions, HTML or references.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from audit.engine.result import FindingRow, GroupRow, InputRow, Result
from audit.redact import visible
from audit.writers import anonymity
from audit.writers.accepted import change, entries, gone
from audit.writers.grouped import grouped, revealed

MOST = 100
"""Rows shown of each table: a job summary above 1 MiB is lost whole. The result holds all of them."""
_WIDE = 400
_NARROW = 240
"""Bytes of a sentence and of a name: with MOST they keep the whole below the bound."""
_PROSE = re.compile(r"(?![-+=\s])[\w.,;:()'\"/?!%+= \u2013\u2014\u2026\u2018\u2019\u201c\u201d-]*", re.ASCII)
_ALIVE = re.compile(r"_|://|\bwww\.|:\w+:|\bgh-\d|[0-9a-f]{7}|--|^\d+[.)](?:\s|$)", re.IGNORECASE)
"""What renderers turn into links, emoji, emphasis or lists even in the middle of a line."""


def write(result: Result) -> str:
    """The whole summary. Under 1 MiB, whatever the result holds."""
    parts = (
        _answer,
        _claims,
        _findings,
        _measures,
        _accepted,
        _requirements,
        _destinations,
        _undecided,
        _reading,
        _searched,
        _limits,
    )
    return "\n".join(line for part in parts for line in part(result))


def span(text: str) -> str:
    """Foreign text as a code span that it cannot leave, safe in a table cell; control characters are shown."""
    shown = _clip(visible(text), _NARROW).replace("|", "\\|")
    longest = max(map(len, re.findall("`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest or shown[:1] in ("", " ") or shown[-1:] == " " else ""
    return f"{fence}{pad}{shown}{pad}{fence}" if shown.strip() else "(blank)"


def prose(text: str) -> str:
    """A sentence as it is, if nothing in it can be markup; else a code span."""
    folded = " ".join(text.split())
    plain = _PROSE.fullmatch(folded) is not None and _ALIVE.search(folded) is None
    return _clip(folded, _WIDE) if plain else span(folded)


def _clip(text: str, most: int) -> str:
    data = text.encode("utf-8", "replace")
    return text if len(data) <= most else data[:most].decode("utf-8", "ignore") + "\u2026"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A table with a blank line after it; nothing if there are no rows."""
    lines = [f"| {' | '.join(row)} |" for row in rows]
    if lines:
        yield from (f"| {' | '.join(header)} |", f"|{' --- |' * len(header)}", *lines, "")


def shown_of(shown: int, all_of: int, what: str) -> str:
    return f"Shown: {shown:,} of {all_of:,} {what}." if shown < all_of else f"All {what} are shown: {all_of:,}."


def _answer(result: Result) -> Iterator[str]:
    policy, tool = result["policy"], result["tool"]
    if "sensitivity" in result:
        yield from (f"**{prose(result['sensitivity'].upper())}**", "")
    yield f"# Telemetry audit: {prose(policy['id'])} {prose(policy['revision'])}"
    yield ""
    yield f"**{prose(result['verdict'].upper())}**: {prose(result['headline'])}"
    yield ""
    coverage = result["coverage"]
    window = f"{coverage['first']} to {coverage['last']}" if coverage["first"] else "no time is known"
    yield f"- Page: {prose(policy['title'])}, pack sha256 {span(policy['sha256'])}"
    yield f"- Events: {sum(row['events'] for row in result['inputs']):,}; window: {prose(window)}"
    yield f"- Tool: {span(tool['name'] + ' ' + tool['version'])}, result digest {span(result['digest'])}"
    yield ""


def _claims(result: Result) -> Iterator[str]:
    rows = [row for row in result["claims"] if row["verdict"] != "not-testable"]
    yield "## Claims of the page"
    yield ""
    if len(rows) > MOST:
        yield from (shown_of(MOST, len(rows), "claims"), "")
    cells = (
        (
            span(row["id"]),
            _verdict(row["verdict"]),
            f"{row['looked_at']:,} {prose(row['unit'])}" if row["verdict"] != "not-exercised" else "nothing",
            prose(row["reason"]),
            prose(row.get("limit", "none stated")),
        )
        for row in rows[:MOST]
    )
    yield from table(("claim", "verdict", "looked at", "why", "limit"), cells)


def _verdict(verdict: str) -> str:
    if verdict == "contradicted":
        return "the page contradicts itself"
    return f"**{prose(verdict)}**" if verdict == "violated" else prose(verdict)


def _findings(result: Result) -> Iterator[str]:
    groups, counts = result["groups"], result["counts"]
    yield "## Findings"
    yield ""
    hidden = sum(group["count"] for group in groups if group["suppressed"])
    levels = ", ".join(f"{counts[level]:,} at level {level}" for level in ("error", "warning", "note"))
    yield f"{levels}; {hidden:,} suppressed. {shown_of(min(MOST, len(groups)), len(groups), 'groups')}"
    yield ""
    header = ("level", "rule", "times", "event", "field or host", "first at", "what")
    rows = (_group(group, examples[0] if examples else None) for group, examples in islice(grouped(result), MOST))
    yield from table(header, rows)


def _group(group: GroupRow, example: FindingRow | None) -> tuple[str, ...]:
    where = group["field"] or group["host"]
    level = group["level"] + (" (suppressed)" if group["suppressed"] else "")
    level += " (known)" if group.get("baseline") == "known" else ""
    return (
        level,
        span(group["rule"]),
        f"{group['count']:,}",
        span(group["event"]) if group["event"] is not None else "",
        span(where) if where is not None else "",
        _place(example),
        prose(example["message"]) + _value(example) if example is not None else "",
    )


def _value(row: FindingRow) -> str:
    """The value of a finding, where values are revealed."""
    said = revealed(row)
    if "value" not in row:
        return prose(said) if said else ""
    return said[: said.index(":") + 2] + span(row["value"]["text"])


def _place(row: FindingRow | None) -> str:
    if row is None or row["input"] is None:
        return ""
    item = f"[{row['item']}]" if row["item"] else ""
    return span(f"{row['input']}:{row['line']}{item}" if row["line"] else f"{row['input']} unit {row['unit']}{item}")


def _measures(result: Result) -> Iterator[str]:
    """The anonymity measures, where they were asked for."""
    found = result.get("measures")
    if found is None:
        return
    yield from ("## Anonymity measures", "", f"**{prose(found['conclusion'])}**. {prose(found['limit'])}", "")
    tests = ((prose(row["test"]), prose(row["outcome"]), prose(row["reason"])) for row in found["tests"])
    yield from table(("test (WP29 Opinion 05/2014)", "outcome", "why"), tests)
    fields = (
        (span(row["category"]), span(row["event"]), span(row["field"]), *anonymity.persistence(row))
        for row in found["identifiers"][:MOST]
    )
    yield from table(("identifier", "event", "field", "values", "on several days", "longest in use"), fields)
    crowds = (
        (prose(row["origin"]), prose(", ".join(row["attributes"])), *anonymity.sharing(row))
        for row in found["uniqueness"][:MOST]
    )
    yield from table(
        ("origin", "attributes", "subjects", "combinations of one subject", "2-4", "5-9", "10-49", "50+"), crowds
    )


def _accepted(result: Result) -> Iterator[str]:
    """Suppressions and the change since a baseline, where any were given."""
    baseline, gate = result.get("baseline"), result.get("gate")
    told = [*entries(result)]
    if told:
        yield from ("## Exceptions", "", *(f"- {prose(line)}" for line in told), "")
    if baseline is not None:
        yield from ("## Change since the baseline", "", prose(change(result, baseline)), "")
        yield from (f"- {prose(line)}" for line in gone(result))
        yield from ("",) if baseline["gone"] else ()
    if gate is not None:
        yield from (f"Exit code {gate['exit']}: {prose(gate['reason'])}.", "")


def _requirements(result: Result) -> Iterator[str]:
    if result["requirements"]:
        yield "## Requirements of this audit, not of the page"
        yield ""
    rows = ((span(r["id"]), _verdict(r["verdict"]), prose(r["reason"])) for r in result["requirements"][:MOST])
    yield from table(("requirement", "verdict", "why"), rows)


def _destinations(result: Result) -> Iterator[str]:
    rows = result["destinations"]
    if rows:
        yield "## Network destinations"
        yield ""
        yield from (shown_of(min(MOST, len(rows)), len(rows), "destinations"), "")
    cells = (
        (
            span(row["host"]),
            str(row["port"] if row["port"] is not None else "not known"),
            prose(row["class"]),
            prose(row["purpose"] or "not known"),
            f"{row['contacts']:,}",
            f"{row['bytes_out']:,}",
        )
        for row in rows[:MOST]
    )
    yield from table(("host", "port", "class", "purpose", "contacts", "bytes out"), cells)


def _undecided(result: Result) -> Iterator[str]:
    rows = [row for row in result["claims"] if row["verdict"] in ("not-exercised", "inconclusive") and row.get("hint")]
    if rows:
        yield "## Not exercised, or not decided"
        yield ""
        yield from (f"- {span(row['id'])}: {prose(row['reason'])}: {prose(row.get('hint', ''))}" for row in rows[:MOST])
        yield ""
    untestable = [row for row in result["claims"] if row["verdict"] == "not-testable"]
    if untestable:
        yield f"Not testable by telemetry: {', '.join(span(row['id']) for row in untestable[:MOST])}."
        yield ""


def _reading(result: Result) -> Iterator[str]:
    inputs = result["inputs"]
    yield "## What was read"
    yield ""
    yield from (shown_of(min(MOST, len(inputs)), len(inputs), "inputs"), "")
    header = ("input", "units", "with events", "blank", "unreadable", "other", "events", "sha256")
    yield from table(header, map(_input, inputs[:MOST]))
    for reason, number in [*result["unreadable"].items()][:MOST]:
        yield f"- {number:,} unreadable: {prose(reason)}"
    for rule, number in [*result["overflow"].items()][:MOST]:
        yield f"- {span(rule)}: {number:,} findings stand in no group: too many different ones"
    if result["unreadable"] or result["overflow"]:
        yield ""


def _input(row: InputRow) -> tuple[str, ...]:
    numbers = (row["units"], row["carrying"], row["blank"], row["unreadable"], row["other"], row["events"])
    return (
        span(row["name"]),
        *(f"{number:,}" for number in numbers),
        span(_version(row)),
    )


def _version(row: InputRow) -> str:
    return row["sha256"] or (f"etag {row['etag']}" if "etag" in row else "not known")


def _searched(result: Result) -> Iterator[str]:
    said = result["coverage"]["searched"].get("words")
    if said:
        yield f"Searched for {prose(said)}"
        yield ""


def _limits(result: Result) -> Iterator[str]:
    grace, flush = (result["parameters"].get(name) for name in ("grace", "flush_window"))
    if isinstance(grace, str) and isinstance(flush, str):
        yield f"Chosen by this audit, not by the page: grace {prose(grace)}, flush window {prose(flush)}."
        yield ""
    yield "This compares one capture with one page; it cannot see what was not captured, and it is no legal assessment."
    yield ""
