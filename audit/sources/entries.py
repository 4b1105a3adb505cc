"""Finds the entries of a HAR in a stream of bytes: memory stays bounded by one entry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from audit.model import Reason
from audit.sources.around import INSIDE, LEAP, STEP, TO_TEXT, Around

_ENTRIES = re.compile(rb'"entries"\s*:\s*\[')
_MORE = re.compile(rb'"log"\s*:\s*\{|(?="entries"\s*:\s*\[)')
"""Another archive, or the entries after a list of that name that stands elsewhere in this one."""
_LIST = re.compile(rb"\s*\[")
_BETWEEN = b" \t\r\n,"
_KEPT = 64
_BIG = 1 << 20
_NEAR = 1 << 16
_FIRST = re.compile(rb'\{\s*"[^"\\]{1,64}"')
_AFTER = re.compile(rb"\s*,\s*\Z")


class Found(NamedTuple):
    """An entry and its offset. `data` None: it is longer than the bound; `value`: what it says, where it was read already."""

    at: int
    data: bytes | None
    value: Any = None


class Entries:
    """A scanner over blocks: from bracket to bracket in one step, so that long texts cost little. Most entries are small and
    begin as the one before: where the next beginning is seems to be the end of this one, and what reads as JSON up to there is.

    `at`: offset of what is held; `done`: the list of entries has ended; `cut`: after all of it, an end is missing; `lead`,
    `mark`: what stands before an entry, and from the end of one to the first name in the next; `bare`: the list of entries is
    all there is.
    """

    def __init__(self, most: int, offset: int, *, bare: bool = False) -> None:
        self.most, self.at, self.held, self.bare = most, offset, b"", bare
        self.begun = self.done = self.skipping = self.in_text = False
        self.start = self.seen = self.depth = self.wanted = 0
        self.lead = self.mark = b""
        self.around, self.listed = Around(offset), offset

    @property
    def cut(self) -> bool:
        return (not self.done and (self.bare or self.begun)) or self.around.cut

    def feed(self, block: bytes) -> Iterator[Found]:
        """The entries that end in this block."""
        self.held += block
        if len(self.held) < self.wanted:
            return  # a long text is not searched again from its beginning with every block
        yield from self._list()
        while self.done and self._again():
            yield from self._list()
        yield from self._odd()

    def _odd(self) -> Iterator[Found]:
        """What stands around the lists and is no archive: to be told, and read by nobody."""
        odd, self.around.odd = self.around.odd, []
        yield from (Found(at, b"", Reason.NO_ENTRIES) for at in odd)

    def _again(self) -> bool:
        """Whether another archive follows the one that has ended: several of them may stand in one file."""
        if self.bare:
            self.begun = self.done = not self.held.strip()  # else another list must follow, or it is no end
            return not self.done
        found = _MORE.search(self.held)
        self._pass(max(len(self.held) - _KEPT, 0) if found is None else found.end())
        self.begun = self.done = found is None
        self.wanted = 0
        return found is not None

    def _list(self) -> Iterator[Found]:
        """The entries in what is held, up to the end of their list."""
        if self.done:
            return
        if not self.begun and not self._begin():
            return
        yield from self._odd()
        if self.in_text and not self._leave_text():
            return
        yield from self._step()
        self._drop(self.seen if self.skipping or not self.depth else self.start)
        if not self.done and len(self.held) > self.most:
            self._skip()
        self.wanted = 2 * len(self.held) if len(self.held) > _BIG else 0
        self.wanted = min(self.wanted, self.most + _BIG)

    def finish(self) -> Iterator[Found]:
        """What waited for more and got none."""
        self.wanted = 0
        yield from self.feed(b"")
        if self.bare or (self.begun and not self.done):
            return
        self._pass(len(self.held))
        self.around.finish()
        yield from self._odd()

    def _begin(self) -> bool:
        found = (_LIST.match if self.bare else _ENTRIES.search)(self.held)
        if found is None:
            self._pass(max(len(self.held) - _KEPT, 0))
            return False
        self.begun = True
        self._pass(found.end())
        self.around.lists += 1
        self.listed = self.at
        return True

    def _pass(self, size: int) -> None:
        """Go past what is in no list of entries."""
        if not self.bare:
            self.around.read(self.held[:size])
        self._drop(size)

    def _drop(self, size: int) -> None:
        self.held, self.at = self.held[size:], self.at + size
        self.start, self.seen = max(self.start - size, 0), max(self.seen - size, 0)

    def _step(self) -> Iterator[Found]:
        while True:
            while self.mark and not self.depth and (near := self._near()) is not None:
                yield near
            found = (LEAP if self.depth else STEP).match(self.held, self.seen)
            if found is None:
                return
            before, self.seen = self.seen, found.end()
            if not self.depth and (other := self.held[before : self.seen - 1].strip(_BETWEEN)):
                yield Found(self.at + before, other)  # an item that is no entry, such as null
            if found[1] in b"{[":
                if self.depth == 0:
                    self._begins(before, self.seen - 1)
                self.depth += 1
            elif self.depth == 0:
                self.done = True
                if not self.bare:
                    self.around.listed(self.at + self.seen - 1 - self.listed)
                return
            else:
                self.depth -= 1
                if self.depth == 0:
                    long = self.skipping or self.seen - self.start > self.most
                    whole = None if long else self.held[self.start : self.seen]
                    self.skipping = False
                    yield Found(self.at + self.start, whole)

    def _begins(self, before: int, start: int) -> None:
        self.start, self.lead = start, self.held[before:start]
        first = _FIRST.match(self.held, start) if _AFTER.match(self.lead) else None
        self.mark = b"}" + self.lead + first[0] if first is not None else b""

    def _near(self) -> Found | None:
        """The next entry, if it ends where the one after it seems to begin. An object that reads as JSON is one object."""
        import orjson

        start = self.seen + len(self.lead)
        end = self.held.find(self.mark, start, start + min(_NEAR, self.most)) + 1
        if not end or not self.held.startswith(self.mark[1:], self.seen):
            return None
        data = self.held[start:end]
        try:
            value = orjson.loads(data)
        except orjson.JSONDecodeError:
            return None
        self.seen = end
        return Found(self.at + start, data, value)

    def _skip(self) -> None:
        """Let go of an entry that is too long. What is held is a step begun: perhaps inside a text."""
        self.skipping = self.depth > 0
        text = TO_TEXT.match(self.held, self.seen)
        end = text.end() if text is not None else self.seen
        self.in_text = end < len(self.held)
        self._drop(end + 1 if self.in_text else len(self.held))
        if self.in_text:
            self._leave_text()

    def _leave_text(self) -> bool:
        """Pass over the rest of a text that is not wanted; whether it has ended."""
        found = INSIDE.match(self.held)
        end = found.end() if found is not None else 0
        if end < len(self.held) and self.held[end : end + 1] == b'"':
            self.in_text = False
            self._drop(end + 1)
            return True
        self._drop(end)  # a lone backslash stays for the next block
        return False
