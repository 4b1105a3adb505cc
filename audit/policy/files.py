"""The files of a pack: found, read as data, bounded, hashed; faults named by file, key path and line."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from audit.policy.pack import PolicyError
from audit.policy.validators import compile_validator

MAX_FILE = 16 * 1024 * 1024


def schemas_root() -> Path:
    """Where the built-in packs stand: beside the package in a wheel, beside its folder in a checkout."""
    spec = find_spec("audit")
    assert spec is not None
    assert spec.origin is not None
    package = Path(spec.origin).parent
    inside = package / "schemas"
    return inside if inside.is_dir() else package.parent / "schemas"


def built_in() -> dict[str, Path]:
    """Every pack that ships, by `product/revision`."""
    root = schemas_root()
    return {path.parent.relative_to(root).as_posix(): path.parent for path in sorted(root.glob("*/*/policy.toml"))}


def find(name: str) -> Path:
    """The directory of a pack named `product/revision` or given as a path. Raises PolicyError."""
    packs = built_in()
    if name in packs:
        return packs[name]
    path = Path(name)
    if (path / "policy.toml").is_file():
        return path
    known = ", ".join(packs)
    raise PolicyError(name, "", f"no such policy pack: give a directory that holds policy.toml, or one of: {known}")


class PackFiles:
    """The directory of a pack. `hashes` grows with every file read."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.hashes: list[str] = []
        self.text = self.read("policy.toml")
        self.raw = self.toml()

    def read(self, name: str) -> str:
        """A file of the pack, as text; it must be a plain file inside the directory."""
        path = self.directory / name
        root = os.path.realpath(self.directory)  # Path.resolve raises on a link to itself
        if os.path.commonpath((root, os.path.realpath(path))) != root:
            raise PolicyError(name, "", "the file stands outside the pack")
        try:
            if not path.is_file():  # a pipe would be waited for without end
                raise PolicyError(
                    name, "", "cannot be read: no plain file" if path.exists() else "cannot be read: no such file"
                )
            if path.stat().st_size > MAX_FILE:
                raise PolicyError(name, "", f"larger than {MAX_FILE} bytes")
            data = path.read_bytes()
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise PolicyError(name, "", f"not UTF-8 at byte {error.start + 1}: save it as UTF-8") from None
        except OSError as error:
            raise PolicyError(name, "", f"cannot be read: {error.strerror or type(error).__name__}") from None
        self.hashes.append(f"{name} {hashlib.sha256(data).hexdigest()}")
        return text

    def json(self, name: str) -> Any:
        text = self.read(name)
        try:
            return json.loads(text)
        except RecursionError:
            raise PolicyError(name, "", "nested too deep") from None
        except ValueError as error:
            line = getattr(error, "lineno", None)
            raise PolicyError(name, "", f"not JSON: {getattr(error, 'msg', 'unreadable')}", line) from None

    def toml(self) -> dict[str, Any]:
        try:
            raw = tomllib.loads(self.text)
        except (tomllib.TOMLDecodeError, RecursionError) as error:
            line = re.search(r"line (\d+)", str(error))
            what = f"not TOML: {str(error).split(' (at')[0] or 'nested too deep'}"
            raise PolicyError("policy.toml", "", what, int(line[1]) if line else None) from None
        faults = list(policy_faults(raw))
        if faults:
            path, what = min(faults, key=lambda fault: len(fault[0]))
            raise PolicyError("policy.toml", path, what, self.line_of(path))
        return raw

    def line_of(self, path: str) -> int | None:
        """The line of the last named key of a path, where it stands just once."""
        names = [token for token in path.split("/") if token and not token.isdigit()]
        if not names:
            return None
        lines = [
            n for n, line in enumerate(self.text.split("\n"), 1) if re.match(rf"\W*{re.escape(names[-1])}\b", line)
        ]
        return lines[0] if len(lines) == 1 else None

    def fail(self, path: str, what: str, needle: str | None = None) -> PolicyError:
        lines = [n for n, line in enumerate(self.text.split("\n"), 1) if needle and needle in line]
        return PolicyError("policy.toml", path, what, lines[0] if lines else self.line_of(path))


@cache
def _policy_validator() -> Any:
    return compile_validator(json.loads((schemas_root() / "policy.schema.json").read_text("utf-8")))


def policy_faults(raw: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Faults of policy.toml against policy.schema.json, as (key path, what)."""
    plain = _plain(raw)
    for fault in _policy_validator().faults(plain):
        path = "".join(f"/{token}" for token in fault.pointer)
        names = ", ".join(fault.names)
        if fault.keyword == "required":
            yield f"{path}/{names}", "missing"
        elif fault.names:
            yield f"{path}/{fault.names[0]}", f"unknown key: {names}"
        elif path == "/format":
            yield path, "this version reads telemetry-policy/1 and no other"
        else:
            yield path or "/", f"does not fit `{fault.keyword}` of policy.schema.json"


_DATES = frozenset({"retrieved", "valid_from", "until"})
"""The keys of policy.schema.json that ask for a date, which TOML writes without quotes. A date elsewhere is no text."""


def _plain(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {key: _plain(child, key) for key, child in value.items()}
    if isinstance(value, list):
        return [_plain(child) for child in value]
    if isinstance(value, dt.date | dt.time):
        return value.isoformat() if key in _DATES else None
    return value
