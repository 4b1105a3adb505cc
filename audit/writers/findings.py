"""Every finding as it comes, into a file that takes its name only when it is whole."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from audit.writers.files import mode_of

_JSON = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class FindingsFile:
    """A context manager. Rows go to a partial file beside the target; `finish` gives it its name, anything else removes it."""

    def __init__(self, path: str) -> None:
        self.path = Path(os.path.realpath(path))
        self.partial = Path(f"{self.path}.partial-{os.getpid()}")
        handle = os.open(self.partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_TRUNC, 0o644)
        self.file = os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.file.close()  # which writes what is left, and fails where there is no room
        finally:
            self.partial.unlink(missing_ok=True)

    def add(self, row: Mapping[str, Any]) -> None:
        self.file.write(_JSON.encode(row) + "\n")

    def finish(self, rest: Iterable[Mapping[str, Any]], softer: frozenset[str]) -> None:
        """Add what is known only at the end. `softer`: rules whose errors turned out to be warnings."""
        for row in rest:
            self.add(row)
        self.file.close()
        if softer:
            self._soften(softer)
        self.partial.chmod(mode_of(self.path))
        self.partial.replace(self.path)

    def _soften(self, rules: frozenset[str]) -> None:
        other = Path(f"{self.partial}.soft")
        try:
            with (
                self.partial.open(encoding="utf-8") as source,
                other.open("w", encoding="utf-8", newline="\n") as target,
            ):
                for line in source:
                    row = json.loads(line)
                    if row["rule"] in rules and row["level"] == "error":
                        row["level"] = "warning"
                        line = _JSON.encode(row) + "\n"  # noqa: PLW2901 - the line is written as it was unless it changed
                    target.write(line)
            other.replace(self.partial)
        finally:
            other.unlink(missing_ok=True)
