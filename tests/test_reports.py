"""The example reports are what the tool writes today, whole and in every format."""

from __future__ import annotations

import json

import pytest

from audit.writers import FORMATS, writer
from audit.writers.fields import FORMATS as FIELDS
from tests import make_reports
from tests.conftest import CAPTURES, jsonl, samples


def test_the_reports_are_those_that_the_tool_writes() -> None:
    assert "\n".join(make_reports.differences()) == ""


def test_a_difference_is_told_with_its_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = {path.name: path.read_bytes() for path in make_reports.REPORTS.iterdir()}
    text = there["three-samples.text"]
    wanted = {**there, "three-samples.text": text.replace(b"CONTRADICTED", b"UPHELD"), "new.text": b"new\n"}
    monkeypatch.setattr(make_reports, "reports", lambda: iter(wanted.items()))
    assert make_reports.main(["--check"]) == 1
    out = capsys.readouterr().out
    assert "-CONTRADICTED" in out
    assert "+UPHELD" in out
    assert "reports/new.text: not what the tool writes" in out
    monkeypatch.setattr(make_reports, "reports", lambda: iter(there.items()))
    assert make_reports.main(["--check"]) == 0
    assert capsys.readouterr().out == ""


def test_there_is_a_report_of_every_format() -> None:
    names = {path.name for path in make_reports.REPORTS.iterdir()}
    inventories = {f"{case}.inventory.{kind}" for case in make_reports.INVENTORIES for kind in FIELDS}
    assert names == inventories | {f"{case}.{kind}" for case in make_reports.CASES for kind in FORMATS}


def test_the_three_samples_are_those_of_the_page() -> None:
    assert (CAPTURES / "three-samples.jsonl").read_bytes() == jsonl(*samples())


@pytest.mark.parametrize("case", make_reports.CASES)
def test_every_format_is_made_from_the_result_alone(case: str) -> None:
    """A saved result can be shown again without the capture."""
    result = json.loads((make_reports.REPORTS / f"{case}.json").read_text("utf-8"))
    for kind in FORMATS:
        assert writer(kind)(result).encode() == (make_reports.REPORTS / f"{case}.{kind}").read_bytes()


@pytest.mark.parametrize("case", make_reports.CASES)
def test_the_text_fits_a_terminal_and_needs_no_colour(case: str) -> None:
    text = (make_reports.REPORTS / f"{case}.text").read_text("utf-8")
    assert text.endswith("and it is no legal assessment.\n")
    for line in text.splitlines():
        assert len(line) <= 80, line
        assert line == line.rstrip()
        assert line.isprintable() or not line


@pytest.mark.parametrize("name", ["plain", "\ud800", "\x7f\x85\u2028\U0001f600", '\x00\x1b"\\/'])
@pytest.mark.parametrize("case", make_reports.CASES)
def test_the_result_is_written_as_the_standard_library_writes_it(case: str, name: str) -> None:
    """Whichever writer is fast enough: also for what it refuses."""
    result = json.loads((make_reports.REPORTS / f"{case}.json").read_text("utf-8"))
    result["parameters"] |= {name: name, "large": 2**70, "empty": [[], {}, "", None, True, 0.5]}
    assert writer("json")(result) == json.dumps(result, indent=2, ensure_ascii=False) + "\n"
    del result["parameters"]["large"]
    assert writer("json")(result) == json.dumps(result, indent=2, ensure_ascii=False) + "\n"
