"""Precise places and network addresses in text. Bounded patterns; version numbers and times are told apart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address

from audit.leaks.numbers import FoundPersonal, Personal
from audit.model import Grade

_PRECISE = r"[0-9]{1,3}\.[0-9]{3,16}"
_PAIR = re.compile(rf"(?<![\w.,])(-?{_PRECISE})\s?[,;|/ ]\s?(-?{_PRECISE})(?![\w.]|,-?[0-9]+(?:[.,]|$))")
_LATITUDE = re.compile(
    rf"(?:lat(?:itude)?[\"']?\s{{0,3}}[=:]\s{{0,3}}[\"']?|\blat(?:itude)?\s{{1,3}})-?{_PRECISE}", re.IGNORECASE
)
_LONGITUDE = re.compile(
    rf"(?:(?:lon|lng|long|longitude)[\"']?\s{{0,3}}[=:]\s{{0,3}}[\"']?|\b(?:lon|lng|long|longitude)\s{{1,3}})-?{_PRECISE}",
    re.IGNORECASE,
)
_DEGREES = re.compile(
    r"[0-9]{1,2}\s?°\s?[0-9]{1,2}\s?['\u2032\u2019]\s?[0-9]{1,2}(?:[.,][0-9]{1,6})?\s?[\"\u2033\u201d]?\s?[NS]|[0-9]{1,2}\.[0-9]{3,16}\s?°\s?[NS]|[NS]\s?[0-9]{1,2}\s?°\s?[0-9]{1,2}\.[0-9]{3}"
    r"|\b[NS]\s?[0-9]{1,2}\.[0-9]{3,16}[,;]?\s?[EW]\s?[0-9]{1,3}\.[0-9]{3}"
    r"|(?<![\w.])[0-9]{1,2}\.[0-9]{3,16}\s?[NS][,;/]?\s{0,2}[0-9]{1,3}\.[0-9]{3,16}\s?[EW]\b"
)
_LETTERED = re.compile(r"°|[NS]\s?[0-9]|[0-9]\s?[NS]\b")
_AROUND = re.compile(
    r"geo|lat_?l(?:ng|on)|loc|pos|coord|map|\bll\b|\bat\b|@|point|center|gps|near|place|home", re.IGNORECASE
)
_CALL = re.compile(r"\w\(\s?\Z")
"""The arguments of a function, which are no place by themselves."""

_MAC = re.compile(
    r"[0-9A-Fa-f](?<![0-9A-Za-z:.-][0-9A-Fa-f])[0-9A-Fa-f](?:(?::[0-9A-Fa-f]{2}){5}|(?:-[0-9A-Fa-f]{2}){5}"
    r"|[0-9A-Fa-f]{2}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?![0-9A-Za-z:-]|\.[0-9A-Fa-f])"
)
_CALLED_MAC = re.compile(
    r"\b(?:mac|hwaddr|bssid|ether)(?:[ _-]?addr(?:ess)?)?[\"']?\s{0,3}[=:]\s{0,3}[\"']?([0-9a-f]{12})(?![0-9a-z])",
    re.IGNORECASE,
)
_IPV4 = re.compile(r"[0-9](?<![\w.+%-][0-9])[0-9]{0,2}\.(?:[0-9]{1,3}\.){2}[0-9]{1,3}(?![\w+-]|\.[0-9A-Za-z])")
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f]{0,4}:[0-9A-Fa-f:]{2,37}(?:\.[0-9]{1,3}){0,3}(?![\w:])")
_VERSION = re.compile(r"(?:\bv|ver(?:sion)?|release|build|rv|[a-z]/)[\s:=]{0,2}\Z", re.IGNORECASE)
_CALLED = re.compile(r"\b(?:ip|addr(?:ess)?|from|client|peer|remote(?:_addr)?|for|host)\W{1,4}\Z", re.IGNORECASE)
_LOGGED = re.compile(r" \S{1,64} \S{1,64} \[[0-9]{1,2}/[A-Z]")
"""What follows a client's address in the log of a web server."""

_HOST = re.compile(r"://(?:[^\s/?#@]{0,128}@)?\[?\Z")


def places_in(text: str) -> Iterator[FoundPersonal]:
    """A pair of precise coordinates: named, in degrees, or as decimals where the text is about places or holds nothing else."""
    if "." not in text and "°" not in text:
        return
    if (_LATITUDE.search(text) and _LONGITUDE.search(text)) or (_LETTERED.search(text) and _DEGREES.search(text)):
        yield FoundPersonal(Personal.PLACE, Grade.STRONG)
        return
    for match in _PAIR.finditer(text):
        whole = len(match[0]) == len(text.strip(" \t\r\n()[]{}\"'"))
        fine = min(len(part.partition(".")[2]) for part in match.groups()) >= 5
        told = _AROUND.search(text) is not None or _is_parameter(match)
        bare = (whole or fine) and _is_wide(match[1], match[2]) and _CALL.search(text, 0, match.start()) is None
        if (told or bare) and is_place(match[1], match[2]):
            yield FoundPersonal(Personal.PLACE, Grade.SUSPECTED)
            return


def _is_parameter(match: re.Match[str]) -> bool:
    """Whether a pair of four decimals or more is the whole value of a parameter of a URL, and not of a size."""
    text, end = match.string, match.end()
    alone = text[match.start() - 1 : match.start()] == "=" and text[end : end + 1] in ("", "&", "#")
    fine = min(len(part.partition(".")[2]) for part in match.groups()) >= 4
    return alone and fine and _is_wide(match[1], match[2])


def is_place(one: str, other: str) -> bool:
    """Two decimals that are a latitude and a longitude, in either order, to a hundred metres or so."""
    if any(len(text.partition(".")[2]) < 3 for text in (one, other)):
        return False
    try:
        a, b = abs(float(one)), abs(float(other))
    except ValueError:
        return False
    return min(a, b) <= 90 and max(a, b) <= 180 and max(a, b) >= 1.5  # two small fractions are shares, not degrees


def _is_wide(one: str, other: str) -> bool:
    """Whether one of two decimals has two digits before its point: two of one digit are as good any other measure."""
    return any(len(text.lstrip("-").partition(".")[0]) > 1 for text in (one, other))


def addresses_in(text: str) -> Iterator[FoundPersonal]:
    """MAC addresses, and IP addresses that are neither the host of a URL nor a version number."""
    named = ("=" in text or ":" in text) and any(_is_named_mac(match[1]) for match in _CALLED_MAC.finditer(text))
    if named or any(is_mac(match[0]) for match in _MAC.finditer(text)):
        yield FoundPersonal(Personal.MAC, Grade.STRONG)
    dotted = "." in text and any(_is_address(match) for match in _IPV4.finditer(text))
    if dotted or (text.count(":") >= 2 and any(_is_address(match) for match in _IPV6.finditer(text))):
        yield FoundPersonal(Personal.IP, Grade.STRONG)


def _is_named_mac(digits: str) -> bool:
    return len(set(digits)) > 2 and not digits.isdigit()


def is_mac(text: str) -> bool:
    """Not all alike, not a time of day, and no mere digits where dates are written so."""
    digits = re.sub(r"[^0-9a-f]", "", text.lower())
    return len(set(digits)) > 2 and (":" in text or not digits.isdigit())


def is_address(text: str) -> bool:
    """A whole IP address that tells machines apart: not a loopback, empty or broadcast one."""
    try:
        address = ip_address(text)
    except ValueError:
        return False
    return not (
        address.is_loopback or address.is_unspecified or address.is_multicast or text.startswith(("255.", "0."))
    )


def _is_address(match: re.Match[str]) -> bool:
    text, before = match[0], match.string[max(0, match.start() - 160) : match.start()]
    called = _CALLED.search(before) is not None or _LOGGED.match(match.string, match.end()) is not None
    if ":" not in text and max(map(int, text.split("."))) < 100 and not called:
        return False  # 1.2.3.4 is as good a version number
    if ":" in text and (len(text.replace(":", "")) < 6 or 0 < text.find(":") < 4):
        return False  # `::` and `a::b` are punctuation, and pairs of digits are bytes
    return is_address(text) and _VERSION.search(before) is None and _HOST.search(before) is None
