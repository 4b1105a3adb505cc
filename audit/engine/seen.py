"""What the judge goes by, and what it says: counts of the captures, verdicts with their reasons, and how both are worded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from audit.engine.contacts import CONTENT_RULES
from audit.engine.destinations import Host, together
from audit.engine.observed import Rhythm
from audit.leaks.seeds import SeedList
from audit.model import UNKNOWN, Gap, Level, Verdict
from audit.policy.consent import ConsentTable
from audit.policy.pack import Claim, EventType
from audit.rules.case import PageBreach
from audit.tally import Tally

EVENT_GAPS = (Gap.UNREADABLE,)
HEARTBEAT_RULES = frozenset({"heartbeat-early", "heartbeat-missed"})
CONSENT_RULES = frozenset({"event-without-opt-in", "event-after-opt-out", "late-delivery"})
TIMED_RULES = HEARTBEAT_RULES | CONSENT_RULES
CONTACT_RULES = frozenset({"undocumented-destination", "plaintext-transport", "egress"})
SEARCHING_RULES = CONTENT_RULES | {"query-text"}
"""Rules that find nothing in what the search gave up on."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """A claim's or requirement's outcome, with everything that is said about it."""

    id: str
    verdict: Verdict
    looked_at: int
    unit: str
    broken: int
    rules: Mapping[str, int]
    reason: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the capture holds, as claims ask for it."""

    tally: Tally
    page: tuple[PageBreach, ...]
    overflowed: frozenset[str]
    rhythms: Mapping[str, Rhythm]
    consent: ConsentTable | None = None
    reached: tuple[Host, ...] = ()
    cadenced: tuple[EventType, ...] = ()
    filtered: bool = False
    unseen: int = 0
    """Unreadable units of what is no log, which may have shown destinations."""
    listed: SeedList | None = None
    traffic: bool = False
    """Whether a capture is of traffic, be there nothing in it."""

    @property
    def events(self) -> int:
        return self.tally.origins.total()

    @property
    def window(self) -> timedelta:
        """How long the captures lasted: the logs as one, each other by itself, since between two nobody watched."""
        return together(self.tally.lived)

    @property
    def watched(self) -> bool:
        """Whether the captures could show destinations at all."""
        return bool(self.tally.contacts or self.tally.watches)

    def contacts(self, purpose: str | None) -> int:
        """Contacts made for a purpose; for none in particular, all."""
        return (
            self.tally.contacts
            if purpose is None
            else sum(host.total.contacts for host in self.reached if host.purpose == purpose)
        )

    def named(self, event: str) -> int:
        return sum(n for key, n in self.tally.events.items.items() if key.name == event and not key.undocumented)

    def owned(self, claim: Claim, level: Level, *, sure: bool) -> Counter[str]:
        """Findings of a claim's rules, by rule. `sure`: not those whose unknown origin another claim could own."""
        found: Counter[str] = Counter()
        for (rule, at, origin), number in self.tally.totals.items():
            if (
                at is level
                and claim.owns(rule, origin)
                and not (sure and claim.origin is not None and origin == UNKNOWN)
            ):
                found[rule] += number
        return found


def counted(rules: Counter[str], one: str, many: str) -> str:
    total = rules.total()
    parts = ", ".join(
        f"{number:,} {rule}" for rule, number in sorted(rules.items(), key=lambda item: (-item[1], item[0]))
    )
    return f"{plural(total, 'finding')} {one if total == 1 else many}: {parts}"


def plural(number: int, noun: str) -> str:
    """`1 event`, `2 events`, `no event`; a noun with its rest (`event of the server`) takes its s on the first word."""
    head, space, rest = noun.partition(" ")
    if number == 1:
        return f"1 {noun}"
    return f"{number:,} {head}s{space}{rest}" if number else f"no {noun}"
