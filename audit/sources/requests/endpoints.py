"""Which requests are telemetry by their address alone. Protocol facts, no product's."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

_CALLS = {"t": "track", "i": "identify", "p": "page", "s": "screen", "g": "group", "a": "alias", "merge": "alias"}
_SEGMENT = re.compile(
    r"/(?:beacon/)?v1/(pixel/)?(track|identify|page|screen|group|alias|merge|batch|import|[tipsgabm])/?\Z"
)
_PIXEL = re.compile(r"/pixel/v1/(track|page)/?\Z")
_CAPTURE = re.compile(r"/(?:i/v0/e|capture|batch|track|e|s|engage)/?\Z")
_POSTHOG = re.compile(r"(?:\A|[.-])posthog[.-]|\A(?:eu|us|app)\.i\.posthog\.com\Z")
_MOST_PARAMETERS = 1_000


class Endpoint(NamedTuple):
    """`call`: the kind of call that the path says, None for batches; `pixel`: the event stands in the query."""

    call: str | None
    pixel: bool = False


@dataclass(frozen=True, slots=True)
class Url:
    """An absolute URL in parts. `query` decoded, in order."""

    scheme: str
    host: str
    port: int | None
    path: str
    query: tuple[tuple[str, str], ...]
    user: str = ""

    def parameter(self, name: str) -> str | None:
        return next((value for key, value in self.query if key == name), None)

    def without_data(self) -> Url:
        """The same without the parameter that holds the event, which is judged as an event."""
        kept = tuple(pair for pair in self.query if pair[0] != "data")
        return self if len(kept) == len(self.query) else replace(self, query=kept)


_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


_PLAIN = re.compile(r"""(https?|wss?)://([a-z0-9.-]*[a-z0-9])(?::([0-9]{1,4}))?((?:/[!"$->@-~]*)?)(?:\?([!"$-~]*))?""")


def split_url(text: str) -> Url | None:
    """The parts of an absolute http(s) or ws(s) URL; None for anything else (data:, blob:, a path alone)."""
    plain = _PLAIN.fullmatch(text)
    if plain is None:
        return _split_any(text)
    scheme, host, port, path, rest = plain.groups()
    try:
        query = tuple(parse_qsl(rest, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)) if rest else ()
    except ValueError:
        return _without_query(text)
    return Url(scheme, host, int(port or 0) or _PORTS[scheme], path, query)


def _split_any(text: str) -> Url | None:
    try:
        found = urlsplit(text.strip())
        host, port = found.hostname, found.port
        query = tuple(parse_qsl(found.query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS))
    except ValueError:
        return _without_query(text)
    scheme = found.scheme.lower()
    if scheme not in _PORTS or not host:
        return None
    user = f"{found.username or ''}:{found.password or ''}" if found.username or found.password else ""
    return Url(scheme, host.rstrip("."), port or _PORTS[scheme], found.path, query, user)


def _without_query(text: str) -> Url | None:
    """Too many parameters, or a bad port: the query stands as one text, so that it is searched all the same."""
    match = re.match(
        r"\s*(https?|wss?)://(?:[^/?#@]*@)?(\[[0-9a-fA-F:.]{2,45}\]|[^/?#:@\s\[\]]{1,255})(?::\d*)?([^?#]*)(.*)",
        text,
        re.IGNORECASE,
    )
    if match is None:
        return None
    scheme = match[1].lower()
    return Url(scheme, match[2].strip("[]").lower().rstrip("."), _PORTS[scheme], match[3], (("", match[4]),))


def is_local(text: str) -> bool:
    """Whether a URL leads nowhere: what a browser makes itself."""
    scheme = text.strip().partition(":")[0].lower()
    return scheme in {"data", "blob", "about", "file", "javascript"} or "extension" in scheme or scheme == "chrome"


def endpoint_of(method: str, url: Url) -> Endpoint | None:
    """The telemetry endpoint that a request addresses, or None."""
    sends = method.upper() in ("POST", "PUT", "PATCH")
    fetches = method.upper() == "GET"
    pixel = _PIXEL.search(url.path)
    if pixel is not None and fetches:
        return Endpoint(pixel[1], pixel=True)
    segment = _SEGMENT.search(url.path)
    if segment is not None:
        call = _CALLS.get(segment[2], segment[2] if len(segment[2]) > 1 else None)
        call = None if call in ("batch", "import") else call
        if sends:
            return Endpoint(call)
        if fetches and (segment[1] or url.parameter("data") is not None):
            return Endpoint(call, pixel=True)
    if _CAPTURE.search(url.path) and (_POSTHOG.search(url.host) or url.path.rstrip("/").endswith("/i/v0/e")):
        if sends:
            return Endpoint("track")
        if fetches and url.parameter("data") is not None:
            return Endpoint("track", pixel=True)
    return None
