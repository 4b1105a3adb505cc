"""Outputs: nothing that was given is replaced, and where there is no room, what can be written is, and nothing by half."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import pytest

from audit.policy.files import schemas_root
from audit.writers import FORMATS
from tests.conftest import CAPTURES, cli, compact, invoke, page_load

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


# ---- what stands where an output goes ------------------------------------------------------------------------------

WRITERS = {"-o": "json={}", "--write-baseline": "{}"}


@pytest.mark.parametrize("target", [*WRITERS, "--findings"])
def test_an_output_that_is_a_link_is_written_where_it_leads(tmp_path: Path, target: str) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to("disk/result")
    wanted = WRITERS.get(target, "{}").format("out")
    assert invoke("check", CAPTURES / "python-segment.jsonl", "-q", target, wanted, cwd=tmp_path).code == 1
    assert (tmp_path / "out").is_symlink()
    assert (tmp_path / "disk" / "result").stat().st_size > 0
    assert [path.name for path in (tmp_path / "disk").iterdir()] == ["result"]


@pytest.mark.parametrize("target", [*WRITERS, "--findings"])
@pytest.mark.parametrize("mode", [0o600, 0o664])
def test_a_file_that_is_written_anew_is_for_the_same_people(tmp_path: Path, target: str, mode: int) -> None:
    (tmp_path / "out").touch()
    (tmp_path / "out").chmod(mode)
    wanted = WRITERS.get(target, "{}").format("out")
    invoke("check", CAPTURES / "python-segment.jsonl", "-q", target, wanted, cwd=tmp_path)
    assert (tmp_path / "out").stat().st_size > 0
    assert (tmp_path / "out").stat().st_mode & 0o777 == mode


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("kind", ["a pipe", "a descriptor"])
def test_findings_replace_neither_a_pipe_nor_what_is_open(tmp_path: Path, kind: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    with (tmp_path / "opened").open("wb") as opened:
        target = str(tmp_path / "pipe") if kind == "a pipe" else f"/dev/fd/{opened.fileno()}"
        run = invoke("check", CAPTURES / "python-segment.jsonl", "-q", "--findings", target, cwd=tmp_path)
    assert (run.code, run.out) == (2, "")
    assert f"--findings {target} is a device or a pipe: name a file" in run.err
    assert (tmp_path / "pipe").is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["opened", "pipe"]


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs descriptors with names")
def test_a_file_that_is_open_gets_the_output_after_what_it_holds(tmp_path: Path) -> None:
    with (tmp_path / "log").open("ab") as opened:
        opened.write(b"before\n")
        opened.flush()
        wanted = f"json=/dev/fd/{opened.fileno()}"
        invoke("check", CAPTURES / "python-segment.jsonl", "-q", "-o", wanted, cwd=tmp_path)
        opened.write(b"after\n")
    lines = (tmp_path / "log").read_text("utf-8").splitlines()
    assert (lines[0], lines[1], lines[-2], lines[-1]) == ("before", "{", "}", "after")


def test_the_name_of_standard_output_is_standard_output() -> None:
    capture = CAPTURES / "three-samples.jsonl"
    named, plain = (invoke("check", capture, "-o", wanted) for wanted in ("json=/dev/stdout", "json"))
    assert (named.code, named.out) == (plain.code, plain.out)
    twice = invoke("check", capture, "-o", "json=/dev/stdout", "-o", "text")
    assert twice.code == 2
    assert "cannot both go to stdout" in twice.err


@pytest.mark.parametrize(("command", "code"), [("check", 2), ("inventory", 0)])
def test_a_closed_standard_output_is_told_and_other_outputs_are_written(
    tmp_path: Path, command: str, code: int
) -> None:
    capture = CAPTURES / "python-segment.jsonl"
    run = cli(command, capture, cwd=tmp_path, wrapper=("sh", "-c", 'exec "$@" >&-', "sh"))
    assert run.code == 2
    assert run.err == "Error: standard output is closed: give -o FORMAT=FILE, or -q\n"
    elsewhere = cli(command, capture, "-o", "json=r.json", cwd=tmp_path, wrapper=("sh", "-c", 'exec "$@" >&-', "sh"))
    assert elsewhere.code == code, "the text of `check` has no place, an inventory has its file"
    assert (tmp_path / "r.json").stat().st_size > 0


@pytest.mark.parametrize("command", [("check", "-"), ("inventory", "-"), ("policy", "infer", "-", "-o", "pack")])
def test_a_closed_standard_input_is_told(tmp_path: Path, command: tuple[str, ...]) -> None:
    run = cli(*command, cwd=tmp_path, wrapper=("sh", "-c", 'exec "$@" <&-', "sh"))
    assert (run.code, run.out) == (2, "")
    assert "standard input (-) is closed: name a file. Nothing was read." in run.err
    assert [*tmp_path.iterdir()] == []
