"""SARIF 2.1.0: what both profiles are made of. Places are relative URIs, and no snippet is ever given."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from audit.engine.result import FindingRow, GroupRow, Result
from audit.model import Outcome
from audit.redact import visible
from audit.rules import BY_ID

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
Object = dict[str, Any]
_ORDINAL: Mapping[str, int] = {"error": 1, "warning": 2, "note": 3}
LIMITS = "This compares one capture with one page; it cannot see what was not captured, and it is no legal assessment."


def log(run: Object, results: Iterable[Object]) -> str:
    """A whole log of one run, as text: a result a line, so that none is held but as text."""
    lines = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in results)
    document = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
    end = "\n  }\n ]\n}"
    head = json.dumps(document, indent=1, ensure_ascii=False).removesuffix(end)
    return f'{head},\n   "results": [\n{lines}\n   ]{end}\n'


def tool(result: Result, rules: Iterable[str]) -> Object:
    """The tool with these rules, described by their own documentation."""
    driver = {
        "name": visible(result["tool"]["name"]),
        "version": visible(result["tool"]["version"]),
        "rules": [_rule(rule) for rule in rules],
    }
    return {"driver": driver}


def _rule(rule: str) -> Object:
    known = BY_ID.get(rule)
    if known is None:  # the result of a version that has other rules
        return {"id": rule, "shortDescription": {"text": rule.replace("-", " ")}}
    first, _, rest = known.doc.strip().partition("\n")
    return {
        "id": rule,
        "shortDescription": {"text": first},
        "fullDescription": {"text": first},
        "help": {"text": rest.strip() or first},
        "defaultConfiguration": {"level": known.level.value},
        "properties": {"tags": ["telemetry", "privacy"]},
    }


def uri(name: str) -> str:
    """An input's name as a relative URI: a colon in it starts no scheme, and no two slashes name a host."""
    return quote(visible(name), safe="/").lstrip("/") or "input"


def location(result: Result, finding: FindingRow, *, always: bool) -> list[Object]:
    """Where a finding stands. `always`: a finding without a place, or without lines, stands at the start of the capture."""
    name = finding["input"]
    if name is None and always and result["inputs"]:
        name = result["inputs"][0]["name"]
    found: Object = {}
    if name is not None:
        physical: Object = {"artifactLocation": {"uri": uri(name)}}
        line = finding["line"] or (1 if always else None)
        if line is not None:
            physical["region"] = {"startLine": line}
        found["physicalLocation"] = physical
    logical = _logical(finding)
    if logical:
        found["logicalLocations"] = logical
    return [found] if found else []


def _logical(finding: FindingRow) -> list[Object]:
    parts = [part for part in (finding["event"], finding.get("host"), finding["pointer"]) if part]
    if not parts:
        return []
    return [{"fullyQualifiedName": visible(" ".join(parts)), "kind": "member" if finding["pointer"] else "object"}]


def prints(group: FindingRow | GroupRow) -> Object:
    """Fingerprints: GitHub's key, where the level keeps groups of one fingerprint apart, and ours."""
    own = group["fingerprint"]
    ordinal = _ORDINAL.get(group["level"], 9)
    return {"primaryLocationLineHash": f"{own.removeprefix('ta1:')}:{ordinal}", "telemetryAudit/v1": own}


def notification(text: str, level: str = "note") -> Object:
    return {"level": level, "message": {"text": visible(text)}}


def invocation(result: Result, notes: Sequence[Object]) -> Object:
    """How it ran. It succeeded also where findings were made, and not where nothing was read or evidence was changed: no
    alert means nothing then. What was not read is told as a notification."""
    gate = result.get("gate")
    failed = gate is not None and gate["exit"] in (Outcome.NOTHING_READ, Outcome.UNVERIFIED)
    if gate is not None and gate["exit"] not in (Outcome.CLEAN, Outcome.FINDINGS):
        notes = [notification(f"Exit code {gate['exit']}: {gate['reason']}.", "error" if failed else "warning"), *notes]
    unread = [
        notification(f"{number:,} unreadable: {reason}", "warning") for reason, number in result["unreadable"].items()
    ]
    flooded = [
        notification(f"{rule}: {number:,} findings stand in no group: too many different ones", "warning")
        for rule, number in result["overflow"].items()
    ]
    return {"executionSuccessful": not failed, "toolExecutionNotifications": [*notes, *unread, *flooded]}
