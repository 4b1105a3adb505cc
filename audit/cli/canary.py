"""`telemetry-audit canary`: values to plant, and the seed file to check with."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

import click

from audit.cli.consent_options import Time, read_text
from audit.leaks.canaries import canaries, shape_of
from audit.leaks.seeds import Kind, Seed
from audit.redact import instant, visible
from audit.sources.seeds import COLUMNS, Gathered, SeedError

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]{0,62}")
_LABEL = re.compile(r"[\w .:/-]{0,64}")


@click.group()
def command() -> None:
    """Make canaries to plant in data sources, and show what was planted where and when.

    Plant the values where the product reads data, write the time into the seed file, use the product, capture, and run
    `telemetry-audit check CAPTURE --seeds FILE`.
    """


@command.command("new")
@click.option("--count", type=click.IntRange(1, 10_000), default=40, show_default=True, help="How many.")
@click.option(
    "--for", "label", default="", metavar="PLACE", help="Where they will be planted; written down as their label."
)
@click.option("-o", "--output", metavar="FILE", required=True, help="The seed file to write. It must not exist yet.")
@click.option("--planted-at", type=Time(), metavar="TIME", help="When they are planted, as 2020-11-04T09:00:00Z.")
@click.option(
    "--as",
    "form",
    type=click.Choice(["sql", "csv", "json", "lines"]),
    default="sql",
    show_default=True,
    help="How to print them for planting.",
)
@click.option("--table", default="canaries", show_default=True, metavar="NAME", help="For sql: the table.")
@click.option("--column", default="value", show_default=True, metavar="NAME", help="The column or member.")
def new(  # noqa: PLR0913 - one parameter an option
    count: int, label: str, output: str, planted_at: datetime | None, form: str, table: str, column: str
) -> None:
    """Make canaries: names, e-mail addresses, numbers and tokens that stand nowhere else.

    They are printed ready to plant; the seed file for `check --seeds` is written beside. Keep it secret: who knows a
    canary can avoid it.
    """
    for what, name in (("--table", table), ("--column", column)):
        if not _NAME.fullmatch(name):
            raise click.UsageError(f"{what} {visible(name)}: letters, digits, _ and . are expected")
    if not _LABEL.fullmatch(label):
        raise click.UsageError(f"--for {visible(label)}: at most 64 letters, digits, spaces and . : / - are expected")
    made = canaries(count, label, secrets.randbelow)
    _write(output, _seed_csv(made, planted_at))
    click.echo(_FORMS[form]([seed.value for seed in made], table, column), nl=False)
    when = "" if planted_at is not None else "; write planted_at into it when you have planted them"
    click.echo(f"{len(made)} canaries in {visible(output)}{when}", err=True)


@command.command("list")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def list_(files: tuple[str, ...]) -> None:
    """Show what was planted where and when. The values stay in the file."""
    total = 0
    for path in files:
        shown = visible(path)
        gathered = Gathered()
        try:
            gathered.add(read_text(path, shown), shown, None)
        except SeedError as error:
            raise click.UsageError(str(error)) from None
        found = [seed for seed in gathered.seeds if seed.kind is Kind.CANARY]
        for number, seed in enumerate(found, total + 1):
            when = instant(seed.planted_at) if seed.planted_at is not None else "not planted yet"
            click.echo(f"{number:>5}  {shape_of(seed.value):<7} {when:<25} {visible(seed.label) or '-'}".rstrip())
        for warning in gathered.warnings:
            click.echo(f"warning: {warning}", err=True)
        total += len(found)
    dated = "a claim about returned data needs planted_at inside the time of the capture"
    click.echo(f"{total} canaries; {dated}", err=True)


def _seed_csv(seeds: list[Seed], planted_at: datetime | None) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    when = instant(planted_at.astimezone(UTC)) if planted_at is not None else ""
    writer.writerows((seed.value, seed.kind.value, seed.label, when) for seed in seeds)
    return text.getvalue()


def _write(path: str, text: str) -> None:
    """A new file that only its owner may read; one that exists is kept: its canaries may be planted already."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise click.UsageError(f"{visible(path)} exists: its canaries may be planted; give another name") from None
    except OSError as error:
        raise click.UsageError(f"{visible(path)} cannot be written: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)


def _sql(values: list[str], table: str, column: str) -> str:
    return "".join(f"INSERT INTO {table} ({column}) VALUES ('{value}');\n" for value in values)  # noqa: S608 - printed, and made of letters


def _csv(values: list[str], _: str, column: str) -> str:
    return "".join(f"{line}\n" for line in (column, *values))


def _json(values: list[str], _: str, column: str) -> str:
    return json.dumps([{column: value} for value in values], indent=1) + "\n"


def _lines(values: list[str], _: str, __: str) -> str:
    return "".join(f"{value}\n" for value in values)


_FORMS: dict[str, Callable[[list[str], str, str], str]] = {"sql": _sql, "csv": _csv, "json": _json, "lines": _lines}
