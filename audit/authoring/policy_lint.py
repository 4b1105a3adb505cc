"""Faults of policy.toml: its shape, and every name that one part of it uses of another. Lists all; the loader stops at one."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any

from audit.authoring.faults import Said, child
from audit.authoring.schema_lint import pattern_faults
from audit.authoring.tree import Tree
from audit.engine.requirements import REQUIREMENTS
from audit.model import Level
from audit.policy.files import policy_faults, schemas_root
from audit.policy.load import parse_duration
from audit.policy.page import position
from audit.rules import BY_ID, NOT_YET, RULES
from audit.rules.case import EventRule

POLICY = "policy.toml"
SHAPE_RULES = frozenset({"undocumented-event", "undocumented-field", "invalid-value"})
_OPEN = re.compile(r"\b(?:TODO|FIXME|XXX|TBD)\b|^\s*(?:open:|<[^<>]*>|\.\.\.)", re.IGNORECASE)


def policy_lint(tree: Tree) -> Iterator[Said]:
    """Every fault of policy.toml."""
    raw = tree.values.get(POLICY)
    if raw is None:
        if POLICY not in tree.files:
            yield Said("", "unreadable-file", "there is no policy.toml")
        return
    yield from _shape(raw)
    if raw.get("draft") is True:
        yield Said("/draft", "draft", "the pack is a draft")
    yield from _envelope(raw)
    yield from _names(raw)
    yield from _claims(raw, tree.texts.get("page.md"))
    yield from _ownership(raw)
    yield from _texts(raw)
    for at, value in _durations(raw):
        try:
            parse_duration(value)
        except (ValueError, OverflowError):
            yield Said(at, "duration", "no duration of the form P[nD]T[nH][nM][nS]")
    for number, entry in enumerate(tables(raw, "categories")):
        if isinstance(entry.get("name_pattern"), str):
            yield from pattern_faults(f"/categories/{number}/name_pattern", entry["name_pattern"])


def _shape(raw: Mapping[str, Any]) -> Iterator[Said]:
    known = {"missing": "missing-key", "unknown key": "unknown-key"}
    for at, what in policy_faults(raw):
        if re.search(r"/claims/\d+/rules$", at) and what == "missing":
            yield Said(at.removesuffix("/rules"), "claim-without-rules", "neither rules nor not_testable")
            continue
        kind = next((lint for start, lint in known.items() if what.startswith(start)), "policy-shape")
        yield Said(at, kind, what)


def tables(raw: Any, key: str) -> list[Mapping[str, Any]]:
    """The tables of a list, however damaged the rest is."""
    found = raw.get(key) if isinstance(raw, dict) else None
    return [entry if isinstance(entry, dict) else {} for entry in found] if isinstance(found, list) else []


def _table(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = raw.get(key)
    return found if isinstance(found, dict) else {}


def _envelope(raw: Mapping[str, Any]) -> Iterator[Said]:
    envelope = _table(raw, "envelope")
    kind = envelope.get("kind")
    known = sorted(path.stem for path in (schemas_root() / "envelopes").glob("*.toml"))
    if isinstance(kind, str) and kind != "custom" and kind not in known:
        yield Said("/envelope/kind", "unknown-envelope", f"no such envelope; built in: {', '.join(known)}")
    if isinstance(envelope.get("id_pattern"), str):
        yield from pattern_faults("/envelope/id_pattern", envelope["id_pattern"])


def _names(raw: Mapping[str, Any]) -> Iterator[Said]:
    for kind, key in (("events", "name"), ("origins", "name"), ("claims", "id")):
        seen: set[object] = set()
        for number, entry in enumerate(tables(raw, kind)):
            name = entry.get(key)
            if isinstance(name, str) and name in seen:
                yield Said(f"/{kind}/{number}/{key}", "doubled-name", f"{name!r} stands twice")
            seen.add(name if isinstance(name, str) else None)
    origins, events = _said(raw, "origins", "name"), _said(raw, "events", "name")
    purposes = _said(raw, "destinations", "purpose")
    for at, name in _uses(raw, "origin"):
        if name not in origins:
            yield Said(at, "unknown-origin", f"there is no origin {name!r}")
    for at, name in _uses(raw, "event"):
        if name not in events:
            yield Said(at, "unknown-event", f"there is no event {name!r}")
    for number, claim in enumerate(tables(raw, "claims")):
        if isinstance(claim.get("destination"), str) and claim["destination"] not in purposes:
            yield Said(f"/claims/{number}/destination", "unknown-destination", "no destination has this purpose")


def _said(raw: Mapping[str, Any], kind: str, key: str) -> frozenset[str]:
    """Every text that the tables of a list have under a key."""
    return frozenset(entry[key] for entry in tables(raw, kind) if isinstance(entry.get(key), str))


def _uses(raw: Mapping[str, Any], what: str) -> Iterator[tuple[str, str]]:
    """Every place that names an origin or an event."""
    for kind in ("events", "categories", "destinations", "claims"):
        for number, entry in enumerate(tables(raw, kind)):
            if isinstance(entry.get(what), str):
                yield f"/{kind}/{number}/{what}", entry[what]
            for index, condition in enumerate(tables(entry, "sufficient")):
                if isinstance(condition.get(what), str):
                    yield f"/{kind}/{number}/sufficient/{index}/{what}", condition[what]
    if what == "origin":
        yield from ((child("/consent/subjects", name), name) for name in _table(_table(raw, "consent"), "subjects"))
    else:
        for number, place in enumerate(tables(_table(raw, "emails"), "allowed")):
            if isinstance(place.get("event"), str):
                yield f"/emails/allowed/{number}/event", place["event"]


def _claims(raw: Mapping[str, Any], page: str | None) -> Iterator[Said]:
    for number, claim in enumerate(tables(raw, "claims")):
        at = f"/claims/{number}"
        rules = claim.get("rules")
        for index, rule in enumerate(rules if isinstance(rules, list) else ()):
            if isinstance(rule, str) and rule not in BY_ID and rule not in NOT_YET:
                yield Said(f"{at}/rules/{index}", "unknown-rule", f"there is no rule {rule!r}")
        quotes = claim.get("quotes")
        for index, quote in enumerate(quotes if isinstance(quotes, list) else ()):
            if page is not None and isinstance(quote, str) and position(page, quote) is None:
                yield Said(f"{at}/quotes/{index}", "quote-not-found", f"not found in page.md: {quote[:80]!r}")


def _ownership(raw: Mapping[str, Any]) -> Iterator[Said]:
    """Events that no claim speaks of, and rules at error level that would break no claim."""
    claims = [claim for claim in tables(raw, "claims") if isinstance(claim.get("rules"), list)]
    for kind in ("events", "categories"):
        for number, entry in enumerate(tables(raw, kind)):
            owned = [c for c in claims if c.get("origin", entry.get("origin")) == entry.get("origin")]
            if not any(SHAPE_RULES & {r for r in c["rules"] if isinstance(r, str)} for c in owned):
                name = entry.get("name", entry.get("describes"))
                yield Said(f"/{kind}/{number}", "event-without-claim", f"no claim is tested by what {name!r} holds")
    asked = frozenset().union(*(rules for rules, _ in REQUIREMENTS.values()))
    for number, origin in enumerate(tables(raw, "origins")):
        for rule in RULES:
            if rule.level is not Level.ERROR or not isinstance(rule, EventRule) or rule.id in asked:
                continue
            if rule.id == "event-without-opt-in" and origin.get("consent") != "opt-in":
                continue
            if rule.id == "event-after-opt-out" and "consent" not in raw:
                continue
            if not any(
                rule.id in c["rules"] and c.get("origin", origin.get("name")) == origin.get("name") for c in claims
            ):
                yield Said(
                    f"/origins/{number}",
                    "rule-without-claim",
                    f"{rule.id} of {origin.get('name')!r} belongs to no claim",
                )


def _texts(raw: Mapping[str, Any]) -> Iterator[Said]:
    """Text that its writer meant to replace."""
    stack: list[tuple[str, Any]] = [("", raw)]
    while stack:
        at, node = stack.pop()
        if isinstance(node, str) and _OPEN.search(node) and not re.search(r"/quotes/\d+$", at):
            yield Said(at, "placeholder", "a placeholder, not a value")
        elif isinstance(node, dict):
            stack.extend((child(at, key), inner) for key, inner in node.items())
        elif isinstance(node, list):
            stack.extend((child(at, number), inner) for number, inner in enumerate(node))


def _durations(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    places: list[tuple[str, Mapping[str, Any]]] = [("/consent", _table(raw, "consent"))]
    places += [(f"/events/{n}/cadence", _table(e, "cadence")) for n, e in enumerate(tables(raw, "events"))]
    for number, claim in enumerate(tables(raw, "claims")):
        places += [(f"/claims/{number}/sufficient/{i}", c) for i, c in enumerate(tables(claim, "sufficient"))]
    keys = ("grace", "flush_window", "every", "tolerance", "retry", "window", "alive_after_opt_out")
    for at, table in places:
        yield from ((f"{at}/{key}", table[key]) for key in keys if isinstance(table.get(key), str))


def until(entry: Mapping[str, Any]) -> dt.date | None:
    """The last day on which an exception holds."""
    found = entry.get("until")
    return found if isinstance(found, dt.date) and not isinstance(found, dt.datetime) else None
