"""Many literal marks looked for in one pass over a text: the cheap question that comes before every pattern."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

Name = TypeVar("Name", bound=Hashable)


class Marks(Generic[Name]):
    """An automaton over the marks of several named things. Linear in the text, whatever the number of marks."""

    def __init__(self, things: Iterable[tuple[Name, Iterable[str]]]) -> None:
        from ahocorasick_rs import AhoCorasick, MatchKind

        pairs = [(mark, name) for name, marks in things for mark in marks]
        self._names = [name for _, name in pairs]
        self._automaton = AhoCorasick([mark for mark, _ in pairs], matchkind=MatchKind.Standard)

    def of(self, text: str) -> set[Name]:
        """The things of which a mark stands in the text."""
        try:
            found = self._automaton.find_matches_as_indexes(text, overlapping=True)
        except UnicodeEncodeError:  # lone surrogates, which are no part of any mark
            text = text.encode("utf-8", "replace").decode()
            found = self._automaton.find_matches_as_indexes(text, overlapping=True)
        return {self._names[index] for index, _, _ in found} if found else set()
