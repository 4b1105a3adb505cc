"""What is computed from the page and from counts: contradictions without any capture, documented identifiers with one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from audit.rules.case import PageBreach
from audit.rules.page_contradiction import RULE as PAGE
from tests.conftest import Json, Run, active, check, check_bytes, compact, jsonl, page_load, samples, started, support
from tests.within import APPSMITH, HARBOUR, policy_of

SHOWN = [
    ("APPLICATIONS_PAGE_LOAD", "/anonymousId", "device-id"),
    ("APPLICATIONS_PAGE_LOAD", "/context/ip", "ip-address"),
    ("APPLICATIONS_PAGE_LOAD", "/userId", "user-id"),
    ("Installation Started", "/userId", "ip-address"),
    ("Instance Active", "/context/ip", "ip-address"),
    ("Instance Active", "/userId", "ip-address"),
]
"""Every identifier of a person that the built-in page's samples show."""


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return Path(shutil.copytree(APPSMITH, tmp_path / "pack"))


def of_the_page(run: Run) -> list[Json]:
    return run.of("page-contradiction")


def shown(run: Run) -> list[tuple[Any, Any, str]]:
    """The contradictions that samples show: event, pointer, category."""
    said = [f for f in of_the_page(run) if "the page's own sample shows" in f["message"]]
    return sorted((f["event"], f["pointer"], f["message"].split()[6]) for f in said)


def without_capture(policy: Path) -> Run:
    return check_bytes(b"", "-p", str(policy))


def change_samples(pack: Path, change: Callable[[Json], object]) -> None:
    for path in (pack / "samples").iterdir():
        sample = json.loads(path.read_text("utf-8"))
        change(sample)
        path.write_text(json.dumps(sample), "utf-8")


def test_the_built_in_page_contradicts_itself_without_any_capture() -> None:
    run = without_capture(APPSMITH)
    assert shown(run) == SHOWN
    assert run.claims["anonymous"] == "contradicted"
    assert [claim for claim, verdict in run.claims.items() if verdict == "contradicted"] == ["anonymous"]
    assert run.verdict == "not-exercised"
    assert all(finding["level"] == "note" for finding in of_the_page(run))


def test_everything_that_the_page_says_against_itself() -> None:
    rest = [f for f in of_the_page(without_capture(APPSMITH)) if "own sample" not in f["message"]]
    told = sorted((f["event"] or "", f["pointer"] or "", f["message"], *f["claims"]) for f in rest)
    assert told == [
        ("", "", "a sentence of the page breaks off: This is used to analyze the"),
        (
            "",
            "",
            "the page says that nothing else is sent, and that the same sender fetches: release notes",
            "keepalive-only",
        ),
        (
            "",
            "",
            "the page says that nothing else is sent, and that the same sender fetches: release notes",
            "server-no-other-data",
        ),
        (
            "Installation Support",
            "/properties/email",
            "the page allows an e-mail address here, beside this claim",
            "anonymous",
        ),
    ]


def test_the_findings_of_the_page_stand_nowhere_in_the_capture() -> None:
    run = check_bytes(jsonl(*samples()))
    for finding in of_the_page(run):
        assert [finding[name] for name in ("input", "unit", "line", "offset", "item", "message_id", "origin")] == [
            None
        ] * 7
    assert of_the_page(run) == of_the_page(without_capture(APPSMITH))


def test_a_sample_without_the_address_no_longer_shows_it(pack: Path) -> None:
    change_samples(pack, lambda sample: sample["context"].pop("ip", None))
    run = without_capture(pack)
    assert shown(run) == [row for row in SHOWN if row[1] != "/context/ip"]
    assert run.claims["anonymous"] == "contradicted"


def test_a_placeholder_shows_no_identifier(pack: Path) -> None:
    change_samples(pack, lambda sample: sample.update(userId="<ip>"))
    assert shown(without_capture(pack)) == [row for row in SHOWN if row[1] != "/userId"]


def test_a_page_whose_samples_show_nobody_is_not_contradicted(pack: Path) -> None:
    def anonymise(sample: Json) -> None:
        sample["context"].pop("ip", None)
        for name in ("userId", "anonymousId"):
            sample.pop(name, None)

    change_samples(pack, anonymise)
    assert shown(without_capture(pack)) == []
    assert without_capture(pack).claims["anonymous"] == "not-exercised"
    run = check_bytes(jsonl(*samples()), "-p", str(pack))
    assert run.claims["anonymous"] == "inconclusive"  # content alone never shows that data are anonymous
    assert "contradict" not in run.result["headline"]


def test_a_page_without_samples_shows_nothing(pack: Path) -> None:
    shutil.rmtree(pack / "samples")
    assert shown(without_capture(pack)) == []


def test_what_a_category_says_decides(pack: Path) -> None:
    """The contradiction is computed from the categories of the schemas, not written down."""
    for path in (pack / "events").iterdir():
        path.write_text(path.read_text("utf-8").replace('"ip-address"', '"device"'), "utf-8")
    assert shown(without_capture(pack)) == [row for row in SHOWN if row[2] != "ip-address"]


def test_a_claim_of_anonymity_is_one_that_its_rules_make(pack: Path) -> None:
    path = pack / "policy.toml"
    path.write_text(
        path.read_text("utf-8").replace('"documented-identifier", "page-contradiction"', '"page-contradiction"')
    )
    run = without_capture(pack)
    assert shown(run) == []
    assert run.claims["anonymous"] == "not-exercised"


def test_a_sample_of_an_event_that_is_not_listed_shows_nothing(pack: Path) -> None:
    change_samples(pack, lambda sample: sample.update(event="Another"))
    assert shown(without_capture(pack)) == []


def test_a_page_without_a_claim_of_anonymity_contradicts_nothing() -> None:
    """Nor is an "only" contradicted by the place that the events themselves go to."""
    assert list(PAGE.check(policy_of(HARBOUR))) == []


def test_a_user_agent_alone_contradicts_nothing() -> None:
    found = [breach.pointer for breach in PAGE.check(policy_of(APPSMITH)) if isinstance(breach, PageBreach)]
    assert ("context", "userAgent") not in found


def test_sentences_that_break_off_are_told(pack: Path) -> None:
    path = pack / "page.md"
    path.write_text(path.read_text("utf-8") + "\nMore is sent to\n\nNothing is sent.\n", "utf-8")
    told = [f["message"] for f in of_the_page(without_capture(pack)) if "breaks off" in f["message"]]
    assert sorted(told) == [
        "a sentence of the page breaks off: More is sent to",
        "a sentence of the page breaks off: This is used to analyze the",
    ]


def test_page_findings_never_decide_the_exit_code() -> None:
    for level in ("error", "warning"):
        assert check_bytes(jsonl(*samples()), "--fail-on", level).code == 0


# ---- documented identifiers ----------------------------------------------------------------------------------------


def identified(run: Run) -> dict[tuple[str, str], int]:
    groups = [group for group in run.result["groups"] if group["rule"] == "documented-identifier"]
    counts = {(group["event"], group["field"]): group["count"] for group in groups}
    assert len(counts) == len(groups), "one finding for each event and field"
    assert all(group["level"] == "note" and group["shown"] == 1 for group in groups)
    return counts


def test_documented_identifiers_of_the_samples() -> None:
    run = check_bytes(jsonl(*samples()))
    assert identified(run) == {
        ("APPLICATIONS_PAGE_LOAD", "/anonymousId"): 1,
        ("APPLICATIONS_PAGE_LOAD", "/context/ip"): 1,
        ("APPLICATIONS_PAGE_LOAD", "/context/userAgent"): 1,
        ("APPLICATIONS_PAGE_LOAD", "/userId"): 1,
        ("Installation Started", "/anonymousId"): 1,
        ("Installation Started", "/userId"): 1,
        ("Instance Active", "/context/ip"): 1,
        ("Instance Active", "/properties/instanceId"): 1,
        ("Instance Active", "/userId"): 1,
    }
    found = {(f["event"], f["pointer"]): f for f in run.of("documented-identifier")}
    address = found["Instance Active", "/context/ip"]
    assert (address["origin"], address["claims"]) == ("server", ["anonymous"])
    assert address["message"].startswith("a documented ip-address")
    assert "installation" in found["Instance Active", "/properties/instanceId"]["message"]


def test_documented_identifiers_are_counted_over_clean_and_dirty_events() -> None:
    """Exactly: clean events take the fast way, dirty ones the slow one, absent and null ones do not count."""
    clean = [active()] * 5
    dirty = [
        active(userId="jane"),  # a wrong value there is still a value
        active(userId=None),
        active(extra=1),
        active(properties={}),
        active(context={"library": {"name": "unknown", "version": "unknown"}}),
        active(event="instance  active"),  # judged by the schema of the name that it nearly is
        active(type="identify"),  # no named event
    ]
    run = check_bytes(jsonl(*clean, *dirty, *clean))
    assert identified(run) == {
        ("Instance Active", "/context/ip"): 15,
        ("Instance Active", "/properties/instanceId"): 15,
        ("Instance Active", "/userId"): 15,
    }


def test_optional_identifiers_are_counted_where_they_are() -> None:
    plain: Json = {"event": "Installation Support", "type": "track"}
    run = check_bytes(jsonl(plain, plain, support(), {**plain, "userId": "203.0.113.9"}, {**plain, "userId": None}))
    assert identified(run) == {
        ("Installation Support", "/anonymousId"): 1,
        ("Installation Support", "/properties/email"): 1,
        ("Installation Support", "/userId"): 2,
    }


def test_events_of_a_category_are_counted_as_what_the_page_describes() -> None:
    run = check_bytes(jsonl(page_load(event="EDITOR_OPEN"), page_load(event="QUERY_RUN")))
    assert {event for event, _ in identified(run)} == {"navigation and clicks"}
    assert set(identified(run).values()) == {2}


def test_a_batch_counts_its_events() -> None:
    run = check_bytes(compact({"batch": [started(), started(), active()]}))
    assert identified(run)["Installation Started", "/userId"] == 2
    assert identified(run)["Instance Active", "/userId"] == 1


def test_nothing_is_identified_in_an_empty_capture() -> None:
    assert identified(without_capture(APPSMITH)) == {}
    assert check("-", stdin=b"").of("documented-identifier") == []
