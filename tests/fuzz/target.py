"""What must hold for any bytes at all: nothing raises, every unit is accounted for, and the lanes agree."""

from __future__ import annotations

import copy
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from audit.engine.parse import Limits
from audit.engine.rows import InputFacts
from audit.engine.run import Auditor, Lines
from audit.engine.settle import settle
from audit.model import Finding
from audit.policy.files import find
from audit.policy.load import load
from audit.policy.pack import Policy
from audit.runners.marks import MarkStore
from audit.runners.serial import run
from audit.sources.inputs import Input
from audit.tally import MARK, Tally
from audit.writers.text import write

LIMITS = Limits(max_line=1 << 16)
_MASKED = re.compile(rb"[0-9a-f-]{12,}|[0-9]")
_DIGITS = b"0123456789abcdef"
_OFTEN = 3


class Target:
    """Audits bytes by one pack, in all lanes and in the slow one alone: as a capture, and as lines among `known` ones."""

    def __init__(self, scratch: Path, known: Sequence[bytes]) -> None:
        self.file = scratch / "capture"
        self.policy: Policy = load(find("appsmith/2020-11"))
        self.quick = Auditor(self.policy, LIMITS)
        self.slow = Auditor(self.policy, LIMITS, lanes=False)
        self.known = known
        self.quick.least = 0
        self._lines(self.quick, b"\n".join([*known] * _OFTEN))
        assert self.quick.learned is not None
        assert self.quick.learned.rows, "no line is known again"
        self.taught = self.quick.learned

    def __call__(self, data: bytes) -> None:
        """Raises AssertionError, or whatever the tool raises, where a law is broken."""
        self._as_capture(data)
        line = self.known[sum(data[:2]) % len(self.known)]
        for some in (data, _filled(line, data)):
            self._as_lines(b"\n".join([line, some, self.known[0]]))

    def _as_capture(self, data: bytes) -> None:
        self.file.write_bytes(data)
        self._forget()
        quick, facts = self._audit(self.quick)
        careful, _ = self._audit(self.slow)
        assert quick.settled() == careful.settled(), "the lanes disagree"  # but for the marks, which the stores took
        for units in quick.units.values():
            assert units.units == units.carrying + units.blank + units.unreadable + units.other, units
        text = write(settle(self.policy, quick, facts, {}))
        assert text.isprintable() or "\n" in text

    def _as_lines(self, log: bytes) -> None:
        self._forget()
        quick, told = self._lines(self.quick, log)
        careful, wanted = self._lines(self.slow, log)
        assert told == wanted, "known lines are judged otherwise"
        assert _marks(quick) == _marks(careful), "known lines leave other marks"
        assert quick == careful, "known lines leave other counts"

    def _forget(self) -> None:
        """Know what was taught at the begin and no more, so that what is found can be found again."""
        self.quick.learned = learned = copy.copy(self.taught)
        learned.rows, learned.met, learned.used = dict(learned.rows), Counter(), learned.used.copy()
        learned.rest = learned.resting = 0

    def _audit(self, auditor: Auditor) -> tuple[Tally, list[InputFacts]]:
        with MarkStore() as marks:
            return run(auditor, [Input(0, "capture", str(self.file))], marks)

    @staticmethod
    def _lines(auditor: Auditor, log: bytes) -> tuple[Tally, list[Finding]]:
        tally, findings = auditor.tally(), list[Finding]()
        auditor.feed(Lines(0, 1, log), tally, (0, 0), sink=findings.append)
        return tally, findings


def _filled(line: bytes, data: bytes) -> bytes:
    """The same line with other digits under its mask, as long as there are data: a byte above 127 leaves one as it is."""
    rest = iter(data)

    def other(match: re.Match[bytes]) -> bytes:
        base = 16 if len(match[0]) > 1 else 10
        return bytes(
            old if old == 0x2D or (byte := next(rest, 255)) > 127 else _DIGITS[byte % base] for old in match[0]
        )

    return _MASKED.sub(other, line)


def _marks(tally: Tally) -> dict[object, list[bytes]]:
    return {
        key: sorted(bytes(found[at : at + MARK]) for at in range(0, len(found), MARK))
        for key, found in tally.marks.items()
    }
