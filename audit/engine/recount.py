"""Lines known again, counted: the same as is left behind by events that the fast lane proved."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import orjson

from audit.engine.bulk import Counts, packed, unmarked
from audit.engine.instants import HOUR, instant, micros
from audit.engine.learned import Row, Taken
from audit.engine.times import hour_of
from audit.policy.pack import is_address
from audit.rules.case import Marker, Timeline
from audit.rules.timelines import Beats, Delivery
from audit.tally import MARK, Tally

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
    for unit, taken in found:
        start = int.from_bytes(packed(index, 0, unit), "big")
        for timeline, mark in markers:
            bodies = _bodies(timeline, mark, taken, tally)
            if bodies:
                counts.marks[timeline.id] += _placed(bodies, start)
    _when([taken for _, taken in found], tally)


def _placed(bodies: list[tuple[int, bytes]], start: int) -> bytes:
    """Marks with their places behind them, all at once."""
    at, marks = zip(*bodies, strict=True)
    places = (np.array(at, np.uint64) << np.uint64(8)) + np.uint64(start)
    made = np.empty((len(marks), MARK), np.uint8)
    made[:, :-8] = np.frombuffer(b"".join(marks), np.uint8).reshape(len(marks), MARK - 8)
    made[:, -8:] = places.astype(">u8").view(np.uint8).reshape(len(marks), 8)
    return made.tobytes()


def _messages(taken: Taken) -> list[tuple[int, bytes]]:
    """The marks of messages, without their places: made of the bytes of their lines."""
    return [
        (at, saying.mark(line))
        for at, row, line in zip(taken.at, taken.rows, taken.lines, strict=True)
        if (saying := row.template.saying) is not None
    ]


def _beats(mark: Beats, taken: Taken, tally: Tally) -> list[tuple[int, bytes]]:
    """The marks of keep-alives, without their places. Each that leaves none is a gap."""
    bodies = []
    arrived = taken.arrived[taken.beats]
    for number, at, since in zip(taken.beats, arrived.tolist(), micros(arrived), strict=True):
        row, line = taken.rows[number], taken.lines[number]
        subject = line[slice(*row.template.subject)] if row.template.subject is not None else b""
        if at >= 0 and subject and not is_address(subject.decode()):
            bodies.append((taken.at[number], mark.mark(row.template.plan.type, subject, since)))
        else:
            unmarked(row.template.plan.type, [instant(at) if at >= 0 else None], tally)
    return bodies


def _bodies(timeline: Timeline, mark: Marker, taken: Taken, tally: Tally) -> list[tuple[int, bytes]]:
    """The marks of lines known again, without their places."""
    if isinstance(mark, Delivery):
        return _messages(taken)
    if isinstance(mark, Beats):
        return _beats(mark, taken, tally) if taken.beats else []
    bodies = []
    for number in taken.beats if timeline.cadenced else range(len(taken.at)):
        entry, arrived = taken.rows[number].template.plan.type, int(taken.arrived[number])
        when = instant(arrived) if arrived >= 0 else None
        body = mark(entry, orjson.loads(taken.lines[number]), when)
        if body is not None:
            bodies.append((taken.at[number], body))
        elif timeline.cadenced:
            unmarked(entry, [when], tally)
    return bodies


def _when(found: Sequence[Taken], tally: Tally) -> None:
    """Note when lines known again arrived: the ends, and how many in which hour."""
    arrived = np.concatenate([taken.arrived for taken in found])
    kind = np.concatenate([taken.kind for taken in found])
    for number, (origin, index) in enumerate(found[-1].kinds):
        mine = arrived[(kind == number) & (arrived >= 0)]
        if len(mine):
            each = zip(*np.unique(mine // HOUR, return_counts=True), strict=True)
            hours = {hour_of(instant(int(hour) * HOUR)): int(count) for hour, count in each}
            tally.dated(origin, index, instant(int(mine.min())), instant(int(mine.max())), hours)
