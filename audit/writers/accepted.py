"""What somebody accepts: suppressions and the baseline, as lines of words. Every format says at least the number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from audit.engine.result import Result

MOST = 40
"""Entries listed; the result holds all of them."""


def suppressed(result: Result) -> int:
    """Findings that are suppressed: all of their groups', not only those shown."""
    return sum(group["count"] for group in result["groups"] if group["suppressed"])


def headline(result: Result) -> str:
    number = suppressed(result)
    return "1 finding is suppressed." if number == 1 else f"{number:,} findings are suppressed."


def change(result: Result, row: dict[str, Any]) -> str:
    """The change since a baseline, and whether the page changed meanwhile."""
    ours = result["policy"]["revision"]
    other = f" It was written against revision {row['revision']} of the page." if row["revision"] != ours else ""
    return (
        f"Since the baseline {row['file']['name']}: {row['new']:,} new groups of findings, {row['known']:,} known, "
        f"{row['gone']:,} not found this time.{other}"
    )


def gone(result: Result) -> Iterator[str]:
    """What the baseline knows and this capture does not show, then how many more."""
    row = result.get("baseline")
    if row is not None:
        shown = row["gone_entries"][:MOST]
        yield from (f"not found this time: {entry['level']} {_about(entry)}" for entry in shown)
        if row["gone"] > len(shown):
            yield f"and {row['gone'] - len(shown):,} more that were not found"


def entries(result: Result) -> Iterator[str]:
    """Every suppression with its state: those that had no effect first."""
    row = result.get("exceptions")
    if row is None:
        return
    if not row["applied"]:
        yield "Suppressions were given and, as --no-suppressions asks, not applied."
    found = sorted(row["entries"], key=lambda entry: entry["state"] == "in-force")
    yield from (_entry(entry) for entry in found[:MOST])
    if len(found) > MOST:
        yield f"and {len(found) - MOST:,} more suppressions: -o json=FILE lists them all"


_STATES = {
    "in-force": "in force",
    "expired": "EXPIRED, hides nothing",
    "unused": "UNUSED, remove it",
    "over-cap": "OVER ITS CAP, hides nothing",
    "not-applied": "not applied",
}


def _entry(entry: dict[str, Any]) -> str:
    return (
        f"{_STATES[entry['state']]}{_near(entry)}: {_about(entry)}, "
        f"{entry['matched']:,} of at most {entry['cap']:,} findings, "
        f"until {entry['expires']}, {entry['owner']}: {entry['reason']}"
    )


def _near(entry: dict[str, Any]) -> str:
    """What sets one that names no findings apart from the findings that it may have meant."""
    near = entry.get("nearest")
    if not near:
        return ""
    keys = [key for key in ("event", "field", "host") if near[key] != entry[key]]
    other = " and ".join(f"{key} {near[key]}" if near[key] else f"no {key}" for key in keys)
    return f" or make it exact: there are findings with {other}"


def _about(entry: dict[str, Any]) -> str:
    return " ".join(entry[key] for key in ("rule", "event", "host", "field") if entry[key] is not None)
