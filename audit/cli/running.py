"""How a capture is folded: in this process, or in several."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from audit.engine.rows import InputFacts, stream_row
from audit.engine.run import Auditor
from audit.model import Finding
from audit.policy.files import find
from audit.redact import visible
from audit.runners import serial
from audit.runners.marks import MarkStore
from audit.sources.inputs import Input
from audit.tally import Size, Tally

Rows = Callable[[Mapping[str, Any]], None]


def fold(  # noqa: PLR0913 - the fold's whole environment
    judge: Auditor,
    kit: Mapping[str, Any],
    inputs: list[Input],
    origins: Mapping[int, str],
    marks: MarkStore,
    rows: Rows | None,
    progress: Callable[[int], None] | None,
    options: Mapping[str, Any],
) -> tuple[Tally, list[InputFacts]]:
    """Read everything. `kit`: what the auditor was made with beside its policy; `rows`: told every finding."""
    size = Size(examples=options["examples"])
    if options["jobs"] == 1:
        sink = teller(judge, inputs, rows)
        return serial.run(judge, inputs, marks, size=size, origins=origins, sink=sink, progress=progress)
    from audit.runners import processes
    from audit.runners.pool import NoWorkerError
    from audit.runners.work import Recipe

    directory = str(Path(find(options["policy_name"])).absolute())
    recipe = Recipe(directory, judge.policy.sha256, kit, size, findings=rows is not None)
    try:
        return processes.run(
            judge, recipe, inputs, marks, options["jobs"], origins=origins, rows=rows, progress=progress
        )
    except NoWorkerError as error:
        raise click.UsageError(f"-j {options['jobs']}: {visible(str(error))}") from None


def teller(judge: Auditor, inputs: list[Input], rows: Rows | None) -> Callable[[Finding], None] | None:
    """Makes a row of each finding of a capture."""
    if rows is None:
        return None

    def tell(finding: Finding) -> None:
        if finding.place is not None:
            rows(stream_row(judge.policy, finding, inputs[finding.place.input].name))

    return tell
