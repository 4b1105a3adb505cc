"""A credential: a key, a token, a password in an address.

What: every text, values and member names, decoded up to three layers, is searched for credentials by the structure that
their makers gave them: keys of cloud providers, tokens of known services, signed tokens whose header decodes, private
keys, bearer and basic authorisation, connection strings with a password, webhook addresses. What only a label calls a
secret (`api_key=...`, a field named `password`) is a warning.

Why it matters: who holds the telemetry can use the credential. No page documents that.

Example: a page's URL carries `?redirect=postgres://app:<password>@db.internal/orders`.

Limits: by structure, never by how random a value looks, so a password without its surroundings is not seen. Keys that
are made to be public (publishable keys, write keys, addresses of error trackers) and placeholders are left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit.leaks.content import has_secret
from audit.leaks.secrets import ISSUED, is_called_secret
from audit.leaks.tokens import Secret
from audit.model import Breach, Grade, Level, Pointer
from audit.rules.case import Case, EventRule, Invalid, Name, Strings
from audit.rules.members import held, name_of, spelled, unshown


def check(case: Case) -> Iterator[Breach]:
    told: set[Pointer] = set()
    for text, content in held(case):
        for secret, path in content.secrets:
            told.add(text.pointer)
            yield _breach(text.pointer, secret.kind, secret.grade, path)
    for pointer, value, _ in unshown(case):
        if isinstance(value, str) and pointer not in told and is_called_secret(name_of(pointer), value):
            yield _breach(pointer, Secret.LABELLED, Grade.SUSPECTED, ())
    for pointer, content in spelled(case):
        if not any(place[: len(pointer)] == pointer for place in told):
            yield from (_breach(pointer, s.kind, s.grade, path) for s, path in content.secrets if s.kind in ISSUED)


def _breach(pointer: Pointer, kind: Secret, grade: Grade, path: tuple[str, ...]) -> Breach:
    level = Level.WARNING if grade is Grade.SUSPECTED else None
    return Breach(pointer, "this has the form of {kind}", {"kind": kind}, level, grade=grade, path=path)


RULE = EventRule(
    id="secret",
    level=Level.ERROR,
    levels="error; warning where only a label says so",
    triggers=(Invalid(), Name(), Strings(has_secret, spares_plain=True)),
    check=check,
    doc=__doc__,
)
