"""Measure the check, paired in one run: CPU time as a ratio to `orjson.loads` alone, and whether it finds the truth.

`--peers`, `--profile` and `--memory` measure instead what their names say. docs/performance.md tells what came out.
"""

from __future__ import annotations

import argparse
import json
import pickle
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import NamedTuple

from tests.bench import memory, peers, stages
from tests.bench.generate import Truth, write_seeds, write_truth
from tests.bench.spend import AUDIT, PARSE, PROGRAM, Spent, spend

CANARIES = 40


def found(path: Path) -> Counter[Truth]:
    """What the tool says of the log, as truth is written: findings of the capture at lines."""
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    return Counter(Truth(row["line"], row["rule"], row["pointer"]) for row in rows if row["line"] is not None)


class Case(NamedTuple):
    """A log to measure: how many of its events are broken, and whether it is spaced."""

    name: str
    share: float
    spaced: bool = False


CASES = (
    Case("0.1 % breaches", 0.001),
    Case("1 % breaches", 0.01),
    Case("spaced, 1 %", 0.01, spaced=True),
    Case("50 % breaches", 0.5),
)


class Round(NamedTuple):
    """What one case cost in one round: the parse, the check and `policy infer`, each without its start."""

    parse: Spent
    check: Spent
    infer: Spent

    @property
    def ratio(self) -> float:
        return self.parse.cpu / self.check.cpu


def measure(events: int, seeds: int, rounds: int, folder: Path) -> None:
    """The check and `policy infer`, as ratios to the parse, and whether every injected breach was found and nothing else.
    By turns, all cases in every round: ratios are of two runs that follow each other, and the median of the rounds tells."""
    audit: tuple[str, ...] = AUDIT
    if seeds:
        write_seeds(folder / "seeds.csv", CANARIES, seeds)
        audit = (*AUDIT, "--seeds", str(folder / "seeds.csv"))
        print(
            f"searched for {CANARIES} canaries and {seeds:,} identifiers; their tables are built before the clock runs"
        )
    logs = {case: folder / f"{number}.jsonl" for number, case in enumerate(CASES)}
    with ProcessPoolExecutor(
        1, get_context("spawn")
    ) as apart:  # Linux passes a parent's peak memory on to what it starts
        for case, log in logs.items():
            apart.submit(write_truth, log, events, case.share, case.spaced).result()
    done: dict[Case, list[Round]] = {case: [] for case in CASES}
    for _ in range(rounds):
        starts = _starts(audit, folder)
        for case, log in logs.items():
            done[case].append(_round(audit, log, starts, folder))
    print(f"{events:,} events, median of {rounds} rounds by turns (least to most), CPU time")
    for case, log in logs.items():
        told = found(folder / f"{log.stem}.found")
        truth: Counter[Truth] = Counter(pickle.loads(log.with_suffix(".truth").read_bytes()))
        missed, beside = sum((truth - told).values()), sum((told - truth).values())
        print(
            f"{case.name:<14} {_said(done[case], log.stat().st_size / 1e6)}; truth: {missed} missed, {beside} beside it"
        )
    compact, spaced = done[CASES[1]], done[CASES[2]]
    shares = [there.ratio / here.ratio for here, there in zip(compact, spaced, strict=True)]
    print(f"{'spaced JSON':<14} {median(shares):.2f} of the ratio of compact JSON")


def _starts(audit: Sequence[str], folder: Path) -> Round:
    empty = folder / "empty.jsonl"
    empty.write_bytes(b"{}\n")
    infer = [*PROGRAM, "policy", "infer", "--help"]
    return Round(spend([*PARSE, str(empty)]), spend([*audit, str(empty)]), spend(infer))


def _round(audit: Sequence[str], log: Path, starts: Round, folder: Path) -> Round:
    draft = folder / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    return Round(
        spend([*PARSE, str(log)]).less(starts.parse),
        spend([*audit, str(log), "--findings", str(folder / f"{log.stem}.found")]).less(starts.check),
        spend([*PROGRAM, "policy", "infer", str(log), "-o", str(draft)]).less(starts.infer),
    )


def _said(rounds: Sequence[Round], megabytes: float) -> str:
    ratios = sorted(each.ratio for each in rounds)
    rate = median(megabytes / each.check.cpu for each in rounds)
    inferred = median(each.parse.cpu / each.infer.cpu for each in rounds)
    return (
        f"{median(ratios):.3f} of orjson.loads ({ratios[0]:.3f} to {ratios[-1]:.3f}), {rate:.1f} MB/s, "
        f"peak {max(each.check.peak for each in rounds)} MB; policy infer {inferred:.3f}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--events", type=int, default=100_000, help="how many events (default: 100,000)")
    parser.add_argument(
        "--seeds", type=int, default=0, help=f"search for {CANARIES} canaries and so many identifiers too"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often everything is measured by turns (default: 3)")
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
            measure(asked.events, asked.seeds, asked.rounds, folder)


if __name__ == "__main__":
    main()
