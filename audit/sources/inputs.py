"""The captures named on the command line: files, directories, globs and stdin, in a fixed order under shown names."""

from __future__ import annotations

import glob
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from audit.evidence import is_evidence
from audit.model import Reason
from audit.redact import visible
from audit.sources.detect import Format
from audit.sources.objects import Stored, StoreError, is_object, listed

MOST = 1 << 20
"""Captures of one audit: what the place of a mark has room for."""
_MAGIC = frozenset("*?[")


class NoSuchInput(Exception):  # noqa: N818 - the name says what is wrong
    """A named capture does not exist: nothing is read."""


@dataclass(frozen=True, slots=True)
class Input:
    """One capture. `path` None is stdin; `problem` is set where it cannot be read at all; `stored`: it is an object of a
    store, and `path` its URL."""

    index: int
    name: str
    path: str | None
    problem: Reason | None = None
    stored: Stored | None = None
    forced: Format | None = None
    """What it is read as, whatever its content looks like."""


def find(arguments: Iterable[str]) -> list[Input]:
    """Every capture, numbered. Raises NoSuchInput. A name that stands twice gets ` (2)`."""
    seen: dict[str, int] = {}
    found: list[Input] = []
    for name, path, problem, stored in (one for argument in arguments for one in _named(argument)):
        shown = visible(name)
        seen[shown] = seen.get(shown, 0) + 1
        shown = shown if seen[shown] == 1 else f"{shown} ({seen[shown]})"
        if len(found) >= MOST:
            raise NoSuchInput(f"more than {MOST:,} captures: audit them in parts, or join small files")
        found.append(Input(len(found), shown, path, problem, stored))
    return found


def _named(argument: str) -> Iterator[tuple[str, str | None, Reason | None, Stored | None]]:
    if not is_object(argument):
        yield from ((name, path, _problem(path, named=path == argument), None) for name, path in _expand(argument))
        return
    try:
        for name, url, stored in listed(argument):
            yield name, url, Reason.DENIED if stored is None else None, stored
    except StoreError as error:
        raise NoSuchInput(str(error)) from None


def _expand(argument: str) -> Iterator[tuple[str, str | None]]:
    if argument == "-":
        if sys.stdin is None:
            raise NoSuchInput("standard input (-) is closed: name a file")
        yield "-", None
        return
    if not argument:
        raise NoSuchInput("an empty name was given: perhaps a variable is not set")
    path = Path(argument)
    if _closed(argument):
        yield _name(argument), argument
    elif path.is_dir():
        yield from [(_name(argument), argument)] if is_evidence(path) else _below(path)
    elif os.path.lexists(argument):
        yield _name(argument), argument
    elif _MAGIC & set(argument):
        yield from _matching(argument)
    else:
        raise NoSuchInput(f"{visible(argument)}: no such file or directory")


def _matching(pattern: str) -> Iterator[tuple[str, str | None]]:
    """What a pattern means, each once, also where it matches a directory and what lies below it."""
    shut = _shut(pattern)
    matches = sorted({*shut, *_matches(pattern)})
    if not matches:
        raise NoSuchInput(f"{visible(pattern)}: no file matches this pattern")
    seen: set[Path] = set()
    for match in matches:
        one = "./-" if match == "-" else match  # a file of that name, and no word for standard input
        for name, path in [(_name(one), one)] if match in shut else _expand(one):
            place = Path(path or "-")
            if not {place, *place.parents} & seen:
                seen.add(place)
                yield name, path


def _matches(pattern: str) -> list[str]:
    return glob.glob(pattern, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern


def _shut(pattern: str) -> set[str]:
    """The directories on the way of a pattern in which nobody may look: what it means in them cannot be told."""
    found: set[str] = set()
    parts = Path(pattern).parts
    for number in range(1, len(parts)):
        above, part = str(Path(*parts[:number])), parts[number]
        needed = os.X_OK | (os.R_OK if _MAGIC & set(part) else 0)
        folders = _matches(above) if _MAGIC & set(above) else [above]
        found |= {str(Path(f)) for f in folders if Path(f).is_dir() and not os.access(f, needed)}
    return found


def _closed(path: str) -> bool:
    """Whether a directory above may not be passed: then nobody can tell what is there, and it counts as a capture denied."""
    try:
        os.lstat(path)
    except PermissionError:
        return True
    except (OSError, ValueError):
        return False
    return False


def _below(directory: Path) -> Iterator[tuple[str, str]]:
    """Files below a directory, sorted. Links to directories are not followed, so that no cycle can arise: one that leads
    elsewhere is named, and what it leads to inside is read at its own place."""
    closed: list[OSError] = []
    for folder, folders, files in os.walk(directory, followlinks=False, onerror=closed.append):
        yield from _all_closed(closed, directory)
        folders.sort()
        if is_evidence(Path(folder)):
            folders.clear()
            yield _shown(folder, directory), folder
            continue
        for name in sorted([*files, *(name for name in folders if _leaves(Path(folder) / name, directory))]):
            yield _shown(Path(folder) / name, directory), str(Path(folder) / name)
    yield from _all_closed(closed, directory)


def _all_closed(errors: list[OSError], directory: Path) -> Iterator[tuple[str, str]]:
    yield from [(_shown(error.filename, directory), str(error.filename)) for error in errors]
    errors.clear()


def _leaves(path: Path, directory: Path) -> bool:
    """Whether a directory is a link to one that does not lie in the directory that is read."""
    return path.is_symlink() and not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(directory))


def _shown(path: str | Path, directory: Path) -> str:
    """The name of what lies below a directory, or of itself."""
    below = Path(path).relative_to(directory).as_posix()
    return _name(str(directory)) if below == "." else below


def _name(argument: str) -> str:
    return Path(argument).name if Path(argument).is_absolute() else argument


def _problem(path: str | None, *, named: bool) -> Reason | None:
    """Why a capture cannot be read at all. A pipe is read where it is `named` itself: one that merely lies in a directory may
    have nobody who writes, and would be waited for without end."""
    if path is None:
        return None
    try:
        mode = Path(path).stat().st_mode
        if stat.S_ISDIR(mode) and not named and Path(path).is_symlink() and os.access(path, os.R_OK | os.X_OK):
            return Reason.LINKED
        if stat.S_ISDIR(mode) and is_evidence(Path(path)):
            return None if os.access(path, os.R_OK | os.X_OK) else Reason.DENIED
        if stat.S_ISDIR(mode):
            return Reason.DENIED  # only a directory that could not be listed comes here
    except PermissionError:
        return Reason.DENIED
    except OSError:
        return Reason.DANGLING if Path(path).is_symlink() else Reason.VANISHED
    if not (stat.S_ISREG(mode) or (named and stat.S_ISFIFO(mode)) or (stat.S_ISCHR(mode) and _ends(path))):
        return Reason.NO_FILE
    return None if os.access(path, os.R_OK) else Reason.DENIED


def _ends(device: str) -> bool:
    """Whether what a device gives has an end, as that of a terminal has: /dev/zero and its like would be read for ever."""
    try:
        if os.path.samestat(os.stat(device), os.stat(os.devnull)):  # noqa: PTH116 - what samestat takes
            return True
        end = os.open(device, os.O_RDONLY | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_NONBLOCK", 0))
    except PermissionError:
        return True  # told as that
    except OSError:
        return False
    try:
        return os.isatty(end)
    finally:
        os.close(end)


def is_stream(capture: Input) -> bool:
    """Whether it can be read once only, and by the process that was given it: standard input, a pipe, a device."""
    if capture.path is None:
        return True
    if capture.stored is not None:
        return False
    try:
        return capture.problem is None and not stat.S_ISREG(Path(capture.path).stat().st_mode)
    except OSError:
        return False


def etag_of(capture: Input) -> str | None:
    """By which the store tells this version of an object."""
    return visible(capture.stored.etag.strip('"')[:200]) or None if capture.stored is not None else None
