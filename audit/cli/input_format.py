"""The option that says what a capture is, where telling it by its content goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from audit.evidence import is_evidence
from audit.redact import visible
from audit.sources.detect import Format
from audit.sources.inputs import Input

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = tuple(kind.value for kind in Format if kind not in (Format.NONE, Format.EVIDENCE))


def input_format_option(command: F) -> F:
    return click.option(
        "--input-format",
        "input_formats",
        multiple=True,
        metavar="[FILE=]FORMAT",
        help=f"Read a capture, or all of them, as {', '.join(FORMATS)}, whatever it looks like (after decompression). "
        "Repeatable. Default: told by the content.",
    )(command)


def forced(inputs: list[Input], asked: Sequence[str]) -> list[Input]:
    """The inputs with the formats that were asked for; one by its name beats one for all. A fault is a usage error."""
    named: dict[int, Format] = {}
    general: Format | None = None
    for text in asked:
        name, equals, kind = text.rpartition("=")
        if kind not in FORMATS:
            raise click.UsageError(
                f"--input-format {visible(text)}: write [FILE=]FORMAT, with one of {', '.join(FORMATS)}"
            )
        if equals:
            found = _named(inputs, name)
            if not found:
                raise click.UsageError(f"--input-format {visible(text)}: no capture of that name was given")
            named.update(dict.fromkeys(found, Format(kind)))
        elif general is not None and general != kind:
            raise click.UsageError(
                f"--input-format: all captures are said to be {general.value} and {kind}: write FILE=FORMAT"
            )
        else:
            general = Format(kind)
    return [replace(one, forced=named.get(one.index, general)) if not _is_chain(one) else one for one in inputs]


def _named(inputs: list[Input], name: str) -> list[int]:
    return [
        one.index
        for one in inputs
        if name in (one.name, one.path) or (one.path and Path(name) in (Path(one.path), *Path(one.path).parents))
    ]


def _is_chain(one: Input) -> bool:
    """Evidence is read by its own manifest."""
    if one.path is None or one.stored is not None or one.problem is not None:
        return False
    return Path(one.path).is_dir() and is_evidence(Path(one.path))
