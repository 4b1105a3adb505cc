"""Personal data in text, and in values whose names say what they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from audit.leaks.numbers import (
    FoundPersonal,
    Personal,
    accounts_in,
    identities_in,
    is_called_phone,
    is_card,
    is_identity,
    phones_in,
)
from audit.leaks.places import addresses_in, is_address, is_mac, is_place, places_in
from audit.model import Grade, Pointer

_ROOM = re.compile(r"[0-9:]")
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_PHONES = frozenset("phone telephone mobile msisdn tel fax cell cellphone whatsapp telefon".split())
DEVICES = frozenset("version model os type count brand app build width height size platform battery".split())
"""What of a phone has no number to call."""
_PERHAPS = frozenset({"cell"})
_CARDS = frozenset("card pan creditcard cardnumber".split())
_ADDRESSES = frozenset("ip ipaddress ipv4 ipv6 addr address remote client host peer".split())
_MACS = frozenset("mac macaddress hwaddr bssid ether".split())
_IDENTITIES = frozenset("ssn cpf fiscal national nationalid".split())
_TELLING = _PHONES | _CARDS | _ADDRESSES | _MACS | _IDENTITIES


def personal_in(text: str) -> Iterator[FoundPersonal]:
    """The kinds of personal data in one text, each once. It sees the text as it stands; decoding is done before."""
    if _ROOM.search(text) is None:
        return
    for look in (phones_in, accounts_in, identities_in, places_in, addresses_in):
        yield from look(text)


@lru_cache(maxsize=4096)
def words_of(name: str) -> frozenset[str]:
    """The words of a member's name: `clientIp` and `client_ip` are both client and ip."""
    return frozenset(word.lower() for word in _WORD.findall(name[:200]))


def is_telling(name: str) -> bool:
    """Whether a name makes likely what its value is."""
    return not words_of(name).isdisjoint(_TELLING)


def called_in(name: str, value: str) -> FoundPersonal | None:
    """What a value is that its name makes likely, though its form alone would not tell."""
    if not 5 <= len(value) <= 64:
        return None
    words = words_of(name)
    if not is_telling(name):
        return None
    if words & _PHONES and not words & DEVICES and is_called_phone(value, perhaps=words & _PHONES == _PERHAPS):
        return FoundPersonal(Personal.PHONE, Grade.STRONG if value.startswith("+") else Grade.SUSPECTED)
    if words & _CARDS and is_card(value):
        return FoundPersonal(Personal.CARD, Grade.STRONG)
    if words & _ADDRESSES and is_address(value):
        return FoundPersonal(Personal.IP, Grade.STRONG)
    if words & _MACS and re.fullmatch(r"[0-9A-Fa-f]{12}", value) and is_mac(value):
        return FoundPersonal(Personal.MAC, Grade.STRONG)
    if words & _IDENTITIES and is_identity(value):
        return FoundPersonal(Personal.NATIONAL, Grade.STRONG)
    return None


_LATITUDES = frozenset("lat latitude".split())
_LONGITUDES = frozenset("lon lng long longitude".split())
_POSITIONS = frozenset("coordinates coordinate coords location position geo point latlng lnglat gps".split())


def may_place(names: Iterable[str]) -> bool:
    """Whether members of these names may be a precise place together."""
    return any(name == "0" or words_of(name) & _LATITUDES for name in names)


def place_of(pointer: Pointer, members: dict[str, str]) -> tuple[str, FoundPersonal] | None:
    """The precise place that members of one object or list are together, with the name of the one to tell it at."""
    latitude = next((name for name in members if words_of(name) & _LATITUDES), None)
    longitude = next((name for name in members if words_of(name) & _LONGITUDES), None)
    if latitude is not None and longitude is not None and is_place(members[latitude], members[longitude]):
        return latitude, FoundPersonal(Personal.PLACE, Grade.STRONG)
    named = next((token for token in reversed(pointer) if isinstance(token, str)), "")
    if words_of(named) & _POSITIONS and {"0", "1"} <= members.keys() and is_place(members["0"], members["1"]):
        return "0", FoundPersonal(Personal.PLACE, Grade.STRONG)
    return None
