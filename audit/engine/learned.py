"""The lane before the fast lane: lines like those already proved, without reading them as JSON.

A line with its digits masked is known again among the lines of a log. One of them was proved clean the long way; of the
others only what stands under the mask is asked: whether ids spell something, times exist and agree, and other values are
known as harmless. Law, property-tested: it takes no line that the fast lane would not prove, and leaves the same behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from operator import contains
from typing import Any, NamedTuple, cast

import numpy as np
import orjson
from numpy.typing import NDArray

from audit.engine.fast import FastLane, Plan, Proved
from audit.engine.instants import TIMES, Kind, Numbers, Table
from audit.engine.template import Listing, Spot, Teacher, Template, cuts
from audit.leaks.content import is_mere_address
from audit.leaks.runs import Places, pick, runs, suspects
from audit.model import Pointer
from audit.policy.pack import Policy
from audit.policy.validators import compile_validator
from audit.rules.timelines import MESSAGES, Delivery

_TEMPLATES = 1_024
_LONGEST = 8_192
_MET = 50_000
_OFTEN = 3
"""A mask that was met so often is learned: most that were met once are not met again."""

_ADDRESSES = 4
"""So many texts with addresses are masked in a line."""

_KNOWN = 1_024
_SHORT = 256
_NOTHING = object()
_RESTS = 32

_PIECE = 256
"""How many lines are masked at once: enough for vectors, few enough for the processor's cache."""

_STEP = 1_024
"""Lines whose ids and times are looked at together, which are far fewer bytes."""


class Known:
    """The values of one documented place that are known as harmless, within a bound."""

    def __init__(self, plan: Plan, spot: Spot) -> None:
        self.is_valid = compile_validator(spot.leaf.schema).is_valid
        self.address = spot.leaf.pointer == plan.address
        self.free = not spot.leaf.closed and not self.address
        self.values: set[bytes] = set()

    def read(self, token: bytes) -> Any:
        """A value, as it stands in a line, if it is what its schema says."""
        try:
            value = orjson.loads(token)
            if orjson.dumps(value) == token and self.is_valid(value):
                return value if not self.address or (isinstance(value, str) and is_mere_address(value)) else _NOTHING
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):
            pass
        return _NOTHING

    def learn(self, tokens: Iterable[bytes]) -> None:
        if len(self.values) >= _KNOWN:
            self.values.clear()
        self.values.update(token for token in tokens if len(token) <= _SHORT)


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """A template made ready: its number in the tables, and the known values of each place that is compared exactly.

    `tokens`: the values of a line that stand at these places.
    """

    number: int
    template: Template
    tokens: Callable[[bytes], tuple[bytes, ...]]
    joints: Callable[[bytes], tuple[bytes, ...]]
    values: tuple[set[bytes], ...]
    known: tuple[Known, ...]


class Taken(NamedTuple):
    """Lines that follow each other, of which some are proved: their indices, their templates, when they arrived
    (YYYYMMDDhhmmssmmm or -1), of which of the `kinds` of arrival each is, and which of them, counted from 0, must leave a mark
    of a keep-alive; the indices of the others."""

    at: list[int]
    rows: list[Row]
    arrived: Numbers
    lines: list[bytes]
    left: list[int]
    kind: NDArray[np.intp]
    beats: list[int]
    kinds: Sequence[Kind]


class Learned:
    """Knows masks of lines that the fast lane proved. Bounded; what it knows changes no result, only the time."""

    def __init__(self, policy: Policy, fast: FastLane, fields: Mapping[str, tuple[tuple[str, Pointer], ...]]) -> None:
        marker = MESSAGES.marker(policy)
        assert isinstance(marker, Delivery)
        self.fast = fast
        listing = Listing.of(fast.seeds) if fast.seeds is not None else None
        self.sieve = fast.seeds.screen.sieve() if fast.seeds is not None else None
        self.teachers = {
            name: Teacher(plan, policy.envelope, marker, fields[name], listing) for name, plan in fast.plans.items()
        }
        self.rows: dict[bytes, Row] = {}
        self.known: dict[tuple[str, Pointer], Known] = {}
        self.met: Counter[int] = Counter()
        self.kinds: list[Kind] = []
        self.table = Table((), self.kinds)
        self.used: Numbers = np.zeros(0, np.int64)
        self.most = _TEMPLATES
        self.rest = self.resting = 0

    @property
    def step(self) -> int:
        """How many lines to take at once: what is proved of some may be learned before the next, as long as little is known."""
        return _STEP if self.rows else _PIECE

    def take(self, data: bytes, lines: list[bytes]) -> tuple[Taken | None, list[bytes]]:
        """What of some lines is proved, and the masks of all. `data`: the same lines with their newlines."""
        if self.resting:
            self.resting = max(self.resting - -(-len(lines) // _PIECE), 0)
            return None, []
        raw = np.frombuffer(data, np.uint8)
        ends = np.cumsum(np.fromiter(map(len, lines), np.intp, len(lines)) + 1)  # there is a newline behind each
        masks: list[bytes] = []
        insides = []
        for first in range(0, len(lines), _PIECE):
            last = min(first + _PIECE, len(lines))
            piece = raw[int(ends[first - 1]) if first else 0 : int(ends[last - 1])]
            inside, masked = runs(piece)
            masks += _masked(piece, masked).tobytes().split(b"\n")[: last - first]
            insides.append(inside)
        found = self._met(masks)
        if not self.rows:
            return None, masks
        starts = np.concatenate((np.zeros(1, np.intp), ends[:-1]))
        taken = self._asked(raw, np.concatenate(insides), starts, lines, found)
        self._weigh(len(taken.at), len(lines))
        return taken, masks

    def _met(self, masks: list[bytes]) -> list[Row | None]:
        """The templates of some masks. Of lines that have none the texts with addresses are masked too."""
        found = list(map(self.rows.get, masks))
        for at, row in enumerate(found):
            if row is None and b"@" in masks[at]:
                masks[at] = _unaddressed(masks[at])
                found[at] = self.rows.get(masks[at])
        return found

    def _weigh(self, taken: int, of: int) -> None:
        """Rest for ever longer where lines are seldom known again: then it costs more than it saves."""
        self.rest = 0 if taken * 4 >= of else min(self.rest * 2 or 1, _RESTS)
        self.resting = self.rest

    def _asked(
        self,
        raw: NDArray[np.uint8],
        inside: NDArray[np.uint8],
        starts: NDArray[np.intp],
        lines: list[bytes],
        found: Sequence[Row | None],
    ) -> Taken:
        """What of some lines is clean."""
        if len(self.table) != len(self.rows):
            self.table = Table([row.template for row in self.rows.values()], self.kinds)
            self.used = np.concatenate((self.used, np.zeros(len(self.rows) - len(self.used), np.int64)))
        picked = pick(raw, inside)
        numbers = np.array([-1 if row is None else row.number for row in found], np.intp)
        arrived, agree = self.table.times(raw, starts, numbers)
        fit = agree & (numbers >= 0)
        fit[_lines(starts, picked.where(suspects(picked)))] = False
        self.used += np.bincount(numbers[fit], minlength=len(self.used))
        met = cast("Sequence[Row]", found)  # where it has a number there is one
        fits: list[int] = np.flatnonzero(fit).tolist()
        # Mostly all values are known: that question stands here, since a call for each line would cost as much.
        new = [at for at in fits if not all(map(contains, (row := met[at]).values, row.tokens(lines[at])))]
        refused = self._refused([(at, met[at], lines[at]) for at in new]) if new else set()
        at = [
            at for at in fits if at not in refused and (not (row := met[at]).template.checked or _fits(row, lines[at]))
        ]
        rows = [met[index] for index in at]
        if self.sieve is not None and at:
            [places] = self.sieve.caught([picked.all])
            clean = self._unlisted(lines, at, rows, set(_lines(starts, picked.where(places)).tolist()))
            at, rows = list(compress(at, clean)), list(compress(rows, clean))
        taken = np.array(at, np.intp)
        fit[:] = True
        fit[taken] = False
        mine = numbers[taken]
        return Taken(
            at,
            rows,
            arrived[taken],
            [lines[index] for index in at],
            np.flatnonzero(fit).tolist(),
            self.table.kind[mine],
            np.flatnonzero(self.table.beats[mine]).tolist(),
            self.kinds,
        )

    def _refused(self, new: list[tuple[int, Row, bytes]]) -> set[int]:
        """Those of some lines that hold a value that is not harmless, of which no value is known yet. All are asked about at
        once, and the harmless ones are learned."""
        places = [
            (at, known, token)
            for at, row, line in new
            for token, known in zip(row.tokens(line), row.known, strict=True)
            if token not in known.values
        ]
        values = {(known, token): known.read(token) for _, known, token in places}
        bad = self.fast.listed(value for value in values.values() if value is not _NOTHING)
        free = {place: value for place, value in values.items() if place[0].free}
        odd = self.fast.suspicious(value for value in free.values() if value is not _NOTHING)
        refused = {place for place, value in values.items() if value is _NOTHING or value in bad}
        refused |= {place for place, value in free.items() if value in odd}
        for known in {known for known, _ in values}:
            known.learn(token for of, token in values if of is known and (of, token) not in refused)
        return {at for at, known, token in places if (known, token) in refused}

    def _unlisted(self, lines: list[bytes], at: list[int], rows: list[Row], caught: set[int]) -> list[bool]:
        """For each of some lines, whether no listed value stands in its ids, or over the end of one. `caught`: those in which
        one may stand as far as their ids tell."""
        texts = {}
        for index, row in zip(at, rows, strict=True):
            spans = row.template.listed if index in caught else row.template.unvouched
            if spans:
                texts[index] = [lines[index][start:stop].decode() for start, stop in spans]
        listed = self.fast.listed({text for found in texts.values() for text in found})
        bad = {index for index, found in texts.items() if not listed.isdisjoint(found)} if listed else set()
        bad |= self._split(lines, at, rows)
        return [index not in bad for index in at]

    def _split(self, lines: list[bytes], at: list[int], rows: list[Row]) -> set[int]:
        """Those of some lines in which a listed value may be split over texts."""
        assert self.fast.seeds is not None
        open_ = [(index, row.joints) for index, row in zip(at, rows, strict=True) if row.template.joints]
        texts = [b"".join(joints(lines[index])) for index, joints in open_]
        if not self.fast.seeds.spells(b"\n".join(texts).decode()):
            return set()
        return {index for (index, _), text in zip(open_, texts, strict=True) if self.fast.seeds.spells(text.decode())}

    def study(self, group: Proved, lines: Sequence[bytes], masks: Sequence[bytes]) -> None:
        """Learn from proved lines whose masks were met often. `masks`: those of the lines, one each; empty where unknown."""
        for at, value in zip(group.at, group.values, strict=True):
            mask = masks[at]
            if not mask or len(mask) > _LONGEST or mask in self.rows:
                continue
            met = hash(mask)
            self.met[met] += 1
            if self.met[met] < _OFTEN:
                if len(self.met) >= _MET:
                    self.met.clear()
                continue
            template = self.teachers[str(group.plan.type.name)].template(lines[at], mask, value)
            if template is not None:
                self._learn(mask, template)

    def _forget(self) -> None:
        """Keep the half that was used most."""
        often = np.argsort(-self.used, kind="stable")[: self.most // 2].tolist()
        rows = list(self.rows.items())
        self.rows = {rows[at][0]: replace(rows[at][1], number=number) for number, at in enumerate(often)}
        self.used = self.used[often] // 2
        self.table = Table((), self.kinds)

    def _learn(self, mask: bytes, template: Template) -> None:
        if len(template.times) > TIMES:
            return
        if len(self.rows) >= self.most:
            self._forget()
        known = []
        for spot in template.exact:
            key = (template.plan.type.name, spot.leaf.pointer)
            if key not in self.known:
                self.known[key] = Known(template.plan, spot)
            known.append(self.known[key])
        tokens = cuts((spot.start, spot.stop) for spot in template.exact)
        joints = cuts(template.joints)
        self.rows[mask] = Row(len(self.rows), template, tokens, joints, tuple(of.values for of in known), tuple(known))


def _lines(starts: NDArray[np.intp], places: Places) -> NDArray[np.intp]:
    """The lines in which some bytes stand. `starts`: where each begins."""
    found: NDArray[np.intp] = np.searchsorted(starts, places, side="right") - 1
    return found


def _masked(raw: NDArray[np.uint8], masked: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same bytes, with a zero digit wherever one is masked."""
    masks: NDArray[np.uint8] = -masked  # all bits of a byte, or none
    masks &= raw ^ np.uint8(48)
    masks ^= raw
    return masks


def _unaddressed(mask: bytes) -> bytes:
    """A mask without what is said in its first texts that hold an at sign. Lines whose addresses are as long look alike so."""
    at = mask.find(b"@")
    for _ in range(_ADDRESSES):
        start, end = mask.rfind(b'"', 0, at) + 1, mask.find(b'"', at)
        if at < 0 or not start or end < 0:
            break
        mask = mask[:start] + b"@" * (end - start) + mask[end:]
        at = mask.find(b"@", end)
    return mask


def _fits(row: Row, line: bytes) -> bool:
    """Whether the ids of a line are what their schema says."""
    return all(is_valid(line[start:stop].decode()) for start, stop, is_valid in row.template.checked)
