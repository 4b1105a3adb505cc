"""What is said of the claims while traffic passes: the conclusion of `check`, drawn again and again from a copy of the tally."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from time import monotonic
from typing import NamedTuple, TypeAlias

from audit.engine.result import Result
from audit.engine.settle import Marks
from audit.proxy.live import LiveAudit
from audit.tally import Tally

REST = 2.0
"""Seconds between two conclusions at least."""

SHARE = 20
"""And this many times what the last one took, so that concluding never takes more than a twentieth of the time."""

Conclude: TypeAlias = Callable[[Tally, Marks], Result]


class _Said(NamedTuple):
    kind: str
    name: str
    verdict: str
    reason: str


class Verdicts:
    """Tells of each claim and requirement when its verdict changes. Draws conclusions in a thread of its own: requests don't
    wait for it. `begin` makes what concludes ready (the consent in force then), in the caller's thread."""

    def __init__(self, live: LiveAudit, begin: Callable[[], Conclude]) -> None:
        self._live, self._begin = live, begin
        self._worker = ThreadPoolExecutor(1, "verdicts")
        self._running: Future[tuple[Result, float]] | None = None
        self._seen: tuple[int, int] | None = None
        self._due = 0.0
        self._said: dict[tuple[str, str], str] = {}
        self.headline = ""

    def tick(self) -> None:
        """Tell what has been concluded, and conclude again if there is anything new. Returns at once."""
        if self._running is not None:
            if self._running.done():
                self._tell(self._running)
                self._running = None
            return
        now = (self._live.store.records, self._live.lost)
        if now != self._seen and monotonic() >= self._due:
            self._seen = now
            conclude, tally, marks = self._begin(), self._live.tally.settled(), self._live.marks.kept()
            self._running = self._worker.submit(_timed, conclude, tally, marks.sorted)

    def close(self) -> None:
        """Wait for what is being concluded; nothing more is told."""
        self._worker.shutdown(wait=True, cancel_futures=True)

    def _tell(self, done: Future[tuple[Result, float]]) -> None:
        error = done.exception()
        if error is not None:  # the traffic goes on, and the report at the end is drawn anew
            self._due = float("inf")
            self._live.words.line(f"verdicts cannot be shown while it runs: {type(error).__name__}")
            return
        result, took = done.result()
        self._due = monotonic() + max(REST, SHARE * took)
        first, self.headline = not self.headline, f"{_shout(result['verdict'])}: {result['headline']}"
        for row in _rows(result):
            was = self._said.get((row.kind, row.name), "not-exercised")
            self._said[row.kind, row.name] = row.verdict
            if row.verdict != was and not (first and row.verdict == "contradicted"):
                self._live.words.verdict(f"{row.kind} {row.name}", _shout(row.verdict), was, row.reason)


def _timed(conclude: Conclude, tally: Tally, marks: Marks) -> tuple[Result, float]:
    begun = monotonic()
    return conclude(tally, marks), monotonic() - begun


def _shout(verdict: str) -> str:
    return {"violated": "VIOLATED", "upheld": "upheld so far"}.get(verdict, verdict)


def _rows(result: Result) -> list[_Said]:
    claims = [
        _Said("claim", row["id"], row["verdict"], row["reason"])
        for row in result["claims"]
        if row["verdict"] != "not-testable"
    ]
    asked = [_Said("requirement", row["id"], row["verdict"], row["reason"]) for row in result["requirements"]]
    return [*claims, *asked]
