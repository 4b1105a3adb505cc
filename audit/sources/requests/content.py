"""Everything that a request carries out beside telemetry, as one value that the rules of content can search."""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple
from urllib.parse import parse_qsl

from audit.engine.parse import Document, Limits, Refusal, parse
from audit.model import Json, Pointer
from audit.sources.requests.endpoints import Url

_MOST_FIELDS = 500


class Said(NamedTuple):
    """`whole`: nothing of it was left out."""

    document: Document
    whole: bool = True


def content_of(url: Url, headers: tuple[tuple[str, str], ...], body: bytes, limits: Limits) -> Said:
    """URL, query, header fields and body. A body that is no JSON and no form is searched as text."""
    most = limits.max_unpacked
    value: dict[str, Json] = {"url": f"{url.scheme}://{url.user + '@' if url.user else ''}{url.host}{url.path}"}
    if url.query:
        value["query"] = _fields(url.query, most)
    fields = tuple((name.lower(), text) for name, text in headers if not _is_protocol(name, text))
    if fields:
        value["headers"] = _fields(fields, most)
    hidden: tuple[tuple[Pointer, Json], ...] = ()
    whole = _is_whole(url.query, most) and _is_whole(fields, most)
    if body:
        found, complete = _body(body, limits)
        value["body"] = found.value
        hidden = tuple((("body", *pointer), child) for pointer, child in found.hidden)
        whole = whole and complete
    return Said(Document(value, hidden), whole)


def _is_whole(pairs: tuple[tuple[str, str], ...], most: int) -> bool:
    return len(pairs) <= _MOST_FIELDS and max([len(text) for _, text in pairs], default=0) <= most


def _fields(pairs: tuple[tuple[str, str], ...], most: int) -> dict[str, Json]:
    """Fields by name; one that stands several times as a list."""
    found: dict[str, list[Json]] = {}
    for name, text in pairs[:_MOST_FIELDS]:
        found.setdefault(name, []).append(text[:most])
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def _is_protocol(name: str, text: str) -> bool:
    """Whether a field says what the URL or the body says already, or is basic authorisation without a password: how the
    telemetry protocol says its public write key."""
    if name.startswith(":") or (name.lower() == "content-length" and text.isdigit()):
        return True
    scheme, _, rest = text.strip().partition(" ")
    if name.lower() != "authorization" or scheme.lower() != "basic":
        return False
    try:
        user, colon, password = base64.b64decode(rest.strip() + "==").partition(b":")
    except (binascii.Error, ValueError):
        return False
    return bool(user) and not password and (bool(colon) or user.isalnum())


def _body(body: bytes, limits: Limits) -> Said:
    stripped = body.removeprefix(b"\xef\xbb\xbf").strip()
    if stripped[:1] in (b"{", b"[", b'"'):
        found = parse(stripped, limits)
        if not isinstance(found, Refusal):
            return Said(found)
    whole = len(body) <= limits.max_unpacked
    text = body[: limits.max_unpacked].decode("utf-8", "replace")
    if "=" in text and "\n" not in text and " " not in text:
        try:
            pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=True, max_num_fields=_MOST_FIELDS)
            return Said(Document(_fields(tuple(pairs), limits.max_unpacked)), whole)
        except ValueError:
            pass
    return Said(Document(text), whole)
