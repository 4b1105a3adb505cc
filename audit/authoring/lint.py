"""Every fault of a pack in one list: files, policy.toml, schemas, samples, tests; then what the pack excuses is taken out."""

from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from audit.authoring.case_lint import case_faults, untested
from audit.authoring.entries import Entries, entries
from audit.authoring.faults import LINTS, Fault, Said
from audit.authoring.policy_lint import POLICY, policy_lint, tables, until
from audit.authoring.schema_lint import schema_faults
from audit.authoring.tree import Tree
from audit.model import Pointer, parse_pointer
from audit.policy.load import load
from audit.policy.pack import EventType, PolicyError

_KNOWN_FILES = frozenset({POLICY, "page.md", "open-points.md", "README.md", "LICENSE", "CHANGELOG.md"})
_NEVER_EXCUSED = frozenset({"exception-expired", "exception-unused", "unreadable-file", "not-toml", "refused", "draft"})


class Report(NamedTuple):
    """What lint found. `excused`: faults that an exception of the pack covers."""

    faults: tuple[Fault, ...]
    excused: tuple[Fault, ...]
    files: int


def lint(root: Path, today: dt.date) -> Report:
    """All faults of the pack in a directory, in the order of file and line. `today` decides which exceptions still hold."""
    tree = Tree(root)
    _collect(tree, POLICY, policy_lint(tree))
    if "page.md" not in tree.files:
        tree.add("page.md", "", "unreadable-file", "there is no page.md")
    known = entries(tree)
    ids = frozenset({known.id} if known.id is not None else ())
    for file in tree.below("events"):
        if file in tree.values:
            _collect(tree, file, _schema(tree.values[file], ids))
    for file, said in (*case_faults(tree, known), *untested(tree, known), *_pointers(tree, known)):
        tree.add(file, said.key, said.lint, said.what)
    _orphans(tree)
    _load(tree)
    return _excuse(tree, today)


def _collect(tree: Tree, file: str, found: Iterator[Said]) -> None:
    try:
        for said in found:
            tree.add(file, said.key, said.lint, said.what)
    except RecursionError:
        tree.add(file, "", "too-deep", "references or alternatives nest too deep to be followed")


def _schema(value: Any, ids: frozenset[Pointer]) -> Iterator[Said]:
    said = [*_meta(value)]
    yield from said
    for _ in range(_ROUNDS):
        wrong = [found.key for found in _meta(value)]
        if "" in wrong:
            return
        value = _without(value, wrong)
    if any(True for _ in _meta(value)):
        return
    told = {found.key for found in said}
    yield from (f for f in schema_faults(value, ids) if not (f.lint == "not-a-schema" and f.key in told))


_ROUNDS = 3
"""A keyword taken out can leave another one wrong, hardly a third."""


def _without(value: Any, wrong: list[str]) -> Any:
    """The schema without the keywords that JSON Schema refuses, so that they hide no other fault."""
    kept = copy.deepcopy(value) if wrong else value
    for path in sorted(wrong, reverse=True):
        *way, last = parse_pointer(path)
        node = kept
        for token in way:
            node = node[int(token)] if isinstance(node, list) else node[token]
        if isinstance(node, list):
            node[int(last)] = True
        else:
            node.pop(last, None)
    return kept


@cache
def _metaschema() -> Any:
    import jsonschema_rs

    from audit.policy.validators import refuse

    # The dialect's own metaschema is part of the engine: nothing is fetched.
    return jsonschema_rs.Draft202012Validator(
        {"$ref": "https://json-schema.org/draft/2020-12/schema"}, retriever=refuse
    )


def _meta(value: Any) -> Iterator[Said]:
    """Values of keywords that JSON Schema itself refuses."""
    if not isinstance(value, dict):
        return
    try:
        found = sorted({"".join(f"/{_token(t)}" for t in e.instance_path) for e in _metaschema().iter_errors(value)})
    except (ValueError, UnicodeEncodeError, OverflowError):
        yield Said("", "not-a-schema", "holds text or numbers that no engine reads")
        return
    deepest = [at for at in found if not any(other != at and other.startswith(f"{at}/") for other in found[:1000])]
    yield from (Said(at, "not-a-schema", "a value that JSON Schema does not allow here") for at in deepest)


def _token(token: str | int) -> str:
    return str(token).replace("~", "~0").replace("/", "~1")


def _load(tree: Tree) -> None:
    """What only the loader refuses is told as such; where lint told the reason already it is not told twice."""
    if any(fault.severity == "error" and fault.lint != "draft" for fault in tree.faults):
        return
    try:
        load(tree.root)
    except PolicyError as error:
        where = error.where if error.where.startswith("/") else ""
        tree.faults.append(Fault(error.file, where, error.line, "refused", error.what))
    except RecursionError:
        tree.add(POLICY, "", "refused", "nested too deep to be loaded")


def _pointers(tree: Tree, known: Entries) -> Iterator[tuple[str, Said]]:
    """Pointers of policy.toml that no schema declares."""
    raw = tree.values.get(POLICY)
    for number, event in enumerate(tables(raw, "events")):
        cadence = event.get("cadence")
        subject = cadence.get("subject") if isinstance(cadence, dict) else None
        if _undeclared(subject, known.events.get(str(event.get("name")))):
            at = f"/events/{number}/cadence/subject"
            yield POLICY, Said(at, "pointer-not-declared", f"{subject} is no member of {event.get('name')!r}")
    emails = raw.get("emails") if isinstance(raw, dict) else None
    for number, place in enumerate(tables(emails, "allowed")):
        if _undeclared(place.get("pointer"), known.events.get(str(place.get("event")))):
            at = f"/emails/allowed/{number}/pointer"
            yield POLICY, Said(at, "pointer-not-declared", f"no such member in {place.get('event')!r}")
    consent = raw.get("consent") if isinstance(raw, dict) else None
    subjects = consent.get("subjects") if isinstance(consent, dict) else None
    for name, pointer in subjects.items() if isinstance(subjects, dict) else ():
        mine = [known.events.get(str(e.get("name"))) for e in tables(raw, "events") if e.get("origin") == name]
        text = pointer.partition("#")[0] if isinstance(pointer, str) else pointer
        if mine and all(_undeclared(text, entry) for entry in mine):
            at = f"/consent/subjects/{name}"
            yield POLICY, Said(at, "pointer-not-declared", f"no event of {name!r} has this member")


def _undeclared(pointer: object, entry: EventType | None) -> bool:
    """Whether a pointer names no member of an event whose schema is known."""
    if not isinstance(pointer, str) or not pointer.startswith("/") or entry is None:
        return False
    return not entry.documents(parse_pointer(pointer))


def _orphans(tree: Tree) -> None:
    raw = tree.values.get(POLICY)
    used = {
        f"events/{entry['schema']}"
        for kind in ("events", "categories")
        for entry in tables(raw, kind)
        if isinstance(entry.get("schema"), str)
    }
    for file in tree.files:
        if file in _KNOWN_FILES or file in used:
            continue
        folder, _, name = file.rpartition("/")
        if folder in ("samples", "tests") and name.endswith(".json"):
            continue
        what = "no event of policy.toml has this schema" if folder == "events" else "nothing in the pack refers to it"
        tree.faults.append(Fault(file, "", None, "orphaned-file", what))
    if raw is not None:
        for kind in ("events", "categories"):
            for number, entry in enumerate(tables(raw, kind)):
                schema = entry.get("schema")
                if isinstance(schema, str) and f"events/{schema}" not in tree.files:
                    what = f"there is no plain file events/{schema[:80]}"
                    tree.add(POLICY, f"/{kind}/{number}/schema", "unreadable-file", what)


def _excuse(tree: Tree, today: dt.date) -> Report:
    """Take out what an exception that still holds covers; expired and unused ones are faults themselves."""
    faults = list(dict.fromkeys(tree.faults))
    excused: list[Fault] = []
    for number, entry in enumerate(tables(tree.values.get(POLICY), "exceptions")):
        at = f"/exceptions/{number}"
        line = tree.line(POLICY, at)
        covered = [fault for fault in faults if _covers(entry, fault)]
        last = until(entry)
        if entry.get("lint") not in LINTS:
            faults.append(Fault(POLICY, f"{at}/lint", line, "exception-unused", "there is no such fault"))
        elif last is None or last < today:
            faults.append(Fault(POLICY, f"{at}/until", line, "exception-expired", f"it held until {last}"))
        elif not covered:
            faults.append(Fault(POLICY, at, line, "exception-unused", "it excuses nothing"))
        else:
            excused += covered
            faults = [fault for fault in faults if fault not in covered]
    return Report(tuple(sorted(faults, key=_order)), tuple(sorted(excused, key=_order)), len(tree.files))


def _covers(entry: Mapping[str, Any], fault: Fault) -> bool:
    """An exception names one kind of fault at one key of one file; it never covers what could hide others."""
    if fault.lint in _NEVER_EXCUSED:
        return False
    return (entry.get("lint"), entry.get("file"), entry.get("key", "")) == (fault.lint, fault.file, fault.key)


def _order(fault: Fault) -> tuple[object, ...]:
    return fault.file, fault.line or 0, fault.key, fault.lint, fault.what
