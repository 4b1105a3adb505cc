"""Whether a text can hold anything at all, plain or encoded: the cheap question that spares most texts the search.

Most texts of telemetry are random ids and addresses of pages. Encoded text leaves traces that random letters hardly ever
show: a byte of printable ASCII fixes bits of the letters of hex, base64 and base32 that stand for it.
"""

from __future__ import annotations

import re
import string
import zlib
from base64 import b32decode
from binascii import a2b_base64
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache, wraps

from audit.leaks.inflate import deflated, reads
from audit.leaks.lzstring import from_letters
from audit.leaks.marks import Marks
from audit.leaks.secrets import has_marks, has_turned_marks
from audit.leaks.segments import LONGEST58, WIDE64, from_base58, unwrapped
from audit.leaks.texts import plain_letters

_PLAIN = bytes(byte for byte in range(128) if chr(byte).isalnum() or chr(byte) in "._:/?&=~#!,*'-")
_LONG = 2048
"""No id and no address of a page is longer."""

_LETTERS64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_LETTERS32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_ROT13 = str.maketrans(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", "NOPQRSTUVWXYZABCDEFGHIJKLMnopqrstuvwxyzabcdefghijklm"
)


def _of(alphabet: str, lowest: int = 0, below: int = 64, clear: int = 0) -> str:
    """A class of the letters whose value lies in a range and has a bit clear; `-_` stand beside `+/`."""
    fits = "".join(c for value, c in enumerate(alphabet) if lowest <= value < below and not value & clear)
    return "[" + fits.replace("+", "+\\-").replace("/", "/_") + "]"


_QUAD = (_of(_LETTERS64, 8, 32), _of(_LETTERS64, clear=8), _of(_LETTERS64, clear=2), _of(_LETTERS64))
"""Three bytes of printable ASCII as four letters of base64, at whatever place of a longer run."""


def _forwards(quad: tuple[str, ...]) -> str:
    return "(?:" + "".join(quad) + "){3}" + quad[0] + quad[1]


def _backwards(quad: tuple[str, ...]) -> str:
    return quad[1] + quad[0] + "(?:" + "".join(reversed(quad)) + "){3}"


_TURNED = tuple(letters.translate(_ROT13) for letters in _QUAD)
_BASE64 = tuple(map(re.compile, (_forwards(_QUAD), _backwards(_QUAD), _forwards(_TURNED), _backwards(_TURNED))))
_WHOLE64 = re.compile(
    rf"(?<![A-Za-z0-9+/_-])(?:{''.join(_QUAD)}){{2}}(?:{_QUAD[0]}{_QUAD[1]}(?:{_QUAD[2]})?)?(?![A-Za-z0-9+/_-])"
)
"""Six to eight bytes, where they stand by themselves."""


def _letters32(alphabet: str) -> tuple[str, ...]:
    """Five bytes of ASCII as eight letters of base32: a class for each."""
    free = _of(alphabet)
    fixed = (_of(alphabet, 4, 16), _of(alphabet, clear=2), _of(alphabet, clear=8), _of(alphabet, clear=1))
    return (*fixed[:2], free, *fixed[2:], free, _of(alphabet, clear=4), free)


def _block32(alphabet: str) -> str:
    return "(?:" + "".join(_letters32(alphabet)) + ")"


def _base32(alphabet: str) -> str:
    """Ten bytes of ASCII as two blocks, from the beginning of a run."""
    return rf"(?<![A-Za-z0-9]){_block32(alphabet)}{{2}}"


_HEX = re.compile(r"(?:[2-7][0-9a-fA-F]|0[9aAdD]){10}|(?:[2-7][0-9n-sN-S]|0[9nNqQ]){10}")
_ALONE = re.compile(
    r"(?<![0-9A-Za-z])(?:(?:[2-7][0-9a-fA-F]){6,9}(?![0-9A-Za-z])|1[fF]8[bB]08|78(?:01|5[eE]|9[cC]|[dD][aA])|425[aA]68"
    r"|1[sS]8[oO]08|78(?:5[rR]|9[pP]|[qQ][nN])|425[nN]68)"  # shifted
    r"|[0-9A-Fa-f](?:80[bB]8[fF]1|(?:10|[eE]5|[cC]9|[aA][dD])87|86[aA]524)(?![0-9A-Za-z])"
)
_HEXES = re.compile(r"(?<![0-9A-Za-z])[0-9a-fA-F]{16,}")
LONGEST_ID = 128
"""What has more hex digits is no id."""

_IDS = re.compile(  # the look behind stands after the first digit: so the search skips to digits
    r"([0-9a-f](?<![0-9A-Za-z.=%&#+~][0-9a-f])(?:[0-9a-f]{7}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
    rf"|[0-9a-f]{{11,{LONGEST_ID - 1}}}))"
    r"(?![0-9A-Za-z.])"
)
"""Ids that stand by themselves: UUIDs and runs of hex digits. No sign of a credential, a number or an escape spans them."""
_WIDE = re.compile(
    r"(?:00[2-7][0-9a-fA-F]){4}|(?:[eE][fF][bB][c-dC-D][0-9a-fA-F]{2}){3}|[eE]2(?:808[b-fB-F]|81[aA]0)|(?:[2-7][0-9a-fA-F][cC]2[aA][dD]){2}"
)
_SPACED = re.compile(
    r"(?:[0-9a-fA-F]{2}[\s:_.,;-]{1,2}){7}[0-9a-fA-F]{2}|(?:[2-7][0-9n-sN-S][\s:_.,;-]{1,2}){7}[2-7][0-9n-sN-S]|(?:0[xX][0-9a-fA-F]{2}.{0,2}){4}|(?:0[kK][0-9n-sN-S]{2}.{0,2}){4}|(?:[0-9]{1,3}[\s,;|]{1,2}){7}"
    r"|(?<![0-9a-fA-F])(?:[0-9a-fA-F]{2}){2,16}[\s:]{1,2}(?:[0-9a-fA-F]{2}){2,16}(?![0-9a-fA-F])"
    r"|[0-9a-fA-F]{2}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{4}(?![0-9a-fA-F])|[0-9a-fA-F]{2}-[0-9a-fA-F]{8}-[0-9a-fA-F]{8}"
)
_DOTTED = re.compile(r"[0-9](?:\.[0-9]{1,3}){7}")
_CLASSES = (
    *(("9", "0123456789"), ("a", "abcdefABCDEF"), ("n", "nopqrsNOPQRS"), ("x", "xXkK")),
    *(("w", ":\x1c\x1d\x1e\x1f" + string.whitespace), ("-", "-"), ("p", "._")),
)
_KINDS = bytes(next((ord(kind) for kind, chars in _CLASSES if chr(byte) in chars), ord("s")) for byte in range(256))
"""Digits, letters of hex and of shifted hex, the mark of `0x41`, shifted too; then what may part them."""
_PAIRED = bytes(ord("a" if chr(byte) in "9an" else "s") for byte in range(256))

_QUOTED = re.compile(r"=(?:2[05BDEF]|3[AD]|40|5F|\r?\n)|(?:=[2-7][0-9A-Fa-f][^&=\s]{0,16}){3}|(?:=[0-9A-Fa-f]{2}){3}")
_PACKED32 = "(?:566|PAA[Q-Z2-7]|P(?:BP|CO|DN)[A-P]|D6FQ|IJNG)"
"""What letters of full width, zlib, gzip and bzip2 begin with in base32."""

_LOWER32 = re.compile(_base32(_LETTERS32.lower()) + rf"|(?<![A-Za-z0-9]){_PACKED32.lower()}[a-z2-7]{{6}}")
WHOLE_ID = re.compile(
    r"\n(?:(?:[2-7][0-9a-f]){6,11}\n|ad[0-9]{10}|(?:ae|ba|be|de|ee)[0-9]{14}"
    r"|[0-9]{14,16}\n|4[0-9]{18}\n"
    rf"|{_block32(_LETTERS32.lower())}{{2}})"
)
PACKED = re.compile(r"\n(?:1f8b08|78(?:01|5e|9c|da)|425a68)")
"""How an id begins that is packed, if it can be unpacked. It may stand backwards."""

DEFLATED = re.compile(
    r"\n((?:[13579bdf]3|[02468ace]b)(?:[13579bdf][0-7]|[02468ace][89a-f]){2}[0-9a-f]{10,}|[0-9a-f][5d][0-9a-f]{78,})"
)
"""An id may be a raw deflate stream: its three first letters of printable ASCII in fixed codes, or so long that own codes pay."""

BLOCK32 = tuple(letters.strip("[]") for letters in _letters32(_LETTERS32.lower()))
FULL_WIDTH = re.compile(r"efb[cd][0-9a-f]{2}efb[cd]")
UNSEEN = re.compile(r"e28(?:08[b-f]|1a0)")
"""Letters of full width, and spaces without width, in hex."""
_BYTES = bytes(0x41 if 0x20 <= byte < 0x7F else 0x30 if byte == 0 else 0x78 for byte in range(256))
"""Printable bytes as `A`, zeros as `0`: text and UTF-16 are plain to see in it."""
_UPPER = re.compile(
    rf"{_base32(_LETTERS32)}|(?<![A-Za-z0-9]){_PACKED32}[A-Z2-7]{{6}}"
    r"|H4sI|(?<![A-Za-z0-9+])(?:eJ|eN|eA|Qlpo)[A-Za-z0-9+/_-]{8}"  # packed
    r"|Is4H|[A-Za-z0-9+/_-]{8}(?:[JNA]e|oplQ)(?![A-Za-z0-9+/_-])"  # the same backwards
    r"|U4fV|(?<![A-Za-z0-9+])(?:rW|rA|rN|Dycb)[A-Za-z0-9+/_-]{8}"  # and shifted
    r"|[+-]LC[A-D]|fiw[g-j]"  # the same after one or two glued bytes
    r"|(?:77[w-z0-3][A-Za-z0-9+/_-]){3}|4oC[L-P]|4oGg|77u/"  # full-width letters and what nobody sees, in base64
    r"|(?:[AB][A-Za-z0-9+/]{1,3}){6}"  # UTF-16 in base64
    rf"|{_base32(_LETTERS32.translate(_ROT13))}|(?:{''.join(reversed(_letters32(_LETTERS32)))}){{2}}(?![A-Za-z0-9])"
)
_LZ = re.compile(
    r"(?<![A-Za-z0-9+$-])[A-P](?:[AIQYgow4][A-Za-f]|[DLTbjrz7])[A-Za-z0-9+/$-]{8,4093}={0,3}"
    r"|(?<![A-Za-z0-9+/$=-])={0,3}[A-Za-z0-9+/$-]{8,4093}(?:[A-Za-f][AIQYgow4]|[DLTbjrz7])[A-P](?![A-Za-z0-9+$-])"
)
"""LZ-string, forwards and backwards: how the first letters are written, the second one new or the same again."""

_LZ13 = re.compile(r"(?<![A-Za-z0-9+$-])[N-ZA-C](?:[NVDLtbj4][A-Zn-s]|[QYGoweM7])[A-Za-z0-9+/$-]{8,4093}={0,3}")
"""The same forwards with its letters shifted."""

_DEFLATED32 = re.compile(r"(?<![A-Za-z0-9])[A-Z2-7][MNOPUVWX][A-Z2-7]{14,1022}(?![A-Za-z0-9])")
_TOKEN = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{12,512}")
_SEGMENT = re.compile(r"(?<=/)[A-Za-z0-9+_-]{12,512}")
_BASE58 = re.compile(rf"(?<![A-Za-z0-9])[1-9A-HJ-NP-Za-km-z]{{12,{LONGEST58}}}(?![A-Za-z0-9])")
_LONG_RUN = re.compile(r"(?<![A-Za-z0-9+_-])[A-Za-z0-9+_-]{24,4096}(?![A-Za-z0-9+_-])")
_HEX_RUN = re.compile(r"[0-9a-fA-F]+")
_RUN32 = re.compile(r"[A-Z2-7]+|[a-z2-7]+")
_PARTED = re.compile(rb"(?:[\x20-\x7e]\0(?:[\x0b-\x0f]\x20|\xad\0)){4}|(?:\0[\x20-\x7e](?:\x20[\x0b-\x0f]|\0\xad)){4}")
"""Letters of UTF-16, each with a soft hyphen or a space without width behind it."""

_PERCENT = re.compile(r"%(?:[0-9a-fA-F]{2}|[uU][0-9a-fA-F]{4})")
_ENTITY = re.compile(r"&(?:#|[A-Za-z]{2,8};)")
_CARD = re.compile(r"(?<![0-9A-Za-z.])(?:[0-9]{14,16}|4[0-9]{18})(?![0-9A-Za-z])")
_CALLS = r"phon|fone|tel|fax|cel|call|mob|dial|\bring\b|sms|whatsapp|handy|rufn|portable|msisdn|contact|ssn"
_MACS = "mac|hwaddr|bssid|ether"
_CALLED = re.compile(
    rf"(?:{_CALLS})[^0-9]{{0,24}}[0-9~]|(?:{_MACS})[a-z_-]{{0,8}}[=:][0-9a-f~]",
    re.IGNORECASE,
)
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}[0-9]{2}(?:-[A-Za-z0-9~]|[A-Za-z0-9]{11,30}(?![A-Za-z0-9]))"
    r"|(?<![A-Za-z0-9])[0-9]{8,24}[A-Z]{0,4}[0-9]{2}[A-Z]{2}(?![A-Za-z0-9])"  # backwards
)
_FISCAL = re.compile(r"(?<![A-Za-z0-9])[A-Z]{6}[0-9]{2}[A-Z]")
_GROUPED = re.compile(
    r"[0-9]{4}-[0-9]{4}-[0-9]{4}-|3[0-9]{3}-[0-9]{6}-|[2-9][0-9]{2}([-.])[2-9][0-9]{2}\1[0-9]{4}|[0-9]{3}\.[0-9]{3}\.[0-9]{3}-|[0-9a-fA-F]{2}(?:-[0-9a-fA-F]{2}){5}"
)
_POINTED = re.compile(
    r"(?:[0-9]{1,3}\.){3}[0-9]|[0-9]{4}\.[0-9]{4}\.[0-9]{4}\.|3[0-9]{3}\.[0-9]{6}\.|[0-9]\.[0-9]{3,16}[,/]-?[0-9]|=-?[0-9]{1,3}\.[0-9]{3}|[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}\.[0-9a-fA-F]{4}"
)
_COLONS = re.compile(r"[0-9a-fA-F]{0,4}:[0-9a-fA-F]{0,4}:")
_URL64 = str.maketrans("-_", "+/")
_RUNS = bytes(byte if chr(byte) in f"{string.ascii_letters}{string.digits}+/_$=-" else 0x20 for byte in range(256))
"""What may stand in encoded text that is written in one; everything else parts it."""

_SHORTEST = 4
"""No shorter run shows anything."""

_WORD = 48
_MOST_RUNS = 20_000
_DULL: tuple[set[bytes], set[bytes]] = (set(), set())
"""Runs that were seen to show nothing: of texts with capitals, and of texts without. Words repeat."""

_FIRST_BYTES = 64
"""What cannot be unpacked says so before."""

_READS = re.compile(rb"[\x20-\x7e]{8}|(?:\xef[\xbc\xbd][\x80-\xbf]){3}|(?:[\x20-\x7e]\xe2\x80[\x8b-\x8f]){3}")


def is_plain(text: str) -> bool:
    """Whether a text is a token or an address in which nothing can stand that the content rules look for, neither as it
    is nor encoded. It needs no search."""
    return not not_plain((text,))


def not_plain(texts: Collection[str]) -> set[str]:
    """Those of some texts that are not plain. Random ids are taken out and looked at by themselves, all at once: what is
    left of most texts is then known already."""
    odd = {text for text in texts if "\n" in text}
    whole = [text for text in texts if text not in odd] if odd else list(texts)
    pieces = _IDS.split("\n".join(whole))
    skeletons = "~".join(pieces[::2]).split("\n")
    bad = {skeleton for skeleton in set(skeletons) if len(skeleton) > _LONG or not _is_bare(skeleton)}
    if bad:
        odd.update(text for text, skeleton in zip(whole, skeletons, strict=True) if skeleton in bad)
    if len(pieces) > 1 and _may_spell(pieces[1::2]):
        odd.update(_spelling([(text, found) for text in whole if (found := _IDS.findall(text))]))
    return odd


def _spelling(texts: list[tuple[str, list[str]]]) -> Iterator[str]:
    """Those of some texts whose ids may spell something: by halves, since mostly few do."""
    if len(texts) == 1:
        yield texts[0][0]
        return
    for half in (texts[: len(texts) // 2], texts[len(texts) // 2 :]):
        if _may_spell([found for _, ids in half for found in ids]):
            yield from _spelling(half)


def ids_of_plain(text: str) -> list[str] | None:
    """The ids in a text that is plain whatever its ids are, as long as they spell nothing; None where it may not be."""
    pieces = _IDS.split(text)
    skeleton = "~".join(pieces[::2])
    return pieces[1::2] if "\n" not in text and len(skeleton) <= _LONG and _is_bare(skeleton) else None


def _may_spell(ids: list[str]) -> bool:
    """Whether ids of hex digits can be encoded text or a number with check digits."""
    lines = "\n".join(("", *ids, "")).replace("-", "")
    if WHOLE_ID.search(lines) or any(map(unpacks, _packed(lines))):
        return True
    if any(is_stream(found[1]) for found in DEFLATED.finditer(lines)):
        return True
    digits = lines.replace("\n", "")
    seen = (_from_hex(digits) + b"\xff" + _from_hex(digits[1:])).translate(_BYTES)
    return (
        b"AAAAAAAAAAAA" in seen
        or b"0A0A0A0A" in seen
        or b"A0A0A0A0" in seen
        or ("e28" in digits and UNSEEN.search(digits) is not None)
        or FULL_WIDTH.search(digits) is not None
    )


def _packed(lines: str) -> Iterator[str]:
    """The ids that begin as what is packed begins, read from either end."""
    for read in (lines, lines[::-1]):
        for found in PACKED.finditer(read):
            start = found.start() + 1
            yield read[start : read.index("\n", start)]


def unpacks(digits: str) -> bool:
    """Whether hex digits that begin so are the begin of a packed stream, be it cut off."""
    data = _from_hex(digits)
    if data.startswith(b"BZh"):
        return data[4:10] == b"1AY&SY"
    try:
        return bool(zlib.decompressobj(31 if data.startswith(b"\x1f") else 15).decompress(data, _FIRST_BYTES))
    except zlib.error:
        return False


def is_stream(digits: str) -> bool:
    """Whether hex digits are a raw deflate stream that holds a text."""
    return bool(deflated(_from_hex(digits)))


def _from_hex(digits: str) -> bytes:
    return bytes.fromhex(digits[: len(digits) & ~1])


def _is_bare(skeleton: str) -> bool:
    """Whether a text without its ids is plain."""
    return stands_bare(skeleton) and not _has_runs(skeleton)


_SHORT, _MEMO = 128, 32_768
"""Texts so short are remembered, as many as an event may have: each is asked about more than once."""


def _remembered(ask: Callable[[str], bool]) -> Callable[[str], bool]:
    short = lru_cache(maxsize=_MEMO)(ask)
    return wraps(ask)(lambda text: short(text) if len(text) <= _SHORT else ask(text))


@_remembered
def stands_bare(text: str) -> bool:
    """Whether nothing can stand in a text as it is: what it may be encoded is not asked."""
    try:
        if text.encode("ascii").translate(None, _PLAIN):
            return False
    except UnicodeEncodeError:
        return False
    return not ("&#" in text or has_marks(text) or _has_numbers(text))


def _has_numbers(text: str) -> bool:
    """Whether a text has the outline of a number that stands for a person. Each question is asked where its marks are."""
    return bool(
        _CARD.search(text) is not None
        or (_called().of(text.lower()) and _CALLED.search(text) is not None)
        or _IBAN.search(text) is not None
        or ("-" in text and _GROUPED.search(text) is not None)
        or ("." in text and _POINTED.search(text) is not None)
        or (text.count(":") > 1 and _COLONS.search(text) is not None)
        or (not text.islower() and _FISCAL.search(text) is not None)
    )


@lru_cache(maxsize=1)
def _called() -> Marks[str]:
    """The words beside a number that stands for a person: asked for before their pattern, which costs several times as much."""
    return Marks((word, (word.replace(r"\b", ""),)) for word in f"{_CALLS}|{_MACS}".split("|"))


def is_encoded(text: str) -> bool:
    """Whether a text may stand for another one."""
    if not text.isascii() or "\\" in text or ("+" in text and " " not in text):
        return True
    if ("%" in text and _PERCENT.search(text)) or ("&" in text and _ENTITY.search(text)):
        return True
    stripped = text.strip()
    if len(stripped) > 1 and stripped[0] + stripped[-1] in ("[]", "{}", '""', "][", "}{"):
        return True
    if "&#" in text or "#&" in text or "\0" in text or has_turned_marks(text) or _has_runs(text):
        return True
    flat = unwrapped(text) if any(gap in text for gap in "\n \t") else None
    return flat is not None and _has_runs(flat)


@_remembered
def _has_runs(text: str) -> bool:
    """Whether letters and digits in it show what encoded text leaves in them."""
    if len(text) < 8:
        return False
    if "=" in text and _QUOTED.search(text):
        return True
    if (_may_be_spaced(text) and _SPACED.search(text)) or (text.count(".") > 6 and _DOTTED.search(text)):
        return True
    dull = _DULL[text.islower()]
    runs = {run for run in text.encode("ascii").translate(_RUNS).split() if len(run) >= _SHORTEST} - dull
    if not runs:
        return False
    if _shows(b" ".join(sorted(runs)).decode(), lower=text.islower()):
        return True
    if len(dull) > _MOST_RUNS:
        dull.clear()
    dull.update(run for run in runs if len(run) < _WORD)
    return False


def _shows(runs: str, *, lower: bool) -> bool:
    """Whether one of some runs of letters shows it. What is asked here never spans two of them. `lower`: their text has no
    capitals, so no base64 or base58 of this length."""
    if _HEX.search(runs) or _ALONE.search(runs) or _LOWER32.search(runs) or _WIDE.search(runs):
        return True
    if any(DEFLATED.match("\n" + run.lower()) and is_stream(run) for run in _HEXES.findall(runs)):
        return True
    both = not lower or ("77" in runs and WIDE64.search(runs) is not None)
    return (both and _shows_capitals(runs)) or any(map(_reads_whole, _LONG_RUN.findall(runs)))


def _shows_capitals(runs: str) -> bool:
    """What only letters of both cases show."""
    return (
        any(pattern.search(runs) for pattern in _BASE64)
        or _WHOLE64.search(runs) is not None
        or _UPPER.search(runs) is not None
        or any(map(_unfolds, _LZ.findall(runs)))
        or any(map(_packs, _TOKEN.findall(runs)))
        or ("/" in runs and any(map(_packs, _SEGMENT.findall(runs))))
        or any(_spells(match[0]) for match in _BASE58.finditer(runs))
        or any(map(_packs32, _DEFLATED32.findall(runs)))
        or any(from_letters(run.translate(_ROT13)) is not None for run in _LZ13.findall(runs))
    )


def _reads_whole(run: str) -> bool:
    """Whether a long run of letters is a text from end to end, in hex, base32 or base64, read from either end: what reads so
    is no chance, in whatever script."""
    return any(_is_text(data) for turned in (run, run[::-1]) for data in _whole_bytes(turned))


def _whole_bytes(run: str) -> Iterator[bytes]:
    if _HEX_RUN.fullmatch(run):
        yield bytes.fromhex(run[: len(run) & ~1])
        return
    if _RUN32.fullmatch(run):
        size = len(run) - (len(run) % 8 in (1, 3, 6))
        yield b32decode(run[:size].upper() + "=" * (-size % 8))
    if run.lower() != run:
        size = len(run) - (len(run) % 4 == 1)
        yield a2b_base64(run[:size].translate(_URL64) + "=" * (-size % 4))


def _is_text(data: bytes) -> bool:
    """Whether bytes are a text, be it with zeros between its letters, or in UTF-16 with what nobody sees between them."""
    return reads(data) or _PARTED.search(data) is not None


def _may_be_spaced(text: str) -> bool:
    """Whether digits are parted often enough for bytes written apart: the cheap question before the full one."""
    kinds = text.encode("ascii", "replace").translate(_KINDS)
    hexes = kinds.replace(b"9", b"a")
    return (
        b"aaaaw" in hexes
        or b"aa-aaaa" in hexes
        or b"aasaasaasaas" in kinds.translate(_PAIRED).replace(b"ss", b"s")
        or kinds.count(b"9s") + kinds.count(b"9w") > 6
        or kinds.count(b"9x") > 3
    )


def _packs(token: str) -> bool:
    """Whether a token is base64 of a raw deflate stream, which has no mark of its own."""
    odd, high = _LETTERS64.find(token[0]) & 1, _LETTERS64.find(token[1]) >> 4
    if (odd, high) not in ((0, 3), (1, 1), (0, -1)):
        return False  # the first bits of a stream of one block, with the fixed or with its own codes
    try:
        token = token[: len(token) - (len(token) % 4 == 1)]
        data = a2b_base64(token.translate(_URL64) + "=" * (-len(token) % 4))
        return _READS.search(zlib.decompressobj(-15).decompress(data, 64)) is not None
    except (ValueError, zlib.error):
        return False


def _packs32(token: str) -> bool:
    """Whether a token is a raw deflate stream in base32."""
    size = len(token) - (len(token) % 8 in (1, 3, 6))
    try:
        data = b32decode(token[:size] + "=" * (-size % 8))
        return _READS.search(zlib.decompressobj(-15).decompress(data, 64)) is not None
    except (ValueError, zlib.error):
        return False


def _unfolds(run: str) -> bool:
    """Whether a run is a text in LZ-string, read from either end."""
    return any(found is not None and len(found) >= 4 for found in (_lz(run), _lz(run[::-1])))


def _lz(run: str) -> str | None:
    return from_letters(run) if _LZ.match(run) is not None else None


def _spells(token: str) -> bool:
    """Whether a token is printable text in base58."""
    data = from_base58(token)
    try:
        text = data.translate(None, b"\t\r\n").decode()
        return text.isprintable() or plain_letters(text).isprintable()
    except UnicodeDecodeError:
        return False
