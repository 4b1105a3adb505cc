"""`--custody FILE`: who captured what, when, where and with what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from audit.sources.custody import CustodyError, kept_with, read
from audit.sources.inputs import Input

custody_option = click.option(
    "--custody",
    metavar="FILE",
    help="Who captured this, when, where and with what (TOML; policy plan prints a form). Quoted and hashed in the result.",
)


def custody_of(path: str | None, inputs: list[Input]) -> dict[str, Any] | None:
    """The statement that was given, else the one that lies with the evidence."""
    try:
        found = read(Path(path)) if path is not None else kept_with(inputs)
    except CustodyError as error:
        raise click.UsageError(f"--custody {error}") from None
    return None if found is None else found.row()
