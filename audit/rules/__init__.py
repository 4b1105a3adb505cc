"""The rules in the order of reports. Adding one: a file here, a line below, a pair of fixtures."""

from __future__ import annotations

from audit.rules import (
    datasource_payload,
    documented_identifier,
    duplicate_key,
    email_address,
    invalid_value,
    missing_field,
    page_contradiction,
    query_text,
    undocumented_event,
    undocumented_field,
    unreadable_record,
)
from audit.rules.case import Rule

RULES: tuple[Rule, ...] = (
    undocumented_event.RULE,
    undocumented_field.RULE,
    invalid_value.RULE,
    missing_field.RULE,
    unreadable_record.RULE,
    duplicate_key.RULE,
    email_address.RULE,
    datasource_payload.RULE,
    query_text.RULE,
    documented_identifier.RULE,
    page_contradiction.RULE,
)

BY_ID = {rule.id: rule for rule in RULES}

NOT_YET = frozenset(
    {
        "duplicate-message", "known-identifier", "reidentified-hash", "canary", "secret", "personal-data",
        "event-without-opt-in", "event-after-opt-out", "late-delivery", "heartbeat-early", "heartbeat-missed",
        "clock-inconsistent", "undocumented-destination", "plaintext-transport", "egress",
    }
)  # fmt: skip
"""Rules that packs may name already and that this version does not run: every claim that needs one says so."""
