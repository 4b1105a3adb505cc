"""Live traffic through the same fold as captures: each request is judged, counted and written down before it goes on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple

from audit.engine.contacts import returned
from audit.engine.run import Auditor, Broken
from audit.engine.traffic import Exchange, Traffic
from audit.evidence import Failing, Store
from audit.model import Contact, Finding, Level, Reason
from audit.policy.consent import ConsentTable
from audit.policy.destinations import DATASOURCE, Standing
from audit.proxy.words import UNREADABLE, Words
from audit.redact import instant
from audit.runners.marks import MarkStore
from audit.sources.evidence import Chained, bare, failed, heard, whole
from audit.sources.requests import Request
from audit.sources.requests.bodies import unpacked
from audit.sources.requests.endpoints import endpoint_of, split_url
from audit.tally import Size, Tally

MOST_ANSWER = 4 << 20
"""Bytes of an answer in which planted values are looked for."""

AT = (0, 0)
"""The one input, in one chunk: the evidence directory."""


class Refusal(StrEnum):
    """Why a request is not sent on."""

    VIOLATION = "it breaks the page"
    UNREADABLE = "its body cannot be read"
    DESTINATION = "its destination is not documented"
    OPAQUE = "its content cannot be seen"
    EVIDENCE = "evidence of it cannot be written"
    INTERNAL = "an internal error"


class Ruling(NamedTuple):
    """`contact`: whom the request addresses, to be named again if it never answers."""

    refusal: Refusal | None
    contact: Contact | None


@dataclass(frozen=True, slots=True)
class Conduct:
    """`block`: what must not go is refused (fails closed), else everything goes on (fails open). `everything`: requests
    that are no telemetry are kept whole too."""

    block: bool = False
    everything: bool = False


class LiveAudit:
    """One run of the proxy: its tally, its evidence, and its judgement of each request. Not for several threads."""

    def __init__(  # noqa: PLR0913 - everything that a live audit is made of
        self, auditor: Auditor, store: Store, marks: MarkStore, size: Size, conduct: Conduct, words: Words
    ) -> None:
        self.auditor, self.store, self.marks = auditor, store, marks
        self.conduct, self.words = conduct, words
        self.tally = Tally(size)
        policy = auditor.policy
        self._silent = not any(destination.hosts for destination in policy.destinations)
        self.lost = 0
        self._owed = 0

    def resume(self) -> None:
        """Judge what the directory holds already, so that the report at the end is about all of it."""
        for part in Chained(self.store.directory, self.auditor.limits).parts():
            self.auditor.feed(part, self.tally, AT)
            self.marks.take(self.tally)

    def request(self, request: Request) -> Ruling:
        """Judge a request and write it down. Never raises: what goes wrong is refused, or goes on and is counted as lost."""
        try:
            return self._request(request)
        except Failing as error:
            return Ruling(self._lose(Refusal.EVIDENCE, str(error)), None)
        except Exception as error:  # noqa: BLE001 - the traffic must neither stop nor slip through for a fault of ours
            return Ruling(self._lose(Refusal.INTERNAL, type(error).__name__), None)

    def _request(self, request: Request) -> Ruling:
        self._pay()
        exchange = heard(request, self.auditor.limits)
        contact = exchange.contact
        if contact is None:
            return Ruling(self._lose(Refusal.UNREADABLE, "no request that could be judged"), None)
        found: list[Finding] = []
        before = self.tally.units[AT].events
        self._feed(exchange, found)
        refusal = self._refusal(request, exchange, contact, found) if self.conduct.block else None
        if refusal is not None:
            self._withdraw(contact)
        try:
            self._write(request, exchange, contact, found, refusal)
        except Failing as error:
            if self.conduct.block and refusal is None:
                self._withdraw(contact)
            return Ruling(self._lose(Refusal.EVIDENCE, str(error)), contact)
        self.words.request(contact, self.tally.units[AT].events - before, found, refusal and refusal.value)
        return Ruling(refusal, contact)

    def _feed(self, exchange: Exchange, found: list[Finding]) -> None:
        number = self.store.records + 1
        self.auditor.feed(Traffic(number, number, (exchange,)), self.tally, AT, None, found.append)
        self.marks.take(self.tally)

    def _withdraw(self, contact: Contact) -> None:
        """Take back that a destination answered."""
        number = self.store.records + 1
        exchange = Exchange(contact, seen_at=contact.seen_at, withdrawn=True)
        self.auditor.feed(Traffic(number, number, (exchange,), units=0), self.tally, AT)

    def _write(
        self, request: Request, exchange: Exchange, contact: Contact, found: list[Finding], refusal: Refusal | None
    ) -> None:
        telemetry = bool(exchange.messages) or exchange.reason is not None
        if telemetry or self.conduct.everything:
            record = whole(replace(request, connected=refusal is None), self.store.keyed, found)
        else:
            record = bare(replace(contact, connected=refusal is None), found)
        self.store.append(record if refusal is None else {**record, "refused": refusal.value})

    def _refusal(self, request: Request, exchange: Exchange, contact: Contact, found: list[Finding]) -> Refusal | None:
        if exchange.reason is not None or any(finding.rule == UNREADABLE for finding in found):
            return Refusal.UNREADABLE
        if any(finding.level is Level.ERROR for finding in found):
            return Refusal.VIOLATION
        if not self._known(contact, telemetry=bool(exchange.messages) or _is_preflight(request)):
            return Refusal.DESTINATION
        return Refusal.OPAQUE if contact.opaque else None

    def _known(self, contact: Contact, *, telemetry: bool) -> bool:
        """Whether a destination may be contacted: named by page or auditor, or telemetry's where the page names no host."""
        place = self.auditor.contacts.territory.place(self.auditor.policy, contact)
        return place.standing is not Standing.UNDOCUMENTED or (telemetry and self._silent)

    def wants_answer(self, contact: Contact) -> bool:
        """Whether planted values are looked for in what this destination answers: the positive control."""
        place = self.auditor.contacts.territory.place(self.auditor.policy, contact)
        return self.auditor.seeds is not None and (place.standing is Standing.OWN or place.purpose == DATASOURCE)

    def answered(self, body: bytes, encoding: str) -> None:
        """Look for planted values in an answer. Nothing of it is kept."""
        found = unpacked(body, encoding, MOST_ANSWER)
        if self.auditor.seeds is not None and isinstance(found, bytes):
            self.tally.controls += returned(self.auditor.seeds, found)

    def opaque(self, contact: Contact) -> Refusal | None:
        """A contact whose content cannot be seen: a pinned client, a tunnel, a stream that is no HTTP."""
        refusal = Refusal.OPAQUE if self.conduct.block else None
        contact = replace(contact, opaque=True, connected=contact.connected and refusal is None)
        try:
            self._pay()
            self._feed(Exchange(contact, seen_at=contact.seen_at), [])
            self.store.append(bare(contact, ()))
        except Failing as error:
            return self._lose(Refusal.EVIDENCE, str(error))
        self.words.opaque(contact)
        return refusal

    def failed(self, contact: Contact) -> None:
        """The destination of a request that was sent on never answered."""
        try:
            self._pay()
            number = self.store.records + 1
            exchange = Exchange(contact, seen_at=contact.seen_at, withdrawn=True)
            self.auditor.feed(Traffic(number, number, (exchange,)), self.tally, AT)
            self.store.append(failed(contact))
        except Failing as error:
            self._lose(Refusal.EVIDENCE, str(error))
        self.words.failed(contact)

    def note(self, kind: str, **members: Any) -> None:
        """A record about the run itself. Raises Failing."""
        self._pay()
        number = self.store.append({"kind": kind, "at": instant(datetime.now(UTC)), **members})
        self.auditor.feed(Traffic(number, number), self.tally, AT)

    def consent(self, table: ConsentTable, sha256: str) -> None:
        """From now on events are judged by another consent table; what came before stays judged."""
        old = self.auditor
        self.auditor = Auditor(old.policy, old.limits, table, territory=old.contacts.territory, seeds=old.seeds)
        try:
            self.note("consent", sha256=sha256)
        except Failing as error:
            self._lose(Refusal.EVIDENCE, str(error))

    def _lose(self, refusal: Refusal, why: str) -> Refusal | None:
        """Something could not be judged or written: refused in block mode, else it goes on, and the result says so."""
        self.words.lost(why, blocked=self.conduct.block)
        if self.conduct.block:
            return refusal
        self.lost += 1
        number = self.store.records + 1
        self.auditor.feed(Broken(number, number, Reason.UNRECORDED), self.tally, AT)
        try:
            self.store.append({"kind": "lost", "why": why})
        except Failing:
            self._owed += 1
        return None

    def _pay(self) -> None:
        """Write down how much could not be written down, as soon as there is room again. Raises Failing."""
        if self._owed:
            self.store.append({"kind": "lost", "why": "it could not be written down", "requests": self._owed})
            self._owed = 0


def _is_preflight(request: Request) -> bool:
    """Whether a browser only asks if it may send telemetry there."""
    url = split_url(request.url)
    asked = request.method == "OPTIONS" and request.header("access-control-request-method") and not request.body
    return bool(asked) and url is not None and endpoint_of("POST", url) is not None
