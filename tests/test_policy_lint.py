"""`policy lint`: every fault of a pack is told with file, key, line, id, severity and remedy; the packs that ship have none."""

from __future__ import annotations

import copy
import datetime as dt
import json
import os
import random
import shutil
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.authoring.case_lint import case_faults
from audit.authoring.entries import entries
from audit.authoring.faults import LINTS, Severity
from audit.authoring.lint import Report, lint
from audit.authoring.policy_lint import policy_lint
from audit.authoring.schema_lint import DIALECT, schema_faults
from audit.authoring.tree import Tree
from audit.policy.files import built_in
from audit.policy.patterns import Pattern
from tests.conftest import invoke
from tests.within import HARBOUR, PACKS

TODAY = dt.date(2026, 11, 24)
Edit = Callable[[Path], object]
BEAT = "events/heartbeat.schema.json"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return Path(shutil.copytree(HARBOUR, tmp_path / "pack"))


def found(report: Report) -> set[tuple[str, str, str]]:
    return {(fault.file, fault.key, fault.lint) for fault in report.faults}


# ---- what ships has no fault ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.parent.name)
def test_the_packs_that_ship_and_the_examples_have_no_fault_and_need_no_exception(pack: Path) -> None:
    report = lint(pack, TODAY)
    assert report.faults == ()
    assert report.excused == ()


# ---- one schema -----------------------------------------------------------------------------------------------------

TEXT = {"type": "string", "maxLength": 9, "x-data-category": "other"}
CLOSED = {"additionalProperties": False}


def leaf(**more: object) -> dict[str, Any]:
    return {**CLOSED, "properties": {"a": {**TEXT, **more}}}


def at_a(schema: object) -> dict[str, Any]:
    return {**CLOSED, "properties": {"a": schema}}


SCHEMAS: dict[str, tuple[dict[str, Any], set[tuple[str, str]]]] = {
    "open at the root": ({"properties": {"a": TEXT}}, {("", "open-object")}),
    "open in an array": (
        at_a({"type": "array", "maxItems": 3, "items": {"type": "object", "properties": {"b": TEXT}}}),
        {("/properties/a/items", "open-object")},
    ),
    "open in a definition": (
        {**at_a({"$ref": "#/$defs/x"}), "$defs": {"x": {"type": "object", "properties": {"b": TEXT}}}},
        {("/$defs/x", "open-object")},
    ),
    "open beside a reference": (
        {
            **at_a({"$ref": "#/$defs/x", "required": ["b"]}),
            "$defs": {"x": {"type": "object", "properties": {"b": TEXT}}},
        },
        {("/properties/a", "open-object")},
    ),
    "open beside allOf": (
        at_a({"type": "object", "allOf": [{"properties": {"b": TEXT}}]}),
        {("/properties/a", "open-object")},
    ),
    "open in one of the branches": (
        at_a({"anyOf": [{"type": "object", **CLOSED}, {"type": "object"}], "x-data-category": "other"}),
        {("/properties/a", "open-object")},
    ),
    "a map without bounds": (
        at_a({"type": "object", "additionalProperties": TEXT}),
        {("/properties/a", "open-object")},
    ),
    "a text without bounds": (
        at_a({"type": "string", "x-data-category": "other"}),
        {("/properties/a", "unbounded-string")},
    ),
    "a text of a pattern without bounds": (
        at_a({"type": "string", "pattern": "^[a-z]+$", "x-data-category": "other"}),
        {("/properties/a", "unbounded-string")},
    ),
    "an address that any text is": (
        at_a({"type": "string", "format": "uri", "x-data-category": "other"}),
        {("/properties/a", "unbounded-string")},
    ),
    "an array of anything": (
        at_a({"type": "array", "x-data-category": "other"}),
        {("/properties/a", "open-array"), ("/properties/a", "unbounded-array")},
    ),
    "no type": (at_a({"x-data-category": "other"}), {("/properties/a", "untyped")}),
    "anything": (at_a({}), {("/properties/a", "untyped")}),
    "a typing error": (
        leaf(maxlength=5),
        {("/properties/a/maxlength", "unknown-keyword")},
    ),
    "an old keyword": ({**leaf(), "definitions": {}}, {("/definitions", "unsupported-keyword")}),
    "a format that nobody checks": (leaf(format="phone"), {("/properties/a/format", "unchecked-format")}),
    "a format without a type": (
        at_a({"format": "uuid", "x-data-category": "device-id"}),
        {("/properties/a", "format-without-text"), ("/properties/a", "untyped")},
    ),
    "a pattern without anchors": (leaf(pattern="[a-z]+"), {("/properties/a/pattern", "pattern-unanchored")}),
    "an anchor in one alternative only": (leaf(pattern="^a|b$"), {("/properties/a/pattern", "pattern-unanchored")}),
    "a class that engines read differently": (
        leaf(pattern=r"^\d{3}$"),
        {("/properties/a/pattern", "pattern-not-portable")},
    ),
    "look-around": (leaf(pattern="^(?=a)a$"), {("/properties/a/pattern", "pattern-not-portable")}),
    "a pattern that can hang": (leaf(pattern="^(a+)+$"), {("/properties/a/pattern", "pattern-slow")}),
    "no pattern": (leaf(pattern="^("), {("/properties/a/pattern", "pattern-invalid"), ("", "not-a-schema")}),
    "required and declared nowhere": (
        {**leaf(), "required": ["b"]},
        {("/required/0", "required-undeclared")},
    ),
    "bounds that exclude each other": (leaf(minLength=12), {("/properties/a/minLength", "unsatisfiable")}),
    "a constant of another type": (
        at_a({"type": "integer", "const": "x", "x-data-category": "other"}),
        {("/properties/a/const", "unsatisfiable")},
    ),
    "a value that its pattern refuses": (
        at_a({"type": "string", "enum": ["a", "B"], "pattern": "^[a-z]$", "x-data-category": "other"}),
        {("/properties/a/enum/1", "unsatisfiable")},
    ),
    "a branch of another type": (
        leaf(anyOf=[{"type": "integer"}, {"maxLength": 4}]),
        {("/properties/a/anyOf/0", "unsatisfiable")},
    ),
    "a closed base and what extends it": (
        {**leaf(), "allOf": [{"properties": {"b": TEXT}}]},
        {("/allOf/0/properties/b", "unsatisfiable")},
    ),
    "required and refused": (
        {**CLOSED, "properties": {"a": TEXT, "b": False}, "required": ["b"]},
        {("/properties/b", "unsatisfiable")},
    ),
    "no category": (at_a({"type": "integer"}), {("/properties/a", "no-data-category")}),
    "no such category": (
        at_a({"type": "integer", "x-data-category": "othr"}),
        {("/properties/a/x-data-category", "unknown-data-category")},
    ),
    "an e-mail address that is called nothing": (
        {**CLOSED, "properties": {"email": TEXT}},
        {("/properties/email/x-data-category", "data-category-too-low")},
    ),
    "an address by its format": (
        at_a({"type": "string", "format": "ipv4", "x-data-category": "none"}),
        {("/properties/a/x-data-category", "data-category-too-low")},
    ),
    "a random id that is called nothing": (
        at_a({"type": "string", "format": "uuid", "x-data-category": "other"}),
        {("/properties/a/x-data-category", "data-category-too-low")},
    ),
    "another dialect": (
        {**leaf(), "$schema": "http://json-schema.org/draft-07/schema#"},
        {("/$schema", "dialect")},
    ),
    "a remote reference": (
        at_a({"$ref": "https://schemas.example/x.json"}),
        {("/properties/a/$ref", "reference")},
    ),
    "a reference to nothing": (
        at_a({"$ref": "#/$defs/x"}),
        {("/properties/a/$ref", "reference")},
    ),
    "a circle": (
        {**at_a({"$ref": "#/$defs/x"}), "$defs": {"x": {"$ref": "#/$defs/y"}, "y": {"allOf": [{"$ref": "#/$defs/x"}]}}},
        {("/$defs/x/$ref", "cyclic-reference")},
    ),
    "a tree": (at_a({"$ref": "#"}), {("/properties/a/$ref", "cyclic-reference")}),
    "a definition that nobody uses": ({**leaf(), "$defs": {"x": TEXT}}, {("/$defs/x", "unused-definition")}),
    "marked for review": (
        leaf(**{"x-review": "is this all?"}),
        {("/properties/a/x-review", "to-review")},
    ),
    "a value of a wrong type": (
        leaf(maxLength="9"),
        {("/properties/a/maxLength", "not-a-schema"), ("/properties/a", "unbounded-string")},
    ),
    "no event": ({"type": "array", "items": False, "maxItems": 0}, {("/type", "not-a-schema")}),
}


@pytest.mark.parametrize("name", SCHEMAS)
def test_a_schema_is_told_its_fault_and_no_other(pack: Path, name: str) -> None:
    schema, wanted = SCHEMAS[name]
    whole = {"$schema": DIALECT, "type": "object", **schema}
    (pack / "events" / "view.schema.json").write_text(json.dumps(whole), "utf-8")
    told = {(key, lint_) for file, key, lint_ in found(lint(pack, TODAY)) if file == "events/view.schema.json"}
    # A class of its own for what an engine refuses as well: the reason is told where it stands.
    assert {fault for fault in told if fault != ("", "not-a-schema")} == {
        f for f in wanted if f != ("", "not-a-schema")
    }


GOOD: dict[str, dict[str, Any]] = {
    "closed by unevaluatedProperties": {
        "allOf": [{"$ref": "#/$defs/base"}],
        "properties": {"b": TEXT},
        "unevaluatedProperties": False,
        "$defs": {"base": {"type": "object", "properties": {"a": TEXT}, "required": ["a"]}},
    },
    "a bounded map": at_a(
        {"type": "object", "propertyNames": {"maxLength": 9}, "maxProperties": 5, "additionalProperties": TEXT}
    ),
    "alternatives that are all closed": at_a(
        {"anyOf": [{"type": "object", **CLOSED}, {"type": "null"}], "x-data-category": "other"}
    ),
    "a condition": {
        **CLOSED,
        "properties": {"a": TEXT, "b": TEXT},
        "if": {"required": ["a"]},
        "then": {"required": ["b"]},
    },
    "parts joined by something": leaf(pattern="^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$"),
}


@pytest.mark.parametrize("name", GOOD)
def test_what_is_closed_and_bounded_in_another_way_is_no_fault(name: str) -> None:
    assert list(schema_faults({"$schema": DIALECT, "type": "object", **GOOD[name]})) == []


def test_a_branch_of_any_depth_ends(tmp_path: Path) -> None:
    """Each level refers to the next twice: followed without care that is two to the power of nine thousand."""
    levels = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(9000)}
    schema = {"$schema": DIALECT, "type": "object", **at_a({"$ref": "#/$defs/d0"}), "$defs": levels}
    assert [said.lint for said in schema_faults(schema)] == ["too-large"]


# ---- patterns -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["^(a+)+$", "^(a|a)*$", "^(a|ab)*$", "^(a*)*$", "^([a-z]+[0-9]?)+$", "^(x+x+)+y$", "^((ab)*)*$", "^(.*,?)*$"],
)
def test_a_repetition_that_can_be_cut_in_many_ways_is_slow(text: str) -> None:
    assert Pattern(text).slow()


@pytest.mark.parametrize(
    "text", ["^(_[A-Z]+)*$", "^([a-z]+\\.)*[a-z]+$", "^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}$", "^([^,]*,)*$", "^(a|b)*$"]
)
def test_a_repetition_that_can_be_cut_in_one_way_is_not(text: str) -> None:
    assert not Pattern(text).slow()


# ---- the whole pack -------------------------------------------------------------------------------------------------


def text(file: str, old: str, new: str) -> Edit:
    def edit(pack: Path) -> None:
        before = (pack / file).read_text("utf-8")
        assert old in before
        (pack / file).write_text(before.replace(old, new, 1), "utf-8")

    return edit


def add(file: str, content: str | bytes) -> Edit:
    def edit(pack: Path) -> None:
        (pack / file).write_bytes(content.encode() if isinstance(content, str) else content)

    return edit


EXCEPTION = '[[exceptions]]\nlint = "{}"\nfile = "events/view.schema.json"\nreason = "r"\nowner = "o"\nuntil = {}\n\n'
POLICY = "policy.toml"
EDITS: dict[str, tuple[Edit, tuple[str, str, str]]] = {
    "a key with a typing error": (
        text(POLICY, "after_opt_out", "after_optout"),
        (POLICY, "/origins/0/after_optout", "unknown-key"),
    ),
    "a key that is missing": (text(POLICY, 'consent = "always"\n', ""), (POLICY, "/origins/0/consent", "missing-key")),
    "a value that does not fit": (
        text(POLICY, 'documented = "sample"', 'documented = "simple"'),
        (POLICY, "/events/0/documented", "policy-shape"),
    ),
    "no TOML": (text(POLICY, "[envelope]", "[envelope"), (POLICY, "", "not-toml")),
    "an event twice": (
        text(POLICY, 'name = "deck.support_requested"', 'name = "deck.heartbeat"'),
        (POLICY, "/events/1/name", "doubled-name"),
    ),
    "an origin that is not there": (
        text(POLICY, 'origin = "console"', 'origin = "consul"'),
        (POLICY, "/events/2/origin", "unknown-origin"),
    ),
    "an event that is not there": (
        text(POLICY, 'event = "deck.heartbeat"', 'event = "deck.hartbeat"'),
        (POLICY, "/claims/1/sufficient/0/event", "unknown-event"),
    ),
    "a rule that is not there": (
        text(POLICY, '"heartbeat-early"', '"heartbeat-erly"'),
        (POLICY, "/claims/1/rules/0", "unknown-rule"),
    ),
    "a destination that is not there": (
        text(POLICY, 'id = "one-destination"', 'id = "one-destination"\ndestination = "news"'),
        (POLICY, "/claims/0/destination", "unknown-destination"),
    ),
    "an envelope that is not there": (
        text(POLICY, 'kind = "custom"', 'kind = "sediment"'),
        (POLICY, "/envelope/kind", "unknown-envelope"),
    ),
    "a quote that is not on the page": (
        text("page.md", "every hour", "every day"),
        (POLICY, "/claims/1/quotes/0", "quote-not-found"),
    ),
    "a claim without rules": (
        text(POLICY, 'rules = ["heartbeat-early", "heartbeat-missed"]\n', ""),
        (POLICY, "/claims/1", "claim-without-rules"),
    ),
    "events that no claim speaks of": (
        text(
            POLICY,
            'rules = ["undocumented-event", "undocumented-field", "invalid-value", "secret", "query-text"]',
            'rules = ["secret"]',
        ),
        (POLICY, "/events/0", "event-without-claim"),
    ),
    "a rule that would break no claim": (
        text(POLICY, '"email-address", ', ""),
        (POLICY, "/origins/0", "rule-without-claim"),
    ),
    "a subject that no schema declares": (
        text(POLICY, 'subject = "/what/data/deckId"', 'subject = "/what/data/deck"'),
        (POLICY, "/events/0/cadence/subject", "pointer-not-declared"),
    ),
    "no duration": (
        text(POLICY, 'every = "PT1H"', 'every = "1 hour"'),
        (POLICY, "/events/0/cadence/every", "duration"),
    ),
    "a draft": (text(POLICY, 'id = "harbour"', 'id = "harbour"\ndraft = true'), (POLICY, "/draft", "draft")),
    "words to be replaced": (
        text(POLICY, 'limit = "A restart shortens one interval."', 'limit = "TODO"'),
        (POLICY, "/claims/1/limit", "placeholder"),
    ),
    "a name pattern that can hang": (
        text(POLICY, '"^console\\\\.[a-z]+(_[a-z]+)*_viewed$"', '"^console\\\\.([a-z]+)+_viewed$"'),
        (POLICY, "/categories/0/name_pattern", "pattern-slow"),
    ),
    "a folder above": (
        text(POLICY, '"view.schema.json"', '"../view.schema.json"'),
        (POLICY, "/categories/0/schema", "policy-shape"),
    ),
    "an exception that is over": (
        text(POLICY, "[envelope]", EXCEPTION.format("to-review", "2026-11-23") + "[envelope]"),
        (POLICY, "/exceptions/0/until", "exception-expired"),
    ),
    "an exception that excuses nothing": (
        text(POLICY, "[envelope]", EXCEPTION.format("to-review", "2026-11-24") + "[envelope]"),
        (POLICY, "/exceptions/0", "exception-unused"),
    ),
    "a schema that no event has": (
        add("events/old.schema.json", (HARBOUR / BEAT).read_bytes()),
        ("events/old.schema.json", "", "orphaned-file"),
    ),
    "a file that belongs to nothing": (add("notes.txt", "x"), ("notes.txt", "", "orphaned-file")),
    "a schema that is not there": (
        lambda pack: (pack / BEAT).unlink(),
        (POLICY, "/events/0/schema", "unreadable-file"),
    ),
    "a page that is not there": (lambda pack: (pack / "page.md").unlink(), ("page.md", "", "unreadable-file")),
    "a picture": (add(BEAT, b"\x89PNG\r\n\x1a\n\x00\xff"), (BEAT, "", "unreadable-file")),
    "no JSON": (add(BEAT, "{"), (BEAT, "", "not-json")),
    "not a number of JSON": (
        add("samples/deck-heartbeat.json", '{"a": NaN}'),
        ("samples/deck-heartbeat.json", "", "not-json"),
    ),
    "a key twice": (
        text(BEAT, '"type": "object",', '"type": "object", "type": "object",'),
        (BEAT, "/type", "doubled-key"),
    ),
    "too deep": (add("samples/deep.json", "[" * 100_000), ("samples/deep.json", "", "too-deep")),
    "deeper than any schema": (add("samples/deep.json", "[" * 90 + "]" * 90), ("samples/deep.json", "", "too-deep")),
    "ten megabytes": (add(BEAT, " " * 10_000_000), (BEAT, "", "too-large")),
    "a link": (lambda pack: (pack / "samples" / "x.json").symlink_to("/etc/hostname"), ("samples/x.json", "", "link")),
    "a link to a folder": (lambda pack: (pack / "up").symlink_to(".."), ("up", "", "link")),
    "a pipe": (lambda pack: os.mkfifo(pack / "samples" / "pipe.json"), ("samples/pipe.json", "", "unreadable-file")),
    "a sample that its schema refuses": (
        text("samples/deck-heartbeat.json", '"boards": 12', '"boards": "12"'),
        ("samples/deck-heartbeat.json", "/what/data/boards", "sample-invalid"),
    ),
    "a sample of no event": (
        text("samples/deck-heartbeat.json", '"deck.heartbeat"', '"deck.beat"'),
        ("samples/deck-heartbeat.json", "/what/name", "sample-invalid"),
    ),
    "a sample that is a list": (
        add("samples/deck-heartbeat.json", "[]"),
        ("samples/deck-heartbeat.json", "", "sample-invalid"),
    ),
    "a placeholder that nobody explains": (
        text("samples/deck-heartbeat.json", '"b3a1f0de-7c52-4e0b-9a6d-c4f8e2d1ab90"', '"<uuid>"'),
        ("samples/deck-heartbeat.json", "/what/data/deckId", "placeholder"),
    ),
    "a placeholder that no sample shows": (
        text(
            BEAT,
            '"x-data-category": "installation-id"',
            '"x-data-category": "installation-id", "x-placeholder": "<id>"',
        ),
        (BEAT, "/properties/what/properties/data/properties/deckId/x-placeholder", "placeholder-not-shown"),
    ),
    "a test of a wrong name": (add("tests/beat.json", '{"event": {}}'), ("tests/beat.json", "", "test-shape")),
    "a fail file without its reason": (
        add("tests/beat.x.fail.json", '{"event": {}}'),
        ("tests/beat.x.fail.json", "", "test-shape"),
    ),
    "a fail file with a reason that is no rule": (
        add("tests/beat.x.fail.json", '{"event": {}, "finding": {"rule": "x", "pointer": "/a"}}'),
        ("tests/beat.x.fail.json", "/finding/rule", "unknown-rule"),
    ),
    "an event without tests": (
        lambda pack: list(map(Path.unlink, (pack / "tests").glob("deck-support*.fail.json"))),
        (POLICY, "/events/1", "event-without-test"),
    ),
    "what only the loader refuses": (
        text(POLICY, 'batch = "/messages"', 'batch = "/messages"\ncall = "/what/kind"\nnamed = "x"\ncalls = []'),
        (POLICY, "/envelope/calls", "policy-shape"),
    ),
}


@pytest.mark.skipif(os.name != "posix", reason="pipes and links")
@pytest.mark.parametrize("name", EDITS)
def test_a_pack_is_told_its_fault_with_file_and_key(pack: Path, name: str) -> None:
    edit, wanted = EDITS[name]
    edit(pack)
    assert wanted in found(lint(pack, TODAY))


def test_one_fault_hides_no_other(pack: Path) -> None:
    for name in (
        "a key with a typing error",
        "a quote that is not on the page",
        "a sample that its schema refuses",
        "no JSON",
    ):
        EDITS[name][0](pack)
    text("events/board-saved.schema.json", '"additionalProperties": false', '"additionalProperties": true')(pack)
    told = found(lint(pack, TODAY))
    assert (POLICY, "/origins/0/after_optout", "unknown-key") in told
    assert (POLICY, "/claims/1/quotes/0", "quote-not-found") in told
    assert (BEAT, "", "not-json") in told
    assert ("events/board-saved.schema.json", "", "open-object") in told


def test_every_fault_that_lint_knows_has_a_case() -> None:
    told = {lint_ for _, faults in SCHEMAS.values() for _, lint_ in faults} | {w[2] for _, w in EDITS.values()}
    assert LINTS.keys() - told == {"refused", "too-many-files"}


def test_an_exception_covers_one_fault_of_one_place_until_its_day(pack: Path) -> None:
    text("events/view.schema.json", '"x-data-category": "time"', '"x-data-category": "time", "x-review": "look"')(pack)
    key = next(fault.key for fault in lint(pack, TODAY).faults)
    entry = EXCEPTION.format("to-review", "2026-11-24").replace("reason", f'key = "{key}"\nreason')
    text(POLICY, "[envelope]", entry + "[envelope]")(pack)
    report = lint(pack, TODAY)
    assert report.faults == ()
    assert [fault.key for fault in report.excused] == [key]
    assert "exception-expired" in {fault.lint for fault in lint(pack, TODAY + dt.timedelta(days=1)).faults}


def test_a_fault_names_its_line(pack: Path) -> None:
    text("events/view.schema.json", '"x-data-category": "time"', '\n"x-data-category": "tme"')(pack)
    text(POLICY, 'origin = "console"', 'origin = "consul"')(pack)
    for fault in lint(pack, TODAY).faults:
        if fault.lint in ("unknown-data-category", "unknown-origin"):
            assert fault.line is not None
            assert ("tme" in line_of(pack, fault.file, fault.line)) or (
                "consul" in line_of(pack, fault.file, fault.line)
            )


def line_of(pack: Path, file: str, line: int) -> str:
    return (pack / file).read_text("utf-8").splitlines()[line - 1]


def test_nothing_is_fetched(pack: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        text(BEAT, '"type": "object"', f'"$ref": "{address}", "type": "object"')(pack)
        text("events/view.schema.json", DIALECT, address)(pack)
        assert {"reference", "dialect"} <= {fault.lint for fault in lint(pack, TODAY).faults}
        with pytest.raises(TimeoutError):
            server.accept()


def replaced(value: Any, dice: random.Random) -> Any:
    """A copy in which something at any depth is something else."""
    odd: list[Any] = [
        None,
        True,
        -1.5,
        "",
        "#/",
        "^(",
        [],
        {},
        [1, {}],
        {"$ref": "#"},
        {"type": "object"},
        1e308,
        "/a",
        "PT1H",
    ]
    found: list[tuple[Any, Any]] = []
    whole = copy.deepcopy(value)
    stack = [whole]
    while stack:
        node = stack.pop()
        inner = list(node.items()) if isinstance(node, dict) else list(enumerate(node))
        found += [(node, key) for key, _ in inner]
        stack += [child for _, child in inner if isinstance(child, dict | list)]
    for node, key in dice.sample(found, min(3, len(found))):
        node[key] = copy.deepcopy(dice.choice(odd))
    return whole


@settings(max_examples=15, deadline=None)
@given(st.randoms(use_true_random=False))
def test_whatever_stands_in_a_pack_lint_ends_with_a_report(dice: random.Random) -> None:
    with tempfile.TemporaryDirectory() as folder:
        pack = Path(shutil.copytree(HARBOUR, Path(folder) / "pack"))
        for path in (
            pack / BEAT,
            pack / "samples" / "deck-heartbeat.json",
            *sorted((pack / "tests").glob("*.json"))[:3],
        ):
            path.write_text(json.dumps(replaced(json.loads(path.read_text("utf-8")), dice)), "utf-8")
        tree = Tree(pack)
        tree.values[POLICY] = replaced(tree.values[POLICY], dice)
        for file, said in (*case_faults(tree, entries(tree)), *((POLICY, said) for said in policy_lint(tree))):
            tree.add(file, said.key, said.lint, said.what)
        assert lint(pack, TODAY).files == len(tree.files)


# ---- the command ----------------------------------------------------------------------------------------------------


def test_a_pack_without_a_fault_ends_with_0() -> None:
    run = invoke("policy", "lint", *built_in(), HARBOUR)
    assert run.code == 0
    assert "no fault" in run.out


def test_a_fault_is_shown_with_line_key_severity_id_and_remedy(pack: Path) -> None:
    EDITS["a key with a typing error"][0](pack)
    run = invoke("policy", "lint", pack)
    assert run.code == 1
    assert "pack/policy.toml:26: /origins/0/after_optout error unknown-key" in run.out
    assert "remedy: " in run.out


def test_warnings_fail_unless_only_errors_are_asked_for(pack: Path) -> None:
    EDITS["a file that belongs to nothing"][0](pack)
    assert invoke("policy", "lint", pack).code == 1
    assert invoke("policy", "lint", pack, "--fail-on", "error").code == 0


def test_faults_as_json_and_as_sarif_on_the_packs_own_files(pack: Path) -> None:
    EDITS["a key with a typing error"][0](pack)
    rows = json.loads(invoke("policy", "lint", pack, "-o", "json").out)["packs"][0]["faults"]
    assert rows[0]["severity"] == Severity.ERROR
    assert set(rows[0]) == {"file", "line", "key", "lint", "severity", "message", "remedy"}
    run = json.loads(invoke("policy", "lint", pack, "-o", "sarif").out)["runs"][0]
    place = run["results"][0]["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "pack/policy.toml"}, "region": {"startLine": rows[0]["line"]}}
    assert run["tool"]["driver"]["rules"][run["results"][0]["ruleIndex"]]["id"] == run["results"][0]["ruleId"]


def test_a_file_stands_for_the_pack_that_it_is_in(pack: Path) -> None:
    run = invoke("policy", "lint", pack / BEAT, pack / "page.md", __file__)
    assert run.code == 0
    assert run.out.count("no fault") == 1
    assert "in no policy pack" in run.err


def test_a_pack_that_is_not_there_is_a_usage_error(tmp_path: Path) -> None:
    run = invoke("policy", "lint", tmp_path / "nowhere")
    assert run.code == 2
    assert "no such pack" in run.err
