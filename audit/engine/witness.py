"""What consent claims need to know beside breaches: which subjects there are, and when they were active."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from hashlib import blake2b

from audit.model import Json, Times
from audit.policy.consent import EVERYONE, ConsentTable
from audit.policy.pack import EventType, Policy
from audit.tally import BUCKET, EPOCH, Tally
from audit.tally.bounds import Act, ActKey


@dataclass(frozen=True, slots=True)
class Witness:
    """Attends every event of a capture for which consent is given."""

    policy: Policy
    consent: ConsentTable

    def attend(self, entry: EventType | None, origin: str, value: dict[str, Json], times: Times, tally: Tally) -> None:
        """Note the event's subject, and where it is an opt-in event, when it arrived."""
        subject = self.policy.subject_of(origin, value)
        if subject is not None:
            tally.met(origin, blake2b(subject.encode("utf-8", "surrogatepass"), digest_size=8).digest())
            if subject in self.consent.changes:
                tally.seen.add(subject)
        if times.arrived is None or not self.policy.opt_in(entry, origin):
            return
        for name in {EVERYONE, subject} if subject in self.consent.changes else {EVERYONE}:
            changes = self.consent.changes.get(name or EVERYONE, ())
            change = bisect_right(changes, times.arrived, key=lambda c: c.at)
            key = ActKey(name or EVERYONE, change, (times.arrived - EPOCH) // BUCKET)
            tally.act(key, Act(1, times.arrived, times.arrived))
