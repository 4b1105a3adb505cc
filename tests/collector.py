"""Stand-ins on loopback for live traffic: a TLS collector with a throwaway authority, and the proxy as a process."""

from __future__ import annotations

import base64
import contextlib
import ctypes
import datetime as dt
import fcntl
import http.server
import json
import os
import random
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from tests.conftest import CAPTURES, ROOT, Json, load

HOST = "localhost"


CLONE_NEWNET = 0x40000000


@contextlib.contextmanager
def own_network() -> Iterator[None]:
    """A network with nothing but loopback, where the system permits it: a client that ignores the proxy reaches nobody."""
    libc = ctypes.CDLL(None, use_errno=True)
    with Path(f"/proc/self/task/{threading.get_native_id()}/ns/net").open("rb") as before:
        if libc.unshare(CLONE_NEWNET) != 0:
            yield  # not permitted: everything speaks to loopback all the same
            return
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                fcntl.ioctl(probe, 0x8914, struct.pack("16sh14s", b"lo", 0x1 | 0x40, b""))  # SIOCSIFFLAGS: up, running
            yield
        finally:
            libc.setns(before.fileno(), CLONE_NEWNET)


@dataclass
class Collector:
    """What a vendor's collector would be: answers 200 to everything and remembers every body that reached it. `cut`: what
    arrived of a body whose rest never came. Requests with `?hold` are answered when `answer` is set, those with `?drop` never."""

    port: int
    trust: Path
    bodies: list[bytes] = field(default_factory=list)
    cut: list[bytes] = field(default_factory=list)
    answer: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    def waits(self, path: str) -> None:
        """Return when it is time to answer a request; raises for one whose connection breaks."""
        if path.endswith("?hold"):
            self.answer.wait(60)
        if path.endswith("?drop"):
            raise ConnectionAbortedError


def certificate(directory: Path) -> tuple[Path, Path]:
    """A self-signed certificate for loopback that is its own authority: (PEM of it, PEM with its key)."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = dt.datetime.now(dt.UTC)
    names = [x509.DNSName(HOST), x509.DNSName("api.harbour.example"), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    trust, both = directory / "trust.pem", directory / "collector.pem"
    trust.write_bytes(pem)
    both.write_bytes(pem + private)
    return trust, both


@contextlib.contextmanager
def collector(directory: Path) -> Iterator[Collector]:
    """A collector that runs for a while."""
    trust, both = certificate(directory)
    found: list[Collector] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            chunked = self.headers.get("transfer-encoding") == "chunked"
            size = int(self.headers.get("content-length", 0))
            body = self.chunks() if chunked else self.rfile.read(size)
            if not chunked and len(body) < size:  # who sent it was ended in the middle
                found[0].cut.append(body)
                self.close_connection = True
                return
            found[0].bodies.append(body)
            found[0].waits(self.path)
            self.send_response(200)
            for name in ("origin", "headers", "methods"):
                self.send_header(f"access-control-allow-{name}", "*")
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def chunks(self) -> bytes:
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return body

        def do_OPTIONS(self) -> None:
            self.send_response(204)
            for name in ("origin", "headers", "methods"):
                self.send_header(f"access-control-allow-{name}", "*")
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - the library's name

        def log_message(self, *args: Any) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            """A client that goes away is no matter."""

    server = Server(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(both)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    found.append(Collector(server.server_address[1], trust))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found[0]
    finally:
        server.shutdown()
        server.server_close()


@dataclass
class Proxy:
    """The proxy as a user starts it. `said`: what stood on stderr when it ended."""

    process: subprocess.Popen[str]
    port: int
    evidence: Path
    ca: Path
    head: str
    lines: list[str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """What the guide says to set, for a product in Python."""
        return {
            **os.environ,
            "HTTPS_PROXY": self.url,
            "HTTP_PROXY": self.url,
            "NO_PROXY": "",
            "no_proxy": "",
            "SSL_CERT_FILE": str(self.ca),
            "REQUESTS_CA_BUNDLE": str(self.ca),
        }

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout=30)


@contextlib.contextmanager
def proxy(
    scratch: Path, *args: str, evidence: Path | None = None, env: Mapping[str, str] | None = None
) -> Iterator[Proxy]:
    """Start it on a free port, and wait until it listens."""
    place = evidence or scratch / "evidence"
    command = [sys.executable, "-m", "audit", "proxy", "--listen", "127.0.0.1:0", "--ca-dir", str(scratch / "ca")]
    process = subprocess.Popen(
        [*command, "--evidence", str(place), *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=scratch,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "80", **(env or {})},
    )
    lines: list[str] = []
    port, head = 0, ""
    assert process.stderr is not None
    for line in process.stderr:
        lines.append(line)
        if found := re.search(r"listening on .*:(\d+)$", line.rstrip()):
            port = int(found[1])
        if found := re.search(r"head ([0-9a-f]{64})", line):
            head = found[1]
        if line.startswith("Ctrl-C"):
            break
    if not port:
        process.wait(timeout=10)
        raise AssertionError("".join(lines))
    stderr = process.stderr
    reader = threading.Thread(target=lambda: lines.extend(stderr), daemon=True)
    reader.start()
    try:
        yield Proxy(process, port, place, scratch / "ca" / "mitmproxy-ca-cert.pem", head, lines)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait(timeout=10)
        reader.join(timeout=10)
        process.stderr.close()
        assert process.stdout is not None
        process.stdout.close()


def curl(running: Proxy, url: str, *args: str) -> subprocess.CompletedProcess[bytes]:
    """curl through the proxy, trusting its authority."""
    command = ["curl", "-sS", "--max-time", "20", "--proxy", running.url, "--cacert", str(running.ca), *args, url]
    return subprocess.run(command, capture_output=True, check=False)


def run(running: Proxy, script: str, *args: str) -> subprocess.CompletedProcess[str]:
    """A product in Python that is set up as the guide says."""
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script, *args],
        env=running.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def have(*programs: str) -> bool:
    return all(shutil.which(program) for program in programs)


def records(evidence: Path) -> Sequence[dict[str, Any]]:
    """Every whole record of an evidence directory."""
    import json

    lines = (line for file in sorted(evidence.glob("segment-*.jsonl")) for line in file.read_bytes().split(b"\n"))
    return [json.loads(line[65:]) for line in lines if line[:64].isalnum() and line.endswith(b"}")]


# ---- what is sent through it ------------------------------------------------------------------------------------------

EVENT: Json = json.loads((CAPTURES / "python-segment.jsonl").read_bytes().split(b"\n")[0])
LEAK: Json = {**EVENT, "properties": {**EVENT.get("properties", {}), "note": "jane.zq7plant@corp-zq7plant.com"}}


def post(running: Proxy, url: str, body: Json | bytes, *args: str) -> tuple[int, bytes]:
    """The status that curl got, and the body."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    file = running.evidence.parent / f"body-{random.getrandbits(40):x}"
    file.write_bytes(data)
    done = curl(running, url, "--data-binary", f"@{file}", "-w", "\n%{http_code}", *args)
    text, _, status = done.stdout.rpartition(b"\n")
    return int(status or 0), text


def ended(running: Proxy) -> Json:
    """End it as Ctrl-C does; the result that it wrote."""
    running.end()
    return load(running.evidence.parent / "result.json")


def bodies(found: list[Json]) -> list[bytes]:
    return [base64.b64decode(record["body"]) for record in found if record["kind"] == "request"]
