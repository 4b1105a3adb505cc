"""The proxy's own certificate authority: in a directory of its own, readable by its owner alone, installed nowhere."""

from __future__ import annotations

import hashlib
import os
import ssl
from pathlib import Path

from audit.redact import visible

CERTIFICATE = "mitmproxy-ca-cert.pem"
_FILES = "mitmproxy-*"


class NoAuthority(Exception):  # noqa: N818 - the text says what is wrong and what to do
    """There is no usable authority in the directory."""


def default_directory() -> Path:
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "telemetry-audit" / "proxy-ca"


def prepare(directory: Path) -> None:
    """Make the directory, or refuse one that others can look into. Raises NoAuthority."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        mode = directory.stat().st_mode
    except OSError as error:
        raise NoAuthority(f"{visible(str(directory))}: {error.strerror}") from None
    if mode & 0o077:
        raise NoAuthority(f"{visible(str(directory))} is open to others: run chmod 700 on it, or name another --ca-dir")


def fingerprint(directory: Path) -> str:
    """SHA-256 of the certificate, as browsers and `openssl x509 -fingerprint` write it. Raises NoAuthority."""
    try:
        der = ssl.PEM_cert_to_DER_cert((directory / CERTIFICATE).read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        raise NoAuthority(
            f"no CA in {visible(str(directory))}: it is made when the proxy starts for the first time"
        ) from None
    digest = hashlib.sha256(der).hexdigest().upper()
    return ":".join(digest[at : at + 2] for at in range(0, 64, 2))


def destroy(directory: Path) -> int:
    """Remove the authority with its key; how many files that were. Whatever else lies there stays."""
    files = sorted(directory.glob(_FILES)) if directory.is_dir() else []
    for file in files:
        file.unlink()
    if files and not any(directory.iterdir()):
        directory.rmdir()
    return len(files)
