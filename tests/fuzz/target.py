"""What must hold for any bytes at all: nothing raises, every unit is accounted for, and both lanes agree."""

from __future__ import annotations

from pathlib import Path

from audit.engine.parse import Limits
from audit.engine.rows import InputFacts
from audit.engine.run import Auditor
from audit.engine.settle import settle
from audit.policy.files import find
from audit.policy.load import load
from audit.policy.pack import Policy
from audit.runners.marks import MarkStore
from audit.runners.serial import run
from audit.sources.inputs import Input
from audit.tally import Tally
from audit.writers.text import write

LIMITS = Limits(max_line=1 << 16)


class Target:
    """Audits bytes as a capture, by one pack, in both lanes and in the slow one alone."""

    def __init__(self, scratch: Path) -> None:
        self.file = scratch / "capture"
        self.policy: Policy = load(find("appsmith/2020-11"))
        self.both = Auditor(self.policy, LIMITS)
        self.slow = Auditor(self.policy, LIMITS, lanes=False)

    def __call__(self, data: bytes) -> None:
        """Raises AssertionError, or whatever the tool raises, where a law is broken."""
        self.file.write_bytes(data)
        quick, facts = self._audit(self.both)
        careful, _ = self._audit(self.slow)
        assert _same(quick, careful), "the lanes disagree"
        for units in quick.units.values():
            assert units.units == units.carrying + units.blank + units.unreadable + units.other, units
        text = write(settle(self.policy, quick, facts, {}))
        assert text.isprintable() or "\n" in text

    def _audit(self, auditor: Auditor) -> tuple[Tally, list[InputFacts]]:
        with MarkStore() as marks:
            return run(auditor, [Input(0, "capture", str(self.file))], marks)


def _same(one: Tally, other: Tally) -> bool:
    """Equal but for the marks, which the stores took."""
    return one.settled() == other.settled()
