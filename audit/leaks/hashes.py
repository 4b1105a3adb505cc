"""Hash algorithms by name, the nested and salted forms of them, and which of them this Python lacks."""

from __future__ import annotations

import hashlib
import hmac
import zlib
from binascii import b2a_base64
from collections.abc import Callable, Iterator, Sequence

Algorithm = Callable[[bytes], bytes]

_HASHLIB = (
    "md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha512_224", "sha512_256", "sha3_224", "sha3_256", "sha3_384",
    "sha3_512", "blake2b", "blake2s", "ripemd160",
)  # fmt: skip
_INNER = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "blake2b", "ripemd160")
_OUTER = ("md5", "sha1", "sha256", "sha384", "sha512", "sha3_256")
_SALTED = ("md5", "sha1", "sha224", "sha256", "sha384", "sha512", "sha3_256", "blake2b")
_JOINTS = ("", ":", "|", "-", "_", ".", "#", "$")


def algorithms() -> dict[str, Algorithm]:
    """Those of 64 bits and more that work here."""
    found = {name: function for name in _HASHLIB if (function := _of_hashlib(name)) is not None}
    for size in (16, 20, 32):
        found[f"blake2b-{8 * size}"] = _blake(size)
    return found | _murmur()


def missing() -> tuple[str, ...]:
    """Algorithms that this Python's cryptographic library refuses."""
    return tuple(name for name in _HASHLIB if _of_hashlib(name) is None)


def count() -> int:
    """How many hash forms a value is searched in: algorithms, nested pairs, and the two of 32 bits."""
    known = algorithms()
    return len(known) + sum(a in known and b in known for a in _INNER for b in _OUTER) + len(WEAK)


def _of_hashlib(name: str) -> Algorithm | None:
    direct = getattr(hashlib, name, None)
    try:
        if direct is not None:
            direct(b"", usedforsecurity=False)
            return lambda data: bytes(direct(data, usedforsecurity=False).digest())
        hashlib.new(name, b"", usedforsecurity=False)
    except (ValueError, TypeError):
        return None
    return lambda data: hashlib.new(name, data, usedforsecurity=False).digest()


def _blake(size: int) -> Algorithm:
    return lambda data: hashlib.blake2b(data, digest_size=size).digest()


def _murmur() -> dict[str, Algorithm]:
    """Both 128-bit variants of murmur3 in the byte orders in which libraries print them."""
    import mmh3

    def swapped(data: bytes, word: int) -> bytes:
        return b"".join(data[at : at + word][::-1] for at in range(0, 16, word))

    return {
        "murmur3-x64-128": mmh3.hash_bytes,
        "murmur3-x64-128 (words)": lambda data: swapped(mmh3.hash_bytes(data), 8),
        "murmur3-x64-128 (number)": lambda data: mmh3.hash_bytes(data)[::-1],
        "murmur3-x86-128": lambda data: mmh3.hash_bytes(data, 0, False),  # noqa: FBT003 - the library's own flag
        "murmur3-x86-128 (words)": lambda data: swapped(mmh3.hash_bytes(data, 0, False), 4),  # noqa: FBT003 - the library takes it by position
    }


def _murmur32(data: bytes) -> int:
    import mmh3

    return mmh3.hash(data, signed=False)


WEAK: dict[str, Callable[[bytes], int]] = {"crc32": zlib.crc32, "murmur3-32": _murmur32}
"""Hashes of 32 bits: so many texts share one that a match only raises a suspicion."""


def nested(data: bytes, known: dict[str, Algorithm]) -> Iterator[tuple[str, bytes]]:
    """Hashes of hashes: of the hex text in either case, of the base64 text, and of the bytes."""
    outer = [(name, known[name]) for name in _OUTER if name in known]
    for inner in _INNER:
        if inner not in known:
            continue
        first = known[inner](data)
        text = first.hex()
        forms = (text.encode(), text.upper().encode(), first, b2a_base64(first, newline=False))
        for name, function in outer:
            told = f"{name} of {inner}"
            yield from ((told, function(form)) for form in forms)


def salted(data: bytes, salts: Sequence[bytes], known: dict[str, Algorithm]) -> Iterator[tuple[str, bytes]]:
    """Hashes with a listed salt before or behind the value, and keyed ones."""
    for salt in salts:
        texts = [text for joint in _JOINTS for text in (salt + joint.encode() + data, data + joint.encode() + salt)]
        for name in _SALTED:
            if name in known:
                for text in texts:
                    yield f"{name} with a listed salt", known[name](text)
        for name in _SALTED:
            if name in known:
                yield f"hmac-{name} with a listed salt", hmac.digest(salt, data, name)
