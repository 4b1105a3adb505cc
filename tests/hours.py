"""Events at chosen hours of one day, for tests of time and consent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from tests.conftest import active, page_load

DAY = datetime(2020, 11, 4, tzinfo=UTC)


def at(hours: float) -> str:
    """The time of so many hours after the start of the day, as events and options write it."""
    return (DAY + timedelta(hours=hours)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def click(hours: float, number: int = 0, **members: Any) -> dict[str, Any]:
    """A client event, sent at that hour, arrived a tenth of a second later."""
    times = {"originalTimestamp": at(hours), "sentAt": at(hours)}
    arrival = at(hours + 0.1 / 3600)
    name = f"ajs-{round(hours * 36e5) + number:032x}"
    return page_load(**{"messageId": name, **times, "timestamp": arrival, "receivedAt": arrival, **members})


def beat(hours: float, **members: Any) -> dict[str, Any]:
    """A keep-alive that arrived at that hour."""
    name = f"ajs-{round(hours * 36e5):031x}b"
    return active(**{"messageId": name, "timestamp": at(hours), "receivedAt": at(hours), **members})
