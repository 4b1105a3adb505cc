"""action.yml and .pre-commit-hooks.yaml, tried: the action's own steps run as a runner runs them, hooks by pre-commit."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import CAPTURES, ROOT
from tests.test_gate import entry, suppressions

ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
HARBOUR = ROOT / "fixtures" / "packs" / "harbour" / "2025-03"


class Runner:
    """As much of a runner as a composite action needs: inputs with defaults, files for outputs and summary."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.temp = directory / "temp"
        self.work = directory / "work"
        for path in (self.temp / "telemetry-audit" / "bin", self.work):
            path.mkdir(parents=True)
        # Installed already: the step that installs is tried by its own test.
        for name, words in (("telemetry-audit", "-m audit"), ("python", "")):
            program = self.temp / "telemetry-audit" / "bin" / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n', "utf-8")
            program.chmod(0o755)

    def run(self, **inputs: str) -> tuple[int, str]:
        given = {name: str(entry_.get("default", "")) for name, entry_ in ACTION["inputs"].items()}
        given |= {name.replace("_", "-"): value for name, value in inputs.items()}
        (step,) = [step for step in ACTION["runs"]["steps"] if step.get("id") == "audit"]
        env = {name: self.value(text, given) for name, text in step["env"].items()}
        files = {
            "GITHUB_OUTPUT": str(self.directory / "outputs"),
            "GITHUB_STEP_SUMMARY": str(self.directory / "summary"),
        }
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.work,
            env={**os.environ, **env, **files, "RUNNER_TEMP": str(self.temp), "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    @staticmethod
    def value(text: str, given: dict[str, str]) -> str:
        match = re.fullmatch(r"\$\{\{ inputs\.([a-z-]+) \}\}", text)
        assert match is not None, text
        return given[match[1]]

    @property
    def outputs(self) -> dict[str, str]:
        lines = (self.directory / "outputs").read_text("utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def test_the_action_reports_annotates_sums_up_and_fails_with_the_audits_code(runner: Runner) -> None:
    code, out = runner.run(captures=str(CAPTURES / "harbour-broken.jsonl"), policy=str(HARBOUR))
    assert code == 1
    assert runner.outputs["exit-code"] == "1"
    for name in ("result", "sarif", "html", "junit"):
        assert (runner.work / runner.outputs[name]).is_file()
    assert (runner.directory / "summary").read_text("utf-8").startswith("# Telemetry audit: harbour 2025-03")
    assert "\n::error file=harbour-broken.jsonl,line=3" in out


def test_what_the_report_names_is_no_command(runner: Runner) -> None:
    _, out = runner.run(captures=str(CAPTURES / "harbour-broken.jsonl"), policy=str(HARBOUR))
    stop = re.search(r"^::stop-commands::([0-9a-f]{32})\n(.*?)^::\1::\n", out, re.MULTILINE | re.DOTALL)
    assert stop is not None
    assert "VIOLATED" in stop[2]
    assert "VIOLATED" not in out.replace(stop[0], "").partition("::error")[0]


def test_inputs_are_words_and_nothing_in_them_is_executed(runner: Runner, tmp_path: Path) -> None:
    evil = runner.work / "$(touch hacked) `touch hacked`; touch hacked\"'.jsonl"
    evil.write_bytes((CAPTURES / "harbour.jsonl").read_bytes())
    code, out = runner.run(captures=f"\n  {evil.name}\n", policy=str(HARBOUR), options="--examples=1\n--no-inventory\n")
    assert (code, "hacked" in {path.name for path in runner.work.iterdir()}) == (0, False), out
    result = json.loads((runner.work / "telemetry-audit" / "report.json").read_text("utf-8"))
    assert [row["name"] for row in result["inputs"]] == [evil.name]
    assert result["parameters"]["examples"] == 1


def test_the_actions_gate_takes_baseline_suppressions_and_required_claims(runner: Runner, tmp_path: Path) -> None:
    file = suppressions(tmp_path / "s.toml", entry(expires="2999-12-31"))
    given: dict[str, Any] = {"captures": str(CAPTURES / "harbour-broken.jsonl"), "policy": str(HARBOUR)}
    baseline = tmp_path / "b.json"
    assert runner.run(**given, options=f"--write-baseline={baseline}")[0] == 1
    assert runner.run(**given, baseline=str(baseline), suppressions=str(file))[0] == 0
    assert runner.run(**given, baseline=str(baseline), require="console-opt-in")[0] == 4
    assert runner.run(**given, fail_on="never", annotations="false", summary="false")[0] == 0


def test_a_run_that_was_refused_leaves_no_report_of_an_earlier_one(runner: Runner) -> None:
    given = {"policy": str(HARBOUR), "output": "out"}
    runner.run(captures=str(CAPTURES / "harbour.jsonl"), **given)
    code, out = runner.run(captures="no-such-file.jsonl", **given)
    assert code == 2
    assert "no-such-file.jsonl" in out
    assert list((runner.work / "out").iterdir()) == []


def test_the_action_puts_no_input_into_a_script_and_installs_what_it_stands_in() -> None:
    for step in ACTION["runs"]["steps"]:
        assert "${{" not in step["run"]
        assert "uses" not in step
    install = ACTION["runs"]["steps"][0]
    assert install["env"]["AUDIT_SOURCE"] == "${{ github.action_path }}"
    used = {name for step in ACTION["runs"]["steps"] for name in re.findall(r"inputs\.([a-z-]+)", str(step["env"]))}
    assert used == ACTION["inputs"].keys()


# ---- pre-commit ----------------------------------------------------------------------------------------------------


def git(*words: str, cwd: Path) -> None:
    subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@t.test", *words], cwd=cwd, check=True, capture_output=True
    )


def precommit(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PRE_COMMIT_HOME": str(cwd.parent / "pre-commit")}
    env["PATH"] = f"{cwd.parent}{os.pathsep}{env['PATH']}"
    command = [sys.executable, "-m", "pre_commit", *words]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository that uses the hooks, with the tool as installed here instead of an environment of its own."""
    hooks = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text("utf-8"))
    for hook in hooks:
        hook["language"] = "system"
        if hook["id"] == "telemetry-audit":
            hook["args"] = ["--policy", str(HARBOUR)]
    program = tmp_path / "telemetry-audit"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m audit "$@"\n', "utf-8")
    program.chmod(0o755)
    home = tmp_path / "repository"
    home.mkdir()
    (home / ".pre-commit-config.yaml").write_text(
        yaml.safe_dump({"repos": [{"repo": "local", "hooks": hooks}]}), "utf-8"
    )
    git("init", "-q", cwd=home)
    return home


def test_the_hooks_are_what_pre_commit_expects(repository: Path) -> None:
    done = precommit("validate-manifest", str(ROOT / ".pre-commit-hooks.yaml"), cwd=repository)
    assert done.returncode == 0, done.stdout


def test_hooks_judge_captures_and_lint_packs_of_the_commit(repository: Path) -> None:
    for name in ("harbour.jsonl", "harbour-broken.jsonl"):
        (repository / name).write_bytes((CAPTURES / name).read_bytes())
    git("add", "harbour.jsonl", cwd=repository)
    done = precommit("run", "telemetry-audit", cwd=repository)
    assert done.returncode == 0, done.stdout
    git("add", "harbour-broken.jsonl", cwd=repository)
    done = precommit("run", "telemetry-audit", cwd=repository)
    assert done.returncode == 1
    assert "email-address" in done.stdout


def test_hooks_find_the_pack_of_a_file_that_the_commit_touches(repository: Path) -> None:
    pack = repository / "packs" / "mine"
    (pack / "events").mkdir(parents=True)
    for path in (HARBOUR / "policy.toml", HARBOUR / "page.md", *(HARBOUR / "events").iterdir()):
        (pack / path.relative_to(HARBOUR)).write_bytes(path.read_bytes())
    (pack / "policy.toml").write_text("format = 1\n", "utf-8")
    git("add", ".", cwd=repository)
    done = precommit("run", "telemetry-audit-policy-lint", cwd=repository)
    assert done.returncode == 1
    assert "packs/mine" in done.stdout
