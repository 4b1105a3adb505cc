"""The many packets that add bytes and a time to a conversation and nothing else, told where they stand in the file."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final

from audit.sources.packets.conversations import OVER_UDP, Conversation
from audit.sources.packets.frames import TCP, UDP

_IP4, _IP6, _VLAN = b"\x08\x00", b"\x86\xdd", b"\x81\x00"
_LAYERS: Final[Mapping[int, tuple[int, int]]] = {1: (12, 14), 113: (14, 16), 276: (0, 20)}
"""Where a link layer says what follows, and where that begins."""
_HEAD4 = struct.Struct(">BxH2xHxB2x12s8xBB").unpack_from
_HEAD6 = struct.Struct(">B3xHB1x36s8xBB").unpack_from
_FIN, _SYN, _RST, _ACK = 1, 2, 4, 16
_DNS = 53


class Plain:
    """Whole IP headers without options or fragments, TCP or UDP inside, amid a conversation that is known and of which no more
    is read. Whatever else there is takes the way that reads everything; both come to the same."""

    __slots__ = ("known",)

    def __init__(self, known: Mapping[bytes, tuple[Conversation, bool]]) -> None:
        self.known = known

    def counted(self, link: int, held: bytes, begin: int, end: int, when: int) -> bool:
        """Whether a packet is such a one; then its conversation has it."""
        layer = _LAYERS.get(link)
        if layer is None:
            return False
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
            return start + head <= end and self._tcp(key, size - head, flags, when)
        return protocol == UDP and self._udp(key, size - 8, when)

    def _tcp(self, key: bytes, size: int, flags: int, when: int) -> bool:
        found = self.known.get(key)
        if found is None:
            return False
        conversation, outward = found
        if outward:
            if flags & _SYN or (size > 0 and conversation.stream is not None):
                return False
            if size > 0:
                conversation.sent += size
        elif flags & (_SYN | _ACK) == _SYN:
            return False
        elif not flags & _RST:
            conversation.connected = True
        if flags & (_FIN | _RST):
            conversation.closing += 1
        conversation.until = when
        return True

    def _udp(self, key: bytes, size: int, when: int) -> bool:
        found = self.known.get(key + OVER_UDP)
        if found is None or found[0].port == _DNS:
            return False
        conversation, outward = found
        if outward:
            conversation.sent += size
        else:
            conversation.connected = True
        conversation.until = when
        return True
