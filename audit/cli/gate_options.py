"""The options of the gate: suppressions and a baseline."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from audit.gate.baseline import LONGEST, BadBaseline, Baseline
from audit.gate.baseline import parse as parse_baseline
from audit.gate.suppressions import BadSuppressions, File, Suppressions, distinct
from audit.gate.suppressions import parse as parse_suppressions
from audit.policy.pack import Policy
from audit.redact import visible

F = TypeVar("F", bound=Callable[..., Any])
_FILE = click.Path(dir_okay=False)

_OPTIONS = (
    click.option(
        "--baseline",
        type=_FILE,
        metavar="FILE",
        help="Fail only on findings that this baseline does not know; say what went away.",
    ),
    click.option("--write-baseline", type=_FILE, metavar="FILE", help="Write the findings of this run as a baseline."),
    click.option(
        "--suppressions",
        type=_FILE,
        multiple=True,
        metavar="FILE",
        help="Findings that somebody answers for, up to a day and a number (TOML). They are counted and shown, but do "
        "not fail the run. Repeatable.",
    ),
    click.option(
        "--no-suppressions", is_flag=True, help="For auditors: list the suppressions given, and apply none of them."
    ),
    click.option(
        "--as-of",
        metavar="DATE",
        help="The day on which suppressions must still hold. [default: SOURCE_DATE_EPOCH, or today, UTC]",
    ),
)


class Gate(NamedTuple):
    """What the auditor accepts, with what of it stands in the result."""

    suppressions: Suppressions | None
    baseline: Baseline | None
    parameters: Mapping[str, Any]


def gate_options(command: F) -> F:
    """Add the options to a command, in the order of the list."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def gate_of(options: Mapping[str, Any], policy: Policy) -> Gate:
    """The options as a value. A file that cannot be used is a usage error: nothing may be hidden by half a file."""
    given = _suppressions(options)
    baseline = _baseline(options["baseline"], policy) if options["baseline"] else None
    parameters: dict[str, Any] = {}
    if given is not None:
        parameters["suppressions"] = [{"name": visible(file.name), "sha256": file.sha256} for file in given.files]
        parameters["no_suppressions"] = not given.applied
        parameters["as_of"] = given.on.isoformat()
    if baseline is not None:
        parameters["baseline"] = {"name": visible(baseline.name), "sha256": baseline.sha256}
    return Gate(given, baseline, parameters)


def _suppressions(options: Mapping[str, Any]) -> Suppressions | None:
    files = [_suppression_file(path) for path in options["suppressions"]]
    if not files:
        if options["as_of"] is not None:
            raise click.UsageError("--as-of says when suppressions must hold: give --suppressions FILE too")
        return None
    try:
        distinct(files)
    except BadSuppressions as error:
        raise click.UsageError(f"--suppressions: {error}") from None
    return Suppressions(tuple(files), _day(options["as_of"]), applied=not options["no_suppressions"])


def _suppression_file(path: str) -> File:
    try:
        return parse_suppressions(_shown(path), _read("--suppressions", path, 1 << 24))
    except BadSuppressions as error:
        raise click.UsageError(f"--suppressions {visible(path)}: {error}. Nothing was read.") from None


def _baseline(path: str, policy: Policy) -> Baseline:
    try:
        return parse_baseline(_shown(path), _read("--baseline", path, LONGEST), policy.id)
    except BadBaseline as error:
        raise click.UsageError(f"--baseline {visible(path)}: {error}. Nothing was read.") from None


def _read(option: str, path: str, most: int) -> bytes:
    try:
        with Path(path).open("rb") as file:
            data = file.read(most + 1)
    except OSError as error:
        remedy = "; --write-baseline FILE writes one" if option == "--baseline" else ""
        raise click.UsageError(f"{option} {visible(path)} cannot be read: {error.strerror}{remedy}") from None
    if len(data) > most:
        raise click.UsageError(f"{option} {visible(path)}: longer than {most >> 20} MiB")
    return data


def _shown(path: str) -> str:
    return Path(path).name if Path(path).is_absolute() else path


def _day(text: str | None) -> date:
    """The day asked for; else the one that a reproducible build states; else today."""
    if text is not None:
        try:
            return date.fromisoformat(text)
        except ValueError:
            raise click.UsageError(f"--as-of {visible(text)}: write a day as 2026-12-31") from None
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    if not epoch:
        return datetime.now(UTC).date()
    try:
        return datetime.fromtimestamp(int(epoch), UTC).date()
    except (ValueError, OverflowError, OSError):
        raise click.UsageError("SOURCE_DATE_EPOCH is no number of seconds: unset it, or give --as-of DATE") from None


def targets(options: Mapping[str, Any]) -> Sequence[str]:
    """Files that the gate writes."""
    return [options["write_baseline"]] if options["write_baseline"] else []
