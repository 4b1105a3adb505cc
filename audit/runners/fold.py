"""What every way of working in parallel shares: which jobs there are, and what becomes of what was said of them.

Chunks of large logs, other files whole, the largest first; the result is that of the serial run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from audit.engine.rows import InputFacts
from audit.engine.run import Auditor, Broken, Part
from audit.model import Reason
from audit.runners.marks import MarkStore
from audit.runners.merge import Merge, Rows, Ticket
from audit.runners.pool import Ended, Given, Lost
from audit.runners.serial import Progress
from audit.runners.work import Done, Job, Partial, Recipe, account, audit_chunk, unread
from audit.sources.chunks import Chunk, plan
from audit.sources.detect import Format
from audit.sources.inputs import Input, etag_of, is_stream
from audit.sources.streams import Digest
from audit.tally import Tally

CHUNK = 32 * 1024 * 1024
SMALL = 2 * 1024 * 1024
TOGETHER = 128
"""Files that are small together, and at most so many, are one job."""
AHEAD = 64
"""How many chunks of one input may be done before the first one that is not: what is done waits for it."""


class Asked(NamedTuple):
    """What is to be judged, by which auditor and how others make the same. `rows`: told every finding, in the order of the
    serial run; `chunk`: bytes of a range."""

    judge: Auditor
    recipe: Recipe
    inputs: Sequence[Input]
    marks: MarkStore
    origins: Mapping[int, str] = {}
    rows: Rows | None = None
    progress: Progress | None = None
    chunk: int = CHUNK


def folded(asked: Asked, work: Callable[[Fold, deque[Job]], None]) -> tuple[Tally, list[InputFacts]]:
    """As `serial.run`. `work` has every job done, and those that come in their place; it is not called if there are none."""
    plans = [plan(_anywhere(capture), asked.chunk) for capture in asked.inputs]
    # A file in chunks has one more: its digest, and with it whether the file stayed as it was.
    counts = [len(chunks) + (chunks[0].stamp is not None) for chunks in plans]
    with Merge(counts, asked.marks, asked.recipe.size, asked.rows) as merge:
        fold = Fold(asked.judge, asked.recipe, merge, asked.origins, asked.progress)
        waiting = deque(fold.jobs(plans))
        if waiting:
            work(fold, waiting)
        merge.end()
        return merge.tally, [merge.facts[index] for index in range(len(asked.inputs))]


def _anywhere(capture: Input) -> Input:
    """The input as another process finds it, wherever that one stands."""
    if capture.path is None or capture.stored is not None:
        return capture
    return replace(capture, path=str(Path(capture.path).absolute()))


class Fold:
    """What the one process does that knows all: which jobs there are, and what becomes of what they say."""

    def __init__(
        self, judge: Auditor, recipe: Recipe, merge: Merge, origins: Mapping[int, str], progress: Progress | None
    ) -> None:
        self.judge, self.recipe, self.merge = judge, recipe, merge
        self.origins, self.progress = origins, progress
        self.given: dict[Job | None, list[Ticket]] = {}
        """What each job has handed over so far; None: what this process itself accounts for."""

    def jobs(self, plans: Sequence[Sequence[Chunk]]) -> list[Job]:
        """Largest first; ranges of one file in their order. What only this process can read is read at once."""
        found: list[Job] = []
        small: list[Chunk] = []
        for chunks in plans:
            first = chunks[0]
            stream = is_stream(first.input)
            if small and (stream or not _fits(small, first)):
                found.append(self._job(*small))
                small = []
            if stream:
                self._here(first)
            elif first.stamp is None and first.weight < SMALL:
                small.append(first)
            else:
                found += (self._job(chunk) for chunk in chunks)
                if first.stamp is not None:
                    found.append(self._job(_closing(chunks))._replace(digest=True))
        if small:
            found.append(self._job(*small))
        return sorted(found, key=lambda job: -job.weight)

    def _job(self, *chunks: Chunk) -> Job:
        return Job(chunks, tuple(self.origins.get(chunk.input.index) for chunk in chunks))

    def may(self, job: Job) -> bool:
        first = job.chunks[0]
        return job.digest or first.number < self.merge.next[first.input.index] + AHEAD

    def hear(self, job: Job, message: Given | Ended | Lost) -> list[Job]:
        """Take in what was said of a job; the jobs that are to be done in its place."""
        given = self.given.setdefault(job, [])
        match message:
            case Given(value):
                given.append(self.merge.shelf.put(value))
                return []
            case Ended(value):
                self.given.pop(job)
                if isinstance(value, Digest):
                    self._close(job, value)
                else:
                    self._take(job, value, given)
                return []
            case Lost(final):
                self.merge.shelf.drop(self.given.pop(job))
                return self._lost(job) if final else []

    def _close(self, job: Job, told: Digest) -> None:
        """The end of a file that was read in ranges."""
        capture = job.chunks[0].input
        facts = InputFacts(capture.name, Format.JSONL.value, told.size, told.sha256, lines=True, etag=etag_of(capture))
        broken = [] if told.whole else [Broken(told.size, 1, Reason.CHANGED)]
        self._account(job, broken, ((capture.index, facts),))

    def _lost(self, job: Job) -> list[Job]:
        """A job that cost two processes: file by file, and what is to blame alone is named."""
        if len(job.chunks) > 1:
            return [self._job(chunk) for chunk in reversed(job.chunks)]
        [chunk] = job.chunks
        if job.digest:
            self._close(job, Digest(None, 0, whole=False))
            return []
        facts = InputFacts(chunk.input.name, Format.NONE.value, 0, None, lines=False, etag=etag_of(chunk.input))
        self._account(job, unread(chunk, self.judge), () if chunk.stamp is not None else ((chunk.input.index, facts),))
        return []

    def _account(self, job: Job, parts: Iterable[Part], facts: tuple[tuple[int, InputFacts], ...]) -> None:
        """A chunk of which this process says what there is to say."""
        tally = account(self.judge, self.recipe, job, parts, self._give)
        self._take(job, Done(tally, facts), self.given.pop(None, []))

    def _here(self, chunk: Chunk) -> None:
        job = self._job(chunk)
        done = audit_chunk(self.judge, self.recipe, job, self._give)
        self._take(job, done, self.given.pop(None, []))

    def _give(self, partial: Partial) -> None:
        self.given.setdefault(None, []).append(self.merge.shelf.put(partial))

    def _take(self, job: Job, done: Done, given: list[Ticket]) -> None:
        self.merge.take([(chunk.input.index, chunk.number) for chunk in job.chunks], done, given)
        if self.progress is not None:
            self.progress(self.merge.units)


def _fits(small: Sequence[Chunk], more: Chunk) -> bool:
    """Whether a file may travel with small ones before it: few enough, and none between them."""
    return (
        more.stamp is None
        and len(small) < TOGETHER
        and sum(chunk.weight for chunk in small) + more.weight < SMALL
        and more.input.index == small[-1].input.index + 1
    )


def _closing(chunks: Sequence[Chunk]) -> Chunk:
    """What follows the last range of a file: its hash, which takes about as long as to judge a twentieth of it."""
    return chunks[-1]._replace(number=len(chunks), weight=sum(chunk.weight for chunk in chunks) // 20)
