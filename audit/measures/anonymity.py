"""What the claim of anonymity is measured by: identifiers, how long they persist, and how many subjects share attributes.

Only documented fields are measured, since only they have a category. A value is never kept: what goes into the tally is a
digest keyed by the pack, the same in every process, and of each field the smallest ones only. The same value has the same
digest wherever it stands, so that kept parts of two fields can be compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from itertools import combinations

from audit.model import Json, Pointer, resolve
from audit.policy.pack import CATEGORIES, EventType, Identifies, Policy
from audit.rules.case import field_text
from audit.sketch import CrowdKey, Distinct, Trace, TraceKey
from audit.tally import Tally

_RECENT = 50_000
"""Texts whose digest is known, and visits that are counted already: kept in this process alone."""

SUBJECTS = ("user-id", "device-id", "installation-id", "email")
"""What tells subjects apart, the most personal first: the first that an event holds is its subject."""
ATTRIBUTES = ("ip-address", "user-agent", "locale", "device")
"""What subjects may share, and what still tells them apart in combination."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """The fields of one event type that matter here."""

    traced: tuple[tuple[TraceKey, Pointer], ...]
    subjects: tuple[Pointer, ...]
    attributes: tuple[tuple[str, Pointer], ...]


@dataclass(slots=True)
class Anonymity:
    """Attends events, whichever lane read them; what it counts goes into the tally."""

    policy: Policy
    key: bytes = field(init=False)
    plans: dict[int, _Plan] = field(default_factory=dict)
    digests: dict[str, int] = field(default_factory=dict)
    owner: Tally | None = None
    joined: set[tuple[object, ...]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.key = blake2b(f"anonymity {self.policy.sha256}".encode(), digest_size=32).digest()
        for entry in (*self.policy.events.values(), *(category.type for category in self.policy.categories)):
            self.plans[id(entry)] = _plan(entry)

    def attend(self, entry: EventType | None, value: dict[str, Json], when: datetime | None, tally: Tally) -> None:
        """Count the identifiers and attributes of one event. `when`: its arrival."""
        plan = self.plans.get(id(entry)) if entry is not None else None
        if plan is None or entry is None:
            return
        once = Trace(1, when, when)
        for key, pointer in plan.traced:
            found = self.digest(resolve(value, pointer))
            if found is not None:
                tally.trace(key, found, once)
        subject = next((d for p in plan.subjects if (d := self.digest(resolve(value, p))) is not None), None)
        if subject is not None:
            held = {name: d for name, p in plan.attributes if (d := self.digest(resolve(value, p))) is not None}
            self._visit(entry.origin, subject, held, tally)

    def _visit(self, origin: str, subject: int, held: Mapping[str, int], tally: Tally) -> None:
        """Count the subject with its attributes, unless this tally has that already."""
        if self.owner is not tally or len(self.joined) >= _RECENT:
            self.owner = tally
            self.joined.clear()
        visit = (origin, subject, *held.items())
        if visit not in self.joined:
            self.joined.add(visit)
            self._join(origin, subject, held, tally)

    def _join(self, origin: str, subject: int, held: Mapping[str, int], tally: Tally) -> None:
        """Count the subject into the crowd of each combination of its attributes."""
        for size in range(1, len(held) + 1):
            for names in combinations(held, size):
                key = CrowdKey(origin, names)
                tally.people.setdefault(key, Distinct()).add(subject)
                tally.join(key, self._of(b"".join(held[name].to_bytes(8, "big") for name in names)), (subject,))

    def digest(self, value: Json) -> int | None:
        """The keyed digest of a value; None for what identifies nobody: absent, empty, or no single value."""
        if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
            return None
        text = value if isinstance(value, str) else f"#{value:x}"
        found = self.digests.get(text)
        if found is None:
            found = self._of(text.encode("utf-8", "surrogatepass"))
            if len(text) <= 512:
                if len(self.digests) >= _RECENT:
                    self.digests.clear()
                self.digests[text] = found
        return found

    def _of(self, data: bytes) -> int:
        return int.from_bytes(blake2b(data, digest_size=8, key=self.key).digest(), "big")


def _plan(entry: EventType) -> _Plan:
    leaves = {p: leaf for p, leaf in entry.leaves.items() if "*" not in p and not leaf.transport}
    by_category = {name: [p for p, leaf in leaves.items() if leaf.category == name] for name in CATEGORIES}
    traced = tuple(
        (TraceKey(name, entry.origin, entry.name, field_text(pointer)), pointer)
        for name, pointers in by_category.items()
        if CATEGORIES[name] is not Identifies.NOBODY
        for pointer in pointers
    )
    subjects = tuple(pointer for name in SUBJECTS for pointer in by_category[name])
    attributes = tuple((name, by_category[name][0]) for name in ATTRIBUTES if by_category[name])
    return _Plan(traced, subjects, attributes)
