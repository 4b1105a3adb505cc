"""A value that was cut into pieces is found where the page shows nothing; what it shows elsewhere is taken for what it is."""

from __future__ import annotations

import base64

import pytest

from audit.policy.forms import Forms
from tests.conftest import Json, page_load
from tests.within import APPSMITH, auditor_of, event, policy_of

CODED = base64.b64encode(b"jane.doe@fabrikam-mail.com").decode()


def found(**changed: Json) -> list[tuple[str, str | None]]:
    """What is found of addresses in an event that the page does not list, each with its place."""
    value = page_load(event="User Signed Up", **changed)
    judged = event(auditor_of(APPSMITH), value)
    return [(finding.rule, finding.pointer) for finding in judged.findings if finding.rule == "email-address"]


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param({"a": "jane.doe@fabrikam", "b": "-mail.com"}, id="as it is"),
        pytest.param({"a": CODED[:18], "b": CODED[18:]}, id="encoded"),
    ],
)
def test_pieces_in_members_that_no_event_shows_are_put_together(pieces: Json) -> None:
    assert found(properties=pieces) == [("email-address", "/properties")]


def within_context(changed: Json) -> list[tuple[str, str | None]]:
    return found(context=changed)


def test_what_another_event_shows_at_a_place_is_no_piece() -> None:
    assert within_context({"library": {"name": "jane.doe", "version": "@fabrikam-mail.com"}}) == []
    assert within_context({"library": {"less": "jane.doe", "more": "@fabrikam-mail.com"}}) == [
        ("email-address", "/context/library")
    ]


def test_what_another_event_shows_in_another_form_may_be_a_piece() -> None:
    assert within_context({"ip": "jane.doe@fabrikam", "more": "-mail.com"}) == [("email-address", "/context")]


def test_what_is_shown_but_is_not_plain_may_be_a_piece() -> None:
    shown = {"name": "jane.doe@fabrikam", "more": "-mail.com"}
    assert within_context({"library": shown}) == [("email-address", "/context/library")]
    shown = {"name": CODED[:18], "version": CODED[18:]}
    assert within_context({"library": shown}) == [("email-address", "/context/library")]


def test_half_a_letter_is_in_no_form_that_is_shown() -> None:
    forms = Forms(policy_of(APPSMITH))
    assert forms.of(("context", "locale"), "de-DE") is not None
    assert forms.of(("context", "locale"), "\ud800") is None
    assert forms.of(("context", "colour"), "de-DE") is None
