"""Random ids in many simple texts, looked at all at once: UUIDs and runs of hex digits that stand by themselves.

They are taken out of the texts, decoded in every direction by a few calls over all of them, and looked up as digests. What
is left of the texts repeats, so that it is known already.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from audit.leaks.digests import LEAST, Digests
from audit.leaks.needles import Needles
from audit.leaks.streams import END, perhaps_streams, streams

_SHORTEST = 12
"""Digits of a run that is taken out."""

_BEFORE_TAIL = (8, 13, 18, 23)
"""Where the dashes of a UUID stand; its last group is such a run."""

_HEX = b"0123456789abcdefABCDEF"
_NIBBLES = bytes(int(chr(byte), 16) if byte in _HEX else 0 for byte in range(256))
_IS_HEX = bytes(byte in _HEX for byte in range(256))
_ALNUM = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_JOINS_BEFORE = frozenset(_ALNUM + b".=%&#+~")
_JOINS_AFTER = frozenset(_ALNUM + b".")
_GAP = b"fffff"
"""Between ids: at either alignment at least two bytes that stand in no text."""

_SWAPPED = bytes((byte >> 4) | (byte & 15) << 4 for byte in range(256))
_PRINTABLE = bytes(0x70 if 32 <= byte < 127 or byte in b"\t\r\n" else 0x0A for byte in range(256))
_LONG = b"p" * 10
_DISGUISES = tuple(
    map(
        re.compile,
        (  # each begins with what is looked for fast: the look behind stands after it
            (
                rb"\xc2\xad(?:(?<=[\x20-\x7e]{3}..)[\x20-\x7e]|(?<=[\x20-\x7e]..)[\x20-\x7e]\xc2\xad"
                rb"|(?<=[\xe0-\xef][\x80-\xbf]{2}..)[\xe0-\xef][\x80-\xbf]{2}\xc2\xad)"
            ),
            rb"\xf0\x9d[\x90-\x9f][\x80-\xbf]\xf0\x9d",
            rb"\xe2[\x92\x93][\x80-\xbf]\xe2[\x92\x93]",
        ),
    )
)
_FAR = bytes(0x6C if 0xE1 <= byte <= 0xEF else 0x63 if 0x80 <= byte <= 0xBF else 0x20 for byte in range(256))


UNSEEN_WIDE = rb"[\x0b-\x0f]\x20[\x21-\x7e][\x0b-\x0f]\x20|\x20[\x0b-\x0f][\x21-\x7e]\x20[\x0b-\x0f]"
"""Letters that nobody sees between others, in UTF-16 without its zeros."""


def disguised(data: bytes) -> bool:
    """Whether bytes hold letters with soft hyphens between them, mathematical or circled ones, or what may be LZ-string."""
    return b"lcclcclcc" in data.translate(_FAR) or any(form.search(data) for form in _DISGUISES)


def marked(data: bytes) -> bool:
    """Whether bytes hold letters of full width, letters that nobody sees, or what is packed."""
    return any(mark.search(data) for mark in _MARKS)


_MARKS = tuple(
    map(
        re.compile,
        (
            rb"\xef(?:[\xbc\xbd][\x80-\xbf]\xef|\xbb\xbf)",  # letters of full width
            rb"\xff(?:[\x01-\x5e]\xff){2}[\x01-\x5e]",  # the same in UTF-16
            rb"\xe2(?:\x80[\x8b-\x8f]|\x81\xa0)",  # letters that nobody sees
            UNSEEN_WIDE,
            rb"\x1f\x8b\x08",
            rb"BZh",
        ),
    )
)
_ZLIB = re.compile(rb"x[\x01\x5e\x9c\xda]")


class Taken(NamedTuple):
    """Texts without their ids, each once; the ids, joined with gaps; where each begins there, and how long it is;
    `numbers`: whether one is of digits only."""

    skeletons: set[str]
    ids: bytes
    starts: Any
    sizes: Any
    numbers: bool


def take(data: bytes) -> Taken:
    """Ids out of simple texts, a line each."""
    import numpy as np

    data = b"\n" + data + b"\n"
    is_hex = np.frombuffer(data.translate(_IS_HEX), np.bool_)
    edges = np.flatnonzero(is_hex[1:] != is_hex[:-1]) + 1
    starts, ends = edges[0::2], edges[1::2]
    long = ends - starts >= _SHORTEST
    starts, ends = starts[long], ends[long]
    letters = np.frombuffer(data, np.uint8)
    dashes = _with_uuids(letters, is_hex, starts, ends)
    alone = ~(_table(_JOINS_BEFORE)[letters[starts - 1]] | _table(_JOINS_AFTER)[letters[ends]])
    starts, ends, dashes = starts[alone], ends[alone], dashes[alone]
    first, last = starts.tolist(), ends.tolist()
    rest = b"~".join([data[a:b] for a, b in zip([0, *last], [*first, len(data)], strict=True)])
    ids = [data[a:b] for a, b in zip(first, last, strict=True)]
    sizes = ends - starts - dashes
    return Taken(
        skeletons=set(rest.decode().split("\n")),
        ids=_GAP.join(ids).replace(b"-", b""),
        starts=np.cumsum(sizes + len(_GAP)) - sizes - len(_GAP),
        sizes=sizes,
        numbers=any(map(bytes.isdigit, ids)),
    )


def _with_uuids(letters: Any, is_hex: Any, starts: Any, ends: Any) -> Any:
    """Widen runs that end a UUID to all of it, in place; how many dashes each holds then."""
    import numpy as np

    dashes = np.zeros(len(starts), np.int64)
    before = _BEFORE_TAIL[-1] + 1
    tails = np.flatnonzero((ends - starts == _SHORTEST) & (starts > before))
    first = starts[tails] - before
    for at in _BEFORE_TAIL:
        kept = letters[first + at] == ord("-")
        tails, first = tails[kept], first[kept]
    whole = is_hex[first[:, None] + np.arange(before)].sum(axis=1) == before - len(_BEFORE_TAIL)
    starts[tails[whole]] = first[whole]
    dashes[tails[whole]] = len(_BEFORE_TAIL)
    return dashes


@lru_cache(maxsize=4)
def _table(marked: frozenset[int]) -> Any:
    import numpy as np

    return np.array([byte in marked for byte in range(256)], np.bool_)


class Ids:
    """Proves ids clean. Read-only once built."""

    def __init__(self, needles: Needles, digests: Digests) -> None:
        self.needles, self.digests = needles, digests

    def clean(
        self,
        taken: Taken,
        deeper: Callable[[str], bool],
        packs_nothing: Callable[[bytes], bool],
        holds_nothing: Callable[[bytes], bool],
    ) -> bool:
        """Whether no listed value stands in ids, encoded or hashed. `deeper`: whether what they spell is clean;
        `packs_nothing`: whether what bytes inflate to is; `holds_nothing`: whether bytes are."""
        import numpy as np

        digits = np.frombuffer(taken.ids.translate(_NIBBLES), np.uint8)
        pairs = digits[:-1] << 4 | digits[1:]
        if self._begins(pairs, taken, packs_nothing):
            return False
        forth = pairs[0::2].tobytes() + END + pairs[1::2].tobytes()
        everything = forth + END + forth[::-1].translate(_SWAPPED)
        flat = everything.replace(b"\0", b"")  # of UTF-16
        if self.needles.spelled(flat) or self.needles.widely(everything) or disguised(flat) or marked(flat):
            return False
        packed = (held for mark in set(_ZLIB.findall(everything)) for held in streams(everything, mark))
        if not all(map(holds_nothing, packed)):
            return False
        if _LONG not in flat.translate(_PRINTABLE):
            return True
        spelled = {*readable(flat), *readable(everything)}
        return deeper(b"\n".join(sorted(spelled)).decode("ascii"))

    def _begins(self, pairs: Any, taken: Taken, packs_nothing: Callable[[bytes], bool]) -> bool:
        """Whether an id begins a listed digest or a deflated stream, read from either end or from its second digit."""
        import numpy as np

        long = taken.sizes >= 2 * LEAST
        starts, sizes = taken.starts[long], taken.sizes[long]
        if not len(starts):
            return False
        steps = np.arange(0, 2 * LEAST, 2)
        room = len(pairs) - 2 * LEAST + 1
        forth = pairs[starts[:, None] + steps]
        back = (pairs >> 4 | pairs << 4)[(starts + sizes - 2)[:, None] - steps]
        heads = np.concatenate((forth, back, pairs[np.minimum(starts + 1, room)[:, None] + steps]))
        heads = heads.view(">u8").ravel().astype(np.uint64)
        if self.digests.begin(heads):
            return True
        for at in perhaps_streams(heads[: 2 * len(starts)], np.concatenate((sizes, sizes)) // 2).tolist():
            number = at % len(starts)
            start, size = int(starts[number]), int(sizes[number])
            digits = taken.ids[start : start + size]
            if not packs_nothing(bytes.fromhex((digits if at == number else digits[::-1])[: size & ~1].decode())):
                return True
        return False


def readable(data: bytes) -> Iterator[bytes]:
    """The stretches of bytes that read as text and are long enough to be encoded once more."""
    shown = data.translate(_PRINTABLE)
    at = shown.find(_LONG)
    while at >= 0:
        end = shown.find(b"\n", at)
        end = len(data) if end < 0 else end
        yield data[at:end]
        at = shown.find(_LONG, end)
