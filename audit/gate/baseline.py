"""A baseline: the groups of findings that were there when it was written, so that a gate asks for new ones only.

It holds fingerprints and what they stand for, no values, times or line numbers, one sorted entry a line: it is made to be
kept in a repository and read in a review.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from audit.engine.result import Result
from audit.redact import fingerprint, visible
from audit.writers.grouped import PAGE_RULE

FORMAT = "telemetry-audit/baseline/1"
_ABOUT = ("rule", "event", "field", "host")
_LEVELS = ("error", "warning", "note")
_KEYS = {"fingerprint", "level", *_ABOUT}
_SHOWN = 1_000
LONGEST = 1 << 28
"""Bytes: a longer file is no baseline."""

Entry = Mapping[str, str | None]
_AGAIN = "restore it from the repository, or write it anew with --write-baseline"


@dataclass(frozen=True, slots=True)
class Baseline:
    """A baseline as it was read. `policy`, `revision`: the page that it was written against."""

    name: str
    sha256: str
    policy: str
    revision: str
    entries: tuple[Entry, ...]


class BadBaseline(ValueError):  # noqa: N818 - the name says what is wrong
    """What is wrong with a baseline, and how to proceed."""


def render(result: Result) -> str:
    """The baseline of a result."""
    policy = result["policy"]
    found = {(group["fingerprint"], group["level"]): group for group in result["groups"] if group["rule"] != PAGE_RULE}
    lines = sorted(_line({key: group.get(key) for key in _KEYS}) for group in found.values())
    body = ",\n".join(lines)
    head = [
        f'"format": {_text(FORMAT)}',
        f'"policy": {_text(policy["id"])}',
        f'"revision": {_text(policy["revision"])}',
    ]
    digest = f'"sha256": {_text(_digest(policy["id"], policy["revision"], lines))}'
    return "{" + ",\n".join([*head, digest, f'"entries": [\n{body}\n]' if lines else '"entries": []']) + "}\n"


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry, sort_keys=True, ensure_ascii=True)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=True)


def _digest(policy: str, revision: str, lines: Iterable[str]) -> str:
    """Over what the file says: an entry that was added by hand, or lost in a merge, must not pass unseen."""
    return hashlib.sha256("\n".join([FORMAT, policy, revision, *lines]).encode()).hexdigest()


def parse(name: str, data: bytes, policy: str) -> Baseline:
    """A baseline for a policy. Raises BadBaseline: a corrupt one must never look like one without entries."""
    document = _json(data)
    said = document.get("format")
    if said != FORMAT:
        raise BadBaseline(f"/format: {FORMAT} is needed; give a file that --write-baseline wrote")
    if document.keys() != {"format", "policy", "revision", "sha256", "entries"}:
        raise BadBaseline(f"members are missing or unknown; {_AGAIN}")
    ours, revision, rows = document["policy"], document["revision"], document["entries"]
    if not isinstance(ours, str) or not isinstance(revision, str) or not isinstance(rows, list):
        raise BadBaseline(f"policy and revision are texts, entries is a list; {_AGAIN}")
    for number, row in enumerate(rows):
        _check(f"/entries/{number}", row)
    lines = [_line(row) for row in rows]
    if lines != sorted(set(lines)) or document["sha256"] != _digest(ours, revision, lines):
        raise BadBaseline(f"changed after it was written: its content does not match its sha256; {_AGAIN}")
    if ours != policy:
        raise BadBaseline(f"written for policy {visible(ours[:80])}, this run judges by {visible(policy)}")
    return Baseline(name, hashlib.sha256(data).hexdigest(), ours, revision, tuple(rows))


def _json(data: bytes) -> dict[str, Any]:
    try:
        document = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise BadBaseline(f"no JSON: cut off, or not a baseline; {_AGAIN}") from None
    if not isinstance(document, dict):
        raise BadBaseline("JSON, but no baseline; give a file that --write-baseline wrote")
    return document


def _check(at: str, row: object) -> None:
    if not isinstance(row, dict) or row.keys() != _KEYS:
        raise BadBaseline(f"{at}: an entry has fingerprint, level, rule, event, field and host; {_AGAIN}")
    texts = [row[key] for key in ("event", "field", "host")]
    sound = isinstance(row["rule"], str) and all(text is None or isinstance(text, str) for text in texts)
    if not sound or row["level"] not in _LEVELS or row["fingerprint"] != fingerprint(row["rule"], *texts):
        raise BadBaseline(f"{at}: the fingerprint does not match the entry; {_AGAIN}")


def apply(given: Baseline, groups: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Mark each group of the capture as known or new; the result's `baseline`. `groups` is changed."""
    known = {(entry["fingerprint"], entry["level"]): entry for entry in given.entries}
    counted = {"known": 0, "new": 0}
    here: set[tuple[str, str]] = set()
    for group in groups:
        if group["rule"] == PAGE_RULE:
            continue
        key = group["fingerprint"], group["level"]
        here.add(key)
        group["baseline"] = "known" if key in known else "new"
        counted[group["baseline"]] += 1
    gone = [entry for key, entry in known.items() if key not in here]
    return {
        "file": {"name": visible(given.name), "sha256": given.sha256},
        "revision": visible(given.revision),
        **counted,
        "gone": len(gone),
        "gone_entries": [_shown(entry) for entry in gone[:_SHOWN]],
    }


def _shown(entry: Entry) -> dict[str, str | None]:
    return {key: visible(text) if text is not None else None for key, text in sorted(entry.items())}
