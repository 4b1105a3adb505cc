"""`telemetry-audit explain`: a rule's own words."""

from __future__ import annotations

import difflib

import click

from audit.redact import visible
from audit.rules import BY_ID, RULES


@click.command()
@click.argument("rule", required=False)
def command(rule: str | None) -> None:
    """Say what a RULE finds, why it matters, an example and its limits. Without RULE: list all rules."""
    if rule is None:
        wide = max(len(entry.id) for entry in RULES)
        for entry in RULES:
            click.echo(f"{entry.id:<{wide}}  {entry.doc.splitlines()[0]}")
        return
    found = BY_ID.get(rule)
    if found is None:
        near = difflib.get_close_matches(rule[:100], list(BY_ID), n=1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise click.UsageError(f"no rule {visible(rule)!r}: {hint}`telemetry-audit explain` lists all")
    click.echo(f"{found.id}   level: {found.levels}\n\n{found.doc.strip()}")
