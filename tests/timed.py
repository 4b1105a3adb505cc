"""Events with the times that a test is about, and consent as an auditor writes it down."""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from audit.policy.consent import EVERYONE, Change, ConsentTable, State
from tests.conftest import Arg, Json, Run, active, check, jsonl, page_load, started

NOON = datetime(2020, 11, 4, 12, tzinfo=UTC)
DAY, HOUR, MINUTE, SECOND = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
TICK = timedelta(microseconds=1)
"""The smallest step of any clock here."""

HOST, OTHER_HOST = "dev.appsmith.com", "apps.example.org"
INSTANCE, OTHER_INSTANCE = "c3a9e5d1-7b62-4f08-8e4d-51b0f6c2a977", "1b7f2e90-c46d-4d3a-8a51-0e93d5c7b6f2"
CONSENT_RULES = ("event-without-opt-in", "event-after-opt-out", "late-delivery")

_numbers = itertools.count(1)


def z(when: datetime) -> str:
    """An instant as events write it: in milliseconds, which the fast lane likes, or in microseconds where they matter."""
    spec = "microseconds" if when.microsecond % 1000 else "milliseconds"
    return when.astimezone(UTC).isoformat(timespec=spec).replace("+00:00", "Z")


def client(
    sent: datetime,
    arrived: datetime | None = None,
    created: datetime | None = None,
    host: str = HOST,
    **members: object,
) -> Json:
    """A documented client event. It arrived when it was sent, and was created then, unless told otherwise."""
    event = page_load(
        messageId=f"ajs-{next(_numbers):032x}",
        sentAt=z(sent),
        originalTimestamp=z(created or sent),
        receivedAt=z(arrived or sent),
        timestamp=z(arrived or sent),
    )
    event["context"]["page"]["url"] = f"https://{host}/applications"
    return {**event, **members}


def beat(arrived: datetime, instance: object = INSTANCE, **members: object) -> Json:
    """A keep-alive of an instance."""
    event = active(messageId=f"api-{next(_numbers):027d}", receivedAt=z(arrived), timestamp=z(arrived))
    return {**event, "properties": {"instanceId": instance}, **members}


def installer(arrived: datetime) -> Json:
    return started(messageId=f"api-{next(_numbers):027d}", receivedAt=z(arrived), timestamp=z(arrived))


def without(event: Json, *names: str) -> Json:
    return {name: value for name, value in event.items() if name not in names}


def every(step: timedelta, number: int, first: datetime = NOON) -> list[datetime]:
    return [first + step * count for count in range(number)]


Row = Sequence[Any]
"""at, subject, state and, where given, effective_at."""


def csv(*rows: Row) -> str:
    """A consent file."""
    written = [",".join(z(cell) if isinstance(cell, datetime) else str(cell) for cell in row) for row in rows]
    return "".join(f"{line}\n" for line in ("at,subject,state,effective_at", *(f"{row}" for row in written)))


def row(at: datetime, state: str, subject: str = "*", effective: datetime | None = None) -> Row:
    return (at, subject, state, "" if effective is None else effective)


def audit(
    events: Iterable[object],
    *args: Arg,
    consent: str | bytes | None = None,
    files: dict[str, str | bytes] | None = None,
) -> Run:
    """`check capture.jsonl ARGS` in a directory that holds the capture, the consent file and other files by name."""
    held: dict[str, str | bytes] = {"capture.jsonl": jsonl(*events), **(files or {})}
    if consent is not None:
        held["consent.csv"] = consent
        args = (*args, "--consent", "consent.csv")
    with tempfile.TemporaryDirectory() as scratch:
        for name, content in held.items():
            Path(scratch, name).write_bytes(content.encode() if isinstance(content, str) else content)
        return check("capture.jsonl", *args, cwd=Path(scratch))


def claim(run: Run, name: str) -> Json:
    return next(dict(one) for one in run.result["claims"] if one["id"] == name)


def accused(run: Run) -> list[tuple[str, str, int]]:
    """(rule, level, line) of what the consent rules found, in order of the lines."""
    found = [one for one in run.findings if one["rule"] in CONSENT_RULES]
    return [(one["rule"], one["level"], one["line"]) for one in sorted(found, key=lambda one: int(one["line"]))]


def compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"))


# ---- made-up times and tables --------------------------------------------------------------------------------------

instants = st.integers(-8, 8).map(lambda step: NOON + step * HOUR) | st.integers(-40, 40).map(
    lambda step: NOON + step * 15 * MINUTE
)
"""Few enough that they meet, on boundaries as well as between them."""


@st.composite
def tables(draw: st.DrawFn, states: Iterable[State] = tuple(State)[1:]) -> ConsentTable:
    """Up to four changes each of the installation, the host of the events and another host."""
    changes: dict[str, tuple[Change, ...]] = {}
    for name in (EVERYONE, HOST, OTHER_HOST):
        found = draw(st.dictionaries(instants, st.sampled_from([*states]), max_size=4))
        if found:
            changes[name] = tuple(Change(at, found[at]) for at in sorted(found))
    return ConsentTable(changes)


@st.composite
def clocks(draw: st.DrawFn) -> tuple[datetime, datetime, datetime]:
    """Arrived; what its sender says of sending and creation: at once, hours around it, or days."""
    arrived = draw(instants)
    quarters, days = (
        st.integers(-16, 16).map(lambda step: step * 15 * MINUTE),
        st.integers(-3, 3).map(lambda n: n * DAY),
    )
    near = st.sampled_from([timedelta(), timedelta(), timedelta(milliseconds=-200), timedelta(seconds=-5)])
    spread = near | quarters | days
    ticks = st.sampled_from([timedelta(), timedelta(), -TICK, TICK])
    return arrived, arrived + draw(spread) + draw(ticks), arrived + draw(spread) + draw(ticks)
