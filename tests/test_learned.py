"""Lines known again by their masks: nothing is taken that the other lanes would not prove, and the same is left behind."""

from __future__ import annotations

import gzip
import json
import random
import re
import shutil
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.engine.parse import Limits
from audit.engine.run import Auditor, Item, Items, Lines
from audit.leaks.room import BLOCK32, _may_spell
from audit.leaks.runs import pick, runs, suspects
from audit.leaks.search import Search
from audit.policy.shapes import same_for_all_ids
from audit.policy.validators import compile_validator
from audit.sources.seeds import Gathered
from audit.tally import Tally
from tests import events
from tests.bench.generate import Generator
from tests.test_laws import result_of
from tests.within import APPSMITH, HARBOUR, auditor_of, policy_of

DIGITS = "0123456789abcdef"
RUN = re.compile(rb"[0-9a-f-]{12,}|[0-9]")
SAID = re.compile(rb'(?<=")[^"@]*@[^"]*(?=")')


def hidden(text: str, size: int) -> str:
    """A text as hex digits, followed by others up to a size."""
    return (text.encode().hex() + "9c" * size)[:size]


HOSTILE = (
    lambda size: hidden("jane.doe@acme-mail.co", size),
    lambda size: hidden("\0j\0a\0n\0e\0@\0a\0c\0m\0e\0.\0c\0o", size),
    lambda size: ("1f8b08" + "0" * size)[:size],
    lambda size: ("789c" + "4b" * size)[:size],
    lambda size: ("4111111111111111" + "f" * size)[:size],
    lambda size: ("e" * size)[:size],
    lambda size: ("ef" * 4 + "bcaaefbdaa" * size)[:size],
    lambda size: ("e2808b" * size)[:size],
)


def varied(line: bytes, chance: random.Random) -> bytes:
    """The same line with other digits under its mask: mostly harmless ones, now and then something else."""
    whole = chance.random()

    def other(match: re.Match[bytes]) -> bytes:
        text = match[0]
        if len(text) == 1:
            return str(chance.randrange(10)).encode() if whole < 0.2 or chance.random() < 0.05 else text
        free = len(text) - text.count(b"-")
        digits = "".join(chance.choice(DIGITS) for _ in range(free))
        if chance.random() < 0.1:
            digits = chance.choice(HOSTILE)(free)
        shown = iter(digits)
        return "".join("-" if byte == 45 else next(shown) for byte in text).encode()

    def otherwise(match: re.Match[bytes]) -> bytes:
        return _said(len(match[0]), chance) if chance.random() < 0.7 else match[0]

    return SAID.sub(otherwise, RUN.sub(other, line))


def _said(size: int, chance: random.Random) -> bytes:
    """A text with an at sign: mostly an address, now and then none, or one with something else in it."""
    letters = "abcdefghijklmnopqrstuvwxyz" + ("-0123456789" if chance.random() < 0.5 else "")
    name = "".join(chance.choice(letters) for _ in range(size))
    ends = (
        "@acme-mail.co",
        "@acme-mail.co",
        "@acme-mail.co",
        "@",
        "@\\u0041",
        '@"',
        "@x y",
        "@%41",
        "@4111111111111111",
    )
    end = chance.choice([end for end in ends if len(end) <= size] or ["@"[:size]])
    return (name[: size - len(end)] + end).encode()


def twice(line: bytes) -> bytes:
    """A line whose first member stands twice."""
    return line[:1] + line[1 : line.find(b",") + 1] + line[1:]


def judged(auditor: Auditor, log: bytes) -> tuple[Tally, list[Any]]:
    return told(auditor, Lines(0, 1, log))


def told(auditor: Auditor, part: Lines | Items) -> tuple[Tally, list[Any]]:
    tally = auditor.tally()
    findings: list[Any] = []
    auditor.feed(part, tally, (0, 0), sink=findings.append)
    return tally, findings


def learning(pack: Path) -> Auditor:
    auditor = Auditor(policy_of(pack))
    auditor.least = 0
    judged(auditor, b"{}")
    assert auditor.learned is not None
    return auditor


def taught(pack: Path, lines: list[bytes]) -> Auditor:
    """An auditor that has proved some lines, and is awake."""
    auditor = learning(pack)
    judged(auditor, b"\n".join(lines * 3))
    assert auditor.learned is not None
    auditor.learned.rest = auditor.learned.resting = 0
    return auditor


def assert_same(auditor: Auditor, pack: Path, log: bytes) -> None:
    one, found = judged(auditor, log)
    other, wanted = judged(Auditor(policy_of(pack), lanes=False), log)
    assert found == wanted
    assert {key: sorted(_split(marks)) for key, marks in one.marks.items()} == {
        key: sorted(_split(marks)) for key, marks in other.marks.items()
    }
    assert one == other
    assert result_of(one, pack) == result_of(other, pack)


def _split(marks: bytes | bytearray) -> list[bytes]:
    return [bytes(marks[at : at + 32]) for at in range(0, len(marks), 32)]


def generated(number: int, seed: int, *, spaced: bool = False) -> list[bytes]:
    return [line.data.rstrip(b"\n") for line in Generator(number, 0.05, seed, spaced=spaced).lines()]


@pytest.mark.parametrize("spaced", [False, True], ids=["compact", "spaced"])
def test_a_log_is_judged_the_same(*, spaced: bool) -> None:
    auditor = learning(APPSMITH)
    assert auditor.learned is not None
    log = b"".join(line + b"\n" for line in generated(3_000, 7, spaced=spaced))
    assert_same(auditor, APPSMITH, log)
    assert len(auditor.learned.rows) > 20


def test_the_items_of_a_document_are_judged_as_lines_are() -> None:
    """Those that take several lines are not known again."""
    lines = generated(3_000, 8)
    log = Lines(0, 1, b"\n".join(lines))
    places = log.offsets(lines)
    compact = Items(tuple(Item(at, unit, line) for unit, (at, line) in enumerate(zip(places, lines, strict=True), 1)))
    indented = Items(tuple(item._replace(data=item.data.replace(b'{"', b'{\n"', 1)) for item in compact.items))
    for items, alike in ((compact, log), (indented, indented)):
        auditor = learning(APPSMITH)
        assert auditor.learned is not None
        one, found = told(auditor, items)
        assert (len(auditor.learned.rows) > 20) is (items is compact)
        other, wanted = told(Auditor(policy_of(APPSMITH), lanes=False), alike)
        assert found == wanted
        assert one == other
        assert result_of(one, APPSMITH) == result_of(other, APPSMITH)


@pytest.mark.parametrize(
    "limits", [Limits(max_line=600), Limits(max_keys=20), Limits(max_depth=2)], ids=["line", "members", "depth"]
)
def test_limits_bind_documented_events_too(limits: Limits) -> None:
    log = b"".join(line + b"\n" for line in generated(2_500, 3))
    tallies = []
    for lanes in (False, True):
        auditor = Auditor(policy_of(APPSMITH), limits, lanes=lanes)
        auditor.least = 0
        tallies.append(judged(auditor, log)[0])
    assert tallies[0] == tallies[1]
    assert tallies[0].reasons.total() > 100


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32))
def test_what_stands_under_a_mask_is_asked(seed: int) -> None:
    chance = random.Random(seed)
    base = chance.sample(generated(60, seed), 6)
    auditor = taught(APPSMITH, base)
    more = [varied(line, chance) for line in base * 10] + [twice(line) for line in base]
    chance.shuffle(more)
    assert_same(auditor, APPSMITH, b"\n".join(more))


@pytest.mark.parametrize("pack", [APPSMITH, HARBOUR], ids=["appsmith", "harbour"])
@settings(max_examples=25, deadline=None)
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_documented_events_are_known_again_as_what_they_are(pack: Path, data: st.DataObject, seed: int) -> None:
    chance = random.Random(seed)
    base = [json.dumps(data.draw(events.documented(pack)), ensure_ascii=False).encode() for _ in range(4)]
    base += [data.draw(events.lines(pack)) for _ in range(2)]
    auditor = taught(pack, base)
    assert_same(auditor, pack, b"\n".join(varied(line, chance) for line in base * 8))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_listed_values_are_found_under_a_mask(seed: int) -> None:
    """Ids, addresses, times, and digests of what the auditor listed, in lines that are known otherwise."""
    chance = random.Random(seed)
    base = [line for line in generated(60, seed) if b"APPLICATIONS_PAGE_LOAD" in line and b'"userId"' in line][:6]
    more = [varied(line, chance) for line in base * 8]
    marked = re.findall(rb"[0-9a-f-]{24,64}|203[.]0[.]113[.][0-9]+", b"\n".join(more))
    listed = {chance.choice(marked).decode().strip("-") for _ in range(12)}
    person = "jane.doe@acme-mail.co"
    digest = sha256(person.encode()).hexdigest().encode()
    more += [re.sub(rb'(?<="userId":")[0-9a-f]{64}', digest, line) for line in base]
    gathered = Gathered()
    gathered.add(("kind,value\n" + "".join(f"identifier,{value}\n" for value in (*listed, person))), "s.csv", None)
    search = Search(gathered.list())
    auditor = Auditor(policy_of(APPSMITH), seeds=search)
    auditor.least = 0
    judged(auditor, b"\n".join(base * 3))
    assert auditor.learned is not None
    auditor.learned.rest = auditor.learned.resting = 0
    assert auditor.learned.rows
    log = b"\n".join(more)
    one, found = judged(auditor, log)
    other, wanted = judged(Auditor(policy_of(APPSMITH), seeds=search, lanes=False), log)
    assert found == wanted
    assert {finding.rule for finding in found} >= {"known-identifier", "reidentified-hash"}
    assert one == other


def test_a_listed_value_that_begins_in_an_address_is_found_where_others_are_known() -> None:
    texts = ("jane.doe@acme-mail.de", "joan.poe@acme-mail.de", "john.roe@acme-mail.de")
    lines = [support(text, "ubuntu") for text in texts]
    log = b"\n".join([*lines, support("jack.foe@acme-mail.co", "ubuntu")])
    gathered = Gathered()
    gathered.add("kind,value\nidentifier,mail.coubuntu\n", "s.csv", None)
    search = Search(gathered.list())
    auditor = Auditor(policy_of(APPSMITH), seeds=search)
    auditor.least = 0
    judged(auditor, b"\n".join(lines))
    assert auditor.learned is not None
    assert len(auditor.learned.rows) == 1
    one, found = judged(auditor, log)
    other, wanted = judged(Auditor(policy_of(APPSMITH), seeds=search, lanes=False), log)
    assert found == wanted
    assert [finding.rule for finding in found] == ["known-identifier"]
    assert one == other


def test_events_are_known_again_though_each_has_another_address() -> None:
    texts = ("jane.doe@acme-mail.co", "joan.poe@acme-mail.co", "john.roe@acme-mail.co", "j.e..moe@acme-mail.co")
    lines = [support(text, "ubuntu") for text in texts]
    auditor = taught(APPSMITH, lines[:3])
    assert auditor.learned is not None
    taken, _ = auditor.learned.take(b"\n".join(lines) + b"\n", lines)
    assert taken is not None
    assert len(taken.at) == 3, "the last is no address"
    assert_same(auditor, APPSMITH, b"\n".join(lines))


def test_known_lines_are_taken() -> None:
    """Else the laws above would hold of nothing."""
    auditor = learning(APPSMITH)
    assert auditor.learned is not None
    lines = generated(1_500, 3)
    judged(auditor, b"\n".join(lines))
    taken, _ = auditor.learned.take(b"\n".join(lines[:256]) + b"\n", lines[:256])
    assert taken is not None
    assert len(taken.at) > 200


def test_who_dates_an_event_is_known_of_lines_known_again() -> None:
    """An event that only its sender dates must not be told as one that its collector dates."""
    auditor = learning(APPSMITH)
    assert auditor.learned is not None
    lines = [
        re.sub(rb',?"receivedAt":"[^"]*"', b"", line) if number % 2 else line
        for number, line in enumerate(generated(3_000, 5))
    ]
    assert_same(auditor, APPSMITH, b"\n".join(lines))
    assert {row.template.stamped for row in auditor.learned.rows.values()} == {True, False}


def test_what_is_known_is_bounded_and_what_is_used_stays() -> None:
    auditor = learning(APPSMITH)
    assert auditor.learned is not None
    auditor.learned.most = 16
    log = b"\n".join(generated(2_000, 11))
    assert_same(auditor, APPSMITH, log)
    assert 0 < len(auditor.learned.rows) <= 16
    lines = log.split(b"\n")[:256]
    taken, _ = auditor.learned.take(b"\n".join(lines) + b"\n", lines)
    assert taken is not None
    assert len(taken.at) > 50


def test_a_lane_that_seldom_helps_rests() -> None:
    auditor = learning(APPSMITH)
    assert auditor.learned is not None
    judged(auditor, b"\n".join(generated(1_500, 3)))
    strange = [b'{"a":"%s"}' % bytes(97 + (n * k) % 26 for k in range(9)) for n in range(512)]
    judged(auditor, b"\n".join(strange))
    assert auditor.learned.rest > 0


@given(
    st.lists(
        st.sampled_from(("1f8b08", "789c", "ad", "ae", "e2808b", "efbcaaefbd", "41", "6a616e65", "00", *DIGITS)),
        max_size=40,
    )
)
def test_the_vector_form_doubts_all_that_the_plain_form_doubts(parts: list[str]) -> None:
    run = "".join(parts)
    data = np.frombuffer(b'{"a":"%s"}' % run.encode(), np.uint8)
    inside, _ = runs(data)
    if len(run) >= 12 and _may_spell([run]):
        assert len(suspects(pick(data, inside)))


def test_two_blocks_of_base32_are_doubted() -> None:
    run = "".join(next(letter for letter in letters if letter in DIGITS) for letters in BLOCK32 * 2)
    data = np.frombuffer(run.encode() + b'"', np.uint8)
    assert _may_spell([run])
    assert len(suspects(pick(data, runs(data)[0])))


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))  # noqa: DTZ001 - the zone is written behind it
def test_no_time_of_the_known_form_is_suspect(when: datetime) -> None:
    fast = auditor_of(APPSMITH).fast
    assert fast is not None
    assert not fast.suspicious((when.replace(tzinfo=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),))


@given(st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)))  # noqa: DTZ001 - the zone is written behind it
def test_every_time_of_the_calendar_is_a_date_time_of_the_schema(when: datetime) -> None:
    text = when.replace(tzinfo=UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert compile_validator({"type": "string", "format": "date-time"}).is_valid(text)


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("^[0-9a-f]{64}$", True),
        ("^[A-Za-z0-9._:-]{1,100}$", True),
        ("^(?:[0-9a-f]{8}-){3}[0-9a-z]+$", True),
        ("^x[^-]*$", True),
        ("^[0-9]{4}$", False),
        ("^ajs-[0-9a-f]{32}$", False),
        ("^(?i)[A-C]{4}$", False),
        (r"^\d+$", False),
        ("^[a-z&&[^b]]+$", False),
        ("^[0-9a-f]{8}-4[0-9a-f]{3}$", False),
    ],
)
def test_patterns_that_treat_all_digits_alike(pattern: str, *, wanted: bool) -> None:
    assert same_for_all_ids({"type": "string", "pattern": pattern}) is wanted


@pytest.mark.parametrize(
    "extra", [{"enum": ["a1"]}, {"const": "a1"}, {"format": "ipv4"}, {"anyOf": [{}]}, {"$ref": "#"}]
)
def test_what_else_a_schema_says_may_tell_ids_apart(extra: dict[str, Any]) -> None:
    assert not same_for_all_ids({"type": "string", **extra})


TRICKY = {
    "sha1": {"type": "string", "maxLength": 64, "x-data-category": "other"},
    "code": {"type": "string", "pattern": "^[0-4][0-9a-f]{31}$", "x-data-category": "other"},
    "mail": {"type": "string", "pattern": "^@?[0-9a-f]{31,32}$", "x-data-category": "other"},
    "pair": {"type": "string", "maxLength": 200, "x-data-category": "other"},
    "count": {"type": "integer", "maximum": 99, "x-data-category": "other"},
    "kind": {"enum": ["v1", "v2"], "x-data-category": "other"},
}


def with_members(pack: Path, members: dict[str, Any]) -> Path:
    """A pack whose Installation Success has some members more."""
    shutil.copytree(APPSMITH, pack)
    file = pack / "events" / "installation-success.schema.json"
    schema = json.loads(file.read_bytes())
    schema["properties"]["properties"]["properties"].update(members)
    file.write_text(json.dumps(schema))
    return pack


@pytest.mark.parametrize(
    "any_",
    [{}, {"format": "ipv4"}, {"anyOf": [{"format": "ipv4"}, {"maxLength": 9}]}, {"enum": [{"a": 1}, 7]}],
    ids=str,
)
def test_a_place_whose_type_is_not_said_may_hold_an_object(any_: dict[str, Any], tmp_path: Path) -> None:
    pack = with_members(tmp_path / "pack", {"any": {"x-data-category": "other", **any_}})
    values: tuple[Any, ...] = (7, {"a": 1}, [], {"a": ["x", {"b": "jane.doe@acme-mail.co"}]})
    log = b"\n".join(success(any=value) for value in values)
    one, found = judged(Auditor(policy_of(pack)), log)
    other, wanted = judged(Auditor(policy_of(pack), lanes=False), log)
    assert found == wanted
    assert one == other
    assert "email-address" in {finding.rule for finding in found}


@pytest.fixture(scope="module")
def tricky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack whose event has a digit in a name, a pattern that tells digits apart, a number, and values of a list."""
    return with_members(tmp_path_factory.mktemp("packs") / "tricky", TRICKY)


def success(**properties: Any) -> bytes:
    event = {
        "event": "Installation Success",
        "messageId": f"api-{FIRST[:27]}",
        "properties": properties,
        "receivedAt": "2020-11-04T08:00:00.000Z",
        "type": "track",
    }
    return json.dumps(event, separators=(",", ":")).encode()


def support(email: str, system: str) -> bytes:
    event = {
        "event": "Installation Support",
        "messageId": f"api-{FIRST[:27]}",
        "properties": {"email": email, "os": system},
        "receivedAt": "2020-11-04T08:00:00.000Z",
        "type": "track",
    }
    return json.dumps(event, separators=(",", ":")).encode()


FIRST = "0f80bae38e726096070e4f04c6959f0c"
SHORT = b"a@bc.co"
"""An address so short that it is found only where its digits stand by themselves."""
DIGIT = re.compile("[0-9]")
LIKE = "2a087c6318955b0b81e9acce54ce7ec3"
PACKED = gzip.compress(b"jane.doe@acme-mail.co", mtime=0).hex()
RANDOM = (FIRST + LIKE)[::-1].ljust(len(PACKED), "9")


@pytest.mark.parametrize(
    ("known", "other"),
    [
        pytest.param({"sha1": "x"}, {"sha2": "x"}, id="a digit in a name"),
        pytest.param({"code": FIRST}, {"code": "9" + LIKE[1:]}, id="a pattern"),
        pytest.param({"count": 17}, {"count": 99}, id="a number"),
        pytest.param({"kind": "v1"}, {"kind": "v3"}, id="a value of a list"),
        pytest.param(
            {"pair": f"{FIRST[:24]}-{FIRST[:24]}"}, {"pair": f"{FIRST[:24]}-1f8b08{FIRST[:18]}"}, id="two ids"
        ),
        pytest.param({"pair": f"/{FIRST}/100.100.0100"}, {"pair": f"/{LIKE}/212.555.0123"}, id="a number beside an id"),
        pytest.param({"pair": f"ab-{FIRST}"}, {"pair": f"ad-{LIKE}"}, id="an id behind other digits"),
        pytest.param(
            {"pair": f"{FIRST[:24]}-{FIRST[:14]}"}, {"pair": f"{LIKE[:24]}-{SHORT.hex()}"}, id="two ids as one run"
        ),
        pytest.param(
            {"pair": f"/{FIRST}/{DIGIT.sub('0', SHORT.hex().upper())}"},
            {"pair": f"/{LIKE}/{SHORT.hex().upper()}"},
            id="digits of an encoded text beside an id",
        ),
        pytest.param({"pair": "call 030 1234"}, {"pair": "call 030 9876"}, id="digits without an id"),
        pytest.param(
            {"pair": "a scope, @new/menu"}, {"pair": "jane@acme-mail.com"}, id="what stands around an at sign"
        ),
        pytest.param({"pair": "a scope, @new/menu"}, {"pair": "a scope, \\@new/men"}, id="an escape before an at sign"),
        pytest.param({"mail": f"@{FIRST[1:]}"}, {"mail": f"@{LIKE[1:]}"}, id="an at sign before an id"),
        pytest.param({"mail": FIRST}, {"mail": f"{LIKE[1:]}@"}, id="an at sign in place of a digit"),
        pytest.param({"mail": f"@{FIRST[1:]}"}, {"mail": "@" * 32}, id="at signs only"),
    ],
)
def test_what_a_mask_hides_is_told_apart(tricky: Path, known: dict[str, Any], other: dict[str, Any]) -> None:
    auditor = taught(tricky, [success(**known)])
    assert_same(auditor, tricky, b"\n".join([success(**known), success(**other)]))


def test_a_number_with_a_leading_zero_is_no_number(tricky: Path) -> None:
    line = success(count=17)
    auditor = taught(tricky, [line])
    assert auditor.learned is not None
    assert auditor.learned.rows
    assert_same(auditor, tricky, b"\n".join([line, line.replace(b"17", b"07")]))
