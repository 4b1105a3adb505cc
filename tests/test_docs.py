"""The documentation says what the code does: derived parts are fresh, commands run, links resolve."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from audit.model import Outcome
from audit.rules import RULES
from tests import make_docs
from tests.conftest import ROOT, environment
from tests.make_docs import BLOCK, DOCS, RULE_PAGES, furnish, relative

PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted(DOCS.glob("*.md")),
    *sorted(RULE_PAGES.glob("*.md")),
]
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXIT = re.compile(r"\s+# exit (\d+)$")
LINK = re.compile(r"(?<!!)\[[^\]\n]+\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
PATH = re.compile(r"(?<![\w.:/)}>*-])/(?:home|root|tmp|work|usr|var|Users|opt|mnt|srv)\b|\b[A-Z]:\\")
TARGET = re.compile(r"\bmake ([a-z]+)\b")


class Command(NamedTuple):
    """A line of a page as it is typed, and the exit code that the page states."""

    line: str
    code: int


def commands(text: str) -> list[Command]:
    found: list[Command] = []
    for block in CONSOLE.findall(text):
        for line in block.splitlines():
            if line.startswith("$ ") and "telemetry-audit" in line:
                stated = EXIT.search(line)
                found.append(Command(EXIT.sub("", line[2:]), int(stated[1]) if stated else 0))
    return found


def with_commands() -> list[Path]:
    return [path for path in PAGES if commands(path.read_text("utf-8"))]


def anchors(text: str) -> set[str]:
    """The names that a reader's browser knows of the headings of a page."""
    heads = re.findall(r"^#{1,6} (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


def test_the_derived_parts_are_what_the_code_says() -> None:
    assert "\n".join(make_docs.differences()) == ""


def test_a_difference_is_told_with_its_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = {**make_docs.pages(), "docs/rules/new-rule.md": "# new-rule\n"}
    wanted["README.md"] = wanted["README.md"].replace("Apache-2.0", "another licence")
    monkeypatch.setattr(make_docs, "pages", lambda: wanted)
    assert make_docs.main(["--check"]) == 1
    out = capsys.readouterr().out
    assert "+# new-rule" in out
    assert "README.md: not what the code says" in out


def test_check_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in PAGES}
    assert make_docs.main(["--check"]) == 0
    assert capsys.readouterr().out == ""
    assert before == {path: path.stat().st_mtime_ns for path in PAGES}


def test_every_rule_has_a_page_and_every_page_a_rule() -> None:
    assert {path.stem for path in RULE_PAGES.glob("*.md")} == {rule.id for rule in RULES}


def test_every_block_that_can_be_made_is_shown_and_no_marker_is_left_open() -> None:
    texts = [path.read_text("utf-8") for path in make_docs.written_pages()]
    assert {match["name"] for text in texts for match in BLOCK.finditer(text)} == set(make_docs.names())
    for text in texts:
        assert text.count("<!-- generated:") == text.count("<!-- /generated -->") == len(BLOCK.findall(text))


def test_a_block_of_an_unknown_name_is_refused() -> None:
    with pytest.raises(SystemExit, match="no block of the name nonsense"):
        make_docs.filled("<!-- generated: nonsense -->\n<!-- /generated -->", ROOT / "README.md")


def test_an_example_cannot_silently_lose_a_section() -> None:
    assert make_docs.abridged("one\n\ntwo\n\nthree\n\nfour\n", ("one", "four")) == "one\n\n...\n\nfour"
    with pytest.raises(SystemExit, match="no section that begins with 'five'"):
        make_docs.abridged("one\n\ntwo\n", ("five",))


def test_every_exit_code_is_explained() -> None:
    assert list(make_docs.EXIT_CODES) == list(Outcome)


@pytest.mark.skipif(os.name != "posix", reason="commands are shown for a POSIX shell")
@pytest.mark.parametrize("page", with_commands(), ids=relative)
def test_every_command_shown_runs_and_ends_as_stated(page: Path, tmp_path: Path) -> None:
    text = page.read_text("utf-8")
    tools, home = tmp_path / "bin", tmp_path / "home"
    tools.mkdir()
    home.mkdir()
    tool = tools / "telemetry-audit"
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m audit "$@"\n', "utf-8")
    tool.chmod(0o755)
    furnish(home, text)
    for command in commands(text):
        done = subprocess.run(
            ["/bin/sh", "-c", command.line],
            cwd=home,
            env={**environment(), "PATH": f"{tools}{os.pathsep}{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert done.returncode == command.code, f"{command.line}\n{done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr


def test_the_pages_show_commands_of_every_kind() -> None:
    shown = " ".join(command.line for path in with_commands() for command in commands(path.read_text("utf-8")))
    for part in ("check ", "explain", "policy list", "policy show", "policy plan", "consent "):
        assert f"telemetry-audit {part}" in shown


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_links_resolve(page: Path) -> None:
    for target in LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        path = (page.parent / file).resolve() if file else page
        assert path.is_relative_to(ROOT), target
        assert path.exists(), target
        if anchor:
            assert anchor in anchors(path.read_text("utf-8")), target


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_no_page_names_a_path_of_a_machine(page: Path) -> None:
    assert PATH.findall(page.read_text("utf-8")) == []


@pytest.mark.parametrize("page", PAGES, ids=relative)
def test_make_targets_that_are_named_exist(page: Path) -> None:
    known = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    code = re.findall(r"`[^`\n]+`|^```sh\n.*?^```$", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert {target for part in code for target in TARGET.findall(part)} <= known


def test_every_page_is_reached_from_the_index() -> None:
    linked = {
        (DOCS / target.partition("#")[0]).resolve() for target in LINK.findall((DOCS / "index.md").read_text("utf-8"))
    }
    assert {path for path in DOCS.glob("*.md") if path.name != "index.md"} <= linked
