"""Builds packet captures: frames of every link type, TCP connections, DNS, a ClientHello; classic files and pcapng."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address

START = 1_795_445_379_000_000_000
SYN, ACK, PSH, FIN, RST = 2, 16, 8, 1, 4


def ip(source: str, target: str, protocol: int, payload: bytes) -> bytes:
    a, b = ip_address(source), ip_address(target)
    if a.version == 6:
        return struct.pack(">IHBB", 0x60000000, len(payload), protocol, 64) + a.packed + b.packed + payload
    head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, protocol, 0)
    return head + a.packed + b.packed + payload


def tcp(ports: tuple[int, int], sequence: int, flags: int, payload: bytes = b"") -> bytes:
    return struct.pack(">HHIIBBHHH", *ports, sequence % (1 << 32), 0, 0x50, flags, 65535, 0, 0) + payload


def udp(ports: tuple[int, int], payload: bytes) -> bytes:
    return struct.pack(">HHHH", *ports, 8 + len(payload), 0) + payload


def ethernet(packet: bytes, *tags: int) -> bytes:
    kind = 0x86DD if packet[0] >> 4 == 6 else 0x0800
    return b"\x02" * 12 + b"".join(struct.pack(">HH", 0x8100, tag) for tag in tags) + struct.pack(">H", kind) + packet


def cooked(packet: bytes) -> bytes:
    return (
        b"\x00\x04\x00\x01\x00\x06"
        + b"\x02" * 8
        + struct.pack(">H", 0x86DD if packet[0] >> 4 == 6 else 0x0800)
        + packet
    )


def cooked2(packet: bytes) -> bytes:
    return struct.pack(">H", 0x86DD if packet[0] >> 4 == 6 else 0x0800) + b"\x00" * 18 + packet


@dataclass
class Talk:
    """One TCP connection, segment by segment."""

    client: str = "10.0.0.2"
    server: str = "203.0.113.7"
    port: int = 443
    source: int = 40000
    sequence: int = 0xFFFFFFF0
    frames: list[bytes] = field(default_factory=list)

    def _out(self, flags: int, payload: bytes = b"", at: int = 0) -> bytes:
        segment = tcp((self.source, self.port), self.sequence + at, flags, payload)
        return ip(self.client, self.server, 6, segment)

    def _back(self, flags: int, payload: bytes = b"") -> bytes:
        return ip(self.server, self.client, 6, tcp((self.port, self.source), 9000, flags, payload))

    def open(self) -> Talk:
        self.frames += [self._out(SYN), self._back(SYN | ACK), self._out(ACK, at=1)]
        self.sequence += 1
        return self

    def send(self, data: bytes, *, size: int = 100_000, order: Iterable[int] | None = None) -> Talk:
        """The bytes in segments of `size`, in an order of their own, answered by an empty one."""
        starts = list(range(0, len(data), size))
        for index in order if order is not None else range(len(starts)):
            at = starts[index]
            self.frames.append(self._out(ACK | PSH, data[at : at + size], at))
        self.sequence += len(data)
        self.frames.append(self._back(ACK, b"ok"))
        return self

    def close(self) -> list[bytes]:
        self.frames += [self._out(ACK | FIN), self._back(ACK | FIN)]
        return self.frames


def hello(name: str | None, padding: int = 0) -> bytes:
    """A ClientHello in TLS records of at most 1,000 bytes."""
    named = b""
    if name is not None:
        raw = name.encode()
        entry = b"\x00" + struct.pack(">H", len(raw)) + raw
        named = struct.pack(">HHH", 0, len(entry) + 2, len(entry)) + entry
    filler = struct.pack(">HH", 21, padding) + b"\x00" * padding
    extensions = filler + named
    body = b"\x03\x03" + b"r" * 32 + b"\x00" + b"\x00\x02\x13\x01" + b"\x01\x00"
    body += struct.pack(">H", len(extensions)) + extensions
    message = b"\x01" + len(body).to_bytes(3, "big") + body
    return b"".join(
        b"\x16\x03\x01" + struct.pack(">H", len(message[at : at + 1000])) + message[at : at + 1000]
        for at in range(0, len(message), 1000)
    )


def question(name: str, number: int = 7) -> bytes:
    labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split(".")) + b"\x00"
    return struct.pack(">HHHHHH", number, 0x0100, 1, 0, 0, 0) + labels + b"\x00\x01\x00\x01"


def answer(name: str, address: str, number: int = 7) -> bytes:
    asked = question(name, number)[12:]
    record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + ip_address(address).packed
    return struct.pack(">HHHHHH", number, 0x8180, 1, 1, 0, 0) + asked + record


def lookup(name: str, address: str | None = None, resolver: str = "10.0.0.53", source: int = 5353) -> list[bytes]:
    frames = [ip("10.0.0.2", resolver, 17, udp((source, 53), question(name)))]
    if address is not None:
        frames.append(ip(resolver, "10.0.0.2", 17, udp((53, source), answer(name, address))))
    return frames


def post(host: str, path: str, body: bytes, *fields: str, chunk: int = 0) -> bytes:
    head = [f"POST {path} HTTP/1.1", f"Host: {host}", *fields]
    if chunk:
        head.append("Transfer-Encoding: chunked")
        pieces = [body[at : at + chunk] for at in range(0, len(body), chunk)]
        body = b"".join(b"%x;x=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"
    else:
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def mpls(packet: bytes, *labels: int, word: bool = False) -> bytes:
    """An Ethernet frame with labels; with a control word, what they carry is a whole Ethernet frame."""
    stack = b"".join(
        struct.pack(">I", label << 12 | (at == len(labels) - 1) << 8 | 64) for at, label in enumerate(labels)
    )
    return b"\x02" * 12 + b"\x88\x47" + stack + (b"\x00" * 4 + ethernet(packet) if word else packet)


def gre(
    packet: bytes, ends: tuple[str, str] = ("10.0.0.2", "10.0.0.1"), *, bridged: bool = False, key: bool = False
) -> bytes:
    kind = 0x6558 if bridged else 0x86DD if packet[0] >> 4 == 6 else 0x0800
    head = struct.pack(">HH", 0x2000 if key else 0, kind) + (b"\x00\x00\x00\x07" if key else b"")
    return ip(*ends, 47, head + (ethernet(packet) if bridged else packet))


def vxlan(packet: bytes, ends: tuple[str, str] = ("10.0.0.2", "10.0.0.1"), port: int = 4789, flags: int = 8) -> bytes:
    return ip(*ends, 17, udp((51000, port), bytes((flags, 0, 0, 0, 0, 0, 7, 0)) + ethernet(packet)))


def geneve(packet: bytes, ends: tuple[str, str] = ("10.0.0.2", "10.0.0.1"), kind: int = 0x6558) -> bytes:
    head = struct.pack(">BBH", 1, 0, kind) + b"\x00\x00\x07\x00" + b"opts"
    return ip(*ends, 17, udp((51000, 6081), head + ethernet(packet)))


def times(number: int) -> Iterator[int]:
    return iter(range(START, START + number * 1_000_000, 1_000_000))


def pcap(
    frames: list[bytes], link: int = 1, snaplen: int = 262144, *, order: str = "<", nanoseconds: bool = False
) -> bytes:
    magic = 0xA1B23C4D if nanoseconds else 0xA1B2C3D4
    out = [struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, snaplen, link)]
    scale = 1 if nanoseconds else 1000
    for when, frame in zip(times(len(frames)), frames, strict=True):
        kept = frame[:snaplen]
        second, rest = divmod(when, 1_000_000_000)
        out.append(struct.pack(f"{order}IIII", second, rest // scale, len(kept), len(frame)) + kept)
    return b"".join(out)


def block(order: str, kind: int, body: bytes) -> bytes:
    body += b"\x00" * (-len(body) % 4)
    size = struct.pack(f"{order}I", len(body) + 12)
    return struct.pack(f"{order}I", kind) + size + body + size


def pcapng(
    frames: list[bytes], link: int = 1, *, order: str = "<", dropped: int | None = None, power: int = 9
) -> bytes:
    out = [block(order, 0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, 1, 0, -1))]
    resolution = struct.pack(f"{order}HH", 9, 1) + bytes((power, 0, 0, 0)) + struct.pack(f"{order}HH", 0, 0)
    out.append(block(order, 1, struct.pack(f"{order}HHI", link, 0, 0) + resolution))
    for when, frame in zip(times(len(frames)), frames, strict=True):
        ticks = when // 10 ** (9 - power)
        head = struct.pack(f"{order}IIIII", 0, ticks >> 32, ticks & 0xFFFFFFFF, len(frame), len(frame))
        out.append(block(order, 6, head + frame))
    if dropped is not None:
        body = struct.pack(f"{order}III", 0, 0, 0) + struct.pack(f"{order}HHQ", 5, 8, dropped)
        out.append(block(order, 5, body + struct.pack(f"{order}HH", 0, 0)))
    return b"".join(out)


def fragments(packet: bytes, size: int = 200, number: int = 1) -> list[bytes]:
    """An IP packet in fragments that hold `size` bytes of it each."""
    head = 40 if packet[0] >> 4 == 6 else 20
    body = packet[head:]
    found = []
    for at in range(0, len(body), size):
        piece, more = body[at : at + size], at + size < len(body)
        if head == 40:
            extension = struct.pack(">BBHI", packet[6], 0, at | more, number)
            found.append(packet[:4] + struct.pack(">H", len(piece) + 8) + b"\x2c" + packet[7:40] + extension + piece)
        else:
            said = struct.pack(">HHH", 20 + len(piece), number, (0x2000 if more else 0) | at // 8)
            found.append(packet[:2] + said + packet[8:20] + piece)
    return found
