"""Outputs on disk: written whole or not at all."""

from __future__ import annotations

import os
import re
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

_DESCRIPTORS = re.compile(r"/proc/\d+(?:/task/\d+)?/fd|/dev/fd")
_LINKS = 40
"""So many links behind each other are followed, as many as Linux follows."""


def is_kept(path: Path) -> bool:
    """Whether what stands there is written into and never replaced: a device, a pipe, or a file that somebody has open
    under such a name as /dev/stdout, where another file of that name would reach nobody."""
    return (path.exists() and not path.is_file()) or _is_open(path)


def _is_open(path: Path) -> bool:
    for _ in range(_LINKS):
        if _DESCRIPTORS.fullmatch(os.path.realpath(path.parent)):
            return True
        if not path.is_symlink():
            return False
        path = path.parent / path.readlink()
    return False


def mode_of(path: Path) -> int:
    """What a file that replaces this one may be used for, and by whom: as before, and a new one as the user's mask says."""
    try:
        return stat.S_IMODE(path.stat().st_mode)
    except OSError:
        return 0o666 & ~_umask()


def write_atomically(path: Path, text: str) -> None:
    """Write beside the target, then replace it; a link stays and its target is replaced. Raises OSError; leaves no half file."""
    data = text.encode("utf-8", "backslashreplace")
    if is_kept(path):
        with path.open("ab") as file:
            file.write(data)
        return
    path = Path(os.path.realpath(path))
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        Path(name).chmod(mode_of(path))
        Path(name).replace(path)
    except BaseException:  # an interrupt too: no half file stays
        with suppress(OSError):
            Path(name).unlink()
        raise


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
