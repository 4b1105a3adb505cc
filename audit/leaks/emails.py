"""E-mail addresses in text. The search starts at each `@` and looks a bounded way to both sides: linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from audit.leaks.views import views

_LOCAL = re.compile(r"(?:\"[^\"@\r\n]{1,62}\"|[\w.!#$%&'*+/=?^`{|}~-]{1,64})\Z")
_DOMAIN = re.compile(
    r"((?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}([^\W\d_]{2,63}|xn--[a-z0-9-]{2,59}))(?![\w-])", re.IGNORECASE
)
_QUERY = re.compile(r"[=?&/]")
_FILES = frozenset("png jpg jpeg gif svg webp avif ico css js mjs json map html woff woff2 ttf otf mp4 pdf txt".split())
_VERSION = re.compile(r"v?\d+\.\d")
_SCP = re.compile(r":[\w.~-]+/")
_USERINFO = re.compile(r"://[^\s/?#@]{0,256}\Z")
_RESERVED = re.compile(r"(?:^|\.)(?:example\.(?:com|net|org)|example|test|invalid|localhost)\Z")


class Address(NamedTuple):
    """`whole`: the text is the address and nothing else. `reserved`: its domain is one of RFC 2606."""

    text: str
    whole: bool
    reserved: bool
    path: tuple[str, ...]


def suspect_email(text: str) -> bool:
    """Whether a text can hold an address at all, in any view."""
    return "@" in text or "%40" in text or "%25" in text


def addresses(text: str) -> Iterator[Address]:
    """Every e-mail address in the views of a text; what only looks like one (scopes, retina images, git remotes,
    user-info of URLs, package versions) is left out."""
    seen: set[str] = set()
    for view in views(text):
        for found, whole in _in(view.text):
            # `jane+tag@` read with `+` as a space is `tag@`: the tail of an address that is known already
            if not any(known.endswith(found) for known in seen):
                seen.add(found)
                reserved = _RESERVED.search(found.rpartition("@")[2]) is not None
                yield Address(found, whole, reserved, view.path)


def _in(text: str) -> Iterator[tuple[str, bool]]:
    at = text.find("@")
    while at >= 0:
        local = _LOCAL.search(text[max(0, at - 64) : at])
        domain = _DOMAIN.match(text, at + 1, at + 256)
        if local and domain and _is_address(text, at, local[0], domain):
            name = _QUERY.split(local[0])[-1].lstrip(".'")  # `?to=jane@...`: the marks of a URL end a name
            if name:
                stripped = text.strip().strip("<>").removeprefix("mailto:")
                yield f"{name}@{domain[1]}".lower(), len(stripped) == len(name) + 1 + len(domain[1])
        at = text.find("@", at + 1)


def _is_address(text: str, at: int, local: str, domain: re.Match[str]) -> bool:
    if domain[2].lower() in _FILES or _VERSION.match(domain[1]) or _SCP.match(text, domain.end()):
        return False
    start = at - len(local)
    return _USERINFO.search(text[max(0, start - 256) : at]) is None
