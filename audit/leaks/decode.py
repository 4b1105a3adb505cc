"""The decoded forms of a text, up to three layers deep, each with the path that led there.

Breadth first, every form once, within a budget that says when it did not suffice.
"""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice, pairwise
from typing import Any, NamedTuple

from audit.leaks.budget import LAYERS, Budget, remembering
from audit.leaks.inflate import deflated, inflated
from audit.leaks.lzstring import from_letters, from_utf16
from audit.leaks.segments import as_bytes, segments
from audit.leaks.texts import JOINED, decodings, joined, turned, unseen_removed
from audit.leaks.views import View

_LETTERS = re.compile(r"[A-Za-z0-9+/$-]{6,4096}={0,3}")
_SLASH = re.compile("/")
_SLASHES = 8
_RUN = re.compile(
    rb"(?:[\t\r\n\x20-\x7e]|[\xc3-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}){5,}"
)
_ASCII = b"\t\r\n" + bytes(range(0x20, 0x7F))
_ALL = re.compile(
    rb"(?>(?:[\t\r\n\x20-\x7e]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})*)"
)
_EMBEDDED = 1024 * 1024
_STEPS = 2 * LAYERS
_CARRIED = frozenset({"gzip", "zlib", "deflate", "bzip2", "utf-16", "bytes", "latin-1"})
"""Steps between bytes: they come only with the layer that carries the bytes as letters."""


_PACKS = frozenset({"gzip", "zlib", "bzip2", "lz-string"})
_READ = 12
_LEAST = 6
"""Fewer letters among zeros are not put together."""

_PACKED = (b"\x1f\x8b\x08", b"BZh", b"\x78\x9c", b"\x78\x01", b"\x78\x5e", b"\x78\xda")
_TURNS = frozenset({"reversed", "rot13"})
_KEPT = _TURNS | JOINED
"""Steps after which not everything is tried."""

_SHORT = 64
"""What is as short as that is remembered, with what it decodes to."""


class Blob(NamedTuple):
    """Bytes that a text decodes to, whatever they are."""

    data: bytes
    path: tuple[str, ...]


class _Child(NamedTuple):
    """A text, or bytes, that another form may stand for, and the steps that lead there."""

    what: str | bytes
    steps: tuple[str, ...]


def decoded(text: str, budget: Budget | None = None) -> Iterator[View]:
    """The text itself, then every other text that it may stand for. `budget.gave_up` tells, after the last one, whether
    something was left undecoded."""
    for form in forms(text, budget):
        if isinstance(form, View):
            yield form


def forms(text: str, budget: Budget | None = None) -> Iterator[View | Blob]:
    """Views, and the bytes between them: a digest stands in bytes."""
    return _below(View(text, ()), Budget() if budget is None else budget, {text})


def _below(first: View | Blob, budget: Budget, seen: set[str | bytes]) -> Iterator[View | Blob]:
    """A form and what it decodes to. A form that is no chance is followed to its end before its sisters are made, most of
    which are: the lines of wrapped letters would use up the budget. It goes no deeper than the layers."""
    queue: deque[View | Blob] = deque([first])
    while queue:
        form = queue.popleft()
        yield form
        path = form.path
        for what, steps in _of_text(form, budget) if isinstance(form, View) else _of_bytes(form, budget):
            if not budget.attempt():
                return
            if len(what) < 4 or what in seen:
                continue
            if not budget.spend(len(what)):
                break
            seen.add(what)
            child = View(what, path + steps) if isinstance(what, str) else Blob(what, path + steps)
            if _is_no_chance(child, len(form.data) if isinstance(form, Blob) else 0):
                yield from _below(child, budget, seen)
            else:
                queue.append(child)


def _is_no_chance(child: View | Blob, size: int) -> bool:
    """Whether a form is packed, or was, or is a text from end to end, as most of the pieces of a long text are not. `size`: of
    the bytes that it was read from."""
    what, path = child
    if path and path[-1] in _PACKS:
        return True
    if isinstance(what, bytes):
        return what.startswith(_PACKED) or (len(what) >= _READ and (_is_text(what) or bool(deflated(what))))
    return size == len(what) >= _READ and what.isascii()


def _is_text(data: bytes) -> bool:
    return not data.translate(None, _ASCII) if data.isascii() else _ALL.fullmatch(data) is not None


def layers(path: tuple[str, ...]) -> int:
    """How many layers of encoding a path went through. JSON in base64 is one, as in a token that is signed."""
    if not path:
        return 0
    signed = sum(step == "json" and before == "base64" for before, step in pairwise(path))
    return len(path) - signed - len([step for step in path if step in _CARRIED])


def _of_text(view: View, budget: Budget) -> Iterable[_Child]:
    text, path = view
    if len(path) >= LAYERS and layers(path) >= LAYERS:
        return ()
    last = path[-1] if path and path[-1] in _KEPT else ""
    return _of_short_text(text, last) if len(text) <= _SHORT else _read(text, last, budget)


@remembering
@lru_cache(maxsize=4096)
def _of_short_text(text: str, last: str) -> tuple[_Child, ...]:
    """Remembered, since words, hosts and what they decode to come again. Too short for any bound."""
    return tuple(_read(text, last, Budget()))


def _read(text: str, last: str, budget: Budget) -> Iterator[_Child]:
    for name, decoded in decodings(text):
        yield _Child(decoded, (name,))
    yield from _embedded(text, budget)
    if last not in JOINED:
        for name, decoded in joined(text):
            yield _Child(decoded, (name,))
    for name, decoded in turned(text, last if last in _TURNS else ""):
        yield _Child(decoded, (name,))
    for name, data in segments(text):
        yield _Child(data, (name,))
    yield from _lz(text)
    if not text.isascii():
        yield from _misread(text)


def _of_bytes(blob: Blob, budget: Budget) -> Iterable[_Child]:
    data, path = blob
    inflates = len(path) < _STEPS
    if len(data) > _SHORT:
        return _unpacked(data, budget, inflates=inflates)
    found, gave_up = _of_short_bytes(data, inflates)
    budget.gave_up = budget.gave_up or gave_up
    return found


@remembering
@lru_cache(maxsize=4096)
def _of_short_bytes(data: bytes, inflates: bool) -> tuple[tuple[_Child, ...], bool]:  # noqa: FBT001 - whether to inflate
    budget = Budget()
    return tuple(_unpacked(data, budget, inflates=inflates)), budget.gave_up


def _unpacked(data: bytes, budget: Budget, *, inflates: bool) -> Iterator[_Child]:
    """Text in bytes is no layer of its own; what inflates is one."""
    text = text_in(data)
    if text is not None:
        yield _Child(text, ())
    if not data.isascii():
        yield from _latin(data)
    yield from _broad(data)
    if b"\0" in data:
        yield from _narrowed(data)
    if inflates:
        for name, found in inflated(data, budget):
            yield _Child(found, (name,))


def _narrowed(data: bytes) -> Iterator[_Child]:
    """Letters without the zeros that stand between them in UTF-16 and UTF-32, behind whatever mark or glue."""
    letters = _without_mark(data).replace(b"\0", b"")
    even, odd = data[0::2], data[1::2]
    if any(a.count(0) * 4 >= len(a) * 3 and b.count(0) * 4 <= len(b) for a, b in ((even, odd), (odd, even))):
        yield _Child(letters.decode("latin-1"), ("utf-16",))
    elif len(letters) >= _LEAST and data.count(0) * 4 >= len(letters) and _is_text(letters):
        yield _Child(letters.decode("utf-8", "replace"), ("utf-16",))


_LATIN = re.compile(rb"[\t\r\n\x20-\x7e\xc0-\xd6\xd8-\xf6\xf8-\xff]{6,}")
_NO_LETTER = bytes(range(0x80))
_SCRIPTS = bytes(byte for byte in range(256) if 0x4E <= byte <= 0x9F or byte in b"\x00\x30\xff")
"""The higher bytes of Chinese and Japanese letters."""


def _latin(data: bytes) -> Iterator[_Child]:
    """Letters of Western Europe, a byte each, among more ASCII: bytes that are UTF-8 hardly ever are both."""
    if _LATIN.fullmatch(data) and 0 < len(data.translate(None, _NO_LETTER)) * 3 <= len(data):
        yield _Child(data.decode("latin-1"), ("latin-1",))


def _broad(data: bytes) -> Iterator[_Child]:
    """UTF-16 of letters beyond Latin: they share their higher byte, or are Chinese or Japanese throughout."""
    data = _without_mark(data)
    if len(data) < 8 or len(data) % 2:
        return
    for order, high in (("utf-16-le", data[1::2]), ("utf-16-be", data[0::2])):
        pages = set(high) - {0}
        if len(pages) == 1 or (pages and not high.translate(None, _SCRIPTS)):
            try:
                text = data.decode(order)
            except UnicodeDecodeError:
                continue
            if unseen_removed(text).isprintable():
                yield _Child(text, ("utf-16",))


def _without_mark(data: bytes) -> bytes:
    """UTF-16 without the mark of its byte order, which would stand like a letter before the text."""
    return data[2:] if data[:2] in (b"\xff\xfe", b"\xfe\xff") else data


def text_in(data: bytes) -> str | None:
    """The text in some bytes: all of them, or the stretches that read as text, a line each."""
    if data.isascii():
        if _is_text(data):
            return data.decode()
    elif _is_text(data):
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError:  # letters written longer than they are, and halves of pairs
            pass
    runs = _RUN.findall(data)
    return b"\n".join(runs).decode("utf-8", "replace") if runs else None


def _embedded(text: str, budget: Budget) -> Iterator[_Child]:
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
        yield _Child(found, ("json",) if isinstance(found, str) else ("json", "bytes"))


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


def _lz(text: str) -> Iterator[_Child]:
    if len(text) > 65536:
        return
    for run in runs_of_lz(text):
        found = _from_letters(run) if len(run) <= _SHORT else from_letters(run)
        if found is not None and len(found) >= 4:
            yield _Child(found, ("lz-string",))
    if not text.isascii():
        for run in (text, *_foreign_runs(text)):
            yield from (_Child(found, ("lz-string",)) for found in from_utf16(run) if len(found) >= 4)


_FOREIGN = re.compile(r"[^\x00-\x7f](?:[^\x00-\x7f]|[\x20-\x7e](?=[^\x00-\x7f])){3,4095} ?")


def _foreign_runs(text: str) -> list[str]:
    """Runs of letters beyond ASCII, of more scripts than one: LZ-string for storage, inside a longer text, ends in a space."""
    runs = [] if max(text) <= "\u0fff" else [found for found in _FOREIGN.findall(text)[:16] if found != text]
    return [run for run in runs if len({ord(char) >> 8 for char in run}) > 3]


def runs_of_lz(text: str) -> Iterator[str]:
    """Runs of the letters of LZ-string, and each from behind its first slashes on: there may stand a path before it."""
    for run in _LETTERS.findall(text):
        yield run
        yield from (run[at:] for at in behind_slashes(run))


def behind_slashes(run: str) -> list[int]:
    """The places behind the first slashes of a run, as far as something of length may stand there."""
    if "/" not in run:
        return []
    return [found.end() for found in islice(_SLASH.finditer(run, 0, max(len(run) - 6, 0)), _SLASHES)]


_from_letters = lru_cache(maxsize=4096)(from_letters)


def _misread(text: str) -> Iterator[_Child]:
    """Bytes that were read as characters: UTF-16 read as such, or each byte as the character of its number."""
    if max(text) > "\u0fff":
        for order in ("utf-16-le", "utf-16-be"):
            yield _Child(text.encode(order, "surrogatepass"), ("utf-16",))
    elif max(text) <= "\xff":
        yield _Child(text.encode("latin-1"), ("latin-1",))
