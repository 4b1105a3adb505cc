"""Digests of listed values in a compact table: sorted 8-byte beginnings behind a bit map, confirmed by hashing again."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from audit.leaks.hashes import WEAK, algorithms, nested, salted
from audit.leaks.normal import hashed

LEAST = 8
"""Bytes of a digest that must be there: truncated further, chance makes matches."""

_WEAK = re.compile(r"(?:0x)?([0-9a-fA-F]{8})|(-?\d{6,10})")
_MASK = (1 << 24) - 1
_WHOLE = ("as given", "trimmed", "lower case")


class Digest(NamedTuple):
    """A match: whose value, by which algorithm, of which form; `exact`: 128 bits or more agree."""

    owner: int
    name: str
    form: str
    exact: bool


class Digests:
    """A table over values, in their order. Read-only once built."""

    def __init__(self, values: Sequence[str], salts: Sequence[str] = ()) -> None:
        self.values = tuple(values)
        self.known = algorithms()
        self.salts = tuple(salt.encode("utf-8", "surrogatepass") for salt in salts)
        packed = [
            int.from_bytes(digest[:8], "big") << 24 | owner
            for owner, value in enumerate(self.values)
            for _, _, digest in self._all(value)
        ]
        packed.sort()
        self.starts = array("Q", (item >> 24 for item in packed))
        self.owners = array("I", (item & _MASK for item in packed))
        del packed
        self.shift = 64 - max(16, min(27, len(self.starts).bit_length() + 6))
        self.bits = bytearray(1 << (64 - self.shift - 3))
        for start in self.starts:
            at = start >> self.shift
            self.bits[at >> 3] |= 1 << (at & 7)
        self.weak = {
            function(form.encode("utf-8", "surrogatepass")): (owner, name)
            for owner, value in enumerate(self.values)
            for form, kind in hashed(value).items()
            if kind in _WHOLE
            for name, function in WEAK.items()
        }

    def begins(self, data: bytes) -> bool:
        """Whether some listed value's digest begins with the first 64 bits of these bytes."""
        start = int.from_bytes(data[:8], "big")
        at = start >> self.shift
        if not self.bits[at >> 3] >> (at & 7) & 1 or len(data) < LEAST:
            return False
        found = bisect_left(self.starts, start)
        return found < len(self.starts) and self.starts[found] == start

    def begin(self, heads: Any) -> bool:
        """Whether one of some numbers is the first 64 bits of a listed value's digest. Many are asked for at once."""
        import numpy as np

        at = heads >> np.uint64(self.shift)
        bits = np.frombuffer(self.bits, np.uint8)[at >> np.uint64(3)] >> (at & np.uint64(7)).astype(np.uint8)
        maybe = heads[bits & 1 == 1]
        if not len(maybe) or not len(self.starts):
            return False
        starts = np.frombuffer(self.starts, np.uint64)
        found = np.minimum(np.searchsorted(starts, maybe), len(starts) - 1)
        return bool((starts[found] == maybe).any())

    def match(self, data: bytes) -> Digest | None:
        """The digest that these bytes are, or are the beginning of (64 bits or more), or begin with as a whole."""
        if not self.begins(data):
            return None
        start = int.from_bytes(data[:8], "big")
        at = bisect_left(self.starts, start)
        while at < len(self.starts) and self.starts[at] == start:
            owner = self.owners[at]
            for name, form, digest in self._all(self.values[owner]):
                size = min(len(data), len(digest))
                if digest[:size] == data[:size]:
                    return Digest(owner, name, form, exact=size >= 16)
            at += 1
        return None

    def suspected(self, text: str) -> tuple[int, str] | None:
        """Whose 32-bit hash a whole text may be, as hex or as a number of either sign, and by which algorithm."""
        found = _WEAK.fullmatch(text) if 6 <= len(text) <= 11 else None
        if found is None:
            return None
        numbers = [int(found[1], 16), int.from_bytes(bytes.fromhex(found[1]), "little")] if found[1] else []
        if not found[1] or text.isdigit():
            numbers.append(int(text) & 0xFFFFFFFF)
        return next((self.weak[number] for number in numbers if number in self.weak), None)

    def _all(self, value: str) -> Iterator[tuple[str, str, bytes]]:
        """Every digest of a value: (algorithm, form, bytes)."""
        for form, kind in hashed(value).items():
            data = form.encode("utf-8", "surrogatepass")
            for name, function in self.known.items():
                yield name, kind, function(data)
            if kind in _WHOLE:
                for name, digest in nested(data, self.known):
                    yield name, kind, digest
            if self.salts and kind not in ("local part", "domain"):
                for name, digest in salted(data, self.salts, self.known):
                    yield name, kind, digest
