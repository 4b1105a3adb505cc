"""What one process does with one chunk: the same fold, with what does not fit into a tally handed over piece by piece."""

from __future__ import annotations

import gc
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from audit import __version__
from audit.engine.rows import InputFacts, Stream
from audit.engine.run import Auditor, Broken, Items, Lines, Part
from audit.model import Finding, Reason
from audit.policy.files import find
from audit.policy.load import load
from audit.policy.pack import PolicyError
from audit.runners.pool import UnfitError
from audit.sources import Reading
from audit.sources.chunks import Chunk, digest, parts
from audit.sources.detect import Format
from audit.sources.inputs import etag_of
from audit.sources.objects import closing
from audit.sources.streams import Digest
from audit.tally import Size, Tally

MOST = 4 * 1024 * 1024
"""Bytes of marks, or of packed findings, that a process holds before it hands them over."""


class Recipe(NamedTuple):
    """How to make, in another process, the auditor that this one has. `pack`: the name of one that ships, or an absolute
    directory; `options`: the other arguments of `Auditor`."""

    pack: str
    sha256: str
    options: Mapping[str, Any]
    size: Size | None
    findings: bool
    version: str = __version__


class Partial(NamedTuple):
    """Marks by timeline, their units counted from the chunk's start; findings as packed JSON lines."""

    marks: Mapping[str, bytes]
    rows: bytes


class Job(NamedTuple):
    """What a process does at a time: one byte range of a log, or some whole files that follow each other, or (`digest`)
    the hash of a file that others read in ranges. `origins`: those that the auditor gave, chunk by chunk."""

    chunks: tuple[Chunk, ...]
    origins: tuple[str | None, ...]
    digest: bool = False

    @property
    def weight(self) -> int:
        return sum(chunk.weight for chunk in self.chunks)


class Done(NamedTuple):
    """A job that was done to its end. `facts`: of inputs that were read in one piece, by their index."""

    tally: Tally
    facts: tuple[tuple[int, InputFacts], ...] = ()


def auditor(recipe: Recipe) -> Auditor:
    """Raises UnfitError where this process would not judge as the one that asks."""
    if recipe.version != __version__:
        raise UnfitError(f"telemetry-audit {__version__} was asked to work for {recipe.version}: install one version")
    try:
        policy = load(find(recipe.pack))
    except PolicyError as error:
        raise UnfitError(f"the policy pack cannot be read where the work is done: {error}") from None
    if policy.sha256 != recipe.sha256:
        raise UnfitError("the policy pack is not the one that the audit began with: it changed, or is another copy")
    return Auditor(policy, **recipe.options)


def do(judge: Auditor, recipe: Recipe, job: Job, give: Callable[[Partial], None]) -> Done | Digest:
    """Do one job of either kind, in whatever process."""
    return _hashed(job) if job.digest else audit_chunk(judge, recipe, job, give)


def _hashed(job: Job) -> Digest:
    [chunk] = job.chunks
    if chunk.input.stored is not None:
        return closing(chunk.input.stored)
    assert chunk.stamp is not None
    return digest(chunk.input.path or "", chunk.stamp)


def audit_chunk(judge: Auditor, recipe: Recipe, job: Job, give: Callable[[Partial], None]) -> Done:
    """Judge the chunks of one job. What is given was judged, but counts only if this returns."""
    tally, held = Tally(recipe.size), _Held(judge, recipe, give)
    facts: list[tuple[int, InputFacts]] = []
    for chunk, origin in zip(job.chunks, job.origins, strict=True):
        if chunk.stamp is not None:
            fold(judge, chunk, parts(chunk, judge.limits), origin, tally, held)
            continue
        reading = Reading(chunk.input, judge.limits)
        fold(judge, chunk, reading.parts(), origin, tally, held)
        lines = reading.format is Format.JSONL
        told = InputFacts(
            chunk.input.name,
            reading.format.value,
            reading.size,
            reading.sha256,
            lines,
            reading.head,
            etag_of(chunk.input),
        )
        facts.append((chunk.input.index, told))
    held.flush()
    return Done(tally, tuple(facts))


def account(judge: Auditor, recipe: Recipe, job: Job, these: Iterable[Part], give: Callable[[Partial], None]) -> Tally:
    """The tally of a single chunk of which not its own parts are told, but these."""
    tally, held = Tally(recipe.size), _Held(judge, recipe, give)
    fold(judge, job.chunks[0], these, job.origins[0], tally, held)
    held.flush()
    return tally


def fold(  # noqa: PLR0913 - the fold's whole environment
    judge: Auditor, chunk: Chunk, these: Iterable[Part], origin: str | None, tally: Tally, held: _Held
) -> None:
    sink = held.finder(chunk.input.name)
    with _collector_off():
        for part in these:
            judge.feed(part, tally, (chunk.input.index, chunk.number), origin, sink)
            held.take(tally)


def unread(chunk: Chunk, judge: Auditor) -> Iterator[Broken]:
    """Every line of a chunk on which processes died, as one that was not read: so that later lines keep their numbers."""
    if chunk.stamp is None:
        yield Broken(0, 1, Reason.CRASHED)
        return
    for part in parts(chunk, judge.limits):
        if not isinstance(part, Lines | Items):
            yield Broken(part.offset, part.unit, Reason.CRASHED)
            continue
        each = part.each()
        for number, (_, offset) in enumerate(zip(each, part.offsets(each), strict=True), part.unit):
            yield Broken(offset, number, Reason.CRASHED)


@contextmanager
def _collector_off() -> Iterator[None]:
    """What is parsed holds no cycles: collecting it costs several-fold and frees nothing."""
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


class _Held:
    """What was not given yet."""

    def __init__(self, judge: Auditor, recipe: Recipe, give: Callable[[Partial], None]) -> None:
        self.stream, self.wanted, self.give = Stream(judge.policy), recipe.findings, give
        self.marks: dict[str, bytearray] = {}
        self.packer, self.rows = zlib.compressobj(1), bytearray()
        self.size = 0

    def finder(self, name: str) -> Callable[[Finding], None] | None:
        """Takes the findings of one input, where they are wanted."""
        return (lambda finding: self.find(finding, name)) if self.wanted else None

    def find(self, finding: Finding, name: str) -> None:
        row = self.stream.row(finding, name)
        self.rows += self.packer.compress(json.dumps(row).encode("ascii") + b"\n")
        if len(self.rows) > MOST:
            self.flush()

    def take(self, tally: Tally) -> None:
        for key, marks in tally.marks.items():
            self.marks.setdefault(key.timeline, bytearray()).extend(marks)
            self.size += len(marks)
        tally.marks.clear()
        if self.size > MOST:
            self.flush()

    def flush(self) -> None:
        rows = bytes(self.rows) + self.packer.flush()
        self.give(Partial({timeline: bytes(marks) for timeline, marks in self.marks.items()}, rows))
        self.marks, self.size = {}, 0
        self.packer, self.rows = zlib.compressobj(1), bytearray()


def rows_of(packed: bytes, before: int) -> Iterator[dict[str, Any]]:
    """The findings of a chunk, their units counted from the start of the input."""
    unpacker, rest = zlib.decompressobj(), b""
    waiting = packed
    while waiting or not unpacker.eof:
        data = unpacker.decompress(waiting, 1 << 20)
        waiting = unpacker.unconsumed_tail
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            row: dict[str, Any] = json.loads(line)
            if row["unit"] is not None:
                row["unit"] += before
            if row["line"] is not None:
                row["line"] += before
            yield row
        if not data and not waiting:
            return
