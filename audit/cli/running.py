"""How a capture is folded: in this process, or in several."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from audit.engine.rows import InputFacts, Stream
from audit.engine.run import Auditor
from audit.extras import missing
from audit.model import Finding
from audit.policy.files import built_in, find
from audit.redact import visible
from audit.runners import serial
from audit.runners.marks import MarkStore
from audit.sources.inputs import Input
from audit.tally import Size, Tally

Rows = Callable[[Mapping[str, Any]], None]
_ADDRESS = re.compile(r"(?:tcp|tls|ws|wss|ucx)://\S+")
"""What a scheduler is reached by. Anything else would be looked for, in vain, until a time-out."""


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
    if options["scheduler"] is not None and options["engine"] != "dask":
        raise click.UsageError("--scheduler is for --engine dask: add that")
    if options["scheduler"] is not None and _ADDRESS.fullmatch(options["scheduler"]) is None:
        raise click.UsageError(f"--scheduler {visible(options['scheduler'])}: write its address, as tcp://HOST:8786")
    if options["jobs"] == 1 and options["engine"] == "processes":
        sink = teller(judge, inputs, rows)
        return serial.run(judge, inputs, marks, size=size, origins=origins, sink=sink, progress=progress)
    from audit.runners.fold import Asked
    from audit.runners.pool import NoWorkerError
    from audit.runners.work import Recipe

    name = options["policy_name"]
    pack = name if name in built_in() else str(Path(find(name)).absolute())
    recipe = Recipe(pack, judge.policy.sha256, kit, size, findings=rows is not None)
    try:
        return _runner(options)(Asked(judge, recipe, inputs, marks, origins, rows, progress), options["jobs"])
    except NoWorkerError as error:
        raise click.UsageError(f"{_how(options)}: {visible(str(error))}") from None


def _runner(options: Mapping[str, Any]) -> Callable[..., tuple[Tally, list[InputFacts]]]:
    if options["engine"] == "processes":
        from audit.runners import processes

        return processes.run
    if find_spec("distributed") is None:
        raise click.UsageError(missing("--engine dask", "distributed", "dask"))
    from audit.runners import dask

    return partial(dask.run, scheduler=options["scheduler"])


def _how(options: Mapping[str, Any]) -> str:
    if options["engine"] == "processes":
        return f"-j {options['jobs']}"
    return f"--scheduler {visible(options['scheduler'])}" if options["scheduler"] else "--engine dask"


def teller(judge: Auditor, inputs: list[Input], rows: Rows | None) -> Callable[[Finding], None] | None:
    """Makes a row of each finding of a capture."""
    if rows is None:
        return None

    stream = Stream(judge.policy)

    def tell(finding: Finding) -> None:
        if finding.place is not None:
            rows(stream.row(finding, inputs[finding.place.input].name))

    return tell
