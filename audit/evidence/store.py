"""Writing evidence: one write a record, in the file before anything else happens, readable by its owner alone."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import hmac
import json
import os
import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from audit.evidence.chain import (
    FORMAT,
    LONGEST,
    MANIFEST,
    Break,
    Record,
    Torn,
    genesis,
    is_evidence,
    manifest_of,
    segment_name,
    segments,
    walk,
)
from audit.redact import visible

KEY = "digest.key"
SEGMENT = 64 << 20
_SYNC = 0.5


class Unusable(Exception):  # noqa: N818 - the text says what is wrong and what to do
    """A directory that evidence cannot be written to."""


class Failing(Exception):  # noqa: N818 - as above
    """A record could not be written whole; nothing of it remains."""


class Store:
    """The one writer of an evidence directory. `records` and `head` are printed, so that the chain can be held to them.

    `torn`: bytes of lines that an earlier writer did not finish.
    """

    def __init__(self, directory: Path, *, segment: int = SEGMENT) -> None:
        self.directory, self._most = directory, segment
        self.records, self.head, self.torn = 0, "", 0
        self._file, self._size, self._number = -1, 0, 0
        self._dirty, self._ended = False, threading.Event()
        self._lock = -1

    @classmethod
    def open(cls, path: Path, about: Mapping[str, Any], *, segment: int = SEGMENT) -> Self:
        """Begin a directory, or go on with one whose chain holds. `about` becomes the manifest of a new one."""
        store = cls(path, segment=segment)
        try:
            store._claim()
            store._begin(about)
        except OSError as error:
            raise Unusable(f"{visible(str(path))}: {error.strerror or error}") from None
        threading.Thread(target=store._keep_syncing, name="evidence", daemon=True).start()
        return store

    def _claim(self) -> None:
        if self.directory.exists() and not self.directory.is_dir():
            raise Unusable(f"{visible(str(self.directory))} is no directory: name a new one")
        self.directory.mkdir(mode=0o700, exist_ok=True)
        mode = self.directory.stat().st_mode
        if mode & 0o077:
            if any(self.directory.iterdir()):
                raise Unusable(
                    f"{visible(str(self.directory))} is open to others: run chmod 700 on it, or name another"
                )
            self.directory.chmod(0o700)
        if any(self.directory.iterdir()) and not is_evidence(self.directory):
            raise Unusable(f"{visible(str(self.directory))} holds other files: name a new directory")
        self._lock = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Unusable(f"{visible(str(self.directory))} is being written by another process") from None

    def _begin(self, about: Mapping[str, Any]) -> None:
        if not (self.directory / MANIFEST).exists():
            text = json.dumps({"format": FORMAT, "id": secrets.token_hex(16), **about}, indent=2)
            self._place(MANIFEST, text.encode() + b"\n")
        self.head = genesis(manifest_of(self.directory))
        for step in walk(self.directory):
            match step:
                case Record():
                    self.records, self.head = step.number, step.digest
                case Torn():
                    self.torn += len(step.data)
                case Break():
                    raise Unusable(
                        f"{visible(str(self.directory))}: the chain breaks after record {step.number} ({step.why}): "
                        "keep it as it is, and name a new directory"
                    )
        known = segments(self.directory)
        self._number = known[-1][0] if known else 0
        if not (self.directory / KEY).exists():
            self._place(KEY, secrets.token_bytes(32))
        self._key = (self.directory / KEY).read_bytes()
        self._rotate()

    def keyed(self, value: str) -> str:
        """What stands for a credential: equal ones have equal digests, and only the key's holder can try values."""
        return "hmac-sha256:" + hmac.new(self._key, value.encode("utf-8", "surrogatepass"), "sha256").hexdigest()[:32]

    def append(self, record: Mapping[str, Any]) -> int:
        """Write one record with one call and return its number. Raises Failing; the chain stays whole either way."""
        import orjson

        data = orjson.dumps({"n": self.records + 1, **record})
        digest = hashlib.sha256(self.head.encode("ascii") + b"\n" + data).hexdigest()
        line = digest.encode("ascii") + b" " + data + b"\n"
        if len(line) > LONGEST:
            raise Failing("the record is too long")
        if self._size and self._size + len(line) > self._most:
            self._rotate()
        self._write(line)
        self.records, self.head = self.records + 1, digest
        self._size += len(line)
        self._dirty = True
        return self.records

    def _write(self, line: bytes) -> None:
        try:
            written = os.write(self._file, line)
        except OSError as error:
            raise Failing(error.strerror or "write failed") from None
        if written == len(line):
            return
        with contextlib.suppress(OSError):
            os.ftruncate(self._file, self._size)  # what was begun of this record; it counts for nothing yet
            raise Failing("no space left on the device")
        self._rotate()  # the torn line stays at the end of its segment
        raise Failing("write failed")

    def _rotate(self) -> None:
        """The next segment. A new session starts one too, so that a torn line is always the last of its file."""
        name = segment_name(self._number + 1)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        try:
            file = os.open(self.directory / name, flags, 0o600)
        except OSError as error:
            if self._file < 0:
                raise
            raise Failing(error.strerror or "no new segment") from None
        if self._file >= 0:
            os.fsync(self._file)
            os.close(self._file)
        self._file, self._size, self._number = file, 0, self._number + 1
        os.fsync(self._lock)

    def keep(self, name: str, data: bytes) -> None:
        """A file beside the chain, for a record that names its digest. Raises Failing."""
        try:
            self._place(name, data)
        except FileExistsError:
            return  # the name is the digest's: it is the same file
        except OSError as error:
            raise Failing(error.strerror or "write failed") from None

    def _place(self, name: str, data: bytes) -> None:
        file = os.open(self.directory / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(file, "wb") as out:
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
        except OSError:
            with contextlib.suppress(OSError):
                (self.directory / name).unlink()
            raise

    def _keep_syncing(self) -> None:
        """A killed process loses nothing; only a machine that stops can, at most what came in the last half second."""
        while not self._ended.wait(_SYNC):
            if self._dirty:
                self._dirty = False
                with contextlib.suppress(OSError):
                    os.fsync(self._file)

    def close(self) -> None:
        self._ended.set()
        if self._file >= 0:
            with contextlib.suppress(OSError):
                os.fsync(self._file)
            os.close(self._file)
            self._file = -1
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
