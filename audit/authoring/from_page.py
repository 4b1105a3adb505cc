"""The first draft of a pack from a telemetry page: its samples, the events it names, its sentences as claims to decide on."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from audit.authoring.case_lint import PLACEHOLDER
from audit.authoring.draft import Draft, Head, Parts, assembled, file_names
from audit.authoring.envelopes import Envelope, envelope, recognise
from audit.authoring.faults import child
from audit.authoring.guess import propose
from audit.authoring.infer import MAX_PLACES
from audit.authoring.observe import Seen
from audit.authoring.schema_of import Ask, event_schema
from audit.authoring.tree import read_nested
from audit.model import Json, leaves, resolve
from audit.policy.page import broken_sentences, fold, position

_FENCE = re.compile(
    r"^(?P<fence>```+|~~~+)[ \t]*(?P<kind>[\w-]*)[^\n]*\n(?P<text>.*?)^(?P=fence)[ \t]*$", re.MULTILINE | re.DOTALL
)
_JSON_KINDS = frozenset({"json", "json5", "jsonc", "javascript", "js"})
_NAMED = re.compile(r"^[ \t]*[*+-][ \t]+(?:\*\*([^*\n]{2,60})\*\*|`([^`\n]{2,60})`)", re.MULTILINE)
_SWITCH = re.compile(r"\b([A-Z][A-Z0-9_]{4,60})=([A-Za-z0-9]{1,20})\b")
_HOST = re.compile(r"\b(?:[a-z0-9-]{1,63}\.){1,5}(?:com|io|net|org|dev|app|cloud|example)\b")
_STANDS_FOR: tuple[tuple[str, dict[str, Any]], ...] = (
    ("uuid", {"format": "uuid"}),
    ("mail", {"format": "email"}),
    ("time", {"format": "date-time"}),
    ("date", {"format": "date-time"}),
    ("ip", {"anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
)
_HINTS: tuple[tuple[str, str], ...] = (
    (
        r"\bevery\b.*\b(?:minute|hour|day|week)|\b(?:hourly|daily|weekly)\b",
        "heartbeat-early, heartbeat-missed, and a cadence on its event",
    ),
    (r"\bopt[- ]?in\b|\bconsent\b|\bask(?:s|ed)? you\b", 'event-without-opt-in, with consent = "opt-in" on its origin'),
    (
        r"\bopt[- ]?out\b|\bdisable\b|\bswitch(?:ed)? off\b|\bturn(?:ed)? off\b",
        "event-after-opt-out, late-delivery, and [consent]",
    ),
    (r"\be-?mail\b", "email-address, and [emails] where the page allows one"),
    (
        r"\banonym|\bidentif|\bpersonal\b",
        "email-address, known-identifier, reidentified-hash, personal-data, documented-identifier, page-contradiction",
    ),
    (r"\bdatabase|\bdata source|\bqueries\b|\bquery\b|\brows\b", "canary, datasource-payload, query-text"),
    (
        r"\bhost\b|\bserver at\b|\bsent to\b|\bgo(?:es)? to\b|\bHTTPS\b",
        "undocumented-destination, plaintext-transport, and [[destinations]]",
    ),
    (
        r"\bonly\b|\bno other\b|\bnothing else\b|\bnever\b|\ball that\b",
        "undocumented-event, undocumented-field, invalid-value, with exclusive = true",
    ),
    (r"\bcollect|\bsend|\bsent\b|\bcapture|\breport", "undocumented-event, undocumented-field, invalid-value"),
)


class Block(NamedTuple):
    """A fenced block of the page: its language, text, and first line."""

    kind: str
    text: str
    line: int


def blocks(page: str) -> list[Block]:
    return [
        Block(match["kind"].lower(), match["text"], page.count("\n", 0, match.start()) + 1)
        for match in _FENCE.finditer(page)
    ]


def from_page(page: str, more: Sequence[tuple[str, Json]], head: Head) -> Draft | None:
    """The draft of a page. `more`: samples beside those that it prints, with their names. None where no event is found."""
    points: list[str] = []
    printed = list(_printed(page, points))
    records = [*printed, *(value for _, value in more)]
    known = recognise(records) if records else None
    named = _named_events(page)
    if known is None:
        if not named:
            return None
        known = _stand_in()
        points.append("[envelope] is a stand-in: the page prints no message from which it could be told.")
    samples = _samples(known, records, points)
    schemas = {name: _schema(known, name, shown) for name, shown in samples.items()}
    events: dict[str, Mapping[str, Any]] = {name: {"documented": "sample"} for name in schemas}
    for name in named:
        if name not in schemas:
            schemas[name] = _nearest(known, name, schemas)
            events[name] = {"documented": "name-only"}
            points.append(
                f"{name}: found by its name only; its fields are a guess from {_model(name, samples) or 'nothing'}."
            )
    files = {f"{stem}.json": value for stem, value in _sample_files(samples).items()}
    claims = list(_claims(page))
    points += _questions(page, known, claims)
    return assembled(Parts(known, page, schemas, events, claims, files), head, points)


# ---- samples --------------------------------------------------------------------------------------------------------


def left_out(page: str) -> list[str]:
    """Which samples of a page cannot be read, with the lines and why."""
    points: list[str] = []
    for _ in _printed(page, points):
        pass
    return points


def _printed(page: str, points: list[str]) -> Iterator[Json]:
    for block in blocks(page):
        if block.kind not in _JSON_KINDS and not (block.kind == "" and block.text.lstrip().startswith(("{", "["))):
            continue
        try:
            yield read_nested(block.text)
        except (ValueError, RecursionError) as error:
            line = block.line + getattr(error, "lineno", 1)
            points.append(
                f"page.md:{line}: the sample there is not JSON ({getattr(error, 'msg', 'nested too deep')}): left out."
            )


def _samples(known: Envelope, records: Sequence[Json], points: list[str]) -> dict[str, list[dict[str, Json]]]:
    found: dict[str, list[dict[str, Json]]] = {}
    for record in records:
        for message in known.messages(record):
            name = resolve(message, known.name)
            if isinstance(name, str) and name:
                found.setdefault(name, []).append(message)
            else:
                points.append(f"a sample without a name at {child('', *known.name)} was left out.")
    return found


def _sample_files(samples: Mapping[str, Sequence[dict[str, Json]]]) -> dict[str, Json]:
    names = file_names(list(samples))
    return {
        names[name] if number == 0 else f"{names[name]}-{number + 1}": value
        for name, shown in samples.items()
        for number, value in enumerate(shown)
    }


def _schema(known: Envelope, name: str, shown: Sequence[dict[str, Json]]) -> dict[str, Any]:
    """A schema of what the page prints: a sample is taken as complete, so each of its members is required."""
    seen = Seen([MAX_PLACES])
    for value in shown:
        seen.add(value, fixed=True)
    consts: dict[tuple[str, ...], Any] = {tuple(map(str, known.name)): name}
    call = resolve(shown[0], known.call) if known.call is not None else None
    if known.call is not None and call == known.named:
        consts[tuple(map(str, known.call))] = call
    ids = frozenset({tuple(map(str, known.id))} if known.id is not None else ())
    source = "Drafted from the page's sample: compare every line of it with the page."
    schema = event_schema(seen, name, Ask(len(shown), 1, False, source, ids, consts))  # noqa: FBT003 - a NamedTuple's field
    for pointer, text in leaves(shown[0]):
        if isinstance(text, str) and PLACEHOLDER.fullmatch(text):
            _explain(schema, pointer, text)
    return schema


def _explain(schema: dict[str, Any], pointer: Sequence[str | int], text: str) -> None:
    """Say of a leaf that the page shows a placeholder, and what that seems to stand for."""
    node: Any = schema
    for token in pointer:
        node = node.get("items") if isinstance(token, int) else node.get("properties", {}).get(token)
        if not isinstance(node, dict):
            return
    plain = text.lower()
    form: dict[str, Any] = next((form for word, form in _STANDS_FOR if word in plain), {"maxLength": 256})
    review = {"x-review": node["x-review"]} if "x-review" in node else {}
    node.clear()
    category = propose(pointer, [form, *form.get("anyOf", ())])
    node |= {"type": "string", **form, "x-data-category": category, **review, "x-placeholder": text}


# ---- events by name -------------------------------------------------------------------------------------------------


def _named_events(page: str) -> list[str]:
    """What stands alone at the head of a list item, in bold or as code: the way in which pages list events."""
    prose = _FENCE.sub("", page)
    found = [(match[1] or match[2]).strip() for match in _NAMED.finditer(prose)]
    return list(
        dict.fromkeys(
            name for name in found if re.fullmatch(r"[A-Za-z$][A-Za-z0-9_.$: -]{1,59}", name) and "=" not in name
        )
    )


def _model(name: str, samples: Mapping[str, Any]) -> str | None:
    """The sample that an event without one is most like: the one that shares its first word, else the first."""
    first = re.split(r"[ _.:-]", name)[0]
    return next((known for known in samples if re.split(r"[ _.:-]", known)[0] == first), next(iter(samples), None))


def _nearest(known: Envelope, name: str, schemas: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    model = _model(name, schemas)
    if model is not None:
        schema: dict[str, Any] = json.loads(json.dumps(schemas[model]))
    else:
        schema = _schema(known, name, [_message(known, name)])
    schema["title"] = name
    schema["description"] = (
        "The page gives the name only: compared with a sample of another event, and nothing is required."
    )
    _relax(schema, known, name)
    return schema


def _relax(schema: dict[str, Any], known: Envelope, name: str) -> None:
    """Require the way to the name only."""
    stack: list[Any] = [schema]
    while stack:
        node = stack.pop()
        if isinstance(node, dict):
            node.pop("required", None)
            stack.extend(node.get("properties", {}).values())
    node = schema
    for token in known.name:
        node["required"] = [token]
        node = node["properties"][token]
    node["const"] = name


def _message(known: Envelope, name: str) -> dict[str, Json]:
    value: Any = name
    for token in reversed(known.name):
        value = {str(token): value}
    found: dict[str, Json] = value
    return found


def _stand_in() -> Envelope:
    table = {
        "kind": "custom",
        "name": "/event",
        "id": "/id",
        "id_pattern": "^[A-Za-z0-9._:-]{1,100}$",
        "times": {"created": "/time"},
    }
    return envelope("custom", table)


# ---- claims ---------------------------------------------------------------------------------------------------------


def sentences(page: str) -> Iterator[str]:
    """Every sentence of the page's prose, on one line each; headings, samples and templating are left out."""
    prose = re.sub(r"\A---\n.*?^---$", "", _FENCE.sub("\n\n", page), flags=re.MULTILINE | re.DOTALL)
    for block in re.split(r"\n\s*\n|\n(?=[ \t]*(?:[*+-]|\d+\.)[ \t])", prose):
        text = " ".join(block.split())
        if text and not text.startswith(("#", "{%", "|", "<!--")):
            whole = re.sub(r"^(?:[*+-]|\d+\.) ", "", text)
            yield from (part for part in re.split(r"(?<=[.!?]) (?=[A-Z*_`\"])", whole) if len(part.split()) > 1)


def _claims(page: str) -> Iterator[dict[str, Any]]:
    """Each sentence as a claim whose decision is open; lint names every one that still is."""
    taken: set[str] = set()
    for sentence in dict.fromkeys(sentences(page)):
        if position(page, sentence) is None:
            continue
        words = re.findall(r"[a-z0-9]+", sentence.lower())[:6]
        name = stem = "-".join(words)[:50].strip("-") or "sentence"
        number = 2
        while name in taken:
            name, number = f"{stem}-{number}", number + 1
        taken.add(name)
        rules = next((rules for pattern, rules in _HINTS if re.search(pattern, sentence, re.IGNORECASE)), None)
        hint = f"perhaps rules: {rules}" if rules else "or why no capture can test it"
        yield {"id": name, "quotes": [sentence], "not_testable": f"open: decide which rules test it; {hint}"}
    if not taken:
        first = fold(page)[:80]
        yield {"id": "page", "quotes": [first], "not_testable": "open: the page has no sentence"}


def _questions(page: str, known: Envelope, claims: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    yield f"[[claims]]: {len(claims)} sentences are quoted and none is decided: give each its rules, or say why none can test it."
    yield "[[origins]]: who sends, how its messages are told apart, under which consent, and what holds after an opt-out."
    yield "x-review in the schemas: categories are guessed, bounds and forms are those of one sample."
    if known.kind == "custom":
        yield "[envelope] was guessed: look at every pointer and at id_pattern."
    for name, value in sorted(set(_SWITCH.findall(page))):
        yield f"{name}={value}: is this how telemetry is switched off? Then write [consent]."
    prose = _FENCE.sub("", page)
    for host in sorted(set(_HOST.findall(prose)))[:20]:
        yield f"{host}: does the page say that something is sent there? Then write it into [[destinations]]."
    for sentence in broken_sentences(page):
        yield f"page.md: a sentence breaks off: {sentence[-60:]!r}"
