"""The detectors over a corpus that shares no code with them: recall of each family, and silence on what looks alike."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit import redact
from audit.leaks import marks
from audit.leaks.content import NOTHING, content, look
from audit.leaks.room import is_plain
from tests.bench.generate import write
from tests.conftest import CAPTURES, Json, page_load
from tests.corpus import Specimen, leaks, look_alikes
from tests.test_laws import many
from tests.within import APPSMITH, auditor_of, event, lines

CONTENT = frozenset({"email-address", "secret", "personal-data", "datasource-payload"})


class Recall(NamedTuple):
    family: str
    found: int
    of: int


def holding(specimen: Specimen) -> Json:
    """A documented event with the specimen in it."""
    value = page_load()
    if specimen.where == "title":
        value["context"]["page"]["title"] = specimen.value
    else:
        value["properties"][specimen.where] = specimen.value
    return value


def rules_of(specimen: Specimen) -> set[str]:
    return {finding.rule for finding in event(auditor_of(APPSMITH), holding(specimen)).findings} & CONTENT


@cache
def recall() -> tuple[Recall, ...]:
    found, of = Counter[str](), Counter[str]()
    for specimen in leaks():
        of[specimen.family] += 1
        found[specimen.family] += specimen.rule in rules_of(specimen)
    return tuple(Recall(family, found[family], number) for family, number in of.items())


@cache
def flagged() -> tuple[Recall, ...]:
    found, of = Counter[str](), Counter[str]()
    for specimen in look_alikes():
        of[specimen.family] += 1
        found[specimen.family] += bool(rules_of(specimen))
    return tuple(Recall(family, found[family], number) for family, number in of.items())


FLOORS = {"plain": 0.99, "by name or as numbers": 0.99, "one encoding": 0.99, "turned": 0.99}
"""What must be found at least, by the end of a family's name; stacks of encodings are the rest."""


@pytest.mark.parametrize("family", recall(), ids=lambda family: family.family)
def test_leaks_of_a_family_are_found(family: Recall) -> None:
    floor = next((floor for end, floor in FLOORS.items() if family.family.endswith(end)), 0.95)
    assert family.found >= floor * family.of


@pytest.mark.parametrize("family", flagged(), ids=lambda family: family.family)
def test_what_only_looks_like_a_leak_stays_silent(family: Recall) -> None:
    assert family.found == 0


def test_the_corpus_is_large_enough_to_mean_something() -> None:
    assert sum(family.of for family in recall()) >= 600
    assert sum(family.of for family in flagged()) >= 400
    assert len({json.dumps([specimen.where, specimen.value]) for specimen in leaks()}) >= 600


@pytest.mark.parametrize("name", ["email-address", "secret", "personal-data", "datasource-payload"])
def test_both_lanes_see_a_leak_alike(name: str) -> None:
    """Were one proved clean by the fast lane, no recall of the slow one would help."""
    mine = [specimen for specimen in leaks() if specimen.rule == name and specimen.where == "title"]
    values = [holding(specimen) for specimen in mine]
    log = b"\n".join(json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() for value in values)
    both, slow = lines(auditor_of(APPSMITH), log), lines(auditor_of(APPSMITH, lanes=False), log)
    assert both.findings == slow.findings


def test_clean_events_hold_nothing(tmp_path: Path) -> None:
    write(str(tmp_path / "log.jsonl"), 20_000, 0.0, seed=11)
    found = lines(auditor_of(APPSMITH), (tmp_path / "log.jsonl").read_bytes()).findings
    assert [finding for finding in found if finding.rule in CONTENT | {"query-text"}] == []


@pytest.mark.parametrize("capture", sorted(CAPTURES.glob("[!h]*.jsonl")), ids=lambda path: path.stem)
def test_real_captures_hold_no_content_of_users(capture: Path) -> None:
    found = lines(auditor_of(APPSMITH, lanes=False), capture.read_bytes()).findings
    assert [finding for finding in found if finding.rule in CONTENT | {"query-text"}] == []


@many
@given(st.sampled_from(list(leaks())[::3]), st.sampled_from(["title", "key", "item"]))
def test_no_value_of_a_leak_leaves_the_engine(specimen: Specimen, where: str) -> None:
    value = page_load()
    text = specimen.value if isinstance(specimen.value, str) else json.dumps(specimen.value)
    value["properties"] = {"title": {"x": text}, "key": {text: 1}, "item": {"x": [text]}}[where]
    told = repr(event(auditor_of(APPSMITH), value).findings)
    shown = [word for word in re.findall(r"[A-Za-z0-9@.+/=_-]{12,}", text) if not redact.is_plain(word)]
    assert not [word for word in shown if word in told]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("mysql -u root -pcFbhY536705Y", False),
        ("amFuZS5kb2VAYWNtZS5jbw", False),
        ("mysql -u root", True),
        ("hostname", True),
    ],
)
def test_a_name_that_is_itself_a_leak_is_not_shown(name: str, shown: bool) -> None:  # noqa: FBT001 - what is expected
    value = page_load()
    value["properties"] = {name: 1}
    pointers = {finding.pointer for finding in event(auditor_of(APPSMITH), value).findings}
    assert pointers
    assert any(name in (pointer or "") for pointer in pointers) is shown


# ---- hostile texts ---------------------------------------------------------------------------------------------------------

MEGABYTE = 1_000_000
FOOD = {
    "letters": "a" * MEGABYTE,
    "at signs": "@" * MEGABYTE,
    "addresses that are none": "a@a." * (MEGABYTE // 4),
    "digits": "1" * MEGABYTE,
    "plus and digits": "+1" * (MEGABYTE // 2),
    "dotted digits": "1.1.1." * (MEGABYTE // 6),
    "colons": "a:" * (MEGABYTE // 2),
    "groups": "DE89 " * (MEGABYTE // 5),
    "cards that are none": "4111111111111112 " * (MEGABYTE // 17),
    "tokens that are none": "eyJ" * (MEGABYTE // 3),
    "user-info": "A://a:" * (MEGABYTE // 6),
    "labels": "password=" * (MEGABYTE // 9),
    "braces": '{"' * (MEGABYTE // 2),
    "brackets": "[" * MEGABYTE,
    "tags": "<a><b>" * (MEGABYTE // 6),
    "quotes": "value '" * (MEGABYTE // 7),
    "commas": "a,b,c\n" * (MEGABYTE // 6),
    "percent": "%25" * (MEGABYTE // 3),
    "entities": "&#38;" * (MEGABYTE // 5),
    "select": "select a from " * (MEGABYTE // 14),
}


@pytest.mark.parametrize("text", FOOD.values(), ids=FOOD)
def test_a_long_text_is_looked_at_or_told_as_given_up(text: str) -> None:
    """Not timed: a pattern that is not linear would never end here."""
    found = content(text)
    assert found.gave_up or found.addresses == ()


def test_an_event_with_many_members_is_looked_at() -> None:
    value = page_load(properties={f"k{n}": f"v{n}@x" for n in range(10_000)})
    assert event(auditor_of(APPSMITH), value).findings


# ---- the short way ---------------------------------------------------------------------------------------------------------

PIECES = (
    "tel= api_key= ip= https:// db.internal/ postgres: de89 370400440532013000 4111111111111111 1.2.3.4 203.0.113.9 "
    "52.520008 ,13.404954 lat= lng= 00:1a:2b:3c:4d:5e eyJ SK ghp_ =40 &#64 ?x= / - _ . 0151-2345678 415-555-2671 phone basic "
    "mac= ether: f0075e88f5ae "
    "key- 6a616e652e726f65 a3d8b23b9b0cac986af79f4826d00946 6f1d2b8c-3a47-4e59-9c0b-d2f8e7a61b34 041742766142 Ab3 amFuZUBh"
).split()


@many
@given(st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join))
def test_nothing_is_found_in_a_text_that_is_called_plain(text: str) -> None:
    if is_plain(text):
        assert look(text) == NOTHING


@given(st.integers(0, 3), st.sampled_from(["zebra", "ra", "\u00fcber"]), st.integers(-8, 8))
def test_a_mark_is_seen_wherever_it_stands_in_a_long_text(parts: int, mark: str, shift: int) -> None:
    known = marks.Marks([("animal", ["zebra"]), ("end", ["ra"]), ("word", ["\u00fcber"])])
    text = "x" * max(parts * marks._PART + shift, 0)
    assert known.of(text + mark + text) == known.of(mark)
    assert known.of(text) == set()
