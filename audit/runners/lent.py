"""The tables of a search, built by one process and read by those that it starts, from a file that has no name.

What hashing ten thousand values takes, each process would take again, in time and in memory. The file is the owner's alone
and never had a name that another could open; it is gone with the last process that has it, however that one ends.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import tempfile
from collections.abc import Iterator
from itertools import accumulate
from typing import IO, Any, NamedTuple

from audit.leaks.digests import Table
from audit.leaks.search import Search
from audit.leaks.seeds import SeedList
from audit.runners.work import Recipe


class Lent(NamedTuple):
    """A search on its way to a process that is being started, which gets the open file along. `sizes`: of the parts."""

    listed: SeedList
    file: int
    sizes: tuple[int, ...]

    def __reduce__(self) -> tuple[Any, ...]:
        from multiprocessing.reduction import DupFd

        return _borrowed, (self.listed, DupFd(self.file), self.sizes)


@contextlib.contextmanager
def lent(recipe: Recipe) -> Iterator[Recipe]:
    """The recipe for processes of this machine. Where files are not handed on to processes, each builds tables of its own."""
    search = recipe.options.get("seeds")
    if not isinstance(search, Search) or os.name != "posix":
        yield recipe
        return
    with tempfile.TemporaryFile(prefix="telemetry-audit-") as file:
        sizes = _write(file, search.digests.table)
        search.digests.use(_mapped(file.fileno(), sizes))  # what this process held for itself is freed
        yield recipe._replace(options={**recipe.options, "seeds": Lent(search.listed, file.fileno(), sizes)})


def _write(file: IO[bytes], table: Table) -> tuple[int, ...]:
    """The parts one after the other, those of larger numbers first, so that each begins where its numbers may."""
    for part in table:
        file.write(part)
    file.flush()
    return tuple(part.nbytes for part in table)


def _mapped(file: int, sizes: tuple[int, ...]) -> Table:
    whole = memoryview(mmap.mmap(file, sum(sizes), access=mmap.ACCESS_READ))
    ends = list(accumulate(sizes))
    starts, owners, weak, weak_owners, bits = (whole[end - size : end] for size, end in zip(sizes, ends, strict=True))
    return Table(starts.cast("Q"), owners.cast("I"), weak.cast("I"), weak_owners.cast("I"), bits)


def _borrowed(listed: SeedList, file: Any, sizes: tuple[int, ...]) -> Search:
    """The search, in the process that was started."""
    handle = file.detach()
    try:
        return Search(listed, _mapped(handle, sizes))
    finally:
        os.close(handle)
