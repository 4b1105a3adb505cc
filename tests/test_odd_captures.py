"""Captures that are met seldom: each shows its event, says that it cannot be read, or leaves a gap. None is clean."""

from __future__ import annotations

import base64
import bz2
import gzip
import json
import struct
from typing import Any

import pytest

from tests import wire
from tests.conftest import Run, accounted, check_bytes, upheld
from tests.test_flows import flow, net
from tests.wire import ACK, PSH, START, Talk, cooked2, ethernet, pcap, pcapng, post

HOST = "telemetry.example.test"
EVENT = json.dumps({"userId": "u", "event": "APPLICATIONS_PAGE_LOAD", "properties": {}, "context": {}}).encode()
SENT = post(HOST, "/v1/t", EVENT)


def talk(data: bytes = SENT, **ends: Any) -> list[bytes]:
    return Talk(port=80, **ends).open().send(data).close()


def framed(frames: list[bytes]) -> bytes:
    return pcap([ethernet(frame) for frame in frames])


def section(order: str) -> bytes:
    return wire.block(order, 0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))


def interface(order: str, link: int, options: bytes = b"") -> bytes:
    return wire.block(order, 1, struct.pack(f"{order}HHI", link, 0, 0) + options)


def packet(order: str, number: int, frame: bytes, options: bytes = b"") -> bytes:
    when = START // 1000
    head = struct.pack(f"{order}IIIII", number, when >> 32, when & 0xFFFFFFFF, len(frame), len(frame))
    return wire.block(order, 6, head + frame + b"\x00" * (-len(frame) % 4) + options)


def sections() -> bytes:
    first = [packet("<", 0, ethernet(frame)) for frame in talk()[:3]]
    second = [packet(">", 0, ethernet(frame)) for frame in talk()[3:]]
    return b"".join([section("<"), interface("<", 1), *first, section(">"), interface(">", 1), *second])


def interfaces() -> bytes:
    wraps = (ethernet, lambda frame: frame, cooked2)
    packets = [packet("<", at % 3, wraps[at % 3](frame)) for at, frame in enumerate(talk())]
    return b"".join([section("<"), *(interface("<", link) for link in (1, 101, 276)), *packets])


def simple() -> bytes:
    frames = [ethernet(frame) for frame in talk()]
    packets = [wire.block("<", 3, struct.pack("<I", len(frame)) + frame) for frame in frames]
    return b"".join([section("<"), interface("<", 1), *packets])


def annotated() -> bytes:
    flags = struct.pack("<HHIHH", 2, 4, 1, 0, 0)
    packets = [packet("<", 0, ethernet(frame), flags) for frame in talk()]
    secrets, names = wire.block("<", 0x0A, b"secrets!"), wire.block("<", 4, b"\x00" * 8)
    return b"".join([section("<"), secrets, interface("<", 1, struct.pack("<HH4s", 2, 4, b"eth0")), names, *packets])


def extended() -> bytes:
    """Behind hop-by-hop options, destination options and a route."""

    def behind(frame: bytes) -> bytes:
        options = b"\x01\x04\x00\x00\x00\x00"
        headers = b"\x3c\x00" + options + b"\x2b\x00" + options + bytes((frame[6], 0, 4, 0, 0, 0, 0, 0))
        size = struct.pack(">H", len(frame) - 40 + len(headers))
        return frame[:4] + size + b"\x00" + frame[7:40] + headers + frame[40:]

    return framed([behind(frame) for frame in talk(client="fd00::2", server="2001:db8::7")])


def overlapping(*pieces: tuple[int, bytes]) -> bytes:
    one = Talk(port=80).open()
    return framed([*one.frames, *(one._out(ACK | PSH, data, at) for at, data in pieces)])


def continued() -> bytes:
    head, _, body = post(HOST, "/v1/t", EVENT, "Expect: 100-continue").partition(b"\r\n\r\n")
    return framed(Talk(port=80).open().send(head + b"\r\n\r\n").send(body).close())


def trailed() -> bytes:
    head = f"POST /v1/t HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\nTrailer: X-A\r\n\r\n".encode()
    return framed(talk(head + b"%x;a=b\r\n%s\r\n0\r\nX-A: 1\r\nX-B: 2\r\n\r\n" % (len(EVENT), EVENT) + SENT))


def over_ppp(frame: bytes) -> bytes:
    return b"\x02" * 12 + b"\x88\x64\x11\x00\x00\x01" + struct.pack(">H", len(frame) + 2) + b"\x00\x21" + frame


def entry(**request: Any) -> dict[str, Any]:
    posted = {"postData": {"mimeType": "application/json", "text": EVENT.decode()}, "bodySize": len(EVENT)}
    asked = {"method": "POST", "url": f"https://{HOST}/v1/t", "headers": []} | posted | request
    return {"startedDateTime": "2026-11-23T14:49:29.403Z", "request": asked, "response": {"status": 200}}


def archive(*entries: Any, **log: Any) -> bytes:
    return json.dumps({"log": {**log, "entries": entries}}).encode()


PACKED = base64.b64encode(EVENT).decode()
FOUND = {
    "pcapng, sections of either byte order": sections(),
    "pcapng, interfaces of three links": interfaces(),
    "pcapng, simple packets": simple(),
    "pcapng, options and unknown blocks": annotated(),
    "bzip2 of pcapng": bz2.compress(pcapng([ethernet(frame) for frame in talk()])),
    "gzip of pcap": gzip.compress(framed(talk())),
    "IPv6 extension headers": extended(),
    "two VLAN tags": pcap([ethernet(frame, 5, 6) for frame in talk()]),
    "PPPoE": pcap([over_ppp(frame) for frame in talk()]),
    "segments that overlap": overlapping((0, SENT[:60]), (40, SENT[40:100]), (30, SENT[30:70]), (90, SENT[90:])),
    "segments sent twice, last first": framed(
        Talk(port=80)
        .open()
        .send(SENT, size=20, order=[at for at in range(len(SENT) // 20, -1, -1) for _ in "ab"])
        .close()
    ),
    "a body that waits to be asked for": continued(),
    "to a proxy": framed(talk(SENT.replace(b"POST /", f"POST http://{HOST}/".encode()), server="10.0.0.8")),
    "lines without CR": framed(talk(SENT.replace(b"\r\n", b"\n"))),
    "HAR, base64": archive(entry(postData={"text": PACKED, "encoding": "base64"}), version="1.2"),
    "HAR without creator and version": archive(entry()),
    "HAR, BOM": b"\xef\xbb\xbf" + archive(entry(), version="1.2"),
    "HAR, a form's parameters": archive(entry(postData={"params": [{"name": "data", "value": PACKED}]})),
    "flow over HTTP/2": net(
        flow(EVENT, http_version=b"HTTP/2.0", authority=HOST.encode(), host=HOST, trailers=[[b"a", b"b"]])
    ),
}


@pytest.mark.parametrize("data", FOUND.values(), ids=FOUND)
def test_the_event_is_found(data: bytes) -> None:
    run = found_in(data)
    assert (run.total("events"), run.total("unreadable")) == (1, 0)
    assert [row["host"] for row in run.result["destinations"]] == [HOST]


@pytest.mark.parametrize("data", [framed(talk(SENT * 3)), trailed()], ids=["pipelined", "trailers"])
def test_each_of_several_requests_is_found(data: bytes) -> None:
    assert found_in(data).total("events") == data.count(b"POST /v1/t")


UNREAD = {
    "pcapng without its interface": section("<") + packet("<", 0, ethernet(talk()[0])),
    "pcap of another kind": b"\x34\xcd\xb2\xa1" + framed(talk())[4:],
    "snoop": b"snoop\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x04" + b"\x00" * 60,
    "802.11": pcap([ethernet(frame) for frame in talk()], 105),
    "a body without its length": framed(talk(f"POST /v1/t HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode() + EVENT)),
    "two lengths": framed(talk(post(HOST, "/v1/t", EVENT, "Content-Length: 3"))),
    "HAR, UTF-16": archive(entry(), version="1.2").decode().encode("utf-16"),
    "HAR without its body": archive(entry(postData=None), version="1.2"),
    "HAR, an entry a line": b"%s\n" % json.dumps(entry()).encode() * 2,
    "HAR, entries without the log": json.dumps({"entries": [entry()]}).encode(),
    "a flow whose body was not kept": net(flow(None)),  # type: ignore[arg-type]  # what stands there where none was kept
}


@pytest.mark.parametrize("data", UNREAD.values(), ids=UNREAD)
def test_what_cannot_be_read_is_told(data: bytes) -> None:
    run = check_bytes(data, name="capture")
    assert (run.total("events"), run.total("unreadable") > 0) == (0, True)
    assert upheld(run) <= {"disclosed-destinations"}  # where a request went is known, though not what it said
    assert "Traceback" not in run.out + run.err


OPAQUE = {
    "snap length within the request": pcap([ethernet(frame) for frame in talk()], snaplen=96),
    "segments that contradict each other": overlapping((0, SENT[:60]), (30, b"X" * 60), (90, SENT[90:])),
    "HTTP/2 from the first byte": framed(talk(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 40)),
    "a method in small letters": framed(talk(SENT.replace(b"POST", b"post"))),
    "IPsec": framed([wire.ip("10.0.0.2", "203.0.113.7", 50, b"x" * 60)]),
    "SCTP": framed([wire.ip("10.0.0.2", "203.0.113.7", 132, b"x" * 40)]),
    "a datagram": framed([wire.ip("10.0.0.2", "203.0.113.7", 17, wire.udp((5000, 8125), b"a.b:1|c"))]),
    "a flow of datagrams": net(
        {"type": "udp", "server_conn": {"address": ["203.0.113.7", 9]}, "messages": [[True, b"x", 1.0]]}
    ),
    "a flow of a kind to come": net({"type": "quic", "server_conn": {"address": ["203.0.113.7", 443]}}),
}


@pytest.mark.parametrize("data", OPAQUE.values(), ids=OPAQUE)
def test_what_is_not_shown_is_a_gap(data: bytes) -> None:
    run = found_in(data)
    assert run.total("events") == 0
    assert [row["opaque"] for row in run.result["destinations"]] == [1]


def found_in(data: bytes) -> Run:
    run = check_bytes(data, name="capture")
    accounted(run)
    return run
