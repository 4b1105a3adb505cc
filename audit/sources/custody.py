"""The custody statement: who captured what, when, where and with what. Hashed, and quoted in the result as it stands."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

from audit.evidence import custody_file, plain_file
from audit.redact import visible
from audit.sources.inputs import Input

MOST = 1 << 20
_KEYS = (
    "captured_by",
    "captured_from",
    "captured_to",
    "captured_at",
    "captured_with",
    "product_version",
    "filtered",
    "sensitivity",
)


class CustodyError(Exception):
    """A statement that cannot be read; names the file and what to write."""


@dataclass(frozen=True, slots=True)
class Custody:
    """`filtered`: the statement says that something was left out of the capture."""

    name: str
    sha256: str
    says: Mapping[str, str | bool]
    data: bytes

    @property
    def filtered(self) -> bool:
        return self.says.get("filtered") is True

    def row(self) -> dict[str, Any]:
        return {"file": self.name, "sha256": self.sha256, "says": dict(self.says)}


def read(path: Path) -> Custody:
    """The statement in a file. Raises CustodyError."""
    name = visible(path.name)
    try:
        with path.open("rb") as file:
            data = file.read(MOST + 1)
    except OSError as error:
        raise CustodyError(f"{name}: {error.strerror}") from None
    return parse(name, data)


def parse(name: str, data: bytes) -> Custody:
    """The statement in bytes. Raises CustodyError."""
    if len(data) > MOST:
        raise CustodyError(f"{name}: longer than 1 MiB: a custody statement is a few lines of TOML")
    try:
        value = tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise CustodyError(f"{name}: not UTF-8: save it as UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise CustodyError(f"{name}: not TOML: {visible(str(error))}; policy plan prints a form to fill in") from None
    if not value:
        raise CustodyError(f"{name}: says nothing; policy plan prints a form to fill in")
    unknown = sorted(set(value) - set(_KEYS))
    if unknown:
        raise CustodyError(f"{name}: unknown key {visible(unknown[0])}: use {', '.join(_KEYS)}")
    return Custody(name, hashlib.sha256(data).hexdigest(), {key: _said(name, key, value[key]) for key in value}, data)


def _said(name: str, key: str, value: object) -> str | bool:
    if (key == "filtered") != isinstance(value, bool):
        raise CustodyError(f"{name}: {key}: write {'true or false' if key == 'filtered' else 'text in quotes'}")
    if isinstance(value, bool):
        return value
    if isinstance(value, date | datetime | time):
        return value.isoformat()
    if not isinstance(value, str):
        raise CustodyError(f"{name}: {key}: write text in quotes")
    return visible(value[:1000])


def kept_with(inputs: Iterable[Input]) -> Custody | None:
    """The statement that was copied into an evidence directory, the last where there are several. Raises CustodyError."""
    found: Custody | None = None
    for capture in inputs:
        here = capture.path is not None and capture.stored is None and capture.problem is None
        name = custody_file(Path(capture.path)) if here and capture.path and Path(capture.path).is_dir() else None
        if name is not None and capture.path is not None:
            try:
                with plain_file(Path(capture.path) / name) as file:
                    found = parse(name, file.read(MOST + 1))
            except OSError:
                continue  # `verify` reports the missing copy
    return found
