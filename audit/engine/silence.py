"""What a capture must hold before the two consent claims may be called upheld. Every answer names what is lacking."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from audit.model import PackStr
from audit.policy.consent import START, ConsentTable, State, Window
from audit.redact import duration, instant
from audit.tally import Span, Tally
from audit.tally.bounds import Act

_USE = (
    "use the product in that time, note it (a row with state exercised in --consent), and go on capturing until a later "
    "event shows that the capture was alive"
)


@dataclass(frozen=True, slots=True)
class Lack:
    """A condition that the capture does not meet. `soft`: something was looked at all the same."""

    reason: str
    hint: str
    soft: bool = False


def lacks_refusal(table: ConsentTable, tally: Tally) -> Iterator[Lack]:
    """For an opt-in claim: a window in which consent was known not given, with signs that the product was used in it."""
    refused = [w for w in table.windows() if w.state is State.DECLINED and _in_capture(w, tally.alive)]
    if not refused:
        yield Lack(
            "the capture holds no time in which consent was known not to be given",
            "capture from before the opt-in, or after a no",
        )
    elif not any(_used(window, table, tally) for window in refused):
        hint = _USE
        yield Lack("while there was no consent, nothing shows that the product was used", hint, soft=True)


def lacks_silence(table: ConsentTable, tally: Tally, before: int, least: timedelta) -> Iterator[Lack]:
    """For an opt-out claim: enough events before each opt-out, and a silence after it that means something."""
    span = tally.alive
    outs = [w for w in table.windows() if w.state is State.OPTED_OUT and _in_capture(w, span)]
    if not outs:
        yield Lack("the capture holds no time after an opt-out that took effect", "go on capturing after the opt-out")
    for window in outs:
        yield from _silence(window, table, tally, before, least)


def _silence(window: Window, table: ConsentTable, tally: Tally, before: int, least: timedelta) -> Iterator[Lack]:
    span = tally.alive
    assert span is not None
    if window.start == START or window.start < span.first:
        yield Lack(
            "the capture begins after the opt-out: nothing shows what it silenced",
            "begin to capture before the opt-out",
            soft=True,
        )
        return
    index = next(i for i, change in enumerate(table.changes[window.subject], 1) if change.at == window.start)
    acts = [
        act for key, act in sorted(tally.acts.items.items()) if key.subject == window.subject and key.change < index
    ]
    number = sum(act.number for act in acts)
    if number < before:
        yield Lack(
            f"only {number} opt-in events lie before the opt-out, {before} are needed",
            "use the product before the opt-out",
            soft=True,
        )
        return
    needed = max(_longest_gap(acts), least)
    end = span.last if window.end is None else min(window.end, span.last)
    if end - window.start <= needed and not _used(window, table, tally):
        seen = duration(end - window.start) if end > window.start else "no time"
        wanted = f"more than {duration(needed)} are needed, or signs of use: perhaps nobody used it"
        said = f"{seen} of silence after the opt-out; {wanted}"
        yield Lack(said, _USE, soft=True)


def _longest_gap(acts: list[Act]) -> timedelta:
    """The longest time between events, rather too long than too short: inside one bucket its whole length counts."""
    ordered = sorted((act.first, act.last) for act in acts)
    between = [after[0] - here[1] for here, after in pairwise(ordered)]
    return max((*between, *(last - first for first, last in ordered)), default=timedelta())


def _in_capture(window: Window, span: Span | None) -> bool:
    return span is not None and window.start <= span.last and (window.end is None or window.end > span.first)


def _used(window: Window, table: ConsentTable, tally: Tally) -> bool:
    """Whether the product was used inside the window while the capture was alive: the auditor says so, or a host of the
    installation's own was asked for something."""
    span = tally.alive
    if span is None:
        return False
    asked = (at for act in tally.uses.items.values() for at in (act.first, act.last))
    return any(window.holds(at) and span.first <= at <= span.last for at in (*table.exercised, *asked))


def perhaps(table: ConsentTable, span: Span | None) -> bool:
    """Whether the capture runs into an opt-out of which nobody says when it took effect."""
    return any(w.state is State.PERHAPS_OFF and _in_capture(w, span) for w in table.windows())


def crowded(table: ConsentTable, tally: Tally) -> bool:
    """Whether several installations stand in a capture for which consent is given as a whole only."""
    return (
        table.everyone_only() and bool(table.changes) and any(len(digests) > 1 for digests in tally.subjects.values())
    )


def rows(table: ConsentTable, tally: Tally) -> list[dict[str, object]]:
    """The consent that the audit went by, for the result: subjects as `*` or ordinals, and whether they were seen."""
    names = [name for name in sorted(table.changes) if name != "*"]
    numbers = {name: f"subject {number}" for number, name in enumerate(names, 1)}
    found: list[dict[str, object]] = []
    for window in table.windows():
        row: dict[str, object] = {
            "subject": numbers.get(window.subject, "*"),
            "state": window.state.value,
            "from": _when(window.start),
            "to": None if window.end is None else _when(window.end),
        }
        if window.subject != "*":
            row["seen"] = window.subject in tally.seen
        found.append(row)
    return found


def _when(at: datetime) -> PackStr | None:
    return None if at == START else PackStr(instant(at))
