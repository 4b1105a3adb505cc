"""Laws of `policy diff` over random closed schemas and random edits: nothing that NEW lets through goes untold."""

from __future__ import annotations

import json
import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from audit.authoring.diff_schema import Widening, widenings
from audit.authoring.diff_witness import covers, proves, refused, witness
from audit.model import PackStr
from audit.policy.pack import Documented, EventType
from audit.policy.validators import compile_validator
from tests import schemas

SEEDS = st.integers(0, 2**48)
DOCUMENTS = 40


def entry(schema: dict[str, Any]) -> EventType:
    none: frozenset[tuple[str | int, ...]] = frozenset()
    return EventType(
        PackStr("e"), "o", Documented.SAMPLE, schema, compile_validator(schema), {}, none, none, open=False
    )


def pair(seed: int) -> tuple[random.Random, EventType, EventType]:
    rng = random.Random(seed)
    before = schemas.schema(rng)
    return rng, entry(before), entry(schemas.edited(rng, before))


def told(changes: list[Widening]) -> str:
    return "\n".join(f"{change.kind} {change.path} {change.said}" for change in changes)


@settings(max_examples=500, deadline=None)
@given(SEEDS)
def test_what_new_lets_through_and_old_refused_is_told_at_every_place_where_old_refused_it(seed: int) -> None:
    rng, old, new = pair(seed)
    changes = widenings(old.schema, new.schema)
    for _ in range(DOCUMENTS):
        document = schemas.document(rng, dict(new.schema))
        if new.validator.is_valid(document):
            for place in refused(old, document):
                assert any(covers(change.path, place) for change in changes), (
                    f"{json.dumps(old.schema)}\n{json.dumps(new.schema)}\n{json.dumps(document)}\n{place}\n{told(changes)}"
                )


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_a_witness_is_let_through_by_new_and_refused_by_old_at_the_place(seed: int) -> None:
    _, old, new = pair(seed)
    for change in widenings(old.schema, new.schema):
        document = witness(change, old, new)
        if document is not None:
            assert new.validator.is_valid(document)
            assert not old.validator.is_valid(document)
            assert proves(change.path, document, old, new)


@settings(max_examples=150, deadline=None)
@given(SEEDS)
def test_a_schema_widens_nothing_over_itself_however_it_is_spelled(seed: int) -> None:
    schema = schemas.schema(random.Random(seed))
    again = {**json.loads(json.dumps(schema, sort_keys=True)), "title": "another", "$comment": "words only"}
    assert widenings(schema, again) == []
    assert widenings(schema, {"allOf": [schema], "$defs": schema.get("$defs", {})}) == []


def test_the_law_has_something_to_say() -> None:
    """Random edits do let documents through that were refused; a change that went untold would be seen."""
    seen = untold = 0
    for seed in range(300):
        rng, old, new = pair(seed)
        changes = widenings(old.schema, new.schema)
        for _ in range(DOCUMENTS):
            document = schemas.document(rng, dict(new.schema))
            if new.validator.is_valid(document) and refused(old, document):
                seen += 1
                untold += any(not any(covers(c.path, at) for c in changes[1:]) for at in refused(old, document))
    assert seen > 1000
    assert untold > 500
