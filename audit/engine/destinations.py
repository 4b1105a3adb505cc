"""Destinations after the last merge: one by one as the rules see them, as rows of the result, and what they leave open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import reduce
from typing import Any

from audit.model import Finding, Grade, Level, Scheme
from audit.policy.destinations import DATASOURCE, RELEASE_NOTES, TELEMETRY, Standing
from audit.policy.pack import Policy
from audit.redact import fingerprint, instant, message, visible
from audit.rules import RULES
from audit.rules.case import DestinationRule, Reached
from audit.tally import Span, Tally
from audit.tally.destinations import Destination, DestinationKey, Watch

ROWS = 1_000
_TOLD = frozenset({TELEMETRY, RELEASE_NOTES})
_REQUESTS = frozenset({Scheme.HTTP.value, Scheme.HTTPS.value})
_ORDER = tuple(Standing)[::-1]


@dataclass(frozen=True, slots=True)
class Host:
    """All that was said with one host. `plain`: contacts over unencrypted HTTP that should not have been; `sealed`: opaque
    connections, whose requests another capture may show; `upgraded`: opaque requests (websockets), which none does."""

    name: str
    standing: Standing
    purpose: str | None
    total: Destination
    plain: int
    looked_up: bool
    sealed: int
    upgraded: int

    @property
    def hidden(self) -> int:
        """Contacts with an outside host whose content nothing in the captures shows; a data source's is its owner's."""
        if self.standing is Standing.OWN or self.purpose == DATASOURCE:
            return 0
        return self.upgraded + (0 if self.total.readable else self.sealed)

    def outside(self) -> bool:
        """Whether an air gap forbids it: not the installation's own, and not allowed as a data source or without a purpose."""
        if self.standing is Standing.ALLOWED:
            return self.purpose in _TOLD
        return self.standing is not Standing.OWN

    def reached(self, *, air_gapped: bool) -> Reached:
        return Reached(
            standing=self.standing,
            contacts=self.total.contacts,
            connected=self.total.connected,
            bytes_out=self.total.bytes_out,
            telemetry=self.total.telemetry,
            plain=self.plain,
            looked_up=self.looked_up,
            outside=air_gapped and self.outside(),
        )


def hosts(tally: Tally, policy: Policy) -> tuple[Host, ...]:
    """Every host with its final standing, in order."""
    silent = not any(destination.hosts for destination in policy.destinations)
    found: dict[tuple[str, str, str], list[tuple[DestinationKey, Destination]]] = {}
    for key, destination in tally.destinations.items.items():
        found.setdefault((key.host, key.standing, key.purpose), []).append((key, destination))
    return tuple(_host(rows, silent=silent) for _, rows in sorted(found.items()))


def _host(rows: list[tuple[DestinationKey, Destination]], *, silent: bool) -> Host:
    key = rows[0][0]
    total = reduce(Destination.plus, (destination for _, destination in rows))
    standing, purpose = Standing(key.standing), key.purpose or None
    if standing is Standing.UNDOCUMENTED and total.telemetry:
        standing, purpose = Standing.UNNAMED if silent else standing, TELEMETRY
    plain = 0
    if standing is not Standing.OWN:
        over = [destination for at, destination in rows if at.scheme == Scheme.HTTP.value]
        told = standing in (Standing.DOCUMENTED, Standing.ALLOWED) and purpose != DATASOURCE and purpose is not None
        plain = sum(d.contacts if told else d.telemetry for d in over)
    looked_up = all(at.scheme == Scheme.DNS.value for at, _ in rows)
    upgraded = sum(d.opaque for at, d in rows if at.scheme in _REQUESTS)
    return Host(key.host, standing, purpose, total, plain, looked_up, total.opaque - upgraded, upgraded)


def findings(reached: Iterable[Host], policy: Policy, *, air_gapped: bool) -> Iterator[Finding]:
    """What the rules say of each host."""
    origins = {str(d.purpose): d.origin for d in policy.destinations}
    for host in reached:
        seen = host.reached(air_gapped=air_gapped)
        name = visible(host.name)
        for rule in RULES:
            if isinstance(rule, DestinationRule):
                for breach in rule.check(seen):
                    yield _finding(
                        rule.id,
                        breach.level or rule.level,
                        name,
                        message(breach.template, breach.facts),
                        origins.get(host.purpose or ""),
                    )


def _finding(rule: str, level: Level, host: str, text: str, origin: str | None) -> Finding:
    return Finding(
        fingerprint=fingerprint(rule, None, None, host),
        rule=rule,
        level=level,
        grade=Grade.PROVED,
        place=None,
        event=None,
        message_id=None,
        origin=origin,
        pointer=None,
        field=None,
        host=host,
        message=text,
        shape=None,
    )


def destination_rows(tally: Tally, reached: Iterable[Host]) -> list[dict[str, Any]]:
    """The egress inventory: outside destinations first, each port and protocol apart. At most ROWS."""
    places = {(host.name, host.standing, host.purpose): host for host in reached}
    final = {
        (h.name, "undocumented" if h.standing is Standing.UNNAMED else h.standing.value): h for h in places.values()
    }
    rows = [
        _row(key, destination, final[key.host, key.standing]) for key, destination in tally.destinations.items.items()
    ]
    rows.sort(key=lambda row: (_ORDER.index(Standing(row["class"])), row["host"], row["port"] or 0, row["scheme"]))
    return rows[:ROWS]


def _row(key: DestinationKey, destination: Destination, host: Host) -> dict[str, Any]:
    return {
        "host": visible(key.host),
        "port": None if key.port < 0 else key.port,
        "scheme": key.scheme,
        "contacts": destination.contacts,
        "class": host.standing.value,
        "purpose": host.purpose,
        "attempted": destination.contacts,
        "connected": destination.connected,
        "bytes_out": destination.bytes_out,
        "first": instant(destination.first) if destination.first is not None else None,
        "last": instant(destination.last) if destination.last is not None else None,
        "known": sorted(destination.known),
        "addresses": list(destination.addresses),
        "opaque": destination.opaque,
    }


def watch_row(tally: Tally, reached: tuple[Host, ...]) -> dict[str, Any] | None:
    """What the captures of traffic say of themselves; None where there was none."""
    if not tally.contacts and not tally.watches:
        return None
    whole = watch(tally)
    span = tally.watched
    return {
        "contacts": tally.contacts,
        "outside": sum(host.standing is not Standing.OWN for host in reached),
        "packets": whole.packets,
        "first": instant(span.first) if span is not None else None,
        "last": instant(span.last) if span is not None else None,
        "dropped": whole.dropped,
        "cut_short": whole.short,
        "snaplen": whole.snaplen or None,
        "not_read": whole.odd,
        "unlisted": max(len(tally.destinations.items) - ROWS, 0),
        "overflow": overflow(tally),
    }


def watch(tally: Tally) -> Watch:
    """All packet captures as one. Losses are unknown as soon as one of them keeps no count and none lost anything."""
    each = tally.watches.values()
    known = [w.dropped for w in each if w.dropped is not None]
    dropped = sum(known) if known and (len(known) == len(tally.watches) or sum(known)) else None
    return Watch(
        packets=sum(w.packets for w in each),
        first=min((w.first for w in each if w.first is not None), default=None),
        last=max((w.last for w in each if w.last is not None), default=None),
        dropped=dropped,
        short=sum(w.short for w in each),
        snaplen=min((w.snaplen for w in each if w.snaplen), default=0),
        odd=sum(w.odd for w in each),
    )


def watched_for(tally: Tally) -> timedelta:
    """How long packets were captured."""
    return together(Span(w.first, w.last) for w in tally.watches.values() if w.first is not None and w.last is not None)


def together(spans: Iterable[Span]) -> timedelta:
    """How long captures lasted. Where one ends and the next begins later, nobody watched in between."""
    total = timedelta()
    seen: datetime | None = None
    for first, last in sorted(spans):
        begin = first if seen is None else max(first, seen)
        total += max(last - begin, timedelta())
        seen = last if seen is None else max(last, seen)
    return total


def overflow(tally: Tally) -> int:
    """Contacts with destinations that stand in no row because there were too many different ones."""
    return tally.contacts - sum(d.contacts for d in tally.destinations.items.values())
