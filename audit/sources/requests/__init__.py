"""HTTP requests to telemetry: what one request says, whichever capture it stands in. Pure, bounded, raises nothing.

The shapes are those of the Segment HTTP API and of what speaks like it (RudderStack, PostHog's capture endpoints, a
webhook that takes `{"userId", "event", "data"}`): single calls, batches, imports, pixels; JSON, form and base64 bodies,
compressed or not, whatever their labels say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from audit.engine.parse import Limits
from audit.engine.traffic import Exchange, Message
from audit.model import Contact, Known, Reason, Scheme
from audit.sources.requests.bodies import texts, unpacked
from audit.sources.requests.content import content_of
from audit.sources.requests.endpoints import Endpoint, Url, endpoint_of, is_local, split_url
from audit.sources.requests.messages import NotTelemetry, messages_of, queried


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as it went out. `body` as on the wire, or already inflated where the capture did that; None where
    the capture does not hold the body that was sent. `whole`: the body is complete."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = b""
    seen_at: datetime | None = None
    address: str | None = None
    connected: bool = True
    whole: bool = True
    size: int | None = None
    """Bytes that went out, where the capture counts them itself."""
    answer: Callable[[], bytes] | None = None
    """The body of the response, unpacked when asked for."""

    def header(self, name: str) -> str:
        """The last field of this name, or nothing; names in any case."""
        for key, value in reversed(self.headers):
            if key.lower() == name:
                return value
        return ""


def decode(request: Request, limits: Limits | None = None) -> Exchange:
    """What a request says. Telemetry that cannot be decoded is a reason; nothing is dropped, nothing raises."""
    found = _decode(request, limits or Limits())
    return found if request.answer is None else found._replace(answer=request.answer)


def _decode(request: Request, limits: Limits) -> Exchange:
    if request.method.upper() == "CONNECT":
        return Exchange(_tunnel(request), seen_at=request.seen_at)
    url = split_url(request.url)
    if url is None and is_local(request.url):
        return Exchange(None, seen_at=request.seen_at)
    if url is None:
        return Exchange(None, reason=Reason.NO_REQUEST, seen_at=request.seen_at)
    contact = _contact(request, url)
    endpoint = endpoint_of(request.method, url)
    body = unpacked(request.body or b"", request.header("content-encoding"), limits.max_line)
    if isinstance(body, Reason):  # beyond the bound: telemetry is unreadable, of anything else the rest is searched
        said = content_of(url, request.headers, b"", limits)
        return Exchange(contact, (), body if endpoint else None, said.document, request.seen_at, whole=bool(endpoint))
    found = _telemetry(request, url, endpoint, body, limits)
    if isinstance(found, tuple):
        said = content_of(url.without_data() if endpoint else url, request.headers, b"", limits)
        return Exchange(contact, found, None, said.document, request.seen_at, whole=said.whole)
    said = content_of(url, request.headers, body, limits)
    return Exchange(contact, (), found, said.document, request.seen_at, whole=said.whole)


def _telemetry(
    request: Request, url: Url, endpoint: Endpoint | None, body: bytes, limits: Limits
) -> tuple[Message, ...] | Reason | None:
    """The messages, or why there are none: a reason where the request is telemetry, else None."""
    if endpoint is not None and endpoint.pixel:
        return queried(url, endpoint, limits)
    if request.method.upper() in ("GET", "HEAD", "OPTIONS", "TRACE", "CONNECT"):
        return None
    if not body:
        return (Reason.BODILESS if request.body is None else Reason.BODY) if endpoint is not None else None
    found = messages_of(texts(body, request.header("content-type"), limits.max_line), endpoint, limits)
    if isinstance(found, NotTelemetry):
        return None
    if isinstance(found, Reason) and not request.whole:
        return Reason.CUT_BODY
    return found


def _tunnel(request: Request) -> Contact | None:
    """A tunnel through a proxy: whom it leads to is known, not what went through it."""
    target = request.url.rpartition("://")[2].partition("/")[0]
    url = split_url(f"https://{target}")
    if url is None:
        return None
    contact = _contact(request, url)
    return replace(contact, scheme=Scheme.TLS, known=Known.CONNECT, opaque=True)


def _contact(request: Request, url: Url) -> Contact:
    size = request.size
    if size is None:
        fields = sum(len(name) + len(value) + 4 for name, value in request.headers)
        size = len(request.method) + len(request.url) + 12 + fields + len(request.body or b"")
    secure = url.scheme in ("https", "wss")
    return Contact(
        host=url.host,
        port=url.port,
        scheme=Scheme.HTTPS if secure else Scheme.HTTP,
        known=Known.HTTP,
        seen_at=request.seen_at,
        address=request.address,
        connected=request.connected,
        opaque=url.scheme in ("ws", "wss") or request.header("upgrade").lower() == "websocket",
        bytes_out=size,
    )


__all__ = ["Exchange", "Request", "decode"]
