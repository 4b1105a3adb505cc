"""From the texts of a body to telemetry messages, in the words of the Segment API, which the others are close to."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from audit.engine.parse import Document, Limits, Refusal, parse
from audit.engine.traffic import Message
from audit.model import Json, Pointer, Reason
from audit.sources.requests.bodies import texts
from audit.sources.requests.endpoints import Endpoint, Url


class NotTelemetry:
    """A body that is no telemetry, at an address that is none."""


NOT_TELEMETRY: Final = NotTelemetry()

_WEBHOOK = frozenset({"userId", "event", "data"})
_CALLS = frozenset({"track", "identify", "page", "screen", "group", "alias"})
_SENDER = frozenset(
    {"userId", "anonymousId", "user_id", "anonymous_id", "distinct_id", "messageId", "context", "properties"}
)
_CAPTURED = {"api_key": "writeKey", "token": "writeKey", "sent_at": "sentAt", "distinct_id": "userId"}
"""Members that PostHog's protocol adds, in Segment's words."""
_BUILT_BY_HAND = re.compile(rb'\A\s*\{\s*"(?:userId|event|data)"\s*:.*"event"\s*:\s*"', re.DOTALL)


def messages_of(
    found: Iterable[bytes], endpoint: Endpoint | None, limits: Limits
) -> tuple[Message, ...] | Reason | NotTelemetry:
    """The messages in the first text that is JSON; a reason where telemetry cannot be read."""
    refused: Reason | None = None
    for text in found:
        document = parse(text, limits)
        if isinstance(document, Refusal):
            if endpoint is not None or _BUILT_BY_HAND.match(text[:65536]):
                refused = refused or _reason(document)
            continue
        if endpoint is None and not looks_like_telemetry(document.value):
            return NOT_TELEMETRY
        if not isinstance(document.value, dict | list):
            refused = refused or Reason.NOT_OBJECT
            continue
        return (Message(spoken(document), endpoint.call if endpoint is not None else _call(document.value)),)
    return (Reason.BODY if endpoint is not None else NOT_TELEMETRY) if refused is None else refused


def _reason(refusal: Refusal) -> Reason:
    """Limits keep their own words; anything else is a body that is no event."""
    kept = (Reason.TOO_DEEP, Reason.TOO_MANY, Reason.TOO_LONG)
    return refusal.reason if refusal.reason in kept else Reason.BODY


def _call(value: Json) -> str | None:
    """A named event without a kind of call is what `track` says."""
    return "track" if isinstance(value, dict) and "type" not in value and "batch" not in value else None


def queried(url: Url, endpoint: Endpoint, limits: Limits) -> tuple[Message, ...] | Reason:
    """The message of a pixel: in `data`, or as parameters of their own."""
    data = url.parameter("data")
    if data is None:
        value: dict[str, Json] = dict(url.query)
        return (Message(Document(value), endpoint.call),) if value else Reason.BODY
    found = messages_of(texts(data.encode("utf-8", "replace"), "", limits.max_line), endpoint, limits)
    return Reason.BODY if isinstance(found, NotTelemetry) else found


def looks_like_telemetry(value: Json) -> bool:
    """Whether a JSON body speaks of an event and of who sends it, at an address that says nothing."""
    if isinstance(value, list):
        return bool(value) and all(isinstance(item, dict) and _is_message(item) for item in value)
    if not isinstance(value, dict):
        return False
    batch = value.get("batch")
    if isinstance(batch, list) and batch:
        return all(isinstance(item, dict) and _is_message(item) for item in batch)
    return _is_message(value)


def _is_message(value: Mapping[str, Json]) -> bool:
    if isinstance(value.get("event"), str):
        return bool(_SENDER & value.keys()) or set(value) == _WEBHOOK
    return value.get("type") in _CALLS and bool({"userId", "anonymousId"} & value.keys())


def spoken(document: Document) -> Document:
    """A message in the words of the Segment API: a webhook's `data` are an event's properties."""
    value = document.value
    if not isinstance(value, dict):
        return document
    if set(value) == _WEBHOOK:
        return _renamed(document, value, {"data": "properties"})
    if "api_key" in value or ("token" in value and "event" in value):
        return _renamed(document, value, {old: new for old, new in _CAPTURED.items() if new not in value})
    return document


def _renamed(document: Document, value: Mapping[str, Json], names: Mapping[str, str]) -> Document:
    def renamed(pointer: Pointer) -> Pointer:
        return (names.get(str(pointer[0]), pointer[0]), *pointer[1:]) if pointer else pointer

    return replace(
        document,
        value={names.get(name, name): child for name, child in value.items()},
        hidden=tuple((renamed(pointer), child) for pointer, child in document.hidden),
        duplicates=tuple(renamed(pointer) for pointer in document.duplicates),
    )
