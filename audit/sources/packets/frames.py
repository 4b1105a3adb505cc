"""From a frame to the transport inside it: link layers, VLAN tags, IPv4 and IPv6. By offsets, as most matter little."""

from __future__ import annotations

from typing import NamedTuple

TCP, UDP, ICMP, ICMP6 = 6, 17, 1, 58
LINKS = frozenset({0, 1, 12, 14, 101, 108, 113, 228, 229, 276})
"""Loopback, Ethernet, raw IP, Linux cooked captures."""

_VLAN = frozenset({0x8100, 0x88A8, 0x9100, 0x9200})
_IP4, _IP6, _PPPOE = 0x0800, 0x86DD, 0x8864
_LOCAL = frozenset({0x0806, 0x8809, 0x888E, 0x88CC})
"""ARP, link aggregation, port authentication, neighbour discovery of bridges."""
_BRIDGES = b"\x01\x80\xc2\x00\x00"
_EXTENSIONS = frozenset({0, 43, 60, 51, 135})


class Packet(NamedTuple):
    """An IP packet. `start`, `end`: of its payload, as far as captured; `missing`: bytes of it that were not captured;
    `later`: not the first fragment, so that it begins with no transport header."""

    protocol: int
    source: bytes
    target: bytes
    start: int
    end: int
    missing: int
    later: bool


def packet_in(link: int, data: bytes) -> Packet | None:
    """The IP packet of a frame; None where there is none, or not enough of it."""
    try:
        kind, at = _layer(link, data)
        for _ in range(4):
            if kind in _VLAN:
                kind, at = data[at + 2] << 8 | data[at + 3], at + 4
            elif kind == _PPPOE:
                point = data[at + 6] << 8 | data[at + 7]
                kind, at = {0x21: _IP4, 0x57: _IP6}.get(point, 0), at + 8
            else:
                break
        if kind == _IP4:
            return _ip4(data, at)
        return _ip6(data, at) if kind == _IP6 else None
    except IndexError:
        return None


def is_local(link: int, data: bytes) -> bool:
    """Whether a frame without an IP packet is one that never leaves its link: a question for a neighbour's hardware address,
    or what bridges and cards say to each other, whose group addresses no bridge passes on."""
    try:
        kind, at = _layer(link, data)
        if link == 1 and data[:5] == _BRIDGES:
            return True
        return (data[at + 2] << 8 | data[at + 3] if kind in _VLAN else kind) in _LOCAL
    except IndexError:
        return False


def _layer(link: int, data: bytes) -> tuple[int, int]:
    """What follows the link layer, as an Ethernet type, and where."""
    if link == 1:
        return data[12] << 8 | data[13], 14
    if link == 113:
        return data[14] << 8 | data[15], 16
    if link == 276:
        return data[0] << 8 | data[1], 20
    at = 4 if link in (0, 108) else 0
    return (_IP6 if data[at] >> 4 == 6 else _IP4 if data[at] >> 4 == 4 else 0), at


def _ip4(data: bytes, at: int) -> Packet | None:
    if data[at] >> 4 != 4:
        return None
    head = (data[at] & 15) * 4
    total = data[at + 2] << 8 | data[at + 3] or len(data) - at  # offloaded segments carry no length
    fragment = (data[at + 6] << 8 | data[at + 7]) & 0x1FFF
    if head < 20 or total < head or len(data) < at + 20:
        return None
    end = min(at + total, len(data))
    missing = at + total - end
    return Packet(data[at + 9], data[at + 12 : at + 16], data[at + 16 : at + 20], at + head, end, missing, fragment > 0)


def _ip6(data: bytes, at: int) -> Packet | None:
    if data[at] >> 4 != 6 or len(data) < at + 40:
        return None
    size = data[at + 4] << 8 | data[at + 5] or len(data) - at - 40
    following, start, later = data[at + 6], at + 40, False
    for _ in range(8):
        if following in _EXTENSIONS:
            length = (data[start + 1] + 2) * 4 if following == 51 else (data[start + 1] + 1) * 8
            following, start = data[start], start + length
        elif following == 44:
            later = later or (data[start + 2] << 8 | data[start + 3]) & 0xFFF8 > 0
            following, start = data[start], start + 8
        else:
            break
    whole = at + 40 + size
    end = max(min(whole, len(data)), start)
    return Packet(following, data[at + 8 : at + 24], data[at + 24 : at + 40], start, end, max(whole - end, 0), later)
