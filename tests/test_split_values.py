"""Listed values that are split over the members of an object, and what the page itself says: every lane tells the same."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import random
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.engine.run import Auditor
from audit.leaks.joints import Joints, spans
from audit.leaks.search import Search
from audit.leaks.streams import streams
from audit.policy.pack import EventType
from audit.sources.seeds import Gathered
from tests import events
from tests.conftest import page_load
from tests.leak_corpus import base58
from tests.test_laws import few, tried
from tests.within import APPSMITH, PACKS, Judged, lines, policy_of

CANARY = "cnry7Kq2mX9tRb4Lw8"
HALVES = (CANARY[:9], CANARY[9:])
DIGITS = "4915123456789"


def search_for(*values: str, kind: str = "canary") -> Search:
    gathered = Gathered()
    gathered.add("".join(json.dumps({"value": value, "kind": kind}) + "\n" for value in values), "seeds.jsonl", None)
    return Search(gathered.list())


def dump(event: dict[str, Any]) -> bytes:
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


def places(judged: Judged) -> set[tuple[str, str | None]]:
    return {(finding.rule, finding.pointer) for finding in judged.findings}


def in_every_lane(pack: Path, search: Search, log: list[bytes], known: list[bytes] | None = None) -> Judged:
    """What all lanes tell of a log, which must be the same: the slow one alone, the fast one before it, and the one before
    that, once it has learned from lines `known` as clean, or else from the log."""
    data = b"\n".join(log)
    slow = lines(Auditor(policy_of(pack), seeds=search, lanes=False), data)
    assert lines(Auditor(policy_of(pack), seeds=search), data) == slow
    taught = Auditor(policy_of(pack), seeds=search)
    taught.least = 0
    lines(taught, b"\n".join((known or log) * 3))
    assert taught.learned is not None
    assert taught.learned.rows or known is None
    taught.learned.rest = taught.learned.resting = 0
    assert lines(taught, data) == slow
    return slow


# ---- the law --------------------------------------------------------------------------------------------------------


def objects(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for child in value.values():
            yield from objects(child)


@st.composite
def of_the_event(draw: st.DrawFn, event: dict[str, Any]) -> str:
    """What an event holds already: a name, a text, a part of one, or the end of one and the beginning of another."""
    node = draw(st.sampled_from(list(objects(event))))
    texts = [child for child in node.values() if isinstance(child, str)]
    held = draw(st.sampled_from([*node, *texts, "".join(texts), *map("".join, itertools.pairwise(texts))]))
    start = draw(st.integers(0, max(len(held) - 6, 0)))
    return str(held)[start : draw(st.integers(start + 4, max(len(held), start + 4)))]


FORMS = (
    str,
    str.upper,
    lambda text: text[::-1],
    lambda text: base64.b64encode(text.encode()).decode(),
    lambda text: text.encode().hex(),
    lambda text: hashlib.sha256(text.encode()).hexdigest(),
)


def free(entry: EventType) -> list[list[tuple[str, ...]]]:
    """The members of each object that take any text."""
    found: dict[tuple[Any, ...], list[tuple[str, ...]]] = {}
    for pointer, leaf in entry.leaves.items():
        if leaf.schema.get("type") == "string" and not {"format", "pattern", "enum", "const", "anyOf"} & set(
            leaf.schema
        ):
            found.setdefault(pointer[:-1], []).append(tuple(map(str, pointer)))
    return [members for members in found.values() if len(members) > 1 and "*" not in members[0]]


def quiet(pack: Path, event: dict[str, Any]) -> None:
    """Make of an event one in which no rule finds anything, unless a listed value is in it."""
    entry = next(entry for entry in policy_of(pack).events.values() if entry.validator.is_valid(event))
    for *path, name in (pointer for members in free(entry) for pointer in members):
        node = event
        for token in path:
            node = node.get(token, {})
        node |= {name: ""} if name in node else {}


@st.composite
def planted(draw: st.DrawFn, pack: Path, event: dict[str, Any]) -> str:
    """A value whose pieces, encoded or not, stand in members of one object of the event from now on."""
    entry = next(entry for entry in policy_of(pack).events.values() if entry.validator.is_valid(event))
    value = draw(st.sampled_from((CANARY, "jane.doe@fabrikam-mail.com", "+49 151 23456789", "Grüße an Zoë")))
    text = draw(st.sampled_from(FORMS))(value)
    groups = free(entry)
    if groups:
        *path, first = (members := draw(st.permutations(draw(st.sampled_from(groups)))))[0]
        node = event
        for token in path:
            node = node.get(token, {})
        cut = draw(st.integers(1, len(text) - 1))
        node |= {first: text[:cut], members[1][-1]: text[cut:]}
    return value


@pytest.mark.parametrize("pack", PACKS, ids=lambda pack: pack.parent.name)
@tried(100)
@given(data=st.data())
def test_every_lane_finds_the_same_listed_values(pack: Path, data: st.DataObject) -> None:
    event = data.draw(events.documented(pack))
    if data.draw(st.booleans()):
        quiet(pack, event)
    one = data.draw(st.booleans())
    values = (
        [data.draw(planted(pack, event))] if one else data.draw(st.lists(of_the_event(event), min_size=1, max_size=3))
    )
    search = search_for(*values, kind=data.draw(st.sampled_from(("canary", "identifier", "datasource"))))
    in_every_lane(pack, search, [dump(event)])


@few
@given(st.integers(0, 2**32), st.integers(1, len(DIGITS) - 1))
def test_every_lane_finds_the_same_values_in_lines_that_are_known(seed: int, cut: int) -> None:
    """Lines of one mask: a value whose digits meet where two ids do stands in some of them."""
    chance = random.Random(seed)

    def event(first: str = "", second: str = "") -> bytes:
        ids = f"{chance.getrandbits(128):032x}", f"{chance.getrandbits(256):064x}"
        return dump(
            page_load(messageId=f"ajs-{ids[0][: 32 - len(first)]}{first}", userId=f"{second}{ids[1][len(second) :]}")
        )

    split = event(DIGITS[:cut], DIGITS[cut:])
    told = in_every_lane(APPSMITH, search_for(DIGITS), [event(), split, event(DIGITS[:cut])], [event()])
    assert places(told) == {("canary", "")}


# ---- what is found, and what is not ---------------------------------------------------------------------------------


def page(**members: str) -> bytes:
    event = page_load()
    event["context"]["page"] |= members
    return dump(event)


def pieces(node: dict[str, Any], **members: str) -> dict[str, Any]:
    return {name: child for name, child in node.items() if name not in members} | members


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(*HALVES, id="halves"),
        pytest.param(CANARY[:1], CANARY[1:], id="the first letter alone"),
        pytest.param(CANARY[:-1], CANARY[-1:], id="the last letter alone"),
        pytest.param(f"Order {HALVES[0]}", f"{HALVES[1]} sent", id="inside longer texts"),
        pytest.param(HALVES[0].upper(), HALVES[1].lower(), id="in another case"),
    ],
)
def test_a_value_split_over_documented_members_is_found(first: str, second: str) -> None:
    event = page_load()
    event["context"]["page"] = pieces(event["context"]["page"], search=first, title=second)
    assert places(in_every_lane(APPSMITH, search_for(CANARY), [dump(event)])) == {("canary", "/context/page")}


def test_a_value_split_over_three_members_is_found() -> None:
    line = page(referrer=CANARY[:6], search=CANARY[6:12], title=CANARY[12:])
    assert places(in_every_lane(APPSMITH, search_for(CANARY), [line])) == {("canary", "/context/page")}


def test_what_can_be_no_piece_does_not_part_two_pieces() -> None:
    event = page_load()
    context = event["context"]
    event["context"] = {"locale": HALVES[0], "library": {}, "ip": context["ip"], "userAgent": HALVES[1]}
    event["context"] |= {name: context[name] for name in ("library", "page")}
    assert places(in_every_lane(APPSMITH, search_for(CANARY), [dump(event)])) == {("canary", "/context")}


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(HALVES[1], HALVES[0], id="in the other order"),
        pytest.param(HALVES[0], f"x{HALVES[1]}", id="with a letter between"),
        pytest.param(HALVES[0], HALVES[1][:-1], id="but for a letter"),
    ],
)
def test_what_is_not_the_value_put_together_is_not_found(first: str, second: str) -> None:
    event = page_load()
    event["context"]["page"] = pieces(event["context"]["page"], search=first, title=second)
    assert places(in_every_lane(APPSMITH, search_for(CANARY), [dump(event)])) == set()


@pytest.mark.parametrize("form", FORMS[2:])
def test_an_encoded_value_split_over_documented_members_is_not_found(form: Any) -> None:
    """As docs/limits.md says. In an object that is not as documented all is put together, and decoded."""
    text = form(CANARY)
    event = page_load()
    event["context"]["page"] = pieces(event["context"]["page"], search=text[:9], title=text[9:])
    assert places(in_every_lane(APPSMITH, search_for(CANARY), [dump(event)])) == set()
    event["context"]["page"]["hash"] = ""
    alone = pieces(event["context"]["page"], search=text[:9], title=text[9:], path="", referrer="", url="", hash="")
    event["context"]["page"] = alone
    assert ("canary", "/context/page") in places(in_every_lane(APPSMITH, search_for(CANARY), [dump(event)]))


@pytest.mark.parametrize("extra", [{"isBeta": True}, {"type": "trek"}, {"userId": 7}])
def test_an_object_that_is_as_documented_is_searched_alike_in_a_broken_event(extra: dict[str, Any]) -> None:
    event = page_load(**extra)
    page = event["context"]["page"]
    event["context"]["page"] = pieces(page, search=HALVES[0], title=HALVES[1])
    assert ("canary", "/context/page") in places(in_every_lane(APPSMITH, search_for(CANARY), [dump(event)]))
    text = CANARY.encode().hex()
    event["context"]["page"] = pieces(page, search=text[:9], title=text[9:])
    assert ("canary", "/context/page") not in places(in_every_lane(APPSMITH, search_for(CANARY), [dump(event)]))


def test_a_piece_where_none_belongs_is_put_together_too() -> None:
    event = page_load()
    event["context"] = {"locale": HALVES[0], "ip": HALVES[1]} | {
        name: event["context"][name] for name in ("library", "page", "userAgent")
    }
    assert ("canary", "/context") in places(in_every_lane(APPSMITH, search_for(CANARY), [dump(event)]))


def test_a_value_that_stands_in_a_member_is_told_there_only() -> None:
    assert places(in_every_lane(APPSMITH, search_for(CANARY), [page(title=CANARY)])) == {
        ("canary", "/context/page/title")
    }


def test_a_split_value_is_told_beside_another_one_in_a_member() -> None:
    other = "cnryZ4hV8sJ1uPd6"
    line = page(referrer=HALVES[0], search=HALVES[1], title=other)
    told = places(in_every_lane(APPSMITH, search_for(CANARY, other), [line]))
    assert told == {("canary", "/context/page"), ("canary", "/context/page/title")}


# ---- what the page says itself --------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ["2020-11-04T10:52:14.618Z", "10:52:14.618", "originalTimestamp", "anonymousId"])
def test_a_documented_time_and_a_documented_name_are_taken_at_their_word(value: str) -> None:
    line = dump(page_load())
    assert value.encode() in line
    assert places(in_every_lane(APPSMITH, search_for(value, kind="identifier"), [line])) == set()


def test_a_listed_time_elsewhere_is_found() -> None:
    time = "2020-11-04T10:52:14.618Z"
    assert places(in_every_lane(APPSMITH, search_for(time), [page(title=time)])) == {("canary", "/context/page/title")}


def test_no_time_where_a_time_belongs_is_found() -> None:
    event = page_load(sentAt=CANARY)
    assert ("canary", "/sentAt") in places(in_every_lane(APPSMITH, search_for(CANARY), [dump(event)]))


def test_a_value_hidden_behind_a_documented_time_is_found() -> None:
    line = dump(page_load()).replace(b'"sentAt":', b'"sentAt":7,' * 40 + b'"sentAt":"%s","sentAt":' % CANARY.encode())
    assert ("canary", "/sentAt") in places(in_every_lane(APPSMITH, search_for(CANARY), [line]))


def test_a_documented_name_elsewhere_is_found() -> None:
    event = page_load(properties={"anonymousId": 1})
    told = places(in_every_lane(APPSMITH, search_for("anonymousId", kind="identifier"), [dump(event)]))
    assert ("known-identifier", "/properties/anonymousId") in told


# ---- where pieces may meet ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("texts", "parts"),
    [
        pytest.param((b"ajs-000000", b"0000000000"), [(4, 20)], id="two ids"),
        pytest.param((b"x" + b"0" * 12, b"0x"), [(1, 14)], id="an id and a digit"),
        pytest.param((b"0" * 30, b"x"), [], id="an id alone"),
        pytest.param((b"000000", b"b0000000"), [], id="a letter that no value has there"),
        pytest.param((b"cnry0Kq0mX0", b"tR00Lw0"), [(0, 18)], id="a value but for its digits"),
        pytest.param((b"cnry0Kq0mX0tR00Lw0", b"0"), [], id="a value inside a piece"),
        pytest.param(("0ü".encode(), b"0"), [(0, 4)], id="letters beyond ASCII"),
    ],
)
def test_where_a_value_may_meet_under_a_mask(texts: tuple[bytes, ...], parts: list[tuple[int, int]]) -> None:
    joints = Joints(search_for(DIGITS, CANARY).needles.texts)
    assert joints.open(texts) == parts
    assert joints.open(texts) == parts, "asked again"


def test_what_fits_is_remembered_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.leaks.joints._MOST", 1)
    joints = Joints(search_for(DIGITS, CANARY).needles.texts)
    joints.open((b"ajs-000000", b"0000000000"))
    assert len(joints.known) == 1


@few
@given(st.lists(st.text("abc", max_size=4), min_size=2, max_size=5), st.data())
def test_a_part_of_pieces_put_together_is_where_the_pieces_are(texts: list[str], data: st.DataObject) -> None:
    line = ", ".join(texts)
    starts = [sum(map(len, texts[:at])) + 2 * at for at in range(len(texts))]
    whole = "".join(texts)
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    found = spans([(at, at + len(text)) for at, text in zip(starts, texts, strict=True)], start, end)
    assert "".join(line[first:last] for first, last in found) == whole[start:end]


# ---- packed values inside of ids ------------------------------------------------------------------------------------

PACKED = zlib.compress(CANARY.encode()).hex()


@pytest.mark.parametrize("turned", [1, -1], ids=["forwards", "backwards"])
@pytest.mark.parametrize("before", ["", "d", "d1", "d1e", "d1e7"])
@pytest.mark.parametrize("cut", [0, 8])
def test_a_packed_value_inside_an_id_is_found(before: str, cut: int, turned: int) -> None:
    """From whatever digit, read from either end, and without the check sum at its end."""
    packed = PACKED[: len(PACKED) - cut]
    filled = (before + packed + "9d3f" * 16)[: 64 if not cut else len(before + packed)]
    event = page_load(messageId=f"x-{filled[::turned]}")
    auditor = Auditor(policy_of(APPSMITH), seeds=search_for(CANARY))
    found = lines(auditor, dump(event))
    assert found == lines(Auditor(policy_of(APPSMITH), seeds=search_for(CANARY), lanes=False), dump(event))
    assert ("canary", "/messageId") in places(found)


def test_an_id_that_inflates_to_noise_is_proved_clean() -> None:
    """One in six batches of ids holds such a stream by chance: it must not send the batch to be looked at again."""
    chance = random.Random(3)
    heads = (f"789c{chance.getrandbits(208):052x}" for _ in itertools.count())
    noise = next(head for head in heads if next(streams(bytes.fromhex(head), b"x\x9c"), None))
    search = search_for(CANARY, "jane.doe@fabrikam-mail.com")
    assert search.unclear([f"x-d{noise}", f"x-{noise}"]) == set()
    assert search.unclear([f"x-d{PACKED}", f"x-{PACKED}"]) == {f"x-d{PACKED}", f"x-{PACKED}"}


@pytest.mark.parametrize("around", [0, 200, 450])
def test_the_fast_proof_reads_base58_of_any_length_that_is_decoded(around: int) -> None:
    text = base58(("word " * 200)[:around].encode() + b"jane.doe@fabrikam-mail.com" + b" more")
    assert search_for("jane.doe@fabrikam-mail.com", kind="identifier").screen.unclear([text]) == [text]
