"""The findings of the result, one JSON object a line."""

from __future__ import annotations

import json

from audit.engine.result import Result


def write(result: Result) -> str:
    return "".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in result["findings"])
