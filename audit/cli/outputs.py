"""Where a result goes: `-o FORMAT[=PATH]`, shared by every command that renders one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click

from audit.cli import mute
from audit.engine.result import Result
from audit.model import Outcome
from audit.redact import visible
from audit.writers import FORMATS, writer
from audit.writers.files import write_atomically

_STDOUT = ("-", "/dev/stdout")


class Output(NamedTuple):
    """A format and where it goes; no path means stdout."""

    format: str
    path: str | None


class OutputType(click.ParamType[Output]):
    name = "format[=path]"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Output:
        if isinstance(value, Output):
            return value
        name, equals, path = str(value).partition("=")
        if name not in FORMATS:
            self.fail(f"unknown format {visible(name)!r}: use one of {', '.join(FORMATS)}", param, ctx)
        if equals and not path:
            self.fail(f"no path after {name}=: write {name}=FILE, or {name} alone for stdout", param, ctx)
        return Output(name, None if not equals or path in _STDOUT else path)


output_option = click.option(
    "-o",
    "--output",
    "outputs",
    type=OutputType(),
    multiple=True,
    metavar="FORMAT[=PATH]",
    help=f"{', '.join([*FORMATS][:-1])} or {[*FORMATS][-1]}; to stdout without PATH. Repeatable.",
)


class NotWritten(click.ClickException):
    """An output that could not be written after all: never to be taken for findings."""

    exit_code = Outcome.USAGE


def choose(asked: Sequence[Output], *, quiet: bool) -> list[Output]:
    """The outputs asked for, and the text on stdout unless something else takes stdout."""
    on_stdout = [output.format for output in asked if output.path is None]
    if len(on_stdout) > 1:
        raise click.UsageError(
            f"{' and '.join(on_stdout)} cannot both go to stdout: give one a file, as in -o {on_stdout[1]}=FILE"
        )
    return [*asked] if on_stdout or quiet else [Output("text", None), *asked]


def write(result: Result, outputs: Sequence[Output]) -> None:
    """Render and write every output, also after one that could not be written. Raises NotWritten for those."""
    failures = []
    for output in outputs:
        try:
            _write(result, output)
        except NotWritten as failure:
            failures.append(failure.message)
    if failures:
        raise NotWritten("; ".join(failures))


def _write(result: Result, output: Output) -> None:
    """One output, whose text is gone before the next is made: one at a time is what memory has to hold."""
    text = writer(output.format)(result)
    if output.path is None:
        say(text)
    else:
        save(output.path, text)


def save(path: str, text: str) -> None:
    """Text to a file. Raises NotWritten."""
    try:
        write_atomically(Path(path), text)
    except OSError as error:
        raise NotWritten(f"{visible(path)} was not written: {error.strerror}") from None


def say(text: str) -> None:
    """Text to stdout. Whoever reads it may have seen enough: the exit code and the other outputs stand.

    Raises NotWritten where there is no stdout.
    """
    if sys.stdout is None:
        raise NotWritten("standard output is closed: give -o FORMAT=FILE, or -q")
    try:
        click.echo(text, nl=False)
        sys.stdout.flush()
    except BrokenPipeError:
        mute()
