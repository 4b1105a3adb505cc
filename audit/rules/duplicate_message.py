"""One message id that stands on more than one message.

What: messages with the same id, over the whole capture, exactly. Where they differ in nothing but what a second delivery
may change (times of sending and arrival, the address seen, transport members), it is a retry and a note. Where their
content differs, it is an error.

Why it matters: collectors drop the second message with an id. Whoever hides one message behind another's id hides it from
the vendor's own counts too.

Example: a batch resent after a time-out (a note); two events with one id and different properties (an error).

Limits: it counts for the requirement `one-id-one-message`, no sentence of the page speaks of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from audit.model import Level
from audit.policy.pack import Policy
from audit.rules.case import TimelineBreach, TimelineRule
from audit.rules.timelines import MESSAGES


def conclude(policy: Policy, marks: Iterable[bytes]) -> Iterator[TimelineBreach]:
    pointer = policy.envelope.id or ()
    for _, found in groupby(marks, key=lambda mark: mark[:16]):
        same = sorted(found, key=lambda mark: mark[24:])
        first = same[0]
        for mark in same[1:]:
            if mark[16:24] == first[16:24]:
                yield TimelineBreach(
                    None, None, pointer, "the same message once more: a retry", {}, Level.NOTE, mark[24:]
                )
            else:
                said = "the id of an earlier message, with other content"
                yield TimelineBreach(None, None, pointer, said, {}, Level.ERROR, mark[24:])


RULE = TimelineRule(
    id="duplicate-message",
    level=Level.NOTE,
    levels="note; error where the content differs",
    timeline=MESSAGES,
    conclude=conclude,
    doc=__doc__,
)
