"""Run the fuzzer for some seconds, from the shipped captures and the hostile lines. Ends with 1 where a law was broken."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

LARGEST = 1 << 15


def corpus(folder: Path) -> None:
    """Beginnings to mutate: every shipped capture that is small enough, and a log of every documented event."""
    from tests.conftest import ROOT, active, jsonl, page_load, started  # it imports what is to be instrumented first

    shipped = (path for path in (ROOT / "fixtures" / "captures").rglob("*") if path.is_file())
    for number, path in enumerate(sorted(shipped)):
        (folder / f"{number}").write_bytes(path.read_bytes()[:LARGEST])
    for name, events in {"one": [active()], "three": [active(), page_load(), started()]}.items():
        (folder / name).write_bytes(jsonl(*events))
    (folder / "batch").write_bytes(jsonl({"batch": [active(), page_load()], "sentAt": "2020-11-04T08:05:52.726Z"}))
    (folder / "array").write_bytes(b"[" + jsonl(active()).strip() + b"]")


def documented() -> list[bytes]:
    """Lines to be known again: events of every kind of the page, and of every shape that a log of them has."""
    from tests.bench.generate import Generator

    return [line.data for line in Generator(80, 0).lines()]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=30)
    seconds = parser.parse_args().seconds
    try:
        import atheris
    except ImportError:
        print("fuzzing: not run (atheris is not installed; it has wheels for Linux only)")
        return 0
    with atheris.instrument_imports(include=["audit"]):
        from tests.fuzz.target import Target
    with tempfile.TemporaryDirectory() as folder:
        seeds, scratch = Path(folder, "corpus"), Path(folder, "scratch")
        seeds.mkdir()
        scratch.mkdir()
        corpus(seeds)
        known = documented()
        for number, line in enumerate(known[::9]):
            (seeds / f"known-{number}").write_bytes(line)
        options = [f"-max_total_time={seconds}", f"-max_len={LARGEST}", "-timeout=20", "-rss_limit_mb=800", "-seed=1"]
        target = Target(scratch, known)
        atheris.Setup([sys.argv[0], str(seeds), f"-artifact_prefix={tempfile.gettempdir()}/", *options], target)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
