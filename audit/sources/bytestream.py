"""A stream of blocks read by the number of bytes, for the formats that say how long a record is."""

from __future__ import annotations

from collections.abc import Iterable


class Malformed(Exception):  # noqa: N818 - what follows cannot be found any more
    """What must stand here does not, so that nothing after it can be told apart."""


class CutShort(Exception):  # noqa: N818 - as above
    """The stream ends inside a record."""


class Bytes:
    """A stream of blocks, read by the number of bytes. `at`: offset of the next byte."""

    def __init__(self, blocks: Iterable[bytes]) -> None:
        self.blocks, self.held, self.at, self.pos = iter(blocks), b"", 0, 0

    def ahead(self, size: int) -> bytes:
        """The next bytes, up to `size`, without passing them."""
        self._fill(size)
        return self.held[self.pos : self.pos + size]

    def record(self, size: int) -> bytes | None:
        """The next `size` bytes, or None where the stream has come to its end."""
        if not self._fill(size) and self.pos == len(self.held):
            return None
        return self.take(size)

    def _fill(self, size: int) -> bool:
        """Hold `size` bytes, if there are so many."""
        if len(self.held) - self.pos >= size:
            return True
        pieces = [self.held[self.pos :]]
        have = len(pieces[0])
        while have < size:
            block = next(self.blocks, None)
            if block is None:
                break
            pieces.append(block)
            have += len(block)
        self.held, self.pos = b"".join(pieces), 0
        return have >= size

    def take(self, size: int) -> bytes:
        if not self._fill(size):
            raise CutShort
        self.pos += size
        self.at += size
        return self.held[self.pos - size : self.pos]

    def expect(self, what: bytes) -> None:
        if self.take(len(what)) != what:
            raise Malformed

    def skip(self, size: int) -> None:
        while size > 0:
            step = min(size, 1 << 20)
            self.take(step)
            size -= step
