"""The search for listed values: in every decoded form of a text, in plain and as a digest."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from audit.leaks.budget import LAYERS, Budget
from audit.leaks.decode import Blob, forms
from audit.leaks.digests import LEAST, Digests
from audit.leaks.hashes import count, missing
from audit.leaks.needles import Needles
from audit.leaks.screen import Screen
from audit.leaks.seeds import Kind, Seed, SeedList
from audit.model import Grade

_PLAIN_STEPS = frozenset({"percent", "entities", "escape", "json", "quoted-printable", "unicode"})
_GLUED = frozenset({"base64", "hex", "base32"})
_WEAK = re.compile(r"(?:0x)?([0-9a-fA-F]{8})|(-?\d{6,10})")
_HASHED = (Kind.CANARY, Kind.IDENTIFIER)
ENCODINGS = (
    "percent", "entities", "escape", "json", "quoted-printable", "unicode", "reversed", "rot13", "hex", "uuid", "base64",
    "base32", "base58", "bytes", "gzip", "zlib", "deflate", "bzip2", "lz-string", "utf-16", "latin-1",
)  # fmt: skip
"""Every step that a decoding path may name, but for those of hashes."""


class Hit(NamedTuple):
    """A listed value in a text. `seed`: its index; `digest`: found as a hash of it; `weak`: of 32 bits only."""

    seed: int
    kind: Kind
    grade: Grade
    path: tuple[str, ...]
    digest: bool
    weak: bool = False


class Found(NamedTuple):
    """All that was found in a text, and whether something in it was left undecoded."""

    hits: tuple[Hit, ...] = ()
    gave_up: bool = False


NOTHING = Found()


class Search:
    """The values of an audit made searchable. Built once; pure thereafter but for a bounded memo."""

    def __init__(self, listed: SeedList) -> None:
        self.listed = listed
        self.seeds: tuple[Seed, ...] = listed.of(Kind.CANARY, Kind.IDENTIFIER, Kind.DATASOURCE)
        self.needles = Needles(self.seeds)
        self.owners = [index for index, seed in enumerate(self.seeds) if seed.kind in _HASHED]
        salts = [seed.value for seed in listed.of(Kind.SALT)]
        self.digests = Digests([self.seeds[index].value for index in self.owners], salts)
        self.screen = Screen(self.needles, self.digests)
        self.find = lru_cache(maxsize=8192)(self._find)

    def suspect(self, text: str) -> bool:
        """Whether something was found in a text, or could not be looked for."""
        return not self.screen.clean(text) and self.find(text) != NOTHING

    def names(self, text: str) -> bool:
        """Whether a name must not be shown."""
        return self.suspect(text)

    def _find(self, text: str) -> Found:
        if self.screen.clean(text):
            return NOTHING
        budget = Budget()
        found: dict[tuple[int, bool], Hit] = {}
        for form in forms(text, budget):
            hits = self._in_bytes(form) if isinstance(form, Blob) else self._in_text(form.text, form.path)
            for hit in hits:
                found.setdefault((hit.seed, hit.digest), hit)
        return Found(tuple(found.values()), budget.gave_up)

    def _in_text(self, text: str, path: tuple[str, ...]) -> list[Hit]:
        plain = _PLAIN_STEPS.issuperset(path)
        glued = bool(path) and path[-1] in _GLUED
        hits = []
        for owner in self.needles.find(text, glued=glued, plain=plain):
            seed = self.seeds[owner]
            grade = Grade.PROVED if seed.kind is Kind.CANARY or len(seed.value) >= 8 else Grade.STRONG
            hits.append(Hit(owner, seed.kind, grade, path, digest=False))
        if plain and self.digests.weak:
            hits += self._weak(text.strip(), path)
        return hits

    def _in_bytes(self, blob: Blob) -> list[Hit]:
        if len(blob.data) < LEAST or len(blob.path) > LAYERS:
            return []
        match = self.digests.match(blob.data)
        if match is None:
            return []
        index = self.owners[match.owner]
        grade = Grade.PROVED if match.exact and match.form != "domain" else Grade.STRONG
        return [Hit(index, self.seeds[index].kind, grade, (*blob.path, match.name), digest=True)]

    def _weak(self, text: str, path: tuple[str, ...]) -> list[Hit]:
        """A whole text that is a 32-bit hash, as hex or as a number of either sign."""
        found = _WEAK.fullmatch(text) if len(text) <= 11 else None
        if found is None:
            return []
        numbers = [int(found[1], 16), int.from_bytes(bytes.fromhex(found[1]), "little")] if found[1] else []
        if not found[1] or text.isdigit():
            numbers.append(int(text) & 0xFFFFFFFF)
        known = [self.digests.weak[number] for number in numbers if number in self.digests.weak]
        return [
            Hit(self.owners[o], self.seeds[self.owners[o]].kind, Grade.SUSPECTED, (*path, name), digest=True, weak=True)
            for o, name in known[:1]
        ]

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
