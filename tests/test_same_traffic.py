"""The same traffic gives the same findings, whichever way it was captured; what a capture alone can see comes on top."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests import wire
from tests.conftest import CAPTURES, Run, accounted, check
from tests.wire import Talk, ethernet, lookup, pcap

TRAFFIC = frozenset({"undocumented-destination", "plaintext-transport"})
ADDED = frozenset({"/receivedAt", "/context/ip", "/originalTimestamp", "/timestamp"})
"""What only the collector adds: missing in its log is told, missing on the wire is normal."""

OTHERS = [
    path
    for path in sorted(CAPTURES.iterdir())
    if path.suffix in (".har", ".mitm", ".pcap") and path.with_suffix(".jsonl").exists()
]


def findings(run: Run) -> Counter[tuple[object, ...]]:
    members = ("rule", "level", "event", "origin", "pointer", "message", "shape")
    return Counter(
        tuple(finding[member] for member in members)
        for finding in run.findings
        if finding["rule"] not in TRAFFIC and not (finding["rule"] == "missing-field" and finding["pointer"] in ADDED)
    )


def as_packets(har: Path) -> bytes:
    """The requests of a HAR as plain HTTP/1.1 over loopback, after a lookup of their host."""
    entries = json.loads(har.read_text("utf-8"))["log"]["entries"]
    host = urlsplit(entries[0]["request"]["url"]).netloc
    local = ip_address("127.0.0.1").packed
    frames = [
        frame.replace(ip_address("10.0.0.2").packed, local)
        for frame in lookup(host, "127.0.0.1", resolver="127.0.0.53")
    ]
    talk = Talk(client="127.0.0.1", server="127.0.0.1", port=80).open()
    for entry in entries:
        asked = entry["request"]
        url, body = urlsplit(asked["url"]), asked.get("postData", {}).get("text", "").encode()
        names = {field["name"].lower() for field in asked["headers"]}
        fields = [
            f"{field['name']}: {field['value']}"
            for field in asked["headers"]
            if field["name"].lower() not in ("host", "content-length", "content-encoding", "transfer-encoding")
        ]
        path = f"{url.path}?{url.query}" if url.query else url.path
        if asked["method"] == "GET":
            talk.send("\r\n".join([f"GET {path} HTTP/1.1", f"Host: {host}", *fields]).encode() + b"\r\n\r\n", size=200)
        else:
            chunk = 50 if "transfer-encoding" in names else 0
            talk.send(wire.post(host, path, body, *fields, chunk=chunk), size=200)
    return pcap([ethernet(frame) for frame in frames + talk.close()])


def test_the_packets_of_the_real_requests_are_these() -> None:
    assert (CAPTURES / "curl-shapes.pcap").read_bytes() == as_packets(CAPTURES / "curl-shapes.har")


def test_every_format_is_among_the_captures() -> None:
    assert {path.suffix for path in OTHERS} == {".har", ".mitm", ".pcap"}


@pytest.mark.parametrize("path", OTHERS, ids=lambda path: path.name)
def test_a_capture_gives_the_findings_of_its_collectors_log(path: Path) -> None:
    log, run = check(path.with_suffix(".jsonl"), "--examples", "1000"), check(path, "--examples", "1000")
    accounted(run)
    assert findings(run) == findings(log)
    assert run.total("events") == log.total("events")
    assert run.result["coverage"]["origins"] == log.result["coverage"]["origins"]
    assert run.result["destinations"]
    assert violated(run) - {"disclosed-destinations"} == violated(log)


def violated(run: Run) -> set[str]:
    return {claim for claim, verdict in run.claims.items() if verdict == "violated"}


def test_all_formats_in_one_run(tmp_path: Path) -> None:
    packed = tmp_path / "logs.jsonl.gz"
    packed.write_bytes(gzip.compress((CAPTURES / "curl-shapes.jsonl").read_bytes()))
    names = ("curl-shapes.har", "curl-shapes.mitm", "curl-shapes.pcap")
    run = check(*(CAPTURES / name for name in names), packed)
    accounted(run)
    assert [row["format"] for row in run.result["inputs"]] == ["har", "flows", "pcap", "jsonl"]
    assert [row["events"] for row in run.result["inputs"]] == [10, 10, 10, 10]
    assert [f["level"] for f in run.of("duplicate-message")] == ["note"] * len(run.of("duplicate-message"))
    (telemetry,) = [d for d in run.result["destinations"] if d["host"] == "api.segment.io" and d["scheme"] == "https"]
    assert (telemetry["contacts"], telemetry["class"]) == (18, "unnamed")


def test_requests_are_seen_when_the_capture_saw_them() -> None:
    first = check(CAPTURES / "curl-shapes.har").result["coverage"]["first"]
    assert first == check(CAPTURES / "curl-shapes.mitm").result["coverage"]["first"] == "2026-11-23T14:49:29.403292Z"


@pytest.mark.parametrize("name", ["curl-shapes", "python-segment", "python-segment-gzip"])
def test_the_har_that_mitmproxy_makes_of_a_dump_gives_what_the_dump_gives(tmp_path: Path, name: str) -> None:
    io = pytest.importorskip("mitmproxy.io")
    savehar = pytest.importorskip("mitmproxy.addons.savehar")
    with (CAPTURES / f"{name}.mitm").open("rb") as file:
        made = savehar.SaveHar().make_har(list(io.FlowReader(file).stream()))
    (tmp_path / "made.har").write_text(json.dumps(made, indent=4))
    har, dump = check(tmp_path / "made.har").result, check(CAPTURES / f"{name}.mitm").result
    assert har["inputs"][0]["format"] == "har"
    assert har["counts"] == dump["counts"]
    for rows, names in (("groups", ("rule", "field", "count")), ("destinations", ("host", "attempted", "connected"))):
        assert [[row[key] for key in names] for row in har[rows]] == [[row[key] for key in names] for row in dump[rows]]
