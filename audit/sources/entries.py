"""Finds the entries of a HAR in a stream of bytes, without parsing them: memory stays bounded by one entry."""

from __future__ import annotations

import re
from collections.abc import Iterator

_ENTRIES = re.compile(rb'"entries"\s*:\s*\[')
_TEXTS = rb'(?>(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+)'
_STEP = re.compile(_TEXTS + rb"([{}\[\]])", re.DOTALL)
_LEAPS = rb'(?>(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+"|\{' + _TEXTS + rb"\}|\[" + _TEXTS + rb"\])*+)"
_TO_TEXT = re.compile(_LEAPS, re.DOTALL)
_LEAP = re.compile(_LEAPS + rb"([{}\[\]])", re.DOTALL)
"""Inside an entry, objects and lists that hold none are passed over with the texts around them."""
_INSIDE = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_KEPT = 64
_BIG = 1 << 20


class Entries:
    """A scanner over blocks: from bracket to bracket in one step, so that long texts cost little.

    `at`: offset of what is held; `done`: the list of entries has ended.
    """

    def __init__(self, most: int, offset: int) -> None:
        self.most, self.at, self.held = most, offset, b""
        self.begun = self.done = self.skipping = self.in_text = False
        self.start = self.seen = self.depth = self.wanted = 0

    def feed(self, block: bytes) -> Iterator[tuple[int, bytes | None]]:
        """The entries that end in this block with their offsets; None for one that is longer than the bound."""
        if self.done:
            return
        self.held += block
        if len(self.held) < self.wanted:
            return  # a long text is not searched again from its beginning with every block
        if not self.begun and not self._begin():
            return
        if self.in_text and not self._leave_text():
            return
        yield from self._step()
        self._drop(self.seen if self.skipping or not self.depth else self.start)
        if not self.done and len(self.held) > self.most:
            self._skip()
        self.wanted = 2 * len(self.held) if len(self.held) > _BIG else 0
        self.wanted = min(self.wanted, self.most + _BIG)

    def finish(self) -> Iterator[tuple[int, bytes | None]]:
        """What waited for more and got none."""
        self.wanted = 0
        yield from self.feed(b"")

    def _begin(self) -> bool:
        found = _ENTRIES.search(self.held)
        if found is None:
            self._drop(max(len(self.held) - _KEPT, 0))
            return False
        self.begun = True
        self._drop(found.end())
        return True

    def _drop(self, size: int) -> None:
        self.held, self.at = self.held[size:], self.at + size
        self.start, self.seen = max(self.start - size, 0), max(self.seen - size, 0)

    def _step(self) -> Iterator[tuple[int, bytes | None]]:
        while (found := (_LEAP if self.depth else _STEP).match(self.held, self.seen)) is not None:
            self.seen = found.end()
            if found[1] in b"{[":
                if self.depth == 0:
                    self.start = self.seen - 1
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
                    yield self.at + self.start, whole

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
