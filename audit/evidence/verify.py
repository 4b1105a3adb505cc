"""What a chain proves: with a head noted elsewhere much, by itself little."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from audit.evidence.chain import Break, Record, Torn, plain_file, segments, walk

_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class Report:
    """`held`: the record whose digest is the head that was given; None where no head was given or none fits."""

    records: int
    head: str | None
    torn: tuple[Torn, ...]
    broken: Break | None
    held: int | None
    foreign: tuple[str, ...]
    """Files that the chain names and that are not there, or are others."""

    def proves(self, head: str | None) -> bool:
        """Whether there is a chain, and nothing contradicts it, nor the head where one was given."""
        return self.records > 0 and self.broken is None and not self.foreign and (head is None or self.held is not None)


def verify(directory: Path, head: str | None = None) -> Report:
    """Walk the whole chain. Raises OSError where the directory cannot be read."""
    records, last, held = 0, None, None
    torn: list[Torn] = []
    broken: Break | None = None
    foreign: list[str] = []
    for step in walk(directory):
        match step:
            case Record():
                records, last = step.number, step.digest
                held = step.number if step.digest == head else held
                foreign += _foreign(directory, step)
            case Torn():
                torn.append(step)
            case Break():
                broken = step
    return Report(records, last, tuple(torn), broken, held, tuple(foreign))


def _foreign(directory: Path, record: Record) -> list[str]:
    """The file that a record names, where it is not the one that was kept."""
    named = _statement(record)
    if named is None:
        return []
    name, wanted = named
    try:
        with plain_file(directory / name) as file:
            found = hashlib.sha256(file.read(_MOST)).hexdigest()
    except OSError:
        return [name]
    return [] if found == wanted else [name]


def custody_file(directory: Path) -> str | None:
    """The custody statement that the chain names last, where the directory is one of evidence."""
    name = None
    try:
        for step in walk(directory):
            named = _statement(step) if isinstance(step, Record) else None
            name = named[0] if named is not None else name
    except OSError:
        return None
    return name


def _statement(record: Record) -> tuple[str, str] | None:
    """File and digest of the custody statement that a record speaks of."""
    if b'"custody"' not in record.data[:64]:
        return None
    try:
        value = json.loads(record.data)
    except ValueError:
        return None
    name, digest = value.get("file"), value.get("sha256")
    told = value.get("kind") == "custody" and isinstance(name, str) and isinstance(digest, str)
    return (Path(name).name, digest) if told else None


def stored(directory: Path) -> tuple[int, str]:
    """Bytes and sha256 of everything in the segments. Raises OSError."""
    size, digest = 0, hashlib.sha256()
    for _, name in segments(directory):
        with plain_file(directory / name) as file:
            while block := file.read(1 << 20):
                size += len(block)
                digest.update(block)
    return size, digest.hexdigest()
