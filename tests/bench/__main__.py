"""Measure the check against its parts, paired in one run: CPU time as a ratio to `orjson.loads` alone, memory, and truth."""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.bench.generate import Truth, write

_PARSE = (
    "import orjson,sys\nfor line in open(sys.argv[1],'rb'):\n    try: orjson.loads(line)\n    except ValueError: pass\n"
)
_NAIVE = """
import json,sys
from jsonschema import Draft202012Validator
from audit.policy.files import find
from audit.policy.load import load
schemas={name:Draft202012Validator(entry.schema) for name,entry in load(find('appsmith/2020-11')).events.items()}
for line in open(sys.argv[1],'rb'):
    try: event=json.loads(line)
    except ValueError: continue
    validator=schemas.get(event.get('event'))
    if validator is not None: list(validator.iter_errors(event))
"""


def cpu(command: list[str]) -> tuple[float, int]:
    """CPU seconds of a command and its peak memory in MB (of the largest child so far)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, after.ru_maxrss // 1024


def found(path: Path) -> Counter[Truth]:
    """What the tool says of the log, as truth is written: findings of the capture at lines."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return Counter(Truth(row["line"], row["rule"], row["pointer"]) for row in rows if row["line"] is not None)


def measure(events: int, folder: Path) -> None:
    empty = folder / "empty.jsonl"
    empty.write_bytes(b"{}\n")
    start_parse, _ = cpu([sys.executable, "-c", _PARSE, str(empty)])
    audit = [sys.executable, "-m", "audit", "check", "-q"]
    start_audit, _ = cpu([*audit, str(empty)])
    for name, share, spaced in (
        ("1 % breaches", 0.01, False),
        ("spaced, 1 %", 0.01, True),
        ("50 % breaches", 0.5, False),
    ):
        log = folder / "log.jsonl"
        truth = Counter(write(str(log), events, share, spaced=spaced))
        parse = cpu([sys.executable, "-c", _PARSE, str(log)])[0] - start_parse
        spent, memory = cpu([*audit, str(log), "--findings", str(folder / "found.jsonl")])
        told = found(folder / "found.jsonl")
        ratio = parse / (spent - start_audit)
        size = log.stat().st_size / events
        print(f"{name:<14} {events:,} events of {size:.0f} B: {ratio:.3f} of orjson.loads, peak {memory} MB")
        infer = [
            sys.executable,
            "-m",
            "audit",
            "policy",
            "infer",
            str(log),
            "-o",
            str(folder / f"draft-{share}-{spaced}"),
        ]
        print(f"{'':<14} policy infer, its start and its draft included: {parse / cpu(infer)[0]:.3f} of orjson.loads")
        print(f"{'':<14} truth: {sum((truth - told).values())} missed, {sum((told - truth).values())} beside it")
        if name == "1 % breaches" and events <= 200_000:
            naive = cpu([sys.executable, "-c", _NAIVE, str(log)])[0]
            print(
                f"{'':<14} json + jsonschema.iter_errors: {naive / (spent - start_audit):.1f} times the CPU of the whole check"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    with tempfile.TemporaryDirectory() as folder:
        measure(parser.parse_args().events, Path(folder))


if __name__ == "__main__":
    main()
