"""The options that say how the proxy serves, and who may use it."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import click

from audit.cli.options import Size
from audit.redact import visible

F = TypeVar("F", bound=Callable[..., Any])


class Mode(click.ParamType[str]):
    """`regular`, or `reverse:` with the URL of the one host that everything goes to."""

    name = "mode"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if text == "regular":
            return text
        kind, _, url = text.partition(":")
        try:
            parts = urlsplit(url)
            good = (
                kind == "reverse" and parts.scheme in ("http", "https") and parts.hostname and parts.path in ("", "/")
            )
            good = bool(good) and not parts.query and not parts.username and (parts.port is None or parts.port > 0)
        except ValueError:
            good = False
        if not good:
            self.fail(f"{visible(text)!r}: write regular, or reverse:https://HOST[:PORT]", param, ctx)
        return text.rstrip("/")


_OPTIONS = (
    click.option(
        "--mode",
        type=Mode(),
        default="regular",
        show_default=True,
        metavar="regular|reverse:URL",
        help="A proxy that the product is told to use, or a stand-in for one host, for SDKs that ignore proxies.",
    ),
    click.option(
        "--observe/--block",
        "observe",
        default=True,
        help="Send everything on (default; fails open), or refuse what must not go (fails closed).",
    ),
    click.option(
        "--soft", is_flag=True, help="With --block: answer 200 to what is refused, so that SDKs do not retry."
    ),
    click.option(
        "--listen",
        default="127.0.0.1:8899",
        show_default=True,
        metavar="HOST:PORT",
        help="Where to listen. Beyond loopback only with --auth-file. Port 0: any free one.",
    ),
    click.option(
        "--auth-file",
        metavar="FILE",
        help="A file with USER:PASSWORD that clients must give (Proxy-Authorization), readable by its owner alone.",
    ),
    click.option(
        "--evidence",
        metavar="DIR",
        help="Where evidence goes: a new directory, or one of an earlier run to go on with. [default: evidence-TIME]",
    ),
    click.option(
        "--evidence-all",
        is_flag=True,
        help="Keep every request whole, not only telemetry (of others: contact and findings).",
    ),
    click.option("--ca-dir", metavar="DIR", help="The directory of the proxy's own CA."),
    click.option(
        "--trust-ca", metavar="FILE", help="Authorities (PEM) that destinations may use beside the usual ones."
    ),
    click.option(
        "--max-body",
        type=Size(),
        default="64MiB",
        show_default=True,
        help="Longer bodies are sent on unseen (a gap), or refused with --block.",
    ),
)


def serving_options(command: F) -> F:
    """Add the options, in the order of --help."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def listening(options: Mapping[str, Any]) -> tuple[str, int]:
    """Host and port to listen on. A fault is a usage error."""
    host, _, port = options["listen"].rpartition(":")
    if not host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise click.UsageError(f"--listen {visible(options['listen'])}: write HOST:PORT, as 127.0.0.1:8899")
    return host.strip("[]"), int(port)


def trusted(options: Mapping[str, Any]) -> str | None:
    """The file of further authorities. One that holds none would make every destination look untrustworthy."""
    import ssl

    path: str | None = options["trust_ca"]
    if path is None:
        return None
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError):  # a file that is no PEM is an OSError too
        raise click.UsageError(f"--trust-ca {visible(path)}: write a file of certificates (PEM)") from None
    return path


def reverse_of(mode: str) -> str | None:
    """Where reverse mode leads."""
    return mode.partition(":")[2] or None


def password(options: Mapping[str, Any], host: str) -> str | None:
    """USER:PASSWORD that clients must give. Beyond loopback it must be there."""
    path = options["auth_file"]
    if path is None:
        if not _is_loopback(host):
            raise click.UsageError(
                f"--listen {visible(host)} is reachable from outside: give --auth-file FILE with USER:PASSWORD"
            )
        return None
    if reverse_of(options["mode"]) is not None:
        raise click.UsageError("--auth-file: a reverse proxy cannot ask for a password: use it on loopback only")
    try:
        with Path(path).open("rb") as file:
            others = os.fstat(file.fileno()).st_mode & 0o077
            text = file.read(1000).decode().strip()
    except (OSError, UnicodeDecodeError):
        raise click.UsageError(f"--auth-file {visible(path)}: cannot be read") from None
    if others:
        raise click.UsageError(f"--auth-file {visible(path)} is open to others: run chmod 600 on it")
    if not re.fullmatch(r"[^:@\s][^:\s]*:[^:\s]{8,}", text):
        raise click.UsageError(
            f"--auth-file {visible(path)}: write USER:PASSWORD, 8 characters or more, no colon in it"
        )
    return text


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
