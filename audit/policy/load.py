"""Read a pack from its directory, once. Data only: nothing in a pack is executed, fetched or followed outside it."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from audit.model import Json, PackStr, parse_pointer
from audit.policy.files import PackFiles, schemas_root
from audit.policy.pack import (
    CATEGORIES,
    Accepted,
    AfterOptOut,
    Cadence,
    Category,
    Claim,
    Consent,
    ConsentSwitch,
    Destination,
    Documented,
    EmailPlace,
    Envelope,
    EventType,
    Match,
    Origin,
    Policy,
    PolicyError,
    Sample,
    Sufficient,
)
from audit.policy.page import position
from audit.policy.patterns import Pattern
from audit.policy.shapes import documentation
from audit.policy.validators import check_safe, compile_validator, whole

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?")


def parse_duration(text: str) -> timedelta:
    """`P[nD]T[nH][nM][nS]`. Raises ValueError."""
    match = _DURATION.fullmatch(text)
    if match is None or text in ("P", "PT") or text.endswith("T"):
        raise ValueError(f"not a duration of the form P[nD]T[nH][nM][nS]: {text}")
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def iso_duration(delta: timedelta) -> str:
    """A duration of whole seconds as `parse_duration` reads it, in hours, minutes and seconds: a day may be told as PT24H."""
    minutes, seconds = divmod(int(delta.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{n}{unit}" for n, unit in ((hours, "H"), (minutes, "M"), (seconds, "S")) if n]
    return f"PT{''.join(parts) or '0S'}"


def load(directory: Path) -> Policy:
    """The pack in a directory. Raises PolicyError, which names file and key path."""
    return _Loader(directory).policy()


class _Loader:
    def __init__(self, directory: Path) -> None:
        self.files = PackFiles(directory)
        self.raw = self.files.raw
        self.fail = self.files.fail

    def policy(self) -> Policy:
        raw = self.raw
        page = self.files.read("page.md")
        envelope = self.envelope()
        events = {event["name"]: self.event(event, f"/events/{i}", envelope) for i, event in enumerate(raw["events"])}
        if len(events) != len(raw["events"]):
            raise self.fail("/events", "an event name stands twice")
        categories = tuple(
            self.category(c, f"/categories/{i}", envelope) for i, c in enumerate(raw.get("categories", ()))
        )
        claims = tuple(self.claims(page))
        samples = tuple(self.samples(envelope))
        emails = raw.get("emails", {})
        types = (*events.values(), *(category.type for category in categories))
        names = {str(t) for event in types for pointer in (*event.leaves, *event.containers) for t in pointer}
        policy = Policy(
            id=raw["id"],
            revision=raw["revision"],
            title=raw["source"]["title"],
            sha256=hashlib.sha256("\n".join(sorted(self.files.hashes)).encode()).hexdigest(),
            page=page,
            envelope=envelope,
            origins=tuple(self.origins()),
            events=events,
            categories=categories,
            claims=claims,
            consent=self.consent(),
            emails=tuple(EmailPlace(p["event"], parse_pointer(p["pointer"])) for p in emails.get("allowed", ())),
            not_personal=frozenset(text.lower() for text in emails.get("not_personal", ())),
            destinations=tuple(
                Destination(PackStr(d["purpose"]), d.get("origin"), tuple(d["hosts"]))
                for d in raw.get("destinations", ())
            ),
            samples=samples,
            draft=raw.get("draft", False),
            accepted=tuple(Accepted(**entry) for entry in raw.get("accepted", ())),
            names=frozenset(names | set(events) | {"event", "type", *envelope.calls} - {"*"}),
        )
        self.check_names(policy)
        return policy

    def envelope(self) -> Envelope:
        raw = self.raw["envelope"]
        if raw["kind"] != "custom":
            path = schemas_root() / "envelopes" / f"{raw['kind']}.toml"
            if not re.fullmatch(r"[a-z0-9-]+", raw["kind"]) or not path.is_file():
                known = ", ".join(sorted(p.stem for p in path.parent.glob("*.toml")))
                raise self.fail("/envelope/kind", f"unknown envelope: use custom or one of: {known}")
            raw = tomllib.loads(path.read_text("utf-8"))
        pointers = {key: parse_pointer(raw[key]) for key in ("name", "call", "id") if key in raw}
        times = {key: parse_pointer(value) for key, value in raw.get("times", {}).items()}
        pattern = self.pattern(raw["id_pattern"], "/envelope/id_pattern") if "id_pattern" in raw else None
        return Envelope(
            name=pointers.get("name"),
            call=pointers.get("call"),
            named=raw.get("named"),
            calls=frozenset(raw.get("calls", ())),
            id=pointers.get("id"),
            id_pattern=pattern,
            batch=parse_pointer(raw["batch"])[0] if "batch" in raw else None,
            transport=tuple(raw.get("transport", ())),
            sent=times.get("sent"),
            received=times.get("received"),
            created=times.get("created"),
            stamp=times.get("stamp"),
            varying=tuple(_two(parse_pointer(pointer)) for pointer in raw.get("varies", ())),
            added=tuple(parse_pointer(pointer) for pointer in raw.get("collector", ())),
        )

    def pattern(self, text: str, path: str) -> str:
        pattern = Pattern(text)
        if pattern.error is not None:
            raise self.fail(path, pattern.error)
        if pattern.slow():
            raise self.fail(
                path, "a regular expression that can hang: a repetition inside a repetition fits one text in many ways"
            )
        try:
            whole(text)
        except ValueError:
            raise self.fail(
                path, "a regular expression that the linear engine does not read, such as look-around"
            ) from None
        return text

    def origins(self) -> Iterator[Origin]:
        for raw in self.raw.get("origins", ()):
            yield Origin(
                name=raw["name"],
                match=tuple(_match(pointer, rule) for pointer, rule in raw.get("match", {}).items()),
                consent=Consent(raw.get("consent", "always")),
                after_opt_out=AfterOptOut(raw.get("after_opt_out", "ambiguous")),
            )

    def schema(self, name: str, path: str, envelope: Envelope) -> Mapping[str, Any]:
        if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) is None:
            raise self.fail(path, "the schema must be a file name in events/, without folders")
        file = f"events/{name}"
        schema = self.files.json(file)
        if not isinstance(schema, dict):
            raise PolicyError(file, "", "a schema must be an object")
        if "$schema" not in schema:
            raise PolicyError(file, "/$schema", "missing: it must be https://json-schema.org/draft/2020-12/schema")
        try:
            for where, what in check_safe(schema):
                raise PolicyError(file, where, what)
            for where, what in _category_faults(schema):
                raise PolicyError(file, where, what)
        except RecursionError:
            raise PolicyError(file, "", "nested too deep") from None
        if schema.get("type") != "object":
            raise PolicyError(file, "/type", "an event is an object: the schema must say so")
        return _with_transport(schema, envelope)

    def event(self, raw: Mapping[str, Any], path: str, envelope: Envelope) -> EventType:
        return self.type(raw["name"], raw["origin"], Documented(raw["documented"]), raw, path, envelope)

    def category(self, raw: Mapping[str, Any], path: str, envelope: Envelope) -> Category:
        entry = self.type(raw["describes"], raw["origin"], Documented.SAMPLE, raw, path, envelope)
        pattern = self.pattern(raw["name_pattern"], f"{path}/name_pattern")
        return Category(raw["origin"], PackStr(raw["describes"]), pattern, entry)

    def type(  # noqa: PLR0913 - one value assembled once
        self, name: str, origin: str, documented: Documented, raw: Mapping[str, Any], path: str, envelope: Envelope
    ) -> EventType:
        schema = self.schema(raw["schema"], f"{path}/schema", envelope)
        try:
            validator = compile_validator(schema)
            doc = documentation(schema, envelope.transport)
        except ValueError as error:
            raise PolicyError(f"events/{raw['schema']}", "", f"not a JSON Schema: {error}") from None
        cadence = raw.get("cadence")
        return EventType(
            name=PackStr(name),
            origin=origin,
            documented=documented,
            schema=schema,
            validator=validator,
            leaves=doc.leaves,
            containers=doc.containers,
            required=doc.required,
            open=doc.open,
            cadence=self.cadence(cadence, f"{path}/cadence") if cadence else None,
            consent=Consent(raw["consent"]) if "consent" in raw else None,
        )

    def duration(self, text: str, path: str) -> timedelta:
        try:
            return parse_duration(text)
        except OverflowError:
            raise self.fail(path, "longer than a duration can be", text) from None
        except ValueError as error:
            raise self.fail(path, str(error), text) from None

    def cadence(self, raw: Mapping[str, str], path: str) -> Cadence:
        every, tolerance, retry = (
            self.duration(raw.get(key, default), f"{path}/{key}")
            for key, default in (("every", ""), ("tolerance", "PT0S"), ("retry", "PT0S"))
        )
        if not every:
            raise self.fail(
                f"{path}/every", "no time: an interval must be longer than nothing", f'every = "{raw["every"]}"'
            )
        return Cadence(every, tolerance, retry, parse_pointer(raw["subject"]))

    def consent(self) -> ConsentSwitch | None:
        raw = self.raw.get("consent")
        if raw is None:
            return None
        return ConsentSwitch(
            env=raw["env"],
            off=tuple(raw["off"]),
            needs_restart=raw.get("needs_restart", False),
            subjects=raw.get("subjects", {}),
            grace=self.duration(raw.get("grace", "PT0S"), "/consent/grace"),
            flush_window=self.duration(raw.get("flush_window", "PT24H"), "/consent/flush_window"),
        )

    def claims(self, page: str) -> Iterator[Claim]:
        seen: set[str] = set()
        for i, raw in enumerate(self.raw.get("claims", ())):
            path = f"/claims/{i}"
            if raw["id"] in seen:
                raise self.fail(f"{path}/id", f"the claim {raw['id']} stands twice", f'"{raw["id"]}"')
            seen.add(raw["id"])
            for quote in raw["quotes"]:
                if position(page, quote) is None:
                    raise self.fail(f"{path}/quotes", f"not found in page.md: {quote!r}", quote[:40])
            quotes = sorted(raw["quotes"], key=lambda q: (position(page, q) or 0, q))
            yield Claim(
                id=raw["id"],
                quotes=tuple(quotes),
                rules=tuple(raw.get("rules", ())),
                origin=raw.get("origin"),
                implied=raw.get("reading") == "implied",
                destination=raw.get("destination"),
                exclusive=raw.get("exclusive", False),
                limit=raw.get("limit"),
                sufficient=tuple(self.sufficient(s, f"{path}/sufficient") for s in raw.get("sufficient", ())),
                not_testable=raw.get("not_testable"),
            )

    def sufficient(self, raw: Mapping[str, Any], path: str) -> Sufficient:
        durations = {
            key: self.duration(raw[key], f"{path}/{key}") for key in ("window", "alive_after_opt_out") if key in raw
        }
        return Sufficient(**{**raw, **durations})

    def samples(self, envelope: Envelope) -> Iterator[Sample]:
        folder = self.files.directory / "samples"
        for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
            name = f"samples/{path.name}"
            value = self.files.json(name)
            event = _text_at(value, envelope.name)
            if not isinstance(value, dict) or event is None:
                raise PolicyError(name, "", "a sample is one event with its name")
            yield Sample(name, event, value)

    def check_names(self, policy: Policy) -> None:
        """Every name that one part of the pack uses of another must exist."""
        origins = {origin.name for origin in policy.origins}
        for path, name in _origin_uses(self.raw):
            if name not in origins:
                raise self.fail(path, f"no such origin: {name}; one of {', '.join(sorted(origins))}", f'"{name}"')
        purposes = {destination.purpose for destination in policy.destinations}
        for i, claim in enumerate(policy.claims):
            if claim.destination is not None and claim.destination not in purposes:
                raise self.fail(f"/claims/{i}/destination", f"no destination has the purpose {claim.destination!r}")
            for condition in claim.sufficient:
                if condition.event is not None and condition.event not in policy.events:
                    raise self.fail(f"/claims/{i}/sufficient", f"no such event: {condition.event!r}", condition.event)
        for place in policy.emails:
            if place.event not in policy.events:
                raise self.fail("/emails/allowed", f"no such event: {place.event!r}", place.event)


def _two(pointer: tuple[str, ...]) -> tuple[str, str | None]:
    return pointer[0], pointer[1] if len(pointer) > 1 else None


def _text_at(value: Json, pointer: Iterable[str | int] | None) -> str | None:
    from audit.model import resolve

    found = resolve(value, tuple(pointer)) if pointer is not None else None
    return found if isinstance(found, str) else None


def _origin_uses(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for kind in ("events", "categories", "destinations", "claims"):
        for i, part in enumerate(raw.get(kind, ())):
            if "origin" in part:
                yield f"/{kind}/{i}/origin", part["origin"]
            for j, condition in enumerate(part.get("sufficient", ())):
                if "origin" in condition:
                    yield f"/{kind}/{i}/sufficient/{j}/origin", condition["origin"]
    for name in raw.get("consent", {}).get("subjects", {}):
        yield f"/consent/subjects/{name}", name


def _match(pointer: str, rule: Any) -> Match:
    at = parse_pointer(pointer)
    if not isinstance(rule, dict):
        return Match(at, equals=rule)
    return Match(
        at,
        among=tuple(rule["in"]) if "in" in rule else None,
        present=rule.get("present"),
        prefix=rule.get("prefix"),
        ip=rule.get("format") == "ip",
    )


def _with_transport(schema: Mapping[str, Any], envelope: Envelope) -> Mapping[str, Any]:
    """The schema with the envelope's transport members, so that real traffic can stay in the fast lane."""
    scalar = {
        "type": ["string", "number", "boolean", "null"],
        "maxLength": 256,
        "x-transport": True,
        "x-data-category": "none",
    }
    known = schema.get("properties", {})
    return {**schema, "properties": {**dict.fromkeys(envelope.transport, scalar), **known}}


def _category_faults(schema: object, at: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(schema, dict):
        category = schema.get("x-data-category")
        if category is not None and (not isinstance(category, str) or category not in CATEGORIES):
            yield f"{at}/x-data-category", f"unknown category: use one of {', '.join(CATEGORIES)}"
        for key, value in schema.items():
            yield from _category_faults(value, f"{at}/{key}")
    elif isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from _category_faults(value, f"{at}/{index}")
