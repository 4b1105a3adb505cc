"""The few forms of TOML 1.0 that drafts are written in."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Mapping
from typing import Any

_BARE = re.compile(r"[A-Za-z0-9_-]+")


def value(found: Any) -> str:
    """One value on one line."""
    match found:
        case bool():
            return "true" if found else "false"
        case int() | float():
            return str(found)
        case dt.date():
            return found.isoformat()
        case str():
            return json.dumps(found, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list() | tuple():
            return f"[{', '.join(map(value, found))}]"
        case _:
            return f"{{ {', '.join(f'{key(name)} = {value(inner)}' for name, inner in found.items())} }}"


def key(name: str) -> str:
    return name if _BARE.fullmatch(name) else value(name)


def table(header: str, entries: Mapping[str, Any]) -> str:
    """A table with its header (`[x]`, `[[x]]`, or empty for the root), one key a line."""
    lines = [header] if header else []
    lines += [f"{key(name)} = {value(inner)}" for name, inner in entries.items()]
    return "\n".join(lines) + "\n"
