"""Charts as plain shapes with the table of their numbers: the template alone knows SVG, so everything is escaped there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from audit.engine.result import Result

WIDE = 960
MOST = 40


class Box(NamedTuple):
    """A rectangle; `tip` is its text for a pointer that rests on it."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    tip: str


class Word(NamedTuple):
    x: float
    y: float
    text: str
    kind: str = "label"


@dataclass(frozen=True, slots=True)
class Chart:
    """`key`: what the colours mean, as (kind, words). `more`: what the table leaves out, in a sentence.
    `numbers`: the first column of the table that holds numbers."""

    id: str
    title: str
    description: str
    height: int
    boxes: Sequence[Box]
    words: Sequence[Word]
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    key: Sequence[tuple[str, str]] = ()
    more: str = ""
    width: int = WIDE
    numbers: int = 1


SIGNS = {
    "violated": "\u2715",
    "contradicted": "\u2260",
    "inconclusive": "?",
    "not-exercised": "\u2013",
    "upheld": "\u2713",
    "not-testable": "\u00b7",
}


def claim_strip(result: Result) -> Chart | None:
    """A cell a claim, in the order of the page."""
    every = [row for row in result["claims"] if row["verdict"] != "not-testable"]
    claims = every[:MOST]
    if not claims:
        return None
    step = WIDE / len(claims)
    boxes, words = [], []
    for number, row in enumerate(claims, 1):
        x = step * (number - 1)
        boxes.append(Box(x + 1, 2, step - 2, 46, row["verdict"], f"{row['id']}: {row['verdict']}"))
        words.append(Word(x + step / 2, 32, SIGNS.get(row["verdict"], "?"), "sign"))
        words.append(Word(x + step / 2, 64, str(number), "middle"))
    counts = {verdict: sum(row["verdict"] == verdict for row in claims) for verdict in SIGNS}
    said = ", ".join(f"{number} {verdict}" for verdict, number in counts.items() if number)
    rows = [(str(number), row["id"], row["verdict"]) for number, row in enumerate(claims, 1)]
    return Chart(
        id="claim-strip",
        title="Verdict of each claim",
        description=f"One cell a claim, in the order of the page: {said}.",
        height=72,
        boxes=boxes,
        words=words,
        header=("no.", "claim", "verdict"),
        rows=rows,
        numbers=3,
        more=left_out(len(every), "claims"),
    )


def left_out(number: int, what: str) -> str:
    """What stands below a chart that shows the first MOST alone."""
    return f"Shown: {MOST} of {number:,} {what}." if number > MOST else ""


def fields(result: Result) -> Chart | None:
    """Documented and observed fields, event by event."""
    every = _per_event(result.get("inventory") or {"events": [], "fields": []})
    rows = every[:MOST]
    if not rows:
        return None
    most = max(sum(row[1:]) for row in rows) or 1
    boxes, words, kinds = [], [], ("upheld", "not-exercised", "violated")
    for index, (name, *numbers) in enumerate(rows):
        words.append(Word(0, 34 * index + 12, name))
        x = 0.0
        for kind, what, number in zip(kinds, _FIELDS, numbers, strict=True):
            wide = number * 820 / most
            if number:
                boxes.append(Box(x, 34 * index + 17, max(wide - 1, 2), 13, kind, f"{name}: {number} {what}"))
            x += wide
        words.append(Word(x + 6, 34 * index + 28, " + ".join(str(number) for number in numbers)))
    return Chart(
        id="fields",
        title="Documented and observed fields of each event",
        description=f"For each of {len(rows)} events: {', '.join(_FIELDS)}.",
        height=34 * len(rows) + 6,
        boxes=boxes,
        words=words,
        header=("event", *_FIELDS),
        rows=[(name, *(f"{number:,}" for number in numbers)) for name, *numbers in rows],
        key=[*zip(kinds, _FIELDS, strict=True)],
        more=left_out(len(every), "events"),
    )


_FIELDS = ("documented and seen", "documented, not seen", "seen, not documented")


def _per_event(inventory: Mapping[str, Any]) -> list[tuple[str, int, int, int]]:
    found: dict[tuple[str, str], list[int]] = {(row["origin"], row["event"]): [0, 0, 0] for row in inventory["events"]}
    for row in inventory["fields"]:
        index = 2 if not row["documented"] else 0 if row["events"] else 1
        found.setdefault((row["origin"], row["event"]), [0, 0, 0])[index] += 1
    names = [event for _, event in found]
    return [
        (event if names.count(event) == 1 else f"{event} ({origin})", *numbers)  # type: ignore[misc]  # three of them
        for (origin, event), numbers in found.items()
    ]
