"""The search for listed values: in every decoded form of a text, in plain and as a digest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from functools import lru_cache
from typing import NamedTuple

from audit.leaks.budget import LAYERS, Budget, bounds
from audit.leaks.decode import Blob, forms, layers
from audit.leaks.digests import LEAST, Digests, Table
from audit.leaks.hashes import count, missing
from audit.leaks.needles import Needles
from audit.leaks.normal import folded
from audit.leaks.screen import Screen
from audit.leaks.seeds import Kind, Seed, SeedList
from audit.leaks.segments import segments
from audit.leaks.views import View
from audit.model import Grade

_PLAIN_STEPS = frozenset({"percent", "entities", "escape", "json", "quoted-printable", "unicode", "concatenation"})
_GLUED = frozenset({"base64", "hex", "base32"})
HASHED = (Kind.CANARY, Kind.IDENTIFIER)
ENCODINGS = (
    "percent", "entities", "escape", "json", "quoted-printable", "unicode", "markup", "concatenation",
    "lines", "reversed", "rot13", "hex", "uuid", "base64",
    "base32", "base58", "bytes", "gzip", "zlib", "deflate", "bzip2", "lz-string", "utf-16", "latin-1",
)  # fmt: skip
"""Every step that a decoding path may name, but for those of hashes."""


class Hit(NamedTuple):
    """A listed value in a text. `seed`: its index; `number`: the auditor's, counted from 1 within its kind; `digest`:
    found as a hash of it; `weak`: of 32 bits only."""

    seed: int
    number: int
    kind: Kind
    grade: Grade
    path: tuple[str, ...]
    digest: bool
    weak: bool = False


class Found(NamedTuple):
    """All that was found in a text, whether something in it was left undecoded, and how many forms, of how many letters,
    were looked at."""

    hits: tuple[Hit, ...] = ()
    gave_up: bool = False
    views: int = 0
    cost: int = 0


NOTHING = Found()
_LONG = 4096
_BRIEF = 12
"""Shorter values are looked for anywhere in what is to be shown."""
_SCREENED = 300
_TOKEN = 100
"""Letters up to which a text may be one token, at its every alignment."""

_HUGE = 262_144
_SIFTED = 4


class Search:
    """The values of an audit made searchable. Built once; pure thereafter but for a bounded memo. `table`: the digests, where
    another process has hashed the values already."""

    def __init__(self, listed: SeedList, table: Table | None = None) -> None:
        self.listed = listed
        self.encodings = ENCODINGS
        self.seeds: tuple[Seed, ...] = listed.of(Kind.CANARY, Kind.IDENTIFIER, Kind.DATASOURCE)
        counted = Counter[Kind]()
        self.numbers = []
        for seed in self.seeds:
            counted[seed.kind] += 1
            self.numbers.append(counted[seed.kind])
        self.needles = Needles(self.seeds)
        self.owners = [index for index, seed in enumerate(self.seeds) if seed.kind in HASHED]
        salts = [seed.value for seed in listed.of(Kind.SALT)]
        self.digests = Digests([self.seeds[index].value for index in self.owners], salts, table)
        self.screen = Screen(self.needles, self.digests)
        brief = [seed.value for seed in self.seeds if len(seed.value) < _BRIEF]
        self._brief = tuple(filter(None, (value.strip().casefold() for value in (*brief, *salts))))
        self._short = lru_cache(maxsize=16384)(self._find)
        self._long = lru_cache(maxsize=16)(self._find)
        self._secret = lru_cache(maxsize=8192)(self.suspect)

    def __reduce__(self) -> tuple[type[Search], tuple[SeedList]]:
        """Another process builds its own from the values."""
        return Search, (self.listed,)

    def find(self, text: str) -> Found:
        """All that can be found in a text; few long ones are remembered."""
        return self._short(text) if len(text) <= _LONG else self._long(text)

    def secret(self, text: str) -> bool:
        """Whether a text must not be shown: remembered, since names repeat."""
        return self._secret(text) if len(text) <= _LONG else True

    def unshown(self, text: str) -> bool:
        """Whether a captured value must stay hidden even where values are revealed: any trace of a listed value, also one
        too short to be a finding inside a longer word, and of a salt."""
        folded = text.casefold()
        return self.secret(text) or any(value in folded for value in self._brief)

    def suspect(self, text: str) -> bool:
        """Whether something was found in a text, or could not be looked for."""
        found = self.find(text)
        return bool(found.hits) or found.gave_up

    def sift(self, texts: Iterable[str]) -> set[str]:
        """Those of some texts that are suspect; beyond a bound, those that would have to be decoded to know."""
        found, left = set(), _SIFTED * bounds().views
        for text in sorted(self.unclear(texts)):
            seen = self.find(text) if left > 0 else None
            left -= seen.views if seen is not None else 0
            if seen is None or seen.hits or seen.gave_up:
                found.add(text)
        return found

    def unclear(self, texts: Iterable[str]) -> set[str]:
        """Those of some texts that are not proved clean."""
        unknown = set(texts).difference(self.screen.dull)
        return set(self.screen.unclear(unknown)) if unknown else unknown

    def split(self, texts: Collection[str]) -> set[str]:
        """Those of some texts, put together of pieces, in which a value stands as it is."""
        return {text for text in texts if self.pieced(text)} if self.spells("\n".join(texts)) else set()

    def spells(self, text: str) -> bool:
        """Whether a value may stand, as it is, in a text put together of pieces."""
        return self.needles.stands(folded(text).encode("utf-8", "surrogatepass"))

    def pieced(self, text: str) -> tuple[Hit, ...]:
        """The values that stand, as they are, in a text put together of pieces."""
        return tuple(self._plain(owner, ()) for owner in dict.fromkeys(self.needles.written(folded(text))))

    @staticmethod
    def screened(text: str) -> int:
        """What it takes to prove a text clean, in letters decoded. The more letters there are, the more of them are words."""
        size = len(text)
        if size <= _TOKEN:
            return _SCREENED + 40 * size
        return _SCREENED + 40 * _TOKEN + 12 * min(size - _TOKEN, _LONG) + 4 * max(size - _TOKEN - _LONG, 0)

    def glance(self, text: str) -> Found:
        """Only what stands in a text as it is, for events that have used up what may be spent on decoding."""
        return Found(tuple(self._in_text(text, ())), gave_up=True, cost=len(text))

    def _find(self, text: str) -> Found:
        if self.screen.clean(text):
            return Found(cost=self.screened(text))
        if len(text) > _HUGE:
            return self.glance(text)
        budget = _half()
        found: dict[tuple[int, bool], Hit] = {}
        for form in forms(text, budget):
            for hit in self._in_bytes(form) if isinstance(form, Blob) else self._in_view(form):
                found.setdefault((hit.seed, hit.digest), hit)
        whole = _half()
        spent = self.screened(text) + whole.size - budget.size
        return Found(tuple(found.values()), budget.gave_up, whole.views - budget.views, spent)

    def _in_view(self, view: View) -> list[Hit]:
        hits = self._in_text(view.text, view.path)
        if layers(view.path) == LAYERS and self.owners:  # the letters in which a digest is printed are no layer more
            for name, data in segments(view.text):
                hits += self._in_bytes(Blob(data, (*view.path, name)))
        return hits

    def _in_text(self, text: str, path: tuple[str, ...]) -> list[Hit]:
        plain = _PLAIN_STEPS.issuperset(path)
        glued = bool(path) and path[-1] in _GLUED
        owners = list(self.needles.find(text, glued=glued, plain=plain))
        if "+" in text and self.needles.spaced:  # a form's way to write a space
            owners += self.needles.find(text.replace("+", " "), glued=glued, plain=False)
        hits = [self._plain(owner, path) for owner in owners]
        weak = self.digests.suspected(text.strip()) if plain else None
        if weak is not None:
            hits.append(self._digest(weak[0], Grade.SUSPECTED, (*path, weak[1])))
        return hits

    def _plain(self, owner: int, path: tuple[str, ...]) -> Hit:
        seed = self.seeds[owner]
        grade = Grade.PROVED if seed.kind is Kind.CANARY or len(seed.value) >= 8 else Grade.STRONG
        return Hit(owner, self.numbers[owner], seed.kind, grade, path, digest=False)

    def _in_bytes(self, blob: Blob) -> list[Hit]:
        if len(blob.data) < LEAST:
            return []
        match = self.digests.match(blob.data)
        if match is None:
            return []
        grade = Grade.PROVED if match.exact and match.form != "domain" else Grade.STRONG
        return [self._digest(match.owner, grade, (*blob.path, match.name))]

    def _digest(self, owner: int, grade: Grade, path: tuple[str, ...]) -> Hit:
        index = self.owners[owner]
        weak = grade is Grade.SUSPECTED
        return Hit(index, self.numbers[index], self.seeds[index].kind, grade, path, digest=True, weak=weak)

    def said(self) -> dict[str, object]:
        """What was searched, as the result says it: numbers and names of methods, never a value."""
        listed = self.listed
        return {
            "canaries": listed.number(Kind.CANARY),
            "identifiers": listed.number(Kind.IDENTIFIER),
            "datasource": listed.number(Kind.DATASOURCE),
            "salts": listed.number(Kind.SALT),
            "layers": LAYERS,
            "encodings": list(ENCODINGS),
            "hashes": count() if self.owners else 0,
            "unavailable": list(missing()),
            "left_out": {reason.value: number for reason, number in listed.left_out},
        }


def _half() -> Budget:
    """What one text may take: all the forms of its event, and half of the bytes."""
    return Budget(size=-(-bounds().size // 2))
