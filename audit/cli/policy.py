"""`telemetry-audit policy`: the packs that ship, what a pack says, and the tools of those who write packs."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from pathlib import Path

import click

from audit.cli.options import load_policy
from audit.cli.policy_diff import command as diff
from audit.cli.policy_draft import infer_command, init_command
from audit.cli.policy_lint import lint_command, test_command
from audit.policy.files import built_in
from audit.policy.load import load
from audit.policy.pack import Claim, Documented, EventType, Policy
from audit.rules.case import field_text


@click.group()
def command() -> None:
    """List, show, check, compare and write policy packs: a vendor's telemetry page as data."""


command.add_command(lint_command)
command.add_command(test_command)
command.add_command(diff)
command.add_command(infer_command)
command.add_command(init_command)


@command.command("list")
def list_packs() -> None:
    """List the policy packs that ship with this tool."""
    for name, path in built_in().items():
        policy = load(path)
        testable = sum(claim.not_testable is None for claim in policy.claims)
        click.echo(f"{name}   {policy.title}: {len(policy.events)} events, {testable} testable claims")


@command.command("show")
@click.argument("policy", default="appsmith/2020-11", metavar="[NAME|DIR]")
def show(policy: str) -> None:
    """Show what a pack says: its events with their fields, and its claims with quotes, rules and limits."""
    pack = load_policy(policy)
    for line in _pack(pack, policy):
        click.echo(line.rstrip())


def _pack(policy: Policy, name: str) -> Iterator[str]:
    yield f"{policy.id} {policy.revision}   {policy.title}"
    yield f"from {name if name in built_in() else Path(name).name}, sha256 {policy.sha256}"
    yield ""
    yield "Events"
    for entry in policy.events.values():
        yield from _event(entry)
    for category in policy.categories:
        yield f"  names of the form {category.name_pattern}   {category.origin}, described: {category.describes}"
    yield ""
    yield "Claims"
    for claim in policy.claims:
        yield from _claim(claim)


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, 80, initial_indent="    ", subsequent_indent=indent, break_on_hyphens=False)


def _event(entry: EventType) -> Iterator[str]:
    how = "its name only" if entry.documented is Documented.NAME_ONLY else "a sample"
    yield f"  {entry.name}   {entry.origin}, documented by {how}"
    for leaf in sorted(entry.leaves.values(), key=lambda leaf: tuple(map(str, leaf.pointer))):
        if not leaf.transport:
            placeholder = f"   shown only as {leaf.placeholder}" if leaf.placeholder else ""
            yield f"    {field_text(leaf.pointer):<28} {leaf.category}{placeholder}"


def _claim(claim: Claim) -> Iterator[str]:
    yield f"  {claim.id}"
    for quote in claim.quotes:
        yield from _wrapped(f'"{quote}"', "     ")
    if claim.not_testable is not None:
        yield from _wrapped(f"not testable: {claim.not_testable}", "      ")
        return
    yield from _wrapped(f"tested by: {', '.join(claim.rules)}", "      ")
    if claim.limit:
        yield from _wrapped(f"limit: {claim.limit}", "      ")


@command.command("plan")
@click.argument("policy", default="appsmith/2020-11", metavar="[NAME|DIR]")
def show_plan(policy: str) -> None:
    """Say what to capture, where, for how long and in what order, so that every claim is exercised."""
    from audit.cli.plan import plan

    for line in plan(load_policy(policy)):
        click.echo(line.rstrip())
