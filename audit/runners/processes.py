"""The fold in several processes of this machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial

from audit.engine.rows import InputFacts
from audit.runners.fold import Asked, Fold, folded
from audit.runners.lent import lent
from audit.runners.pool import Pool, Work
from audit.runners.work import Done, Job, Partial, Recipe, auditor, do
from audit.sources.streams import Digest
from audit.tally import Tally


def run(asked: Asked, jobs: int) -> tuple[Tally, list[InputFacts]]:
    """In at most `jobs` processes. Raises WorkerError, NoWorkerError."""

    def work(fold: Fold, waiting: deque[Job]) -> None:
        with lent(asked.recipe) as recipe, Pool[Job](min(jobs, len(waiting)), partial(_prepare, recipe)) as pool:
            for job, message in pool.run(waiting, fold.may):
                waiting.extendleft(fold.hear(job, message))

    return folded(asked, work)


def _prepare(recipe: Recipe) -> Work:
    judge = auditor(recipe)

    def work(job: Job, give: Callable[[Partial], None]) -> Done | Digest:
        return do(judge, recipe, job, give)

    return work
