"""SARIF 2.1.0 in full: every finding of the result, what is suppressed or known, and a result for each claim."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from audit.engine.result import ClaimRow, FindingRow, GroupRow, RequirementRow, Result
from audit.redact import visible
from audit.writers.grouped import grouped
from audit.writers.sarif_parts import LIMITS, Object, invocation, location, log, notification, prints, tool, uri

_KINDS = {
    "violated": "fail",
    "contradicted": "review",
    "inconclusive": "open",
    "upheld": "pass",
    "not-exercised": "notApplicable",
    "not-testable": "notApplicable",
}
"""What SARIF calls a verdict."""
_ABOUT = ("rule", "event", "field", "host")
Words = dict[tuple[str | None, ...], str]


def write(result: Result) -> str:
    rules = [*dict.fromkeys(group["rule"] for group in result["groups"])]
    index = {rule: number for number, rule in enumerate(rules)}
    why = _justified(result)
    told = tool(result, rules)
    told["driver"]["rules"] += [*_claim_rules(result)]
    findings = (
        _finding(result, group, finding, index[group["rule"]], why)
        for group, examples in grouped(result)
        for finding in examples
    )
    notes = [notification(f"{result['verdict']}: {result['headline']}"), notification(LIMITS)]
    return log(
        {
            "tool": told,
            "invocations": [invocation(result, notes)],
            "artifacts": [_artifact(row["name"], row["bytes"], row["sha256"]) for row in result["inputs"]],
            "columnKind": "utf16CodeUnits",
            "properties": {"policy": _shown(result["policy"]), "resultDigest": result["digest"]},
        },
        chain(findings, _claims(result, len(rules))),
    )


def _artifact(name: str, size: int, sha256: str | None) -> Object:
    found: Object = {"location": {"uri": uri(name)}, "length": size, "roles": ["analysisTarget"]}
    return {**found, "hashes": {"sha-256": sha256}} if sha256 is not None else found


def _shown(row: object) -> Object:
    assert isinstance(row, dict)
    return {key: visible(str(value)) for key, value in row.items()}


def _finding(result: Result, group: GroupRow, finding: FindingRow, index: int, why: Words) -> Object:
    found: Object = {
        "ruleId": finding["rule"],
        "ruleIndex": index,
        "kind": "fail",
        "level": finding["level"],
        "message": {"text": visible(finding["message"])},
        "locations": location(result, finding, always=False),
        "partialFingerprints": prints(finding),
        "properties": {
            "claims": [*map(visible, finding["claims"])],
            "grade": finding["grade"],
            "shape": finding["shape"],
            "decoded": [*map(visible, finding["path"])],
            "unit": finding["unit"],
            "offset": finding["offset"],
            "item": finding["item"],
            "findingsInGroup": group["count"],
        },
    }
    if group["suppressed"]:
        words = why.get((group["rule"], group["event"], group["field"], group["host"]))
        said = {"justification": words} if words is not None else {}
        found["suppressions"] = [{"kind": "external", "status": "accepted", **said}]
    state = group.get("baseline")
    if state is not None:
        found["baselineState"] = "new" if state == "new" else "unchanged"
    return found


def _justified(result: Result) -> Words:
    """Who answers for what is suppressed, and why, by what the group is about."""
    entries = result.get("exceptions", {}).get("entries", ())
    return {
        tuple(entry[key] for key in _ABOUT): visible(f"{entry['owner']}, until {entry['expires']}: {entry['reason']}")
        for entry in entries
        if entry["state"] == "in-force"
    }


def _told(result: Result) -> Iterator[tuple[str, ClaimRow | RequirementRow]]:
    yield from (("claim", row) for row in result["claims"])
    yield from (("requirement", row) for row in result["requirements"])


def _claim_rules(result: Result) -> Iterator[Object]:
    for kind, row in _told(result):
        quotes = row.get("quotes")
        text = " ... ".join(quotes) if isinstance(quotes, list) else f"A requirement of the audit: {row['id']}"
        yield {"id": f"{kind}/{visible(row['id'])}", "shortDescription": {"text": visible(text)}}


def _claims(result: Result, first: int) -> Iterator[Object]:
    for number, (kind, row) in enumerate(_told(result)):
        limit = row.get("limit")
        said = f"{row['verdict']}: {row['reason']}" + (f" Limit: {limit}" if limit else "")
        yield {
            "ruleId": f"{kind}/{visible(row['id'])}",
            "ruleIndex": first + number,
            "kind": _KINDS.get(row["verdict"], "open"),
            "level": "error" if row["verdict"] == "violated" else "none",
            "message": {"text": visible(said)},
        }
