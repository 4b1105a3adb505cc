"""Where consent comes from: a file of rows, options, an env file, `docker inspect`. What is wrong is named, never guessed."""

from __future__ import annotations

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.policy.consent import EVERYONE, ConsentTable, State
from audit.sources.consent import ConsentError, read_rows, table_of
from audit.sources.docker_env import InspectError, Setting, Switch, combine, is_env, read_env, read_inspect
from tests import within
from tests.conftest import Run, invoke
from tests.timed import DAY, HOST, HOUR, NOON, OTHER_HOST, accused, audit, claim, client, compact, csv, every, row, z

SWITCH = within.policy_of(within.APPSMITH).consent
assert SWITCH is not None
NAME = SWITCH.env

T, LATER = "2020-11-04T12:00:00Z", "2020-11-04T13:00:00Z"


def rows_of(text: str) -> ConsentTable:
    return table_of(read_rows(text, "consent.csv"), "consent.csv", needs_restart=True)


def changes(text: str, subject: str = EVERYONE) -> list[tuple[datetime, str]]:
    return [(change.at, change.state.value) for change in rows_of(text).changes[subject]]


# ---- rows ----------------------------------------------------------------------------------------------------------

HEAD = "at,subject,state,effective_at\n"
GOOD: dict[str, tuple[str, list[tuple[datetime, str]]]] = {
    "CSV with a header": (f"{HEAD}{T},*,opted-in,\n", [(NOON, "opted-in")]),
    "CSV without effective_at": (f"at,subject,state\n{T},*,declined\n", [(NOON, "declined")]),
    "columns in another order": (f"state,at,subject\nopted-in,{T},*\n", [(NOON, "opted-in")]),
    "a last column that is left out": (f"{HEAD}{T},*,opted-in\n", [(NOON, "opted-in")]),
    "spaces around cells": (f"at, subject, state\n {T} , * , opted-in \n", [(NOON, "opted-in")]),
    "quoted cells": (f'"at","subject","state"\n"{T}","*","opted-in"\n', [(NOON, "opted-in")]),
    "CR LF": (f"at,subject,state\r\n{T},*,opted-in\r\n", [(NOON, "opted-in")]),
    "a byte order mark": (f"\ufeffat,subject,state\n{T},*,opted-in\n", [(NOON, "opted-in")]),
    "no newline at the end": (f"at,subject,state\n{T},*,opted-in", [(NOON, "opted-in")]),
    "blank lines": (f"at,subject,state\n\n{T},*,opted-in\n,,\n\n", [(NOON, "opted-in")]),
    "comments": (f"# mine\n{HEAD}# {T},*,declined\n  # later\n{T},*,opted-in\n", [(NOON, "opted-in")]),
    "an offset": (f"{HEAD}2020-11-04T13:00:00+01:00,*,opted-in,\n", [(NOON, "opted-in")]),
    "no offset is UTC": (f"{HEAD}2020-11-04 12:00:00,*,opted-in,\n", [(NOON, "opted-in")]),
    "microseconds": (f"{HEAD}{z(NOON)},*,opted-in,\n", [(NOON, "opted-in")]),
    "JSON lines": (f'{{"at":"{T}","subject":"*","state":"opted-in"}}\n', [(NOON, "opted-in")]),
    "JSON lines with null": (
        f'\n{{"at":"{T}","subject":"*","state":"opted-in","effective_at":null}}\n\n',
        [(NOON, "opted-in")],
    ),
    "JSON lines with CR LF": (f'{{"at":"{T}","subject":"*","state":"opted-in"}}\r\n', [(NOON, "opted-in")]),
    "JSON lines with a byte order mark": (
        f'\ufeff{{"at":"{T}","subject":"*","state":"opted-in"}}\n',
        [(NOON, "opted-in")],
    ),
    "an opt-out counts from when it took effect": (
        f"{HEAD}{T},*,opted-out,{LATER}\n",
        [(NOON + HOUR, "opted-out")],
    ),
    "an opt-out of which nobody says when it took effect": (
        f"{HEAD}{T},*,opted-out,\n",
        [(NOON, "perhaps-off")],
    ),
    "an opt-out that took effect at once": (f"{HEAD}{T},*,opted-out,{T}\n", [(NOON, "opted-out")]),
    "the same row twice": (f"{HEAD}{T},*,opted-in,\n{T},*,opted-in,\n", [(NOON, "opted-in")]),
    "rows out of order": (
        f"{HEAD}{LATER},*,opted-out,{LATER}\n{T},*,opted-in,\n",
        [(NOON, "opted-in"), (NOON + HOUR, "opted-out")],
    ),
}


@pytest.mark.parametrize(("text", "wanted"), GOOD.values(), ids=GOOD)
def test_rows_are_read_from(text: str, wanted: list[tuple[datetime, str]]) -> None:
    assert changes(text) == wanted


def test_a_subject_may_hold_a_comma_in_quotes_and_any_letter() -> None:
    assert list(rows_of(f'{HEAD}{T},"a,b ""c""",opted-in,\n{T},bücher.example,opted-in,\n').changes) == [
        'a,b "c"',
        "bücher.example",
    ]


def test_where_no_restart_is_needed_an_opt_out_counts_from_when_it_was_said() -> None:
    told = table_of(read_rows(f"{HEAD}{T},*,opted-out,\n", "c"), "c", needs_restart=False)
    assert told.state(None, NOON).state is State.OPTED_OUT


def test_marks_of_use_are_no_states() -> None:
    told = rows_of(f"{HEAD}{LATER},*,exercised,\n{T},*,exercised,\n")
    assert told.changes == {}
    assert told.exercised == (NOON, NOON + HOUR)


@settings(deadline=None)
@given(st.permutations(range(6)))
def test_the_order_of_rows_does_not_matter(order: list[int]) -> None:
    rows = [
        row(NOON + HOUR * n, state, subject, NOON + HOUR * (n + 1) if state == "opted-out" else None)
        for n, (state, subject) in enumerate(
            [
                ("opted-in", "*"),
                ("opted-out", "*"),
                ("exercised", "*"),
                ("declined", HOST),
                ("opted-in", HOST),
                ("opted-in", "*"),
            ]
        )
    ]
    assert rows_of(csv(*(rows[n] for n in order))) == rows_of(csv(*rows))


def test_an_undated_opt_out_takes_back_no_no() -> None:
    """Less consent is never more: who had said no, or was out already, is not perhaps off."""
    for state, effective in (("declined", ""), ("opted-out", T)):
        told = rows_of(f"{HEAD}{T},*,{state},{effective}\n{LATER},*,opted-out,\n")
        assert told.state(None, NOON + DAY).state.value == state


BAD: dict[str, tuple[str, str]] = {
    "a day that there is not": (
        f"{HEAD}{T},*,opted-in,\n2020-02-30T00:00:00Z,*,opted-in,\n",
        "consent.csv:3: at is no",
    ),
    "a day without time": (f"{HEAD}2020-11-04,*,opted-in,\n", "consent.csv:2: at is no date and time"),
    "an hour that there is not": (f"{HEAD}2020-11-04T25:00:00Z,*,opted-in,\n", "consent.csv:2: at"),
    "no time": (f"{HEAD},*,opted-in,\n", "consent.csv:2: at"),
    "a time in words": (f"{HEAD}yesterday,*,opted-in,\n", "consent.csv:2: at"),
    "a Unix time": (f"{HEAD}1604491200,*,opted-in,\n", "consent.csv:2: at"),
    "an impossible effective time": (f"{HEAD}{T},*,opted-out,2020-02-30T00:00:00Z\n", "consent.csv:2: effective_at"),
    "in effect before it was said": (f"{HEAD}{LATER},*,opted-out,{T}\n", "consent.csv:2: effective_at lies before at"),
    "an effective time of something else than an opt-out": (
        f"{HEAD}{T},*,opted-in,{LATER}\n",
        "consent.csv:2: effective_at",
    ),
    "an unknown state": (
        f"{HEAD}{T},*,opted in,\n",
        "consent.csv:2: state must be one of opted-in, declined, opted-out",
    ),
    "a state in capitals": (f"{HEAD}{T},*,Opted-In,\n", "consent.csv:2: state"),
    "no state": (f"{HEAD}{T},*,,\n", "consent.csv:2: state"),
    "no subject": (f"{HEAD}{T},,opted-in,\n", "consent.csv:2: no subject"),
    "too few columns": (f"{HEAD}{T},*\n", "consent.csv:2: 4 columns"),
    "too many columns": (f"{HEAD}{T},*,opted-in,,more\n", "consent.csv:2: 4 columns"),
    "no header": (f"{T},*,opted-in\n", "consent.csv:1: the header"),
    "a header without state": (f"at,subject\n{T},*\n", "consent.csv:1: the header"),
    "a header with another column": (f"at,subject,state,who\n{T},*,opted-in,me\n", "consent.csv:1: the header"),
    "a header that names a column twice": (
        f"at,at,subject,state\n{T},{LATER},*,opted-in\n",
        "consent.csv:1: the header",
    ),
    "semicolons": (f"at;subject;state\n{T};*;opted-in\n", "consent.csv:1: the header"),
    "a quote that is not closed": (f'{HEAD}{T},"*,opted-in,\n', "consent.csv:2: not CSV"),
    "a header alone": (HEAD, "consent.csv: no rows"),
    "comments alone": ("# nothing\n", "consent.csv:"),
    "nothing": ("", "consent.csv:"),
    "two states at one instant": (f"{HEAD}{T},*,opted-in,\n{T},*,declined,\n", "consent.csv:3: contradicts line 2"),
    "two states at one instant in other words": (
        f"{HEAD}2020-11-04T13:00:00+01:00,*,opted-in,\n\n{T},*,declined,\n",
        "consent.csv:4: contradicts line 2",
    ),
    "an opt-in when an opt-out takes effect": (
        f"{HEAD}{LATER},*,opted-in,\n{T},*,opted-out,{LATER}\n",
        "consent.csv:2: contradicts line 3",
    ),
    "lines that are counted past comments": (f"# a\n{HEAD}# b\n\n{T},*,maybe,\n", "consent.csv:5: state"),
    "no JSON": (f'{{"at":"{T}","subject":"*","state":"opted-in"}}\n{{"at":\n', "consent.csv:2: not JSON"),
    "a list in JSON lines": (
        f'{{"at":"{T}","subject":"*","state":"opted-in"}}\n[1]\n',
        "consent.csv:2: a row is an object",
    ),
    "JSON with another member": (
        f'{{"at":"{T}","subject":"*","state":"opted-in","x":1}}\n',
        "consent.csv:1: unknown column x",
    ),
    "JSON without a state": (f'{{"at":"{T}","subject":"*"}}\n', "consent.csv:1: state"),
    "JSON without a time": ('{"subject":"*","state":"opted-in"}\n', "consent.csv:1: at"),
    "JSON with a number for a time": ('{"at":1604491200,"subject":"*","state":"opted-in"}\n', "consent.csv:1: at"),
    "JSON with a number for an effective time": (
        f'{{"at":"{T}","subject":"*","state":"opted-out","effective_at":5}}\n',
        "consent.csv:1: effective_at",
    ),
    "JSON with a list for a state": (f'{{"at":"{T}","subject":"*","state":["opted-in"]}}\n', "consent.csv:1: state"),
    "JSON with a number for a subject": (
        f'{{"at":"{T}","subject":7,"state":"opted-in"}}\n',
        "consent.csv:1: no subject",
    ),
    "JSON that names a member twice": (
        f'{{"at":"{T}","subject":"*","state":"opted-in","state":"declined"}}\n',
        "consent.csv:1: ",
    ),
}


@pytest.mark.parametrize(("text", "message"), BAD.values(), ids=BAD)
def test_a_bad_row_ends_the_run_before_it_begins_and_is_named_with_its_line(text: str, message: str) -> None:
    run = audit([client(NOON)], consent=text)
    assert (run.code, run.result) == (2, {})
    assert message in flat(run.err)


@settings(deadline=None)
@given(st.text(max_size=60) | st.text(alphabet='at,subjecstatopd-in*"\n\r{}:#0123456789TZ \ufeff', max_size=120))
def test_any_text_is_rows_or_a_named_fault(text: str) -> None:
    try:
        rows_of(text)
    except ConsentError as error:
        assert str(error).startswith("consent.csv:")  # noqa: PT017 - it need not be raised


def flat(text: str) -> str:
    return " ".join(text.split())


def test_a_consent_file_that_is_not_utf_8_is_named_with_the_byte() -> None:
    run = audit([client(NOON)], consent=HEAD.encode() + b"2020-11-04T12:00:00Z,b\xfccher,opted-in,\n")
    assert run.code == 2
    assert f"consent.csv: not UTF-8 at byte {len(HEAD) + 23}" in run.err


def test_a_consent_file_that_is_not_there_is_named() -> None:
    run = audit([client(NOON)], "--consent", "nowhere.csv")
    assert run.code == 2
    assert "nowhere.csv cannot be read" in run.err


def test_what_is_shown_of_a_bad_row_cannot_drive_the_terminal() -> None:
    run = audit([client(NOON)], consent='{"at":"","subject":"*","state":"x","\\u001b[2J":1}\n')
    assert run.code == 2
    assert "\x1b" not in run.err
    assert "\\x1b[2J" in run.err


# ---- options -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--opted-in-at", "--opted-out-at"])
@pytest.mark.parametrize("text", ["", "noon", "2020-11-04", "2020-02-30T00:00:00Z", "1604491200"])
def test_an_option_that_is_no_time_is_refused_with_how_to_write_one(option: str, text: str) -> None:
    run = audit([client(NOON)], option, text)
    assert run.code == 2
    assert "write 2020-11-05T00:00:00Z" in flat(run.err)


@pytest.mark.parametrize("text", ["", "5", "5 minutes", "PT", "P1W", "-PT5M", "PT5S5M", "P99999999999D"])
def test_a_grace_that_is_no_duration_is_refused_with_how_to_write_one(text: str) -> None:
    run = audit([client(NOON)], "--opted-out-at", T, "--grace", text)
    assert run.code == 2
    assert "write PT5M, PT1H or P1D" in flat(run.err)


def test_a_grace_beyond_the_calendar_is_no_crash() -> None:
    assert audit([client(NOON)], "--opted-out-at", T, "--grace", "P9000000D").code in {0, 2}


def test_opted_in_and_out_at_one_instant_is_refused() -> None:
    run = audit([client(NOON)], "--opted-in-at", T, "--opted-out-at", T)
    assert run.code == 2
    assert "opted in and out at the same instant" in flat(run.err)


def test_before_opted_in_at_it_is_known_that_nobody_had_opted_in() -> None:
    run = audit([client(NOON - HOUR), client(NOON)], "--opted-in-at", T)
    assert accused(run) == [("event-without-opt-in", "error", 1)]


def test_before_opted_out_at_consent_is_unknown() -> None:
    run = audit([client(NOON - HOUR), client(NOON)], "--opted-out-at", T)
    assert accused(run) == [("event-after-opt-out", "error", 2)]


def test_both_options_make_one_history() -> None:
    hours = every(HOUR, 4, NOON - HOUR)
    run = audit([client(at) for at in hours], "--opted-in-at", T, "--opted-out-at", "2020-11-04T14:00:00Z")
    assert accused(run) == [("event-without-opt-in", "error", 1), ("event-after-opt-out", "error", 4)]


ENV_OFF, ENV_ON = f"{NAME}=true\n", f"{NAME}=false\n"


def container(value: str | None, started: str | None = T, name: str = "/appsmith", **env: str) -> dict[str, Any]:
    """One container as `docker inspect` prints it, shortened to what matters and what surrounds it."""
    entries = ["PATH=/usr/local/sbin:/usr/local/bin", *(f"{key}={text}" for key, text in env.items())]
    return {
        "Id": "f3c1d0a9b2e84c6d9f70",
        "Created": "2020-11-04T11:59:58.102938475Z",
        "Path": "/docker-entrypoint.sh",
        "State": {
            "Status": "running",
            "Running": True,
            **({} if started is None else {"StartedAt": started}),
            "FinishedAt": "0001-01-01T00:00:00Z",
        },
        "Name": name,
        "Config": {
            "Hostname": "f3c1d0a9b2e8",
            "Env": [*entries, *([] if value is None else [f"{NAME}={value}"])],
            "Image": "appsmith/appsmith-server",
        },
    }


def inspected(*containers: object) -> str:
    return compact(list(containers))


SOURCES: dict[str, tuple[str, ...]] = {
    "--opted-in-at": ("--opted-in-at", T),
    "--opted-out-at": ("--opted-out-at", T),
    "a docker.env that switches off": ("--docker-env", "off.env"),
    "a docker.env that does not": ("--docker-env", "on.env"),
    "a docker.env that only looks so": ("--docker-env", "looks.env"),
    "containers that are off": ("--docker-inspect", "off.json"),
    "containers that are on": ("--docker-inspect", "on.json"),
}
FILES: dict[str, str | bytes] = {
    "off.env": ENV_OFF,
    "on.env": ENV_ON,
    "looks.env": f"{NAME}=TRUE\n",
    "off.json": inspected(container("true")),
    "on.json": inspected(container("false")),
}


@pytest.mark.parametrize(
    "text", ['{"event":"x"}\n', "at,subject,state\n", "- a: b\n"], ids=["a log", "a table", "YAML"]
)
def test_a_file_that_is_no_env_file_switches_nothing_on(text: str, tmp_path: Path) -> None:
    run = audit([client(NOON)], "--docker-env", "x.env", files={"x.env": text})
    assert (run.code, "x.env: no line is NAME=VALUE" in flat(run.err)) == (2, True)
    (tmp_path / "x.env").write_text(text)
    assert invoke("consent", "x.env", cwd=tmp_path).code == 2


@pytest.mark.parametrize("text", ["", "\n", f"# {NAME}=true\n", f"{NAME}\n", "A=1\n", "just words\nA=1\n"])
def test_a_file_of_names_comments_or_nothing_may_be_an_env_file(text: str) -> None:
    assert is_env(text)


@pytest.mark.parametrize("options", SOURCES.values(), ids=SOURCES)
def test_a_row_for_everyone_beside_an_option_is_two_sources(options: tuple[str, ...]) -> None:
    run = audit([client(NOON)], *options, consent=csv(row(NOON - HOUR, "opted-in")), files=FILES)
    assert run.code == 2
    assert "two sources speak of the whole installation" in flat(run.err)


@pytest.mark.parametrize("options", SOURCES.values(), ids=SOURCES)
def test_rows_for_subjects_and_marks_of_use_stand_beside_any_option(options: tuple[str, ...]) -> None:
    rows = csv(row(NOON - HOUR, "opted-in", HOST), row(NOON, "exercised"))
    assert audit([client(NOON)], *options, consent=rows, files=FILES).code in {0, 1}


def test_an_opt_out_of_everyone_beats_the_opt_in_of_a_subject() -> None:
    rows = csv(row(NOON - HOUR, "opted-in", HOST))
    run = audit([client(NOON)], "--opted-out-at", T, consent=rows)
    assert accused(run) == [("event-after-opt-out", "error", 1)]


def test_every_source_is_in_the_parameters_by_name_and_hash() -> None:
    run = audit(
        [client(NOON)],
        "--docker-env",
        "off.env",
        "--docker-inspect",
        "off.json",
        "--opted-in-at",
        "2020-11-04T11:00:00Z",
        "--grace",
        "PT5M",
        consent=csv(row(NOON, "opted-in", OTHER_HOST)),
        files=FILES,
    )
    parameters = run.result["parameters"]
    assert {key: parameters[key]["name"] for key in ("consent", "docker_env", "docker_inspect")} == {
        "consent": "consent.csv",
        "docker_env": "off.env",
        "docker_inspect": "off.json",
    }
    assert all(len(parameters[key]["sha256"]) == 64 for key in ("consent", "docker_env", "docker_inspect"))
    assert parameters["opted_in_at"] == "2020-11-04T11:00:00.000Z"
    assert (parameters["grace"], parameters["flush_window"]) == ("PT5M", "PT24H")


def test_a_policy_that_knows_no_consent_refuses_the_options() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        pack = Path(scratch, "pack")
        copy_without_consent(within.APPSMITH, pack)
        run = audit([client(NOON)], "-p", pack, "--opted-out-at", T)
    assert run.code == 2
    assert "no [consent] table" in flat(run.err)


def copy_without_consent(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file() and "tests" not in path.parts[len(source.parts) :]:
            there = target / path.relative_to(source)
            there.parent.mkdir(parents=True, exist_ok=True)
            there.write_bytes(path.read_bytes())
    policy = (target / "policy.toml").read_text("utf-8")
    head, _, rest = policy.partition("[consent]\n")
    (target / "policy.toml").write_text(head + rest[rest.index("[emails]") :], "utf-8")


# ---- env files -----------------------------------------------------------------------------------------------------

ENVS: dict[str, tuple[str, Setting, str]] = {
    "as the page says": (f"{NAME}=true\n", Setting.OFF, ""),
    "among others": (f"# settings\nOTHER=1\n\n{NAME}=true\nMORE=x=y\n", Setting.OFF, ""),
    "without a newline": (f"{NAME}=true", Setting.OFF, ""),
    "false": (f"{NAME}=false\n", Setting.ON, "1: the value is not true"),
    "empty": (f"{NAME}=\n", Setting.ON, "1: the value is not true"),
    "not there": ("OTHER=1\n", Setting.ON, "0: APPSMITH_DISABLE_TELEMETRY is not set"),
    "an empty file": ("", Setting.ON, "0: APPSMITH_DISABLE_TELEMETRY is not set"),
    "double quotes": (f'{NAME}="true"\n', Setting.LOOKS_OFF, "1: quotes around the value"),
    "single quotes": (f"{NAME}='true'\n", Setting.LOOKS_OFF, "1: quotes around the value"),
    "export": (f"export {NAME}=true\n", Setting.LOOKS_OFF, "1: `export` before the name"),
    "a space before the sign": (f"{NAME} =true\n", Setting.LOOKS_OFF, "1: spaces around the name"),
    "a space after the sign": (f"{NAME}= true\n", Setting.LOOKS_OFF, "1: spaces or a comment after"),
    "spaces before the name, which every reader drops": (f"  {NAME}=true\n", Setting.OFF, ""),
    "another variable": (f"{NAME}=${{QUIET}}\n", Setting.LOOKS_OFF, "1: "),
    "a space at the end": (f"{NAME}=true \n", Setting.LOOKS_OFF, "1: spaces or a comment after"),
    "a comment after it": (f"{NAME}=true # no telemetry\n", Setting.LOOKS_OFF, "1: spaces or a comment after"),
    "CR LF": (f"A=b\r\n{NAME}=true\r\n", Setting.LOOKS_OFF, "2: the line ends in CR LF"),
    "TRUE": (f"{NAME}=TRUE\n", Setting.LOOKS_OFF, "1: the value must be exactly true"),
    "True in quotes": (f'{NAME}="True"\n', Setting.LOOKS_OFF, "1: the value must be exactly true"),
    "1": (f"{NAME}=1\n", Setting.LOOKS_OFF, "1: the value must be exactly true"),
    "yes": (f"{NAME}=yes\n", Setting.LOOKS_OFF, "1: the value must be exactly true"),
    "a typing error": (
        "APPSMITH_DISABLE_TELEMETERY=true\n",
        Setting.LOOKS_OFF,
        "1: looks like APPSMITH_DISABLE_TELEMETRY",
    ),
    "small letters": (f"{NAME.lower()}=true\n", Setting.LOOKS_OFF, "1: looks like APPSMITH_DISABLE_TELEMETRY"),
    "a typing error beside the right name": (f"{NAME}=true\n{NAME}S=false\n", Setting.OFF, "2: looks like"),
    "a comment": (f"#{NAME}=true\n", Setting.ON, "1: the line is a comment"),
    "a comment with spaces": (f"  # export {NAME} = true\n", Setting.ON, "1: the line is a comment"),
    "twice, the last one off": (
        f"{NAME}=false\n{NAME}=true\n",
        Setting.OFF,
        "2: APPSMITH_DISABLE_TELEMETRY stands on lines 1, 2",
    ),
    "twice, the last one on": (
        f"{NAME}=true\n{NAME}=false\n",
        Setting.ON,
        "2: APPSMITH_DISABLE_TELEMETRY stands on lines 1, 2",
    ),
    "a colon": (f"{NAME}: true\n", Setting.LOOKS_OFF, "1: a colon in place of"),
    "a colon and false": (f"{NAME}: false\n", Setting.ON, ""),
    "a name without value": (f"{NAME}\n", Setting.LOOKS_OFF, "1: a name without value"),
    "a byte order mark before another line": (f"\ufeffA=b\n{NAME}=true\n", Setting.OFF, "1: a byte order mark"),
}


@pytest.mark.parametrize(("text", "setting", "remark"), ENVS.values(), ids=ENVS)
def test_an_env_file_is_read_as_docker_reads_it(text: str, setting: Setting, remark: str) -> None:
    assert SWITCH is not None
    env = read_env(text, SWITCH)
    assert env.setting is setting
    said = [f"{line}: {what}" for line, what in env.remarks]
    assert any(one.startswith(remark) for one in said) if remark else said == [] or setting is Setting.ON


def test_a_byte_order_mark_before_the_name_does_not_switch_telemetry_on() -> None:
    """`docker run` and Docker Compose 2 both drop it, an editor does not show it."""
    assert SWITCH is not None
    env = read_env(f"\ufeff{NAME}=true\n", SWITCH)
    assert env.setting is not Setting.ON
    assert any("byte order mark" in text for _, text in env.remarks)


@settings(deadline=None)
@given(st.text(alphabet=f"{NAME[:3]}=: \t\r\n\"'#true1\ufeffexpor", max_size=60))
def test_any_text_is_an_env_file_with_remarks_at_its_lines(text: str) -> None:
    assert SWITCH is not None
    env = read_env(text, SWITCH)
    assert all(0 <= line <= text.count("\n") + 1 for line, _ in env.remarks)


def test_an_env_file_of_another_product_has_its_own_name_and_value() -> None:
    switch = within.policy_of(within.HARBOUR).consent
    assert switch is not None
    assert read_env("HARBOUR_TELEMETRY=off\n", switch).setting is Setting.OFF
    assert read_env("HARBOUR_TELEMETRY=on\n", switch).setting is Setting.ON
    assert read_env(f"{NAME}=true\n", switch).setting is Setting.ON


# ---- the command ---------------------------------------------------------------------------------------------------


def ask(*texts: str | bytes) -> Run:
    """`telemetry-audit consent 1.env 2.env ...`"""
    with tempfile.TemporaryDirectory() as scratch:
        names = [f"{number}.env" for number in range(1, len(texts) + 1)]
        for name, text in zip(names, texts, strict=True):
            Path(scratch, name).write_bytes(text if isinstance(text, bytes) else text.encode())
        return invoke("consent", *names, cwd=Path(scratch))


def test_off_is_exit_code_0() -> None:
    run = ask(ENV_OFF)
    assert run.code == 0
    assert run.out.startswith("1.env: telemetry is switched off\n")


def test_on_is_exit_code_1() -> None:
    run = ask(ENV_ON)
    assert run.code == 1
    assert run.out.startswith("1.env: telemetry is on\n")
    assert "1.env:1: the value is not true" in run.out


@pytest.mark.parametrize("text", ["", "\n", "OTHER=1\n"], ids=["an empty file", "a blank line", "another variable"])
def test_where_the_variable_is_not_set_that_is_said_first(text: str) -> None:
    run = ask(text)
    assert run.code == 1
    assert run.out.startswith(f"1.env: {NAME} is not set, so telemetry is on\n")
    assert run.out.count("is not set") == 1


def test_what_only_looks_off_is_exit_code_1() -> None:
    run = ask(f"{NAME}=TRUE\n")
    assert run.code == 1
    assert run.out.startswith("1.env: telemetry only LOOKS off")


@pytest.mark.parametrize(
    ("bad", "said"), [(b"\xff\xfe", "UTF-16 text: save it as UTF-8"), (b"A=\xfc\n", "not UTF-8 at byte 3: save it")]
)
def test_a_file_that_cannot_be_read_is_exit_code_2(bad: bytes, said: str) -> None:
    run = ask(bad)
    assert run.code == 2
    assert f"1.env: {said}" in run.err
    assert invoke("consent", "nowhere.env").code == 2
    assert invoke("consent").code == 2


def test_of_several_files_the_last_that_sets_it_decides() -> None:
    assert ask(ENV_OFF, ENV_ON).code == 1
    assert ask(ENV_ON, ENV_OFF).code == 0
    assert ask(ENV_OFF, "OTHER=1\n").code == 0
    assert ask(ENV_ON, f"#{NAME}=true\n").code == 1


def test_it_always_says_what_the_page_asks_and_that_a_restart_is_not_enough() -> None:
    for text in (ENV_OFF, ENV_ON):
        said = flat(ask(text).out)
        assert f"The page asks for {NAME}=true, exactly so." in said
        assert "Nothing changes until the containers are recreated" in said
        assert "a mere restart does not read the file again" in said
        assert "`environment:` in the compose file beats every env file" in said


def test_a_policy_of_another_product_asks_for_its_own_switch() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, "x.env").write_text("HARBOUR_TELEMETRY=off\n", "utf-8")
        run = invoke("consent", "x.env", "-p", within.HARBOUR, cwd=Path(scratch))
    assert run.code == 0
    assert "recreated" not in run.out


def test_no_value_of_an_env_file_is_printed() -> None:
    run = ask(f"DB_PASSWORD=hunter2hunter2\n{NAME}=hunter3hunter3\n{NAME}: hunter4hunter4\n")
    assert "hunter" not in run.out + run.err


# ---- an env file in an audit ---------------------------------------------------------------------------------------


def test_an_env_file_alone_holds_for_the_whole_capture() -> None:
    run = audit([client(NOON - DAY), client(NOON)], "--docker-env", "off.env", files=FILES)
    assert accused(run) == [("event-after-opt-out", "error", 1), ("event-after-opt-out", "error", 2)]


def test_an_env_file_with_opted_out_at_holds_from_then() -> None:
    run = audit([client(NOON - DAY), client(NOON)], "--docker-env", "off.env", "--opted-out-at", T, files=FILES)
    assert accused(run) == [("event-after-opt-out", "error", 2)]


def test_an_env_file_for_the_whole_capture_leaves_no_room_for_an_opt_in() -> None:
    """It says off for all of the capture; an opt-in within it contradicts, or changes nothing."""
    run = audit([client(NOON + HOUR)], "--docker-env", "off.env", "--opted-in-at", T, files=FILES)
    assert run.code == 2 or accused(run) == [("event-after-opt-out", "error", 1)]


def test_an_env_file_that_only_looks_off_leaves_consent_unknown_and_says_so() -> None:
    run = audit([client(NOON)], "--docker-env", "looks.env", files=FILES)
    assert accused(run) == []
    assert run.claims["opt-out"] == "inconclusive"
    assert "warning: looks.env: telemetry only looks off" in flat(run.err)


def test_an_env_file_that_does_not_switch_off_is_no_opt_out() -> None:
    run = audit([client(NOON)], "--docker-env", "on.env", files=FILES)
    assert (accused(run), run.claims["opt-out"]) == ([], "not-exercised")


def test_an_env_file_that_is_on_contradicts_an_opt_out() -> None:
    run = audit([client(NOON)], "--docker-env", "on.env", "--opted-out-at", T, files=FILES)
    assert run.code == 2
    assert "--opted-out-at says that telemetry is off; on.env says that telemetry is on" in flat(run.err)


# ---- docker inspect ------------------------------------------------------------------------------------------------


def look(text: str) -> Switch:
    assert SWITCH is not None
    return read_inspect(text, SWITCH, "inspect.json")


def refused(text: str) -> str:
    with pytest.raises(InspectError) as caught:
        look(text)
    assert str(caught.value).startswith("inspect.json: ")
    return str(caught.value)


def test_containers_say_what_is_in_force_and_since_when() -> None:
    switch = look(inspected(container("true", "2020-11-04T12:00:00.123456789Z")))
    assert switch.off
    assert switch.started == NOON + timedelta(microseconds=123456)


def test_a_container_that_stands_alone_is_read_too() -> None:
    assert look(compact(container("true"))).off


def test_only_the_very_value_of_the_page_is_off() -> None:
    assert [look(inspected(container(value))).off for value in ("true", "TRUE", '"true"', "1", "")] == [
        True,
        *[False] * 4,
    ]


def test_of_a_variable_that_stands_twice_the_last_one_is_in_force() -> None:
    twice = container("true")
    twice["Config"]["Env"] += [f"{NAME}=false"]
    assert not look(inspected(twice)).off


def test_the_later_start_counts() -> None:
    both = inspected(container("true", T, "/editor"), container("true", LATER, "/server"))
    assert look(both).started == NOON + HOUR


def test_containers_that_know_nothing_of_the_switch_are_passed_over() -> None:
    both = inspected(container("true", T), container(None, LATER, "/mongo", MONGO="1"))
    assert look(both).started == NOON


def test_another_container_is_named_as_such() -> None:
    assert f"no container in it has {NAME}" in refused(inspected(container(None, MONGO="1")))


def test_containers_with_different_values_are_refused() -> None:
    assert "different values" in refused(inspected(container("true"), container("false")))


def test_a_container_without_a_start_is_refused() -> None:
    assert "State.StartedAt" in refused(inspected(container("true", None)))


def test_a_container_that_was_never_started_is_refused() -> None:
    """Docker writes the year 1 for it: that is no time since which anything is in force."""
    refused(inspected(container("true", "0001-01-01T00:00:00Z")))


@pytest.mark.parametrize("text", ["", "{", "CONTAINER ID   IMAGE\n", "\ufeff[]"])
def test_what_is_no_json_is_refused_with_how_to_get_it(text: str) -> None:
    assert "docker inspect" in refused(text)


@pytest.mark.parametrize(
    "text", ["[]", "{}", "[5]", "null", '"x"', '[{"Config":[]}]', '[{"Config":{"Env":{"A":"b"}}}]']
)
def test_json_of_something_else_is_refused(text: str) -> None:
    assert f"no container in it has {NAME}" in refused(text)


def test_bad_inspect_output_ends_the_run_before_it_begins() -> None:
    files: dict[str, str | bytes] = {"inspect.json": inspected(container(None))}
    run = audit([client(NOON)], "--docker-inspect", "inspect.json", files=files)
    assert (run.code, run.result) == (2, {})
    assert "inspect.json: no container" in flat(run.err)


def test_the_start_of_the_containers_is_when_an_opt_out_took_effect() -> None:
    run = audit([client(NOON - HOUR), client(NOON)], "--docker-inspect", "off.json", files=FILES)
    assert accused(run) == [("event-after-opt-out", "error", 2)]


def test_with_both_files_the_containers_say_since_when() -> None:
    options = ("--docker-env", "off.env", "--docker-inspect", "off.json")
    run = audit([client(NOON - HOUR), client(NOON)], *options, files=FILES)
    assert accused(run) == [("event-after-opt-out", "error", 2)]


def test_a_file_that_only_looks_off_is_decided_by_the_containers() -> None:
    options = ("--docker-env", "looks.env", "--docker-inspect")
    assert accused(audit([client(NOON)], *options, "off.json", files=FILES)) == [("event-after-opt-out", "error", 1)]
    run = audit([client(NOON)], *options, "on.json", files=FILES)
    assert (accused(run), "looks off" in run.err) == ([], False)


@pytest.mark.parametrize(("env", "inspect"), [("off.env", "on.json"), ("on.env", "off.json")])
def test_containers_that_contradict_the_file_are_refused(env: str, inspect: str) -> None:
    run = audit([client(NOON)], "--docker-env", env, "--docker-inspect", inspect, files=FILES)
    assert run.code == 2
    assert "changed after the containers were created" in flat(run.err)


def test_an_opt_out_before_the_start_of_the_containers_is_refused() -> None:
    run = audit([client(NOON)], "--docker-inspect", "off.json", "--opted-out-at", "2020-11-04T11:59:59Z", files=FILES)
    assert run.code == 2
    assert "lies before the start of the containers" in flat(run.err)


def test_an_opt_out_after_the_start_of_the_containers_is_the_auditors_word() -> None:
    run = audit([client(NOON)], "--docker-inspect", "off.json", "--opted-out-at", LATER, files=FILES)
    assert accused(run) == []
    assert claim(run, "opt-out")["verdict"] == "not-exercised"


def test_without_containers_the_file_speaks_alone_and_without_a_file_they_do() -> None:
    assert SWITCH is not None
    env = read_env(ENV_OFF, SWITCH)
    alone = combine(env, None, "docker.env")
    assert alone is not None
    assert (alone.off, alone.started) == (True, None)
    containers = look(inspected(container("true")))
    assert combine(None, containers, "") is containers
    assert combine(None, None, "") is None
