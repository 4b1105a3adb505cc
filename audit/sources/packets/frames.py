"""From a frame to the transport inside it: link layers, VLAN tags, IPv4 and IPv6. By offsets, as most matter little."""

from __future__ import annotations

from typing import NamedTuple

TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
LINKS = frozenset({0, 1, 9, 12, 14, 101, 108, 113, 228, 229, 276})
"""Loopback, Ethernet, PPP, raw IP, Linux cooked captures."""

_VLAN = frozenset({0x8100, 0x88A8, 0x9100, 0x9200})
_MPLS = frozenset({0x8847, 0x8848})
IP4, IP6, _PPPOE = 0x0800, 0x86DD, 0x8864
PPP = {0x21: IP4, 0x57: IP6, 0x281: 0x8847, 0x283: 0x8848}
_LOCAL = frozenset({0x0806, 0x8809, 0x888E, 0x88CC})
"""ARP, link aggregation, port authentication, neighbour discovery of bridges."""
_BRIDGES = b"\x01\x80\xc2\x00\x00"
_SIGNED = 51
_EXTENSIONS = frozenset({0, 43, 60, _SIGNED, 135})
_FRAGMENT = 44


class Piece(NamedTuple):
    """Which datagram a fragment is a part of, and which."""

    datagram: bytes
    offset: int
    more: bool


class Packet(NamedTuple):
    """An IP packet. `start`, `end`: of its payload, as far as captured; `missing`: bytes of it that were not captured;
    `piece`: what it is a fragment of."""

    protocol: int
    source: bytes
    target: bytes
    start: int
    end: int
    missing: int
    piece: Piece | None = None


def packet_in(link: int, data: bytes) -> Packet | None:
    """The IP packet of a frame; None where there is none, or not enough of it."""
    try:
        return packet_at(*_layer(link, data), data)
    except IndexError:
        return None


def packet_at(kind: int, at: int, data: bytes) -> Packet | None:
    """The IP packet behind an Ethernet type, under tags, labels and sessions."""
    try:
        for _ in range(4):
            if kind in _VLAN:
                kind, at = data[at + 2] << 8 | data[at + 3], at + 4
            elif kind == _PPPOE:
                point = data[at + 6] << 8 | data[at + 7]
                kind, at = PPP.get(point, 0), at + 8
            elif kind in _MPLS:
                kind, at = _labelled(data, at)
            else:
                break
        if kind == IP4:
            return _ip4(data, at)
        return _ip6(data, at) if kind == IP6 else None
    except IndexError:
        return None


def _labelled(data: bytes, at: int) -> tuple[int, int]:
    """What follows the last label, and where. Labels do not say what they carry: its first four bits do, unless they are
    those of a whole Ethernet frame behind a control word."""
    while not data[at + 2] & 1:
        at += 4
    at += 4
    if data[at] >> 4 == 0:
        return data[at + 16] << 8 | data[at + 17], at + 18
    return {4: IP4, 6: IP6}.get(data[at] >> 4, 0), at


def is_local(link: int, data: bytes) -> bool:
    """Whether a frame without an IP packet is one that never leaves its link: a question for a neighbour's hardware address,
    or what bridges and cards say to each other, whose group addresses no bridge passes on."""
    try:
        kind, at = _layer(link, data)
        return (link == 1 and data[:5] == _BRIDGES) or is_of_its_link(kind, at, data)
    except IndexError:
        return False


def is_of_its_link(kind: int, at: int, data: bytes) -> bool:
    """The same behind an Ethernet type."""
    return (data[at + 2] << 8 | data[at + 3] if kind in _VLAN else kind) in _LOCAL


def _layer(link: int, data: bytes) -> tuple[int, int]:
    """What follows the link layer, as an Ethernet type, and where."""
    if link == 1:
        return data[12] << 8 | data[13], 14
    if link == 113:
        return data[14] << 8 | data[15], 16
    if link == 276:
        return data[0] << 8 | data[1], 20
    if link == 9:
        at = 2 if data[:2] == b"\xff\x03" else 0
        return PPP.get(data[at] << 8 | data[at + 1], 0), at + 2
    at = 4 if link in (0, 108) else 0
    return (IP6 if data[at] >> 4 == 6 else IP4 if data[at] >> 4 == 4 else 0), at


def _ip4(data: bytes, at: int) -> Packet | None:
    if data[at] >> 4 != 4:
        return None
    head = (data[at] & 15) * 4
    total = data[at + 2] << 8 | data[at + 3] or len(data) - at  # offloaded segments carry no length
    if head < 20 or total < head or len(data) < at + 20:
        return None
    end = min(at + total, len(data))
    source, target, protocol = data[at + 12 : at + 16], data[at + 16 : at + 20], data[at + 9]
    fragment, piece = data[at + 6] << 8 | data[at + 7], None
    if fragment & 0x3FFF:
        datagram = source + target + data[at + 4 : at + 6] + bytes((protocol,))
        piece = Piece(datagram, (fragment & 0x1FFF) * 8, fragment & 0x2000 > 0)
    start, whole = at + head, at + total
    if protocol == _SIGNED and (piece is None or not piece.offset):
        protocol, start = _past_options(data, protocol, start)
    return Packet(protocol, source, target, start, max(end, start), max(whole - max(end, start), 0), piece)


def _ip6(data: bytes, at: int) -> Packet | None:
    if data[at] >> 4 != 6 or len(data) < at + 40:
        return None
    size = data[at + 4] << 8 | data[at + 5] or len(data) - at - 40
    source, target = data[at + 8 : at + 24], data[at + 24 : at + 40]
    protocol, start = _past_options(data, data[at + 6], at + 40)
    piece = None
    if protocol == _FRAGMENT:
        protocol, fragment = data[start], data[start + 2] << 8 | data[start + 3]
        if fragment & 0xFFF9:
            piece = Piece(source + target + data[start + 4 : start + 8], fragment & 0xFFF8, fragment & 1 > 0)
        start += 8
        if piece is None:
            protocol, start = _past_options(data, protocol, start)
    whole = at + 40 + size
    end = max(min(whole, len(data)), start)
    return Packet(protocol, source, target, start, end, max(whole - end, 0), piece)


def _past_options(data: bytes, following: int, start: int) -> tuple[int, int]:
    """What follows the headers that say nothing of who speaks, and where."""
    for _ in range(8):
        if following not in _EXTENSIONS:
            break
        length = (data[start + 1] + 2) * 4 if following == _SIGNED else (data[start + 1] + 1) * 8
        following, start = data[start], start + length
    return following, start


def together(packet: Packet, payload: bytes) -> Packet | None:
    """The packet whose fragments were put together, in its payload alone."""
    try:
        protocol, start = (
            _past_options(payload, packet.protocol, 0) if len(packet.source) == 16 else (packet.protocol, 0)
        )
    except IndexError:
        return None
    return Packet(protocol, packet.source, packet.target, min(start, len(payload)), len(payload), 0)
