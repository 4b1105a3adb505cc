"""Where marks wait for their conclusion: in memory up to a bound, then in files, in parts by hash, that only the owner can
read."""

from __future__ import annotations

import os
import tempfile
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, chain, pairwise
from pathlib import Path
from struct import Struct
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

from audit.rules.case import Timeline
from audit.tally import MARK, Tally

BOUND = 16 * 1024 * 1024
PARTITIONS = 256
_SLICE = 4 * 1024 * 1024
"""Bytes of marks that are sorted into partitions at a time: a copy of all would double what is held."""
_MANY = 1_024
"""Fewer marks are compared without numpy, which takes longer to load."""


def moved(marks: bytes, before: int) -> bytes:
    """The marks with each unit later by `before`: one addition to their last eight bytes, as no unit fills its 36 bits."""
    if not before:
        return marks
    import numpy as np

    rows = np.frombuffer(marks, ">u8").reshape(-1, MARK // 8).copy()
    rows[:, -1] += np.uint64(before << 8)
    return rows.tobytes()


class Spilled(NamedTuple):
    """A file of marks. `ends`: of each piece that was written, where its first part begins and each of its parts ends."""

    path: Path
    ends: list[array[int]]

    def write(self, parts: Sequence[bytes]) -> None:
        handle = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600)
        with os.fdopen(handle, "ab") as file:
            at = file.tell()
            file.write(b"".join(parts))
        self.ends.append(array("Q", accumulate(map(len, parts), initial=at)))

    def kept(self) -> Spilled:
        """What it holds now."""
        return Spilled(self.path, list(self.ends))

    def read(self, file: BinaryIO, number: int) -> bytes:
        """One part of all pieces."""
        found = []
        for ends in self.ends:
            file.seek(ends[number])
            found.append(file.read(ends[number + 1] - ends[number]))
        return b"".join(found)


class MarkStore:
    """Takes the marks of tallies as they fill; gives them back in order. A context manager: its files go with it."""

    def __init__(self, bound: int = BOUND) -> None:
        self.bound, self.size = bound, 0
        self.held: dict[str, bytearray] = {}
        self.folder: tempfile.TemporaryDirectory[str] | None = None
        self.files: dict[str, Spilled] = {}

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
            if timeline not in self.files:
                self.files[timeline] = Spilled(Path(self.folder.name) / timeline, [])
            for start in range(0, len(held), _SLICE):
                self.files[timeline].write(_parts(held[start : start + _SLICE]))
        self.held, self.size = {}, 0

    def sorted(self, timeline: Timeline) -> Iterator[bytes]:
        """The marks of a timeline that say something: those of one subject together, in order of time. Reads one
        part of its file at a time."""
        return Kept(self.held, self.files).sorted(timeline)

    def kept(self) -> Kept:
        """What it holds now, to be read beside a store that goes on taking."""
        held = {timeline: bytes(marks) for timeline, marks in self.held.items()}
        return Kept(held, {timeline: spilled.kept() for timeline, spilled in self.files.items()})


class Kept(NamedTuple):
    """Marks in memory and in files."""

    held: Mapping[str, bytes | bytearray]
    files: Mapping[str, Spilled]

    def sorted(self, timeline: Timeline) -> Iterator[bytes]:
        return chain.from_iterable(self._parts(timeline))

    def _parts(self, timeline: Timeline) -> Iterator[list[bytes]]:
        held, spilled = self.held.get(timeline.id, b""), self.files.get(timeline.id)
        if spilled is None:
            yield _sorted(timeline, held)
            return
        with spilled.path.open("rb") as file:
            for number, part in enumerate(_parts(held)):
                yield _sorted(timeline, spilled.read(file, number) + part)


def _parts(marks: bytes | bytearray) -> list[bytes]:
    """Marks in partitions: the second byte is a digest's in every timeline, so those of one subject stay together."""
    import numpy as np  # a small check spills nothing, and does without

    rows = np.frombuffer(marks, np.uint8).reshape(-1, MARK)
    order = np.argsort(rows[:, 1], kind="stable")
    whole = rows[order].tobytes()
    ends = np.cumsum(np.bincount(rows[:, 1], minlength=PARTITIONS)) * MARK
    return [whole[start:end] for start, end in pairwise((0, *ends.tolist()))]


_EACH = Struct(f"{MARK}s").iter_unpack


def _sorted(timeline: Timeline, marks: bytes | bytearray) -> list[bytes]:
    """Cut and sorted. Where a mark alone says nothing, only those whose first eight bytes stand twice are cut out at all."""
    if timeline.alone:
        return sorted(mark for (mark,) in _EACH(marks))
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
