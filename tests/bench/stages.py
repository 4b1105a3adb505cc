"""Where the time of the check goes: growing prefixes of it over the same batches, interleaved, each in a fork of its own so
that no memo is warm. A stage costs what its prefix takes beyond the one before. The first three are `FastLane.prove` cut
short, in its own words. All stages go without the lane for lines known again, which would pass most of them by: what it makes of
the whole is told beside them.
"""

from __future__ import annotations

import gc
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.queues import SimpleQueue
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from audit.cli.options import load_policy
from audit.engine.bulk import Bulk, Counts
from audit.engine.fast import FastLane, Proved, Rest
from audit.engine.result import Result
from audit.engine.run import Auditor, Lines
from audit.engine.settle import settle
from audit.engine.slow import SlowLane
from audit.rules import RULES
from audit.rules.case import Clocks, EventRule, Listed, RecordRule, Strings
from audit.runners import serial
from audit.runners.marks import MarkStore
from audit.sources import Reading
from audit.sources.inputs import find
from tests.bench.spend import generate
from tests.bench.spread import POLICY

_BATCH = 64
_WHOLE = "lines known again too"
_CONTENTLESS = "without content rules"
_Answer: TypeAlias = "SimpleQueue[float]"
_RULES = tuple(rule for rule in RULES if isinstance(rule, EventRule))
_RECORDS = tuple(rule for rule in RULES if isinstance(rule, RecordRule))


class _Unsifted(FastLane):
    """The fast lane without what it does to valid events: no text is taken out, no clock is read."""

    def _sift(self, proved: Proved, rest: list[Rest], listed: set[Any]) -> Proved:
        return proved


class _Unread(FastLane):
    """The fast lane where no rule looks into texts: they are not even taken out."""

    def _sift(self, proved: Proved, rest: list[Rest], listed: set[Any]) -> Proved:
        steady = proved.plan.steady
        return proved if steady is None or all(map(steady, proved.values)) else super()._sift(proved, rest, listed)


class Pipeline:
    """The check of one log, cut where its stages end; everything is compiled, and `load` reads, before anything is timed."""

    def __init__(self, log: str) -> None:
        self.policy = load_policy(POLICY)
        self.auditor = Auditor(self.policy)
        self.auditor.learns = False
        self.inputs = find([log])
        self.unsifted = _Unsifted(self.policy, _RULES)
        self.clockless = FastLane(self.policy, _clockless(_RULES))
        self.lane = FastLane(self.policy, _RULES)
        self.blocks: list[Lines] = []
        self.batches: list[list[list[bytes]]] = []

    def load(self) -> None:
        parts = Reading(self.inputs[0], self.auditor.limits).parts()
        self.blocks = [part for part in parts if isinstance(part, Lines)]
        self.batches = [_batches(block) for block in self.blocks]

    def parse(self) -> None:
        for batch in (batch for block in self.batches for batch in block):
            for line in batch:
                try:
                    orjson.loads(line)
                except orjson.JSONDecodeError:
                    continue

    def proof(self) -> int:
        same = 0
        for batch in (batch for block in self.batches for batch in block):
            for line in batch:
                try:
                    same += orjson.dumps(orjson.loads(line)) == line
                except orjson.JSONDecodeError:
                    continue
        return same

    def schema(self) -> int:
        """Proof that the schema accepts, of each line for itself."""
        plans = {name: plan.is_valid for name, plan in self.lane.plans.items()}
        valid = 0
        for batch in (batch for block in self.batches for batch in block):
            for line in batch:
                try:
                    value = orjson.loads(line)
                    if orjson.dumps(value) != line:
                        continue
                except orjson.JSONDecodeError:
                    continue
                is_valid = plans.get(value.get("event")) if value.get("type") == "track" else None
                valid += is_valid is not None and is_valid(value)
        return valid

    def grouped(self) -> None:
        self._prove(self.unsifted)

    def texts(self) -> None:
        self._prove(self.clockless)

    def clocks(self) -> None:
        self._prove(self.lane)

    def _prove(self, lane: FastLane) -> None:
        for batch in (batch for block in self.batches for batch in block):
            lane.prove(batch)

    def counted(self) -> None:
        self._count(Bulk(self.policy, (), None, None, None))

    def marked(self) -> None:
        self._count(self.auditor.bulk)

    def _count(self, bulk: Bulk) -> None:
        """Proved and counted, nothing explained."""
        tally = self.auditor.tally()
        with MarkStore() as kept:
            for block, batches in zip(self.blocks, self.batches, strict=True):
                counts, unit = Counts(), block.unit
                for batch in batches:
                    proved, _ = self.lane.prove(batch)
                    for group in proved:
                        if group.at:
                            bulk.count(group, counts, tally, 0, unit)
                    unit += len(batch)
                bulk.close(counts, tally, (0, 0))
                kept.take(tally)

    def explained(self) -> None:
        tally = self.auditor.tally()
        with MarkStore() as kept:
            for block in self.blocks:
                self.auditor.feed(block, tally, (0, 0))
                kept.take(tally)

    def read(self) -> None:
        with MarkStore() as marks:
            serial.run(self.auditor, self.inputs, marks)

    def settled(self) -> Result:
        with MarkStore() as marks:
            tally, facts = serial.run(self.auditor, self.inputs, marks)
            return settle(self.policy, tally, facts, {}, marks=marks.sorted)

    def whole(self) -> None:
        """The check as it is, with lines known again."""
        self.auditor.learns = True
        self.settled()

    def contentless(self) -> None:
        """The whole, as if the rules that look into texts were not there."""
        rules = tuple(r for r in _RULES if not any(isinstance(t, Strings | Listed) for t in r.triggers))
        judge = self.auditor
        judge.fast = _Unread(self.policy, rules)
        judge.slow = SlowLane(self.policy, rules, _RECORDS, judge.redactor, judge.names, None, judge.fast.shown)
        self.whole()


STAGES: dict[str, Callable[[Pipeline], Any]] = {
    "parse: orjson.loads": Pipeline.parse,
    "proof: orjson.dumps": Pipeline.proof,
    "schema: is_valid": Pipeline.schema,
    "groups by type": Pipeline.grouped,
    "texts, screening": Pipeline.texts,
    "clocks": Pipeline.clocks,
    "counts and times": Pipeline.counted,
    "marks": Pipeline.marked,
    "slow lane": Pipeline.explained,
    "reading, sha256": Pipeline.read,
    "settle": Pipeline.settled,
}
"""In order: each prefix does what the one before does, and what it is named for."""


def _batches(block: Lines) -> list[list[bytes]]:
    lines = block.data.removesuffix(b"\n").split(b"\n")
    return [lines[at : at + _BATCH] for at in range(0, len(lines), _BATCH)]


def _clockless(rules: tuple[EventRule, ...]) -> list[EventRule]:
    return [replace(rule, triggers=tuple(t for t in rule.triggers if not isinstance(t, Clocks))) for rule in rules]


def _timed(pipeline: Pipeline, prefix: Callable[[Pipeline], Any], answer: _Answer) -> None:
    """CPU seconds of one prefix, in a process of its own."""
    pipeline.load()
    gc.collect()
    gc.freeze()
    gc.disable()  # as the runners do
    begun = time.process_time()
    prefix(pipeline)
    answer.put(time.process_time() - begun)


def _alone(pipeline: Pipeline, prefix: Callable[[Pipeline], Any]) -> float:
    context = multiprocessing.get_context("fork")
    answer: _Answer = context.SimpleQueue()
    process = context.Process(target=_timed, args=(pipeline, prefix, answer))
    process.start()
    taken = answer.get()
    process.join()
    return taken


def measure(events: int, rounds: int, folder: Path) -> None:
    """Print each stage's share of the check, and the ratios to the parse, for few and for many breaches."""
    log, warm = str(folder / "log.jsonl"), str(folder / "warm.jsonl")
    generate(warm, 200, 0.5)
    first = Pipeline(warm)
    first.load()
    first.settled()  # builds what is built on first use
    for share, number in ((0.001, events), (0.01, events), (0.5, events // 5)):
        generate(log, number, share)
        pipeline = Pipeline(log)
        prefixes = STAGES | {_WHOLE: Pipeline.whole, _CONTENTLESS: Pipeline.contentless}
        least = dict.fromkeys(prefixes, float("inf"))
        for _ in range(rounds):
            for name, prefix in prefixes.items():
                least[name] = min(least[name], _alone(pipeline, prefix))
        _show(f"{number:,} events, {100 * share:g} % breaches, least of {rounds} rounds", least)


def _show(title: str, least: dict[str, float]) -> None:
    parse, *_, whole = (least[name] for name in STAGES)
    print(title)
    before = 0.0
    for name in STAGES:
        taken = least[name]
        print(
            f"  {name:<22} {taken - before:7.3f} s {100 * (taken - before) / whole:6.1f} %   so far {parse / taken:.3f}"
        )
        before = taken
    for name, taken in (("all of these", whole), (_WHOLE, least[_WHOLE]), (_CONTENTLESS, least[_CONTENTLESS])):
        print(f"  {name:<22} {taken:7.3f} s            {parse / taken:.3f} of orjson.loads", flush=True)
