"""A wrong pack says which file and which key is wrong, and no pack makes the tool fetch, follow or run anything."""

from __future__ import annotations

import json
import shutil
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.policy import files as loading
from audit.policy.files import built_in, find
from audit.policy.load import iso_duration, load, parse_duration
from audit.policy.pack import Consent, Documented, Match, PolicyError, holds
from audit.policy.page import broken_sentences, fold, position
from audit.policy.shapes import documentation
from audit.policy.validators import Fault, Validator, check_safe, compile_validator, fast, oracle
from tests.conftest import compact, invoke, jsonl, samples
from tests.within import APPSMITH, HARBOUR, auditor_of, event, policy_of

DIALECT = "https://json-schema.org/draft/2020-12/schema"
CLIENT = "events/client.schema.json"
Edit = Callable[[Path], None]


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """A copy of the built-in pack, to be spoiled."""
    return Path(shutil.copytree(APPSMITH, tmp_path / "pack"))


def text(old: str, new: str, file: str = "policy.toml") -> Edit:
    """Replace the first of some words in a file."""

    def edit(pack: Path) -> None:
        path = pack / file
        before = path.read_text("utf-8")
        assert old in before
        path.write_text(before.replace(old, new, 1), "utf-8")

    return edit


def schema(change: Callable[[dict[str, Any]], object], file: str = CLIENT) -> Edit:
    """Change one schema as a value."""

    def edit(pack: Path) -> None:
        value = json.loads((pack / file).read_text("utf-8"))
        change(value)
        (pack / file).write_text(json.dumps(value), "utf-8")

    return edit


def write(file: str, data: bytes) -> Edit:
    def edit(pack: Path) -> None:
        (pack / file).parent.mkdir(exist_ok=True)
        (pack / file).write_bytes(data)

    return edit


def directory(file: str) -> Edit:
    def edit(pack: Path) -> None:
        (pack / file).unlink()
        (pack / file).mkdir()

    return edit


def remove(file: str) -> Edit:
    return lambda pack: (pack / file).unlink()


def line_of(words: str) -> int:
    """The line of the built-in policy.toml that holds some words."""
    numbers = [
        n for n, line in enumerate((APPSMITH / "policy.toml").read_text("utf-8").split("\n"), 1) if words in line
    ]
    return numbers[0]


def title(value: dict[str, Any], **keywords: object) -> None:
    value["properties"]["context"]["properties"]["page"]["properties"]["title"].update(keywords)


TITLE = "/properties/context/properties/page/properties/title"

WRONG: dict[str, tuple[Edit, str, str, str, int | None]] = {
    # name: what is done, file, key path, words of the message, line
    "not TOML": (
        text('revision = "2020-11"', 'revision = "2020-11'),
        "policy.toml",
        "",
        "not TOML",
        line_of('revision = "2020-11"'),
    ),
    "a date where a text is asked for": (
        text('revision = "2020-11"', "revision = 2020-11-01"),
        "policy.toml",
        "/revision",
        "does not fit `type`",
        line_of('revision = "2020-11"'),
    ),
    "an interval of no time": (
        text('every = "PT6H"', 'every = "PT0S"'),
        "policy.toml",
        "/events/4/cadence/every",
        "longer than nothing",
        line_of('every = "PT6H"'),
    ),
    "an interval without end": (
        text('every = "PT6H"', 'every = "P99999999999D"'),
        "policy.toml",
        "/events/4/cadence/every",
        "longer than a duration can be",
        line_of('every = "PT6H"'),
    ),
    "a form of names with look-around": (
        text('name_pattern = "^', 'name_pattern = "^(?=x)'),
        "policy.toml",
        "/categories/0/name_pattern",
        "the linear engine does not read, such as look-around",
        line_of("name_pattern"),
    ),
    "TOML nested too deep": (
        text("off = [", "off = " + "[" * 100_000),
        "policy.toml",
        "",
        "not TOML",
        None,
    ),
    "a key twice in TOML": (
        text('id = "appsmith"', 'id = "appsmith"\nid = "appsmith"'),
        "policy.toml",
        "",
        "not TOML",
        line_of('id = "appsmith"') + 1,
    ),
    "an unknown key": (
        text("[consent]\nenv", '[consent]\nenvironment = "X"\nenv'),
        "policy.toml",
        "/consent/environment",
        "unknown key: environment",
        line_of("[consent]") + 1,
    ),
    "an unknown key at the top": (
        text('id = "appsmith"', 'id = "appsmith"\nvendor = "Appsmith"'),
        "policy.toml",
        "/vendor",
        "unknown key: vendor",
        line_of('id = "appsmith"') + 1,
    ),
    "a key missing": (text('revision = "2020-11"\n', ""), "policy.toml", "/revision", "missing", None),
    "another format": (
        text("telemetry-policy/1", "telemetry-policy/2"),
        "policy.toml",
        "/format",
        "this version reads telemetry-policy/1 and no other",
        line_of("telemetry-policy/1"),
    ),
    "YAML's off": (text('off = ["true"]', "off = [true]"), "policy.toml", "/consent/off/0", "type", line_of("off = [")),
    "an unknown envelope": (
        text('kind = "segment"', 'kind = "sediment"'),
        "policy.toml",
        "/envelope/kind",
        "use custom or one of: cloudevents, posthog, segment",
        line_of("kind ="),
    ),
    "an envelope that is a path": (
        text('kind = "segment"', 'kind = "../../x"'),
        "policy.toml",
        "/envelope/kind",
        "",
        line_of("kind ="),
    ),
    "a quote that is not on the page": (
        text("This is the **only** event it sends.", "This is the **first** event it sends."),
        "policy.toml",
        "/claims/7/quotes",
        "not found in page.md",
        line_of("This is the **only** event it sends."),
    ),
    "a page of other words": (
        text("strictly **anonymous**", "mostly **anonymous**", "page.md"),
        "policy.toml",
        "/claims/2/quotes",
        "not found in page.md",
        line_of("strictly **anonymous**"),
    ),
    "a claim twice": (
        text('id = "keepalive-only"', 'id = "keepalive-cadence"'),
        "policy.toml",
        "/claims/7/id",
        "keepalive-cadence stands twice",
        line_of('id = "keepalive-cadence"'),
    ),
    "an unknown origin of an event": (
        text('origin = "installer"', 'origin = "robot"'),
        "policy.toml",
        "/events/0/origin",
        "no such origin: robot",
        line_of('origin = "installer"'),
    ),
    "an unknown origin of a claim's need": (
        text('{ origin = "server", events = 1, window', '{ origin = "robot", events = 1, window'),
        "policy.toml",
        "/claims/7/sufficient/0/origin",
        "no such origin: robot",
        line_of('{ origin = "server", events = 1, window'),
    ),
    "an unknown origin of a subject": (
        text("subjects = { server", "subjects = { robot"),
        "policy.toml",
        "/consent/subjects/robot",
        "no such origin: robot",
        None,
    ),
    "a claim both tested and not testable": (
        text('not_testable = "A disclosure', 'rules = ["email-address"]\nnot_testable = "A disclosure'),
        "policy.toml",
        "/claims/12/rules",
        "",
        None,
    ),
    "an event twice": (
        text('name = "Installation Success"', 'name = "Installation Started"'),
        "policy.toml",
        "/events",
        "stands twice",
        None,
    ),
    "an event of a need that is none": (
        text('{ event = "Instance Active", intervals', '{ event = "Instance Passive", intervals'),
        "policy.toml",
        "/claims/6/sufficient",
        "no such event: 'Instance Passive'",
        line_of('{ event = "Instance Active", intervals'),
    ),
    "an e-mail place in no event": (
        text('{ event = "Installation Support", pointer', '{ event = "Installation Help", pointer'),
        "policy.toml",
        "/emails/allowed",
        "no such event: 'Installation Help'",
        line_of('{ event = "Installation Support", pointer'),
    ),
    "a destination of a claim that is none": (
        text('destination = "release notes"', 'destination = "release news"'),
        "policy.toml",
        "/claims/0/destination",
        "'release news'",
        line_of("destination ="),
    ),
    "a bad regular expression": (
        text('name_pattern = "^[A-Z]', 'name_pattern = "^([A-Z]'),
        "policy.toml",
        "/categories/0/name_pattern",
        "",
        line_of("name_pattern"),
    ),
    "a bad duration": (
        text('every = "PT6H"', 'every = "6 hours"'),
        "policy.toml",
        "/events/4/cadence/every",
        "",
        None,
    ),
    "a duration beyond all time": (
        text('grace = "PT0S"', 'grace = "P99999999999D"'),
        "policy.toml",
        "/consent/grace",
        "",
        line_of('grace = "PT0S"'),
    ),
    "a pointer that is none": (
        text('pointer = "/properties/email"', 'pointer = "properties/email"'),
        "policy.toml",
        "/emails/allowed/0/pointer",
        "pattern",
        None,
    ),
    "policy.toml not in UTF-8": (
        write("policy.toml", b'id = "\xff"\n'),
        "policy.toml",
        "",
        "not UTF-8 at byte 7",
        None,
    ),
    "the page not in UTF-8": (write("page.md", b"\xff\xfe"), "page.md", "", "not UTF-8 at byte 1", None),
    "no page": (remove("page.md"), "page.md", "", "cannot be read", None),
    "no schema": (remove(CLIENT), CLIENT, "", "cannot be read", None),
    "a schema that is a directory": (
        directory(CLIENT),
        CLIENT,
        "",
        "cannot be read",
        None,
    ),
    "a schema above the pack": (
        text('schema = "client.schema.json"', 'schema = "../../client.schema.json"'),
        "policy.toml",
        "/events/5/schema",
        "",
        None,
    ),
    "a schema at an absolute path": (
        text('schema = "client.schema.json"', 'schema = "/etc/client.schema.json"'),
        "policy.toml",
        "/events/5/schema",
        "",
        None,
    ),
    "a schema that is no JSON": (write(CLIENT, b'{\n  "type": object\n}\n'), CLIENT, "", "not JSON", 2),
    "a schema not in UTF-8": (write(CLIENT, b'{"title": "\xe9"}'), CLIENT, "", "not UTF-8 at byte 12", None),
    "a schema in UTF-16": (write(CLIENT, "{}".encode("utf-16")), CLIENT, "", "not UTF-8", None),
    "a schema nested too deep": (
        write(CLIENT, b'{"$schema": "' + DIALECT.encode() + b'", "allOf": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
        CLIENT,
        "",
        "nested too deep",
        None,
    ),
    "a schema that is a list": (write(CLIENT, b"[]"), CLIENT, "", "must be an object", None),
    "a schema that takes anything": (write(CLIENT, b"true"), CLIENT, "", "must be an object", None),
    "no dialect": (schema(lambda s: s.pop("$schema")), CLIENT, "/$schema", "missing", None),
    "an older dialect": (
        schema(lambda s: s.update({"$schema": "http://json-schema.org/draft-07/schema#"})),
        CLIENT,
        "/$schema",
        "the dialect must be",
        None,
    ),
    "a dialect within": (
        schema(lambda s: title(s, **{"$schema": "http://json-schema.org/draft-04/schema#"})),
        CLIENT,
        f"{TITLE}/$schema",
        "the dialect must be",
        None,
    ),
    "a remote reference": (
        schema(lambda s: title(s, **{"$ref": "http://127.0.0.1:9/title.json"})),
        CLIENT,
        f"{TITLE}/$ref",
        "must be local",
        None,
    ),
    "a reference to a file": (
        schema(lambda s: title(s, **{"$ref": "file:///etc/passwd"})),
        CLIENT,
        f"{TITLE}/$ref",
        "must be local",
        None,
    ),
    "a reference to another schema of the pack": (
        schema(lambda s: title(s, **{"$ref": "instance-active.schema.json"})),
        CLIENT,
        f"{TITLE}/$ref",
        "must be local",
        None,
    ),
    "a dynamic reference": (
        schema(lambda s: title(s, **{"$dynamicRef": "http://127.0.0.1:9/title.json"})),
        CLIENT,
        f"{TITLE}/$dynamicRef",
        "must be local",
        None,
    ),
    "a base address": (
        schema(lambda s: s.update({"$id": "http://127.0.0.1:9/client.json"})),
        CLIENT,
        "/$id",
        "$id is not supported",
        None,
    ),
    "an anchor": (schema(lambda s: title(s, **{"$anchor": "t"})), CLIENT, f"{TITLE}/$anchor", "not supported", None),
    "a vocabulary": (
        schema(lambda s: s.update({"$vocabulary": {"http://127.0.0.1:9/v": True}})),
        CLIENT,
        "/$vocabulary",
        "not supported",
        None,
    ),
    "a reference that leads nowhere": (
        schema(lambda s: title(s, **{"$ref": "#/$defs/title"})),
        CLIENT,
        "",
        "",
        None,
    ),
    "an unknown format": (
        schema(lambda s: title(s, format="uuidd")),
        CLIENT,
        f"{TITLE}/format",
        "unknown format: use one of date, date-time",
        None,
    ),
    "an unknown category": (
        schema(lambda s: title(s, **{"x-data-category": "harmless"})),
        CLIENT,
        f"{TITLE}/x-data-category",
        "unknown category: use one of none, time",
        None,
    ),
    "a category that is no text": (
        schema(lambda s: title(s, **{"x-data-category": 7})),
        CLIENT,
        f"{TITLE}/x-data-category",
        "",
        None,
    ),
    "a keyword of the wrong type": (
        schema(lambda s: title(s, maxLength="many")),
        CLIENT,
        "",
        "not a JSON Schema",
        None,
    ),
    "an expression that looks around": (
        schema(lambda s: title(s, pattern="^(?=x)y$")),
        CLIENT,
        "",
        "not a JSON Schema",
        None,
    ),
    "an event that is no object": (
        schema(lambda s: s.update({"type": ["object", "string"]})),
        CLIENT,
        "/type",
        "an event is an object",
        None,
    ),
    "a sample that is no JSON": (write("samples/x.json", b"{"), "samples/x.json", "", "not JSON", 1),
    "a sample without a name": (
        write("samples/x.json", b'{"type":"track"}'),
        "samples/x.json",
        "",
        "a sample is",
        None,
    ),
    "a sample that is a list": (write("samples/x.json", b"[]"), "samples/x.json", "", "a sample is", None),
}


@pytest.mark.parametrize(("edit", "file", "where", "words", "line"), WRONG.values(), ids=WRONG)
def test_a_wrong_pack_names_the_file_and_the_key(
    pack: Path, edit: Edit, file: str, where: str, words: str, line: int | None
) -> None:
    edit(pack)
    with pytest.raises(PolicyError) as caught:
        load(pack)
    error = caught.value
    assert (error.file, error.where) == (file, where)
    assert words in error.what
    assert error.line == line
    assert str(error).startswith(f"{file}:{line}: " if line else f"{file}: ")
    assert str(pack) not in str(error)


@pytest.mark.parametrize("name", ["an unknown key", "a remote reference", "no page", "not TOML"])
def test_a_wrong_pack_is_a_usage_error(pack: Path, name: str) -> None:
    edit, file, where, words, _ = WRONG[name]
    edit(pack)
    run = invoke("check", "-", "-p", "pack", stdin=jsonl(*samples()), cwd=pack.parent)
    assert (run.code, run.out) == (2, "")
    said = " ".join(run.err.split())
    assert f"policy pack: {file}" in said
    assert where in said
    assert words in said
    assert "Traceback" not in run.err


def test_a_rule_that_no_rule_is_is_a_usage_error(pack: Path) -> None:
    text('rules = ["undocumented-event"]', 'rules = ["undocumented-evnet"]')(pack)
    for command in (("check", "-", "-p", "pack"), ("policy", "show", "pack")):
        run = invoke(*command, stdin=jsonl(*samples()), cwd=pack.parent)
        assert run.code == 2
        assert "no such rule: undocumented-evnet" in run.err


def test_a_pack_that_does_not_exist_is_a_usage_error(tmp_path: Path) -> None:
    for name in ("nobody/2020-11", "appsmith", str(tmp_path), "appsmith/2020-11/policy.toml"):
        with pytest.raises(PolicyError, match=r"no such policy pack: give a directory .* one of: appsmith/2020-11"):
            find(name)
        assert invoke("check", "-", "-p", name, cwd=tmp_path).code == 2


def test_a_pack_is_found_by_name_and_by_directory(pack: Path) -> None:
    assert find("appsmith/2020-11") == built_in()["appsmith/2020-11"] == APPSMITH
    assert find(str(pack)) == pack
    assert load(pack).sha256 == policy_of(APPSMITH).sha256


def test_every_file_of_a_pack_is_in_its_digest(pack: Path) -> None:
    seen = {load(pack).sha256}
    for file in ("policy.toml", "page.md", CLIENT, "samples/instance-active.json"):
        with (pack / file).open("a", encoding="utf-8") as out:
            out.write("\n")
        seen.add(load(pack).sha256)
    assert len(seen) == 5


# ---- nothing outside the pack is followed ----------------------------------------------------------------------------


@pytest.mark.parametrize("file", ["policy.toml", "page.md", CLIENT, "samples/instance-active.json"])
def test_a_link_out_of_the_pack_is_not_followed(pack: Path, tmp_path: Path, file: str) -> None:
    outside = tmp_path / "outside"
    outside.write_bytes((pack / file).read_bytes())
    (pack / file).unlink()
    (pack / file).symlink_to(outside)
    with pytest.raises(PolicyError, match="stands outside the pack") as caught:
        load(pack)
    assert caught.value.file == file


def test_a_linked_directory_is_outside_too(pack: Path, tmp_path: Path) -> None:
    shutil.move(pack / "events", tmp_path / "events")
    (pack / "events").symlink_to(tmp_path / "events")
    with pytest.raises(PolicyError, match="stands outside the pack"):
        load(pack)


def test_a_link_within_the_pack_is_followed(pack: Path) -> None:
    (pack / "page.md").rename(pack / "snapshot.md")
    (pack / "page.md").symlink_to("snapshot.md")
    assert load(pack).page == policy_of(APPSMITH).page


def test_a_link_to_itself_is_a_fault_of_the_pack(pack: Path) -> None:
    (pack / "page.md").unlink()
    (pack / "page.md").symlink_to("page.md")
    with pytest.raises(PolicyError) as caught:
        load(pack)
    assert caught.value.file == "page.md"


def test_a_file_that_is_too_large_is_not_read(pack: Path) -> None:
    with (pack / "page.md").open("ab") as out:
        out.truncate(loading.MAX_FILE + 1)
    with pytest.raises(PolicyError, match=f"larger than {loading.MAX_FILE} bytes"):
        load(pack)


@contextmanager
def listening() -> Iterator[tuple[str, list[bytes]]]:
    """A server on loopback that answers every request with a schema that takes anything, and keeps what was asked."""
    asked: list[bytes] = []
    body = b"{}"
    answer = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n" + body
    )
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.02)
        done = threading.Event()

        def serve() -> None:
            while not done.is_set():
                try:
                    connection, _ = server.accept()
                except TimeoutError:
                    continue
                with connection:
                    connection.settimeout(1)
                    asked.append(connection.recv(4096))
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}", asked
        finally:
            done.set()
            thread.join()


def test_the_listener_hears_who_asks() -> None:
    """Else the tests below would prove nothing."""
    with listening() as (address, asked):
        port = int(address.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert client.recv(100).startswith(b"HTTP/1.1 200")
    assert asked == [b"GET / HTTP/1.1\r\n\r\n"]


REMOTE: dict[str, Callable[[str], dict[str, Any]]] = {
    "$ref": lambda at: {"properties": {"a": {"$ref": f"{at}/a.json"}}},
    "$ref at the top": lambda at: {"$ref": f"{at}/a.json"},
    "$dynamicRef": lambda at: {"properties": {"a": {"$dynamicRef": f"{at}/a.json"}}},
    "$schema": lambda at: {"$schema": f"{at}/meta.json", "type": "object"},
    "$schema within": lambda at: {"properties": {"a": {"$id": "urn:a", "$schema": f"{at}/meta.json"}}},
    "$id and a relative $ref": lambda at: {"$id": f"{at}/root.json", "properties": {"a": {"$ref": "b.json"}}},
}


@pytest.mark.parametrize("compiled_by", [fast, oracle], ids=["fast", "oracle"])
@pytest.mark.parametrize("remote", REMOTE.values(), ids=REMOTE)
def test_no_validator_fetches_anything(
    compiled_by: Callable[[dict[str, Any]], Validator], remote: Callable[[str], dict[str, Any]]
) -> None:
    """Even a schema that was never checked: compiling or asking fails, or answers without a connection."""
    refusals = ("ValueError", "LookupError", "ReferencingError", "_WrappedReferencingError")
    with listening() as (address, asked):
        try:
            validator = compiled_by(remote(address))
            validator.is_valid({"a": 1})
            list(validator.faults({"a": 1}))
            refusal = None
        except Exception as error:  # noqa: BLE001 - each engine refuses in its own way
            refusal = type(error).__name__
    assert refusal is None or refusal in refusals
    assert asked == []


@pytest.mark.parametrize("remote", REMOTE.values(), ids=REMOTE)
def test_a_pack_with_a_remote_address_is_refused_and_nothing_is_fetched(
    pack: Path, remote: Callable[[str], dict[str, Any]]
) -> None:
    with listening() as (address, asked):
        schema(lambda s: title(s, **remote(address)))(pack)
        run = invoke("check", "-", "-p", str(pack), stdin=jsonl(*samples()))
        assert run.code == 2
        assert "events/client.schema.json: /properties/context" in " ".join(run.err.split())
    assert asked == []


def test_what_an_event_says_is_never_fetched() -> None:
    with listening() as (address, asked):
        value = {**samples()[0], "$schema": f"{address}/meta.json", "$ref": f"{address}/a.json"}
        assert len(event(auditor_of(APPSMITH), value).findings) == 2
    assert asked == []


def test_names_and_examples_are_no_keywords() -> None:
    """A property may be called `$ref` or `format`, and a constant may hold one."""
    safe = {
        "properties": {"format": {"type": "string"}, "x": {"const": {"$ref": "http://a"}, "enum": [{"format": "no"}]}},
        "$defs": {"a": {"examples": [{"$id": "x"}], "default": {"$schema": "x"}}},
    }
    assert list(check_safe(safe)) == []


# ---- parts ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "seconds"),
    [
        ("PT0S", 0),
        ("PT90S", 90),
        ("PT15M", 900),
        ("PT6H", 21600),
        ("P1D", 86400),
        ("P1DT1H1M1S", 90061),
        ("P2DT3S", 172803),
    ],
)
def test_durations_are_read(written: str, seconds: int) -> None:
    assert parse_duration(written) == timedelta(seconds=seconds)


@given(st.integers(0, 10**9))
def test_a_duration_is_written_as_it_is_read(seconds: int) -> None:
    length = timedelta(seconds=seconds)
    assert parse_duration(iso_duration(length)) == length


@pytest.mark.parametrize(
    "written", ["", "P", "PT", "P1DT", "1H", "PT1.5H", "P1M", "P1W", "PT1S1M", "-PT1S", "pt1s", "PT1S\n"]
)
def test_what_is_no_duration_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(written)


def test_the_pages_words_are_compared_without_white_space_and_emphasis() -> None:
    page = "It **does\nnot** _send_  more.\n\nThe end"
    assert fold(page) == "It does not send more. The end"
    assert position(page, "does not *send*") == 3
    assert position(page, "does send") is None


def test_sentences_that_break_off_are_found() -> None:
    page = "---\ntitle: a page about the\n---\n\n# Of\n\nAll is well.\n\nIt is used to\nanalyze the\n\n* one of\n"
    page += "\n```\na\n\nof the\n```\n"
    assert broken_sentences(page) == ("It is used to analyze the",)
    assert broken_sentences(policy_of(APPSMITH).page) == ("This is used to analyze the",)
    assert broken_sentences(policy_of(HARBOUR).page) == ()


@pytest.mark.parametrize(
    ("match", "value", "held"),
    [
        (Match(("a",), equals="x"), {"a": "x"}, True),
        (Match(("a",), equals="x"), {"a": "y"}, False),
        (Match(("a",), equals="x"), {}, False),
        (Match(("a", "b"), equals="x"), {"a": "x"}, False),
        (Match(("a",), among=("x", "y")), {"a": "y"}, True),
        (Match(("a",), among=("x", "y")), {"a": None}, False),
        (Match(("a",), present=True), {"a": 0}, True),
        (Match(("a",), present=True), {"a": None}, False),
        (Match(("a",), present=False), {"a": None}, True),
        (Match(("a",), present=False), {"a": ""}, False),
        (Match(("a",), prefix="x"), {"a": "xyz"}, True),
        (Match(("a",), prefix="x"), {"a": "yx"}, False),
        (Match(("a",), prefix="x"), {"a": 7}, False),
        (Match(("a",), ip=True), {"a": "203.0.113.9"}, True),
        (Match(("a",), ip=True), {"a": "2001:db8::1"}, True),
        (Match(("a",), ip=True), {"a": "203.0.113.900"}, False),
        (Match(("a",), ip=True), {"a": 7}, False),
    ],
)
def test_an_origin_is_matched_by_what_its_rules_say(match: Match, value: Any, held: bool) -> None:  # noqa: FBT001 - given by the test table
    assert holds(match, value) is held


def test_the_first_origin_whose_rules_all_hold_is_taken() -> None:
    policy = policy_of(APPSMITH)
    assert [policy.origin_of(sample) for sample in samples()] == ["installer", "server", "client"]
    assert policy.origin_of({"userId": "203.0.113.9"}) is None
    assert policy_of(HARBOUR).origin_of({"meta": {"by": "console"}, "what": {"name": "deck.x"}}) is None


def test_a_pack_may_leave_out_what_it_does_not_need(tmp_path: Path) -> None:
    """The least pack: no categories, consent, e-mail places, destinations or samples."""
    least = {
        "$schema": DIALECT,
        "type": "object",
        "additionalProperties": False,
        "required": ["n"],
        "properties": {"n": {"const": "ping", "x-data-category": "none"}},
    }
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "ping.schema.json").write_text(json.dumps(least))
    (tmp_path / "page.md").write_text("We ping.")
    (tmp_path / "policy.toml").write_text(
        """
format = "telemetry-policy/1"
id = "least"
revision = "1"
source = { title = "Least", retrieved = 2025-01-01 }
[envelope]
kind = "custom"
name = "/n"
id = "/id"
id_pattern = "^[a-z]+$"
times = { sent = "/at" }
[[origins]]
name = "app"
match = { "/n" = { present = true } }
consent = "always"
after_opt_out = "allowed"
[[events]]
name = "ping"
schema = "ping.schema.json"
documented = "name-only"
origin = "app"
[[claims]]
id = "ping"
quotes = ["We ping."]
rules = ["undocumented-event"]
sufficient = [{ events = 1 }]
"""
    )
    policy = load(tmp_path)
    assert policy.consent is None
    assert [*policy.samples, *policy.categories, *policy.emails, *policy.destinations] == []
    assert policy.origins[0].consent is Consent.ALWAYS
    assert policy.events["ping"].documented is Documented.NAME_ONLY
    run = invoke("check", "-", "-p", str(tmp_path), "--require", "all", stdin=compact({"n": "ping"}))
    assert run.code == 0
    assert "UPHELD" in run.out


def test_both_validators_refuse_a_wrong_schema_with_one_kind_of_error() -> None:
    for compiled_by in (fast, oracle, compile_validator):
        with pytest.raises(ValueError, match=r"\S"):
            compiled_by({"type": "objekt"})


def test_without_the_fast_engine_the_other_one_serves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jsonschema_rs", None)
    validator = compile_validator({"type": "object", "required": ["a"]})
    assert type(validator) is type(oracle({}))
    assert validator.faults({}) == (Fault((), "required", ("a",)),)


def test_a_schema_documents_its_leaves_through_references_and_branches() -> None:
    documented = documentation(
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["a", "list"],
            "properties": {
                "a": {"$ref": "#/$defs/a~1b"},
                "again": {"$ref": "#/$defs/loop"},
                "list": {"type": "array", "items": {"type": "string", "x-data-category": "email"}},
                "pair": {"type": "array", "prefixItems": [{"type": "integer"}], "items": False},
                "any": {"type": "array"},
                "choice": {
                    "oneOf": [
                        {"properties": {"x": {"type": "string"}}, "additionalProperties": False},
                        {"$ref": "#/$defs/a~1b"},
                        True,
                    ]
                },
                "open": {"type": "object"},
                "lost": {"$ref": "#/$defs/nowhere"},
                "tree": {"$ref": "#"},
                "empty": {"type": "object", "additionalProperties": False},
                "text": {"type": "string", "x-placeholder": "<x>"},
                "added": {"type": "string", "x-transport": True},
                "number": {"type": ["integer", "null"]},
            },
            "$defs": {
                "a/b": {"type": "object", "properties": {"c": {"const": 1}}, "unevaluatedProperties": False},
                "loop": {"$ref": "#/$defs/loop"},
            },
        },
        ("added",),
    )
    leaves = documented.leaves
    assert documented.open
    assert {("a",), ("list",), ("pair",), ("any",), ("open",), ("empty",)} <= documented.containers
    assert {("a",), ("list",)} <= documented.required
    assert ("a", "c") in leaves
    assert leaves["list", "*"].category == "email"
    assert leaves["text",].placeholder == "<x>"
    assert leaves["added",].transport
    assert [leaves[name,].closed for name in ("empty", "text", "number")] == [True, False, True]
    assert leaves["pair", "*"].closed
    assert ("choice", "x") in leaves


@pytest.mark.parametrize("file", ["policy.toml", "page.md", CLIENT, "samples/instance-active.json"])
def test_a_byte_order_mark_before_a_file_of_a_pack_changes_nothing(pack: Path, file: str) -> None:
    before = invoke("policy", "lint", "pack", cwd=pack.parent)
    (pack / file).write_bytes(b"\xef\xbb\xbf" + (pack / file).read_bytes())
    load(pack)
    after = invoke("policy", "lint", "pack", cwd=pack.parent)
    assert (before.code, after.code, after.out) == (0, 0, before.out)


def test_a_form_that_backtracking_would_try_for_hours_is_decided_at_once(tmp_path: Path) -> None:
    """The linear engine matches what a pack names: neither a stranger's pack nor an id of the capture can hang the audit."""
    pack = Path(shutil.copytree(HARBOUR, tmp_path / "pack"))
    policy = (pack / "policy.toml").read_text("utf-8")
    (pack / "policy.toml").write_text(policy.replace("^hd_[0-9a-f]{12}$", "^.*.*.*.*x$"), "utf-8")
    envelope = load(pack).envelope
    assert not envelope.is_id("a" * 100_000)
    assert envelope.is_id("a" * 100_000 + "x")
    assert not envelope.is_id("a\nx")
    assert not envelope.is_id("x\n")
    assert not envelope.is_id("\ud800x")


API = "api-1joj5LZSzuVCI9KshnaX059JYKo"
UUID = "5f0c8d1e-2b3a-4c6d-9e8f-7a6b5c4d3e2f"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (API, True),
        (f"ajs-next-1605000000000-{UUID}", True),
        (UUID, True),
        (API[4:], False),
        (f"next-{API}", False),
        ("x" * 32, False),
    ],
)
def test_the_ids_of_the_built_in_envelope_are_those_that_its_makers_give(text: str, *, shown: bool) -> None:
    assert policy_of(APPSMITH).envelope.is_id(text) is shown
