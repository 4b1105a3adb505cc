"""Where marks wait for their conclusion: in memory up to a bound, then in hash-partitioned files that only the owner can read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

from audit.tally import MARK, Tally

BOUND = 32 * 1024 * 1024
_PARTITIONS = 64


class MarkStore:
    """Takes the marks of tallies as they fill; gives them back in order. A context manager: its files go with it."""

    def __init__(self, bound: int = BOUND) -> None:
        self.bound, self.size = bound, 0
        self.held: dict[tuple[str, int], bytearray] = {}
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
            for at in range(0, len(marks), MARK):
                # The second byte is a digest's in every timeline, so marks of one subject share a partition.
                part = (timeline, marks[at + 1] % _PARTITIONS)
                held = self.held.get(part)
                if held is None:
                    held = self.held[part] = bytearray()
                held += marks[at : at + MARK]
            self.size += len(marks)
        tally.marks.clear()
        if self.size > self.bound:
            self._spill()

    def _spill(self) -> None:
        if self.folder is None:
            self.folder = tempfile.TemporaryDirectory(prefix="telemetry-audit-")
        for part, held in self.held.items():
            handle = os.open(self._file(part), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(handle, "ab") as file:
                file.write(held)
        self.held, self.size = {}, 0

    def _file(self, part: tuple[str, int]) -> Path:
        assert self.folder is not None
        return Path(self.folder.name) / f"{part[0]}-{part[1]}"

    def sorted(self, timeline: str) -> Iterator[bytes]:
        """The marks of a timeline: those of one subject together, in order of time. Reads one partition at a time."""
        for number in range(_PARTITIONS):
            part = (timeline, number)
            data = bytes(self.held.get(part, b""))
            if self.folder is not None and self._file(part).exists():
                data = self._file(part).read_bytes() + data
            yield from sorted(data[at : at + MARK] for at in range(0, len(data), MARK))
