"""`policy diff`: which events a changed pack lets through that the old one refused, and what it says otherwise."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from audit.authoring.diff import differences, judged
from audit.authoring.diff_change import KINDS, Change, Proof, Severity
from audit.authoring.diff_gate import later
from audit.authoring.texts import texts
from audit.policy.load import load
from audit.policy.pack import Cadence, Claim, ConsentSwitch, Destination, Origin, Policy, PolicyError, Sufficient
from tests.conftest import cli, invoke
from tests.within import APPSMITH, HARBOUR, PACKS, policy_of

Edit = Callable[[Path], None]
BEAT, VIEW = "events/heartbeat.schema.json", "events/view.schema.json"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A copy of the made-up pack, to be changed."""
    return Path(shutil.copytree(HARBOUR, tmp_path / "pack"))


def words(old: str, new: str, file: str = "policy.toml") -> Edit:
    def edit(pack: Path) -> None:
        before = (pack / file).read_text("utf-8")
        assert old in before
        (pack / file).write_text(before.replace(old, new, 1), "utf-8")

    return edit


def at(pointer: str, file: str = BEAT, /, **keywords: Any) -> Edit:
    """Set keywords of the schema of one field; None takes one away."""

    def edit(pack: Path) -> None:
        root = json.loads((pack / file).read_text("utf-8"))
        here = root
        for name in pointer.split("/")[1:]:
            here = here["items"] if name == "*" else here["properties"][name]
        for key, value in keywords.items():
            if value is None:
                del here[key]
            else:
                here[key] = {**here[key], **value} if key == "properties" else value
        (pack / file).write_text(json.dumps(root), "utf-8")

    return edit


def changes(pack: Path) -> list[Change]:
    return differences(policy_of(HARBOUR), load(pack))


DATA = "/what/data"
WIDER: dict[str, tuple[Edit, Severity, str, str]] = {
    # what is done: severity, kind, place
    "an object opened": (at(DATA, additionalProperties=True), Severity.CRITICAL, "object-opened", DATA),
    "an object opened by its default": (at(DATA, additionalProperties=None), Severity.CRITICAL, "object-opened", DATA),
    "an object opened to one type": (
        at(DATA, additionalProperties={"type": "string"}),
        Severity.CRITICAL,
        "object-opened",
        DATA,
    ),
    "an object opened by a pattern": (
        at(DATA, patternProperties={"^x-": {"type": "string"}}),
        Severity.CRITICAL,
        "object-opened",
        DATA,
    ),
    "a field added": (
        at(DATA, properties={"host": {"type": "string", "maxLength": 9}}),
        Severity.HIGH,
        "field-added",
        DATA + "/host",
    ),
    "a format dropped": (at(DATA + "/deckId", format=None), Severity.HIGH, "format-dropped", DATA + "/deckId"),
    "a format changed": (at(DATA + "/deckId", format="ipv4"), Severity.HIGH, "format-changed", DATA + "/deckId"),
    "a pattern dropped": (at("/meta/uid", pattern=None), Severity.HIGH, "pattern-dropped", "/meta/uid"),
    "a pattern's end dropped": (
        at("/meta/uid", pattern="^hd_[0-9a-f]{12}"),
        Severity.HIGH,
        "pattern-changed",
        "/meta/uid",
    ),
    "an enum widened": (at(DATA + "/size", enum=["small", "huge"]), Severity.HIGH, "value-added", DATA + "/size"),
    "an enum dropped": (at(DATA + "/size", enum=None, type="string"), Severity.HIGH, "enum-dropped", DATA + "/size"),
    "a type widened": (at(DATA + "/boards", type="number"), Severity.HIGH, "type-widened", DATA + "/boards"),
    "a type dropped": (at(DATA + "/tls", type=None), Severity.HIGH, "type-widened", DATA + "/tls"),
    "null let through": (
        at("/meta/by", type=["string", "null"]),
        Severity.HIGH,
        "type-widened",
        "/meta/by",
    ),
    "an alternative": (
        at(DATA + "/tls", type=None, anyOf=[{"type": "boolean"}, {"type": "integer"}]),
        Severity.HIGH,
        "type-widened",
        DATA + "/tls",
    ),
    "items of another type": (
        at(DATA + "/features/enabled/*", type=["string", "integer"]),
        Severity.HIGH,
        "type-widened",
        DATA + "/features/enabled/*",
    ),
    "more items": (
        at(DATA + "/features/enabled", maxItems=51),
        Severity.MEDIUM,
        "more-items",
        DATA + "/features/enabled",
    ),
    "a longer text": (at("/meta/version", maxLength=33), Severity.MEDIUM, "longer-text", "/meta/version"),
    "a field no longer required": (
        at(DATA, required=["deckId", "boards", "tls", "size"]),
        Severity.MEDIUM,
        "required-dropped",
        DATA + "/features",
    ),
    "a bound widened": (at(DATA + "/boards", minimum=-1), Severity.LOW, "bound-widened", DATA + "/boards"),
}


@pytest.mark.parametrize("case", WIDER)
def test_a_widening_is_told_with_a_witness_that_was_replayed(case: str, pack: Path) -> None:
    edit, severity, kind, place = WIDER[case]
    edit(pack)
    [found] = [change for change in changes(pack) if change.severity is not Severity.NARROWING]
    assert (found.severity, found.kind, found.event, found.at) == (severity, kind, "deck.heartbeat", place)
    assert found.proof is Proof.WITNESS
    assert judged(load(pack), found.witness)
    assert not judged(policy_of(HARBOUR), found.witness)


EXCHANGED = {"a format changed", "an enum widened"}
"""Each side lets something through that the other refuses."""


@pytest.mark.parametrize("case", sorted(WIDER.keys() - EXCHANGED - {"a pattern's end dropped"}))
def test_the_other_way_round_it_is_a_narrowing(case: str, pack: Path) -> None:
    WIDER[case][0](pack)
    assert {change.severity for change in differences(load(pack), policy_of(HARBOUR))} == {Severity.NARROWING}


@pytest.mark.parametrize("case", sorted(EXCHANGED))
def test_an_exchange_is_a_widening_both_ways(case: str, pack: Path) -> None:
    WIDER[case][0](pack)
    assert {change.proof for change in differences(load(pack), policy_of(HARBOUR))} == {Proof.WITNESS}


SAID: dict[str, tuple[Edit, Severity, str, str]] = {
    "opt-in to always": (
        words('consent = "opt-in"', 'consent = "always"'),
        Severity.CRITICAL,
        "consent-loosened",
        "/origins/console/consent",
    ),
    "events allowed after the opt-out": (
        words('after_opt_out = "forbidden"', 'after_opt_out = "allowed"'),
        Severity.CRITICAL,
        "consent-loosened",
        "/origins/agent/after_opt_out",
    ),
    "a rule taken from a claim": (
        words('rules = ["heartbeat-early", "heartbeat-missed"]', 'rules = ["heartbeat-missed"]'),
        Severity.CRITICAL,
        "claim-weakened",
        "/claims/heartbeat-hourly/rules",
    ),
    "a claim upheld by less": (
        words("intervals = 3", "intervals = 2"),
        Severity.CRITICAL,
        "claim-weakened",
        "/claims/heartbeat-hourly/sufficient",
    ),
    "a category raised": (
        at(DATA + "/deckId", **{"x-data-category": "user-id"}),
        Severity.CRITICAL,
        "category-raised",
        DATA + "/deckId",
    ),
    "a category lowered": (
        at(DATA + "/deckId", **{"x-data-category": "none"}),
        Severity.REVIEW,
        "category-lowered",
        DATA + "/deckId",
    ),
    "a shorter cadence": (words("PT1H", "PT30M"), Severity.HIGH, "cadence-shortened", "/cadence/every"),
    "a longer tolerance": (words("PT5M", "PT6M"), Severity.MEDIUM, "time-loosened", "/cadence/tolerance"),
    "a longer grace": (words('"PT0S"', '"PT1S"'), Severity.MEDIUM, "time-loosened", "/consent/grace"),
    "another e-mail place": (
        words("allowed = [{", 'allowed = [{ event = "deck.heartbeat", pointer = "/meta/by" }, {'),
        Severity.HIGH,
        "email-allowed",
        "/meta/by",
    ),
    "an address of nobody": (
        words("not_personal = []", 'not_personal = ["a@harbour-deck.example"]'),
        Severity.HIGH,
        "email-allowed",
        "/emails/not_personal",
    ),
    "another switch": (words("HARBOUR_TELEMETRY", "DECK_TELEMETRY"), Severity.REVIEW, "words-changed", "/consent/env"),
    "a restart": (
        words("needs_restart = false", "needs_restart = true"),
        Severity.HIGH,
        "switch-narrowed",
        "/consent/needs_restart",
    ),
    "another way to tell a sender": (
        words('match = { "/meta/by" = "agent" }', 'match = { "/meta/by" = "Agent" }'),
        Severity.REVIEW,
        "words-changed",
        "/origins/agent/match",
    ),
    "another envelope": (words('transport = ["k"]', "transport = []"), Severity.REVIEW, "not-understood", "/envelope"),
    "another page": (
        words("90 days", "90 days, or later.\n\nWe delete every message after 90 days", "page.md"),
        Severity.REVIEW,
        "page-changed",
        "page.md",
    ),
}


@pytest.mark.parametrize("case", SAID)
def test_what_a_pack_says_otherwise_is_told(case: str, pack: Path) -> None:
    edit, severity, kind, place = SAID[case]
    edit(pack)
    [found] = [change for change in changes(pack) if change.severity is not Severity.NARROWING]
    assert (found.severity, found.kind, found.at, found.proof) == (severity, kind, place, Proof.DECLARED)


def test_a_claim_that_is_gone_is_critical(pack: Path) -> None:
    text = (pack / "policy.toml").read_text("utf-8")
    start = text.index('[[claims]]\nid = "retention"')
    end = text.find("[[claims]]", start + 1)
    (pack / "policy.toml").write_text(text[:start] + (text[end:] if end > 0 else ""), "utf-8")
    [found] = changes(pack)
    assert (found.severity, found.kind, found.at) == (Severity.CRITICAL, "claim-removed", "/claims/retention")


EVENT = (
    '\n[[events]]\nname = "deck.update"\nschema = "heartbeat.schema.json"\ndocumented = "sample"\norigin = "agent"\n'
)


def test_an_added_event_has_a_witness(pack: Path) -> None:
    shutil.copy(pack / BEAT, pack / "events" / "update.schema.json")
    words("deck.heartbeat", "deck.update", "events/update.schema.json")(pack)
    words('"deck.heartbeat", "x-', '"deck.update", "x-', "events/update.schema.json")(pack)
    words("[[categories]]", EVENT.replace("heartbeat.s", "update.s") + "\n[[categories]]")(pack)
    [found] = changes(pack)
    assert (found.severity, found.kind, found.event, found.proof) == (
        Severity.HIGH,
        "event-added",
        "deck.update",
        Proof.WITNESS,
    )
    assert judged(load(pack), found.witness)
    assert not judged(policy_of(HARBOUR), found.witness)


def test_names_that_a_category_lets_through_are_told_with_one_of_them(pack: Path) -> None:
    words("_viewed$", "_(viewed|closed)$")(pack)
    words("_viewed$", "_(viewed|closed)$", VIEW)(pack)
    found = [change for change in changes(pack) if change.kind == "names-added"]
    assert [(change.severity, change.proof) for change in found] == [(Severity.HIGH, Proof.WITNESS)]


def test_an_event_that_is_gone_is_a_narrowing(pack: Path) -> None:
    assert {c.severity for c in differences(load(pack), policy_of(HARBOUR))} == set()
    text = (pack / "policy.toml").read_text("utf-8")
    start = text.index('[[events]]\nname = "console.board_saved"')
    (pack / "policy.toml").write_text(text[:start] + text[text.index("[[categories]]") :], "utf-8")
    assert [(c.severity, c.event) for c in changes(pack)] == [(Severity.NARROWING, "console.board_saved")]


UNCLEAR: dict[str, Edit] = {
    "not": at(DATA + "/boards", **{"not": {"const": 3}}),
    "oneOf": at(DATA + "/boards", oneOf=[{"minimum": 3}, {"maximum": 5}]),
    "if": at(DATA, **{"if": {"required": ["tls"]}, "then": {"required": ["size"]}}),
    "dependentRequired": at(DATA, dependentRequired={"tls": ["size"]}),
    "contains": at(DATA + "/features/enabled", contains={"const": "x"}),
    "propertyNames": at(DATA, propertyNames={"maxLength": 3}),
}


@pytest.mark.parametrize("keyword", UNCLEAR)
def test_a_keyword_that_is_not_understood_is_for_review_and_never_no_change(keyword: str, pack: Path) -> None:
    UNCLEAR[keyword](pack)
    dropped = differences(load(pack), policy_of(HARBOUR))
    assert [change.severity for change in dropped] == [Severity.REVIEW]
    assert changes(pack) != []


def test_a_widening_without_a_witness_says_so(pack: Path) -> None:
    """The other pattern lets the same texts through: nothing shows a difference, and nothing shows that there is none."""
    at("/meta/uid", pattern="^hd_(?:[0-9a-f]){12}$")(pack)
    [found] = changes(pack)
    assert (found.severity, found.proof, found.witness) == (Severity.HIGH, Proof.UNPROVEN, None)
    run = invoke("policy", "diff", HARBOUR, pack)
    assert "(unproven: no event found that shows it)" in run.out.replace("\n          ", " ")
    assert run.code == 1


def test_a_field_that_only_moves_into_a_definition_is_no_change(pack: Path) -> None:
    root = json.loads((pack / BEAT).read_text("utf-8"))
    root["$defs"] = {"data": root["properties"]["what"]["properties"]["data"]}
    root["properties"]["what"]["properties"]["data"] = {"$ref": "#/$defs/data"}
    (pack / BEAT).write_text(json.dumps(root), "utf-8")
    assert changes(pack) == []


def test_a_schema_that_holds_itself_ends(pack: Path) -> None:
    loop: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"next": {"$ref": "#/$defs/loop"}},
    }
    edit = at(DATA, properties={"tree": {"$ref": "#/$defs/loop"}})
    for maximum in (1, 2):
        edit(pack)
        root = json.loads((pack / BEAT).read_text("utf-8"))
        sized = {**loop, "properties": {**loop["properties"], "n": {"type": "integer", "maximum": maximum}}}
        (pack / BEAT).write_text(json.dumps({**root, "$defs": {"loop": sized}}), "utf-8")
        if maximum == 1:
            before = load(pack)
    found = differences(before, load(pack))
    assert {(change.kind, change.at) for change in found} == {
        ("bound-widened", DATA + "/tree/n"),
        ("not-understood", DATA + "/tree/next"),
    }


def bomb(pack: Path, depth: int, maximum: int) -> Policy:
    """Each definition holds the next one twice: 2 to the power of `depth` places."""
    chain: dict[str, Any] = {
        f"d{n}": {"type": "array", "prefixItems": [{"$ref": f"#/$defs/d{n + 1}"}] * 2, "items": False}
        for n in range(depth)
    }
    chain[f"d{depth}"] = {"type": "integer", "maximum": maximum}
    at(DATA, properties={"deep": {"$ref": "#/$defs/d0"}})(pack)
    root = json.loads((pack / BEAT).read_text("utf-8"))
    (pack / BEAT).write_text(json.dumps({**root, "$defs": chain}), "utf-8")
    return load(pack)


def test_definitions_that_unfold_far_are_for_review(pack: Path) -> None:
    found = differences(bomb(pack, 13, 1), bomb(pack, 13, 2))
    assert [(change.severity, change.at) for change in found] == [(Severity.REVIEW, "")]


def test_definitions_that_unfold_without_end_are_refused(pack: Path) -> None:
    with pytest.raises(PolicyError, match=r"events/heartbeat\.schema\.json: .*unfolds to more than 100,000 places"):
        bomb(pack, 40, 1)


@pytest.mark.parametrize("directory", PACKS)
def test_a_pack_does_not_differ_from_itself(directory: Path) -> None:
    assert differences(policy_of(directory), policy_of(directory)) == []


def test_no_part_of_a_pack_is_compared_by_nobody() -> None:
    """A new part of a pack must be given its place in the comparison before this list may grow."""
    known = {
        Policy: "id revision title sha256 page envelope origins events categories claims consent emails not_personal "
        "destinations samples draft accepted names rhythms",
        Origin: "name match consent after_opt_out",
        ConsentSwitch: "env off needs_restart subjects grace flush_window",
        Cadence: "every tolerance retry subject",
        Destination: "purpose origin hosts",
        Claim: "id quotes rules origin implied destination exclusive limit sufficient not_testable",
        Sufficient: "origin event events intervals window contacts seeds positive_control consent_known before_opt_out "
        "alive_after_opt_out alive_without_consent never",
    }
    for kind, names in known.items():
        assert [part.name for part in fields(kind)] == names.split()


# ---- the gate ------------------------------------------------------------------------------------------------------

ACCEPTED = """
[[accepted]]
revision = "{revision}"
change = "field-added"
event = "deck.heartbeat"
at = "/what/data/host"
reason = "The page of April names the host."
"""


def widened(pack: Path, revision: str = "2025-04", entry: str = "2025-04") -> None:
    WIDER["a field added"][0](pack)
    words('revision = "2025-03"', f'revision = "{revision}"')(pack)
    with (pack / "policy.toml").open("a", encoding="utf-8") as file:
        file.write(ACCEPTED.format(revision=entry))


def test_an_accepted_change_of_a_bumped_pack_passes(pack: Path) -> None:
    widened(pack)
    run = invoke("policy", "diff", HARBOUR, pack, "-o", "json")
    told = json.loads(run.out)
    assert run.code == 0
    assert told["gate"] == {"fail_on": "high", "passed": True, "bumped": True}
    [row] = told["changes"]
    assert row["accepted"] == "The page of April names the host."
    assert row["fails"] is False


@pytest.mark.parametrize(
    ("revision", "entry"),
    [("2025-03", "2025-03"), ("2025-02", "2025-02"), ("2025-04", "2025-03"), ("2025-04", "2025-05")],
)
def test_without_a_bump_or_with_an_entry_of_another_step_it_fails(revision: str, entry: str, pack: Path) -> None:
    widened(pack, revision, entry)
    run = invoke("policy", "diff", HARBOUR, pack)
    assert run.code == 1
    assert "FAILS  1 change fails at --fail-on high, and 0 more" in run.out


def test_an_entry_that_is_not_needed_is_named(pack: Path) -> None:
    widened(pack)
    words("/what/data/host", "/what/data/other")(pack)
    out = invoke("policy", "diff", HARBOUR, pack).out
    assert "accepted, but not needed: field-added deck.heartbeat /what/data/other" in out


@pytest.mark.parametrize(("fail_on", "code"), [("critical", 0), ("high", 0), ("medium", 1), ("low", 1), ("never", 0)])
def test_the_gate_fails_at_its_severity_and_above(fail_on: str, code: int, pack: Path) -> None:
    WIDER["a longer text"][0](pack)
    assert invoke("policy", "diff", HARBOUR, pack, "--fail-on", fail_on).code == code


@pytest.mark.parametrize(("fail_on", "code"), [("critical", 1), ("never", 0)])
def test_what_nobody_understood_fails_at_every_severity(fail_on: str, code: int, pack: Path) -> None:
    SAID["another page"][0](pack)
    assert invoke("policy", "diff", HARBOUR, pack, "--fail-on", fail_on).code == code


def test_a_narrowing_never_fails(pack: Path) -> None:
    WIDER["a longer text"][0](pack)
    run = invoke("policy", "diff", pack, HARBOUR, "--fail-on", "low")
    assert run.code == 0
    assert "PASSES  1 change; none fails at --fail-on low" in run.out


def test_the_same_packs_give_the_same_bytes(pack: Path) -> None:
    for case in ("an object opened", "a format dropped", "null let through"):
        WIDER[case][0](pack)
    first, second = (cli("policy", "diff", HARBOUR, pack, "-o", "json").out for _ in range(2))
    assert first == second
    assert json.loads(first)["format"] == "telemetry-audit/policy-diff/1"


def test_the_text_fits_a_terminal_and_escapes_what_a_pack_says(pack: Path) -> None:
    at(DATA, properties={"a\x1b[31m\nb": {"type": "string", "maxLength": 5}})(pack)
    out = invoke("policy", "diff", HARBOUR, pack).out
    assert "\x1b" not in out
    assert max(map(len, out.splitlines())) <= 80


@pytest.mark.parametrize(("before", "after"), [("2020-11", "2021-01"), ("1.9", "1.10"), ("1", "1.1"), ("a1", "a2")])
def test_revisions_are_ordered_by_their_numbers(before: str, after: str) -> None:
    assert later(before, after)
    assert not later(after, before)
    assert not later(after, after)


# ---- revisions of git ----------------------------------------------------------------------------------------------


def git(where: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=n", "-c", "user.email=n@example.com", "-c", "commit.gpgsign=false", *arguments],
        cwd=where,
        check=True,
        capture_output=True,
    )


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    where = tmp_path / "repository"
    shutil.copytree(HARBOUR, where / "schemas" / "harbour")
    git(where, "init", "-q", "-b", "main")
    git(where, "add", ".")
    git(where, "commit", "-q", "-m", "Start")
    return where


def test_a_pack_of_a_git_revision_is_compared_with_the_work_tree(repository: Path) -> None:
    assert invoke("policy", "diff", "main:schemas/harbour", "schemas/harbour", cwd=repository).code == 0
    WIDER["an object opened"][0](repository / "schemas" / "harbour")
    run = invoke("policy", "diff", "main:schemas/harbour/", "schemas/harbour", cwd=repository)
    assert run.code == 1
    assert "critical  object-opened" in run.out
    git(repository, "commit", "-q", "-a", "-m", "Open")
    assert invoke("policy", "diff", "HEAD~1:schemas/harbour", "HEAD:schemas/harbour", cwd=repository).code == 1


def test_it_works_from_below_the_root_of_the_repository(repository: Path) -> None:
    run = invoke("policy", "diff", "main:schemas/harbour", "harbour", cwd=repository / "schemas")
    assert run.code == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nonesuch:schemas/harbour", "git finds no such revision here"),
        ("main:schemas/none", "no policy.toml in that directory"),
        ("main:schemas", "no policy.toml in that directory"),
        ("main:../x", "write REV:PATH"),
        ("--output=x:schemas/harbour", "write REV:PATH"),
        ("main:/etc", "write REV:PATH"),
        ("main:*", "no policy.toml in that directory"),
        ("none", "no such policy pack"),
    ],
)
def test_a_revision_that_cannot_be_read_is_named(name: str, said: str, repository: Path) -> None:
    before = sorted(repository.iterdir())
    run = invoke("policy", "diff", "--", name, "schemas/harbour", cwd=repository)
    assert run.code == 2
    assert said in run.err
    assert f"OLD: {name}" in run.err
    assert sorted(repository.iterdir()) == before


def test_a_link_in_a_revision_is_refused(repository: Path) -> None:
    (repository / "schemas" / "harbour" / "samples" / "x.json").symlink_to("../../../secret.json")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "Link")
    run = invoke("policy", "diff", "main:schemas/harbour", HARBOUR, cwd=repository)
    assert run.code == 2
    assert "samples/x.json: a link or a submodule" in run.err


def test_outside_a_repository_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    run = invoke("policy", "diff", "main:x", HARBOUR, cwd=tmp_path)
    assert run.code == 2
    assert "git finds no such revision here" in run.err


def test_a_fault_in_a_pack_names_the_side_the_file_and_the_key(pack: Path) -> None:
    words('id = "harbour"', 'id = "harbour"\nnonsense = 1')(pack)
    run = invoke("policy", "diff", HARBOUR, pack)
    assert run.code == 2
    assert "NEW: " in run.err
    assert "/nonsense: unknown key: nonsense" in run.err


def test_two_hundred_events_are_compared(pack: Path) -> None:
    """Every event has changed, so every one needs a witness."""
    schema = (pack / BEAT).read_text("utf-8")
    head, tail = (pack / "policy.toml").read_text("utf-8").split("[[categories]]")
    for n in range(200):
        head += EVENT.replace("deck.update", f"deck.e{n}").replace("heartbeat.s", f"e{n}.s")
        (pack / "events" / f"e{n}.schema.json").write_text(schema.replace("deck.heartbeat", f"deck.e{n}"), "utf-8")
    (pack / "policy.toml").write_text(f"{head}\n[[categories]]{tail}", "utf-8")
    before = load(pack)
    for n in range(200):
        at("/meta/version", f"events/e{n}.schema.json", maxLength=40)(pack)
    found = differences(before, load(pack))
    assert [(change.kind, change.proof) for change in found] == [("longer-text", Proof.WITNESS)] * 200


@pytest.mark.parametrize(
    "pattern", ["^hd_[0-9a-f]{12}$", "^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$", "^(a|b)c?[^x]$", "[0-9]{3}", "^\\d+\\.\\w+$"]
)
def test_texts_made_from_a_pattern_fit_it(pattern: str) -> None:
    import re

    assert texts(pattern)
    assert all(re.search(pattern, text) for text in texts(pattern))


@pytest.mark.parametrize("pattern", ["(", "^(?=a)b", "(a{4000}){4000}", "(" * 2000 + ")" * 2000])
def test_a_pattern_from_which_nothing_can_be_made_gives_nothing(pattern: str) -> None:
    assert texts(pattern) == ()


def test_every_kind_of_change_is_explained_in_the_documentation() -> None:
    page = (APPSMITH.parents[2] / "docs" / "policy-diff.md").read_text("utf-8")
    for kind, (severity, _) in KINDS.items():
        assert f"| `{kind}` | {severity} |" in page
