"""The results of chunks put together: counts as they come, places and findings in the order of the capture."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

from audit.engine.rows import InputFacts
from audit.runners.marks import MarkStore
from audit.runners.work import Done, Partial, rows_of
from audit.tally import Size, Tally

Rows = Callable[[Mapping[str, Any]], None]
HELD = 32 * 1024 * 1024
"""Bytes of results that wait for those before them in memory; more wait in a file."""


class Ticket(NamedTuple):
    """Where a Partial waits: in memory, or at a place of the file."""

    held: bytes | None
    offset: int
    size: int


class Shelf:
    """Partials that cannot be used yet. What is never fetched is forgotten with the shelf."""

    def __init__(self) -> None:
        self.held = self.end = 0
        self.file = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the merge

    def put(self, partial: Partial) -> Ticket:
        data = pickle.dumps(partial)
        if self.held + len(data) <= HELD:
            self.held += len(data)
            return Ticket(data, 0, len(data))
        self.file.seek(self.end)
        self.file.write(data)
        self.end += len(data)
        return Ticket(None, self.end - len(data), len(data))

    def fetch(self, ticket: Ticket) -> Partial:
        if ticket.held is not None:
            self.held -= ticket.size
            data = ticket.held
        else:
            self.file.seek(ticket.offset)
            data = self.file.read(ticket.size)
        found: Partial = pickle.loads(data)  # noqa: S301 - written by this process, into a file without a name
        return found

    def drop(self, tickets: Sequence[Ticket]) -> None:
        """What a process gave that died before its chunk was done."""
        self.held -= sum(ticket.size for ticket in tickets if ticket.held is not None)


class Merge:
    """`chunks`: how many each input has. A context manager, for the file of its shelf."""

    def __init__(self, chunks: Sequence[int], marks: MarkStore, size: Size | None, rows: Rows | None) -> None:
        self.chunks, self.marks, self.rows = chunks, marks, rows
        self.tally = Tally(size)
        self.facts: dict[int, InputFacts] = {}
        self.shelf = Shelf()
        self.done: set[tuple[int, int]] = set()
        self.units = 0
        self.waiting: dict[tuple[int, int], list[Ticket]] = {}
        self.next = [0] * len(chunks)
        self.before = [0] * len(chunks)
        self.found: dict[tuple[int, int], tuple[int, list[Ticket]]] = {}
        self.turn = (0, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.shelf.file.close()

    def take(self, chunks: Sequence[tuple[int, int]], done: Done, given: list[Ticket]) -> None:
        """Count the chunks of a job, (input, number) each, once. What was given stands in the order of the first."""
        if not self.done.isdisjoint(chunks):
            raise AssertionError("a chunk came twice")
        self.done.update(chunks)
        self.tally.take(done.tally)
        self.units += sum(units.units for units in done.tally.units.values())
        self.facts.update(done.facts)
        for number, (index, chunk) in enumerate(chunks):
            self.waiting[index, chunk] = [] if number else given
            while (index, self.next[index]) in self.waiting:
                self._place(index, self.next[index])
                self.next[index] += 1

    def end(self) -> None:
        """That every chunk came, and once: what is missing here would be missing in the result, unseen."""
        if self.turn != (len(self.chunks), 0) or len(self.done) != sum(self.chunks):
            raise AssertionError("a chunk did not come")

    def _place(self, index: int, chunk: int) -> None:
        """Now that all units before it are counted: its marks at once, its findings when it is their turn."""
        before = self.before[index]
        rows: list[Ticket] = []
        for ticket in self.waiting.pop((index, chunk)):
            partial = self.shelf.fetch(ticket)
            self.marks.put(partial.marks, before)
            if self.rows is not None:
                rows.append(self.shelf.put(Partial({}, partial.rows)))
        counted = self.tally.units.get((index, chunk))
        self.before[index] = before + (counted.units if counted is not None else 0)
        self.found[index, chunk] = (before, rows)
        while self.turn in self.found:
            self._tell(*self.found.pop(self.turn))
            index, chunk = self.turn
            self.turn = (index, chunk + 1) if chunk + 1 < self.chunks[index] else (index + 1, 0)

    def _tell(self, before: int, tickets: list[Ticket]) -> None:
        for ticket in tickets:
            for row in rows_of(self.shelf.fetch(ticket).rows, before):
                if self.rows is not None:
                    self.rows(row)
