"""Laws of consent and time, over generated events and tables."""

from __future__ import annotations

import random
import stat
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from audit.engine.rows import InputFacts
from audit.engine.run import Auditor, Lines
from audit.engine.settle import settle
from audit.policy.consent import EVERYONE, START, Change, ConsentTable, State
from audit.runners.marks import MarkStore
from audit.tally import Tally
from tests.conftest import jsonl
from tests.hours import DAY, at, beat, click
from tests.within import APPSMITH, policy_of

SETTINGS = settings(max_examples=60, deadline=None)
RULES = ("event-without-opt-in", "event-after-opt-out", "late-delivery")
HOURS = st.sampled_from([0.0, 0.5, 0.9999, 1.0, 1.0001, 1.5, 2.0, 2.5, 3.0, 26.0])
STATES = st.sampled_from([State.OPTED_IN, State.DECLINED, State.OPTED_OUT, State.PERHAPS_OFF])


def when(hours: float) -> datetime:
    return DAY + timedelta(hours=hours)


@st.composite
def tables(draw: st.DrawFn) -> ConsentTable:
    changes = draw(st.dictionaries(st.sampled_from([0.0, 1.0, 2.0, 3.0]), STATES, min_size=1, max_size=4))
    return ConsentTable({EVERYONE: tuple(Change(when(hours), state) for hours, state in sorted(changes.items()))})


@st.composite
def events(draw: st.DrawFn) -> dict[str, Any]:
    if draw(st.booleans()):
        return beat(draw(HOURS))
    sent, arrived, created = draw(HOURS), draw(HOURS), draw(HOURS)
    times = {"sentAt": at(sent), "receivedAt": at(arrived), "timestamp": at(arrived), "originalTimestamp": at(created)}
    name = draw(st.sampled_from(["APPLICATIONS_PAGE_LOAD", "EDITOR_OPEN", "Something Else"]))
    return click(sent, draw(st.integers(0, 5)), event=name, **times)


def tallied(logged: list[dict[str, Any]], table: ConsentTable | None, *, lanes: bool = True) -> Tally:
    auditor, tally = Auditor(policy_of(APPSMITH), consent=table, lanes=lanes), Tally()
    auditor.feed(Lines(0, 1, jsonl(*logged)), tally, (0, 0))
    return tally


def verdicts(logged: list[dict[str, Any]], table: ConsentTable | None) -> Any:
    inputs = [InputFacts("log", "jsonl", 0, None, lines=True)]
    result = settle(policy_of(APPSMITH), tallied(logged, table), inputs, {}, table)
    return [(row["id"], row["verdict"], row["reason"]) for row in result["claims"]], result["counts"]


@SETTINGS
@given(event=events(), table=tables())
def test_at_most_one_consent_rule_speaks_of_an_event(event: dict[str, Any], table: ConsentTable) -> None:
    totals = tallied([event], table).totals
    assert sum(number for (rule, _, _), number in totals.items() if rule in RULES) <= 1


@SETTINGS
@given(logged=st.lists(events(), min_size=1, max_size=8), table=tables())
def test_both_lanes_count_the_same_with_consent(logged: list[dict[str, Any]], table: ConsentTable) -> None:
    assert tallied(logged, table) == tallied(logged, table, lanes=False)


@SETTINGS
@given(logged=st.lists(events(), max_size=8), table=st.none() | tables(), chance=st.randoms(use_true_random=False))
def test_the_order_of_events_never_changes_a_verdict(
    logged: list[dict[str, Any]], table: ConsentTable | None, chance: random.Random
) -> None:
    shuffled = chance.sample(logged, len(logged))
    assert verdicts(shuffled, table) == verdicts(logged, table)


@SETTINGS
@given(hours=st.floats(0, 4, allow_nan=False))
def test_an_interval_holds_its_start_and_not_its_end(hours: float) -> None:
    table = ConsentTable(
        {EVERYONE: (Change(START, State.OPTED_IN), Change(when(1), State.OPTED_OUT), Change(when(2), State.OPTED_IN))}
    )
    expected = State.OPTED_OUT if when(1) <= when(hours) < when(2) else State.OPTED_IN
    assert table.state(None, when(hours)).state is expected
    just_before = when(1) - timedelta(microseconds=1)
    assert table.state(None, just_before).state is State.OPTED_IN
    assert table.state(None, when(1)).state is State.OPTED_OUT


@SETTINGS
@given(mine=STATES, everyone=STATES)
def test_out_beats_in_and_the_whole_counts_beside_the_subject(mine: State, everyone: State) -> None:
    table = ConsentTable({EVERYONE: (Change(START, everyone),), "me": (Change(START, mine),)})
    order = (State.OPTED_OUT, State.DECLINED, State.PERHAPS_OFF, State.OPTED_IN)
    assert table.state("me", when(0)).state is min((mine, everyone), key=order.index)
    assert table.state("other", when(0)).state is everyone


@SETTINGS
@given(event=events(), table=tables())
def test_less_consent_never_hides_a_breach(event: dict[str, Any], table: ConsentTable) -> None:
    """Every yes of the table turned into a no: whatever was an error stays one of a consent rule."""
    less = ConsentTable(
        {
            EVERYONE: tuple(
                Change(c.at, State.DECLINED if c.state is State.OPTED_IN else c.state) for c in table.changes[EVERYONE]
            )
        }
    )
    assert errors(event, table) <= errors(event, less)


def errors(event: dict[str, Any], table: ConsentTable) -> int:
    totals = tallied([event], table).totals
    return sum(number for (rule, level, _), number in totals.items() if rule in RULES and level.value == "error")


@SETTINGS
@given(hours=st.floats(-3, 3, allow_nan=False), grace=st.sampled_from([0, 5, 60]))
def test_grace_forgives_exactly_that_long(hours: float, grace: int) -> None:
    table = ConsentTable({EVERYONE: (Change(when(0), State.OPTED_OUT),)}).forgiving(timedelta(minutes=grace))
    out = table.state(None, when(hours)).state is State.OPTED_OUT
    assert out is (when(hours) >= when(0) + timedelta(minutes=grace))


@SETTINGS
@given(marks=st.lists(st.binary(min_size=32, max_size=32), max_size=40), bound=st.sampled_from([0, 64, 10_000]))
def test_marks_come_back_in_order_wherever_they_waited(marks: list[bytes], bound: int) -> None:
    from audit.tally import MarkKey

    with MarkStore(bound) as store:
        for mark in marks:
            tally = Tally()
            tally.mark(MarkKey("t", 0, 0), mark)
            store.take(tally)
        found = list(store.sorted("t"))
    assert sorted(found) == sorted(marks)
    for one, other in pairwise(found):
        assert one[1] % 64 != other[1] % 64 or one <= other


def test_spilled_marks_are_the_owners_and_go_away() -> None:
    from audit.tally import MarkKey

    with MarkStore(bound=0) as store:
        tally = Tally()
        tally.mark(MarkKey("t", 0, 0), bytes(32))
        store.take(tally)
        assert store.folder is not None
        folder = Path(store.folder.name)
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert not folder.exists()
