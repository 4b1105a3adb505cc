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

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter

from audit.model import Level, Pointer
from audit.policy.pack import Policy
from audit.rules.case import TimelineBreach, TimelineRule
from audit.rules.timelines import MESSAGES


def conclude(policy: Policy, marks: Iterable[bytes]) -> Iterator[TimelineBreach]:
    pointer = policy.envelope.id or ()
    for _, found in groupby(marks, key=_ID):
        same = sorted(found, key=_PLACE)
        if len(same) > 1:
            yield from _one_id(pointer, same)


_ID, _CONTENT, _PLACE = itemgetter(slice(16)), itemgetter(slice(16, 24)), itemgetter(slice(24, None))


def _one_id(pointer: Pointer, same: list[bytes]) -> Iterator[TimelineBreach]:
    """What is delivered most often (of these, first) is the message; the counts do not depend on the order of the capture."""
    contents = [*map(_CONTENT, same)]
    message = contents[0]
    if contents.count(message) < len(contents):
        counts = Counter(contents)
        message = max(counts, key=counts.__getitem__)  # of equals, the first inserted: the earliest place
    retries = 0
    for mark, content in zip(same, contents, strict=True):
        if content != message:
            yield TimelineBreach(
                None, None, pointer, "an id of another message, with other content", {}, Level.ERROR, mark[24:]
            )
        elif retries:
            yield TimelineBreach(None, None, pointer, "the same message once more: a retry", {}, Level.NOTE, mark[24:])
        retries += content == message


RULE = TimelineRule(
    id="duplicate-message",
    level=Level.NOTE,
    levels="note; error where the content differs",
    timeline=MESSAGES,
    conclude=conclude,
    doc=__doc__,
)
