"""What the packs call closed leaves no room: no address, no listed value and no encoding of one fits there."""

from __future__ import annotations

import base64
import bz2
import codecs
import gzip
import json
import random
import uuid
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.engine.run import Auditor
from audit.leaks import room
from audit.leaks.runs import pick, runs, suspects
from audit.leaks.search import Search
from audit.leaks.seeds import Kind, Seed, SeedList
from audit.policy.pack import Leaf
from audit.policy.shapes import TIME_FORMATS, leaves_no_room
from audit.policy.validators import compile_validator
from tests import within
from tests.conftest import page_load
from tests.leak_corpus import CANARIES

ADDRESSES = ("jo@acme.co", "joe@acme-mail.co", "anna.schmidt+shop@fabrikam-mail.com")
AROUND = ("2020-11-04T08:05:52.726Z", "2020-11-04", "203.0.113.9", "2001:db8::1", "track")


def forms(value: str) -> Iterator[str]:
    """A value as it is, encoded, padded, and glued to what the formats accept."""
    data = value.encode()
    encoded = (
        value, value.upper(), value[::-1], codecs.encode(value, "rot13"), data.hex(), data.hex().upper(),
        data.hex(":"), data.hex(" "), quote(value), "".join(f"%{byte:02x}" for byte in data), base64.b64encode(data).decode(),
        base64.urlsafe_b64encode(data).decode().rstrip("="), base64.b32encode(data).decode(), str(list(data)),
        *([str(uuid.UUID(bytes=data))] if len(data) == 16 else []),
    )  # fmt: skip
    for text in encoded:
        yield from (text, f" {text} ")
        yield from (form for around in AROUND for form in (around + text, text + around, f"{around} {text}"))


def closed(leaf: Leaf) -> bool:
    return leaf.closed and leaf.schema.get("type") != "object"


@pytest.mark.parametrize("pack", within.PACKS, ids=lambda pack: pack.parent.name)
def test_no_address_fits_into_a_closed_leaf(pack: Path) -> None:
    for entry in within.policy_of(pack).events.values():
        for leaf in filter(closed, entry.leaves.values()):
            validator = compile_validator(leaf.schema)
            assert [form for value in ADDRESSES for form in forms(value) if validator.is_valid(form)] == [], (
                leaf.pointer
            )


@pytest.mark.parametrize("pack", within.PACKS, ids=lambda pack: pack.parent.name)
def test_no_canary_fits_where_listed_values_are_not_looked_up(pack: Path) -> None:
    for entry in within.policy_of(pack).events.values():
        for leaf in filter(closed, entry.leaves.values()):
            if leaves_no_room(leaf.schema, TIME_FORMATS):
                validator = compile_validator(leaf.schema)
                assert [form for value in CANARIES for form in forms(value) if validator.is_valid(form)] == [], (
                    leaf.pointer
                )


@pytest.mark.parametrize("lanes", [True, False], ids=["both lanes", "slow lane"])
@pytest.mark.parametrize(
    ("field", "value", "rule"),
    [
        ("anonymousId", str(uuid.UUID(bytes=b"joe@acme-mail.co")), "email-address"),
        ("anonymousId", str(uuid.UUID(bytes=b"8203947561528374")), "canary"),
        ("anonymousId", "9b8b8c39-1e02-4ba7-ae5c-b4a9f3d0a2f7", "known-identifier"),
    ],
)
def test_what_fits_into_an_id_is_looked_for_there(field: str, value: str, rule: str, *, lanes: bool) -> None:
    listed = (
        Seed("8203947561528374", Kind.CANARY),
        Seed("9b8b8c39-1e02-4ba7-ae5c-b4a9f3d0a2f7", Kind.IDENTIFIER),
    )
    judge = Auditor(within.policy_of(within.APPSMITH), seeds=Search(SeedList(listed)), lanes=lanes)
    line = json.dumps(page_load() | {field: value}, separators=(",", ":")).encode() + b"\n"
    assert (rule, f"/{field}") in {(finding.rule, finding.pointer) for finding in within.lines(judge, line).findings}


@pytest.mark.parametrize("value", ["Großmann Weiß", "José Núñez", "Иван Петров", "王小明李小龙陈"])
def test_a_name_beyond_ascii_is_found_in_its_encodings_however_it_is_folded(value: str) -> None:
    data = value.encode()
    listed = Search(SeedList((Seed(value, Kind.IDENTIFIER),)))
    for text in (
        value,
        data.hex(),
        data.hex() + "0123456789ab",
        value.upper().encode().hex(),
        base64.b64encode(data).decode(),
    ):
        assert listed.sift({text}) == {text}
        assert listed.find(text).hits


DIGITS = st.text("0123456789abcdefABCDEFnopqrsNS", min_size=1, max_size=4)
PARTS = st.text(" :_.,;-\n\t\x1c|xX0", min_size=1, max_size=2)
PARTED = st.lists(DIGITS, min_size=2, max_size=10) | st.lists(
    st.text("234567", min_size=2, max_size=2), min_size=4, max_size=10
)


@given(PARTED, PARTS, st.lists(DIGITS | PARTS, max_size=4).map("".join))
def test_the_cheap_question_for_bytes_written_apart_passes_over_none(digits: list[str], part: str, before: str) -> None:
    text = before + part.join(digits)
    if room._SPACED.search(text):
        assert room._may_be_spaced(text)


@pytest.mark.parametrize(
    "text", ["6a 61 6e 65 40 61 63 6d", "0x6a,0x61,0x6e,0x65", "106, 97, 110, 101, 64, 97, 99, ", "6a616e65 40616364"]
)
def test_bytes_written_apart_are_asked_about(text: str) -> None:
    assert room._may_be_spaced(text)
    assert room._SPACED.search(text)


def test_what_browsers_say_of_themselves_is_not() -> None:
    assert not room._may_be_spaced(
        "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/86.0.4240.75"
    )


PARTS = st.one_of(
    st.sampled_from(["", " ", ".", ": ", "/", "-", "_", "=", "~", "\n", "'", "$"]),
    st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789+/-_=$", max_size=12),
    st.binary(min_size=6, max_size=24).map(lambda data: base64.b64encode(data).decode()),
    st.sampled_from([b"jane@acme-mail.co", b"SELECT name FROM staff", b"\0j\0a\0n\0e\0@\0a"]).flatmap(
        lambda data: st.sampled_from(
            [
                base64.b64encode(data).decode(),
                base64.b32encode(data).decode(),
                base64.b32encode(data).decode().lower(),
                data.hex(),
                data.hex().upper(),
                base64.b64encode(zlib.compress(data)).decode(),
                base64.b64encode(gzip.compress(data)).decode()[::-1],
            ]
        )
    ),
)


@given(st.lists(PARTS, min_size=1, max_size=8).map("".join))
def test_what_runs_of_letters_show_is_seen_in_any_text_however_often_their_words_were_met(text: str) -> None:
    shown = len(text) >= 8 and room._shows(text, lower=text.islower())
    assert room._has_runs(text) >= shown
    assert room._has_runs(text) is room._has_runs(text)


FOREIGN = "Søren Blåbærgrøtsen"
READ = {
    "hex of letters beyond ASCII": "\u0927\u0928\u0930\u0935\u0938\u0939".encode().hex().upper(),
    "more digits than an id has": ("jane@acme-mail.co " * 4).encode().hex(),
    "base64 of letters beyond ASCII": base64.b64encode(FOREIGN.encode()).decode(),
    "base32 of letters beyond ASCII": base64.b32encode(FOREIGN.encode()).decode().rstrip("="),
    "base64 of UTF-16 with soft hyphens": base64.b64encode("\u00ad".join("jane@acme").encode("utf-16-le")).decode(),
    "base64 of UTF-16 with spaces of no width": base64.b64encode(
        "\u200b".join("jane@acme").encode("utf-16-be")
    ).decode(),
    "base64 of UTF-32": base64.b64encode("jane@acme".encode("utf-32-le")).decode(),
}


@pytest.mark.parametrize("turned", [False, True], ids=["as it is", "backwards"])
@pytest.mark.parametrize("name", READ)
def test_letters_that_are_a_text_from_end_to_end_are_no_chance(name: str, *, turned: bool) -> None:
    text = READ[name][:: -1 if turned else 1]
    assert room.is_encoded(text)
    assert not room.is_plain(text)


def test_random_letters_are_none() -> None:
    chance = random.Random(1)
    texts = [base64.b64encode(chance.randbytes(24)).decode().replace("+", "a") for _ in range(2_000)]
    assert sum(room._reads_whole(text) for text in texts) == 0
    assert sum(room._reads_whole(chance.randbytes(32).hex().upper()) for _ in range(2_000)) == 0


PACKED = {
    "zlib": zlib.compress(b"jane.doe"),
    "gzip": gzip.compress(b"jane.doe", mtime=0),
    "bzip2": bz2.compress(b"jane.doe"),
}


@pytest.mark.parametrize("turned", [False, True], ids=["as it is", "backwards"])
@pytest.mark.parametrize("name", PACKED)
def test_an_id_that_is_packed_is_no_mere_id(name: str, *, turned: bool) -> None:
    digits = PACKED[name].hex()[:: -1 if turned else 1]
    assert not room.is_plain(f"ajs-{digits}")
    assert of_ids(digits)


@pytest.mark.parametrize("turned", [False, True], ids=["as it is", "backwards"])
@pytest.mark.parametrize("head", ["7801", "789c", "1f8b08", "425a68"])
def test_an_id_that_only_begins_as_if_it_were_is_one(head: str, *, turned: bool) -> None:
    digits = f"{head}ffc01de5f00d8bad"[:: -1 if turned else 1]
    assert room.is_plain(f"ajs-{digits}")
    assert not of_ids(digits)


@given(st.sampled_from(sorted(PACKED)), st.binary(max_size=12), st.integers(0, 2))
def test_both_questions_about_ids_agree_on_what_is_packed(name: str, behind: bytes, cut: int) -> None:
    data = PACKED[name][: len(PACKED[name]) - cut] + behind
    assert room.is_plain(data.hex()) != bool(of_ids(data.hex()))


def of_ids(digits: str) -> list[int]:
    """Where the vector form of the question suspects something."""
    data = np.frombuffer(f'"{digits}"'.encode(), np.uint8)
    found: list[int] = suspects(pick(data, runs(data)[0])).tolist()
    return found
