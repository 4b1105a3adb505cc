"""Peak memory of the whole check, by number of events and share of breaches."""

from __future__ import annotations

from pathlib import Path

from tests.bench.generate import Crowd
from tests.bench.spend import AUDIT, generate, spend

CASES = tuple((events, share, Crowd()) for events in (100_000, 1_000_000) for share in (0.001, 0.01, 0.5))
CROWDED = ((10_000_000, 0.001, Crowd(instances=100_000, users=1_000_000)),)


def measure(folder: Path, cases: tuple[tuple[int, float, Crowd], ...] = CASES + CROWDED) -> None:
    """Print a row a case: events, share of breaches, and of whom the events are."""
    log = folder / "log.jsonl"
    for number, share, crowd in cases:
        generate(str(log), number, share, crowd)
        size = log.stat().st_size / 1e6
        spent = spend([*AUDIT, str(log)])
        print(
            f"{number:>10,} events, {size:5,.0f} MB, {100 * share:4.1f} % breaches: "
            f"peak {spent.peak} MB, {spent.cpu:.1f} s of CPU",
            flush=True,
        )
