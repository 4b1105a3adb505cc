"""What stands around the entries of HAR archives, which nobody judges: where an archive ends, and what is none."""

from __future__ import annotations

import re

# Groups that give nothing back are written `(?>(?:...)*)`: before 3.11.5, Python reads `(?:...)*+` wrongly.
_TEXTS = rb'(?>(?:[^"{}\[\]]++|"(?>(?:[^"\\]++|\\.)*)")*)'
STEP = re.compile(_TEXTS + rb"([{}\[\]])", re.DOTALL)
_LEAPS = rb'(?>(?:[^"{}\[\]]++|"(?>(?:[^"\\]++|\\.)*)"|\{' + _TEXTS + rb"\}|\[" + _TEXTS + rb"\])*)"
TO_TEXT = re.compile(_LEAPS, re.DOTALL)
LEAP = re.compile(_LEAPS + rb"([{}\[\]])", re.DOTALL)
"""Inside an entry, objects and lists that hold none are passed over with the texts around them."""
INSIDE = re.compile(rb'(?>(?:[^"\\]++|\\.)*)', re.DOTALL)
_SOMETHING = re.compile(rb"[^ \t\r\n,]")
_STEPS = ((b"{", 1), (b"[", 1), (b"}", -1), (b"]", -1))


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
        found = LEAP.match(text, at)
        if found is None:
            passed = TO_TEXT.match(text, at)
            end = passed.end() if passed is not None else at
            self.in_text = end < len(text)
            return end + 1
        self.depth += 1 if found[1] in b"{[" else -1
        if self.depth == self.floor:
            self._close()
        return found.end()

    def _leave(self, text: bytes, at: int) -> int:
        """To the end of a text, which may have begun, or been escaped, in what was read before."""
        found = INSIDE.match(text, at + self.escaped)
        end = found.end() if found is not None else len(text)
        self.in_text = text[end : end + 1] != b'"'
        self.escaped = text[end : end + 1] == b"\\"
        return end + 1
