"""Decoders of a whole text: escapes of URLs, markup, programs and mail, look-alike letters, turned and shifted text.

Each yields (name, text); none is recursive, each is linear in the text.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote_to_bytes


class Decoded(NamedTuple):
    name: str
    text: str


_WIDE = re.compile(r"%[uU]([0-9a-fA-F]{4})")
_ESCAPE = re.compile(
    r"\\(?:[uU]\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|x\{([0-9a-fA-F]{1,6})\}"
    r"|([0-3][0-7]{2})|([nrtbf\"'/\\@.:+$=-]))"
)
_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_QUOTED = re.compile(r"=[0-9A-Fa-f]{2}|=\r?\n")
_QUOTED_BYTE = re.compile(rb"=(?:([0-9A-Fa-f]{2})|[ \t]*\r?\n)")
_ENTITY = re.compile(r"&(?:#\d|#[xX][0-9a-fA-F]|[A-Za-z])")
_CONTROL = re.compile(r"&#(?:0{0,8}(0|12[89]|1[3-5]\d)|[xX]0{0,8}(0|[89][0-9a-fA-F]))(?:;|(?![0-9a-fA-F]))")
"""Characters that pages may not name by number, for which browsers read others."""

_DASHES = re.compile("[\u2010-\u2013\u2212]")
"""What markup and word processors write for a hyphen."""

_ROT13 = bytes.maketrans(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", b"NOPQRSTUVWXYZABCDEFGHIJKLMnopqrstuvwxyzabcdefghijklm"
)
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0]"
)


def decodings(text: str) -> Iterator[Decoded]:
    """Every other reading of a text as a whole, the likeliest first. May repeat the text itself."""
    if "%" in text:
        yield from _percent(text)
    if "+" in text and " " not in text:
        yield Decoded("percent", text.replace("+", " "))
    if "&" in text and _ENTITY.search(text):
        yield Decoded("entities", html.unescape(text))
        if _CONTROL.search(text):
            yield Decoded("entities", html.unescape(_CONTROL.sub(_referred, text)))
    if "\\" in text:
        yield Decoded("escape", _joined(_ESCAPE.sub(_unescaped, text)))
    if "=" in text and ("=?" in text or _QUOTED.search(text)):
        data = text.encode("utf-8", "surrogatepass")
        yield Decoded("quoted-printable", _lenient(_QUOTED_BYTE.sub(_unquoted, data)))
        if "=?" in text and "_" in text:  # a header of mail writes a space so
            yield Decoded("quoted-printable", _lenient(_QUOTED_BYTE.sub(_unquoted, data.replace(b"_", b" "))))
    if "\0" in text:
        yield Decoded("utf-16", text.replace("\0", ""))
    if not text.isascii():
        yield Decoded("unicode", plain_letters(text))


_TAG = re.compile(r"</?[A-Za-z][\w:-]{0,32}(?:\s[^<>]{0,256})?/?>|<!--[^<>]{0,256}-->")
_SUM = re.compile(r"([\"'`])\s{0,8}(?:\+|\|\||\.\.?|&)\s{0,16}\1")
_LINE = re.compile(r"\\?\r?\n[ \t]{0,16}")
JOINED = frozenset({"markup", "concatenation", "lines"})
"""Steps that put together what stood apart: they make words that nobody wrote, too."""


def joined(text: str) -> Iterator[Decoded]:
    """A text with what parted its pieces left out: tags, the signs that add texts in a program, the ends of lines."""
    if "<" in text and ">" in text and (whole := _TAG.sub("", text)) != text:
        yield Decoded("markup", whole)
    if ('"' in text or "'" in text or "`" in text) and (whole := _SUM.sub("", text)) != text:
        yield Decoded("concatenation", whole)
    if "\n" in (inner := text.strip()):
        yield Decoded("lines", _LINE.sub("", inner))


def turned(text: str, last: str) -> Iterator[Decoded]:
    """A text read backwards, and with its letters shifted by 13. Both undo themselves and may be swapped."""
    if last not in ("reversed", "rot13"):
        yield Decoded("reversed", text[::-1])
    if last != "rot13" and (shifted := shifted_by_13(text)) != text:
        yield Decoded("rot13", shifted)


def shifted_by_13(text: str) -> str:
    return text.encode("utf-8", "surrogatepass").translate(_ROT13).decode("utf-8", "surrogatepass")


def plain_letters(text: str) -> str:
    """Compatibility forms made plain (full width, ligatures, circled letters), what nobody sees removed."""
    return _DASHES.sub("-", unicodedata.normalize("NFKC", unseen_removed(text)))


def unseen_removed(text: str) -> str:
    """A text without what nobody sees of it."""
    return _INVISIBLE.sub("", text)


def _percent(text: str) -> Iterator[Decoded]:
    wide = _joined(_WIDE.sub(lambda found: chr(int(found[1], 16)), text)) if "%u" in text or "%U" in text else text
    decoded = _lenient(unquote_to_bytes(wide.encode("utf-8", "surrogatepass")))
    yield Decoded("percent", decoded)
    if "+" in wide:
        spaced = wide.replace("+", " ")
        yield Decoded("percent", _lenient(unquote_to_bytes(spaced.encode("utf-8", "surrogatepass"))))


def _unquoted(found: re.Match[bytes]) -> bytes:
    return b"" if found[1] is None else bytes((int(found[1], 16),))


def _referred(found: re.Match[str]) -> str:
    return chr(int(found[1]) if found[1] is not None else int(found[2], 16))


def _unescaped(found: re.Match[str]) -> str:
    code = found[1] or found[2] or found[3] or found[4] or found[5]
    if code is not None:
        number = int(code, 16)
        return chr(number) if number < 0x110000 else found[0]
    if found[6] is not None:
        return chr(int(found[6], 8))
    return _SIMPLE.get(found[7], found[7])


def _joined(text: str) -> str:
    """Surrogate pairs that escapes left made into their character."""
    return _PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), text)


def _lenient(data: bytes) -> str:
    """Bytes as UTF-8, where they are not as Latin-1."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")
