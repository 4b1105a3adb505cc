"""How fast captures of traffic are read: HAR and flow dumps of small entries, packets large and small. CPU time of reading
alone, decoding included, judging not."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from audit.engine.parse import Limits
from audit.sources import Reading
from audit.sources.inputs import Input
from tests.conftest import CAPTURES, page_load
from tests.test_flows import flow, net
from tests.wire import Talk, ethernet, hello, pcap, pcapng

_ROUNDS = 3


def _entry(number: int, *, telemetry: bool) -> dict[str, object]:
    body = json.dumps(page_load()) if telemetry else ""
    path = "https://api.telemetry.test/v1/t" if telemetry else f"https://app.example.test/part/{number}"
    asked = {"method": "POST" if telemetry else "GET", "url": path, "headers": [{"name": "Accept", "value": "*/*"}]}
    posted = {"postData": {"mimeType": "text/plain", "text": body}} if telemetry else {}
    answered = {"status": 200, "statusText": "OK", "headers": [], "content": {"size": 2, "text": "ok"}}
    return {
        "startedDateTime": f"2026-11-23T14:49:{number % 60:02d}.403Z",
        "time": 3,
        "request": asked | {"queryString": [], "cookies": [], "headersSize": -1, "bodySize": len(body)} | posted,
        "response": answered | {"cookies": [], "redirectURL": "", "headersSize": -1, "bodySize": 2},
        "cache": {},
        "timings": {"send": 0, "wait": 1, "receive": 1},
    }


def _har(entries: int, *, telemetry: bool) -> bytes:
    rows = [_entry(number, telemetry=telemetry) for number in range(entries)]
    return json.dumps({"log": {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": rows}}).encode()


def _frames(number: int, records: int, size: int) -> list[bytes]:
    """TLS connections of so many records each way."""
    frames: list[bytes] = []
    while len(frames) < number:
        at = len(frames)
        talk = Talk(client=f"10.0.{at // 250 % 250}.{at % 250 + 1}", server=f"203.0.113.{at % 200 + 1}").open()
        talk.send(hello(f"host{at % 50}.example.test"))
        for _ in range(records):
            talk.send(b"\x17\x03\x03" + b"x" * size)
        frames += talk.close()
    return [ethernet(frame) for frame in frames]


def _captures() -> Iterator[tuple[str, bytes]]:
    yield "HAR, small entries", _har(30_000, telemetry=False)
    yield "HAR, an event each", _har(20_000, telemetry=True)
    yield "flows as mitmproxy writes them", (CAPTURES / "curl-shapes.mitm").read_bytes() * 500
    yield "flows without all that is not needed", net(flow(json.dumps(page_load()).encode())) * 20_000
    yield "pcap, 90 B a packet, long connections", pcap(_frames(200_000, 100, 40))
    yield "pcapng, the same", pcapng(_frames(200_000, 100, 40))
    yield "pcap, 90 B a packet, 13 a connection", pcap(_frames(200_000, 3, 40))
    yield "pcap, 700 B a packet", pcap(_frames(60_000, 100, 1_300))


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "capture"
        for what, data in _captures():
            file.write_bytes(data)
            took = []
            for _ in range(_ROUNDS):
                begun = time.process_time()
                for _ in Reading(Input(0, "capture", str(file)), Limits()).parts():
                    pass
                took.append(time.process_time() - begun)
            print(f"{what:<40} {len(data) / 1e6:5.0f} MB   {len(data) / 1e6 / min(took):5.0f} MB/s")


if __name__ == "__main__":
    main()
