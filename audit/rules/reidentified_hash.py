"""A hash of a listed identifier was sent.

What: whatever in the event may be a digest (hex, base64, base32, UUID, cut down to 64 bits or more) is compared with
the digests of the identifiers of --seeds: by all common algorithms, of the value as given, trimmed, in either case, of
its local part, of a phone number's forms, hashed twice, and with the salts that are listed.

Why it matters: a hash of an address hides nothing from somebody who has a list of addresses: he hashes the list and
compares. Data that hold it are pseudonymous at best.

Example: `/userId` is the SHA-256 of `jane@acme-mail.co`.

Limits: a salt that nobody lists, or encryption, is never seen in content; two runs with different users show those.
Hashes of 32 bits are shared by many values: such a match is a suspicion, and a warning.
"""

from __future__ import annotations

from collections.abc import Iterator

from audit.leaks.seeds import Kind
from audit.model import Breach, Level
from audit.rules.case import Case, EventRule, Listed
from audit.rules.listed import told


def check(case: Case) -> Iterator[Breach]:
    yield from told(
        case,
        "a hash of a listed identifier (number {seed}), re-identifiable by whoever has a list",
        "hashes of {number} listed identifiers, re-identifiable by whoever has a list",
        lambda hit: hit.kind is Kind.IDENTIFIER and hit.digest and not hit.weak,
    )
    yield from told(
        case,
        "perhaps a 32-bit hash of a listed identifier (number {seed})",
        "perhaps 32-bit hashes of {number} listed identifiers",
        lambda hit: hit.kind is Kind.IDENTIFIER and hit.weak,
        Level.WARNING,
    )


RULE = EventRule(
    id="reidentified-hash",
    level=Level.ERROR,
    levels="error; warning for hashes of 32 bits",
    triggers=(Listed(),),
    check=check,
    doc=__doc__,
)
