"""The decoded forms of a text, each with the path that led there."""

from __future__ import annotations

from typing import NamedTuple


class View(NamedTuple):
    text: str
    path: tuple[str, ...]
