"""The inventory of events and fields, as text, Markdown, CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NotRequired, TypedDict

from audit.engine.result import InputRow, PolicyRow, Tool
from audit.engine.seen import plural
from audit.redact import visible
from audit.writers.csv_table import cell
from audit.writers.markdown import prose, span, table

HEADER = ("origin", "event", "field", "documented", "category", "events", "share", "types", "different values")


class Document(TypedDict):
    format: str
    tool: Tool
    policy: PolicyRow
    inputs: list[InputRow]
    inventory: dict[str, Any]
    unreadable: dict[str, int]
    digest: NotRequired[str]


def render(document: Document, kind: str) -> str:
    """The inventory in one of FORMATS."""
    return FORMATS[kind](document)


def rows(inventory: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """A row of words for each field, in the order of HEADER."""
    totals = {(row["origin"], row["event"]): row["events"] for row in inventory["events"]}
    for row in inventory["fields"]:
        yield (
            row["origin"],
            row["event"],
            row["field"],
            "yes" if row["documented"] else "NO",
            row["category"] or "-",
            f"{row['events']:,}",
            share(row["events"], totals.get((row["origin"], row["event"]), 0)),
            ", ".join(row["types"]) or "not seen",
            f"{row['distinct']:,}" if row["exact"] else f"about {row['distinct']:,}",
        )


def share(part: int, whole: int) -> str:
    """A share in per cent, rounded down; never 100 % or 0 % of what is neither."""
    if not whole:
        return "-"
    permille = part * 1000 // whole
    return "< 0.1 %" if part and not permille else f"{permille // 10}.{permille % 10} %"


def times(number: int) -> str:
    return "once" if number == 1 else f"{number:,} times"


def _text(document: Document) -> str:
    policy = document["policy"]
    head = f"telemetry-audit {document['tool']['version']}   policy {policy['id']} {policy['revision']}"
    return "\n".join((visible(head), "", *_events(document["inventory"]), *_rest(document), ""))


def _events(inventory: Mapping[str, Any]) -> Iterator[str]:
    """A table of fields below each event."""
    from tabulate import tabulate

    fields: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for origin, event, name, documented, category, _, part, types, distinct in rows(inventory):
        said = category if documented == "yes" else "NOT DOCUMENTED"
        shown = (name, said, part, types, distinct)
        fields.setdefault((origin, event), []).append(tuple(map(visible, shown)))
    if not inventory["events"]:
        yield from ("No event was read, so no field was seen.", "")
    for row in inventory["events"]:
        listed = "listed by the page" if row["listed"] else "NOT LISTED by the page"
        yield visible(f"{row['event']}   {row['origin']}, {times(row['events'])}, {listed}")
        cells = fields.get((row["origin"], row["event"]), [])
        header = ("field", "category", "share", "types", "values")
        align = ("left", "left", "right", "left", "right")
        if cells:
            yield tabulate(cells, header, tablefmt="simple", disable_numparse=True, colalign=align)
        yield ""


def _rest(document: Document) -> Iterator[str]:
    """What stands beside every table: what is left out, what was read, what it is not."""
    other = document["inventory"]["other"]
    if other["events"] or other["fields"]:
        yield f"Not listed, because there are too many: {other['fields']:,} fields, {other['events']:,} events."
    for row in document["inputs"]:
        yield visible(
            f"Read {row['name']}: {plural(row['units'], 'unit')}, {plural(row['events'], 'event')}, "
            f"{row['unreadable']:,} unreadable."
        )
    yield "This lists what these captures hold. It judges nothing, and it is no legal assessment."


def _markdown(document: Document) -> str:
    inventory, policy = document["inventory"], document["policy"]
    lines = [f"# Telemetry inventory: {prose(policy['id'])} {prose(policy['revision'])}", ""]
    events = (
        (span(row["origin"]), span(row["event"]), f"{row['events']:,}", "yes" if row["listed"] else "**no**")
        for row in inventory["events"]
    )
    lines += table(("origin", "event", "events", "listed by the page"), events)
    cells = ([*map(span, row[:3]), *map(prose, row[3:])] for row in rows(inventory))
    lines += table(HEADER, cells)
    for line in _rest(document):
        lines += [prose(line), ""]
    return "\n".join(lines)


def _csv(document: Document) -> str:
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow((*HEADER[:5], "events", "events of this name", "types", "different values", "exact"))
    totals = {(row["origin"], row["event"]): row["events"] for row in document["inventory"]["events"]}
    for row in document["inventory"]["fields"]:
        whole = totals.get((row["origin"], row["event"]), 0)
        names = (row["origin"], row["event"], row["field"], "yes" if row["documented"] else "no", row["category"])
        numbers = (row["events"], whole, " ".join(row["types"]), row["distinct"], "yes" if row["exact"] else "no")
        writer.writerow([cell(value) for value in (*names, *numbers)])
    return text.getvalue()


def _json(document: Document) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


FORMATS: Mapping[str, Callable[[Document], str]] = {"text": _text, "markdown": _markdown, "csv": _csv, "json": _json}
