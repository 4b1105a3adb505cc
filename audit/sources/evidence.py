"""Records of evidence: what the proxy writes down of a request, and the traffic that such a record is read as again."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from audit.engine.contacts import CONTENT_RULES
from audit.engine.parse import Limits
from audit.engine.run import Broken
from audit.engine.times import parse_time
from audit.engine.traffic import Exchange, Traffic
from audit.evidence import Break, Record, Torn, walk
from audit.model import Contact, Finding, Grade, Known, Level, Reason, Scheme, Shape
from audit.redact import instant, visible
from audit.sources.requests import Request, decode

WITHHELD = frozenset({"authorization", "cookie", "set-cookie", "proxy-authorization"})
"""Header fields that are kept as keyed digests only."""

_DIGEST = re.compile(r"hmac-sha256:[0-9a-f]{32}")
"""What stands for a credential: not what was sent, so nothing is looked for in it."""

_MOST_TEXT = 400


def whole(request: Request, keyed: Callable[[str], str], findings: Iterable[Finding]) -> dict[str, Any]:
    """A request with everything it said but its credentials; of the findings only those that what is kept cannot show."""
    return {
        "kind": "request",
        "at": _at(request.seen_at),
        "method": request.method,
        "url": request.url,
        "address": request.address,
        "connected": request.connected,
        "size": request.size,
        "headers": [[name, keyed(text) if name.lower() in WITHHELD else text] for name, text in request.headers],
        "body": None if request.body is None else base64.b64encode(request.body).decode("ascii"),
        "findings": [_finding_row(finding) for finding in findings if _withheld(finding)],
    }


def bare(contact: Contact, findings: Iterable[Finding]) -> dict[str, Any]:
    """A contact without anything of what it said, and what was found in that."""
    return {"kind": "contact", **_contact_row(contact), "findings": [_finding_row(finding) for finding in findings]}


def failed(contact: Contact) -> dict[str, Any]:
    """That the destination of an earlier record never answered."""
    return {"kind": "failed", **_contact_row(contact)}


def _withheld(finding: Finding) -> bool:
    parts = (finding.pointer or "").split("/")
    return len(parts) > 2 and parts[1] == "headers" and parts[2].lower() in WITHHELD


def _contact_row(contact: Contact) -> dict[str, Any]:
    return {
        "at": _at(contact.seen_at),
        "host": contact.host,
        "port": contact.port,
        "scheme": contact.scheme.value,
        "known": contact.known.value,
        "address": contact.address,
        "connected": contact.connected,
        "opaque": contact.opaque,
        "bytes_out": contact.bytes_out,
    }


def _finding_row(finding: Finding) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "level": finding.level.value,
        "grade": finding.grade.value,
        "pointer": finding.pointer,
        "field": finding.field,
        "message": finding.message,
        "shape": finding.shape.value if finding.shape is not None else None,
        "path": list(finding.path),
    }


def _at(when: datetime | None) -> str | None:
    return None if when is None else instant(when)


@dataclass(slots=True)
class Chained:
    """An evidence directory being read. `head`, `size` and `sha256` are known when `parts` is exhausted."""

    directory: Path
    limits: Limits
    head: str | None = None
    size: int = 0
    _sha256: Any = field(default_factory=hashlib.sha256)

    @property
    def sha256(self) -> str:
        return str(self._sha256.hexdigest())

    def parts(self) -> Iterator[Traffic | Broken]:
        """Every record as a unit, while the chain holds."""
        unit, told = 0, False
        try:
            for step in walk(self.directory):
                unit += 1
                match step:
                    case Record():
                        self.head = step.digest
                        self._count(step.digest.encode("ascii") + b" " + step.data + b"\n")
                        yield part_of(step.data, unit, self.limits)
                    case Torn():
                        self._count(step.data)
                        yield Broken(unit, unit, Reason.TORN)
                    case Break():
                        told = True
                        yield Broken(unit, unit, Reason.BROKEN_CHAIN)
            if self.head is None and not told:  # the proxy writes a record when it starts: somebody took it away
                yield Broken(unit + 1, unit + 1, Reason.BROKEN_CHAIN)
        except OSError:
            yield Broken(unit + 1, unit + 1, Reason.VANISHED)

    def _count(self, data: bytes) -> None:
        self.size += len(data)
        self._sha256.update(data)


def part_of(data: bytes, unit: int, limits: Limits) -> Traffic | Broken:
    """One record as traffic. Records that speak of the writing itself carry nothing."""
    import orjson

    try:
        record = orjson.loads(data)
    except orjson.JSONDecodeError:
        return Broken(unit, unit, Reason.NOT_JSON)
    if not isinstance(record, dict):
        return Broken(unit, unit, Reason.NOT_OBJECT)
    match record.get("kind"):
        case "request":
            exchange = _request_of(record, limits)
        case "contact" | "failed":
            exchange = _contact_of(record)
        case "lost":
            return Broken(unit, unit, Reason.UNRECORDED)
        case _:
            return Traffic(unit, unit)
    return Broken(unit, unit, Reason.NO_REQUEST) if exchange is None else Traffic(unit, unit, (exchange,))


def _request_of(record: Mapping[str, Any], limits: Limits) -> Exchange | None:
    method, url, headers, body = (record.get(name) for name in ("method", "url", "headers", "body"))
    if not isinstance(method, str) or not isinstance(url, str) or not isinstance(headers, list):
        return None
    pairs = [pair for pair in headers if isinstance(pair, list) and len(pair) == 2]
    request = Request(
        method=method,
        url=url,
        headers=tuple((str(name), str(text)) for name, text in pairs if _DIGEST.fullmatch(str(text)) is None),
        body=_bytes(body),
        seen_at=_time(record),
        address=_text(record, "address"),
        connected=record.get("connected") is not False,
        size=_number(record, "size"),
    )
    return heard(request, limits)._replace(findings=_findings(record))


def heard(request: Request, limits: Limits) -> Exchange:
    """What a request says. One whose body passed unseen is opaque, if not unreadable telemetry anyway."""
    exchange = decode(request, limits)
    if request.body is not None or exchange.reason is not None or exchange.contact is None:
        return exchange
    return exchange._replace(contact=replace(exchange.contact, opaque=True))


def _contact_of(record: Mapping[str, Any]) -> Exchange | None:
    """What a contact said was not kept: it is opaque, unless nothing was sent."""
    host, port = _text(record, "host"), _number(record, "port")
    try:
        scheme, known = Scheme(record["scheme"]), Known(record["known"])
    except (KeyError, ValueError):
        return None
    if not host or (port is not None and port > 65535):
        return None
    contact = Contact(
        host=host,
        port=port,
        scheme=scheme,
        known=known,
        seen_at=_time(record),
        address=_text(record, "address"),
        connected=record.get("connected") is not False,
        opaque=True,
        bytes_out=_number(record, "bytes_out") or 0,
    )
    withdrawn = record.get("kind") == "failed"
    return Exchange(contact, seen_at=contact.seen_at, findings=_findings(record), withdrawn=withdrawn)


def _findings(record: Mapping[str, Any]) -> tuple[Finding, ...]:
    rows = record.get("findings")
    found = (_finding_of(row) for row in (rows if isinstance(rows, list) else ()) if isinstance(row, dict))
    return tuple(finding for finding in found if finding is not None)


def _finding_of(row: Mapping[str, Any]) -> Finding | None:
    """What the rules of content found when the request went out. Nothing else is taken on a file's word."""
    path = row.get("path")
    rule = row.get("rule")
    if not isinstance(rule, str) or rule not in CONTENT_RULES:
        return None
    try:
        return Finding(
            fingerprint="",
            rule=rule,
            level=Level(str(row.get("level"))),
            grade=Grade(str(row.get("grade"))),
            place=None,
            event=None,
            message_id=None,
            origin=None,
            pointer=_shown(row, "pointer"),
            field=_shown(row, "field"),
            host=None,
            message=_shown(row, "message") or "",
            shape=Shape(row["shape"]) if row.get("shape") is not None else None,
            path=tuple(visible(str(step))[:40] for step in (path if isinstance(path, list) else ())[:8]),
        )
    except (KeyError, ValueError):
        return None


def _shown(row: Mapping[str, Any], name: str) -> str | None:
    text = _text(row, name)
    return None if text is None else visible(text[:_MOST_TEXT])


def _text(row: Mapping[str, Any], name: str) -> str | None:
    value = row.get(name)
    return value if isinstance(value, str) else None


def _number(row: Mapping[str, Any], name: str) -> int | None:
    value = row.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53 else None


def _time(row: Mapping[str, Any]) -> datetime | None:
    text = _text(row, "at")
    return None if text is None else parse_time(text)


def _bytes(value: object) -> bytes | None:
    if not isinstance(value, str):
        return None
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        return None
