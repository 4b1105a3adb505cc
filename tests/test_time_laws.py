"""Laws of time: order, cutting and merging decide nothing; one event over one boundary is one finding; less consent is
never better; both lanes agree; marks are the same in memory and on disk."""

from __future__ import annotations

import itertools
import os
import random
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from audit.engine.result import Result
from audit.engine.rows import InputFacts
from audit.engine.run import Auditor, Lines, Part
from audit.engine.settle import settle
from audit.model import Finding
from audit.policy.consent import Change, ConsentTable, State
from audit.runners.marks import MarkStore
from audit.sources.consent import read_rows, table_of
from audit.tally import Size, Tally
from tests import within
from tests.conftest import Json, jsonl
from tests.timed import (
    CONSENT_RULES,
    DAY,
    HOST,
    HOUR,
    INSTANCE,
    MINUTE,
    NOON,
    OTHER_HOST,
    OTHER_INSTANCE,
    TICK,
    Row,
    beat,
    client,
    clocks,
    csv,
    every,
    installer,
    row,
    tables,
    without,
    z,
)

few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
some = settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])

POLICY = within.policy_of(within.APPSMITH)
ALL = Size(examples=10_000)
IN, OUT, NO = State.OPTED_IN, State.OPTED_OUT, State.DECLINED


def whole(*changes: Change) -> ConsentTable:
    return ConsentTable({"*": changes})


# ---- made-up captures ----------------------------------------------------------------------------------------------


def stray(arrived: datetime) -> Json:
    """Undocumented, and nobody knows who sent it."""
    return {"event": "Editor Warmed Up", "type": "track", "userId": "u1", "receivedAt": z(arrived)}


def server_stray(sent: datetime, arrived: datetime) -> Json:
    """An undocumented event of the server, which says when it was sent."""
    return {**beat(arrived), "event": "Instance Stopped", "sentAt": z(sent)}


@st.composite
def events(draw: st.DrawFn) -> Json:
    arrived, stated, created = draw(clocks())
    match draw(st.integers(0, 7)):
        case 0:
            return client(stated, arrived, created, OTHER_HOST)
        case 1:
            return beat(arrived, draw(st.sampled_from([INSTANCE, OTHER_INSTANCE, "198.51.100.7", None])))
        case 2:
            return {**beat(arrived), "sentAt": z(stated)}
        case 3:
            return server_stray(stated, arrived)
        case 4:
            return draw(st.sampled_from([stray(arrived), installer(arrived)]))
        case 5:
            event = client(stated, arrived, created)
            return without(
                event, *draw(st.sets(st.sampled_from(["sentAt", "receivedAt", "timestamp", "originalTimestamp"])))
            )
        case _:
            return client(stated, arrived, created)


@st.composite
def captures(draw: st.DrawFn, most: int = 14) -> list[Json]:
    """Events with ids of their own; some stand a second time, as a retry or with other content."""
    found = draw(st.lists(events(), min_size=1, max_size=most))
    numbered = [{**event, "messageId": f"ajs-{number:032x}"} for number, event in enumerate(found)]
    again = draw(st.lists(st.sampled_from(numbered), max_size=3))
    altered = [
        draw(st.sampled_from([event, {**event, "receivedAt": z(NOON)}, {**event, "userId": "x"}])) for event in again
    ]
    return [*numbered, *altered]


class Answer(NamedTuple):
    """What an audit says, apart from where the events stand."""

    verdict: str
    claims: list[Any]
    requirements: list[Any]
    counts: Any
    groups: list[Any]
    coverage: Any


def answer(result: Result) -> Answer:
    groups = [{**group, "shown": None} for group in result["groups"]]
    return Answer(
        result["verdict"], result["claims"], result["requirements"], result["counts"], groups, result["coverage"]
    )


def auditor(consent: ConsentTable | None, *, lanes: bool = True) -> Auditor:
    return Auditor(POLICY, consent=consent, lanes=lanes)


def result_of(consent: ConsentTable | None, tally: Tally, inputs: int = 1) -> Result:
    facts = [InputFacts(f"capture-{number}", "jsonl", 0, None, lines=True) for number in range(inputs)]
    return settle(POLICY, tally, facts, {}, consent)


def judged(consent: ConsentTable | None, capture: Sequence[object]) -> Result:
    tally = Tally(ALL)
    auditor(consent).feed(Lines(0, 1, jsonl(*capture)), tally, (0, 0))
    return result_of(consent, tally)


def found(result: Result) -> Counter[tuple[str, str, str | None, str]]:
    """Every finding that has a line: rule, level, pointer and what it says."""
    rows = [one for one in result["findings"] if one["line"] is not None]
    return Counter((one["rule"], one["level"], one["pointer"], one["message"]) for one in rows)


# ---- order, cutting, merging ---------------------------------------------------------------------------------------


@some
@given(tables(), captures(), st.randoms(use_true_random=False))
def test_the_order_of_lines_decides_nothing(consent: ConsentTable, capture: list[Json], chance: random.Random) -> None:
    shuffled = capture.copy()
    chance.shuffle(shuffled)
    assert answer(judged(consent, shuffled)) == answer(judged(consent, capture))


def pieces(capture: Sequence[Json], cuts: Iterable[int]) -> list[Sequence[Json]]:
    edges = [0, *sorted(cuts), len(capture)]
    return [capture[start:end] for start, end in itertools.pairwise(edges)]


cuts = st.lists(st.integers(0, 17), max_size=4)


@some
@given(tables(), captures(), cuts, st.randoms(use_true_random=False))
def test_chunks_of_one_file_merged_in_any_order_give_the_same_result(
    consent: ConsentTable, capture: list[Json], at: list[int], chance: random.Random
) -> None:
    """Of chunks of the same file not only the answer is the same, but every byte of the result, lines included."""
    engine, parts, offset = auditor(consent), list[Tally](), 0
    for chunk, piece in enumerate(pieces(capture, [min(cut, len(capture)) for cut in at])):
        tally, data = Tally(ALL), jsonl(*piece)
        engine.feed(Lines(offset, 1, data), tally, (0, chunk))
        parts.append(tally)
        offset += len(data)
    chance.shuffle(parts)
    total = Tally(ALL)
    for part in parts:
        total += part
    assert result_of(consent, total) == judged(consent, capture)


@some
@given(tables(), captures(), cuts)
def test_a_capture_cut_into_files_gives_the_same_answer(
    consent: ConsentTable, capture: list[Json], at: list[int]
) -> None:
    files = pieces(capture, [min(cut, len(capture)) for cut in at])
    engine, tally = auditor(consent), Tally(ALL)
    for number, piece in enumerate(files):
        engine.feed(Lines(0, 1, jsonl(*piece)), tally, (number, 0))
    assert answer(result_of(consent, tally, len(files))) == answer(judged(consent, capture))


@few
@given(tables(), captures())
def test_a_batch_of_events_gives_the_same_answer_as_lines(consent: ConsentTable, capture: list[Json]) -> None:
    assert answer(judged(consent, [{"batch": capture}])) == answer(judged(consent, capture))


# ---- one event, one boundary ---------------------------------------------------------------------------------------


class Boundary(NamedTuple):
    """What the same event gives on either side of an instant: (rule, level, pointer) of the consent rules."""

    consent: ConsentTable
    before: Json
    after: Json
    gone: tuple[tuple[str, str, str], ...]
    come: tuple[tuple[str, str, str], ...]


def moved(sent: datetime, arrived: datetime | None = None, created: datetime | None = None) -> Json:
    return {**client(sent, arrived, created), "messageId": "ajs-" + "f" * 32}


def beating(at: datetime) -> Json:
    return {**beat(at, OTHER_INSTANCE), "messageId": "api-" + "f" * 27}


OPT_IN, OPT_OUT = (
    whole(Change(NOON - 9 * DAY, NO), Change(NOON, IN)),
    whole(Change(NOON - 9 * DAY, IN), Change(NOON, OUT)),
)
BOUNDARIES: dict[str, Boundary] = {
    "sent before or at the opt-in": Boundary(
        OPT_IN, moved(NOON - TICK), moved(NOON), (("event-without-opt-in", "error", "/sentAt"),), ()
    ),
    "sent before or at the opt-in, arrived after it": Boundary(
        OPT_IN,
        moved(NOON - TICK, NOON + MINUTE),
        moved(NOON, NOON + MINUTE),
        (("event-without-opt-in", "warning", "/sentAt"),),
        (),
    ),
    "sent before the opt-in, arrived before or at it": Boundary(
        OPT_IN,
        moved(NOON - MINUTE, NOON - TICK),
        moved(NOON - MINUTE, NOON),
        (("event-without-opt-in", "error", "/sentAt"),),
        (("event-without-opt-in", "warning", "/sentAt"),),
    ),
    "sent before or at the opt-out": Boundary(
        OPT_OUT, moved(NOON - TICK), moved(NOON), (), (("event-after-opt-out", "error", "/sentAt"),)
    ),
    "sent before or at the opt-out, arrived after it": Boundary(
        OPT_OUT,
        moved(NOON - TICK, NOON + MINUTE),
        moved(NOON, NOON + MINUTE),
        (("late-delivery", "warning", "/receivedAt"),),
        (("event-after-opt-out", "error", "/sentAt"),),
    ),
    "sent before the opt-out, arrived before or at it": Boundary(
        OPT_OUT,
        moved(NOON - MINUTE, NOON - TICK),
        moved(NOON - MINUTE, NOON),
        (),
        (("late-delivery", "warning", "/receivedAt"),),
    ),
    "created within or beyond the flush window": Boundary(
        OPT_OUT,
        moved(NOON - MINUTE, NOON + MINUTE, NOON + MINUTE - DAY),
        moved(NOON - MINUTE, NOON + MINUTE, NOON + MINUTE - DAY - TICK),
        (("late-delivery", "warning", "/receivedAt"),),
        (("event-after-opt-out", "error", "/receivedAt"),),
    ),
    "a keep-alive before or at the opt-out": Boundary(
        OPT_OUT, beating(NOON - TICK), beating(NOON), (), (("event-after-opt-out", "note", "/receivedAt"),)
    ),
}


@pytest.mark.parametrize("boundary", BOUNDARIES.values(), ids=BOUNDARIES)
def test_moving_one_event_over_a_boundary_changes_exactly_its_findings(boundary: Boundary) -> None:
    @few
    @given(captures(8), st.integers(0, 8))
    def check(others: list[Json], at: int) -> None:
        quiet = [event for event in others if event["event"] != "Instance Active"]  # beats at other times move rhythms
        one, two = (
            findings(boundary.consent, [*quiet[:at], event, *quiet[at:]]) for event in (boundary.before, boundary.after)
        )
        assert sorted((one - two).elements()) == sorted(boundary.gone)
        assert sorted((two - one).elements()) == sorted(boundary.come)

    check()


def findings(consent: ConsentTable, capture: list[Json]) -> Counter[tuple[str, str, str]]:
    tally, told = Tally(ALL), list[Finding]()
    auditor(consent).feed(Lines(0, 1, jsonl(*capture)), tally, (0, 0), None, told.append)
    return Counter((one.rule, one.level.value, str(one.pointer)) for one in told)


@few
@given(st.integers(0, 40), st.integers(0, 40), st.randoms(use_true_random=False))
def test_moving_one_beat_over_the_tolerance_adds_exactly_one_finding(
    early: int, late: int, chance: random.Random
) -> None:
    """Intervals of one instance: all within 6 h and a quarter, until one of them is a microsecond longer or shorter."""
    lengths = [timedelta(hours=5, minutes=45), timedelta(hours=6, minutes=15)] + [6 * HOUR] * (early % 4 + late % 4)
    chance.shuffle(lengths)
    for index, length in enumerate(lengths):
        edge = -TICK if length < 6 * HOUR else TICK if length > 6 * HOUR else timedelta()
        times = [NOON + sum(lengths[:count], timedelta()) for count in range(len(lengths) + 1)]
        kept = judged(None, [beat(at) for at in times])
        times[index + 1 :] = [at + edge for at in times[index + 1 :]]
        broken = judged(None, [beat(at) for at in times])
        rules = [rule for rule, *_ in (found(broken) - found(kept)).elements()]
        assert rules == ([] if not edge else ["heartbeat-early"] if edge < timedelta() else ["heartbeat-missed"])
        assert not found(kept) - found(broken)


# ---- less consent is never better ----------------------------------------------------------------------------------

Rows = list[Row]


@st.composite
def histories(draw: st.DrawFn) -> Rows:
    """Rows of the whole installation, of the host of the events and of their instance; every opt-out is dated."""
    rows: Rows = []
    for name in ("*", HOST, INSTANCE):
        for at in draw(st.lists(st.integers(-12, 12), max_size=4, unique=True)):
            state = draw(st.sampled_from(["opted-in", "opted-in", "declined", "opted-out"]))
            when = NOON + at * HOUR
            rows.append(row(when, state, name, when if state == "opted-out" else None))
    return rows


def less(rows: Rows, chance: random.Random) -> Iterator[Rows]:
    """The rows with less consent, in every way but one that chance picks the time of:

    an opt-in is taken out; an opt-in becomes a no; an opt-out moves to an earlier time, though not past another row of its
    subject (that row would then come after it and speak last); an opt-out or a no is added.
    """
    for index, (at, subject, state, _) in enumerate(rows):
        others = [*rows[:index], *rows[index + 1 :]]
        if state == "opted-in":
            yield others
            yield [*others, row(at, "declined", subject)]
        if state == "opted-out":
            floor = max([one[0] for one in others if one[1] == subject and one[0] < at], default=at - DAY)
            new = at - chance.random() * (at - floor) * 0.99
            yield [*others, row(new, "opted-out", subject, new)]
    for subject in ("*", HOST, INSTANCE):
        new = between(chance)
        yield [*rows, row(new, "opted-out", subject, new)]
        yield [*rows, row(between(chance), "declined", subject)]


def between(chance: random.Random) -> datetime:
    """A time at which no row stands."""
    return NOON + (chance.randrange(-26, 26) + 0.5) * (HOUR / 2)


def worst(consent: ConsentTable, capture: list[Json]) -> dict[int, int]:
    """By line: the worst level that a consent rule gave its event; 0 for none, 3 for an error."""
    tally, told = Tally(ALL), list[Finding]()
    auditor(consent, lanes=False).feed(Lines(0, 1, jsonl(*capture)), tally, (0, 0), None, told.append)
    by_line: dict[int, int] = {}
    for one in told:
        if one.rule in CONSENT_RULES and one.place is not None:
            by_line[one.place.unit] = max(by_line.get(one.place.unit, 0), one.level.rank + 1)
    return by_line


def read(rows: Rows, grace: timedelta) -> ConsentTable:
    text = csv(*rows)
    table = table_of(read_rows(text, "c"), "c", needs_restart=True) if rows else ConsentTable({})
    return table.forgiving(grace)


def never_better(rows: Rows, fewer: Rows, capture: list[Json], grace: timedelta) -> None:
    """No event is better off: whatever a consent rule found in it, with less consent a consent rule finds something at
    that level or above. So no error goes away, and neither of the two claims that was violated leaves both of them whole."""
    more, fewer_found = worst(read(rows, grace), capture), worst(read(fewer, grace), capture)
    better = {
        line: (level, fewer_found.get(line, 0)) for line, level in more.items() if fewer_found.get(line, 0) < level
    }
    assert better == {}


graces = st.sampled_from([timedelta(), 90 * MINUTE])
capture_of_events = st.lists(events(), min_size=1, max_size=8)


@few
@given(histories(), capture_of_events, graces, st.randoms(use_true_random=False))
def test_less_consent_makes_no_event_better_off(
    rows: Rows, capture: list[Json], grace: timedelta, chance: random.Random
) -> None:
    for fewer in less(rows, chance):
        never_better(rows, fewer, capture, grace)


@some
@given(histories(), capture_of_events, st.randoms(use_true_random=False))
def test_an_opt_out_that_nobody_dates_makes_no_event_better_off(
    rows: Rows, capture: list[Json], chance: random.Random
) -> None:
    for subject in ("*", HOST, INSTANCE):
        never_better(rows, [*rows, row(between(chance), "opted-out", subject)], capture, timedelta())


YES, A_NO, LEFT = row(NOON - DAY, "opted-in"), row(NOON - DAY, "declined"), row(NOON, "opted-out", effective=NOON)
AT_ONCE = timedelta()
WORSE: dict[str, tuple[Rows, Rows, Json, timedelta]] = {
    "an opt-out after a no, for what was sent before it": (
        [A_NO],
        [A_NO, LEFT],
        client(NOON - HOUR, NOON + HOUR),
        AT_ONCE,
    ),
    "an opt-out after a no that nobody dates": (
        [A_NO],
        [A_NO, row(NOON, "opted-out")],
        client(NOON + HOUR),
        AT_ONCE,
    ),
    "an opt-out after an opt-out that nobody dates": (
        [LEFT],
        [LEFT, row(NOON + HOUR, "opted-out")],
        client(NOON + 2 * HOUR),
        AT_ONCE,
    ),
    "a no in place of a yes, for what was sent while out": (
        [row(NOON - DAY, "opted-out", effective=NOON - DAY), row(NOON, "opted-in")],
        [row(NOON - DAY, "opted-out", effective=NOON - DAY), row(NOON, "declined")],
        client(NOON - HOUR, NOON + HOUR),
        AT_ONCE,
    ),
    "a no in place of a yes, for an undocumented event of the server": (
        [YES, LEFT],
        [A_NO, LEFT],
        server_stray(NOON - HOUR, NOON + HOUR),
        AT_ONCE,
    ),
    "a no after an opt-out, for an undocumented event of the server": (
        [LEFT],
        [LEFT, row(NOON + HOUR, "declined")],
        server_stray(NOON + 2 * HOUR, NOON + 2 * HOUR),
        AT_ONCE,
    ),
    "a no after an opt-out, for a keep-alive": (
        [LEFT],
        [LEFT, row(NOON + HOUR, "declined")],
        beat(NOON + 2 * HOUR),
        AT_ONCE,
    ),
    "no yes at all": (
        [YES, LEFT],
        [LEFT],
        client(NOON - HOUR, NOON + HOUR),
        AT_ONCE,
    ),
    "a no within the grace of an opt-out": (
        [LEFT],
        [LEFT, row(NOON + HOUR, "declined")],
        server_stray(NOON + 4 * HOUR, NOON + 4 * HOUR),
        3 * HOUR,
    ),
    "an opt-out within whose grace somebody says no": (
        [row(NOON + HOUR, "declined"), row(NOON + 2 * HOUR, "opted-in")],
        [LEFT, row(NOON + HOUR, "declined"), row(NOON + 2 * HOUR, "opted-in")],
        client(NOON + HOUR),
        3 * HOUR,
    ),
}


@pytest.mark.parametrize(("rows", "fewer", "event", "grace"), WORSE.values(), ids=WORSE)
def test_less_consent_makes_this_event_no_better_off(rows: Rows, fewer: Rows, event: Json, grace: timedelta) -> None:
    never_better(rows, fewer, [event], grace)


@few
@given(histories(), capture_of_events, graces, st.randoms(use_true_random=False))
def test_less_consent_mends_no_violated_claim(
    rows: Rows, capture: list[Json], grace: timedelta, chance: random.Random
) -> None:
    """Claims by themselves: one that was violated stays so, or the other one is. (Consent for the whole installation only,
    in a capture of several, turns errors into warnings whatever was given: such pairs are no pairs of this law.)"""

    def violated(some_rows: Rows) -> bool:
        claims = judged(read(some_rows, grace), capture)["claims"]
        return any(one["verdict"] == "violated" for one in claims if one["id"] in ("client-opt-in", "opt-out"))

    assume(any(one[1] != "*" for one in rows) and violated(rows))
    for fewer in less(rows, chance):
        if any(one[1] != "*" for one in fewer):
            assert violated(fewer)


# ---- both lanes ----------------------------------------------------------------------------------------------------


@some
@given(tables(), captures())
@example(whole(Change(NOON, OUT)), [moved(NOON - TICK), moved(NOON)])
@example(whole(Change(NOON, NO), Change(NOON + HOUR, IN)), [moved(NOON + HOUR - TICK, NOON + HOUR)])
@example(whole(Change(NOON, OUT)), [{**moved(NOON), "receivedAt": "2020-11-04T13:00:00+01:00"}])
@example(whole(Change(NOON, OUT)), [{**beat(NOON), "originalTimestamp": "2020-11-04T12:00:00"}])
def test_both_lanes_give_the_same_tally_with_consent(consent: ConsentTable, capture: list[Json]) -> None:
    tallies, told = list[Tally](), list[list[Finding]]()
    for lanes in (True, False):
        tally, mine = Tally(ALL), list[Finding]()
        auditor(consent, lanes=lanes).feed(Lines(0, 1, jsonl(*capture)), tally, (0, 0), None, mine.append)
        tallies.append(tally)
        told.append(mine)
    assert told[0] == told[1]
    assert tallies[0] == tallies[1]
    assert result_of(consent, tallies[0]) == result_of(consent, tallies[1])


def test_events_where_nobody_said_no_take_the_fast_lane() -> None:
    """Else the law above would compare the slow lane with itself."""
    engine = auditor(whole(Change(NOON - DAY, IN), Change(NOON, OUT)))
    assert engine.fast is not None
    seen = [engine.fast.look(jsonl(client(at)).rstrip(b"\n")) for at in (NOON - MINUTE, NOON)]
    assert seen == [True, False]


# ---- marks ---------------------------------------------------------------------------------------------------------


def parts(capture: Sequence[Json], size: int) -> list[Part]:
    found_parts: list[Part] = []
    offset = 0
    for start in range(0, len(capture), size):
        data = jsonl(*capture[start : start + size])
        found_parts.append(Lines(offset, start + 1, data))
        offset += len(data)
    return found_parts


def stored(consent: ConsentTable | None, capture: Sequence[Json], store: MarkStore, size: int = 3) -> Result:
    engine, tally = auditor(consent), Tally(ALL)
    for part in parts(capture, size):
        engine.feed(part, tally, (0, 0))
        store.take(tally)
    facts = [InputFacts("capture-0", "jsonl", 0, None, lines=True)]
    return settle(POLICY, tally, facts, {}, consent, store.sorted)


@few
@given(tables(), captures(), st.integers(0, 400))
def test_marks_that_went_to_disk_give_the_same_result(consent: ConsentTable, capture: list[Json], bound: int) -> None:
    with MarkStore(bound) as spilling, MarkStore() as holding:
        wanted = judged(consent, capture)
        assert stored(consent, capture, spilling) == wanted
        assert stored(consent, capture, holding) == wanted
        assert holding.folder is None


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of its own for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


MANY = [beat(at, instance) for at in every(MINUTE, 100) for instance in (INSTANCE, OTHER_INSTANCE)]


def test_marks_on_disk_can_be_read_by_their_owner_alone(scratch: Path) -> None:
    before = os.umask(0o022)
    try:
        with MarkStore(0) as store:
            stored(None, MANY, store)
            (folder,) = scratch.iterdir()
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    finally:
        os.umask(before)


def test_marks_on_disk_go_with_the_run(scratch: Path) -> None:
    with MarkStore(0) as store:
        stored(None, MANY, store)
        assert [*scratch.rglob("*")] != []
    assert [*scratch.iterdir()] == []


def test_marks_on_disk_go_with_a_run_that_fails(scratch: Path) -> None:
    with pytest.raises(ZeroDivisionError), MarkStore(0) as store:
        print(len(stored(None, MANY, store)["claims"]) / 0)
    assert [*scratch.iterdir()] == []


def test_marks_on_disk_hold_no_payload(scratch: Path) -> None:
    with MarkStore(0) as store:
        stored(None, MANY, store)
        written = b"".join(path.read_bytes() for path in scratch.rglob("*") if path.is_file())
    assert len(written) == 2 * 32 * len(MANY)
    for value in (INSTANCE, OTHER_INSTANCE, str(MANY[0]["messageId"]), str(MANY[0]["userId"])):
        assert value.encode() not in written
        assert bytes.fromhex(INSTANCE.replace("-", "")) not in written


def test_a_store_never_holds_more_than_its_bound_and_one_part(scratch: Path) -> None:
    with MarkStore(1024) as store:
        engine, tally = auditor(None), Tally(ALL)
        for part in parts(MANY, 5):
            engine.feed(part, tally, (0, 0))
            store.take(tally)
            assert tally.marks == {}
            assert store.size <= 1024
