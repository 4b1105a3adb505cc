"""Consent as auditors bring it: files, options, env files, `docker inspect`. What is wrong is named, never guessed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from audit.policy.consent import State
from audit.sources.consent import ConsentError, read_rows, table_of
from audit.sources.docker_env import Setting, read_env
from tests.conftest import Run, check_bytes, invoke, jsonl
from tests.hours import at, beat, click
from tests.within import APPSMITH, policy_of

HEADER = "at,subject,state,effective_at\n"
NAME = "APPSMITH_DISABLE_TELEMETRY"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the header must be"),
        (HEADER, "no rows"),
        ("when,who\n1,2\n", ":1: the header"),
        (HEADER + "2020-02-30T00:00:00Z,*,opted-in,\n", ":2: at is no date"),
        (HEADER + "yesterday,*,opted-in,\n", ":2: at is no date"),
        (HEADER + f"{at(1)},*,maybe,\n", ":2: state must be"),
        (HEADER + f"{at(1)},,opted-in,\n", ":2: no subject"),
        (HEADER + f"{at(1)},*,opted-out,{at(0)}\n", ":2: effective_at lies before"),
        (HEADER + f"{at(1)},*,opted-out,soon\n", ":2: effective_at is no date"),
        (HEADER + f"{at(1)},*\n", ":2: 4 columns"),
        (HEADER + f"{at(1)},*,opted-in,,,more\n", ":2: 4 columns"),
        ("{not json\n", ":1: not JSON"),
        ('{"at": 5, "subject": "*", "state": "opted-in"}\n', ":1: at is no date"),
        ('{"at": "x", "subject": "*", "state": "opted-in", "by": "me"}\n', ":1: unknown column by"),
    ],
)
def test_a_bad_row_is_named_with_its_line(text: str, said: str) -> None:
    with pytest.raises(ConsentError) as caught:
        read_rows(text, "consent.csv")
    assert said in str(caught.value)
    assert str(caught.value).startswith("consent.csv:")


def test_two_states_at_one_instant_contradict_each_other() -> None:
    rows = read_rows(HEADER + f"{at(1)},*,opted-in,\n{at(1)},*,declined,\n", "c.csv")
    with pytest.raises(ConsentError, match=r"c\.csv:3: contradicts line 2"):
        table_of(rows, "c.csv", needs_restart=True)


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff"])
def test_rows_out_of_order_are_sorted_and_comments_passed_over(start: str, end: str) -> None:
    text = start + end.join(
        (HEADER.strip(), f"{at(3)},*,declined,", "# a comment", "", f'"{at(1)}","*","opted-in",', "")
    )
    table = table_of(read_rows(text, "c.csv"), "c.csv", needs_restart=True)
    assert [change.state for change in table.changes["*"]] == [State.OPTED_IN, State.DECLINED]


def test_json_lines_say_the_same_as_csv() -> None:
    rows = [{"at": at(1), "subject": "*", "state": "opted-out", "effective_at": at(2)}]
    table = table_of(read_rows("\n".join(map(json.dumps, rows)), "c.jsonl"), "c.jsonl", needs_restart=True)
    assert table == table_of(read_rows(HEADER + f"{at(1)},*,opted-out,{at(2)}\n", "c.csv"), "c.csv", needs_restart=True)


# ---- env files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "setting"),
    [
        (f"{NAME}=true", Setting.OFF),
        (f"A=1\n{NAME}=true\nB=2\n", Setting.OFF),
        (f"{NAME}=false\n{NAME}=true\n", Setting.OFF),
        (f"{NAME}=true\n{NAME}=false\n", Setting.ON),
        (f"{NAME}=false", Setting.ON),
        (f"{NAME}=", Setting.ON),
        (f"#{NAME}=true", Setting.ON),
        ("OTHER=true", Setting.ON),
        ("", Setting.ON),
        (f"{NAME}=TRUE", Setting.LOOKS_OFF),
        (f"{NAME}=1", Setting.LOOKS_OFF),
        (f'{NAME}="true"', Setting.LOOKS_OFF),
        (f"{NAME}='true'", Setting.LOOKS_OFF),
        (f"export {NAME}=true", Setting.LOOKS_OFF),
        (f"{NAME} = true", Setting.LOOKS_OFF),
        (f"{NAME}=true ", Setting.LOOKS_OFF),
        (f"{NAME}=true # off", Setting.LOOKS_OFF),
        (f"{NAME}=true\r\n", Setting.LOOKS_OFF),
        (f"{NAME}: true", Setting.LOOKS_OFF),
        (NAME, Setting.LOOKS_OFF),
        ("APPSMITH_DISABLE_TELEMTRY=true", Setting.LOOKS_OFF),
    ],
)
def test_an_env_file_is_read_as_docker_reads_it(text: str, setting: Setting) -> None:
    switch = policy_of(APPSMITH).consent
    assert switch is not None
    assert read_env(text, switch).setting is setting


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [(f"{NAME}=true\n", 0, "switched off"), (f"{NAME}=TRUE\n", 1, "LOOKS off"), ("", 1, "is on")],
)
def test_the_consent_command_says_what_it_means(tmp_path: Path, text: str, code: int, said: str) -> None:
    (tmp_path / "docker.env").write_text(text)
    run = invoke("consent", "docker.env", cwd=tmp_path)
    assert run.code == code
    assert said in run.out
    assert "recreated" in run.out


def test_of_several_env_files_the_last_that_sets_it_decides(tmp_path: Path) -> None:
    (tmp_path / "a.env").write_text(f"{NAME}=true\n")
    (tmp_path / "b.env").write_text("OTHER=1\n")
    assert invoke("consent", "a.env", "b.env", cwd=tmp_path).code == 0


def test_a_missing_env_file_is_a_usage_error(tmp_path: Path) -> None:
    run = invoke("consent", "docker.env", cwd=tmp_path)
    assert (run.code, "docker.env cannot be read" in run.err) == (2, True)


# ---- options together -----------------------------------------------------------------------------------------------


def container(value: str | None, started: str) -> dict[str, Any]:
    env = ["PATH=/bin", *([f"{NAME}={value}"] if value is not None else [])]
    return {"Id": "c0ffee", "Config": {"Env": env}, "State": {"StartedAt": started}}


def with_options(folder: Path, env: str | None, containers: list[dict[str, Any]] | None, *more: str) -> Run:
    options: list[str | Path] = [*more]
    if env is not None:
        (folder / "docker.env").write_text(env)
        options += ["--docker-env", folder / "docker.env"]
    if containers is not None:
        (folder / "inspect.json").write_text(json.dumps(containers))
        options += ["--docker-inspect", folder / "inspect.json"]
    return check_bytes(jsonl(*(click(n / 4) for n in range(8)), click(5), beat(6)), *options)


OFF = f"{NAME}=true\n"
STARTED = "2020-11-04T02:00:00.123456789Z"


def test_the_later_start_of_the_containers_is_when_it_took_effect(tmp_path: Path) -> None:
    run = with_options(tmp_path, OFF, [container("true", at(1)), container("true", STARTED)])
    (finding,) = [f for f in run.of("event-after-opt-out") if f["level"] == "error"]
    assert finding["line"] == 9
    assert "2020-11-04T02:00:00.123" in finding["message"]


def test_an_env_file_alone_holds_for_the_whole_capture(tmp_path: Path) -> None:
    assert with_options(tmp_path, OFF, None).count("event-after-opt-out") == 10


def test_what_only_looks_off_is_unknown_with_a_warning(tmp_path: Path) -> None:
    run = with_options(tmp_path, f"{NAME}=TRUE\n", None)
    assert "only looks off" in run.err
    assert not run.has("event-after-opt-out")
    assert run.claims["opt-out"] == "inconclusive"


@pytest.mark.parametrize(
    ("env", "containers", "more", "said"),
    [
        (OFF, [container("false", at(1))], (), "recreate them"),
        (OFF, [container(None, at(1))], (), "no container in it has"),
        (None, [container("true", at(1)), container("false", at(1))], (), "different values"),
        (f"{NAME}=false\n", None, ("--opted-out-at", at(2)), "--opted-out-at says"),
        (OFF, [container("true", at(3))], ("--opted-out-at", at(2)), "before the start"),
        (None, None, ("--opted-in-at", at(2), "--opted-out-at", at(2)), "same instant"),
        (None, None, ("--opted-in-at", "soon"), "no date and time"),
        (None, None, ("--opted-out-at", at(2), "--grace", "5 minutes"), "no duration"),
    ],
)
def test_sources_that_contradict_each_other_are_refused(
    tmp_path: Path, env: str | None, containers: list[dict[str, Any]] | None, more: tuple[str, ...], said: str
) -> None:
    run = with_options(tmp_path, env, containers, *more)
    assert run.code == 2
    assert said in run.err


def test_a_row_for_everyone_beside_an_option_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(HEADER + f"{at(1)},*,opted-in,\n")
    run = check_bytes(jsonl(click(1)), "--consent", path, "--opted-out-at", at(2))
    assert (run.code, "two sources" in run.err) == (2, True)


def test_consent_files_stand_in_the_parameters_by_name_and_hash(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text(HEADER + f"{at(1)},*,opted-in,\n")
    found = check_bytes(jsonl(click(1)), "--consent", path).result["parameters"]["consent"]
    assert found["name"] == "c.csv"
    assert len(found["sha256"]) == 64


def test_the_plan_names_every_claim_and_the_order() -> None:
    run = invoke("policy", "plan", "appsmith/2020-11")
    assert run.code == 0
    for claim in policy_of(APPSMITH).claims:
        assert claim.id in run.out
    steps = ["decline telemetry", "Opt in.", "Opt out: set", "Recreate the containers", "18 h"]
    assert sorted(steps, key=run.out.index) == steps
    assert "at,subject,state,effective_at" in run.out
    assert "captured_by" in run.out
