"""The egress inventory as text: every destination outside, ready to paste as a firewall table, or that there was none."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from audit.engine.result import Result
from audit.redact import visible

_WIDTH = 80
_MOST = 200
_HEAD = ("destination", "port", "protocol", "class", "out of", "bytes out", "known by")


def inventory(result: Result) -> Iterator[str]:
    """The table of what lies outside, and in one sentence how far the captures could see. Nothing for logs."""
    traffic = result.get("traffic")
    if traffic is None:
        return
    outside = [row for row in result["destinations"] if row["class"] != "own"]
    yield "Egress inventory: destinations outside the installation"
    if outside:
        yield from _table([_HEAD, *map(_cells, outside[:_MOST])])
    if len(outside) > _MOST:
        yield f"  and {len(outside) - _MOST:,} more: -o json=FILE lists them"
    yield from _wrap(_sentence(traffic, len(outside)))
    yield ""


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    purpose = f" ({row['purpose']})" if row["purpose"] else ""
    port = "-" if row["port"] is None else str(row["port"])
    reached = f"{row['connected']:,}/{row['attempted']:,}"
    known = ", ".join(row["known"])
    return row["host"], port, row["scheme"], row["class"] + purpose, reached, f"{row['bytes_out']:,}", known


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    wide = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
    for row in rows:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, wide, strict=True)).rstrip()


def _sentence(traffic: Mapping[str, Any], outside: int) -> str:
    what = f"{traffic['packets']:,} packets" if traffic["packets"] else f"{traffic['contacts']:,} contacts"
    window = f" from {traffic['first']} to {traffic['last']}" if traffic["first"] else ""
    found = f"{outside:,} outside" if outside else "None outside"
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
