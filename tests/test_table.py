"""What the page's own samples, one bad line more, a real capture and an empty file must give, claim by claim."""

from __future__ import annotations

import functools
import json
import re

import pytest

from tests.conftest import (
    ANONYMOUS_ID,
    CAPTURES,
    INSTANCE_ID,
    ROOT,
    Run,
    accounted,
    active,
    check,
    check_bytes,
    jsonl,
    page_load,
    samples,
    started,
)

CASES = ("3 samples", "+ 1 unreadable line", "python-segment.jsonl", "empty file")

TABLE = """
| claim                        | 3 samples     | + 1 unreadable line | python-segment.jsonl | empty file    |
| release-notes-ping           | not-exercised | not-exercised       | not-exercised        | not-exercised |
| disclosed-destinations       | not-exercised | not-exercised       | not-exercised        | not-exercised |
| anonymous                    | contradicted  | contradicted        | contradicted         | contradicted  |
| no-datasource-data           | inconclusive  | inconclusive        | inconclusive         | not-exercised |
| installation-events          | upheld        | inconclusive        | inconclusive         | not-exercised |
| email-only-on-support        | upheld        | inconclusive        | upheld               | not-exercised |
| keepalive-cadence            | not-exercised | inconclusive        | not-exercised        | not-exercised |
| keepalive-only               | not-exercised | inconclusive        | inconclusive         | not-exercised |
| server-no-other-data         | upheld        | inconclusive        | inconclusive         | not-exercised |
| client-navigation-and-clicks | upheld        | inconclusive        | inconclusive         | not-exercised |
| client-opt-in                | not-exercised | not-exercised       | not-exercised        | not-exercised |
| opt-out                      | not-exercised | not-exercised       | not-exercised        | not-exercised |
"""
OVERALL = {
    "3 samples": ("contradicted", 0),
    "+ 1 unreadable line": ("contradicted", 0),
    "python-segment.jsonl": ("violated", 1),
    "empty file": ("not-exercised", 3),
}
CALLS = ("identify", "page", "screen", "group", "alias")


def rows() -> list[tuple[str, str, str]]:
    """(claim, case, verdict), cell by cell."""
    lines = [[cell.strip() for cell in line.strip("|").split("|")] for line in TABLE.strip().splitlines()]
    head, *body = lines
    assert tuple(head[1:]) == CASES
    return [(claim, case, verdict) for claim, *verdicts in body for case, verdict in zip(CASES, verdicts, strict=True)]


@functools.cache
def run_of(case: str) -> Run:
    match case:
        case "3 samples":
            return check_bytes(jsonl(*samples()))
        case "+ 1 unreadable line":
            return check_bytes(jsonl(*samples()) + b"{not json\n")
        case "python-segment.jsonl":
            return check(CAPTURES / "python-segment.jsonl")
        case _:
            return check_bytes(b"")


@pytest.mark.parametrize(("claim", "case", "verdict"), rows(), ids=lambda cell: cell.replace(" ", "-"))
def test_the_claim_has_the_verdict_of_the_table(claim: str, case: str, verdict: str) -> None:
    assert run_of(case).claims[claim] == verdict


@pytest.mark.parametrize("case", CASES)
def test_the_overall_verdict_and_the_exit_code_are_those_of_the_table(case: str) -> None:
    run = run_of(case)
    accounted(run)
    assert (run.verdict, run.code) == OVERALL[case]


@pytest.mark.parametrize("case", CASES)
def test_every_testable_claim_stands_in_the_table(case: str) -> None:
    testable = [claim for claim, verdict in run_of(case).claims.items() if verdict != "not-testable"]
    assert sorted(testable) == sorted({claim for claim, _, _ in rows()})


def test_the_helpers_build_the_samples_that_the_page_shows() -> None:
    page = (ROOT / "schemas" / "appsmith" / "2020-11" / "page.md").read_text(encoding="utf-8")
    page = page.replace("anonymoustId", ANONYMOUS_ID).replace("<uuid>", INSTANCE_ID)
    shown = [json.loads(block) for block in re.findall(r"```javascript\n(.*?)```", page, re.DOTALL)]
    assert shown == [started(), active(), page_load()] == samples()


def test_the_samples_give_no_finding_but_those_of_the_page_itself() -> None:
    assert run_of("3 samples").breaches == []
    assert run_of("3 samples").result["counts"]["error"] == 0


def test_the_unreadable_line_is_the_one_breach_more() -> None:
    (finding,) = run_of("+ 1 unreadable line").breaches
    assert (finding["rule"], finding["level"], finding["line"]) == ("unreadable-record", "warning", 4)


def test_the_calls_of_the_real_capture_are_undocumented_and_of_unknown_origin() -> None:
    run = run_of("python-segment.jsonl")
    found = [(finding["line"], finding["event"], finding["pointer"]) for finding in run.of("undocumented-event")]
    assert found == [(line, call, "/type") for line, call in enumerate(CALLS, start=2)]
    assert {finding["origin"] for finding in run.of("undocumented-event")} == {"unknown"}
    assert run.result["coverage"]["origins"] == {"client": 1, "unknown": 5}


def test_the_null_of_the_real_capture_is_a_missing_field() -> None:
    assert run_of("python-segment.jsonl").has("missing-field", "/anonymousId", line=1, level="note")


def test_the_clean_capture_says_that_the_page_contradicts_itself() -> None:
    folded = " ".join(run_of("3 samples").out.split())
    assert "nothing was sent beyond the page; the page contradicts itself in 1 claim" in folded


def test_the_row_about_e_mail_addresses_names_the_origins_seen() -> None:
    row = next(c for c in run_of("3 samples").result["claims"] if c["id"] == "email-only-on-support")
    assert row["reason"] == "nothing but what the page says in 3 events (client, installer, server)"


def test_the_empty_file_is_not_called_clean() -> None:
    folded = " ".join(run_of("empty file").out.lower().split())
    assert "not-exercised" in folded
    assert "nothing was sent beyond the page" not in folded
