"""A fast proof that a text holds no listed value, plain, encoded or hashed: what it cannot prove is decoded in full.

It works on bytes and in bulk: all alignments of a run are decoded by one call, all of them are searched by one more.
"""

from __future__ import annotations

import binascii
import json
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from audit.leaks.budget import LAYERS, Budget
from audit.leaks.decode import behind_slashes, gathered
from audit.leaks.digests import Digests
from audit.leaks.ids import UNSEEN_WIDE, Ids, disguised, take
from audit.leaks.inflate import inflated
from audit.leaks.lzstring import from_letters
from audit.leaks.needles import SHORT, Needles
from audit.leaks.normal import folded
from audit.leaks.segments import LONGEST58, from_base58, unwrapped, worth64
from audit.leaks.streams import END, LEAST_OF_STREAM, compressed, inflates
from audit.leaks.texts import decodings, joined, plain_letters

if TYPE_CHECKING:
    from audit.leaks.sieve import Sieve

_HEX = b"0123456789abcdefABCDEF"
_URL64 = bytes.maketrans(b"-_", b"+/")
_UNEVEN = re.compile(r"[%&\\=+\s\[{\"]")
_MARKS = re.compile(r"[%&\\=+]")
_ODD = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_HIGH = re.compile(r"[\x80-\xff]")
_LISTS = re.compile(
    r"-?\d{1,3}(?:[\s,;|]{1,4}-?\d{1,3}){4}|[0-9a-fA-F]{2}(?:(?:[\s:,;._-]|0[xX]){1,4}[0-9a-fA-F]{2}){4}"
    r"|(?<![0-9a-fA-F])(?:[0-9a-fA-F]{2}){2,16}[\s:]{1,2}(?:[0-9a-fA-F]{2}){2,16}(?![0-9a-fA-F])"
    r"|[0-9a-fA-F]{2}-(?:[0-9a-fA-F]{4}-){2}[0-9a-fA-F]{4}(?![0-9a-fA-F-])|[0-9a-fA-F]{2}-[0-9a-fA-F]{8}(?![0-9a-fA-F-])"
    r"|\d(?:\.\d{1,3}){5}"
)
_TURNED = re.compile(
    r"(?:&#k[0-9n-sN-S]{2,5};|\\k[0-9n-sN-S]{2}){3}|[\\%][hH][0-9n-sN-S]{4}|%[2-7][n-sN-S]|(?:[0-9a-fA-F]{2}[xX]0[ ,]{0,2}){4}"
)
"""Escapes shifted by 13, and hex of each byte read backwards."""

_SHIFTED_HEX = b"0123456789nopqrsNOPQRS"
_NUMERALS = b"0123456789"
_HEX_DASH = _HEX + b"-"
_SIMPLE = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:/?#~!@*'()$-"
_GAPS = (b"000000", b"00000")
_PAIRS = b"hhshhshhshhshh"
_GROUPS = re.compile(rb"[0-9a-fA-F]{4}[:-][0-9a-fA-F]{4}|~:[0-9a-fA-F]{2}|[0-9a-fA-F]{2}:~|~:~|\d(?:\.\d{1,3}){5}")
"""Where hex in groups, or a list of numbers, may stand among simple letters; `~` is an id that was taken out."""


def _spaces_but(kept: bytes) -> bytes:
    """A table that leaves some bytes and makes spaces of all others."""
    return bytes(byte if byte in kept else 32 for byte in range(256))


_LETTERS = _SIMPLE[:62]
_RUN_LETTERS = _spaces_but(_LETTERS + b"+/_-")
_ALNUM = _spaces_but(_LETTERS)
_HEX_RUNS = _spaces_but(_HEX_DASH)
_PAIRED = bytes(104 if byte in _HEX else 115 if byte in b":._-" else 120 for byte in range(256))
_READABLE = re.compile(rb"[\x20-\x7e\t\r\n]{10,}")
_BROAD = re.compile(rb"(?:[\x20-\x7e\t\r\n]\0){10,}|(?:\0[\x20-\x7e\t\r\n]){10,}")
_FOREIGN = re.compile(rb"(?:[\x20-\x7e]|[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}){5,}")
_PRINTABLE = bytes(0x70 if 32 <= byte < 127 or byte in b"\t\r\n" else 0x0A for byte in range(256))
_DISGUISED = re.compile(
    rb"(?:\xef[\xbc\xbd][\x80-\xbf]){3}|\xe2\x80[\x8b-\x8f]|\xe2\x81\xa0|\xef\xbb\xbf|\xff(?:[\x01-\x5e]\xff){2}[\x01-\x5e]"
    rb"|" + UNSEEN_WIDE
)
"""Bytes of letters of full width and of letters that nobody sees, in UTF-16 too: their plain form alone shows what they
spell."""

_LONG = b"p" * 10
_DEFLATED = (b"x\x9c", b"x\x01", b"x\x5e", b"x\xda")
Word = TypeVar("Word", str, bytes)
_WORDS = 50_000
_LONGEST = 65_536
_TOGETHER = 65_536
"""Decoded bytes that are looked at together: each look costs some microseconds, whatever its size."""


def _rot13() -> bytes:
    upper, lower = bytes(range(65, 91)), bytes(range(97, 123))
    return bytes.maketrans(upper + lower, upper[13:] + upper[:13] + lower[13:] + lower[:13])


_ROT13 = _rot13()


class _Decoded(NamedTuple):
    """What a run decodes to. `starts`: what may begin a digest or a compressed stream."""

    starts: list[bytes]
    everything: bytes


class Screen:
    """Proves texts clean. Remembers, within a bound, words that hide nothing."""

    def __init__(self, needles: Needles, digests: Digests) -> None:
        self.needles, self.digests = needles, digests
        self.ids = Ids(needles, digests)
        self.dull: set[str] = set()
        self.dull_runs: set[bytes] = set()
        self.dull_parts: set[bytes] = set()

    def unclear(self, texts: Collection[str]) -> list[str]:
        """Those of some texts that are not proved clean. Simple ones are looked at all at once, by halves where not clean;
        the others are remembered."""
        simple, odd = _simple(texts)
        found = []
        for text in odd:
            if not self.clean(text):
                found.append(text)
            else:
                _remember(text, self.dull)
        return found + self._halved(simple)

    def _halved(self, texts: list[str]) -> list[str]:
        if not texts or self._all_clean(texts):
            return []
        if len(texts) == 1:
            return texts
        half = len(texts) // 2
        return self._halved(texts[:half]) + self._halved(texts[half:])

    def _all_clean(self, texts: list[str]) -> bool:
        """Whether texts without marks of any escape are clean: only letters and digits can hide something."""
        data = "\n".join(texts).encode()
        taken = take(data)
        if taken.ids:
            if self.needles.near_ids(data.lower()) or (taken.numbers and self.needles.numbers(data)):
                return False
            if not self.ids.clean(taken, self._deeper, self._packs_nothing, self._holds_nothing):
                return False
        rest = [text for text in taken.skeletons if text not in self.dull]
        if rest and not self._bare(rest):
            return False
        for text in rest:
            _remember(text, self.dull)
        return True

    def sieve(self) -> Sieve:
        """The same questions for the ids of many lines at once."""
        from audit.leaks.sieve import Sieve  # it brings numpy

        return Sieve(self.needles, self.digests, self._deeper, self._packs_nothing, self._holds_nothing)

    def clean_around(self, text: str, ids: list[bytes]) -> bool:
        """Whether a text is clean wherever nothing stands in some ids of it or over an end of one."""
        simple, _ = _simple((text,))
        if not simple:
            return False
        taken = take(text.encode())
        told = zip(taken.starts.tolist(), taken.sizes.tolist(), strict=True)
        if [taken.ids[start : start + size] for start, size in told] != [run.replace(b"-", b"") for run in ids]:
            return False
        return all(skeleton in self.dull or self._bare([skeleton]) for skeleton in taken.skeletons)

    def _deeper(self, text: str) -> bool:
        return self.clean(text, LAYERS - 1)

    def _bare(self, texts: list[str]) -> bool:
        if any(self.digests.suspected(text) is not None for text in texts if 6 <= len(text) <= 11):
            return False
        whole = "\n".join(texts)
        data = whole.encode()
        if self.needles.touches(data.lower()) or self.needles.words(whole) or self.needles.numbers(data):
            return False
        if _PAIRS in data.translate(_PAIRED) or _GROUPS.search(data):
            return False
        return self._runs(data, LAYERS)

    def clean(self, text: str, layers: int = LAYERS) -> bool:
        """Whether nothing can be found in a text. False proves nothing: what is very long is decoded, within bounds."""
        if len(text) > _LONGEST or "\0" in text:
            return False
        if not text.isascii():
            return self._foreign(text, layers)
        data = text.encode()
        if self.needles.touches(data.lower()) or self.needles.words(text) or self.needles.numbers(data):
            return False
        if self.needles.spaced and b"+" in data and self.needles.touches(data.replace(b"+", b" ").lower()):
            return False
        lines = text.split("\n")
        if any(self.digests.suspected(line.strip()) is not None for line in lines if 6 <= len(line) <= 20):
            return False
        if layers and not self._readings(text, layers):
            return False
        return self._runs(data, layers)

    def _foreign(self, text: str, layers: int) -> bool:
        """A text with letters beyond ASCII: compared in its plain form, unless it may be bytes in disguise."""
        if max(text) > "\u0fff" or len(_ODD.findall(text)) > 3 or len(_HIGH.findall(text)) * 3 > len(text):
            return False
        plain = plain_letters(text).casefold()
        if self.needles.touches(plain.encode("utf-8", "surrogatepass")):
            return False
        if self.needles.foreign and layers:
            return False
        return self.clean(plain_letters(_ODD.sub("?", text)).encode("ascii", "replace").decode(), layers)

    def _readings(self, text: str, layers: int) -> bool:
        """Whether every other reading of the text as a whole is clean."""
        if len(_ODD.findall(text)) > 3 or _LISTS.search(text) or _TURNED.search(text):
            return False
        if _MARKS.search(text):
            for turned in (text, text[::-1]):
                others = {decoded for _, decoded in decodings(turned)} - {turned}
                if not all(self.clean(other, layers - 1) for other in others):
                    return False
        if layers and not all(self.clean(whole, layers - 1) for _, whole in joined(text)):
            return False
        edge = text.strip()
        if edge[:1] in ("{", "[", '"') and not self._json(edge, layers):
            return False
        if not any(gap in text for gap in "\n \t"):
            return True
        return all(flat is None or self.clean(flat, layers) for flat in map(unwrapped, (text, text[::-1])))

    def _json(self, text: str, layers: int) -> bool:
        try:
            value: Any = json.loads(text)
        except RecursionError:
            return False
        except ValueError:
            return True
        found = list(gathered(value))
        texts = [text for text in found if isinstance(text, str)]
        if len(texts) < len(found) or not self.clean("\n".join(texts), layers - 1):
            return False
        return all(self.clean(text, layers - 1) for text in texts if any(gap in text for gap in "\n \t"))

    def _runs(self, data: bytes, layers: int) -> bool:
        """Runs of letters and digits: words, hex, base64 and its like."""
        if not self._hex([*_hex_runs(data)], layers):
            return False
        runs = [
            run
            for run in set(data.translate(_RUN_LETTERS).split()).difference(self.dull_runs)
            if len(run) >= 8 and worth64(run.decode()) and run.translate(None, _HEX_DASH)
        ]
        parts = [
            part
            for part in set(data.translate(_ALNUM).split()).difference(self.dull_parts)
            if len(part) >= 10 and part.translate(None, _HEX)
        ]
        if any(not part.translate(None, _SHIFTED_HEX) for part in parts):
            return False
        decoded = chain(map(_mixed, runs), map(_bases, parts))
        if not all(self._unfold(run, layers) for run in runs) or not self._decoded(decoded, layers):
            return False
        for run in runs:
            _remember_word(run, self.dull_runs)
        for part in parts:
            _remember_word(part, self.dull_parts)
        return True

    def _decoded(self, found: Iterable[_Decoded], layers: int) -> bool:
        """What runs decode to, as much at once as costs no memory."""
        starts: list[bytes] = []
        everything: list[bytes] = []
        size = 0
        for one in found:
            starts += one.starts
            everything.append(one.everything)
            size += len(one.everything)
            if size > _TOGETHER:
                if not self._bytes(starts, END.join(everything), layers):
                    return False
                starts, everything, size = [], [], 0
        return not everything or self._bytes(starts, END.join(everything), layers)

    def _hex(self, runs: list[bytes], layers: int) -> bool:
        """Runs of hex digits, forwards and backwards, from their first and their second digit: all decoded at once."""
        if not runs:
            return True
        if any(self._starts_something(run, layers) for run in runs if len(run) >= 16):
            return False
        joined = b"".join(run + _GAPS[len(run) & 1] for run in runs).decode()
        turned = joined[::-1]
        texts = (joined, joined[1:] + "0", turned, turned[1:] + "0")
        return self._bytes((), bytes.fromhex("".join(texts)), layers)

    def _starts_something(self, run: bytes, layers: int) -> bool:
        """Whether a run of hex digits begins a listed digest or a deflated stream, read from either end."""
        bits, shift, size = self.digests.bits, self.digests.shift, len(run) // 2
        forth, back, second = int(run[:16], 16), int(run[:-17:-1], 16), int(run[1:17], 16)
        for start in (forth, back, second):
            at = start >> shift
            if bits[at >> 3] >> (at & 7) & 1 and self.digests.begins(start.to_bytes(8, "big")):
                return True
        return any(
            LEAST_OF_STREAM[head >> 48] <= min(size, 254)
            and not self._packs_nothing(bytes.fromhex(digits[: 2 * size].decode()), layers)
            for head, digits in ((forth, run), (back, run[::-1]))
        )

    def _packs_nothing(self, data: bytes, layers: int = LAYERS) -> bool:
        """Whether what bytes inflate to, if anything, is clean: some random ones make a few letters."""
        if not compressed(data):
            return True
        budget = Budget()
        found = [one.data for one in inflated(data, budget) if len(one.data) >= SHORT]
        return not budget.gave_up and all(self._holds_nothing(one, layers) for one in found)

    def _holds_nothing(self, data: bytes, layers: int = LAYERS) -> bool:
        """Whether bytes that were packed are clean."""
        return not (compressed(data) or self.digests.begins(data)) and self._bytes((), data, layers)

    def _spells(self, text: str) -> bool:
        return self.needles.touches(folded(text).encode("utf-8", "surrogatepass"))

    def _unfold(self, run: bytes, layers: int) -> bool:
        """A run as LZ-string, turned in every way."""
        turned = run.translate(_ROT13)
        for letters in (run, run[::-1], turned, turned[::-1]):
            text = letters.decode()
            for at in (0, *behind_slashes(text)):
                packed = from_letters(text[at:]) if letters[at] in _LZ_FIRST else None
                if packed is not None and len(packed) >= SHORT and not (layers and self.clean(packed, layers - 1)):
                    return False
        return True

    def _bytes(self, starts: tuple[bytes, ...] | list[bytes], everything: bytes, layers: int) -> bool:
        """Decoded bytes. `starts`: those that may begin a digest or a compressed stream."""
        for data in starts:
            if self.digests.begins(data) or not self._packs_nothing(data, layers):
                return False
        flat = everything.replace(b"\0", b"") if b"\0" in everything else everything
        if self.needles.touches(flat.lower()) or b"\x1f\x8b\x08" in flat or b"BZh" in flat:
            return False
        if any(mark in everything and inflates(everything, mark) for mark in _DEFLATED):
            return False
        if _DISGUISED.search(flat) or disguised(flat):
            return False
        if self.needles.wide is not None and self.needles.widely(everything):
            return False
        if self.needles.foreign and not flat.isascii():
            found = b"\n".join(run for run in _FOREIGN.findall(flat) if not run.isascii())
            if self._spells(found.decode("utf-8", "replace")) or self._spells(flat.decode("latin-1")):
                return False
        if layers and _LONG in flat.translate(_PRINTABLE):
            broad = (run.replace(b"\0", b"") for run in _BROAD.findall(everything))
            runs = dict.fromkeys((*_READABLE.findall(everything), *_READABLE.findall(flat), *broad))
            readable = [run.decode("ascii") for run in runs]
            alone = [text for text in readable if "\n" in text or " " in text or text[0] in '{["']
            return all(self.clean(text, layers - 1) for text in ("\n".join(readable), *alone))
        return True


def _simple(texts: Collection[str]) -> tuple[list[str], list[str]]:
    """Texts without marks of any escape, and the others. Mostly all are simple."""
    listed = list(texts)
    if not "".join(listed).encode("utf-8", "surrogatepass").translate(None, _SIMPLE) and not any(
        len(text) > _LONGEST for text in listed
    ):
        return listed, []
    odd = {
        text for text in listed if len(text) > _LONGEST or not text.isascii() or text.encode().translate(None, _SIMPLE)
    }
    return [text for text in listed if text not in odd], sorted(odd)


def _remember_word(word: bytes, known: set[bytes]) -> None:
    """Words repeat; what holds a digit is an id, which does not."""
    if word.translate(None, _NUMERALS) == word:
        _remember(word, known)


def _remember(what: Word, known: set[Word]) -> None:
    if len(known) >= _WORDS:
        known.clear()
    known.add(what)


def _hex_runs(data: bytes) -> Iterator[bytes]:
    """Runs of at least ten hex digits, and UUIDs without their dashes."""
    for run in set(data.translate(_HEX_RUNS).split()):
        if len(run) < 10:
            continue
        if b"-" not in run:
            yield run
            continue
        parts = run.split(b"-")
        yield from (part for part in parts if len(part) >= 10)
        for at in range(len(parts) - 4):
            if [*map(len, parts[at : at + 5])] == [8, 4, 4, 4, 12]:
                yield b"".join(parts[at : at + 5])


def _starts(letters: bytes) -> Iterator[int]:
    """The places behind the first separators of a run: a digest may begin there."""
    at = 0
    for _ in range(16):
        found = [place for place in (letters.find(b"+", at), letters.find(b"/", at)) if place >= 0]
        if not found:
            return
        at = min(found) + 1
        yield at


_BASE32 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_BASE58 = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_LZ_FIRST = frozenset(b"ABCDEFGHIJKLMNOPghijklmnopqrstuv")


def _mixed(run: bytes) -> _Decoded:
    """A run as base64, turned in every way, at every alignment at once."""
    straight = run.translate(_URL64)
    shifted = straight.translate(_ROT13)
    pieces, starts = [], []
    size = len(run)
    for letters in (straight, straight[::-1], shifted, shifted[::-1]):
        padded = letters + b"AAAAAAA"
        for start in range(4):
            pieces.append(padded[start : start + (size - start + 3) // 4 * 4 + 4])
        starts.append(binascii.a2b_base64(padded[: (size + 3) // 4 * 4]))
        starts += (_begun(padded, at, size) for at in _starts(letters) if at < size - 8)
    return _Decoded(starts, binascii.a2b_base64(b"".join(pieces)))


def _bases(part: bytes) -> _Decoded:
    """Letters and digits as base32 and base58, turned in every way."""
    shifted = part.translate(_ROT13)
    turned = (part, part[::-1], shifted, shifted[::-1])
    found = [decoded for one in turned for decoded in (_base32(one), _base58(one)) if decoded]
    return _Decoded(found, END.join(found))


def _begun(padded: bytes, at: int, size: int) -> bytes:
    """What letters of base64 begin with at a place: enough for a digest, all of it where it may be a deflated stream."""
    head = binascii.a2b_base64(padded[at : at + 12])
    if LEAST_OF_STREAM[head[0] << 8 | head[1]] > size - at:
        return head
    return binascii.a2b_base64(padded[at : at + (size - at + 3) // 4 * 4])


def _base32(part: bytes) -> bytes:
    import base64

    upper = part.upper()
    if upper.translate(None, _BASE32) or part not in (upper, part.lower()):
        return b""
    size = len(upper)
    while size % 8 in (1, 3, 6):
        size -= 1
    return base64.b32decode(upper[:size] + b"=" * (-size % 8))


def _base58(part: bytes) -> bytes:
    if len(part) > LONGEST58 or part.translate(None, _BASE58) or (len(part) >= 20 and part.lower() == part):
        return b""
    return from_base58(part.decode("ascii"))
