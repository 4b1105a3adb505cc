"""The options of `check` that say which values to search for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from audit.cli.consent_options import read_text
from audit.leaks.digests import MOST, room
from audit.leaks.normal import folded
from audit.leaks.search import HASHED, Search
from audit.leaks.seeds import Kind, SeedList
from audit.policy.pack import Policy
from audit.redact import visible
from audit.sources.seeds import Gathered, SeedError

F = TypeVar("F", bound=Callable[..., Any])


def seed_options(command: F) -> F:
    """Add the options, in the order of --help."""
    command = click.option(
        "--seed-kind",
        type=click.Choice([Kind.DATASOURCE.value, Kind.CANARY.value, Kind.IDENTIFIER.value]),
        help="What every cell of a seed file without the columns value,kind is: datasource for a whole export.",
    )(command)
    return click.option(
        "--seeds",
        "seed_files",
        multiple=True,
        metavar="FILE",
        help="Values to search for, in every encoding and as hashes: CSV or JSON lines with value,kind,label[,planted_at]. "
        "Repeatable.",
    )(command)


@dataclass(frozen=True, slots=True)
class Seeds:
    """The search (None: nothing was listed), what of it stands in the result, and what the auditor should know."""

    search: Search | None
    parameters: dict[str, Any]
    warnings: tuple[str, ...]


def gather_seeds(options: dict[str, Any], policy: Policy) -> Seeds:
    """All seed files as one search. Raises UsageError for a file that cannot be used; no message quotes a value."""
    files, kind = options["seed_files"], options["seed_kind"]
    if not files:
        if kind is not None:
            raise click.UsageError("--seed-kind says what the cells of --seeds FILE are: give one")
        return Seeds(None, {}, ())
    gathered = Gathered(_documented(policy))
    rows = []
    for path in files:
        shown = visible(Path(path).name if Path(path).is_absolute() else path)
        text = read_text(path, shown)
        try:
            gathered.add(text, shown, Kind(kind) if kind is not None else None)
        except SeedError as error:
            raise click.UsageError(str(error)) from None
        rows.append({"name": shown, "digest": keyed_digest(text, policy.sha256)})
    listed = gathered.list()
    if not listed.of(Kind.CANARY, Kind.IDENTIFIER, Kind.DATASOURCE):
        reasons = "; ".join(gathered.warnings)
        raise click.UsageError(f"--seeds: no value is left to search for{': ' + reasons if reasons else ''}")
    _bound(listed)
    parameters: dict[str, Any] = {"seeds": rows, **({"seed_kind": str(kind)} if kind is not None else {})}
    return Seeds(Search(listed), parameters, tuple(gathered.warnings))


def _bound(listed: SeedList) -> None:
    """Raises UsageError where the tables would not fit: before anything is hashed, which may take minutes."""
    hashed, salts = listed.of(*HASHED), [seed.value for seed in listed.of(Kind.SALT)]
    need = room((seed.value for seed in hashed), salts)
    if need > MOST:
        raise click.UsageError(
            f"--seeds: the hashes of {len(hashed):,} values with {len(salts)} salts take {need / 1e6:,.0f} MB of tables, and "
            f"{MOST // 1_000_000} MB are the most: list the most telling values, or fewer salts"
        )


def _documented(policy: Policy) -> str:
    """What the page itself says: a value that stands there is in clean traffic too."""
    return folded(policy.page) + "\n" + folded("\n".join(sorted(policy.names)))


def keyed_digest(text: str, key: str) -> str:
    """A digest that tells a reviewer whether he holds the same file, and that is slow to guess short files from."""
    data = text.encode("utf-8", "surrogatepass")
    return "scrypt:" + hashlib.scrypt(data, salt=key.encode(), n=1 << 14, r=8, p=1, dklen=16).hex()
