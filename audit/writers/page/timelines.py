"""Charts of time: events over the capture and around a no, and intervals between keep-alives."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple

from audit.engine.result import Result
from audit.engine.seen import plural
from audit.engine.times import parse_time
from audit.redact import duration, instant
from audit.writers.page.charts import WIDE, Box, Chart, Word

COLUMNS = 48
"""Columns of the timeline: each has a row in its table."""
_SHADES = 4
_SILENT = ("opted-out", "declined", "perhaps-off")
_START = datetime.min.replace(tzinfo=UTC)


def parse(text: str) -> datetime:
    """An instant of the result. A format checker lets days through that no calendar has: those stand at its beginning."""
    return parse_time(text) or _START


class Column(NamedTuple):
    start: datetime
    end: datetime
    origins: Mapping[str, int]

    @property
    def total(self) -> int:
        return sum(self.origins.values())


def columns(timeline: Mapping[str, Any]) -> list[Column]:
    """The bins of a timeline with the empty ones between them, as few and wide as a chart can show."""
    width = timedelta(milliseconds=timeline["width"])
    bins = sorted(((parse(row["from"]), row["origins"]) for row in timeline["events"]), key=lambda pair: pair[0])
    if not bins:
        return []
    first, number = bins[0][0], (bins[-1][0] - bins[0][0]) // width + 1
    width *= -(-number // COLUMNS)
    found: dict[int, dict[str, int]] = {}
    for start, origins in bins:
        mine = found.setdefault((start - first) // width, {})
        for origin, count in origins.items():
            mine[origin] = mine.get(origin, 0) + count
    last = max(found)
    return [Column(first + n * width, _after(first, (n + 1) * width), found.get(n, {})) for n in range(last + 1)]


def _after(first: datetime, delta: timedelta) -> datetime:
    try:
        return first + delta
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def capture_timeline(result: Result) -> Chart | None:
    """Events over time, with the periods of a no and stretches without any event."""
    found = columns(result.get("timeline") or {"width": 1, "events": []})
    if not found:
        return None
    origins = sorted({origin for column in found for origin in column.origins})
    shade = {origin: f"shade{min(index, _SHADES - 1)}" for index, origin in enumerate(origins)}
    step, most = WIDE / len(found), max(column.total for column in found)
    boxes = [*_periods(result, found[0].start, found[-1].end)]
    for index, column in enumerate(found):
        top = 160.0
        for origin in origins:
            number = column.origins.get(origin, 0)
            if number:
                tall = max(2.0, 140 * number / most)
                top -= tall
                tip = f"{_span(column)}: {number:,} of {origin}"
                boxes.append(Box(step * index + 1, max(top, 4), max(step - 2, 1), tall, shade[origin], tip))
        if not column.total:
            boxes.append(Box(step * index, 156, step, 4, "gap", f"{_span(column)}: no event"))
    silent = sum(not column.total for column in found)
    key = [*((kind, f"events of {origin}") for origin, kind in shade.items()), ("gap", "no event in that time")]
    if any(box.kind == "period" for box in boxes):
        key.append(("period", "opted out, declined, or perhaps off"))
    ends = (found[0].start, found[-1].end)
    words = [Word(0, 180, instant(ends[0])), Word(WIDE, 180, instant(ends[1]), "end"), Word(4, 14, f"{most:,}")]
    width = duration(found[0].end - found[0].start)
    rows = [
        (_span(column), *(f"{column.origins.get(origin, 0):,}" for origin in origins), f"{column.total:,}")
        for column in _joined(found)
    ]
    return Chart(
        id="capture-timeline",
        title="Events over time",
        description=f"Columns of {width} from {instant(ends[0])} to {instant(ends[1])}; the highest holds {most:,} "
        f"events, and {silent} of {len(found)} hold none.",
        height=188,
        boxes=boxes,
        words=words,
        header=("time (UTC)", *origins, "all"),
        rows=rows,
        key=key,
    )


def _joined(found: Sequence[Column]) -> Iterator[Column]:
    """The columns, those without events next to each other as one: a gap."""
    for empty, columns_ in groupby(found, key=lambda column: not column.total):
        mine = list(columns_)
        if empty:
            yield Column(mine[0].start, mine[-1].end, {})
        else:
            yield from mine


def _span(column: Column) -> str:
    return f"{_minute(column.start)} to {_minute(column.end)}"


def _minute(when: datetime) -> str:
    return when.isoformat(sep=" ", timespec="minutes")[:16]


def _periods(result: Result, first: datetime, last: datetime) -> Iterator[Box]:
    """Where consent says no, behind the columns. The whole length of a chart is more than nothing."""
    length = (last - first) / timedelta(seconds=1) or 1.0
    for row in result["coverage"]["consent"]:
        if row["state"] not in _SILENT:
            continue
        start = max(first, parse(row["from"]) if row["from"] else first)
        end = min(last, parse(row["to"]) if row["to"] else last)
        if start < end:
            x, wide = ((at / timedelta(seconds=1)) * WIDE / length for at in (start - first, end - start))
            yield Box(x, 0, max(wide, 2), 160, "period", f"{row['subject']}: {row['state']} from {instant(start)}")


def around_opt_outs(result: Result) -> Iterator[Chart]:
    """Events that need an opt-in, hour by hour around each dated no."""
    for number, row in enumerate((result.get("timeline") or {"opt_outs": []})["opt_outs"], 1):
        hours = {entry["hour"]: entry["events"] for entry in row["hours"]}
        step, most = WIDE / 48, max(hours.values(), default=1)
        boxes = [
            Box(
                step * (hour + 24) + 1,
                140 - max(2, 130 * count / most),
                step - 2,
                max(2, 130 * count / most),
                "shade0" if hour < 0 else "violated",
                f"{_away(hour)}: {count:,} events",
            )
            for hour, count in sorted(hours.items())
        ]
        before, after = (sum(n for hour, n in hours.items() if (hour < 0) is early) for early in (True, False))
        yield Chart(
            id=f"around-opt-out-{number}",
            title=f"Events per hour around {_said(row['state'])} of {instant(parse(row['at']))} ({row['subject']})",
            description=f"Events that need an opt-in, 24 hours before and after: {before:,} before, {after:,} after.",
            height=166,
            boxes=[Box(WIDE / 2 - 1, 0, 2, 144, "line", "the change took effect"), *boxes],
            words=[
                Word(0, 160, "24 h before"),
                Word(WIDE / 2, 160, "took effect", "middle"),
                Word(WIDE, 160, "24 h after", "end"),
            ],
            header=("hours", "events"),
            rows=[(_away(hour), f"{count:,}") for hour, count in sorted(hours.items())],
            key=[("shade0", "before"), ("violated", "after")],
            more="Every other hour of the 48 holds none.",
        )


def _away(hour: int) -> str:
    return f"{hour} to {hour + 1} h after" if hour >= 0 else f"{-hour} to {-hour - 1} h before"


def _said(state: str) -> str:
    return "the opt-out" if state == "opted-out" else "the no"


def intervals(result: Result) -> Iterator[Chart]:
    """Keep-alive intervals of each event with a documented cadence, with the tolerance band."""
    for number, row in enumerate((result.get("timeline") or {"intervals": []})["intervals"], 1):
        every, tolerance = (timedelta(milliseconds=row[name]) for name in ("every", "tolerance"))
        places = _places(row["bins"])
        step = WIDE / (max(places) + 1)
        kept = sum(entry["intervals"] for entry in row["bins"] if _inside(entry, row))
        yield Chart(
            id=f"intervals-{number}",
            title=f"Intervals between keep-alives: {row['event']}",
            description=f"Documented: every {duration(every)}, {duration(tolerance) or 'nothing'} more or less. "
            f"{plural(row['intervals'], 'interval')} of {plural(row['instances'], 'instance')}, {kept:,} in the tolerance band.",
            height=168,
            boxes=[*_bars(row, places, step)],
            words=[Word(step * (n + 0.5), 160, _short(e), "middle") for n, e in zip(places, row["bins"], strict=True)],
            header=("interval", "number", "in the tolerance band"),
            rows=[(_length(e), f"{e['intervals']:,}", "yes" if _inside(e, row) else "no") for e in row["bins"]],
            key=[("upheld", "in the tolerance band"), ("inconclusive", "outside it")],
            more="Lengths between them that are not listed have no interval.",
        )


def _bars(row: Mapping[str, Any], places: Sequence[int], step: float) -> Iterator[Box]:
    most = max(entry["intervals"] for entry in row["bins"])
    for place, entry in zip(places, row["bins"], strict=True):
        inside = _inside(entry, row)
        if inside:
            yield Box(step * place, 0, step, 144, "band", "the tolerance band")
        tall = max(2, 126 * entry["intervals"] / most)
        kind = "upheld" if inside else "inconclusive"
        tip = f"{_length(entry)}: {entry['intervals']:,}"
        yield Box(step * (place + 0.1), 140 - tall, step * 0.8, tall, kind, tip)


def _places(bins: Sequence[Mapping[str, Any]]) -> list[int]:
    """Where each bin stands, counted in bins from the first: those between that hold nothing keep their room."""
    finite = [(entry["from"], entry["to"]) for entry in bins if entry["from"] is not None and entry["to"] is not None]
    width = max((end - start for start, end in finite), default=1) or 1
    low = any(entry["from"] is None for entry in bins)
    first = min((end for _, end in finite), default=0)
    places = [min(low + max((end - first) // width, 0), 2 * WIDE) for _, end in finite]
    return [0] * low + places + [max(places, default=-1 + low) + 1] * (len(bins) - low - len(places))


def _inside(entry: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    return entry["from"] is not None and entry["to"] is not None and entry["from"] <= row["every"] < entry["to"]


def _length(entry: Mapping[str, Any]) -> str:
    start, end = (None if entry[n] is None else duration(timedelta(milliseconds=entry[n])) for n in ("from", "to"))
    return f"under {end}" if start is None else f"{start} or more" if end is None else f"{start} to {end}"


def _short(entry: Mapping[str, Any]) -> str:
    length = _length(entry)
    return length if entry["from"] is None or entry["to"] is None else length.split(" to ", maxsplit=1)[0] + " +"
