"""Flow dumps of mitmproxy: HTTP flows as requests, other flows as contacts; read without the program that wrote them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from audit.engine.parse import Limits
from audit.engine.run import Broken
from audit.engine.times import from_seconds
from audit.engine.traffic import Exchange, Traffic
from audit.model import Contact, Known, Reason, Scheme
from audit.policy.destinations import address_of
from audit.sources.bytestream import Bytes, CutShort, Malformed
from audit.sources.requests import Request
from audit.sources.requests.bodies import unpacked
from audit.sources.requests.websocket import Sent, Spoken, each, exchanges
from audit.sources.tnet import Raw, Value, header, read

_WANTED = frozenset({"type", "request", "server_conn", "response", "messages", "timestamp_created", "websocket"})
_ASKED = frozenset(
    {"method", "scheme", "host", "port", "authority", "path", "headers", "content", "timestamp_start"}
) | {
    "questions",
    "timestamp",
}
_ANSWERED = frozenset({"headers", "content"})
_SPOKEN = frozenset({"messages"})
_SERVER = frozenset({"address", "ip_address", "peername", "sni", "timestamp_tcp_setup"})


def split(
    blocks: Iterable[bytes], limits: Limits, whole: Callable[[], bool] = lambda: True
) -> Iterator[Traffic | Broken]:
    """Every flow as a unit. After one that is damaged nothing more can be found."""
    data, unit, start = Bytes(blocks), 0, 0
    try:
        while True:
            start = data.at
            size = header(data)
            if size is None:
                return
            unit += 1
            yield _next(data, start, unit, size, limits)
    except CutShort:
        if whole():
            yield Broken(start, max(unit, 1), Reason.CUT_FLOW)
    except Malformed:
        yield Broken(start, max(unit, 1), Reason.BAD_FLOW)
        for _ in data.blocks:
            pass  # read on for the hash


def _next(data: Bytes, start: int, unit: int, size: int, limits: Limits) -> Traffic | Broken:
    """The flow of `size` bytes that begins here. One that is damaged inside costs itself only."""
    end = data.at + size + 1
    try:
        return _unit(start, unit, read(data, size, _WANTED, limits.max_line), limits)
    except Malformed:
        if data.at != end:
            raise
        return Broken(start, unit, Reason.ODD_FLOW)


def _unit(offset: int, unit: int, flow: Mapping[str, Raw], limits: Limits) -> Traffic | Broken:
    raw = flow.get("request")
    if raw is None:
        contact = _bare(flow)
        if contact is None:
            return Traffic(offset, unit) if _silent(flow) else Broken(offset, unit, Reason.ODD_FLOW)
        return Traffic(offset, unit, (Exchange(contact, seen_at=contact.seen_at),))
    if raw.long:
        return Broken(offset, unit, Reason.TOO_LONG)
    asked = raw.members(_ASKED)
    if "method" not in asked:
        return Traffic(offset, unit, tuple(_lookups(asked, flow)))
    request = _request(asked, flow, limits)
    if request is None:
        return Broken(offset, unit, Reason.NO_REQUEST)
    return Traffic(offset, unit, exchanges(request, _spoken(flow), limits))


def _request(asked: Mapping[str, Any], flow: Mapping[str, Raw], limits: Limits) -> Request | None:
    headers = tuple(_headers(asked.get("headers")))
    method, path = _text(asked.get("method")), _text(asked.get("path"))
    host = _host(asked, headers)
    if not method or not host:
        return None
    scheme = _text(asked.get("scheme")) or "http"
    port = asked.get("port")
    netloc = f"[{host}]" if ":" in host else host
    netloc = f"{netloc}:{port}" if isinstance(port, int) and 0 < port < 65536 else netloc
    content = asked.get("content")
    return Request(
        method=method,
        url=netloc if method.upper() == "CONNECT" else f"{scheme}://{netloc}{path}",
        headers=headers,
        body=content if isinstance(content, bytes) else None,
        seen_at=from_seconds(asked.get("timestamp_start")) or _created(flow),
        address=_peer(_server(flow)),
        connected=_answered(flow),
        answer=_answer(flow, limits),
    )


def _answer(flow: Mapping[str, Raw], limits: Limits) -> Callable[[], bytes] | None:
    response = flow.get("response")
    if response is None or response.kind != b"}":
        return None

    def unpack() -> bytes:
        try:
            said = response.members(_ANSWERED)
        except Malformed:
            return b""
        label = next((value for name, value in _headers(said.get("headers")) if name.lower() == "content-encoding"), "")
        content = said.get("content")
        found = unpacked(content, label, limits.max_line) if isinstance(content, bytes) else b""
        return found if isinstance(found, bytes) else b""

    return unpack


def _answered(flow: Mapping[str, Raw]) -> bool:
    response = flow.get("response")
    return response is not None and response.kind != b"~"


def _spoken(flow: Mapping[str, Raw]) -> Spoken | None:
    """The messages of a websocket."""
    raw = flow.get("websocket")
    found = raw.members(_SPOKEN).get("messages") if raw is not None else None
    return each(map(_message, found)) if isinstance(found, list) else None


def _message(found: Value) -> Sent | bool | None:
    """(kind, from the client, content, time)."""
    if not isinstance(found, list) or len(found) < 4 or not isinstance(found[1], bool):
        return None
    if not found[1]:
        return True
    content = found[2].encode("utf-8", "surrogatepass") if isinstance(found[2], str) else found[2]
    return Sent(content, from_seconds(found[3])) if isinstance(content, bytes) else None


def _created(flow: Mapping[str, Raw]) -> datetime | None:
    raw = flow.get("timestamp_created")
    return from_seconds(raw.value()) if raw is not None and not raw.long else None


def _server(flow: Mapping[str, Raw]) -> Mapping[str, Value]:
    raw = flow.get("server_conn")
    return raw.members(_SERVER) if raw is not None else {}


def _host(asked: Mapping[str, Any], headers: tuple[tuple[str, str], ...]) -> str:
    """The name that was asked for: in reverse and transparent mode the flow's own host is an address."""
    host = _text(asked.get("host"))
    if host and address_of(host.strip("[]")) is None:
        return host
    named = next((value for name, value in headers if name.lower() == "host"), "") or _text(asked.get("authority"))
    if named.startswith("["):
        name = named[1:].partition("]")[0]
    else:
        name = named.rpartition(":")[0] if named.rpartition(":")[2].isdigit() and named.count(":") == 1 else named
    return name or host.strip("[]")


def _lookups(asked: Mapping[str, Any], flow: Mapping[str, Raw]) -> Iterator[Exchange]:
    """The names that a DNS flow asks for."""
    questions = asked.get("questions")
    when = _created(flow) or from_seconds(asked.get("timestamp"))
    for question in questions if isinstance(questions, list) else ():
        name = _text(question.get("name")) if isinstance(question, dict) else ""
        if name:
            name = name.lower().rstrip(".")
            yield Exchange(Contact(name, 53, Scheme.DNS, Known.DNS, when, connected=_answered(flow)), seen_at=when)


def _bare(flow: Mapping[str, Raw]) -> Contact | None:
    """A flow that is no HTTP: whom it went to, and that its content was not looked at."""
    server = _server(flow)
    at, name = server.get("address"), _text(server.get("sni"))
    if not (isinstance(at, list) and len(at) >= 2 and isinstance(at[1], int)):
        return None
    kind, said = flow.get("type"), flow.get("messages")
    udp = kind is not None and kind.payload == b"udp"
    host = name or _text(at[0])
    known = Known.TLS if name else Known.ADDRESS if address_of(host) is not None else Known.CONNECT
    scheme = Scheme.UDP if udp else Scheme.TLS if name else Scheme.TCP
    messages = said.value() if said is not None else None
    sent = sum(map(_sent, messages if isinstance(messages, list) else ()))
    connected = server.get("timestamp_tcp_setup") is not None or udp
    when = _created(flow)
    return Contact(host.lower(), at[1], scheme, known, when, _peer(server), connected, opaque=True, bytes_out=sent)


def _silent(flow: Mapping[str, Raw]) -> bool:
    """Whether a flow without a destination is one in which nobody said anything."""
    said = flow.get("messages")
    return said is not None and said.kind == b"]" and not said.payload and not said.long


def _sent(message: Value) -> int:
    """How much of a message the client sent: (from the client, content, time)."""
    if isinstance(message, list) and len(message) > 1 and message[0] is True and isinstance(message[1], bytes):
        return len(message[1])
    return 0


def _peer(server: Mapping[str, Value]) -> str | None:
    peer = server.get("peername") or server.get("ip_address")
    text = _text(peer[0]) if isinstance(peer, list) and peer else ""
    return text if address_of(text) is not None else None


def _headers(found: object) -> Iterator[tuple[str, str]]:
    for pair in found if isinstance(found, list) else ():
        if isinstance(pair, list) and len(pair) == 2:
            yield _text(pair[0]), _text(pair[1])


def _text(value: object) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value if isinstance(value, str) else ""
