"""The same fold on a Dask cluster, or on one that lives as long as the run: it only runs jobs over our own chunks.

A job's result is a value that comes whole or not at all, so it counts once, whatever dies and is done again.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import pickle
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from audit.engine.rows import InputFacts
from audit.engine.run import Auditor
from audit.runners.fold import Asked, Fold, folded
from audit.runners.pool import ATTEMPTS, Ended, Given, Lost, NoWorkerError, UnfitError, WorkerError
from audit.runners.work import Done, Job, Partial, Recipe, auditor, do
from audit.sources.objects import StoreError
from audit.sources.streams import Digest
from audit.tally import Tally

PER_WORKER = 2
"""Jobs handed out for each thread of the cluster: one that runs, one that waits. No more, however large the capture is."""
_LOST = "the scheduler was lost: nothing was written"
SECONDS = 30
"""How long to wait for a scheduler, for its first worker, and for a job to end before asking whether there is any."""
_PAUSE = 0.02
_LOSSES = 10
"""How often the result of a job may be lost."""
_GONE = "no worker has been there"


class Answer(NamedTuple):
    """A job's result, with what it handed over."""

    value: Done | Digest
    given: tuple[Partial, ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """What went wrong with jobs. A scheduler blames whatever waited at a worker that died; the first time that makes a job a
    suspect and no more."""

    killed: Counter[Job] = field(default_factory=Counter)
    lost: Counter[Job] = field(default_factory=Counter)
    suspects: deque[Job] = field(default_factory=deque)


class Unfit(NamedTuple):
    reason: str


class Failed(NamedTuple):
    kind: str
    where: str


def run(asked: Asked, jobs: int, *, scheduler: str | None = None) -> tuple[Tally, list[InputFacts]]:
    """As `processes.run`. `scheduler`: the address of a cluster; None: `jobs` processes of this machine."""

    def work(fold: Fold, waiting: deque[Job]) -> None:
        with _client(scheduler, jobs) as client, _telling():
            _all(client, fold, waiting, pickle.dumps(asked.recipe))

    return folded(asked, work)


@contextlib.contextmanager
def _client(scheduler: str | None, jobs: int) -> Iterator[Any]:
    """A client of the cluster, closed whatever happens. A cluster of our own listens on loopback only."""
    from distributed import Client, LocalCluster

    with contextlib.ExitStack() as stack:
        where: Any = scheduler
        if where is None:
            where = stack.enter_context(
                LocalCluster(
                    n_workers=jobs, threads_per_worker=1, host="127.0.0.1", dashboard_address=None, silence_logs=50
                )
            )
        try:
            client = stack.enter_context(Client(where, timeout=SECONDS, set_as_default=False))
            client.wait_for_workers(1, timeout=SECONDS)
        except (OSError, ValueError, TimeoutError) as error:
            raise NoWorkerError(f"no scheduler, or no worker, at {scheduler or 'this machine'}") from error
        yield client


@contextlib.contextmanager
def _telling() -> Iterator[None]:
    """Whatever way Dask says that the scheduler went, in the midst of a question or between two: one error."""
    from distributed.comm.core import CommClosedError

    try:
        yield
    except (CommClosedError, asyncio.CancelledError, concurrent.futures.CancelledError) as error:
        raise NoWorkerError(_LOST) from error


def _all(client: Any, fold: Fold, waiting: deque[Job], recipe: bytes) -> None:
    """Keep the cluster busy until every job is done; at the end, those that workers died with, each with nothing beside it."""
    from distributed import as_completed

    running: dict[Any, Job] = {}
    heard = Heard()
    done = as_completed(loop=client.loop)
    while waiting or running or heard.suspects:
        most = PER_WORKER * max(1, sum(client.nthreads().values()))
        for job in _beginning(fold, waiting, heard.suspects, len(running), most):
            future = client.submit(serve, recipe, job, pure=False)
            running[future] = job
            done.add(future)
        future = _next(client, done)
        waiting.extendleft(_hear(fold, running.pop(future), future, heard))
        future.release()


def _beginning(fold: Fold, waiting: deque[Job], suspects: deque[Job], running: int, most: int) -> list[Job]:
    """The jobs to hand out now. A suspect only while nothing else is under way: what then dies, dies of it."""
    found: list[Job] = []
    while running + len(found) < most and (job := next((job for job in waiting if fold.may(job)), None)):
        waiting.remove(job)
        found.append(job)
    return found if found or running else [suspects.popleft()]


def _next(client: Any, done: Any) -> Any:
    """The next job that ended. A cluster whose workers all went would let us wait for ever."""
    asked = time.monotonic()
    while not done.has_ready():
        time.sleep(_PAUSE)
        if time.monotonic() - asked > SECONDS:
            _manned(client)
            asked = time.monotonic()
    return next(done)


def _had(client: Any, ask: Callable[..., Any]) -> Any:
    """What a job that ended has to say. Where its worker went with that, it is done again, and one must be there to do it."""
    while True:
        try:
            return ask(timeout=SECONDS)
        except TimeoutError:
            _manned(client)


def _manned(client: Any) -> None:
    if not client.nthreads():
        raise NoWorkerError(f"{_GONE} for {SECONDS} s: nothing was written. Is telemetry-audit installed there?")


def _hear(fold: Fold, job: Job, future: Any, heard: Heard) -> list[Job]:
    """Take in how a job ended; the jobs to be done in its place."""
    from distributed.scheduler import KilledWorker

    if future.status == "lost":  # its worker died with the result, before it handed that over: no fault of the job
        heard.lost[job] += 1
        if heard.lost[job] >= _LOSSES:
            raise NoWorkerError("workers die before they hand over their results: nothing was written")
        return [job]
    if future.status == "cancelled":
        raise NoWorkerError(_LOST)
    error = _had(future.client, future.exception)
    if isinstance(error, KilledWorker):  # the scheduler has tried it on several workers already
        heard.killed[job] += 1
        final = heard.killed[job] >= ATTEMPTS
        heard.suspects.extend([] if final else [job])
        return fold.hear(job, Lost(final))
    if error is not None:
        raise NoWorkerError(f"a worker cannot do this ({type(error).__name__}): is telemetry-audit installed there?")
    match _had(future.client, future.result):
        case Unfit(reason):
            raise NoWorkerError(reason)
        case Failed(kind, where):
            raise WorkerError(kind, where)
        case Answer(value, given):
            for partial in given:
                fold.hear(job, Given(partial))
            return fold.hear(job, Ended(value))
        case other:
            raise NoWorkerError(f"a worker answered with a {type(other).__name__}: is it of another version?")


def serve(recipe: bytes, job: Job) -> Answer | Unfit | Failed:
    """Do one job in a worker. An error is told by kind and place: its text may quote what was captured."""
    try:
        judge, made = _auditor(recipe)
        given: list[Partial] = []
        value = do(judge, made, job, given.append)
        return Answer(value, tuple(given))
    except (UnfitError, StoreError) as error:
        return Unfit(str(error))
    except Exception as error:  # noqa: BLE001 - as in a process of our own
        frame = traceback.extract_tb(error.__traceback__)[-1]
        return Failed(type(error).__name__, f"{Path(frame.filename).name}:{frame.lineno}")


@lru_cache(maxsize=1)
def _auditor(recipe: bytes) -> tuple[Auditor, Recipe]:
    """One auditor a worker process, as long as it works for one audit."""
    made: Recipe = pickle.loads(recipe)  # noqa: S301 - a Dask cluster runs what its clients send, this beside it
    return auditor(made), made
