"""JSON lines: blocks cut at newlines. A line belongs to the part that holds its first byte; only LF ends a line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from audit.engine.run import Broken, Lines
from audit.model import Reason


def cut(
    blocks: Iterable[bytes], max_line: int, offset: int = 0, whole: Callable[[], bool] = lambda: True
) -> Iterator[Lines | Broken]:
    """Parts of whole lines. A line over `max_line` is never held: it becomes one Broken, and its bytes are passed over."""
    unit = 1
    held: list[bytes] = []
    size = 0
    skipping = False
    for block in blocks:
        data = block
        if skipping:
            end = data.find(b"\n")
            if end < 0:
                offset += len(data)
                continue
            offset += end + 1
            data, skipping, unit = data[end + 1 :], False, unit + 1
        last = data.rfind(b"\n")
        if last >= 0:
            lines = b"".join((*held, data[: last + 1]))
            yield Lines(offset, unit, lines)
            offset, unit = offset + len(lines), unit + lines.count(b"\n")
            held, size, data = [], 0, data[last + 1 :]
        if data:
            held.append(data)
            size += len(data)
        if size > max_line:
            yield Broken(offset, unit, Reason.TOO_LONG)
            offset, held, size, skipping = offset + size, [], 0, True
    if held and whole():  # else the stream broke off in this line, and whoever reads it says so
        yield Lines(offset, unit, b"".join(held))
