"""The anonymity measures as the result shows them, under the three tests of WP29 Opinion 05/2014.

They can only ever weaken a claim: that nobody was singled out in one capture does not show that nobody can be.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING, Any

from audit.sketch import CROWD, CrowdKey, TraceKey
from audit.tally import Tally
from audit.tally.bounds import Bounded

if TYPE_CHECKING:
    from pandas import DataFrame

CONCLUSION = "not shown to be anonymous"
LIMIT = (
    "Counted in one capture, over documented fields alone: more events can only tell more subjects apart. That somebody was "
    "not singled out here does not show that the data are anonymous."
)
BINS = ((1, 1), (2, 4), (5, 9), (10, CROWD - 1), (CROWD, None))
"""How many subjects share a combination: from, to."""
_SPACE = 1 << 64
_LINKS = 100


def report(tally: Tally) -> dict[str, Any]:
    """Everything measured, for the result. `tally` is settled. Numbers are exact up to the bound, then estimates."""
    identifiers, uniqueness = list(_identifiers(tally)), list(_uniqueness(tally))
    links = list(_links(tally))
    return {
        "conclusion": CONCLUSION,
        "limit": LIMIT,
        "kept": tally.size.traces,
        "tests": [_singling_out(identifiers, uniqueness), _linkability(identifiers, links), _inference(identifiers)],
        "identifiers": identifiers,
        "uniqueness": uniqueness,
        "linkage": links[:_LINKS],
    }


def _number(kept: Bounded[int, Any]) -> tuple[int, bool]:
    """How many different ones there were, and whether that is exact: their density tells where only some are kept."""
    if len(kept.items) < kept.most:
        return len(kept.items), True
    return (kept.most - 1) * _SPACE // max(1, *kept.items), False


def _frame(tally: Tally) -> DataFrame:
    """One row a kept value of an identifying field; lengths in milliseconds, days by UTC."""
    import pandas as pd

    rows = [
        (*key, trace.events, (trace.last - trace.first).total_seconds() * 1000, trace.first.date() != trace.last.date())
        for key, kept in sorted(tally.traces.items())
        for trace in kept.items.values()
        if trace.first is not None and trace.last is not None
    ]
    return pd.DataFrame(rows, columns=[*TraceKey._fields, "events", "span", "days"])


def _identifiers(tally: Tally) -> Iterator[dict[str, Any]]:
    """Each identifying field that occurred: how many values, and how long one of them stays in use."""
    frame = _frame(tally)
    spans = dict(iter(frame.groupby(list(TraceKey._fields), sort=True)))
    for key, kept in sorted(tally.traces.items()):
        values, exact = _number(kept)
        part = spans.get(tuple(key))
        timed = 0 if part is None else len(part)
        yield {
            **key._asdict(),
            "values": values,
            "exact": exact,
            "kept": len(kept.items),
            "events": sum(trace.events for trace in kept.items.values()),
            "several_days": 0 if part is None else int(part["days"].sum()),
            "median": round(float(part["span"].median())) if part is not None and timed else None,
            "longest": round(float(part["span"].max())) if part is not None and timed else None,
        }


def _uniqueness(tally: Tally) -> Iterator[dict[str, Any]]:
    """Each combination of attributes: how many subjects, and by how many of them each combination is shared."""
    import pandas as pd

    for key, kept in sorted(tally.crowds.items(), key=lambda item: _order(item[0])):
        people = tally.people[key]
        sizes = pd.Series([len(subjects) for subjects in kept.items.values()], dtype="int64")
        alone = {subjects[0] for subjects in kept.items.values() if len(subjects) == 1}
        found, exact = _number(kept)
        yield {
            "origin": key.origin,
            "attributes": list(key.attributes),
            "subjects": people.number,
            "combinations": found,
            "exact": exact and people.exact,
            "kept": len(sizes),
            "unique_subjects": len(alone),
            "k": [
                {"from": low, "to": high, "combinations": int(((sizes >= low) & (sizes <= (high or CROWD))).sum())}
                for low, high in BINS
            ],
        }


def _order(key: CrowdKey) -> tuple[Any, ...]:
    return key.origin, len(key.attributes), key.attributes


def _links(tally: Tally) -> Iterator[dict[str, Any]]:
    """Fields that hold the same value: what ties the records of one subject together. Only kept parts are compared."""
    for (one, mine), (two, theirs) in combinations(sorted(tally.traces.items()), 2):
        edge = min(_edge(mine), _edge(theirs))
        low, high = ({digest for digest in kept.items if digest <= edge} for kept in (mine, theirs))
        if low & high:
            yield {
                "one": one._asdict(),
                "two": two._asdict(),
                "shared": len(low & high),
                "of": len(low | high),
                "across_origins": one.origin != two.origin,
            }


def _edge(kept: Bounded[int, Any]) -> int:
    """Up to where the kept digests are all that there were."""
    return max(kept.items) if len(kept.items) >= kept.most else _SPACE


def _test(name: str, *, shown: bool, reason: str) -> dict[str, str]:
    return {"test": name, "outcome": CONCLUSION if shown else "not measured", "reason": reason}


def _singling_out(identifiers: list[dict[str, Any]], uniqueness: list[dict[str, Any]]) -> dict[str, str]:
    direct = sorted({row["category"] for row in identifiers})
    parts = [f"fields that identify occur: {', '.join(direct)}"] if direct else []
    several = [row for row in uniqueness if row["subjects"] > 1]  # one subject is alone whatever it sends
    alone = [(row["k"][0]["combinations"], -len(row["attributes"]), row) for row in several if row["unique_subjects"]]
    if alone:
        number, _, worst = max(alone, key=lambda found: found[:2])
        what = f"{worst['kept']:,} combinations of {', '.join(worst['attributes'])}"
        parts.append(f"{number:,} of {what} looked at belong to one subject alone")
    elif several:
        parts.append("no subject was alone with its attributes")
    elif uniqueness:
        parts.append("one subject was seen, so how many share its attributes was not measured")
    return _test("singling out", shown=bool(parts), reason="; ".join(parts) or "no documented identifier occurred")


def _linkability(identifiers: list[dict[str, Any]], links: list[dict[str, Any]]) -> dict[str, str]:
    lasting = [row for row in identifiers if row["several_days"]]
    across = sum(link["across_origins"] for link in links)
    parts = [
        f"{row['several_days']:,} of {row['kept']:,} values of {row['category']} in {row['event']} came on more than one day"
        for row in sorted(lasting, key=lambda row: (-row["several_days"], row["category"], row["event"]))[:3]
    ]
    if links:
        shared = "1 pair of fields shares" if len(links) == 1 else f"{len(links):,} pairs of fields share"
        parts.append(f"{shared} values, {across:,} of them of different origins")
    if not parts and identifiers:
        parts.append("no value came on two days or stood in two fields of this capture")
    return _test("linkability", shown=bool(parts), reason="; ".join(parts) or "no documented identifier occurred")


def _inference(identifiers: list[dict[str, Any]]) -> dict[str, str]:
    """What follows from a value without any list: counts cannot decide more."""
    told = {"ip-address": "place and provider from an address", "user-agent": "device and system from a user agent"}
    found = [words for name, words in told.items() if any(row["category"] == name for row in identifiers)]
    reason = (
        f"can be deduced: {', '.join(found)}" if found else "counts of one capture do not decide what can be deduced"
    )
    return _test("inference", shown=bool(found), reason=reason)
