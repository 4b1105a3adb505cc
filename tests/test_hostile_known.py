"""One hostile line among lines that are known again: never clean, and the same from every lane, process and cut."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from audit.engine.run import Auditor, Lines
from audit.sources.inputs import find
from audit.tally import Tally
from tests import hostile
from tests.bench.generate import Generator
from tests.conftest import Json, compact
from tests.test_bad_input import HIDDEN_EVENTS, LOOK_ALIKE_NAMES, NEAR_NAMES, ODD_VALUES, UNREADABLE
from tests.test_processes import alone, together
from tests.within import APPSMITH, policy_of

LOG = [line.data for line in Generator(1_600, 0, seed=5).lines()]
MORE = [line.data for line in Generator(1_700, 0, seed=5).lines()][1_600:]
NAMES = ("APPLICATIONS_PAGE_LOAD", "Instance Active", "Installation Started")
KNOWN = [next(line for line in MORE if name.encode() in line) for name in NAMES]
"""A further documented event of each kind, which looks like those of the log."""

KEYS: dict[str, Callable[[str], str]] = {
    "a zero-width space": lambda key: f"{key[:1]}\u200b{key[1:]}",
    "a joiner": lambda key: f"{key}\u200d",
    "a mark": lambda key: f"\ufeff{key}",
    "a space": lambda key: f"{key} ",
    "the other case": str.swapcase,
    "a NUL": lambda key: f"{key}\0",
    "full width": lambda key: "".join(chr(ord(letter) + 0xFEE0) for letter in key),
    "an accent": lambda key: f"{key}\u0301",
    "a digit": lambda key: f"{key}1",
    "a slash": lambda key: f"{key}/",
    "a tilde": lambda key: f"{key}~0",
    "a line separator": lambda key: f"{key}\u2028",
    "nothing": lambda _: "",
    "a prototype": lambda _: "__proto__",
}
VALUES = (
    *(
        "NaN",
        "Infinity",
        "-Infinity",
        "1e400",
        "-0",
        "-0.0",
        "9" * 400,
        "7" * 5000,
        "01",
        "+1",
        ".5",
        "1.",
        "true",
        "[[1]]",
    ),
    *('"a\tb"', '"a\0b"', "'a'", '"a",', '"a"/* x */', "[" * 300 + "]" * 300),
    *(b'"\xc0\xaf"', b'"\xff"', b'"\xed\xa0\x80"'),
)
LINES: dict[str, Callable[[bytes], bytes]] = {
    "twice": lambda line: line + line,
    "twice behind a carriage return": lambda line: line + b"\r" + line,
    "a comma behind": lambda line: line + b",",
    "a comment behind": lambda line: line + b" // fine",
    "a mark before": lambda line: hostile.BOM + line,
    "a mark behind": lambda line: line + hostile.BOM,
    "a NUL behind": lambda line: line + b"\0",
    "NEL behind": lambda line: line + "\u0085".encode(),
    "a line separator behind": lambda line: line + "\u2028".encode(),
    "a form feed behind": lambda line: line + b"\x0c",
    "a record separator before": lambda line: b"\x1e" + line,
    "a brace behind": lambda line: line + b"}",
    "cut": lambda line: line[:-1],
    "UTF-16": lambda line: line.decode().encode("utf-16-le"),
    "as text": lambda line: compact(line.decode()),
    "a trailing comma": lambda line: line[:-1] + b",}",
    "a key twice by an escape": lambda line: line[:-1] + b',"\\u0074ype":"track"}',
    "Track": lambda line: line.replace(b'"track"', b'"Track"'),
    "a Cyrillic letter": lambda line: line.replace(b'"track"', '"tr\u0430ck"'.encode()),
    "itself in its properties": lambda line: line.replace(b'"properties":{', b'"properties":' + line[:-1] + b","),
    "itself in its integrations": lambda line: line.replace(b'"integrations":{}', b'"integrations":' + line),
    "itself as a batch": lambda line: line[:-1] + b',"batch":[' + line + b"]}",
    "digits of another script": lambda line: re.sub(rb"(?<=-)\d{2}(?=T)", "\u0661\u0662".encode(), line),
}


def pointers(value: object, above: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, child in value.items():
            yield f"{above}/{key}"
            yield from pointers(child, f"{above}/{key}")


def changed(event: Json, pointer: str, change: Callable[[str, object], Json]) -> Json:
    """The event with other members in place of the one at the pointer."""
    first, _, rest = pointer[1:].partition("/")
    out: Json = {}
    for key, child in event.items():
        if key != first:
            out[key] = child
        elif rest:
            out[key] = changed(child, f"/{rest}", change)
        else:
            out |= change(key, child)
    return out


def instead(other: Callable[[str], str], key: str, value: object) -> Json:
    return {other(key): value}


def beside(other: Callable[[str], str], key: str, value: object) -> Json:
    return {key: value, other(key): value}


def made_of(line: bytes) -> Iterator[tuple[str, bytes]]:
    """What someone would write who wants this line to be taken for the ones before."""
    event = json.loads(line)
    for pointer in pointers(event):
        yield f"{pointer} twice", hostile.twice(event, pointer)
        yield f"{pointer} twice, once null", hostile.twice(event, pointer, "null", hidden_first=False)
        for why, other in KEYS.items():
            yield f"{pointer} with {why}", compact(changed(event, pointer, partial(instead, other)))
            yield f"{pointer} beside one with {why}", compact(changed(event, pointer, partial(beside, other)))
        placed = changed(event, pointer, lambda key, _: {key: hostile.PLACE})
        for value in VALUES:
            yield f"{pointer} as {value[:20]!r}", hostile.raw(placed, value)
    for why, change in LINES.items():
        yield why, change(line)
    for why, name in {**NEAR_NAMES, **LOOK_ALIKE_NAMES}.items():
        yield f"named with {why}", compact({**event, "event": name})


CASES = {f"{name}: {why}": line for name, known in zip(NAMES, KNOWN, strict=True) for why, line in made_of(known)}
CASES |= UNREADABLE | HIDDEN_EVENTS | {why: line for why, (line, _, _) in ODD_VALUES.items()}


def judged(auditor: Auditor, log: bytes) -> tuple[Tally, list[Any]]:
    tally, findings = auditor.tally(), list[Any]()
    auditor.feed(Lines(0, 1, log), tally, (0, 0), sink=findings.append)
    return tally, findings


@pytest.fixture(scope="module")
def knowing() -> Auditor:
    """An auditor that knows the log's lines again."""
    auditor = Auditor(policy_of(APPSMITH))
    judged(auditor, b"\n".join(LOG))
    auditor.least = 0
    assert auditor.learned is not None
    taken, _ = auditor.learned.take(b"\n".join(KNOWN) + b"\n", KNOWN)
    assert taken is not None
    assert taken.at == [0, 1, 2], "else the tests below would hold of nothing"
    return auditor


def marks(tally: Tally) -> dict[object, list[bytes]]:
    return {
        key: sorted(bytes(found[at : at + 32]) for at in range(0, len(found), 32)) for key, found in tally.marks.items()
    }


@pytest.mark.parametrize("kind", [*NAMES, ""])
def test_is_never_taken_for_a_known_line(knowing: Auditor, kind: str) -> None:
    slow = Auditor(policy_of(APPSMITH), lanes=False)
    assert knowing.learned is not None
    mine = {
        why: line for why, line in CASES.items() if why.partition(": ")[0] == kind or (not kind and ": " not in why)
    }
    for why, line in mine.items():
        knowing.learned.rest = knowing.learned.resting = 0
        log = b"\n".join([KNOWN[0], KNOWN[1], line, KNOWN[2]])
        (one, found), (other, wanted) = judged(knowing, log), judged(slow, log)
        assert found, why
        assert found == wanted, why
        assert (one, marks(one)) == (other, marks(other)), why


def test_is_told_alike_whatever_is_cut_where(tmp_path: Path) -> None:
    """A log of known lines with hostile ones strewn in, read whole, in cuts of a few hundred lines, and by the slow lane."""
    log = list(LOG)
    for number, line in enumerate(list(CASES.values())[::9]):
        log.insert(number * 37 % len(log), line)
    file = tmp_path / "capture"
    file.write_bytes(b"\n".join(log) + b"\n")
    inputs = find([str(file)])
    slow, quick = Auditor(policy_of(APPSMITH), lanes=False), Auditor(policy_of(APPSMITH))
    wanted = alone(slow, inputs)
    assert alone(quick, inputs) == wanted
    for size in (70_001, 1_300_000):  # the second leaves enough lines together to know some again
        assert together(quick, inputs, 2, size) == wanted
