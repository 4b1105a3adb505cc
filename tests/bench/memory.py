"""Peak memory of the whole check, by number of events and share of breaches."""

from __future__ import annotations

from pathlib import Path

from tests.bench.spend import AUDIT, generate, spend

EVENTS = (100_000, 1_000_000)
SHARES = (0.001, 0.01, 0.5)


def measure(folder: Path, events: tuple[int, ...] = EVENTS, shares: tuple[float, ...] = SHARES) -> None:
    log = folder / "log.jsonl"
    for number in events:
        for share in shares:
            generate(str(log), number, share)
            size = log.stat().st_size / 1e6
            spent = spend([*AUDIT, str(log)])
            print(
                f"{number:>9,} events, {size:4.0f} MB, {100 * share:4.1f} % breaches: "
                f"peak {spent.peak} MB, {spent.cpu:.1f} s of CPU",
                flush=True,
            )
