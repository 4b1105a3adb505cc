"""Every rule over its fixtures: dropping a pair of files into fixtures/rules/ is a test.

`fixtures/rules/<rule>/broken/<case>.jsonl` (or `.har`, for what a log cannot show) holds what breaks the rule, `<case>.toml`
beside it every finding of that rule that it must give; `kept/` holds what comes close and breaks nothing. Findings of other
rules are theirs.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from audit.rules import BY_ID, NOT_YET, RULES
from audit.rules.case import DestinationRule, EventRule, RecordRule, Rule
from tests.conftest import ROOT, Json, check

FIXTURES = ROOT / "fixtures" / "rules"
PARTS = ("What:", "Why it matters:", "Example:", "Limits:")
MEMBERS = frozenset({"rule", "level", "pointer", "line", "item", "event", "host"})
SUFFIXES = (".jsonl", ".har")


class Pair(NamedTuple):
    """A capture with what it must give."""

    rule: str
    kept: bool
    capture: Path

    @property
    def name(self) -> str:
        return self.capture.relative_to(FIXTURES).with_suffix("").as_posix()

    def expected(self) -> Json:
        return tomllib.loads(self.capture.with_suffix(".toml").read_text("utf-8"))


def pairs() -> list[Pair]:
    found = sorted(path for path in FIXTURES.glob("*/*/*") if path.suffix in SUFFIXES)
    return [Pair(path.parent.parent.name, path.parent.name == "kept", path) for path in found]


@pytest.mark.parametrize("pair", pairs(), ids=lambda pair: pair.name)
def test_a_capture_gives_the_findings_beside_it(pair: Pair) -> None:
    expected = pair.expected()
    wanted = expected.get("finding", [])
    run = check(pair.capture, "--examples", "1000", *expected["options"], cwd=ROOT)
    assert run.code in {0, 1, 3}, run.err
    got = [{**finding} for finding in run.of(pair.rule)]
    assert ordered(got, wanted) == ordered(wanted, wanted)
    assert run.count(pair.rule) == len(wanted)


def ordered(findings: list[Json], wanted: list[Json]) -> list[tuple[Any, ...]]:
    """Findings by the members that the fixture speaks of; a pointer that it leaves out is none."""
    names = sorted({"rule", "level", "pointer", "line", *(name for finding in wanted for name in finding)})
    rows = [tuple(finding.get(name) for name in names) for finding in findings]
    return sorted(rows, key=repr)


@pytest.mark.parametrize("pair", pairs(), ids=lambda pair: pair.name)
def test_a_fixture_says_what_it_is_for(pair: Pair) -> None:
    text = pair.capture.with_suffix(".toml").read_text("utf-8")
    expected = tomllib.loads(text)
    assert re.match(r"# \S.{8,}\.\n", text), "its first line says in one sentence what the case is"
    assert expected.keys() <= {"options", "finding"}
    assert pair.kept is not bool(expected.get("finding")), "kept gives nothing, broken gives something"
    for finding in expected.get("finding", []):
        where = "host" if isinstance(BY_ID[pair.rule], DestinationRule) else "line"
        assert {"rule", "level", where} <= finding.keys() <= MEMBERS
        assert finding["rule"] == pair.rule


def test_no_fixture_is_alone_or_elsewhere() -> None:
    files = {path for path in FIXTURES.rglob("*") if path.is_file()}
    known = {path for pair in pairs() for path in (pair.capture, pair.capture.with_suffix(".toml"))}
    assert files == known
    assert {path.name for path in FIXTURES.glob("*/*")} == {"kept", "broken"}
    assert {pair.rule for pair in pairs()} <= BY_ID.keys()


@pytest.mark.parametrize(
    "rule", [rule for rule in RULES if isinstance(rule, EventRule | RecordRule | DestinationRule)], ids=lambda r: r.id
)
def test_a_rule_has_fixtures_of_both_kinds(rule: Rule) -> None:
    mine = [pair for pair in pairs() if pair.rule == rule.id]
    assert {pair.kept for pair in mine} == {True, False}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_a_rule_explains_itself(rule: Rule) -> None:
    places = [rule.doc.find(f"\n\n{part} ") for part in PARTS]
    assert -1 not in places, "what, why it matters, example, limits, each a paragraph of its own"
    assert places == sorted(places)
    first, _, _ = rule.doc.partition("\n\n")
    assert first.endswith(".")
    assert "\n" not in first, "one line: lists of rules show it alone"
    assert all(len(part.split()) > 3 for part in re.split("|".join(PARTS), rule.doc)[1:])
    assert rule.levels.startswith(("error", "warning", "note"))


def test_rules_have_names_of_their_own() -> None:
    assert len(BY_ID) == len(RULES)
    assert not NOT_YET & BY_ID.keys()
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", name) for name in (*BY_ID, *NOT_YET))
