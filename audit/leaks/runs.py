"""Random ids in bulk: where among thousands of them encoded text or a number with check digits may stand.

The vector form of the question that `room` asks of a few ids; what it points at is asked again there.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from audit.leaks.room import (
    BLOCK32,
    DEFLATED,
    FULL_WIDTH,
    LONGEST_ID,
    PACKED,
    UNSEEN,
    WHOLE_ID,
    is_stream,
    unpacks,
)

Bytes: TypeAlias = NDArray[np.uint8]
Places: TypeAlias = NDArray[np.intp]

SHORTEST = 12
"""Runs of hex digits and dashes of this length or more are ids."""

_DASH = 45
_ONE = np.uint8(1)
_UNSEEN = re.compile(FULL_WIDTH.pattern.encode() + b"|" + UNSEEN.pattern.encode())
_LONGEST_WORD = 22
"""Twice the bytes of the longest text that is looked for as a whole id; longer ones show in a window."""


def _flags(*sets: str) -> bytes:
    """For each byte, bit n is set where it stands in the n-th set."""
    return bytes(sum((chr(byte) in chars) << bit for bit, chars in enumerate(sets)) for byte in range(256))


_HEX = "0123456789abcdef"
_KINDS = _flags("234567", "0", _HEX, "e", "f2", "b8", "cd0")
"""The first digit of a printable byte; a zero; a digit at all; then what a mark of unseen letters begins with."""


def _pairs(*heads: tuple[str, str]) -> Bytes:
    """For each pair of digits as a number, the first in its lower byte, bit n is set where it stands in the n-th square of
    first by second digits."""
    table = np.zeros(1 << 16, np.uint8)
    for bit, (firsts, seconds) in enumerate(heads):
        for first in set(firsts) & set(_HEX):
            for second in set(seconds) & set(_HEX):
                table[ord(first) | ord(second) << 8] |= 1 << bit
    return table


_ANY = "0123456789"
_ODD, _EVEN = "13579bdf", "02468ace"
_HEADS = _pairs(("1742", "f82"), ("abde", "ade"), (BLOCK32[0], BLOCK32[1]), (_ODD, "3"), (_EVEN, "b"))
_NECKS = _pairs(("8059d", "b1eca"), (_ANY, _ANY), (BLOCK32[2], BLOCK32[3]), (_ODD, "01234567"), (_EVEN, "89abcdef"))
_NECKS |= ((_NECKS & 8) << 1) | ((_NECKS & 16) >> 1)
"""How an id may begin that is something as a whole: packed, a number of an account, letters of base32, or deflated. What
is packed may stand backwards too."""
_THIRD = _pairs((_HEX, _HEX), (_ANY, _ANY), (BLOCK32[4], BLOCK32[5]))
_FOURTH = _pairs((_HEX, _HEX), (_ANY, _ANY), (BLOCK32[6], BLOCK32[7]))
"""How the first three of these go on: asked of the few that begin so."""


def _letters() -> NDArray[np.bool_]:
    """For each two bytes of a deflated stream, the first in the lower byte, whether what begins at the fourth bit is a letter
    of ASCII in the fixed codes."""
    table = np.zeros(1 << 16, np.bool_)
    for letter in range(0x20, 0x7F):
        code = int(f"{letter + 0x30:08b}"[::-1], 2)  # codes are packed from their highest bit on
        table.reshape(32, 256, 8)[:, code] = True
    return table


_LETTERS = _letters()
_STREAM = np.uint8(8 | 16)
"""Those of what is deflated: its first letters, which its third is like."""
_OWN_CODES = 80
"""Digits of an id that may be deflated with codes of its own."""


def runs(data: Bytes) -> tuple[Bytes, Bytes]:
    """For each byte, whether it lies in a run of at least 12 hex digits and dashes, and whether it is a digit in one or any
    digit from 0 to 9."""
    digits = ((data - np.uint8(48)) < 10).view(np.uint8)
    hexes = digits | ((data - np.uint8(97)) < 6).view(np.uint8)
    inside = hexes | (data == _DASH).view(np.uint8)
    if len(data) < SHORTEST:
        return np.zeros_like(inside), digits
    two = inside[:-1] & inside[1:]
    four = two[:-2] & two[2:]
    start = np.zeros_like(inside)
    start[: 1 - SHORTEST] = four[:-8] & four[4:-4] & four[8:]
    start[1:] |= start[:-1].copy()
    start[2:] |= start[:-2].copy()
    fours = start.copy()
    start[4:] |= fours[:-4]
    start[8:] |= fours[:-8]
    return start, digits | (start & hexes)


class Ids(NamedTuple):
    """Ids without their dashes, one byte behind each that is no digit. `starts`, `ends`: of those that have as many digits as
    an id."""

    text: bytes
    starts: Places
    ends: Places


class Picked(NamedTuple):
    """The ids of some data. `kept`: which bytes of the data they are."""

    kept: NDArray[np.bool_]
    ids: Bytes
    kinds: Bytes
    all: Ids

    def shown(self, which: Places) -> Iterator[tuple[int, str]]:
        """Where some ids begin, and they themselves as lines."""
        starts, ends = self.all.starts[which].tolist(), self.all.ends[which].tolist()
        return ((at, f"\n{self.all.text[at:end].decode('ascii')}\n") for at, end in zip(starts, ends, strict=True))

    def where(self, found: Places) -> Places:
        """Where places of the ids are in the data."""
        return np.flatnonzero(self.kept)[found] if len(found) else found


def pick(data: Bytes, inside: Bytes) -> Picked:
    """The ids out of some data. `inside`: the runs, as told by `runs`."""
    kept = inside.copy()
    kept[1:] |= inside[:-1]  # what follows a run ends it: it is no digit
    kept &= (data != _DASH).view(np.uint8)
    chosen = kept.view(np.bool_)
    ids = data[chosen]
    text = ids.tobytes()
    kinds = np.frombuffer(text.translate(_KINDS), np.uint8)
    ends = np.flatnonzero(kinds == 0)
    if not len(ends) or ends[-1] != len(ids) - 1:
        ends = np.append(ends, len(ids))
    starts = np.concatenate((np.zeros(1, np.intp), ends[:-1] + 1))
    long = ends - starts >= SHORTEST  # a run may hold less than that, beside its dashes
    return Picked(chosen, ids, kinds, Ids(text, starts[long], ends[long]))


def suspects(picked: Picked) -> Places:
    """Places of ids that are no mere ids."""
    if not len(picked.all.starts):
        return np.zeros(0, np.intp)
    kinds = picked.kinds
    return np.concatenate((*_windows(kinds), _hidden(kinds, picked.all.text), _whole(picked)))


def _windows(kinds: Bytes) -> tuple[Places, ...]:
    """Where twelve printable bytes stand in a row, or three letters of UTF-16."""
    if len(kinds) < 24:
        return ()
    two = kinds[:-2] & kinds[2:]
    four = two[:-4] & two[4:]
    eight = four[:-8] & four[8:]
    wide = (kinds[:-2] & kinds[1:-1] & 2) & (kinds[2:] << 1 & 2)
    return _places(eight[:-8] & four[16:] & _ONE), _places((wide[:-8] & wide[4:-4] & wide[8:]) >> _ONE)


def _places(ones: NDArray[np.integer]) -> Places:
    """Where ones stand among zeros: as truths they are found much faster than as numbers."""
    places: Places = np.flatnonzero(ones.view(np.bool_))
    return places


def _hidden(kinds: Bytes, text: bytes) -> Places:
    """Where letters of full width or spaces without width stand."""
    heads = (kinds[:-3] >> 3) & (kinds[1:-2] >> 4) & (kinds[2:-1] >> 5) & (kinds[3:] >> 6)
    return np.array([at for at in _places(heads & _ONE).tolist() if _UNSEEN.match(text, at)], np.intp)


def _whole(picked: Picked) -> Places:
    """The ids that are something as a whole, or begin with something."""
    ids, (_, starts, ends) = picked.ids, picked.all
    sizes = ends - starts
    eights = np.lib.stride_tricks.as_strided(ids, (len(ids) - 7, 8), (1, 1), writeable=False)
    first, second, third, fourth = eights[starts].view("<u2").T
    heads = _HEADS[first] & _NECKS[second]
    whole = np.flatnonzero((heads & ~_STREAM != 0) | (sizes <= _LONGEST_WORD))
    goes_on = heads[whole] & _THIRD[third[whole]] & _FOURTH[fourth[whole]] & ~_STREAM
    whole = whole[(goes_on != 0) | (sizes[whole] <= _LONGEST_WORD)]
    _, _, before, last = eights[ends - 8].view(">u2").T
    tails = _HEADS[last] & _NECKS[before] & _ONE
    turned = np.flatnonzero(tails)
    stream = np.flatnonzero((heads & _NECKS[third] & _STREAM != 0) | (sizes >= _OWN_CODES))
    stream = stream[_spells(eights[starts[stream]]) | (sizes[stream] >= _OWN_CODES)]
    found = {
        at for at, run in picked.shown(whole) if WHOLE_ID.match(run) or (PACKED.match(run) and unpacks(run.strip()))
    }
    found |= {at for at, run in picked.shown(turned) if PACKED.match(run[::-1]) and unpacks(run.strip()[::-1])}
    found |= {at for at, run in picked.shown(stream) if (match := DEFLATED.match(run)) and is_stream(match[1])}
    found.update(starts[sizes > LONGEST_ID].tolist())
    return np.array(sorted(found), np.intp)


def _spells(eights: Bytes) -> NDArray[np.bool_]:
    """Whether ids may begin as a text that is deflated with fixed codes: their first three letters are some that a text has.
    `eights`: their first digits."""
    first = np.frombuffer(bytes.fromhex(eights.tobytes().decode("ascii")), np.uint8).reshape(-1, 4).astype(np.intp)
    letters: NDArray[np.bool_] = _LETTERS[first[:, :3] | first[:, 1:] << 8].all(axis=1)
    return letters
