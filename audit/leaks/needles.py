"""Listed values in plain text: one automaton over all their written forms, confirmed by what stands around a match."""

from __future__ import annotations

import codecs
import contextlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from audit.leaks.normal import folded, phone_digits, written
from audit.leaks.seeds import Kind, Seed

if TYPE_CHECKING:
    from ahocorasick_rs import BytesAhoCorasick

SHORT = 6
"""Shorter values are found as whole words of plain text only."""

_WORD = re.compile(r"[^\W_]+")
_PRINTED = re.compile(r"\+?\d[\d\s().,'\-/]{5,30}\d")
_NO_DIGIT = re.compile(r"\D")
_NO_DIGITS = bytes(byte for byte in range(256) if not 48 <= byte < 58)
_ADDRESS = "._+-"
_SLACK = 3
_SPLITS_IDS = re.compile(r"[0-9a-f-]+|[0-9a-f]+[^0-9a-z.].*|.*[^0-9a-z.=%&#+~][0-9a-f]+|.*[0-9a-f]{12}.*", re.DOTALL)
"""Forms that may stand in an id, or over an end of one."""

_ASCII = re.compile(r"[\x00-\x7f]+")
_TELLING = 4
_DENSE = 200_000
"""Letters up to which the quick kind of automaton is small enough."""


class _Pattern(NamedTuple):
    text: str
    owner: int
    free: bool
    mail: bool


class Letters(NamedTuple):
    """What all forms that may stand in decoded bytes have in common: the bytes they are made of, in either case, and how many
    the shortest has."""

    those: frozenset[int]
    least: int

    @staticmethod
    def of(folded: Collection[bytes], exact: Collection[bytes]) -> Letters:
        """`folded`: those that are compared in lower case."""
        low = frozenset(b"".join(folded))
        those = frozenset(byte for byte in range(256) if bytes((byte,)).lower()[0] in low)
        return Letters(those.union(b"".join(exact)), min(map(len, (*folded, *exact)), default=0))


class Needles:
    """Automata over the written forms of seeds. `owner` is the seed's index."""

    def __init__(self, seeds: Sequence[Seed]) -> None:
        self.patterns = tuple(_patterns(seeds))
        self.short = {p.text: p for p in self.patterns if len(p.text) < SHORT and p.text.isalnum()}
        self.long = tuple(p for p in self.patterns if p.text not in self.short)
        self.printed = {p.text: p for p in self.patterns if p.text.isdigit() and len(p.text) >= 7}
        self.texts = tuple(p.text.encode("utf-8", "surrogatepass") for p in self.long)
        self.plain = automaton(self.texts, dense=0)
        turned = dict.fromkeys(form for p in self.long for form in _turned(p.text))
        plain = {form: form.encode("utf-8", "surrogatepass") for form in turned}
        self.turned = automaton(plain.values())
        self.around = tuple(data for form, data in plain.items() if _SPLITS_IDS.fullmatch(form))
        self.beside = automaton(self.around)
        values = dict.fromkeys([*(seed.value for seed in seeds), *(p.text for p in self.long)])
        foreign = dict.fromkeys(form for value in values for form in _unfolded(value))
        self.hidden = automaton([*plain.values(), *foreign]) if foreign else self.turned
        broad = dict.fromkeys(form for value in values for form in _broad(value))
        self.wide = automaton(broad) if broad else None
        self.letters = Letters.of((*plain.values(), *foreign), broad)
        self.spaced = any(" " in p.text for p in self.long)
        self.foreign = bool(foreign)

    def touches(self, data: bytes) -> bool:
        """Whether lower-case bytes hold a value of some length as it is, backwards or shifted by 13, whatever is around it."""
        return bool(self.turned.find_matches_as_indexes(data))

    def near_ids(self, data: bytes) -> bool:
        """As `touches`, of those forms only that may stand in an id or over its end."""
        return bool(self.beside.find_matches_as_indexes(data))

    def spelled(self, data: bytes) -> bool:
        """As `touches`, of decoded bytes as they are: letters beyond ASCII have more than one form there."""
        return bool(self.hidden.find_matches_as_indexes(data.lower()))

    def widely(self, data: bytes) -> bool:
        """Whether bytes hold a value in a script beyond Latin as UTF-16."""
        return self.wide is not None and bool(self.wide.find_matches_as_indexes(data))

    def words(self, text: str) -> bool:
        """Whether a short value stands in a text as a word."""
        return bool(self.short) and not self.short.keys().isdisjoint(_WORD.findall(text.lower()))

    def numbers(self, data: bytes) -> bool:
        """Whether the digits of a text, whatever is between them, hold those of a listed number."""
        return bool(self.printed) and self.touches(data.translate(None, _NO_DIGITS))

    def find(self, text: str, *, glued: bool, plain: bool) -> Iterator[int]:
        """The owners of matches in a text. `glued`: it stands among bytes that mean nothing; `plain`: short values count too."""
        low = folded(text)
        yield from self.written(low, glued=glued)
        if plain and self.short:
            for word in _WORD.findall(low):
                if word in self.short:
                    yield self.short[word].owner
        if self.printed:
            yield from self._numbers(low)

    def written(self, low: str, *, glued: bool = False) -> Iterator[int]:
        """The owners of values of some length that stand in a folded text as they are written."""
        data = low.encode("utf-8", "surrogatepass")
        for index, start, end in self.plain.find_matches_as_indexes(data, overlapping=True):
            pattern = self.long[index]
            if pattern.free or _stands_alone(data, start, end, pattern, glued=glued):
                yield pattern.owner

    def stands(self, low: bytes) -> bool:
        """Whether folded bytes hold a value of some length as it is written, whatever is around it."""
        return bool(self.plain.find_matches_as_indexes(low))

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


def automaton(forms: Iterable[bytes], dense: int = _DENSE) -> BytesAhoCorasick:
    from ahocorasick_rs import BytesAhoCorasick, Implementation

    found = list(forms)
    quick = sum(map(len, found)) <= dense
    return BytesAhoCorasick(found, implementation=Implementation.DFA if quick else Implementation.ContiguousNFA)


def _unfolded(value: str) -> Iterator[bytes]:
    """What bytes hold of a value with letters beyond ASCII, whatever the case and form of these: its longest stretch of
    ASCII, or else the value in each form that programs write."""
    value = unicodedata.normalize("NFC", value.strip())
    if value.isascii() or len(value) < SHORT:
        return
    stretch = max(_ASCII.findall(value.lower()), key=len, default="")
    if len(stretch) >= _TELLING:
        yield from map(str.encode, _turned(stretch))
        return
    for text in (value, value.lower(), value.upper(), value.title()):
        for form in (text, unicodedata.normalize("NFD", text), text[::-1]):
            yield form.encode("utf-8", "surrogatepass").lower()
        with contextlib.suppress(UnicodeEncodeError):
            yield text.encode("latin-1").lower()


def _broad(value: str) -> Iterator[bytes]:
    """The forms of a value in UTF-16 where most of it is beyond Latin: there is no ASCII between zeros to be seen."""
    value = unicodedata.normalize("NFC", value.strip())
    if len(value) < _TELLING or max(value) <= "\u02ff":
        return
    for text in (value, value.lower(), value.upper(), value.title()):
        for form in (text, text[::-1]):
            yield from (form.encode(order, "surrogatepass") for order in ("utf-16-le", "utf-16-be"))


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
