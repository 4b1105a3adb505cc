"""Limits that the auditor sets, and formats that the auditor names: what bit is told, and is never clean."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.engine.parse import Document, Limits, Refusal, parse
from audit.model import Reason
from audit.tally import BUCKET, EPOCH, Size, Tally
from audit.tally.bounds import Act, ActKey
from tests.conftest import CAPTURES, check, invoke

EVENT = json.loads((CAPTURES / "three-samples.jsonl").read_bytes().split(b"\n")[2])


def wrapped(path: Path, layers: int = 3) -> Path:
    """A client event that hides an address under layers of base64, among other text."""
    text = "mail jane.zq7plant@corp-zq7plant.com " * 9
    for _ in range(layers):
        text = base64.b64encode(text.encode()).decode()
    path.write_text(json.dumps({**EVENT, "properties": {**EVENT.get("properties", {}), "note": text}}) + "\n")
    return path


def test_fewer_forms_than_it_takes_are_a_gap_and_no_clean_claim(tmp_path: Path) -> None:
    file = wrapped(tmp_path / "log.jsonl")
    usual = check(file)
    assert usual.count("email-address") == 1
    few = check(file, "--max-views", "15")
    assert few.count("email-address") == 0
    assert few.result["coverage"]["searched"]["gave_up"] >= 1
    assert few.result["parameters"]["max_views"] == 15
    assert {row["verdict"] for row in few.result["claims"] if row["id"] == "email-only-on-support"} <= {
        "inconclusive",
        "violated",
    }
    assert "gave up in 1 event: raise --max-views" in " ".join(invoke("check", file, "--max-views", "15").out.split())
    again = check(file)
    assert again.result == usual.result  # what one audit was allowed says nothing of the next


def test_the_bounds_stand_in_the_result_and_cost_nothing_where_they_do_not_bite() -> None:
    usual, wide = (check(CAPTURES / "three-samples.jsonl", *more).result for more in ((), ("--max-unpacked", "8MiB")))
    assert (usual["parameters"]["max_unpacked"], usual["parameters"]["max_views"]) == (4 << 20, 1500)
    assert wide["parameters"]["max_unpacked"] == 8 << 20
    assert usual["claims"] == wide["claims"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--max-unpacked", "1KiB"), "64KiB to 1GiB"),
        (("--max-views", "3"), "15<=x<=1000000"),
        (("--input-format", "xml"), "write [FILE=]FORMAT"),
        (("--input-format", "other.har=har"), "no capture of that name"),
        (("--input-format", "har", "--input-format", "jsonl"), "write FILE=FORMAT"),
    ],
    ids=" ".join,
)
def test_a_wrong_limit_or_format_is_a_usage_error(args: tuple[str, ...], said: str) -> None:
    run = invoke("check", CAPTURES / "three-samples.jsonl", *args)
    assert run.code == 2
    assert said in " ".join(run.err.split())


def test_a_format_can_be_named_where_the_content_misleads(tmp_path: Path) -> None:
    """A HAR behind a list that the tool does not expect before `log` looks like one JSON object."""
    har = json.loads((CAPTURES / "curl-shapes.har").read_bytes())
    file = tmp_path / "odd.har"
    file.write_text(json.dumps({"exporters": [{"name": "x"}], **har}, indent=1))
    assert check(file).result["inputs"][0]["format"] == "json"
    for args in (("--input-format", "har"), ("--input-format", "odd.har=har"), ("--input-format", "har", "-j", "2")):
        run = check(file, *args)
        assert run.result["inputs"][0]["format"] == "har"
        assert run.result["parameters"]["input_format"] == {"odd.har": "har"}
        assert run.total("events") == 10


def test_a_foreign_body_beyond_the_bound_is_a_gap(tmp_path: Path) -> None:
    """What goes to a host that is no collector's is searched up to the limit; the rest is told, as is a bomb."""

    def har(body: str) -> Path:
        entry = {
            "startedDateTime": "2026-11-24T10:00:00Z",
            "request": {
                "method": "POST",
                "url": "https://chat.example.test/say",
                "headers": [{"name": "content-type", "value": "text/plain"}],
                "postData": {"mimeType": "text/plain", "text": body},
            },
            "response": {"status": 200},
        }
        file = tmp_path / "one.har"
        file.write_text(json.dumps({"log": {"version": "1.2", "entries": [entry]}}))
        return file

    short, long = "hello " * 10, "hello there " * 7_000
    for body, args, gaps in ((short, (), 0), (long, (), 0), (long, ("--max-unpacked", "64KiB"), 1)):
        found = check(har(body), *args).result["coverage"]["searched"]["gave_up"]
        assert (found > 0) == bool(gaps)
    assert (
        check(har(long), "--max-line", "70KiB").result["coverage"]["searched"]["gave_up"]
        + check(har(long), "--max-line", "70KiB").total("unreadable")
        > 0
    )


def spread(buckets: Iterable[int], most: int) -> Tally:
    tally = Tally(Size(buckets=most))
    for bucket in buckets:
        at = EPOCH + bucket * BUCKET
        tally.act(ActKey("*", 0, bucket), Act(1, at, at))
        tally.use(at)
    return tally


TIMES = st.lists(st.integers(0, 400_000_000), max_size=40)


@given(TIMES, TIMES, TIMES)
def test_times_are_kept_in_so_many_buckets_whatever_the_order_and_the_grouping(
    one: list[int], two: list[int], three: list[int]
) -> None:
    parts = [spread(some, 8) for some in (one, two, three)]
    whole = spread([*three, *one, *two], 8)
    assert (parts[0] + parts[1]) + parts[2] == parts[2] + (parts[1] + parts[0]) == whole
    assert len(whole.acts.items) <= 8
    assert len(whole.uses.items) <= 8
    assert sum(act.number for act in whole.acts.items.values()) == len(one) + len(two) + len(three)
    for few in (whole.acts.items.values(), whole.uses.items.values()):
        assert {at for act in few for at in (act.first, act.last)} <= {
            EPOCH + bucket * BUCKET for bucket in (*one, *two, *three)
        }


def test_few_times_keep_their_ten_minutes_and_made_up_ones_do_not_fill_the_memory() -> None:
    honest = spread(range(1_000), Size().buckets)
    assert (honest.acts.level, len(honest.acts.items)) == (0, 1_000)
    forged = spread(range(0, 400_000_000, 8_000), Size().buckets)
    assert len(forged.acts.items) <= Size().buckets
    assert len(forged.uses.items) <= Size().buckets


def test_the_limits_for_a_record_are_those_of_every_command_that_reads() -> None:
    assert invoke("inventory", CAPTURES / "three-samples.jsonl").code == 0
    for limit, least in (("--max-depth", "1"), ("--max-keys", "1"), ("--max-line", "9")):
        assert invoke("inventory", CAPTURES / "three-samples.jsonl", limit, least).code == 3
        assert limit in invoke("proxy", "--help").out
    assert "--max-views" in invoke("proxy", "--help").out


@given(st.recursive(st.text('[{"}],\\a', max_size=6) | st.integers(0, 9), lambda inner: st.lists(inner, max_size=4)))
def test_signs_in_strings_count_neither_as_levels_nor_as_members(value: object) -> None:
    data = json.dumps({"a": value}).encode()
    levels = _levels({"a": value})
    assert isinstance(parse(data, Limits(max_depth=levels)), Document)
    assert parse(data, Limits(max_depth=levels - 1)) == Refusal(Reason.TOO_DEEP)
    members, commas = _members({"a": value})
    assert isinstance(parse(data, Limits(max_keys=members)), Document)
    assert not commas or parse(data, Limits(max_keys=commas - 1)) == Refusal(Reason.TOO_MANY)


def _levels(value: object) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return 0 if inner is None else 1 + max(map(_levels, inner), default=0)


def _members(value: object) -> tuple[int, int]:
    """How many members and items there are below a value, and how many commas part them."""
    inner = [*(value.values() if isinstance(value, dict) else value if isinstance(value, list) else ())]
    below = [_members(each) for each in inner]
    members, commas = (sum(each) for each in zip((0, 0), *below, strict=True))
    return members + len(inner), commas + max(len(inner) - 1, 0)


@pytest.mark.parametrize("begin", ['{"a":"', '[{"a":"', '{"log":{"entries":[{"a":"'], ids=["line", "array", "har"])
def test_a_text_of_quotes_without_an_end_is_read_once(begin: str, tmp_path: Path) -> None:
    """Of the half million quotes none begins a search for its end: that would take hours."""
    file = tmp_path / "log"
    file.write_text(begin + '\\"' * 500_000 + "[" * 200 + "\n")
    run = check(file)
    assert run.result["coverage"]["gaps"] == {"unreadable": 1}
    assert run.code == 3
