"""`report`: the same result gives the same bytes; a result that is not what it was is refused, with what to do."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from audit import __version__
from audit.engine.result import digest
from audit.writers import FORMATS
from tests.conftest import CAPTURES, ROOT, Json, Run, invoke, jsonl, samples

HARBOUR = ROOT / "fixtures" / "packs" / "harbour" / "2025-03"
BROKEN = CAPTURES / "harbour-broken.jsonl"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """A saved result, written by the tool."""
    path = tmp_path / "result.json"
    assert invoke("check", BROKEN, "-p", HARBOUR, "-q", "-o", f"json={path}").code == 1
    return path


def changed(path: Path, change: Callable[[Json], object], *, signed: bool = True) -> Path:
    """The result with a change; `signed`: with the digest worked out anew."""
    document = json.loads(path.read_text("utf-8"))
    change(document)
    if signed:
        document["digest"] = digest(document)
    path.write_text(json.dumps(document), "utf-8")
    return path


def refused(run: Run, *words: str) -> None:
    assert (run.code, run.out) == (2, "")
    assert "result.json" in run.err
    for word in words:
        assert word in run.err


# ---- the same again ------------------------------------------------------------------------------------------------


def test_a_saved_result_gives_the_bytes_of_the_run_that_wrote_it(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()
    wanted = [part for kind in FORMATS for part in ("-o", f"{kind}={first / kind}")]
    again = [part for kind in FORMATS for part in ("-o", f"{kind}={second / kind}")]
    run = invoke("check", BROKEN, "-p", HARBOUR, *wanted)
    assert run.code == 1
    told = invoke("report", first / "json", *again)
    assert (told.code, told.err) == (0, "")
    assert told.out == run.out
    for kind in FORMATS:
        assert (second / kind).read_bytes() == (first / kind).read_bytes()


def test_the_exit_code_says_only_whether_it_was_written(saved: Path) -> None:
    run = invoke("report", saved)
    assert run.code == 0
    assert "VIOLATED" in run.out


def test_other_spacing_is_the_same_result(saved: Path) -> None:
    before = invoke("report", saved).out
    assert invoke("report", changed(saved, lambda _: None)).out == before


def test_a_result_of_an_earlier_version_without_later_members_is_rendered(saved: Path) -> None:
    def earlier(document: Json) -> None:
        document["tool"]["version"] = "0.0.9"
        del document["timeline"]

    run = invoke("report", changed(saved, earlier), "-o", "html")
    assert run.code == 0
    assert "not stated in this result" in run.out


# ---- not what it was -----------------------------------------------------------------------------------------------


def test_a_hand_edited_result_is_refused(saved: Path) -> None:
    def milder(document: Json) -> None:
        document["verdict"] = "upheld"

    refused(invoke("report", changed(saved, milder, signed=False)), "changed after it was written", "digest", "again")


def test_a_result_without_its_digest_is_refused(saved: Path) -> None:
    refused(invoke("report", changed(saved, lambda d: d.pop("digest"), signed=False)), "`digest` is gone")


def test_a_doubled_member_is_refused(saved: Path) -> None:
    text = saved.read_text("utf-8")
    saved.write_text(text.replace('"verdict": "violated"', '"verdict": "upheld", "verdict": "violated"', 1), "utf-8")
    refused(invoke("report", saved), "changed after it was written")


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_cut_result_is_refused(saved: Path, share: float) -> None:
    data = saved.read_bytes().rstrip()
    saved.write_bytes(data[: int(len(data) * share)])
    refused(invoke("report", saved), "cut: it ends early, in line ", "get the original")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"hello", "no JSON object"),
        (b"[]", "no `format`"),
        (b"{}", "no `format`"),
        (b'{"format": 1}', "no `format`"),
        (b'{"format": "x"} trailing', "more than one JSON value"),
        (b"\xff\xfe{}", "not UTF-8"),
        (b'{"a": NaN}', "changed after it was written"),
        (b'{"a": ' + b"[" * 100_000, "changed after it was written"),
        (b'{"a": ' + b"9" * 5_000 + b"}", "changed after it was written"),
        (b'{"format": "telemetry-audit/inventory/1"}', "another format"),
        (b'{"format": "telemetry-audit/result/\xd9\xa1"}', "another format"),
        (b'{"format": "\\u001b[2Jx"}', "another format"),
        (jsonl(*samples()), "more than one JSON value"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "result.json"
    path.write_bytes(content)
    run = invoke("report", path)
    refused(run, words)
    assert "\x1b" not in run.err


@pytest.mark.parametrize(
    ("version", "words"), [("0", "older version"), ("2", "newer version"), ("9" * 30, "newer version")]
)
def test_a_result_of_another_format_version_is_refused(saved: Path, version: str, words: str) -> None:
    def other(document: Json) -> None:
        document["format"] = f"telemetry-audit/result/{version}"

    refused(invoke("report", changed(saved, other)), words)


def test_a_newer_tool_that_says_more_is_named(saved: Path) -> None:
    def more(document: Json) -> None:
        document["tool"]["version"] = "99.0"
        document["novelty"] = {}

    refused(invoke("report", changed(saved, more)), "version 99.0", __version__, "/novelty")


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda d: d.update(verdict="fine"), "/verdict"),
        (lambda d: d["claims"][0].update(broken="many"), "/claims/0/broken"),
        (lambda d: d["groups"][0].pop("rule"), "/groups/0/rule"),
        (lambda d: d["coverage"].update(first="yesterday"), "/coverage/first"),
        (lambda d: d.update(findings=None), "/findings"),
        (lambda d: d["timeline"]["intervals"][0].update(every=10**18), "/timeline/intervals/0/every"),
    ],
)
def test_a_result_that_was_made_up_is_refused_with_the_place(
    saved: Path, change: Callable[[Json], object], where: str
) -> None:
    """A digest proves that nothing changed, not who wrote it."""
    refused(invoke("report", changed(saved, change)), where)


@pytest.mark.parametrize("moment", ["0000-01-01T00:00:00Z", "2020-11-04T23:59:60Z", "9999-12-31T23:59:59.999Z"])
def test_times_at_the_edge_of_the_calendar_crash_nothing(saved: Path, moment: str) -> None:
    def edge(document: Json) -> None:
        document["timeline"]["events"].insert(0, {"from": moment, "origins": {"agent": 10**300}})
        document["coverage"]["consent"] = [{"subject": "*", "state": "opted-out", "from": moment, "to": None}]

    run = invoke("report", changed(saved, edge), "-o", "html")
    assert run.code in (0, 2)
    assert "internal error" not in run.err


# ---- outputs -------------------------------------------------------------------------------------------------------


def test_a_missing_result_is_refused(tmp_path: Path) -> None:
    run = invoke("report", tmp_path / "result.json")
    refused(run, "cannot be read")


def test_a_directory_is_no_result(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    path.mkdir()
    refused(invoke("report", path), "cannot be read")


def test_the_result_itself_is_never_replaced(saved: Path) -> None:
    before = saved.read_bytes()
    for target in (saved.name, f"./{saved.name}"):
        refused(invoke("report", saved.name, "-o", f"json={target}", cwd=saved.parent), "is an input")
    assert saved.read_bytes() == before


def test_an_output_that_cannot_be_written_is_refused_before_the_result_is_read(tmp_path: Path) -> None:
    run = invoke("report", tmp_path / "missing.json", "-o", f"html={tmp_path / 'no' / 'r.html'}")
    assert run.code == 2
    assert "does not exist: create the directory first" in run.err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_no_finding(saved: Path) -> None:
    run = invoke("report", saved, "-q", "-o", "html=/dev/full")
    assert run.code == 2
    assert "was not written" in run.err


def test_a_failed_write_leaves_no_half_file(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    target = saved.parent / "r.html"
    target.write_text("before", "utf-8")
    monkeypatch.setattr(os, "fdopen", full)
    run = invoke("report", saved, "-q", "-o", f"html={target}")
    assert run.code == 2
    assert "No space left on device" in run.err
    monkeypatch.undo()
    assert target.read_text("utf-8") == "before"
    assert {path.name for path in saved.parent.iterdir()} == {"result.json", "r.html"}
