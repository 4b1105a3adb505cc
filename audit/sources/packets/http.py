"""HTTP/1 requests out of a client's bytes, a piece at a time, each body bounded."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

_LINE = re.compile(rb"([A-Z]{3,10}) (\S{1,65536}) HTTP/1\.[01]\r?\n")
_STARTS = re.compile(rb"[A-Z]{1,10}\Z|[A-Z]{3,10} \S*\Z|[A-Z]{3,10} \S+ (?:HTTP/1\.[01])?|[A-Z]{3,10} \S+ H")
_HEAD = 1 << 16
_END = re.compile(rb"\r?\n\r?\n")


class Asked(NamedTuple):
    """One request. `whole`: nothing of its body is missing."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    whole: bool
    size: int

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


def may_be_http(data: bytes) -> bool:
    """Whether a client's first bytes can be a request."""
    return _STARTS.match(data[:4096]) is not None


class Requests:
    """Parses what it is fed. `lost`: from here on it is no HTTP/1 any more (a websocket, a tunnel, garbage); `led_on`: the last
    request says so itself."""

    def __init__(self, most: int) -> None:
        self.most, self.held = most, bytearray()
        self.lost = self.led_on = False
        self.head: Asked | None = None
        self.body = bytearray()
        self.left = 0
        self.chunked = self.cut = False
        self.size = 0

    @property
    def holds(self) -> int:
        """Bytes of a request that is not complete."""
        return len(self.held) + len(self.body)

    def feed(self, data: bytes) -> Iterator[Asked]:
        """The requests that are complete with these bytes."""
        self.held += data
        while not self.lost:
            if self.head is None and not self._begin():
                return
            if not (self._chunks() if self.chunked else self._rest()):
                return
            yield self._end()

    def finish(self) -> Iterator[Asked]:
        """A request whose end was not seen."""
        if self.head is not None:
            self.cut = True
            yield self._end()
        self.lost = True

    def _begin(self) -> bool:
        while self.held[:2] == b"\r\n":
            del self.held[:2]
        end = _END.search(self.held, 0, _HEAD)
        if end is None:
            self.lost = len(self.held) > _HEAD or (bool(self.held) and not may_be_http(bytes(self.held[:4096])))
            return False
        line = _LINE.match(self.held)
        if line is None:
            self.lost = True
            return False
        headers = tuple(_fields(bytes(self.held[line.end() : end.start()])))
        method, target = line[1].decode(), line[2].decode("utf-8", "replace")
        self.head = Asked(method, target, headers, b"", whole=True, size=end.end())
        del self.held[: end.end()]
        self.chunked = self.head.header("transfer-encoding").lower().endswith("chunked")
        length = self.head.header("content-length").strip()
        self.left = 0
        if not self.chunked and length.isascii() and length.isdigit() and len(length) < 16:
            self.left = int(length)
        self.size = end.end()
        return True

    def _take(self, size: int) -> None:
        """Move bytes of the body; beyond the bound they are counted only."""
        room = max(self.most - len(self.body), 0)
        self.body += self.held[: min(size, room)]
        self.cut = self.cut or size > room
        self.size += size
        del self.held[:size]

    def _rest(self) -> bool:
        size = min(self.left, len(self.held))
        self._take(size)
        self.left -= size
        return self.left == 0

    def _chunks(self) -> bool:
        while True:
            if self.left > 0:
                size = min(self.left, len(self.held))
                self._take(size)
                self.left -= size
                if self.left:
                    return False
                self.left = -1  # the line's end after a chunk
            if self.left == -1:
                if len(self.held) < 2:
                    return False
                del self.held[: 2 if self.held[:2] == b"\r\n" else 1]
                self.left = 0
            end = self.held.find(b"\n", 0, 1024)
            if end < 0:
                self.lost = len(self.held) > 1024
                return False
            text = bytes(self.held[:end]).split(b";")[0].strip()
            if re.fullmatch(rb"[0-9a-fA-F]{1,12}", text) is None:
                self._take(len(self.held))
                self.lost = self.cut = True
                return True
            if int(text, 16) == 0:
                return self._trailer(end + 1)
            del self.held[: end + 1]
            self.left = int(text, 16)

    def _trailer(self, at: int) -> bool:
        """Whether the fields after the last chunk are complete."""
        if self.held[at : at + 2] == b"\r\n":
            del self.held[: at + 2]
            return True
        end = _END.search(self.held, at)
        if end is None:
            self.lost = len(self.held) > _HEAD
            return False
        del self.held[: end.end()]
        return True

    def _end(self) -> Asked:
        assert self.head is not None
        asked = self.head._replace(body=bytes(self.body), whole=not self.cut, size=self.size)
        # Other upgrades (to HTTP/2) are offers, mostly not taken.
        self.led_on = asked.method == "CONNECT" or asked.header("upgrade").lower() == "websocket"
        self.lost = self.lost or self.led_on
        self.head, self.body, self.left, self.chunked, self.cut = None, bytearray(), 0, False, False
        return asked


def _fields(block: bytes) -> Iterator[tuple[str, str]]:
    for line in block.split(b"\n")[:500]:
        name, colon, value = line.partition(b":")
        if colon:
            yield name.decode("latin-1").strip(), value.decode("utf-8", "replace").strip()
