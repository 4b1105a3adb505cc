"""JSON that is no line format: an array of events, or values printed one after another over several lines.

Splits bytes without parsing them, so that each item keeps its own bytes (duplicate keys included) and memory stays
bounded by one item, and a mebibyte of small ones that are judged together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from audit.engine.run import Broken, Item, Items
from audit.model import Reason

_OUTSIDE = re.compile(rb'["{}\[\],]')
_INSIDE = re.compile(rb'["\\]')
_BLANK = b" \t\r\n"

# Groups that give nothing back are written `(?>(?:...)*)`: before 3.11.5, Python reads `(?:...)*+` wrongly.
_TEXT = rb'"(?>(?:[^"\\]++|\\.)*)"'


def _inside(levels: int) -> bytes:
    """What may stand in an object or a list, with so many levels of them in it."""
    deeper = rb"|[{\[]" + _inside(levels - 1) + rb"[}\]]" if levels else b""
    return rb'(?>(?:[^"{}\[\]]++|' + _TEXT + deeper + rb")*)"


_LEVELS = 4
_VALUE = rb"[ \t\r\n]*+(\{" + _inside(_LEVELS) + rb"\})"
_VALUES = re.compile(_VALUE, re.DOTALL)
_ITEMS = re.compile(_VALUE + rb"[ \t\r\n]*+,", re.DOTALL)
"""An object in one step, as most are: in an array, up to the comma behind it."""

_MANY, _LARGE = 4_096, 1 << 20
"""So many items, or bytes of them, are judged together."""


class _Splitter:
    """A scanner over blocks. In an array, items stand between commas at depth 1; otherwise each value at depth 0."""

    def __init__(self, max_item: int, offset: int, *, array: bool) -> None:
        self.max_item, self.array, self.level = max_item, array, 1 if array else 0
        self.depth, self.in_string, self.escaped = 0, False, False
        self.start, self.unit = offset, 0
        self.held, self.size, self.long = [b""], 0, False
        self.begun = self.ended = self.comma = False

    def hold(self, data: bytes) -> None:
        self.size += len(data)
        if self.size > self.max_item:
            self.long, self.held = True, []
        elif data:
            self.held.append(data)

    def close(self, *, needed: bool) -> Iterator[Item | Broken]:
        """End the item that is held. `needed`: an empty place between commas is an item that is not JSON."""
        data = b"".join(self.held)
        size, long = self.size, self.long
        self.held, self.size, self.long = [], 0, False
        lead = len(data) - len(data.lstrip(_BLANK))
        offset, self.start = self.start + lead, self.start + size
        if long or data.strip(_BLANK):
            self.unit += 1
            yield Broken(offset, self.unit, Reason.TOO_LONG) if long else Item(offset, self.unit, data.strip(_BLANK))
        elif needed:
            self.unit += 1
            yield Broken(offset, self.unit, Reason.NOT_JSON)

    def skip(self, size: int) -> None:
        self.start += size

    def _fresh(self) -> bool:
        """Whether nothing is held where an item may begin."""
        if self.in_string or self.size or self.long:
            return False
        return self.begun and not self.ended and self.depth == 1 if self.array else self.depth == 0

    def _at_once(self, block: bytes, at: int) -> tuple[Item | None, int]:
        """The object that stands next, if all of it is in the block, and where it ends."""
        found = (_ITEMS if self.array else _VALUES).match(block, at)
        if found is None:
            return None, at
        (start, stop), end = found.span(1), found.end()
        if max(start - at, end - self.array - (at if self.array else start)) > self.max_item:
            return None, at
        self.unit += 1
        item = Item(self.start + start - at, self.unit, block[start:stop])
        self.start, self.comma = self.start + end - at, self.array
        return item, end

    def feed(self, block: bytes) -> Iterator[Item | Broken]:
        at = 0
        while at < len(block):
            if self._fresh():
                item, at = self._at_once(block, at)
                if item is not None:
                    yield item
                    continue
            if self.in_string:
                at = self._inside(block, at)
                continue
            found = _OUTSIDE.search(block, at)
            if found is None:
                self.hold(block[at:])
                return
            token, end = found[0], found.end()
            before, at_token = block[at : found.start()], found.start()
            at = end
            yield from self._outside(token, before, block[at_token:end])

    def _inside(self, block: bytes, at: int) -> int:
        if self.escaped:
            self.escaped = False
            self.hold(block[at : at + 1])
            return at + 1
        found = _INSIDE.search(block, at)
        end = found.end() if found else len(block)
        self.hold(block[at:end])
        if found is not None:
            self.escaped = found[0] == b"\\"
            self.in_string = self.escaped
        return end

    def _outside(self, token: bytes, before: bytes, text: bytes) -> Iterator[Item | Broken]:
        self.hold(before)
        if token == b'"':
            self.in_string = True
            self.hold(text)
        elif token in (b"{", b"["):
            if self.array and not self.begun:
                self.begun, self.depth = True, 1
                self.held, self.start, self.size = [], self.start + self.size + 1, 0
                return
            if not self.array and self.depth == 0:
                yield from self.close(needed=False)  # stray bytes before a value are an item of their own
            self.depth += 1
            self.hold(text)
        elif token in (b"}", b"]"):
            if self.array and self.depth == 1 and token == b"]" and not self.ended:
                yield from self.close(needed=self.comma)
                self.ended, self.depth, self.level = True, 0, 0
                self.skip(1)
                return
            self.depth = max(self.depth - 1, 0)
            self.hold(text)
            if not self.array and self.depth == 0:
                yield from self.close(needed=False)
        elif self.array and self.depth == 1 and not self.ended:
            self.comma = True
            yield from self.close(needed=True)
            self.skip(1)
        else:
            self.hold(text)

    def finish(self) -> Iterator[Item | Broken]:
        cut = self.in_string or self.depth > 0 or (self.array and not self.ended)
        rest = b"".join(self.held).strip(_BLANK)
        if cut:
            self.unit += 1
            yield Broken(self.start, self.unit, Reason.CUT)
        elif rest or self.long:
            yield from self.close(needed=False)


def gathered(found: Iterable[Item | Broken]) -> Iterator[Items | Broken]:
    """The same, items that follow each other together."""
    held: list[Item] = []
    size = 0
    for part in found:
        if isinstance(part, Broken):
            if held:
                yield Items(tuple(held))
            held, size = [], 0
            yield part
            continue
        held.append(part)
        size += len(part.data)
        if len(held) >= _MANY or size >= _LARGE:
            yield Items(tuple(held))
            held, size = [], 0
    if held:
        yield Items(tuple(held))


def split(
    blocks: Iterable[bytes], max_item: int, offset: int, *, array: bool, whole: Callable[[], bool] = lambda: True
) -> Iterator[Item | Broken]:
    """The items of a document, each with its bytes and offset."""
    splitter = _Splitter(max_item, offset, array=array)
    for block in blocks:
        yield from splitter.feed(block)
    if whole():  # else the stream broke off in this item, and whoever reads it says so
        yield from splitter.finish()
