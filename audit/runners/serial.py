"""The fold in one process: every input in turn, a part at a time."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence

from audit.engine.rows import InputFacts
from audit.engine.run import Auditor, Sink
from audit.runners.marks import MarkStore
from audit.sources import Reading
from audit.sources.detect import Format
from audit.sources.inputs import Input, etag_of
from audit.tally import Size, Tally

Progress = Callable[[int], None]
"""Told the number of units after each part."""


def run(  # noqa: PLR0913 - the fold's whole environment
    auditor: Auditor,
    inputs: Sequence[Input],
    marks: MarkStore,
    *,
    size: Size | None = None,
    origins: Mapping[int, str] | None = None,
    sink: Sink | None = None,
    progress: Progress | None = None,
) -> tuple[Tally, list[InputFacts]]:
    """Read everything; marks go to the store. `origins`: the origin that the auditor gave an input, by its index."""
    tally = Tally(size)
    gc.freeze()
    gc.disable()  # what is parsed holds no cycles: collecting it costs several-fold and frees nothing
    try:
        return tally, _read(auditor, inputs, tally, marks, origins or {}, sink, progress)
    finally:
        gc.enable()
        gc.unfreeze()


def _read(  # noqa: PLR0913 - as above
    auditor: Auditor,
    inputs: Sequence[Input],
    tally: Tally,
    marks: MarkStore,
    origins: Mapping[int, str],
    sink: Sink | None,
    progress: Progress | None,
) -> list[InputFacts]:
    facts: list[InputFacts] = []
    before = 0
    for capture in inputs:
        read = 0
        reading = Reading(capture, auditor.limits)
        override = origins.get(capture.index)
        for part in reading.parts():
            auditor.feed(part, tally, (capture.index, 0), override, sink)
            marks.take(tally)
            if progress is not None:
                read = tally.units[capture.index, 0].units
                progress(before + read)
        before += read
        facts.append(
            InputFacts(
                name=capture.name,
                format=reading.format.value,
                bytes=reading.size,
                sha256=reading.sha256,
                lines=reading.format is Format.JSONL,
                head=reading.head,
                etag=etag_of(capture),
            )
        )
    return facts
