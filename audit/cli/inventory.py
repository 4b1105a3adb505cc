"""`telemetry-audit inventory`: every event and field that captures hold, never a value."""

from __future__ import annotations

import sys
from typing import Any

import click

from audit import __version__
from audit.cli.check import _inputs, _origins
from audit.cli.limit_options import limits_of, record_limits
from audit.cli.options import check_targets, load_policy, sources_of
from audit.cli.outputs import save, say
from audit.engine.observed import inventory
from audit.engine.result import digest
from audit.engine.rows import InputFacts, input_rows
from audit.engine.run import Auditor
from audit.model import Outcome
from audit.policy.pack import Policy
from audit.redact import visible
from audit.runners.marks import MarkStore
from audit.runners.serial import run
from audit.sources.inputs import Input
from audit.tally import Tally
from audit.writers.fields import FORMATS, Document, render

EPILOG = """\b
Examples:
  telemetry-audit inventory logs.jsonl
  telemetry-audit inventory logs/ -o csv=fields.csv

A value is never shown, only how many different ones there are: exactly up to 512, above that within about 4 %.
What is documented is what the policy pack says. The exit code is 0, or 3 if nothing could be read."""


@click.command(epilog=EPILOG)
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...")
@click.option(
    "-p",
    "--policy",
    "policy_name",
    default="appsmith/2020-11",
    show_default=True,
    metavar="NAME|DIR",
    help="The policy pack that says what is documented.",
)
@click.option(
    "-f",
    "--format",
    "kind",
    type=click.Choice([*FORMATS]),
    help="How to write it, where --output does not say. [default: text]",
)
@click.option(
    "-o",
    "--output",
    metavar="FORMAT[=PATH]|FILE",
    help="Where to, as for `check`: csv=FILE. A FILE alone is written as --format says. [default: stdout]",
)
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="FILE=ORIGIN",
    help="Who sent the events of a capture, where their names do not tell. Repeatable.",
)
@record_limits
def command(captures: tuple[str, ...], **options: Any) -> None:
    """List every event and field that captures hold: type, share, different values, category, documented or not.

    Input to a record of processing activities (GDPR Art. 30). Judges nothing: `telemetry-audit check` does.
    """
    policy = load_policy(options["policy_name"])
    inputs = _inputs(captures)
    origins = _origins(options["origins"], inputs, policy)
    kind, target = _output(options["output"], options["kind"])
    given = [capture.path for capture in inputs if capture.path is not None]
    check_targets([target] if target else [], [*given, *sources_of(options)])
    auditor = Auditor(policy, limits_of(options), inventory=True)
    with MarkStore() as marks:
        tally, facts = run(auditor, inputs, marks, origins=origins)
    document = _document(policy, tally.settled(), inputs, facts)
    text = render(document, kind)
    say(text) if target is None else save(target, text)
    sys.exit(Outcome.CLEAN if any(units.carrying for units in tally.units.values()) else Outcome.NOTHING_READ)


def _output(asked: str | None, kind: str | None) -> tuple[str, str | None]:
    """The format and the file, None for stdout."""
    name, equals, path = (asked or "-").partition("=")
    if name in FORMATS and not (equals and not path):
        if kind not in (None, name):
            raise click.UsageError(f"-f {kind} and -o {visible(asked or '')} name two formats: give one")
        return name, path if path not in ("", "-") else None
    if equals and "/" not in name:
        raise click.UsageError(
            f"-o {visible(asked or '')}: write FORMAT=FILE, with one of {', '.join(FORMATS)}, or ./FILE where its name holds ="
        )
    return kind or "text", asked if asked not in (None, "-") else None


def _document(policy: Policy, tally: Tally, inputs: list[Input], facts: list[InputFacts]) -> Document:
    document: Document = {
        "format": "telemetry-audit/inventory/1",
        "tool": {"name": "telemetry-audit", "version": __version__},
        "policy": {"id": policy.id, "revision": policy.revision, "title": policy.title, "sha256": policy.sha256},
        "inputs": input_rows({capture.index: fact for capture, fact in zip(inputs, facts, strict=True)}, tally),
        "inventory": inventory(policy, tally),
        "unreadable": {reason.value: number for reason, number in sorted(tally.reasons.items())},
    }
    document["digest"] = digest(dict(document))
    return document
