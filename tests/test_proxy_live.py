"""The proxy while it runs: verdicts as they change, destinations that are slow, down or break off, a disk that is full."""

from __future__ import annotations

import json
import resource
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from audit.evidence import verify
from audit.rules import RULES
from audit.rules.case import TimelineRule
from audit.runners.marks import MarkStore
from audit.tally import MARK, MarkKey, Tally
from tests.collector import EVENT, LEAK, Collector, Proxy, bodies, ended, have, post, proxy, records
from tests.conftest import check

pytestmark = [pytest.mark.skipif(not have("curl"), reason="curl is not installed"), pytest.mark.usefixtures("isolated")]


def until(happened: Callable[[], bool]) -> None:
    """Wait for something that another process does, half a minute at most."""
    for _ in range(600):
        if happened():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def said(running: Proxy, text: str) -> Callable[[], bool]:
    return lambda: any(text in line for line in running.lines)


# ---- verdicts --------------------------------------------------------------------------------------------------------


def test_a_claim_is_told_when_its_verdict_changes_and_the_last_word_is_the_reports(
    tmp_path: Path, vendor: Collector
) -> None:
    with proxy(tmp_path, "--trust-ca", str(vendor.trust), "-o", "json=result.json") as running:
        assert post(running, f"{vendor.url}/v1/track", EVENT)[0] == 200
        until(said(running, "claim email-only-on-support: upheld so far (was not-exercised)"))
        assert post(running, f"{vendor.url}/v1/track", {**LEAK, "messageId": "ajs-another"})[0] == 200
        until(said(running, "claim email-only-on-support: VIOLATED (was upheld): 1 finding does not match"))
        until(said(running, "claim anonymous: VIOLATED (was contradicted)"))
        result = ended(running)
    told = [line.split("Z  ", 1)[1] for line in running.lines if "Z  claim " in line or "Z  requirement " in line]
    assert len(told) == len(set(told))
    last = {what.split()[1]: now for what, now in (line.split(": ", 1) for line in told)}
    rows = [*result["claims"], *result["requirements"]]
    for row in rows:
        if row["id"] in last:
            assert last[row["id"]].lower().startswith(row["verdict"])
        else:
            assert row["verdict"] in ("not-exercised", "not-testable", "contradicted")


def test_what_a_store_of_marks_kept_stays_while_it_takes_more() -> None:
    """What is concluded beside the traffic sees the marks up to its begin, in memory and in files alike."""
    timeline = next(rule.timeline for rule in RULES if isinstance(rule, TimelineRule) and rule.timeline.alone)

    def tally(number: int) -> Tally:
        made = Tally()
        made.mark(MarkKey(timeline.id, 0, 0), number.to_bytes(MARK, "big"))
        return made

    for number in range(8):
        with MarkStore(bound=3 * MARK) as store:
            for at in range(number + 1):
                store.take(tally(at))
            kept = store.kept()
            before = list(kept.sorted(timeline))
            assert sorted(before) == [n.to_bytes(MARK, "big") for n in range(number + 1)]
            for more in range(5):
                store.take(tally(1_000 + more))
            assert list(kept.sorted(timeline)) == before
            assert len(list(store.sorted(timeline))) == number + 6


# ---- destinations ----------------------------------------------------------------------------------------------------


def test_while_one_destination_does_not_answer_the_others_go_on(tmp_path: Path, vendor: Collector) -> None:
    vendor.bodies.clear()
    vendor.answer.clear()
    with proxy(tmp_path, "--trust-ca", str(vendor.trust), "-o", "json=result.json") as running:
        body = tmp_path / "held"
        body.write_text(json.dumps({**EVENT, "messageId": "ajs-held"}))
        slow = subprocess.Popen(
            [*"curl -sS --max-time 60 -o".split(), str(tmp_path / "out"), "--proxy", running.url, "--cacert",
             str(running.ca), "--data-binary", f"@{body}", "-w", "%{http_code}", f"{vendor.url}/v1/track?hold"],
            stdout=subprocess.PIPE,
        )  # fmt: skip
        until(lambda: len(vendor.bodies) == 1)
        for number in range(5):
            assert post(running, f"{vendor.url}/v1/track", {**EVENT, "messageId": f"ajs-{number}"})[0] == 200
        assert slow.poll() is None
        vendor.answer.set()
        assert slow.communicate(timeout=30)[0] == b"200"
        result = ended(running)
    assert result["inputs"][0]["events"] == 6
    assert bodies(list(records(running.evidence))) == vendor.bodies


@pytest.mark.parametrize(("conduct", "breaks"), [("--observe", False), ("--block", True)])
def test_what_a_destination_that_is_down_or_breaks_off_did_not_get_is_judged_all_the_same(
    tmp_path: Path, vendor: Collector, conduct: str, *, breaks: bool
) -> None:
    """A refused connection is an attempt; who read the request and broke off got it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    with proxy(tmp_path, conduct, "--trust-ca", str(vendor.trust), "-o", "json=result.json") as running:
        url = f"{vendor.url}/v1/track?drop" if breaks else f"https://localhost:{free}/v1/track"
        assert post(running, url, EVENT)[0] == 502
        assert post(running, f"{vendor.url}/v1/track", {**EVENT, "messageId": "ajs-another"})[0] == 200
        result = ended(running)
    later = check(running.evidence).result
    for found in (result, later):
        assert found["inputs"][0]["events"] == 2
        rows = {(row["attempted"], row["connected"]) for row in found["destinations"]}
        assert rows == ({(2, 2)} if breaks else {(1, 0), (1, 1)})


def test_a_client_that_goes_away_in_the_middle_sent_nothing_and_is_told(tmp_path: Path, vendor: Collector) -> None:
    vendor.bodies.clear()
    with proxy(tmp_path, "--trust-ca", str(vendor.trust), "-o", "json=result.json") as running:
        with socket.create_connection(("127.0.0.1", running.port)) as client:
            head = f"POST http://localhost:{vendor.port}/v1/track HTTP/1.1\r\nhost: x\r\ncontent-length: 900\r\n\r\n"
            client.sendall(head.encode() + b'{"event": "half')
        assert post(running, f"{vendor.url}/v1/track", EVENT)[0] == 200
        result = ended(running)
    assert len(vendor.bodies) == 1
    assert result["inputs"][0]["events"] == 1


# ---- no room ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("conduct", ["--observe", "--block"])
def test_evidence_that_cannot_be_written_fails_open_and_says_so_or_fails_closed(
    tmp_path: Path, vendor: Collector, conduct: str
) -> None:
    """A limit on the size of files stands for the full disk: `make proof` fills a real one too."""
    vendor.bodies.clear()
    with proxy(tmp_path, conduct, "--trust-ca", str(vendor.trust)) as running:
        assert post(running, f"{vendor.url}/v1/track", EVENT)[0] == 200
        size = sum(file.stat().st_size for file in running.evidence.glob("segment-*.jsonl"))
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (size + 100, resource.RLIM_INFINITY))
        status = post(running, f"{vendor.url}/v1/track", {**EVENT, "messageId": "ajs-another"})[0]
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert post(running, f"{vendor.url}/v1/track", {**EVENT, "messageId": "ajs-a-third"})[0] == 200
        running.end()
    blocked = conduct == "--block"
    assert status == (403 if blocked else 200)
    assert len(vendor.bodies) == (2 if blocked else 3)
    until(said(running, "1 request refused" if blocked else "1 request SENT ON without judgement or evidence"))
    assert verify(running.evidence).broken is None
    later = check(running.evidence).result
    assert later["inputs"][0]["events"] == 2
    assert (later["inputs"][0]["unreadable"] > 0) == (not blocked)
