"""Work for processes of a pool in tests: in a module of its own, as every process loads it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from audit.runners.pool import UnfitError, Work


def poisoned() -> Work:
    """Tasks named `poison` kill whoever does them; one named by a path kills only the first."""

    def work(task: str, give: Any) -> str:
        give(f"begun {task}")
        first = task.startswith("/") and not Path(task).exists()
        if first:
            Path(task).touch()
        if task == "poison" or first:
            os.kill(os.getpid(), signal.SIGKILL)
        return f"done {task}"

    return work


def dying() -> Work:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError


def unfit() -> Work:
    raise UnfitError("not here")


def failing() -> Work:
    def work(task: str, give: Any) -> str:
        raise KeyError("a captured value")

    return work
