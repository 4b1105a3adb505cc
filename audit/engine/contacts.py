"""Contacts into the tally: counted by destination, and what they carry to others searched by the rules of content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from audit.engine.parse import Document, Limits, parse
from audit.engine.slow import SlowLane, strings
from audit.engine.traffic import Exchange, Message
from audit.leaks.search import Search
from audit.leaks.seeds import Kind
from audit.model import UNKNOWN, Contact, Event, Finding, Gap, Json, Known, Reason, Scheme, Times
from audit.model import Place as At
from audit.policy.destinations import DATASOURCE, TELEMETRY, Place, Standing, Territory, address_of
from audit.redact import fingerprint
from audit.rules.case import Case, Listing
from audit.tally import Tally
from audit.tally.destinations import Destination, DestinationKey

CONTENT_RULES = frozenset(
    {
        "canary",
        "known-identifier",
        "reidentified-hash",
        "email-address",
        "secret",
        "personal-data",
        "datasource-payload",
    }
)
"""Rules about what must not leave at all, in telemetry or beside it."""

_READABLE = frozenset({Scheme.HTTP, Scheme.HTTPS})


_FIELDS = frozenset({"headers", "query"})
_SHORT = 512


class Clean:
    """What was searched and gave nothing: the same URL, header fields and parameters come with nearly every request.
    Bounded, and what it holds changes no answer, only the time that it takes."""

    def __init__(self, most: int) -> None:
        self.most, self.known = most, set[tuple[str, str, str]]()

    def without(self, content: dict[str, Json]) -> dict[str, Json]:
        """The content but for what is known to be clean."""
        left: dict[str, Json] = {}
        for part, value in content.items():
            if isinstance(value, dict) and part in _FIELDS:
                rest = {n: v for n, v in value.items() if not isinstance(v, str) or (part, n, v) not in self.known}
                if rest:
                    left[part] = rest
            elif not isinstance(value, str) or (part, "", value) not in self.known:
                left[part] = value
        return left

    def learn(self, content: dict[str, Json]) -> None:
        if len(self.known) > self.most:
            self.known.clear()
        for part, value in content.items():
            pairs = value.items() if isinstance(value, dict) and part in _FIELDS else (("", value),)
            self.known.update((part, n, v) for n, v in pairs if isinstance(v, str) and self._alone(v))

    @staticmethod
    def _alone(text: str) -> bool:
        """Whether a text says all that it can say alone: numbers may be half of a place."""
        return len(text) <= _SHORT and any(char.isalpha() for char in text)


@dataclass(frozen=True, slots=True)
class Contacts:
    """Counts contacts of one policy and one territory; judges what they carry out."""

    slow: SlowLane
    territory: Territory
    clean: Clean = field(default_factory=lambda: Clean(4096))

    def read(self, exchange: Exchange) -> Exchange:
        """The exchange as the page and the auditor let it be read: what a host takes that one of them names for telemetry
        is telemetry, in the words of the policy's own envelope, or it is unreadable."""
        content = exchange.content.value if exchange.content is not None else None
        if exchange.contact is None or exchange.messages or exchange.reason or not isinstance(content, dict):
            return exchange
        body = content.get("body")
        if body is None or self.territory.place(self.slow.policy, exchange.contact).purpose != TELEMETRY:
            return exchange
        if not isinstance(body, dict | list):
            return exchange._replace(reason=Reason.BODY)
        hidden = exchange.content.hidden if exchange.content is not None else ()
        inside = tuple((pointer[1:], value) for pointer, value in hidden if pointer[:1] == ("body",))
        rest = {name: value for name, value in content.items() if name != "body"}
        doubled = tuple(dict.fromkeys(pointer for pointer, _ in inside))
        return exchange._replace(messages=(Message(Document(body, inside, doubled)),), content=Document(rest))

    def meet(self, exchange: Exchange, at: At, tally: Tally) -> Iterator[Finding | Gap]:
        """Count the contact of an exchange; yield what the rules of content find in it."""
        contact = exchange.contact
        if contact is None:
            return
        place = self.territory.place(self.slow.policy, contact)
        own = place.standing is Standing.OWN
        if exchange.withdrawn:
            tally.reach(_key(contact, place, self.slow.redactor.host(contact.host)), _NEVER_ANSWERED)
            return
        tally.reach(_key(contact, place, self.slow.redactor.host(contact.host)), _counted(exchange, contact))
        if contact.seen_at is not None and own and contact.known is Known.HTTP:
            tally.use(contact.seen_at)
        if (own or place.purpose == DATASOURCE) and exchange.answer is not None and self.slow.seeds is not None:
            tally.controls += returned(self.slow.seeds, exchange.answer())
        if not own and place.purpose != DATASOURCE and exchange.content is not None:
            if not exchange.whole:
                yield Gap.SEARCH
            yield from self._search(exchange, contact, at)
        for finding in exchange.findings:
            host = self.slow.redactor.host(contact.host)
            print_of = fingerprint(finding.rule, None, finding.field, host)
            yield replace(finding, place=at, event=None, host=host, fingerprint=print_of)

    def _search(self, exchange: Exchange, contact: Contact, at: At) -> Iterator[Finding | Gap]:
        content = exchange.content
        if content is None or not isinstance(content.value, dict):
            return
        left = self.clean.without(content.value)
        if not left:
            return
        spoiled = False
        event = Event(at, left, None, None, UNKNOWN, Times(arrived=exchange.seen_at), hidden=content.hidden)
        shown = self.slow.shown(event)
        case = Case(
            event=event,
            policy=self.slow.policy,
            listing=Listing.NAMELESS,
            type=None,
            nearest=None,
            faults=(),
            texts=shown,
            sightings=self.slow.sighted(event, shown),
        )
        host = self.slow.redactor.host(contact.host)
        for finding in self.slow.search(case, CONTENT_RULES):
            spoiled = True
            if isinstance(finding, Gap):
                yield finding
            else:
                print_of = fingerprint(finding.rule, None, finding.field, host)
                yield replace(finding, event=None, host=host, fingerprint=print_of)
        if not spoiled:
            self.clean.learn(left)


def returned(search: Search, answer: bytes) -> bool:
    """Whether an answer holds a planted or listed value of a data source: it was really read while the capture ran."""
    text = answer[:_MOST_ANSWER].decode("utf-8", "replace")
    found = [search.glance(text)]
    if "\\" in text:
        document = parse(answer[:_MOST_ANSWER], Limits())
        if isinstance(document, Document):
            found.append(search.glance("\n".join(strings(document.value))))
    return any(hit.kind in (Kind.CANARY, Kind.DATASOURCE) for one in found for hit in one.hits)


_MOST_ANSWER = 1 << 22
_NEVER_ANSWERED = Destination(0, -1, 0, 0, 0, 0, None, None, frozenset(), ())


def _key(contact: Contact, place: Place, shown: str) -> DestinationKey:
    own = place.standing is Standing.OWN
    port = -1 if contact.port is None else contact.port
    return DestinationKey(own, shown, port, contact.scheme.value, place.standing.value, place.purpose or "")


def _counted(exchange: Exchange, contact: Contact) -> Destination:
    once = not exchange.further
    addresses = () if contact.address is None or address_of(contact.address) is None else (contact.address,)
    return Destination(
        contacts=int(once),
        connected=int(once and contact.connected),
        readable=int(once and contact.scheme in _READABLE and not contact.opaque),
        opaque=int(contact.opaque),
        telemetry=int(bool(exchange.messages) or exchange.reason is not None),
        bytes_out=contact.bytes_out,
        first=contact.seen_at,
        last=contact.until or contact.seen_at,
        known=frozenset({contact.known.value}),
        addresses=addresses,
    )
