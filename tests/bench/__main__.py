"""Measure the check, paired in one run: CPU time as a ratio to `orjson.loads` alone, and whether it finds the truth.

`--peers`, `--profile` and `--memory` measure instead what their names say. docs/performance.md tells what came out.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import Counter
from pathlib import Path

from tests.bench import memory, peers, stages
from tests.bench.generate import Truth, write, write_seeds
from tests.bench.spend import AUDIT, PARSE, PROGRAM, spend

CANARIES = 40


def found(path: Path) -> Counter[Truth]:
    """What the tool says of the log, as truth is written: findings of the capture at lines."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return Counter(Truth(row["line"], row["rule"], row["pointer"]) for row in rows if row["line"] is not None)


def measure(events: int, seeds: int, folder: Path) -> None:
    """The check and `policy infer`, as ratios to the parse, and whether every injected breach was found and nothing else."""
    empty = folder / "empty.jsonl"
    empty.write_bytes(b"{}\n")
    audit: tuple[str, ...] = AUDIT
    if seeds:
        write_seeds(folder / "seeds.csv", CANARIES, seeds)
        audit = (*AUDIT, "--seeds", str(folder / "seeds.csv"))
        print(
            f"searched for {CANARIES} canaries and {seeds:,} identifiers; their tables are built before the clock runs"
        )
    start_parse, start_audit = (spend([*command, str(empty)]) for command in (PARSE, audit))
    log, rows = folder / "log.jsonl", folder / "found.jsonl"
    for name, share, spaced in (
        ("1 % breaches", 0.01, False),
        ("spaced, 1 %", 0.01, True),
        ("50 % breaches", 0.5, False),
    ):
        truth = Counter(write(str(log), events, share, spaced=spaced))
        parse = spend([*PARSE, str(log)]).less(start_parse).cpu
        spent = spend([*audit, str(log), "--findings", str(rows)]).less(start_audit).cpu
        told = found(rows)
        size = log.stat().st_size / events
        print(f"{name:<14} {events:,} events of {size:.0f} B: {parse / spent:.3f} of orjson.loads")
        infer = [*PROGRAM, "policy", "infer", str(log), "-o", str(folder / f"draft-{share}-{spaced}")]
        ratio = parse / spend(infer).cpu
        print(f"{'':<14} policy infer, its start and its draft included: {ratio:.3f} of orjson.loads")
        print(f"{'':<14} truth: {sum((truth - told).values())} missed, {sum((told - truth).values())} beside it")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000, help="how many events (default: 100,000)")
    parser.add_argument(
        "--seeds", type=int, default=0, help=f"search for {CANARIES} canaries and so many identifiers too"
    )
    parser.add_argument("--rounds", type=int, default=2, help="rounds of --peers and --profile (default: 2)")
    parser.add_argument("--peers", action="store_true", help="beside other tools; fetches them from PyPI and npm")
    parser.add_argument("--profile", action="store_true", help="the share of each stage of the check")
    parser.add_argument(
        "--memory", action="store_true", help="peak memory up to ten million events (--events: no matter)"
    )
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if asked.peers:
            peers.measure(asked.events, asked.rounds, folder)
        if asked.profile:
            stages.measure(asked.events, asked.rounds, folder)
        if asked.memory:
            memory.measure(folder)
        if not (asked.peers or asked.profile or asked.memory):
            measure(asked.events, asked.seeds, folder)


if __name__ == "__main__":
    main()
