"""What else a pack says: senders, consent, cadence, destinations, e-mail places, claims, the page. Compared word by word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from datetime import timedelta

from audit.authoring.diff_change import Change, change
from audit.model import Pointer
from audit.policy.pack import (
    CATEGORIES,
    AfterOptOut,
    Cadence,
    Claim,
    ConsentSwitch,
    EventType,
    Identifies,
    Leaf,
    Origin,
    Policy,
    Sufficient,
)
from audit.policy.page import fold
from audit.redact import duration

_REACH = (Identifies.NOBODY, Identifies.INSTALLATION, Identifies.PERSON)
_STRICT = (AfterOptOut.FORBIDDEN, AfterOptOut.AMBIGUOUS, AfterOptOut.ALLOWED)


def terms(old: Policy, new: Policy) -> Iterator[Change]:
    """Every change that stands in the pack's words and in no event's schema."""
    yield from _product(old, new)
    yield from _origins(old, new)
    yield from _switch(old, new)
    yield from _places(old, new)
    yield from _destinations(old, new)
    yield from _claims(old, new)
    yield from _page(old, new)


def _product(old: Policy, new: Policy) -> Iterator[Change]:
    if old.id != new.id:
        yield change("words-changed", "/id", f"a pack of another product: {old.id}, now {new.id}")
    if new.draft:
        yield change("words-changed", "/draft", "a draft: nobody has reviewed it")
    if old.envelope != new.envelope:
        names = [
            part.name
            for part in fields(old.envelope)
            if getattr(old.envelope, part.name) != getattr(new.envelope, part.name)
        ]
        yield change("not-understood", "/envelope", f"messages are built otherwise: {', '.join(names)}")


def _origins(old: Policy, new: Policy) -> Iterator[Change]:
    before, after = ({origin.name: origin for origin in pack.origins} for pack in (old, new))
    for name, origin in after.items():
        at = f"/origins/{name}"
        if name not in before:
            yield change("origin-added", at, f"another sender: {name}")
        else:
            yield from _origin(before[name], origin, at)
    for name in before.keys() - after.keys():
        yield change("words-changed", f"/origins/{name}", "this sender is no longer known: whose are its events now?")
    if [name for name in before if name in after] != [name for name in after if name in before]:
        yield change("words-changed", "/origins", "the order of senders, of which the first that fits is taken")


def _origin(old: Origin, new: Origin, at: str) -> Iterator[Change]:
    if old.match != new.match:
        yield change("words-changed", f"{at}/match", "its events are recognised otherwise")
    if old.consent is not new.consent:
        kind = "consent-loosened" if new.consent.value == "always" else "narrowed"
        yield change(kind, f"{at}/consent", f"{old.consent}, now {new.consent}")
    if old.after_opt_out is not new.after_opt_out:
        looser = _STRICT.index(new.after_opt_out) > _STRICT.index(old.after_opt_out)
        kind = "consent-loosened" if looser else "narrowed"
        yield change(kind, f"{at}/after_opt_out", f"{old.after_opt_out}, now {new.after_opt_out}")


def _switch(old: Policy, new: Policy) -> Iterator[Change]:
    was, now = old.consent, new.consent
    if was is not None and now is None:
        yield change("switch-removed", "/consent", "no switch turns telemetry off any more")
    elif was is None and now is not None:
        yield change("narrowed", "/consent", "a switch turns telemetry off")
    elif was is not None and now is not None:
        yield from _switches(was, now)


def _switches(was: ConsentSwitch, now: ConsentSwitch) -> Iterator[Change]:
    if was.env != now.env:
        yield change("words-changed", "/consent/env", f"another variable: {was.env}, now {now.env}")
    gone, fresh = set(was.off) - set(now.off), set(now.off) - set(was.off)
    if gone:
        yield change("switch-narrowed", "/consent/off", f"no longer turn it off: {', '.join(sorted(gone))}")
    if fresh:
        yield change("narrowed", "/consent/off", f"also turn it off: {', '.join(sorted(fresh))}")
    if was.needs_restart is not now.needs_restart:
        kind = "switch-narrowed" if now.needs_restart else "narrowed"
        yield change(kind, "/consent/needs_restart", "takes a restart" if now.needs_restart else "takes no restart")
    if dict(was.subjects) != dict(now.subjects):
        yield change("words-changed", "/consent/subjects", "whose choice an event falls under is read elsewhere")
    yield from _longer("/consent/grace", was.grace, now.grace)
    yield from _longer("/consent/flush_window", was.flush_window, now.flush_window)


def _longer(at: str, was: timedelta, now: timedelta, event: str | None = None) -> Iterator[Change]:
    if was != now:
        kind = "time-loosened" if now > was else "narrowed"
        yield change(kind, at, f"{duration(was)}, now {duration(now)}", event=event)


def _places(old: Policy, new: Policy) -> Iterator[Change]:
    before, after = ({(place.event, _pointer(place.pointer)) for place in pack.emails} for pack in (old, new))
    for event, pointer in sorted(after - before):
        yield change("email-allowed", pointer, "an e-mail address may stand here", event=event)
    for event, pointer in sorted(before - after):
        yield change("narrowed", pointer, "no e-mail address may stand here any more", event=event)
    for address in sorted(new.not_personal - old.not_personal):
        yield change("email-allowed", "/emails/not_personal", f"may stand anywhere: {address}")
    for address in sorted(old.not_personal - new.not_personal):
        yield change("narrowed", "/emails/not_personal", f"may no longer stand anywhere: {address}")


def _destinations(old: Policy, new: Policy) -> Iterator[Change]:
    before, after = ({item.purpose: item for item in pack.destinations} for pack in (old, new))
    for purpose, item in after.items():
        at = f"/destinations/{purpose}"
        was = before.get(purpose)
        if was is None:
            yield change("destination-added", at, f"for another purpose: {', '.join(item.hosts) or 'no host named'}")
            continue
        for host in sorted(set(item.hosts) - set(was.hosts)):
            yield change("destination-added", at, f"another host: {host}")
        for host in sorted(set(was.hosts) - set(item.hosts)):
            yield change("narrowed", at, f"no longer: {host}")
        if was.origin != item.origin:
            yield change("words-changed", at, f"sent by {was.origin or 'all'}, now by {item.origin or 'all'}")
    for purpose in sorted(before.keys() - after.keys()):
        yield change("narrowed", f"/destinations/{purpose}", "no longer named")


def _claims(old: Policy, new: Policy) -> Iterator[Change]:
    before, after = ({claim.id: claim for claim in pack.claims} for pack in (old, new))
    for name in sorted(before.keys() - after.keys()):
        yield change("claim-removed", f"/claims/{name}", f"no longer claimed: {_quote(before[name])}")
    for name in sorted(after.keys() - before.keys()):
        yield change("narrowed", f"/claims/{name}", f"claimed: {_quote(after[name])}")
    for name in sorted(before.keys() & after.keys()):
        yield from _claim(before[name], after[name], f"/claims/{name}")


def _claim(was: Claim, now: Claim, at: str) -> Iterator[Change]:
    if was == now:
        return
    for key, (weaker, stronger) in _weights(was, now).items():
        if weaker:
            yield change("claim-weakened", f"{at}/{key}", weaker)
        if stronger:
            yield change("narrowed", f"{at}/{key}", stronger)
    if was.origin != now.origin and was.origin is not None:
        yield change("words-changed", f"{at}/origin", f"about {was.origin}, now about {now.origin or 'all'}")
    if was.destination != now.destination:
        yield change("words-changed", f"{at}/destination", "about another destination")
    if was.sufficient != now.sufficient:
        yield from _sufficient(was, now, f"{at}/sufficient")
    if was.limit != now.limit:
        yield change("limit-changed", f"{at}/limit", now.limit or "no limit is said any more")
    if was.not_testable and now.not_testable and was.not_testable != now.not_testable:
        yield change("limit-changed", f"{at}/not_testable", now.not_testable)


def _weights(was: Claim, now: Claim) -> dict[str, tuple[str, str]]:
    """For each part of a claim, what is weaker and what is stronger; empty text: nothing."""
    lost_rules, more_rules = sorted(set(was.rules) - set(now.rules)), sorted(set(now.rules) - set(was.rules))
    words, fresh = ([q for q in a.quotes if q not in b.quotes] for a, b in ((was, now), (now, was)))
    untold, told = bool(now.not_testable and not was.not_testable), bool(was.not_testable and not now.not_testable)
    return {
        "rules": (_said("no longer tested by ", lost_rules), _said("also tested by ", more_rules)),
        "quotes": (_said("no longer quoted: ", words), _said("also quoted: ", fresh)),
        "exclusive": (
            _if(was.exclusive and not now.exclusive, "no longer says only"),
            _if(now.exclusive and not was.exclusive, "says only"),
        ),
        "reading": (
            _if(now.implied and not was.implied, "only implied now"),
            _if(was.implied and not now.implied, "said, no longer implied"),
        ),
        "not_testable": (_if(untold, "no longer tested"), _if(told, "tested")),
        "origin": (_if(was.origin is None and now.origin is not None, f"only about {now.origin} now"), ""),
    }


def _if(holds: bool, said: str) -> str:  # noqa: FBT001 - a condition beside its words
    return said if holds else ""


def _said(words: str, items: list[str]) -> str:
    return words + ", ".join(items) if items else ""


def _sufficient(was: Claim, now: Claim, at: str) -> Iterator[Change]:
    """Fewer asked: easier to uphold. Each new way to suffice must ask at least what some old one asked."""
    if any(not any(_asks_more(way, old) for old in was.sufficient) for way in now.sufficient):
        yield change("claim-weakened", at, "upheld by less")
    else:
        yield change("narrowed", at, "takes more to be upheld")


def _asks_more(now: Sufficient, was: Sufficient) -> bool:
    for part in fields(Sufficient):
        mine, theirs = getattr(now, part.name), getattr(was, part.name)
        if theirs in (None, False) or mine == theirs:
            continue
        if isinstance(mine, bool | str | None) or isinstance(theirs, bool | str) or mine < theirs:
            return False
    return True


def _page(old: Policy, new: Policy) -> Iterator[Change]:
    if fold(old.page) != fold(new.page):
        yield change("page-changed", "page.md", "the page reads otherwise: do the claims still say what it says?")
    before, after = ({sample.file: sample.value for sample in pack.samples} for pack in (old, new))
    for file in sorted(before.keys() | after.keys()):
        if before.get(file) != after.get(file):
            how = "no longer there" if file not in after else "new" if file not in before else "another text"
            yield change("sample-changed", file, how)


def event_terms(old_pack: Policy, new_pack: Policy, was: EventType, now: EventType, name: str) -> Iterator[Change]:
    """What the pack says of one event beside its schema."""
    if was.origin != now.origin:
        yield change("words-changed", "/origin", f"sent by {was.origin}, now by {now.origin}", event=name)
    if was.documented is not now.documented:
        said = f"documented by {was.documented}, now by {now.documented}"
        yield change("words-changed", "/documented", said, event=name)
    asked, asks = old_pack.opt_in(was, was.origin), new_pack.opt_in(now, now.origin)
    if asked != asks and (was.consent is not now.consent or was.origin != now.origin):
        kind = "narrowed" if asks else "consent-loosened"
        yield change(kind, "/consent", "needs an opt-in now" if asks else "opt-in, now always", event=name)
    yield from _cadence(was.cadence, now.cadence, name)
    yield from _leaves(was, now, name)


def _cadence(was: Cadence | None, now: Cadence | None, name: str) -> Iterator[Change]:
    if was is None or now is None:
        if now is None and was is not None:
            yield change("cadence-dropped", "/cadence", f"was every {duration(was.every)}", event=name)
        elif now is not None:
            yield change("narrowed", "/cadence", f"every {duration(now.every)}", event=name)
        return
    if was.every != now.every:
        kind = "cadence-shortened" if now.every < was.every else "narrowed"
        yield change(kind, "/cadence/every", f"{duration(was.every)}, now {duration(now.every)}", event=name)
    yield from _longer("/cadence/tolerance", was.tolerance, now.tolerance, name)
    yield from _longer("/cadence/retry", was.retry, now.retry, name)
    if was.subject != now.subject:
        yield change("words-changed", "/cadence/subject", "beats are told apart otherwise", event=name)


def _leaves(was: EventType, now: EventType, name: str) -> Iterator[Change]:
    for pointer, leaf in now.leaves.items():
        before = was.leaves.get(pointer)
        if before is not None:
            yield from _leaf(before, leaf, _pointer(pointer), name)


def _leaf(was: Leaf, now: Leaf, at: str, name: str) -> Iterator[Change]:
    if was.category != now.category:
        before, after = (_REACH.index(CATEGORIES[leaf.category]) for leaf in (was, now))
        kind = "category-raised" if after > before else "category-lowered" if after < before else "category-changed"
        yield change(kind, at, f"{was.category}, now {now.category}", event=name)
    if was.placeholder != now.placeholder:
        kind = "narrowed" if now.placeholder is None else "placeholder-added"
        yield change(kind, at, f"shown on the page as {now.placeholder or 'a value'}", event=name)


def _pointer(pointer: Pointer) -> str:
    return "".join("/" + str(token).replace("~", "~0").replace("/", "~1") for token in pointer)


def _quote(claim: Claim) -> str:
    text = fold(claim.quotes[0])
    return f'"{text if len(text) <= 80 else text[:77] + "..."}"'
