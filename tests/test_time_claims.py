"""The four claims about time, from a capture to a verdict: what is sufficient, what is lacking, what is broken."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests import within
from tests.conftest import Arg, Json, Run, check, jsonl
from tests.timed import (
    DAY,
    HOST,
    HOUR,
    INSTANCE,
    MINUTE,
    NOON,
    OTHER_HOST,
    OTHER_INSTANCE,
    SECOND,
    TICK,
    accused,
    audit,
    beat,
    claim,
    client,
    csv,
    every,
    installer,
    row,
    without,
    z,
)

SIX = 6 * HOUR


def verdict(run: Run, name: str) -> tuple[str, str]:
    """Verdict and reason."""
    found = claim(run, name)
    return found["verdict"], found["reason"]


def out_at(when: datetime) -> tuple[Arg, ...]:
    return ("--opted-out-at", z(when))


def in_at(when: datetime) -> tuple[Arg, ...]:
    return ("--opted-in-at", z(when))


def used(*times: datetime) -> str:
    """A consent file that only says when the auditor used the product."""
    return csv(*(row(at, "exercised") for at in times))


# ---- opt-in --------------------------------------------------------------------------------------------------------

ALIVE = [beat(at) for at in every(SIX, 6, NOON - 30 * HOUR)]
"""The server's keep-alives show that the capture is alive; they need no opt-in."""


def test_the_files_of_one_log_are_one_capture(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(jsonl(beat(NOON - 7 * HOUR)))
    (tmp_path / "b.jsonl").write_bytes(jsonl(beat(NOON)))
    assert check("a.jsonl", "b.jsonl", cwd=tmp_path).claims["keepalive-only"] == "upheld"


def test_between_a_log_and_a_capture_with_a_clock_of_its_own_nobody_watched(tmp_path: Path) -> None:
    request = {
        "method": "POST",
        "url": "https://api.segment.io/v1/track",
        "headers": [],
        "postData": {"mimeType": "application/json", "text": jsonl(beat(NOON)).decode()},
    }
    entry = {"startedDateTime": NOON.isoformat(), "request": request, "response": {"status": 200}}
    (tmp_path / "a.jsonl").write_bytes(jsonl(beat(NOON - 7 * HOUR)))
    (tmp_path / "b.har").write_bytes(jsonl({"log": {"version": "1.2", "entries": [entry]}}))
    apart = check("a.jsonl", "b.har", cwd=tmp_path)
    assert claim(apart, "keepalive-only")["looked_at"] == 2
    assert verdict(apart, "keepalive-only") == ("not-exercised", "the capture spans no time, 6 h are needed")


def test_without_consent_given_the_opt_in_is_not_exercised_and_the_hint_says_how() -> None:
    run = audit([client(NOON)])
    assert verdict(run, "client-opt-in")[0] == "not-exercised"
    assert "--consent FILE, --opted-in-at TIME" in claim(run, "client-opt-in")["hint"]
    assert run.result["coverage"]["consent"] == []


def test_the_opt_in_is_upheld_by_silence_without_consent_while_the_product_was_used() -> None:
    run = audit([*ALIVE, client(NOON)], *in_at(NOON), consent=used(NOON - HOUR))
    assert verdict(run, "client-opt-in")[0] == "upheld"
    assert run.code == 0


def test_silence_without_consent_proves_nothing_where_nobody_used_the_product() -> None:
    run = audit([*ALIVE, client(NOON)], *in_at(NOON))
    assert verdict(run, "client-opt-in") == (
        "inconclusive",
        "while there was no consent, nothing shows that the product was used",
    )


@pytest.mark.parametrize("when", [NOON, NOON - 3 * DAY], ids=["with consent", "before the capture began"])
def test_a_mark_of_use_counts_only_in_the_time_without_consent_while_the_capture_was_alive(when: datetime) -> None:
    run = audit([*ALIVE, client(NOON)], *in_at(NOON), consent=used(when))
    assert verdict(run, "client-opt-in")[0] == "inconclusive"


def test_opted_in_throughout_the_opt_in_is_not_exercised() -> None:
    run = audit([*ALIVE, client(NOON)], *in_at(NOON - 3 * DAY))
    assert verdict(run, "client-opt-in") == (
        "not-exercised",
        "the capture holds no time in which consent was known not to be given",
    )


def test_unknown_consent_is_no_time_without_consent() -> None:
    run = audit([*ALIVE, client(NOON)], consent=csv(row(NOON, "opted-in"), row(NOON - HOUR, "exercised")))
    assert verdict(run, "client-opt-in")[0] == "not-exercised"


def test_the_opt_in_is_violated_by_one_client_event_before_it() -> None:
    run = audit([*ALIVE, client(NOON - TICK), client(NOON)], *in_at(NOON), consent=used(NOON - HOUR))
    assert verdict(run, "client-opt-in") == ("violated", "1 finding does not match: 1 event-without-opt-in")
    assert claim(run, "client-opt-in")["broken"] == 1
    assert (run.code, run.verdict) == (1, "violated")


def test_a_no_at_the_installation_is_a_time_without_consent() -> None:
    rows = csv(row(NOON - 4 * HOUR, "declined"), row(NOON - HOUR, "exercised"))
    assert verdict(audit(ALIVE, consent=rows), "client-opt-in")[0] == "upheld"
    run = audit([*ALIVE, client(NOON - HOUR)], consent=rows)
    assert verdict(run, "client-opt-in")[0] == "violated"


def test_a_no_that_took_back_a_yes_counts_from_when_it_was_said() -> None:
    rows = csv(row(NOON - DAY, "opted-in"), row(NOON, "declined"))
    run = audit([client(NOON - TICK), client(NOON)], consent=rows)
    assert accused(run) == [("event-without-opt-in", "error", 2)]


def test_only_one_of_the_two_clocks_makes_a_warning_and_the_claim_inconclusive() -> None:
    run = audit([*ALIVE, client(NOON - SECOND, NOON + SECOND)], *in_at(NOON), consent=used(NOON - HOUR))
    assert accused(run) == [("event-without-opt-in", "warning", 7)]
    assert verdict(run, "client-opt-in")[0] == "inconclusive"
    assert run.code == 0


def test_keep_alives_and_the_installer_need_no_opt_in() -> None:
    run = audit([*ALIVE, installer(NOON - HOUR)], *in_at(NOON), consent=used(NOON - HOUR))
    assert accused(run) == []
    assert verdict(run, "client-opt-in")[0] == "upheld"


def test_an_event_of_unknown_origin_without_consent_is_nobodys_proof() -> None:
    stray = {"event": "Editor Warmed Up", "type": "track", "userId": "u1", "receivedAt": z(NOON - HOUR)}
    run = audit([*ALIVE, stray], *in_at(NOON), consent=used(NOON - 2 * HOUR))
    assert accused(run) == [("event-without-opt-in", "warning", 7)]
    assert verdict(run, "client-opt-in")[0] == "inconclusive"


# ---- opt-out -------------------------------------------------------------------------------------------------------

BEFORE = [client(at) for at in (NOON - 40 * MINUTE, NOON - 25 * MINUTE, NOON - 10 * MINUTE)]
"""Three opt-in events, a quarter of an hour apart: the longest gap between them."""


def lasting(until: timedelta) -> list[Json]:
    """Keep-alives that show that the capture goes on until then."""
    return [beat(NOON - 6 * HOUR), beat(NOON), beat(NOON + until)]


def test_without_consent_given_the_opt_out_is_not_exercised_and_the_hint_says_how() -> None:
    run = audit([*BEFORE, *lasting(HOUR)])
    assert verdict(run, "opt-out")[0] == "not-exercised"
    assert "--opted-out-at TIME or --docker-env FILE" in claim(run, "opt-out")["hint"]


def test_the_opt_out_is_upheld_by_a_silence_longer_than_the_longest_gap_before_it() -> None:
    run = audit([*BEFORE, *lasting(15 * MINUTE + TICK)], *out_at(NOON))
    assert verdict(run, "opt-out")[0] == "upheld"


def test_a_silence_as_long_as_the_longest_gap_before_it_may_mean_that_nobody_used_it() -> None:
    run = audit([*BEFORE, *lasting(15 * MINUTE)], *out_at(NOON))
    assert verdict(run, "opt-out") == (
        "inconclusive",
        "15 min of silence after the opt-out; more than 15 min are needed, or signs of use: perhaps nobody used it",
    )
    assert "a row with state exercised" in claim(run, "opt-out")["hint"]


def test_a_silence_of_ten_minutes_at_least() -> None:
    quick = [client(at) for at in every(SECOND, 5, NOON - MINUTE)]
    assert verdict(audit([*quick, *lasting(10 * MINUTE)], *out_at(NOON)), "opt-out")[0] == "inconclusive"
    assert verdict(audit([*quick, *lasting(10 * MINUTE + TICK)], *out_at(NOON)), "opt-out")[0] == "upheld"


def test_where_a_pack_asks_for_less_the_longest_gap_counts_all_the_same(tmp_path: Path) -> None:
    """Also a gap of a few minutes, where the pack's least is one."""
    pack = tmp_path / "pack"
    shutil.copytree(within.APPSMITH, pack)
    policy = (pack / "policy.toml").read_text("utf-8")
    (pack / "policy.toml").write_text(
        policy.replace('alive_after_opt_out = "PT10M"', 'alive_after_opt_out = "PT1M"'), "utf-8"
    )
    events = [client(NOON - minutes * MINUTE) for minutes in (9, 5, 1)]
    run = audit([*events, *lasting(2 * MINUTE)], "-p", pack, *out_at(NOON))
    assert verdict(run, "opt-out")[0] == "inconclusive"
    run = audit([*events, *lasting(9 * MINUTE)], "-p", pack, *out_at(NOON))
    assert verdict(run, "opt-out")[0] == "upheld"


def test_signs_of_use_stand_for_the_length_of_the_silence() -> None:
    run = audit([*BEFORE, *lasting(5 * MINUTE)], *out_at(NOON), consent=used(NOON + MINUTE))
    assert verdict(run, "opt-out")[0] == "upheld"


@pytest.mark.parametrize("when", [NOON - MINUTE, NOON + HOUR], ids=["before the opt-out", "after the capture ended"])
def test_signs_of_use_count_only_after_the_opt_out_while_the_capture_was_alive(when: datetime) -> None:
    run = audit([*BEFORE, *lasting(5 * MINUTE)], *out_at(NOON), consent=used(when))
    assert verdict(run, "opt-out")[0] == "inconclusive"


def test_fewer_than_three_opt_in_events_before_it_show_nothing_to_silence() -> None:
    run = audit([*BEFORE[:2], *lasting(DAY)], *out_at(NOON))
    assert verdict(run, "opt-out") == ("inconclusive", "only 2 opt-in events lie before the opt-out, 3 are needed")


def test_keep_alives_are_no_opt_in_events() -> None:
    run = audit([*(beat(at) for at in every(SIX, 8, NOON - 2 * DAY)), beat(NOON + DAY)], *out_at(NOON))
    assert verdict(run, "opt-out")[0] == "inconclusive"


def test_an_opt_out_before_the_capture_began_is_inconclusive() -> None:
    run = audit(lasting(DAY), *out_at(NOON - 2 * DAY))
    assert verdict(run, "opt-out") == (
        "inconclusive",
        "the capture begins after the opt-out: nothing shows what it silenced",
    )


def test_an_opt_out_after_the_capture_ended_is_not_exercised() -> None:
    run = audit([*BEFORE, *lasting(DAY)], *out_at(NOON + 2 * DAY))
    assert verdict(run, "opt-out")[0] == "not-exercised"


def test_an_opt_in_alone_exercises_no_opt_out() -> None:
    run = audit([*BEFORE, *lasting(DAY)], *in_at(NOON - DAY))
    assert verdict(run, "opt-out")[0] == "not-exercised"


def test_the_opt_out_is_violated_by_one_client_event_after_it() -> None:
    run = audit([*BEFORE, *lasting(DAY), client(NOON)], *out_at(NOON))
    assert accused(run)[-1] == ("event-after-opt-out", "error", 7)
    assert verdict(run, "opt-out") == ("violated", "1 finding does not match: 1 event-after-opt-out")
    assert run.code == 1


def test_the_finding_says_how_long_after_and_which_opt_out() -> None:
    run = audit([client(NOON + 3 * HOUR + 12 * MINUTE)], *out_at(NOON))
    assert [one["message"] for one in run.of("event-after-opt-out")] == [
        "sent 3 h 12 min after the opt-out of 2020-11-04T12:00:00.000Z"
    ]


def test_grace_is_counted_in_no_message() -> None:
    run = audit([client(NOON + HOUR)], *out_at(NOON), "--grace", "PT5M")
    assert [one["message"] for one in run.of("event-after-opt-out")] == [
        "sent 1 h after the opt-out of 2020-11-04T12:00:00.000Z"
    ]


def test_an_event_of_a_described_category_is_opt_in_too() -> None:
    run = audit([*BEFORE, *lasting(DAY), {**client(NOON), "event": "EDITOR_OPEN"}], *out_at(NOON))
    assert verdict(run, "opt-out")[0] == "violated"


def test_an_undocumented_event_after_the_opt_out_is_not_exempt_whoever_sent_it() -> None:
    for event in (client(NOON), beat(NOON), installer(NOON)):
        run = audit([*BEFORE, *lasting(DAY), {**event, "event": "Board Opened"}], *out_at(NOON))
        assert ("event-after-opt-out", "error", 7) in accused(run)
        assert verdict(run, "opt-out")[0] == "violated"


def test_another_call_after_the_opt_out_is_undocumented_too() -> None:
    identify = {**without(client(NOON), "event", "properties"), "type": "identify", "traits": {}}
    run = audit([*BEFORE, *lasting(DAY), identify], *out_at(NOON))
    assert ("event-after-opt-out", "error", 7) in accused(run)


def test_a_keep_alive_after_the_opt_out_is_a_note_as_the_page_is_ambiguous() -> None:
    run = audit([*BEFORE, beat(NOON + HOUR)], *out_at(NOON))
    assert accused(run) == [("event-after-opt-out", "note", 4)]
    assert verdict(run, "opt-out")[0] == "upheld"
    assert run.code == 0


def test_a_late_delivery_is_a_warning_and_the_claim_inconclusive() -> None:
    run = audit([*BEFORE, *lasting(DAY), client(NOON - SECOND, NOON + SECOND)], *out_at(NOON))
    assert ("late-delivery", "warning", 7) in accused(run)
    assert verdict(run, "opt-out")[0] == "inconclusive"
    assert run.code == 0


def test_an_opt_out_without_effective_at_is_inconclusive_and_nobody_is_guilty() -> None:
    rows = csv(row(NOON - DAY, "opted-in"), row(NOON, "opted-out"))
    run = audit([*BEFORE, *lasting(DAY), client(NOON + HOUR)], consent=rows)
    assert accused(run) == []
    said, reason = verdict(run, "opt-out")
    assert said == "inconclusive"
    assert "when were the containers recreated?" in reason


def test_until_the_restart_the_old_state_holds() -> None:
    rows = csv(row(NOON - DAY, "opted-in"), row(NOON - HOUR, "opted-out", effective=NOON))
    run = audit([*BEFORE, *lasting(HOUR)], consent=rows)
    assert verdict(run, "opt-out")[0] == "upheld"


def test_every_opt_out_of_several_must_be_shown() -> None:
    rows = csv(
        row(NOON - DAY, "opted-in"),
        row(NOON, "opted-out", effective=NOON),
        row(NOON + HOUR, "opted-in"),
        row(NOON + 2 * HOUR, "opted-out", effective=NOON + 2 * HOUR),
    )
    again = [client(NOON + HOUR + 5 * MINUTE)]
    assert verdict(audit([*BEFORE, *again, *lasting(3 * HOUR + TICK)], consent=rows), "opt-out")[0] == "inconclusive"
    assert verdict(audit([*BEFORE, *again, *lasting(6 * HOUR)], consent=rows), "opt-out")[0] == "upheld"
    run = audit([*BEFORE, *again, *lasting(6 * HOUR), client(NOON + 30 * MINUTE)], consent=rows)
    assert verdict(run, "opt-out")[0] == "violated"


def test_an_opt_out_of_one_host_is_shown_by_its_own_events() -> None:
    rows = csv(row(NOON - DAY, "opted-in"), row(NOON, "opted-out", HOST, NOON), row(NOON - DAY, "opted-in", OTHER_HOST))
    others = [client(at, host=OTHER_HOST) for at in every(10 * MINUTE, 9, NOON - HOUR)]
    assert verdict(audit([*BEFORE, *others], consent=rows), "opt-out")[0] == "upheld"
    assert verdict(audit([*BEFORE[:2], *others], consent=rows), "opt-out")[0] == "inconclusive"


def test_a_capture_in_which_nothing_happened_shows_nothing() -> None:
    run = audit([], *out_at(NOON))
    assert verdict(run, "opt-out")[0] == "not-exercised"
    assert run.code == 3


# ---- another page --------------------------------------------------------------------------------------------------


def heartbeat(at: datetime) -> Json:
    sample: Json = json.loads((within.HARBOUR / "samples" / "deck-heartbeat.json").read_text("utf-8"))
    return {**sample, "meta": {**sample["meta"], "uid": f"hd_{at:%d%H%M%S%f}", "created": z(at), "sent": z(at)}}


def test_a_page_that_switches_off_the_heartbeat_too_is_broken_by_one() -> None:
    run = audit([heartbeat(at) for at in (NOON - HOUR, NOON)], "-p", within.HARBOUR, *out_at(NOON))
    assert accused(run) == [("event-after-opt-out", "error", 2)]
    assert run.of("event-after-opt-out")[0]["pointer"] == "/meta/sent"
    assert run.claims["switch-off"] == "violated"


def test_where_a_page_asks_for_no_restart_an_opt_out_counts_from_when_it_was_said() -> None:
    events = [heartbeat(at) for at in (NOON - HOUR, NOON)]
    run = audit(events, "-p", within.HARBOUR, consent=csv(row(NOON, "opted-out")))
    assert accused(run) == [("event-after-opt-out", "error", 2)]


# ---- whose consent -------------------------------------------------------------------------------------------------

CROWDS: dict[str, list[Json]] = {
    "two hosts": [client(NOON - HOUR, host=OTHER_HOST)],
    "two instances": [beat(NOON - HOUR, OTHER_INSTANCE)],
}


@pytest.mark.parametrize("more", CROWDS.values(), ids=CROWDS)
def test_several_installations_with_consent_for_the_whole_only_make_warnings(more: list[Json]) -> None:
    run = audit([*BEFORE, *lasting(DAY), *more, client(NOON)], *out_at(NOON), *in_at(NOON - DAY))
    assert ("event-after-opt-out", "warning", 8) in accused(run)
    assert not run.has("event-after-opt-out", level="error")
    said, reason = verdict(run, "opt-out")
    assert said == "inconclusive"
    assert "several installations stand in the capture, and consent is given for the whole only" in reason
    assert verdict(run, "client-opt-in")[0] == "inconclusive"
    assert run.result["counts"]["error"] == 0
    assert run.code == 0


def test_several_installations_are_no_crowd_where_one_of_them_is_named() -> None:
    run = audit([*BEFORE, client(NOON, host=OTHER_HOST), client(NOON)], consent=csv(row(NOON, "opted-out", HOST, NOON)))
    assert accused(run) == [("event-after-opt-out", "error", 5)]


def test_one_installation_sends_from_one_host_and_one_instance() -> None:
    run = audit([*BEFORE, *lasting(DAY), client(NOON)], *out_at(NOON))
    assert run.has("event-after-opt-out", level="error")


def test_a_host_is_the_same_in_any_case_and_with_any_port() -> None:
    other = client(NOON - HOUR)
    other["context"]["page"]["url"] = f"https://{HOST.upper()}:8443/applications"
    assert verdict(audit([*BEFORE, other, client(NOON)], *out_at(NOON)), "opt-out")[0] == "violated"


def test_an_address_is_never_a_subject() -> None:
    addressed = [client(NOON - HOUR, host=host) for host in ("192.0.2.7", "192.0.2.8", "[2001:db8::1]")]
    run = audit([*BEFORE, *addressed, client(NOON)], *out_at(NOON))
    assert verdict(run, "opt-out")[0] == "violated"
    named = audit([client(NOON, host="192.0.2.7")], consent=csv(row(NOON, "opted-out", "192.0.2.7", NOON)))
    assert accused(named) == []
    assert [one["seen"] for one in named.result["coverage"]["consent"]] == [False]


def test_findings_asked_for_as_a_file_have_the_same_levels(tmp_path: Path) -> None:
    events = [*BEFORE, *CROWDS["two hosts"], client(NOON)]
    target = tmp_path / "findings.jsonl"
    audit(events, *out_at(NOON), "--findings", target)
    assert '"level":"error"' not in target.read_text("utf-8")
    assert '"rule":"event-after-opt-out","level":"warning"' in target.read_text("utf-8")


# ---- what is told beside the verdict -------------------------------------------------------------------------------


def test_the_coverage_lists_the_consent_that_was_gone_by() -> None:
    rows = csv(
        row(NOON - DAY, "opted-in"),
        row(NOON - HOUR, "opted-out", effective=NOON),
        row(NOON, "declined", HOST),
        row(NOON, "opted-in", "nobody.example"),
        row(NOON, "exercised"),
    )
    run = audit([client(NOON - HOUR)], consent=rows)
    assert run.result["coverage"]["consent"] == [
        {"subject": "*", "state": "opted-in", "from": "2020-11-03T12:00:00.000Z", "to": "2020-11-04T12:00:00.000Z"},
        {"subject": "*", "state": "opted-out", "from": "2020-11-04T12:00:00.000Z", "to": None},
        {"subject": "subject 1", "state": "declined", "from": "2020-11-04T12:00:00.000Z", "to": None, "seen": True},
        {"subject": "subject 2", "state": "opted-in", "from": "2020-11-04T12:00:00.000Z", "to": None, "seen": False},
    ]
    assert "nobody.example" not in run.out + run.err
    assert "nobody.example" not in str(run.result)


def test_before_opted_in_at_there_is_no_beginning() -> None:
    run = audit([client(NOON)], *in_at(NOON))
    assert run.result["coverage"]["consent"] == [
        {"subject": "*", "state": "declined", "from": None, "to": "2020-11-04T12:00:00.000Z"},
        {"subject": "*", "state": "opted-in", "from": "2020-11-04T12:00:00.000Z", "to": None},
    ]


def test_every_report_says_the_grace_and_the_flush_window_for_they_are_ours_and_not_the_pages() -> None:
    run = audit([client(NOON)], *out_at(NOON), "--grace", "PT7M")
    said = " ".join(run.out.split())
    assert "not by the page: grace PT7M, flush window PT24H" in said


def test_times_without_offset_are_read_as_utc_and_counted() -> None:
    naive = {**client(NOON), "sentAt": "2020-11-04T12:00:00", "receivedAt": "2020-11-04 12:00:01.5"}
    run = audit([naive, client(NOON + HOUR)], *out_at(NOON))
    assert run.result["coverage"]["naive_times"] == 1
    assert accused(run) == [("event-after-opt-out", "error", 1), ("event-after-opt-out", "error", 2)]
    run = audit([naive], *out_at(NOON + SECOND))
    assert accused(run) == [("late-delivery", "warning", 1)]


def test_a_time_without_offset_is_counted_wherever_an_event_keeps_it() -> None:
    naive = {**beat(NOON), "originalTimestamp": "2020-11-04T12:00:00"}
    assert audit([naive]).result["coverage"]["naive_times"] == 1


TIMELESS = without(client(NOON), "sentAt", "receivedAt", "timestamp", "originalTimestamp")


def test_an_event_without_usable_time_is_a_gap_and_both_consent_claims_inconclusive() -> None:
    for event in (TIMELESS, {**TIMELESS, "receivedAt": "yesterday", "sentAt": 5}):
        run = audit(
            [*ALIVE, *BEFORE, *lasting(DAY), event],
            *out_at(NOON),
            *in_at(NOON - 90 * MINUTE),
            consent=used(NOON - 2 * HOUR),
        )
        for name in ("opt-out", "client-opt-in"):
            said, reason = verdict(run, name)
            assert said == "inconclusive"
            assert "1 event without a usable time" in reason


def test_an_event_without_usable_time_is_no_gap_where_no_consent_is_given() -> None:
    run = audit([TIMELESS, client(NOON)])
    assert run.result["coverage"]["gaps"] == {}


def test_a_keep_alive_without_usable_time_is_a_gap_of_its_claim() -> None:
    run = audit([*(beat(at) for at in every(SIX, 4)), without(beat(NOON), "receivedAt", "timestamp")])
    assert verdict(run, "keepalive-cadence") == ("inconclusive", "1 event without a usable time")


# ---- keep-alives: cadence ------------------------------------------------------------------------------------------


def beats(*hours: float, instance: object = INSTANCE) -> list[Json]:
    return [beat(NOON + timedelta(hours=at), instance) for at in hours]


def cadence(events: Iterable[object], *args: Arg) -> tuple[str, int, int]:
    """The verdict of keepalive-cadence, the intervals looked at, and the errors."""
    found = claim(audit(events, *args), "keepalive-cadence")
    assert found["unit"] == "intervals"
    return found["verdict"], found["looked_at"], found["broken"]


def test_three_intervals_of_six_hours_uphold_the_cadence() -> None:
    assert cadence(beats(0, 6, 12, 18)) == ("upheld", 3, 0)


def test_two_intervals_are_too_few() -> None:
    run = audit(beats(0, 6, 12))
    assert verdict(run, "keepalive-cadence") == (
        "not-exercised",
        "at most 2 intervals of one instance seen, 3 are needed",
    )
    assert "for longer" in claim(run, "keepalive-cadence")["hint"]


def test_one_beat_has_no_interval() -> None:
    assert cadence(beats(0)) == ("not-exercised", 0, 0)


def test_three_intervals_must_be_of_one_instance() -> None:
    assert cadence([*beats(0, 6, 12), *beats(1, 7, 13, instance=OTHER_INSTANCE)]) == ("not-exercised", 4, 0)


@pytest.mark.parametrize("early", [True, False], ids=["early", "late"])
def test_a_quarter_of_an_hour_is_tolerated_to_the_microsecond(early: bool) -> None:  # noqa: FBT001 - given by the test table
    edge = SIX - 15 * MINUTE if early else SIX + 15 * MINUTE
    beyond = edge - TICK if early else edge + TICK
    assert audit([beat(NOON), beat(NOON + edge)]).breaches == []
    rule = "heartbeat-early" if early else "heartbeat-missed"
    assert [(one["rule"], one["level"]) for one in audit([beat(NOON), beat(NOON + beyond)]).breaches] == [
        (rule, "note")
    ]


def test_one_early_interval_is_a_note_as_a_restart_explains_it() -> None:
    run = audit(beats(0, 6, 8, 14, 20))
    assert [(one["level"], one["line"]) for one in run.of("heartbeat-early")] == [("note", 3)]
    assert run.of("heartbeat-early")[0]["message"] == "2 h after the one before; documented: every 6 h; a restart?"
    assert verdict(run, "keepalive-cadence")[0] == "upheld"


def test_two_early_intervals_are_warnings_and_the_cadence_inconclusive() -> None:
    run = audit(beats(0, 6, 8, 14, 16, 22))
    assert [(one["level"], one["line"]) for one in run.of("heartbeat-early")] == [("warning", 3), ("warning", 5)]
    assert verdict(run, "keepalive-cadence")[0] == "inconclusive"
    assert run.code == 0


def test_one_early_interval_each_of_two_instances_is_two_notes() -> None:
    run = audit([*beats(0, 6, 8, 14), *beats(0, 6, 8, 14, instance=OTHER_INSTANCE)])
    assert {one["level"] for one in run.of("heartbeat-early")} == {"note"}
    assert verdict(run, "keepalive-cadence")[0] == "upheld"


def test_early_in_more_than_half_of_the_intervals_and_three_times_at_least_is_an_error() -> None:
    assert cadence(beats(0, 1, 2, 3)) == ("violated", 3, 3)
    assert cadence(beats(0, 1, 2, 3, 9, 15)) == ("violated", 5, 3)
    assert cadence(beats(0, 1, 2, 3, 9, 15, 21)) == ("inconclusive", 6, 0)  # half of them is no pattern
    assert cadence(beats(0, 1, 2)) == ("inconclusive", 2, 0)  # twice is no pattern
    assert audit(beats(0, 1, 2, 3)).code == 1


def test_a_missed_keep_alive_is_a_note() -> None:
    run = audit(beats(0, 6, 18, 24, 30))
    assert [(one["level"], one["line"], one["message"]) for one in run.of("heartbeat-missed")] == [
        ("note", 3, "12 h after the one before; documented: every 6 h")
    ]
    assert verdict(run, "keepalive-cadence")[0] == "upheld"


def test_missed_in_more_than_half_of_the_intervals_is_a_warning_and_never_an_error() -> None:
    run = audit(beats(0, 24, 48, 72, 78))
    assert [one["level"] for one in run.of("heartbeat-missed")] == ["warning"] * 3
    assert verdict(run, "keepalive-cadence")[0] == "inconclusive"
    assert run.code == 0


def test_a_beat_sent_again_within_two_minutes_is_one_whatever_its_id() -> None:
    again = [beat(NOON + SIX), beat(NOON + SIX + 2 * MINUTE - TICK)]
    run = audit([*beats(0, 12, 18), *again])
    assert run.breaches == []
    assert cadence([*beats(0, 12, 18), *again]) == ("upheld", 3, 0)


def test_two_minutes_apart_are_two_beats() -> None:
    run = audit([*beats(0, 6, 12, 18), beat(NOON + SIX + 2 * MINUTE)])
    assert [one["message"].partition(" after")[0] for one in run.of("heartbeat-early")] == ["2 min"]


def test_one_instance_does_not_disturb_another() -> None:
    mine, others = beats(0, 6, 12, 18), beats(*range(24), instance=OTHER_INSTANCE)
    alone = audit(mine)
    assert (alone.breaches, verdict(alone, "keepalive-cadence")[0]) == ([], "upheld")
    run = audit([*mine, *others])
    assert {one["line"] for one in run.of("heartbeat-early")} <= set(range(5, 29))
    assert run.count("heartbeat-early") == 23
    assert verdict(audit([*mine, *beats(1, 7, 13, 19, instance=OTHER_INSTANCE)]), "keepalive-cadence")[0] == "upheld"


def test_an_instance_behind_the_same_address_disturbs_no_other() -> None:
    events = [*beats(0, 6, 12, 18), *beats(3, 9, 15, 21, instance=OTHER_INSTANCE)]
    for event in events:
        event["userId"] = event["context"]["ip"] = "198.51.100.7"
    assert cadence(events) == ("upheld", 6, 0)


def test_unordered_input_gives_the_same_answer() -> None:
    events = beats(0, 6, 8, 14, 16, 22)
    wanted = claim(audit(events), "keepalive-cadence")
    assert claim(audit(reversed(events)), "keepalive-cadence") == wanted
    assert claim(audit(events[1::2] + events[::2]), "keepalive-cadence") == wanted


def test_offsets_do_not_disturb_the_order() -> None:
    events = beats(0, 6, 12, 18)
    events[1] = {
        **events[1],
        "receivedAt": "2020-11-04T23:00:00.000+05:00",
        "timestamp": "2020-11-04T23:00:00.000+05:00",
    }
    assert cadence(events) == ("upheld", 3, 0)


@pytest.mark.parametrize(
    "properties", [{}, {"instanceId": None}, {"instanceId": ""}, {"instanceId": 7}, {"id": INSTANCE}]
)
def test_a_keep_alive_that_names_no_instance_has_no_interval_and_is_a_gap(properties: Json) -> None:
    run = audit([*beats(0, 6, 12, 18), {**beat(NOON), "properties": properties}])
    assert run.count("heartbeat-early") == 0
    assert verdict(run, "keepalive-cadence")[0] == "inconclusive"
    assert "1 keep-alive without the id of an instance" in verdict(run, "keepalive-cadence")[1]


@pytest.mark.parametrize("address", ["198.51.100.7", "2001:db8::7"])
def test_an_address_is_never_an_instance(address: str) -> None:
    run = audit([*beats(0, 6, 12, 18), *beats(0, 1, 2, 3, instance=address)])
    assert run.count("heartbeat-early") == 0
    assert verdict(run, "keepalive-cadence") == ("inconclusive", "4 keep-alives without the id of an instance")


def test_a_keep_alive_arrived_when_the_capture_says_not_when_its_sender_says() -> None:
    told = [{**beat(NOON + SIX * n), "sentAt": z(NOON + HOUR * n)} for n in range(4)]
    assert cadence(told)[0] == "upheld"


def test_an_unreadable_line_keeps_the_cadence_from_being_upheld() -> None:
    broken = jsonl(*beats(0, 6, 12, 18)) + b'{"event":\n'
    run = audit([], files={"capture.jsonl": broken})
    assert verdict(run, "keepalive-cadence")[0] == "inconclusive"


# ---- keep-alives: the only event -----------------------------------------------------------------------------------


def only(events: Iterable[object], *args: Arg) -> str:
    return str(claim(audit(events, *args), "keepalive-only")["verdict"])


def test_one_server_event_and_six_hours_of_capture_uphold_that_it_is_the_only_one() -> None:
    assert only(beats(0, 6)) == "upheld"
    assert only([*beats(0), client(NOON + SIX)]) == "upheld"


def test_a_capture_shorter_than_one_interval_shows_nothing() -> None:
    run = audit([beat(NOON), client(NOON + SIX - TICK)])
    assert verdict(run, "keepalive-only") == ("not-exercised", "the capture spans 5 h 59 min, 6 h are needed")


def test_without_any_server_event_nothing_was_shown() -> None:
    assert only([client(NOON), client(NOON + DAY)]) == "not-exercised"


def test_another_event_of_the_server_breaks_it() -> None:
    other = {**beat(NOON + HOUR), "event": "Instance Stopped"}
    assert only([*beats(0, 6), other]) == "violated"


def test_another_event_of_the_client_does_not() -> None:
    assert only([*beats(0, 6), {**client(NOON), "event": "Board Opened"}]) == "upheld"


def test_a_window_is_counted_from_the_first_to_the_last_arrival_in_any_order() -> None:
    assert only(reversed(beats(0, 6))) == "upheld"


# ---- times that nobody but the sender says -------------------------------------------------------------------------

FORGED = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC))
STRAY = "events whose time only their sender says are dated more than a month from all others"


def claimed(event: Json) -> Json:
    """An event of which no collector says when it arrived."""
    return without(event, "receivedAt")


@pytest.mark.parametrize("forged", FORGED)
def test_a_made_up_time_makes_no_window(forged: datetime) -> None:
    for event in (claimed(client(forged)), claimed(beat(forged))):
        assert verdict(audit([*beats(0), event]), "keepalive-only") == ("inconclusive", STRAY)
        assert verdict(audit([*beats(0, 6), event]), "keepalive-only") == ("inconclusive", STRAY)


@pytest.mark.parametrize("forged", FORGED)
def test_a_made_up_time_makes_no_silence(forged: datetime) -> None:
    run = audit([*BEFORE, *lasting(5 * MINUTE), claimed(beat(forged))], *out_at(NOON))
    assert verdict(run, "opt-out") == ("inconclusive", STRAY)


def test_what_the_sender_says_lengthens_nothing_where_a_collector_dates_the_log() -> None:
    late = claimed(beat(NOON + DAY))
    assert only([*beats(0), claimed(client(NOON + SIX))]) == "not-exercised"
    assert only([*beats(0, 6), claimed(client(NOON + HOUR))]) == "upheld"
    run = audit([*BEFORE, *lasting(5 * MINUTE), late], *out_at(NOON))
    assert verdict(run, "opt-out")[1].startswith("5 min of silence after the opt-out")
    assert run.result["coverage"]["last"] == z(NOON + DAY)


def test_where_no_collector_dates_the_log_its_senders_do_together() -> None:
    alone = [claimed(beat(NOON)), claimed(beat(NOON + SIX))]
    assert only(alone) == "upheld"
    assert only([*alone, claimed(client(FORGED[0]))]) == "inconclusive"
    assert only([*alone, claimed(client(NOON - 40 * DAY))]) == "inconclusive"
    assert only([*alone, claimed(client(NOON - 20 * DAY))]) == "upheld"


def test_claims_that_ask_for_no_time_stand_whatever_a_sender_says() -> None:
    run = audit([*beats(0), claimed(client(FORGED[0]))])
    assert run.claims["email-only-on-support"] == "upheld"


# ---- one message, one id -------------------------------------------------------------------------------------------


def one_id(run: Run) -> str:
    return next(str(one["verdict"]) for one in run.result["requirements"] if one["id"] == "one-id-one-message")


def doubles(run: Run) -> list[tuple[str, int]]:
    assert all(one["pointer"] == "/messageId" for one in run.of("duplicate-message"))
    return [(one["level"], one["line"]) for one in run.of("duplicate-message")]


def test_a_retry_is_a_note_and_meets_the_requirement() -> None:
    event = client(NOON)
    run = audit([event, event])
    assert doubles(run) == [("note", 2)]
    assert (one_id(run), run.code) == ("upheld", 0)


def test_the_same_id_with_other_content_is_an_error_and_breaks_the_requirement_not_a_claim() -> None:
    event = client(NOON)
    run = audit(
        [
            event,
            {**client(NOON), "messageId": event["messageId"], "anonymousId": "7c0de1f2-4b5a-4c3d-9e8f-0a1b2c3d4e5f"},
        ]
    )
    assert doubles(run) == [("error", 2)]
    assert (one_id(run), run.verdict, run.code) == ("violated", "violated", 1)
    assert "violated" not in run.claims.values()


VARYING: dict[str, Json] = {
    "sentAt": {"sentAt": z(NOON + MINUTE)},
    "receivedAt": {"receivedAt": z(NOON + MINUTE)},
    "timestamp": {"timestamp": z(NOON + MINUTE)},
    "context.ip": {"context": {**client(NOON)["context"], "ip": "198.51.100.99"}},
    "writeKey": {"writeKey": "k2"},
    "channel": {"channel": "client"},
}
TELLING: dict[str, Json] = {
    "originalTimestamp": {"originalTimestamp": z(NOON - MINUTE)},
    "event": {"event": "EDITOR_OPEN"},
    "userId": {"userId": "b" * 64},
    "properties": {"properties": {"x": 1}},
    "context.page": {"context": {**client(NOON)["context"], "page": {}}},
    "a member more": {"x": 1},
    "a number in place of a text": {"userId": 1},
}


@pytest.mark.parametrize("members", VARYING.values(), ids=VARYING)
def test_what_a_second_delivery_may_change_is_no_other_content(members: Json) -> None:
    event = client(NOON)
    assert doubles(audit([event, {**event, **members}])) == [("note", 2)]
    both = {name: value for found in VARYING.values() for name, value in found.items()}
    assert doubles(audit([event, {**event, **both}])) == [("note", 2)]


@pytest.mark.parametrize("members", TELLING.values(), ids=TELLING)
def test_anything_else_is(members: Json) -> None:
    event = client(NOON)
    assert doubles(audit([event, {**event, **members}])) == [("error", 2)]


@pytest.mark.parametrize("spelling", ["100.0", "1e2", "1.0E+2", "0.1e3"])
def test_a_number_is_its_value_not_its_spelling(spelling: str) -> None:
    line = jsonl({**client(NOON), "properties": {"n": "N"}}).decode()
    files: dict[str, str | bytes] = {
        "capture.jsonl": line.replace('"N"', "100.0") + line.replace('"N"', spelling) + line.replace('"N"', "100.5")
    }
    assert doubles(audit([], files=files)) == [("note", 2), ("error", 3)]


def test_the_order_of_members_and_the_spelling_of_text_are_no_content() -> None:
    event = client(NOON)
    event["context"]["page"]["title"] = "Größe"
    turned = dict(reversed(event.items()))
    escaped = jsonl(event).decode().replace("ö", "\\u00f6").encode()
    run = audit([], files={"capture.jsonl": jsonl(event, turned) + escaped})
    assert doubles(run) == [("note", 2), ("note", 3)]


def test_duplicates_are_found_over_the_whole_capture_exactly() -> None:
    events = [client(at) for at in every(SECOND, 3000)]
    run = audit([*events, events[0], events[1500], {**events[2999], "userId": "b" * 64}])
    assert doubles(run) == [("note", 3001), ("note", 3002), ("error", 3003)]
    assert audit(events).count("duplicate-message") == 0


def test_duplicates_are_found_across_files() -> None:
    event = client(NOON)
    more: dict[str, str | bytes] = {"more.jsonl": jsonl(client(NOON), event)}
    run = audit([event], "more.jsonl", files=more)
    assert [(one["input"], one["line"]) for one in run.of("duplicate-message")] == [("more.jsonl", 2)]


def test_the_later_one_is_told_whether_it_stands_alone_or_in_a_batch() -> None:
    event = client(NOON)
    batch = {"batch": [client(NOON), event]}
    assert doubles(audit([event, batch])) == [("note", 2)]
    assert doubles(audit([batch, event])) == [("note", 2)]


def test_events_without_an_id_are_compared_with_nothing() -> None:
    for value in (None, "", 7):
        event = {**client(NOON), "messageId": value}
        assert audit([event, event]).count("duplicate-message") == 0


def test_a_third_copy_counts_too() -> None:
    event = client(NOON)
    other = {**event, "userId": "b" * 64}
    assert doubles(audit([event, event, other])) == [("note", 2), ("error", 3)]
