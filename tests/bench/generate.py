"""A log of documented events with a chosen share of breaches, and the truth about it: (line, rule, pointer)."""

from __future__ import annotations

import hashlib
import json
import pickle
import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

BASE = datetime(2020, 11, 4, 8, 0, tzinfo=UTC)
_BEAT = timedelta(hours=6)
AGENT = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_14_6) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/86.0.4240.{n} Safari/537.36"
)


class Truth(NamedTuple):
    line: int
    rule: str
    pointer: str | None


class Crowd(NamedTuple):
    """Whom the events are of. `users` 0: every event of the page has a user of its own."""

    instances: int = 997
    users: int = 0


class Line(NamedTuple):
    """One line of the log and what must be found in it."""

    data: bytes
    found: tuple[tuple[str, str | None], ...]


def _at(when: datetime) -> str:
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Generator:
    """`share` of the events break something; the rest is clean. Same seed, same bytes."""

    def __init__(
        self, events: int, share: float, seed: int = 1, *, spaced: bool = False, crowd: Crowd | None = None
    ) -> None:
        self.events, self.share, self.spaced, self.crowd = events, share, spaced, crowd or Crowd()
        self.random = random.Random(seed)
        self.uuids = [self._uuid() for _ in range(self.crowd.instances)]
        self.beats = 0

    def _hex(self, digits: int) -> str:
        return f"{self.random.getrandbits(4 * digits):0{digits}x}"

    def _uuid(self) -> str:
        return self._formed(self._hex(32))

    @staticmethod
    def _formed(text: str) -> str:
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def _user(self) -> tuple[str, str]:
        """The two ids of whoever sent an event of the page."""
        if not self.crowd.users:
            return self._uuid(), self._hex(64)
        user = hashlib.sha256(b"user %d" % self.random.randrange(self.crowd.users)).hexdigest()
        return self._formed(user[:32]), user

    def _address(self) -> str:
        return f"203.0.113.{self.random.randrange(1, 255)}"

    def lines(self) -> Iterator[Line]:
        for number in range(self.events):
            event = self._event(number)
            if self.random.random() < self.share:
                yield self._broken(event)
            else:
                yield Line(self._dump(event), ())

    def _dump(self, value: Any) -> bytes:
        separators = (", ", ": ") if self.spaced else (",", ":")
        return json.dumps(value, separators=separators, ensure_ascii=False).encode()

    def _event(self, number: int) -> dict[str, Any]:
        kind = number % 20
        if kind < 16:
            return self._client(number)
        return self._server() if kind < 18 else self._installer(number, kind)

    def _client(self, number: int) -> dict[str, Any]:
        page, when = self._hex(24), BASE + timedelta(milliseconds=977 * number)
        host = "https://dev.appsmith.com/applications"
        anonymous, user = self._user()
        return {
            "anonymousId": anonymous,
            "context": {
                "ip": self._address(),
                "library": {"name": "analytics.js", "version": "4.0.4"},
                "locale": self.random.choice(("en-US", "de-DE", "fr-FR", "pt-BR")),
                "page": {
                    "path": f"/applications/{page}/pages",
                    "referrer": f"{host}/{self._hex(24)}",
                    "search": "",
                    "title": "Editor | Appsmith",
                    "url": f"{host}/{page}/pages",
                },
                "userAgent": AGENT.format(n=self.random.randrange(50, 250)),
            },
            "event": "APPLICATIONS_PAGE_LOAD",
            "integrations": {},
            "messageId": f"ajs-{self._hex(32)}",
            "originalTimestamp": _at(when),
            "properties": {},
            "receivedAt": _at(when + timedelta(milliseconds=134)),
            "sentAt": _at(when + timedelta(milliseconds=2)),
            "timestamp": _at(when + timedelta(milliseconds=132)),
            "type": "track",
            "userId": user,
        }

    def _server(self) -> dict[str, Any]:
        beat, instance = divmod(self.beats, self.crowd.instances)
        self.beats += 1
        when = _at(BASE + _BEAT * beat + min(timedelta(seconds=7), _BEAT / self.crowd.instances) * instance)
        ip = self._address()
        return {
            "context": {"ip": ip, "library": {"name": "unknown", "version": "unknown"}},
            "event": "Instance Active",
            "integrations": {},
            "messageId": f"api-{self._hex(27)}",
            "properties": {"instanceId": self.uuids[instance]},
            "receivedAt": when,
            "timestamp": when,
            "type": "track",
            "userId": ip,
        }

    def _installer(self, number: int, kind: int) -> dict[str, Any]:
        when = _at(BASE + timedelta(milliseconds=977 * number))
        rest = ("Installation Success", "Installation Errors", "Installation Support")
        event: dict[str, Any] = {
            "anonymousId": self._uuid(),
            "context": {"library": {"name": "unknown", "version": "unknown"}},
            "event": "Installation Started" if kind == 18 else rest[number // 20 % 3],
            "integrations": {},
            "messageId": f"api-{self._hex(27)}",
            "properties": {"os": self.random.choice(("ubuntu", "debian", "centos"))},
            "receivedAt": when,
            "timestamp": when,
            "type": "track",
            "userId": self._address(),
        }
        if event["event"] == "Installation Support":
            event["properties"]["email"] = f"user{self._hex(6)}@acme-mail.co"
        return event

    def _broken(self, event: dict[str, Any]) -> Line:
        kinds: tuple[Callable[[dict[str, Any]], Line], ...] = (
            self._extra_field,
            self._wrong_type,
            self._null_field,
            self._unlisted,
            self._call,
            self._described,
            self._doubled,
            self._address_in_value,
            self._address_encoded,
            self._address_escaped,
            self._rows,
            self._query,
            self._error_text,
            self._cut_line,
            self._clock,
        )
        # A keep-alive keeps its beat: a lost one would be one more finding, at another line.
        kept = (
            self._extra_field,
            self._wrong_type,
            self._null_field,
            self._doubled,
            self._address_in_value,
            self._rows,
        )
        return self.random.choice(kept if event["event"] == "Instance Active" else kinds)(event)

    def _field_rule(self, pointer: str) -> tuple[tuple[str, str | None], ...]:
        return (("undocumented-field", pointer),)

    def _extra_field(self, event: dict[str, Any]) -> Line:
        event["properties"]["hostname"] = f"host-{self._hex(5)}"
        return Line(self._dump(event), self._field_rule("/properties/hostname"))

    def _wrong_type(self, event: dict[str, Any]) -> Line:
        event["context"]["library"]["version"] = 4
        return Line(self._dump(event), (("invalid-value", "/context/library/version"),))

    def _null_field(self, event: dict[str, Any]) -> Line:
        listed = event["event"] in ("Installation Started", "Instance Active", "APPLICATIONS_PAGE_LOAD")
        event["context"]["library"]["name"] = None
        return Line(self._dump(event), (("missing-field", "/context/library/name"),) if listed else ())

    def _unlisted(self, event: dict[str, Any]) -> Line:
        event["event"] = "User Signed Up"
        event["properties"].pop("email", None)  # allowed in the event that it no longer is
        return Line(self._dump(event), (("undocumented-event", "/event"),))

    def _call(self, event: dict[str, Any]) -> Line:
        event["type"] = "identify"
        event["properties"].pop("email", None)
        return Line(self._dump(event), (("undocumented-event", "/type"),))

    def _described(self, event: dict[str, Any]) -> Line:
        if event["event"] != "APPLICATIONS_PAGE_LOAD":
            return self._extra_field(event)
        event["event"] = "EDITOR_OPEN"
        return Line(self._dump(event), (("undocumented-event", "/event"),))

    def _doubled(self, event: dict[str, Any]) -> Line:
        data = self._dump(event)
        colon = b": " if self.spaced else b":"
        return Line(data[:-1] + b',"type"' + colon + b'"track"}', (("duplicate-key", "/type"),))

    def _address_in_value(self, event: dict[str, Any]) -> Line:
        event["context"]["library"]["name"] = f"jane.{self._hex(6)}@acme-mail.co"
        return Line(self._dump(event), (("email-address", "/context/library/name"),))

    def _address_encoded(self, event: dict[str, Any]) -> Line:
        event["context"]["library"]["version"] = f"?invite=jane.{self._hex(6)}%40acme-mail.co"
        return Line(self._dump(event), (("email-address", "/context/library/version"),))

    def _address_escaped(self, event: dict[str, Any]) -> Line:
        event["context"]["library"]["name"] = f"jane.{self._hex(6)}@acme-mail.co"
        data = self._dump(event)
        at = data.index(b"@", data.index(b'"library"'))
        return Line(data[:at] + b"\\u0040" + data[at + 1 :], (("email-address", "/context/library/name"),))

    def _rows(self, event: dict[str, Any]) -> Line:
        event["properties"]["rows"] = [{"id": n, "total": self.random.randrange(999)} for n in range(2)]
        fields = tuple(
            ("undocumented-field", f"/properties/rows/{n}/{key}") for n in range(2) for key in ("id", "total")
        )
        return Line(self._dump(event), (*fields, ("datasource-payload", "/properties/rows")))

    def _query(self, event: dict[str, Any]) -> Line:
        event["context"]["library"]["name"] = f"SELECT id, name FROM orders WHERE id = {self.random.randrange(9999)}"
        return Line(self._dump(event), (("query-text", "/context/library/name"),))

    def _error_text(self, event: dict[str, Any]) -> Line:
        event["context"]["library"]["version"] = (
            f"ORA-{self.random.randrange(10000, 99999)}: table or view does not exist"
        )
        return Line(self._dump(event), (("datasource-payload", "/context/library/version"),))

    def _cut_line(self, event: dict[str, Any]) -> Line:
        data = self._dump(event)
        return Line(data[: len(data) // 2], (("unreadable-record", None),))

    def _clock(self, event: dict[str, Any]) -> Line:
        if "sentAt" not in event:
            return self._extra_field(event)
        event["sentAt"] = _at(BASE - timedelta(days=1))
        return Line(self._dump(event), (("clock-inconsistent", "/sentAt"),))


def write(
    path: str, events: int, share: float, seed: int = 1, *, spaced: bool = False, crowd: Crowd | None = None
) -> list[Truth]:
    """Write the log; return the truth about it."""
    truth: list[Truth] = []
    with open(path, "wb") as file:  # noqa: PTH123 - one plain write loop
        for number, line in enumerate(Generator(events, share, seed, spaced=spaced, crowd=crowd).lines(), 1):
            file.write(line.data + b"\n")
            truth += [Truth(number, rule, pointer) for rule, pointer in line.found]
    return truth


def write_truth(log: Path, events: int, share: float, spaced: bool) -> None:  # noqa: FBT001 - called by another process
    """Write the log, and the truth about it beside it."""
    log.with_suffix(".truth").write_bytes(pickle.dumps(write(str(log), events, share, spaced=spaced)))


def write_seeds(path: Path, canaries: int, identifiers: int, seed: int = 1) -> None:
    """A seed file of values that the log does not hold: addresses, phone numbers and account names."""
    chance = random.Random(seed)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789"

    def some(size: int) -> str:
        return "".join(chance.choice(letters) for _ in range(size))

    forms = (
        lambda: f"{some(5)}.{some(7)}@{chance.choice(('gmail.com', 'fabrikam-mail.com', 'contoso-post.co.uk'))}",
        lambda: f"+49 {chance.randrange(150, 180)} {chance.randrange(10**7, 10**8)}",
        lambda: f"usr_{chance.getrandbits(40):010x}",
        lambda: f"{some(6).title()} {some(8).title()}",
    )
    rows = [f"{some(20)},canary" for _ in range(canaries)]
    rows += [f"{forms[number % len(forms)]()},identifier" for number in range(identifiers)]
    path.write_text("\n".join(["value,kind", *rows]) + "\n", "ascii")
