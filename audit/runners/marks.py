"""Where marks wait for their conclusion: in memory up to a bound, then in hash-partitioned files that only the owner can read."""

from __future__ import annotations

import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from audit.rules.case import Timeline
from audit.tally import MARK, Tally

BOUND = 16 * 1024 * 1024
PARTITIONS = 256
_SLICE = 4 * 1024 * 1024
"""Bytes of marks that are sorted into partitions at a time: a copy of all would double what is held."""
_MANY = 1_024
"""Fewer marks are compared without numpy, which takes longer to load."""


def moved(marks: bytes, before: int) -> bytes:
    """The marks with each unit later by `before`: one addition of two long numbers, as no unit fills its 36 bits."""
    if not before:
        return marks
    step = (before << 8).to_bytes(MARK, "big") * (len(marks) // MARK)
    total = int.from_bytes(marks, "big") + int.from_bytes(step, "big")
    return total.to_bytes(len(marks), "big")


class MarkStore:
    """Takes the marks of tallies as they fill; gives them back in order. A context manager: its files go with it."""

    def __init__(self, bound: int = BOUND) -> None:
        self.bound, self.size = bound, 0
        self.held: dict[str, bytearray] = {}
        self.folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.folder is not None:
            self.folder.cleanup()

    def take(self, tally: Tally) -> None:
        """Move the tally's marks into the store."""
        for (timeline, _, chunk), marks in tally.marks.items():
            assert chunk == 0, "units of later chunks are known only after the last merge"
            held = self.held.get(timeline)
            if held is None:
                held = self.held[timeline] = bytearray()
            held += marks
            self.size += len(marks)
        tally.marks.clear()
        if self.size > self.bound:
            self._spill()

    def put(self, marks: Mapping[str, bytes], before: int) -> None:
        """Add the marks of a chunk by timeline, of which `before` units of its input lie ahead."""
        for timeline, more in marks.items():
            self.held.setdefault(timeline, bytearray()).extend(moved(more, before))
            self.size += len(more)
        if self.size > self.bound:
            self._spill()

    def _spill(self) -> None:
        if self.folder is None:
            self.folder = tempfile.TemporaryDirectory(prefix="telemetry-audit-")
        for timeline, held in self.held.items():
            for start in range(0, len(held), _SLICE):
                for number, part in enumerate(_parts(held[start : start + _SLICE])):
                    if part:
                        self._append(timeline, number, part)
        self.held, self.size = {}, 0

    def _append(self, timeline: str, number: int, part: bytes) -> None:
        handle = os.open(self._file(timeline, number), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with os.fdopen(handle, "ab") as file:
            file.write(part)

    def _file(self, timeline: str, number: int) -> Path:
        assert self.folder is not None
        return Path(self.folder.name) / f"{timeline}-{number}"

    def sorted(self, timeline: Timeline) -> Iterator[bytes]:
        """The marks of a timeline that say something: those of one subject together, in order of time. Reads one
        partition at a time."""
        yield from Kept(self.held, self._files()).sorted(timeline)

    def kept(self) -> Kept:
        """What it holds now, to be read beside a store that goes on taking."""
        files = {name: (file, file.stat().st_size) for name, (file, _) in self._files().items()}
        return Kept({timeline: bytes(held) for timeline, held in self.held.items()}, files)

    def _files(self) -> dict[str, tuple[Path, int]]:
        found = [] if self.folder is None else sorted(Path(self.folder.name).iterdir())
        return {file.name: (file, -1) for file in found}


class Kept(NamedTuple):
    """Marks in memory and in files; of a file, so many bytes (-1: all)."""

    held: Mapping[str, bytes | bytearray]
    files: Mapping[str, tuple[Path, int]]

    def sorted(self, timeline: Timeline) -> Iterator[bytes]:
        held = self.held.get(timeline.id, b"")
        if not self.files:
            yield from _sorted(timeline, held)
            return
        for number, part in enumerate(_parts(held)):
            file = self.files.get(f"{timeline.id}-{number}")
            yield from _sorted(timeline, (_read(*file) if file is not None else b"") + part)


def _read(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        return file.read(most)


def _parts(marks: bytes | bytearray) -> list[bytes]:
    """Marks in partitions: the second byte is a digest's in every timeline, so those of one subject stay together."""
    import numpy as np  # a small check spills nothing, and does without

    rows = np.frombuffer(marks, np.uint8).reshape(-1, MARK)
    order = np.argsort(rows[:, 1], kind="stable")
    whole = rows[order].tobytes()
    ends = np.cumsum(np.bincount(rows[:, 1], minlength=PARTITIONS)) * MARK
    return [whole[start:end] for start, end in pairwise((0, *ends.tolist()))]


def _sorted(timeline: Timeline, marks: bytes | bytearray) -> list[bytes]:
    """Cut and sorted. Where a mark alone says nothing, only those whose first eight bytes stand twice are cut out at all."""
    if timeline.alone:
        return sorted(bytes(marks[at : at + MARK]) for at in range(0, len(marks), MARK))
    again = _again(marks)
    if not again:
        return []
    firsts = memoryview(marks).cast("Q")[:: MARK // 8]
    return sorted(bytes(marks[at * MARK : (at + 1) * MARK]) for at, first in enumerate(firsts) if first in again)


def _again(marks: bytes | bytearray) -> set[int]:
    """The first eight bytes of marks that stand twice."""
    if len(marks) < _MANY * MARK:
        times = Counter(memoryview(marks).cast("Q")[:: MARK // 8])
        return {first for first, number in times.items() if number > 1}
    import numpy as np

    firsts = np.sort(np.frombuffer(marks, np.uint64)[:: MARK // 8])
    return set(firsts[1:][firsts[1:] == firsts[:-1]].tolist())
