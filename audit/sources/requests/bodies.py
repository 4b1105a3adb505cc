"""Bodies: inflated within a bound, whatever their labels say, and read as the texts that they may hold."""

from __future__ import annotations

import base64
import binascii
import re
import zlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote_plus

from audit.model import Reason

_LAYERS = 3
_JSON = (b"{", b"[")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_ -]{8,}={0,2}\s*\Z")


def unpacked(body: bytes, label: str, most: int) -> bytes | Reason:
    """The body without its compression. The label is a hint: a body may be inflated already, or compressed without one."""
    if not body:
        return body
    names = [name.strip().lower() for name in label.split(",") if name.strip()]
    for _ in range(_LAYERS):
        name = _sniffed(body, names)
        if name is None:
            break
        out = _inflate(body, name, most)
        if out is None:
            break
        if isinstance(out, Reason):
            return out
        body = out
        names = [other for other in names if other != name]
    return body if len(body) <= most else Reason.BOMB


def _sniffed(body: bytes, names: list[str]) -> str | None:
    """The compression that a body has by its first bytes, else by its label where that can be true."""
    if body.startswith(b"\x1f\x8b"):
        return "gzip"
    if body.startswith(b"\x28\xb5\x2f\xfd"):
        return "zstd"
    if body.lstrip()[:1] in _JSON:
        return None
    if len(body) > 2 and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0 and not body[:64].isascii():
        return "deflate"
    return next((name for name in names if name in ("br", "deflate")), None)


def _inflate(body: bytes, name: str, most: int) -> bytes | Reason | None:
    """None: it is not what it was taken for."""
    try:
        out = _INFLATERS[name](body, most + 1)
    except Exception:  # noqa: BLE001 - four libraries with errors of their own: all mean that this is no such stream
        return None
    return Reason.BOMB if len(out) > most else out


def _gzip(body: bytes, most: int) -> bytes:
    out = b""
    while body.startswith(b"\x1f\x8b") and len(out) < most:
        inflater = zlib.decompressobj(31)
        out += inflater.decompress(body, most - len(out))
        if not inflater.eof and len(out) < most:
            raise ValueError("cut off")
        body = inflater.unused_data
    return out


def _deflate(body: bytes, most: int) -> bytes:
    for bits in (15, -15):  # with its header, and the raw stream that some clients send under the same name
        try:
            return zlib.decompressobj(bits).decompress(body, most)
        except zlib.error:
            continue
    raise ValueError("neither")


def _brotli(body: bytes, most: int) -> bytes:
    import brotlicffi

    inflater = brotlicffi.Decompressor()
    out: bytes = inflater.process(body, output_buffer_limit=most)
    while len(out) < most and not inflater.is_finished():
        more = inflater.process(b"", output_buffer_limit=most - len(out))
        if not more:
            raise ValueError("cut off")
        out += more
    return out


def _zstd(body: bytes, most: int) -> bytes:
    import zstandard

    reader: Any = zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(body)
    out: bytes = reader.read(most)
    return out


_INFLATERS = {"gzip": _gzip, "deflate": _deflate, "br": _brotli, "zstd": _zstd}


def texts(body: bytes, kind: str, most: int) -> Iterator[bytes]:
    """The JSON texts that a body may be, likeliest first: itself, a form's `data`, base64 of either."""
    plain = body.removeprefix(b"\xef\xbb\xbf").strip()
    if plain[:1] in _JSON:
        yield plain
        return
    formed = _form(plain)
    if formed is not None:
        yield from _readings(formed, most)
    if _BASE64.match(plain):
        yield from _readings(plain, most)
    elif formed is None or "json" in kind:
        yield plain


def _form(body: bytes) -> bytes | None:
    """The `data` of a form, also where the form has other fields."""
    for pair in body.split(b"&", 64)[:64]:
        name, equals, value = pair.partition(b"=")
        if equals and name.strip() == b"data":
            return unquote_plus(value.decode("latin-1"), "latin-1").encode("latin-1", "replace")
    return None


def _readings(text: bytes, most: int) -> Iterator[bytes]:
    """A text and what it is the base64 of, inflated where that is compressed."""
    if text.lstrip()[:1] in _JSON:
        yield text.strip()
        return
    raw = unbase64(text)
    if raw is not None:
        inner = unpacked(raw, "", most)
        if isinstance(inner, bytes):
            yield inner.strip()


def unbase64(text: bytes) -> bytes | None:
    """Base64 as it is met: padded or not, url-safe or not, with `+` that a form turned into a space."""
    compact = text.strip().replace(b" ", b"+").replace(b"-", b"+").replace(b"_", b"/")
    compact = compact.replace(b"\r", b"").replace(b"\n", b"").rstrip(b"=")
    try:
        return base64.b64decode(compact + b"=" * (-len(compact) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None
