"""`telemetry-audit policy lint` and `policy test`: a pack looked at by itself, without any capture."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from audit.cli import mute
from audit.cli.options import check_targets
from audit.model import Outcome
from audit.policy.files import built_in
from audit.redact import visible

if TYPE_CHECKING:
    from audit.authoring.faults import Fault
    from audit.authoring.lint import Report

LINT_EPILOG = """\b
Examples:
  telemetry-audit policy lint ./my-policy
  telemetry-audit policy lint ./my-policy -o sarif=lint.sarif
  telemetry-audit policy lint $(git diff --name-only)      the packs that these files belong to

\b
Exit codes: 0 nothing at or above --fail-on    1 faults    2 usage"""

TEST_EPILOG = """\b
Examples:
  telemetry-audit policy test ./my-policy
  telemetry-audit policy test ./my-policy -o junit=policy-tests.xml

\b
Exit codes: 0 all tests pass and no mutant survives    1 some do not    2 usage, or a pack that cannot be loaded"""


class Sink(click.ParamType[tuple[str, str | None]]):
    """A format, and the file that it goes to; without a file, stdout."""

    name = "format[=path]"

    def __init__(self, *formats: str) -> None:
        self.formats = formats

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str | None]:
        if isinstance(value, tuple):
            return value
        name, equals, path = str(value).partition("=")
        if name not in self.formats:
            self.fail(f"unknown format {visible(name)!r}: use one of {', '.join(self.formats)}", param, ctx)
        if equals and not path:
            self.fail(f"no path after {name}=: write {name}=FILE, or {name} alone for stdout", param, ctx)
        return name, path if equals and path != "-" else None


def packs_of(arguments: Sequence[str]) -> list[tuple[str, Path]]:
    """The packs that are named, by name, directory or any file in one; each once. Files of no pack are told and passed over."""
    found: dict[str, tuple[str, Path]] = {}
    for argument in arguments:
        path = built_in().get(argument, Path(argument))
        if not path.exists():
            known = ", ".join(built_in())
            raise click.UsageError(
                f"{visible(argument)}: no such pack: give a directory that holds policy.toml, or one of: {known}"
            )
        if path.is_dir():
            found.setdefault(str(path.resolve()), (argument, path))
            continue
        home = next((parent for parent in path.parents if (parent / "policy.toml").is_file()), None)
        if home is None:
            click.echo(f"{visible(argument)}: in no policy pack, passed over", err=True)
        else:
            found.setdefault(str(home.resolve()), (str(home), home))
    return list(found.values())


def _day(_: click.Context, param: click.Parameter, value: str | None) -> dt.date:
    if value is None:
        return dt.datetime.now(dt.UTC).date()
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        raise click.BadParameter("write a day as 2026-12-31", param=param) from None


@click.command("lint", epilog=LINT_EPILOG)
@click.argument("packs", nargs=-1, required=True, metavar="NAME|DIR|FILE...")
@click.option(
    "-o",
    "--output",
    "outputs",
    type=Sink("text", "json", "sarif"),
    multiple=True,
    metavar="FORMAT[=PATH]",
    help="text, json or sarif; to stdout without PATH. Repeatable.",
)
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "never"]),
    default="warning",
    show_default=True,
    help="The lowest severity that makes the exit code 1.",
)
@click.option(
    "--today", callback=_day, metavar="DATE", help="The day on which exceptions must still hold. [default: today, UTC]"
)
def lint_command(
    packs: tuple[str, ...], outputs: tuple[tuple[str, str | None], ...], fail_on: str, today: dt.date
) -> None:
    """List every fault of a policy pack, each with file, line, key path, severity and remedy.

    Looks at policy.toml, the page's quotes, every schema, every sample and every test: what a schema leaves open or nobody
    checks, what can never hold, what no claim owns, what is left over. Nothing in a pack is executed, fetched or followed.
    """
    from audit.authoring.lint import lint

    _check(outputs)
    reports = [(shown, lint(path, today)) for shown, path in packs_of(packs)]
    formats = {"text": _text, "json": _json, "sarif": _sarif}
    for name, path in outputs or (("text", None),):
        emit(formats[name](reports), path)
    levels = ("error",) if fail_on == "error" else ("error", "warning")
    failed = fail_on != "never" and any(f.severity in levels for _, report in reports for f in report.faults)
    sys.exit(Outcome.FINDINGS if failed else Outcome.CLEAN)


def _check(outputs: Sequence[tuple[str, str | None]]) -> None:
    if sum(path is None for _, path in outputs) > 1:
        raise click.UsageError("two outputs cannot both go to stdout: give one a file, as in -o json=FILE")
    check_targets([path for _, path in outputs if path is not None], [])


def say(text: str) -> None:
    """Text for stdout. Whoever has stopped reading it has seen enough: the exit code stands."""
    try:
        click.echo(text, nl=False)
    except BrokenPipeError:
        mute()


def emit(text: str, path: str | None) -> None:
    """Write one output, to its file or to stdout."""
    from audit.writers.files import write_atomically

    if path is None:
        say(text)
        return
    try:
        write_atomically(Path(path), text)
    except OSError as error:
        raise click.UsageError(f"{visible(path)} was not written: {error.strerror}") from None


def _text(reports: Sequence[tuple[str, Report]]) -> str:
    return "".join(f"{line}\n" for shown, report in reports for line in _lines(shown, report))


def _lines(shown: str, report: Report) -> Iterator[str]:
    from audit.authoring.sarif import place

    for fault in report.faults:
        line = f":{fault.line}" if fault.line is not None else ""
        key = f" {visible(fault.key)}" if fault.key else ""
        yield f"{visible(place(shown, fault.file))}{line}:{key} {fault.severity} {fault.lint}"
        yield f"    {visible(fault.what)}"
        yield f"    remedy: {fault.remedy}"
    counts = [sum(f.severity == level for f in report.faults) for level in ("error", "warning")]
    said = " and ".join(
        f"{n} {word}{'' if n == 1 else 's'}" for n, word in zip(counts, ("error", "warning"), strict=True) if n
    )
    excused = f", {len(report.excused)} let pass by exceptions" if report.excused else ""
    yield f"{visible(shown)}: {said or 'no fault'} in {report.files:,} files{excused}"


def _row(fault: Fault) -> dict[str, Any]:
    return {
        "file": visible(fault.file),
        "line": fault.line,
        "key": visible(fault.key),
        "lint": fault.lint,
        "severity": fault.severity.value,
        "message": visible(fault.what),
        "remedy": fault.remedy,
    }


def _json(reports: Sequence[tuple[str, Report]]) -> str:
    rows = [
        {
            "pack": visible(shown),
            "files": report.files,
            "faults": [_row(fault) for fault in report.faults],
            "excused": [_row(fault) for fault in report.excused],
        }
        for shown, report in reports
    ]
    return json.dumps({"format": "telemetry-audit/lint/1", "packs": rows}, indent=2, ensure_ascii=False) + "\n"


def _sarif(reports: Sequence[tuple[str, Report]]) -> str:
    from audit.authoring.sarif import sarif

    return sarif((shown, report.faults) for shown, report in reports)


@click.command("test", epilog=TEST_EPILOG)
@click.argument("packs", nargs=-1, required=True, metavar="NAME|DIR|FILE...")
@click.option(
    "-o",
    "--output",
    "outputs",
    type=Sink("text", "junit"),
    multiple=True,
    metavar="FORMAT[=PATH]",
    help="text or junit; to stdout without PATH. Repeatable.",
)
def test_command(packs: tuple[str, ...], outputs: tuple[tuple[str, str | None], ...]) -> None:
    """Run a pack's own tests, then mutate its samples and list the mutants that its schemas let through.

    A pass file must give no error and no warning; a fail file must give the finding that it names. Then every sample is broken in
    one place at a time: an unknown key in each object, each required key dropped, each type, form and bound broken. A
    mutant that nothing minds survives: the schema there checks less than it seems to.
    """
    from audit.authoring.junit import junit
    from audit.authoring.trial import trial
    from audit.policy.pack import PolicyError

    _check(outputs)
    runs = []
    for shown, path in packs_of(packs):
        try:
            runs.append((shown, trial(path)))
        except PolicyError as error:
            remedy = f"telemetry-audit policy lint {visible(shown)} lists every fault"
            raise click.UsageError(f"policy {visible(shown)}: {visible(str(error))}. {remedy}") from None
    for name, path_ in outputs or (("text", None),):
        if name == "junit":
            emit(junit([(visible(shown), run) for shown, run in runs]), path_)
        else:
            emit("".join(f"{line}\n" for shown, run in runs for line in _told(shown, run)), path_)
    sys.exit(Outcome.FINDINGS if any(run.failed for _, run in runs) else Outcome.CLEAN)


def _told(shown: str, run: Any) -> Iterator[str]:
    for outcome in run.failed:
        yield f"FAILED  {visible(shown)}: {visible(outcome.name)}"
        yield f"    {visible(outcome.fault)}"
        yield from (f"    {visible(line)}" for line in outcome.details)
    files = sum(outcome.group == "tests" for outcome in run.outcomes)
    failed = f"{len(run.failed)} failed" if run.failed else "all pass"
    lived = f"{run.survivors} survive" if run.survivors else "none survives"
    yield f"{visible(shown)}: {files} tests and {len(run.outcomes) - files} schemas, {failed}; {run.mutants:,} mutants, {lived}"
