"""The chain: each record's digest covers the record and the digest before it, the first one the manifest.

A directory holds `evidence.json` (the manifest, written once) and `segment-000001.jsonl` and on. A line of a segment is
`DIGEST JSON`, with DIGEST = sha256(digest before + newline + JSON), in hex. A writer that is killed can leave a line
without its newline at the end of a segment; it starts the next segment when it comes back.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple, TypeAlias

FORMAT = "telemetry-audit/evidence/1"
MANIFEST = "evidence.json"
LONGEST = 128 << 20
"""Bytes of the longest line that is read. A writer keeps bodies far below it."""

_SEGMENT = re.compile(r"segment-([0-9]{6,9})\.jsonl")
_DIGEST = re.compile(rb"[0-9a-f]{64} ")
_MOST_MANIFEST = 1 << 20


class Record(NamedTuple):
    """One record as it stands: its number from 1, the digest up to it, and its JSON."""

    number: int
    digest: str
    data: bytes


class Torn(NamedTuple):
    """A last line that was being written when its writer ended."""

    segment: str
    data: bytes


class Break(NamedTuple):
    """The chain holds up to record `number`; after it something was changed, removed or put in."""

    number: int
    segment: str
    why: str


Step: TypeAlias = Record | Torn | Break


def link(previous: str, data: bytes) -> str:
    """The digest of a record that follows `previous`."""
    return hashlib.sha256(previous.encode("ascii") + b"\n" + data).hexdigest()


def genesis(manifest: bytes) -> str:
    """The digest before the first record."""
    return hashlib.sha256(manifest).hexdigest()


def segment_name(number: int) -> str:
    return f"segment-{number:06d}.jsonl"


def segments(directory: Path) -> list[tuple[int, str]]:
    """The segments of a directory by number."""
    matches = (_SEGMENT.fullmatch(entry.name) for entry in directory.iterdir())
    return sorted((int(found[1]), found[0]) for found in matches if found is not None)


def is_evidence(directory: Path) -> bool:
    """Whether a directory is an evidence directory, by its manifest."""
    try:
        value = json.loads(manifest_of(directory))
    except (OSError, ValueError, RecursionError):
        return False
    return isinstance(value, dict) and value.get("format") == FORMAT


def manifest_of(directory: Path) -> bytes:
    with plain_file(directory / MANIFEST) as file:
        return file.read(_MOST_MANIFEST)


def plain_file(path: Path) -> BinaryIO:
    """A regular file, opened to read; a pipe or a link in a stranger's directory neither blocks nor leads away."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(f"{path.name}: not a regular file")
    return os.fdopen(descriptor, "rb")


def walk(directory: Path) -> Iterator[Step]:
    """Every record in order, and what else stands between them. Ends at the first break. Raises OSError."""
    digest, number, expected = genesis(manifest_of(directory)), 0, 1
    for found, name in segments(directory):
        if found != expected:
            yield Break(number, name, f"{segment_name(expected)} is missing")
            return
        expected += 1
        with plain_file(directory / name) as file:
            for step in _lines(file, name, number, digest):
                yield step
                if isinstance(step, Break):
                    return
                if isinstance(step, Record):
                    number, digest = step.number, step.digest


def _lines(file: BinaryIO, name: str, number: int, digest: str) -> Iterator[Step]:
    while line := file.readline(LONGEST + 1):
        if len(line) > LONGEST:
            yield Break(number, name, "a line is longer than any record")
            return
        if not line.endswith(b"\n"):
            yield Torn(name, line)
            return
        if _DIGEST.match(line) is None:
            yield Break(number, name, "a line is no record")
            return
        data = line[65:-1]
        digest = link(digest, data)
        if line[:64] != digest.encode("ascii"):
            yield Break(number, name, f"record {number + 1} does not follow from those before it")
            return
        number += 1
        yield Record(number, digest, data)
