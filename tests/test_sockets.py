"""The tool itself contacts nobody: every command but a running proxy opens no socket, whatever it is given."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from audit.cli import COMMANDS
from tests.conftest import CAPTURES, ROOT, environment
from tests.test_evidence import written

WATCHED = """
import json, sys
asked = []
def watch(event, args):
    if event.startswith("socket.") and not (event == "socket.__new__" and args[1] == 1):  # 1: within this machine
        asked.append(event)
sys.addaudithook(watch)
from audit.cli import main
sys.argv = ["telemetry-audit", *sys.argv[1:]]
try:
    main()
finally:
    sys.stderr.write("\\n" + json.dumps(asked))
"""
PACK = ROOT / "schemas" / "appsmith" / "2020-11"
LOG = CAPTURES / "harbour.jsonl"
SEEDS = "value,kind,label\ncanary-7f3a9c1e-planted,canary,row 1\njane@corp-planted.com,identifier,jane\n"

CASES: dict[str, tuple[str, ...]] = {
    "check": ("check", "LOG", "EVIDENCE", *(str(f) for f in sorted(CAPTURES.iterdir()) if f.is_file())),
    "check, every output": (
        "check",
        "LOG",
        "-q",
        *(f"-o{name}={name}" for name in ("json", "jsonl", "html", "csv", "text")),
    ),
    "check, seeds and hosts": (
        "check",
        "LOG",
        "--seeds",
        "SEEDS",
        "--allow-host",
        "api.vendor.example",
        "--air-gapped",
    ),
    "canary new": ("canary", "new"),
    "consent": ("consent", "ENV"),
    "explain": ("explain", "email-address"),
    "inventory": ("inventory", "LOG"),
    "report": ("report", "RESULT"),
    "policy list": ("policy", "list"),
    "policy show": ("policy", "show", "appsmith/2020-11"),
    "policy plan": ("policy", "plan"),
    "policy lint": ("policy", "lint", str(PACK)),
    "policy test": ("policy", "test", str(PACK)),
    "policy diff": ("policy", "diff", str(PACK), str(PACK)),
    "policy infer": ("policy", "infer", "LOG", "--into", "drafted"),
    "proxy ca show": ("proxy", "--ca-dir", "nowhere", "ca", "show"),
    "proxy ca destroy": ("proxy", "--ca-dir", "nowhere", "ca", "destroy"),
    "verify": ("verify", "EVIDENCE"),
}


def asked(scratch: Path, *args: str) -> list[str]:
    """The sockets that a command asked the system for, whatever its exit code."""
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *args],
        capture_output=True,
        text=True,
        env=environment(),
        cwd=scratch,
        check=False,
        timeout=120,
    )
    assert done.returncode != 70, done.stderr
    found: list[str] = json.loads(done.stderr.rpartition("\n")[2])
    return found


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("sockets")
    written(place / "evidence")
    (place / "seeds.csv").write_text(SEEDS)
    (place / "docker.env").write_text("APPSMITH_DISABLE_TELEMETRY=true\n")
    subprocess.run(
        [sys.executable, "-m", "audit", "check", str(LOG), "-q", "-o", "json=result.json"],
        cwd=place,
        env=environment(),
        check=False,
    )
    return place


@pytest.mark.parametrize("args", CASES.values(), ids=list(CASES))
def test_a_command_opens_no_socket(scratch: Path, args: tuple[str, ...]) -> None:
    names = {
        "LOG": str(LOG),
        "EVIDENCE": "evidence",
        "SEEDS": "seeds.csv",
        "ENV": "docker.env",
        "RESULT": "result.json",
    }
    assert asked(scratch, *(names.get(arg, arg) for arg in args)) == []


def test_the_watcher_sees_sockets() -> None:
    """Else the tests above would prove nothing."""
    script = WATCHED.replace("main()", "__import__('socket').create_server(('127.0.0.1', 0)).close()")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=environment(), check=True)
    assert "socket.bind" in done.stderr


def test_no_command_is_left_out() -> None:
    assert {case.partition(" ")[0].rstrip(",") for case in CASES} == set(COMMANDS)
