"""The search for listed values against a corpus of leaks and look-alikes: what each family must reach, and what the page says."""

from __future__ import annotations

import functools
from collections import Counter

import pytest

from audit.engine.run import Auditor
from audit.leaks.search import Search
from audit.sources.seeds import Gathered
from tests import within
from tests.bench.generate import Generator
from tests.conftest import ROOT
from tests.leak_corpus import Leak, leaks, looks, seed_file

RULES = {"canary", "known-identifier", "reidentified-hash"}
SINGLE = {"single encoding", "plain", "plain hash", "normalised hash"}
FAMILIES = tuple(dict.fromkeys(leak.family for leak in leaks()))


@functools.cache
def auditor() -> Auditor:
    gathered = Gathered()
    gathered.add(seed_file(), "seeds.csv", None)
    assert gathered.warnings == []
    return Auditor(within.policy_of(within.APPSMITH), seeds=Search(gathered.list()))


@functools.cache
def missed() -> tuple[Leak, ...]:
    return tuple(leak for leak in leaks() if leak.rule not in rules_of(leak.line))


def rules_of(line: bytes) -> set[str]:
    return {finding.rule for finding in within.lines(auditor(), line + b"\n").findings}


def test_the_corpus_is_of_some_size() -> None:
    assert len(leaks()) >= 600
    assert len(looks()) >= 600


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_of_leaks_is_found(family: str) -> None:
    number = sum(leak.family == family for leak in leaks())
    lost = [leak.name for leak in missed() if leak.family == family]
    assert 1 - len(lost) / number >= (0.99 if family in SINGLE else 0.95), lost


def test_look_alikes_stay_silent() -> None:
    flagged = [look.name for look in looks() if RULES & rules_of(look.line)]
    assert len(flagged) <= len(looks()) // 100, flagged


def test_clean_events_give_nothing() -> None:
    data = b"".join(line.data + b"\n" for line in Generator(3000, 0.0, seed=5).lines())
    judged = within.lines(auditor(), data)
    assert [finding for finding in judged.findings if finding.rule in RULES] == []
    assert judged.tally.gaps == {}


def test_a_leak_among_clean_events_is_found_as_it_is_alone() -> None:
    clean = [line.data for line in Generator(48, 0.0, seed=6).lines()]
    lane = auditor().fast
    assert lane is not None
    for number, leak in enumerate(leaks()[::3]):
        at = number % 48
        _, rest = lane.prove([*clean[:at], leak.line, *clean[at:]])
        assert at in {one.at for one in rest}, leak.name


def table() -> str:
    """The recall of each family as the page shows it."""
    rows = ["| family | leaks | found |", "| --- | ---: | ---: |"]
    numbers, lost = Counter(leak.family for leak in leaks()), Counter(leak.family for leak in missed())
    rows += [
        f"| {family} | {numbers[family]} | {100 - 100 * lost[family] / numbers[family]:.1f} % |" for family in FAMILIES
    ]
    return "\n".join(rows) + "\n"


def test_the_page_tells_the_recall_that_is_reached() -> None:
    assert table() in (ROOT / "docs" / "leak-search.md").read_text("utf-8"), table()


def test_both_lanes_say_the_same_of_listed_values() -> None:
    slow = Auditor(within.policy_of(within.APPSMITH), seeds=auditor().seeds, lanes=False)
    for line in [*(leak.line for leak in leaks()[::12]), *(look.line for look in looks()[::12])]:
        assert within.lines(auditor(), line + b"\n").breaches == within.lines(slow, line + b"\n").breaches
