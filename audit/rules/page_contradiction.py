"""The page contradicts itself.

What: computed from the pack, without any capture. A claim about anonymity (one that is tested by this rule and by
`documented-identifier`) is contradicted by every sample of the page that shows an identifier of a person: an IP address,
a persistent id. Also told, as notes that contradict nothing by themselves: an e-mail place beside such a claim, an "only"
claim beside a documented destination of the same sender, a sentence that breaks off.

Why it matters: such a page cannot be kept, whatever the product sends.

Example: "strictly anonymous" beside a sample whose `userId` is an IP address.

Limits: a sample shows what the writer of the page pasted. It is evidence about the page, not about this capture.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from audit.model import Level, PackStr, Pointer, resolve
from audit.policy.pack import CATEGORIES, Claim, Identifies, Leaf, Policy, Sample
from audit.policy.page import broken_sentences
from audit.policy.validators import accepts
from audit.redact import a
from audit.rules.case import Facts, PageBreach, PageRule

_ITSELF = "telemetry"
"""The purpose of a destination that receives the events themselves: nothing beside them."""

_SHOWN = frozenset({"ip-address", "user-id", "device-id", "email"})
"""Identifiers whose very presence in a sample contradicts anonymity; a user agent alone does not."""


def check(policy: Policy) -> Iterator[PageBreach]:
    for claim in policy.claims:
        if {"page-contradiction", "documented-identifier"} <= set(claim.rules):
            for sample in policy.samples:
                yield from _in_sample(policy, claim, sample)
            for place in policy.emails:
                said = "the page allows an e-mail address here, beside this claim"
                yield PageBreach(claim.id, PackStr(place.event), place.pointer, said, {}, sample=False)
        if claim.exclusive and "undocumented-event" in claim.rules and claim.origin is not None:
            for purpose in (
                d.purpose for d in policy.destinations if d.origin == claim.origin and d.purpose != _ITSELF
            ):
                said = "the page says that nothing else is sent, and that the same sender fetches: {purpose}"
                yield PageBreach(claim.id, None, None, said, {"purpose": purpose}, sample=False)
    for sentence in broken_sentences(policy.page):
        yield PageBreach(
            "",
            None,
            None,
            "a sentence of the page breaks off: {sentence}",
            {"sentence": PackStr(sentence)},
            sample=False,
        )


def _in_sample(policy: Policy, claim: Claim, sample: Sample) -> Iterator[PageBreach]:
    for pointer, leaf in _leaves(policy, sample).items():
        value = resolve(sample.value, pointer)
        who = CATEGORIES[leaf.category]
        if value is None or leaf.category not in _SHOWN or who is not Identifies.PERSON:
            continue
        if not accepts(leaf.schema, value):
            continue  # a placeholder: the sample does not show the identifier itself
        said = "the page's own sample shows {category} here, which identifies {who}"
        facts: Facts = {"category": PackStr(a(leaf.category)), "who": PackStr(a(who.value))}
        yield PageBreach(claim.id, PackStr(sample.event), pointer, said, facts, sample=True)


def _leaves(policy: Policy, sample: Sample) -> Mapping[Pointer, Leaf]:
    entry = policy.events.get(sample.event)
    return {} if entry is None else dict(sorted(entry.leaves.items(), key=lambda item: tuple(map(str, item[0]))))


RULE = PageRule(
    id="page-contradiction",
    level=Level.NOTE,
    levels="note; a contradiction shown by a sample decides the claim",
    check=check,
    doc=__doc__,
)
