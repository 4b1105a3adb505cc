"""The rules in the order of reports. Adding one: a file here, a line below, a pair of fixtures."""

from __future__ import annotations

from audit.rules import (
    canary,
    clock_inconsistent,
    datasource_payload,
    documented_identifier,
    duplicate_key,
    duplicate_message,
    egress,
    email_address,
    event_after_opt_out,
    event_without_opt_in,
    heartbeat_early,
    heartbeat_missed,
    invalid_value,
    known_identifier,
    late_delivery,
    missing_field,
    page_contradiction,
    personal_data,
    plaintext_transport,
    query_text,
    reidentified_hash,
    secret,
    undocumented_destination,
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
    duplicate_message.RULE,
    email_address.RULE,
    known_identifier.RULE,
    reidentified_hash.RULE,
    canary.RULE,
    datasource_payload.RULE,
    query_text.RULE,
    secret.RULE,
    personal_data.RULE,
    documented_identifier.RULE,
    event_without_opt_in.RULE,
    event_after_opt_out.RULE,
    late_delivery.RULE,
    heartbeat_early.RULE,
    heartbeat_missed.RULE,
    clock_inconsistent.RULE,
    undocumented_destination.RULE,
    plaintext_transport.RULE,
    egress.RULE,
    page_contradiction.RULE,
)

BY_ID = {rule.id: rule for rule in RULES}

NOT_YET = frozenset[str]()
"""Rules that packs may name already and that this version does not run: every claim that needs one says so."""
