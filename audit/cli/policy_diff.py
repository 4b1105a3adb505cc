"""`telemetry-audit policy diff`: what a change of a pack lets through, as a gate for pull requests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click

from audit.authoring.diff_gate import GATES
from audit.model import Outcome
from audit.policy.files import find
from audit.policy.load import load
from audit.policy.pack import Policy, PolicyError
from audit.redact import visible


@click.command("diff")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option(
    "--fail-on",
    type=click.Choice(GATES),
    default="high",
    show_default=True,
    help="Exit 1 if a change at or above this severity is not accepted. What cannot be judged fails too, but at `never`.",
)
@click.option(
    "-o",
    "--output",
    type=click.Choice(["text", "json"]),
    default="text",
    show_default=True,
    help="What to write to standard output.",
)
def command(old: str, new: str, fail_on: str, output: str) -> None:
    """Say which events the pack NEW lets through that the pack OLD refused, and what else NEW says otherwise.

    OLD and NEW are directories, names of packs that ship, or directories of a git revision such as main:schemas/x
    (the path from the root of the repository). Every widening is shown with an event that NEW lets through and OLD
    refuses, or is called unproven.

    \b
    Severities: critical   an object opened, consent loosened, a claim gone or weaker, a field that points further
                high       a field, event, value, type, destination or e-mail place added; a form gone
                medium     longer texts and lists, fields that may be absent, longer tolerances
                low        wider bounds of numbers
                review     a change that a person must judge
                narrowing  less is let through, or more is promised: never fails

    A change passes if the revision of NEW comes after that of OLD and NEW accepts the change, with a reason, in an
    [[accepted]] table of policy.toml.

    \b
    Exit codes: 0 nothing fails    1 a change fails    2 usage, or a fault in a pack
    """  # noqa: D301 - click wants the very character
    from audit.authoring.diff import differences
    from audit.authoring.diff_gate import answer
    from audit.authoring.diff_report import as_json, as_text

    before, after = _loaded("OLD", old), _loaded("NEW", new)
    judged = answer(before, after, differences(before, after), fail_on)
    write = as_json if output == "json" else as_text
    click.echo(write(before, after, judged, fail_on), nl=False)
    if not judged.passed:
        click.get_current_context().exit(Outcome.FINDINGS)


def _loaded(which: str, name: str) -> Policy:
    with _named(which, name):
        try:
            return load(find(name))
        except PolicyError as error:
            from audit.authoring.revisions import checked_out, is_revision

            if error.file != name or not is_revision(name):
                raise
        with checked_out(name) as directory:
            return load(directory)


@contextmanager
def _named(which: str, name: str) -> Iterator[None]:
    try:
        yield
    except PolicyError as error:
        shown = str(error) if error.file == name else f"{name}: {error}"
        raise click.UsageError(f"{which}: {visible(shown)}") from None
