"""The fold on a real Dask scheduler with two worker processes, on loopback: the serial result, whatever dies."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from audit.engine.settle import settle
from audit.runners import dask
from audit.runners.fold import Asked
from audit.runners.marks import MarkStore
from audit.runners.pool import NoWorkerError
from audit.sources.inputs import Input, find
from tests.bench.generate import write
from tests.conftest import ROOT, environment, invoke
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


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A scheduler that forgives workers that are killed, and two workers below a nanny that starts them again."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    env = {**environment(), "PYTHONPATH": str(ROOT), "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "100"}
    run = [sys.executable, "-m"]
    scheduler = [*run, "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    workers = [*run, "distributed.cli.dask_worker", address, "--nworkers", "2", "--nthreads", "1", "--no-dashboard"]
    workers += ["--host", "127.0.0.1"]
    started = [
        subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        for command in (scheduler, workers)
    ]
    yield Cluster(address, started[0])
    for process in started:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


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


def again(cluster: Cluster, inputs: list[Input]) -> None:
    for _ in range(50):
        folded(cluster, inputs)


def workers(cluster: Cluster) -> list[int]:
    from distributed import Client

    with Client(cluster.address, timeout=30, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=60)
        return list(client.run(os.getpid).values())


def test_a_worker_that_is_killed_changes_nothing(cluster: Cluster, log: list[Input]) -> None:
    pids = workers(cluster)
    timer = threading.Timer(1.0, os.kill, (pids[0], signal.SIGKILL))
    timer.start()
    found = folded(cluster, log)
    timer.join()
    assert found == alone(auditor_of(APPSMITH), log)


def test_workers_of_another_version_are_refused(cluster: Cluster, log: list[Input]) -> None:
    with pytest.raises(NoWorkerError, match=r"was asked to work for 0\.0\.9: install one version"):
        folded(cluster, log, version="0.0.9")


def test_workers_with_another_pack_are_refused(cluster: Cluster, log: list[Input]) -> None:
    with pytest.raises(NoWorkerError, match="the policy pack is not the one"):
        folded(cluster, log, sha256="0" * 64)
    with pytest.raises(NoWorkerError, match="the policy pack cannot be read where the work is done"):
        folded(cluster, log, pack="/nowhere")


def test_the_command_runs_on_a_cluster(cluster: Cluster, log: list[Input]) -> None:
    path = str(log[0].path)
    one = invoke("check", path, "-o", "json")
    many = invoke("check", path, "-o", "json", "--engine", "dask", "--scheduler", cluster.address)
    assert (many.out, many.code) == (one.out, one.code)


def test_when_the_scheduler_dies_the_run_ends_with_a_reason_and_writes_nothing(
    cluster: Cluster, log: list[Input], tmp_path: Path
) -> None:
    """The last test of the cluster."""
    timer = threading.Timer(1.0, os.killpg, (cluster.scheduler.pid, signal.SIGKILL))
    timer.start()
    started = time.monotonic()
    with pytest.raises(NoWorkerError, match=r"the scheduler was lost|no scheduler"):
        again(cluster, log)
    timer.join()
    assert time.monotonic() - started < 120


def test_without_a_scheduler_the_command_says_so(log: list[Input], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask, "SECONDS", 1)
    run = invoke("check", str(log[0].path), "--engine", "dask", "--scheduler", "tcp://127.0.0.1:9")
    assert run.code == 2
    assert "--scheduler tcp://127.0.0.1:9: no scheduler, or no worker, at tcp://127.0.0.1:9" in run.err
    run = invoke("check", str(log[0].path), "--engine", "dask", "--scheduler", "cluster")
    assert (run.code, "--scheduler cluster: write its address, as tcp://HOST:8786" in run.err) == (2, True)
    assert "--scheduler is for --engine dask" in invoke("check", str(log[0].path), "--scheduler", "tcp://x").err
