"""Many literal marks looked for in one pass over a text: the cheap question that comes before every pattern."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Name = TypeVar("Name", bound=Hashable)

_PART = 65_536


class Marks(Generic[Name]):
    """An automaton over the marks of several named things. Linear in the text, whatever the number of marks."""

    def __init__(self, things: Iterable[tuple[Name, Iterable[str]]]) -> None:
        from ahocorasick_rs import AhoCorasick, MatchKind

        pairs = [(mark, name) for name, marks in things for mark in marks]
        self._names = [name for _, name in pairs]
        self._automaton = AhoCorasick([mark for mark, _ in pairs], matchkind=MatchKind.Standard)
        self._over = max((len(mark) for mark, _ in pairs), default=1) - 1

    def of(self, text: str) -> set[Name]:
        """The things of which a mark stands in the text. A long one is asked about in parts: each match costs memory, and
        a mark may stand at every letter."""
        try:
            return self._of(text)
        except UnicodeEncodeError:  # lone surrogates, which are no part of any mark
            return self._of(text.encode("utf-8", "replace").decode())

    def _of(self, text: str) -> set[Name]:
        if len(text) <= _PART:
            return self._in(text)
        return set().union(*(self._in(text[at : at + _PART + self._over]) for at in range(0, len(text), _PART)))

    def _in(self, text: str) -> set[Name]:
        found = self._automaton.find_matches_as_indexes(text, overlapping=True)
        return {self._names[index] for index, _, _ in found} if found else set()
