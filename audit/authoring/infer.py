"""From a stream of captured messages to what a draft pack needs, in one pass and flat memory.

What an event type has shown so far is compiled into a schema. An event that this schema accepts brings nothing new and is only
counted; any other is folded in, value by value. So a log is read at about the speed of its parser.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from audit.authoring.envelopes import Envelope, recognise
from audit.authoring.observe import Seen, subject_leaf
from audit.authoring.schema_of import Ask, event_schema
from audit.authoring.tree import MAX_DEPTH, too_deep
from audit.engine.run import Broken, Item, Items, Lines, Part
from audit.engine.times import arrival_of
from audit.engine.traffic import Traffic, Watched
from audit.model import Json, Pointer, resolve
from audit.policy.pack import Envelope as PackEnvelope
from audit.policy.validators import compile_validator
from audit.redact import is_plain

MAX_TYPES = 1_000
MAX_PLACES = 200_000
_FOLDED = 500
"""So many events of a type are always folded in, so that presence and vocabularies rest on counted events."""
_HEAD = 200
_MAX_NESTING = 200
_SUBJECTS = 5_000
_SAMPLE = 1_000


@dataclass(slots=True)
class Rhythm:
    """The intervals between the events of one subject: exact extremes, and a fair sample for the middle."""

    subject: Pointer
    last: dict[str, float] = field(default_factory=dict)
    sample: list[float] = field(default_factory=list)
    count: int = 0
    events: int = 0
    low: float = float("inf")
    high: float = 0.0
    given_up: bool = False
    random: Random = field(default_factory=lambda: Random(1))  # noqa: S311 - a fair sample, no secret

    def add(self, value: dict[str, Json], clock: PackEnvelope) -> None:
        subject, when = resolve(value, self.subject), arrival_of(value, clock)
        if not isinstance(subject, str) or when is None:
            self.given_up = True
            return
        now = when.timestamp()
        before = self.last.get(subject)
        self.last[subject] = now
        self.events += 1
        if before is not None:
            self._interval(now - before)
        if len(self.last) > _SUBJECTS or (self.events % 5_000 == 0 and 4 * self.count < self.events):
            self.given_up = True
            self.last.clear()

    def _interval(self, length: float) -> None:
        self.count += 1
        self.low, self.high = min(self.low, length), max(self.high, length)
        if len(self.sample) < _SAMPLE:
            self.sample.append(length)
        else:
            at = self.random.randrange(self.count)
            if at < _SAMPLE:
                self.sample[at] = length
        if length < 0 or (self.count == 100 and self.high > 20 * max(sorted(self.sample)[50], 1.0)):
            self.given_up = True
            self.last.clear()


@dataclass(slots=True)
class Type:
    """One event type as it was seen. `accepts`: whether an event brings nothing new."""

    name: str
    seen: Seen
    consts: dict[tuple[str, ...], Any]
    count: int = 0
    folded: int = 0
    fresh: int = 0
    compiled: int = 0
    accepts: Callable[[Any], bool] | None = None
    rhythm: Rhythm | None = None

    def ask(self, enough: int, ids: frozenset[tuple[str, ...]], *, open_values: bool) -> Ask:
        source = (
            f"Drafted from {self.count:,} captured events: every line of it is a guess to be compared with the page."
        )
        return Ask(self.count, enough, open_values, source, ids, self.consts)


@dataclass(slots=True)
class Inference:
    """Everything that was seen of a log. `left`: why some of it is in no draft, by reason."""

    envelope: Envelope | None = None
    types: dict[str, Type] = field(default_factory=dict)
    left: Counter[str] = field(default_factory=Counter)
    events: int = 0
    budget: list[int] = field(default_factory=lambda: [MAX_PLACES])


UNREADABLE = "records that are no JSON object"
NAMELESS = "messages without a name"
CALLS = "calls that are no named events"
ODD_NAME = "events whose name looks like data"
TOO_MANY = "events beyond the first 1,000 names"
NESTED = f"records nested deeper than {MAX_DEPTH} levels"
DEEP = "records with more than 200 objects and lists in them"


def observe(parts: Iterable[Part], given: Envelope | None = None) -> Inference:
    """Read all parts. Without a given envelope the first records decide. `envelope` stays None where none is recognised."""
    state = Inference(envelope=given)
    head: list[Json] = []
    for value in _values(parts, state):
        if state.envelope is not None:
            _take(state, state.envelope, value)
            continue
        head.append(value)
        if len(head) == _HEAD:
            _start(state, head)
            if state.envelope is None:
                return state
    if state.envelope is None:
        _start(state, head)
    return state


def _values(parts: Iterable[Part], state: Inference) -> Iterator[Json]:
    """Every record that could be read."""
    for part in parts:
        match part:
            case Lines():
                yield from _parsed((line for line in part.data.split(b"\n") if line and not line.isspace()), state)
            case Item():
                yield from _parsed([part.data], state)
            case Items():
                yield from _parsed(part.each(), state)
            case Broken():
                state.left[UNREADABLE] += 1
            case Traffic():
                for value in (message.document.value for one in part.exchanges for message in one.messages):
                    if too_deep(value):
                        state.left[NESTED] += 1
                    else:
                        yield value
            case Watched():
                pass  # what a packet capture says of itself; its messages came before


def _parsed(lines: Iterable[bytes], state: Inference) -> Iterator[Json]:
    import orjson

    for line in lines:
        opened = line.count(b"{") + line.count(b"[")
        if opened > _MAX_NESTING:
            state.left[DEEP] += 1
            continue
        try:
            value = orjson.loads(line)
        except ValueError:
            state.left[UNREADABLE] += 1
            continue
        if opened > MAX_DEPTH and too_deep(value):
            state.left[NESTED] += 1
        else:
            yield value


def _start(state: Inference, head: list[Json]) -> None:
    state.envelope = recognise(head)
    if state.envelope is not None:
        for value in head:
            _take(state, state.envelope, value)


def _take(state: Inference, envelope: Envelope, value: Json) -> None:
    if type(value) is dict and len(envelope.name) == 1:
        name = value.get(str(envelope.name[0]))
        if type(name) is str:
            known = state.types.get(name)
            if known is not None and envelope.call is None:
                _event(state, envelope, known, value)
                return
            if known is not None and resolve(value, envelope.call or ()) == envelope.named:
                _event(state, envelope, known, value)
                return
    if not isinstance(value, dict | list):
        state.left[UNREADABLE] += 1
        return
    for message in envelope.messages(value):
        found = _type(state, envelope, message)
        if found is not None:
            _event(state, envelope, found, message)


def _type(state: Inference, envelope: Envelope, message: dict[str, Json]) -> Type | None:
    """The type of a message, made where its name is new; None where it can be in no pack."""
    name = resolve(message, envelope.name)
    call = resolve(message, envelope.call) if envelope.call is not None else None
    if envelope.call is not None and call in envelope.calls and call != envelope.named:
        state.left[CALLS] += 1
        return None
    if not isinstance(name, str) or not name:
        state.left[NAMELESS] += 1
        return None
    if name in state.types:
        return state.types[name]
    if not is_plain(name):
        state.left[ODD_NAME] += 1
        return None
    if len(state.types) >= MAX_TYPES:
        state.left[TOO_MANY] += 1
        return None
    consts: dict[tuple[str, ...], Any] = {tuple(map(str, envelope.name)): name}
    if envelope.call is not None and call == envelope.named:
        consts[tuple(map(str, envelope.call))] = call
    made = state.types[name] = Type(name, Seen(state.budget), consts)
    subject = subject_leaf(message, envelope.id)
    made.rhythm = Rhythm(subject) if subject is not None else None
    return made


def _event(state: Inference, envelope: Envelope, known: Type, value: dict[str, Json]) -> None:
    state.events += 1
    known.count += 1
    rhythm = known.rhythm
    if rhythm is not None and not rhythm.given_up:
        rhythm.add(value, envelope.clock)
    if known.folded >= _FOLDED and known.accepts is not None:
        try:
            if known.accepts(value):
                return
        except (ValueError, OverflowError):
            pass
        known.fresh += 1
    subject = resolve(value, rhythm.subject) if rhythm is not None else None
    known.seen.add(value, hash(subject) if isinstance(subject, str) else None, fixed=True)
    known.folded += 1
    if known.folded == _FOLDED or known.fresh > 4 * known.compiled:
        _compile(known)


def _compile(known: Type) -> None:
    """What has been seen so far as a schema that accepts nothing else. Ever rarer where everything is always new."""
    known.compiled += 1
    schema = event_schema(known.seen, known.name, known.ask(1, frozenset(), open_values=True))
    try:
        known.accepts = compile_validator(schema).is_valid
    except (ValueError, RecursionError):
        known.accepts = None
