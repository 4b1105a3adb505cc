"""What a change of a pack is, and how grave: the words of `policy diff`."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from audit.model import Json


class Severity(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    REVIEW = "review"
    NARROWING = "narrowing"

    @property
    def rank(self) -> int:
        return list(Severity).index(self)


class Proof(StrEnum):
    """How a change is known. `declared`: it stands in the pack's words, where no one event could show it."""

    WITNESS = "witness"
    UNPROVEN = "unproven"
    DECLARED = "declared"
    NOT_SOUGHT = "not sought"


class Change(NamedTuple):
    """One difference. `event`: whose schema it is; None: the pack's own words. `at`: a JSON Pointer or a key path."""

    severity: Severity
    kind: str
    event: str | None
    at: str
    said: str
    proof: Proof
    witness: Json = None


KINDS: Mapping[str, tuple[Severity, str]] = {
    "object-opened": (Severity.CRITICAL, "An object lets names through that the pack does not list."),
    "consent-loosened": (Severity.CRITICAL, "Events that needed an opt-in, or silence after an opt-out, no longer do."),
    "switch-removed": (Severity.CRITICAL, "The switch that turns telemetry off is gone."),
    "claim-removed": (Severity.CRITICAL, "A claim is no longer made."),
    "claim-weakened": (Severity.CRITICAL, "A claim is tested by less, or upheld by less."),
    "category-raised": (Severity.CRITICAL, "A field's data now point at an installation or a person."),
    "accepted": (Severity.HIGH, "What no event could hold is let through."),
    "event-added": (Severity.HIGH, "An event that was not documented."),
    "names-added": (Severity.HIGH, "Events of other names are let through by a described category."),
    "field-added": (Severity.HIGH, "A field that was not documented."),
    "value-added": (Severity.HIGH, "A constant or a list of values lets another value through."),
    "const-dropped": (Severity.HIGH, "A constant is gone."),
    "enum-dropped": (Severity.HIGH, "A list of values is gone."),
    "pattern-dropped": (Severity.HIGH, "A pattern is gone."),
    "pattern-changed": (Severity.HIGH, "Another pattern is asked."),
    "format-dropped": (Severity.HIGH, "A format is gone."),
    "format-changed": (Severity.HIGH, "Another format is asked."),
    "type-widened": (Severity.HIGH, "Values of another type are let through."),
    "alternative-added": (Severity.HIGH, "Another alternative is let through."),
    "cadence-shortened": (Severity.HIGH, "An event may come more often."),
    "cadence-dropped": (Severity.HIGH, "How often an event may come is no longer said."),
    "destination-added": (Severity.HIGH, "Another destination."),
    "email-allowed": (Severity.HIGH, "An e-mail address is allowed at another place."),
    "origin-added": (Severity.HIGH, "Another sender."),
    "switch-narrowed": (Severity.HIGH, "Telemetry is turned off by fewer values, or only after a restart."),
    "longer-text": (Severity.MEDIUM, "A text may be longer."),
    "more-items": (Severity.MEDIUM, "A list or an object may hold more."),
    "required-dropped": (Severity.MEDIUM, "A field may be absent."),
    "category-changed": (Severity.MEDIUM, "A field's data are of another category that points no further."),
    "time-loosened": (Severity.MEDIUM, "A tolerance, a grace or a flush window is longer."),
    "placeholder-added": (Severity.MEDIUM, "Another form of a value is only a warning now."),
    "bound-widened": (Severity.LOW, "A bound of a number or a lower bound of a size is wider."),
    "limit-changed": (Severity.LOW, "What a claim's answer cannot show is said in other words."),
    "category-lowered": (Severity.REVIEW, "A field's data are said to point less far: is that so?"),
    "not-understood": (Severity.REVIEW, "A change that this tool cannot judge."),
    "page-changed": (Severity.REVIEW, "The page reads otherwise."),
    "sample-changed": (Severity.REVIEW, "A sample of the page is another."),
    "words-changed": (Severity.REVIEW, "The pack says something else here."),
    "narrowed": (Severity.NARROWING, "Less is let through, or more is promised."),
}
"""Every kind of change with its severity and what it means."""


def change(kind: str, at: str, said: str, *, event: str | None = None) -> Change:
    """A change that the pack's own words show."""
    return Change(KINDS[kind][0], kind, event, at, said, Proof.DECLARED)
