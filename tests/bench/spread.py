"""A log laid out for tools that check a file against one schema: per event type, its schema and its events.

The tools pay nothing for it: sorting the events out is done beforehand, untimed.
"""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema_rs
import orjson

from audit.policy.files import find
from audit.policy.load import load

POLICY = "appsmith/2020-11"


class Type(NamedTuple):
    """The files of one event type: schema and JSON lines; schema of an array of it and one such array."""

    schema: Path
    lines: Path
    array_schema: Path
    array: Path


class Spread(NamedTuple):
    """A log, all schemas by event name in one file, the files of each type, and how many events a schema refuses."""

    log: Path
    schemas: Path
    types: tuple[Type, ...]
    refused: int


def schemas() -> dict[str, Any]:
    """The pack's schema of each listed event, by name."""
    return {str(name): dict(entry.schema) for name, entry in load(find(POLICY)).events.items()}


def spread(log: Path, folder: Path) -> Spread:
    """Lay out a log. Lines that are no JSON, and events that are not listed, are left out: no schema is theirs."""
    folder.mkdir()
    known = schemas()
    events = _by_name(log, known)
    types = tuple(_lay(folder / str(n), known[name], events[name]) for n, name in enumerate(known) if events[name])
    everything = folder / "schemas.json"
    everything.write_text(json.dumps(known), "utf-8")
    refused = 0
    for name, lines in events.items():
        validator = jsonschema_rs.validator_for(known[name], validate_formats=True)
        refused += sum(not validator.is_valid(orjson.loads(line)) for line in lines)
    return Spread(log, everything, types, refused)


def _by_name(log: Path, known: dict[str, Any]) -> dict[str, list[bytes]]:
    events: defaultdict[str, list[bytes]] = defaultdict(list)
    with log.open("rb") as file:
        for line in file:
            try:
                value = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if value["event"] in known:
                events[value["event"]].append(line.rstrip(b"\n"))
    return events


def _lay(stem: Path, schema: dict[str, Any], lines: list[bytes]) -> Type:
    many = {"$schema": schema["$schema"], "type": "array", "items": {k: v for k, v in schema.items() if k != "$schema"}}
    laid = Type(
        *(stem.with_name(f"{stem.name}{end}") for end in (".schema.json", ".jsonl", ".many.json", ".array.json"))
    )
    laid.schema.write_text(json.dumps(schema), "utf-8")
    laid.array_schema.write_text(json.dumps(many), "utf-8")
    laid.lines.write_bytes(b"\n".join(lines) + b"\n")
    laid.array.write_bytes(b"[" + b",\n".join(lines) + b"]")
    return laid
