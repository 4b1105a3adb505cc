"""The limits for one record, and for the search in one event: the same wherever captures are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from audit.cli.options import Size
from audit.engine.parse import Limits

F = TypeVar("F", bound=Callable[..., Any])

_RECORD = (
    click.option(
        "--max-line",
        type=Size(),
        default="16MiB",
        show_default=True,
        help="A longer line, item or inflated body is unreadable.",
    ),
    click.option(
        "--max-depth",
        type=click.IntRange(1, 250),
        default=Limits().max_depth,
        show_default=True,
        help="Deeper nesting is unreadable.",
    ),
    click.option(
        "--max-keys",
        type=click.IntRange(1, 1_000_000),
        default=Limits().max_keys,
        show_default=True,
        help="A record with more members is unreadable.",
    ),
)
_SEARCH = (
    click.option(
        "--max-unpacked",
        type=Size(least=1 << 16),
        default="4MiB",
        show_default=True,
        help="Bytes of one event that are decoded in search of content; more is a gap, and claims are inconclusive.",
    ),
    click.option(
        "--max-views",
        type=click.IntRange(15, 1_000_000),
        default=Limits().max_views,
        show_default=True,
        help="Decoded forms of one event that are searched; more is a gap, and claims are inconclusive.",
    ),
)


def record_limits(command: F) -> F:
    """What is too large to be read."""
    for option in reversed(_RECORD):
        command = option(command)
    return command


def limit_options(command: F) -> F:
    """What is too large to be read, and what to be searched in full."""
    for option in reversed(_SEARCH):
        command = option(command)
    return record_limits(command)


def limits_of(options: Mapping[str, Any]) -> Limits:
    """The limits asked for; those of a command that has no option for them are the usual ones."""
    return Limits(**{name: options[name] for name in Limits._fields if name in options})
