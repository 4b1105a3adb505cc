"""The decoded forms of a text, up to three layers deep, each with the path that led there.

Breadth first, every form once, within a budget that says when it did not suffice. No recursion.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

from audit.leaks.budget import LAYERS, Budget
from audit.leaks.inflate import inflated
from audit.leaks.lzstring import from_letters, from_utf16
from audit.leaks.segments import as_bytes, segments
from audit.leaks.texts import decodings, turned
from audit.leaks.views import View

_LETTERS = re.compile(r"[A-Za-z0-9+/$-]{6,4096}={0,3}")
_RUN = re.compile(
    rb"(?:[\t\r\n\x20-\x7e]|[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}){5,}"
)
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_EMBEDDED = 1024 * 1024
_STEPS = 2 * LAYERS
_CARRIED = frozenset({"gzip", "zlib", "deflate", "bzip2", "utf-16", "bytes", "latin-1"})
"""Steps between bytes: they come only with the layer that carries the bytes as letters."""


class Blob(NamedTuple):
    """Bytes that a text decodes to, whatever they are."""

    data: bytes
    path: tuple[str, ...]


def decoded(text: str, budget: Budget | None = None) -> Iterator[View]:
    """The text itself, then every other text that it may stand for. `budget.gave_up` tells, after the last one, whether
    something was left undecoded."""
    for form in forms(text, budget):
        if isinstance(form, View):
            yield form


def forms(text: str, budget: Budget | None = None) -> Iterator[View | Blob]:
    """Views, and the bytes between them: a digest stands in bytes."""
    budget = Budget() if budget is None else budget
    queue: deque[View | Blob] = deque([View(text, ())])
    seen: set[str | bytes] = {text}
    while queue:
        form = queue.popleft()
        yield form
        children = _of_text(form, budget) if isinstance(form, View) else _of_bytes(form, budget)
        for child in children:
            if not budget.attempt():
                return
            what = child.text if isinstance(child, View) else child.data
            if len(what) < 4 or what in seen:
                continue
            if not budget.spend(len(what)):
                break
            seen.add(what)
            queue.append(child)


def layers(path: tuple[str, ...]) -> int:
    """How many layers of encoding a path went through."""
    return sum(step not in _CARRIED for step in path)


def _of_text(view: View, budget: Budget) -> Iterator[View | Blob]:
    text, path = view
    if layers(path) >= LAYERS:
        return
    for name, decoded in decodings(text):
        yield View(decoded, (*path, name))
    yield from _embedded(text, path, budget)
    for name, decoded in turned(text, path[-1] if path else ""):
        yield View(decoded, (*path, name))
    for name, data in segments(text):
        yield Blob(data, (*path, name))
    yield from _lz(text, path)
    if not text.isascii():
        yield from _misread(text, path)


def _of_bytes(blob: Blob, budget: Budget) -> Iterator[View | Blob]:
    """Text in bytes is no layer of its own; what inflates is one."""
    data, path = blob
    text = text_in(data)
    if text is not None:
        yield View(text, path)
    if _wide(data):
        yield View(_without_mark(data).replace(b"\0", b"").decode("latin-1"), (*path, "utf-16"))
    if len(path) >= _STEPS:
        return
    for name, found in inflated(data, budget):
        yield Blob(found, (*path, name))


def _wide(data: bytes) -> bool:
    """Whether every other byte is zero, as in UTF-16 of Latin letters, behind whatever mark or glue."""
    even, odd = data[0::2], data[1::2]
    return any(a.count(0) * 4 >= len(a) * 3 and b.count(0) * 4 <= len(b) for a, b in ((even, odd), (odd, even)))


def _without_mark(data: bytes) -> bytes:
    """UTF-16 without the mark of its byte order, which would stand like a letter before the text."""
    return data[2:] if data[:2] in (b"\xff\xfe", b"\xfe\xff") else data


def text_in(data: bytes) -> str | None:
    """The text in some bytes: all of them, or the stretches that read as text, a line each."""
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = None
    if text is not None and not _CONTROL.search(data):
        return text
    runs = [run[0] for run in _RUN.finditer(data)]
    return b"\n".join(runs).decode("utf-8", "replace") if runs else None


def _embedded(text: str, path: tuple[str, ...], budget: Budget) -> Iterator[View | Blob]:
    """The texts of JSON in a string: each, all of a list put together, and lists of numbers as bytes."""
    stripped = text.strip()
    if len(stripped) < 2 or stripped[0] + stripped[-1] not in ("[]", "{}", '""'):
        return
    if len(stripped) > _EMBEDDED:
        budget.gave_up = True
        return
    try:
        value: Any = json.loads(stripped)
    except RecursionError:
        budget.gave_up = True
        return
    except ValueError:
        return
    for found in gathered(value):
        yield View(found, (*path, "json")) if isinstance(found, str) else Blob(found, (*path, "json", "bytes"))


def gathered(value: Any) -> Iterator[str | bytes]:
    """Every text below a value, member names and numbers included; the texts of a list and of an object also joined, for a
    value that was split; lists of small numbers as bytes."""
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, bool) or node is None:
            continue
        elif isinstance(node, dict):
            yield from node
            yield from _joined(list(node.values()))
            stack.extend(node.values())
        elif isinstance(node, list):
            yield from _joined(node)
            stack.extend(node)
        else:
            yield str(node)


def _joined(nodes: list[Any]) -> Iterator[str | bytes]:
    texts = [node for node in nodes if isinstance(node, str)]
    if len(texts) > 1:
        yield "".join(texts)
    if len(nodes) >= 4 and all(type(node) is int for node in nodes):
        data = as_bytes(nodes)
        if data is not None:
            yield data


def _lz(text: str, path: tuple[str, ...]) -> Iterator[View]:
    if len(text) > 65536:
        return
    for run in _LETTERS.finditer(text):
        found = from_letters(run[0])
        if found is not None and len(found) >= 4:
            yield View(found, (*path, "lz-string"))
    if not text.isascii():
        for found in from_utf16(text):
            if len(found) >= 4:
                yield View(found, (*path, "lz-string"))


def _misread(text: str, path: tuple[str, ...]) -> Iterator[View | Blob]:
    """Bytes that were read as characters: UTF-16 read as such, or each byte as the character of its number."""
    if max(text) > "\u0fff":
        for order in ("utf-16-le", "utf-16-be"):
            yield Blob(text.encode(order, "surrogatepass"), (*path, "utf-16"))
    elif max(text) <= "\xff":
        yield Blob(text.encode("latin-1"), (*path, "latin-1"))
