"""Real captures, made by real clients, with their findings written out. Each row was checked against capture and page."""

from __future__ import annotations

import functools
from collections import Counter

import pytest

from tests.conftest import CAPTURES, PAGE_ONLY, Run, accounted, check

TABLE = """
| capture              | number | rule                  | level | event                  | origin  | pointer                                 | lines |
| python-segment       |      1 | missing-field         | note  | APPLICATIONS_PAGE_LOAD | client  | /anonymousId                            | 1 |
| python-segment       |      1 | missing-field         | note  | APPLICATIONS_PAGE_LOAD | client  | /context/ip                             | 1 |
| python-segment       |      1 | missing-field         | note  | APPLICATIONS_PAGE_LOAD | client  | /context/locale                         | 1 |
| python-segment       |      1 | missing-field         | note  | APPLICATIONS_PAGE_LOAD | client  | /context/page                           | 1 |
| python-segment       |      1 | missing-field         | note  | APPLICATIONS_PAGE_LOAD | client  | /context/userAgent                      | 1 |
| python-segment       |      1 | missing-field         | note  | APPLICATIONS_PAGE_LOAD | client  | /originalTimestamp                      | 1 |
| python-segment       |      1 | undocumented-event    | error | identify               | unknown | /type                                   | 2 |
| python-segment       |      1 | undocumented-event    | error | page                   | unknown | /type                                   | 3 |
| python-segment       |      1 | undocumented-event    | error | screen                 | unknown | /type                                   | 4 |
| python-segment       |      1 | undocumented-event    | error | group                  | unknown | /type                                   | 5 |
| python-segment       |      1 | undocumented-event    | error | alias                  | unknown | /type                                   | 6 |
| curl-shapes          |     10 | missing-field         | note  | APPLICATIONS_PAGE_LOAD | client  | /anonymousId                            | 1 2 3 4 5 6 7 8 9 10 |
| curl-shapes          |     10 | missing-field         | note  | APPLICATIONS_PAGE_LOAD | client  | /context/library                        | 1 2 3 4 5 6 7 8 9 10 |
| curl-shapes          |     10 | missing-field         | note  | APPLICATIONS_PAGE_LOAD | client  | /context/locale                         | 1 2 3 4 5 6 7 8 9 10 |
| curl-shapes          |     10 | missing-field         | note  | APPLICATIONS_PAGE_LOAD | client  | /context/page                           | 1 2 3 4 5 6 7 8 9 10 |
| curl-shapes          |     10 | missing-field         | note  | APPLICATIONS_PAGE_LOAD | client  | /context/userAgent                      | 1 2 3 4 5 6 7 8 9 10 |
| curl-shapes          |     10 | missing-field         | note  | APPLICATIONS_PAGE_LOAD | client  | /integrations                           | 1 2 3 4 5 6 7 8 9 10 |
| curl-shapes          |     10 | missing-field         | note  | APPLICATIONS_PAGE_LOAD | client  | /originalTimestamp                      | 1 2 3 4 5 6 7 8 9 10 |
| curl-shapes          |     10 | missing-field         | note  | APPLICATIONS_PAGE_LOAD | client  | /sentAt                                 | 1 2 3 4 5 6 7 8 9 10 |
| browser-segment-next |      6 | missing-field         | note  | APPLICATIONS_PAGE_LOAD | client  | /anonymousId                            | 1 2 3 10 11 12 |
| browser-segment-next |      6 | missing-field         | note  | APPLICATIONS_PAGE_LOAD | client  | /context                                | 1 2 3 10 11 12 |
| browser-segment-next |      2 | missing-field         | note  | APPLICATIONS_PAGE_LOAD | client  | /context/ip                             | 5 15 |
| browser-segment-next |      6 | missing-field         | note  | APPLICATIONS_PAGE_LOAD | client  | /integrations                           | 1 2 3 10 11 12 |
| browser-segment-next |      8 | missing-field         | note  | APPLICATIONS_PAGE_LOAD | client  | /originalTimestamp                      | 1 2 3 5 10 11 12 15 |
| browser-segment-next |      6 | missing-field         | note  | APPLICATIONS_PAGE_LOAD | client  | /sentAt                                 | 1 2 3 10 11 12 |
| browser-segment-next |      2 | undocumented-event    | error | alias                  | client  | /type                                   | 8 17 |
| browser-segment-next |      2 | undocumented-event    | error | group                  | client  | /type                                   | 7 16 |
| browser-segment-next |      2 | undocumented-event    | error | identify               | client  | /type                                   | 4 13 |
| browser-segment-next |      2 | undocumented-event    | error | page                   | client  | /type                                   | 6 14 |
| browser-segment-next |      2 | undocumented-event    | error | screen                 | client  | /type                                   | 9 18 |
| browser-segment-next |      2 | undocumented-field    | error | APPLICATIONS_PAGE_LOAD | client  | /_metadata/bundled/0                    | 5 15 |
| browser-segment-next |      2 | undocumented-field    | error | APPLICATIONS_PAGE_LOAD | client  | /_metadata/bundledIds                   | 5 15 |
| browser-segment-next |      2 | undocumented-field    | error | APPLICATIONS_PAGE_LOAD | client  | /_metadata/unbundled                    | 5 15 |
| browser-segment-next |      1 | undocumented-field    | error | APPLICATIONS_PAGE_LOAD | client  | /context/campaign                       | 15 |
| browser-segment-next |      1 | undocumented-field    | error | APPLICATIONS_PAGE_LOAD | client  | /context/campaign/name                  | 5 |
| browser-segment-next |      1 | undocumented-field    | error | APPLICATIONS_PAGE_LOAD | client  | /context/campaign/source                | 5 |
| browser-segment-next |      2 | undocumented-field    | error | APPLICATIONS_PAGE_LOAD | client  | /context/timezone                       | 5 15 |
| browser-segment-next |      2 | undocumented-field    | error | APPLICATIONS_PAGE_LOAD | client  | /context/userAgentData/brands/0/brand   | 5 15 |
| browser-segment-next |      2 | undocumented-field    | error | APPLICATIONS_PAGE_LOAD | client  | /context/userAgentData/brands/0/version | 5 15 |
| browser-segment-next |      2 | undocumented-field    | error | APPLICATIONS_PAGE_LOAD | client  | /context/userAgentData/brands/1/brand   | 5 15 |
| browser-segment-next |      2 | undocumented-field    | error | APPLICATIONS_PAGE_LOAD | client  | /context/userAgentData/brands/1/version | 5 15 |
| browser-segment-next |      2 | undocumented-field    | error | APPLICATIONS_PAGE_LOAD | client  | /context/userAgentData/mobile           | 5 15 |
| browser-segment-next |      2 | undocumented-field    | error | APPLICATIONS_PAGE_LOAD | client  | /context/userAgentData/platform         | 5 15 |
| browser-segment-next |      1 | undocumented-field    | error | APPLICATIONS_PAGE_LOAD | client  | /integrations/Segment.io                | 15 |
"""  # noqa: E501 - a table
SAME = {"python-segment-gzip": "python-segment"}
"""The same client sending the same six calls, once compressed."""

NAMES = ("python-segment", "python-segment-gzip", "curl-shapes", "browser-segment-next")
OUTCOMES = {
    # capture: exit code, verdict, events, origins
    "python-segment": (1, "violated", 6, {"client": 1, "unknown": 5}),
    "python-segment-gzip": (1, "violated", 6, {"client": 1, "unknown": 5}),
    "curl-shapes": (0, "contradicted", 10, {"client": 10}),
    "browser-segment-next": (1, "violated", 18, {"client": 18}),
}
CLAIMS = {
    "curl-shapes": {
        "anonymous": "contradicted",
        "no-datasource-data": "inconclusive",
        "email-only-on-support": "upheld",
        "client-navigation-and-clicks": "upheld",
    },
    "browser-segment-next": {
        "anonymous": "contradicted",
        "no-datasource-data": "inconclusive",
        "email-only-on-support": "upheld",
        "client-navigation-and-clicks": "violated",
    },
}
"""What the two captures of clients exercise; every other testable claim of theirs is not exercised."""

IDENTIFIED = {
    "python-segment": {"/userId": 1},
    "python-segment-gzip": {"/userId": 1},
    "curl-shapes": {"/context/ip": 10, "/userId": 10},
    "browser-segment-next": {"/anonymousId": 2, "/context/userAgent": 2, "/userId": 8},
}
"""Events that carry each documented identifier of the client's event."""


@functools.cache
def run_of(name: str) -> Run:
    return check(CAPTURES / f"{name}.jsonl", "--examples", "1000")


def rows() -> dict[str, dict[tuple[str, ...], tuple[int, list[int]]]]:
    """Of each capture: (rule, level, event, origin, pointer) with how often and on which lines."""
    found: dict[str, dict[tuple[str, ...], tuple[int, list[int]]]] = {name: {} for name in NAMES}
    for line in TABLE.strip().splitlines()[1:]:
        name, number, *members, lines = (cell.strip() for cell in line.strip("|").split("|"))
        found[name][tuple(members)] = (int(number), [int(one) for one in lines.split()])
    for name, other in SAME.items():
        found[name] = found[other]
    return found


# Rules about time and identity of messages have tests of their own.
LATER = frozenset({"duplicate-message", "clock-inconsistent"})


@pytest.mark.parametrize("name", NAMES)
def test_a_real_capture_gives_these_findings_and_no_others(name: str) -> None:
    found = [f for f in run_of(name).breaches if f["rule"] not in LATER]
    members = ("rule", "level", "event", "origin", "pointer")
    keys = Counter(tuple(str(f[member]) for member in members) for f in found)
    lines: dict[tuple[str, ...], list[int]] = {key: [] for key in keys}
    for finding in found:
        lines[tuple(str(finding[member]) for member in members)].append(finding["line"])
    assert {key: (number, lines[key]) for key, number in keys.items()} == rows()[name]


@pytest.mark.parametrize("name", NAMES)
def test_a_real_capture_has_this_outcome(name: str) -> None:
    run = run_of(name)
    accounted(run)
    code, verdict, events, origins = OUTCOMES[name]
    assert (run.code, run.verdict) == (code, verdict)
    assert (run.total("units"), run.total("carrying"), run.total("events")) == (events, events, events)
    assert run.result["coverage"]["origins"] == origins


@pytest.mark.parametrize("name", NAMES)
def test_the_groups_of_a_real_capture_count_what_its_findings_show(name: str) -> None:
    """Every finding is shown here, so groups and findings can be compared one to one."""
    run = run_of(name)
    shown = Counter((f["fingerprint"], f["level"]) for f in run.findings if f["rule"] not in PAGE_ONLY)
    groups = {(g["fingerprint"], g["level"]): g["count"] for g in run.result["groups"] if g["rule"] not in PAGE_ONLY}
    assert shown == groups


@pytest.mark.parametrize("name", NAMES)
def test_a_real_capture_carries_these_documented_identifiers(name: str) -> None:
    groups = [group for group in run_of(name).result["groups"] if group["rule"] == "documented-identifier"]
    assert {group["event"] for group in groups} == {"APPLICATIONS_PAGE_LOAD"}
    assert {group["field"]: group["count"] for group in groups} == IDENTIFIED[name]


@pytest.mark.parametrize("name", CLAIMS)
def test_a_real_client_exercises_these_claims(name: str) -> None:
    told = {claim: verdict for claim, verdict in run_of(name).claims.items() if verdict != "not-testable"}
    assert {claim: verdict for claim, verdict in told.items() if verdict != "not-exercised"} == CLAIMS[name]


def test_a_clean_real_client_is_said_to_send_nothing_more() -> None:
    assert (
        run_of("curl-shapes")
        .result["headline"]
        .startswith("nothing was sent beyond the page; the page contradicts itself in 1 claim; 4 of 12 claims")
    )


def test_message_ids_are_shown_in_their_documented_form_only() -> None:
    ids = {f["message_id"] for f in run_of("browser-segment-next").breaches}
    assert "ajs-next-1795445379472-e1dbcbbd-d904-4f42-bce3-658772812520" in ids
    assert None in ids  # the beacons' "beacon-1" is a word of somebody's own
    assert "beacon-1" not in ids
    assert {f["message_id"] for f in run_of("curl-shapes").breaches} == {None}


def test_no_value_of_a_real_capture_is_shown() -> None:
    for name in NAMES:
        run = run_of(name)
        text = run.out + str({**run.result, "inputs": []})
        for value in (
            "ff8d9819fc0e12bf",
            "203.0.113.9",
            "utm_source",
            "HeadlessChrome",
            "Europe/Berlin",
            "APPSMITHTESTKEY",
        ):
            assert value not in text, (name, value)
