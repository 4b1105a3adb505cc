"""Forms of leaks beside what only looks like them: each pair is one that is found and one that is not."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.conftest import page_load
from tests.within import APPSMITH, auditor_of, event

CONTENT = frozenset({"email-address", "secret", "personal-data", "datasource-payload", "query-text"})


def rules_of(properties: dict[str, Any]) -> set[str]:
    """The content rules that accuse an event with these undocumented members."""
    return {found.rule for found in event(auditor_of(APPSMITH), page_load(properties=properties)).findings} & CONTENT


@pytest.mark.parametrize(
    ("found", "silent"),
    [
        ({"cell": "0151 23456789"}, {"cell": "39/06/2020 08:00"}),
        ({"phone": "458 950 890"}, {"cell": "458 950 890"}),
        ({"mobile": "0176-12345678"}, {"mobile": "09.12.1996"}),
        ({"fax": "030 12345678"}, {"fax": "1993-10-23"}),
        ({"tel": "01 42 68 53 00"}, {"tel": "14 03 27 07 23"}),
        ({"tel": "+49 151 23456789"}, {"tel": "20151012000330"}),
        ({"msisdn": "4915123456789"}, {"msisdn": 1612621668000}),
        ({"x": "call 0151 23456789"}, {"x": "call 14.02.2021 11"}),
    ],
)
def test_a_number_to_call_is_no_date_and_no_measure(found: dict[str, Any], silent: dict[str, Any]) -> None:
    assert rules_of(found) == {"personal-data"}
    assert rules_of(silent) == set()


@pytest.mark.parametrize(
    ("rule", "found", "silent"),
    [
        ("personal-data", "2a01:4f8:c17:b8f::2", "ce:1d:0c:31:ac:0b:5d:60"),
        ("email-address", '{"v": "jane@acme-mail.co"}', '{"v": "@model.co"}'),
        ("email-address", '"jane doe"@acme-mail.co', '"jane" and "@acme-mail.co"'),
    ],
)
def test_a_form_is_told_from_its_look_alike(rule: str, found: str, silent: str) -> None:
    assert rules_of({"x": found}) == {rule}
    assert rules_of({"x": silent}) == set()


def test_what_a_name_says_of_a_password_is_none() -> None:
    assert rules_of({"password": "1FC64F39-4C6A-49DA-867E"}) == {"secret"}
    assert rules_of({"password_length": "1FC64F39-4C6A-49DA-867E"}) == set()


def test_letters_that_are_broken_into_very_many_lines_are_read_whole() -> None:
    """Each line by itself could be something as well: they must not use up what may be tried."""
    text = base64.b64encode(
        "".join(f"\\x{byte:02x}" for byte in b"mail of jane.doe@acme-mail.co " * 4).encode()
    ).decode()
    lines = "\n".join(text[at : at + 12] for at in range(0, len(text), 12))
    assert rules_of({"x": lines}) == {"email-address"}
