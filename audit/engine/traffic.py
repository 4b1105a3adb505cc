"""What a unit of network traffic is to the engine: a destination, the telemetry in it, and what else it carried out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from audit.engine.parse import Document
from audit.model import Contact, Finding, Reason
from audit.tally.destinations import Watch


class Message(NamedTuple):
    """A decoded telemetry body: one event or a batch. `call`: the kind of call that the request's path says."""

    document: Document
    call: str | None = None


class Exchange(NamedTuple):
    """What one request says: whom it contacts, the telemetry in it, or why that cannot be read.

    `content`: everything else that went out (URL, query, header fields, a body that is no telemetry), for the rules that
    search contents. `findings`: what they found when it went out, where the capture does not keep it. `withdrawn`: not
    said anew: the destination of an earlier exchange turned out never to have answered.
    """

    contact: Contact | None
    messages: tuple[Message, ...] = ()
    reason: Reason | None = None
    content: Document | None = None
    seen_at: datetime | None = None
    findings: tuple[Finding, ...] = ()
    withdrawn: bool = False
    answer: Callable[[], bytes] | None = None
    """What came back, unpacked when asked for: only values that the auditor planted are looked for in it."""
    whole: bool = True
    """Whether `content` is everything; of a body beyond a limit it is a part."""
    further: bool = False
    """Said in a contact that is counted already: a message over a websocket, or what followed a request and is none."""


class Traffic(NamedTuple):
    """One unit of network traffic with what it says: a HAR entry, a flow, the packet that completes a request.

    `units`: how many units this accounts for; 0 where they were accounted for before (a connection told at its end).
    """

    offset: int
    unit: int
    exchanges: tuple[Exchange, ...] = ()
    units: int = 1


class Watched(NamedTuple):
    """A packet capture at its end, with what it says of itself."""

    offset: int
    unit: int
    watch: Watch
