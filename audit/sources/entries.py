"""Finds the entries of a HAR in a stream of bytes: memory stays bounded by one entry."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from audit.model import Reason

_ENTRIES = re.compile(rb'"entries"\s*:\s*\[')
_MORE = re.compile(rb'"log"\s*:\s*\{|(?="entries"\s*:\s*\[)')
"""Another archive, or the entries after a list of that name that stands elsewhere in this one."""
_LIST = re.compile(rb"\s*\[")
# Groups that give nothing back are written `(?>(?:...)*)`: before 3.11.5, Python reads `(?:...)*+` wrongly.
_TEXTS = rb'(?>(?:[^"{}\[\]]++|"(?>(?:[^"\\]++|\\.)*)")*)'
_STEP = re.compile(_TEXTS + rb"([{}\[\]])", re.DOTALL)
_LEAPS = rb'(?>(?:[^"{}\[\]]++|"(?>(?:[^"\\]++|\\.)*)"|\{' + _TEXTS + rb"\}|\[" + _TEXTS + rb"\])*)"
_TO_TEXT = re.compile(_LEAPS, re.DOTALL)
_LEAP = re.compile(_LEAPS + rb"([{}\[\]])", re.DOTALL)
"""Inside an entry, objects and lists that hold none are passed over with the texts around them."""
_INSIDE = re.compile(rb'(?>(?:[^"\\]++|\\.)*)', re.DOTALL)
_BETWEEN = b" \t\r\n,"
_SOMETHING = re.compile(rb"[^ \t\r\n,]")
_STEPS = ((b"{", 1), (b"[", 1), (b"}", -1), (b"]", -1))
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


class Around:
    """What stands around the lists of entries: whether an archive ends, and what follows one, or stands for one, and is none.

    `lists`: so many lists of entries began in what stands here now; `odd`: offsets of what holds none; `floor`: how deep the
    archives stand, 1 in a list of them.
    """

    def __init__(self, offset: int) -> None:
        self.offset, self.depth, self.lists, self.odd = offset, 0, 0, list[int]()
        self.floor: int | None = None
        self.start: int | None = None
        self.in_text = self.escaped = False

    @property
    def cut(self) -> bool:
        return self.in_text or self.depth > 0

    def read(self, text: bytes) -> None:
        at = self._begin(text) if self.floor is None else self._deep(text)
        while at < len(text):
            if self.in_text:
                at = self._leave(text, at)
            elif self.depth == self.floor:
                at = self._between(text, at)
            else:
                at = self._within(text, at)
        self.offset += len(text)

    def listed(self, size: int) -> None:
        """A list has ended, after so many bytes between its brackets."""
        self.offset += size
        self.read(b"]")

    def finish(self) -> None:
        if self.start is not None and not self.cut:
            self._close()

    def _begin(self, text: bytes) -> int:
        lead = len(text) - len(text.lstrip())
        if lead < len(text):
            self.floor = self.depth = int(text[lead : lead + 1] == b"[")
        return lead + self.depth

    def _deep(self, text: bytes) -> int:
        """At once past a text without texts that is too deep to come to the floor."""
        if self.in_text or b'"' in text or self.depth - text.count(b"}") - text.count(b"]") <= (self.floor or 0):
            return 0
        self.depth += sum(text.count(mark) * step for mark, step in _STEPS)
        return len(text)

    def _close(self) -> None:
        if self.start is not None and not self.lists:
            self.odd.append(self.start)
        self.start, self.lists = None, 0

    def _between(self, text: bytes, at: int) -> int:
        """At the floor: the next object or list, or what is neither and stands before it."""
        found = _SOMETHING.search(text, at)
        if found is None:
            return len(text)
        if found[0] == b"]" and self.floor:
            self._close()
            self.floor = self.depth = 0
            return found.end()
        if found[0] in b"{[":
            self._close()
            self.depth += 1
        self.in_text = found[0] == b'"'
        self.start = self.offset + found.start() if self.start is None else self.start
        return found.end()

    def _within(self, text: bytes, at: int) -> int:
        """Above the floor: from bracket to bracket."""
        found = _LEAP.match(text, at)
        if found is None:
            passed = _TO_TEXT.match(text, at)
            end = passed.end() if passed is not None else at
            self.in_text = end < len(text)
            return end + 1
        self.depth += 1 if found[1] in b"{[" else -1
        if self.depth == self.floor:
            self._close()
        return found.end()

    def _leave(self, text: bytes, at: int) -> int:
        """To the end of a text, which may have begun, or been escaped, in what was read before."""
        found = _INSIDE.match(text, at + self.escaped)
        end = found.end() if found is not None else len(text)
        self.in_text = text[end : end + 1] != b'"'
        self.escaped = text[end : end + 1] == b"\\"
        return end + 1


class Entries:
    """A scanner over blocks: from bracket to bracket in one step, so that long texts cost little. Most entries are small and
    begin as the one before: where the next beginning is seems to be the end of this one, and what reads as JSON up to there is.

    `at`: offset of what is held; `done`: the list of entries has ended; `cut`: after all of it, an end is missing; `lead`,
    `mark`: what stands before an entry, and from the end of one to the first name in the next; `bare`: the list of entries is all there is.
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
        if self.done and not self.bare:
            self.around.listed(self.at - self.listed - 1)
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
            found = (_LEAP if self.depth else _STEP).match(self.held, self.seen)
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
        text = _TO_TEXT.match(self.held, self.seen)
        end = text.end() if text is not None else self.seen
        self.in_text = end < len(self.held)
        self._drop(end + 1 if self.in_text else len(self.held))
        if self.in_text:
            self._leave_text()

    def _leave_text(self) -> bool:
        """Pass over the rest of a text that is not wanted; whether it has ended."""
        found = _INSIDE.match(self.held)
        end = found.end() if found is not None else 0
        if end < len(self.held) and self.held[end : end + 1] == b'"':
            self.in_text = False
            self._drop(end + 1)
            return True
        self._drop(end)  # a lone backslash stays for the next block
        return False
