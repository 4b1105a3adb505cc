"""Outputs: nothing that was given is replaced, and where there is no room, what can be written is, and nothing by half."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from audit.policy.files import schemas_root
from audit.writers import FORMATS
from tests.conftest import CAPTURES, compact, invoke, page_load

GIVEN: dict[str, tuple[str, str]] = {
    # option: the file that it names, and what stands in it
    "--consent": ("consent.csv", "at,subject,state\n2020-11-04T00:00:00Z,*,opted-in\n"),
    "--docker-env": ("docker.env", "APPSMITH_DISABLE_TELEMETRY=true\n"),
    "--custody": ("custody.toml", 'captured_by = "Internal audit"\n'),
    "--seeds": ("seeds.csv", "value,kind,label\norchid-lantern-4471,canary,row\n"),
    "--suppressions": ("exceptions.toml", 'format = "telemetry-suppressions/1"\n'),
    "--policy": ("pack/policy.toml", ""),
}


@pytest.mark.parametrize("option", GIVEN)
@pytest.mark.parametrize("target", ["-o", "--findings", "--write-baseline"])
def test_no_output_replaces_a_file_that_was_given(tmp_path: Path, option: str, target: str) -> None:
    name, text = GIVEN[option]
    shutil.copytree(schemas_root() / "appsmith" / "2020-11", tmp_path / "pack")
    if option != "--policy":
        (tmp_path / name).write_text(text, "utf-8")
    (tmp_path / "c.jsonl").write_bytes(compact(page_load()))
    before = (tmp_path / name).read_bytes()
    given = name.split("/", maxsplit=1)[0]
    wanted = f"json=./{name}" if target == "-o" else name
    run = invoke("check", "c.jsonl", option, given, target, wanted, cwd=tmp_path)
    assert (run.code, run.out) == (2, "")
    assert f"{name} is an input: an output may not replace it" in run.err
    assert (tmp_path / name).read_bytes() == before


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_what_cannot_be_written_keeps_nothing_else_from_being_written(tmp_path: Path) -> None:
    kinds = [kind for kind in FORMATS if kind != "html"]
    wanted = [part for kind in kinds for part in ("-o", f"{kind}=out.{kind}")]
    args = ("-q", "-o", "html=/dev/full", *wanted, "--write-baseline", "b.json")
    run = invoke("check", CAPTURES / "python-segment.jsonl", *args, cwd=tmp_path)
    assert (run.code, run.out) == (2, "")
    assert run.err == "Error: /dev/full was not written: No space left on device\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*(f"out.{kind}" for kind in kinds), "b.json"])


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_fills_up_meanwhile_is_no_fault_of_the_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(number, "No room for marked text", "marked text")

    monkeypatch.setattr("audit.cli.check.settle", full)
    args = ("-q", "--findings", "all.jsonl", "-o", "json=r.json")
    run = invoke("check", CAPTURES / "python-segment.jsonl", *args, cwd=tmp_path)
    assert run.code == 2
    assert "free some space" in run.err
    assert "internal error" not in run.err
    assert [*tmp_path.iterdir()] == []
