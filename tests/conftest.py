"""Drive the tool as a user does: arguments in; exit code, streams and files out.

Nothing here imports more of the tool than its entry point. Tests import the helpers by name
(`from tests.conftest import check, started`), so that they can build their cases at collection time too.
"""

from __future__ import annotations

import contextlib
import copy
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from unittest import mock

import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, settings

from audit.cli import main

if TYPE_CHECKING:
    from tests.collector import Collector, Proxy

ROOT = Path(__file__).resolve().parent.parent
CAPTURES = ROOT / "fixtures" / "captures"
ENV = {"COLUMNS": "80", "NO_COLOR": "1"}

# No test is timed, nor is the making of what it is given: how long that takes is the machine's affair.
settings.register_profile("untimed", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

Arg = str | os.PathLike[str]
Json = dict[str, Any]

ANONYMOUS_ID = "6f1d2b8c-3a47-4e59-9c0b-d2f8e7a61b34"  # stands for the page's "anonymoustId"
INSTANCE_ID = "c3a9e5d1-7b62-4f08-8e4d-51b0f6c2a977"  # stands for the page's "<uuid>"
PAGE_ONLY = frozenset({"page-contradiction", "documented-identifier"})  # found without any breach in the capture

# ---- one run -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """What one run of the tool left behind; `result` is the parsed JSON result, `{}` when none was written."""

    code: int
    out: str
    err: str
    result: Json = field(default_factory=dict)

    @property
    def findings(self) -> list[Json]:
        return list(self.result["findings"])

    @property
    def breaches(self) -> list[Json]:
        """The findings that the capture gave rise to: not those that the page gives by itself."""
        return [finding for finding in self.findings if finding["rule"] not in PAGE_ONLY]

    @property
    def claims(self) -> dict[str, str]:
        return {claim["id"]: claim["verdict"] for claim in self.result["claims"]}

    @property
    def verdict(self) -> str:
        return str(self.result["verdict"])

    def total(self, member: str) -> int:
        """A column of the accounting, summed over all inputs: `units`, `carrying`, `unreadable`, `events` ..."""
        return sum(int(one[member]) for one in self.result["inputs"])

    def of(self, rule: str) -> list[Json]:
        return [finding for finding in self.findings if finding["rule"] == rule]

    def count(self, rule: str) -> int:
        return int(self.result["counts"]["rules"].get(rule, 0))

    def has(self, rule: str, pointer: str | None = None, **members: object) -> bool:
        """Whether a finding of this rule is at this pointer (any, if none is given) and has these members."""
        return any(
            (pointer is None or finding["pointer"] == pointer)
            and all(finding[name] == value for name, value in members.items())
            for finding in self.of(rule)
        )


def check(
    *args: Arg,
    stdin: bytes | None = None,
    cwd: Path | None = None,
    with_result: bool = True,
) -> Run:
    """`telemetry-audit check ARGS -o json=<scratch>`, in this process."""
    with tempfile.TemporaryDirectory() as scratch:
        target = Path(scratch, "result.json")
        wanted = ("-o", f"json={target}") if with_result else ()
        run = invoke("check", *args, *wanted, stdin=stdin, cwd=cwd)
        return replace(run, result=load(target))


def check_bytes(data: bytes, *args: Arg, name: str = "capture.jsonl") -> Run:
    """The same, of one file with this content, named as a user in its directory would name it."""
    with tempfile.TemporaryDirectory() as scratch:
        Path(scratch, name).write_bytes(data)
        return check(name, *args, cwd=Path(scratch))


def invoke(*args: Arg, stdin: bytes | None = None, cwd: Path | None = None) -> Run:
    """Any command through the entry point, in this process, with the exit code that the process would have."""
    argv = ["telemetry-audit", *(os.fspath(arg) for arg in args)]
    entry = cast("Callable[[], object]", main)
    with (
        contextlib.chdir(cwd or Path.cwd()),
        mock.patch.object(sys, "argv", argv),
        CliRunner().isolation(input=stdin or b"", env=ENV) as (out, err, _),
    ):
        try:
            left: object = entry()
        except SystemExit as stop:
            left = stop.code
        sys.stdout.flush()
        sys.stderr.flush()
        return Run(exit_code(left), out.getvalue().decode(), err.getvalue().decode())


def cli(*args: Arg, stdin: bytes | None = None, cwd: Path | None = None, wrapper: tuple[str, ...] = ()) -> Run:
    """The same as a process of its own; `result` stays empty."""
    done = subprocess.run(
        [*wrapper, *command(*args)],
        input=stdin or b"",
        capture_output=True,
        cwd=cwd,
        env=environment(),
        timeout=300,
        check=False,
    )
    return Run(done.returncode, done.stdout.decode(), done.stderr.decode())


def command(*args: Arg) -> list[str]:
    return [sys.executable, "-m", "audit", *(os.fspath(arg) for arg in args)]


def environment() -> dict[str, str]:
    return {**os.environ, **ENV, "PYTHONPATH": str(ROOT)}


# A process starts with the high-water mark of the one that forked it, so a small process stands in between.
MEASURE = """
import json, resource, subprocess, sys
done = subprocess.run(sys.argv[1:], capture_output=True, check=False)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps([done.returncode, done.stdout.decode(), done.stderr.decode(), peak]))
"""


def measured(*args: Arg, stdin: Path | None = None) -> tuple[Run, int]:
    """A run as a process of its own, and the most memory that it held, in bytes."""
    with Path(os.devnull if stdin is None else stdin).open("rb") as feed:
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, *command(*args)],
            stdin=feed,
            capture_output=True,
            env=environment(),
            timeout=300,
            check=True,
        )
    code, out, err, peak = json.loads(done.stdout)
    return Run(code, out, err), peak if sys.platform == "darwin" else peak * 1024


def exit_code(left: object) -> int:
    match left:
        case None:
            return 0
        case int():
            return int(left)
        case _:
            return 1  # what the interpreter makes of `sys.exit("some text")`


def load(path: Path) -> Json:
    """A written result, read more strictly than it needs: UTF-8, and none of the numbers that JSON does not have."""
    if not path.exists():
        return {}
    return cast("Json", json.loads(path.read_bytes().decode(), parse_constant=refuse))


def refuse(constant: str) -> object:
    message = f"{constant} is no JSON"
    raise ValueError(message)


# ---- what holds for every run --------------------------------------------------------------------------------------


def accounted(run: Run) -> None:
    """No crash; every unit is accounted for; an unreadable one keeps every event-based claim from being upheld."""
    assert "Traceback" not in run.out + run.err
    assert run.code in {0, 1, 3, 4}, run.err
    for one in run.result["inputs"]:
        assert one["units"] == one["carrying"] + one["blank"] + one["unreadable"] + one["other"], one
    for rule in {finding["rule"] for finding in run.breaches}:
        assert run.count(rule) == grouped(run, rule), rule
    if run.total("unreadable"):
        assert run.has("unreadable-record")
        assert upheld(run) == set()  # without contacts, only event-based claims can be upheld at all
    if run.code == 1:
        assert run.verdict == "violated"
    if run.code == 3:
        assert run.verdict == "not-exercised"


def grouped(run: Run, rule: str) -> int:
    """The findings of a rule in all of its groups, and in none because there were too many."""
    kept = sum(int(group["count"]) for group in run.result["groups"] if group["rule"] == rule)
    return kept + int(run.result.get("overflow", {}).get(rule, 0))


def upheld(run: Run) -> set[str]:
    return {claim for claim, verdict in run.claims.items() if verdict == "upheld"}


# ---- documented events ---------------------------------------------------------------------------------------------


def started(**members: object) -> Json:
    """The page's sample of "Installation Started"; keyword arguments replace whole members."""
    return {
        "anonymousId": ANONYMOUS_ID,
        "context": {"library": {"name": "unknown", "version": "unknown"}},
        "event": "Installation Started",
        "integrations": {},
        "messageId": "api-1joj5LZSzuVCI9KshnaX059JYKo",
        "properties": {"os": "ubuntu"},
        "receivedAt": "2020-11-04T08:05:52.726Z",
        "timestamp": "2020-11-04T08:05:52.726Z",
        "type": "track",
        "userId": "111.65.255.130",
        **copy.deepcopy(members),
    }


def active(**members: object) -> Json:
    """The page's sample of "Instance Active"."""
    return {
        "context": {"ip": "203.192.213.46", "library": {"name": "unknown", "version": "unknown"}},
        "event": "Instance Active",
        "integrations": {},
        "messageId": "api-1jokIBOkNv8nEmu2fGeNb01G1RC",
        "properties": {"instanceId": INSTANCE_ID},
        "receivedAt": "2020-11-04T08:15:49.537Z",
        "timestamp": "2020-11-04T08:15:49.537Z",
        "type": "track",
        "userId": "203.192.213.46",
        **copy.deepcopy(members),
    }


def page_load(**members: object) -> Json:
    """The page's sample of the client."""
    return {
        "anonymousId": "0b62ab60-02ad-4f69-a181-d9c5eb2f97fa",
        "context": {
            "ip": "49.207.192.209",
            "library": {"name": "analytics.js", "version": "4.0.4"},
            "locale": "en-US",
            "page": {
                "path": "/applications",
                "referrer": "https://dev.appsmith.com/applications",
                "search": "",
                "title": "Editor | Appsmith",
                "url": "https://dev.appsmith.com/applications",
            },
            "userAgent": (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_6) AppleWebKit/537.36 (KHTML, like Gecko) "
                "Chrome/86.0.4240.111 Safari/537.36"
            ),
        },
        "event": "APPLICATIONS_PAGE_LOAD",
        "integrations": {},
        "messageId": "ajs-9176c8f5ebc607524746206ea6aa7502",
        "originalTimestamp": "2020-11-04T10:52:14.616Z",
        "properties": {},
        "receivedAt": "2020-11-04T10:52:14.750Z",
        "sentAt": "2020-11-04T10:52:14.618Z",
        "timestamp": "2020-11-04T10:52:14.748Z",
        "type": "track",
        "userId": "a3d8b23b9b0cac986af79f4826d009463f8dfc372f188934710115491b7665a1",
        **copy.deepcopy(members),
    }


def support(**members: object) -> Json:
    """What the page names "Installation Support" without a sample: the one event that may hold an e-mail address."""
    mine = {
        "event": "Installation Support",
        "messageId": "api-1joj9Qm2ZtVCI9KshnaX059JZZz",
        "properties": {"os": "ubuntu", "email": "nina@fabrikam-mail.com"},
        "receivedAt": "2020-11-04T08:09:11.002Z",
        "timestamp": "2020-11-04T08:09:11.002Z",
    }
    return started(**{**mine, **members})


def samples() -> list[Json]:
    """The page's three samples."""
    return [started(), active(), page_load()]


def jsonl(*events: object) -> bytes:
    """One event a line, compact, as the tool's fast way likes it."""
    return b"".join(compact(event) + b"\n" for event in events)


def compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def numbered(events: Iterable[Json], prefix: str = "api-") -> Iterator[Json]:
    """The same events, each with a message id of its own: one id twice would be another story."""
    for number, event in enumerate(events):
        yield {**event, "messageId": f"{prefix}{number}"}


# ---- the gate --------------------------------------------------------------------------------------------------------

MAY_BE_ABSENT = ("one of the long proofs", "no browser", "Node", "root reads every file", "mounting", "only root")
"""Reasons for which a test may be skipped even where the gate runs; what a wheel brings is installed there."""


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In the gate, a test that was skipped for want of something installable is a failure."""
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if not os.environ.get("TELEMETRY_AUDIT_GATE") or reporter is None or hasattr(session.config, "workerinput"):
        return
    reasons = {str(report.longrepr[2]).removeprefix("Skipped: ") for report in reporter.stats.get("skipped", ())}
    wanting = sorted(reason for reason in reasons if not reason.startswith(MAY_BE_ABSENT))
    if wanting:
        reporter.write_line(f"the gate may not skip: {'; '.join(wanting)}", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


# ---- the proxy between a real client and a real collector ------------------------------------------------------------


@pytest.fixture(scope="module")
def isolated() -> Iterator[None]:
    """A network of its own, for whoever asks with `usefixtures`."""
    from tests.collector import own_network

    with own_network():
        yield


@pytest.fixture(scope="module")
def vendor(isolated: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    from tests.collector import collector

    with collector(tmp_path_factory.mktemp("vendor")) as running:
        yield running


@pytest.fixture
def observing(tmp_path: Path, vendor: Collector) -> Iterator[Proxy]:
    from tests.collector import proxy

    with proxy(tmp_path, "--trust-ca", str(vendor.trust), "-o", "json=result.json") as running:
        yield running


@pytest.fixture
def blocking(tmp_path: Path, vendor: Collector) -> Iterator[Proxy]:
    from tests.collector import proxy

    with proxy(tmp_path, "--trust-ca", str(vendor.trust), "--block", "-o", "json=result.json") as running:
        yield running
