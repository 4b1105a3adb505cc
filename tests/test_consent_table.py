"""Who had agreed to what, when; and how an event lies to it, from its two clocks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from audit.engine.run import Auditor
from audit.model import Times
from audit.policy.consent import EVERYONE, START, Change, ConsentTable, Delivery, State, delivered
from tests import within
from tests.timed import (
    CONSENT_RULES,
    DAY,
    HOST,
    HOUR,
    MINUTE,
    NOON,
    OTHER_HOST,
    SECOND,
    TICK,
    client,
    clocks,
    instants,
    tables,
    without,
    z,
)

some = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
many = settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])

FLUSH = DAY
"""What the built-in pack allows a queue to keep."""

IN, OUT, NO, PERHAPS, UNKNOWN = State.OPTED_IN, State.OPTED_OUT, State.DECLINED, State.PERHAPS_OFF, State.UNKNOWN
SILENT = (OUT, NO)


def table(*changes: tuple[datetime, State], **subjects: Iterable[tuple[datetime, State]]) -> ConsentTable:
    """Changes of the whole installation, and by keyword of `this` host and `other` hosts."""
    names = {"this": HOST, "other": OTHER_HOST}
    named = {names[name]: tuple(Change(*one) for one in given) for name, given in subjects.items()}
    return ConsentTable({**({EVERYONE: tuple(Change(*one) for one in changes)} if changes else {}), **named})


# ---- states --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", [IN, OUT, NO, PERHAPS])
def test_a_change_counts_from_its_instant_and_not_a_microsecond_before(state: State) -> None:
    consent = table((NOON, state))
    assert consent.state(None, NOON).state is state
    assert consent.state(None, NOON - TICK).state is UNKNOWN


def test_a_state_ends_at_the_instant_of_the_next() -> None:
    consent = table((NOON, IN), (NOON + HOUR, OUT))
    assert consent.state(None, NOON + HOUR - TICK).state is IN
    assert consent.state(None, NOON + HOUR).state is OUT


def test_a_state_without_a_next_one_holds_for_ever() -> None:
    assert table((NOON, OUT)).state(None, datetime.max.replace(tzinfo=UTC)).state is OUT


def test_every_change_of_mind_counts() -> None:
    states = [IN, NO, IN, OUT, IN, OUT]
    consent = table(*((NOON + HOUR * n, state) for n, state in enumerate(states)))
    assert [consent.state(HOST, NOON + HOUR * n + MINUTE).state for n in range(len(states))] == states


def test_without_any_row_consent_is_unknown() -> None:
    assert ConsentTable({}).state(HOST, NOON).state is UNKNOWN


@pytest.mark.parametrize("stronger", [OUT, NO, PERHAPS])
def test_out_beats_in_whether_the_subject_or_the_installation_is_out(stronger: State) -> None:
    assert table((NOON, IN), this=[(NOON, stronger)]).state(HOST, NOON).state is stronger
    assert table((NOON, stronger), this=[(NOON, IN)]).state(HOST, NOON).state is stronger


def test_one_yes_is_enough_where_nobody_says_no() -> None:
    assert table(this=[(NOON, IN)]).state(HOST, NOON).state is IN
    assert table((NOON, IN)).state(HOST, NOON).state is IN


def test_what_one_subject_says_holds_for_no_other() -> None:
    consent = table(this=[(NOON, OUT)], other=[(NOON, IN)])
    assert consent.state(HOST, NOON).state is OUT
    assert consent.state(OTHER_HOST, NOON).state is IN
    assert consent.state(None, NOON).state is UNKNOWN


def test_an_event_without_subject_falls_under_the_whole_installation_alone() -> None:
    consent = table((NOON, OUT), this=[(NOON, IN)])
    assert consent.state(None, NOON).state is OUT


def test_of_two_that_are_out_the_first_is_named() -> None:
    assert table((NOON + HOUR, OUT), this=[(NOON, OUT)]).state(HOST, NOON + DAY).at == NOON


@many
@given(tables(), instants)
def test_the_state_is_the_strictest_of_the_two_that_hold(consent: ConsentTable, when: datetime) -> None:
    def last(name: str) -> State:
        held = [change.state for change in consent.changes.get(name, ()) if change.at <= when]
        return held[-1] if held else UNKNOWN

    order = (UNKNOWN, IN, PERHAPS, NO, OUT)
    assert consent.state(HOST, when).state is max(last(EVERYONE), last(HOST), key=order.index)


@many
@given(tables(), instants)
def test_the_windows_of_a_subject_follow_each_other_without_gap_or_overlap(
    consent: ConsentTable, when: datetime
) -> None:
    for name in consent.changes:
        mine = [window for window in consent.windows() if window.subject == name]
        assert [window.end for window in mine] == [*(window.start for window in mine[1:]), None]
        holding = [window.state for window in mine if window.holds(when)]
        assert holding == ([consent.own(name, when).state] if when >= mine[0].start else [])


@many
@given(tables(), instants)
def test_where_somebody_said_no_is_in_a_silent_window(consent: ConsentTable, when: datetime) -> None:
    """The fast lane asks only the silent windows: no event that a consent rule speaks of may lie outside them."""
    if any(consent.state(name, when).state in SILENT for name in (None, HOST, OTHER_HOST)):
        assert any(window.holds(when) for window in consent.silent())
    assert all(window.state in SILENT for window in consent.silent())


@pytest.mark.parametrize(("consent", "alone"), [(table((NOON, IN)), True), (table(this=[(NOON, IN)]), False)])
def test_a_table_knows_whether_it_speaks_of_the_whole_installation_alone(consent: ConsentTable, alone: bool) -> None:  # noqa: FBT001 - given by the test table
    assert consent.everyone_only() is alone


# ---- grace ---------------------------------------------------------------------------------------------------------


def test_grace_lets_an_opt_out_take_effect_later_and_nothing_else() -> None:
    consent = table((NOON, NO), (NOON + HOUR, IN), (NOON + 2 * HOUR, OUT)).forgiving(MINUTE)
    assert consent.changes[EVERYONE] == (
        Change(NOON, NO),
        Change(NOON + HOUR, IN),
        Change(NOON + 2 * HOUR + MINUTE, OUT),
    )


def test_an_opt_out_for_the_whole_capture_has_no_grace() -> None:
    assert table((START, OUT)).forgiving(HOUR).state(None, START).state is OUT


@pytest.mark.parametrize("grace", [2 * HOUR, HOUR], ids=["longer", "as long"])
def test_grace_that_outlasts_an_opt_out_never_takes_back_the_yes_that_followed(grace: timedelta) -> None:
    consent = table((NOON, OUT), (NOON + HOUR, IN)).forgiving(grace)
    assert consent.state(None, NOON + DAY).state is IN


@many
@given(tables(), st.sampled_from([SECOND, MINUTE, HOUR, 3 * HOUR]), instants)
def test_grace_accuses_nobody(consent: ConsentTable, grace: timedelta, when: datetime) -> None:
    if consent.forgiving(timedelta()).state(HOST, when).state is not OUT:
        assert consent.forgiving(grace).state(HOST, when).state is not OUT


# ---- how an event lies to a no -------------------------------------------------------------------------------------


def kind(
    consent: ConsentTable, sent: datetime | None, arrived: datetime | None, created: datetime | None = None
) -> str:
    found = delivered(consent, HOST, Times(sent, arrived, created), FLUSH)
    return "nothing" if found is None else found.kind.value


OPT_OUT = table((NOON - DAY, IN), (NOON, OUT))


@pytest.mark.parametrize(
    ("sent", "arrived", "said"),
    [
        (NOON - HOUR, NOON - TICK, "nothing"),
        (NOON - TICK, NOON, Delivery.LATE),
        (NOON - TICK, NOON + HOUR, Delivery.LATE),
        (NOON, NOON, Delivery.AFTER),
        (NOON, NOON + HOUR, Delivery.AFTER),
        (NOON + TICK, NOON + TICK, Delivery.AFTER),
    ],
)
def test_the_instant_of_the_opt_out_is_after_it_and_the_microsecond_before_is_not(
    sent: datetime, arrived: datetime, said: str
) -> None:
    assert kind(OPT_OUT, sent, arrived, sent) == said


def test_the_lag_is_counted_from_the_opt_out() -> None:
    after = delivered(OPT_OUT, HOST, Times(NOON + HOUR, NOON + 2 * HOUR, NOON), FLUSH)
    late = delivered(OPT_OUT, HOST, Times(NOON - HOUR, NOON + 2 * HOUR, NOON), FLUSH)
    assert after is not None
    assert late is not None
    assert (after.lag, late.lag) == (HOUR, 2 * HOUR)
    assert after.change == late.change == Change(NOON, OUT)


def test_an_opt_out_for_the_whole_capture_has_no_lag() -> None:
    found = delivered(table((START, OUT)), HOST, Times(NOON, NOON, NOON), FLUSH)
    assert found is not None
    assert found.lag == timedelta()


def test_a_queue_may_keep_an_event_for_the_flush_window_and_not_a_microsecond_longer() -> None:
    sent, arrived = NOON - TICK, NOON + HOUR
    assert kind(OPT_OUT, sent, arrived, arrived - FLUSH) == Delivery.LATE
    assert kind(OPT_OUT, sent, arrived, arrived - FLUSH - TICK) == Delivery.BACKDATED


def test_an_event_without_a_time_of_sending_was_sent_when_it_arrived() -> None:
    assert kind(OPT_OUT, None, NOON, None) == Delivery.AFTER
    assert kind(OPT_OUT, None, NOON - TICK, None) == "nothing"


def test_an_event_without_any_time_is_not_judged() -> None:
    assert kind(OPT_OUT, None, None, NOON) == "nothing"


def test_only_its_own_clock_says_no_where_it_arrived_when_permitted_again() -> None:
    again = table((NOON - DAY, IN), (NOON, OUT), (NOON + HOUR, IN))
    assert kind(again, NOON + HOUR - TICK, NOON + HOUR) == Delivery.CLOCK
    assert kind(again, NOON + HOUR, NOON + HOUR) == "nothing"
    assert kind(table((START, NO), (NOON, IN)), NOON - TICK, NOON) == Delivery.CLOCK


@pytest.mark.parametrize("state", [UNKNOWN, PERHAPS, IN])
def test_nobody_is_accused_where_nobody_said_no(state: State) -> None:
    assert kind(table((NOON, state)), NOON + HOUR, NOON + HOUR) == "nothing"


# ---- through the rules ---------------------------------------------------------------------------------------------


def found(consent: ConsentTable, event: object) -> list[tuple[str, str]]:
    """(rule, level) of the consent rules for one event."""
    auditor = Auditor(within.policy_of(within.APPSMITH), consent=consent, lanes=False)
    return [(rule, level) for rule, level, _ in within.event(auditor, event).breaches if rule in CONSENT_RULES]


@many
@given(tables(), clocks())
def test_exactly_one_of_late_delivery_and_event_after_opt_out_fires(
    consent: ConsentTable, times: tuple[datetime, datetime, datetime]
) -> None:
    """For every client event that arrived after an opt-out took effect, unless it was sent after a no: that is an error of
    its own. Where it did not arrive after one, no delivery is late."""
    arrived, stated, created = times
    sent = min(stated, arrived)
    rules = [rule for rule, _ in found(consent, client(stated, arrived, created))]
    if consent.state(HOST, arrived).state is OUT:
        if consent.state(HOST, sent).state is not NO:
            assert len(rules) == 1
            assert rules[0] in ("late-delivery", "event-after-opt-out")
    else:
        assert "late-delivery" not in rules
    assert len(rules) <= 1


@many
@given(tables(), clocks())
@example(table((START, NO), (NOON, OUT)), (NOON, NOON - HOUR, NOON - HOUR))
@example(table((START, OUT), (NOON, NO)), (NOON, NOON - HOUR, NOON - HOUR))
def test_an_event_is_accused_by_where_its_two_clocks_lie(
    consent: ConsentTable, times: tuple[datetime, datetime, datetime]
) -> None:
    """Forbidden by both: an error, whether after the same no or after two. By its arrival alone: a warning, an error where
    it is older than a queue keeps events. By its sender's clock alone: a warning."""
    arrived, stated, created = times
    sent = min(stated, arrived)
    old = arrived - min(created, sent) > FLUSH
    here, there = consent.state(HOST, sent).state, consent.state(HOST, arrived).state
    rules = {OUT: "event-after-opt-out", NO: "event-without-opt-in"}
    wanted: list[tuple[str, str]] = []
    if here in SILENT:
        wanted = [(rules[here], "error" if there in SILENT else "warning")]
    elif there is OUT and not old:
        wanted = [("late-delivery", "warning")]
    elif there in SILENT:
        wanted = [(rules[there], "error" if old else "warning")]
    assert found(consent, client(stated, arrived, created)) == wanted


@pytest.mark.parametrize("state", SILENT)
@pytest.mark.parametrize("days", [2, 30, 3000])
def test_back_dating_beyond_the_flush_window_buys_nothing(state: State, days: int) -> None:
    consent = table((NOON - 4000 * DAY, IN), (NOON, state))
    old = NOON + HOUR - days * DAY
    assert [level for _, level in found(consent, client(old, NOON + HOUR, old))] == ["error"]


@pytest.mark.parametrize("names", [(), ("originalTimestamp", "timestamp")], ids=["created just now", "not said"])
def test_back_dating_the_time_of_sending_alone_buys_nothing(names: tuple[str, ...]) -> None:
    """What was sent three days ago was not created later than that, whatever it says."""
    event = client(NOON + HOUR - 3 * DAY, NOON + HOUR, NOON + HOUR)
    assert found(OPT_OUT, without(event, *names)) == [("event-after-opt-out", "error")]


clock_errors = st.integers(-10_000, 10_000).map(lambda minutes: minutes * MINUTE)


@some
@given(st.integers(1, 600), clock_errors, clock_errors)
def test_whatever_a_senders_clock_says_what_arrived_before_the_opt_out_accuses_nobody(
    before: int, sending: timedelta, creating: timedelta
) -> None:
    arrived = NOON - before * MINUTE
    assert found(table((START, IN), (NOON, OUT)), client(arrived + sending, arrived, arrived + creating)) == []


@some
@given(st.integers(0, 600), clock_errors, clock_errors)
def test_whatever_a_senders_clock_says_what_arrived_after_the_opt_out_is_told(
    after: int, sending: timedelta, creating: timedelta
) -> None:
    arrived = NOON + after * MINUTE
    said = found(table((START, IN), (NOON, OUT)), client(arrived + sending, arrived, arrived + creating))
    assert [level in ("error", "warning") for _, level in said] == [True]


def test_a_clock_that_is_slow_makes_a_late_delivery_of_it_and_no_error() -> None:
    slow = client(NOON + MINUTE - HOUR, NOON + MINUTE, NOON - HOUR)
    assert found(OPT_OUT, slow) == [("late-delivery", "warning")]


def test_a_clock_that_is_fast_is_held_to_the_arrival() -> None:
    assert found(OPT_OUT, client(NOON + HOUR, NOON - TICK, NOON + HOUR)) == []
    assert found(OPT_OUT, client(NOON + HOUR, NOON, NOON + HOUR)) == [("event-after-opt-out", "error")]


@pytest.mark.parametrize("text", ["2020-11-04T13:00:00+01:00", "2020-11-04T06:30:00.000-05:30", "2020-11-04T12:00:00"])
def test_an_offset_is_part_of_the_instant_and_without_one_it_is_utc(text: str) -> None:
    event = {**client(NOON), "sentAt": text, "originalTimestamp": text, "receivedAt": text, "timestamp": text}
    assert found(table((NOON, OUT)), event) == [("event-after-opt-out", "error")]
    assert found(table((NOON + TICK, OUT)), event) == []


def test_a_leap_second_is_the_second_after_59() -> None:
    event = {**client(NOON), **dict.fromkeys(("sentAt", "receivedAt", "timestamp"), "2016-12-31T23:59:60.000Z")}
    event["originalTimestamp"] = event["sentAt"]
    midnight = datetime(2017, 1, 1, tzinfo=UTC)
    assert found(table((midnight, OUT)), event) == [("event-after-opt-out", "error")]
    assert found(table((midnight + TICK, OUT)), event) == []


def test_arrival_is_received_else_stamped_else_sent() -> None:
    event = client(NOON - HOUR, NOON, NOON - HOUR)
    assert found(OPT_OUT, event) == [("late-delivery", "warning")]
    assert found(OPT_OUT, without(event, "receivedAt")) == [("late-delivery", "warning")]
    assert found(OPT_OUT, without(event, "receivedAt", "timestamp")) == []
    assert found(OPT_OUT, {**without(event, "receivedAt"), "timestamp": z(NOON - TICK)}) == []
