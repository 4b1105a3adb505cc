"""The decoded forms of a text, each with the path that led there. Linear: a fixed number of passes, no recursion."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus


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
