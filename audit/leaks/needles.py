"""Listed values in plain text: one automaton over all their written forms, confirmed by what stands around a match."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from audit.leaks.normal import folded, phone_digits, written
from audit.leaks.seeds import Kind, Seed

SHORT = 6
"""Shorter values are found as whole words of plain text only."""

_WORD = re.compile(r"[^\W_]+")
_PRINTED = re.compile(r"\+?\d[\d\s().\-/]{5,30}\d")
_NO_DIGIT = re.compile(r"\D")
_NO_DIGITS = bytes(byte for byte in range(256) if not 48 <= byte < 58)
_ADDRESS = "._+-"
_SLACK = 3


class _Pattern(NamedTuple):
    text: str
    owner: int
    free: bool
    mail: bool


class Needles:
    """Automata over the written forms of seeds. `owner` is the seed's index."""

    def __init__(self, seeds: Sequence[Seed]) -> None:
        from ahocorasick_rs import BytesAhoCorasick

        self.patterns = tuple(_patterns(seeds))
        self.short = {p.text: p for p in self.patterns if len(p.text) < SHORT and p.text.isalnum()}
        self.long = tuple(p for p in self.patterns if p.text not in self.short)
        self.printed = {p.text: p for p in self.patterns if p.text.isdigit() and len(p.text) >= 7}
        self.plain = BytesAhoCorasick([p.text.encode("utf-8", "surrogatepass") for p in self.long])
        turned = dict.fromkeys(form for p in self.long for form in _turned(p.text))
        self.turned = BytesAhoCorasick([text.encode("utf-8", "surrogatepass") for text in turned])
        self.spaced = any(" " in p.text for p in self.long)
        self.foreign = any(not p.text.isascii() for p in self.long)

    def touches(self, data: bytes) -> bool:
        """Whether lower-case bytes hold a value of some length as it is, backwards or shifted by 13, whatever is around it."""
        return bool(self.turned.find_matches_as_indexes(data))

    def words(self, text: str) -> bool:
        """Whether a short value stands in a text as a word."""
        return bool(self.short) and not self.short.keys().isdisjoint(_WORD.findall(text.lower()))

    def numbers(self, data: bytes) -> bool:
        """Whether the digits of a text, whatever is between them, hold those of a listed number."""
        return bool(self.printed) and self.touches(data.translate(None, _NO_DIGITS))

    def find(self, text: str, *, glued: bool, plain: bool) -> Iterator[int]:
        """The owners of matches in a text. `glued`: it stands among bytes that mean nothing; `plain`: short values count too."""
        low = folded(text)
        data = low.encode("utf-8", "surrogatepass")
        for index, start, end in self.plain.find_matches_as_indexes(data, overlapping=True):
            pattern = self.long[index]
            if pattern.free or _stands_alone(data, start, end, pattern, glued=glued):
                yield pattern.owner
        if plain and self.short:
            for word in _WORD.findall(low):
                if word in self.short:
                    yield self.short[word].owner
        if self.printed:
            yield from self._numbers(low)

    def _numbers(self, text: str) -> Iterator[int]:
        """Numbers printed with spaces, dashes and brackets."""
        for run in _PRINTED.finditer(text):
            digits = _NO_DIGIT.sub("", run[0])
            pattern = self.printed.get(digits)
            if pattern is not None and len(digits) != len(run[0]):
                yield pattern.owner


def _patterns(seeds: Sequence[Seed]) -> Iterator[_Pattern]:
    for owner, seed in enumerate(seeds):
        free = seed.kind is Kind.CANARY
        forms = {"as given": folded(seed.value.strip())} if seed.kind is Kind.DATASOURCE else written(seed.value)
        for text in dict.fromkeys([*forms.values(), *phone_digits(seed.value.strip())[:1]]):
            yield _Pattern(text, owner, free, "@" in text)


def _turned(text: str) -> tuple[str, ...]:
    shifted = codecs.encode(text, "rot13")
    return text, text[::-1], shifted, shifted[::-1]


def _stands_alone(data: bytes, start: int, end: int, pattern: _Pattern, *, glued: bool) -> bool:
    """Whether a match is no part of a longer word, number or address."""
    before, after = data[:start].decode("utf-8", "replace")[-1:], data[end : end + 8].decode("utf-8", "replace")
    if _continues(pattern.text[0], before) or (pattern.mail and before and before in _ADDRESS):
        line = data.rfind(b"\n", 0, start) + 1
        if not glued or start - line > _SLACK:
            return False
    if _continues(pattern.text[-1], after[:1]) or (pattern.mail and after[:1] in (".", "-") and after[1:2].isalnum()):
        line = data.find(b"\n", end)
        return glued and (line if line >= 0 else len(data)) - end <= _SLACK
    return True


def _continues(edge: str, beside: str) -> bool:
    if edge.isdigit():
        return beside.isdigit() or beside.isalpha()
    return edge.isalnum() and beside.isalnum()
