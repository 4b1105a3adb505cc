"""Baselines and suppressions: what somebody accepts is marked, counted and shown; it never hides a finding or a verdict."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.engine.result import digest
from audit.gate.baseline import BadBaseline, parse, render
from audit.gate.exit import decide
from audit.gate.suppressions import BadSuppressions
from audit.gate.suppressions import parse as parse_suppressions
from audit.writers import FORMATS, writer
from tests.conftest import CAPTURES, ROOT, Json, Run, check, check_bytes, invoke, jsonl, started

BROKEN = CAPTURES / "harbour-broken.jsonl"
HARBOUR = ("-p", ROOT / "fixtures/packs/harbour/2025-03")
EMAIL = {"rule": "email-address", "event": "console.board_saved", "field": "/what/data/theme"}
WHY = {"reason": "demo data", "owner": "privacy team", "expires": "2026-12-31", "cap": 5}
ON = ("--as-of", "2026-06-01")


def broken(*options: Any) -> Run:
    return check(BROKEN, *HARBOUR, *options)


def toml(value: object) -> str:
    text = str(value)
    return text if isinstance(value, int) or (len(text) == 10 and text[4:5] == "-") else json.dumps(text)


def suppressions(path: Path, *entries: Json) -> Path:
    tables = ["\n".join(["[[suppress]]", *(f"{key} = {toml(value)}" for key, value in row.items())]) for row in entries]
    path.write_text('format = "telemetry-suppressions/1"\n' + "\n".join(tables) + "\n", "utf-8")
    return path


def entry(**changes: object) -> Json:
    return {key: value for key, value in {**EMAIL, **WHY, **changes}.items() if value is not None}


def states(run: Run) -> list[str]:
    return [row["state"] for row in run.result["exceptions"]["entries"]]


def suppressed(run: Run) -> set[str]:
    return {group["rule"] for group in run.result["groups"] if group["suppressed"]}


# ---- suppressions --------------------------------------------------------------------------------------------------


def test_a_suppression_marks_its_group_and_leaves_verdicts_findings_and_counts(tmp_path: Path) -> None:
    before, file = broken(), suppressions(tmp_path / "s.toml", entry())
    run = broken("--suppressions", file, *ON)
    assert (states(run), suppressed(run)) == (["in-force"], {"email-address"})
    for member in ("verdict", "headline", "claims", "findings", "requirements", "coverage"):
        assert run.result[member] == before.result[member]
    assert run.result["counts"] == {**before.result["counts"], "suppressed": 1}
    assert run.result["gate"] == {"exit": 1, "reason": "4 findings at level error"}


def test_when_every_failing_group_is_suppressed_the_run_passes_beside_the_same_verdict(tmp_path: Path) -> None:
    groups = [group for group in broken().result["groups"] if group["level"] == "error"]
    rows = [entry(**{key: group[key] for key in ("rule", "event", "field", "host")}) for group in groups]
    run = broken("--suppressions", suppressions(tmp_path / "s.toml", *rows), *ON)
    assert (run.code, run.verdict) == (0, "violated")
    assert run.result["gate"]["reason"] == "no finding at level error; not counted: 5 suppressed"


NO_EFFECT: dict[str, tuple[Json, str]] = {
    "the day after its last": ({"expires": "2026-05-31"}, "expired"),
    "another event": ({"event": "console.board_deleted"}, "unused"),
    "another rule": ({"rule": "secret"}, "unused"),
    "another field": ({"field": "/what/data"}, "unused"),
    "no field named": ({"field": None}, "unused"),
    "a host named": ({"host": "x.example"}, "unused"),
}


@pytest.mark.parametrize(("changes", "state"), NO_EFFECT.values(), ids=NO_EFFECT)
def test_what_does_not_hold_is_told_and_hides_nothing(tmp_path: Path, changes: Json, state: str) -> None:
    run = broken("--suppressions", suppressions(tmp_path / "s.toml", entry(**changes)), *ON)
    assert (states(run), suppressed(run), run.code) == ([state], set(), 1)
    words = {"expired": "EXPIRED, hides nothing", "unused": "UNUSED, remove it"}[state]
    assert words in broken_text(tmp_path / "s.toml")


def broken_text(file: Path) -> str:
    return invoke("check", BROKEN, *HARBOUR, "--suppressions", file, *ON).out


def test_it_holds_on_its_last_day(tmp_path: Path) -> None:
    file = suppressions(tmp_path / "s.toml", entry(expires="2026-06-01"))
    assert states(broken("--suppressions", file, *ON)) == ["in-force"]


def test_over_its_cap_it_hides_nothing_at_all(tmp_path: Path) -> None:
    events = [started(messageId=f"api-{n}", properties={"os": "ubuntu", "kernel": n}) for n in range(3)]
    about = {"rule": "undocumented-field", "event": "Installation Started", "field": "/properties/kernel"}
    for cap, state, code in ((3, "in-force", 0), (2, "over-cap", 1)):
        file = suppressions(tmp_path / "s.toml", {**about, **WHY, "cap": cap})
        run = check_bytes(jsonl(*events), "--suppressions", file, *ON)
        assert suppressed(run) == ({"undocumented-field"} if state == "in-force" else set())
        assert (states(run), run.code) == ([state], code)
        assert run.result["exceptions"]["entries"][0]["matched"] == 3


def test_an_auditor_sees_what_was_given_and_applies_none_of_it(tmp_path: Path) -> None:
    file = suppressions(tmp_path / "s.toml", entry())
    run = broken("--suppressions", file, *ON, "--no-suppressions")
    assert (states(run), suppressed(run), run.code) == (["not-applied"], set(), 1)
    assert run.result["exceptions"]["applied"] is False


def test_the_day_is_the_one_of_a_reproducible_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1780272000")
    file = suppressions(tmp_path / "s.toml", entry(expires="2026-06-01"))
    assert broken("--suppressions", file).result["exceptions"]["on"] == "2026-06-01"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "soon")
    run = invoke("check", BROKEN, *HARBOUR, "--suppressions", file)
    assert run.code == 2
    assert "SOURCE_DATE_EPOCH" in run.err


BAD_FILES: dict[str, tuple[str, str]] = {
    "no TOML": ("[[suppress", "not TOML"),
    "no format": ("[[suppress]]\n", "format"),
    "another key at the top": ('format = "telemetry-suppressions/1"\nallow = 1\n', "/allow: unknown key"),
    "no table": ('format = "telemetry-suppressions/1"\nsuppress = [1]\n', "[[suppress]]"),
}
BAD_ENTRIES: dict[str, tuple[Json, str]] = {
    "a typing error": ({"expiry": "2026-12-31"}, "/suppress/0/expiry: unknown key; did you mean expires?"),
    "no owner": ({"owner": None}, "owner is missing"),
    "no reason": ({"reason": None}, "reason is missing"),
    "a blank reason": ({"reason": "  "}, "/suppress/0/reason"),
    "no such rule": ({"rule": "e-mail"}, "no rule 'e-mail'"),
    "no cap": ({"cap": None}, "/suppress/0/cap"),
    "no room": ({"cap": 0}, "/suppress/0/cap"),
    "no last day": ({"expires": None}, "/suppress/0/expires"),
    "a day in words": ({"expires": "tomorrow"}, "/suppress/0/expires"),
}


@pytest.mark.parametrize(("text", "says"), BAD_FILES.values(), ids=BAD_FILES)
def test_half_a_suppression_file_is_exit_2(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "s.toml").write_text(text, "utf-8")
    run = invoke("check", BROKEN, *HARBOUR, "--suppressions", "s.toml", cwd=tmp_path)
    assert run.code == 2
    assert says in " ".join(run.err.split())


@pytest.mark.parametrize("option", ["--suppressions", "--custody"])
def test_toml_that_nests_without_end_is_exit_2_and_a_byte_order_mark_is_nothing(tmp_path: Path, option: str) -> None:
    (tmp_path / "deep.toml").write_text("a = " + "[" * 100_000, "utf-8")
    run = invoke("check", BROKEN, *HARBOUR, option, "deep.toml", cwd=tmp_path)
    assert run.code == 2
    assert "deep.toml: not TOML" in " ".join(run.err.split())
    said = {"--suppressions": 'format = "telemetry-suppressions/1"', "--custody": 'captured_by = "Internal audit"'}
    (tmp_path / "marked.toml").write_text("\ufeff" + said[option] + "\n", "utf-8")
    assert invoke("check", BROKEN, *HARBOUR, option, "marked.toml", cwd=tmp_path).code == 1


@pytest.mark.parametrize(("changes", "says"), BAD_ENTRIES.values(), ids=BAD_ENTRIES)
def test_an_entry_says_everything_or_is_refused(tmp_path: Path, changes: Json, says: str) -> None:
    file = suppressions(tmp_path / "s.toml", entry(**changes))
    with pytest.raises(BadSuppressions) as refused:
        parse_suppressions("s.toml", file.read_bytes())
    assert says in str(refused.value)


def test_what_is_wrong_in_an_entry_is_told_with_the_line_where_it_begins(tmp_path: Path) -> None:
    file = suppressions(tmp_path / "s.toml", entry(), entry(event="x", cap=0))
    run = invoke("check", BROKEN, *HARBOUR, "--suppressions", file)
    assert run.code == 2
    said = " ".join(run.err.split())
    assert f"in the entry at line {3 + len(entry())}: /suppress/1/cap" in said


def test_an_unused_entry_says_what_it_may_have_meant(tmp_path: Path) -> None:
    """A suppression names one group exactly: without its event it names none."""
    run = broken("--suppressions", suppressions(tmp_path / "s.toml", entry(event=None)), *ON)
    [row] = run.result["exceptions"]["entries"]
    assert (row["state"], row["nearest"]) == ("unused", {**EMAIL, "host": None})
    assert f"or make it exact: there are findings with event {EMAIL['event']}" in " ".join(run.out.split())
    [other] = broken("--suppressions", suppressions(tmp_path / "t.toml", entry(rule="canary")), *ON).result[
        "exceptions"
    ]["entries"]
    assert "nearest" not in other


def test_two_entries_for_the_same_findings_are_refused(tmp_path: Path) -> None:
    one, two = suppressions(tmp_path / "1.toml", entry()), suppressions(tmp_path / "2.toml", entry(cap=9))
    run = invoke("check", BROKEN, *HARBOUR, "--suppressions", one, "--suppressions", two)
    assert run.code == 2
    assert "a second entry for the same findings" in " ".join(run.err.split())


# ---- baseline ------------------------------------------------------------------------------------------------------


def test_only_what_is_new_fails_and_what_went_away_is_told(tmp_path: Path) -> None:
    file = tmp_path / "b.json"
    old = started(properties={"os": "ubuntu", "kernel": 1, "shell": "sh"})
    assert check_bytes(jsonl(old), "--write-baseline", file).code == 1
    known = check_bytes(jsonl(old, old), "--baseline", file)
    assert known.code == 0
    assert known.verdict == "violated"
    new = check_bytes(jsonl(started(properties={"os": "ubuntu", "kernel": 1, "disk": 1})), "--baseline", file)
    assert new.code == 1
    assert new.result["gate"]["reason"] == "1 finding that the baseline does not know at level error"
    fields = {group["field"]: group["baseline"] for group in new.result["groups"] if group["level"] == "error"}
    assert fields == {"/properties/kernel": "known", "/properties/disk": "new"}
    assert [row["field"] for row in new.result["baseline"]["gone_entries"]] == ["/properties/shell"]
    assert "not found this time: error undocumented-field" in invoke(
        "check", "-", "--baseline", file, stdin=jsonl(started())
    ).out.replace("\n     ", " ")


def test_a_known_warning_that_became_an_error_is_new(tmp_path: Path) -> None:
    result = broken().result
    for group in result["groups"]:
        if group["rule"] == "email-address":
            group["level"] = "warning"
    (tmp_path / "b.json").write_text(render(result), "utf-8")  # type: ignore[arg-type]  # the shape of a result
    run = broken("--baseline", tmp_path / "b.json")
    assert run.code == 1
    assert [group["rule"] for group in run.result["groups"] if group.get("baseline") == "new"] == ["email-address"]


def test_a_baseline_is_sorted_one_entry_a_line_and_holds_no_place(tmp_path: Path) -> None:
    broken("--write-baseline", tmp_path / "b.json")
    text = (tmp_path / "b.json").read_text("utf-8")
    lines = [line.rstrip(",") for line in text.splitlines() if '"fingerprint"' in line]
    entries = json.loads(text)["entries"]
    assert lines == sorted(lines)
    assert [json.loads(line) for line in lines] == entries
    assert {key for row in entries for key in row} == {"fingerprint", "level", "rule", "event", "field", "host"}
    assert "page-contradiction" not in text
    broken("--write-baseline", tmp_path / "again.json", "--examples", "9")
    assert (tmp_path / "again.json").read_text("utf-8") == text


@pytest.mark.parametrize("cut", [0, 1, 100, 300, -3])
def test_a_cut_baseline_is_exit_2(tmp_path: Path, cut: int) -> None:
    broken("--write-baseline", tmp_path / "b.json")
    data = (tmp_path / "b.json").read_bytes()
    (tmp_path / "b.json").write_bytes(data[:cut])
    run = invoke("check", BROKEN, *HARBOUR, "--baseline", tmp_path / "b.json")
    assert run.code == 2
    assert "--write-baseline" in run.err


def damaged(document: Json) -> dict[str, Json]:
    """A baseline, damaged in each of the ways that hands and merges do."""
    first = document["entries"][0]
    return {
        "an entry lost": {**document, "entries": document["entries"][1:]},
        "an entry twice": {**document, "entries": [first, *document["entries"]]},
        "another level": {**document, "entries": [{**first, "level": "note"}, *document["entries"][1:]]},
        "another field": {**document, "entries": [{**first, "field": "/x"}, *document["entries"][1:]]},
        "no level": {**document, "entries": [{k: v for k, v in first.items() if k != "level"}]},
        "entries that are none": {**document, "entries": [1]},
        "no entries": {k: v for k, v in document.items() if k != "entries"},
        "another format": {**document, "format": "telemetry-audit/baseline/2"},
        "another policy": {**document, "policy": "appsmith"},
        "a member more": {**document, "note": "hi"},
    }


def test_a_baseline_that_was_changed_is_refused(tmp_path: Path) -> None:
    document = json.loads(render(broken().result))  # type: ignore[arg-type]  # the shape of a result
    parse("b.json", json.dumps(document).encode(), "harbour")
    for changed in damaged(document).values():
        with pytest.raises(BadBaseline):
            parse("b.json", json.dumps(changed).encode(), "harbour")


def test_a_missing_baseline_says_how_to_write_one(tmp_path: Path) -> None:
    run = invoke("check", BROKEN, *HARBOUR, "--baseline", tmp_path / "none.json")
    assert run.code == 2
    assert "--write-baseline FILE writes one" in " ".join(run.err.split())


def test_neither_file_is_overwritten(tmp_path: Path) -> None:
    broken("--write-baseline", tmp_path / "b.json")
    for option in ("-o", "--write-baseline", "--findings"):
        target = f"json={tmp_path / 'b.json'}" if option == "-o" else tmp_path / "b.json"
        run = invoke("check", BROKEN, *HARBOUR, "--baseline", tmp_path / "b.json", option, target)
        assert run.code == 2
        assert "is an input" in run.err


# ---- both ----------------------------------------------------------------------------------------------------------


def test_what_stands_in_no_group_always_counts() -> None:
    """More different findings than there are groups: nobody can have accepted those."""
    result = broken().result
    for group in result["groups"]:
        group["suppressed"] = True
    assert decide(result, "error", ())["exit"] == 0  # type: ignore[arg-type]  # the shape of a result
    result["counts"]["error"] += 1
    assert decide(result, "error", ())["exit"] == 1  # type: ignore[arg-type]  # a result as a plain dictionary
    assert decide(result, "never", ())["exit"] == 0  # type: ignore[arg-type]  # a result as a plain dictionary


def test_every_format_says_how_many_findings_are_suppressed(tmp_path: Path) -> None:
    run = broken("--suppressions", suppressions(tmp_path / "s.toml", entry()), *ON)
    says = {
        "text": "1 finding is suppressed.",
        "json": '"suppressed": 1',
        "jsonl": '"suppressed":true',
        "markdown": "1 suppressed.",
        "csv": '"yes"',
        "html": "1 suppressed",
        "sarif": "1 findings are suppressed",
        "sarif-full": '"suppressions"',
        "junit": "1 findings are suppressed",
        "github": "1 findings suppressed",
    }
    assert says.keys() == FORMATS.keys()
    for kind, words in says.items():
        assert words in writer(kind)(run.result), kind  # type: ignore[arg-type]  # the shape of a result


def test_a_saved_result_shows_the_same_again(tmp_path: Path) -> None:
    broken("--write-baseline", tmp_path / "b.json")
    file = suppressions(tmp_path / "s.toml", entry())
    options = ("--suppressions", file, *ON, "--baseline", tmp_path / "b.json", "-o", f"json={tmp_path / 'r.json'}")
    run = invoke("check", BROKEN, *HARBOUR, *options)
    assert invoke("report", tmp_path / "r.json").out == run.out
    result = json.loads((tmp_path / "r.json").read_text("utf-8"))
    assert result["digest"] == digest(result)
    assert "Since the baseline b.json: 0 new groups" in run.out


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_marks_alone_decide_and_more_marks_never_fail_a_run(data: st.DataObject) -> None:
    result = copy.deepcopy(_RESULT)
    for group in result["groups"]:
        group["suppressed"] = data.draw(st.booleans())
        group["baseline"] = data.draw(st.sampled_from(["known", "new"]))
    level = data.draw(st.sampled_from(["error", "warning", "note"]))
    before = decide(result, level, ())["exit"]  # type: ignore[arg-type]  # the shape of a result
    order = ["error", "warning", "note"]
    heavy = [
        group
        for group in result["groups"]
        if order.index(group["level"]) <= order.index(level) and group["rule"] != "page-contradiction"
    ]
    assert before == int(any(not group["suppressed"] and group["baseline"] == "new" for group in heavy))
    data.draw(st.sampled_from(result["groups"]))["suppressed"] = True
    assert decide(result, level, ())["exit"] <= before  # type: ignore[arg-type]  # a result as a plain dictionary


_RESULT = broken().result


@pytest.mark.parametrize(
    ("options", "data", "code", "said"),
    [
        (("--require", "opt-out"), jsonl(started()), 4, "Exit code 4: required, but not decided: opt-out."),
        ((), b"", 3, "Exit code 3: nothing could be read."),
        ((), jsonl(started()), 0, None),
    ],
    ids=["not decided", "nothing read", "clean"],
)
def test_an_exit_code_that_no_finding_explains_is_explained(
    options: tuple[str, ...], data: bytes, code: int, said: str | None
) -> None:
    run = check_bytes(data, *options)
    assert run.code == code
    assert (said in run.out) if said else ("Exit code" not in run.out)
