"""An e-mail address where the page does not allow one.

What: every text of the event, values and member names, also behind JSON escapes and percent-encoding, is searched for
e-mail addresses. The places that the page names are allowed. Addresses under the reserved domains of RFC 2606
(example.com, .test, ...) are a note, but an error as the whole value of an identity field (userId, traits, a key that
says mail, user, login or name): a test user *is* alice@example.com.

Why it matters: an e-mail address identifies a person. "Strictly anonymous" and "only when you request support" both end
where one appears.

Example: `/userId` holds `jane@acme-mail.co`, or a page's URL carries `?invite=jane%40acme-mail.co`.

Limits: an event shows where an address is, never whether its owner typed it in. Addresses that are encrypted or hashed
with a secret are not seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from audit.leaks.content import Path, has_address
from audit.leaks.emails import Address
from audit.model import Breach, Gap, Level, Pointer
from audit.rules.case import Case, EventRule, Invalid, Name, Strings, Text
from audit.rules.members import held, spelled

_IDENTITY = re.compile(r"mail|user|login|name|traits", re.IGNORECASE)


def check(case: Case) -> Iterator[Breach | Gap]:
    told: set[Pointer] = set()
    for text, found in held(case):
        if found.gave_up:
            yield Gap.SEARCH
        if found.addresses:
            told.add(text.pointer)
            yield from _in(case, text, found.addresses)
    for pointer, found in spelled(case):
        if found.addresses and not any(place[: len(pointer)] == pointer for place in told):
            yield from _in(case, Text(pointer, "", key=False), found.addresses)


def _in(case: Case, text: Text, found: tuple[tuple[Address, Path], ...]) -> Iterator[Breach]:
    allowed = not text.key and case.policy.allows_email(case.event.name, text.pointer)
    personal = [
        (address, path) for address, path in found if not _is_public(case, address) and not (allowed and address.whole)
    ]
    if not personal:
        return
    worst, path = max(personal, key=lambda pair: _level(pair[0], text).rank)
    where = "in the name of a field" if text.key else "where the page allows none"
    facts = {"number": len(personal)}
    template = f"an e-mail address {where}" if len(personal) == 1 else f"{{number}} e-mail addresses {where}"
    yield Breach(text.pointer, template, facts, _level(worst, text), path=path)


def _is_public(case: Case, address: Address) -> bool:
    """Whether it is the vendor's own, which words may stand before in a longer text, with a `+` for each space."""
    text = address.text if address.whole else address.text.rpartition("+")[2]
    return text in case.policy.not_personal


def _level(address: Address, text: Text) -> Level:
    identity = address.whole and any(isinstance(token, str) and _IDENTITY.search(token) for token in text.pointer)
    return Level.NOTE if address.reserved and not identity else Level.ERROR


RULE = EventRule(
    id="email-address",
    level=Level.ERROR,
    levels="error; note for RFC 2606 domains outside identity fields",
    triggers=(
        Invalid(),
        Name(),
        Strings(has_address, spares_plain=True),
    ),
    check=check,
    doc=__doc__,
)
