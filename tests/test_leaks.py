"""What is recognised in texts and containers, and what only looks like it: e-mail addresses, returned data, queries."""

from __future__ import annotations

import base64
import json
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.leaks.budget import Budget
from audit.leaks.content import NOTHING, content, look, search
from audit.leaks.decode import forms
from audit.leaks.payload import Payload, shape_of_container
from audit.leaks.queries import Query
from audit.leaks.room import is_plain
from tests.events import SNIPPETS
from tests.test_laws import many

# ---- e-mail addresses ------------------------------------------------------------------------------------------------

ADDRESSES: dict[str, list[tuple[str, bool, bool]]] = {
    # text: the addresses in it, each with whether it is the whole text and whether its domain is reserved
    "jane.roe@acme-mail.co": [("jane.roe@acme-mail.co", True, False)],
    " Jane.Roe@ACME-mail.co ": [("jane.roe@acme-mail.co", True, False)],
    "<jane@acme-mail.co>": [("jane@acme-mail.co", True, False)],
    "mailto:jane@acme-mail.co": [("jane@acme-mail.co", True, False)],
    "write to jane@acme-mail.co.": [("jane@acme-mail.co", False, False)],
    "jane@acme-mail.co, bob@acme-mail.co": [("jane@acme-mail.co", False, False), ("bob@acme-mail.co", False, False)],
    "jane@acme-mail.co and JANE@acme-mail.co": [("jane@acme-mail.co", False, False)],
    "?invite=jane@acme-mail.co&x=1": [("jane@acme-mail.co", False, False)],
    '"jane roe"@acme-mail.co': [('"jane roe"@acme-mail.co', True, False)],
    "jane+tag@mail.acme-mail.co.uk": [("jane+tag@mail.acme-mail.co.uk", True, False)],
    "jané@bücher.de": [("jané@bücher.de", True, False)],
    "jane@xn--bcher-kva.xn--p1ai": [("jane@xn--bcher-kva.xn--p1ai", True, False)],
    "jane@acme_mail.co": [("jane@acme_mail.co", True, False)],
    "jane@example.com": [("jane@example.com", True, True)],
    "jane@mail.example": [("jane@mail.example", True, True)],
    "jane@notexample.com": [("jane@notexample.com", True, False)],
    "jane@example.com.evil.co": [("jane@example.com.evil.co", True, False)],
    "'jane@acme-mail.co'": [("jane@acme-mail.co", False, False)],
    "https://x.co/?to=jane%40acme-mail.co": [("jane@acme-mail.co", False, False)],
    "jane%2540acme-mail.co": [("jane@acme-mail.co", True, False)],
    f"{'x' * 200}@acme-mail.co": [(f"{'x' * 64}@acme-mail.co", False, False)],
    # ---- look-alikes
    "@types/node": [],
    "logo@2x.png": [],
    "app@1.2.3": [],
    "git@github.com:org/repo.git": [],
    "https://user@host.co/path": [],
    "https://user:word@host.co/path": [],
    "@media screen and (max-width: 9em)": [],
    "jane@localhost": [],
    "jane@": [],
    "@acme-mail.co": [],
    "..@acme-mail.co": [],
    "a @ b.co": [],
    "jane@-acme.co": [],
    "100% @ home": [],
    "": [],
}


@pytest.mark.parametrize(("text", "wanted"), ADDRESSES.items(), ids=ADDRESSES)
def test_addresses_are_found_and_look_alikes_are_not(text: str, wanted: list[tuple[str, bool, bool]]) -> None:
    found = [address for address, _ in content(text).addresses]
    assert [(address.text, address.whole, address.reserved) for address in found] == wanted


def test_an_address_tells_how_it_was_decoded() -> None:
    found = content("a@b.co jane%40acme-mail.co").addresses
    assert [(address.text, address.whole, path) for address, path in found] == [
        ("a@b.co", False, ()),
        ("jane@acme-mail.co", False, ("percent",)),
    ]
    ((_, path),) = content("jane%2540acme-mail.co").addresses
    assert path == ("percent", "percent")


# ---- returned data -----------------------------------------------------------------------------------------------------

ROW = {"id": 1, "name": "Ada"}
CONTAINERS: dict[str, tuple[str, Any, Payload | None]] = {
    # name: member it stands under, value, shape
    "rows with an id": ("x", [ROW, {"id": 2, "name": "Ben"}], Payload.ROWS),
    "rows of three members": ("x", [{"a": 1, "b": 2, "c": 3}] * 2, Payload.ROWS),
    "rows under their name": ("Rows", [{"a": 1, "b": 2}] * 2, Payload.ROWS),
    "rows with a foreign id": ("x", [{"userId": 1, "b": 2}] * 2, Payload.ROWS),
    "pairs of no name": ("x", [{"a": 1, "b": 2}] * 2, None),
    "one member each": ("rows", [{"id": 1}, {"id": 2}], None),
    "rows that differ": ("x", [ROW, {"id": 2, "other": 3}], None),
    "objects and a word": ("x", [ROW, "word"], None),
    "one row under its name": ("results", [ROW], Payload.RESULT_SET),
    "one row elsewhere": ("x", [ROW], None),
    "one small row": ("results", [{"id": 1}], None),
    "lists of cells": ("x", [["a", 1, 2], ["b", 3, 4]], Payload.ROWS),
    "lists of cells under their name": ("data", [[1, 2], [3, 4]], Payload.ROWS),
    "lists of numbers": ("x", [[1, 2], [3, 4]], None),
    "lists of different lengths": ("rows", [[1, 2], [3]], None),
    "a list and a word": ("rows", [[1, 2], "word"], None),
    "one list": ("rows", [[1, 2]], None),
    "lists of one": ("rows", [[1], [2]], None),
    "an empty list": ("rows", [], None),
    "empty objects": ("rows", [{}, {}], None),
    "words": ("rows", ["a", "b"], None),
    "columns and rows": ("x", {"columns": ["a", "b"], "rows": [[1, 2]]}, Payload.TABLE),
    "fields and values": ("x", {"fields": ["a"], "values": [1]}, Payload.TABLE),
    "columns alone": ("x", {"columns": ["a", "b"]}, None),
    "columns and no rows": ("x", {"columns": ["a", "b"], "rows": []}, None),
    "a count and rows": ("x", {"rowCount": 1, "rows": [ROW]}, Payload.RESULT_SET),
    "a command and rows": ("x", {"command": "SELECT", "rows": [[1]]}, Payload.RESULT_SET),
    "a count and words": ("x", {"rowCount": 1, "items": ["a"]}, None),
    "a search's hits": ("x", {"took": 1, "hits": {"total": 1, "hits": []}}, Payload.RESULT_SET),
    "hits that are a number": ("x", {"hits": {"hits": 7}}, None),
    "a response": ("x", {"statusCode": 200, "body": "text"}, Payload.RESPONSE),
    "a response with its headers": ("x", {"status": 404, "headers": {"a": "b"}}, Payload.RESPONSE),
    "a response without a body": ("x", {"status": 200, "body": ""}, None),
    "a status that is none": ("x", {"status": 7, "data": "x"}, None),
    "a status that is a word": ("x", {"status": "ok", "data": "x"}, None),
    "a status that is a truth": ("x", {"status": True, "data": "x"}, None),
    "data and errors of a query": ("x", {"data": {"a": 1}, "errors": [{"message": "x"}]}, Payload.RESPONSE),
    "data and no errors": ("x", {"data": {"a": 1}}, None),
    "settings": ("x", {"theme": "dark", "size": 3}, None),
}


@pytest.mark.parametrize(("name", "value", "shape"), CONTAINERS.values(), ids=CONTAINERS)
def test_returned_data_is_known_by_its_shape(name: str, value: Any, shape: Payload | None) -> None:
    assert shape_of_container(value, name) is shape


@pytest.mark.parametrize(("name", "value", "shape"), CONTAINERS.values(), ids=CONTAINERS)
def test_returned_data_is_known_by_its_shape_in_a_text_too(name: str, value: Any, shape: Payload | None) -> None:
    text = json.dumps({"a": [7, {name: value}]})
    seen = content(text).payload
    assert (seen[0] if seen else None) is shape
    assert seen is None or seen[1] == ("json",)
    twice = content(json.dumps(text)).payload
    assert (twice[0] if twice else None) is shape


TEXTS: dict[str, Payload | None] = {
    "ORA-00001: unique constraint violated": Payload.DATABASE_ERROR,
    'duplicate key value violates unique constraint "users_pkey"': Payload.DATABASE_ERROR,
    'relation "users" does not exist': Payload.DATABASE_ERROR,
    "Duplicate entry 'jane' for key": Payload.DATABASE_ERROR,
    "E11000 duplicate key error collection: x": Payload.DATABASE_ERROR,
    "Msg 2627, Level 14, State 1": Payload.DATABASE_ERROR,
    "Duplicate+entry+%27jane%27": Payload.DATABASE_ERROR,
    "id,name,total\n1,Ada,2\n2,Ben,3": Payload.DELIMITED,
    "a\tb\tc\n\n1\t2\t3\n4\t5\t6\n": Payload.DELIMITED,
    "<table><tr><td>1</td></tr><tr><td>2</td></tr></table>": Payload.MARKUP,
    "<rows><row a='1'/><row a='2'/></rows>": Payload.MARKUP,
    "<record/><record/>": Payload.MARKUP,
    "id,name\n1,Ada\n2,Ben": None,
    "one, two, three\nfour": None,
    "a, b, c\nd, e\nf, g, h": None,
    "<tr>": None,
    "a < b and c > d": None,
    "the relation does not exist": None,
    "a unique constraint": None,
    "[]": None,
    "[1, 2, 3]": None,
    "[not json at all]": None,
    "{not json at all}": None,
    '"just a word"': None,
    "[" * 2000 + "]" * 2000: None,
    "plain": None,
    "": None,
}


@pytest.mark.parametrize(("text", "shape"), TEXTS.items(), ids=[text[:40] for text in TEXTS])
def test_returned_data_is_known_in_texts(text: str, shape: Payload | None) -> None:
    found = content(text).payload
    assert (found[0] if found else None) is shape


def test_a_text_of_a_text_ends() -> None:
    text = "word"
    for _ in range(12):
        text = json.dumps(text)
    assert content(text).payload is None


# ---- queries -----------------------------------------------------------------------------------------------------------

QUERIES: dict[str, Query | None] = {
    "SELECT email FROM users WHERE id = 7": Query.SQL,
    "select * from users": Query.SQL,
    "SELECT name FROM users": Query.SQL,
    "select id, name from users where id = 1": Query.SQL,
    'select "first name" from users': Query.SQL,
    "select count(id) from users": Query.SQL,
    "INSERT INTO users (name) VALUES ('x')": Query.SQL,
    "update users set name = 'x'": Query.SQL,
    "delete from users where id = 1": Query.SQL,
    "DROP TABLE users;": Query.SQL,
    "x' union select password from users": Query.SQL,
    "SELECT+email+FROM+users+WHERE+id%3D7": Query.SQL,
    "db.users.find({ name: 'x' })": Query.MONGO,
    '{"$match": {"age": {"$gt": 5}}}': Query.MONGO,
    "query Users { users { name } }": Query.GRAPHQL,
    "{ users { name } }": Query.GRAPHQL,
    "function f(a) { return a }": Query.CODE,
    "(a) => { return a }": Query.CODE,
    "def f(a): return a": Query.CODE,
    "const a = 1": Query.CODE,
    "{{ Table1.selectedRow.id }}": Query.CODE,
    "Select the best from our offers": None,
    "select one from the list": None,
    "Select your plan from Settings.": None,
    "select a colour from blue to green": None,
    "please select. from here": None,
    "update your settings": None,
    "delete from basket": Query.SQL,
    "drop by the table": None,
    "a set of rows from a table": None,
    "it costs $5: in all": None,
    "{ not a query }": None,
    "https://app.example.test/select?from=users": None,
    "": None,
}


@pytest.mark.parametrize(("text", "kind"), QUERIES.items(), ids=QUERIES)
def test_queries_are_told_from_prose(text: str, kind: Query | None) -> None:
    found = content(text).query
    assert (found[0] if found else None) is kind


# ---- the short way -----------------------------------------------------------------------------------------------------

PLAIN_LIKE = st.lists(
    st.sampled_from(
        (
            *"abzAZ09._:/?&=~#!,*'-",
            "select",
            "SELECT",
            "from",
            "db.x.find",
            "ORA-00001",
            "http://",
            "=",
            "rows",
            "import",
            "def",
        )
    ),
    max_size=12,
).map("".join)


@many
@given(st.one_of(PLAIN_LIKE, st.sampled_from(SNIPPETS), st.text(max_size=20)))
def test_a_plain_text_needs_no_search(text: str) -> None:
    """The short way loses nothing: nothing is found in a plain text, decoded or not."""
    if is_plain(text):
        assert look(text) == NOTHING


def test_a_quotation_mark_that_is_never_closed_crashes_nothing() -> None:
    assert not content('"a,b,c\nd,e,f').payload


def test_a_large_event_is_searched_within_a_bound_and_says_so() -> None:
    """Decoding stops, what stands there in plain is found all the same, and nothing is called searched that was not."""
    noise = random.Random(4)
    texts = [base64.b64encode(noise.randbytes(6000)).decode() for _ in range(60)]
    found = list(search([*texts, "%20by nina.q@fabrikam-mail.com"]))
    assert [address.text for address, _ in found[-1].addresses] == ["nina.q@fabrikam-mail.com"]
    assert found[-1].gave_up
    assert found == list(search([*texts, "%20by nina.q@fabrikam-mail.com"]))


def test_what_no_bound_needs_is_decoded_whole() -> None:
    hidden = base64.b64encode(b"by nina.q@fabrikam-mail.com").decode()
    found = list(search(["a plain word or two"] * 2000 + [hidden]))
    assert [address.text for address, _ in found[-1].addresses] == ["nina.q@fabrikam-mail.com"]
    assert not any(content.gave_up for content in found)


def test_forms_that_were_seen_before_cost_something_too() -> None:
    budget = Budget()
    assert sum(1 for _ in forms("eyJhbGciOi." * 90_000, budget)) < 3_000
    assert budget.gave_up
