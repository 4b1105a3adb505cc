"""The inventory and the timeline: what was seen, how often, how many different; never what it was."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.engine.run import Auditor, Lines
from audit.sketch import BINS, KEPT, WIDTHS, Distinct, FieldKey, Hours, Seen
from audit.tally import Size, Tally
from audit.writers.fields import share
from tests import events, within
from tests.conftest import CAPTURES, ROOT, Json, active, invoke, jsonl, page_load, samples
from tests.hostile import array

HARBOUR = ROOT / "fixtures" / "packs" / "harbour" / "2025-03"
BROKEN = CAPTURES / "harbour-broken.jsonl"
packs = pytest.mark.parametrize("pack", within.PACKS, ids=lambda pack: pack.parent.name)


def fields(*logged: object) -> dict[tuple[str, str], Json]:
    """Rows by (event, field) of a capture."""
    run = invoke("inventory", "-", "-f", "json", stdin=jsonl(*logged))
    assert run.code == 0, run.err
    return {(row["event"], row["field"]): row for row in json.loads(run.out)["inventory"]["fields"]}


# ---- what is counted -----------------------------------------------------------------------------------------------


def test_each_field_says_share_type_different_values_and_what_the_page_calls_it() -> None:
    rows = fields(active(), active(), {**active(), "extra": {"deep": [1, 2, 2]}})
    assert rows["Instance Active", "/userId"] == {
        "event": "Instance Active",
        "origin": "server",
        "field": "/userId",
        "documented": True,
        "category": "ip-address",
        "events": 3,
        "types": {"text": 3},
        "distinct": 1,
        "exact": True,
    }
    extra = rows["Instance Active", "/extra/deep/*"]
    assert (extra["documented"], extra["category"], extra["events"]) == (False, None, 1)
    assert (extra["types"], extra["distinct"]) == ({"integer": 3}, 2)


def test_null_is_absent_and_an_empty_container_is_a_value() -> None:
    rows = fields({**active(), "a": None, "b": {}, "c": [], "d": [None]})
    mine = {field: rows["Instance Active", field]["types"] for field in ("/b", "/c")}
    assert mine == {"/b": {"object": 1}, "/c": {"list": 1}}
    assert not {("Instance Active", "/a"), ("Instance Active", "/d"), ("Instance Active", "/d/*")} & set(rows)


def test_a_documented_field_that_never_came_is_listed_as_not_seen() -> None:
    event = active()
    del event["context"]["library"]
    row = fields(event)["Instance Active", "/context/library/name"]
    assert (row["documented"], row["events"], row["types"], row["distinct"]) == (True, 0, {}, 0)


def test_a_list_is_one_field_and_a_member_named_like_its_sign_is_another() -> None:
    rows = fields({**active(), "a": [1, 2], "b": {"*": 1}})
    assert {field for _, field in rows if field.startswith(("/a", "/b"))} == {"/a/*", "/b/{text}"}


def test_an_object_with_a_doubled_key_is_an_object_all_the_same() -> None:
    line = json.dumps(active()).replace('"event"', '"event": "Instance Active", "event"', 1).encode()
    run = invoke("inventory", "-", "-f", "json", stdin=line)
    assert {row["field"] for row in json.loads(run.out)["inventory"]["fields"]} == {f for _, f in fields(active())}


def test_names_shown_alike_are_one_field_and_an_event_counts_once() -> None:
    rows = fields({**active(), "ann@fabrikam-mail.com": 1, "bob@fabrikam-mail.com": 2})
    row = rows["Instance Active", "/{email}"]
    assert (row["events"], row["types"], row["distinct"]) == (1, {"integer": 2}, 2)


def test_names_that_look_like_data_stand_as_their_shape() -> None:
    run = invoke("inventory", "-", "-f", "json", stdin=jsonl({**active(), "ann@fabrikam-mail.com": "x"}))
    assert "/{email}" in run.out
    assert "fabrikam" not in run.out


@pytest.mark.parametrize("kind", ["text", "markdown", "csv", "json"])
def test_no_value_comes_out(kind: str) -> None:
    logged = [
        {**page_load(), "title": f"zq7xk {n}", "extra": {"zq7xk@fabrikam-mail.com": f"zq7xk {n}"}} for n in range(3)
    ]
    run = invoke("inventory", "-", "-f", kind, stdin=jsonl(*logged))
    assert run.code == 0
    assert "zq7xk" not in run.out + run.err


def test_documented_fields_are_counted_whatever_floods_in() -> None:
    auditor = Auditor(within.policy_of(within.APPSMITH), inventory=True)
    tally = Tally(Size(fields=40))
    flood = [{**active(), **{f"a{n}x{k}": k for k in range(50)}} for n in range(20)]
    auditor.feed(Lines(0, 1, jsonl(*flood, active())), tally, (0, 0))
    kept = tally.settled().inventory.items
    assert len(kept) == 40
    assert {seen.events for key, seen in kept.items() if not key.undocumented} == {21}


def test_what_is_not_listed_is_counted() -> None:
    run = invoke("inventory", "-", "-f", "json", stdin=jsonl({**active(), **{f"k{n}q": n for n in range(1200)}}))
    inventory = json.loads(run.out)["inventory"]
    assert len(inventory["fields"]) == 1000
    assert inventory["other"]["fields"] > 200
    assert "Not listed" in invoke("inventory", "-", stdin=jsonl({**active(), **{f"k{n}q": n for n in range(1200)}})).out


# ---- how many different --------------------------------------------------------------------------------------------

hashes = st.integers(0, (1 << 64) - 1)


def distinct(values: list[int]) -> Distinct:
    found = Distinct()
    for value in values:
        found.add(value)
    return found


@settings(max_examples=50, deadline=None)
@given(values=st.lists(hashes, max_size=60))
def test_a_few_different_values_are_counted_exactly(values: list[int]) -> None:
    found = distinct(values)
    assert found.exact
    assert found.number == len(set(values))


@pytest.mark.parametrize("number", [KEPT, KEPT + 1, 3_000, 50_000])
def test_many_different_values_are_estimated(number: int) -> None:
    spread = [(n * 0x9E3779B97F4A7C15) % (1 << 64) for n in range(1, number + 1)]
    found = distinct(spread)
    assert found.exact == (number <= KEPT)
    assert abs(found.number - number) <= number * 0.15
    parts = [distinct(spread[k::7]) for k in range(7)]
    for part in parts[1:][::-1]:
        parts[0].take(part)
    assert parts[0] == found
    assert parts[0].number == found.number


@packs
@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_lanes_and_chunks_count_the_same_fields_and_hours(pack: Path, data: st.DataObject) -> None:
    log = data.draw(st.lists(events.lines(pack), max_size=6))
    policy = within.policy_of(pack)
    whole, slow = Tally(), Tally()
    Auditor(policy, inventory=True).feed(Lines(0, 1, b"\n".join(log)), whole, (0, 0))
    Auditor(policy, inventory=True, lanes=False).feed(Lines(0, 1, b"\n".join(log)), slow, (0, 0))
    parts = [Tally() for _ in log]
    auditor = Auditor(policy, inventory=True)
    for number, (line, part) in enumerate(zip(log, parts, strict=True)):
        auditor.feed(Lines(0, 1, line), part, (0, number))
    merged = sum(reversed(parts), Tally())
    for tally in (slow, merged):
        assert tally.inventory.items == whole.inventory.items
        assert tally.hours.state() == whole.hours.state()


def test_seen_of_nothing_is_nothing() -> None:
    one, two = Tally(), Tally()
    key = FieldKey(undocumented=False, origin="client", event="E", field="/f", category="other")
    one.inventory.items[key] = Seen(events=2)
    two.inventory.items[key] = Seen(events=1)
    assert one + Tally() == one == Tally() + one
    assert (one + two).inventory.items[key].events == 3
    assert one + two == two + one != one


# ---- when ----------------------------------------------------------------------------------------------------------

hours = st.lists(st.tuples(st.sampled_from(("client", "server")), st.integers(0, 80_000_000)), max_size=60)


def counted(rows: list[tuple[str, int]]) -> Hours:
    found = Hours()
    for origin, hour in rows:
        found.add(origin, hour)
    return found


@settings(max_examples=60, deadline=None)
@given(rows=hours, chance=st.randoms(use_true_random=False))
def test_bins_are_the_same_in_whatever_order_and_parts(rows: list[tuple[str, int]], chance: Any) -> None:
    whole = counted(rows)
    shuffled = chance.sample(rows, len(rows))
    cut = chance.randint(0, len(rows))
    parts = counted(shuffled[:cut])
    parts.take(counted(shuffled[cut:]))
    assert parts.state() == whole.state()
    assert whole.bins.total() == len(rows)


def test_a_long_capture_has_coarser_bins_and_never_too_many() -> None:
    for step, width in ((1, 6), (6, 24), (24, 168)):
        found = counted([("client", hour * step) for hour in range(BINS + 1)])
        assert found.width == width
        assert len(found.bins) <= BINS
    ages = counted([("client", hour) for hour in range(0, 9999 * 8766, 8766)])
    assert ages.width == WIDTHS[-1]
    assert len(ages.bins) <= BINS


def test_the_result_tells_events_by_hour_and_origin() -> None:
    run = invoke("check", BROKEN, "-p", HARBOUR, "-o", "json")
    timeline = json.loads(run.out)["timeline"]
    assert timeline["width"] == 3_600_000
    assert timeline["events"][1] == {"from": "2025-03-04T09:00:00.000Z", "origins": {"agent": 1, "console": 1}}
    assert sum(sum(row["origins"].values()) for row in timeline["events"]) == 12
    (rhythm,) = timeline["intervals"]
    assert rhythm["bins"] == [{"from": 3_300_000, "to": 3_900_000, "intervals": 5}]


def test_the_result_tells_opt_in_events_around_an_opt_out() -> None:
    def at(time: str) -> Json:
        return page_load(sentAt=time, originalTimestamp=time, receivedAt=time, timestamp=time)

    log = jsonl(*map(at, ("2020-11-04T08:00:00.000Z", "2020-11-04T09:59:00.000Z", "2020-11-04T10:00:00.000Z")))
    run = invoke("check", "-", "--opted-out-at", "2020-11-04T10:00:00Z", "-o", "json", stdin=log)
    (around,) = json.loads(run.out)["timeline"]["opt_outs"]
    assert (around["subject"], around["state"], around["at"]) == ("*", "opted-out", "2020-11-04T10:00:00.000Z")
    assert around["hours"] == [{"hour": -2, "events": 1}, {"hour": -1, "events": 1}, {"hour": 0, "events": 1}]


# ---- the command ---------------------------------------------------------------------------------------------------


def test_formats_agree(tmp_path: Path) -> None:
    document = json.loads(invoke("inventory", BROKEN, "-p", HARBOUR, "-f", "json").out)
    target = tmp_path / "fields.csv"
    assert invoke("inventory", BROKEN, "-p", HARBOUR, "-f", "csv", "-o", target).out == ""
    with target.open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))
    assert [(row["event"], row["field"]) for row in table] == [
        (row["event"], row["field"]) for row in document["inventory"]["fields"]
    ]
    for kind in ("text", "markdown"):
        out = invoke("inventory", BROKEN, "-p", HARBOUR, "-f", kind).out
        assert "no legal assessment" in out
        for row in document["inventory"]["fields"]:
            assert row["field"] in out


def test_an_output_is_named_as_for_check(tmp_path: Path) -> None:
    wanted = invoke("inventory", BROKEN, "-p", HARBOUR, "-f", "csv").out
    for name, args in {
        "a.csv": ("-o", "csv=a.csv"),
        "b.csv": ("-f", "csv", "-o", "b.csv"),
        "x=y": ("-f", "csv", "-o", "./x=y"),
        "c.csv": ("-f", "csv", "-o", "csv=c.csv"),
    }.items():
        assert invoke("inventory", BROKEN, "-p", HARBOUR, *args, cwd=tmp_path).code == 0
        assert (tmp_path / name).read_text("utf-8") == wanted
    assert invoke("inventory", BROKEN, "-p", HARBOUR, "-o", "csv", cwd=tmp_path).out == wanted


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("-o", "xml=fields.xml"), "write FORMAT=FILE, with one of text, markdown, csv, json"),
        (("-o", "csv="), "write FORMAT=FILE"),
        (("-f", "json", "-o", "csv=fields.csv"), "name two formats"),
    ],
    ids=" ".join,
)
def test_an_output_that_cannot_be_meant_is_refused(args: tuple[str, ...], said: str, tmp_path: Path) -> None:
    run = invoke("inventory", BROKEN, "-p", HARBOUR, *args, cwd=tmp_path)
    assert run.code == 2
    assert said in " ".join(run.err.split())
    assert not list(tmp_path.iterdir())


def test_it_takes_what_check_takes() -> None:
    one = invoke("inventory", "-", "-f", "json", stdin=jsonl(*samples()))
    other = invoke("inventory", "-", "-f", "json", stdin=array(*samples()))
    assert json.loads(one.out)["inventory"] == json.loads(other.out)["inventory"]


def test_nothing_read_is_exit_3() -> None:
    run = invoke("inventory", "-", stdin=b"")
    assert run.code == 3
    assert "no field was seen" in run.out


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_told() -> None:
    run = invoke("inventory", BROKEN, "-p", HARBOUR, "-o", "/dev/full")
    assert run.code == 2
    assert "was not written" in run.err


def test_a_share_is_never_rounded_to_all_or_nothing() -> None:
    assert [share(1, 0), share(0, 9), share(1, 5_000), share(4_999, 5_000), share(9, 9)] == [
        "-",
        "0.0 %",
        "< 0.1 %",
        "99.9 %",
        "100.0 %",
    ]


def test_an_output_that_is_the_input_is_refused(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(jsonl(*samples()))
    run = invoke("inventory", log, "-o", log)
    assert run.code == 2
    assert "is an input" in run.err
    assert log.read_bytes() == jsonl(*samples())
