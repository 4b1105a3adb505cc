"""The anonymity measures: right where they can be counted by hand, mergeable, bounded, without a value, and never a promise."""

from __future__ import annotations

import json
import pickle
import random
import re
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.engine.run import Auditor
from audit.measures.anonymity import Anonymity
from audit.measures.anonymity_report import report
from audit.policy.files import find
from audit.policy.load import load
from audit.tally import Size, Tally
from tests.conftest import ROOT, Json, check, check_bytes, invoke, jsonl, page_load

POLICY = load(find("appsmith/2020-11"))
ENTRY = POLICY.events["APPLICATIONS_PAGE_LOAD"]
START = datetime(2020, 11, 4, tzinfo=UTC)

Visit = tuple[int, int, int, int]
"""Subject, address, user agent and hour of one event, all by number."""
visits = st.lists(st.tuples(*[st.integers(0, n) for n in (9, 4, 2, 60)]), max_size=30)


def event(visit: Visit) -> Json:
    subject, address, agent, hour = visit
    base = page_load(userId=f"{subject:064x}", anonymousId=f"6f1d2b8c-3a47-4e59-9c0b-{subject:012d}")
    base["context"] = {**base["context"], "ip": f"198.51.100.{address}", "userAgent": f"planted agent {agent}"}
    return {**base, "messageId": f"m-{subject}-{address}-{agent}-{hour}-{random.random()}"}


def tally_of(found: list[Visit], size: Size | None = None) -> Tally:
    measured, tally = Anonymity(POLICY), Tally(size)
    for visit in found:
        measured.attend(ENTRY, event(visit), START + timedelta(hours=visit[3]), tally)
    return tally


def crowds(found: list[Visit], *attributes: int) -> dict[tuple[int, ...], set[int]]:
    """Subjects by combination, counted by hand."""
    seen: dict[tuple[int, ...], set[int]] = defaultdict(set)
    for visit in found:
        seen[tuple(visit[at] for at in attributes)].add(visit[0])
    return seen


COUNTED = {("ip-address",): (1,), ("user-agent",): (2,), ("ip-address", "user-agent"): (1, 2)}


@settings(max_examples=60, deadline=None)
@given(visits)
def test_crowds_and_persistence_are_what_a_count_by_hand_gives(found: list[Visit]) -> None:
    measured = report(tally_of(found).settled())
    rows = {tuple(row["attributes"]): row for row in measured["uniqueness"]}
    for attributes, at in COUNTED.items():
        by_hand = crowds(found, *at)
        if not found:
            assert attributes not in rows
            continue
        row = rows[attributes]
        assert (row["combinations"], row["exact"]) == (len(by_hand), True)
        assert row["subjects"] == len({visit[0] for visit in found})
        sizes = [len(subjects) for subjects in by_hand.values()]
        for k in row["k"]:
            assert k["combinations"] == sum(k["from"] <= size <= (k["to"] or 50) for size in sizes)
        assert row["unique_subjects"] == len({min(s) for s in by_hand.values() if len(s) == 1})
    hours: dict[int, list[int]] = defaultdict(list)
    for visit in found:
        hours[visit[0]].append(visit[3])
    users = [row for row in measured["identifiers"] if row["category"] == "user-id"]
    assert [row["values"] for row in users] == ([len(hours)] if hours else [])
    for row in users:
        assert row["several_days"] == sum(min(h) // 24 != max(h) // 24 for h in hours.values())
        assert row["longest"] == max(max(h) - min(h) for h in hours.values()) * 3_600_000


@settings(max_examples=60, deadline=None)
@given(visits, st.integers(1, 5), st.integers(1, 6), st.randoms(use_true_random=False))
def test_parts_merge_to_the_same_whatever_the_cut_and_the_order(
    found: list[Visit], parts: int, most: int, order: random.Random
) -> None:
    size = Size(traces=most)
    whole = tally_of(found, size)
    pieces = [tally_of(found[at::parts], size) for at in range(parts)]
    order.shuffle(pieces)
    merged = Tally(size)
    for piece in pieces:
        merged = merged + piece
    assert merged == whole
    assert report(merged.settled()) == report(whole.settled())


def test_what_is_kept_is_bounded_and_what_is_estimated_is_told() -> None:
    many = tally_of([(n, n % 250, n % 3, n % 60) for n in range(3_000)])
    for kept in (many.traces, many.crowds):
        assert max(len(part.items) for part in kept.values()) <= 2 * many.size.traces
    (users,) = [row for row in report(many.settled())["identifiers"] if row["category"] == "user-id"]
    assert (users["exact"], users["kept"]) == (False, many.size.traces)
    assert users["values"] == pytest.approx(3_000, rel=0.15)
    crowd = next(row for row in report(many.settled())["uniqueness"] if row["attributes"] == ["user-agent"])
    assert [k["combinations"] for k in crowd["k"]] == [0, 0, 0, 0, 3]


def test_no_value_is_kept() -> None:
    data = pickle.dumps(tally_of([(1, 2, 3, 4)]))
    for value in (b"198.51.100", b"planted agent", b"0" * 40, b"6f1d2b8c"):
        assert value not in data


def test_both_lanes_measure_the_same() -> None:
    lines = jsonl(*(event((n % 5, n % 3, n % 2, 0)) for n in range(20)))
    found = []
    for lanes in (True, False):
        auditor = Auditor(POLICY, measures=True, lanes=lanes)
        tally = Tally()
        from audit.engine.run import Lines

        auditor.feed(Lines(0, 1, lines), tally, (0, 0))
        found.append(report(tally.settled()))
    assert found[0] == found[1]
    assert found[0]["uniqueness"]


# ---- the wording ---------------------------------------------------------------------------------------------------


def strings(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for child in value.values() for text in strings(child)]
    return [text for child in value for text in strings(child)] if isinstance(value, list) else [str(value)]


@pytest.mark.parametrize("events", [0, 1, 40])
def test_no_number_makes_it_say_that_data_are_anonymous(events: int) -> None:
    run = check_bytes(jsonl(*(event((n, 0, 0, 0)) for n in range(events))) or b"\n", "--measures")
    measures = run.result["measures"]
    assert measures["conclusion"] == "not shown to be anonymous"
    assert {row["test"] for row in measures["tests"]} == {"singling out", "linkability", "inference"}
    for text in strings(measures):
        rest = re.sub(r"not shown to be anonymous|does not show that the data are anonymous", "", text)
        assert "anonymous" not in rest.replace("/anonymousId", "")


def test_one_subject_alone_says_nothing_about_sharing() -> None:
    measures = check_bytes(jsonl(event((1, 1, 1, 1))), "--measures").result["measures"]
    assert "one subject was seen, so how many share its attributes was not measured" in measures["tests"][0]["reason"]


def test_a_value_in_fields_of_different_origins_links_them() -> None:
    run = check(ROOT / "fixtures" / "captures" / "three-samples.jsonl", "--measures")
    assert all(
        {"one", "two", "shared", "of", "across_origins"} == link.keys() for link in run.result["measures"]["linkage"]
    )
    pairs = {(link["one"]["field"], link["two"]["field"]) for link in run.result["measures"]["linkage"]}
    assert ("/context/ip", "/userId") in pairs


# ---- the option ----------------------------------------------------------------------------------------------------


def test_nothing_is_measured_unless_asked_for_and_verdicts_do_not_depend_on_it() -> None:
    lines = jsonl(event((1, 1, 1, 1)))
    without, with_ = check_bytes(lines), check_bytes(lines, "--measures")
    assert "measures" not in without.result
    for member in ("claims", "verdict", "findings", "groups", "counts"):
        assert without.result[member] == with_.result[member]


def test_text_and_markdown_show_them() -> None:
    capture = ROOT / "fixtures" / "reports" / "four-days.jsonl"
    text = invoke("check", capture, "--measures").out
    assert "Anonymity: not shown to be anonymous." in text
    assert "singling out: not shown to be anonymous: fields that identify occur" in text
    markdown = invoke("check", capture, "--measures", "-o", "markdown").out
    assert "## Anonymity measures" in markdown
    assert "| test (WP29 Opinion 05/2014) |" in markdown


def test_without_pandas_the_option_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.cli.check.find_spec", lambda name: None)
    run = invoke("check", "-", "--measures", stdin=jsonl(page_load()))
    assert run.code == 2
    assert "pip install '.[measures]'" in run.err


def test_processes_measure_what_one_process_does(tmp_path: Any) -> None:
    capture = ROOT / "fixtures" / "reports" / "four-days.jsonl"
    for jobs in ("1", "2"):
        invoke("check", capture, "--measures", "-j", jobs, "-q", "-o", f"json={tmp_path / jobs}")
    one, two = (json.loads((tmp_path / jobs).read_text("utf-8")) for jobs in ("1", "2"))
    assert one["measures"] == two["measures"]
