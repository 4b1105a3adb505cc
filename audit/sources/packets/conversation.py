"""One conversation between two ends: what is known of it while its packets come, and what it says in the end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import TypeAlias

from audit.engine.parse import Document
from audit.engine.traffic import Exchange
from audit.model import Contact, Known, Scheme
from audit.sources.packets.http import Asked, Requests
from audit.sources.packets.names import Hello, client_hello
from audit.sources.packets.streams import Stream
from audit.sources.requests import Request

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Seen: TypeAlias = tuple[int, int, int]
"""Of a packet: when it was seen, where its record begins, and its number."""


def instant(when: int) -> datetime | None:
    """Nanoseconds since 1970, to the microsecond; None for none (a capture without times)."""
    try:
        return _EPOCH + timedelta(0, 0, when // 1000) if when else None
    except OverflowError:
        return None


def text_of(address: bytes) -> str:
    """An IP address as text."""
    if len(address) != 4:
        return str(ip_address(address))
    a, b, c, d = address
    return f"{a}.{b}.{c}.{d}"


class Conversation:
    """Everything between two ends, from its first packet on. The client is who began it. `rest`: what it had sent when no more
    of it could be read, but for bytes that waited then; None before, and where what is not read is told by the request before."""

    __slots__ = (
        "asked",
        "at",
        "began",
        "client",
        "closing",
        "connected",
        "first",
        "hello",
        "hidden",
        "host",
        "kind",
        "port",
        "requests",
        "rest",
        "scheme",
        "sent",
        "server",
        "stream",
        "told",
        "unit",
        "until",
        "when",
    )

    def __init__(self, seen: Seen, client: bytes, server: bytes, port: int | None, scheme: Scheme) -> None:
        self.when, self.at, self.unit = seen
        self.until = self.when
        self.client, self.server, self.port, self.scheme = client, server, port, scheme
        self.sent = self.asked = self.closing = 0
        self.rest: int | None = None
        self.host: str | None = None
        self.connected = self.told = False
        self.hidden = True
        self.began: int | None = None
        self.first = bytearray()
        self.hello: Hello | None = None
        self.requests: Requests | None = None
        self.stream: Stream | None = None

    @property
    def holds(self) -> int:
        """Bytes that wait for more of them."""
        early = self.stream.held if self.stream is not None else 0
        return early + len(self.first) + (self.requests.holds if self.requests is not None else 0)


def greeted(conversation: Conversation, held: bytes, start: int, end: int, size: int) -> bool:
    """Whether the first that a client says, `size` bytes in the TCP segment that begins here, is a whole ClientHello; then the
    conversation has its name."""
    at, stream = start + (held[start + 12] >> 4 << 2), conversation.stream
    if held[at : at + 2] != b"\x16\x03" or at + size > end or stream is None or stream.early or conversation.first:
        return False
    if conversation.requests is not None or stream.following != int.from_bytes(held[start + 4 : start + 8], "big"):
        return False
    found = client_hello(held[at : at + size])
    if found is None:
        return False
    conversation.hello, conversation.scheme, conversation.stream = found, Scheme.TLS, None
    return True


def unheard(conversation: Conversation) -> bool:
    """Whether a client was answered of whom nothing was captured but acknowledgements at best."""
    stream = conversation.stream
    return conversation.connected and stream is not None and stream.following is None


def request_of(conversation: Conversation, asked: Asked) -> Request:
    """A request as it went out. Told once: it counts, and its time is given up."""
    conversation.asked += 1
    host = asked.header("host")
    address = text_of(conversation.server)
    netloc = f"[{address}]" if ":" in address else address
    own = netloc if conversation.port == 80 else f"{netloc}:{conversation.port}"
    target = asked.target
    if asked.method != "CONNECT" and "://" not in target[:10]:
        named = host or own
        if host and conversation.port != 80 and not host.rpartition(":")[2].isdigit():
            named = f"{host}:{conversation.port}"
        target = f"http://{named}{target}"
    when, conversation.began = instant(conversation.began or 0), None
    return Request(
        asked.method,
        target,
        asked.headers,
        asked.body,
        when,
        address,
        connected=conversation.connected,
        whole=asked.whole,
        size=asked.size,
    )


def contact_of(conversation: Conversation, named: str | None, *, unheard: bool = False) -> Exchange:
    """A conversation as a contact. `named`: what a lookup said that its server's address stands for; `unheard`: see there."""
    address = text_of(conversation.server)
    spoken = conversation.hello.name if conversation.hello is not None else None
    name = spoken or named
    known = Known.TLS if spoken else Known.DNS if name else Known.ADDRESS
    said = conversation.sent > 0 or unheard
    opaque = said and conversation.hidden and conversation.scheme is not Scheme.ICMP
    when = instant(conversation.when)
    contact = Contact(
        name or address,
        conversation.port,
        conversation.scheme,
        known,
        when,
        address,
        conversation.connected,
        opaque,
        conversation.sent,
        instant(conversation.until),
    )
    return Exchange(contact, (), None, Document({"host": spoken}) if spoken else None, when)


def after_requests(conversation: Conversation, size: int) -> Exchange:
    """What followed the last request and is none, or of which the beginning is missing."""
    address, when = text_of(conversation.server), instant(conversation.until)
    host, port = conversation.host or address, conversation.port
    contact = Contact(host, port, Scheme.HTTP, Known.HTTP, when, address, conversation.connected, True, size)  # noqa: FBT003 - opaque
    return Exchange(contact, seen_at=when, further=True)
