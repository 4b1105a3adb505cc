"""`policy infer` and `policy init`: drafts that are closed, fit what they are made from, and hold no captured value."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import random
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.authoring.draft import Draft, Head, draft
from audit.authoring.from_page import from_page, sentences
from audit.authoring.infer import Inference, observe
from audit.authoring.lint import lint
from audit.authoring.schema_lint import schema_faults
from audit.authoring.schema_of import event_schema
from audit.authoring.trial import trial
from audit.engine.run import Item, Lines
from audit.policy.page import position
from audit.policy.validators import compile_validator
from tests.bench.generate import Generator
from tests.conftest import CAPTURES, check, invoke
from tests.within import APPSMITH, HARBOUR, policy_of

OPEN = {"draft", "to-review", "rule-without-claim", "event-without-claim", "placeholder"}
HEAD = Head("made-up", "draft", "made up", dt.date(2026, 11, 24))


def seen(events: Iterable[Any]) -> Inference:
    return observe([Lines(0, 1, b"".join(json.dumps(event).encode() + b"\n" for event in events))])


def drafted(events: Iterable[Any], enough: int = 50) -> Draft:
    return draft(seen(events), HEAD, enough)


def schema(made: Draft, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(made.files[f"events/{name}.schema.json"])
    return found


def prop(made: Draft, name: str = "saved") -> dict[str, Any]:
    """The schema of the member `x` of an event's properties."""
    found: dict[str, Any] = schema(made, name)["properties"]["properties"]["properties"]["x"]
    return {key: value for key, value in found.items() if key not in ("x-data-category", "x-review")}


def event(number: int, **properties: object) -> dict[str, Any]:
    return {
        "event": "saved",
        "type": "track",
        "messageId": f"ajs-{number:032x}",
        "anonymousId": f"{number:08x}-0000-4000-8000-000000000000",
        "sentAt": "2020-11-04T08:00:00.000Z",
        "properties": properties,
    }


# ---- what a draft says ----------------------------------------------------------------------------------------------


VALUES: dict[str, tuple[list[object], dict[str, Any]]] = {
    "numbers": ([0, 12, 700], {"type": "integer", "minimum": 0, "maximum": 10_000}),
    "below zero": ([-3, 2], {"type": "integer", "minimum": -1000, "maximum": 1000}),
    "fractions": ([1, 2.5], {"type": "number", "minimum": 0, "maximum": 1000}),
    "yes and no": ([True, False], {"type": "boolean"}),
    "ids": (["0f" * 16, "1e" * 16], {"type": "string", "pattern": "^[0-9a-f]{32}$"}),
    "times": (["2020-11-04T08:00:00Z", "2020-11-04T08:00:01.5+01:00"], {"type": "string", "format": "date-time"}),
    "times in words": (["2020-11-04 08:00:00", "2020-11-04 08:00"], {"type": "string", "maxLength": 64}),
    "addresses": (["192.0.2.1", "2001:db8::1"], {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}),
    "e-mail addresses": (["a@b.example", "c@d.example"], {"type": "string", "format": "email"}),
    "texts": (["one two three!", "é"], {"type": "string", "maxLength": 32}),
    "few words": (["red", "green", "blue"], {"enum": ["blue", "green", "red"]}),
    "two types": (
        [1, "a-1"],
        {"anyOf": [{"type": "integer", "minimum": 0, "maximum": 1000}, {"type": "string", "maxLength": 32}]},
    ),
    "empty lists": ([[]], {"type": "array", "maxItems": 0, "items": False}),
}


@pytest.mark.parametrize("name", VALUES)
def test_a_leaf_is_drafted_from_its_values(name: str) -> None:
    values, wanted = VALUES[name]
    made = drafted(event(number, x=values[number % len(values)]) for number in range(200))
    assert prop(made) == wanted


def test_null_is_absent_and_allowed() -> None:
    made = drafted(event(number, x=None if number % 9 == 0 else True) for number in range(100))
    assert prop(made) == {"type": ["boolean", "null"]}
    assert "required" not in schema(made, "saved")["properties"]["properties"]


def test_a_member_is_required_only_where_it_was_always_there_over_enough_events() -> None:
    rare = drafted(event(number, x=1) for number in range(49))
    often = drafted(event(number, x=1, **({"y": 1} if number else {})) for number in range(50))
    assert "required" not in schema(rare, "saved")
    assert schema(often, "saved")["properties"]["properties"]["required"] == ["x"]


def test_an_object_whose_names_are_data_is_a_map() -> None:
    made = drafted(event(n, x={f"a{n:031x}": n, f"b{n:031x}": n}) for n in range(60))
    assert prop(made)["propertyNames"] == {"pattern": "^[0-9a-f]{32}$"}
    assert prop(made)["maxProperties"] >= 2
    assert prop(made)["additionalProperties"]["type"] == "integer"
    assert not any(f"a{59:031x}" in text for text in made.files.values())


def test_many_names_that_come_and_go_are_a_map_too() -> None:
    names = [f"{a}{b}" for a in "abcdefgh" for b in "klmnopqr"]
    made = drafted(event(n, x={names[n % 64]: n, names[(n + 7) % 64]: 1}) for n in range(200))
    assert "properties" not in prop(made)
    assert "additionalProperties" in prop(made)


def test_a_cadence_is_drafted_with_its_spread() -> None:
    def beats() -> Iterator[dict[str, Any]]:
        for number in range(60):
            when = dt.datetime(2020, 11, 4, tzinfo=dt.UTC) + dt.timedelta(hours=number // 2, seconds=number % 3)
            yield {
                **event(number),
                "anonymousId": None,
                "properties": {"instanceId": f"{number % 2:08x}-0000-4000-8000-000000000000"},
                "sentAt": when.isoformat(),
            }

    made = drafted(beats())
    (entry,) = tomllib.loads(made.files["policy.toml"])["events"]
    assert entry["cadence"]["every"] == "PT1H"
    assert entry["cadence"]["subject"] == "/properties/instanceId"
    assert any("58 intervals" in point for point in made.open_points)


def test_calls_and_names_that_look_like_data_are_left_out_and_said() -> None:
    made = drafted(
        [event(1, x=1), {**event(2), "event": "saved by 4f2a9c1d3e5b7a90"}, {**event(3), "type": "identify"}]
    )
    assert [entry["name"] for entry in tomllib.loads(made.files["policy.toml"])["events"]] == ["saved"]
    assert any("whose name looks like data" in point for point in made.open_points)
    assert any("calls" in point for point in made.open_points)


# ---- privacy --------------------------------------------------------------------------------------------------------


def test_what_one_sender_says_is_no_vocabulary_however_few_its_values_are() -> None:
    one = [
        {**event(n, x=("alice", "bob")[n % 2]), "anonymousId": "00000000-0000-4000-8000-000000000000"}
        for n in range(500)
    ]
    assert not any("alice" in text for text in drafted(one).files.values())


@pytest.mark.parametrize("name", ["userName", "owner", "host", "team", "title", "city"])
def test_a_name_that_speaks_of_somebody_has_no_vocabulary(name: str) -> None:
    made = drafted(event(n, **{name: ("alice", "bob")[n % 2]}) for n in range(500))
    assert not any("alice" in text for text in made.files.values())


@settings(max_examples=12, deadline=None)
@given(
    st.lists(st.from_regex(r"[a-z]{6,9}[0-9]{3}[A-Z]{4}", fullmatch=True), min_size=4, max_size=9, unique=True),
    st.randoms(),
)
def test_no_captured_value_stands_in_a_draft(secrets: list[str], dice: random.Random) -> None:
    def value() -> object:
        secret = dice.choice(secrets)
        return dice.choice(
            (
                secret,
                [secret],
                {"x": secret},
                f"{secret}@acme-mail.example",
                f"https://{secret}.example/",
                {f"{secret}@acme-mail.example": 1},
            )
        )

    made = drafted([event(n, a=value(), b={"c": value()}) for n in range(120)], enough=5)
    everything = "".join((*made.files.values(), *made.open_points)).lower()
    assert not any(secret.lower() in everything for secret in secrets)


# ---- laws -----------------------------------------------------------------------------------------------------------

TEXTS = st.one_of(
    st.text(max_size=8),
    st.sampled_from(
        "2020-11-04T08:00:00Z 2020-11-04T25:00:00Z 2020-11-04T08:00 192.0.2.1 999.1.1.1 ::: a@b.example @ a@b..c".split()
    ),
    st.sampled_from(["0" * 32, "F" * 40, "00000000-0000-4000-8000-000000000000", "9" * 30, "x y"]),
)
NUMBERS = st.one_of(st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False), st.integers(-3, 3))
VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(TEXTS | st.sampled_from("ab"), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.dictionaries(st.sampled_from("pq"), VALUE, max_size=2), min_size=1, max_size=6), st.integers(1, 3))
def test_what_a_schema_was_drafted_from_fits_it(properties: list[dict[str, Any]], enough: int) -> None:
    log = [json.dumps(event(number, **found)).encode() for number, found in enumerate(properties)]
    state = observe([Lines(0, 1, b"\n".join(log))])
    if any(place.left_out for known in state.types.values() for _, place in known.seen.walk()):
        return  # said as an open point
    for known in state.types.values():
        made = event_schema(known.seen, known.name, known.ask(enough, frozenset(), open_values=False))
        strict = event_schema(known.seen, known.name, known.ask(1, frozenset(), open_values=True))
        assert [fault for fault in schema_faults(made) if fault.lint not in OPEN] == []
        for line in log:
            with contextlib.suppress(orjson.JSONDecodeError):
                value = orjson.loads(line)
                assert compile_validator(strict).is_valid(value)
                assert compile_validator(made).is_valid(value)


# ---- a draft fits ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def log() -> list[bytes]:
    return [line.data for line in Generator(6_000, 0.0).lines()]


def infer(path: Path, out: Path) -> Path:
    run = invoke("policy", "infer", path, "-o", out)
    assert run.code == 0, run.err
    return out


def test_the_other_half_of_a_log_is_not_refused(log: list[bytes], tmp_path: Path) -> None:
    first, other = tmp_path / "first.jsonl", tmp_path / "other.jsonl"
    first.write_bytes(b"\n".join(log[:3_000]))
    other.write_bytes(b"\n".join(log[3_000:]))
    run = check(other, "-p", infer(first, tmp_path / "pack"))
    assert (run.result["counts"]["error"], run.result["counts"]["warning"]) == (0, 0)


def test_a_field_that_only_the_other_half_has_is_reported(log: list[bytes], tmp_path: Path) -> None:
    first, other = tmp_path / "first.jsonl", tmp_path / "other.jsonl"
    first.write_bytes(b"\n".join(log[:3_000]))
    extra = json.loads(log[3_000])
    extra["properties"]["fresh"] = [{"deep": None, "new": 1}]
    other.write_bytes(json.dumps(extra).encode())
    run = check(other, "-p", infer(first, tmp_path / "pack"))
    assert [(f["rule"], f["pointer"]) for f in run.breaches] == [("undocumented-field", "/properties/fresh/0/new")]


CASES = ("harbour.jsonl", "lantern.jsonl", "millrace.json", "curl-shapes.jsonl")


@pytest.mark.parametrize("name", CASES)
def test_a_draft_has_open_points_only_and_its_own_log_is_clean(name: str, tmp_path: Path) -> None:
    pack = infer(CAPTURES / name, tmp_path / "pack")
    assert {fault.lint for fault in lint(pack, dt.date(2026, 11, 24)).faults} <= OPEN
    assert trial(pack).failed == []
    run = check(CAPTURES / name, "-p", pack)
    assert (run.result["counts"]["error"], run.result["counts"]["warning"]) == (0, 0)
    assert run.result["coverage"]["events"]


def test_the_envelope_is_recognised(tmp_path: Path) -> None:
    for name, kind in zip(CASES, ("custom", "posthog", "cloudevents", "segment"), strict=True):
        pack = infer(CAPTURES / name, tmp_path / name.replace(".", "-"))
        assert tomllib.loads((pack / "policy.toml").read_text("utf-8"))["envelope"]["kind"] == kind


def test_the_same_log_gives_the_same_draft(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        invoke("policy", "infer", CAPTURES / "lantern.jsonl", "-o", tmp_path / folder, "--id", "x")
    texts = [{p.name: p.read_bytes() for p in (tmp_path / folder).rglob("*.*")} for folder in ("a", "b")]
    assert texts[0] == texts[1]


def test_what_brings_nothing_new_is_only_counted(log: list[bytes]) -> None:
    state = observe([Lines(0, 1, b"\n".join(log))])
    assert sum(known.count for known in state.types.values()) == len(log)
    assert all(known.folded <= 1_000 + known.fresh for known in state.types.values())
    assert state.types["APPLICATIONS_PAGE_LOAD"].folded < 1_100


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xfe",
        b"[" * 5_000,
        b"{}",
        b"[]",
        b"7",
        b'{"event": 7}',
        b'{"event": {}, "type": ["track"]}',
        b'{"a": {"b": "\\ud800"}}',
        b"nonsense",
    ],
)
def test_what_holds_no_event_gives_no_draft_and_no_crash(data: bytes, tmp_path: Path) -> None:
    state = observe([Item(0, 1, data)])
    assert state.types == {}
    (tmp_path / "log").write_bytes(data)
    run = invoke("policy", "infer", tmp_path / "log", "-o", tmp_path / "pack")
    assert run.code == 3
    assert not (tmp_path / "pack").exists()


def test_names_without_end_do_not_fill_the_memory() -> None:
    state = seen(
        {
            "event": "saved",
            "type": "track",
            **{f"k{''.join(chr(97 + int(d)) for d in str(n * 50 + k))}": {"x": 1} for k in range(50)},
        }
        for n in range(300)
    )
    assert state.budget[0] > 0
    assert sum(1 for _ in state.types["saved"].seen.walk()) < 2_000


# ---- a draft gates nothing ------------------------------------------------------------------------------------------


def test_a_draft_gates_nothing(tmp_path: Path) -> None:
    pack = infer(CAPTURES / "lantern.jsonl", tmp_path / "pack")
    assert invoke("policy", "lint", pack).code == 1
    assert invoke("check", CAPTURES / "lantern.jsonl", "-p", pack, "--require", "all").code == 2
    assert "draft" in invoke("check", CAPTURES / "lantern.jsonl", "-p", pack).err


def test_an_existing_pack_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "pack").mkdir()
    (tmp_path / "pack" / "mine").write_text("x", "utf-8")
    run = invoke("policy", "infer", CAPTURES / "lantern.jsonl", "-o", tmp_path / "pack")
    assert run.code == 2
    assert [path.name for path in (tmp_path / "pack").iterdir()] == ["mine"]


# ---- init -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pack", [APPSMITH, HARBOUR], ids=["appsmith", "harbour"])
def test_a_page_gives_its_samples_its_events_and_its_sentences(pack: Path, tmp_path: Path) -> None:
    out = tmp_path / "pack"
    assert invoke("policy", "init", pack / "page.md", "-o", out).code == 0
    made, kept = policy_of(out), policy_of(pack)
    assert made.events.keys() == kept.events.keys()
    assert [sample.value for sample in made.samples] == [sample.value for sample in kept.samples]
    assert {e.name: e.documented for e in made.events.values()} == {e.name: e.documented for e in kept.events.values()}
    assert {fault.lint for fault in lint(out, dt.date(2026, 11, 24)).faults} <= OPEN
    assert trial(out).failed == []
    for claim in made.claims:
        assert all(position(made.page, quote) is not None for quote in claim.quotes)


def test_sentences_are_those_of_the_prose() -> None:
    page = '# Title\n\nOne is here. Two is *there*.\n\n- Three is a point\n\n```json\n{"no": "sentence"}\n```\n'
    assert list(sentences(page)) == ["One is here.", "Two is *there*.", "Three is a point"]


def test_a_placeholder_of_a_sample_is_explained() -> None:
    shown = {"event": "saved", "id": "x1", "who": "<uuid>", "mail": "<your e-mail>", "time": "2020-11-04T08:00:00Z"}
    page = f"```json\n{json.dumps(shown)}\n```\n"
    made = from_page(page, [], HEAD)
    assert made is not None
    who = schema(made, "saved")["properties"]["who"]
    assert (who["format"], who["x-placeholder"]) == ("uuid", "<uuid>")
    assert schema(made, "saved")["properties"]["mail"]["format"] == "email"


def test_a_sample_that_is_no_json_is_an_open_point_with_its_line() -> None:
    page = 'x\n\n```json\n{"event": "saved", "id": "1"}\n```\n\n```json\n{"event": "gone",}\n```\n'
    made = from_page(page, [], HEAD)
    assert made is not None
    assert any(point.startswith("page.md:8:") for point in made.open_points)


def test_a_page_without_samples_gives_its_listed_names() -> None:
    made = from_page("We send these.\n\n- **App Started**: when it starts\n- `app.stopped`: at its end\n", [], HEAD)
    assert made is not None
    assert {e["name"]: e["documented"] for e in tomllib.loads(made.files["policy.toml"])["events"]} == {
        "App Started": "name-only",
        "app.stopped": "name-only",
    }


@pytest.mark.parametrize("data", [b"", b"\xff", b"\x00\x01", b"Only prose, and no event.", b"x" * (1 << 21)])
def test_a_page_that_is_none_writes_nothing(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "page.md").write_bytes(data)
    run = invoke("policy", "init", tmp_path / "page.md", "-o", tmp_path / "pack")
    assert run.code in (2, 3)
    assert "page.md" in run.err
    assert not (tmp_path / "pack").exists()


# ---- what nests without end ----------------------------------------------------------------------------------------


def nested(levels: int) -> dict[str, Any]:
    inner: Any = 1
    for _ in range(levels):
        inner = {"a": inner}
    return {"event": "saved", "type": "track", "messageId": "m", "properties": inner}


@pytest.mark.parametrize("levels", [70, 190, 500])
def test_what_is_nested_deeper_than_a_pack_may_be_is_told_and_breaks_nothing_off(tmp_path: Path, levels: int) -> None:
    text = json.dumps(nested(levels))
    (tmp_path / "log.jsonl").write_text(f"{text}\n" * 3)
    run = invoke("policy", "infer", "log.jsonl", "-o", "pack", cwd=tmp_path)
    assert run.code == 3
    assert "no event with a name was found, so nothing was written; 3 records" in run.err
    (tmp_path / "page.md").write_text(f"# Page\n\nWe send this.\n\n```json\n{text}\n```\n")
    run = invoke("policy", "init", "page.md", "-o", "pack", cwd=tmp_path)
    assert run.code == 3
    assert "page.md:6: the sample there is not JSON (nested too deep): left out." in run.err
    (tmp_path / "sample.json").write_text(text)
    run = invoke("policy", "init", "page.md", "sample.json", "-o", "pack", cwd=tmp_path)
    assert run.code == 2
    assert "sample.json: nested too deep" in run.err
    assert not (tmp_path / "pack").exists()


def test_a_record_nested_as_deep_as_a_pack_may_be_is_drafted() -> None:
    assert len(seen([nested(20)]).types) == 1
    assert seen([event(1), nested(190)]).left == {"records nested deeper than 60 levels": 1}


def test_a_sample_that_is_no_json_is_told_where_no_other_is_there(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text('# Page\n\n```json\n{"event": "saved",}\n```\n')
    run = invoke("policy", "init", "page.md", "-o", "pack", cwd=tmp_path)
    assert run.code == 3
    assert "page.md:4: the sample there is not JSON" in run.err
