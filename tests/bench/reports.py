"""Measure reports of a large result: 1,000,000 findings in 10,000 groups, rendered by `telemetry-audit report`.

python -m tests.bench.reports    prints CPU seconds, peak memory and size of each format
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from audit.engine.result import digest
from audit.writers import FORMATS
from tests.conftest import CAPTURES, invoke

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


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        saved = Path(scratch, "result.json")
        saved.write_text(json.dumps(large(), ensure_ascii=False, indent=2), "utf-8")
        for kind in FORMATS:
            target = Path(scratch, "report")
            start = cpu()
            command = [sys.executable, "-m", "audit", "report", str(saved), "-q", "-o", f"{kind}={target}"]
            subprocess.run(command, check=True)
            seconds = cpu() - start
            peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
            print(f"{kind:<12} {seconds:5.1f} s   {peak:>5} MB at most so far   {target.stat().st_size / 1e6:6.2f} MB")


if __name__ == "__main__":
    main()
