"""Numbers that stand for people: phones, bank accounts, payment cards, national ids. Bounded patterns find candidates,
number plans and checksums decide, so the time is linear in the text's length."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from audit.model import Grade


class Personal(StrEnum):
    PHONE = "a phone number"
    IBAN = "a bank account number (IBAN)"
    CARD = "a payment card number"
    NATIONAL = "a national identity number"
    PLACE = "a precise place"
    MAC = "a MAC address"
    IP = "an IP address"


class FoundPersonal(NamedTuple):
    """`grade`: strong where a checksum or a number plan confirms a telling form, suspected where it could be something else."""

    kind: Personal
    grade: Grade


_WIDE = r"\u00a0\u2009\u202f"
"""Spaces at which no line is broken."""

_GAP = r"[ ()./_\u00a0\u202f\u2009\u2010-\u2013-]{0,2}"
_PHONE = re.compile(rf"(?<![\w+.])\+[1-9](?:{_GAP}[0-9]){{6,14}}(?![\w+]|[.,:-][0-9])")
_ABROAD = re.compile(
    rf"00(?<![\w+.]00)[1-9][0-9]{{0,2}}[ ()./-]{{1,2}}[0-9](?:{_GAP}[0-9]){{5,12}}(?![\w+]|[.,:-][0-9])"
)
_NORTH_AMERICAN = re.compile(
    r"(?<![\w+./:-])(?:\([2-9][0-9]{2}\) ?[2-9][0-9]{2}[-. ][0-9]{4}"
    r"|(?:1[-. ])?[2-9][0-9]{2}([-. ])[2-9][0-9]{2}\1[0-9]{4})(?![\w-]|\.[0-9])"
)
_CALLED = re.compile(
    rf"\b(?:(?:smart|mobil)?(?:phone?|fone?)|t[eé]l(?:[eé](?:ph|f)\w{{1,12}})?|mob(?:ile?)?|cell?(?:ular)?|fax"
    rf"|call|dial|ring|sms|whatsapp|handy|rufnummer|portable|msisdn|contact(?=[_ -]?n(?:um|o|r)|\W{{0,3}}00[1-9]))"
    rf"(?:[_ -]?(?:numbers?|numm?er|num|nr|no))?\b[^0-9+\n]{{0,16}}"
    rf"([(]?[0-9](?:{_GAP}[0-9]){{6,14}})(?!\w)",
    re.IGNORECASE,
)
_IBAN = re.compile(
    r"[A-Za-z](?<![A-Za-z0-9][A-Za-z])[A-Za-z][0-9]{2}"
    rf"(?:[ {_WIDE}-]?[A-Za-z0-9]{{4}}){{2,7}}(?:[ {_WIDE}-]?[A-Za-z0-9]{{1,3}})?(?![A-Za-z0-9])"
)
_CARD = re.compile(  # the look behind stands after the first digit, here and below: so the search skips to digits
    r"[0-9](?<![\w.+-][0-9])(?:[0-9]{13,15}|(?<=4)[0-9]{18}|[0-9]{3}"
    rf"([ .{_WIDE}-])[0-9]{{4}}\1[0-9]{{4}}\1[0-9]{{3,4}}(?:\1[0-9]{{3}})?"
    rf"|(?<=3)[0-9]{{3}}([ .{_WIDE}-])[0-9]{{6}}\2[0-9]{{4,5}})"
    r"(?![\w-]|\.[0-9])"
)
_BRAND = re.compile(
    r"4[0-9]{15}(?:[0-9]{3})?|220[0-4][0-9]{12}|5[1-5][0-9]{14}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{2}|7[01][0-9]|720)[0-9]{12}|3[47][0-9]{13}"
    r"|6(?:011|5[0-9]{2}|4[4-9][0-9])[0-9]{12}|35(?:2[89]|[3-8][0-9])[0-9]{12}|3(?:0[0-5]|[68][0-9])[0-9]{11}|62[0-9]{14}"
    r"|(?:50(?:18|20|38)|5893|6304|67(?:59|6[1-3]))[0-9]{12}"
)
_PAYS = re.compile(r"card|pan\b|visa|master|amex|credit|pa(?:y|id)|karte|tarjeta", re.IGNORECASE)
_LONG_CARD = 19
"""So long are ids, too: it counts where it is printed in groups, or is said to pay."""

_CPF = re.compile(r"[0-9](?<![\w.-][0-9])[0-9]{2}\.[0-9]{3}\.[0-9]{3}-[0-9]{2}(?![\w-])")
_FISCAL = re.compile(r"[A-Z](?<![A-Za-z0-9][A-Z])[A-Z]{5}[0-9]{2}[A-EHLMPR-T][0-9]{2}[A-Z][0-9]{3}[A-Z](?![A-Za-z0-9])")
_SSN = re.compile(r"\b(?:ssn|social security)\b[^0-9\n]{0,16}([0-9]{3}-[0-9]{2}-[0-9]{4})(?![\w-])", re.IGNORECASE)
_NOT_DIGITS = re.compile(r"[^0-9]")
_REGIONS = tuple("US GB DE FR ES IT NL PL BR IN JP CN AU CH AT BE SE MX ZA TR".split())
"""Where a number without a country code is looked up, under a label that calls it a phone number."""


_DATED = re.compile(
    r"[0-9]{1,2}[-/. ][0-9]{1,2}[-/. ][12][0-9]{3}(?![0-9])|[12][0-9]{3}([-/. ])[0-9]{1,2}\1[0-9]{1,2}(?![0-9])"
    r"|(?:19|20)[0-9]{2}-[0-3][0-9]{2}\Z|[0-9]{6}-[0-9]{4}\Z|[1-9][0-9](?:[ .-][0-9]{2}){4}\Z"
    r"|(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])(?:(?:[01][0-9]|2[0-3])(?:[0-5][0-9]){0,2})?\Z"
    r"|1[0-9]{9}(?:[0-9]{3})?\Z"
)
"""Dates and seconds since 1970, which have as many digits as numbers to call."""
_CLOCK = re.compile(r"[0-9]:[0-9]")
_NUMBER = re.compile(
    r"(?:tel|sms|callto|whatsapp)?:?(?:[^\w]|[0-9_])+(?:(?:;?ext?(?:ension)?|x|durchwahl)[.:= ]{0,2}[0-9]{1,6})?",
    re.IGNORECASE,
)
"""Digits and what parts them, with an extension: no id with letters in it."""
_MEASURE = re.compile(r"[1-9][0-9]{0,2}(?:[ .,][0-9]{3}){2,}")
"""A number whose thousands are parted."""

_PHONE_WORDS = (
    "phon", "fon", "tel", "tél", "mob", "cel", "fax", "call", "dial", "ring", "sms", "whatsapp", "handy", "rufn", "portable",
    "msisdn", "contact",
)  # fmt: skip
_SSN_WORDS = ("ssn", "social security")


def _says(text: str, words: tuple[str, ...]) -> bool:
    """Whether one of some words can stand in a text in whatever case: beyond ASCII other letters may fold to theirs."""
    lower = text.lower()
    return not text.isascii() or any(word in lower for word in words)


def phones_in(text: str) -> Iterator[FoundPersonal]:
    if "+" in text and any(is_phone(match[0]) for match in _PHONE.finditer(text)):
        yield FoundPersonal(Personal.PHONE, Grade.STRONG)
    elif (
        any(is_phone(match[0]) for match in _ABROAD.finditer(text))
        or any(is_phone(match[0], ("US",)) for match in _NORTH_AMERICAN.finditer(text))
        or (_says(text, _PHONE_WORDS) and any(_is_called(match[1]) for match in _CALLED.finditer(text)))
    ):
        yield FoundPersonal(Personal.PHONE, Grade.SUSPECTED)


def is_phone(text: str, regions: tuple[str, ...] = ()) -> bool:
    """Whether a number is assignable: with its country code, or in one of some countries."""
    from phonenumbers import NumberParseException, is_valid_number, parse

    text = ("+" + text[2:] if text.startswith("00") else text).replace("_", " ")
    for region in (None,) if text.startswith("+") else regions:
        try:
            if is_valid_number(parse(text, region)):
                return True
        except NumberParseException:
            continue
    return False


def _is_called(text: str) -> bool:
    return _DATED.match(text) is None and is_phone(text, _REGIONS)


def is_called_phone(text: str, *, perhaps: bool = False) -> bool:
    """Whether a value whose name says that it is a phone number is one, with or without its country code. `perhaps`: the
    name may mean something else as well, such as the cell of a table."""
    text = text.strip()
    digits = _NOT_DIGITS.sub("", text)
    if not 7 <= len(digits) <= 15 or len(text) > 32 or _DATED.match(text) or _CLOCK.search(text):
        return False
    if _NUMBER.fullmatch(text) is None or (perhaps and _MEASURE.fullmatch(text)):
        return False
    return is_phone(text, _REGIONS) or is_phone("+" + digits)


def accounts_in(text: str) -> Iterator[FoundPersonal]:
    if any(is_iban(match[0]) for match in _IBAN.finditer(text)):
        yield FoundPersonal(Personal.IBAN, Grade.STRONG)
    cards = [match for match in _CARD.finditer(text) if is_card(match[0])]
    pays = bool(cards) and _PAYS.search(text) is not None
    cards = [match for match in cards if pays or len(match[0]) != _LONG_CARD or match[1] or match[2]]
    if cards:
        sure = pays or any(match[1] or match[2] for match in cards)
        yield FoundPersonal(Personal.CARD, Grade.STRONG if sure else Grade.SUSPECTED)


def is_iban(text: str) -> bool:
    """Checksum, length and structure of its country. Words that follow in the same rhythm are cut off."""
    from stdnum import iban

    parts = re.split(rf"[ {_WIDE}-]", text)
    return any(
        iban.is_valid("".join(parts[:end]).upper(), check_country=False)
        for end in range(len(parts), max(0, len(parts) - 3), -1)
    )


def is_card(text: str) -> bool:
    """A known brand's prefix and length, and the check digit."""
    from stdnum import luhn

    digits = _NOT_DIGITS.sub("", text)
    return _BRAND.fullmatch(digits) is not None and len(set(digits)) > 1 and bool(luhn.is_valid(digits))


def identities_in(text: str) -> Iterator[FoundPersonal]:
    """National ids whose form is telling: Brazil's and Italy's with check digits, the United States' where they are named."""
    if any(is_identity(match[0]) for pattern in (_CPF, _FISCAL) for match in pattern.finditer(text)):
        yield FoundPersonal(Personal.NATIONAL, Grade.STRONG)
    elif _says(text, _SSN_WORDS) and any(is_identity(match[1]) for match in _SSN.finditer(text)):
        yield FoundPersonal(Personal.NATIONAL, Grade.SUSPECTED)


def is_identity(text: str) -> bool:
    from stdnum.br import cpf
    from stdnum.it import codicefiscale
    from stdnum.us import ssn

    return any(bool(kind.is_valid(text)) for kind in (cpf, codicefiscale, ssn))
