"""`--reveal values`: asked for twice, for people only. Without both words no value is shown anywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import click

from audit.cli.outputs import Output
from audit.engine.result import Result
from audit.model import Reveal
from audit.writers import LABELLED

F = TypeVar("F", bound=Callable[..., Any])
CONFIRM = "--i-understand-this-report-holds-personal-data"
_MEANT = "confirmed"
_FILES = {"findings": "--findings", "write_baseline": "--write-baseline"}

_OPTIONS = (
    click.option(
        "--reveal",
        type=click.Choice([reveal.value for reveal in Reveal]),
        default=Reveal.SHAPE.value,
        show_default=True,
        help="Show what the values of findings look like, or the values: at most 200 characters of each, never a "
        f"credential or a listed value. `values` needs {CONFIRM} too, and is for {', '.join(LABELLED)} alone.",
    ),
    click.option(CONFIRM, _MEANT, is_flag=True, help="Confirms --reveal values."),
)


def reveal_options(command: F) -> F:
    """Add the options to a command, in the order of the list."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def reveal_of(options: Mapping[str, Any], outputs: Sequence[Output]) -> Reveal:
    """What was asked for. Half of it, or values for a machine, is a usage error before anything is read."""
    reveal = Reveal(options["reveal"])
    if reveal is Reveal.SHAPE:
        if options[_MEANT]:
            raise click.UsageError(f"{CONFIRM} confirms --reveal values: give both, or neither")
        return reveal
    if not options[_MEANT]:
        raise click.UsageError(
            f"--reveal values writes captured values, as of people, into the report: add {CONFIRM} if that is meant, "
            "or leave --reveal out"
        )
    refuse(outputs)
    for name, option in _FILES.items():
        if options[name]:
            raise click.UsageError(f"{option} holds no values and --reveal values shows them: run once for each")
    return reveal


def refuse(outputs: Sequence[Output]) -> None:
    """Refuse formats that machines pass on, and that cannot say on every page what they hold."""
    for output in outputs:
        if output.format not in LABELLED:
            raise click.UsageError(
                f"-o {output.format}: values are revealed for people only, in {', '.join(LABELLED)}. Run again without "
                "--reveal values for the other formats"
            )


def refuse_saved(result: Result, outputs: Sequence[Output]) -> None:
    """The same for a saved result that holds values."""
    if "reveal" in result:
        refuse(outputs)
