"""`policy test`: a pack's own tests must hold for their named reason, and no mutant of its samples may survive."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from audit.authoring.mutate import Kind, mutants
from audit.authoring.trial import Trial, trial
from audit.policy.files import built_in
from tests.conftest import invoke
from tests.within import HARBOUR, PACKS, policy_of

SAVED = "events/board-saved.schema.json"


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    return Path(shutil.copytree(HARBOUR, tmp_path / "pack"))


def faults(run: Trial) -> list[tuple[str, str | None]]:
    return [(outcome.name, outcome.fault) for outcome in run.failed]


def change(path: Path, old: str, new: str) -> None:
    before = path.read_text("utf-8")
    assert old in before
    path.write_text(before.replace(old, new, 1), "utf-8")


def case(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HARBOUR / "tests" / name).read_text("utf-8"))
    return found


def put(pack: Path, name: str, value: object) -> None:
    (pack / "tests" / name).write_text(json.dumps(value), "utf-8")


# ---- pass and fail files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.parent.name)
def test_the_packs_that_ship_and_the_examples_pass_and_no_mutant_survives(pack: Path) -> None:
    run = trial(pack)
    assert faults(run) == []
    assert run.survivors == 0
    assert run.mutants > 50


def test_a_pass_file_that_gives_an_error_fails_with_its_finding(pack: Path) -> None:
    put(pack, "a.pass.json", {"event": case("deck-heartbeat.boards-as-text.fail.json")["event"]})
    ((name, fault),) = faults(trial(pack))
    assert name == "tests/a.pass.json"
    assert fault is not None
    assert fault.startswith("must pass, but gives error invalid-value at /what/data/boards")


def test_a_fail_file_that_passes_fails(pack: Path) -> None:
    event = case("deck-heartbeat.as-documented.pass.json")["event"]
    put(pack, "a.fail.json", {"event": event, "finding": {"rule": "missing-field", "pointer": "/meta"}})
    assert faults(trial(pack)) == [("tests/a.fail.json", "must fail with missing-field at /meta, but passes")]


def test_a_fail_file_must_fail_for_its_named_reason(pack: Path) -> None:
    wrong = case("deck-heartbeat.boards-as-text.fail.json")
    put(pack, "a.fail.json", {**wrong, "finding": {"rule": "undocumented-field", "pointer": "/what/data/boards"}})
    (outcome,) = trial(pack).failed
    assert outcome.fault == "must fail with undocumented-field at /what/data/boards, but gives other findings"
    assert any("invalid-value at /what/data/boards" in line for line in outcome.details)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("a.pass.json", {"event": {}, "finding": {}}),
        ("a.pass.json", []),
        ("a.fail.json", {"event": {}}),
        ("a.fail.json", {"event": {}, "finding": {"rule": "x"}}),
        ("a.json", {"event": {}}),
    ],
)
def test_a_test_of_another_shape_fails_and_says_which(pack: Path, name: str, value: object) -> None:
    put(pack, name, value)
    assert [outcome.name for outcome in trial(pack).failed] == [f"tests/{name}"]


def test_a_test_that_is_no_json_fails_and_is_named(pack: Path) -> None:
    (pack / "tests" / "a.pass.json").write_text("{", "utf-8")
    ((name, fault),) = faults(trial(pack))
    assert name == "tests/a.pass.json"
    assert fault is not None
    assert "not JSON" in fault


# ---- mutants --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "survivor"),
    [
        ('"additionalProperties": false', '"additionalProperties": true', "unknown key at "),
        ('"type": "string", "maxLength": 32', '"type": ["string", "integer"], "maxLength": 32', None),
        (
            '"type": "string", "format": "uuid"',
            '"type": "string", "maxLength": 70000',
            "another form at /what/data/consoleId",
        ),
        (
            '"widgets": {"type": "integer", "minimum": 0, "maximum": 1000,',
            '"widgets": {',
            "another type at /what/data/widgets",
        ),
        ('"format": "date-time"', '"maxLength": 70000', "another form at /meta/created"),
        ('"maxLength": 40', '"minLength": 0', "beyond a bound at /what/data/theme: a very long text"),
    ],
)
def test_a_schema_that_checks_less_lets_a_mutant_live(pack: Path, old: str, new: str, survivor: str | None) -> None:
    change(pack / SAVED, old, new)
    found = [line for outcome in trial(pack).failed if outcome.group == "mutants" for line in outcome.details]
    if survivor is None:
        assert found == []  # what the schema says of itself is no mutant of it
    else:
        assert any(line.startswith(survivor) for line in found)


def test_every_mutant_differs_from_its_sample_at_one_place() -> None:
    policy = policy_of(HARBOUR)
    for sample in policy.samples:
        before = json.dumps(sample.value)
        made = list(mutants(policy.events[sample.event], sample.value, frozenset()))
        assert {mutant.kind for mutant in made} >= {Kind.UNKNOWN, Kind.DROPPED, Kind.TYPE, Kind.FORMAT, Kind.BOUND}
        assert all(mutant.value != sample.value for mutant in made)
        assert json.dumps(sample.value) == before


def test_an_event_without_anything_to_mutate_fails(pack: Path) -> None:
    for path in (pack / "tests").glob("console-alerts*"):
        path.unlink()
    ((name, fault),) = faults(trial(pack))
    assert name == "which of its own views are opened"
    assert fault == "no pass file and no sample fits its schema, so nothing was mutated"


# ---- the command ----------------------------------------------------------------------------------------------------


def test_a_sound_pack_ends_with_0() -> None:
    run = invoke("policy", "test", *built_in())
    assert run.code == 0
    assert "none survives" in run.out


def test_failures_are_shown_and_written_as_junit(pack: Path, tmp_path: Path) -> None:
    change(pack / SAVED, '"additionalProperties": false', '"additionalProperties": true')
    put(pack, "a.pass.json", {"event": case("deck-heartbeat.boards-as-text.fail.json")["event"]})
    out = tmp_path / "tests.xml"
    run = invoke("policy", "test", pack, "-o", f"junit={out}", "-o", "text")
    assert run.code == 1
    assert "must pass, but gives" in run.out
    root = ET.fromstring(out.read_text("utf-8"))
    failed = [one.get("name") for one in root.iter("testcase") if one.find("failure") is not None]
    assert {"tests/a.pass.json", "console.board_saved"} <= set(failed)
    assert root.get("failures") == str(len(failed))
    assert out.read_bytes() == out.read_bytes().decode().encode()


def test_a_pack_that_cannot_be_loaded_is_a_usage_error_that_points_to_lint(pack: Path) -> None:
    change(pack / "policy.toml", "after_opt_out", "after_optout")
    run = invoke("policy", "test", pack)
    assert run.code == 2
    assert "policy lint" in run.err
