"""Decoded forms: every encoding of the leak search, alone and stacked, and the bounds that hostile input cannot pass."""

from __future__ import annotations

import base64
import gzip
import json
import random
import urllib.parse
import zlib

import pytest

from audit.leaks.budget import Budget
from audit.leaks.decode import decoded


def _gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


VALUE = "cnry7Kq2mX9tRb4@acme-mail.co"
RAW = VALUE.encode()
WRAPPED = [base64.b64encode(RAW).decode()[at : at + 8] for at in range(0, 4 * -(-len(RAW) // 3), 8)]


def paths(text: str, budget: Budget | None = None) -> list[tuple[str, ...]]:
    return [view.path for view in decoded(text, budget) if VALUE in view.text]


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (VALUE, ()),
        ("".join(f"%{byte:02x}" for byte in RAW), ("percent",)),
        (urllib.parse.quote(urllib.parse.quote(VALUE)), ("percent", "percent")),
        ("".join(f"%u{byte:04x}" for byte in RAW), ("percent",)),
        ("".join(f"&#{byte};" for byte in RAW), ("entities",)),
        ("".join(f"\\u{byte:04x}" for byte in RAW), ("escape",)),
        ("".join(f"\\x{byte:02x}" for byte in RAW), ("escape",)),
        (base64.b64encode(RAW).decode(), ("base64",)),
        ("xx1" + base64.urlsafe_b64encode(b"zz" + RAW).decode().rstrip("="), ("base64",)),
        (base64.b32encode(RAW).decode().lower().rstrip("="), ("base32",)),
        (RAW.hex(":").upper(), ("hex",)),
        ("".join(f"={byte:02X}" for byte in RAW), ("quoted-printable",)),
        (VALUE[::-1], ("reversed",)),
        ("\u200b".join(VALUE), ("unicode",)),
        ("".join(chr(byte + 0xFEE0) for byte in RAW), ("unicode",)),
        (base64.b64encode(VALUE.encode("utf-16")).decode(), ("base64", "utf-16")),
        (base64.b64encode(_gz(RAW)).decode(), ("base64", "gzip")),
        (base64.b64encode(zlib.compress(RAW)[2:-4]).decode(), ("base64", "deflate")),
        (json.dumps(list(RAW)), ("json", "bytes")),
        (json.dumps({"parts": [VALUE[:5], VALUE[5:]]}), ("json",)),
        (urllib.parse.quote(base64.b64encode(_gz(RAW)).decode()), ("base64", "gzip")),
        (base64.b64encode(VALUE.encode("utf-32-le")).decode(), ("base64", "utf-16")),
        ("".join(f"&#{byte};&#0;" for byte in RAW), ("entities", "utf-16")),
        ("".join(f"&#x{byte:x};&#x0;" for byte in RAW), ("entities", "utf-16")),
        (base64.b64encode("\u200b".join(VALUE).encode("utf-16-le")).decode(), ("base64", "utf-16", "unicode")),
        (base64.b64encode(zlib.compress(VALUE.encode("utf-16-le"))[2:-4]).decode(), ("base64", "deflate", "utf-16")),
        ("https://x.test/p?q=" + "+".join(WRAPPED) + "&z=1", ("percent", "base64")),
        ("https://x.test/p?q=" + "%09".join(WRAPPED), ("percent", "base64")),
    ],
)
def test_a_value_is_read_behind_its_encoding(text: str, path: tuple[str, ...]) -> None:
    assert path in paths(text)


def test_a_reference_to_a_control_character_is_read_as_one_and_as_browsers_do() -> None:
    assert {view.text for view in decoded("say &#147;no&#148;") if view.path == ("entities",)} == {
        "say \u201cno\u201d",
        "say \x93no\x94",
    }


def test_a_deflated_text_is_followed_before_what_its_sisters_may_be() -> None:
    noise = random.Random(1).randbytes(900)
    packed = base64.b64encode(zlib.compress(base64.b85encode(noise) + RAW, 9)[2:-4]).decode()
    assert paths(packed.replace("/", "&sol;").replace("+", "&plus;"), Budget(views=400))


def test_a_fourth_layer_is_not_looked_at() -> None:
    text = VALUE
    for _ in range(4):
        text = base64.b64encode(text.encode()).decode()
    budget = Budget()
    assert paths(text, budget) == []
    assert not budget.gave_up


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(_gz(b"x" * 50_000_000)).decode(),
        base64.b64encode(_gz(_gz(b"\0" * 50_000_000))).decode(),
        "A" * 1_000_000,
        "[" * 100_000 + "]" * 100_000,
        json.dumps({"k": list(range(2000))}),
    ],
    ids=["bomb", "nested bomb", "a long run", "deep JSON", "many numbers"],
)
def test_what_is_too_much_is_told_as_given_up(text: str) -> None:
    budget = Budget()
    for _ in decoded(text, budget):
        pass
    assert budget.gave_up
