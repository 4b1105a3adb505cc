"""Formats of the result. Adding one: a file with `write(result) -> str`, a line here, an example in reports/."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module

from audit.engine.result import Result

FORMATS: Mapping[str, str] = {
    "text": "the answer for a terminal, 80 columns",
    "json": "the whole result, telemetry-audit/result/1",
    "jsonl": "one finding a line",
    "markdown": "the answer for a job summary or a ticket, under 1 MiB",
    "sarif": "alerts for GitHub code scanning: SARIF 2.1.0, one a group, within GitHub's limits",
    "sarif-full": "SARIF 2.1.0 with every finding shown, suppressed ones, and a result for each claim",
    "junit": "a test case for each claim, as JUnit XML",
    "github": "annotations of GitHub Actions, the heaviest ten of each level",
    "csv": "the findings as a table for a spreadsheet",
    "html": "the report for people: one file, no script, prints on A4",
}
"""Every format with its description; the writer of `x` is `audit.writers.x`, loaded when it is asked for."""


LABELLED = ("text", "json", "markdown", "html")
"""Formats for people, which say on every page that they hold values, where they do. No other may be asked for them."""


def writer(name: str) -> Callable[[Result], str]:
    """The function that renders a result in a format."""
    module = import_module(f"audit.writers.{_MODULES.get(name, name)}")
    write: Callable[[Result], str] = module.write
    return write


_MODULES = {
    "json": "json_result",
    "jsonl": "json_lines",
    "csv": "csv_table",
    "html": "page",
    "sarif-full": "sarif_full",
}
"""Where a module of the format's name would hide one of the standard library."""
