"""Lines known again, counted: the same as is left behind by events that the fast lane proved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import TypeAlias

import numpy as np
import orjson

from audit.engine.bulk import Counts, packed, unmarked
from audit.engine.learned import HOUR, Row, Taken, instant
from audit.engine.times import hour_of
from audit.rules.case import Marker, Timeline
from audit.rules.timelines import Delivery
from audit.tally import CLAIMED, LOGS, Tally

Markers: TypeAlias = tuple[tuple[Timeline, Marker], ...]


def recount(found: Sequence[tuple[int, Taken]], markers: Markers, counts: Counts, tally: Tally, index: int) -> None:
    """Count lines known again and leave their marks. `found`: what was taken of some pieces of input `index`, each with the
    number of the first line of the piece."""
    numbers: Counter[Row] = Counter()
    for _, taken in found:
        numbers.update(taken.rows)
    for row, of in numbers.items():
        name = row.template.plan.type.name
        counts.clean[name] += of
        for text in row.template.fields:
            counts.fields[name, text] += of
    cadenced = {row for row in numbers if row.template.plan.type.cadence is not None}
    for unit, taken in found:
        start = int.from_bytes(packed(index, 0, unit), "big")
        for timeline, mark in markers:
            bodies = _bodies(timeline, mark, taken, cadenced, tally)
            if bodies:
                marks = [body + (start + (at << 8)).to_bytes(8, "big") for at, body in bodies]
                counts.marks[timeline.id] += b"".join(marks)
    _when([taken for _, taken in found], tally)


def _messages(mark: Delivery, taken: Taken) -> list[tuple[int, bytes]]:
    """The marks of messages, without their places: made of the bytes of their lines."""
    return [
        (at, mark.mark(*saying.of(line)))
        for at, row, line in zip(taken.at, taken.rows, taken.lines, strict=True)
        if (saying := row.template.saying) is not None
    ]


def _bodies(
    timeline: Timeline, mark: Marker, taken: Taken, cadenced: Collection[Row], tally: Tally
) -> list[tuple[int, bytes]]:
    """The marks of lines known again, without their places."""
    if isinstance(mark, Delivery):
        return _messages(mark, taken)
    bodies = []
    for number, (at, row) in enumerate(zip(taken.at, taken.rows, strict=True)):
        if timeline.cadenced and row not in cadenced:
            continue
        entry, arrived = row.template.plan.type, int(taken.arrived[number])
        when = instant(arrived) if arrived >= 0 else None
        body = mark(entry, orjson.loads(taken.lines[number]), when)
        if body is not None:
            bodies.append((at, body))
        elif timeline.cadenced:
            unmarked(entry, [when], tally)
    return bodies


def _when(found: Sequence[Taken], tally: Tally) -> None:
    """Note when lines known again arrived: the ends, and how many in which hour."""
    arrived = np.concatenate([taken.arrived for taken in found])
    rows = [row.template for taken in found for row in taken.rows]
    origins = np.array([template.plan.type.origin for template in rows], np.str_)
    stamped = np.array([template.stamped for template in rows], np.bool_)
    for origin in set(origins.tolist()):
        for index, whose in ((LOGS, stamped), (CLAIMED, ~stamped)):
            mine = arrived[(origins == origin) & whose & (arrived >= 0)]
            if len(mine):
                each = zip(*np.unique(mine // HOUR, return_counts=True), strict=True)
                hours = {hour_of(instant(int(hour) * HOUR)): int(number) for hour, number in each}
                tally.dated(origin, index, instant(int(mine.min())), instant(int(mine.max())), hours)
