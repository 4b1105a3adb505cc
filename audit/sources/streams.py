"""Bytes of a capture: opened, hashed as stored, decompressed by content, in bounded blocks."""

from __future__ import annotations

import bz2
import hashlib
import lzma
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, NamedTuple, Protocol

from audit.model import Reason

BLOCK = 1 << 20


class Damaged(Exception):  # noqa: N818 - carries a reason, is no error of the program
    """The stream ended early or is corrupt; what was yielded before stands."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


class Stamp(NamedTuple):
    """By which a file that changes is known: the file itself, its size, its last change."""

    device: int
    inode: int
    size: int
    changed: int


def stamp_of(file: BinaryIO) -> Stamp | None:
    """What is known of an open file; None where it is no plain file and has no size of its own."""
    told = os.fstat(file.fileno())
    return Stamp(told.st_dev, told.st_ino, told.st_size, told.st_mtime_ns) if stat.S_ISREG(told.st_mode) else None


class Digest(NamedTuple):
    """sha256 and size of the stored bytes; `whole`: whether they are those of the file that was planned."""

    sha256: str | None
    size: int
    whole: bool


class Readable(Protocol):
    """What is read of a file, or of an object in a store."""

    def read(self, size: int = -1, /) -> bytes: ...

    def seek(self, offset: int, /) -> int: ...


class Hashed:
    """A binary file read once, in blocks; knows its length and sha256 as stored when it has been drained."""

    def __init__(self, file: Readable) -> None:
        self.file, self.bytes, self._sha256 = file, 0, hashlib.sha256()

    def read(self, size: int = BLOCK) -> bytes:
        try:
            data = self.file.read(size)
        except OSError:
            raise Damaged(Reason.VANISHED) from None
        self._sha256.update(data)
        self.bytes += len(data)
        return data

    def drain(self) -> str:
        """Read to the end; the hex digest of everything."""
        while self.read():
            pass
        return self._sha256.hexdigest()


def _zstd() -> Any:
    import zstandard

    return zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()


# Magic bytes, how to inflate one member, and how many compressed bytes to hand over at once: zstandard's object has no
# bound on what it returns, and 4 bytes can stand for 128 KiB. The others lose what came before a damaged byte in one call.
_FORMATS: tuple[tuple[bytes, str, Callable[[], Any], int], ...] = (
    (b"\x1f\x8b", "gzip", lambda: zlib.decompressobj(31), 1 << 16),
    (b"BZh", "bzip2", bz2.BZ2Decompressor, 4096),
    (b"\xfd7zXZ\x00", "xz", lambda: lzma.LZMADecompressor(memlimit=1 << 28), 4096),
    (b"\x28\xb5\x2f\xfd", "zstd", _zstd, 2048),
    *((bytes((number,)) + b"\x2a\x4d\x18", "zstd", _zstd, 2048) for number in range(0x50, 0x60)),  # skippable frames
)


def is_compressed(head: bytes) -> bool:
    """Whether a file that begins so is inflated before it is read."""
    return any(head.startswith(kind[0]) for kind in _FORMATS)


def blocks(file: Hashed) -> Iterator[bytes]:
    """The decoded bytes in blocks. Raises Damaged after the last good byte of a damaged stream."""
    head = file.read()
    kind = next((kind for kind in _FORMATS if head.startswith(kind[0])), None)
    if kind is None:
        while head:
            yield head
            head = file.read()
        return
    yield from _inflate(head, file, kind)


def _inflate(head: bytes, file: Hashed, kind: tuple[bytes, str, Callable[[], Any], int]) -> Iterator[bytes]:
    _, name, make, step = kind
    inflater, data, at = make(), head, 0
    while True:
        if inflater.eof:
            data = (inflater.unused_data + data[at:]).lstrip(b"\x00") or file.read().lstrip(b"\x00")
            at = 0
            if not data:
                return
            if not any(data.startswith(other[0][: len(data)]) for other in _FORMATS if other[1] == name):
                raise Damaged(Reason.CORRUPT)
            inflater = make()
        if at >= len(data):
            data, at = file.read(), 0
        if not data:
            raise Damaged(Reason.TRUNCATED)
        piece, at = data[at : at + step], at + step
        try:
            yield from _pieces(inflater, piece, name)
        except Exception:  # noqa: BLE001 - four libraries, each with errors of its own: all mean that the data are damaged
            raise Damaged(Reason.CORRUPT) from None


def _pieces(inflater: Any, piece: bytes, name: str) -> Iterator[bytes]:
    """What one piece of input inflates to, at most a block at a time where the library can bound it."""
    if name == "zstd":
        out = inflater.decompress(piece)
        if out:
            yield out
    elif name == "gzip":
        while piece and not inflater.eof:
            out = inflater.decompress(piece, BLOCK)
            piece = inflater.unconsumed_tail
            if out:
                yield out
    else:
        out = inflater.decompress(piece, BLOCK)
        while out:
            yield out
            out = b"" if inflater.eof or inflater.needs_input else inflater.decompress(b"", BLOCK)
