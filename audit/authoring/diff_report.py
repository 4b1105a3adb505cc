"""`policy diff` as text for a terminal and as JSON for a machine. Documents shown are made up from the schemas."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from audit import __version__
from audit.authoring.diff_change import KINDS, Change, Proof, Severity
from audit.authoring.diff_gate import Answer, Judged
from audit.policy.pack import Policy
from audit.redact import visible

FORMAT = "telemetry-audit/policy-diff/1"
WIDTH = 80
LONGEST = 120
"""Characters of a value that the text shows; the JSON has the whole event."""
_GONE = object()


def as_json(old: Policy, new: Policy, answer: Answer, fail_on: str) -> str:
    """The whole answer; the same packs give the same bytes."""
    document = {
        "format": FORMAT,
        "tool": {"name": "telemetry-audit", "version": __version__},
        "old": _pack(old),
        "new": _pack(new),
        "gate": {"fail_on": fail_on, "passed": answer.passed, "bumped": answer.bumped},
        "counts": {severity.value: _count(answer, severity) for severity in Severity},
        "changes": [_row(judged) for judged in answer.changes],
        "unused": [
            {"revision": e.revision, "change": e.change, "event": e.event, "at": e.at, "reason": e.reason}
            for e in answer.unused
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def _pack(policy: Policy) -> dict[str, str]:
    return {"id": policy.id, "revision": policy.revision, "sha256": policy.sha256}


def _count(answer: Answer, severity: Severity) -> int:
    return sum(judged.change.severity is severity for judged in answer.changes)


def _row(judged: Judged) -> dict[str, Any]:
    change = judged.change
    return {
        "severity": change.severity.value,
        "change": change.kind,
        "event": change.event,
        "at": change.at,
        "said": change.said,
        "meaning": KINDS[change.kind][1],
        "proof": change.proof.value,
        "witness": change.witness,
        "accepted": None if judged.accepted is None else judged.accepted.reason,
        "fails": judged.fails,
    }


def as_text(old: Policy, new: Policy, answer: Answer, fail_on: str) -> str:
    lines = [*_head(old, new, answer, fail_on)]
    for judged in answer.changes:
        lines += _change(judged)
    return "\n".join([*lines, *_foot(old, new, answer), ""])


def _head(old: Policy, new: Policy, answer: Answer, fail_on: str) -> Iterator[str]:
    yield f"telemetry-audit {__version__}   policy diff"
    yield f"old  {old.id} {old.revision}   sha256 {old.sha256[:16]}"
    yield f"new  {new.id} {new.revision}   sha256 {new.sha256[:16]}"
    yield ""
    failing = sum(judged.fails for judged in answer.changes)
    if not answer.changes:
        words = "the same" if old.sha256 == new.sha256 else "the files differ, yet both say and let through the same"
        yield f"NO CHANGE  {words}"
    elif failing:
        what = "change fails" if failing == 1 else "changes fail"
        yield f"FAILS  {failing} {what} at --fail-on {fail_on}, and {len(answer.changes) - failing} more"
    else:
        many = "1 change" if len(answer.changes) == 1 else f"{len(answer.changes)} changes"
        yield f"PASSES  {many}; none fails at --fail-on {fail_on}"
    yield ""


def _change(judged: Judged) -> Iterator[str]:
    change = judged.change
    what = "   ".join(part for part in (change.kind, change.event, change.at) if part)
    yield from _wrap(f"{change.severity.value:<9} {what}", "          ", "")
    yield from _wrap(
        f"{change.said}{'' if change.proof is not Proof.UNPROVEN else ' (unproven: no event found that shows it)'}"
    )
    if change.witness is not None:
        yield from _wrap(_shown(change))
    if judged.accepted is not None:
        yield from _wrap(f"accepted: {judged.accepted.reason}")


def _shown(change: Change) -> str:
    """What a document that was replayed holds at the place; the JSON has the document itself."""
    found: Any = change.witness
    for token in change.at.split("/")[1:]:
        name = token.replace("~1", "/").replace("~0", "~")
        found = (
            found[-1]
            if isinstance(found, list) and found
            else found.get(name, _GONE)
            if isinstance(found, dict)
            else _GONE
        )
    if found is _GONE:
        return "shown by an event that new lets through and old refused (-o json)"
    text = json.dumps(found, ensure_ascii=True)
    cut = text if len(text) <= LONGEST else f"{text[:LONGEST]}..."
    return f"shown by an event with {cut}, which new lets through and old refused (-o json)"


def _foot(old: Policy, new: Policy, answer: Answer) -> Iterator[str]:
    for entry in answer.unused:
        where = " ".join(part for part in (entry.change, entry.event, entry.at) if part)
        yield from _wrap(f"accepted, but not needed: {where}", "  ", "")
    if answer.passed:
        return
    yield ""
    if not answer.bumped:
        yield from _wrap(
            f"To let a change pass, first give the new pack a revision that comes after {old.revision}.", "  ", ""
        )
    first = next(judged.change for judged in answer.changes if judged.fails)
    yield from _wrap("Accept a change with its reason in the new pack's policy.toml:", "  ", "")
    yield "  [[accepted]]"
    yield f"  revision = {_toml(new.revision if answer.bumped else '...')}"
    yield f"  change = {_toml(first.kind)}"
    if first.event is not None:
        yield f"  event = {_toml(first.event)}"
    yield f"  at = {_toml(first.at)}"
    yield '  reason = "..."'


def _toml(text: str) -> str:
    return visible(json.dumps(text))


def _wrap(text: str, indent: str = "          ", first: str | None = None) -> list[str]:
    start = indent if first is None else first
    return textwrap.wrap(visible(text), WIDTH, initial_indent=start, subsequent_indent=indent, break_on_hyphens=False)
