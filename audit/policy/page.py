"""The page itself: where its quotes stand, and which of its sentences break off."""

from __future__ import annotations

import re

_EMPHASIS = re.compile(r"[*_]+")
_SPACE = re.compile(r"\s+")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_DANGLING = frozenset("a an the of to for with and or in on by from at as is are which that".split())


def fold(text: str) -> str:
    """Text with white space and Markdown emphasis folded, the form in which quotes are compared."""
    return _SPACE.sub(" ", _EMPHASIS.sub("", text)).strip()


def position(page: str, quote: str) -> int | None:
    """Where a quote stands in the folded page, or None."""
    at = fold(page).find(fold(quote))
    return None if at < 0 else at


def broken_sentences(page: str) -> tuple[str, ...]:
    """Prose paragraphs that end in a word which cannot end a sentence. Returned folded, the last sentence only."""
    prose = re.sub(r"\A---.*?^---$", "", page, flags=re.MULTILINE | re.DOTALL)
    found = []
    for block in re.split(r"\n\s*\n", _FENCE.sub("", prose)):
        text = fold(block)
        if text and not block.lstrip().startswith(("#", "*", "-", "{%", "|")) and text.split()[-1].lower() in _DANGLING:
            found.append(re.split(r"(?<=[.!?]) ", text)[-1])
    return tuple(found)
