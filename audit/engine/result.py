"""The result as a document: the only thing that writers and gates see. Its shape is `schemas/result.schema.json`."""

from __future__ import annotations

import hashlib
import json
from typing import Any, NotRequired, TypedDict

FORMAT = "telemetry-audit/result/1"


class InputRow(TypedDict):
    name: str
    format: str
    sha256: str | None
    bytes: int
    units: int
    carrying: int
    blank: int
    unreadable: int
    other: int
    events: int
    contacts: int
    head: NotRequired[str]
    etag: NotRequired[str]


class ClaimRow(TypedDict):
    id: str
    quotes: list[str]
    verdict: str
    looked_at: int
    unit: str
    broken: int
    rules: dict[str, int]
    reason: str
    limit: NotRequired[str]
    hint: NotRequired[str]
    origin: NotRequired[str]


class RequirementRow(TypedDict):
    id: str
    verdict: str
    broken: int
    rules: dict[str, int]
    reason: str


class GroupRow(TypedDict):
    fingerprint: str
    rule: str
    level: str
    event: str | None
    field: str | None
    host: str | None
    count: int
    shown: int
    suppressed: bool
    baseline: NotRequired[str]


class ValueRow(TypedDict):
    """The first characters of a revealed value, and how many it has."""

    text: str
    length: int


class FindingRow(TypedDict):
    fingerprint: str
    rule: str
    level: str
    grade: str
    claims: list[str]
    input: str | None
    unit: int | None
    line: int | None
    offset: int | None
    item: int | None
    event: str | None
    message_id: str | None
    origin: str | None
    pointer: str | None
    field: str | None
    message: str
    shape: str | None
    path: list[str]
    host: NotRequired[str]
    value: NotRequired[ValueRow]
    withheld: NotRequired[str]


class Tool(TypedDict):
    name: str
    version: str


class PolicyRow(TypedDict):
    id: str
    revision: str
    title: str
    sha256: str


class Counts(TypedDict):
    error: int
    warning: int
    note: int
    rules: dict[str, int]
    suppressed: NotRequired[int]


class GateRow(TypedDict):
    exit: int
    reason: str


REVEALED = "Holds personal data: values as they were captured stand in it. Keep it as you keep the captures."
"""What stands in and on every page of a result in which values are revealed."""


class Result(TypedDict):
    format: str
    reveal: NotRequired[str]
    sensitivity: NotRequired[str]
    tool: Tool
    policy: PolicyRow
    inputs: list[InputRow]
    coverage: dict[str, Any]
    verdict: str
    headline: str
    claims: list[ClaimRow]
    counts: Counts
    groups: list[GroupRow]
    findings: list[FindingRow]
    destinations: list[dict[str, Any]]
    requirements: list[RequirementRow]
    parameters: dict[str, Any]
    custody: dict[str, Any] | None
    unreadable: dict[str, int]
    overflow: dict[str, int]
    traffic: NotRequired[dict[str, Any]]
    timeline: NotRequired[dict[str, Any]]
    inventory: NotRequired[dict[str, Any]]
    measures: NotRequired[dict[str, Any]]
    exceptions: NotRequired[dict[str, Any]]
    baseline: NotRequired[dict[str, Any]]
    gate: NotRequired[GateRow]
    digest: str


def digest(document: dict[str, Any]) -> str:
    """sha256 over the compact, key-sorted UTF-8 JSON of everything but the digest itself."""
    rest = {key: value for key, value in document.items() if key != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
