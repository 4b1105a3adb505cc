"""The events of a pack whose files may be damaged: what can be compiled is, so that one fault does not hide others."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from audit.authoring.policy_lint import POLICY, tables
from audit.authoring.tree import Tree
from audit.authoring.unfold import unfolds_too_far
from audit.model import PackStr, Pointer, parse_pointer
from audit.policy.files import schemas_root
from audit.policy.pack import Documented, EventType
from audit.policy.patterns import Pattern
from audit.policy.shapes import documentation
from audit.policy.validators import check_safe, compile_validator


class Entries(NamedTuple):
    """`name`: where messages keep their name. An event whose schema cannot be used has no entry."""

    name: Pointer | None
    id: Pointer | None
    events: Mapping[str, EventType | None]
    categories: tuple[tuple[re.Pattern[str], EventType | None], ...]

    def of(self, name: object) -> tuple[bool, EventType | None]:
        """Whether an event is named or described, and its entry."""
        if not isinstance(name, str):
            return False, None
        if name in self.events:
            return True, self.events[name]
        return next(((True, entry) for pattern, entry in self.categories if pattern.fullmatch(name)), (False, None))


def entries(tree: Tree) -> Entries:
    """Everything of policy.toml that names an event, with its schema compiled."""
    raw = tree.values.get(POLICY)
    envelope = _envelope(raw)
    transport = tuple(name for name in _list(envelope, "transport") if isinstance(name, str))
    known: dict[str, EventType | None] = {}

    def entry(table: Mapping[str, Any]) -> EventType | None:
        file = f"events/{table.get('schema')}"
        if file not in known:
            known[file] = _compiled(tree.values.get(file), transport)
        return known[file]

    events = {e["name"]: entry(e) for e in tables(raw, "events") if isinstance(e.get("name"), str)}
    return Entries(
        _pointer(envelope, "name"),
        _pointer(envelope, "id"),
        events,
        tuple((pattern, entry(table)) for pattern, table in _categories(raw)),
    )


def _envelope(raw: Any) -> Mapping[str, Any]:
    found = raw.get("envelope") if isinstance(raw, dict) else None
    if not isinstance(found, dict):
        return {}
    kind = found.get("kind")
    if isinstance(kind, str) and re.fullmatch(r"[a-z0-9-]+", kind) and kind != "custom":
        path = schemas_root() / "envelopes" / f"{kind}.toml"
        return tomllib.loads(path.read_text("utf-8")) if path.is_file() else {}
    return found


def _list(envelope: Mapping[str, Any], key: str) -> list[Any]:
    found = envelope.get(key)
    return found if isinstance(found, list) else []


def _pointer(envelope: Mapping[str, Any], key: str) -> Pointer | None:
    try:
        return parse_pointer(envelope[key]) if isinstance(envelope.get(key), str) else None
    except ValueError:
        return None


def _categories(raw: Any) -> Iterator[tuple[re.Pattern[str], Mapping[str, Any]]]:
    for table in tables(raw, "categories"):
        text = table.get("name_pattern")
        if isinstance(text, str):
            pattern = Pattern(text)
            if pattern.error is None and not pattern.slow():
                yield re.compile(text), table


def _compiled(schema: Any, transport: tuple[str, ...]) -> EventType | None:
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return None
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return None
    if unfolds_too_far(schema):
        return None
    whole = {**schema, "properties": {**dict.fromkeys(transport, True), **properties}}
    try:
        if any(True for _ in check_safe(whole)):
            return None
        validator = compile_validator(whole)
        found = documentation(whole, transport)
    except (ValueError, RecursionError, AttributeError, TypeError):
        return None  # told where the schema itself is looked at
    return EventType(
        name=PackStr(""),
        origin="",
        documented=Documented.SAMPLE,
        schema=whole,
        validator=validator,
        leaves=found.leaves,
        containers=found.containers,
        required=found.required,
        open=found.open,
    )
