"""`telemetry-audit explain`: a rule's own words."""

from __future__ import annotations

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
        raise click.UsageError(f"no rule {visible(rule)!r}: use one of {', '.join(BY_ID)}")
    click.echo(f"{found.id}   level: {found.levels}\n\n{found.doc.strip()}")
