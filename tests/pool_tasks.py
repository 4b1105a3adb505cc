"""Work for processes of a pool in tests: in a module of its own, as every process loads it."""

from __future__ import annotations

import mmap
import os
import signal
from pathlib import Path
from typing import Any

from audit.leaks.search import Hit, Search
from audit.runners.pool import UnfitError, Work
from audit.runners.work import Recipe


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


def borrowing(recipe: Recipe) -> Work:
    """Looks for texts with the search of the recipe; hashing the values of it anew would be an error here."""
    search: Search = recipe.options["seeds"]
    assert isinstance(search.digests.table.starts.obj, mmap.mmap)

    def work(task: str, give: Any) -> Hit | None:
        return next(iter(search.find(task).hits), None)

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
