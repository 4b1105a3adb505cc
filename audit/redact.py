"""The one door from a captured value or name to any output: shapes instead of values, plain names, visible escapes."""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import NamedTuple

from audit.model import Breach, Event, Fact, Finding, Json, Level, Pointer, Reveal, Revealed, Shape, Withheld, resolve

_MEMO = 4096
_NAME = 256
"""Longer names of events are not remembered."""
_PLAIN = re.compile(r"[A-Za-z_$][A-Za-z0-9_.$ -]{0,63}")
_DATA_LIKE = re.compile(
    r"[0-9]{7}|[0-9A-Fa-f]{16}|[A-Za-z]{25}|(?:[0-9][ .-]?){9}|(?:[0-9]{1,3}\.){3}[0-9]"
    r"|(?<![A-Za-z0-9_$])[0-9][A-Za-z0-9]{11}|(?=[A-Za-z]*[0-9]+[A-Za-z]+[0-9])[A-Za-z0-9]{16}"
)
_UUID = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_SHAPES: tuple[tuple[Shape, re.Pattern[str]], ...] = tuple(
    (shape, re.compile(pattern))
    for shape, pattern in (
        (Shape.EMPTY, r""),
        (Shape.UUID, _UUID),
        (Shape.DATE_TIME, r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]{5,18}(?:[Zz]|[+-][0-9:]{2,6})?"),
        (Shape.IPV4, r"(?:[0-9]{1,3}\.){3}[0-9]{1,3}"),
        (Shape.IPV6, r"(?=[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:)[0-9A-Fa-f:.]{2,45}"),
        (Shape.DIGITS, r"[0-9]+"),
        (Shape.OBJECT_ID, r"[0-9a-f]{24}"),
        (Shape.HEX_32, r"[0-9a-fA-F]{32}"),
        (Shape.HEX_40, r"[0-9a-fA-F]{40}"),
        (Shape.HEX_64, r"[0-9a-fA-F]{64}"),
        (Shape.HEX, r"(?=.{8,4096}$)[0-9a-fA-F]+"),
        (Shape.URL, r"[A-Za-z][A-Za-z0-9+.-]{1,20}://\S{1,4096}"),
        (Shape.EMAIL, r"[^\s@]{1,64}@[^\s@]{1,255}\.[^\s@.]{2,63}"),
        (Shape.WORD, r"[A-Za-z0-9_.:-]{1,64}"),
    )
)


def shape_of(value: Json) -> Shape:
    """What a value looks like. Linear in its length; a longer text than any known shape is just text."""
    if value is None:
        return Shape.NULL
    if isinstance(value, bool):
        return Shape.BOOLEAN
    if isinstance(value, int):
        return Shape.INTEGER
    if isinstance(value, float | Decimal):
        return Shape.NUMBER
    if isinstance(value, dict):
        return Shape.OBJECT
    if isinstance(value, list):
        return Shape.ARRAY
    return _shape_of_text(value) if len(value) <= 4096 else Shape.TEXT


@lru_cache(maxsize=4096)
def _shape_of_text(text: str) -> Shape:
    return next((shape for shape, pattern in _SHAPES if pattern.fullmatch(text)), Shape.TEXT)


def is_plain(name: str) -> bool:
    """Whether a captured name may be shown: an identifier of modest length that holds nothing data-like."""
    return _PLAIN.fullmatch(name) is not None and _DATA_LIKE.search(name) is None


def visible(text: str) -> str:
    """Text of the auditor's own (file names, hosts) with control, format, bidi and surrogate characters escaped."""
    if text.isprintable():
        return text
    return "".join(
        _escape(char) if unicodedata.category(char)[0] == "C" or char in "\u2028\u2029" else char for char in text
    )


def _escape(char: str) -> str:
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


@lru_cache(maxsize=4096)
def fingerprint(rule: str, event: str | None, field: str | None, host: str | None) -> str:
    """`ta1:` and the first 32 hex digits of sha256 over the compact JSON of the four, after redaction."""
    text = json.dumps([rule, event, field, host], separators=(",", ":"), ensure_ascii=False)
    return "ta1:" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def duration(delta: timedelta) -> str:
    """Two units at most, as a person says it: `3 h 12 min`."""
    seconds = abs(delta.total_seconds())
    if seconds < 1:
        return f"{round(seconds * 1000)} ms"
    days, rest = divmod(int(seconds), 86400)
    hours, rest = divmod(rest, 3600)
    minutes, secs = divmod(rest, 60)
    parts = [f"{n} {unit}" for n, unit in ((days, "d"), (hours, "h"), (minutes, "min"), (secs, "s")) if n]
    return " ".join(parts[:2])


def instant(when: datetime) -> str:
    """ISO 8601 in UTC; milliseconds, or microseconds where they matter."""
    when = when.astimezone(UTC)
    spec = "milliseconds" if when.microsecond % 1000 == 0 else "microseconds"
    return when.isoformat(timespec=spec).replace("+00:00", "Z")


def a(noun: str) -> str:
    """The noun with its article: `an integer`, `a user-id`."""
    return f"{'an' if noun[:1].lower() in 'aeio' else 'a'} {noun}"


def _fact(value: Fact) -> str:
    match value:
        case datetime():
            return instant(value)
        case timedelta():
            return duration(value)
        case Shape():
            return value.words
        case Enum():
            return str(value.value)
        case int():
            return f"{value:,}"
        case _:
            return visible(value)


_PART = 4
"""Characters from which on a text that stands in a hidden one is hidden too."""
REVEALED = 200
"""Characters shown of a value, where values are revealed."""


class Veil(NamedTuple):
    """What of one event stays hidden even where values are revealed. `listed`: where a credential or a listed value was
    found, in any form; a value inside or around such a place is hidden too, and so is one that repeats `words`, which stand
    there, elsewhere in the event: under another name nothing tells that it is a password."""

    listed: frozenset[Pointer] = frozenset()
    unsearched: bool = False
    words: frozenset[str] = frozenset()

    def repeats(self, text: str) -> bool:
        """Whether a text is, holds or is a larger part of something that is hidden."""
        return any(word in text or (len(text) >= _PART and text in word) for word in self.words)

    def over(self, pointer: Pointer, event: Event) -> Withheld | None:
        """Why the value at a pointer is not shown; None where nothing speaks against it."""
        if self.unsearched:
            return Withheld.UNSEARCHED
        above = {pointer[:length] for length in range(len(pointer) + 1)}
        if not above.isdisjoint(self.listed) or any(held[: len(pointer)] == pointer for held in self.listed):
            return Withheld.LISTED
        doubled = any(hidden[: len(pointer)] == pointer or hidden in above for hidden, _ in event.hidden)
        return Withheld.DOUBLED if doubled else None


def _literal(value: Json) -> str | None:
    """A leaf as text: a text as it is, anything else as JSON. Containers and null are told by their shape."""
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, dict | list):
        return None
    return json.dumps(value) if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Redactor:
    """Turns a Breach into a Finding. `documented`: names (keys, events) that the policy pack itself says."""

    documented: frozenset[str]
    is_id: Callable[[str], bool] | None = None
    secret: Callable[[str], bool] | None = None
    """Whether a text holds a value that the auditor keeps to himself."""
    reveal: Reveal = Reveal.SHAPE
    unshown: Callable[[str], bool] | None = None
    """Whether a value holds something of the auditor's own, where values are revealed: stricter than `secret`."""
    tells: Callable[[str], bool] | None = None
    """Whether a name is itself what the search looks for: a password, an address, a number of a person."""
    memo: dict[Pointer, tuple[str, str]] = field(default_factory=dict, compare=False, repr=False)
    events: dict[str, str] = field(default_factory=dict, compare=False, repr=False)
    """Names of events as they are shown; remembered within a bound."""

    def name(self, name: str) -> str:
        """A captured key or event name as it may be shown."""
        hides = (asked for asked in (self.secret, self.tells) if asked is not None)
        shown = name in self.documented or (is_plain(name) and not any(hidden(name) for hidden in hides))
        return name if shown else "{" + shape_of(name).value + "}"

    def host(self, host: str) -> str:
        """A destination, which is the evidence itself; but a value that the auditor keeps to himself may stand in its name."""
        if self.secret is None or not self.secret(host):
            return visible(host)
        labels = [f"{{{shape_of(label).value}}}" if self.secret(label) else label for label in host.split(".")]
        shown = ".".join(labels)
        return visible(shown) if shown != host else "{host}"

    def pointer(self, pointer: Pointer) -> str:
        """RFC 6901 text; data-like tokens stand as their shape."""
        return "".join(f"/{self._token(token)}" for token in pointer)

    def field(self, pointer: Pointer) -> str:
        """The pointer with array indices as `*`."""
        return "".join("/*" if isinstance(token, int) else f"/{self._token(token)}" for token in pointer)

    def _token(self, token: str | int) -> str:
        return str(token) if isinstance(token, int) else self.name(token).replace("~", "~0").replace("/", "~1")

    def message_id(self, text: str | None) -> str | None:
        if text is None or self.is_id is None or not self.is_id(text):
            return None
        return None if self.secret is not None and self.secret(text) else text

    def event_name(self, event: Event) -> str | None:
        """The event's name, or for a call without one the call's."""
        name = event.name if event.name is not None else event.call
        if name is None or len(name) > _NAME:
            return None if name is None else self.name(name)
        found = self.events.get(name)
        if found is None:
            if len(self.events) >= _MEMO:
                self.events.clear()
            found = self.events[name] = self.name(name)
        return found

    def _written(self, pointer: Pointer) -> tuple[str, str]:
        """Pointer and field as text; remembered within a bound, since breaches repeat."""
        found = self.memo.get(pointer)
        if found is None:
            if len(self.memo) >= _MEMO:
                self.memo.clear()
            shown = self.pointer(pointer)
            field = self.field(pointer) if any(isinstance(token, int) for token in pointer) else shown
            found = self.memo[pointer] = shown, field
        return found

    def _value(self, pointer: Pointer, event: Event, veil: Veil) -> Revealed | Withheld | None:
        """The value at a pointer, as far as it may be shown."""
        text = _literal(resolve(event.value, pointer))
        if text is None:
            return None
        hidden = veil.over(pointer, event)
        if hidden is not None:
            return hidden
        if veil.repeats(text) or (self.unshown is not None and self.unshown(text)):
            return Withheld.LISTED
        return Revealed(visible(text[:REVEALED]), len(text))

    def fingerprint(self, rule: str, breach: Breach, event: Event) -> str:
        """Of the finding that `finding` makes."""
        return _fingerprint(rule, self.event_name(event), self._written(breach.pointer)[1])

    def finding(self, rule: str, level: Level, breach: Breach, event: Event, veil: Veil | None = None) -> Finding:
        """The only way from an event to an output. Without a veil no value is shown, whatever was asked for."""
        name, (pointer, field) = self.event_name(event), self._written(breach.pointer)
        return Finding(
            fingerprint=_fingerprint(rule, name, field),
            rule=rule,
            level=breach.level or level,
            grade=breach.grade,
            place=event.place,
            event=name,
            message_id=self.message_id(event.message_id),
            origin=event.origin,
            pointer=pointer,
            field=field,
            host=None,
            message=message(breach.template, breach.facts),
            shape=shape_of(resolve(event.value, breach.pointer)),
            path=breach.path,
            value=None if veil is None or self.reveal is Reveal.SHAPE else self._value(breach.pointer, event, veil),
        )


@lru_cache(maxsize=8192)
def _fingerprint(rule: str, event: str | None, field: str) -> str:
    return fingerprint(rule, event, field, None)


def message(template: str, facts: Mapping[str, Fact]) -> str:
    """A rule's sentence with its facts filled in."""
    return template.format(**{key: _fact(value) for key, value in facts.items()}) if facts else template
