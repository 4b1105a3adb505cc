"""The lane before the fast lane: lines like those already proved, without reading them as JSON.

A line with its digits masked is known again among the lines of a log. One of them was proved clean the long way; of the
others only what stands under the mask is asked: whether ids spell something, times exist and agree, and other values are
known as harmless. Law, property-tested: it takes no line that the fast lane would not prove, and leaves the same behind.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import compress, count
from operator import contains
from typing import NamedTuple, TypeAlias

import numpy as np
import orjson
from numpy.typing import NDArray

from audit.engine.fast import FastLane, Plan, Proved
from audit.engine.template import Listing, Spot, Teacher, Template, cuts
from audit.leaks.content import is_mere_address
from audit.leaks.runs import Ids, Places, pick, runs, suspects
from audit.leaks.sieve import Sieve
from audit.model import Pointer
from audit.policy.pack import Policy
from audit.policy.validators import compile_validator
from audit.rules.timelines import MESSAGES, Delivery

Numbers: TypeAlias = NDArray[np.int64]

_TEMPLATES = 1_024
_LONGEST = 8_192
_MET = 50_000
_OFTEN = 3
"""A mask that was met so often is learned: most that were met once are not met again."""

_KNOWN = 1_024
_SHORT = 256
_TIMES = 4
_RESTS = 32

_PIECE = 256
"""How many lines are masked at once: enough for vectors, few enough for the processor's cache."""

_MANY = 4
"""Pieces whose ids are looked at together, which are far fewer bytes."""


class Known:
    """The values of one documented place that are known as harmless, within a bound."""

    def __init__(self, fast: FastLane, plan: Plan, spot: Spot) -> None:
        self.is_valid = compile_validator(spot.leaf.schema).is_valid
        self.fast, self.closed = fast, spot.leaf.closed
        self.address = spot.leaf.pointer == plan.address
        self.values: set[bytes] = set()

    def admits(self, token: bytes) -> bool:
        """Whether a value, as it stands in a line, is what its schema says and holds nothing."""
        try:
            value = orjson.loads(token)
            plain = orjson.dumps(value) == token and self.is_valid(value)
        except (orjson.JSONDecodeError, orjson.JSONEncodeError):
            return False
        if not plain or self.fast.listed((value,)):
            return False
        if self.address:
            return isinstance(value, str) and is_mere_address(value)
        if not self.closed and self.fast.suspicious((value,)):
            return False
        if len(token) <= _SHORT:
            if len(self.values) >= _KNOWN:
                self.values.clear()
            self.values.add(token)
        return True


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


class _Piece(NamedTuple):
    """Lines looked at together, of which some are clean, listed values aside: their indices and templates; when each line
    arrived and where it starts; the ids of all."""

    at: list[int]
    rows: list[Row]
    arrived: Numbers
    raw: NDArray[np.uint8]
    starts: NDArray[np.intp]
    ids: Ids | None

    def numbers(self, places: Places) -> list[int]:
        """The lines of some places of the ids. They are few, so that it is looked for again where these are."""
        if not len(places):
            return []
        where = pick(self.raw, runs(self.raw)[0]).where(places)
        numbers: list[int] = (np.searchsorted(self.starts, where, side="right") - 1).tolist()
        return numbers


class Taken(NamedTuple):
    """Lines that follow each other, of which some are proved: their indices, their templates, and when they arrived
    (YYYYMMDDhhmmssmmm or -1); the indices of the others."""

    at: list[int]
    rows: list[Row]
    arrived: Numbers
    lines: list[bytes]
    left: list[int]


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
        self.table = _Table(())
        self.used: Numbers = np.zeros(0, np.int64)
        self.most = _TEMPLATES
        self.rest = self.resting = 0

    @property
    def step(self) -> int:
        """How many lines to take at once: what is proved of some may be learned before the next, as long as little is known."""
        return _MANY * _PIECE if self.rows and self.sieve is not None else _PIECE

    def take(self, data: bytes, lines: list[bytes]) -> tuple[Taken | None, list[bytes]]:
        """What of some lines is proved, and the masks of all. `data`: the same lines with their newlines."""
        if self.resting:
            self.resting = max(self.resting - -(-len(lines) // _PIECE), 0)
            return None, []
        whole, begin = np.frombuffer(data, np.uint8), 0
        masks: list[bytes] = []
        pieces: list[_Piece] = []
        for first in range(0, len(lines), _PIECE):
            some = lines[first : first + _PIECE]
            starts = np.cumsum(np.array([0, *map(len, some)], np.intp) + 1) - 1  # there is a newline behind each
            raw = whole[begin : begin + int(starts[-1])]
            begin += int(starts[-1])
            inside, masked = runs(raw)
            mine = _masked(raw, masked).tobytes().split(b"\n")[: len(some)]
            masks += mine
            if self.rows:
                pieces.append(self._asked(raw, inside, starts[:-1], some, list(map(self.rows.get, mine))))
        if not pieces:
            return None, masks
        taken = self._together(pieces, lines)
        self._weigh(len(taken.at), len(lines))
        return taken, masks

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
    ) -> _Piece:
        """What of some lines is clean, listed values aside."""
        if len(self.table) != len(self.rows):
            self.table = _Table(tuple(self.rows.values()))
            self.used = np.concatenate((self.used, np.zeros(len(self.rows) - len(self.used), np.int64)))
        picked = pick(raw, inside)
        doubted = np.zeros(len(lines), np.bool_)
        doubted[np.searchsorted(starts, picked.where(suspects(picked)), side="right") - 1] = True
        numbers = np.array([-1 if row is None else row.number for row in found], np.intp)
        arrived, agree = self.table.times(raw, starts, numbers)
        fit = agree & ~doubted & (numbers >= 0)
        self.used += np.bincount(numbers[fit], minlength=len(self.used))
        at, rows = [], []
        for index in np.flatnonzero(fit).tolist():
            row = found[index]
            if row is not None and _harmless(row, lines[index]):
                at.append(index)
                rows.append(row)
        return _Piece(at, rows, arrived, raw, starts, picked.all if self.sieve is not None else None)

    def _together(self, pieces: list[_Piece], lines: list[bytes]) -> Taken:
        """What is taken of pieces that follow each other: no listed value may stand in it either."""
        at, rows = pieces[0].at, pieces[0].rows
        for number, piece in enumerate(pieces[1:], 1):
            at += [number * _PIECE + index for index in piece.at]
            rows += piece.rows
        if self.sieve is not None and at:
            kept = self._unlisted(lines, at, rows, self._caught(self.sieve, pieces))
            at, rows = list(compress(at, kept)), list(compress(rows, kept))
        left = set(range(len(lines))).difference(at)
        arrived = np.concatenate([piece.arrived for piece in pieces])
        return Taken(at, rows, arrived[at], [lines[index] for index in at], sorted(left))

    @staticmethod
    def _caught(sieve: Sieve, pieces: list[_Piece]) -> set[int]:
        """The lines in which a listed value may stand as far as their ids tell."""
        caught: set[int] = set()
        ids = [piece.ids for piece in pieces if piece.ids is not None]
        for first, places, piece in zip(count(0, _PIECE), sieve.caught(ids), pieces, strict=False):
            caught.update(first + number for number in piece.numbers(places))
        return caught

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
        self.table = _Table(())

    def _learn(self, mask: bytes, template: Template) -> None:
        if len(template.times) > _TIMES:
            return
        if len(self.rows) >= self.most:
            self._forget()
        known = []
        for spot in template.exact:
            key = (template.plan.type.name, spot.leaf.pointer)
            if key not in self.known:
                self.known[key] = Known(self.fast, template.plan, spot)
            known.append(self.known[key])
        tokens = cuts((spot.start, spot.stop) for spot in template.exact)
        joints = cuts(template.joints)
        self.rows[mask] = Row(len(self.rows), template, tokens, joints, tuple(of.values for of in known), tuple(known))


def _masked(raw: NDArray[np.uint8], masked: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The same bytes, with a zero digit wherever one is masked."""
    masks: NDArray[np.uint8] = -masked  # all bits of a byte, or none
    masks &= raw ^ np.uint8(48)
    masks ^= raw
    return masks


def _harmless(row: Row, line: bytes) -> bool:
    """Whether the values of a line that are neither times nor ids are known, and its ids are what their schema says."""
    tokens = row.tokens(line)
    if not all(map(contains, row.values, tokens)) and not all(
        token in known.values or known.admits(token) for token, known in zip(tokens, row.known, strict=True)
    ):
        return False
    checked = row.template.checked
    return not checked or all(is_valid(line[start:stop].decode()) for start, stop, is_valid in checked)


# ---- times ----------------------------------------------------------------------------------------------------------

_WIDTH = 24
_PARTS = ((0, 1, 2, 3, 5, 6, 8, 9), (11, 12), (14, 15), (17, 18), (20, 21, 22))
"""The digits of a time that are its day (YYYYMMDD), hour, minute, second and millisecond."""

_WEIGHTS = np.zeros((_WIDTH, len(_PARTS)))
for _part, _digits in enumerate(_PARTS):
    _WEIGHTS[_digits, _part] = 10.0 ** np.arange(len(_digits) - 1, -1, -1)
_ZEROS = 48 * _WEIGHTS.sum(axis=0)
"""What makes the parts of a time of its bytes: sums that a float holds exactly."""

_BELOW = np.array((24, 60, 60))
_UNITS = 10 ** np.array((9, 7, 5, 3, 0), np.int64)
_DAY, HOUR, _MINUTE, _SECOND = 10**9, 10**7, 10**5, 10**3


class _Table:
    """Where the times of each template stand; places that a template has not are those of its first time."""

    def __init__(self, rows: tuple[Row, ...]) -> None:
        templates = [row.template for row in rows]
        self.size = len(rows)
        self.none = np.array([not template.times for template in templates], np.bool_)
        self.counted = np.array([template.arrival is not None for template in templates], np.bool_)
        self.places = np.array([_places(template) for template in templates], np.intp).reshape(-1, _TIMES)
        self.roles = np.array([_roles(template) for template in templates], np.intp).reshape(-1, 4)

    def __len__(self) -> int:
        return self.size

    def times(
        self, raw: NDArray[np.uint8], starts: NDArray[np.intp], numbers: NDArray[np.intp]
    ) -> tuple[Numbers, NDArray[np.bool_]]:
        """For each line when it arrived, and whether all its times exist and agree."""
        arrived = np.full(len(numbers), -1, np.int64)
        agree = np.zeros(len(numbers), np.bool_)
        known = np.flatnonzero(numbers >= 0)
        rows = numbers[known]
        agree[known[self.none[rows]]] = True
        known = known[~self.none[rows]]
        rows = numbers[known]
        if len(known):
            places = starts[known][:, None] + self.places[rows]
            windows = np.lib.stride_tricks.as_strided(raw, (len(raw) - _WIDTH + 1, _WIDTH), (1, 1), writeable=False)
            parts = (windows[places].reshape(-1, _WIDTH) @ _WEIGHTS - _ZEROS).astype(np.int64)
            instants = (parts @ _UNITS).reshape(places.shape)
            roles = np.take_along_axis(instants, self.roles[rows], axis=1)
            agree[known] = _exist(parts).reshape(places.shape).all(axis=1) & _agree(roles)
            arrived[known] = np.where(self.counted[rows], roles[:, 3], -1)
        return arrived, agree


def _places(template: Template) -> tuple[int, ...]:
    times = template.times or (0,)
    return (*times, *times[:1] * (_TIMES - len(times)))


def _roles(template: Template) -> tuple[int, int, int, int]:
    """The columns of sent, created, arrived and of the arrival that is counted."""
    times = template.times
    if not times:
        return 0, 0, 0, 0
    sent, created, arrived = template.clocks or times[:1] * 3
    at = template.arrival if template.arrival is not None else times[0]
    return times.index(sent), times.index(created), times.index(arrived), times.index(at)


def _exist(parts: Numbers) -> NDArray[np.bool_]:
    """Whether times are of the calendar. A leap second is left to the full reading."""
    days = parts[:, 0]
    few = np.unique(days).tolist() if days.min() != days.max() else days[:1].tolist()
    unreal = [day for day in few if not _is_day(day)]
    exist: NDArray[np.bool_] = np.logical_and.reduce(parts[:, 1:4] < _BELOW, axis=1)
    real: NDArray[np.bool_] = np.isin(days, unreal, invert=True)
    return exist & real


def _is_day(day: int) -> bool:
    try:
        date(day // 10_000, day // 100 % 100, day % 100)
    except ValueError:
        return False
    return True


def _agree(roles: Numbers) -> NDArray[np.bool_]:
    """Whether an event was created before it was sent, and sent in the minute in which it arrived."""
    sent, created, arrived = roles[:, 0], roles[:, 1], roles[:, 2]
    agree: NDArray[np.bool_] = (created <= sent) & (sent // _MINUTE == arrived // _MINUTE)
    return agree


def instant(number: int) -> datetime:
    """The instant of YYYYMMDDhhmmssmmm."""
    day, rest = divmod(number, _DAY)
    start = datetime(day // 10_000, day // 100 % 100, day % 100, rest // HOUR, rest // _MINUTE % 100, tzinfo=UTC)
    return start + timedelta(milliseconds=rest % _MINUTE)
