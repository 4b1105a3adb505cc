"""Contacts into the tally: counted by destination, and what they carry to others searched by the rules of content."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from audit.engine.slow import SlowLane
from audit.engine.traffic import Exchange
from audit.model import UNKNOWN, Contact, Event, Finding, Gap, Known, Scheme, Times
from audit.model import Place as At
from audit.policy.destinations import DATASOURCE, Place, Standing, Territory, address_of
from audit.redact import fingerprint, visible
from audit.rules.case import Case, Listing
from audit.tally import Destination, DestinationKey, Tally

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


@dataclass(frozen=True, slots=True)
class Contacts:
    """Counts contacts of one policy and one territory; judges what they carry out."""

    slow: SlowLane
    territory: Territory

    def meet(self, exchange: Exchange, at: At, tally: Tally) -> Iterator[Finding | Gap]:
        """Count the contact of an exchange; yield what the rules of content find in it."""
        contact = exchange.contact
        if contact is None:
            return
        place = self.territory.place(self.slow.policy, contact)
        own = place.standing is Standing.OWN
        if exchange.withdrawn:
            tally.reach(_key(contact, place), _NEVER_ANSWERED)
            return
        tally.reach(_key(contact, place), _counted(exchange, contact))
        if contact.seen_at is not None and own and contact.known is Known.HTTP:
            tally.use(contact.seen_at)
        if not own and place.purpose != DATASOURCE and exchange.content is not None:
            yield from self._search(exchange, contact, at)
        for finding in exchange.findings:
            host = visible(contact.host)
            print_of = fingerprint(finding.rule, None, finding.field, host)
            yield replace(finding, place=at, event=None, host=host, fingerprint=print_of)

    def _search(self, exchange: Exchange, contact: Contact, at: At) -> Iterator[Finding | Gap]:
        content = exchange.content
        if content is None or not isinstance(content.value, dict):
            return
        event = Event(at, content.value, None, None, UNKNOWN, Times(arrived=exchange.seen_at), hidden=content.hidden)
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
        host = visible(contact.host)
        for finding in self.slow.search(case, CONTENT_RULES):
            if isinstance(finding, Gap):
                yield finding
            else:
                print_of = fingerprint(finding.rule, None, finding.field, host)
                yield replace(finding, event=None, host=host, fingerprint=print_of)


_NEVER_ANSWERED = Destination(0, -1, 0, 0, 0, 0, None, None, frozenset(), ())


def _key(contact: Contact, place: Place) -> DestinationKey:
    own = place.standing is Standing.OWN
    port = -1 if contact.port is None else contact.port
    return DestinationKey(own, contact.host, port, contact.scheme.value, place.standing.value, place.purpose or "")


def _counted(exchange: Exchange, contact: Contact) -> Destination:
    addresses = () if contact.address is None or address_of(contact.address) is None else (contact.address,)
    return Destination(
        contacts=1,
        connected=int(contact.connected),
        readable=int(contact.scheme in _READABLE and not contact.opaque),
        opaque=int(contact.opaque),
        telemetry=int(bool(exchange.messages) or exchange.reason is not None),
        bytes_out=contact.bytes_out,
        first=contact.seen_at,
        last=contact.until or contact.seen_at,
        known=frozenset({contact.known.value}),
        addresses=addresses,
    )
