"""The many packets that add bytes and a time to a conversation, or begin one, and say nothing else, told where they stand in
the file."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from audit.sources.packets.conversation import Seen, greeted
from audit.sources.packets.conversations import OVER_UDP, Conversations
from audit.sources.packets.files import Counted
from audit.sources.packets.frames import TCP, UDP
from audit.sources.packets.tunnels import TUNNEL_PORTS

_IP4, _IP6, _VLAN = b"\x08\x00", b"\x86\xdd", b"\x81\x00"
_LAYERS: Final[Mapping[int, tuple[int, int]]] = {1: (12, 14), 113: (14, 16), 276: (0, 20)}
"""Where a link layer says what follows, and where that begins."""
_INSIDE = "BxH2xHxB2x12s8xBB"
"""What matters of an IPv4 header without options and of the TCP header behind it."""
_HEAD4 = struct.Struct(f">{_INSIDE}").unpack_from
_HEAD6 = struct.Struct(">B3xHB1x36s8xBB").unpack_from
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_ENDS, _OPENING = _FIN | _RST, _FIN | _SYN | _RST | _ACK
_DNS = 53


class Plain:
    """Whole IP headers without options or fragments, TCP or UDP inside, of a conversation that begins, says the name that it
    wants in one packet, or of which no more is read. Whatever else there is takes the way that reads everything; both come to
    the same."""

    __slots__ = ("conversations", "find", "links")

    def __init__(self, conversations: Conversations) -> None:
        self.conversations, self.find = conversations, conversations.known.get
        self.links: dict[int, Counted] = {}

    def over(self, link: int) -> Counted:
        """What tells of a packet over this link whether it is such a one; then its conversation has it."""
        if link not in self.links:
            self.links[link] = self._over(link)
        return self.links[link]

    def _over(self, link: int) -> Counted:  # noqa: C901 - all of the hot way in one place: a call costs as much as what it does
        """First what nearly all are: IPv4 and TCP, untagged, of a conversation that is known."""
        layer = _LAYERS.get(link)
        if layer is None:
            return lambda *_: False
        ahead = layer[1] + 20
        unpack = struct.Struct(f">{layer[0]}xH{layer[1] - layer[0] - 2}x{_INSIDE}").unpack_from
        find, slower, tcp = self.find, self._any, self._tcp

        def counted(held: bytes, begin: int, end: int, when: int, at: int, unit: int) -> bool:  # noqa: PLR0913 - the hot way
            start = begin + ahead
            if start + 20 > end:
                return slower(layer, held, begin, end, (when, at, unit))
            kind, version, size, fragment, protocol, key, offset, flags = unpack(held, begin)
            if kind != 0x0800 or version != 0x45 or protocol != 6 or fragment & 0x3FFF or size < 40:
                return slower(layer, held, begin, end, (when, at, unit))
            head = offset >> 4 << 2
            if start + head > end:
                return False
            found = find(key)
            if found is None or flags & 2:
                return tcp(key, held, start, end, size - 20 - head, flags, (when, at, unit))
            conversation, outward = found
            if not outward:
                if not flags & 4:
                    conversation.connected = True
            elif size > 20 + head:
                size -= 20 + head
                if conversation.stream is not None and not greeted(conversation, held, start, end, size):
                    return False
                conversation.sent += size
            if flags & 5:
                conversation.closing += 1
            conversation.until = when
            return True

        return counted

    def _any(self, layer: tuple[int, int], held: bytes, begin: int, end: int, seen: Seen) -> bool:
        """The same with a VLAN tag, over IPv6, over UDP."""
        at, start = begin + layer[0], begin + layer[1]
        kind = held[at : at + 2]
        if kind == _VLAN:
            kind, start = held[start + 2 : start + 4], start + 4
        if kind == _IP4 and start + 40 <= end:
            version, size, fragment, protocol, key, offset, flags = _HEAD4(held, start)
            if version != 0x45 or fragment & 0x3FFF:
                return False
            size, start = size - 20, start + 20
        elif kind == _IP6 and start + 60 <= end:
            version, size, protocol, key, offset, flags = _HEAD6(held, start)
            if version >> 4 != 6:
                return False
            start += 40
        else:
            return False
        if size < 20:
            return False
        if protocol == TCP:
            head = offset >> 4 << 2
            return start + head <= end and self._tcp(key, held, start, end, size - head, flags, seen)
        return protocol == UDP and self._udp(key, size - 8, seen)

    def _tcp(self, key: bytes, held: bytes, start: int, end: int, size: int, flags: int, seen: Seen) -> bool:  # noqa: PLR0913 - a header in its parts
        found = self.find(key)
        if found is None:
            opens = flags & _OPENING == _SYN and size <= 0
            return opens and self.conversations.opened(key, held[start + 4 : start + 8], seen)
        conversation, outward = found
        if outward:
            if flags & _SYN:
                return False
            if size > 0:
                if conversation.stream is not None and not greeted(conversation, held, start, end, size):
                    return False
                conversation.sent += size
        elif flags & (_SYN | _ACK) == _SYN:
            return False
        elif not flags & _RST:
            conversation.connected = True
        if flags & _ENDS:
            conversation.closing += 1
        conversation.until = seen[0]
        return True

    def _udp(self, key: bytes, size: int, seen: Seen) -> bool:
        found = self.find(key + OVER_UDP)
        if found is None or found[0].port == _DNS or key[-2] << 8 | key[-1] in TUNNEL_PORTS:
            return False
        conversation, outward = found
        if outward:
            conversation.sent += size
        else:
            conversation.connected = True
        conversation.until = seen[0]
        return True
