"""Texts that fit a pattern, in a few variants each: made from the pattern itself, with no randomness."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from re import _constants as ops  # type: ignore[attr-defined]  # the standard library's own reading of a pattern
from re import _parser  # type: ignore[attr-defined]  # the same module's reader
from typing import Any

VARIANTS = 12
LONGEST = 4096

_CATEGORIES = {
    ops.CATEGORY_DIGIT: "0123456789",
    ops.CATEGORY_NOT_DIGIT: "ab-",
    ops.CATEGORY_WORD: "abz09_",
    ops.CATEGORY_NOT_WORD: "-. ",
    ops.CATEGORY_SPACE: " \t",
    ops.CATEGORY_NOT_SPACE: "ab0",
}
_SOME = "".join(chr(code) for code in range(32, 127))


@lru_cache(maxsize=1024)
def texts(pattern: str) -> tuple[str, ...]:
    """Up to `VARIANTS` different texts that should fit; whoever uses one asks a validator. Empty where none is found."""
    try:
        tree = _parser.parse(pattern)
        made = ["".join(_Variant(number).sequence(tree)) for number in range(VARIANTS)]
    except (re.error, RecursionError, OverflowError, NotImplementedError):
        return ()
    return tuple(dict.fromkeys(text for text in made if len(text) <= LONGEST))


class _Variant:
    """One walk through a pattern: `number` decides which branch, which character and how many."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.turn = 0
        self.left = LONGEST

    def pick(self, count: int) -> int:
        self.turn += 1
        return (self.number * (1 + self.turn % 3) + (self.turn if self.number else 0)) % count

    def sequence(self, tree: Any) -> Iterator[str]:
        for op, given in tree:
            yield from self.one(op, given)

    def one(self, op: Any, given: Any) -> Iterator[str]:
        self.left -= 1
        if self.left < 0:
            raise OverflowError
        if op is ops.LITERAL:
            yield chr(given)
        elif op in (ops.NOT_LITERAL, ops.ANY, ops.IN):
            choices = _choices(op, given)
            yield choices[self.pick(len(choices))]
        elif op is ops.BRANCH:
            ways = given[1]
            yield from self.sequence(ways[self.pick(len(ways))])
        elif op is ops.SUBPATTERN:
            yield from self.sequence(given[3])
        elif op in (ops.MAX_REPEAT, ops.MIN_REPEAT):
            low, high, body = given
            for _ in range(min(high, low + (0, 1, 3)[self.number % 3])):
                yield from self.sequence(body)
        elif op is not ops.AT:
            raise NotImplementedError


def _choices(op: Any, given: Any) -> str:
    if op is ops.ANY:
        return "a0 "
    if op is ops.NOT_LITERAL:
        return "b" if given == ord("a") else "a"
    negated = given[0][0] is ops.NEGATE
    found = "".join(_class(kind, value) for kind, value in given if kind is not ops.NEGATE)
    return ("".join(char for char in _SOME if char not in found) or "\u00e9") if negated else found


def _class(kind: Any, value: Any) -> str:
    if kind is ops.LITERAL:
        return chr(value)
    if kind is ops.RANGE:
        low, high = value
        return "".join(chr(code) for code in sorted({low, min(low + 1, high), (low + high) // 2, high}))
    if kind is ops.CATEGORY:
        return _CATEGORIES[value]
    raise NotImplementedError
