"""Consent as the auditor gives it: a file of rows, options, a docker.env, the output of `docker inspect`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.engine.times import parse_time
from audit.policy.consent import EVERYONE, START, Change, ConsentTable, State
from audit.redact import instant, visible
from audit.sources.docker_env import Switch

_STATES = {"opted-in": State.OPTED_IN, "declined": State.DECLINED, "opted-out": State.OPTED_OUT}
_COLUMNS = ("at", "subject", "state", "effective_at")


class ConsentError(Exception):
    """A consent source that cannot be used: names the file and line, or the options, and the remedy."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a consent file, with where it stands."""

    line: int
    at: datetime
    subject: str
    state: str
    effective: datetime | None


def read_rows(text: str, name: str) -> list[Row]:
    """Rows of CSV (with header) or JSON lines. Raises ConsentError with file and line."""
    text = text.removeprefix("\ufeff")
    rows = list(_json_rows(text, name) if text.lstrip().startswith("{") else _csv_rows(text, name))
    if not rows:
        raise ConsentError(f"{name}: no rows: the first line is the header {','.join(_COLUMNS)}")
    return rows


def _json_rows(text: str, name: str) -> Iterator[Row]:
    for line, raw in enumerate(text.split("\n"), 1):
        if raw.strip():
            try:
                pairs = json.loads(raw, object_pairs_hook=list)
            except (ValueError, RecursionError):
                raise ConsentError(f"{name}:{line}: not JSON") from None
            if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
                raise ConsentError(f"{name}:{line}: a row is an object with at, subject, state")
            if len(dict(pairs)) != len(pairs):
                raise ConsentError(f"{name}:{line}: a member stands twice")
            yield _row(dict(pairs), name, line)


_COMMAS = ", and commas must stand between the columns"


def _csv_rows(text: str, name: str) -> Iterator[Row]:
    # A line that begins with # is a comment, as in the file that `policy plan` prints; blanked, so that lines keep numbers.
    plain = "\n".join("" if line.lstrip().startswith("#") else line for line in text.split("\n"))
    reader = csv.reader(io.StringIO(plain, newline=""), strict=True)
    header: list[str] = []
    line = 0
    try:
        for cells in reader:
            line = reader.line_num
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = _header([cell.strip() for cell in cells], name, line)
            elif len(cells) > len(header) or set(header[len(cells) :]) - {"effective_at"}:
                raise ConsentError(f"{name}:{line}: {len(header)} columns are expected")
            else:
                yield _row(dict(zip(header, cells, strict=False)), name, line)
    except csv.Error as error:
        raise ConsentError(f"{name}:{max(reader.line_num, line + 1)}: not CSV: {error}") from None
    if not header:
        raise ConsentError(
            f"{name}:1: the header must be {','.join(_COLUMNS[:3])} with or without effective_at{_COMMAS}"
        )


def _header(cells: list[str], name: str, line: int) -> list[str]:
    if not set(_COLUMNS[:3]) <= set(cells) <= set(_COLUMNS) or len(set(cells)) != len(cells):
        raise ConsentError(
            f"{name}:{line}: the header must be {','.join(_COLUMNS[:3])} with or without effective_at{_COMMAS}"
        )
    return cells


def _row(raw: Mapping[str, Any], name: str, line: int) -> Row:
    cells = {key: value.strip() if isinstance(value, str) else value for key, value in raw.items()}
    extra = [key for key in cells if key not in _COLUMNS]
    if extra:
        raise ConsentError(f"{name}:{line}: unknown column {visible(extra[0])}: use {', '.join(_COLUMNS)}")
    state = cells.get("state")
    if state not in (*_STATES, "exercised"):
        raise ConsentError(f"{name}:{line}: state must be one of {', '.join(_STATES)}, exercised")
    at = _time(cells.get("at"), name, line, "at")
    effective = _time(cells["effective_at"], name, line, "effective_at") if cells.get("effective_at") else None
    if effective is not None and state != "opted-out":
        raise ConsentError(f"{name}:{line}: effective_at is for opted-out only: another state counts from at")
    if effective is not None and effective < at:
        raise ConsentError(f"{name}:{line}: effective_at lies before at")
    subject = cells.get("subject")
    if not isinstance(subject, str) or not subject:
        raise ConsentError(f"{name}:{line}: no subject: write * for the whole installation")
    return Row(line, at, subject, str(state), effective)


def _time(value: object, name: str, line: int, column: str) -> datetime:
    when = parse_time(value if isinstance(value, str) else None)
    if when is None:
        raise ConsentError(f"{name}:{line}: {column} is no date and time: write 2020-11-05T00:00:00Z")
    return when


def table_of(rows: list[Row], name: str, *, needs_restart: bool) -> ConsentTable:
    """The table that rows make. Rows out of order are sorted; two states of one subject at one instant are an error."""
    changes: dict[str, dict[datetime, tuple[State, int]]] = {}
    for row in sorted(rows, key=lambda row: row.at):
        if row.state == "exercised":
            continue
        for at, state in _changes(row, needs_restart=needs_restart):
            before = list(changes.get(row.subject, {}).values())
            if state is State.PERHAPS_OFF and before and before[-1][0] in (State.DECLINED, State.OPTED_OUT):
                continue  # who had said no is not perhaps off: less consent is never more
            known = changes.setdefault(row.subject, {}).get(at)
            if known is not None and known[0] is not state:
                raise ConsentError(f"{name}:{row.line}: contradicts line {known[1]}: two states at {instant(at)}")
            changes[row.subject][at] = (state, row.line)
    table = {
        subject: tuple(Change(at, state) for at, (state, _) in sorted(found.items()))
        for subject, found in changes.items()
    }
    return ConsentTable(table, tuple(sorted(row.at for row in rows if row.state == "exercised")))


def _changes(row: Row, *, needs_restart: bool) -> Iterator[tuple[datetime, State]]:
    state = _STATES[row.state]
    if state is not State.OPTED_OUT or not needs_restart:
        yield row.effective or row.at, state
    elif row.effective is not None:
        yield row.effective, state  # until the restart the old state holds
    else:
        yield row.at, State.PERHAPS_OFF


def table_from_options(opted_in: datetime | None, opted_out: datetime | None, switch: Switch | None) -> ConsentTable:
    """The one source that --opted-in-at, --opted-out-at, --docker-env and --docker-inspect form together."""
    changes: list[Change] = []
    if opted_in is not None:
        changes += [Change(START, State.DECLINED), Change(opted_in, State.OPTED_IN)]
    since = _since(opted_out, switch)
    if since is not None:
        if opted_in is not None and since == START:
            raise ConsentError(
                "telemetry is off for the whole capture, yet --opted-in-at gives a time: correct one of them"
            )
        if opted_in is not None and since == opted_in:
            raise ConsentError(f"opted in and out at the same instant, {instant(since)}: one of them is wrong")
        changes = [change for change in changes if not (since == START and change.at == START)]
        changes.append(Change(since, State.OPTED_OUT))
    elif switch is not None and switch.looks_off:
        changes.append(Change(opted_in or START, State.PERHAPS_OFF))
    merged = {change.at: change for change in changes}
    return ConsentTable({EVERYONE: tuple(sorted(merged.values()))} if merged else {})


def _since(opted_out: datetime | None, switch: Switch | None) -> datetime | None:
    """From when telemetry is off, or None where no source says that it is."""
    if switch is None:
        return opted_out
    if switch.looks_off:
        return opted_out  # the auditor's word decides what the file leaves open
    if not switch.off:
        if opted_out is not None:
            raise ConsentError(f"--opted-out-at says that telemetry is off; {switch.says}: correct one of them")
        return None
    if switch.started is not None and opted_out is not None and opted_out < switch.started:
        raise ConsentError(
            f"--opted-out-at {instant(opted_out)} lies before the start of the containers, {instant(switch.started)}: "
            "the variable takes effect when they are recreated"
        )
    return opted_out or switch.started or START


def join(first: ConsentTable, second: ConsentTable, *, spoken: bool) -> ConsentTable:
    """Two sources as one; both may not speak of the whole installation, even where the second (`spoken`: it was given)
    leaves its state open. Raises ConsentError."""
    if EVERYONE in first.changes and spoken:
        raise ConsentError(
            "two sources speak of the whole installation: a row for * in --consent stands beside --opted-in-at, "
            "--opted-out-at or --docker-env; give one of them"
        )
    return ConsentTable({**first.changes, **second.changes}, tuple(sorted((*first.exercised, *second.exercised))))
