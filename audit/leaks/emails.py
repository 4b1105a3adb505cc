"""E-mail addresses in text. The search starts at each `@` and looks a bounded way to both sides: linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_AT = re.compile(
    r"@((?:[^\W_](?:[\w-]{0,61}[^\W_])?[.\u3002\uff0e\uff61]){1,8}([^\W\d_]{2,63}|xn--[a-z0-9-]{2,59}))(?![\w-])",
    re.IGNORECASE,
)
_BEFORE = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}")  # read backwards from the `@`
_QUOTED = re.compile(r'"(?:[^"\\\r\n]|\\.){1,64}"\Z')
_LATIN = re.compile(r"[a-z0-9.-]+\.[a-z]{2,24}(?=[\u3000-\u9fff\uac00-\ud7af])")
_BETWEEN = frozenset(" \t,:;[](){}")
"""What stands between two quoted texts, and at neither end of a quoted name."""

_QUERY = re.compile(r"[=?&/]")
_DOTS = str.maketrans("\u3002\uff0e\uff61", "...")
_RETINA = re.compile(r"\d(?:\.\d)?x\.", re.IGNORECASE)
_SCP = re.compile(r":(?!\d{1,5}(?:/|\b))[\w.~-]*/|:[\w.~-]+\.git\b")
_USERINFO = re.compile(r"://[^\s/?#]{0,256}\Z")
_ANOTHER = re.compile(r"[^\s/?#@]{0,256}@")
_RESERVED = re.compile(r"(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid|localhost)\Z")


class Address(NamedTuple):
    """`whole`: the text is the address and nothing else. `reserved`: its domain is one of RFC 2606."""

    text: str
    whole: bool
    reserved: bool


def addresses_in(text: str) -> Iterator[Address]:
    """Every e-mail address in a text as it stands; what only looks like one is left out: scopes, retina images, remotes of
    repositories, user-info of URLs, package versions, domains that no registry knows."""
    if "@" not in text:
        return
    size = len(text.strip().strip("<>").removeprefix("mailto:"))
    for match in _AT.finditer(text):
        at, domain = match.start(), match[1].translate(_DOTS).lower()
        local = _local(text, at)
        if not local or not _is_address(text, match, local):
            continue
        reserved = _RESERVED.search(domain) is not None
        if not reserved and not _registered(domain):
            domain = _before_words(domain)
            if not domain or not _registered(domain):
                continue
        name = local if local.startswith('"') else _QUERY.split(local)[-1].lstrip(".'")  # marks of a URL end a name
        if name:
            yield Address(f"{name}@{domain}".lower(), size == len(name) + 1 + len(match[1]), reserved)


def _before_words(domain: str) -> str:
    """The domain where words of another script follow without a space; empty where none do."""
    found = _LATIN.match(domain)
    return found[0] if found is not None and len(found[0]) < len(domain) else ""


def _local(text: str, at: int) -> str | None:
    """What stands before an `@`: a bounded run read backwards, or a quoted name."""
    before = text[max(0, at - 130) : at]
    if before.endswith('"'):
        quoted = _QUOTED.search(before)
        return quoted[0] if quoted is not None and _BETWEEN.isdisjoint((quoted[0][1], quoted[0][-2])) else None
    run = _BEFORE.match(before[::-1])
    return run[0][::-1] if run is not None else None


def _is_address(text: str, match: re.Match[str], local: str) -> bool:
    if _RETINA.match(match[1]) or (_SCP.match(text, match.end()) and not local.startswith('"')):
        return False
    if local == "git" or local.endswith(("/git", "+git")):
        return False
    start = match.start() - len(local)
    if _USERINFO.search(text[max(0, start - 256) : match.start()]) is None:
        return True
    return _ANOTHER.match(text, match.end()) is not None  # an address that is itself the user's name in a URL


@lru_cache(maxsize=1024)
def _registered(domain: str) -> bool:
    """Whether the domain ends in a suffix of the public list, which the library brings along."""
    return _suffixes().publicsuffix(domain) is not None


@lru_cache(maxsize=1)
def _suffixes():  # type: ignore[no-untyped-def] # noqa: ANN202 - the library's class is imported where it is needed
    from publicsuffixlist import PublicSuffixList

    return PublicSuffixList(accept_unknown=False)
