"""The fold in several processes: chunks of large logs, other files whole, the largest first; the result of the serial run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from audit.engine.rows import InputFacts
from audit.engine.run import Auditor, Broken, Part
from audit.model import Reason
from audit.runners.marks import MarkStore
from audit.runners.merge import Merge, Rows, Ticket
from audit.runners.pool import Ended, Given, Lost, Pool, Work
from audit.runners.serial import Progress
from audit.runners.work import Done, Partial, Recipe, audit_chunk, audit_parts, auditor, unread
from audit.sources.chunks import Chunk, Digest, digest, plan
from audit.sources.detect import Format
from audit.sources.inputs import Input, is_stream
from audit.tally import Tally

CHUNK = 32 * 1024 * 1024
AHEAD = 64
"""How many chunks of one input may be done before the first one that is not: what is done waits for it."""


class Job(NamedTuple):
    """One chunk to judge, or (`digest`) one file to hash beside its chunks."""

    chunk: Chunk
    origin: str | None
    digest: bool = False


def run(  # noqa: PLR0913 - the fold's whole environment
    judge: Auditor,
    recipe: Recipe,
    inputs: Sequence[Input],
    marks: MarkStore,
    jobs: int,
    *,
    origins: Mapping[int, str] | None = None,
    rows: Rows | None = None,
    progress: Progress | None = None,
    chunk: int = CHUNK,
) -> tuple[Tally, list[InputFacts]]:
    """As `serial.run`. `rows`: told every finding, in the order of the serial run. Raises WorkerError, NoWorkerError."""
    plans = [plan(_anywhere(capture), chunk) for capture in inputs]
    # A file in chunks has one more: its digest, and with it whether the file stayed as it was.
    counts = [len(chunks) + (chunks[0].stamp is not None) for chunks in plans]
    with Merge(counts, marks, recipe.size, rows) as merge:
        fold = _Fold(judge, recipe, merge, origins or {}, progress)
        tasks = fold.tasks(plans)
        if tasks:
            with Pool[Job](min(jobs, len(tasks)), partial(_prepare, recipe)) as pool:
                for task, message in pool.run(tasks, fold.may):
                    fold.hear(task, message)
        return merge.tally, [merge.facts[index] for index in range(len(inputs))]


def _anywhere(capture: Input) -> Input:
    """The input as another process finds it, wherever that one stands."""
    return capture if capture.path is None else replace(capture, path=str(Path(capture.path).absolute()))


def _prepare(recipe: Recipe) -> Work:
    judge = auditor(recipe)

    def work(job: Job, give: Any) -> Done | Digest:
        if job.digest:
            assert job.chunk.stamp is not None
            return digest(job.chunk.input.path or "", job.chunk.stamp)
        return audit_chunk(judge, recipe, job.chunk, job.origin, give)

    return work


class _Fold:
    """What the parent does with what its processes say."""

    def __init__(
        self, judge: Auditor, recipe: Recipe, merge: Merge, origins: Mapping[int, str], progress: Progress | None
    ) -> None:
        self.judge, self.recipe, self.merge = judge, recipe, merge
        self.origins, self.progress = origins, progress
        self.given: dict[Job | None, list[Ticket]] = {}
        """What each job has handed over so far; None: what this process itself accounts for."""

    def tasks(self, plans: Sequence[Sequence[Chunk]]) -> list[Job]:
        """Largest first; chunks of one file in their order. What only this process can read is read at once."""
        found: list[Job] = []
        for chunks in plans:
            origin = self.origins.get(chunks[0].input.index)
            if is_stream(chunks[0].input):
                self._here(chunks[0], origin)
                continue
            found += (Job(chunk, origin) for chunk in chunks)
            if chunks[0].stamp is not None:
                last = chunks[-1]._replace(number=len(chunks), weight=last_weight(chunks))
                found.append(Job(last, origin, digest=True))
        return sorted(found, key=lambda job: -job.chunk.weight)

    def may(self, job: Job) -> bool:
        return job.digest or job.chunk.number < self.merge.next[job.chunk.input.index] + AHEAD

    def hear(self, job: Job, message: Given | Ended | Lost) -> None:
        given = self.given.setdefault(job, [])
        match message:
            case Given(value):
                given.append(self.merge.shelf.put(value))
            case Ended(value):
                self._ended(job, value, self.given.pop(job))
            case Lost(final):
                self.merge.shelf.drop(self.given.pop(job))
                if final:
                    self._lost(job)

    def _ended(self, job: Job, value: Done | Digest, given: list[Ticket]) -> None:
        if isinstance(value, Digest):
            self._closed(job, value)
            return
        self._take(job.chunk, value, given)

    def _closed(self, job: Job, told: Digest) -> None:
        """The end of a file that was read in chunks."""
        chunk = job.chunk
        facts = InputFacts(chunk.input.name, Format.JSONL.value, told.size, told.sha256, lines=True)
        broken = [] if told.whole else [Broken(told.size, 1, Reason.CHANGED)]
        self._take(chunk, Done(self._made(chunk, broken, job.origin), facts), self.given.pop(None, []))

    def _lost(self, job: Job) -> None:
        if job.digest:
            self._closed(job, Digest(None, 0, whole=False))
            return
        chunk = job.chunk
        tally = self._made(chunk, unread(chunk, self.judge), job.origin)
        facts = None if chunk.stamp is not None else InputFacts(chunk.input.name, "none", 0, None, lines=False)
        self._take(chunk, Done(tally, facts), self.given.pop(None, []))

    def _made(self, chunk: Chunk, parts: Iterable[Part], origin: str | None) -> Tally:
        """A chunk that this process accounts for itself."""
        return audit_parts(self.judge, self.recipe, chunk, parts, origin, self._give)

    def _give(self, partial: Partial) -> None:
        self.given.setdefault(None, []).append(self.merge.shelf.put(partial))

    def _here(self, chunk: Chunk, origin: str | None) -> None:
        done = audit_chunk(self.judge, self.recipe, chunk, origin, self._give)
        self._take(chunk, done, self.given.pop(None, []))

    def _take(self, chunk: Chunk, done: Done, given: list[Ticket]) -> None:
        self.merge.take(chunk.input.index, chunk.number, done, given)
        if self.progress is not None:
            self.progress(self.merge.units)


def last_weight(chunks: Sequence[Chunk]) -> int:
    """A file's hash takes about as long as one chunk in twenty of it."""
    return sum(chunk.weight for chunk in chunks) // 20
