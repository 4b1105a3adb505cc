"""Lines known again, counted: the same as is left behind by events that the fast lane proved."""

from __future__ import annotations

from collections import Counter
from typing import TypeAlias

import numpy as np
import orjson

from audit.engine.bulk import Counts, packed, unmarked
from audit.engine.learned import HOUR, Taken, instant
from audit.engine.template import filled
from audit.engine.times import hour_of
from audit.rules.case import Marker, Timeline
from audit.rules.timelines import Delivery
from audit.tally import LOGS, Tally

Markers: TypeAlias = tuple[tuple[Timeline, Marker], ...]


def recount(taken: Taken, markers: Markers, counts: Counts, tally: Tally, place: tuple[int, int]) -> None:
    """Count lines known again and leave their marks. `place`: their input, and the number of the first line of their piece."""
    numbers = Counter([row.number for row in taken.rows])
    for row in {row.number: row for row in taken.rows}.values():
        name, of = row.template.plan.type.name, numbers[row.number]
        counts.clean[name] += of
        for text in row.template.fields:
            counts.fields[name, text] += of
    _when(taken, tally)
    start = int.from_bytes(packed(place[0], 0, place[1]), "big")
    for timeline, mark in markers:
        bodies = _bodies(timeline, mark, taken, tally)
        if bodies:
            marks = (body + (start + (at << 8)).to_bytes(8, "big") for at, body in bodies)
            counts.marks[timeline.id] += b"".join(marks)


def _bodies(timeline: Timeline, mark: Marker, taken: Taken, tally: Tally) -> list[tuple[int, bytes]]:
    """The marks of lines known again, without their places: made of the bytes where that can be."""
    if isinstance(mark, Delivery):
        return [
            (
                at,
                mark.mark(
                    line[row.template.id[0] : row.template.id[1]],
                    filled(line, row.template.said, row.template.form),
                ),
            )
            for at, row, line in zip(taken.at, taken.rows, taken.lines, strict=True)
            if row.template.id is not None
        ]
    bodies = []
    for at, row, line, number in zip(taken.at, taken.rows, taken.lines, taken.arrived.tolist(), strict=True):
        entry = row.template.plan.type
        if timeline.cadenced and entry.cadence is None:
            continue
        when = instant(number) if number >= 0 else None
        body = mark(entry, orjson.loads(line), when)
        if body is not None:
            bodies.append((at, body))
        elif timeline.cadenced:
            unmarked(entry, [when], tally)
    return bodies


def _when(taken: Taken, tally: Tally) -> None:
    """Note when lines known again arrived: the ends, and how many in which hour."""
    origins = [row.template.plan.type.origin for row in taken.rows]
    for origin in set(origins):
        mine = np.array([other == origin for other in origins], np.bool_)
        arrived = taken.arrived[mine & (taken.arrived >= 0)]
        if len(arrived):
            first, last = instant(int(arrived.min())), instant(int(arrived.max()))
            tally.saw(first, last)
            tally.live(LOGS, first, last)
            for hour, number in zip(*np.unique(arrived // HOUR, return_counts=True), strict=True):
                tally.hours.add(origin, hour_of(instant(int(hour) * HOUR)), int(number))
