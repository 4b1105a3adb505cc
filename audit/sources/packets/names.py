"""Names in packets: the server name of a TLS ClientHello, questions and answers of DNS."""

from __future__ import annotations

import struct
from typing import NamedTuple

_HANDSHAKE, _CLIENT_HELLO, _SERVER_NAME = 22, 1, 0
_A, _AAAA = 1, 28
_MOST = 1 << 16
_EXTENSION = struct.Struct(">HH").unpack_from


class Hello(NamedTuple):
    """What the beginning of a TLS connection says. `name` None: it says no server name."""

    name: str | None


def client_hello(data: bytes) -> Hello | None:
    """The ClientHello at the beginning of a client's bytes; None while more of them are needed."""
    size = data[3] << 8 | data[4] if len(data) > 8 else 0
    if size >= 4 and data[0] == _HANDSHAKE and int.from_bytes(data[6:9], "big") + 4 <= size <= len(data) - 5:
        return Hello(_server_name(data[5 : 5 + size]) if data[5] == _CLIENT_HELLO else None)  # in one record, as mostly
    message, at = bytearray(), 0
    while len(message) < 4 or len(message) < 4 + int.from_bytes(message[1:4], "big"):
        if at + 5 > len(data):
            return None if at < _MOST else Hello(None)
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        if data[at] != _HANDSHAKE or size == 0:
            return Hello(None)
        if at + 5 + size > len(data):
            return None
        message += data[at + 5 : at + 5 + size]
        at += 5 + size
    if message[0] != _CLIENT_HELLO:
        return Hello(None)
    return Hello(_server_name(bytes(message)))


def _server_name(message: bytes) -> str | None:
    """The name in the first extension that says one. Lengths are the sender's word: what they lead beyond is not there."""
    at = 38  # type, length, version, random
    try:
        at += 1 + message[at]  # session
        at += 2 + (message[at] << 8 | message[at + 1])  # ciphers
        at += 1 + message[at]  # compression
        end = min(at + 2 + (message[at] << 8 | message[at + 1]), len(message))
    except IndexError:
        return None
    at += 2
    while at + 4 <= end:
        kind, size = _EXTENSION(message, at)
        if kind == _SERVER_NAME and size > 5 and at + 10 <= len(message) and message[at + 6] == 0:
            data = message[at + 4 : at + 4 + size]
            return host_text(data[5 : 5 + (data[3] << 8 | data[4])])
        at += 4 + size
    return None


class Lookup(NamedTuple):
    """A DNS message. `addresses`: what the name of its question was said to stand for."""

    id: int
    answer: bool
    names: tuple[str, ...]
    addresses: tuple[bytes, ...]


def lookup(data: bytes) -> Lookup | None:
    """A DNS message; None for what is none."""
    import dpkt

    try:
        message = dpkt.dns.DNS(data)
    except (dpkt.UnpackError, IndexError, ValueError, TypeError, RecursionError):
        return None
    names = tuple(name for question in message.qd if (name := _named(question.name)))
    found = tuple(bytes(a.rdata) for a in message.an if a.type in (_A, _AAAA) and len(a.rdata) in (4, 16))
    return Lookup(message.id, message.qr == 1, names, found)


def _named(name: object) -> str | None:
    return host_text(name.encode("latin-1", "replace")) if isinstance(name, str) else None


def host_text(raw: bytes) -> str | None:
    """A host as text, lower case, without the root's dot."""
    text = raw[:255].decode("utf-8", "backslashreplace").strip().lower().rstrip(".")
    return text or None
