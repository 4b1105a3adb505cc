"""The example reports: every format over some fixtures, as the tool writes them.

python -m tests.make_reports          write reports/ anew
python -m tests.make_reports --check  compare with what is there; exit 1 with the differences
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from audit.writers import FORMATS
from audit.writers.fields import FORMATS as FIELDS
from tests.conftest import ROOT, invoke

REPORTS = ROOT / "reports"

CASES: dict[str, tuple[str, ...]] = {
    # report: what is given to `telemetry-audit check`, from the root of the repository
    "three-samples": ("fixtures/captures/three-samples.jsonl",),
    "python-segment": ("fixtures/captures/python-segment.jsonl",),
    "harbour-broken": ("fixtures/captures/harbour-broken.jsonl", "--policy", "fixtures/packs/harbour/2025-03"),
    # four days of an installation that said no at noon of the third, with a line that is cut, and all that stands around it
    "four-days": (
        "fixtures/reports/four-days.jsonl",
        "--opted-in-at=2020-11-04T00:00:00Z",
        "--opted-out-at=2020-11-06T12:00:00Z",
        "--custody=fixtures/reports/custody.toml",
        "--suppressions=fixtures/reports/exceptions.toml",
        "--as-of=2020-11-09",
        "--baseline=fixtures/reports/baseline.json",
        "--measures",
    ),
}

INVENTORIES: dict[str, tuple[str, ...]] = {
    # the same for `telemetry-audit inventory`
    "four-days": ("fixtures/reports/four-days.jsonl",),
}


def reports() -> Iterator[tuple[str, bytes]]:
    """Name and content of every report."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, arguments in CASES.items():
            files = {f"{name}.{kind}": Path(scratch, f"{name}.{kind}") for kind in FORMATS}
            outputs = [part for kind in FORMATS for part in ("-o", f"{kind}={files[f'{name}.{kind}']}")]
            run = invoke("check", *arguments, "-q", *outputs, cwd=ROOT)
            if run.code not in (0, 1):
                raise SystemExit(f"{name}: exit code {run.code}: {run.err}")
            yield from ((file, path.read_bytes()) for file, path in files.items())
    for name, arguments in INVENTORIES.items():
        for kind in FIELDS:
            run = invoke("inventory", *arguments, "-f", kind, cwd=ROOT)
            if run.code:
                raise SystemExit(f"{name}: exit code {run.code}: {run.err}")
            yield f"{name}.inventory.{kind}", run.out.encode()


def differences() -> Iterator[str]:
    """Lines of a diff between what is in reports/ and what should be."""
    wanted = dict(reports())
    there = {path.name: path.read_bytes() for path in REPORTS.iterdir()} if REPORTS.is_dir() else {}
    for name in sorted(wanted.keys() | there.keys()):
        before, after = (found.get(name, b"").decode().splitlines() for found in (there, wanted))
        if before != after or name not in there or name not in wanted:
            yield from difflib.unified_diff(before, after, f"reports/{name}", f"reports/{name} (anew)", lineterm="")
            yield f"reports/{name}: not what the tool writes; run: python -m tests.make_reports"


def write() -> None:
    """Write every report, and remove what no case writes."""
    REPORTS.mkdir(exist_ok=True)
    wanted = dict(reports())
    for path in REPORTS.iterdir():
        if path.name not in wanted:
            path.unlink()
    for name, content in wanted.items():
        (REPORTS / name).write_bytes(content)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the example reports, or compare them with what is there.")
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 with the differences")
    if not parser.parse_args(arguments).check:
        write()
        return 0
    found = list(differences())
    with contextlib.suppress(BrokenPipeError):
        print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
