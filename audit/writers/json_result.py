"""The result as JSON, indented, UTF-8."""

from __future__ import annotations

import json

from audit.engine.result import Result


def write(result: Result) -> str:
    return json.dumps(result, indent=2, ensure_ascii=False) + "\n"
