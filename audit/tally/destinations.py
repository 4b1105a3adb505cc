"""What is counted of destinations, and what a packet capture says of itself."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class DestinationKey(NamedTuple):
    """A destination as counted. Foreign ones sort first, so that a flood of own ones cannot push them out."""

    own: bool
    host: str
    port: int
    scheme: str
    standing: str
    purpose: str


class Destination(NamedTuple):
    """Everything said with one destination. `readable`: contacts whose content the capture shows; `opaque`: those that said
    something it does not show; `telemetry`: those that carried events, or telemetry that could not be read."""

    contacts: int
    connected: int
    readable: int
    opaque: int
    telemetry: int
    bytes_out: int
    first: datetime | None
    last: datetime | None
    known: frozenset[str]
    addresses: tuple[str, ...]

    def plus(self, more: Destination) -> Destination:
        firsts = [when for when in (self.first, more.first) if when is not None]
        lasts = [when for when in (self.last, more.last) if when is not None]
        return Destination(
            self.contacts + more.contacts,
            self.connected + more.connected,
            self.readable + more.readable,
            self.opaque + more.opaque,
            self.telemetry + more.telemetry,
            self.bytes_out + more.bytes_out,
            min(firsts, default=None),
            max(lasts, default=None),
            self.known | more.known,
            tuple(sorted({*self.addresses, *more.addresses})[:ADDRESSES]),
        )


ADDRESSES = 8
"""How many addresses of one destination are kept: the smallest."""


class Watch(NamedTuple):
    """What a packet capture says of itself. `dropped` None: it keeps no count of what it lost; `short`: packets cut off at
    the capture's snap length; `odd`: frames of no protocol that is read."""

    packets: int
    first: datetime | None
    last: datetime | None
    dropped: int | None
    short: int
    snaplen: int
    odd: int
