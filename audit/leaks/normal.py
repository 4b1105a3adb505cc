"""The forms in which a listed value may be written or hashed: trimmed, cased, composed, and those of addresses and phones."""

from __future__ import annotations

import re
import unicodedata

from audit.leaks.texts import plain_letters

_PHONE = re.compile(r"\+?[\d\s().\-/]{7,25}")
_GMAIL = frozenset({"gmail.com", "googlemail.com"})
_SHARED = _GMAIL | frozenset(
    "outlook.com hotmail.com live.com msn.com yahoo.com ymail.com aol.com icloud.com me.com proton.me protonmail.com gmx.net "
    "gmx.de gmx.com web.de t-online.de qq.com 163.com 126.com mail.ru yandex.ru orange.fr free.fr libero.it".split()
)
"""Mail hosts of millions: a hash of such a host names nobody."""


def folded(text: str) -> str:
    """The form in which texts are compared: compatible letters, no case, nothing invisible."""
    return text.lower() if text.isascii() else plain_letters(text).casefold()


def written(value: str) -> dict[str, str]:
    """Forms in which a value may stand in a text, folded, by name. The first is the value itself."""
    value = value.strip()
    found = {"as given": value}
    mail = _mail(value)
    if mail is not None:
        found |= _mail_forms(*mail)
    found |= {f"phone {number}": digits for number, digits in enumerate(phone_digits(value)) if len(digits) >= 9}
    return {name: folded(form) for name, form in found.items()}


def hashed(value: str) -> dict[str, str]:
    """Forms in which a value may have been hashed, by text, with the name of the form."""
    trimmed = value.strip()
    forms = [
        ("as given", value),
        ("trimmed", trimmed),
        ("lower case", trimmed.lower()),
        ("upper case", trimmed.upper()),
    ]
    if not value.isascii():
        forms += [("NFC", unicodedata.normalize("NFC", trimmed)), ("NFD", unicodedata.normalize("NFD", trimmed))]
        forms += [("NFC, lower case", unicodedata.normalize("NFC", trimmed.lower()))]
    mail = _mail(trimmed)
    if mail is not None:
        local, domain = mail
        forms += _mail_forms(local, domain).items()
        forms += [("local part", form) for form in _locals(local, domain)]
        forms += [("domain", form) for form in _cased(domain)] if domain.lower() not in _SHARED else []
    forms += [("phone", digits) for digits in phone_digits(trimmed)]
    found: dict[str, str] = {}
    for name, form in forms:
        if len(form) >= 3:
            found.setdefault(form, name)
    return found


def _mail(value: str) -> tuple[str, str] | None:
    local, at, domain = value.rpartition("@")
    return (local, domain) if at and local and "." in domain and " " not in value else None


def _cased(text: str) -> tuple[str, str, str]:
    return text, text.lower(), text.upper()


def _locals(local: str, domain: str) -> tuple[str, ...]:
    """The name before the `@`, in each case, without its plus tag, and for Gmail without its dots."""
    bare = local.lower().partition("+")[0]
    return (*_cased(local), bare, bare.replace(".", "") if domain.lower() in _GMAIL else bare)


def _mail_forms(local: str, domain: str) -> dict[str, str]:
    low, host = local.lower(), domain.lower()
    bare = low.partition("+")[0]
    found = {"plus tag removed": f"{bare}@{host}"} if bare != low else {}
    if host in _GMAIL:
        plain = bare.replace(".", "")
        found |= {"Gmail form": f"{plain}@gmail.com", "Gmail form, googlemail": f"{plain}@googlemail.com"}
        found |= {"Gmail form, host as given": f"{bare}@gmail.com"}
    return found


def phone_digits(value: str) -> tuple[str, ...]:
    """A phone number as programs store it: E.164, its digits, and the national forms where the country is known."""
    if not _PHONE.fullmatch(value) or not 7 <= sum(map(str.isdigit, value)) <= 19:
        return ()
    digits = "".join(char for char in value if char.isdigit())
    if not value.strip().startswith("+"):
        return (digits,)
    return (digits, f"+{digits}", f"00{digits}", *_national(digits))


def _national(digits: str) -> tuple[str, ...]:
    """The digits after the country code, bare and with a trunk zero. Country codes have one to three digits."""
    size = 1 if digits[0] in "17" else 2 if digits[:2] in _TWO else 3
    rest = digits[size:]
    return (rest, f"0{rest}") if len(rest) >= 6 else ()


_TWO = frozenset(
    "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 60 61 62 63 64 65 66 81 82 84 86 90 91 92 "
    "93 94 95 98".split()
)
