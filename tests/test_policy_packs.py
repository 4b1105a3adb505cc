"""The packs: what they say stands on their page, their schemas are closed, their own tests hold, and they are only data."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.model import Level, parse_pointer, resolve
from audit.policy.files import built_in
from audit.policy.pack import CATEGORIES
from audit.policy.page import fold, position
from audit.rules import BY_ID, NOT_YET
from tests.conftest import CAPTURES, ROOT, Json, accounted, check, upheld
from tests.within import APPSMITH, HARBOUR, LANTERN, MILLRACE, PACKS, auditor_of, event, policy_of

FENCE = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SMALL_WORDS = frozenset({"", "and"})
"""What may stand between two quotes of one sentence."""


def own_tests(kind: str) -> list[Path]:
    return [path for pack in PACKS for path in sorted((pack / "tests").glob(f"*.{kind}.json"))]


def schemas() -> list[Path]:
    return [path for pack in PACKS for path in sorted((pack / "events").glob("*.schema.json"))]


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"))


def names(path: Path) -> str:
    return f"{path.parent.parent.parent.name}-{path.name.removesuffix('.json')}"


# ---- a pack's own tests --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", own_tests("pass"), ids=names)
def test_what_the_page_allows_gives_no_error_and_no_warning(path: Path) -> None:
    case = read(path)
    assert case.keys() == {"event"}
    found = event(auditor_of(path.parent.parent), case["event"]).findings
    assert [finding for finding in found if finding.level is not Level.NOTE] == []


@pytest.mark.parametrize("path", own_tests("fail"), ids=names)
def test_what_the_page_does_not_allow_gives_its_finding(path: Path) -> None:
    case = read(path)
    assert case.keys() == {"event", "finding"}
    assert case["finding"].keys() == {"rule", "pointer"}
    found = event(auditor_of(path.parent.parent), case["event"]).findings
    assert (case["finding"]["rule"], case["finding"]["pointer"]) in {(f.rule, f.pointer) for f in found}


def test_every_listed_event_has_enough_tests() -> None:
    counts = {
        kind: Counter(str(read(path)["event"].get("event")) for path in own_tests(kind)) for kind in ("pass", "fail")
    }
    for name in policy_of(APPSMITH).events:
        assert counts["pass"][name] >= 3, name
        assert counts["fail"][name] >= 8, name


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.parent.name)
def test_every_listed_event_has_a_test_of_both_kinds(pack: Path) -> None:
    envelope = policy_of(pack).envelope
    assert envelope.name is not None
    for kind in ("pass", "fail"):
        tested = {resolve(read(path)["event"], envelope.name) for path in own_tests(kind) if pack in path.parents}
        assert policy_of(pack).events.keys() <= tested


# ---- samples -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.parent.name)
def test_the_samples_are_those_that_the_page_prints(pack: Path) -> None:
    printed = [json.loads(text) for kind, text in FENCE.findall(policy_of(pack).page) if kind in ("javascript", "json")]
    kept = [sample.value for sample in policy_of(pack).samples]
    assert sorted(printed, key=repr) == sorted(kept, key=repr)


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.parent.name)
def test_the_samples_as_printed_have_the_faults_of_their_placeholders_and_no_others(pack: Path) -> None:
    found = {sample.event: event(auditor_of(pack), sample.value).breaches for sample in policy_of(pack).samples}
    faults = {
        APPSMITH: {
            "Installation Started": [("invalid-value", "warning", "/anonymousId")],
            "Instance Active": [("invalid-value", "warning", "/properties/instanceId")],
            "APPLICATIONS_PAGE_LOAD": [],
        },
        HARBOUR: {"deck.heartbeat": [], "deck.support_requested": [], "console.board_saved": []},
        LANTERN: {"server_running": [], "$pageview": []},
        MILLRACE: {"example.millrace.coordinator.alive": [], "example.millrace.worker.failed": []},
    }
    assert found == faults[pack]


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.parent.name)
def test_a_placeholder_is_one_that_a_sample_shows(pack: Path) -> None:
    policy = policy_of(pack)
    shown = {leaf for sample in policy.samples for leaf in re.findall(r'"([^"]*)"', json.dumps(sample.value))}
    placeholders = {leaf.placeholder for entry in policy.events.values() for leaf in entry.leaves.values()} - {None}
    assert placeholders <= shown
    assert placeholders == ({"anonymoustId", "<uuid>"} if pack == APPSMITH else set())


# ---- the page ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.parent.name)
def test_every_quote_stands_on_the_page_and_in_its_order(pack: Path) -> None:
    policy = policy_of(pack)
    for claim in policy.claims:
        places = [position(policy.page, quote) for quote in claim.quotes]
        assert None not in places
        assert places == sorted(places, key=lambda place: place or 0)


def sentences(page: str) -> Iterator[str]:
    """Every sentence of a page's prose: no samples, no commands, no headings (a paragraph all in bold is one)."""
    page = FENCE.sub("\n\n", page)
    page = re.sub(r"^(---|\{%.*%\})$", "\n", page, flags=re.MULTILINE).replace("description: >-", "")
    for block in re.split(r"\n\s*\n|\n(?=[*-] )", page):
        if block.strip() and not block.startswith("#") and not re.fullmatch(r"\*\*[^*]+\*\*", block.strip()):
            yield from re.split(r"(?<=[.!?]) ", fold(block))


def rest(sentence: str, quotes: list[str]) -> str:
    """What of a sentence no quote covers."""
    covered = [False] * len(sentence)
    for quote in quotes:
        at = sentence.find(quote)
        if at >= 0:
            covered[at : at + len(quote)] = [True] * len(quote)
        elif sentence in quote:
            return ""
    return "".join(char for char, known in zip(sentence, covered, strict=True) if not known).strip()


@pytest.mark.parametrize("name", built_in())
def test_a_reader_finds_every_sentence_of_the_page(name: str) -> None:
    policy = policy_of(built_in()[name])
    quotes = [fold(quote) for claim in policy.claims for quote in claim.quotes]
    left = {sentence: rest(sentence, quotes) for sentence in sentences(policy.page) if sentence not in policy.events}
    assert len(left) > 15
    assert {sentence: text for sentence, text in left.items() if text not in SMALL_WORDS} == {}


def test_the_page_is_the_one_that_was_published() -> None:
    page = policy_of(APPSMITH).page
    folded = fold(page)
    assert len(FENCE.findall(page)) == 4  # three samples and a command
    for words in ("strictly anonymous in nature", "does not capture any data returned", "the only event it sends"):
        assert words in folded


# ---- schemas -------------------------------------------------------------------------------------------------------


def nodes(schema: Json, at: str = "") -> Iterator[tuple[str, Json]]:
    """Every subschema that describes a value of its own, with its pointer."""
    yield at, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes(child, f"{at}/{name}")
    if "items" in schema:
        yield from nodes(schema["items"], f"{at}/*")


def is_leaf(schema: Json) -> bool:
    return not schema.get("properties") and "items" not in schema


@pytest.mark.parametrize("path", schemas(), ids=names)
def test_a_schema_is_closed_at_every_level(path: Path) -> None:
    schema = read(path)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    known = {"type", "properties", "required", "additionalProperties", "items", "maxItems"}
    known |= {"const", "enum", "format", "pattern", "maxLength", "minimum", "maximum", "anyOf"}
    known |= {"$schema", "title", "description", "x-data-category", "x-placeholder"}
    for at, node in nodes(schema):
        assert node.keys() <= known, at
        if node.get("type") == "object":
            assert node["additionalProperties"] is False, at
            assert set(node.get("required", ())) <= node.get("properties", {}).keys(), at
        elif node.get("type") == "array":
            assert isinstance(node["items"], dict), at
            assert node["maxItems"] <= 1000, at
        else:
            assert is_leaf(node), at
            assert node.keys() & {"type", "const", "enum"}, at


@pytest.mark.parametrize("path", schemas(), ids=names)
def test_every_leaf_says_what_data_it_is_and_is_bounded(path: Path) -> None:
    for at, node in nodes(read(path)):
        if not is_leaf(node):
            assert "x-data-category" not in node, at
            continue
        assert node["x-data-category"] in CATEGORIES, at
        if node.get("type") == "string":
            forms = [branch for branch in (node, *node.get("anyOf", ())) if branch.keys() & {"format", "pattern"}]
            assert forms or node["maxLength"] <= 2048, at
        if "pattern" in node:
            assert re.fullmatch(r"\^.*\$", node["pattern"]), at


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.parent.name)
def test_what_a_sample_shows_is_what_its_schema_asks_for(pack: Path) -> None:
    """A sample is taken as complete: each of its members, and no other, is required."""
    for sample in policy_of(pack).samples:
        entry = policy_of(pack).events[sample.event]
        shown = {pointer for pointer in entry.required if pointer and "*" not in pointer}
        assert all(resolve(sample.value, pointer) is not None for pointer in shown)
        documented = {p for p, leaf in entry.leaves.items() if not leaf.transport and "*" not in p}
        assert documented <= shown


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.parent.name)
def test_every_rule_of_a_claim_is_known(pack: Path) -> None:
    rules = {rule for claim in policy_of(pack).claims for rule in claim.rules}
    assert rules <= BY_ID.keys() | NOT_YET


def test_an_email_address_is_documented_where_the_page_allows_one() -> None:
    for pack in PACKS:
        for place in policy_of(pack).emails:
            leaf = policy_of(pack).events[place.event].leaf(place.pointer)
            assert leaf is not None
            assert leaf.category == "email"


def test_the_built_in_page_has_twelve_testable_claims() -> None:
    testable = [claim.id for claim in policy_of(APPSMITH).claims if claim.not_testable is None]
    assert len(testable) == 12
    untestable = {claim.id for claim in policy_of(APPSMITH).claims} - set(testable)
    wanted = {"purpose-errors", "purpose-release-notes", "lightweight-proxy", "without-errors", "not-air-gapped"}
    assert wanted | {"installation-stats"} <= untestable


# ---- a product is data ---------------------------------------------------------------------------------------------


def test_the_code_knows_no_product() -> None:
    """Only the default of the command line names one, and the examples of the rules' documentation."""
    for path in sorted((ROOT / "audit").rglob("*.py")):
        code = without_documentation(path.read_text("utf-8")).lower()
        if path.parent.name == "cli":
            code = code.replace("'appsmith/2020-11'", "")
        assert "appsmith" not in code, path
        assert "harbour" not in code, path
        assert "lantern" not in code, path
        assert "millrace" not in code, path


def without_documentation(source: str) -> str:
    """The code of a module without docstrings and comments."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                node.body[0] = ast.Pass()
    return ast.unparse(tree)


HARBOUR_CLEAN = {
    "one-destination": "not-exercised",
    "heartbeat-hourly": "upheld",
    "agent-no-other-data": "upheld",
    "console-opt-in": "not-exercised",
    "console-reports": "upheld",
    "no-person": "inconclusive",
    "no-source-data": "inconclusive",
    "switch-off": "not-exercised",
    "purpose-releases": "not-testable",
    "retention": "not-testable",
}


def test_another_product_passes_through_the_same_code() -> None:
    run = check(CAPTURES / "harbour.jsonl", "-p", HARBOUR)
    accounted(run)
    assert run.code == 0
    assert run.breaches == []
    assert run.claims == HARBOUR_CLEAN
    assert run.result["coverage"]["events"] == {
        "console.board_saved": 5,
        "deck.heartbeat": 6,
        "deck.support_requested": 1,
    }
    assert run.result["coverage"]["origins"] == {"agent": 7, "console": 5}
    assert (run.total("units"), run.total("events")) == (11, 12)
    assert (run.result["coverage"]["first"], run.result["coverage"]["last"]) == (
        "2025-03-04T08:00:00.450Z",
        "2025-03-04T13:00:05.450Z",
    )


def test_another_product_is_judged_by_its_own_page() -> None:
    run = check(CAPTURES / "harbour-broken.jsonl", "-p", HARBOUR)
    accounted(run)
    assert run.code == 1
    errors = [
        (f["line"], f["item"], f["rule"], f["pointer"], f["origin"]) for f in run.findings if f["level"] == "error"
    ]
    assert errors == [
        (2, 0, "undocumented-field", "/what/data/hostname", "agent"),
        (3, 0, "email-address", "/what/data/theme", "console"),
        (4, 0, "invalid-value", "/what/data/boards", "agent"),
        (5, 1, "undocumented-event", "/what/name", "console"),
        (8, 0, "duplicate-key", "/meta/by", "agent"),
    ]
    assert run.result["counts"]["error"] == 5
    assert run.result["counts"]["warning"] == 0
    assert {f["rule"] for f in run.findings if f["level"] == "note"} == {"documented-identifier"}
    broken = {claim: verdict for claim, verdict in run.claims.items() if verdict == "violated"}
    assert broken.keys() == {"agent-no-other-data", "console-reports", "no-person"}
    assert upheld(run) == set()
    required = {row["id"]: row["verdict"] for row in run.result["requirements"]}
    assert required == {"clean-json": "violated", "one-id-one-message": "upheld"}


def test_a_product_on_the_envelope_of_posthog_is_judged_by_its_page() -> None:
    run = check(CAPTURES / "lantern.jsonl", "-p", LANTERN)
    accounted(run)
    assert run.code == 0
    assert run.breaches == []
    assert run.result["coverage"]["events"] == {"$pageview": 18, "server_running": 6}
    assert run.result["coverage"]["origins"] == {"server": 6, "web": 18}
    assert (run.total("units"), run.total("events")) == (22, 24)
    assert upheld(run) == {"once-a-day", "server-no-other-message", "web-pages-only"}


def test_a_product_that_sends_cloud_events_is_judged_by_its_page() -> None:
    run = check(CAPTURES / "millrace.json", "-p", MILLRACE)
    accounted(run)
    assert run.code == 0
    assert run.breaches == []
    alive, failed = "example.millrace.coordinator.alive", "example.millrace.worker.failed"
    assert run.result["coverage"]["events"] == {alive: 6, failed: 6}
    assert run.result["coverage"]["origins"] == {"coordinator": 6, "worker": 6}
    assert upheld(run) == {"alive-every-12-hours", "two-events-only"}


def test_the_pointers_of_packs_are_pointers() -> None:
    for path in own_tests("fail"):
        assert parse_pointer(read(path)["finding"]["pointer"])
