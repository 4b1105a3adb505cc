"""The files of a pack as lint sees them: every one is looked at, none is trusted, none is followed out of the pack."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audit.authoring.faults import Fault, child
from audit.authoring.lines import Lines

MAX_BYTES = 1 << 20
"""A larger file is named and not read: the largest schema of a real product has a few thousand lines."""
MAX_FILES = 20_000
MAX_DEPTH = 60


class Tree:
    """One pack's directory. Faults of reading collect in `faults`; what could be read is parsed once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.faults: list[Fault] = []
        self.texts: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self._lines: dict[str, Lines] = {}
        self.files = self._walk()
        for name in self.files:
            if name.endswith((".json", ".toml", ".md")):
                self._read(name)

    def add(self, file: str, key: str, lint: str, what: str) -> None:
        self.faults.append(Fault(file, key, self.line(file, key), lint, what))

    def line(self, file: str, key: str) -> int | None:
        text = self.texts.get(file)
        if text is None or (not key and file not in self.values):
            return None
        if file not in self._lines:
            self._lines[file] = Lines(text, toml=file.endswith(".toml"))
        return self._lines[file].at(key)

    def below(self, folder: str) -> list[str]:
        return [name for name in self.files if name.startswith(f"{folder}/")]

    def _walk(self) -> list[str]:
        found: list[str] = []
        for folder, folders, files in os.walk(self.root, followlinks=False, onerror=self._closed):
            folders[:] = sorted(name for name in folders if not name.startswith(".") and self._own(folder, name))
            found += [
                self._name(folder, name)
                for name in sorted(files)
                if not name.startswith(".") and self._own(folder, name)
            ]
            if len(found) > MAX_FILES:
                self.faults.append(Fault(".", "", None, "too-many-files", f"more than {MAX_FILES:,} files"))
                break
        return sorted(found[:MAX_FILES])

    def _name(self, folder: str, name: str) -> str:
        return (Path(folder) / name).relative_to(self.root).as_posix()

    def _closed(self, error: OSError) -> None:
        name = Path(str(error.filename)).relative_to(self.root).as_posix()
        self.faults.append(Fault(name, "", None, "unreadable-file", f"cannot be read: {error.strerror}"))

    def _own(self, folder: str, name: str) -> bool:
        path = Path(folder) / name
        shown = self._name(folder, name)
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode):
            self.faults.append(Fault(shown, "", None, "link", "a symbolic link"))
            return False
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            self.faults.append(Fault(shown, "", None, "unreadable-file", "no plain file"))
            return False
        return True

    def _read(self, name: str) -> None:
        try:
            path = self.root / name
            size = path.stat().st_size
            if size > MAX_BYTES:
                self.faults.append(
                    Fault(
                        name, "", None, "too-large", f"{size:,} bytes; {MAX_BYTES:,} at most, so nothing of it was read"
                    )
                )
                return
            text = path.read_bytes().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self.faults.append(Fault(name, "", None, "unreadable-file", f"not UTF-8 at byte {error.start + 1}"))
            return
        except OSError as error:
            self.faults.append(Fault(name, "", None, "unreadable-file", f"cannot be read: {error.strerror}"))
            return
        self.texts[name] = text
        if name.endswith(".json"):
            self._json(name, text)
        elif name.endswith(".toml"):
            self._toml(name, text)

    def _json(self, name: str, text: str) -> None:
        doubled: list[str] = []

        def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
            value = dict(found)
            if len(value) != len(found):
                keys = [key for key, _ in found]
                doubled.extend(sorted({key for key in keys if keys.count(key) > 1}) if len(keys) < 1000 else ["a key"])
            return value

        try:
            value = json.loads(text, object_pairs_hook=pairs, parse_constant=_refuse)
        except RecursionError:
            self.faults.append(Fault(name, "", None, "too-deep", "nested too deep"))
            return
        except ValueError as error:
            line = getattr(error, "lineno", None)
            what = f"not JSON: {getattr(error, 'msg', 'a number that JSON does not know')}"
            self.faults.append(Fault(name, "", line, "not-json", what))
            return
        if too_deep(value):
            self.faults.append(Fault(name, "", None, "too-deep", f"nested deeper than {MAX_DEPTH} levels"))
            return
        self.values[name] = value
        for key in doubled:
            at = next(_paths(value, key), "")
            self.add(name, at, "doubled-key", f"the key {key!r} stands twice in one object")

    def _toml(self, name: str, text: str) -> None:
        import re

        try:
            self.values[name] = tomllib.loads(text)
        except RecursionError:
            self.faults.append(Fault(name, "", None, "too-deep", "nested too deep"))
        except tomllib.TOMLDecodeError as error:
            line = re.search(r"line (\d+)", str(error))
            what = f"not TOML: {str(error).split(' (at', maxsplit=1)[0]}"
            self.faults.append(Fault(name, "", int(line[1]) if line else None, "not-toml", what))


def _refuse(constant: str) -> Any:
    raise ValueError(constant)


def read_nested(text: str) -> Any:
    """JSON that a pack may hold. Raises ValueError, and RecursionError for what is nested deeper than that."""
    value = json.loads(text)
    if too_deep(value):
        raise RecursionError
    return value


def too_deep(value: Any) -> bool:
    """Whether a value is nested deeper than a pack may be."""
    level, depth = [value], 0
    while level and depth <= MAX_DEPTH:
        depth += 1
        level = [
            inner
            for node in level
            for inner in (node.values() if isinstance(node, dict) else node if isinstance(node, list) else ())
            if isinstance(inner, dict | list)
        ]
    return bool(level)


def _paths(value: Any, key: str) -> Iterator[str]:
    stack = [("", value)]
    while stack:
        at, node = stack.pop()
        if isinstance(node, dict):
            if key in node:
                yield child(at, key)
            stack.extend((child(at, name), inner) for name, inner in node.items())
        elif isinstance(node, list):
            stack.extend((child(at, number), inner) for number, inner in enumerate(node))
