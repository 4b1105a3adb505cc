"""Digests of listed values in a compact table: sorted 8-byte beginnings behind a bit map, confirmed by hashing again."""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from audit.leaks.hashes import WEAK, algorithms, nested, salted
from audit.leaks.normal import hashed

LEAST = 8
"""Bytes of a digest that must be there: truncated further, chance makes matches."""
MOST = 500_000_000
"""Bytes that a table may take."""

_WEAK = re.compile(r"(?:0x)?([0-9a-fA-F]{8})|(-?\d{6,10})")
_WHOLE = ("as given", "trimmed", "lower case")
_TAILED = ("md5", "sha1", "sha256", "sha512")
_TAILS = (8, 10, 12, 16, 20, 32)
"""How long an end of a digest may be that was kept of it, in bytes; of the algorithms in wide use and the plain forms only."""
_NAMELESS = ("local part", "domain")
_SLICE = 1_000_000


class Digest(NamedTuple):
    """A match: whose value, by which algorithm, of which form; `exact`: 128 bits or more agree."""

    owner: int
    name: str
    form: str
    exact: bool


class Table(NamedTuple):
    """The first 64 bits of all digests, sorted, and whose each is; a map of bits over them; the same of the hashes of 32
    bits. Numbers of 8, 4, 4, 4 and 1 bytes in whatever memory, also in what processes share: nothing here is ever written."""

    starts: memoryview
    owners: memoryview
    weak: memoryview
    weak_owners: memoryview
    bits: memoryview


class Digests:
    """A table over values, in their order. Read-only once built. `table`: the one that was built of the same before."""

    def __init__(self, values: Sequence[str], salts: Sequence[str] = (), table: Table | None = None) -> None:
        self.values = tuple(values)
        self.known = algorithms()
        self.salts = tuple(salt.encode("utf-8", "surrogatepass") for salt in salts)
        self.use(self._built() if table is None else table)

    def use(self, table: Table) -> None:
        """Look things up here from now on."""
        self.table = table
        self.starts, self.owners, self.weak, self.weak_owners, self.bits = table
        self.shift = 62 - len(self.bits).bit_length()

    def _built(self) -> Table:
        starts, owners = array("Q"), array("I")
        weak, weak_owners = array("I"), array("I")
        for owner, value in enumerate(self.values):
            starts.extend(int.from_bytes(digest[:8], "big") for _, _, digest in self._all(value))
            starts.extend(int.from_bytes(tail[:8], "big") for _, _, tail in self._ends(value))
            owners.extend([owner] * (len(starts) - len(owners)))
            weak.extend(number for number, _ in _weak(value))
            weak_owners.extend([owner] * (len(weak) - len(weak_owners)))
        return Table(*_sorted(starts, owners), *_sorted(weak, weak_owners), _bits(starts))

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

        maybe = heads[self.may_begin((heads >> np.uint64(32)).astype(np.uint32))]
        return bool(self.which_begin(maybe).any())

    def may_begin(self, heads: Any) -> Any:
        """For each of some numbers whether it can be the first 32 bits of a listed value's digest: what is cheap to tell."""
        import numpy as np

        at = heads >> np.uint32(self.shift - 32)
        bits = np.take(np.frombuffer(self.bits, np.uint8), at >> np.uint32(3)) >> (at & np.uint32(7)).astype(np.uint8)
        return bits & 1 == 1

    def which_begin(self, heads: Any) -> Any:
        """For each of some numbers whether it is the first 64 bits of a listed value's digest."""
        import numpy as np

        if not len(heads) or not len(self.starts):
            return np.zeros(len(heads), np.bool_)
        starts = np.frombuffer(self.starts, np.uint64)
        return starts[np.minimum(np.searchsorted(starts, heads), len(starts) - 1)] == heads

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
            for name, form, tail in self._ends(self.values[owner]):
                if tail == data:
                    return Digest(owner, name, form, exact=len(data) >= 16)
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
        return next(filter(None, map(self._weakly, numbers)), None)

    def _weakly(self, number: int) -> tuple[int, str] | None:
        at = bisect_right(self.weak, number) - 1
        if at < 0 or self.weak[at] != number:
            return None
        owner = self.weak_owners[at]
        return next(((owner, name) for other, name in _weak(self.values[owner]) if other == number), None)

    def _ends(self, value: str) -> Iterator[tuple[str, str, bytes]]:
        """The ends of a value's digests, in the same form: what was cut at the front."""
        for form, kind in hashed(value).items():
            if kind in _WHOLE:
                data = form.encode("utf-8", "surrogatepass")
                for name in _TAILED:
                    if name in self.known:
                        yield from ((name, kind, tail) for tail in _tails(self.known[name](data)))

    def _all(self, value: str) -> Iterator[tuple[str, str, bytes]]:
        """Every digest of a value: (algorithm, form, bytes)."""
        for form, kind in hashed(value).items():
            data = form.encode("utf-8", "surrogatepass")
            for name, function in self.known.items():
                yield name, kind, function(data)
            if kind in _WHOLE:
                for name, digest in nested(data, self.known):
                    yield name, kind, digest
            if self.salts and kind not in _NAMELESS:
                for name, digest in salted(data, self.salts, self.known):
                    yield name, kind, digest


def _tails(digest: bytes) -> list[bytes]:
    return [digest[-size:] for size in _TAILS if size < len(digest)]


def room(values: Iterable[str], salts: Sequence[str]) -> int:
    """The bytes of the table that some values need, without hashing any."""
    known, key = algorithms(), [salt.encode("utf-8", "surrogatepass") for salt in salts]
    twice, mixed = sum(1 for _ in nested(b"", known)), sum(1 for _ in salted(b"", key[:1], known)) * len(key)
    kinds = Counter(kind for value in values for kind in hashed(value).values())
    number = kinds.total() * len(known)
    whole = sum(of for kind, of in kinds.items() if kind in _WHOLE)
    number += whole * (twice + sum(len(_tails(known[name](b""))) for name in _TAILED if name in known))
    number += sum(of * mixed for kind, of in kinds.items() if kind not in _NAMELESS)
    return number * 12 + whole * len(WEAK) * 8 + (1 << (61 - _shift(number)))


def _weak(value: str) -> Iterator[tuple[int, str]]:
    """The hashes of 32 bits of a value, and by which algorithm."""
    for form, kind in hashed(value).items():
        if kind in _WHOLE:
            data = form.encode("utf-8", "surrogatepass")
            yield from ((function(data), name) for name, function in WEAK.items())


def _shift(number: int) -> int:
    """How many of 64 bits the map of bits leaves out for so many digests."""
    return 64 - max(16, min(27, number.bit_length() + 6))


def _sorted(keys: array[int], owners: array[int]) -> tuple[memoryview, memoryview]:
    """By key; among equal ones in their order."""
    import numpy as np

    order = np.argsort(np.asarray(keys), kind="stable")
    return np.asarray(keys)[order].data, np.asarray(owners)[order].data


def _bits(starts: array[int]) -> memoryview:
    import numpy as np

    shift = _shift(len(starts))
    bits = np.zeros(1 << (61 - shift), np.uint8)
    for at in range(0, len(starts), _SLICE):
        places = np.asarray(starts)[at : at + _SLICE] >> np.uint64(shift)
        np.bitwise_or.at(bits, places >> np.uint64(3), np.uint8(1) << (places & np.uint64(7)).astype(np.uint8))
    return bits.data
