"""A concrete document for a widening: NEW accepts it and OLD refuses it, at the very place, asked of the validators."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from audit.authoring.diff_schema import Path, Widening
from audit.authoring.examples import around, candidates
from audit.authoring.schema_parts import Node, fits, node
from audit.model import Json
from audit.policy.pack import EventType
from audit.policy.validators import Validator

MOST = 24
"""Whole documents tried for one widening."""


def witness(change: Widening, old: EventType | None, new: EventType) -> Json:
    """The smallest document found, or None where none was: that proves nothing."""
    for document in islice(documents(change, new), MOST):
        if proves(change.path, document, old, new):
            return document
    return None


def documents(change: Widening, new: EventType) -> Iterator[Json]:
    start = node(new.schema, [new.schema])
    for full in (False, True):
        yield from _documents(change, start, full=full)


def _documents(change: Widening, start: Node, *, full: bool) -> Iterator[Any]:
    if change.kind == "required-dropped":
        whole = around(start, change.path, None, full=full)
        _remove(whole, change.path)
        yield whole
        return
    for value in candidates(change.before, change.after):
        if fits(change.after, value) and not fits(change.before, value):
            yield around(start, change.path, value, full=full)


def _remove(document: Any, path: Path) -> None:
    here = document
    for name in path[:-1]:
        here = here[-1] if isinstance(here, list) else here.get(name, next(iter(here.values()), None))
    if isinstance(here, dict):
        here.pop(path[-1], None)


def proves(path: Path, document: Any, old: EventType | None, new: EventType) -> bool:
    """Accepted by NEW; refused by OLD, and refused at this place and not only at another that changed too."""
    if not accepts(new.validator, document):
        return False
    if old is None:
        return True
    return not accepts(old.validator, document) and any(covers(path, where) for where in refused(old, document))


def accepts(validator: Validator, document: Any) -> bool:
    try:
        return validator.is_valid(document)
    except (ValueError, OverflowError, RecursionError):  # beyond the engine: no witness
        return False


def refused(entry: EventType, document: Any) -> list[Path]:
    """Every place at which an event type refuses a document; names that are unknown or absent as places of their own."""
    found: list[Path] = []
    for fault in entry.validator.faults(document):
        where = tuple(str(token) if not isinstance(token, int) else "*" for token in fault.pointer)
        found.extend([(*where, name) for name in fault.names] or [where])
    return found


def covers(path: Path, where: Path) -> bool:
    """Whether a change at a path speaks of a place: the same one, or one above it. `*` stands for any name or index."""
    return len(path) <= len(where) and all(mine in ("*", theirs) for mine, theirs in zip(path, where, strict=False))
