"""Where pieces of a listed value may meet in lines of which only the digits differ: asked once of a known line, so that most
lines like it need not be asked at all."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from audit.leaks.needles import automaton

_ANY = 0x30
"""Stands for any hex digit in the text of a mask."""

_MASKED = bytes(_ANY if chr(byte) in "0123456789abcdef" else byte for byte in range(256))
_MOST = 65_536


class Joints:
    """Values, in lower case, by the form that is left of them under a mask. Remembers, within a bound, what fits."""

    def __init__(self, texts: Iterable[bytes]) -> None:
        forms: defaultdict[bytes, set[bytes]] = defaultdict(set)
        for text in texts:
            forms[text.translate(_MASKED)].add(text)
        self.values: tuple[NDArray[np.uint8], ...] = tuple(
            np.frombuffer(b"".join(sorted(texts)), np.uint8).reshape(len(texts), -1) for texts in forms.values()
        )
        self.forms = automaton(forms)
        self.known: dict[bytes, bool] = {}

    def open(self, pieces: Sequence[bytes]) -> list[tuple[int, int]]:
        """Those parts of some masked texts put together in which a value may stand over the end of a piece."""
        text = b"".join(pieces).lower()
        if not text.isascii():
            return [(0, len(text))]  # letters that are compared in another form
        ends = list(accumulate(map(len, pieces)))[:-1]
        parts: list[tuple[int, int]] = []
        for start, end in sorted(self._crossing(text, ends)):
            if parts and start <= parts[-1][1]:
                parts[-1] = (parts[-1][0], max(end, parts[-1][1]))
            else:
                parts.append((start, end))
        return parts

    def _crossing(self, text: bytes, ends: Sequence[int]) -> Iterator[tuple[int, int]]:
        for form, start, end in self.forms.find_matches_as_indexes(text.translate(_MASKED), overlapping=True):
            if any(start < at < end for at in ends) and self._fits(form, text[start:end]):
                yield start, end

    def _fits(self, form: int, text: bytes) -> bool:
        """Whether some value of a form is a masked text but for its masked digits."""
        fits = self.known.get(text)
        if fits is None:
            letters = np.frombuffer(text, np.uint8)
            said = letters != _ANY
            fits = bool((self.values[form][:, said] == letters[said]).all(axis=1).any())
            if len(self.known) >= _MOST:
                self.known.clear()
            self.known[text] = fits
        return fits


def spans(pieces: Sequence[tuple[int, int]], start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where a part of some pieces put together stands, by where the pieces stand."""
    edges = pairwise(accumulate((last - first for first, last in pieces), initial=0))
    for (first, _), (begin, stop) in zip(pieces, edges, strict=True):
        if begin < end and start < stop:
            yield first + max(start - begin, 0), first + min(end, stop) - begin
