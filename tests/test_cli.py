"""The command line: what it loads, its exit codes, its outputs, and that the same capture gives the same bytes anywhere."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import json
import lzma
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from jsonschema import Draft202012Validator, FormatChecker

from audit import __version__
from audit.model import Reason
from audit.policy.pack import Documented
from audit.rules import BY_ID, RULES
from audit.writers import FORMATS
from tests.conftest import (
    CAPTURES,
    ROOT,
    Json,
    Run,
    active,
    check,
    check_bytes,
    cli,
    command,
    environment,
    invoke,
    jsonl,
    numbered,
    page_load,
    samples,
    started,
)
from tests.within import APPSMITH, HARBOUR, policy_of

BROKEN = CAPTURES / "harbour-broken.jsonl"
SCHEMA: Json = json.loads((ROOT / "schemas" / "result.schema.json").read_text("utf-8"))

# ---- what is loaded --------------------------------------------------------------------------------------------------

LOADED = """
import json, sys
from audit.cli import main
sys.argv = ["telemetry-audit", *sys.argv[1:]]
try:
    main()
finally:
    sys.stderr.write("\\n" + json.dumps(sorted(sys.modules)))
"""
HEAVY = frozenset(
    "jsonschema jsonschema_rs orjson pandas numpy tabulate rich yaml zstandard referencing jinja2".split()
)
EDGE = frozenset("pandas numpy dask distributed mitmproxy rich jinja2 yaml".split())


def loaded(*args: str, stdin: bytes = b"") -> frozenset[str]:
    """The modules in memory at the end of a command, by their full names."""
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *args],
        input=stdin,
        capture_output=True,
        env=environment(),
        cwd=ROOT,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return frozenset(json.loads(done.stderr.decode().rpartition("\n")[2]))


@pytest.mark.parametrize("args", [("--help",), ("--version",), ()], ids=["help", "version", "nothing"])
def test_help_loads_click_and_nothing_else(args: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *args], capture_output=True, env=environment(), cwd=ROOT, check=False
    )
    modules = json.loads(done.stderr.decode().rpartition("\n")[2])
    assert HEAVY.isdisjoint({name.partition(".")[0] for name in modules})
    assert {name for name in modules if name.startswith("audit")} == {"audit", "audit.cli"}


def test_a_small_check_loads_no_edge_library() -> None:
    names = {name.partition(".")[0] for name in loaded("check", "-", stdin=jsonl(*numbered(samples() * 4)))}
    assert EDGE.isdisjoint(names)
    assert "jsonschema_rs" in names  # the list is not empty by mistake


def test_explain_reads_no_policy() -> None:
    assert {"jsonschema_rs", "jsonschema", "zstandard"}.isdisjoint(loaded("explain", "email-address"))


# ---- commands --------------------------------------------------------------------------------------------------------


def test_help_names_every_command_and_exit_code() -> None:
    run = invoke("--help")
    assert run.code == 0
    for name in ("check", "explain", "policy", "consent"):
        assert f"\n  {name} " in run.out
    assert "Exit codes: 0" in run.out
    for name in ("check", "explain", "policy", "consent"):
        assert invoke(name, "--help").code == 0


def test_the_version_is_told() -> None:
    assert invoke("--version").out == f"telemetry-audit, version {__version__}\n"


@pytest.mark.parametrize(
    "args", [("chekc",), ("check",), ("check", "--no-such"), ("explain", "a", "b"), ("policy", "x")]
)
def test_a_wrong_command_line_is_exit_2(args: tuple[str, ...]) -> None:
    run = invoke(*args)
    assert (run.code, run.out) == (2, "")
    assert run.err.startswith("Usage: ")


@pytest.mark.parametrize(
    ("name", "words"), [("chekc", "Did you mean 'check'?"), ("x\x1b", "There are: check, canary,")]
)
def test_an_unknown_command_is_told_the_nearest_or_all(name: str, words: str) -> None:
    run = invoke(name)
    assert words in run.err
    assert "\x1b" not in run.err


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_every_rule_is_explained(rule: Any) -> None:
    run = invoke("explain", rule.id)
    assert run.code == 0
    assert run.out.startswith(f"{rule.id}   level: {rule.levels}\n\n")
    for part in ("What: ", "Why it matters: ", "Example: ", "Limits: "):
        assert f"\n\n{part}" in run.out


def test_explain_alone_lists_every_rule() -> None:
    lines = invoke("explain").out.splitlines()
    assert [line.split()[0] for line in lines] == [rule.id for rule in RULES]
    assert all(line.endswith(".") for line in lines)


def test_an_unknown_rule_is_exit_2_and_the_nearest_is_named() -> None:
    run = invoke("explain", "undocumented-evnet\x1b[31m")
    assert run.code == 2
    assert "\x1b" not in run.err
    said = " ".join(run.err.split())
    assert "did you mean undocumented-event?" in said
    assert "`telemetry-audit explain` lists all" in said
    assert "did you mean" not in invoke("explain", "x").err


def test_policy_list_names_the_packs_that_ship() -> None:
    run = invoke("policy", "list")
    assert run.code == 0
    (line,) = run.out.splitlines()
    assert line.startswith("appsmith/2020-11   ")
    assert line.endswith("6 events, 12 testable claims")


@pytest.mark.parametrize("pack", [APPSMITH, HARBOUR], ids=lambda pack: pack.parent.name)
def test_policy_show_says_all_that_a_pack_says(pack: Path) -> None:
    run = invoke("policy", "show", pack)
    assert run.code == 0
    folded = " ".join(run.out.split())
    policy = policy_of(pack)
    for name, entry in policy.events.items():
        how = {Documented.SAMPLE: "a sample", Documented.NAME_ONLY: "its name only"}[entry.documented]
        assert f"{name} {entry.origin}, documented by {how}" in folded
    for claim in policy.claims:
        assert f"\n  {claim.id}\n" in run.out
        for quote in claim.quotes:
            assert " ".join(quote.split()) in folded
        assert (claim.not_testable or ", ".join(claim.rules)) in folded
    assert policy.sha256 in run.out
    assert str(ROOT) not in run.out


def test_policy_show_marks_placeholders() -> None:
    out = invoke("policy", "show").out
    assert "shown only as <uuid>" in out
    assert "shown only as anonymoustId" in out


# ---- outputs ---------------------------------------------------------------------------------------------------------


def test_several_outputs_are_written_in_one_run(tmp_path: Path) -> None:
    outputs = [part for kind in FORMATS for part in ("-o", f"{kind}={tmp_path / kind}")]
    run = invoke("check", CAPTURES / "python-segment.jsonl", *outputs)
    assert run.code == 1
    result = json.loads((tmp_path / "json").read_text("utf-8"))
    rows = [json.loads(line) for line in (tmp_path / "jsonl").read_text("utf-8").splitlines()]
    assert rows == result["findings"]
    assert run.out == (tmp_path / "text").read_text("utf-8")  # text goes to stdout all the same
    assert {path.name for path in tmp_path.iterdir()} == set(FORMATS)


@pytest.mark.parametrize("kind", FORMATS)
def test_a_format_without_a_path_goes_to_stdout_alone(kind: str, tmp_path: Path) -> None:
    other = tmp_path / "other"
    run = invoke("check", BROKEN, "-p", HARBOUR, "-o", kind, "-o", f"{kind}={other}")
    assert run.code == 1
    assert run.out == other.read_text("utf-8")
    assert run.err == ""


def test_quiet_prints_nothing_and_still_writes(tmp_path: Path) -> None:
    run = invoke("check", BROKEN, "-p", HARBOUR, "-q", "-o", f"json={tmp_path / 'r.json'}")
    assert (run.code, run.out, run.err) == (1, "", "")
    assert json.loads((tmp_path / "r.json").read_text("utf-8"))["verdict"] == "violated"


def test_quiet_leaves_an_output_that_was_asked_for_on_stdout() -> None:
    run = invoke("check", BROKEN, "-p", HARBOUR, "-q", "-o", "json")
    assert json.loads(run.out)["verdict"] == "violated"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("-o", "yaml"), "unknown format 'yaml': use one of text, json, jsonl"),
        (("-o", "json="), "no path after json=: write json=FILE, or json alone for stdout"),
        (("-o", "json", "-o", "text"), "json and text cannot both go to stdout"),
        (("--max-line", "0"), "is no size from 1 byte to 1GiB"),
        (("--max-line", "2GiB"), "is no size from 1 byte to 1GiB"),
        (("--max-line", "many"), "is no size from 1 byte to 1GiB"),
        (("--origin", "capture.jsonl"), "write FILE=ORIGIN, with an origin of the policy: client, installer, server"),
        (("--origin", "capture.jsonl=robot"), "write FILE=ORIGIN"),
        (("--origin", "other.jsonl=client"), "no capture of that name was given"),
        (("--origin", "capture.jsonl=client", "--origin", "capture.jsonl=server"), "is given two origins"),
        (("--require", "everything"), "no claim of that name can be tested; use all or one of: release-notes-ping"),
        (("--require", "purpose-errors"), "no claim of that name can be tested"),
        (("--fail-on", "sometimes"), "'sometimes' is not one of"),
        (("--examples", "0"), "0 is not in the range"),
        (("-p", "no-such-policy"), "no such policy pack"),
    ],
)
def test_contradicting_options_are_exit_2_with_the_remedy(args: tuple[str, ...], words: str) -> None:
    run = check_bytes(jsonl(*samples()), *args)
    assert (run.code, run.out, run.result) == (2, "", {})
    assert words in " ".join(run.err.split())


@pytest.mark.parametrize("size", ["16777216", "16MiB", "16 mib", "16384KiB", "16777216B"])
def test_sizes_are_read_in_every_unit(size: str) -> None:
    run = check_bytes(jsonl(*samples()), "--max-line", size)
    assert run.result["parameters"]["max_line"] == 16 << 20


def findings_in(path: Path) -> list[Json]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def test_the_findings_file_holds_every_finding(tmp_path: Path) -> None:
    """Not only the examples: each one, with the members that it has in the result."""
    dirty = [started(properties={"os": "ubuntu", "users": 7}), active(userId="jane.roe@acme-mail.co")]
    repeated = [active(messageId="api-1jokIBOkNv8nEmu2fGeNb01G1RC", properties={"instanceId": "x"})] * 3
    log = jsonl(*dirty * 20, *repeated) + b"{not json\n" * 9
    run = check_bytes(log, "--findings", str(tmp_path / "all.jsonl"), "--examples", "2")
    rows = findings_in(tmp_path / "all.jsonl")
    counted: dict[tuple[str, str], int] = {}
    for row in rows:
        counted[row["fingerprint"], row["level"]] = counted.get((row["fingerprint"], row["level"]), 0) + 1
    places = {rule for rule in BY_ID if rule not in ("documented-identifier", "page-contradiction")}
    groups = {(g["fingerprint"], g["level"]): g["count"] for g in run.result["groups"] if g["rule"] in places}
    assert {key: number for key, number in counted.items() if key in groups} == groups
    assert max(groups.values()) >= 20
    assert all(finding in rows for finding in run.findings)
    assert all(group["shown"] <= 2 for group in run.result["groups"])
    assert len(rows) == sum(run.result["counts"][level] for level in ("error", "warning", "note"))
    assert [path.name for path in tmp_path.iterdir()] == ["all.jsonl"]


def test_examples_bound_what_is_shown_and_not_what_is_counted() -> None:
    log = jsonl(*numbered([active(userId=7)] * 50))
    for number in (1, 3, 40):
        run = check_bytes(log, "--examples", str(number))
        (group,) = [g for g in run.result["groups"] if g["rule"] == "invalid-value"]
        assert (group["count"], group["shown"]) == (50, number)
        assert [f["line"] for f in run.of("invalid-value")] == list(range(1, number + 1))


def test_the_auditor_may_say_who_sent_a_capture() -> None:
    capture = CAPTURES / "python-segment.jsonl"
    run = check(capture, "--origin", f"{capture}=client")
    assert run.result["coverage"]["origins"] == {"client": 6}
    assert run.claims["client-navigation-and-clicks"] == "violated"
    assert run.claims["installation-events"] == "not-exercised"
    assert run.result["parameters"]["origins"] == {capture.name: "client"}
    below = check(CAPTURES.parent / "captures", "--origin", f"{CAPTURES}=server")
    assert "unknown" not in below.result["coverage"]["origins"]


# ---- exit codes ------------------------------------------------------------------------------------------------------

NOTE = jsonl(started(anonymousId=None))  # missing-field
WARNING = jsonl(page_load(event="EDITOR_OPEN"))  # a name that the page describes without listing
ERROR = jsonl(active(userId="jane.roe@acme-mail.co"))


@pytest.mark.parametrize(
    ("log", "codes"),
    [
        (NOTE, {"error": 0, "warning": 0, "note": 1, "never": 0}),
        (WARNING, {"error": 0, "warning": 1, "note": 1, "never": 0}),
        (ERROR, {"error": 1, "warning": 1, "note": 1, "never": 0}),
    ],
    ids=["note", "warning", "error"],
)
def test_the_level_that_fails_is_the_auditors_choice(log: bytes, codes: dict[str, int]) -> None:
    assert {level: check_bytes(log, "--fail-on", level).code for level in codes} == codes


def test_what_was_required_and_not_exercised_is_exit_4(tmp_path: Path) -> None:
    log = jsonl(*samples())
    assert check_bytes(log, "--require", "server-no-other-data").code == 0
    assert check_bytes(log, "--require", "anonymous").code == 0  # contradicted: no capture can cure it
    run = check_bytes(log, "--require", "keepalive-cadence", "-o", f"text={tmp_path / 'r.text'}")
    assert run.code == 4
    assert "keepalive-cadence" in (tmp_path / "r.text").read_text("utf-8")
    assert check_bytes(log, "--require", "no-datasource-data").code == 4  # inconclusive
    assert check_bytes(log, "--require", "all").code == 4
    assert check_bytes(log, "--require", "server-no-other-data", "--require", "opt-out").code == 4
    assert check_bytes(ERROR, "--require", "all").code == 1
    assert check_bytes(ERROR, "--require", "all", "--fail-on", "never").code == 4
    assert check_bytes(b"", "--require", "all").code == 3


def test_nothing_read_is_exit_3_and_everything_is_written(tmp_path: Path) -> None:
    run = check_bytes(b"{\n", "-o", f"jsonl={tmp_path / 'r.jsonl'}")
    assert run.code == 3
    assert run.verdict == "not-exercised"
    assert findings_in(tmp_path / "r.jsonl") == run.findings


def crash(*_: object, **__: object) -> None:
    raise ValueError("secret-value in a captured event")


@pytest.mark.parametrize("where", ["check.settle", "check.fold", "outputs.writer", "check.decided"])
def test_a_crash_is_exit_70_and_tells_nothing_captured(
    where: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(f"audit.cli.{where}", crash)
    run = invoke("check", "-", "--findings", tmp_path / "f.jsonl", stdin=jsonl(*samples()))
    assert (run.code, run.out) == (70, "")
    assert "internal error: ValueError in " in run.err
    for word in ("secret-value", "Traceback", "captured event", str(ROOT)):
        assert word not in run.err + run.out
    assert all(".partial" not in path.name for path in tmp_path.iterdir())


def test_an_interrupt_is_exit_130_and_leaves_no_half_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("audit.cli.check.settle", stop)
    args = ("--findings", tmp_path / "f.jsonl", "-o", f"json={tmp_path / 'r.json'}")
    run = invoke("check", "-", *args, stdin=ERROR)
    assert (run.code, run.out) == (130, "")
    assert f"interrupted after {len(ERROR.splitlines())} units were judged: nothing was written" in run.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="elsewhere a process is ended without being asked")
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_who_is_asked_to_end_leaves_no_half_file_and_says_how_far_it_came(tmp_path: Path, jobs: str) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(ERROR * 40_000)
    written = tmp_path / "written"
    written.mkdir()
    command = [
        sys.executable,
        "-m",
        "audit",
        "check",
        str(log),
        "-q",
        "-j",
        jobs,
        "--findings",
        str(written / "f.jsonl"),
    ]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
        while process.poll() is None and not list(written.iterdir()):
            pass
        process.terminate()
        _, err = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert re.search(rb"terminated after [0-9,]+ units were judged: nothing was written", err)
    assert list(written.iterdir()) == []


@pytest.mark.parametrize(("log", "wrong"), [(ERROR, 0), (jsonl(*samples()), 1)], ids=["broken", "clean"])
def test_a_reader_that_leaves_changes_no_verdict(log: bytes, wrong: int) -> None:
    """`telemetry-audit check ... | head -1`: a breach does not become clean, nor a clean capture a breach."""
    with subprocess.Popen(
        command("check", "-", "-o", "json"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(),
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write(log)
        process.stdin.close()
        err = process.stderr.read().decode()
    assert "Traceback" not in err
    assert process.returncode != wrong


def test_the_module_is_the_command() -> None:
    run = cli("check", CAPTURES / "three-samples.jsonl")
    assert run.code == 0
    assert run.out.startswith(f"telemetry-audit {__version__}   policy appsmith 2020-11   three-samples.jsonl\n")


# ---- the result ------------------------------------------------------------------------------------------------------


def consented(tmp_path: Path) -> Run:
    """A capture with consent given in every form that the result can hold."""
    rows = [
        "at,subject,state,effective_at",
        "2020-11-04T00:00:00Z,*,opted-in,",
        "2020-11-04T10:00:00Z,dev.appsmith.com,opted-out,2020-11-04T10:30:00Z",
        "2020-11-05T10:00:00Z,*,opted-out,",
        "2020-11-04T09:00:00Z,never-seen.example,declined,",
    ]
    (tmp_path / "consent.csv").write_text("\n".join(rows), "utf-8")
    return check_bytes(jsonl(*samples()), "--consent", str(tmp_path / "consent.csv"))


RESULTS: dict[str, Callable[[Path], Run]] = {
    "the samples": lambda _: check(CAPTURES / "three-samples.jsonl"),
    "a real capture": lambda _: check(CAPTURES / "browser-segment-next.jsonl"),
    "another product": lambda _: check(CAPTURES / "harbour.jsonl", "-p", HARBOUR),
    "a broken one": lambda _: check(BROKEN, "-p", HARBOUR),
    "nothing": lambda _: check_bytes(b""),
    "nonsense": lambda _: check_bytes(b"\x00\x01\x02"),
    "an array": lambda _: check_bytes(json.dumps(samples()).encode()),
    "standard input": lambda _: check("-", stdin=jsonl(*samples()) + b"{\n"),
    "a directory": lambda _: check(CAPTURES),
    "unknown senders": lambda _: check(CAPTURES / "python-segment.jsonl"),
    "consent": consented,
    "retries": lambda _: check_bytes(jsonl(page_load(), page_load(), page_load(properties={"a": 1}))),
    "times without offset": lambda _: check_bytes(jsonl(started(receivedAt="2020-11-04T08:05:52"))),
    "odd names": lambda _: check_bytes(jsonl(started(**{"a@b.co": 1, "x" * 99: {"\u202e": 2}, "a/b~c": [[{}]]}))),
}


@pytest.mark.parametrize("run", RESULTS.values(), ids=RESULTS)
def test_the_result_is_of_the_published_shape_and_its_digest_holds(run: Callable[[Path], Run], tmp_path: Path) -> None:
    result = run(tmp_path).result
    assert [f"{e.json_path}: {e.message}" for e in validator().iter_errors(result)] == []
    rest = {key: value for key, value in result.items() if key != "digest"}
    compact = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(compact.encode()).hexdigest() == result["digest"]


def validator() -> Draft202012Validator:
    return Draft202012Validator(SCHEMA, format_checker=FormatChecker())


def test_the_consent_that_the_audit_went_by_is_in_the_result(tmp_path: Path) -> None:
    rows = consented(tmp_path).result["coverage"]["consent"]
    assert {row["state"] for row in rows} == {"opted-in", "opted-out", "perhaps-off", "declined"}
    assert {row["subject"] for row in rows} == {"*", "subject 1", "subject 2"}
    assert {row["subject"]: row["seen"] for row in rows if "seen" in row} == {"subject 1": True, "subject 2": False}


def described(schema: Any, at: str = "") -> Iterator[tuple[str, Json]]:
    """Every subschema that describes a member, with its place."""
    for name, child in schema.get("properties", {}).items():
        yield f"{at}/{name}", child
        yield from described(child, f"{at}/{name}")
    for keyword in ("items", "additionalProperties"):
        if isinstance(schema.get(keyword), dict):
            yield from described(schema[keyword], f"{at}/*")


def test_the_published_shape_is_closed_and_describes_every_member() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    tops = [("", SCHEMA), *((f"#{name}", child) for name, child in SCHEMA["$defs"].items())]
    for top, schema in tops:
        assert schema["description"].strip()
        for at, child in [(top, schema), *described(schema, top)]:
            assert child.get("description", "").strip() or at == top, at
            if "properties" in child:
                assert child["additionalProperties"] is False, at
                assert set(child["required"]) <= child["properties"].keys(), at
            elif child.get("type") == "object":
                assert "additionalProperties" in child, f"{at}: a map says what it holds"
    open_maps = [
        at for top, schema in tops for at, child in described(schema, top) if child.get("additionalProperties") is True
    ]
    assert open_maps == ["/parameters"]


def test_the_published_shape_says_what_later_work_fills() -> None:
    assert {"limits"}.isdisjoint(SCHEMA["properties"])


def test_the_order_of_findings_and_groups_is_the_contract() -> None:
    run = check(BROKEN, CAPTURES / "harbour.jsonl", BROKEN, "-p", HARBOUR, "--examples", "100")
    names = [None, *(row["name"] for row in run.result["inputs"])]
    assert names[1:] == ["harbour-broken.jsonl", "harbour.jsonl", "harbour-broken.jsonl (2)"]

    def key(finding: Json) -> tuple[Any, ...]:
        place = (names.index(finding["input"]), finding["offset"] or 0, finding["item"] or 0)
        return (*place, finding["rule"], finding["pointer"] or "", finding["message"])

    exact = [f for f in run.findings if f["input"] is None or f["offset"] is not None]
    assert exact == sorted(exact, key=key)
    levels = [group["level"] for group in run.result["groups"]]
    assert levels == sorted(levels, key=["error", "warning", "note"].index)


def test_a_finding_resolves_where_it_says() -> None:
    """Input, offset and line lead to the event, the pointer to the value."""
    data = BROKEN.read_bytes()
    for finding in check(BROKEN, "-p", HARBOUR).findings:
        if finding["offset"] is None:
            continue
        assert data[: finding["offset"]].count(b"\n") + 1 == finding["line"] == finding["unit"]
        value = json.loads(data[finding["offset"] :].split(b"\n", 1)[0])
        value = value["messages"][finding["item"]] if "messages" in value else value
        for token in finding["pointer"].split("/")[1:]:
            value = value[int(token)] if isinstance(value, list) else value[token]


# ---- the same findings from every container, the same bytes everywhere -------------------------------------------------

PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zst": zstandard.compress,
    "gz-members": lambda data: gzip.compress(data[:999]) + gzip.compress(data[999:]),
    "bz2-streams": lambda data: bz2.compress(data[:999]) + bz2.compress(data[999:]),
    "zst-frames": lambda data: zstandard.compress(data[:999]) + zstandard.compress(data[999:]),
    "zst-skippable": lambda data: b"\x50\x2a\x4d\x18\x04\x00\x00\x00spam" + zstandard.compress(data),
}
VARIED = (CAPTURES / "browser-segment-next.jsonl").read_bytes() + ERROR + WARNING + NOTE + b"{\n\n\xff\n"


@pytest.mark.parametrize("pack", PACKED.values(), ids=PACKED)
def test_a_compressed_capture_gives_the_same_findings(pack: Callable[[bytes], bytes]) -> None:
    data = pack(VARIED)  # once: some formats hold the time of packing
    plain, packed = check_bytes(VARIED), check_bytes(data)
    assert packed.findings == plain.findings
    assert packed.result["claims"] == plain.result["claims"]
    assert packed.result["coverage"] == plain.result["coverage"]
    assert packed.code == plain.code
    (row,) = packed.result["inputs"]
    assert row["sha256"] == hashlib.sha256(data).hexdigest()
    assert row["bytes"] == len(data)


@pytest.mark.parametrize("pack", [gzip.compress, zstandard.compress])
def test_of_a_stream_cut_off_before_anything_can_be_unpacked_nothing_is_told_but_that(
    pack: Callable[[bytes], bytes],
) -> None:
    run = check_bytes(pack(VARIED)[:15])
    assert run.result["inputs"][0]["format"] == "none"
    assert (list(run.result["unreadable"]), run.code) == ([Reason.TRUNCATED.value], 3)


def test_standard_input_gives_the_same_findings() -> None:
    plain, fed, packed = check_bytes(VARIED), check("-", stdin=VARIED), check("-", stdin=gzip.compress(VARIED))
    unnamed = [[{**f, "input": None} for f in run.findings] for run in (plain, fed, packed)]
    assert unnamed[0] == unnamed[1] == unnamed[2]
    assert {f["input"] for f in fed.findings} == {"-", None}


PLACES = {
    "seed 0": {"PYTHONHASHSEED": "0"},
    "seed 1, UTF-8, Nepal": {"PYTHONHASHSEED": "1", "LC_ALL": "C.UTF-8", "TZ": "Asia/Kathmandu"},
    "seed 2, C, Newfoundland": {"PYTHONHASHSEED": "2", "LC_ALL": "C", "TZ": "America/St_Johns"},
    "ASCII": {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0", "TZ": "Pacific/Kiritimati"},
}


def test_the_same_capture_gives_the_same_bytes_everywhere(tmp_path: Path) -> None:
    (tmp_path / "capture.jsonl").write_bytes(VARIED)
    args = [part for kind in FORMATS for part in ("-o", f"{kind}={kind}")]
    written: dict[str, dict[str, bytes]] = {}
    for place, variables in PLACES.items():
        done = subprocess.run(
            command("check", "capture.jsonl", "-q", "--findings", "all", *args),
            cwd=tmp_path,
            env={**environment(), **variables},
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (1, b""), place
        written[place] = {name: (tmp_path / name).read_bytes() for name in (*FORMATS, "all")}
    first, *others = written.values()
    assert all(other == first for other in others)
    assert check_bytes(VARIED, "--inventory").result == json.loads(first["json"])


# ---- without the fast JSON Schema engine --------------------------------------------------------------------------------

WITHOUT = "import sys; sys.modules['jsonschema_rs'] = None; from audit.cli import main; main()"


@pytest.mark.parametrize("capture", ["python-segment.jsonl", "three-samples.jsonl", "curl-shapes.har"])
def test_without_the_fast_schema_engine_the_answer_is_the_same(capture: str) -> None:
    """A bad release of it is a pin, not an outage."""
    args = ("check", f"fixtures/captures/{capture}", "-q", "-o", "json")
    with_it, without = (
        subprocess.run([sys.executable, *start, *args], capture_output=True, env=environment(), cwd=ROOT, check=False)
        for start in (("-m", "audit"), ("-c", WITHOUT))
    )
    assert json.loads(with_it.stdout)["inputs"][0]["events"] > 0
    assert (without.returncode, without.stdout) == (with_it.returncode, with_it.stdout)
