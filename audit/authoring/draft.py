"""A draft pack from what was seen of a log: closed, marked, and with every open point said. No captured value enters it."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from audit.authoring.envelopes import Envelope
from audit.authoring.faults import child
from audit.authoring.infer import Inference, Rhythm, Type
from audit.authoring.mutate import Kind, mutants
from audit.authoring.schema_of import event_schema
from audit.authoring.synth import synthetic
from audit.authoring.toml_text import table
from audit.authoring.trial import findings
from audit.engine.run import Auditor
from audit.engine.seen import plural
from audit.model import Level
from audit.policy.load import iso_duration, load
from audit.redact import duration, visible

_SENTENCE = "This pack was drafted from captured events; no page has been read for it yet."
ORIGIN = "sender"
"""The one sender of a draft: nothing in a log says who sent it."""
_FEWEST_INTERVALS = 20


class Draft(NamedTuple):
    """The files of a pack by their names, and its open points."""

    files: dict[str, str]
    open_points: list[str]


class Head(NamedTuple):
    """What every draft says of itself. `today`: when the page or the capture was read."""

    pack_id: str
    revision: str
    title: str
    today: dt.date


class Parts(NamedTuple):
    """What a draft is made of, before it is text. `schemas`: by event name."""

    envelope: Envelope
    page: str
    schemas: Mapping[str, Mapping[str, Any]]
    events: Mapping[str, Mapping[str, Any]]
    claims: Sequence[Mapping[str, Any]]
    samples: Mapping[str, Any]
    tables: Sequence[str] = ()


def draft(seen: Inference, head: Head, enough: int) -> Draft:
    """The draft of a log's pack. The envelope must have been recognised."""
    envelope = seen.envelope
    assert envelope is not None
    points = list(_first_points(seen, envelope))
    schemas: dict[str, Mapping[str, Any]] = {}
    events: dict[str, Mapping[str, Any]] = {}
    ids = frozenset({tuple(map(str, envelope.id))} if envelope.id is not None else ())
    for name, known in sorted(seen.types.items()):
        schemas[name] = event_schema(known.seen, name, known.ask(enough, ids, open_values=False))
        cadence, said = _cadence(known.rhythm)
        events[name] = {"documented": "sample", **({"cadence": cadence} if cadence else {})}
        points += _event_points(known, name, enough, said)
    claim = {"id": "draft", "quotes": [_SENTENCE], "not_testable": "A note of this draft, no sentence of a page."}
    page = f"# Telemetry (draft)\n\n{_SENTENCE}\n"
    return assembled(Parts(envelope, page, schemas, events, [claim], {}), head, points)


def assembled(parts: Parts, head: Head, points: Sequence[str]) -> Draft:
    """The files of a draft, with invented tests, and everything that is still open."""
    names = file_names(list(parts.schemas))
    files = {f"events/{names[name]}.schema.json": dumped(schema) for name, schema in parts.schemas.items()}
    files |= {f"samples/{name}": dumped(sample) for name, sample in parts.samples.items()}
    emails = [
        {"event": name, "pointer": pointer}
        for name, schema in parts.schemas.items()
        for pointer in _email_places(schema)
    ]
    files["page.md"] = parts.page
    files["policy.toml"] = _policy(parts, head, names, emails)
    asked = [f"{place['event']}: may {place['pointer']} hold an e-mail address?" for place in emails]
    return _with_tests(Draft(files, [*points, *asked]), names)


def _first_points(seen: Inference, envelope: Envelope) -> Iterator[str]:
    yield "page.md is a stand-in: put the vendor's page there, and quote its sentences as claims."
    yield "[[origins]]: who sends, under which consent, and what the page says of the time after an opt-out."
    yield "Every category, bound, required member and vocabulary is a guess from one log: see x-review in the schemas."
    yield "No claim is written yet: lint names the events and the rules that belong to none."
    if envelope.kind == "custom":
        yield "[envelope] was guessed from names and forms: look at every pointer and at id_pattern."
    for reason, number in sorted(seen.left.items()):
        yield f"{number:,} {reason}: not in this draft."


def file_names(names: Sequence[str]) -> dict[str, str]:
    """A file name for each event, each its own."""
    found: dict[str, str] = {}
    taken: set[str] = set()
    for name in sorted(names):
        spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", name)
        plain = re.sub(r"[^a-z0-9]+", "-", spaced.lower()).strip("-")[:60].strip("-") or "event"
        number, unique = 2, plain
        while unique in taken:
            unique, number = f"{plain}-{number}", number + 1
        taken.add(unique)
        found[name] = unique
    return found


def dumped(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


# ---- policy.toml ----------------------------------------------------------------------------------------------------


def _policy(parts: Parts, head: Head, names: Mapping[str, str], emails: Sequence[Mapping[str, str]]) -> str:
    source = {"title": head.title, "retrieved": head.today}
    first = {
        "format": "telemetry-policy/1",
        "id": head.pack_id,
        "revision": head.revision,
        "draft": True,
        "source": source,
    }
    where = child("", *parts.envelope.name)
    origin = {"name": ORIGIN, "match": {where: {"present": True}}, "consent": "always", "after_opt_out": "ambiguous"}
    found = [table("", first), *envelope_tables(parts.envelope), table("[[origins]]", origin)]
    for name, event in parts.events.items():
        entry = {"name": name, "schema": f"{names[name]}.schema.json", "origin": ORIGIN, **event}
        found.append(table("[[events]]", entry))
    found += parts.tables
    if emails:
        found.append(table("[emails]", {"allowed": [dict(place) for place in emails]}))
    return "\n".join([*found, *(table("[[claims]]", claim) for claim in parts.claims)])


def envelope_tables(envelope: Envelope) -> list[str]:
    """[envelope], by its built-in name or written out."""
    if envelope.kind != "custom":
        return [table("[envelope]", {"kind": envelope.kind})]
    flat = {key: value for key, value in envelope.table.items() if key != "times"}
    return [table("[envelope]", flat), table("[envelope.times]", dict(envelope.table["times"]))]


def _email_places(schema: Mapping[str, Any], at: str = "") -> Iterator[str]:
    if schema.get("format") == "email":
        yield at
    for name, inner in schema.get("properties", {}).items():
        yield from _email_places(inner, child(at, name))


# ---- cadence --------------------------------------------------------------------------------------------------------


def _cadence(rhythm: Rhythm | None) -> tuple[dict[str, str] | None, str | None]:
    """A cadence where all intervals are alike; and what was seen of it, with its spread."""
    if rhythm is None or rhythm.given_up or rhythm.count < _FEWEST_INTERVALS:
        return None, None
    middle = sorted(rhythm.sample)[len(rhythm.sample) // 2]
    spread = ", ".join(
        f"{word} {duration(dt.timedelta(seconds=length)) or '0 s'}"
        for word, length in (("shortest", rhythm.low), ("middle", middle), ("longest", rhythm.high))
    )
    said = f"{rhythm.count:,} intervals of one {child('', *rhythm.subject)}: {spread}"
    step = 60 if middle >= 600 else 1
    every = max(1, round(middle / step)) * step
    off = max(every - rhythm.low, rhythm.high - every)
    if middle < 1 or off > every / 4:
        return None, said
    tolerance = math.ceil(max(1.0, 1.25 * off))
    retry = max(1, min(60, every // 10))
    terms = {"every": every, "tolerance": tolerance, "retry": retry}
    cadence = {name: iso_duration(dt.timedelta(seconds=seconds)) for name, seconds in terms.items()}
    return {**cadence, "subject": child("", *rhythm.subject)}, said


def _event_points(known: Type, name: str, enough: int, cadence: str | None) -> Iterator[str]:
    if known.count < enough:
        yield f"{name}: only {plural(known.count, 'event')} seen, so nothing is required: {enough:,} make a rule."
    if cadence is not None:
        yield f"{name}: {cadence}. Does the page promise a cadence?"
    left = sum(place.left_out for _, place in known.seen.walk())
    if left:
        yield f"{name}: {left:,} members whose names look like data, or beyond the limit, were left out."
    for at, place in known.seen.walk():
        if place.members is None:
            yield f"{name}: {child('', *at)} looks like a map: its names are data."
        if place.types >= {"array"} and place.items is None:
            yield f"{name}: {child('', *at)} was always an empty list: what are its items?"


# ---- tests ----------------------------------------------------------------------------------------------------------


def _with_tests(made: Draft, names: Mapping[str, str]) -> Draft:
    """Add pass files with invented values, and a fail file for each way in which one can be broken."""
    files, points = dict(made.files), list(made.open_points)
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), files)
        policy = load(Path(folder))
    auditor = Auditor(policy)
    for name, entry in policy.events.items():
        stem = names[str(name)]
        schema = json.loads(files[f"events/{stem}.schema.json"])
        sample = synthetic(schema, full=True)
        loud = [f for f in findings(auditor, sample) if f.level is not Level.NOTE]
        if loud:
            told = ", ".join(sorted({f"{f.rule} at {f.pointer}" for f in loud}))
            points.append(f"{name}: an invented event gives {told}, so it has no pass file.")
            continue
        files[f"tests/{stem}.invented.pass.json"] = dumped({"event": sample})
        least = synthetic(schema, full=False)
        if least != sample and not [f for f in findings(auditor, least) if f.level is not Level.NOTE]:
            files[f"tests/{stem}.least.pass.json"] = dumped({"event": least})
        usual = {(f.rule, f.pointer) for f in findings(auditor, sample)}
        done: set[Kind] = set()
        for mutant in mutants(entry, sample, frozenset()):
            if mutant.kind in done or len(json.dumps(mutant.value)) > 20_000:
                continue
            fresh = [f for f in findings(auditor, mutant.value) if f.pointer and (f.rule, f.pointer) not in usual]
            if not fresh:
                continue
            done.add(mutant.kind)
            wanted = {"rule": fresh[0].rule, "pointer": fresh[0].pointer}
            label = mutant.kind.value.replace(" ", "-")
            files[f"tests/{stem}.{label}.fail.json"] = dumped({"event": mutant.value, "finding": wanted})
    files["open-points.md"] = _open_points(points)
    return Draft(files, points)


def _open_points(points: Sequence[str]) -> str:
    lines = "".join(f"- {visible(point)}\n" for point in points)
    return (
        f"# Open points\n\nThis pack is a draft. Settle these, then remove `draft = true` from policy.toml.\n\n{lines}"
    )


def write(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files of a pack below a directory. Raises OSError."""
    for name, text in sorted(files.items()):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8", newline="\n")
