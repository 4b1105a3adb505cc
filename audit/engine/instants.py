"""The times of lines that are known again: whether they exist and agree, of a thousand lines at once, as bytes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from audit.engine.template import Template
from audit.tally import CLAIMED, LOGS

Numbers: TypeAlias = NDArray[np.int64]
Kind: TypeAlias = tuple[str, int]
"""The origin of events, and whose word their times are."""

TIMES = 4
"""Lines with more times are not known again."""

_U = np.uint64
_WIDTH = 24
"""Bytes of a time, YYYY-MM-DDThh:mm:ss.mmmZ: three words of eight, which compare as the times do."""

_PARTS = ((0, 1, 2, 3, 5, 6, 8, 9), (11, 12, 14, 15, 17, 18, 20, 21, 22))
"""The digits of a time that are its day (YYYYMMDD), and the rest (hhmmssmmm)."""

_WEIGHTS = np.zeros((_WIDTH, len(_PARTS)))
for _part, _digits in enumerate(_PARTS):
    _WEIGHTS[_digits, _part] = 10.0 ** np.arange(len(_digits) - 1, -1, -1)
_ZEROS = 48 * _WEIGHTS.sum(axis=0)
"""What makes the parts of a time of its bytes: sums that a float holds exactly."""

_DAY, HOUR, _MINUTE, _SECOND = 10**9, 10**7, 10**5, 10**3
_MICROS = ((_SECOND, 1_000), (_MINUTE, 1_000_000), (HOUR, 60_000_000), (_DAY, 3_600_000_000))
"""The parts of hhmmssmmm: below what each stands, and how many microseconds one of it is."""


class Table:
    """Where the times of each template stand; places that a template has not are those of its first time."""

    def __init__(self, templates: Sequence[Template], kinds: list[Kind]) -> None:
        """`kinds`: of arrival, to which those that are new are added."""
        self.size = len(templates)
        self.none = np.array([not template.times for template in templates], np.bool_)
        self.counted = np.array([template.arrival is not None for template in templates], np.bool_)
        self.places = np.array([_places(template) for template in templates], np.intp).reshape(-1, TIMES)
        self.roles = np.array([_roles(template) for template in templates], np.intp).reshape(-1, 4)
        told = [(template.plan.type.origin, LOGS if template.stamped else CLAIMED) for template in templates]
        kinds += dict.fromkeys(kind for kind in told if kind not in kinds)
        self.kind = np.array([kinds.index(kind) for kind in told], np.intp)
        self.beats = np.array([template.plan.type.cadence is not None for template in templates], np.bool_)

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
            texts = windows[places]
            words = texts.view(">u8").astype(np.uint64)
            each, roles = np.arange(len(known))[:, None], self.roles[rows]
            agree[known] = _exist(words).all(axis=1) & _agree(words[each, roles])
            arrived[known] = np.where(self.counted[rows], _number(texts[each[:, 0], roles[:, 3]]), -1)
        return arrived, agree


def _places(template: Template) -> tuple[int, ...]:
    times = template.times or (0,)
    return (*times, *times[:1] * (TIMES - len(times)))


def _roles(template: Template) -> tuple[int, int, int, int]:
    """The columns of sent, created, arrived and of the arrival that is counted."""
    times = template.times
    if not times:
        return 0, 0, 0, 0
    sent, created, arrived = template.clocks or times[:1] * 3
    at = template.arrival if template.arrival is not None else times[0]
    return times.index(sent), times.index(created), times.index(arrived), times.index(at)


def _number(texts: NDArray[np.uint8]) -> Numbers:
    """YYYYMMDDhhmmssmmm of times."""
    parts = (texts @ _WEIGHTS - _ZEROS).astype(np.int64)
    number: Numbers = parts[:, 0] * _DAY + parts[:, 1]
    return number


def _exist(words: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether times are of the calendar. A leap second is left to the full reading."""
    months, minutes, seconds = words[..., 0], words[..., 1], words[..., 2]
    days = (months & ~_U(0xFF)) | (minutes >> _U(56) & _U(15)) * _U(10) + (minutes >> _U(48) & _U(15))
    few = np.unique(days) if days.min() != days.max() else days.ravel()[:1]
    unreal = [day for day in few.tolist() if not _is_day(day)]
    exist: NDArray[np.bool_] = (
        ((minutes >> _U(24) & _U(0xFFFF)) < _U(0x3234))  # "24"
        & ((minutes & _U(0xFFFF)) < _U(0x3630))  # "60"
        & ((seconds >> _U(40) & _U(0xFFFF)) < _U(0x3630))
    )
    return exist & np.isin(days, np.array(unreal, np.uint64), invert=True) if unreal else exist


def _is_day(key: int) -> bool:
    """`key`: the bytes of YYYY-MM, and the number of the day behind them."""
    year, month = key.to_bytes(8, "big")[:7].split(b"-")
    try:
        date(int(year), int(month), key & 0xFF)
    except ValueError:
        return False
    return True


def _agree(roles: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether an event was created before it was sent, and sent in the minute in which it arrived."""
    sent, created, arrived = roles[:, 0], roles[:, 1], roles[:, 2]
    same = created == sent
    later = created > sent
    turned = later[:, 0] | same[:, 0] & (later[:, 1] | same[:, 1] & later[:, 2])
    agree: NDArray[np.bool_] = ~turned & (sent[:, 0] == arrived[:, 0]) & (sent[:, 1] == arrived[:, 1])
    return agree


def micros(numbers: Numbers) -> list[int]:
    """Microseconds since 0001-01-01 of instants (YYYYMMDDhhmmssmmm); of those that are none, anything."""
    days, rest = np.divmod(numbers, _DAY)
    since = {
        day: date(day // 10_000, day // 100 % 100, day % 100).toordinal() - 1 if day > 0 else 0
        for day in set(days.tolist())
    }
    total = np.array([since[day] for day in days.tolist()], np.int64) * 86_400_000_000
    below = 1
    for bound, size in _MICROS:
        total += rest % bound // below * size
        below = bound
    found: list[int] = total.tolist()
    return found


def instant(number: int) -> datetime:
    """The instant of YYYYMMDDhhmmssmmm."""
    day, rest = divmod(number, _DAY)
    start = datetime(day // 10_000, day // 100 % 100, day % 100, rest // HOUR, rest // _MINUTE % 100, tzinfo=UTC)
    return start + timedelta(milliseconds=rest % _MINUTE)
