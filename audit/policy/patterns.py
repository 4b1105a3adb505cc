"""What can be wrong with a regular expression of a pack: told from its parsed form, without running it.

Two engines read a pack's patterns: a linear one (events) and Python's, which backtracks (names, message ids). A pattern must
mean the same in both and must not be able to hang the second.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

_MANY = 32
"""A bounded count from here on is as good as unbounded: 2**32 ways are too many."""
_ALL = frozenset(range(256))
_PORTABLE_ESCAPE = re.compile(r"\\[dDwWsSbBAZzpP1-9]")
_CLASSES = {
    "CATEGORY_DIGIT": frozenset(range(0x30, 0x3A)),
    "CATEGORY_SPACE": frozenset(b" \t\n\r\f\v"),
    "CATEGORY_WORD": frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
    | frozenset(range(128, 256)),
}
_BEYOND = frozenset({128})
"""What stands for every character beyond ASCII: they are taken as one."""


class Pattern:
    """A pattern, parsed. `error` is set where it is none; then nothing else is known of it."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.error: str | None = None
        self._items: list[Any] = []
        try:
            # The parsed form is not public, but it has been the same for ten years, and no public parser is kept.
            parsed = re._parser.parse(text)  # type: ignore[attr-defined]  # noqa: SLF001
            self._items = list(parsed)
            self._width = parsed.getwidth()
        except (re.error, RecursionError, OverflowError) as error:
            self.error = f"not a regular expression: {error}"

    def unanchored(self) -> bool:
        """Whether a part of a longer text can match."""
        first, last = (
            str(items[0][1]) if items and str(items[0][0]) == "AT" else ""
            for items in (self._items[:1], self._items[-1:])
        )
        return first not in ("AT_BEGINNING", "AT_BEGINNING_STRING") or last not in ("AT_END", "AT_END_STRING")

    def longest(self) -> int | None:
        """The most characters that can match; None if there is no bound."""
        most = int(self._width[1])
        return most if most < 1 << 16 else None

    def unportable(self) -> str | None:
        """What engines read differently or not at all."""
        found = _PORTABLE_ESCAPE.search(re.sub(r"\\\\", "", self.text))
        if found:
            return f"{found[0]} is read differently by engines: write the characters as a class"
        if re.search(r"(?<!\\)\(\?(?!:)", self.text):
            return "(?...) but (?:...): look-around, flags, names and atomic groups are not read by every engine"
        if re.search(r"(?<!\\)[*+?}]\+", self.text):
            return "possessive counts are not read by every engine"
        return None

    def slow(self) -> bool:
        """Whether a text exists that the pattern can match in exponentially many ways: an ambiguous repetition of repetitions."""
        return any(_first(body).empty or _ambiguous(body) for body in _repeated(self._items))


def _repeated(items: list[Any]) -> Iterator[list[Any]]:
    """The bodies of all unbounded repetitions, at any depth."""
    for op, arg in items:
        name = str(op)
        if name in ("MAX_REPEAT", "MIN_REPEAT"):
            if int(arg[1]) >= _MANY:
                yield list(arg[2])
            yield from _repeated(list(arg[2]))
        else:
            for inner in _inner(name, arg):
                yield from _repeated(inner)


def _inner(name: str, arg: Any) -> list[list[Any]]:
    if name == "SUBPATTERN":
        return [list(arg[3])]
    if name == "BRANCH":
        return [list(branch) for branch in arg[1]]
    if name in ("ASSERT", "ASSERT_NOT"):
        return [list(arg[1])]
    if name == "ATOMIC_GROUP":
        return [list(arg)]
    return []


def _ambiguous(body: list[Any]) -> bool:
    """Whether the repeated body can cut one text in two ways: alternatives that begin alike, or an inner repetition whose
    characters can also begin the next round."""
    for number, (op, arg) in enumerate(body):
        name = str(op)
        if name in ("MAX_REPEAT", "MIN_REPEAT") and int(arg[1]) >= _MANY:
            inner = _chars(list(arg[2]))
            rest = _first(body[number + 1 :])
            after = rest.chars | (_first(body).chars if rest.empty else frozenset())
            if inner & after:
                return True
        if name == "BRANCH":
            seen: frozenset[int] = frozenset()
            for branch in _inner(name, arg):
                first = _first(branch)
                if first.empty or first.chars & seen:
                    return True
                seen |= first.chars
        for inner_body in _inner(name, arg):
            # The group's end is the body's end where nothing follows it.
            if _ambiguous([*inner_body, *body[number + 1 :]]):
                return True
    return False


class _First:
    """The characters that a sequence can begin with, and whether it can match nothing."""

    __slots__ = ("chars", "empty")

    def __init__(self, chars: frozenset[int], *, empty: bool) -> None:
        self.chars, self.empty = chars, empty


def _first(items: list[Any]) -> _First:
    chars: frozenset[int] = frozenset()
    for op, arg in items:
        name = str(op)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            inner = _first(list(arg[2]))
            found = _First(inner.chars, empty=inner.empty or int(arg[0]) == 0)
        elif name == "BRANCH":
            parts = [_first(branch) for branch in _inner(name, arg)]
            found = _First(frozenset().union(*(p.chars for p in parts)), empty=any(p.empty for p in parts))
        elif name in ("SUBPATTERN", "ATOMIC_GROUP"):
            found = _first(_inner(name, arg)[0])
        elif name in ("AT", "ASSERT", "ASSERT_NOT"):
            found = _First(frozenset(), empty=True)
        else:
            found = _First(_one(name, arg), empty=False)
        chars |= found.chars
        if not found.empty:
            return _First(chars, empty=False)
    return _First(chars, empty=True)


def _chars(items: list[Any]) -> frozenset[int]:
    """Every character that a sequence can hold."""
    found: frozenset[int] = frozenset()
    for op, arg in items:
        name = str(op)
        if name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            found |= _chars(list(arg[2]))
        elif name in ("SUBPATTERN", "BRANCH", "ATOMIC_GROUP"):
            found = found.union(*(_chars(inner) for inner in _inner(name, arg)))
        elif name not in ("AT", "ASSERT", "ASSERT_NOT"):
            found |= _one(name, arg)
    return found


def _one(name: str, arg: Any) -> frozenset[int]:
    """The characters that one item stands for; ASCII as it is, everything beyond as one."""
    if name == "LITERAL":
        return frozenset({int(arg)}) if int(arg) < 128 else _BEYOND
    if name == "NOT_LITERAL":
        return _ALL - {int(arg)}
    if name == "IN":
        return _class(list(arg))
    return _ALL


def _class(items: list[Any]) -> frozenset[int]:
    found: frozenset[int] = frozenset()
    negated = False
    for op, arg in items:
        name = str(op)
        if name == "NEGATE":
            negated = True
        elif name == "RANGE":
            low, high = int(arg[0]), int(arg[1])
            found |= frozenset(range(low, min(high, 127) + 1)) | (_BEYOND if high > 127 else frozenset())
        elif name == "CATEGORY":
            known = _CLASSES.get(str(arg).replace("_NOT", ""), _ALL)
            found |= _ALL - known if "_NOT_" in str(arg) else known
        else:
            found |= _one(name, arg)
    return (_ALL - found) | _BEYOND if negated else found
