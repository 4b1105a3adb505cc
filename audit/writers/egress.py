"""The egress inventory as text: every destination outside, ready to paste as a firewall table, or that there was none."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from audit.engine.result import Result
from audit.redact import visible

_WIDTH = 80
_MOST = 200
HEAD = ("destination", "port", "protocol", "class", "out of", "bytes out", "known by", "at")


def inventory(result: Result) -> Iterator[str]:
    """The table of what lies outside, and in one sentence how far the captures could see. Nothing for logs."""
    traffic = result.get("traffic")
    if traffic is None:
        return
    rows = outside(result)
    yield "Egress inventory: destinations outside the installation"
    if rows:
        yield from _table([HEAD, *map(cells, rows[:_MOST])])
    if len(rows) > _MOST:
        yield f"  and {len(rows) - _MOST:,} more: -o json=FILE lists them"
    yield from _wrap(sentence(traffic, len(rows)))
    yield ""


def outside(result: Result) -> list[dict[str, Any]]:
    """The destinations that are not the installation's own."""
    return [row for row in result["destinations"] if row["class"] != "own"]


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    """One row of the table, without any markup."""
    purpose = f" ({row['purpose']})" if row["purpose"] else ""
    port = "-" if row["port"] is None else str(row["port"])
    reached = f"{row['connected']:,}/{row['attempted']:,}"
    known = ", ".join(row["known"])
    shown = ", ".join(row["addresses"][:2]) + (f" +{len(row['addresses']) - 2}" if len(row["addresses"]) > 2 else "")
    return (
        row["host"],
        port,
        row["scheme"],
        row["class"] + purpose,
        reached,
        f"{row['bytes_out']:,}",
        known,
        shown or "-",
    )


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    wide = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip()


def sentence(traffic: Mapping[str, Any], number: int) -> str:
    """How many lie outside, and how far the captures could see."""
    what = f"{traffic['packets']:,} packets" if traffic["packets"] else f"{traffic['contacts']:,} contacts"
    window = f" from {traffic['first']} to {traffic['last']}" if traffic["first"] else ""
    found = f"{number:,} outside" if number else "None outside"
    text = f"{found} in {what}{window}"
    if not traffic["packets"]:
        return f"{text}; only what a proxy or browser recorded, not every packet."
    dropped, snaplen = traffic["dropped"], traffic["snaplen"]
    losses = "no drop counter in the file" if dropped is None else f"{dropped:,} dropped by the capture"
    length = f"snap length {snaplen:,}, {traffic['cut_short']:,} cut short" if snaplen else "no snap length"
    odd = f"; {traffic['not_read']:,} of no protocol that is read" if traffic["not_read"] else ""
    return f"{text}; {losses}; {length}{odd}."


def _wrap(text: str) -> list[str]:
    return textwrap.wrap(visible(text), _WIDTH, initial_indent="  ", subsequent_indent="  ")
