"""Seed files: CSV or JSON lines of values to search for, or a whole export of a data source. Bad lines are counted."""

from __future__ import annotations

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from audit.engine.times import parse_time
from audit.leaks.seeds import Kind, Refused, Seed, SeedList, refused

COLUMNS = ("value", "kind", "label", "planted_at")
MOST = 250_000
_NAMED = 10
_TAKEN = "the first line was taken for the names of the columns: if it holds values, put such a line above it"


class SeedError(Exception):
    """A seed file that cannot be used at all: names the file and the remedy, never a value."""


class _Row(NamedTuple):
    """A seed, or (None) a line that is none, with why. `name`: a cell of the first line of an export, taken for the name of
    a column."""

    line: int
    seed: Seed | None
    why: str = ""
    name: bool = False


@dataclass(slots=True)
class Gathered:
    """Seeds of several files, each value once, with what was left out and where."""

    documented: str = field(default="", repr=False)
    seeds: list[Seed] = field(default_factory=list, repr=False)
    left_out: dict[Refused, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    known: set[tuple[str, Kind]] = field(default_factory=set, repr=False)

    def add(self, text: str, name: str, kind: Kind | None) -> None:
        """Read one file. `kind`: of every cell of a file that has no `value,kind` header. Raises SeedError."""
        lines: defaultdict[str, list[int]] = defaultdict(list)
        doubtful = False
        for line, seed, why, is_name in _rows(text.removeprefix("\ufeff"), name, kind):
            if is_name and seed is not None:
                doubtful = doubtful or refused(seed, self.documented) is None
                continue
            reason = Refused.BAD if seed is None else self._reason(seed)
            if reason is None and seed is not None:
                self.known.add((seed.value.strip().casefold(), seed.kind))
                self.seeds.append(seed)
                if len(self.seeds) > MOST:
                    raise SeedError(f"{name}:{line}: more than {MOST:,} values: give the most telling ones")
                continue
            reason = reason or Refused.BAD
            self.left_out[reason] = self.left_out.get(reason, 0) + 1
            lines[why or reason.value].append(line)
        if doubtful:
            self.warnings.append(f"{name}: {_TAKEN}")
        self.warnings += [f"{name}: {len(at):,} left out, {why}: {_places(at)}" for why, at in sorted(lines.items())]

    def _reason(self, seed: Seed) -> Refused | None:
        if (seed.value.strip().casefold(), seed.kind) in self.known:
            return Refused.TWICE
        return refused(seed, self.documented)

    def list(self) -> SeedList:
        return SeedList(tuple(self.seeds), tuple(sorted(self.left_out.items())))


def _places(lines: list[int]) -> str:
    shown = list(dict.fromkeys(lines))
    more = f" and {len(shown) - _NAMED:,} more" if len(shown) > _NAMED else ""
    return f"line{'s' if len(shown) > 1 else ''} {', '.join(map(str, shown[:_NAMED]))}{more}"


def _rows(text: str, name: str, kind: Kind | None) -> Iterator[_Row]:
    if text.lstrip()[:1] in ("{", "["):
        yield from _json(text, name, kind)
        return
    header: list[str] | None = None
    for line, cells in _csv_rows(text):
        if cells is None:
            yield _Row(line, None, "not CSV")
            continue
        if header is None:
            header = [cell.strip().lower() for cell in cells]
            _expect(header, name, kind)
            if _listed(header):
                continue
            if not any("@" in cell for cell in cells):
                yield from (_Row(line, Seed(cell, Kind.DATASOURCE), name=True) for cell in cells)
                continue
        if _listed(header):
            yield _seed(dict(zip(header, cells, strict=False)), line, extra=len(cells) > len(header))
        elif kind is not None:
            yield from (_Row(line, Seed(cell, kind)) for cell in cells if cell.strip())
    if header is None:
        raise SeedError(f"{name}: empty: the first line is the header {','.join(COLUMNS)}")


def _listed(header: list[str]) -> bool:
    """Whether each line says of its value what it is. Else it is an export, of which the first line may be values too."""
    return {"value", "kind"} <= set(header)


def _csv_rows(text: str) -> Iterator[tuple[int, list[str] | None]]:
    """The rows that are not blank, each with the number of its line; None for what is no CSV."""
    reader = csv.reader(io.StringIO(_uncommented(text), newline=""), delimiter=_delimiter(text))
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield reader.line_num, None
            continue
        if any(cell.strip() for cell in cells):
            yield reader.line_num, cells


def _expect(header: list[str], name: str, kind: Kind | None) -> None:
    if _listed(header):
        extra = [cell for cell in header if cell not in COLUMNS]
        if extra:
            raise SeedError(f"{name}:1: {len(extra)} unknown columns: use {','.join(COLUMNS)}")
    elif kind is None:
        raise SeedError(
            f"{name}:1: the header must be value,kind,label with or without planted_at; for a whole export add "
            "--seed-kind datasource, for a list of people --seed-kind identifier"
        )


def _uncommented(text: str) -> str:
    return "\n".join("" if line.startswith("#") else line for line in text.split("\n"))


def _delimiter(text: str) -> str:
    first = next((line for line in text.split("\n") if line.strip() and not line.startswith("#")), "")
    return max(",;\t|", key=first.count)


def _json(text: str, name: str, kind: Kind | None) -> Iterator[_Row]:
    """JSON lines, or one array of a whole export."""
    if text.lstrip().startswith("["):
        try:
            rows = json.loads(text)
        except (ValueError, RecursionError):
            raise SeedError(f"{name}: not JSON: an array of rows, or one object a line, is expected") from None
        yield from (row for number, one in enumerate(rows, 1) for row in _object(one, number, kind))
        return
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            try:
                yield from _object(json.loads(line), number, kind)
            except (ValueError, RecursionError):
                yield _Row(number, None, "not JSON")


def _object(row: Any, line: int, kind: Kind | None) -> Iterator[_Row]:
    if isinstance(row, dict) and {"value", "kind"} <= row.keys() <= set(COLUMNS):
        yield _seed(row, line)
    elif kind is None:
        yield _Row(line, None, "no value and kind")
    else:
        yield from (_Row(line, Seed(cell, kind)) for cell in _cells(row))


def _cells(row: Any) -> Iterator[str]:
    """The scalar values of a row, however nested; names are the schema's, not the data's."""
    stack = [row]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            stack.extend(node.values())
        elif isinstance(node, list):
            stack.extend(node)
        elif node is not None and not isinstance(node, bool):
            yield str(node)


def _seed(row: dict[str, Any], line: int, *, extra: bool = False) -> _Row:
    value, kind = row.get("value"), str(row.get("kind") or "").strip().lower()
    planted = row.get("planted_at")
    when: datetime | None = parse_time(planted.strip()) if isinstance(planted, str) and planted.strip() else None
    if extra:
        return _Row(line, None, "more cells than columns")
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        return _Row(line, None, "no value")
    if kind not in set(Kind):
        return _Row(line, None, f"no such kind (use {', '.join(Kind)})")
    if planted and when is None:
        return _Row(line, None, "planted_at is no time (write 2020-11-05T00:00:00Z)")
    return _Row(line, Seed(value, Kind(kind), str(row.get("label") or ""), when))
