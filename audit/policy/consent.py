"""Who had agreed to what, when: a frozen table of intervals per subject. Times are data; no clock is read."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from audit.model import Times

EVERYONE = "*"
"""The subject that stands for the whole installation."""

START = datetime.min.replace(tzinfo=UTC)


class State(StrEnum):
    """`perhaps-off`: an opt-out was asked for, and nobody says when it took effect."""

    UNKNOWN = "unknown"
    OPTED_IN = "opted-in"
    DECLINED = "declined"
    OPTED_OUT = "opted-out"
    PERHAPS_OFF = "perhaps-off"


class Change(NamedTuple):
    """From this instant on, until the next change."""

    at: datetime
    state: State


class Window(NamedTuple):
    """One state of one subject, half-open; `end` None means for ever."""

    subject: str
    state: State
    start: datetime
    end: datetime | None

    def holds(self, when: datetime) -> bool:
        return self.start <= when and (self.end is None or when < self.end)


_SILENT = (State.OPTED_OUT, State.DECLINED)


@dataclass(frozen=True, slots=True)
class ConsentTable:
    """Changes per subject in order of time, and when the auditor used the product (`exercised`).

    `grace`: how long after an opt-out took effect events are still forgiven; already in the changes.
    """

    changes: Mapping[str, tuple[Change, ...]]
    exercised: tuple[datetime, ...] = ()
    grace: timedelta = field(default_factory=timedelta)

    def forgiving(self, grace: timedelta) -> ConsentTable:
        """The table to judge by: every opt-out takes effect later by `grace` and lasts until a yes; one that a yes ended
        before that is forgiven whole.

        Raises OverflowError where that lies beyond the calendar.
        """
        return replace(
            self,
            changes={who: tuple(sorted(_later(changes, grace))) for who, changes in self.changes.items()},
            grace=grace,
        )

    def own(self, subject: str | None, when: datetime) -> Change:
        """The state of one subject alone."""
        changes = self.changes.get(subject, ()) if subject is not None else ()
        index = bisect_right(changes, when, key=lambda change: change.at)
        return changes[index - 1] if index else Change(START, State.UNKNOWN)

    def state(self, subject: str | None, when: datetime) -> Change:
        """The state that governs an event: out beats in, the whole installation counts beside the subject.

        Permitted only where neither is out and one is in.
        """
        both = (
            self.own(EVERYONE, when),
            self.own(subject, when) if subject != EVERYONE else Change(START, State.UNKNOWN),
        )
        for state in (State.OPTED_OUT, State.DECLINED, State.PERHAPS_OFF, State.OPTED_IN):
            found = [change for change in both if change.state is state]
            if found:
                return min(found)
        return Change(START, State.UNKNOWN)

    def windows(self) -> Iterator[Window]:
        """Every interval of every subject, whole installation first, in order of time."""
        for subject in sorted(self.changes, key=lambda name: (name != EVERYONE, name)):
            changes = self.changes[subject]
            for here, after in zip(changes, (*changes[1:], None), strict=True):
                yield Window(subject, here.state, here.at, after.at if after is not None else None)

    def silent(self) -> tuple[Window, ...]:
        """Where an event may be a breach: the windows in which somebody has said no."""
        return tuple(window for window in self.windows() if window.state in _SILENT)

    def everyone_only(self) -> bool:
        """Whether the table speaks of the whole installation alone."""
        return set(self.changes) <= {EVERYONE}


class Delivery(StrEnum):
    """How an event lies to an opt-out or a no."""

    AFTER = "after"
    LATE = "late"
    BACKDATED = "back-dated"
    CLOCK = "by its own clock"


class Delivered(NamedTuple):
    """`change`: the opt-out or no that is in question. `lag`: by how much it was missed."""

    kind: Delivery
    state: State
    change: Change
    lag: timedelta


def delivered(
    table: ConsentTable, subject: str | None, times: Times, flush: timedelta, *, refusable: bool = True
) -> Delivered | None:
    """How an event was delivered, from its two clocks; None where nobody had said no, or it has no time.

    Sent after it took effect: AFTER. Only arrived after it: LATE, unless it was created longer ago than a queue keeps
    events (`flush`): BACKDATED. Only its own clock says so, as it arrived when permitted again: CLOCK. `refusable`: the
    event needs an opt-in, so that declining it counts; an opt-out counts for every event.
    """
    if times.arrived is None:
        return None
    arrived = table.state(subject, times.arrived)
    sent_at = times.sent or times.arrived
    sent = table.state(subject, sent_at)
    by = sent_at - sent.at if sent.at != START else timedelta()
    silent = _SILENT if refusable else (State.OPTED_OUT,)
    if sent.state in silent:
        return Delivered(Delivery.AFTER if arrived.state in silent else Delivery.CLOCK, sent.state, sent, by)
    if arrived.state not in silent:
        return None
    old = times.arrived - min(times.created or sent_at, sent_at) > flush
    return Delivered(Delivery.BACKDATED if old else Delivery.LATE, arrived.state, arrived, times.arrived - arrived.at)


def _later(changes: tuple[Change, ...], grace: timedelta) -> Iterator[Change]:
    """Changes with each opt-out moved. Only a yes ends an opt-out: a no within its grace counts as a no until the opt-out
    takes effect, a no after that changes nothing."""
    for index, change in enumerate(changes):
        until = next((later.at for later in changes[index + 1 :] if later.state is State.OPTED_IN), None)
        out = _out(changes[:index], grace)
        if change.state is State.OPTED_OUT:
            moved = _moved(change, grace)
            if out is None and (until is None or moved < until):
                yield Change(moved, change.state)
        elif change.state is State.OPTED_IN or out is None or change.at < out:
            yield change


def _out(before: tuple[Change, ...], grace: timedelta) -> datetime | None:
    """When the opt-out takes effect that still stands after these changes; None where none does."""
    last = next((index for index in range(len(before), 0, -1) if before[index - 1].state is State.OPTED_IN), 0)
    return next((_moved(change, grace) for change in before[last:] if change.state is State.OPTED_OUT), None)


def _moved(change: Change, grace: timedelta) -> datetime:
    return change.at + grace if change.at != START else change.at
