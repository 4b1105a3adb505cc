"""`telemetry-audit verify`: what an evidence directory's chain proves."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from audit.evidence import Report, is_evidence
from audit.evidence import verify as walk
from audit.model import Outcome
from audit.redact import visible

EPILOG = """\b
Examples:
  telemetry-audit verify evidence/
  telemetry-audit verify evidence/ --head 3f6c0a...

The head is the digest that `telemetry-audit proxy` prints when it starts, every hour and when it ends, and that stands
in the result. Keep it elsewhere than the evidence: without it nobody can tell a rewritten chain from the real one.

\b
Exit codes: 0 nothing contradicts the chain (nor the head)   5 it was changed or emptied, or the head is not in it"""

_HEAD = re.compile(r"[0-9a-f]{64}")


@click.command(epilog=EPILOG)
@click.argument("directory", metavar="DIR")
@click.option("--head", metavar="DIGEST", help="A head digest that was noted while the evidence was written.")
def command(directory: str, head: str | None) -> None:
    """Check the hash chain of an evidence directory, from the first record to the last."""
    path = Path(directory)
    if not path.is_dir():
        raise click.UsageError(f"{visible(directory)}: no such directory: give the one that `proxy --evidence` wrote")
    if not is_evidence(path):
        raise click.UsageError(
            f"{visible(directory)}: no evidence directory: evidence.json of this format is missing; give the directory that "
            "`proxy --evidence` wrote"
        )
    if head is not None and _HEAD.fullmatch(head.strip().lower()) is None:
        raise click.UsageError("--head: write the 64 hex digits that the proxy printed")
    try:
        report = walk(path, head.strip().lower() if head else None)
    except OSError as error:
        raise click.UsageError(f"{visible(directory)}: cannot be read: {error.strerror or error}") from None
    for line in _lines(report, head):
        click.echo(line)
    sys.exit(Outcome.CLEAN if report.proves(head) else Outcome.UNVERIFIED)


def _lines(report: Report, head: str | None) -> Iterator[str]:
    if report.broken is not None:
        yield f"BROKEN after record {report.records:,}, in {report.broken.segment}: {report.broken.why}."
        yield "What stands after it was changed, removed, reordered or put in; nothing of it is vouched for."
    for name in report.foreign:
        yield f"CHANGED: {visible(name)} is not the file that was kept."
    if not report.records and report.broken is None:
        yield "EMPTY: no record. The proxy writes one when it starts: the segments were emptied, or never came to be."
    elif head is None:
        if report.broken is None:
            yield f"consistent up to record {report.records}; a cut tail or a full rewrite cannot be excluded"
    elif report.held is not None:
        yield f"proved up to record {report.held}: nothing before this head was changed, removed or reordered."
        if report.records > report.held and report.broken is None:
            more = report.records - report.held
            yield f"{more:,} {'record follows' if more == 1 else 'records follow'}, consistent; their tail is not proved."
    else:
        yield "NOT PROVED: no record has this head: the chain was rewritten or cut, or the head is of other evidence."
    for torn in report.torn:
        yield f"{torn.segment} ends in a torn record of {len(torn.data):,} bytes: its writer was ended while writing it."
    if report.head is not None:
        yield f"records {report.records:,}, head {report.head}"
