"""The fold on a real Dask scheduler with two worker processes, on loopback: the serial result, whatever dies."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from audit.engine.settle import settle
from audit.model import Reason
from audit.runners import dask
from audit.runners.fold import Asked
from audit.runners.marks import MarkStore
from audit.runners.pool import ATTEMPTS, NoWorkerError
from audit.sources.inputs import Input, find
from tests.bench.generate import write
from tests.conftest import environment, invoke, jsonl, page_load
from tests.test_processes import alone, recipe
from tests.within import APPSMITH, auditor_of

pytest.importorskip("distributed", reason="the extra [dask] is not installed")
pytestmark = [
    pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL"),
    pytest.mark.filterwarnings("default"),  # the library's own
]


class Cluster(NamedTuple):
    address: str
    scheduler: subprocess.Popen[bytes]
    workers: subprocess.Popen[bytes]


@contextmanager
def clustered(*, failures: int, preload: str | None = None, nanny: bool = True, size: int = 2) -> Iterator[Cluster]:
    """A scheduler that gives up a job after more than so many workers died with it, and `size` workers. A `nanny` starts them
    again; `preload`: what each runs first."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    env = {**environment(), "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": str(failures)}
    run = [sys.executable, "-m"]
    scheduler = [*run, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    workers = [*run, "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-dashboard", "--host", "127.0.0.1"]
    workers += ["--nworkers", str(size)] if nanny else ["--no-nanny"]
    workers += ["--preload", preload] if preload is not None else []
    started = [
        subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        for command in (scheduler, workers)
    ]
    try:
        yield Cluster(address, *started)
    finally:
        for process in started:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """One that forgives workers that are killed."""
    with clustered(failures=100) as found:
        yield found


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> list[Input]:
    path = tmp_path_factory.mktemp("dask") / "log.jsonl"
    write(str(path), 12_000, 0.02)
    return find([str(path)])


def folded(cluster: Cluster, inputs: list[Input], chunk: int = 400_000, **changes: Any) -> tuple[str, list[str]]:
    judge = auditor_of(APPSMITH)
    rows: list[str] = []
    with MarkStore() as marks:
        told = Asked(
            judge,
            recipe()._replace(**changes),
            inputs,
            marks,
            rows=lambda row: rows.append(json.dumps(row)),
            chunk=chunk,
        )
        tally, facts = dask.run(told, 2, scheduler=cluster.address)
        return json.dumps(settle(judge.policy, tally, facts, {}, None, marks.sorted)), rows


def told_by(dask_scheduler: Any) -> int:
    """How many jobs a scheduler knows, asked in its own process."""
    return sum(task.state != "released" for task in dask_scheduler.tasks.values())


@contextmanager
def watching(cluster: Cluster, see: Callable[[Any], bool]) -> Iterator[None]:
    """Look at the cluster again and again while the block runs, until `see` has seen enough."""
    from distributed import Client

    stop = threading.Event()

    def watch() -> None:
        with contextlib.suppress(Exception), Client(cluster.address, timeout=30, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=60)
            while not stop.is_set() and not see(client):
                pass

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def jobs_of(client: Any) -> int:
    return int(client.run_on_scheduler(told_by))


def ending(process: subprocess.Popen[bytes]) -> Callable[[Any], bool]:
    """Kills a process and its children as soon as jobs are under way."""

    def kill(client: Any) -> bool:
        if not jobs_of(client):
            return False
        os.killpg(process.pid, signal.SIGKILL)
        return True

    return kill


# ---- whatever dies -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(int(os.environ.get("KILLS", "2"))))
def test_workers_that_are_killed_change_nothing(cluster: Cluster, log: list[Input], seed: int) -> None:
    """At random moments while jobs are under way."""
    rng, killed = random.Random(seed), list[int]()

    def kill(client: Any) -> bool:
        if jobs_of(client):
            time.sleep(rng.random() * 0.5)
            with contextlib.suppress(Exception):  # it may be another's turn to die
                pids = client.run(os.getpid, nanny=False)
                killed.append(rng.choice(sorted(pids.values())))
                os.kill(killed[-1], signal.SIGKILL)
        return len(killed) >= 2

    with watching(cluster, kill):
        found = folded(cluster, log)
    assert found == alone(auditor_of(APPSMITH), log)
    assert killed


POISONED = """
import os, signal
from audit.runners import dask, work

def do(judge, recipe, job, give):
    for chunk in job.chunks:
        if "poison" in chunk.input.name:
            with open({told!r}, "ab") as file:
                file.write(b".")
            os.kill(os.getpid(), signal.SIGKILL)
    return work.do(judge, recipe, job, give)

dask.do = do
"""


def poisoned(tmp_path: Path, names: str, *, size: int, failures: int) -> tuple[dict[str, Any], int]:
    """The result of logs of one event each, those in capitals being poison, and how many workers that cost."""
    logs, told, preload = tmp_path / "logs", tmp_path / "told", tmp_path / "poisoned.py"
    logs.mkdir()
    for name in names:
        path = logs / f"{name.lower()}{'-poison' * name.isupper()}.jsonl"
        path.write_bytes(jsonl(page_load(extra=1)))
    preload.write_text(POISONED.format(told=str(told)), "utf-8")
    with clustered(failures=failures, preload=str(preload), size=size) as cluster:
        run = invoke("check", logs, "-o", "json", "--engine", "dask", "--scheduler", cluster.address)
    assert run.out, run.err
    return json.loads(run.out), len(told.read_bytes())


def test_a_file_that_kills_workers_is_named_and_not_tried_for_ever(tmp_path: Path) -> None:
    """A job of several files, then each of them: as often as the scheduler may, and that once more."""
    found, killed = poisoned(tmp_path, "aPz", size=2, failures=1)
    assert [(row["name"], row["events"], row["unreadable"]) for row in found["inputs"]] == [
        ("a.jsonl", 1, 0),
        ("p-poison.jsonl", 0, 1),
        ("z.jsonl", 1, 0),
    ]
    assert found["unreadable"] == {Reason.CRASHED.value: 1}
    assert found["counts"]["rules"]["undocumented-field"] == 2
    assert killed <= 2 * ATTEMPTS * 2


def test_a_file_that_stood_beside_one_that_kills_workers_is_not_blamed(tmp_path: Path) -> None:
    """The scheduler blames whatever waited at a worker that died: of a single worker, everything that was under way."""
    found, _ = poisoned(tmp_path, "aBcDeFgHi", size=1, failures=0)
    assert [(row["name"], row["events"]) for row in found["inputs"]] == [
        (f"{name.lower()}{'-poison' * name.isupper()}.jsonl", int(name.islower())) for name in "aBcDeFgHi"
    ]
    assert found["unreadable"] == {Reason.CRASHED.value: 4}


class Manned:
    """A cluster with so many workers, asked one time after the other."""

    def __init__(self, *workers: int) -> None:
        self.workers = list(workers)

    def nthreads(self) -> dict[int, int]:
        return dict.fromkeys(range(self.workers.pop(0)), 1)


def test_a_result_that_went_with_its_worker_is_waited_for_while_another_worker_may_make_it() -> None:
    answers: list[object] = [TimeoutError(), TimeoutError(), "done"]

    def ask(timeout: float) -> object:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert dask._had(Manned(2, 1), ask) == "done"
    answers[:] = [TimeoutError(), TimeoutError(), "never asked for"]
    with pytest.raises(NoWorkerError, match="no worker has been there"):
        dask._had(Manned(1, 0), ask)


# ---- the cluster is not asked too much ---------------------------------------------------------------------------------


def test_few_jobs_are_under_way_however_many_there_are(cluster: Cluster, log: list[Input]) -> None:
    seen: list[int] = []

    def look(client: Any) -> bool:
        seen.append(jobs_of(client))
        return False

    with watching(cluster, look):
        folded(cluster, log, chunk=50_000)  # some 190 jobs
    assert 1 < max(seen) <= dask.PER_WORKER * 2


# ---- a cluster that cannot do this -------------------------------------------------------------------------------------


def test_workers_of_another_version_are_refused(cluster: Cluster, log: list[Input]) -> None:
    with pytest.raises(NoWorkerError, match=r"was asked to work for 0\.0\.9: install one version"):
        folded(cluster, log, version="0.0.9")


def test_workers_with_another_pack_are_refused(cluster: Cluster, log: list[Input]) -> None:
    with pytest.raises(NoWorkerError, match="the policy pack is not the one"):
        folded(cluster, log, sha256="0" * 64)
    with pytest.raises(NoWorkerError, match="the policy pack cannot be read where the work is done"):
        folded(cluster, log, pack="/nowhere")


def test_workers_without_the_tool_are_no_workers(
    log: list[Input], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They end when they are handed a job: Dask cannot unpack it there."""
    monkeypatch.setattr(dask, "SECONDS", 5)
    preload = tmp_path / "bare.py"
    preload.write_text("import sys\nsys.modules['audit'] = None\n", "utf-8")
    with clustered(failures=1, preload=str(preload)) as cluster, pytest.raises(NoWorkerError) as failed:
        folded(cluster, log)
    assert "Is telemetry-audit installed there?" in str(failed.value)


def test_when_every_worker_went_for_good_the_run_ends(log: list[Input], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "SECONDS", 5)
    with (
        clustered(failures=100, nanny=False) as mortal,
        watching(mortal, ending(mortal.workers)),
        pytest.raises(NoWorkerError, match="no worker has been there for 5 s: nothing was written"),
    ):
        folded(mortal, log, chunk=50_000)


def test_the_command_runs_on_a_cluster(cluster: Cluster, log: list[Input]) -> None:
    path = str(log[0].path)
    one = invoke("check", path, "-o", "json")
    many = invoke("check", path, "-o", "json", "--engine", "dask", "--scheduler", cluster.address)
    assert (many.out, many.code) == (one.out, one.code)


def test_when_the_scheduler_dies_the_run_ends_with_a_reason_and_writes_nothing(
    cluster: Cluster, log: list[Input], tmp_path: Path
) -> None:
    """The last test of the cluster."""
    result, rows = tmp_path / "result.json", tmp_path / "rows.jsonl"
    with watching(cluster, ending(cluster.scheduler)):
        run = invoke(
            *("check", str(log[0].path), "-o", f"json={result}", "--findings", rows),
            *("--engine", "dask", "--scheduler", cluster.address),
        )
    assert run.code == 2
    assert "the scheduler was lost: nothing was written" in run.err
    assert list(tmp_path.iterdir()) == []


def test_without_a_scheduler_the_command_says_so(log: list[Input], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "SECONDS", 1)
    run = invoke("check", str(log[0].path), "--engine", "dask", "--scheduler", "tcp://127.0.0.1:9")
    assert run.code == 2
    assert "--scheduler tcp://127.0.0.1:9: no scheduler, or no worker, at tcp://127.0.0.1:9" in run.err
    run = invoke("check", str(log[0].path), "--engine", "dask", "--scheduler", "cluster")
    assert (run.code, "--scheduler cluster: write its address, as tcp://HOST:8786" in run.err) == (2, True)
    assert "--scheduler is for --engine dask" in invoke("check", str(log[0].path), "--scheduler", "tcp://x").err
