"""Generated clean events, searched for everything that an auditor may list: no rule about contents says anything.

The suite tries some thousands; EVENTS=100000 tries so many.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from audit.engine.contacts import CONTENT_RULES
from audit.engine.run import Auditor, Lines
from audit.leaks.search import Search
from audit.leaks.seeds import Kind
from audit.model import Finding, Gap
from audit.sources.seeds import Gathered
from tests.bench.generate import Generator, write_seeds
from tests.within import APPSMITH, policy_of

EVENTS = int(os.environ.get("EVENTS", "6000"))
BLOCK = 5_000


def export(rows: int) -> str:
    """A table as a data source exports it."""
    chance = random.Random(7)
    names = ("Adler", "Birch", "Castro", "Dubois", "Eriksen", "Fontana", "Gruber", "Hughes")
    cells = (
        f"{chance.choice(names)} & {chance.choice(names)},{chance.choice(names)} Street {chance.randrange(1, 400)},"
        f"{chance.randrange(10**8, 10**9)},INV-{chance.getrandbits(32):08x}"
        for _ in range(rows)
    )
    return "\n".join(["customer,address,account,invoice", *cells]) + "\n"


@pytest.fixture(scope="module")
def listed(tmp_path_factory: pytest.TempPathFactory) -> Search:
    path: Path = tmp_path_factory.mktemp("seeds") / "seeds.csv"
    write_seeds(path, 40, 1_000)
    gathered = Gathered()
    gathered.add(path.read_text(), "seeds.csv", None)
    gathered.add(export(200), "rows.csv", Kind.DATASOURCE)
    return Search(gathered.list())


def told(auditor: Auditor, lines: list[bytes]) -> tuple[list[Finding], int]:
    """What rules about contents find in some lines, and how many events could not be searched."""
    tally, found = auditor.tally(), list[Finding]()
    for start in range(0, len(lines), BLOCK):
        auditor.feed(Lines(0, 1, b"\n".join(lines[start : start + BLOCK])), tally, (0, start), None, found.append)
    gaps = sum(number for (gap, _), number in tally.gaps.items() if gap is Gap.SEARCH)
    return [finding for finding in found if finding.rule in CONTENT_RULES], gaps


def test_clean_events_hold_nothing_that_is_listed(listed: Search) -> None:
    kinds = (Kind.CANARY, Kind.IDENTIFIER, Kind.DATASOURCE)
    assert all(listed.listed.number(kind) >= 40 for kind in kinds), "else there would be little to be mistaken for"
    lines = [line.data for line in Generator(EVENTS, 0, seed=11).lines()]
    assert told(Auditor(policy_of(APPSMITH), seeds=listed), lines) == ([], 0)
    assert told(Auditor(policy_of(APPSMITH), seeds=listed, lanes=False), lines[: EVENTS // 10]) == ([], 0)


def test_what_is_listed_is_found_among_clean_events(listed: Search) -> None:
    lines = [line.data for line in Generator(2_000, 0, seed=11).lines()]
    value = listed.seeds[0].value.encode()
    lines[1_700] = lines[1_700].replace(b'"Editor | Appsmith"', b'"Order ' + value + b'"')
    found, _ = told(Auditor(policy_of(APPSMITH), seeds=listed), lines)
    assert [finding.rule for finding in found] == ["canary"]
