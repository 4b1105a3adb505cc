"""Measure the proxy against the same client and collector without it, in one run: requests a second, latency, memory, and
how many violating requests block mode lets through."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.collector import Collector, Proxy, collector, proxy
from tests.conftest import CAPTURES

EVENT = json.loads((CAPTURES / "python-segment.jsonl").read_bytes().split(b"\n")[0])
LEAK = {**EVENT, "properties": {**EVENT.get("properties", {}), "note": "jane@corp.com"}}

CLIENT = """
import http.client, json, ssl, sys, threading, time
host, port, vendor, ca = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
total, width, pause = map(float, sys.argv[5:8])
body = sys.stdin.read()
context = ssl.create_default_context(cafile=ca)
took, codes = [], {}
def send(count):
    connection = http.client.HTTPSConnection(host, port, context=context, timeout=60)
    if port != vendor:
        connection.set_tunnel("localhost", vendor)
    for _ in range(count):
        begun = time.perf_counter()
        connection.request("POST", "/v1/track", body, {"content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        took.append(time.perf_counter() - begun)
        codes[answer.status] = codes.get(answer.status, 0) + 1
        time.sleep(pause)
threads = [threading.Thread(target=send, args=(int(total / width),)) for _ in range(int(width))]
begun = time.perf_counter()
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps({"seconds": time.perf_counter() - begun, "took": took, "codes": codes}))
"""


class Run(NamedTuple):
    """Requests a second, median milliseconds, and answers by status."""

    rate: float
    latency: float
    codes: dict[str, int]


def run(
    port: int, vendor: Collector, ca: Path, body: dict[str, object], total: int, width: int = 8, pause: float = 0
) -> Run:
    """The client's own measure, over `width` connections that stay open."""
    host = "localhost" if port == vendor.port else "127.0.0.1"
    done = subprocess.run(
        [sys.executable, "-c", CLIENT, host, str(port), str(vendor.port), str(ca), str(total), str(width), str(pause)],
        input=json.dumps(body),
        capture_output=True,
        text=True,
        check=True,
    )
    said = json.loads(done.stdout)
    return Run(len(said["took"]) / said["seconds"], 1000 * median(said["took"]), said["codes"])


def resident(running: Proxy) -> int:
    """Resident memory in MB now."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024


def spent(running: Proxy) -> float:
    """Seconds of processor that it took so far: what the machine does beside counts little here."""
    fields = Path(f"/proc/{running.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def observed(scratch: Path, vendor: Collector, total: int) -> None:
    with proxy(scratch, "--trust-ca", str(vendor.trust)) as running:
        run(running.port, vendor, running.ca, EVENT, 200)
        direct = run(vendor.port, vendor, vendor.trust, EVENT, 2_000)
        before = spent(running)
        load = run(running.port, vendor, running.ca, EVENT, 3_000)
        each = (spent(running) - before) / 3_000
        print(f"at full load, 8 connections: {direct.rate:,.0f} requests/s without, {load.rate:,.0f} with the proxy")
        print(
            f"processor time of the proxy: {1000 * each:.2f} ms a request, so at most {1 / each:,.0f} requests/s on one core"
        )
        calm = [
            run(vendor.port, vendor, vendor.trust, EVENT, 300, 1, 0.01),
            run(running.port, vendor, running.ca, EVENT, 300, 1, 0.01),
        ]
        print(f"median of one connection at rest: {calm[0].latency:.2f} ms without, {calm[1].latency:.2f} ms with it")
        half = resident(running)
        begun, sent = time.perf_counter(), 3_500
        while sent < total:
            run(running.port, vendor, running.ca, EVENT, 2_000)
            sent += 2_000
            if sent < total // 2:
                half = resident(running)
        rate = (sent - 3_500) / (time.perf_counter() - begun)
        print(
            f"resident after {total // 2:,} and {sent:,} requests: {half} and {resident(running)} MB ({rate:,.0f} requests/s)"
        )
        running.end()


def blocked(scratch: Path, vendor: Collector, total: int) -> int:
    vendor.bodies.clear()
    with proxy(scratch, "--trust-ca", str(vendor.trust), "--block") as running:
        found = run(running.port, vendor, running.ca, LEAK, total)
        running.end()
    print(f"block mode: {sum(found.codes.values()):,} violating requests, {len(vendor.bodies)} reached the collector")
    return len(vendor.bodies)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--violating", type=int, default=10_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        with collector(scratch) as vendor:
            (scratch / "a").mkdir()
            observed(scratch / "a", vendor, asked.requests)
            (scratch / "b").mkdir()
            return int(blocked(scratch / "b", vendor, asked.violating) > 0)


if __name__ == "__main__":
    sys.exit(main())
