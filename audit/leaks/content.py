"""What a text holds, decoded up to three layers: addresses, credentials, personal numbers, returned data, queries.

Every rule about content asks here, so that a text is decoded once for all of them and remembered within a bound.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from audit.leaks.budget import Budget, bounds, remembering
from audit.leaks.decode import decoded
from audit.leaks.emails import Address, addresses_in
from audit.leaks.numbers import FoundPersonal, Personal
from audit.leaks.payload import Payload
from audit.leaks.payload_texts import payload_in
from audit.leaks.personal import personal_in
from audit.leaks.queries import Query, query_kind
from audit.leaks.room import is_encoded, is_plain, not_plain, stands_bare
from audit.leaks.secrets import ISSUED, FoundSecret, is_surely_called, secrets_in
from audit.leaks.texts import JOINED, joined, turned
from audit.leaks.tokens import Secret
from audit.leaks.views import View
from audit.model import Grade

Path = tuple[str, ...]
_LONG = 4096
_HUGE = 131_072
_COST = 750_000
_EACH = 100
LARGE = 8192
"""An event with more letters than that is searched as one with very many texts is."""

MANY = 300
"""How many texts of one event are decoded; an event with no more texts than that is searched whole."""

_PART = (4, 15)
"""A text may take this part of the forms and bytes of its event, rounded up."""
_TURNS = frozenset({"reversed", "rot13"})
_SURE = frozenset({Personal.PHONE, Personal.IBAN, Personal.PLACE})
"""Numbers whose form no turned text has by chance."""

_KEPT_TOGETHER = ISSUED | {Secret.CONNECTION, Secret.BASIC}
"""Credentials that no word at the end of one line makes with the first of the next."""

_CARRIERS = frozenset({"base64", "base32", "base58", "hex", "lz-string"})
_ERRORS = frozenset({Payload.DATABASE_ERROR, Payload.QUOTING_ERROR})
_UNWRAPS = _CARRIERS | {"entities", "escape", "quoted-printable"}
"""Steps behind which a number did not stand in the text before."""

_USUAL = frozenset(
    "com net org edu gov io co uk de fr it es nl eu us ca au jp cn in br ru ch se pl at info biz dev app me test "
    "dk cz pt nz mx za kr tr hu sk sg ie gr ua cl".split()
)


class Content(NamedTuple):
    """Everything found in one text, each with the decoding path. `gave_up`: some form of it was not looked at. `cost`:
    what decoding it took, in letters."""

    addresses: tuple[tuple[Address, Path], ...] = ()
    secrets: tuple[tuple[FoundSecret, Path], ...] = ()
    personal: tuple[tuple[FoundPersonal, Path], ...] = ()
    payload: tuple[Payload, Path] | None = None
    query: tuple[Query, Path] | None = None
    gave_up: bool = False
    cost: int = 0


NOTHING = Content()
UNKNOWN = Content(gave_up=True)


def content(text: str) -> Content:
    """What one text holds. Long texts are remembered one at a time only."""
    return _content(text) if len(text) <= _LONG else _content_of_long(text)


@remembering
@lru_cache(maxsize=8192)
def _content(text: str) -> Content:
    return NOTHING if is_plain(text) else look(text)


_ADDRESS = re.compile(r"[a-z0-9]{1,24}(?:[._-][a-z0-9]{1,24}){0,3}@[a-z0-9-]{1,40}(?:\.[a-z]{2,12}){1,3}")


def is_mere_address(text: str) -> bool:
    """Whether a text has the form of an e-mail address, the simplest one, and nothing else can stand in it."""
    return _ADDRESS.fullmatch(text) is not None and is_plain(text.replace("@", "/"))


@remembering
@lru_cache(maxsize=16)
def _content_of_long(text: str) -> Content:
    return look(text)


def pieced(text: str) -> Content:
    """What texts put together hold: no shapes of returned data and no queries."""
    return _pieced(text) if len(text) <= _LONG else look(text, whole=False)


@remembering
@lru_cache(maxsize=1024)
def _pieced(text: str) -> Content:
    return NOTHING if is_plain(text) else look(text, whole=False)


def look(text: str, *, whole: bool = True) -> Content:
    """The search itself, without the short way and the memory. `whole`: shapes and queries too."""
    if len(text) > _HUGE:
        return _look_at_huge(text)
    if is_mere_address(text) and (found := tuple(_addresses((View(text, ()),)))):
        return Content(found)
    return _looked(text, encoded=_is_encoded(text), whole=whole)


def _looked(text: str, *, encoded: bool, whole: bool = True) -> Content:
    budget = _part()
    views = tuple(decoded(text, budget) if encoded else _as_it_stands(text))
    found = _in(views, gave_up=budget.gave_up, whole=whole)
    spent = _part()
    return found._replace(cost=spent.size - budget.size + _EACH * (spent.views - budget.views))


def _is_encoded(text: str) -> bool:
    """Whether a text may stand for another one, be it in pieces."""
    return is_encoded(text) or any(is_encoded(whole) for _, whole in joined(text))


def _part() -> Budget:
    """What one text may take of the forms and bytes of its event."""
    views, size = bounds()
    return Budget(views=-(-views * _PART[0] // _PART[1]), size=-(-size * _PART[0] // _PART[1]))


def _in(views: tuple[View, ...], *, gave_up: bool, whole: bool = True) -> Content:
    views = tuple(view for view in views if view.path.count("rot13") < 2)  # turned back it reads half decoded
    straight = [view for view in views if not _is_turned(view.path)]
    shaped = [view for view in straight if "lines" not in view.path] if whole else []
    return Content(
        addresses=tuple(_addresses(views)),
        secrets=tuple(_first(_secrets(views))),
        personal=tuple(_first(_personal(views))),
        payload=next(((shape[0], (*v.path, *shape[1])) for v in shaped if (shape := payload_in(v.text))), None)
        or (_turned_payload(views) if whole else None),
        query=next(((kind, v.path) for v in shaped if (kind := query_kind(v.text)) is not None), None),
        gave_up=gave_up,
    )


def _turned_payload(views: Iterable[View]) -> tuple[Payload, Path] | None:
    """Returned data in turned text. Objects stay objects where letters are shifted, with names that mean nothing; errors
    and what is read backwards come by no chance."""
    for view in views:
        shape = payload_in(view.text) if _is_turned(view.path) and len(view.text) <= _LONG else None
        if shape is not None and (
            shape[0] in _ERRORS or "rot13" not in view.path or not _is_turned(view.path, _UNWRAPS)
        ):
            return shape[0], (*view.path, *shape[1])
    return None


def search(texts: Iterable[str], one: Callable[[str], Content] = content) -> Iterator[Content]:
    """What each of an event's texts holds. Where an event has very many, or much in them, only the first encoded ones
    are decoded. `one`: how a text of the others is searched."""
    asked = tuple(texts)
    if len(asked) <= MANY and sum(map(len, asked)) <= LARGE:
        return map(one, asked)
    return iter(_search(asked))


@remembering
@lru_cache(maxsize=2)
def _search(texts: tuple[str, ...]) -> tuple[Content, ...]:
    """Of a large event, once for all rules."""
    found = dict.fromkeys(texts, NOTHING)
    odd = not_plain(found)
    left, cost = MANY, _COST
    for text in (text for text in found if text in odd):
        if len(text) > _HUGE or not is_encoded(text):
            found[text] = look(text)
        elif left > 0 and cost > 0:
            found[text] = _looked(text, encoded=True)
            left, cost = left - 1, cost - found[text].cost
        else:
            found[text] = UNKNOWN if stands_bare(text) else _in((View(text, ()),), gave_up=True)
    return tuple(found[text] for text in texts)


_BACKWARDS = re.compile(
    r"[0-9](?:[ ()./_-]{0,2}[0-9]){6,14}\+(?![\w(])"
    r"|(?<![A-Za-z0-9])(?:[0-9] ?){8,24}(?:[A-Z] ?){0,4}[0-9]{2}[A-Z]{2}(?![A-Za-z0-9])"
    r"|(?<![A-Za-z0-9])[A-Z]{2}[0-9]{2}(?:[ -]?[A-Z0-9]{4}){3,7}"
)


def _as_it_stands(text: str) -> Iterator[View]:
    """A text that shows no encoding: it may be in pieces, and where an `@` stands in it without an address, or what may be a
    number to call or of an account backwards, turned."""
    yield View(text, ())
    yield from (View(whole, (name,)) for name, whole in joined(text))
    if _BACKWARDS.search(text) is not None or ("@" in text and next(addresses_in(text), None) is None):
        yield from (View(form, (name,)) for name, form in turned(text, ""))


def _look_at_huge(text: str) -> Content:
    """As it stands only, and numbers and queries only at its beginning: a gap, whatever is found."""
    head = View(text[:_HUGE], ())
    kind = query_kind(head.text)
    shape = payload_in(head.text)
    return Content(
        addresses=tuple(_addresses((View(text, ()),))),
        secrets=tuple(_first(_secrets((View(text, ()),)))),
        personal=tuple(_first((p, ()) for p in personal_in(head.text))),
        payload=shape,
        query=None if kind is None else (kind, ()),
        gave_up=True,
    )


def _first(found: Iterable[tuple[FoundSecret, Path]] | Iterable[tuple[FoundPersonal, Path]]) -> Iterator:  # type: ignore[type-arg]  # of whichever kind it was given
    """Each kind once, as the shallowest form shows it."""
    kinds = set()
    for what, path in found:
        if what.kind not in kinds:
            kinds.add(what.kind)
            yield what, path


@lru_cache(maxsize=4096)
def _is_turned(path: Path, carriers: frozenset[str] = _CARRIERS) -> bool:
    """Whether a text may read as it does because it was turned: what letters carried behind that is no chance."""
    last = max((at for at, step in enumerate(path) if step in _TURNS), default=-1)
    return last >= 0 and carriers.isdisjoint(path[last:])


def _secrets(views: Iterable[View]) -> Iterator[tuple[FoundSecret, Path]]:
    for view in views:
        if _is_turned(view.path) and not is_surely_called(view.text):
            kinds = ISSUED | {Secret.CONNECTION} if "rot13" not in view.path else ISSUED
        else:
            kinds = _KEPT_TOGETHER if "lines" in view.path else frozenset(Secret)
        yield from ((s, view.path) for s in secrets_in(view.text) if s.kind in kinds)


def _personal(views: Iterable[View]) -> Iterator[tuple[FoundPersonal, Path]]:
    """In pieces put together and in turned text only what hardly comes by chance: numbers stand one below the other, too."""
    for view in views:
        turned, loose = _is_turned(view.path, _UNWRAPS), not {"markup", "lines"}.isdisjoint(view.path)
        for found in personal_in(view.text):
            listed = found.kind is Personal.IP and "lines" in view.path
            if (
                not listed
                and (not turned or found.kind in _SURE)
                and (not (turned or loose) or found.grade is Grade.STRONG)
            ):
                yield found, view.path


def _addresses(views: Iterable[View]) -> Iterator[tuple[Address, Path]]:
    """Each address once. One that ends like a known one is its tail: `jane+tag@` reads `tag@` where `+` is a space.
    Turned text, and pieces put together, count where straight text shows no address, and under the domains that most
    addresses have."""
    seen: set[str] = set()
    for by_turning in (False, True):
        if by_turning and seen:
            return
        for view in views:
            if by_turning is (not _is_turned(view.path) and JOINED.isdisjoint(view.path)):
                continue
            for address in addresses_in(view.text):
                if by_turning and address.text.rpartition(".")[2] not in _USUAL:
                    continue
                if not any(known.endswith(address.text) or _is_garbled(address.text, known) for known in seen):
                    seen.add(address.text)
                    yield address, view.path


def _is_garbled(address: str, known: str) -> bool:
    """Whether an address is a known one whose first letters were read wrongly, of which other scripts come."""
    if address.isascii() or not known.isascii() or len(address) > len(known) + 2:
        return False
    tail = re.sub(r"\A.*[^\x00-\x7f]", "", address)
    return len(tail.partition("@")[0]) >= 3 and known.endswith(tail)


def has_address(text: str) -> bool:
    """Whether the search of a text finds an address, or gives up. Like its sisters below: the suspicion of a rule."""
    found = content(text)
    return bool(found.addresses) or found.gave_up


def has_secret(text: str) -> bool:
    return bool(content(text).secrets)


def has_personal(text: str) -> bool:
    return bool(content(text).personal)


def has_payload(text: str) -> bool:
    return content(text).payload is not None


def has_query(text: str) -> bool:
    return content(text).query is not None


def tells_somebody(name: str) -> bool:
    """Whether a name is itself what is looked for, and must not be shown."""
    found = content(name)
    return bool(found.addresses or found.secrets or found.personal)
