"""The findings of the result, one JSON object a line, marked where it is suppressed or a baseline was given."""

from __future__ import annotations

import json
from typing import Any

from audit.engine.result import GroupRow, Result


def write(result: Result) -> str:
    marks = {(group["fingerprint"], group["level"]): _marks(group) for group in result["groups"]}
    rows = ({**row, **marks.get((row["fingerprint"], row["level"]), {})} for row in result["findings"])
    return "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)


def _marks(group: GroupRow) -> dict[str, Any]:
    state = group.get("baseline")
    marks: dict[str, Any] = {"suppressed": True} if group["suppressed"] else {}
    return {**marks, "baseline": state} if state is not None else marks
