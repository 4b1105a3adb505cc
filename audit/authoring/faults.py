"""What lint can say of a pack: a closed list of ids, each with severity and remedy; a fault names file, key path and line."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


class Lint(NamedTuple):
    """One thing that can be wrong with a pack. `remedy`: what its writer does about it."""

    severity: Severity
    remedy: str


def _error(remedy: str) -> Lint:
    return Lint(Severity.ERROR, remedy)


def _warning(remedy: str) -> Lint:
    return Lint(Severity.WARNING, remedy)


LINTS: Mapping[str, Lint] = {
    # files
    "unreadable-file": _error("make it a plain UTF-8 file inside the pack"),
    "link": _error("put the file itself into the pack: links are not followed"),
    "too-large": _error("split it: nobody can review so much"),
    "not-json": _error("write one JSON value"),
    "not-toml": _error("write TOML 1.0"),
    "doubled-key": _error("keep one of the two: parsers do not agree which one counts"),
    "orphaned-file": _warning("name it in policy.toml, or remove it"),
    "too-many-files": _error("split the pack"),
    # policy.toml
    "policy-shape": _error("see schemas/policy.schema.json, or docs/policy-packs.md"),
    "unknown-key": _error("remove it, or spell it as schemas/policy.schema.json does"),
    "missing-key": _error("add it"),
    "doubled-name": _error("give each a name of its own"),
    "unknown-origin": _error("name an origin of [[origins]]"),
    "unknown-event": _error("name an event of [[events]]"),
    "unknown-rule": _error("name a rule of `telemetry-audit explain`"),
    "unknown-destination": _error("name the purpose of one of [[destinations]]"),
    "unknown-envelope": _error("write custom and the envelope's keys, or a built-in name"),
    "quote-not-found": _error("quote the page word for word"),
    "claim-without-rules": _error("name the rules that test it, or say why no capture can with not_testable"),
    "event-without-claim": _warning("quote the sentence that promises what these events hold"),
    "rule-without-claim": _error("add the rule to the claim that it would break"),
    "pointer-not-declared": _error("declare the member in the event's schema, or correct the pointer"),
    "duration": _error("write P[nD]T[nH][nM][nS], such as PT6H"),
    "draft": _error("settle every open point, then remove `draft = true`"),
    "to-review": _warning("look at it, correct it, then remove x-review"),
    "exception-expired": _error("mend what it excuses, or decide again and set a new `until`"),
    "exception-unused": _warning("remove it: it excuses nothing"),
    "refused": _error("correct it: the pack cannot be loaded"),
    # schemas
    "not-a-schema": _error("correct the keyword's value"),
    "dialect": _error("write https://json-schema.org/draft/2020-12/schema"),
    "too-deep": _error("flatten it"),
    "reference": _error("refer to something in the same file, as '#/$defs/name'"),
    "cyclic-reference": _error("write out the levels that the page shows"),
    "unused-definition": _warning("remove it"),
    "unknown-keyword": _error("remove it, or spell it as JSON Schema 2020-12 does"),
    "unsupported-keyword": _error("say it with a supported keyword"),
    "unchecked-format": _error("use a format that is checked, or a pattern"),
    "format-without-text": _error('add "type": "string": of other types a format or pattern asks nothing'),
    "open-object": _error('add "additionalProperties": false, or describe names and values of a map'),
    "open-array": _error("describe the items"),
    "unbounded-array": _error("add maxItems"),
    "unbounded-string": _error("add maxLength, a format or an anchored pattern"),
    "untyped": _error("say which type it has: without one it accepts anything"),
    "pattern-invalid": _error("correct the regular expression"),
    "pattern-unanchored": _error("begin with ^ and end with $: a pattern is searched for anywhere in the text"),
    "pattern-not-portable": _error("use only what every engine reads alike: classes, groups, alternatives, counts"),
    "pattern-slow": _error("rewrite it so that a text can be matched in one way only"),
    "required-undeclared": _error("declare it under properties, or drop it from required"),
    "unsatisfiable": _error("remove one of the two conditions: together nothing can satisfy them"),
    "no-data-category": _error("add x-data-category"),
    "unknown-data-category": _error("use a category of docs/policy-packs.md"),
    "data-category-too-low": _error("use a category that says whom it identifies"),
    # samples and tests
    "sample-invalid": _error("correct the sample to what the page prints, or the schema to what the sample shows"),
    "placeholder": _error("write what it stands for, or mark the leaf with x-placeholder"),
    "placeholder-not-shown": _error("x-placeholder must be what a sample of the page shows"),
    "test-shape": _error('write {"event": ...} for .pass.json, and add "finding": {"rule", "pointer"} for .fail.json'),
    "event-without-test": _warning("add a pass file and a fail file for it"),
}


class Fault(NamedTuple):
    """One fault. `key`: RFC 6901 path in the file, empty for the file as a whole; `what`: one plain sentence."""

    file: str
    key: str
    line: int | None
    lint: str
    what: str

    @property
    def severity(self) -> Severity:
        return LINTS[self.lint].severity

    @property
    def remedy(self) -> str:
        return LINTS[self.lint].remedy


class Said(NamedTuple):
    """A fault inside one schema, before it is given its file and line."""

    key: str
    lint: str
    what: str


def child(path: str, *tokens: str | int) -> str:
    """A key path one or more keys further down."""
    return path + "".join(f"/{str(token).replace('~', '~0').replace('/', '~1')}" for token in tokens)
