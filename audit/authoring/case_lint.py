"""Faults of samples and tests: they must be JSON, fit what they stand for, and leave no placeholder unexplained."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from audit.authoring.entries import Entries
from audit.authoring.faults import Said, child
from audit.authoring.policy_lint import POLICY, tables
from audit.authoring.tree import Tree
from audit.model import leaves, parse_pointer, resolve
from audit.rules import BY_ID, NOT_YET

PLACEHOLDER = re.compile(
    r"<[^<>]{1,60}>|\{\{?[^{}]{1,60}\}?\}|\[[A-Za-z _-]{2,60}\]|(?:YOUR|MY)[_ -][A-Za-z_ -]{1,60}|[Xx]{3,64}|\.\.\.|…|"
    r"TODO|FIXME|TBD|lorem ipsum.{0,200}|(?:string|uuid|timestamp|number)",
    re.DOTALL,
)
"""A text that stands for another, as pages print it."""
_TEST = re.compile(r"tests/[^/]+\.(?P<kind>pass|fail)\.json")


def case_faults(tree: Tree, known: Entries) -> Iterator[tuple[str, Said]]:
    """Faults of the files in samples/ and tests/, each with its file."""
    shown: set[str] = set()
    for file in tree.below("samples"):
        value = tree.values.get(file)
        if value is not None:
            shown |= {leaf for _, leaf in leaves(value) if isinstance(leaf, str)}
            yield from ((file, said) for said in _sample(value, known))
    for file in tree.below("tests"):
        if file in tree.values:
            yield from ((file, said) for said in _test(file, tree.values[file]))
    yield from _placeholders(tree, shown)


def _sample(value: Any, known: Entries) -> Iterator[Said]:
    if not isinstance(value, dict):
        yield Said("", "sample-invalid", "a sample is one event: an object")
        return
    named, entry = known.of(resolve(value, known.name) if known.name is not None else None)
    if not named:
        yield Said(_path(known.name or ()), "sample-invalid", "no event of policy.toml has the sample's name")
    if entry is None:
        return
    for fault in entry.validator.faults(value):
        found = resolve(value, fault.pointer)
        leaf = entry.leaf(fault.pointer)
        if leaf is not None and leaf.placeholder is not None and leaf.placeholder == found:
            continue
        if isinstance(found, str) and PLACEHOLDER.fullmatch(found):
            continue  # told below
        names = f": {', '.join(fault.names)}" if fault.names else ""
        yield Said(_path(fault.pointer), "sample-invalid", f"does not fit `{fault.keyword}` of its schema{names}")
    for pointer, found in leaves(value):
        if isinstance(found, str) and PLACEHOLDER.fullmatch(found):
            leaf = entry.leaf(pointer)
            if leaf is None or leaf.placeholder != found:
                yield Said(_path(pointer), "placeholder", "a placeholder that the schema does not explain")


def _path(pointer: tuple[str | int, ...]) -> str:
    return child("", *pointer)


def _test(file: str, value: Any) -> Iterator[Said]:
    match = _TEST.fullmatch(file)
    if match is None:
        yield Said("", "test-shape", "the name of a test is <event>.<name>.pass.json or .fail.json")
        return
    wanted = {"event"} if match["kind"] == "pass" else {"event", "finding"}
    if not isinstance(value, dict) or value.keys() != wanted or not isinstance(value.get("event"), dict):
        yield Said("", "test-shape", f"must hold {' and '.join(sorted(wanted))}, and nothing else")
        return
    if match["kind"] == "fail":
        yield from _finding(value["finding"])


def _finding(finding: Any) -> Iterator[Said]:
    if not isinstance(finding, dict) or finding.keys() != {"rule", "pointer"}:
        yield Said("/finding", "test-shape", "a finding is named by rule and pointer")
        return
    rule, pointer = finding["rule"], finding["pointer"]
    if not isinstance(rule, str) or (rule not in BY_ID and rule not in NOT_YET):
        yield Said("/finding/rule", "unknown-rule", "there is no such rule")
    try:
        parse_pointer(pointer if isinstance(pointer, str) else "")
    except ValueError:
        yield Said("/finding/pointer", "test-shape", "no JSON Pointer: it begins with /")


def _placeholders(tree: Tree, shown: set[str]) -> Iterator[tuple[str, Said]]:
    """What a schema calls a placeholder must be what the page prints."""
    from audit.authoring.schema_nodes import every

    for file in tree.below("events"):
        for at, node in every(tree.values.get(file, {})):
            placeholder = node.get("x-placeholder", "") if isinstance(node, dict) else ""
            if placeholder and not (isinstance(placeholder, str) and placeholder in shown):
                yield (
                    file,
                    Said(child(at, "x-placeholder"), "placeholder-not-shown", "no sample shows this placeholder"),
                )


def untested(tree: Tree, known: Entries) -> Iterator[tuple[str, Said]]:
    """Events of policy.toml without a pass file or without a fail file."""
    tested: Mapping[str, set[str]] = {"pass": set(), "fail": set()}
    for file in tree.below("tests"):
        match, value = _TEST.fullmatch(file), tree.values.get(file)
        if match is None or not isinstance(value, dict) or not isinstance(value.get("event"), dict):
            continue
        name = resolve(value["event"], known.name) if known.name is not None else None
        if isinstance(name, str):
            tested[match["kind"]].add(name)
    for number, event in enumerate(tables(tree.values.get(POLICY), "events")):
        name = event.get("name")
        missing = [f"{kind} file" for kind in ("pass", "fail") if isinstance(name, str) and name not in tested[kind]]
        if missing:
            yield POLICY, Said(f"/events/{number}", "event-without-test", f"{name!r} has no {' and no '.join(missing)}")
