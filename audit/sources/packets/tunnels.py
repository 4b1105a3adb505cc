"""Packets that carry packets: GRE, VXLAN, Geneve, IP in IP. What is inside is where it really goes."""

from __future__ import annotations

from typing import Final, NamedTuple

from audit.sources.packets.frames import IP4, IP6, PPP, UDP, Packet, is_of_its_link, packet_at

IP_IN_IP, IP6_IN_IP, GRE = 4, 41, 47
TUNNEL_PORTS: Final = frozenset({4789, 8472, 6081})
"""VXLAN, as it is numbered and as Linux numbered it first; Geneve."""
_GENEVE = 6081
_BRIDGED, _PPP_INSIDE = 0x6558, 0x880B


class Inside(NamedTuple):
    """What a tunnel's packet carries. `packet` None: where `known`, nothing that leaves its link; else it may be anything."""

    packet: Packet | None
    known: bool = False


def port_of(packet: Packet, data: bytes) -> int | None:
    """The port of a tunnel over UDP, if that is one by its port."""
    at = packet.start
    port = data[at + 2] << 8 | data[at + 3] if packet.end >= at + 8 else 0
    return port if port in TUNNEL_PORTS else None


def inside(packet: Packet, data: bytes) -> Inside | None:
    """What is in a packet of a tunnel; None for a packet of none."""
    at = packet.start
    try:
        if packet.protocol == GRE:
            return _gre(data, at)
        if packet.protocol in (IP_IN_IP, IP6_IN_IP):
            return Inside(packet_at(IP4 if packet.protocol == IP_IN_IP else IP6, at, data))
        port = port_of(packet, data) if packet.protocol == UDP else None
        if port is None:
            return None
        if port == _GENEVE:
            kind = data[at + 10] << 8 | data[at + 11]
            return _of(kind, data, at + 16 + (data[at + 8] & 0x3F) * 4) if data[at + 8] < 0x40 else Inside(None)
        return _of(_BRIDGED, data, at + 16) if data[at + 8] & 0x08 else Inside(None)
    except IndexError:
        return Inside(None)


def _gre(data: bytes, at: int) -> Inside:
    """Version 0 as routers speak it, version 1 as PPTP does."""
    flags, kind = data[at] << 8 | data[at + 1], data[at + 2] << 8 | data[at + 3]
    version = flags & 7
    if version > 1 or flags & 0x4000:  # source routes ended with the standard that had them
        return Inside(None)
    start = at + 4 + (4 if flags & 0x8000 else 0) + (4 if flags & 0x2000 else 0) + (4 if flags & 0x1000 else 0)
    if version == 1:
        size, start = data[at + 4] << 8 | data[at + 5], start + (4 if flags & 0x80 else 0)
        if not size:
            return Inside(None, known=True)  # an acknowledgement alone
    return _of(kind, data, start)


def _of(kind: int, data: bytes, at: int) -> Inside:
    if kind == _BRIDGED:
        kind, at = data[at + 12] << 8 | data[at + 13], at + 14
    elif kind == _PPP_INSIDE:
        at += 2 if data[at : at + 2] == b"\xff\x03" else 0
        size = 1 if data[at] & 1 else 2
        kind, at = PPP.get(int.from_bytes(data[at : at + size], "big"), 0), at + size
    return Inside(packet_at(kind, at, data), is_of_its_link(kind, at, data))
