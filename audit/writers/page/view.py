"""A result arranged for the page: which findings stand where, what was tested, what touches which clause."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from itertools import islice
from typing import Any, NamedTuple

from audit.engine.result import ClaimRow, FindingRow, GroupRow, Result
from audit.model import Shape
from audit.rules import BY_ID
from audit.writers import accepted
from audit.writers.fields import rows, times
from audit.writers.grouped import grouped
from audit.writers.page import charts, timelines
from audit.writers.page.anonymity import anonymity

MOST = 500
"""Groups shown in full; the result holds all of them. Groups are ordered by weight, so that the heaviest are shown."""
EXAMPLES = 5
ROWS = 400
"""Rows shown of any other table."""


class Part(NamedTuple):
    """Findings that belong together: `quotes` is what the page says of them."""

    title: str
    quotes: tuple[str, ...]
    rules: tuple[OfRule, ...]


class OfRule(NamedTuple):
    """The groups of one rule in a part, with the rule's own words and what to do."""

    rule: str
    about: str
    limits: str
    advice: str
    groups: tuple[Shown, ...]


class Shown(NamedTuple):
    row: GroupRow
    examples: tuple[FindingRow, ...]
    claims: str
    """The claims that it touches beside the one above it, with what that means."""


def view(result: Result) -> dict[str, Any]:
    """Everything that the template needs, by name."""
    testable = [row for row in result["claims"] if row["verdict"] != "not-testable"]
    every: Mapping[str, Any] = result
    inventory = every.get("inventory")
    says = (result["custody"] or {}).get("says", {})
    return {
        "result": result,
        "holds": "reveal" in result,
        "claims": testable,
        "untestable": [row for row in result["claims"] if row["verdict"] == "not-testable"],
        "open": [row for row in testable if row["verdict"] in ("not-exercised", "inconclusive")],
        "signs": charts.SIGNS,
        "events": sum(row["events"] for row in result["inputs"]),
        "contacts": sum(row["contacts"] for row in result["inputs"]),
        "suppressed": accepted.suppressed(result),
        "parts": list(_parts(result)),
        "shown_groups": min(MOST, len(result["groups"])),
        "shapes": {shape.value: shape.words for shape in Shape},
        "claim_strip": charts.claim_strip(result),
        "timeline": timelines.capture_timeline(result),
        "opt_outs": list(timelines.around_opt_outs(result)),
        "intervals": list(timelines.intervals(result)),
        "fields_chart": charts.fields(result),
        "fields": list(_fields(inventory)) if inventory is not None else None,
        "shown_fields": min(ROWS, len(inventory["fields"])) if inventory is not None else 0,
        "other_fields": inventory["other"]["fields"] if inventory is not None else 0,
        "searched": _searched(result["coverage"]["searched"]),
        "traffic": facts(every.get("traffic")),
        "measures": anonymity(every.get("measures")),
        "suppressed_words": accepted.headline(result),
        "exceptions": every.get("exceptions"),
        "suppressions": list(_suppressions(every)),
        "baseline": every.get("baseline"),
        "change": accepted.change(result, every["baseline"]) if "baseline" in every else "",
        "gone": list(_gone(every)),
        "custody": facts(result["custody"]),
        "said": [pair for pair in facts(says) or () if pair[0] != "sensitivity"],
        "sensitivity": says.get("sensitivity"),
        "parameters": facts(result["parameters"]),
        "law": list(_law(every)),
        "most": ROWS,
    }


_SEARCHED = {
    "canaries": "planted canaries",
    "identifiers": "listed identifiers",
    "datasource": "listed values of data sources",
    "layers": "layers of encoding looked behind",
    "gave up": "events not searched to their end",
    "controls": "answers that held a planted value",
    "words": "in words",
}
"""What the result's names of these numbers mean."""


def _searched(row: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(_SEARCHED.get(name, name), said) for name, said in facts(row) or ()]


def _suppressions(result: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    found = (result.get("exceptions") or {"entries": []})["entries"]
    for row in sorted(found, key=lambda row: row["state"] == "in-force"):
        numbers = (f"{row['matched']:,}", f"{row['cap']:,}")
        yield row["state"], *numbers, row["expires"], row["rule"], _where(row), row["owner"], row["reason"]


def _gone(result: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    for row in (result.get("baseline") or {"gone_entries": []})["gone_entries"]:
        yield row["level"], row["rule"], _where(row), row["fingerprint"]


def _where(row: Mapping[str, Any]) -> str:
    return " ".join(row[key] for key in ("event", "host", "field") if row[key] is not None)


class OfEvent(NamedTuple):
    title: str
    rows: tuple[tuple[str, ...], ...]


def _fields(inventory: Mapping[str, Any]) -> Iterator[OfEvent]:
    """The fields of each event, the first ROWS of all."""
    found: dict[tuple[str, str], list[tuple[str, ...]]] = {}
    for origin, event, name, documented, category, *numbers in list(rows(inventory))[:ROWS]:
        said = category if documented == "yes" else "not documented"
        found.setdefault((origin, event), []).append((name, said, numbers[2], numbers[0], numbers[1], numbers[3]))
    for row in inventory["events"][:ROWS]:
        listed = "listed by the page" if row["listed"] else "not listed by the page"
        title = f"{row['event']}: {row['origin']}, {times(row['events'])}, {listed}"
        yield OfEvent(title, tuple(found.get((row["origin"], row["event"]), ())))


def facts(value: Any, at: str = "") -> list[tuple[str, str]] | None:
    """Any nested value as (path, text) pairs; None where it was not stated."""
    if value is None and not at:
        return None
    if isinstance(value, Mapping):
        named = ((str(name).replace("_", " "), child) for name, child in value.items())
        found = [pair for name, child in named for pair in facts(child, f"{at} {name}".strip()) or ()]
    elif isinstance(value, list) and value and all(isinstance(child, str) for child in value):
        return [(at, ", ".join(value))]
    elif isinstance(value, list):
        found = [pair for number, child in enumerate(value, 1) for pair in facts(child, f"{at} {number}".strip()) or ()]
    else:
        return [(at, _said(value))]
    return found or ([(at, "none")] if at else [])


def _said(value: object) -> str:
    if value is None:
        return "not stated"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _parts(result: Result) -> Iterator[Part]:
    """Each shown group once: by the first claim that owns it, else by requirement, else apart; the page's own come last."""
    groups = [_shown(row, examples) for row, examples in islice(grouped(result), MOST)]
    page = [group for group in groups if group.row["rule"] == "page-contradiction"]
    rest = [group for group in groups if group not in page]
    unknown = [group for group in rest if any(row["origin"] == "unknown" for row in group.examples)]
    if unknown:
        title = "Of unknown origin: which claim they belong to depends on who sent them"
        yield Part(title, (), _by_rule(unknown))
    rest = [group for group in rest if group not in unknown]
    for claim in result["claims"]:
        yield from _of_claim(claim, [group for group in rest if _owner(group) == claim["id"]])
    rest = [group for group in rest if not _owner(group)]
    for requirement in result["requirements"]:
        mine = [group for group in rest if group.row["rule"] in requirement["rules"] and group.row["level"] == "error"]
        if mine:
            title = f"Requirement {requirement['id']} (asked by this audit, not by the page)"
            yield Part(title, (), _by_rule(mine))
        rest = [group for group in rest if group not in mine]
    if rest:
        yield Part("No sentence of the page speaks of these", (), _by_rule(rest))
    if page:
        yield Part("The page by itself (no capture is needed to see this)", (), _by_rule(page))


def _of_claim(claim: ClaimRow, groups: list[Shown]) -> Iterator[Part]:
    if groups:
        yield Part(claim["id"], tuple(claim["quotes"]), _by_rule(groups))


def _owner(group: Shown) -> str | None:
    claims = group.examples[0]["claims"] if group.examples else []
    return claims[0] if claims else None


def _shown(row: GroupRow, examples: list[FindingRow]) -> Shown:
    claims = examples[0]["claims"] if examples else []
    lost = any(finding["origin"] == "unknown" for finding in examples)
    word, named = ("also", claims[1:])
    if lost or row["rule"] == "page-contradiction":
        word, named = ("one of" if lost else "claim", claims)
    return Shown(row, tuple(examples[:EXAMPLES]), f"{word}: {', '.join(named)}" if named else "")


def _by_rule(groups: list[Shown]) -> tuple[OfRule, ...]:
    found: dict[str, list[Shown]] = {}
    for group in groups:
        found.setdefault(group.row["rule"], []).append(group)
    return tuple(_of_rule(rule, tuple(mine)) for rule, mine in found.items())


def _of_rule(name: str, groups: tuple[Shown, ...]) -> OfRule:
    rule, advice = BY_ID.get(name), _data("advice.toml")
    about, limits = ("", "") if rule is None else (rule.doc.strip().split("\n", 1)[0], _paragraph(rule.doc, "Limits"))
    return OfRule(name, about, limits, advice.get(name, advice["general"]), groups)


def _paragraph(doc: str, title: str) -> str:
    match = re.search(rf"^{title}:\s*(.*?)(?:\n\n|\Z)", doc, re.MULTILINE | re.DOTALL)
    text = " ".join(match[1].split()) if match else ""
    return text[:1].upper() + text[1:]


@cache
def _data(name: str) -> dict[str, Any]:
    return tomllib.loads(files("audit.writers.page").joinpath(name).read_text("utf-8"))


class Clause(NamedTuple):
    source: str
    clause: str
    speaks_of: str
    direction: str
    why: str
    limit: str


def _law(result: Mapping[str, Any]) -> Iterator[Clause]:
    """A row for each clause. `contradicts`: errors of its rules; `supports`: what it asks for stands in this report."""
    totals: dict[tuple[str, str], int] = {}
    for group in result["groups"]:
        key = group["rule"], group["level"]
        totals[key] = totals.get(key, 0) + group["count"]
    for row in _data("law.toml")["rows"]:
        found = {
            level: sum(totals.get((rule, level), 0) for rule in row["rules"]) for level in ("error", "warning", "note")
        }
        there = row.get("member") is not None and result.get(row["member"]) is not None
        direction = "contradicts" if found["error"] else "supports" if there else "silent"
        why = ", ".join(f"{number:,} at level {level}" for level, number in found.items() if number)
        if not why:
            why = "the observed fields stand in this report" if there else "no finding of these rules"
        yield Clause(row["source"], row["clause"], row["speaks_of"], direction, why, row["limit"])
