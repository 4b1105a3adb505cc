"""What was observed beside findings, for the result: when events came, how keep-alives were spaced, which fields were seen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from audit.engine.times import hour_at
from audit.policy.consent import EVERYONE, START, ConsentTable, State, Window
from audit.policy.pack import Cadence, Policy
from audit.redact import instant
from audit.rules.case import field_text
from audit.rules.timelines import MICRO, Life
from audit.sketch import FieldKey, Seen
from audit.tally import Tally

_ROWS = 1_000
_OPT_OUTS = 10
_AROUND = 24
_SIDE = 12
"""Bins of the keep-alive histogram on either side of the tolerance band; what lies further out is counted together."""

_HOUR = timedelta(hours=1)


class Rhythm(NamedTuple):
    """The intervals seen between keep-alives of one event type: all, the most of any one instance, and by bin.

    Bin 0 is the tolerance band around the documented interval, the others are as wide.
    """

    intervals: int
    most: int
    instances: int
    bins: Counter[int]


NO_RHYTHM = Rhythm(0, 0, 0, Counter())


def rhythms(lives: Iterable[Life]) -> dict[str, Rhythm]:
    """The rhythm of every event type with a cadence of which an instance was seen."""
    found: dict[str, Rhythm] = {}
    for life in lives:
        known = found.get(life.entry.name) or Rhythm(0, 0, 0, Counter())
        number = len(life.lengths)
        start, width = (part // MICRO for part in _band(life.cadence))
        for index, times in Counter([(length - start) // width for length in life.lengths]).items():
            known.bins[_bin(index)] += times
        found[life.entry.name] = Rhythm(
            known.intervals + number, max(known.most, number), known.instances + 1, known.bins
        )
    return found


def _band(cadence: Cadence) -> tuple[timedelta, timedelta]:
    """Where the tolerance band begins, and how wide a bin is; without tolerance, a band as narrow as can be drawn."""
    width = max(2 * cadence.tolerance, cadence.every / 24)
    return cadence.every - width / 2, width


def _bin(number: int) -> int:
    """The bin of a number: what lies further out is counted together."""
    return max(-_SIDE - 1, min(_SIDE + 1, number))


def timeline(policy: Policy, tally: Tally, consent: ConsentTable | None, found: dict[str, Rhythm]) -> dict[str, Any]:
    """Events by time, around opt-outs, and keep-alive intervals."""
    return {
        "width": tally.hours.width * 3_600_000,
        "events": list(_events(tally)),
        "opt_outs": list(_opt_outs(consent, tally)) if consent is not None else [],
        "intervals": [
            _intervals(policy.events[name].cadence, name, rhythm)
            for name, rhythm in sorted(found.items())
            if rhythm.intervals
        ],
    }


def _events(tally: Tally) -> Iterator[dict[str, Any]]:
    """Bins that hold events, in order of time. Bounded where they are counted."""
    rows: dict[int, dict[str, int]] = {}
    for (index, origin), number in sorted(tally.hours.bins.items()):
        rows.setdefault(index, {})[origin] = number
    for index, origins in rows.items():
        yield {"from": instant(hour_at(index * tally.hours.width)), "origins": origins}


def _opt_outs(consent: ConsentTable, tally: Tally) -> Iterator[dict[str, Any]]:
    """Opt-in events by hour around each change to a no that has a date."""
    numbers = {name: f"subject {n}" for n, name in enumerate((s for s in sorted(consent.changes) if s != EVERYONE), 1)}
    dated = [w for w in consent.windows() if w.state in (State.OPTED_OUT, State.DECLINED) and w.start != START]
    for window in dated[:_OPT_OUTS]:
        hours = _around(window, tally)
        yield {
            "subject": numbers.get(window.subject, EVERYONE),
            "state": window.state.value,
            "at": instant(window.start),
            "hours": [{"hour": hour, "events": number} for hour, number in sorted(hours.items())],
        }


def _around(window: Window, tally: Tally) -> Counter[int]:
    """Opt-in events by whole hours from the change on (0: the hour after it); each ten minutes stand at their first event."""
    found: Counter[int] = Counter()
    for key, act in tally.acts.items.items():
        hour = _hours(act.first, window.start)
        if key.subject == window.subject and -_AROUND <= hour < _AROUND:
            found[hour] += act.number
    return found


def _hours(when: datetime, since: datetime) -> int:
    return (when - since) // _HOUR


def _intervals(cadence: Cadence | None, name: str, rhythm: Rhythm) -> dict[str, Any]:
    assert cadence is not None, "only types with a cadence leave keep-alive marks"
    start, width = _band(cadence)
    bins = [
        {
            "from": None if index < -_SIDE else _milli(max(timedelta(), start + index * width)),
            "to": None if index > _SIDE else _milli(start + (index + 1) * width),
            "intervals": number,
        }
        for index, number in sorted(rhythm.bins.items())
    ]
    return {
        "event": name,
        "every": _milli(cadence.every),
        "tolerance": _milli(cadence.tolerance),
        "instances": rhythm.instances,
        "intervals": rhythm.intervals,
        "bins": bins,
    }


def _milli(delta: timedelta) -> int:
    return delta // timedelta(milliseconds=1)


def inventory(policy: Policy, tally: Tally) -> dict[str, Any]:
    """Every event and field seen, and documented fields of those events that were not; bounded, the rest is counted."""
    seen = {**_unseen(policy, tally), **tally.inventory.items}
    kept = dict(sorted(seen.items())[:_ROWS])
    events = [
        {"event": key.name, "origin": key.origin, "listed": not key.undocumented, "events": number}
        for key, number in sorted(tally.events.items.items(), key=lambda item: (item[0].origin, item[0].name))
    ]
    return {
        "events": events[:_ROWS],
        "fields": [_field(key, found) for key, found in sorted(kept.items(), key=lambda item: _order(item[0]))],
        "other": {"events": len(events[_ROWS:]), "fields": len(seen) - len(kept)},
    }


def _order(key: FieldKey) -> tuple[str, str, bool, str]:
    return key.origin, key.event, key.undocumented, key.field


def _unseen(policy: Policy, tally: Tally) -> dict[FieldKey, Seen]:
    """Documented fields of listed events that were seen, as if seen never."""
    found: dict[FieldKey, Seen] = {}
    for key in tally.events.items:
        entry = policy.events.get(key.name) if not key.undocumented else None
        for leaf in entry.leaves.values() if entry is not None else ():
            if not leaf.transport:
                found[FieldKey(False, key.origin, key.name, field_text(leaf.pointer), leaf.category)] = Seen()  # noqa: FBT003 - the members of a tuple in their order
    return found


def _field(key: FieldKey, seen: Seen) -> dict[str, Any]:
    return {
        "event": key.event,
        "origin": key.origin,
        "field": key.field,
        "documented": not key.undocumented,
        "category": key.category or None,
        "events": seen.events,
        "types": dict(sorted(seen.types.items())),
        "distinct": seen.distinct.number,
        "exact": seen.distinct.exact,
    }
