"""A pack as it stood in a git revision: read from the object store, without checkout, hooks or filters."""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from audit.policy.files import MAX_FILE
from audit.policy.pack import PolicyError

MOST_FILES = 10_000
MOST_BYTES = 128 * 1024 * 1024
SECONDS = 60

_QUIET = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "LC_ALL": "C",
}


class _Blob(NamedTuple):
    path: PurePosixPath
    id: str


def is_revision(name: str) -> bool:
    """Whether a name is of the form REV:PATH (a drive letter is no revision)."""
    revision, colon, path = name.partition(":")
    return bool(colon and path and revision) and not (len(revision) == 1 and path[:1] in "\\/" and os.name == "nt")


@contextmanager
def checked_out(name: str) -> Iterator[Path]:
    """The directory REV:PATH of the repository around the current directory, as private files. Raises PolicyError."""
    revision, _, path = name.partition(":")
    folder = PurePosixPath(path).as_posix()
    if revision.startswith("-") or folder.startswith("/") or ".." in PurePosixPath(folder).parts:
        raise PolicyError(
            name, "", "write REV:PATH, with a path from the root of the repository, such as main:schemas/x"
        )
    commit = (
        _git(name, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").decode().strip()
    )
    blobs = list(_blobs(name, commit, folder))
    if not any(blob.path.as_posix() == "policy.toml" for blob in blobs):
        raise PolicyError(name, "", "no policy.toml in that directory of that revision")
    with tempfile.TemporaryDirectory(prefix="telemetry-audit-") as place:
        for blob, data in zip(blobs, _contents(name, blobs), strict=True):
            file = Path(place, *blob.path.parts)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        yield Path(place)


def _blobs(name: str, commit: str, folder: str) -> Iterator[_Blob]:
    """The plain files below a directory; a link or a submodule in a pack is refused, as it leads elsewhere."""
    listed = _git(name, "ls-tree", "-r", "-l", "-z", "--full-tree", commit, "--", f":(literal){folder}/")
    rows = [row for row in listed.split(b"\0") if row]
    total = 0
    for row in rows:
        meta, _, path = row.partition(b"\t")
        mode, _, blob, size = meta.decode("ascii").split()
        inside = PurePosixPath(os.fsdecode(path)).relative_to(folder)
        if mode not in ("100644", "100755"):
            raise PolicyError(name, "", f"{inside}: a link or a submodule: a pack holds plain files only")
        total += int(size)
        if len(rows) > MOST_FILES or int(size) > MAX_FILE or total > MOST_BYTES:
            raise PolicyError(name, "", f"too large: at most {MOST_FILES} files, {MAX_FILE} bytes each")
        yield _Blob(inside, blob)


def _contents(name: str, blobs: list[_Blob]) -> Iterator[bytes]:
    told = _git(name, "cat-file", "--batch", given="".join(f"{blob.id}\n" for blob in blobs).encode("ascii"))
    at = 0
    for blob in blobs:
        end = told.find(b"\n", at)
        head = re.fullmatch(rb"([0-9a-f]+) blob ([0-9]+)", told[at:end])
        if head is None:
            raise PolicyError(
                name, "", f"{blob.path}: not in the object store; fetch it first (a shallow or partial clone?)"
            )
        size = int(head[2])
        yield told[end + 1 : end + 1 + size]
        at = end + 1 + size + 1


def _git(name: str, *arguments: str, given: bytes | None = None) -> bytes:
    try:
        done = subprocess.run(  # noqa: S603 - no shell; what the user gave stands after an end-of-options mark
            ["git", "--no-pager", *arguments],  # noqa: S607 - the user's own git
            input=given,
            stdin=subprocess.DEVNULL if given is None else None,
            capture_output=True,
            timeout=SECONDS,
            check=False,
            env={**os.environ, **_QUIET},
        )
    except FileNotFoundError:
        raise PolicyError(name, "", "git is not installed: give directories instead") from None
    except subprocess.TimeoutExpired:
        raise PolicyError(name, "", f"git did not answer in {SECONDS} s") from None
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise PolicyError(name, "", f"git finds no such revision here{': ' + said[0][:200] if said else ''}")
    return done.stdout
