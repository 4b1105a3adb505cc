"""Who spoke with whom: packets into conversations, conversations into contacts and requests. Bounded in number and bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from audit.engine.parse import Limits
from audit.engine.traffic import Exchange
from audit.model import Scheme
from audit.sources.packets.conversation import Conversation, Seen, after_requests, contact_of, request_of, unheard
from audit.sources.packets.files import Frame
from audit.sources.packets.fragments import Fragments, Met
from audit.sources.packets.frames import ICMP, ICMP6, TCP, UDP, Packet
from audit.sources.packets.http import Asked, Requests, may_be_http
from audit.sources.packets.lookups import Lookups
from audit.sources.packets.names import client_hello
from audit.sources.packets.streams import Stream
from audit.sources.packets.tunnels import Inside, inside, port_of
from audit.sources.requests import decode

_MOST = 20_000
"""Conversations that are remembered at once."""
_DEPTH = 4
_BEGINNING = 1 << 16
_HELD = 1 << 26
"""Bytes of unfinished requests that are held at once, all conversations together."""
_SYN, _ACK, _RST, _FIN = 2, 16, 4, 1
_DNS = 53
OVER_UDP = bytes((UDP,))
_REPLIES = {ICMP: frozenset({0, 3, 11, 12}), ICMP6: frozenset({1, 2, 3, 4, 129})}


class Conversations:
    """Fed packet by packet. What it gives is for the packet that completes it, or for a conversation's first. `unread`: packets
    of tunnels whose inside is nothing that is read."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.known: OrderedDict[bytes, tuple[Conversation, bool]] = OrderedDict()
        self.fragments = Fragments()
        self.fed = self.depth = self.unread = 0
        self.lookups = Lookups()

    def packet(self, frame: Frame, unit: int, packet: Packet) -> Iterator[Exchange]:
        """What this packet completes."""
        if packet.piece is None:
            yield from self._whole(frame, unit, packet)
        else:
            for met in self.fragments.put(Met(frame, unit, packet)):
                yield from self._whole(*met)

    def _whole(self, frame: Frame, unit: int, packet: Packet) -> Iterator[Exchange]:
        carried = inside(packet, frame.data) if packet.piece is None or not packet.piece.offset else None
        if packet.piece is not None and packet.piece.offset:
            self._bare(frame, unit, packet, None, Scheme.IP)
        elif carried is not None:
            yield from self._tunnel(frame, unit, packet, carried)
        elif packet.protocol == TCP:
            yield from self._tcp(frame, unit, packet)
        elif packet.protocol == UDP:
            yield from self._udp(frame, unit, packet)
        elif packet.protocol in (ICMP, ICMP6):
            if packet.start < packet.end and frame.data[packet.start] not in _REPLIES[packet.protocol]:
                self._bare(frame, unit, packet, None, Scheme.ICMP)
        else:
            self._bare(frame, unit, packet, None, Scheme.IP)

    def _tunnel(self, frame: Frame, unit: int, packet: Packet, carried: Inside) -> Iterator[Exchange]:
        """A packet that carries one: its own two ends, and what the other says. Tunnels in tunnels are read to a depth."""
        port = port_of(packet, frame.data) if packet.protocol == UDP else None
        self.depth += 1
        read = carried.known or (carried.packet is not None and self.depth <= _DEPTH)
        self._bare(frame, unit, packet, port, Scheme.IP if port is None else Scheme.UDP, hidden=not read)
        if not read:
            self.unread += 1
        elif carried.packet is not None:
            yield from self.packet(frame, unit, carried.packet)
        self.depth -= 1

    def surplus(self) -> Iterator[tuple[int, int, Exchange]]:
        """The oldest conversations, where there are too many to remember; with place and number of their first packets."""
        while len(self.known) > 2 * _MOST:
            _, (conversation, _) = self.known.popitem(last=False)
            yield from self._told(conversation)
        if self.fed > _HELD:
            yield from self._relieve()
        yield from self.lookups.surplus()

    @property
    def full(self) -> bool:
        """Whether more may be held than allowed: so much was fed since it was last looked at, or so many are remembered."""
        return self.fed > _HELD or len(self.known) > 3 * _MOST

    def _relieve(self) -> Iterator[tuple[int, int, Exchange]]:
        """Let go of unfinished requests, the oldest conversations first, until at most half of what is allowed is held."""
        waiting = [c for c, outward in self.known.values() if outward and c.stream is not None]
        held = sum(c.holds for c in waiting)
        for conversation in waiting:
            if held <= _HELD // 2:
                break
            held -= conversation.holds
            for exchange in self._stop(conversation):
                yield conversation.at, conversation.unit, exchange
        self.fed = held

    def finish(self) -> Iterator[tuple[int, int, Exchange]]:
        """Everything that is still open at the capture's end."""
        for frame, unit, packet in self.fragments.finish():
            for exchange in self._whole(frame, unit, packet):
                yield frame.at, unit, exchange
        for conversation, _ in self.known.values():
            if conversation.told:
                continue
            if conversation.stream is not None or conversation.asked:
                yield from self._told(conversation)
            else:  # as most are, in fewer steps
                conversation.told = True
                yield (
                    conversation.at,
                    conversation.unit,
                    contact_of(conversation, self.lookups.names.get(conversation.server)),
                )
        yield from self.lookups.finish()

    # ---- TCP ----

    def _tcp(self, frame: Frame, unit: int, packet: Packet) -> Iterator[Exchange]:
        data, at = frame.data, packet.start
        if packet.end < at + 14:
            self._bare(frame, unit, packet, None, Scheme.TCP)
            return
        flags = data[at + 13]
        payload = at + (data[at + 12] >> 4) * 4
        size = max(packet.end - payload, 0) + packet.missing
        key = packet.source + packet.target + data[at : at + 4]
        found = self.known.get(key)
        if found is None or (flags & (_SYN | _ACK) == _SYN and found[0].closing):
            if found is not None:
                yield from (exchange for _, _, exchange in self._told(found[0]))
            found = self._new_tcp(frame, unit, packet, flags, key)
        conversation, outward = found
        conversation.until = frame.when
        if flags & (_FIN | _RST):
            conversation.closing += 1
        if not outward:
            conversation.connected = conversation.connected or not flags & _RST
            return
        if not size:
            if flags & _SYN and conversation.stream is not None:
                conversation.stream.following = (int.from_bytes(data[at + 4 : at + 8], "big") + 1) % (1 << 32)
            return
        conversation.sent += size
        if conversation.stream is None:
            return
        sequence = int.from_bytes(data[at + 4 : at + 8], "big") + (flags & _SYN > 0)  # the beginning counts as a byte
        yield from self._bytes(conversation, frame, sequence, data[payload : packet.end], whole=not packet.missing)

    def opened(self, key: bytes, sequence: bytes, seen: Seen) -> bool:
        """Whether a client's first packet, which holds nothing, has begun a conversation here: not where room must be made."""
        if self.full:
            return False
        ends = len(key) // 2 - 2
        source, target, ports = key[:ends], key[ends:-4], key[-4:]
        conversation = Conversation(seen, source, target, ports[2] << 8 | ports[3], Scheme.TCP)
        conversation.stream = stream = Stream()
        stream.following = (int.from_bytes(sequence, "big") + 1) % (1 << 32)
        self.known[key] = conversation, True
        self.known[target + source + ports[2:] + ports[:2]] = conversation, False
        return True

    def _new_tcp(self, frame: Frame, unit: int, packet: Packet, flags: int, key: bytes) -> tuple[Conversation, bool]:
        at = packet.start
        source = frame.data[at] << 8 | frame.data[at + 1]
        target = frame.data[at + 2] << 8 | frame.data[at + 3]
        # Met in the middle, the lower port is the server's.
        outward = not flags & _ACK if flags & _SYN else target <= source
        ends = (packet.source, packet.target) if outward else (packet.target, packet.source)
        conversation = Conversation((frame.when, frame.at, unit), *ends, target if outward else source, Scheme.TCP)
        conversation.stream = Stream()
        self._remember(key, packet, conversation, outward=outward)
        return conversation, outward

    def _remember(self, key: bytes, packet: Packet, conversation: Conversation, *, outward: bool) -> None:
        ends = len(packet.source) * 2
        back = packet.target + packet.source + key[ends + 2 : ends + 4] + key[ends : ends + 2] + key[ends + 4 :]
        self.known[key] = conversation, outward
        self.known[back] = conversation, not outward

    def _bytes(
        self, conversation: Conversation, frame: Frame, sequence: int, data: bytes, *, whole: bool
    ) -> Iterator[Exchange]:
        """A client's bytes, until it is known what they are; HTTP to its end."""
        stream = conversation.stream
        assert stream is not None
        ready = stream.put(sequence, data)
        self.fed += len(data)
        if ready:
            if conversation.requests is None:
                self._recognise(conversation, ready)
                ready = bytes(conversation.first) if conversation.requests is not None else b""
                conversation.first = bytearray() if conversation.requests is not None else conversation.first
            if conversation.requests is not None:
                conversation.began = conversation.began or frame.when
                for asked in conversation.requests.feed(ready):
                    yield self._asked(conversation, asked)
        lost = conversation.requests is not None and conversation.requests.lost
        if conversation.stream is not None and (not whole or stream.broken or lost):
            yield from self._stop(conversation)

    def _recognise(self, conversation: Conversation, ready: bytes) -> None:
        first = conversation.first
        first += ready
        if first[0] == 0x16 and (len(first) < 2 or first[1] == 3):
            conversation.hello = client_hello(bytes(first))
            conversation.scheme = Scheme.TLS if len(first) > 1 else conversation.scheme
            known = conversation.hello is not None
        elif conversation.port != _DNS and may_be_http(bytes(first)):
            conversation.requests = Requests(self.limits.max_line)
            known = False
        else:
            conversation.scheme = Scheme.DNS if conversation.port == _DNS else Scheme.TCP
            known = True
        if known or len(first) > _BEGINNING:
            conversation.stream, conversation.first = None, bytearray()

    def _stop(self, conversation: Conversation) -> Iterator[Exchange]:
        """Nothing more can be read of a conversation."""
        requests = conversation.requests
        if requests is not None:
            said = requests.led_on or requests.head is not None
            conversation.rest = None if said else conversation.sent - conversation.holds
            for asked in requests.finish():
                yield self._asked(conversation, asked)
        conversation.stream, conversation.first = None, bytearray()

    def _asked(self, conversation: Conversation, asked: Asked) -> Exchange:
        found = decode(request_of(conversation, asked), self.limits)
        conversation.host = found.contact.host if found.contact is not None else conversation.host
        return found

    # ---- UDP and the rest ----

    def _udp(self, frame: Frame, unit: int, packet: Packet) -> Iterator[Exchange]:
        data, at = frame.data, packet.start
        if packet.end < at + 8:
            self._bare(frame, unit, packet, None, Scheme.UDP)
            return
        source, target = data[at] << 8 | data[at + 1], data[at + 2] << 8 | data[at + 3]
        size = packet.end - at - 8 + packet.missing
        key = (
            packet.source + packet.target + data[at : at + 4] + OVER_UDP
        )  # the same ports over TCP are another conversation
        found = self.known.get(key)
        if found is None:
            outward = not (source in (53, 123, 443) and target > 1023)
            ends = (packet.source, packet.target) if outward else (packet.target, packet.source)
            port = target if outward else source
            scheme = {_DNS: Scheme.DNS, 443: Scheme.QUIC}.get(port, Scheme.UDP)
            found = Conversation((frame.when, frame.at, unit), *ends, port, scheme), outward
            found[0].hidden = port != _DNS
            self._remember(key, packet, *found[:1], outward=outward)
        conversation, outward = found
        conversation.until = frame.when
        if outward:
            conversation.sent += size
        else:
            conversation.connected = True
        if conversation.port == _DNS:
            told = self.lookups.met((frame.when, frame.at, unit), packet, data[at + 8 : packet.end], size)
            conversation.hidden = conversation.hidden or told is None
            yield from told or ()

    def _bare(  # noqa: PLR0913 - a packet in its parts
        self, frame: Frame, unit: int, packet: Packet, port: int | None, scheme: Scheme, *, hidden: bool = True
    ) -> None:
        """A packet of which only the ends and the protocol are known. `hidden`: what it holds is not read elsewhere."""
        key = packet.source + packet.target + bytes((packet.protocol,))
        found = self.known.get(key)
        if found is None:
            back = self.known.get(packet.target + packet.source + bytes((packet.protocol,)))
            if back is not None:
                back[0].connected, back[0].until = True, frame.when
                return
            found = Conversation((frame.when, frame.at, unit), packet.source, packet.target, port, scheme), True
            found[0].hidden = False
            self.known[key] = found
        found[0].hidden = found[0].hidden or hidden
        found[0].until = frame.when
        found[0].sent += packet.end - packet.start + packet.missing

    # ---- what a conversation comes to ----

    def _told(self, conversation: Conversation) -> list[tuple[int, int, Exchange]]:
        """A conversation as a contact, once; one that consisted of HTTP requests has told everything by them."""
        if conversation.told:
            return []
        conversation.told = True
        at, unit, silent = conversation.at, conversation.unit, unheard(conversation)
        open_ = conversation.stream is not None
        rest = [(at, unit, exchange) for exchange in self._stop(conversation)] if open_ else []
        named = self.lookups.names.get(conversation.server)
        if not conversation.asked:
            return [*rest, (at, unit, contact_of(conversation, named, unheard=silent))]
        if conversation.rest is not None and conversation.sent > conversation.rest:
            rest.append((at, unit, after_requests(conversation, conversation.sent - conversation.rest)))
        return rest
