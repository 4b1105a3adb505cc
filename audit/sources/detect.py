"""What a capture is, told by its first bytes, never by its name."""

from __future__ import annotations

import json
import re
from enum import StrEnum

from audit.model import Reason

HEAD = 1 << 16
BOM = b"\xef\xbb\xbf"


class Format(StrEnum):
    JSONL = "jsonl"
    JSON = "json"
    ARRAY = "json-array"
    HAR = "har"
    FLOWS = "flows"
    PCAP = "pcap"
    PCAPNG = "pcapng"
    EVIDENCE = "evidence"
    NONE = "none"


_PCAP = (b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\xc3\xd4", b"\x4d\x3c\xb2\xa1", b"\xa1\xb2\x3c\x4d")
_PCAPNG = b"\x0a\x0d\x0d\x0a"
_ARCHIVES = (b"PK\x03\x04", b"PK\x05\x06", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07")
_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00", b"\x28\xb5\x2f\xfd")
_UTF32 = re.compile(rb"\xff\xfe\x00\x00|\x00\x00\xfe\xff|\x00\x00\x00[{\[ \n]|[{\[ \n]\x00\x00\x00")
_FLOW = re.compile(rb"\d{1,12}:\d{1,2}:[a-z_]{2,32}[;,]")
_HAR = re.compile(rb'\A\s*(?:\[\s*)?\{(?:\s*"\$?[a-z]{1,16}"\s*:\s*"[^"\\]{0,256}"\s*,)*\s*"log"\s*:\s*\{')
_HAR_LATER = re.compile(
    rb'\A\s*\{(?:\s*"[\w$.-]{1,32}"\s*:\s*(?:"[^"\\]{0,256}"|[\w.+-]{1,32}|\{[^{}]{0,4096}\})\s*,){1,16}'
    rb'\s*"log"\s*:\s*\{\s*"(?:version|creator|browser|pages|entries)"'
)
"""A HAR behind members of the exporter's own: then `log` must begin as that of a HAR does."""


_MEMBER = re.compile(rb'"((?>(?:[^"\\]++|\\.)*))(?:"(\s*:)?|\\?\Z)|[{}\[\]]', re.DOTALL)
"""A text that is cut off goes to the end: else each quote in it would begin another search for its end."""


def lists_entries(text: bytes) -> bool:
    """Whether this begins a list of the entries of a HAR, without the rest of it: the first is an object with a request that
    has a method and a URL, and no event."""
    if not re.match(rb"\s*\[\s*\{", text):
        return False
    depth, within = 0, b""
    names, asked = set[bytes](), set[bytes]()
    for part in _MEMBER.finditer(text, 0, HEAD):
        if part[0] in (b"{", b"["):
            depth += 1
        elif part[0] in (b"}", b"]"):
            depth -= 1
            if depth == 1:
                break
        elif part[2] and depth == 2:
            within = part[1]
            names.add(within)
        elif part[2] and depth == 3 and within == b"request":
            asked.add(part[1])
    return {b"method", b"url"} <= asked and b"event" not in names


def detect(head: bytes, *, complete: bool) -> Format | Reason:
    """The format of a decoded stream, or why it is none. `complete`: the head is the whole stream."""
    if head.startswith(_PCAP):
        return Format.PCAP
    if head.startswith(_PCAPNG):
        return Format.PCAPNG
    if _FLOW.match(head):
        return Format.FLOWS
    if head.startswith(_ARCHIVES) or (head[257:262] == b"ustar" and b"\x00" in head[:257]):
        return Reason.ARCHIVE
    if head.startswith(_PACKED):
        return Reason.PACKED
    if _UTF32.match(head):
        return Reason.UTF32
    if head[:2] in (b"\xff\xfe", b"\xfe\xff") or _looks_utf16(head):
        return Reason.UTF16
    text = head.removeprefix(BOM)
    har = _HAR.match(text) or _HAR_LATER.match(text) or lists_entries(text)
    return Format.HAR if har else _text_format(head, text, complete=complete)


def _text_format(head: bytes, text: bytes, *, complete: bool) -> Format | Reason:
    """Which of the formats that hold events and nothing else."""
    body = text.lstrip(b" \t\r\n")
    if b"\x00" in head[:1024] and not body.startswith((b"{", b"[")):
        return Reason.BINARY
    if not body:
        return Format.JSONL
    first, _, rest = body.partition(b"\n")
    alone = not rest.strip() and complete
    if body[:1] == b"[":
        if _is_json(first):
            return Format.ARRAY if alone else Format.JSONL
        return Format.JSONL if _has_line_value(rest) else Format.ARRAY
    if body[:1] == b"{" and not _is_json(first) and not _has_line_value(rest) and _opens(first):
        return Format.JSON
    return Format.JSONL


def _looks_utf16(head: bytes) -> bool:
    """Without a byte order mark: text of which every other byte is NUL, beginning as JSON does."""
    even, odd = head[0:64:2], head[1:64:2]
    for text, zeros in ((even, odd), (odd, even)):
        if len(head) >= 4 and zeros.count(0) > len(zeros) * 0.7 and text.lstrip(b" \t\r\n")[:1] in (b"{", b"[", b'"'):
            return True
    return False


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _opens(line: bytes) -> bool:
    """Whether a line is the beginning of a value printed over several lines: it opens an object and no string is cut."""
    stripped = line.strip()
    return stripped in (b"{", b"[") or stripped.endswith((b"{", b"[", b","))


def _has_line_value(rest: bytes) -> bool:
    """Whether a later line, from its first column, is a whole object: then lines are units."""
    return any(line[:1] == b"{" and _is_json(line) for line in rest.split(b"\n")[:64])
