"""Measure reports of a large result: 1,000,000 findings in 10,000 groups, rendered by `telemetry-audit report`.

python -m tests.bench.reports    prints CPU seconds, peak memory and size of each format and of all; exit 1 over a limit
"""

from __future__ import annotations

import json
import math
import resource
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from audit.engine.result import digest
from audit.writers import FORMATS
from tests.conftest import CAPTURES, invoke, measured

GROUPS = 10_000


def large() -> dict[str, Any]:
    """A result with one group multiplied, 100 findings and 3 examples each."""
    result: dict[str, Any] = json.loads(
        invoke("check", CAPTURES / "python-segment.jsonl", "--inventory", "-o", "json").out
    )
    group = next(row for row in result["groups"] if row["level"] == "error")
    finding = next(row for row in result["findings"] if row["fingerprint"] == group["fingerprint"])
    names = [f"ta1:{number:032x}" for number in range(GROUPS)]
    fields = [f"/properties/field{number}/deep/leaf" for number in range(GROUPS)]
    pairs = [*zip(names, fields, strict=True)]
    result["groups"] = [{**group, "fingerprint": n, "field": f, "count": 100, "shown": 3} for n, f in pairs]
    result["findings"] = [{**finding, "fingerprint": n, "field": f, "pointer": f} for n, f in pairs for _ in range(3)]
    result["counts"] |= {"error": 100 * GROUPS, "rules": {group["rule"]: 100 * GROUPS}}
    result["digest"] = digest(result)
    return result


def cpu() -> float:
    """CPU seconds of all children so far."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


LIMITS = {"html": (3.0, 300), "all ten": (5.0, 300)}
"""CPU seconds and MB that a rendering may take; the page itself may have 3 MB."""


def render(saved: Path, directory: Path, kinds: Sequence[str]) -> tuple[float, int, int]:
    """CPU seconds, peak memory in MB and size in bytes of one rendering."""
    outputs = [part for kind in kinds for part in ("-o", f"{kind}={directory / kind}")]
    start = cpu()
    run, peak = measured("report", saved, "-q", *outputs)
    assert run.code == 0, run.err
    return cpu() - start, peak >> 20, sum((directory / kind).stat().st_size for kind in kinds)


def main() -> int:
    over = False
    with tempfile.TemporaryDirectory() as scratch:
        saved = Path(scratch, "result.json")
        saved.write_text(json.dumps(large(), ensure_ascii=False, indent=2), "utf-8")
        for name, kinds in (*((kind, (kind,)) for kind in FORMATS), ("all ten", tuple(FORMATS))):
            seconds, peak, size = render(saved, Path(scratch), kinds)
            most, room = LIMITS.get(name, (math.inf, math.inf))
            wrong = seconds > most or peak > room or (name == "html" and size > 3 << 20)
            over = over or wrong
            print(
                f"{name:<12} {seconds:5.1f} s   {peak:>5} MB   {size / 1e6:6.2f} MB{'   OVER ITS LIMIT' if wrong else ''}"
            )
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
