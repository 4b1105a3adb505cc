"""The answer as JUnit XML: a case a claim, a case a requirement, and one for what decides the exit code.

A test runner knows passed, failed and skipped. Only what the capture broke fails; what was not tested is skipped with its
reason, so that it never looks passed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from audit.engine.result import ClaimRow, FindingRow, RequirementRow, Result
from audit.redact import visible
from audit.writers.grouped import place, subject

MOST = 20
"""Places shown of a claim."""


def write(result: Result) -> str:
    """The whole report. No times: the same result gives the same bytes."""
    policy = result["policy"]
    name = visible(f"{policy['id']} {policy['revision']}")
    root = Element("testsuites", name=f"telemetry-audit {name}")
    places = _places(result)
    required = result["parameters"].get("require", [])
    claims = [_claim(row, places, required) for row in result["claims"]]
    _suite(root, f"{name} claims", claims, f"{result['verdict'].upper()}: {result['headline']}")
    requirements = [_requirement(row, places, required) for row in result["requirements"]]
    _suite(root, f"{name} requirements", requirements, "Asked by this audit, not by the page.")
    _suite(root, f"{name} gate", [_gate(result)], _suppressed(result))
    for key in ("tests", "failures", "errors", "skipped"):
        root.set(key, str(sum(int(suite.get(key, "0")) for suite in root)))
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, name: str, cases: Sequence[Element], said: str) -> None:
    suite = SubElement(root, "testsuite", name=name, tests=str(len(cases)))
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        suite.set(key, str(sum(case.find(tag) is not None for case in cases)))
    for case in cases:
        case.set("classname", name)
        suite.append(case)
    SubElement(suite, "system-out").text = visible(said)


def _claim(row: ClaimRow, places: dict[str, list[str]], required: Sequence[str]) -> Element:
    told = [f"Quote: {' ... '.join(row['quotes'])}", f"Looked at: {row['looked_at']:,} {row['unit']}"]
    told += [f"Limit: {row['limit']}"] if "limit" in row else []
    case = _case(row, [*told, *places.get(row["id"], ())])
    return _demanded(
        case, row, wanted=row["id"] in required or ("all" in required and row["verdict"] != "not-testable")
    )


def _demanded(case: Element, row: ClaimRow | RequirementRow, *, wanted: bool) -> Element:
    if wanted and row["verdict"] in ("not-exercised", "inconclusive"):
        for child in case.findall("skipped"):
            case.remove(child)
        SubElement(case, "error", message=visible(f"required, but {row['verdict']}: {row['reason']}"), type="required")
    return _ordered(case)


def _requirement(row: RequirementRow, places: dict[str, list[str]], required: Sequence[str]) -> Element:
    case = _case(row, [line for rule in row["rules"] for line in places.get(f"rule {rule}", ())])
    return _demanded(case, row, wanted=row["id"] in required)


def _case(row: ClaimRow | RequirementRow, told: Sequence[str]) -> Element:
    case, verdict = Element("testcase", name=visible(row["id"])), row["verdict"]
    said = visible(f"{verdict}: {row['reason']}")
    if verdict == "violated":
        SubElement(case, "failure", message=said, type="violated").text = "\n".join(map(visible, told))
    elif verdict == "contradicted":
        SubElement(case, "skipped", message=visible(f"the page contradicts itself: {row['reason']}"))
    elif verdict != "upheld":
        hint = row.get("hint")
        SubElement(case, "skipped", message=said + (visible(f": {hint}") if hint else ""))
    if verdict != "violated":
        SubElement(case, "system-out").text = "\n".join([said, *map(visible, told)])
    return case


def _ordered(case: Element) -> Element:
    """Readers want what was printed after the outcome."""
    printed = case.findall("system-out")
    for child in printed:
        case.remove(child)
    case.extend(printed)
    return case


def _gate(result: Result) -> Element:
    """The case that fails whenever the exit code is not 0, whatever made it so."""
    case = Element("testcase", name="exit code")
    gate = result.get("gate")
    if gate is None:
        SubElement(case, "skipped", message="this result states no exit code")
    elif gate["exit"]:
        SubElement(case, "failure", message=visible(f"exit code {gate['exit']}: {gate['reason']}"), type="gate")
    return case


def _suppressed(result: Result) -> str:
    hidden = sum(group["count"] for group in result["groups"] if group["suppressed"])
    return f"{hidden:,} findings are suppressed. No legal assessment."


def _places(result: Result) -> dict[str, list[str]]:
    """The first findings of each claim, and of each rule as a requirement asks for it."""
    found: dict[str, list[str]] = {}
    for row in result["findings"]:
        for key in (*row["claims"], f"rule {row['rule']}"):
            lines = found.setdefault(key, [])
            if len(lines) < MOST:
                lines.append(" ".join(_line(row)))
    return found


def _line(row: FindingRow) -> Iterator[str]:
    yield from (row["level"], row["rule"])
    yield from (part for part in (place(row), subject(row)) if part)
    yield f"- {row['message']}"
