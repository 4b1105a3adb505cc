"""Nothing that was captured comes out again: not a value, not a name that looks like data, not from a broken line.

Marked text is planted everywhere an event has room for it; then every stream and every file that the tool wrote is
searched for the marks. A part of a mark is as bad as the whole: shortened text is text.
"""

from __future__ import annotations

import itertools
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from audit.writers import FORMATS
from audit.writers.fields import FORMATS as FIELDS
from tests.conftest import Json, Run, active, cli, compact, invoke, jsonl, page_load, started, support
from tests.hostile import COMPRESSORS, array, batch, doubled, pretty, truncated

# One mark for each form that data in a name has. The tool says nothing like them of its own.
TEXT = "zq7xk"
HEX = "5ca1ab1ef00dfeed"
LETTERS = "qzxjkvwpmf"
DIGITS = "8391048571"
MARKS = (TEXT, HEX, LETTERS, DIGITS)

numbers = itertools.count(1)


def value() -> str:
    return f"{TEXT} planted {next(numbers)}"


def email() -> str:
    return f"{TEXT}.{next(numbers)}@fabrikam-mail.com"


def hex_token() -> str:
    return HEX + f"{next(numbers):016x}"


def letters() -> str:
    return LETTERS + "".join(chr(ord("a") + int(digit)) for digit in f"{next(numbers):030d}")


def digits() -> str:
    return DIGITS + f"{next(numbers):06d}"


def name_of_digits() -> str:
    return f"user-{digits()}"


NAMES: tuple[Callable[[], str], ...] = (email, hex_token, letters, name_of_digits)
VALUES: tuple[Callable[[], object], ...] = (
    value,
    email,
    hex_token,
    letters,
    lambda: int(digits()),
    lambda: float(digits()) + 0.5,
    lambda: f"https://{TEXT}.example/{next(numbers)}?q={TEXT}",
    lambda: f"SELECT * FROM {TEXT} WHERE id = '{next(numbers)}'",
    lambda: [{"id": next(numbers), "name": value()}, {"id": next(numbers), "name": value()}],
    lambda: json.dumps({"rows": [{"mail": email()}]}),
    lambda: f"ERROR: duplicate key value violates unique constraint; Key (mail)=({email()}) already exists.",
)


def planted_in_values(event: Json) -> Json:
    """The event with every text replaced but its name and kind: nothing that is left says what was sent."""

    def plant(node: object, at: str) -> object:
        if isinstance(node, dict):
            return {key: plant(child, f"{at}/{key}") for key, child in node.items()}
        return node if at in {"/event", "/type"} else value()

    planted = plant(event, "")
    assert isinstance(planted, dict)
    return planted


def one_leaf_planted(event: Json) -> Iterator[Json]:
    """The event once for each of its leaves, with that one leaf planted."""
    for at in leaves(event):
        for make in (email, hex_token, letters, name_of_digits if at[-1] in {"event", "type"} else value):
            changed = json.loads(json.dumps(event))
            node = changed
            for key in at[:-1]:
                node = node[key]
            node[at[-1]] = make() if at != ("messageId",) else value()  # a token is the documented form of this id
            yield changed


def leaves(node: object, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(node, dict) and node:
        for key, child in node.items():
            yield from leaves(child, (*at, key))
    elif at:
        yield at


def undocumented() -> Iterator[Json]:
    """Members that the page does not show, under names that are data, at every level, in lists and objects."""
    for make_name, make_value in itertools.product(NAMES, VALUES):
        yield started(properties={"os": "ubuntu", make_name(): make_value()})
        yield active(**{make_name(): {make_name(): [make_value(), {make_name(): make_value()}]}})
        yield page_load(context={**page_load()["context"], make_name(): {"list": [[make_value()]]}})
    for make_value in VALUES:
        yield support(properties={"os": "ubuntu", "email": email(), "note": make_value()})
        yield started(integrations={"All": make_value()})


def events_of_other_names() -> Iterator[Json]:
    for make_name in NAMES:
        yield page_load(event=make_name())
        yield active(event=f"Instance Active {make_name()}")
        yield started(type=make_name())
        yield {"type": "identify", "userId": make_name(), "traits": {make_name(): make_name(), "email": email()}}
        yield {"type": "alias", "previousId": make_name(), "userId": make_name()}
        yield {"event": {make_name(): value()}, "type": "track"}


def batches() -> Iterator[bytes]:
    good = planted_in_values(started())
    yield batch(good, value(), {email(): value()}, sentAt=value(), writeKey=value(), context={email(): value()})
    yield batch(*undocumented_few(), **{hex_token(): letters()})
    yield compact([good, value(), int(digits())])
    yield compact({"batch": value()})
    yield compact({"batch": {email(): value()}})


def undocumented_few() -> list[Json]:
    return list(itertools.islice(undocumented(), 12))


def unreadable() -> Iterator[bytes]:
    line = compact(planted_in_values(started()))
    yield from (line[:-9], line + line, line + value().encode(), b"# " + value().encode(), compact(value()))
    yield compact(planted_in_values(page_load())).replace(TEXT.encode(), TEXT.encode() + b"\xff", 3)
    yield compact({email(): value(), "level": value(), "msg": letters()})
    yield f'{{"event": "Instance Active", "{email()}": NaN}}'.encode()
    yield f'{{"{hex_token()}": {"[" * 400}"{value()}"{"]" * 400}}}'.encode()
    yield digits().encode()
    yield f"GET /{letters()}?{hex_token()} HTTP/1.1 {email()}".encode()


def keys_twice() -> Iterator[bytes]:
    for make_name in NAMES:
        name = make_name()
        event = started(properties={name: value()})
        yield doubled(event, ["properties", name], f'"{value()}"', hidden_first=True).encode()
        yield doubled(started(), ["properties", "os"], f'"{email()}"', hidden_first=True).encode()
        yield doubled(started(), ["event"], f'"{make_name()}"', hidden_first=False).encode()


def lines() -> list[bytes]:
    """Everything of the above, one a line."""
    whole = [planted_in_values(event) for event in (started(), active(), page_load(), support())]
    single = [leaf for event in (started(), active(), page_load(), support()) for leaf in one_leaf_planted(event)]
    events = [*whole, *single, *undocumented(), *events_of_other_names()]
    return [*map(compact, events), *batches(), *unreadable(), *keys_twice()]


def leaked(directory: Path, run: Run) -> list[str]:
    """Where a mark came out: a stream, or a file that the run wrote (the capture itself is called `capture...`)."""
    places = {"stdout": run.out, "stderr": run.err}
    for path in directory.rglob("*"):
        assert not any(mark in path.name for mark in MARKS)
        if path.is_file() and not path.name.startswith("capture"):
            places[path.name] = path.read_bytes().decode()
    return [
        f"{mark} in {place}: {excerpt(text, mark)}"
        for place, text in places.items()
        for mark in MARKS
        if mark in text.lower()
    ]


def excerpt(text: str, mark: str) -> str:
    at = text.lower().index(mark)
    return text[max(0, at - 80) : at + 40]


OUTPUTS: dict[str, tuple[str, ...]] = {
    "text on standard output": (),
    "json on standard output": ("-o", "json"),
    "jsonl on standard output": ("-o", "jsonl"),
    "every format in files": tuple(part for kind in FORMATS for part in ("-o", f"{kind}=out.{kind}")),
    "every field": ("--inventory", "-o", "json=out.json"),
    "all findings in a file": ("--findings", "findings.jsonl"),
    "many examples": ("--examples", "1000", "-o", "json=out.json"),
    "more words": ("-v",),
    "fewer words": ("-q", "-o", "json=out.json"),
}
BROKEN_OPTIONS: dict[str, tuple[str, ...]] = {
    "an output in no directory": ("-o", "json=no/such/directory/out.json"),
    "an output that is the capture": ("-o", "json=capture.jsonl"),
    "an unknown format": ("-o", "yaml"),
    "two outputs on standard output": ("-o", "json", "-o", "jsonl"),
    "a capture that does not exist": ("missing.jsonl",),
    "the capture for a policy": ("-p", "capture.jsonl"),
    "no example": ("--examples", "0"),
}
CONTAINERS: dict[str, Callable[[], bytes]] = {
    "lines": lambda: b"\n".join(lines()),
    "lines with line ends of Windows": lambda: b"\r\n".join(lines()),
    "gzip": lambda: COMPRESSORS["gz"](b"\n".join(lines())),
    "gzip cut off": lambda: truncated(COMPRESSORS["gz"](b"\n".join(lines())), 0.8),
    "an array": lambda: array(*undocumented(), value(), {email(): value()}),
    "an array cut off": lambda: array(*undocumented())[:-40],
    "printed objects": lambda: pretty(*undocumented_few()),
    "printed objects, one cut off": lambda: pretty(*undocumented_few())[:-40],
    "UTF-16": lambda: b"\n".join(lines()[:9]).decode().encode("utf-16"),
    "another program's log": lambda: b"\n".join(unreadable()),
}


@pytest.mark.parametrize("options", OUTPUTS.values(), ids=OUTPUTS.keys())
def test_nothing_planted_comes_out_of_any_output(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "capture.jsonl").write_bytes(b"\n".join(lines()))
    run = invoke("check", "capture.jsonl", *options, cwd=tmp_path)
    assert run.code == 1, run.err
    assert leaked(tmp_path, run) == []


@pytest.mark.parametrize("kind", FIELDS)
def test_nothing_planted_comes_out_of_an_inventory(tmp_path: Path, kind: str) -> None:
    (tmp_path / "capture.jsonl").write_bytes(b"\n".join(lines()))
    run = invoke("inventory", "capture.jsonl", "-f", kind, cwd=tmp_path)
    assert run.code == 0, run.err
    assert leaked(tmp_path, run) == []


@pytest.mark.parametrize("data", CONTAINERS.values(), ids=CONTAINERS.keys())
def test_nothing_planted_comes_out_of_any_container(tmp_path: Path, data: Callable[[], bytes]) -> None:
    (tmp_path / "capture.jsonl").write_bytes(data())
    run = invoke("check", "capture.jsonl", "-o", "json=out.json", "--examples", "100", cwd=tmp_path)
    assert run.code in {0, 1, 3}, run.err
    assert leaked(tmp_path, run) == []


@pytest.mark.parametrize("options", BROKEN_OPTIONS.values(), ids=BROKEN_OPTIONS.keys())
def test_nothing_planted_comes_out_of_a_run_that_was_refused(tmp_path: Path, options: tuple[str, ...]) -> None:
    (tmp_path / "capture.jsonl").write_bytes(b"\n".join(lines()))
    run = invoke("check", "capture.jsonl", *options, cwd=tmp_path)
    assert run.code == 2
    assert leaked(tmp_path, run) == []


def test_nothing_planted_comes_out_of_a_process(tmp_path: Path) -> None:
    (tmp_path / "capture.jsonl").write_bytes(b"\n".join(lines()))
    run = cli("check", "capture.jsonl", *OUTPUTS["every format in files"], cwd=tmp_path)
    assert run.code == 1, run.err
    assert {f"out.{kind}" for kind in FORMATS} <= {path.name for path in tmp_path.iterdir()}
    assert leaked(tmp_path, run) == []


def test_nothing_is_left_beside_the_files_that_were_asked_for(tmp_path: Path) -> None:
    (tmp_path / "capture.jsonl").write_bytes(b"\n".join(lines()))
    invoke("check", "capture.jsonl", "-o", "text=out.txt", "-o", "json=out.json", cwd=tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"capture.jsonl", "out.txt", "out.json"}


def test_planted_names_stand_as_their_shapes_and_planted_addresses_are_found(tmp_path: Path) -> None:
    """So that the silence above is not the silence of a tool that looked at nothing."""
    (tmp_path / "capture.jsonl").write_bytes(jsonl(started(properties={"os": email(), email(): 1})))
    run = invoke("check", "capture.jsonl", "-o", "json", cwd=tmp_path)
    found = {(finding["rule"], finding["pointer"]) for finding in json.loads(run.out)["findings"]}
    assert ("email-address", "/properties/os") in found
    shapes = [pointer for rule, pointer in found if rule == "undocumented-field"]
    assert len(shapes) == 1
    assert shapes[0].startswith("/properties/{")
    assert "mail" in shapes[0]


def test_plain_and_documented_names_are_shown(tmp_path: Path) -> None:
    (tmp_path / "capture.jsonl").write_bytes(jsonl(started(properties={"os": "ubuntu", "kernelVersion": value()})))
    run = invoke("check", "capture.jsonl", cwd=tmp_path)
    assert "/properties/kernelVersion" in run.out
    assert "Installation Started" in run.out
    assert leaked(tmp_path, run) == []


# ---- any text ------------------------------------------------------------------------------------------------------

anything = st.text(max_size=40)
marked = st.one_of(
    anything.map(lambda tail: TEXT + tail),
    anything.map(lambda head: f"{head} {TEXT}"),
    st.emails().map(lambda address: f"{TEXT}.{address}"),
)
# A name is shown when it is plain; these never are: too many digits, hex digits or letters in a row, or no name at all.
data_like_names = st.one_of(
    anything.map(lambda tail: f"{TEXT}8391048{tail}"),
    anything.map(lambda tail: f"{TEXT}@{tail}.example"),
    anything.map(lambda tail: f"{HEX}{TEXT}{tail}"),
    anything.map(lambda tail: f"{TEXT}{LETTERS * 3}{tail}"),
    anything.map(lambda tail: f"{TEXT}\u00e4{tail}"),
    anything.map(lambda tail: f"8{TEXT}{tail}"),
)
trees = st.recursive(
    marked,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3), st.dictionaries(data_like_names, inner, min_size=1, max_size=3)
    ),
    max_leaves=6,
)
documented = st.sampled_from([started(), active(), page_load(), support()])


@st.composite
def dirty_events(draw: st.DrawFn) -> Json:
    """A documented event with marked text put in places of the draw's choice."""
    event: Json = json.loads(json.dumps(draw(documented)))
    for at in draw(st.lists(st.sampled_from(list(leaves(event))), max_size=3, unique=True)):
        node = event
        for key in at[:-1]:
            node = node[key]
        node[at[-1]] = draw(data_like_names) if at == ("event",) else draw(trees)
    if isinstance(event.get("messageId"), str) and TEXT in event["messageId"]:
        event["messageId"] += " "  # not the documented form, in which an id is shown
    for where in draw(st.lists(st.sampled_from(["properties", "context", "integrations", ""]), max_size=3)):
        target = event if where == "" else event[where]
        if isinstance(target, dict):
            target[draw(data_like_names)] = draw(trees)
    return event


def as_line(event: Json) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode("utf-8", "replace")


escaped_line = dirty_events().map(lambda event: json.dumps(event).encode())
plain_line = dirty_events().map(as_line)
batch_line = st.lists(dirty_events(), max_size=3).map(lambda events: json.dumps({"batch": events}).encode())
cut_line = st.tuples(plain_line, st.integers(1, 40)).map(lambda pair: pair[0][: -pair[1]])
other_line = st.dictionaries(data_like_names, trees, max_size=3).map(as_line)
captures = st.lists(st.one_of(plain_line, escaped_line, batch_line, cut_line, other_line), min_size=1, max_size=6)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(captures)
@example([compact(started(properties={"os": TEXT, f"{TEXT}8391048": [TEXT, {f"{TEXT}@x.example": TEXT}]}))])
def test_no_text_of_any_capture_comes_out(captured: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        directory = Path(scratch)
        (directory / "capture.jsonl").write_bytes(b"\n".join(captured))
        outputs = ("-o", "text=out.txt", "-o", "json=out.json", "-o", "jsonl=out.jsonl", "--examples", "50")
        run = invoke("check", "capture.jsonl", *outputs, cwd=directory)
        assert run.code in {0, 1, 3}, run.err
        assert leaked(directory, run) == []
