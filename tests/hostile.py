"""Bad input, generated: what real systems break, and what someone would write who wants an audit to come out clean.

Every function gives bytes, or writes a file where bytes would be too many. Nothing here is stored.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import zstandard

from tests.conftest import Json, active, compact, jsonl, numbered, page_load, started

PLACE = "@@here@@"
BOM = b"\xef\xbb\xbf"
MIB = 1 << 20

# ---- containers ----------------------------------------------------------------------------------------------------


def gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def small_blocks_bz2(data: bytes) -> bytes:
    """Blocks of 100 kB, so that a cut leaves whole blocks before it."""
    return bz2.compress(data, compresslevel=1)


def flushed_zst(data: bytes) -> bytes:
    """Flushed every 64 KiB, as a logger does: a cut leaves readable frames' blocks before it."""
    writer = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    step = 64 * 1024
    parts: list[bytes] = []
    for start in range(0, len(data), step):
        parts += [writer.compress(data[start : start + step]), writer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)]
    return b"".join([*parts, writer.flush()])


COMPRESSORS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gz,
    "bz2": small_blocks_bz2,
    "xz": lzma.compress,
    "zst": flushed_zst,
}


def truncated(data: bytes, share: float = 0.6) -> bytes:
    return data[: int(len(data) * share)]


def corrupted(data: bytes, share: float = 0.6) -> bytes:
    """Sixteen bytes in the midst turned over."""
    at = int(len(data) * share)
    return data[:at] + bytes(byte ^ 0xFF for byte in data[at : at + 16]) + data[at + 16 :]


def noise(size: int, seed: int = 7) -> bytes:
    return random.Random(seed).randbytes(size)


def random_tokens(seed: int = 11) -> Iterator[str]:
    """Text that no compressor shortens much, so that a cut falls among many events."""
    source = random.Random(seed)
    while True:
        yield source.randbytes(24).hex()


def many(count: int) -> list[Json]:
    """That many documented events, alike but for their message ids, which are random."""
    return [active(messageId=f"api-{token}") for _, token in zip(range(count), random_tokens(), strict=False)]


# ---- lines: an event with something raw in it ----------------------------------------------------------------------


def raw(event: Json, text: str | bytes) -> bytes:
    """The event as a line (without its end), with this raw text where the placeholder value stands."""
    inserted = text if isinstance(text, bytes) else text.encode()
    return compact(event).replace(compact(PLACE), inserted)


def os_is(text: str | bytes) -> bytes:
    """A documented event whose `/properties/os` is this raw JSON text."""
    return raw(started(messageId="api-hostile", properties={"os": PLACE}), text)


def extra_is(text: str | bytes) -> bytes:
    """A documented event with an undocumented `/properties/extra` that is this raw JSON text."""
    return raw(started(messageId="api-hostile", properties={"os": "ubuntu", "extra": PLACE}), text)


def nested_objects(depth: int) -> bytes:
    return extra_is('{"a":' * depth + "1" + "}" * depth)


def nested_arrays(depth: int) -> bytes:
    return extra_is("[" * depth + "]" * depth)


def opened_only(depth: int) -> bytes:
    return b"[" * depth


def long_os(size: int) -> bytes:
    return os_is('"' + "x" * size + '"')


def with_keys(count: int, prefix: str = "k") -> Json:
    """An event with that many undocumented properties, each a name that may be shown."""
    return started(properties={"os": "ubuntu", **{f"{prefix}{number}": 1 for number in range(count)}})


def write_long_line(path: Path, size: int, *, last_newline: bool = True, after: bytes = b"") -> Path:
    """A file whose first line is a valid event of this size, written a block at a time."""
    before, end = os_is('"@"').split(b"@")
    with path.open("wb") as file:
        write_long(file.write, before, size, end)
        file.write((b"\n" if last_newline else b"") + after)
    return path


def write_long_gz(path: Path, size: int, after: bytes = b"") -> Path:
    """The same behind gzip: a file of some hundred kilobytes."""
    before, end = os_is('"@"').split(b"@")
    with gzip.open(path, "wb", compresslevel=1) as file:
        write_long(file.write, before, size, end)
        file.write(b"\n" + after)
    return path


def write_long(write: Callable[[bytes], object], before: bytes, size: int, end: bytes) -> None:
    write(before)
    for _ in range(size // MIB):
        write(b"x" * MIB)
    write(end)


def twice(event: Json, pointer: str, hidden: str | None = None, *, hidden_first: bool = True) -> bytes:
    """The event as a line in which the member at the pointer stands twice: once as it is, once as raw text `hidden`."""
    tokens = [token.replace("~1", "/").replace("~0", "~") for token in pointer.split("/")[1:]]
    return doubled(event, tokens, hidden, hidden_first=hidden_first).encode()


def doubled(value: object, tokens: list[str], hidden: str | None, *, hidden_first: bool) -> str:
    if isinstance(value, list):
        items = [
            doubled(item, tokens[1:], hidden, hidden_first=hidden_first) if tokens[:1] == [str(index)] else text(item)
            for index, item in enumerate(value)
        ]
        return f"[{','.join(items)}]"
    if not isinstance(value, dict):
        raise TypeError(f"the pointer's {tokens} leads nowhere")
    members: list[str] = []
    for key, child in value.items():
        if tokens[0] != key:
            members.append(f"{text(key)}:{text(child)}")
        elif len(tokens) > 1:
            members.append(f"{text(key)}:{doubled(child, tokens[1:], hidden, hidden_first=hidden_first)}")
        else:
            pair = [f"{text(key)}:{hidden or text(child)}", f"{text(key)}:{text(child)}"]
            members += pair if hidden_first else reversed(pair)
    return "{" + ",".join(members) + "}"


def text(value: object) -> str:
    return compact(value).decode()


# ---- whole files ---------------------------------------------------------------------------------------------------


def among_samples(line: bytes) -> bytes:
    """The page's three samples with this as second line of four."""
    return jsonl(started()) + line + b"\n" + jsonl(active(), page_load())


def with_ends(events: Iterable[Json], end: bytes) -> bytes:
    return b"".join(compact(event) + end for event in events)


def pretty(*events: object) -> bytes:
    """Objects one after another as `jq .` prints them."""
    return b"".join(json.dumps(event, indent=2).encode() + b"\n" for event in events)


def array(*events: object, indent: int | None = 2) -> bytes:
    return json.dumps(list(events), indent=indent).encode() + b"\n"


def batch(*items: object, **members: object) -> bytes:
    """One line: the envelope of an SDK's batch call."""
    return compact({"batch": list(items), **members})


def other_program(lines: int) -> bytes:
    """The structured log of a program that has nothing to do with telemetry."""
    levels = ("info", "warn", "error")
    return jsonl(
        *(
            {"time": f"2020-11-04T08:{number % 60:02d}:00Z", "level": levels[number % 3], "msg": "request served"}
            for number in range(lines)
        )
    )


def misaligned(padding: int, size: int = 3 * MIB) -> bytes:
    """Documented events full of characters of two, three and four bytes, shifted so that any cut may fall into one."""
    first = jsonl(started(messageId="api-first", properties={"os": "u" * (padding + 1)}))
    line = jsonl(started(properties={"os": "é€😀" * 12}))
    return first + line * (size // len(line))


# ---- floods --------------------------------------------------------------------------------------------------------


def flood(count: int, odd: Json, at: int) -> bytes:
    """One undocumented field over and over, with one other event among them."""
    events = [started(properties={"os": "ubuntu", "extra": 1}) for _ in range(count)]
    return jsonl(*numbered([*events[:at], odd, *events[at:]]))


def distinct_events(count: int, name: str = "flood{}") -> bytes:
    """Events of as many names, sent by a client."""
    return jsonl(*numbered((page_load(event=name.format(number)) for number in range(count)), "ajs-"))


def distinct_keys(count: int, an_event: int = 5_000) -> bytes:
    """As many undocumented names, some thousand an event."""
    wholes = range(0, count, an_event)
    return jsonl(*numbered(with_keys(min(an_event, count - start), f"k{start // an_event}x") for start in wholes))
