"""The sweep: marks planted wherever a person or a machine can leave something, and searched in everything that is written.

Captured values and names that are data; the values of seed files; the environment; directories; the pack's own lists. Then
every format, more words, every gate, refusals, a crash in each part, and what lies in temporary files while a run lasts.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from audit.policy.files import schemas_root
from audit.runners.marks import MarkStore
from audit.writers import FORMATS
from tests.conftest import Run, invoke
from tests.test_redaction_end_to_end import MARKS, TEXT, email, hex_token, letters, lines

OTHER = "wq9vy"
"""A mark for what is no capture: environment, directories, packs, seeds."""
ALL = tuple(mark.encode() for mark in (*MARKS, OTHER))


def found(directory: Path, run: Run, *skip: Path) -> list[str]:
    """Every place in which a mark stands: streams, files, names of files. `skip`: what the test wrote itself."""
    places = {"stdout": run.out.encode("utf-8", "surrogatepass"), "stderr": run.err.encode("utf-8", "surrogatepass")}
    for path in directory.rglob("*"):
        if path.is_file() and not any(path == own or own in path.parents for own in skip):
            places[str(path.relative_to(directory))] = path.read_bytes()
            assert OTHER not in path.name
    return [f"{mark!r} in {place}" for place, data in places.items() for mark in ALL if mark in data.lower()]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory to work in. Around it, names of people: in the path, the user, the host, the environment."""
    work = tmp_path / f"{OTHER}.person@fabrikam-mail.com" / "work"
    work.mkdir(parents=True)
    for name in (
        "HOME",
        "USER",
        "LOGNAME",
        "HOSTNAME",
        "EMAIL",
        "GIT_AUTHOR_EMAIL",
        "TELEMETRY_AUDIT",
        "XDG_CONFIG_HOME",
    ):
        monkeypatch.setenv(name, f"{OTHER}.user@fabrikam-mail.com")
    temp = tmp_path / "temp"
    temp.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temp))
    (work / "capture.jsonl").write_bytes(b"\n".join(lines()))
    seeds = [f"{email()},identifier,person", f"{OTHER} planted canary one,canary,row", f"{letters()},datasource,table"]
    (work / "seeds.csv").write_text("\n".join(["value,kind,label", *seeds]) + "\n", "utf-8")
    pack = work / "pack"
    shutil.copytree(schemas_root() / "appsmith" / "2020-11", pack)
    policy = (pack / "policy.toml").read_text("utf-8")
    planted = policy.replace("not_personal = [", f'not_personal = ["{OTHER}.desk@fabrikam-mail.com", ')
    assert planted != policy
    (pack / "policy.toml").write_text(planted, "utf-8")
    yield work
    assert not [*temp.iterdir()], "a temporary file was left"


def outputs() -> list[str]:
    return [part for kind in FORMATS for part in ("-o", f"{kind}=out.{kind}")]


RUNS: dict[str, tuple[str, ...]] = {
    "every format": (),
    "every format, in more words": ("-v", "--examples", "1000"),
    "with inventory, measures and every finding": ("--inventory", "--measures", "--findings", "all.jsonl"),
    "with seeds": ("--seeds", "seeds.csv"),
    "by a pack of one's own": ("-p", "pack"),
    "in two processes": ("-j", "2"),
    "with a baseline written": ("--write-baseline", "baseline.json"),
    "strictly": ("--fail-on", "note", "--require", "all"),
}


def own(home: Path) -> tuple[Path, ...]:
    return home / "capture.jsonl", home / "seeds.csv", home / "pack"


@pytest.mark.parametrize("options", RUNS.values(), ids=RUNS)
def test_nothing_planted_is_written_in_any_format(home: Path, options: tuple[str, ...]) -> None:
    run = invoke("check", home / "capture.jsonl", *options, *outputs(), cwd=home)
    assert run.code == 1, run.err
    assert {f"out.{kind}" for kind in FORMATS} <= {path.name for path in home.iterdir()}
    assert found(home, run, *own(home)) == []


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_planted_comes_out_of_a_saved_result(home: Path, kind: str) -> None:
    invoke("check", home / "capture.jsonl", "-q", "-o", "json=result.json", cwd=home)
    run = invoke("report", home / "result.json", "-o", kind, cwd=home)
    assert run.code == 0
    assert found(home, run, *own(home)) == []


def test_an_inventory_shows_nothing_planted(home: Path) -> None:
    for kind in ("text", "markdown", "csv", "json"):
        run = invoke("inventory", home / "capture.jsonl", "-f", kind, cwd=home)
        assert run.code == 0, run.err
        assert found(home, run, *own(home)) == []


REFUSED: dict[str, tuple[str, ...]] = {
    "a baseline that is the capture": ("--baseline", "capture.jsonl"),
    "suppressions that are the capture": ("--suppressions", "capture.jsonl"),
    "seeds that are the capture": ("--seeds", "capture.jsonl"),
    "consent that is the capture": ("--consent", "capture.jsonl"),
    "custody that is the capture": ("--custody", "capture.jsonl"),
    "a pack that is the capture": ("-p", "capture.jsonl"),
    "a directory for a file": ("-o", "json=pack"),
    "no such format": ("-o", "yaml=x"),
}


@pytest.mark.parametrize("options", REFUSED.values(), ids=REFUSED)
def test_a_refusal_quotes_nothing(home: Path, options: tuple[str, ...]) -> None:
    run = invoke("check", "capture.jsonl", *options, cwd=home)
    assert run.code == 2, run.out
    assert found(home, run, *own(home)) == []


def test_a_changed_result_or_baseline_is_refused_without_a_word_of_it(home: Path) -> None:
    invoke("check", "capture.jsonl", "-q", "-o", "json=result.json", "--write-baseline", "baseline.json", cwd=home)
    for name in ("result.json", "baseline.json"):
        document = json.loads((home / name).read_text("utf-8"))
        document["policy"], document[email()] = hex_token(), f"{TEXT} planted"
        (home / name).write_text(json.dumps(document), "utf-8")
    files = (home / "result.json", home / "baseline.json")
    for run in (
        invoke("report", "result.json", cwd=home),
        invoke("check", "capture.jsonl", "--baseline", "baseline.json", cwd=home),
    ):
        assert run.code == 2
        assert found(home, run, *own(home), *files) == []


CRASHES = [
    "check.settle",
    "check.decided",
    "check._judge",
    "check.render_baseline",
    "outputs.writer",
    "outputs.write_atomically",
]


@pytest.mark.parametrize("where", CRASHES)
def test_a_crash_tells_nothing(home: Path, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(*_: object, **__: object) -> None:
        raise ValueError(f"{TEXT} planted", {email(): hex_token()}, home)

    monkeypatch.setattr(f"audit.cli.{where}", crash)
    options = ("-v", "--write-baseline", "b.json", "--findings", "all.jsonl", *outputs())
    run = invoke("check", home / "capture.jsonl", *options, cwd=home)
    assert run.code == 70
    assert "internal error: ValueError in " in run.err
    assert found(home, run, *own(home)) == []


def test_temporary_files_hold_nothing_planted(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks spill at once, and what is thrown away at the end is looked at first."""
    seen: list[bytes] = []
    clean = tempfile.TemporaryDirectory.cleanup

    def look(folder: tempfile.TemporaryDirectory[str]) -> None:
        seen.extend(path.read_bytes() for path in Path(folder.name).rglob("*") if path.is_file())
        clean(folder)

    monkeypatch.setattr(MarkStore.__init__, "__defaults__", (0,))
    monkeypatch.setattr(tempfile.TemporaryDirectory, "cleanup", look)
    run = invoke("check", home / "capture.jsonl", "-q", *outputs(), cwd=home)
    assert run.code == 1, run.err
    assert seen
    assert not [mark for data in seen for mark in ALL if mark in data.lower()]


def test_the_marks_are_really_there_and_really_found(home: Path) -> None:
    """So that the silence is not that of a search that finds nothing."""
    assert not found(home, Run(0, "", ""), *own(home))
    assert len(found(home, Run(0, TEXT, OTHER))) >= 2 + len(ALL)
    run = invoke("check", home / "capture.jsonl", "--seeds", "seeds.csv", "-q", "-o", "json", cwd=home)
    rules = json.loads(run.out)["counts"]["rules"]
    assert {"email-address", "undocumented-field", "undocumented-event", "datasource-payload"} <= rules.keys()
