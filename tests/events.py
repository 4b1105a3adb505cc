"""Events to try the engine with: documented ones, made from a pack's own schemas, and what mutation makes of them."""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.within import policy_of

Value = Any

SNIPPETS = (
    "",
    "ubuntu",
    "Editor | Appsmith",
    "/applications?page=2&sort=name",
    "https://app.example.test/applications",
    "Mozilla/5.0 (X11; Linux x86_64)",
    "select the best from our offers",
    "logo@2x.png",
    "@types/node",
    "git@github.com:org/repo",
    "100%",
    "naïve Ünïcode ✓",
    'a "quoted" word',
    "C:\\temp",
    "tab\tand\nnewline",
    "\u2028",
    "jane.roe@acme-mail.co",
    "jane%40acme-mail.co",
    "jane%2540acme-mail.co",
    "SELECT email FROM users WHERE id = 7",
    "SELECT+email+FROM+users+WHERE+id%3D7",
    "db.users.find({ name: 1 })",
    "{ users { name } }",
    "function f(a) { return a }",
    '[{"id":1,"name":"Ada"},{"id":2,"name":"Ben"}]',
    "%5B%7B%22id%22%3A1%2C%22n%22%3A1%7D%2C%7B%22id%22%3A2%2C%22n%22%3A2%7D%5D",
    "ORA-00001: unique constraint",
    "id,name,total\n1,Ada,2\n2,Ben,3",
    "<tr><td>1</td></tr><tr><td>2</td></tr>",
    "amFuZS5yb2VAYWNtZS1tYWlsLmNv",
    "6a616e652e726f654061636d652d6d61696c2e636f",
    "oc.liam-emca@eor.enaj",
    "postgres://app:t7Kx2vQ9@db.internal/orders",
    "?api_key=t7Kx2vQ9pL4m",
    "Basic YXBwOnQ3S3gydlE5",
    "+49 151 23456789",
    "?tel=0151-23456789",
    "DE89370400440532013000",
    "de89370400440532013000",
    "4111111111111111",
    "52.520008,13.404954",
    "00:1a:2b:3c:4d:5e",
    "198.51.100.23",
    "6f1d2b8c-3a47-4e59-9c0b-d2f8e7a61b34",
    "a3d8b23b9b0cac986af79f4826d009463f8dfc372f188934710115491b7665a1",
)
TIMES = (
    "2020-11-04T08:05:52.726Z",
    "2020-11-04T08:05:53Z",
    "2020-11-04T09:05:52.726+01:00",
    "2020-11-04T08:05:52.726123Z",
    "2020-11-04t08:05:52z",
    "2016-12-31T23:59:60.500Z",
    "2017-01-01T00:00:00.000Z",
    "0000-01-01T00:00:00.000Z",
    "9999-12-31T23:59:59.999Z",
)
NAIVE = ("2020-11-04T08:05:52.726", "2020-11-04 08:05:52")
"""Times without offset: no date-time of a schema, but what a member that nobody vouches for may hold."""

FORMATS: dict[str, tuple[str, ...]] = {
    "date-time": TIMES,
    "uuid": ("6f1d2b8c-3a47-4e59-9c0b-d2f8e7a61b34", "6F1D2B8C-3A47-4E59-9C0B-D2F8E7A61B34"),
    "ipv4": ("203.0.113.9", "0.0.0.0"),
    "ipv6": ("2001:db8::1", "::", "::ffff:203.0.113.9"),
    "email": ("jane.roe@acme-mail.co", "ops@harbour.example"),
}
PATTERNS: dict[str, tuple[str, ...]] = {
    "^[A-Z][A-Z0-9]*(_[A-Z0-9]+)*$": ("APPLICATIONS_PAGE_LOAD",),
    "^[A-Za-z0-9._:-]{1,100}$": ("api-1joj5LZSzuVCI9KshnaX059JYKo", "x", "ORA-00001"),
    "^[0-9a-f]{64}$": ("a3d8b23b9b0cac986af79f4826d009463f8dfc372f188934710115491b7665a1",),
    "^hd_[0-9a-f]{12}$": ("hd_5d0e61b7c3fa",),
}
KEYS = (
    "email",
    "rows",
    "x",
    "",
    "a/b",
    "~",
    "jane@acme-mail.co",
    "event",
    "properties",
    "sentAt",
    "writeKey",
    "é",
    "\x00",
)

texts = st.one_of(st.sampled_from(SNIPPETS), st.text(max_size=12))
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**40), 2**40),
    st.floats(-1e6, 1e6, allow_nan=False),
    texts,
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=4,
)


def valid(schema: dict[str, Any]) -> st.SearchStrategy[Value]:  # noqa: C901 - one branch a keyword
    """Values that a pack's schema accepts, for the few keywords that packs use."""
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    if "anyOf" in schema:
        return st.one_of([valid({**branch, "type": "string"}) for branch in schema["anyOf"]])
    kind = schema["type"]
    if isinstance(kind, list):
        kinds = [valid({**schema, "type": one}) for one in kind]
        return st.one_of(*kinds, st.sampled_from((*TIMES, *NAIVE))) if schema.get("x-transport") else st.one_of(kinds)
    match kind:
        case "object":
            members = {name: valid(child) for name, child in schema.get("properties", {}).items()}
            needed = schema.get("required", ())
            return st.fixed_dictionaries(
                {name: child for name, child in members.items() if name in needed},
                optional={name: child for name, child in members.items() if name not in needed},
            )
        case "array":
            return st.lists(valid(schema["items"]), max_size=3)
        case "integer":
            return st.integers(schema.get("minimum", -9), schema.get("maximum", 9))
        case "number":
            low, high = schema.get("minimum", float("-inf")), schema.get("maximum", float("inf"))
            some = [0, 1, -1.5, 0.1234567890123456, 1e21, 2**53, 2**64]
            return st.sampled_from([number for number in some if low <= number <= high])
        case "boolean":
            return st.booleans()
        case "null":
            return st.none()
    if "format" in schema:
        return st.sampled_from(FORMATS[schema["format"]])
    if "pattern" in schema:
        return st.sampled_from(PATTERNS[schema["pattern"]])
    longest = int(schema["maxLength"])
    return texts.map(lambda text: text[:longest])


@functools.cache
def documented(pack: Path) -> st.SearchStrategy[dict[str, Value]]:
    """Events of every listed name, valid by their schema."""
    return st.one_of([valid(dict(entry.schema)) for entry in policy_of(pack).events.values()])


# ---- mutation of values --------------------------------------------------------------------------------------------


def below(value: Value) -> Iterator[Value]:
    """Every value within a value."""
    for container, key in spots(value):
        node: Any = container
        yield node[key]


def spots(value: Value) -> Iterator[tuple[dict[str, Value] | list[Value], str | int]]:
    """Every member and item of a value, as its container and key."""
    stack = [value]
    while stack:
        node = stack.pop()
        keys = list(node) if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
        for key in keys:
            yield node, key
            stack.append(node[key])


@st.composite
def mutated(draw: st.DrawFn, pack: Path) -> dict[str, Value]:
    """A documented event after nothing, one or two changes anywhere in it."""
    event = copy.deepcopy(draw(documented(pack)))
    for _ in range(draw(st.sampled_from((0, 0, 1, 1, 2)))):
        places = list(spots(event))
        if not places:
            break
        container, key = draw(st.sampled_from(places))
        node: Any = container
        change = draw(st.sampled_from(("add", "drop", "other", "wrap", "hold", "text", "null")))
        if change == "add":
            inner = [child for child in below(event) if isinstance(child, dict)]
            into = draw(st.sampled_from([event, *inner]))
            into[draw(st.sampled_from(KEYS))] = draw(anything)
        elif change == "drop" and isinstance(node, dict):
            del node[key]
        elif change == "other":
            node[key] = draw(anything)
        elif change == "wrap":
            node[key] = [node[key]]
        elif change == "hold":
            node[key] = {"x": node[key]}
        elif change == "text":
            node[key] = draw(texts)
        else:
            node[key] = None
    return event


# ---- mutation of text ----------------------------------------------------------------------------------------------


class Style(NamedTuple):
    """How a value is written: separators, whether in ASCII, which member is doubled, which text is written in escapes."""

    comma: str = ","
    colon: str = ":"
    ascii: bool = False
    doubled: int = -1
    hides: bool = True
    escaped: int = -1
    number: str = ""


def render(value: Value, style: Style) -> str:
    """JSON text in a style. The doubled member stands twice; `hides`: the other value comes first, so parsers hide it."""
    members, strings = iter(range(10**6)), iter(range(10**6))

    def text(of: str) -> str:
        written = json.dumps(of, ensure_ascii=style.ascii)
        if next(strings) == style.escaped and of and ord(of[0]) < 0x10000:
            rest = json.dumps(of[1:], ensure_ascii=style.ascii)[1:]
            return f'"\\u{ord(of[0]):04x}{rest}'
        return written

    def member(key: str, child: Value) -> str:
        mine = next(members) == style.doubled
        pair = f"{text(key)}{style.colon}{node(child)}"
        if not mine:
            return pair
        other = f"{json.dumps(key)}{style.colon}{json.dumps('jane@acme-mail.co')}"
        return style.comma.join((other, pair) if style.hides else (pair, other))

    def node(of: Value) -> str:
        match of:
            case dict():
                return "{" + style.comma.join(member(key, child) for key, child in of.items()) + "}"
            case list():
                return "[" + style.comma.join(node(child) for child in of) + "]"
            case str():
                return text(of)
            case bool() | None:
                return json.dumps(of)
            case _:
                return json.dumps(of) + style.number

    return node(value)


styles = st.one_of(
    st.just(Style()),
    st.builds(
        Style,
        comma=st.sampled_from((",", ", ", " ,\t")),
        colon=st.sampled_from((":", ": ")),
        ascii=st.booleans(),
        doubled=st.sampled_from((-1, -1, *range(20))),
        hides=st.booleans(),
        escaped=st.sampled_from((-1, -1, *range(30))),
        number=st.sampled_from(("", "", "", "e0", ".0")),
    ),
)


@st.composite
def lines(draw: st.DrawFn, pack: Path) -> bytes:
    """One line of a log, without its newline."""
    event = draw(mutated(pack))
    if draw(st.booleans()):
        event = {key: event[key] for key in draw(st.permutations(list(event)))}
    text = render(event, draw(styles))
    ending = draw(st.sampled_from(("", "", "", " ", "\r", "}", "\x0c")))
    return (text + ending).encode().replace(b"\n", b"")
