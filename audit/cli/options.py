"""Parameter types and checks that commands share."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from audit.policy.files import find
from audit.policy.load import load
from audit.policy.pack import Policy, PolicyError
from audit.redact import visible

_SIZE = re.compile(r"([0-9]{1,12}) ?(B|KiB|MiB|GiB|)", re.IGNORECASE)
_UNITS = {"": 1, "b": 1, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}


class Size(click.ParamType[int]):
    """A number of bytes: 65536, 64KiB, 16MiB."""

    name = "size"

    def __init__(self, least: int = 1) -> None:
        self.least = least

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = _SIZE.fullmatch(str(value))
        size = int(match[1]) * _UNITS[match[2].lower()] if match else 0
        if not self.least <= size <= 1 << 30:
            self.fail(
                f"{visible(str(value))!r} is no size from {_size(self.least)} to 1GiB: write 65536, 64KiB or 16MiB",
                param,
                ctx,
            )
        return size


def _size(number: int) -> str:
    return "1 byte" if number == 1 else f"{number >> 10}KiB"


def load_policy(name: str) -> Policy:
    """The pack by name or directory; a fault of it is a usage error that names file and key path."""
    from audit.engine.judge import unknown_rules

    try:
        policy = load(find(name))
    except PolicyError as error:
        about = "" if str(error).startswith(f"{name}:") else f"{visible(name)}: "
        raise click.UsageError(f"policy {about}{visible(str(error))}") from None
    wrong = unknown_rules(policy)
    if wrong:
        raise click.UsageError(
            f"policy {visible(name)}: policy.toml: /claims: no such rule: {', '.join(map(visible, wrong))}"
        )
    return policy


_FILES = ("consent_file", "docker_env", "docker_inspect", "custody", "baseline")
_LISTS = ("seed_files", "suppressions")


def sources_of(options: Mapping[str, Any]) -> list[str]:
    """Files beside the captures that options name and no output may replace, those of the policy pack among them."""
    files = [options[name] for name in _FILES if options.get(name)]
    files += [path for name in _LISTS for path in options.get(name, ())]
    return [*files, *map(str, find(options["policy_name"]).rglob("*"))]


def check_targets(targets: list[str], inputs: list[str]) -> None:
    """Refuse, before any work: an output twice, an output that is an input, or a place that cannot be written."""
    seen: set[str] = set()
    sources = {os.path.realpath(path) for path in inputs}  # Path.resolve raises on a link to itself
    for target in targets:
        path = Path(target)
        where = os.path.realpath(target)
        if not _reachable(where):
            raise click.UsageError(f"{visible(target)} cannot be written: permission denied")
        if where in sources:
            raise click.UsageError(f"{visible(target)} is an input: an output may not replace it")
        if where in seen:
            raise click.UsageError(f"{visible(target)} is named for two outputs: give each a file of its own")
        seen.add(where)
        if path.is_dir():
            raise click.UsageError(f"{visible(target)} is a directory: name a file")
        parent = Path(where).parent
        if not parent.is_dir():
            raise click.UsageError(f"{visible(str(path.parent))} does not exist: create the directory first")
        if not _writable(path if path.exists() else parent):
            raise click.UsageError(f"{visible(target)} cannot be written: permission denied")


def _reachable(path: str) -> bool:
    """Whether the directories above may be passed. Beneath one that may not, nobody can tell what is there."""
    try:
        os.lstat(path)
    except PermissionError:
        return False
    except OSError:
        return True  # told apart by what follows
    return True


def _writable(path: Path) -> bool:
    return os.access(path, os.W_OK)
