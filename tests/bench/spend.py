"""What commands cost: CPU and wall seconds and peak memory, each of one process and of what it waited for."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tests.bench.generate import Crowd

PROGRAM = (sys.executable, "-m", "audit")
AUDIT = (*PROGRAM, "check", "-q")
"""The whole check: all rules that need no further input."""
PARSE = (
    sys.executable,
    "-c",
    "import orjson,sys\nfor line in open(sys.argv[1],'rb'):\n    try: orjson.loads(line)\n    except ValueError: pass\n",
)
"""`orjson.loads` alone, what every ratio is to."""

_GENERATE = (
    "import sys; from tests.bench.generate import Crowd, write; path, *numbers = sys.argv[1:];"
    "events, share, instances, users = map(float, numbers);"
    "write(path, int(events), share, crowd=Crowd(int(instances), int(users)))"
)


class Spent(NamedTuple):
    """CPU and wall seconds, peak resident memory in MB, and what was printed."""

    cpu: float
    wall: float
    peak: int
    out: str = ""

    def less(self, start: Spent) -> Spent:
        """Without what the same command costs on next to nothing."""
        return self._replace(cpu=self.cpu - start.cpu, wall=self.wall - start.wall)

    def least(self, other: Spent) -> Spent:
        """The less of two runs: what else the machine does only ever adds."""
        return self._replace(cpu=min(self.cpu, other.cpu), wall=min(self.wall, other.wall))


def spend(command: Sequence[str], env: Mapping[str, str] | None = None) -> Spent:
    """Run a command to its end, whatever its exit code: a verdict is one."""
    begun = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={**os.environ, **(env or {})}
    ) as process:
        assert process.stdout is not None
        out = process.stdout.read().decode("utf-8", "replace")
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return Spent(used.ru_utime + used.ru_stime, time.perf_counter() - begun, used.ru_maxrss // 1024, out)


def generate(path: str, events: int, share: float, crowd: Crowd | None = None) -> None:
    """Write a log in a process of its own: Linux passes a parent's peak memory on to what it starts."""
    numbers = map(str, (events, share, *(crowd or Crowd())))
    subprocess.run([sys.executable, "-c", _GENERATE, path, *numbers], check=True)
