"""A capture as chunks that can be read apart: byte ranges of plain JSON lines; everything else in one piece.

A line belongs to the chunk that holds its first byte, so no line is read twice and none is lost, however the cuts fall.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from audit.engine.parse import Limits
from audit.engine.run import Broken, Lines, Part
from audit.model import Reason
from audit.sources import jsonl
from audit.sources.detect import BOM, Format, detect
from audit.sources.inputs import Input
from audit.sources.objects import ObjectFile, Stored
from audit.sources.streams import BLOCK, Damaged, Digest, Readable, Stamp, is_compressed, stamp_of


class Chunk(NamedTuple):
    """A part of one input. `stamp` None: the whole of it, as one stream; else the bytes from `start` up to `end` (None: all)."""

    input: Input
    number: int
    start: int
    end: int | None
    weight: int
    stamp: Stamp | None = None


def plan(capture: Input, size: int) -> list[Chunk]:
    """The chunks of one input, in order, each of about `size` bytes."""
    if capture.path is None or capture.problem is not None:
        return [Chunk(capture, 0, 0, None, 0)]
    if capture.stored is not None:
        return _plan_object(capture, capture.stored, size)
    try:
        with Path(capture.path).open("rb", buffering=0) as file:
            stamp = stamp_of(file)
            if stamp is None or stamp.size <= size:
                return [Chunk(capture, 0, 0, None, stamp.size if stamp is not None else 0)]
            head = file.read(BLOCK)
    except OSError:
        return [Chunk(capture, 0, 0, None, 0)]  # whoever reads it says so
    return _ranges(capture, size, stamp, head)


def _plan_object(capture: Input, stored: Stored, size: int) -> list[Chunk]:
    """As for a file. Its stamp says its size only: each request asks for the version that was listed."""
    whole = [Chunk(capture, 0, 0, None, stored.size)]
    if stored.size <= size:
        return whole
    try:
        head = ObjectFile(stored, ahead=BLOCK).read(BLOCK)
    except Damaged:
        return whole  # whoever reads it says so
    return _ranges(capture, size, Stamp(0, 0, stored.size, 0), head)


def _ranges(capture: Input, size: int, stamp: Stamp, head: bytes) -> list[Chunk]:
    found = capture.forced or detect(head, complete=len(head) == stamp.size)
    if is_compressed(head) or found is not Format.JSONL:
        return [Chunk(capture, 0, 0, None, stamp.size)]
    first = len(BOM) if head.startswith(BOM) else 0
    edges = [*range(first, stamp.size, size)]
    ends: list[int | None] = [*edges[1:], None]
    return [
        Chunk(capture, number, start, end, size, stamp)
        for number, (start, end) in enumerate(zip(edges, ends, strict=True))
    ]


def parts(chunk: Chunk, limits: Limits) -> Iterator[Part]:
    """The parts of a byte range; what cannot be read is a Broken."""
    last = 0
    try:
        for part in _opened(chunk, limits):
            last = part.unit - 1 + (part.data.count(b"\n") or 1 if isinstance(part, Lines) else 1)
            yield part
    except Damaged as damaged:
        yield Broken(chunk.start, last + 1, damaged.reason)
    except OSError as error:
        yield Broken(chunk.start, last + 1, Reason.DENIED if isinstance(error, PermissionError) else Reason.VANISHED)


def _opened(chunk: Chunk, limits: Limits) -> Iterator[Lines | Broken]:
    """Raises Damaged, OSError."""
    if chunk.input.stored is not None:
        yield from _cut(ObjectFile(chunk.input.stored, chunk.end), chunk, limits)
        return
    with Path(chunk.input.path or "").open("rb", buffering=0) as file:
        yield from _cut(file, chunk, limits)
        if stamp_of(file) != chunk.stamp:
            raise Damaged(Reason.CHANGED)


def _cut(file: Readable, chunk: Chunk, limits: Limits) -> Iterator[Lines | Broken]:
    found = _first_line(file, chunk)
    if found is not None:
        offset, rest = found
        yield from jsonl.cut(_span(file, offset, rest, chunk.end), limits.max_line, offset)


def _first_line(file: Readable, chunk: Chunk) -> tuple[int, bytes] | None:
    """Where the first line of a chunk begins, and what was read of it; None where none begins in it."""
    if chunk.number == 0:
        file.seek(chunk.start)
        return chunk.start, b""
    at = chunk.start - 1
    file.seek(at)
    while chunk.end is None or at < chunk.end - 1:
        data = file.read(BLOCK)
        if not data:
            return None
        end = data.find(b"\n")
        if end >= 0:
            begin = at + end + 1
            return (begin, data[end + 1 :]) if chunk.end is None or begin < chunk.end else None
        at += len(data)
    return None


def _span(file: Readable, position: int, rest: bytes, end: int | None) -> Iterator[bytes]:
    """Blocks from a line's begin to the end of the last line that begins before `end`."""
    data = rest or file.read(BLOCK)
    while data:
        if end is not None and position + len(data) >= end:
            cut = data.find(b"\n", max(end - 1 - position, 0))
            if cut >= 0:
                yield data[: cut + 1]
                return
        yield data
        position += len(data)
        data = file.read(BLOCK)


def digest(path: str, stamp: Stamp) -> Digest:
    """One pass over a file that is read in chunks."""
    total = hashlib.sha256()
    size = 0
    try:
        with Path(path).open("rb", buffering=0) as file:
            before = stamp_of(file)
            while data := file.read(BLOCK):
                total.update(data)
                size += len(data)
            return Digest(total.hexdigest(), size, before == stamp_of(file) == stamp)
    except OSError:
        return Digest(None, size, whole=False)
