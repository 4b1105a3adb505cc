"""Random ids of many lines at once: where among them a listed value may stand, encoded or hashed.

The vector form of the questions that `ids` and `screen` ask. Only what it points at is asked there: of a thousand random ids
hardly one is. Law, property-tested: a text is clean whose ids it points past, if it is clean around them.

Every digit of the ids may begin a byte. So all alignments are decoded by one shift, and read backwards by swapping the two
digits of each byte: a run of letters is one in either direction. What every other byte says is then compared by steps of two.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from audit.leaks.digests import LEAST, Digests
from audit.leaks.ids import disguised, marked, readable
from audit.leaks.needles import Needles
from audit.leaks.runs import Bytes, Ids, Places
from audit.leaks.streams import END, HEAD, begun, perhaps_streams

_HEX = "0123456789abcdef"
_NIBBLES = bytes(_HEX.index(chr(byte)) if chr(byte) in _HEX else 15 for byte in range(256))
_BEHIND = b"\x07\x0f" * 16
"""Stands behind the last id, so that one can read on there: bytes that are nothing."""

_SWAPPED = bytes((byte >> 4) | (byte & 15) << 4 for byte in range(256))

_LISTED, _READS, _FAR, _NOTHING, _ALL_ONES = 1, 4, 16, 64, 128
"""What a byte may be: of a listed value, printable, of a letter far beyond ASCII, 00, FF. Zeros may stand between those of the
first three, as in UTF-16. The next bit is the same of the byte read backwards."""

_TEN = 10
"""Printable bytes in a row are long enough to be encoded once more."""

_EIGHT = 8
"""Of nine bytes of letters far beyond ASCII."""

_MARK, _PACKED, _FIRST, _SECOND, _NUMBER = 1, 4, 16, 32, 64
"""What four digits may be: the begin of a mark that `ids` knows, in either direction; of a stream of zlib, likewise; the first
four of a listed value of hex digits; its next four; decimal."""

_MARKS = (
    *(
        b"\xc2\xad",
        b"\xf0\x9d",
        b"\xe2\x92",
        b"\xe2\x93",
        b"\xe2\x80",
        b"\xe2\x81",
        b"\xef\xbb",
        b"\xef\xbc",
        b"\xef\xbd",
    ),
    *(b"\x1f\x8b", b"BZ"),
)
_ZLIB = (b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")
_BEFORE, _AFTER = 12, 28
"""Bytes around the begin of a mark in which all of it stands, be there up to three zeros behind each byte."""

_MOST = 256
_EACH = 1024
"""Texts and streams that are asked about: one for so many digits, a few in any case. Random ids hold a fifth of that. Where there
are more, each of their lines is looked at by itself."""

_CHECKED = 8
"""Digits of a listed value of hex digits that are compared at once."""


class _Heads(NamedTuple):
    """Listed values that are hex digits alone; how many the shortest has; their first eight as numbers, sorted, where all
    have as many."""

    forms: tuple[bytes, ...]
    size: int
    firsts: NDArray[np.uint32]


class _Part(NamedTuple):
    """What ids say from some places on."""

    places: list[int]
    data: bytes


def _joined(parts: Sequence[Ids]) -> Ids:
    begins = accumulate((len(one.text) + 1 for one in parts), initial=0)
    spans = [(one.starts + begin, one.ends + begin) for one, begin in zip(parts, begins, strict=False)]
    starts, ends = zip(*spans, strict=True)
    return Ids(b"\n".join(one.text for one in parts), np.concatenate(starts), np.concatenate(ends))


class Sieve:
    """Points at ids that may hold something. Read-only once built."""

    def __init__(
        self,
        needles: Needles,
        digests: Digests,
        deeper: Callable[[str], bool],
        packs_nothing: Callable[[bytes], bool],
        holds_nothing: Callable[[bytes], bool],
    ) -> None:
        """`deeper`: whether what ids spell is clean; `packs_nothing`: whether what bytes inflate to is; `holds_nothing`:
        whether bytes are."""
        self.needles, self.digests = needles, digests
        self.deeper, self.packs_nothing, self.holds_nothing = deeper, packs_nothing, holds_nothing
        self.kinds = _kinds(needles.letters.those)
        self.least = max(needles.letters.least, 1)
        self.heads = _heads(needles.around)
        self.fours = _fours(self.heads)

    def caught(self, parts: Sequence[Ids]) -> list[Places]:
        """Places of ids in which something may stand, for each of some data."""
        ids = _joined(parts)
        if not len(ids.starts):
            return [np.zeros(0, np.intp) for _ in parts]
        found = np.sort(self._caught(ids))
        begins = np.cumsum([0, *(len(one.text) + 1 for one in parts)])
        parted = np.split(found, np.searchsorted(found, begins[1:-1]))
        return [
            np.minimum(mine - begin, len(one.text) - 1)
            for mine, begin, one in zip(parted, begins.tolist(), parts, strict=False)
        ]

    def _caught(self, ids: Ids) -> Places:
        digits = np.frombuffer(ids.text.translate(_NIBBLES) + _BEHIND, np.uint8)
        pairs = digits[:-1] << np.uint8(4) | digits[1:]
        fours = pairs[:-2].astype(np.uint16) << np.uint16(8) | pairs[2:]
        marks: Bytes = np.take(self.fours, fours)
        decoded = _Decoded(pairs.tobytes())
        singly = [*self._letters(decoded, ids), *self._marks(decoded, marks, ids), *self._numbers(ids, marks)]
        return np.concatenate((np.array(singly, np.intp), self._whole(fours, marks), self._begun(ids, fours)))

    def _letters(self, decoded: _Decoded, ids: Ids) -> Iterator[int]:
        """Where bytes in a row may be a listed value, or a text that may be encoded in turn."""
        kinds = np.frombuffer(bytearray(decoded.forth.translate(self.kinds)), np.uint8)
        kinds[ids.ends] = kinds[ids.ends - 1] = 0  # no row goes on from one id to the next
        two = kinds[:-2] & kinds[2:]
        four: Bytes = two[:-4] & two[4:]
        eight: Bytes = four[:-8] & four[8:]
        ten: Bytes = eight[:-4] & two[16:]
        yield from _places(four, _NOTHING).tolist()
        yield from _places(kinds[:-8] & kinds[4:-4] & kinds[8:], _ALL_ONES).tolist()  # full width in UTF-16
        listed = _in_a_row(kinds, self.least)
        texts: list[_Part] = []
        for back in (0, 1):
            rows = decoded.rows(_places(listed, _LISTED << back), self.least, back)
            yield from _which(rows, self._is_listed)
            yield from _which(decoded.rows(_places(eight, _FAR << back), _EIGHT, back), disguised)
            for places, data in decoded.rows(_places(ten, _READS << back), _TEN, back):
                texts += (_Part(places, text) for text in {*readable(data.replace(b"\0", b"")), *readable(data)})
        if len(texts) > decoded.most or (texts and not self._says_nothing({text for _, text in texts})):
            few = texts if len(texts) <= decoded.most else ()
            clean = {text for _, text in few if self._says_nothing((text,))}
            yield from (at for places, text in texts if text not in clean for at in places)

    def _is_listed(self, data: bytes) -> bool:
        return self.needles.spelled(data.replace(b"\0", b"")) or self.needles.widely(data)

    def _says_nothing(self, texts: Collection[bytes]) -> bool:
        return self.deeper(b"\n".join(sorted(texts)).decode("ascii"))

    def _marks(self, decoded: _Decoded, marks: Bytes, ids: Ids) -> Iterator[int]:
        """Where what is packed begins, or letters in disguise."""
        for back in (0, 1):
            around = (_Part([at], decoded.around(at, back)) for at in _places(marks, _MARK << back).tolist())
            yield from _which(around, _is_marked)
            packed = _places(marks, _PACKED << back)
            whose = (np.searchsorted(ids.ends, packed, side="right")).tolist()
            for at, number in zip(packed.tolist(), whose, strict=True):
                if number < len(ids.ends) and at >= ids.starts[number]:
                    data = decoded.on(at, int(ids.starts[number] if back else ids.ends[number]), back)
                    if len(packed) > decoded.most or not all(map(self.holds_nothing, begun(data))):
                        yield at

    def _numbers(self, ids: Ids, marks: Bytes) -> Iterator[int]:
        """The ids of digits alone, where numbers are listed."""
        if self.needles.printed:
            starts = ids.starts
            maybe = _places(marks[starts] & marks[starts + 4] & marks[starts + 8], _NUMBER)
            spans = zip(starts[maybe].tolist(), ids.ends[maybe].tolist(), strict=True)
            yield from (start for start, end in spans if ids.text[start:end].isdigit())

    def _whole(self, fours: NDArray[np.uint16], marks: Bytes) -> Places:
        """Where a listed value of hex digits begins."""
        found = _places(marks[:-4] & marks[4:] >> np.uint8(1), _FIRST)
        if self.heads.size < _CHECKED or not len(found):
            return found
        asked = fours[found].astype(np.uint32) << 16 | fours[found + 4]
        firsts = self.heads.firsts
        known: NDArray[np.bool_] = firsts[np.minimum(np.searchsorted(firsts, asked), len(firsts) - 1)] == asked
        return found[known]

    def _begun(self, ids: Ids, fours: NDArray[np.uint16]) -> Places:
        """The ids that begin a listed digest or a deflated stream, read from either end or from the second digit."""
        long = ids.ends - ids.starts >= 2 * LEAST
        starts, ends = ids.starts[long], ids.ends[long]
        steps = np.arange(0, 2 * LEAST, 4)
        forth = fours[np.concatenate((starts, starts + 1))[:, None] + steps]
        back = _TURNED[fours[(ends - 4)[:, None] - steps]]
        number = len(starts)
        heads = (
            np.concatenate((forth[:number], back, forth[number:])).astype(">u2").view(">u8").ravel().astype(np.uint64)
        )
        places = np.concatenate((starts, starts, starts))
        hashed = np.flatnonzero(self.digests.may_begin((heads >> np.uint64(32)).astype(np.uint32)))
        hashed = hashed[self.digests.which_begin(heads[hashed])]
        sizes = (ends - starts) // 2
        packed = [
            at
            for at in perhaps_streams(heads[: 2 * number], np.concatenate((sizes, sizes))).tolist()
            if self._packs(ids.text[starts[at % number] : ends[at % number]], back=at >= number)
        ]
        found: Places = places[np.concatenate((hashed, np.array(packed, np.intp)))]
        return found

    def _packs(self, digits: bytes, *, back: bool) -> bool:
        """Whether an id, read in one direction, is a deflated stream of something."""
        whole = (digits[::-1] if back else digits)[: len(digits) & ~1]
        return not self.packs_nothing(bytes.fromhex(whole.decode("ascii")))


class _Decoded:
    """What the digits of ids say at any place as the first digit of a byte. `back`: read backwards, 0 or 1."""

    def __init__(self, forth: bytes) -> None:
        self.forth = forth
        self.turned = forth.translate(_SWAPPED)
        self.most = max(_MOST, len(forth) // _EACH)

    def rows(self, found: Places, size: int, back: int) -> Iterator[_Part]:
        """The bytes in a row of which each `size` begin at a place, as long as can be, and these places: a row may begin before
        the id that holds something."""
        for odd in (0, 1):
            mine = found[found & 1 == odd]
            if len(mine):
                parted = np.flatnonzero(np.diff(mine) > 2)
                for places in np.split(mine, parted + 1):
                    yield _Part(places.tolist(), self._cut(int(places[0]), int(places[-1]) + 2 * size, back))

    def around(self, at: int, back: int) -> bytes:
        """What stands around two bytes."""
        before, after = (_AFTER, _BEFORE) if back else (_BEFORE, _AFTER)
        return self._cut(at - 2 * before if at >= 2 * before else at & 1, at + 2 * after, back)

    def on(self, at: int, end: int, back: int) -> bytes:
        """What an id says from two bytes on to its end, as much as is looked at of a stream."""
        if back:
            return self._cut(max(end + (at - end & 1), at + 2 - 2 * HEAD), at + 3, back)
        return self._cut(at, min(end - 1, at + 2 * HEAD), back)

    def _cut(self, first: int, end: int, back: int) -> bytes:
        return self.turned[first:end:2][::-1] if back else self.forth[first:end:2]


def _is_marked(data: bytes) -> bool:
    flat = data.replace(b"\0", b"")
    return marked(flat) or disguised(flat)


def _which(parts: Iterable[_Part], ask: Callable[[bytes], bool]) -> Iterator[int]:
    """The places of those parts of which something holds: first it is asked of all together."""
    known = list(parts)
    if known and ask(END.join(data for _, data in known)):
        yield from (at for places, data in known if ask(data) for at in places)


def _places(flags: Bytes, flag: int) -> Places:
    places: Places = np.flatnonzero(flags & np.uint8(flag) != 0)  # truths are found much faster than numbers
    return places


def _in_a_row(kinds: Bytes, size: int) -> Bytes:
    """The kinds that as many bytes from a place on have in common."""
    row, of = kinds, 1
    while of < size:
        more = min(of, size - of)
        row, of = row[: -2 * more] & row[2 * more :], of + more
    return row


def _kinds(listed: frozenset[int]) -> bytes:
    reads = {*range(32, 127), *b"\t\r\n"}
    forth = [
        _LISTED * (byte in listed) | _READS * (byte in reads) | _FAR * (0x80 <= byte <= 0xBF or 0xE1 <= byte <= 0xEF)
        for byte in range(256)
    ]
    forth[0] = _LISTED | _READS | _FAR
    kinds = [kind | forth[_SWAPPED[byte]] << 1 for byte, kind in enumerate(forth)]
    kinds[0] |= _NOTHING
    kinds[255] |= _ALL_ONES
    return bytes(kinds)


def _heads(forms: Iterable[bytes]) -> _Heads:
    digits = [form.replace(b"-", b"") for form in forms if not form.translate(None, _HEX.encode() + b"-")]
    size = min((len(form) for form in digits if form), default=_CHECKED)
    firsts = {int(form[:_CHECKED], 16) for form in digits if form} if size >= _CHECKED else set()
    return _Heads(tuple(form for form in digits if form), size, np.array(sorted(firsts), np.uint32))


_ALL = np.arange(65536, dtype=np.uint16)
_TURNED = _ALL << 12 | (_ALL & 0xF0) << 4 | (_ALL >> 4 & 0xF0) | _ALL >> 12
"""Four digits, read backwards."""


def _fours(heads: _Heads) -> Bytes:
    """For four digits, what they may be."""
    table = np.zeros(65536, np.uint8)
    begins = [int.from_bytes(mark, "big") for mark in (*_MARKS, *(mark[:1] + b"\0" for mark in _MARKS))]
    begins += [*range(0x200B, 0x2010), *range(0x0B20, 0x1020, 0x100)]  # letters that nobody sees, in UTF-16
    table[begins] |= _MARK
    table[[int.from_bytes(mark, "big") for mark in _ZLIB]] |= _PACKED
    table |= (table[_TURNED] & (_MARK | _PACKED)) << 1
    table[[int(str(number), 16) for number in range(10_000)]] |= _NUMBER
    if heads.size < 4:
        table |= _FIRST
    if heads.size < _CHECKED:
        table |= _SECOND
    for form in heads.forms:
        if len(form) >= 4:
            table[int(form[:4], 16)] |= _FIRST
        if len(form) >= _CHECKED:
            table[int(form[4:8], 16)] |= _SECOND
    return table
