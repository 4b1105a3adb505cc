"""Made-up events that a schema accepts: every value is invented, none was captured."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

FORMATS: Mapping[str, str] = {
    "date-time": "2000-01-01T00:00:00Z",
    "date": "2000-01-01",
    "time": "00:00:00Z",
    "duration": "PT1H",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "email": "user@example.com",
    "hostname": "host.example.com",
    "uri": "https://host.example.com/",
}
"""Values of the ranges that are reserved for documentation."""
_HEX_PATTERN = re.compile(r"\^\[0-9[aA]-[fF](?:[aA]-[fF])?\]\{(\d+)\}\$")
_WORD = "example"


def synthetic(schema: Mapping[str, Any], *, full: bool) -> Any:
    """A value of a drafted schema. `full`: with every member, else only those that are required."""
    if "const" in schema:
        return schema["const"]
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((one for one in kind if one != "null"), "null")
    if kind is None and schema.get("anyOf"):
        branch = next((b for b in schema["anyOf"] if b.get("type") != "null"), schema["anyOf"][0])
        return synthetic(branch, full=full)
    match kind:
        case "object":
            return _object(schema, full=full)
        case "array":
            items = schema.get("items")
            room = schema.get("maxItems", 1) > 0
            return [synthetic(items, full=full)] if isinstance(items, dict) and full and room else []
        case "integer" | "number":
            return max(1 if schema.get("maximum", 1) >= 1 else 0, schema.get("minimum", 0))
        case "boolean":
            return True
        case "null":
            return None
        case _:
            return _text(schema)


def _object(schema: Mapping[str, Any], *, full: bool) -> dict[str, Any]:
    required = schema.get("required", ())
    found = {
        name: synthetic(inner, full=full)
        for name, inner in schema.get("properties", {}).items()
        if full or name in required
    }
    values = schema.get("additionalProperties")
    if isinstance(values, dict) and full:
        found[_text(schema.get("propertyNames", {}))] = synthetic(values, full=full)
    return found


def _text(schema: Mapping[str, Any]) -> str:
    for branch in (schema, *schema.get("anyOf", ())):
        if branch.get("format") in FORMATS:
            return FORMATS[branch["format"]]
    hexed = _HEX_PATTERN.fullmatch(schema.get("pattern", ""))
    if hexed:
        return "0" * int(hexed[1])
    return _WORD[: schema.get("maxLength", len(_WORD))]
