"""Processes that do tasks: each has one at a time, so that whose death cost which task is known.

A task whose process died is done again by another; one that costs two processes is given back as lost. A process hands
over its results whole or not at all, so no task counts twice.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import traceback
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass, field
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import TracebackType
from typing import Any, Generic, NamedTuple, Self, TypeVar

T = TypeVar("T", bound=Hashable)

ATTEMPTS = 2
"""How many processes a task may cost."""
STARTS = 3
"""How many processes in a row may die before their first task."""


class WorkerError(Exception):
    """A fault inside a process: its kind and place, never its text, which may quote what was captured."""

    def __init__(self, kind: str, where: str) -> None:
        self.kind, self.where = kind, where
        super().__init__(f"{kind} in {where}")


class UnfitError(Exception):
    """Says why a process may not work: its text is shown."""


class NoWorkerError(Exception):
    """Processes die before they do anything, or would not judge alike."""


class Given(NamedTuple):
    """What a task hands over before its end."""

    value: Any


class Ended(NamedTuple):
    value: Any


class Lost(NamedTuple):
    """The task's process died, and so did the next. `final` False: it is done again, and what it gave counts for nothing."""

    final: bool


class _Ready(NamedTuple):
    pass


class _Failed(NamedTuple):
    kind: str
    where: str


class _Unfit(NamedTuple):
    reason: str


Work = Callable[[Any, Callable[[Any], None]], Any]
"""Does a task; hands over pieces through its second argument."""
Prepare = Callable[[], Work]
"""Makes a process ready, in that process; raises UnfitError."""


def _serve(connection: Connection, prepare: Prepare) -> None:
    """The life of a process: until the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        try:
            try:
                work = prepare()
            except UnfitError as error:
                connection.send(_Unfit(str(error)))
                return
            connection.send(_Ready())
            while True:
                task = connection.recv()
                connection.send(Ended(work(task, lambda value: connection.send(Given(value)))))
        except (EOFError, BrokenPipeError, ConnectionResetError):
            raise
        except Exception as error:  # noqa: BLE001 - told to the parent, without its text
            frames = traceback.extract_tb(error.__traceback__)
            ours = [frame for frame in frames if "audit" in Path(frame.filename).parts] or frames
            connection.send(_Failed(type(error).__name__, f"{Path(ours[-1].filename).name}:{ours[-1].lineno}"))


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """What is started in here never hears of an interrupt, from its first instruction on; this process does so afterwards."""
    if os.name != "posix":
        yield
        return
    resource_tracker.ensure_running()  # which would unblock what is blocked here, were it started later
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@dataclass(slots=True, eq=False)
class _Worker(Generic[T]):
    process: Any
    connection: Connection
    ready: bool = False
    task: T | None = None


@dataclass(slots=True)
class Pool(Generic[T]):
    """A context manager: its processes end with it, whatever happens."""

    jobs: int
    prepare: Prepare
    workers: list[_Worker[T]] = field(default_factory=list)
    failures: int = 0

    def __enter__(self) -> Self:
        self.workers = [self._start() for _ in range(self.jobs)]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self.workers:
            worker.connection.close()
            worker.process.kill()  # all it did was handed over: to end by itself would take it longer
        for worker in self.workers:
            self._bury(worker)
        self.workers = []

    def _start(self) -> _Worker[T]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self.prepare), daemon=True)
        with _uninterrupted():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    @staticmethod
    def _bury(worker: _Worker[T]) -> None:
        worker.process.join(5)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.process.close()

    def run(self, waiting: deque[T], may: Callable[[T], bool]) -> Iterator[tuple[T, Given | Ended | Lost]]:
        """Do every task; what each says, as it comes. More may be added to `waiting` meanwhile.

        `may`: whether a task may begin yet; at any time some task may.
        """
        attempts: Counter[T] = Counter()
        while waiting or any(worker.task is not None for worker in self.workers):
            for worker in self.workers:
                if worker.ready and worker.task is None and waiting:
                    self._hand_out(worker, waiting, may)
            for worker, message in self._messages():
                task = worker.task
                if message is None:
                    self._replace(worker)
                    if task is not None:
                        attempts[task] += 1
                        final = attempts[task] >= ATTEMPTS
                        waiting.extendleft([] if final else [task])
                        yield task, Lost(final)
                elif isinstance(message, Given | Ended):
                    assert task is not None
                    worker.task = task if isinstance(message, Given) else None
                    yield task, message
                else:
                    self._state(worker, message)

    def _state(self, worker: _Worker[T], message: _Ready | _Failed | _Unfit) -> None:
        """What a process says of itself."""
        match message:
            case _Ready():
                worker.ready, self.failures = True, 0
            case _Failed():
                raise WorkerError(message.kind, message.where)
            case _Unfit():
                raise NoWorkerError(message.reason)

    def _hand_out(self, worker: _Worker[T], waiting: deque[T], may: Callable[[T], bool]) -> None:
        for number, task in enumerate(waiting):
            if may(task):
                del waiting[number]
                with contextlib.suppress(OSError):  # it died: its sentinel says so
                    worker.connection.send(task)
                worker.task = task
                return

    def _messages(self) -> Iterator[tuple[_Worker[T], Any]]:
        """Wait, then what each process says; None: it is dead, and everything it said before was heard."""
        by_end: dict[Any, _Worker[T]] = {worker.connection: worker for worker in self.workers}
        by_end |= {worker.process.sentinel: worker for worker in self.workers}
        for worker in {id(by_end[end]): by_end[end] for end in wait(list(by_end))}.values():
            try:
                message = worker.connection.recv() if worker.connection.poll() else None
            except (EOFError, OSError):
                message = None
            yield worker, message

    def _replace(self, worker: _Worker[T]) -> None:
        """Another process in the place of a dead one."""
        worker.connection.close()
        self._bury(worker)
        if not worker.ready:
            self.failures += 1
            if self.failures >= STARTS:
                self.workers.remove(worker)
                raise NoWorkerError("worker processes die as soon as they start: is there memory for so many? Try -j 1")
        self.workers[self.workers.index(worker)] = self._start()
