"""Which envelope a stream of messages has: a built-in one where it fits, else a plain mapping guessed from names and forms."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

from audit.model import Json, Pointer, Shape, parse_pointer, resolve
from audit.policy.files import schemas_root
from audit.policy.pack import Envelope as PackEnvelope
from audit.redact import is_plain, shape_of

_NAMES = ("event_name", "eventName", "event", "name", "type", "action", "kind", "topic")
_IDS = ("messageId", "message_id", "uuid", "uid", "id", "eventId", "event_id", "insertId")
_SENT = ("sentAt", "sent_at", "sent")
_CREATED = ("created", "createdAt", "created_at", "timestamp", "time", "ts", "at", "occurredAt")
_UUID = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"
_TOKEN = "^[A-Za-z0-9._:-]{1,100}$"  # noqa: S105 - a pattern


class Envelope(NamedTuple):
    """An envelope as infer and init use it. `kind`: a built-in name, or custom with the table that policy.toml gets."""

    kind: str
    table: Mapping[str, Any]
    name: Pointer
    call: Pointer | None
    named: str | None
    calls: frozenset[str]
    id: Pointer | None
    batch: str | None
    clock: PackEnvelope

    def messages(self, value: Json) -> Iterator[dict[str, Json]]:
        """The messages of one record; what is none is passed over."""
        if isinstance(value, list):
            yield from (item for item in value if isinstance(item, dict))
        elif isinstance(value, dict):
            items = value.get(self.batch) if self.batch is not None else None
            if isinstance(items, list) and resolve(value, self.name) is None:
                outer = {key: inner for key, inner in value.items() if key != self.batch}
                yield from ({**outer, **item} for item in items if isinstance(item, dict))
            else:
                yield value


@cache
def built_in_envelopes() -> dict[str, Mapping[str, Any]]:
    return {
        path.stem: tomllib.loads(path.read_text("utf-8"))
        for path in sorted((schemas_root() / "envelopes").glob("*.toml"))
    }


def envelope(kind: str, table: Mapping[str, Any]) -> Envelope:
    """An envelope from its table. Raises ValueError on a pointer that is none, KeyError where the name is missing."""
    return Envelope(
        kind=kind,
        table=table,
        name=parse_pointer(table["name"]),
        call=parse_pointer(table["call"]) if "call" in table else None,
        named=table.get("named"),
        calls=frozenset(table.get("calls", ())),
        id=parse_pointer(table["id"]) if "id" in table else None,
        batch=str(parse_pointer(table["batch"])[0]) if "batch" in table else None,
        clock=_clock(table),
    )


def _clock(table: Mapping[str, Any]) -> PackEnvelope:
    """The envelope as the engine reads times from it."""
    times = {key: parse_pointer(value) for key, value in table.get("times", {}).items()}
    return PackEnvelope(
        name=parse_pointer(table["name"]),
        call=None,
        named=None,
        calls=frozenset(),
        id=None,
        id_pattern=None,
        batch=None,
        transport=(),
        sent=times.get("sent"),
        received=times.get("received"),
        created=times.get("created"),
        stamp=times.get("stamp"),
        varying=(),
    )


def recognise(records: Sequence[Json]) -> Envelope | None:
    """The envelope that fits most of the first records; None where nothing in them looks like a name."""
    best: tuple[float, Envelope] | None = None
    for kind, table in built_in_envelopes().items():
        known = envelope(kind, table)
        score = _score(known, table, [m for record in records for m in known.messages(record)])
        if score > 0 and (best is None or score > best[0]):
            best = (score, known)
    return best[1] if best is not None else _guess(records)


def _score(known: Envelope, table: Mapping[str, Any], messages: Sequence[dict[str, Json]]) -> float:
    """How many of the envelope's members stand in the messages, on average; 0 where most lack one that every message has."""
    pointers = {parse_pointer(text) for text in (table.get("id", "/"), *table.get("times", {}).values())}
    marks = [parse_pointer(text) for text in table.get("marks", ())]
    fitting, total = 0, 0
    for message in messages:
        call = resolve(message, known.call) if known.call is not None else None
        if known.call is not None and not (isinstance(call, str) and call in known.calls):
            continue
        if isinstance(resolve(message, known.name), str) or (known.call is not None and call != known.named):
            own = [known.call is not None, *(resolve(message, mark) is not None for mark in marks)]
            if marks and not any(own[1:]):
                continue
            fitting += 1
            total += sum(own) + sum(resolve(message, pointer) is not None for pointer in pointers)
    return total / fitting if messages and 2 * fitting > len(messages) else 0.0


def _texts(value: Json, at: Pointer = ()) -> Iterator[tuple[Pointer, str]]:
    if isinstance(value, dict) and len(at) < 4:
        for key, inner in value.items():
            yield from _texts(inner, (*at, key))
    elif isinstance(value, str):
        yield at, value


def _guess(records: Sequence[Json]) -> Envelope | None:
    """A plain mapping: where a short plain text under a name like `event` repeats, and where ids and times stand."""
    batch = _batch(records)
    probe = envelope("custom", {"name": "/", **({"batch": f"/{batch}"} if batch else {})})
    messages = [message for record in records for message in probe.messages(record)]
    texts: dict[Pointer, list[str]] = {}
    for message in messages:
        for pointer, text in _texts(message):
            texts.setdefault(pointer, []).append(text)
    common = {pointer: found for pointer, found in texts.items() if 2 * len(found) > len(messages)}
    name = _best(common, _NAMES, lambda found: all(is_plain(text) for text in found) and _repeats(found))
    if name is None:
        return None
    unique = {pointer: found for pointer, found in common.items() if len(set(found)) == len(found)}
    ident = _best(unique, _IDS, lambda found: all(len(text) <= 100 and " " not in text for text in found))
    timed = {pointer: found for pointer, found in common.items() if {shape_of(t) for t in found} == {Shape.DATE_TIME}}
    times = {"sent": _best(timed, _SENT, bool), "created": _best(timed, _CREATED, bool)}
    table: dict[str, Any] = {"kind": "custom", "name": _text(name), "id": _text(ident or ("id",))}
    formed = ident is not None and {shape_of(t) for t in common[ident]} == {Shape.UUID}
    table["id_pattern"] = _UUID if formed else _TOKEN
    if batch is not None:
        table["batch"] = _text((batch,))
    table["times"] = {key: _text(at) for key, at in times.items() if at is not None} or {"created": "/time"}
    return envelope("custom", table)


def _repeats(found: list[str]) -> bool:
    return len(found) < 5 or len(set(found)) <= max(2, len(found) // 2)


def _batch(records: Sequence[Json]) -> str | None:
    """The root member that holds a list of objects in most records that have no text at their root."""
    lists = Counter(
        key
        for record in records
        if isinstance(record, dict)
        for key, inner in record.items()
        if isinstance(inner, list) and inner and all(isinstance(item, dict) for item in inner) and is_plain(key)
    )
    known = [key for key in ("batch", "messages", "events", "items", "records") if lists[key]]
    return known[0] if known else None


def _best(texts: Mapping[Pointer, list[str]], names: Sequence[str], fits: Any) -> Pointer | None:
    ranked = [(names.index(str(at[-1])), len(at), at) for at, found in texts.items() if at[-1] in names and fits(found)]
    return min(ranked)[2] if ranked else None


def _text(pointer: Pointer) -> str:
    from audit.authoring.faults import child

    return child("", *pointer)
