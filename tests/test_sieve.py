"""What the sieve points past holds nothing: the search itself finds nothing in such ids, however a value is hidden there."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import random
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.engine.template import Listing
from audit.leaks.runs import Places, pick, runs
from audit.leaks.search import Search
from audit.leaks.streams import compressed, perhaps_streams
from tests.conftest import page_load
from tests.leak_corpus import Encoder, encodings
from tests.test_laws import some, tried
from tests.test_split_values import CANARY, dump, in_every_lane, search_for
from tests.within import APPSMITH

MAIL = "jane.doe@fabrikam-mail.com"
PHONE = "+49 151 23456789"
UUID = "3f2a9c51-07be-4d18-a6e0-95bb21c4d870"
TOKEN = "5e1f77ab90cd"
FOREIGN = "Анна Петрова"
TOLD = "cnry7Kq2mX"
LATIN = (CANARY, MAIL, PHONE, UUID, TOKEN)
LISTS = {"latin": search_for(*LATIN, kind="identifier"), "foreign": search_for(*LATIN, FOREIGN, kind="identifier")}
DIGITS = "0123456789abcdef"


def caught(search: Search, *ids: str) -> Places:
    data = np.frombuffer("".join(f'"{found}",' for found in ids).encode(), np.uint8)
    [found] = search.screen.sieve().caught([pick(data, runs(data)[0]).all])
    return found


def deflated(data: bytes) -> bytes:
    return zlib.compress(data, wbits=-15)


def soft(data: bytes) -> bytes:
    return "\u00ad".join(data.decode()).encode()


def unseen(data: bytes) -> bytes:
    return "\u200b".join(data.decode()).encode()


def full_width(data: bytes) -> bytes:
    return "".join(chr(ord(char) + 0xFEE0) for char in data.decode() if "!" <= char <= "~").encode()


def utf16(data: bytes) -> bytes:
    return data.decode().encode("utf-16-le")


HIDDEN: dict[str, Callable[[bytes], bytes]] = {
    "as it is": bytes,
    "upper case": bytes.upper,
    "utf-16": utf16,
    "utf-16 of the other end": lambda data: data.decode().encode("utf-16-be"),
    "utf-32": lambda data: data.decode().encode("utf-32-le"),
    "soft hyphens": soft,
    "unseen letters": unseen,
    "full width": full_width,
    "full width in utf-16": lambda data: utf16(full_width(data)),
    "zlib": zlib.compress,
    "deflate": deflated,
    "deflate with zeros": lambda data: deflated(data) + b"\0",
    "gzip": gzip.compress,
    "bzip2": bz2.compress,
    "md5": lambda data: hashlib.md5(data).digest(),
    "sha256": lambda data: hashlib.sha256(data).digest(),
    "sha256, 64 bits of it": lambda data: hashlib.sha256(data).digest()[:8],
}
"""What bytes of an id may be made of a value."""


@pytest.mark.parametrize("turned", [1, -1], ids=["forwards", "backwards"])
@pytest.mark.parametrize("form", HIDDEN)
@pytest.mark.parametrize("value", [CANARY, MAIL])
def test_points_at_an_id_that_holds_a_listed_value(value: str, form: str, turned: int) -> None:
    found = HIDDEN[form](value.encode()).hex()[::turned]
    assert form == "utf-32" or LISTS["latin"].suspect(found), "else this would hold of nothing"
    assert LISTS["latin"].unclear([f"x-{found}"])
    at = caught(LISTS["latin"], "9d3f" * 8, found, "9d3f" * 8)
    assert 33 <= max(at.tolist()) < 33 + len(found)
    assert not len(caught(LISTS["latin"], "9d3f" * 8, "9d3f" * 8))


def test_points_at_the_id_that_holds_it_not_at_the_one_before() -> None:
    """A row of letters may begin in one id and go on in the next, which may be of another line."""
    before = "9" + "6f" * 15 + "6"
    assert max(caught(LISTS["latin"], before, CANARY.encode().hex()).tolist()) > len(before)


@pytest.mark.parametrize("said", ["789c", b"readable text of no value".hex()])
def test_what_no_random_ids_say_is_not_looked_at_one_by_one(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    search = search_for(*LATIN)
    asked: list[object] = []

    def noted(*what: object) -> bool:
        asked.append(what)
        return False

    monkeypatch.setattr(search.screen, "clean", noted)
    monkeypatch.setattr(search.screen, "_holds_nothing", noted)
    ids = [f"{said * 8}{number:04x}" for number in range(300)]
    assert len(caught(search, *ids)) >= 300
    assert len(asked) < 10


@pytest.mark.parametrize("value", [PHONE, UUID, TOKEN, UUID[::-1]])
def test_points_at_an_id_that_is_or_holds_a_listed_one(value: str) -> None:
    digits = "".join(char for char in value if char in DIGITS)
    for found in (f"{digits}9d3f", f"9d3f{digits}"):
        assert len(caught(LISTS["latin"], "9d3f" * 8, found))


def perhaps(*packed: bytes) -> set[int]:
    heads = np.array([int.from_bytes(data[:8], "big") for data in packed], np.uint64)
    found: list[int] = perhaps_streams(heads, np.array([*map(len, packed)])).tolist()
    return set(found)


@some
@given(
    st.lists(
        st.text(st.one_of(st.sampled_from("abc.@ 1"), st.characters(exclude_categories=["Cs"])), min_size=4), min_size=1
    ),
    st.sampled_from([zlib.Z_DEFAULT_STRATEGY, zlib.Z_FIXED]),
)
def test_every_deflated_text_may_be_one(texts: list[str], strategy: int) -> None:
    packed = []
    for text in texts:
        engine = zlib.compressobj(9, zlib.DEFLATED, -15, 9, strategy)
        packed.append(engine.compress(text.encode()) + engine.flush())
    assert {at for at, data in enumerate(packed) if compressed(data)} <= perhaps(*packed)


def test_few_random_ids_may_be_deflated_texts() -> None:
    chance = random.Random(1)
    assert len(perhaps(*(chance.randbytes(16) for _ in range(1000)))) < 30


@pytest.mark.parametrize("kind", LISTS)
def test_points_past_most_random_ids(kind: str) -> None:
    chance = random.Random(7)
    ids = [f"{chance.getrandbits(256):064x}" for _ in range(1000)]
    assert len(caught(LISTS[kind], *ids)) < 20


@pytest.mark.parametrize("form", [form for form in HIDDEN if form not in ("utf-32", "bzip2")])
def test_every_lane_finds_it_in_a_line_that_is_known(form: str) -> None:
    """But for what is longer than any id."""
    chance = random.Random(form)
    found = HIDDEN[form](TOLD.encode()).hex()
    log = [dump(page_load(messageId=f"x-{chance.randbytes(len(found) // 2).hex()}")) for _ in range(3)]
    told = in_every_lane(APPSMITH, search_for(TOLD), [log[0], dump(page_load(messageId=f"x-{found}")), log[1]], log)
    assert {(finding.place and finding.place.unit, finding.rule) for finding in told.findings} == {(2, "canary")}


PLAIN: Encoder = lambda _, value: value  # noqa: E731 - one of many in a table
ENCODED = (PLAIN, *encodings(stacked=False).values())


@pytest.mark.parametrize("kind", LISTS)
@tried(150)
@given(data=st.data(), number=st.integers(0, 2**32))
def test_what_it_points_past_is_clean(kind: str, data: st.DataObject, number: int) -> None:
    search = LISTS[kind]
    value = data.draw(st.sampled_from([*LATIN, FOREIGN]))
    text = data.draw(st.sampled_from(ENCODED))(random.Random(number), value).encode("utf-8", "surrogatepass")
    said = data.draw(st.sampled_from([bytes, *HIDDEN.values()]))(text).hex()
    whole = data.draw(st.sampled_from([said, "".join(filter(DIGITS.__contains__, value))]))
    cut = data.draw(st.integers(0, 6))
    found = (
        f"{data.draw(st.text(DIGITS, max_size=9))}{whole[: len(whole) - cut]}{data.draw(st.text(DIGITS, max_size=9))}"
    )
    found = found[:: data.draw(st.sampled_from([1, -1]))]
    if len(found) >= 12 and not len(caught(search, "9d3f" * 8, found, "9d3f" * 8)):
        assert not search.suspect(found)


@pytest.mark.parametrize(
    ("text", "vouched"),
    [
        pytest.param("ajs-3f2a9c5107be4d18a6e095bb21c4d871", True, id="an id"),
        pytest.param("3f2a9c51-07be-4d18-a6e0-95bb21c4d871", True, id="a UUID"),
        pytest.param("https://dev.appsmith.com/applications/3f2a9c5107be4d18a6e095bb/pages", True, id="a path"),
        pytest.param("https://dev.appsmith.com/3f2a9c5107be4d18a6e095bb?n=4", False, id="a digit beside"),
        pytest.param(f"{CANARY.lower()}/3f2a9c5107be4d18a6e095bb", False, id="a listed value beside"),
        pytest.param("usr_1/3f2a9c5107be4d18a6e095bb", False, id="what may be listed over its begin"),
        pytest.param("3f2a9c5107be4d18a6e095bb@acme.io", False, id="what may be listed over its end"),
        pytest.param("a 3f2a9c5107be4d18a6e095bb", False, id="what needs more than letters to tell"),
        pytest.param("x3f2a9c5107be4d18a6e095bb", False, id="no id, since it goes on before"),
        pytest.param("3f2a9c5107be4d18a6e095bb-07be-4d18-a6e0", False, id="digits that are neither a run nor a UUID"),
    ],
)
def test_what_is_clean_around_its_ids(text: str, *, vouched: bool) -> None:
    search = search_for(*LATIN, "1/3f2a9c51", "bb@acme.io", kind="identifier")
    data = text.encode()
    raw = np.frombuffer(data, np.uint8)
    _, masked = runs(raw)
    mask = np.where(masked == 1, 48, raw).astype(np.uint8).tobytes()
    assert Listing.of(search).vouches(data, mask) is vouched
