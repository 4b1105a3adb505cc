"""The proxy with real clients and a real TLS collector, all on loopback, where possible in a network of its own."""

from __future__ import annotations

import gzip
import json
import os
import random
import signal
import socket
import stat
import sys
import threading
import time
from pathlib import Path

import pytest

from audit.evidence import verify
from tests.bench.live import run as hammer
from tests.collector import EVENT, LEAK, Collector, Proxy, bodies, curl, ended, have, post, proxy, records, run
from tests.conftest import Json, check, invoke, load

PLANTED = "zq7plant"
PROOF = "TELEMETRY_AUDIT_PROOF" in os.environ
proof = pytest.mark.skipif(not PROOF, reason="one of the long proofs: make proof")

pytestmark = [pytest.mark.skipif(not have("curl"), reason="curl is not installed"), pytest.mark.usefixtures("isolated")]


# ---- real clients ----------------------------------------------------------------------------------------------------

SEGMENT = """
import sys
from segment.analytics import Client
client = Client("key", host=sys.argv[1], gzip=sys.argv[2] == "gzip", max_retries=0)
for number in range(7):
    client.track("u1", "APPLICATIONS_PAGE_LOAD", {"number": number}, anonymous_id="6f1d2b8c-3a47-4e59-9c0b-d2f8e7a61b34")
client.identify("u1", {"plan": "free"})
client.shutdown()
"""
RUDDER = SEGMENT.replace("from segment.analytics", "from rudderstack.analytics")


@pytest.mark.parametrize(
    ("script", "packing"),
    [
        pytest.param(SEGMENT, "plain", id="segment-analytics-python"),
        pytest.param(SEGMENT, "gzip", id="segment-analytics-python, gzip", marks=proof),
        pytest.param(RUDDER, "plain", id="rudder-sdk-python, plain", marks=proof),
        pytest.param(RUDDER, "gzip", id="rudder-sdk-python"),
    ],
)
def test_a_real_sdk_is_recorded_whole_before_it_arrives(
    observing: Proxy, vendor: Collector, script: str, packing: str
) -> None:
    vendor.bodies.clear()
    done = run(observing, script, vendor.url, packing)
    assert done.returncode == 0, done.stderr
    result = ended(observing)
    assert vendor.bodies
    assert bodies(list(records(observing.evidence))) == vendor.bodies
    assert vendor.bodies[0].startswith(b"\x1f\x8b") == (packing == "gzip")
    assert result["inputs"][0]["events"] == 8
    assert result["coverage"]["events"]["APPLICATIONS_PAGE_LOAD"] == 7


def test_curl_over_both_versions_of_http(observing: Proxy, vendor: Collector) -> None:
    vendor.bodies.clear()
    for version in ("--http1.1", "--http2"):
        assert post(observing, f"{vendor.url}/v1/track", EVENT, version)[0] == 200
        assert post(observing, f"{vendor.url}/v1/batch", {"batch": [EVENT, LEAK]}, version)[0] == 200
    result = ended(observing)
    assert bodies(list(records(observing.evidence))) == vendor.bodies
    assert result["inputs"][0]["events"] == 6
    assert result["counts"]["rules"]["email-address"] == 2
    assert observing.process.returncode == 1


@proof
def test_reverse_mode_serves_clients_that_ignore_proxies(tmp_path: Path, vendor: Collector) -> None:
    vendor.bodies.clear()
    args = ("--trust-ca", str(vendor.trust), "--mode", f"reverse:{vendor.url}", "-o", "json=result.json")
    with proxy(tmp_path, *args) as running:
        done = run(
            running, SEGMENT.replace("max_retries=0", "max_retries=0, proxies={'https': None}"), running.url, "plain"
        )
        assert done.returncode == 0, done.stderr
        result = ended(running)
    assert bodies(list(records(running.evidence))) == vendor.bodies != []
    assert result["inputs"][0]["events"] == 8
    assert {(row["host"], row["scheme"]) for row in result["destinations"]} == {("localhost", "https")}


# ---- the same fold ---------------------------------------------------------------------------------------------------


def test_the_report_at_the_end_is_what_check_says_of_the_evidence(observing: Proxy, vendor: Collector) -> None:
    post(observing, f"{vendor.url}/v1/track", EVENT)
    post(observing, f"{vendor.url}/v1/batch", {"batch": [EVENT, LEAK]})
    post(observing, f"{vendor.url}/v1/track", b"\x00\x01 no event")
    live = ended(observing)
    later = check(observing.evidence).result
    for document in (live, later):
        document.pop("digest")
        document.pop("parameters")
    assert live == later


@proof
def test_evidence_is_judged_again_with_another_run(tmp_path: Path, vendor: Collector) -> None:
    """A second run goes on with the first one's directory and reports both."""
    for expected in (1, 2):
        with proxy(tmp_path, "--trust-ca", str(vendor.trust), "-o", "json=result.json") as running:
            post(running, f"{vendor.url}/v1/track", EVENT)
            assert ended(running)["inputs"][0]["events"] == expected
    assert verify(running.evidence).records == 6


@proof
def test_the_head_is_said_at_the_start_and_at_the_end_and_stands_in_the_result(
    observing: Proxy, vendor: Collector
) -> None:
    post(observing, f"{vendor.url}/v1/track", EVENT)
    result = ended(observing)
    head = result["inputs"][0]["head"]
    assert invoke("verify", observing.evidence, "--head", observing.head).out.startswith("proved up to record 1:")
    assert invoke("verify", observing.evidence, "--head", head).out.startswith("proved up to record 3:")
    time.sleep(0.1)
    assert any(head in line for line in observing.lines)


# ---- what is kept of whom --------------------------------------------------------------------------------------------


def test_of_other_requests_only_the_contact_and_what_was_found_is_kept(tmp_path: Path, vendor: Collector) -> None:
    """api.harbour.example stands for a foreign host: no resolver is asked, as nothing answers there."""
    with proxy(tmp_path, "-o", "json=result.json") as running:
        url = "https://chat.zq7plant.example:9/secret-path?mail=jane.zq7plant@corp-zq7plant.com"
        assert post(running, url, b'{"text": "private-words-zq7plant"}', "-H", "cookie: zq7plant-cookie")[0] == 502
        result = ended(running)
    stored = b"".join(file.read_bytes() for file in running.evidence.iterdir())
    for text in (b"secret-path", b"jane.zq7plant", b"private-words", b"zq7plant-cookie"):
        assert text not in stored
    assert result["counts"]["rules"]["email-address"] == 1
    (row,) = result["destinations"]
    assert (row["host"], row["attempted"], row["connected"], row["class"]) == (
        "chat.zq7plant.example",
        1,
        0,
        "undocumented",
    )
    again = check(running.evidence)
    assert again.count("email-address") == 1
    assert (again.result["destinations"][0]["attempted"], again.result["destinations"][0]["connected"]) == (1, 0)


@proof
def test_evidence_all_keeps_everything_but_credentials_and_warns(tmp_path: Path, vendor: Collector) -> None:
    with proxy(tmp_path, "--evidence-all", "--trust-ca", str(vendor.trust)) as running:
        post(running, f"{vendor.url}/ui?q=1", b'{"text": "words-zq7plant"}', "-H", "cookie: zq7plant-cookie")
        running.end()
    assert any("warning: --evidence-all" in line for line in running.lines)
    (record,) = (record for record in records(running.evidence) if record["kind"] == "request")
    assert b"words-zq7plant" in bodies([record])[0]
    assert "zq7plant-cookie" not in json.dumps(record)


def test_nothing_of_a_request_is_said_or_logged(observing: Proxy, vendor: Collector) -> None:
    for body in (
        LEAK,
        b'{"broken zq7plant',
        gzip.compress(json.dumps(LEAK).encode()),
        {"batch": [LEAK, 3, "zq7plant"]},
    ):
        post(observing, f"{vendor.url}/v1/batch?q=zq7plant-query", body, "-H", "x-zq7plant: zq7plant-header")
    curl(observing, "https://localhost:1/v1/t?data=zq7plant", "-H", "cookie: zq7plant")
    observing.end()
    time.sleep(0.1)
    assert observing.process.stdout is not None
    said = "".join(observing.lines) + observing.process.stdout.read()
    assert "email-address" in said
    assert PLANTED not in said.replace(str(observing.evidence.parent), "")


def test_a_planted_value_in_an_own_hosts_answer_is_the_positive_control(tmp_path: Path) -> None:
    import http.server

    class Api(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b'{"rows": [{"name": "canary-zq7plant-8f2e91"}]}'
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            pass

    (tmp_path / "seeds.csv").write_text("value,kind,label\ncanary-zq7plant-8f2e91,canary,row\n")
    with http.server.HTTPServer(("127.0.0.1", 0), Api) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        args = ("--seeds", str(tmp_path / "seeds.csv"), "-o", "json=result.json")
        with proxy(tmp_path, *args) as running:
            answer = curl(running, f"http://localhost:{server.server_address[1]}/api")
            assert b"zq7plant" in answer.stdout
            result = ended(running)
        server.shutdown()
    assert result["coverage"]["searched"]["controls"] == 1
    assert "zq7plant" not in json.dumps(records(running.evidence))


# ---- block -----------------------------------------------------------------------------------------------------------


def test_block_lets_the_good_pass_and_refuses_the_rest_before_anybody_is_contacted(
    blocking: Proxy, vendor: Collector
) -> None:
    vendor.bodies.clear()
    track = f"{vendor.url}/v1/track"
    assert post(blocking, track, EVENT)[0] == 200
    assert post(blocking, track, LEAK) == (403, b"refused by telemetry-audit: it breaks the page\n")
    assert post(blocking, track, b"\x00 unreadable")[0] == 403
    assert post(blocking, f"{vendor.url}/v1/batch", {"batch": [EVENT, LEAK]})[0] == 403
    assert post(blocking, track, gzip.compress(json.dumps(LEAK).encode()), "-H", "content-encoding: gzip")[0] == 403
    assert post(blocking, "https://chat.zq7plant.example/", b"hello")[0] == 403
    asks = ("-X", "OPTIONS", "-H", "origin: https://app.example", "-H", "access-control-request-method: POST")
    assert curl(blocking, track, *asks, "-w", "%{http_code}").stdout == b"204"  # a browser asks before it sends
    result = ended(blocking)
    assert [json.loads(body) for body in vendor.bodies] == [EVENT]
    refused = [record["refused"] for record in records(blocking.evidence) if "refused" in record]
    assert len(refused) == 5
    rows = {row["host"]: (row["attempted"], row["connected"]) for row in result["destinations"]}
    assert rows == {"localhost": (6, 2), "chat.zq7plant.example": (1, 0)}
    assert blocking.process.returncode == 1


@proof
def test_soft_answers_as_if_all_were_well(tmp_path: Path, vendor: Collector) -> None:
    vendor.bodies.clear()
    with proxy(tmp_path, "--trust-ca", str(vendor.trust), "--block", "--soft") as running:
        assert post(running, f"{vendor.url}/v1/track", LEAK) == (200, b'{"success": true}')
        running.end()
    assert vendor.bodies == []


@proof
def test_block_contacts_nobody_for_what_it_refuses(tmp_path: Path) -> None:
    """A destination that only listens would see a connection: none comes, nor does one for a tunnel alone."""
    with socket.create_server(("127.0.0.1", 0)) as server, proxy(tmp_path, "--block") as running:
        server.settimeout(0.5)
        url = f"https://localhost:{server.getsockname()[1]}"
        assert post(running, f"{url}/v1/track", LEAK)[0] == 403
        running.end()
        with pytest.raises(TimeoutError):
            server.accept()


@proof
def test_a_name_in_the_host_field_hides_no_destination(tmp_path: Path, vendor: Collector) -> None:
    """Sent to an address under the name of a host that the auditor allows: it is the address that counts."""
    vendor.bodies.clear()
    args = ("--block", "--allow-host", "good.example", "--trust-ca", str(vendor.trust), "-o", "json=result.json")
    with proxy(tmp_path, *args) as running:
        assert post(running, "https://203.0.113.9:9/hello", b"x", "-H", "host: good.example")[0] == 403
        (row,) = ended(running)["destinations"]
    assert (row["host"], row["class"], row["connected"]) == ("203.0.113.9", "undocumented", 0)


# ---- consent ---------------------------------------------------------------------------------------------------------


def test_consent_can_change_while_it_runs(tmp_path: Path, vendor: Collector) -> None:
    consent = tmp_path / "consent.csv"
    consent.write_text("at,subject,state\n2020-01-01T00:00:00Z,*,opted-in\n")
    args = ("--trust-ca", str(vendor.trust), "--block", "--consent", str(consent))
    now = {
        key: value
        for key, value in EVENT.items()
        if key not in ("sentAt", "timestamp", "originalTimestamp", "receivedAt")
    }
    with proxy(tmp_path, *args) as running:
        assert post(running, f"{vendor.url}/v1/track", now)[0] == 200
        consent.write_text(consent.read_text() + "2021-01-01T00:00:00Z,*,declined\n")
        for _ in range(100):
            time.sleep(0.05)
            if any("consent read anew" in line for line in running.lines):
                break
        assert post(running, f"{vendor.url}/v1/track", now)[0] == 403
        running.end()
    assert [record["kind"] for record in records(running.evidence)] == [
        "session",
        "request",
        "consent",
        "request",
        "end",
    ]


# ---- what goes wrong -------------------------------------------------------------------------------------------------


def test_clients_that_do_not_trust_the_ca_are_opaque(observing: Proxy, vendor: Collector) -> None:
    done = curl(observing, vendor.url, "--cacert", str(vendor.trust))
    assert done.returncode != 0
    result = ended(observing)
    (row,) = result["destinations"]
    assert (row["known"], row["opaque"], row["connected"]) == (["connect"], 1, 0)


@proof
def test_a_destination_that_is_not_to_be_trusted_gets_nothing(tmp_path: Path, vendor: Collector) -> None:
    """Its certificate is nobody's: the proxy does not hide that from the product by trusting it."""
    vendor.bodies.clear()
    with proxy(tmp_path, "-o", "json=result.json") as running:
        assert post(running, f"{vendor.url}/v1/track", EVENT)[0] == 502
        result = ended(running)
    assert vendor.bodies == []
    assert (result["destinations"][0]["attempted"], result["destinations"][0]["connected"]) == (1, 0)


def test_bombs_and_nonsense_neither_stop_nor_pass_a_block(blocking: Proxy, vendor: Collector) -> None:
    vendor.bodies.clear()
    bomb = gzip.compress(bytes(200 << 20), 9)
    for body in (bomb, gzip.compress(bomb), b"[" * 100_000, b"\xff" * 1000, b"1e400", json.dumps(EVENT).encode()[:-1]):
        assert post(blocking, f"{vendor.url}/v1/batch", body)[0] == 403
    assert post(blocking, f"{vendor.url}/v1/track", EVENT)[0] == 200
    assert len(vendor.bodies) == 1
    status = Path(f"/proc/{blocking.process.pid}/status").read_text()
    assert int(status.partition("VmHWM:")[2].split()[0]) < 250_000
    blocking.end()


@pytest.mark.parametrize("chunked", [False, True], ids=["with its length", "in chunks"])
@proof
def test_a_body_beyond_the_bound_goes_on_unseen_or_is_refused(tmp_path: Path, vendor: Collector, chunked: bool) -> None:  # noqa: FBT001 - given by the test table
    body = b'{"batch": [' + b" " * (3 << 20) + json.dumps(EVENT).encode() + b"]}"
    args = ("--trust-ca", str(vendor.trust), "--max-body", "1MiB", "-o", "json=result.json")
    extra = ("-H", "expect:", *(("-H", "transfer-encoding: chunked", "--http1.1") if chunked else ()))
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    with proxy(tmp_path / "a", *args) as running:
        assert post(running, f"{vendor.url}/v1/batch", body, *extra)[0] == 200
        result = ended(running)
    assert result["inputs"][0]["unreadable"] == 1
    vendor.bodies.clear()
    with proxy(tmp_path / "b", *args, "--block") as running:
        assert post(running, f"{vendor.url}/v1/batch", body, *extra)[0] == 413
        running.end()
    assert vendor.bodies == []


@proof
def test_fifty_megabytes_go_on_whole_and_are_kept_whole(observing: Proxy, vendor: Collector) -> None:
    vendor.bodies.clear()
    body = json.dumps({**EVENT, "context": {"padding": "x" * (50 << 20)}}).encode()
    assert post(observing, f"{vendor.url}/v1/track", body, "-H", "expect:")[0] == 200
    observing.end()
    assert bodies(list(records(observing.evidence))) == vendor.bodies == [body]


@proof
def test_two_hundred_connections_at_once(observing: Proxy, vendor: Collector) -> None:
    vendor.bodies.clear()
    found = hammer(observing.port, vendor, observing.ca, EVENT, 1_000, 200)
    assert found.codes == {"200": 1_000}
    assert ended(observing)["inputs"][0]["events"] == len(vendor.bodies) == 1_000


@pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts a small file system")
@pytest.mark.parametrize("block", [False, True], ids=["observing", "blocking"])
@proof
def test_a_full_disk_fails_open_and_says_so_or_fails_closed(tmp_path: Path, vendor: Collector, block: bool) -> None:  # noqa: FBT001 - given by the test table
    import subprocess

    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(disk)], check=False, capture_output=True
    ).returncode:
        pytest.skip("mounting is not permitted")
    try:
        args = ("--trust-ca", str(vendor.trust), "-o", "json=result.json", *(("--block",) if block else ()))
        with proxy(tmp_path, *args, evidence=disk / "evidence") as running:
            large = {**EVENT, "context": {**EVENT["context"], "library": EVENT["context"]["library"]}}
            statuses = [post_to(running, vendor, {"batch": [large] * 30}, tmp_path)[0] for _ in range(6)]
            running.end()
        result = load(tmp_path / "result.json")
        assert statuses[0] == 200
        assert statuses[-1] == (403 if block else 200)
        assert verify(disk / "evidence").broken is None
        said = "".join(running.lines)
        assert ("REFUSED" in said or "refused" in said) if block else "SENT ON without judgement or evidence" in said
        if not block:
            assert result["inputs"][0]["unreadable"] > 0
    finally:
        subprocess.run(["umount", str(disk)], check=False)


def post_to(running: Proxy, vendor: Collector, body: Json, scratch: Path) -> tuple[int, bytes]:
    file = scratch / "body"
    file.write_text(json.dumps(body))
    done = curl(running, f"{vendor.url}/v1/batch", "--data-binary", f"@{file}", "-w", "\n%{http_code}")
    text, _, status = done.stdout.rpartition(b"\n")
    return int(status or 0), text


LOAD = """
import http.client, json, os, ssl, sys, threading
host, port, vendor, ca, count = "127.0.0.1", int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
body = sys.stdin.read()
context = ssl.create_default_context(cafile=ca)
def send():
    try:
        connection = http.client.HTTPSConnection(host, port, context=context, timeout=10)
        connection.set_tunnel("localhost", vendor)
        for number in range(count):
            connection.request("POST", "/v1/track", body.replace("@number@", f"{os.getpid()}-{threading.get_ident()}-{number}"))
            connection.getresponse().read()
    except (OSError, http.client.HTTPException):
        pass
threads = [threading.Thread(target=send) for _ in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


def load_of(running: Proxy, vendor: Collector, count: int) -> object:
    """A client that sends numbered events over four connections."""
    import subprocess

    client = subprocess.Popen(
        [sys.executable, "-c", LOAD, str(running.port), str(vendor.port), str(running.ca), str(count)],
        stdin=subprocess.PIPE,
        text=True,
    )
    assert client.stdin is not None
    client.stdin.write(json.dumps({**EVENT, "messageId": "@number@"}))
    client.stdin.close()
    return client


@pytest.mark.parametrize("round_", range(50 if PROOF else 1))
def test_a_killed_proxy_has_written_everything_that_arrived(tmp_path: Path, vendor: Collector, round_: int) -> None:
    """SIGKILL under load at a random moment: what the collector received is in the evidence, and the chain holds."""
    import subprocess

    vendor.bodies.clear()
    vendor.cut.clear()
    with proxy(tmp_path, "--trust-ca", str(vendor.trust)) as running:
        client = load_of(running, vendor, 10_000)
        while len(vendor.bodies) < 20:
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.4))
        assert running.end(signal.SIGKILL) == -signal.SIGKILL
        assert isinstance(client, subprocess.Popen)
        client.wait(timeout=30)
    arrived = set(vendor.bodies)
    assert len(arrived) >= 20
    report = verify(running.evidence)
    assert report.broken is None
    assert report.records > len(arrived)
    kept = set(bodies(list(records(running.evidence))))
    assert arrived <= kept
    assert all(any(body.startswith(part) for body in kept) for part in vendor.cut)
    with proxy(tmp_path, "--trust-ca", str(vendor.trust)) as again:
        assert again.end() in (0, 1)
    assert any("torn record" in line for line in again.lines) == bool(report.torn)


# ---- who may use it --------------------------------------------------------------------------------------------------


def test_beyond_loopback_a_password_is_asked_for(tmp_path: Path) -> None:
    args = ("proxy", "--listen", "0.0.0.0:0", "--evidence", tmp_path / "e", "--ca-dir", tmp_path / "ca")
    refused = invoke(*args)
    assert refused.code == 2
    assert "--auth-file" in refused.err
    (tmp_path / "auth").write_text("auditor:zq7plant-password")
    (tmp_path / "auth").chmod(0o644)
    assert "chmod 600" in invoke(*args, "--auth-file", tmp_path / "auth").err
    (tmp_path / "auth").chmod(0o600)
    assert "loopback only" in invoke(*args, "--auth-file", tmp_path / "auth", "--mode", "reverse:https://h.example").err
    assert not (tmp_path / "e").exists()


def test_who_does_not_know_the_password_reaches_nobody(tmp_path: Path, vendor: Collector) -> None:
    vendor.bodies.clear()
    (tmp_path / "auth").write_text("auditor:zq7plant-password\n")
    (tmp_path / "auth").chmod(0o600)
    with proxy(tmp_path, "--trust-ca", str(vendor.trust), "--auth-file", str(tmp_path / "auth")) as running:
        assert post(running, f"{vendor.url}/v1/track", EVENT)[0] == 0
        assert post(running, f"{vendor.url}/v1/track", EVENT, "--proxy-user", "auditor:zq7plant-password")[0] == 200
        running.end()
    assert len(vendor.bodies) == 1
    assert "zq7plant-password" not in json.dumps(records(running.evidence))


def test_the_authority_is_private_and_can_be_destroyed(observing: Proxy) -> None:
    observing.end()
    directory = observing.ca.parent
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) & 0o077 for file in directory.iterdir()} == {0}
    shown = invoke("proxy", "--ca-dir", directory, "ca", "show")
    assert shown.code == 0
    assert "SHA-256" in shown.out
    assert invoke("proxy", "--ca-dir", directory, "ca", "destroy").code == 0
    assert not directory.exists()
    assert invoke("proxy", "--ca-dir", directory, "ca", "show").code == 2


@proof
def test_a_port_in_use_is_a_usage_error(tmp_path: Path) -> None:
    import subprocess

    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-m", "audit", "proxy", "--listen", f"127.0.0.1:{server.getsockname()[1]}"]
        done = subprocess.run(
            [*command, "--ca-dir", str(tmp_path / "ca"), "--evidence", str(tmp_path / "e")],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert done.returncode == 2
    assert "Address already in use; name another with --listen" in done.stderr
    assert "--mode" not in done.stderr


@pytest.mark.parametrize(
    "args",
    [
        ("--mode", "transparent"),
        ("--mode", "reverse:ftp://x"),
        ("--mode", "reverse:https://user@x/path"),
        ("--listen", "8080"),
        ("--listen", "127.0.0.1:99999"),
        ("--soft",),
        ("--custody", "missing.toml"),
        ("--trust-ca", "missing.pem"),
        ("--trust-ca", "/dev/null"),
    ],
    ids=" ".join,
)
def test_a_wrong_option_is_told_before_anything_is_made(tmp_path: Path, args: tuple[str, ...]) -> None:
    done = invoke("proxy", *args, "--evidence", tmp_path / "e", "--ca-dir", tmp_path / "ca", cwd=tmp_path)
    assert done.code == 2
    assert list(tmp_path.iterdir()) == []


def test_a_file_where_the_evidence_should_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "e").write_text("x")
    done = invoke("proxy", "--evidence", tmp_path / "e", "--ca-dir", tmp_path / "ca")
    assert (done.code, "is no directory: name a new one" in done.err) == (2, True)
