"""`telemetry-audit report`: a saved result in another format, without the capture."""

from __future__ import annotations

from typing import Any

import click

from audit.cli.options import check_targets
from audit.cli.outputs import choose, output_option, write
from audit.cli.reveal import refuse_saved
from audit.redact import visible
from audit.sources.saved_result import NotAResult, read

EPILOG = """\b
Examples:
  telemetry-audit report result.json
  telemetry-audit report result.json -o markdown=summary.md -o csv=findings.csv

The exit code is 0 if everything was written, whatever the verdict, and 2 if the result cannot be used:
wrong, of another version, cut, or changed after it was written."""


@click.command(epilog=EPILOG)
@click.argument("result", metavar="RESULT.json")
@output_option
@click.option("-q", "--quiet", is_flag=True, help="No text on stdout; the outputs asked for remain.")
def command(result: str, **options: Any) -> None:
    """Render a saved result (`check -o json=RESULT.json`) in any format, without judging anything again.

    The same result gives the same bytes as the run that wrote it. Its digest is checked first: a result that was
    changed after it was written is not rendered. A result with values in it (`check --reveal values`) is rendered with its
    label, and only in the formats for people.
    """
    outputs = choose(options["outputs"], quiet=options["quiet"])
    check_targets([output.path for output in outputs if output.path is not None], [result])
    try:
        found = read(result)
    except NotAResult as error:
        raise click.UsageError(f"{visible(result)}: {error}") from None
    except OSError as error:
        raise click.UsageError(f"{visible(result)} cannot be read: {error.strerror}") from None
    refuse_saved(found, outputs)
    write(found, outputs)
