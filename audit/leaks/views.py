"""The decoded forms of a text, each with the path that led there. Linear: a fixed number of passes, no recursion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus

_PLAIN = bytes(byte for byte in range(128) if chr(byte).isalnum() or chr(byte) in "._:/?&=~#!,*'-")


def is_plain(text: str) -> bool:
    """Whether a text is a token or an address without any room for mail, rows, queries or encodings of them: letters,
    digits and a few marks of URLs. It has no other view than itself."""
    try:
        return not text.encode("ascii").translate(None, _PLAIN)
    except UnicodeEncodeError:
        return False


class View(NamedTuple):
    text: str
    path: tuple[str, ...]


def views(text: str) -> Iterator[View]:
    """The text itself, then percent-decoded once and twice (with `+` as a space where it was percent-encoded)."""
    yield View(text, ())
    path: tuple[str, ...] = ()
    for _ in range(2):
        if "%" not in text and not ("+" in text and " " not in text):
            return
        decoded = unquote_plus(text) if " " not in text else unquote(text)
        if decoded == text:
            return
        text, path = decoded, (*path, "percent")
        yield View(text, path)
