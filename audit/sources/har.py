"""HAR 1.2 as browsers and proxies export it, or a list of its entries alone: one at a time, also where the file is cut off."""

from __future__ import annotations

import base64
import binascii
import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from audit.engine.parse import Limits
from audit.engine.run import Broken
from audit.engine.times import from_seconds, parse_time
from audit.engine.traffic import Traffic
from audit.model import Reason
from audit.sources.detect import lists_entries
from audit.sources.entries import Entries
from audit.sources.requests import Request
from audit.sources.requests.websocket import Sent, Spoken, each, exchanges

_ENCODED = re.compile(r"(?:[A-Za-z0-9+._~*-]|%[0-9A-Fa-f]{2})*")
"""A parameter as it stood in the body: some exporters leave it so, though the format means it decoded."""


def split(
    blocks: Iterable[bytes], limits: Limits, offset: int, whole: Callable[[], bool] = lambda: True
) -> Iterator[Traffic | Broken]:
    """Every entry as a unit. What stands around the entries in an archive is no traffic, and is read for its hash only. What
    stands outside of every archive is unreadable: it may hold anything."""
    stream = iter(blocks)
    head = next(stream, b"")
    entries = Entries(limits.max_line, offset, bare=lists_entries(head))
    unit = 0
    for found in itertools.chain(map(entries.feed, itertools.chain((head,), stream)), (entries.finish(),)):
        for at, data, value in found:
            unit += 1
            known = value if value is not None or data is None else _loads(data)
            yield Broken(at, unit, Reason.TOO_LONG) if data is None else _unit(at, unit, known, limits)
    if entries.cut and whole():
        yield Broken(entries.at, unit + 1, Reason.CUT)


def _unit(offset: int, unit: int, value: Any, limits: Limits) -> Traffic | Broken:
    if isinstance(value, Reason):
        return Broken(offset, unit, value)
    request = request_of(value) if isinstance(value, dict) else None
    if request is None:
        return Broken(offset, unit, Reason.NO_REQUEST)
    return Traffic(offset, unit, exchanges(request, _spoken(value), limits))


def _loads(data: bytes) -> Any:
    import orjson

    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass  # lone surrogates, for one: a browser writes them
    try:
        return json.loads(data)
    except UnicodeDecodeError:
        return Reason.UTF8
    except RecursionError:
        return Reason.TOO_DEEP
    except ValueError:
        return Reason.NOT_JSON


def request_of(entry: Mapping[str, Any]) -> Request | None:
    """The request of one entry; None where there is none that could be judged."""
    asked = entry.get("request")
    if not isinstance(asked, dict) or not isinstance(asked.get("url"), str) or not isinstance(asked.get("method"), str):
        return None
    answered = entry.get("response")
    status = answered.get("status") if isinstance(answered, dict) else None
    address = entry.get("serverIPAddress")
    started = entry.get("startedDateTime")
    return Request(
        method=asked["method"],
        url=asked["url"],
        headers=tuple(_headers(asked.get("headers"))),
        body=_body(asked),
        seen_at=parse_time(started) if isinstance(started, str) else None,
        address=address.strip("[]") if isinstance(address, str) and address else None,
        connected=isinstance(status, int) and status > 0,
        size=_size(asked),
        answer=_answer(answered),
    )


def _spoken(entry: Mapping[str, Any]) -> Spoken | None:
    """The messages of a websocket, as Chromium's browsers export them."""
    found = entry.get("_webSocketMessages")
    return each(map(_message, found)) if isinstance(found, list) else None


def _message(found: object) -> Sent | bool | None:
    if not isinstance(found, dict):
        return None
    kind, text = found.get("type"), found.get("data")
    if kind == "receive":
        return True
    if kind != "send" or not isinstance(text, str):
        return None
    return Sent(_bytes(text, "base64" if found.get("opcode") == 2 else None), from_seconds(found.get("time")))


def _answer(answered: object) -> Callable[[], bytes] | None:
    content = answered.get("content") if isinstance(answered, dict) else None
    if not isinstance(content, dict) or not isinstance(content.get("text"), str) or not content["text"]:
        return None
    text, encoding = content["text"], content.get("encoding")
    return lambda: _bytes(text, encoding)


def _headers(found: object) -> Iterator[tuple[str, str]]:
    for field in found if isinstance(found, list) else ():
        if isinstance(field, dict) and isinstance(field.get("name"), str) and isinstance(field.get("value"), str):
            yield field["name"], field["value"]


def _body(asked: Mapping[str, Any]) -> bytes | None:
    """The body as the export holds it. None: one was sent, and the export leaves it out."""
    posted = asked.get("postData")
    if isinstance(posted, dict):
        text = posted.get("text")
        if isinstance(text, str) and text:
            return _bytes(text, posted.get("encoding"))
        params = posted.get("params")
        if isinstance(params, list) and params:
            given = [(p.get("name"), p.get("value")) for p in params if isinstance(p, dict)]
            pairs = [(name, value) for name, value in given if isinstance(name, str) and isinstance(value, str)]
            if any("%" in value for _, value in pairs) and all(_ENCODED.fullmatch(value) for _, value in pairs):
                return "&".join(f"{name}={value}" for name, value in pairs).encode("utf-8", "surrogatepass")
            return urlencode(pairs, errors="surrogatepass").encode()
    size = asked.get("bodySize")
    return b"" if size == 0 else None


def _bytes(text: str, encoding: object) -> bytes:
    if encoding == "base64":
        try:
            return base64.b64decode(text)
        except (binascii.Error, ValueError):
            return text.encode("utf-8", "surrogatepass")
    if text.startswith(("\x1f\x8b", "\x28\xb5\x2f\xfd", "\x78\x9c", "\x78\x01", "\x78\xda")):
        try:
            return text.encode("latin-1")  # compressed bytes, each written as a character
        except UnicodeEncodeError:
            pass
    return text.encode("utf-8", "surrogatepass")


def _size(asked: Mapping[str, Any]) -> int | None:
    head, body = asked.get("headersSize"), asked.get("bodySize")
    if not isinstance(head, int) or not isinstance(body, int) or head < 0 or body < 0:
        return None
    return min(head + body, 1 << 62)
