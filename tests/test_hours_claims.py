"""Consent and time, end to end: what the claims about them say of a capture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run, check_bytes, jsonl
from tests.hours import at, beat, click

OUT = ("--opted-out-at", at(2))
USE = [click(number / 4) for number in range(8)]
ANOTHER = "7b1d2b8c-3a47-4e59-9c0b-d2f8e7a61b99"


def run_of(*events: dict[str, Any], options: tuple[str | Path, ...] = ()) -> Run:
    return check_bytes(jsonl(*events), *options)


def consent(folder: Path, *rows: str) -> tuple[str | Path, ...]:
    path = folder / "consent.csv"
    path.write_text("\n".join(("at,subject,state,effective_at", *rows)) + "\n")
    return ("--consent", path)


def reason(run: Run, claim: str) -> str:
    return next(str(row["reason"]) for row in run.result["claims"] if row["id"] == claim)


def test_without_consent_given_the_consent_claims_are_not_exercised_with_the_hint() -> None:
    run = run_of(*USE)
    rows = {row["id"]: row for row in run.result["claims"]}
    for claim in ("client-opt-in", "opt-out"):
        assert rows[claim]["verdict"] == "not-exercised"
        assert "--consent" in rows[claim]["hint"]


def test_an_opt_out_after_which_the_live_capture_is_silent_is_upheld() -> None:
    run = run_of(*USE, beat(0), beat(6), options=OUT)
    assert (run.claims["opt-out"], run.code) == ("upheld", 0)


def test_an_event_after_the_opt_out_violates_it() -> None:
    run = run_of(*USE, click(5), beat(6), options=OUT)
    assert (run.claims["opt-out"], run.code) == ("violated", 1)
    assert run.has("event-after-opt-out", "/sentAt", level="error", line=9)


def test_too_short_a_silence_is_inconclusive() -> None:
    run = run_of(*USE, beat(2.1), options=OUT)
    assert run.claims["opt-out"] == "inconclusive"
    assert "perhaps nobody used it" in reason(run, "opt-out")


def test_signs_of_use_make_up_for_a_short_silence(tmp_path: Path) -> None:
    rows = consent(tmp_path, f"{at(0)},*,opted-in,", f"{at(1.9)},*,opted-out,{at(2)}", f"{at(2.05)},*,exercised,")
    assert run_of(*USE, beat(2.1), options=rows).claims["opt-out"] == "upheld"


def test_too_few_events_before_the_opt_out_are_inconclusive() -> None:
    assert run_of(*USE[:2], beat(6), options=OUT).claims["opt-out"] == "inconclusive"


def test_an_opt_out_after_the_capture_is_not_exercised() -> None:
    assert run_of(*USE, options=("--opted-out-at", at(9))).claims["opt-out"] == "not-exercised"


def test_an_opt_out_that_nobody_dates_is_inconclusive_not_guilty(tmp_path: Path) -> None:
    rows = consent(tmp_path, f"{at(0)},*,opted-in,", f"{at(2)},*,opted-out,")
    run = run_of(*USE, click(5), options=rows)
    assert (run.claims["opt-out"], run.code) == ("inconclusive", 0)
    assert "recreated" in reason(run, "opt-out")
    assert not run.has("event-after-opt-out")


def test_a_keep_alive_after_the_opt_out_is_a_note_since_the_page_is_ambiguous() -> None:
    run = run_of(*USE, beat(6), options=OUT)
    assert run.has("event-after-opt-out", level="note", event="Instance Active")
    assert run.claims["opt-out"] == "upheld"


def test_an_undocumented_event_after_the_opt_out_is_not_exempt() -> None:
    run = run_of(*USE, beat(6, event="Server Error"), options=OUT)
    assert run.has("event-after-opt-out", level="error", event="Server Error")


def test_consent_for_the_whole_does_not_judge_several_installations() -> None:
    page = {**click(1)["context"]["page"], "url": "https://other.example.org/x"}
    elsewhere = click(1.1, context={**click(1)["context"], "page": page})
    run = run_of(*USE, elsewhere, click(5), beat(6), options=OUT)
    assert run.has("event-after-opt-out", level="warning")
    assert (run.claims["opt-out"], run.code) == ("inconclusive", 0)
    assert "several installations" in reason(run, "opt-out")


def test_each_subject_has_its_own_consent(tmp_path: Path) -> None:
    rows = consent(tmp_path, f"{at(0)},dev.appsmith.com,opted-in,", f"{at(2)},dev.appsmith.com,opted-out,{at(2)}")
    page = {**click(1)["context"]["page"], "url": "https://other.example.org/x"}
    elsewhere = click(5, context={**click(1)["context"], "page": page})
    run = run_of(*USE, elsewhere, beat(6), options=rows)
    assert not run.has("event-after-opt-out")
    assert run_of(*USE, click(5), beat(6), options=rows).has("event-after-opt-out", level="error")


def test_a_subject_that_was_never_seen_is_reported(tmp_path: Path) -> None:
    rows = consent(tmp_path, f"{at(0)},nowhere.example,opted-in,", f"{at(0)},dev.appsmith.com,opted-in,")
    seen = [row["seen"] for row in run_of(*USE, options=rows).result["coverage"]["consent"]]
    assert sorted(seen) == [False, True]


def test_a_subject_is_not_named_in_the_result(tmp_path: Path) -> None:
    rows = consent(tmp_path, f"{at(0)},dev.appsmith.com,opted-in,")
    assert "dev.appsmith.com" not in str(run_of(*USE, options=rows).result)


def test_several_changes_of_mind_are_followed(tmp_path: Path) -> None:
    rows = consent(
        tmp_path,
        f"{at(0)},*,declined,",
        f"{at(1)},*,opted-in,",
        f"{at(2)},*,opted-out,{at(2)}",
        f"{at(3)},*,opted-in,",
    )
    run = run_of(click(0.5), click(1.5), click(2.5), click(3.5), options=rows)
    assert [(f["line"], f["rule"]) for f in run.breaches if f["rule"].startswith("event-")] == [
        (1, "event-without-opt-in"),
        (3, "event-after-opt-out"),
    ]


def test_silence_without_consent_while_the_product_is_used_is_upheld(tmp_path: Path) -> None:
    rows = consent(tmp_path, f"{at(-1)},*,declined,", f"{at(1)},*,exercised,")
    assert run_of(beat(0), beat(6), options=rows).claims["client-opt-in"] == "upheld"


def test_silence_without_consent_and_without_use_is_inconclusive(tmp_path: Path) -> None:
    rows = consent(tmp_path, f"{at(-1)},*,declined,")
    assert run_of(beat(0), beat(6), options=rows).claims["client-opt-in"] == "inconclusive"


def test_consent_throughout_exercises_no_refusal(tmp_path: Path) -> None:
    rows = consent(tmp_path, f"{at(-1)},*,opted-in,")
    assert run_of(*USE, options=rows).claims["client-opt-in"] == "not-exercised"


def test_an_event_before_the_opt_in_violates_it() -> None:
    run = run_of(click(1), click(5), options=("--opted-in-at", at(3)))
    assert (run.claims["client-opt-in"], run.code) == ("violated", 1)


def test_an_event_without_a_usable_time_is_a_gap() -> None:
    timeless = click(1, sentAt="soon", receivedAt="soon", timestamp="soon", originalTimestamp="soon")
    run = run_of(*USE, timeless, beat(6), options=OUT)
    assert run.claims["opt-out"] == "inconclusive"
    assert "without a usable time" in reason(run, "opt-out")


def test_a_time_without_offset_is_read_as_utc_and_counted() -> None:
    run = run_of(*USE, click(5, sentAt=at(5)[:-1]), options=OUT)
    assert run.has("event-after-opt-out", line=9)
    assert run.result["coverage"]["naive_times"] == 1


@pytest.mark.parametrize(
    "offset", ["2020-11-04T07:00:00.000+05:00", "2020-11-03T21:00:00-05:00", "2020-11-04T02:00:00.000000Z"]
)
def test_the_same_instant_counts_whatever_its_offset(offset: str) -> None:
    assert run_of(click(2, sentAt=offset), options=OUT).has("event-after-opt-out")


# ---- keep-alives ----------------------------------------------------------------------------------------------------


def test_three_intervals_as_documented_uphold_the_cadence() -> None:
    run = run_of(*(beat(6 * number) for number in range(4)))
    assert run.claims["keepalive-cadence"] == "upheld"
    assert run.claims["keepalive-only"] == "upheld"


def test_fewer_than_three_intervals_do_not_exercise_it() -> None:
    assert run_of(*(beat(6 * number) for number in range(3))).claims["keepalive-cadence"] == "not-exercised"


def test_a_pattern_violates_it_and_one_restart_does_not() -> None:
    assert run_of(*(beat(number) for number in range(5))).claims["keepalive-cadence"] == "violated"
    assert run_of(*map(beat, (0, 6, 8, 14, 20))).claims["keepalive-cadence"] == "upheld"
    assert run_of(*map(beat, (0, 2, 8, 10, 16, 22, 28))).claims["keepalive-cadence"] == "inconclusive"


def test_an_address_is_never_a_subject() -> None:
    here = {"properties": {"instanceId": "203.0.113.9"}}
    run = run_of(*(beat(number, **here) for number in range(5)))
    assert not run.has("heartbeat-early")
    assert run.claims["keepalive-cadence"] == "inconclusive"  # keep-alives that name no instance


def test_instances_behind_one_address_do_not_disturb_each_other() -> None:
    other = {"properties": {"instanceId": ANOTHER}}
    run = run_of(*(beat(6 * n) for n in range(4)), *(beat(6 * n + 1, **other) for n in range(4)))
    assert run.claims["keepalive-cadence"] == "upheld"


def test_two_contents_under_one_id_break_a_requirement_not_a_claim() -> None:
    event = click(1)
    run = run_of(event, {**event, "userId": "b" * 64})
    requirements = {row["id"]: row["verdict"] for row in run.result["requirements"]}
    assert requirements["one-id-one-message"] == "violated"
    assert "violated" not in run.claims.values()
    assert (run.verdict, run.code) == ("violated", 1)
