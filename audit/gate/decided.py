"""A result with everything that the gate says about it: what is suppressed, what is known, and the exit code."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from audit.engine.result import Result, digest
from audit.gate import baseline as baselines
from audit.gate import suppressions as exceptions
from audit.gate.baseline import Baseline
from audit.gate.exit import decide
from audit.gate.suppressions import Suppressions


def decided(
    result: Result,
    fail_on: str,
    required: Collection[str],
    suppressions: Suppressions | None = None,
    baseline: Baseline | None = None,
) -> Result:
    """Marks groups, never removes one: findings, verdicts and counts stay as they were judged."""
    marked: dict[str, Any] = {key: value for key, value in result.items() if key != "digest"}
    marked["groups"] = [dict(group) for group in result["groups"]]
    if suppressions is not None:
        marked["exceptions"] = exceptions.apply(suppressions, marked["groups"])
    if baseline is not None:
        marked["baseline"] = baselines.apply(baseline, marked["groups"])
    hidden = sum(group["count"] for group in marked["groups"] if group["suppressed"])
    marked["counts"] = {**result["counts"], "suppressed": hidden}
    marked["gate"] = decide(cast("Result", marked), fail_on, required)
    marked["digest"] = digest(marked)
    return cast("Result", marked)
