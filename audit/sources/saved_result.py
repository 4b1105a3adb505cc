"""A saved result, read again: whole, of this format, and as it was written. Anything else is said, with what to do."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any, cast

from audit import __version__
from audit.engine.result import FORMAT, Result, digest
from audit.policy.files import schemas_root
from audit.policy.validators import Validator, compile_validator
from audit.redact import visible

MOST = 1 << 30
"""A result is a few MiB; a longer file is something else."""


class NotAResult(Exception):  # noqa: N818 - the name says what is wrong
    """What is wrong with a file that should hold a result, and how to proceed. Holds nothing of its content."""


def read(path: str) -> Result:
    """The result in a file. Raises NotAResult, OSError."""
    with Path(path).open("rb") as file:
        data = file.read(MOST + 1)
    if len(data) > MOST:
        raise NotAResult(f"longer than any result ({MOST >> 20} MiB); {_AGAIN}")
    return parse(data)


def parse(data: bytes) -> Result:
    """The result in some bytes. Raises NotAResult."""
    document = _json(data)
    if not isinstance(document, dict) or not isinstance(document.get("format"), str):
        raise NotAResult(f"JSON, but no result of an audit: it has no `format`; {_GIVE}")
    _check_format(document["format"])
    _check_digest(document)
    _check_shape(document)
    return cast("Result", document)


_GIVE = "give a file that `telemetry-audit check CAPTURE -o json=FILE` wrote"
_AGAIN = "get the original, or run `telemetry-audit check CAPTURE -o json=FILE` again"


def _json(data: bytes) -> Any:
    if not data.strip():
        raise NotAResult(f"empty; {_AGAIN}")
    try:
        return json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse)
    except UnicodeDecodeError:
        raise NotAResult(f"not UTF-8; {_GIVE}") from None
    except json.JSONDecodeError as error:
        if not data.lstrip().startswith(b"{"):
            raise NotAResult(f"no JSON object; {_GIVE}") from None
        if error.msg == "Extra data":
            raise NotAResult(
                f"more than one JSON value (line {error.lineno}): JSON lines are no result; {_GIVE}"
            ) from None
        if error.pos >= len(error.doc.rstrip()) or not error.doc.rstrip().endswith("}"):
            raise NotAResult(f"cut: it ends early, in line {error.lineno}; {_AGAIN}") from None
        raise NotAResult(f"no JSON from line {error.lineno} on; {_AGAIN}") from None
    except (RecursionError, ValueError):
        raise NotAResult(f"changed after it was written: no result holds such JSON; {_AGAIN}") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _refuse(_: str) -> None:
    raise ValueError


def _check_format(said: str) -> None:
    name, _, version = said.rpartition("/")
    known, _, ours = FORMAT.rpartition("/")
    if name != known or not version.isdecimal() or not version.isascii():
        raise NotAResult(f"JSON of another format, {visible(said[:80])!r}, not {FORMAT!r}; {_GIVE}")
    if len(version) > 9 or int(version) > int(ours):
        raise NotAResult(
            f"written by a newer version ({visible(said[:80])}); this one ({__version__}) reads {FORMAT}: update"
        )
    if int(version) < int(ours):
        raise NotAResult(
            f"written by an older version ({visible(said[:80])}); this one reads {FORMAT}: render it with the version "
            "that wrote it, or run `telemetry-audit check` on the capture again"
        )


def _check_digest(document: dict[str, Any]) -> None:
    said = document.get("digest")
    if not isinstance(said, str):
        raise NotAResult(f"changed after it was written: its `digest` is gone; {_AGAIN}")
    if digest(document) != said:
        raise NotAResult(f"changed after it was written: its content does not match its `digest`; {_AGAIN}")


@cache
def _validator() -> Validator:
    return compile_validator(json.loads((schemas_root() / "result.schema.json").read_text("utf-8")))


def _check_shape(document: dict[str, Any]) -> None:
    """The digest proves that nothing changed, not who wrote it: what writers rely on is checked all the same."""
    validator = _validator()
    if validator.is_valid(document):
        return
    fault = min(validator.faults(document), key=lambda fault: len(fault.pointer))
    where = visible("".join(f"/{token}" for token in (*fault.pointer, *fault.names[:1])) or "/")[:200]
    tool = document.get("tool")
    version = tool.get("version") if isinstance(tool, dict) else None
    if version != __version__ and isinstance(version, str):
        raise NotAResult(
            f"written by version {visible(version[:40])}; this one ({__version__}) does not know {where}: render it with "
            "the version that wrote it"
        )
    raise NotAResult(
        f"no result of this format: {where} does not fit `{fault.keyword}` of result.schema.json; {_AGAIN}"
    )
