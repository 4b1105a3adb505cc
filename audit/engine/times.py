"""Times of events: text to instants in UTC, and the two clocks of the plan."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from audit.model import Json, Pointer, Times, resolve
from audit.policy.pack import Envelope


def parse_time(text: Json) -> datetime | None:
    """An ISO 8601 date and time, or None. Without offset: UTC. A leap second is the second after :59."""
    if not isinstance(text, str) or not 19 <= len(text) <= 40 or text[4:5] != "-" or not text.isascii():
        return None
    if text[-1] == "Z" and text[16:19] != ":60":
        try:
            return datetime.fromisoformat(text)
        except ValueError:
            return None
    text = text.upper()
    leap = text[16:19] == ":60"
    try:
        when = datetime.fromisoformat(f"{text[:17]}59{text[19:]}" if leap else text.strip())
        when = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
        return when + timedelta(seconds=1) if leap else when
    except (ValueError, OverflowError):
        return None


def from_seconds(since: object) -> datetime | None:
    """Seconds since 1970, whole or not, as an instant."""
    if isinstance(since, bool) or not isinstance(since, int | float):
        return None
    try:
        return _UNIX + timedelta(seconds=since)
    except (OverflowError, ValueError):
        return None


_UNIX = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH = datetime(1, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)


def hour_of(when: datetime) -> int:
    """The number of its hour, from year 1."""
    return (when - _EPOCH) // _HOUR


def hour_at(number: int) -> datetime:
    """Where the hour of a number begins."""
    return _EPOCH + number * _HOUR


_INSTANT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{3})?Z")


def is_instant(text: str) -> bool:
    """Whether a text is a time in UTC and nothing else, in the form that most have: no rule about content finds anything
    in one."""
    return len(text) in (20, 24) and text[-1] == "Z" and _INSTANT.fullmatch(text) is not None


def times_of(value: dict[str, Json], envelope: Envelope, seen_at: datetime | None = None) -> Times:
    """*arrived*: the capture's clock, else received, stamp, sent. *sent*: never later than arrived. *created*."""
    sent_text, stamp_text, created_text, received_text = (
        None if pointer is None else _at(value, pointer)
        for pointer in (envelope.sent, envelope.stamp, envelope.created, envelope.received)
    )
    sent, stamp, original = parse_time(sent_text), parse_time(stamp_text), parse_time(created_text)
    received = seen_at or parse_time(received_text)
    arrived = received or stamp or sent
    first = min(sent, arrived) if sent is not None and arrived is not None else sent or arrived
    naive = any(map(has_no_offset, (sent_text, stamp_text, created_text, received_text)))
    return Times(first, arrived, original or stamp, sent, original, naive, received is not None)


def _at(value: dict[str, Json], pointer: Pointer) -> Json:
    return value.get(pointer[0]) if len(pointer) == 1 else resolve(value, pointer)  # type: ignore[arg-type]  # a root member's name is text


def arrival_of(value: dict[str, Json], envelope: Envelope) -> datetime | None:
    """When an event arrived, of its own clocks alone: `times_of` without the rest."""
    for pointer in (envelope.received, envelope.stamp, envelope.sent):
        if pointer is not None:
            found = parse_time(_at(value, pointer))
            if found is not None:
                return found
    return None


def is_stamped(value: dict[str, Json], envelope: Envelope) -> bool:
    """Whether the collector says when an event arrived."""
    return envelope.received is not None and parse_time(_at(value, envelope.received)) is not None


def has_no_offset(text: Json) -> bool:
    """Whether a time has no offset, so that UTC had to be assumed."""
    if not isinstance(text, str) or len(text) <= 10 or text[-1] in "Zz":
        return False
    return not {"+", "-"} & set(text[10:]) and parse_time(text) is not None
