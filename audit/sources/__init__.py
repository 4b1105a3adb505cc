"""Captures to parts: find the inputs, open and decode each, tell its format, cut it. Adding a format: a file, a line here."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from audit.engine.parse import Limits
from audit.engine.run import Broken, Items, Lines, Part
from audit.engine.traffic import Traffic, Watched
from audit.model import Reason
from audit.sources import documents, flows, har, jsonl, packets
from audit.sources.detect import BOM, HEAD, Format, detect
from audit.sources.evidence import Chained
from audit.sources.inputs import Input
from audit.sources.objects import ObjectFile
from audit.sources.streams import Damaged, Hashed, blocks, stamp_of


@dataclass(slots=True)
class Reading:
    """One input being read. `format`, `bytes` and `sha256` are known when `parts` is exhausted."""

    input: Input
    limits: Limits
    format: Format = Format.NONE
    size: int = 0
    sha256: str | None = None
    head: str | None = None
    _last: int = field(default=0)
    _lines: Lines | None = field(default=None)

    def parts(self) -> Iterator[Part]:
        """Every part of the input; what cannot be read is a Broken, never an exception."""
        if self.input.problem is not None:
            yield Broken(0, 1, self.input.problem)
            return
        if self.input.stored is not None:
            yield from self._read(Hashed(ObjectFile(self.input.stored)))
            self.sha256 = None  # as where it is read in ranges: a result does not depend on that
            return
        if self.input.path is not None and Path(self.input.path).is_dir():
            yield from self._chained(Chained(Path(self.input.path), self.limits))
            return
        try:
            file: BinaryIO = (
                sys.stdin.buffer if self.input.path is None else Path(self.input.path).open("rb", buffering=0)  # noqa: SIM115 - closed where the reading ends
            )
        except OSError as error:
            yield Broken(0, 1, Reason.DENIED if isinstance(error, PermissionError) else Reason.VANISHED)
            return
        try:
            before = stamp_of(file) if self.input.path is not None else None
            yield from self._read(Hashed(file))
            if before is not None and stamp_of(file) != before:
                yield Broken(self.size, self._next(), Reason.CHANGED)
        finally:
            if self.input.path is not None:
                file.close()

    def _chained(self, evidence: Chained) -> Iterator[Part]:
        self.format = Format.EVIDENCE
        yield from evidence.parts()
        self.size, self.sha256, self.head = evidence.size, evidence.sha256, evidence.head

    def _read(self, file: Hashed) -> Iterator[Part]:
        damage: list[Reason] = []
        stream = _until_damaged(blocks(file), damage)
        head, complete = _head(stream)
        empty = Format.NONE if damage else Format.JSONL  # of what is cut off in its first block, nothing can be told
        found = self.input.forced or (detect(head, complete=complete) if head else empty)
        self._last, self._lines = 0, None
        if isinstance(found, Reason):
            yield self._seen(Broken(0, 1, found))
        else:
            self.format = found
            start = len(BOM) if head.startswith(BOM) else 0
            for part in self._cut(found, itertools.chain([head[start:]], stream), start, lambda: not damage):
                yield self._seen(part)
        try:
            self.sha256 = file.drain()
        except Damaged as damaged:
            damage.append(damaged.reason)
        self.size = file.bytes
        for reason in damage[:1]:
            yield self._seen(Broken(file.bytes, self._next(), reason))

    def _next(self) -> int:
        """The unit behind the last one."""
        if self._lines is None:
            return self._last + 1
        data = self._lines.data
        return max(self._last + 1, self._lines.unit + data.count(b"\n") + (not data.endswith(b"\n")))

    def _seen(self, part: Part) -> Part:
        match part:
            case Lines():
                self._lines = part  # counted only where it matters
                return part
            case Traffic():
                units = part.units
            case Watched():
                units = 0
            case Items():
                units = len(part.items)
            case _:
                units = 1
        self._last = max(self._last, part.unit + units - 1)
        return part

    def _cut(self, found: Format, stream: Iterator[bytes], start: int, whole: Callable[[], bool]) -> Iterator[Part]:
        match found:
            case Format.JSONL | Format.NONE:
                return jsonl.cut(stream, self.limits.max_line, start, whole)
            case Format.HAR:
                return har.split(stream, self.limits, start, whole)
            case Format.FLOWS:
                return flows.split(stream, self.limits, whole)
            case Format.PCAP | Format.PCAPNG:
                return packets.split(stream, self.limits, whole)
            case Format.JSON | Format.ARRAY | Format.EVIDENCE:
                pass
        items = documents.split(stream, self.limits.max_line, start, array=found is Format.ARRAY, whole=whole)
        return documents.gathered(items)


def _until_damaged(stream: Iterator[bytes], damage: list[Reason]) -> Iterator[bytes]:
    try:
        yield from stream
    except Damaged as damaged:
        damage.append(damaged.reason)


def _head(stream: Iterator[bytes]) -> tuple[bytes, bool]:
    """The first bytes of a stream, at least HEAD of them unless it is shorter; and whether that was all."""
    held: list[bytes] = []
    size = 0
    for block in stream:
        held.append(block)
        size += len(block)
        if size >= HEAD:
            return b"".join(held), False
    return b"".join(held), True
