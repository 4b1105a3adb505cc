"""What a client said over a websocket after the request that opened it, where a capture holds the messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from audit.engine.parse import Limits
from audit.engine.traffic import Exchange
from audit.model import Contact, Reason
from audit.sources.requests import Request, decode
from audit.sources.requests.bodies import texts, unpacked
from audit.sources.requests.content import content_of
from audit.sources.requests.endpoints import Url, split_url
from audit.sources.requests.messages import NotTelemetry, messages_of


class Sent(NamedTuple):
    """One message of the client's."""

    data: bytes
    seen_at: datetime | None = None


class Spoken(NamedTuple):
    """What is held of a websocket. `whole`: each message can be told from an answer, and its content is there."""

    sent: tuple[Sent, ...]
    whole: bool = True


def exchanges(request: Request, spoken: Spoken | None, limits: Limits) -> tuple[Exchange, ...]:
    """What a request says, and what was said over the websocket that it opened, if it did."""
    opened = decode(request, limits)
    return (opened,) if spoken is None else tuple(_after(opened, request, spoken, limits))


def _after(opened: Exchange, request: Request, spoken: Spoken, limits: Limits) -> Iterator[Exchange]:
    """The request, then each message that the client sent. Opaque is only what the capture does not hold."""
    url = split_url(request.url)
    if opened.contact is None or url is None:
        yield opened
        return
    contact = replace(opened.contact, opaque=opened.contact.opaque and not spoken.whole)
    yield opened._replace(contact=contact)
    for sent in spoken.sent:
        size, when = len(sent.data), sent.seen_at or request.seen_at
        yield _said(
            sent.data, replace(contact, bytes_out=size, seen_at=when, opaque=False), replace(url, query=()), limits
        )


def _said(data: bytes, contact: Contact, url: Url, limits: Limits) -> Exchange:
    """One message: telemetry, if it speaks of an event and of who sends it; else searched as any body is."""
    body = unpacked(data, "", limits.max_line)
    if isinstance(body, Reason):
        rest = content_of(url, (), b"", limits)
        return Exchange(contact, content=rest.document, seen_at=contact.seen_at, whole=False, further=True)
    found = messages_of(texts(body, "", limits.max_line), None, limits) if body else NotTelemetry()
    if isinstance(found, tuple):
        return Exchange(contact, found, seen_at=contact.seen_at, further=True)
    said = content_of(url, (), body, limits)
    reason = found if isinstance(found, Reason) else None
    return Exchange(contact, (), reason, said.document, contact.seen_at, whole=said.whole, further=True)


def each(messages: Iterable[Sent | bool | None]) -> Spoken | None:
    """What is held of a websocket by what each of its messages is: one of the client's, an answer (True), or not to be told
    (None). None where there are no messages at all: then nothing shows that any were kept."""
    known = list(messages)
    sent = tuple(message for message in known if isinstance(message, Sent))
    return Spoken(sent, None not in known) if known else None
