"""The result as JSON, indented, UTF-8."""

from __future__ import annotations

import json

import orjson

from audit.engine.result import Result


def write(result: Result) -> str:
    """The bytes of `json.dumps(indent=2)`, ten times as fast where the fast writer knows all that stands in the result."""
    try:
        return orjson.dumps(result, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
    except TypeError:  # a lone surrogate, or an integer of more than 64 bits
        return json.dumps(result, indent=2, ensure_ascii=False) + "\n"
