"""The options that say whose a host is, and that nothing may go outside."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

import click

from audit.policy.destinations import PURPOSES, Territory, host_name, own_hosts
from audit.redact import visible

F = TypeVar("F", bound=Callable[..., Any])


class Hosts(NamedTuple):
    """What the auditor says of hosts, with what of it stands in the result."""

    territory: Territory
    parameters: Mapping[str, Any]


_OPTIONS = (
    click.option(
        "--own-host",
        "own_hosts",
        multiple=True,
        metavar="HOST|CIDR",
        help="A host or network of the installation's own, beside loopback and private ones; *.HOST means all below it. "
        "Repeatable.",
    ),
    click.option(
        "--allow-host",
        "allowed_hosts",
        multiple=True,
        metavar="HOST[=PURPOSE]",
        help=f"A destination that the auditor allows; PURPOSE is one of {', '.join(PURPOSES)}. Repeatable.",
    ),
    click.option(
        "--air-gapped",
        is_flag=True,
        help="Require that nothing goes, or tries to go, outside the installation.",
    ),
)


def host_options(command: F) -> F:
    """Add the options to a command, in the order of the list."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def territory_of(options: Mapping[str, Any]) -> Hosts:
    """The options as a value. A fault is a usage error that names the option."""
    try:
        names, nets = own_hosts(options["own_hosts"])
    except ValueError as error:
        raise click.UsageError(
            f"--own-host {visible(str(error))}: write a host name, an address or a network such as 203.0.113.0/24"
        ) from None
    allowed = dict(_allowed(text) for text in options["allowed_hosts"])
    both = sorted(set(allowed) & names)
    if both:
        raise click.UsageError(f"{visible(both[0])} is given with --own-host and with --allow-host: choose one")
    parameters = {
        "own_hosts": sorted({*names, *map(str, nets)}),
        "allowed_hosts": {name: allowed[name] for name in sorted(allowed)},
        "air_gapped": options["air_gapped"],
    }
    given = any(options[name] for name in ("own_hosts", "allowed_hosts", "air_gapped"))
    return Hosts(Territory(names, nets, allowed), parameters if given else {})


def _allowed(text: str) -> tuple[str, str | None]:
    name, equals, purpose = text.partition("=")
    try:
        host = host_name(name)
    except ValueError:
        raise click.UsageError(f"--allow-host {visible(text)}: write HOST or HOST=PURPOSE") from None
    if equals and purpose not in PURPOSES:
        raise click.UsageError(
            f"--allow-host {visible(text)}: {visible(purpose) or 'nothing'} is no purpose; use one of {', '.join(PURPOSES)}"
        )
    return host, PURPOSES[purpose] if equals else None
