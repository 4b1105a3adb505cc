"""Objects of an S3 store as captures: listed once, then read in byte ranges, and only as the version that was listed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from audit.extras import missing
from audit.model import Reason
from audit.redact import visible
from audit.sources.streams import BLOCK, Damaged, Digest

SCHEME = "s3://"
AHEAD = 8 * BLOCK
"""Bytes that one request asks for inside a range."""
BEYOND = 1 << 16
"""Bytes that one request asks for behind a range, where the end of its last line is looked for."""
_ATTEMPTS = 3


class StoreError(Exception):
    """Nothing can be had from the store: says why and what to do. Never quotes the store, whose words may quote names."""


class Stored(NamedTuple):
    """An object as the store told of it. `etag`: changes with its content."""

    bucket: str
    key: str
    size: int
    etag: str


class Listed(NamedTuple):
    """A capture in a store. `stored` None: it may not be read."""

    name: str
    url: str
    stored: Stored | None


def is_object(argument: str) -> bool:
    return argument.startswith(SCHEME)


def listed(url: str) -> Iterator[Listed]:
    """The object of that name, else every object below that prefix, in the order of files below a directory."""
    bucket, key = _parts(url)
    shown = visible(url)
    try:
        if key and not key.endswith("/"):
            stored = _head(bucket, key)
            if stored is not None:
                yield Listed(url, url, stored)
                return
        found = sorted(_below(bucket, f"{key.rstrip('/')}/" if key else ""), key=_as_walked)
    except PermissionError:
        yield Listed(url, url, None)
        return
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001 - three libraries, each with errors of its own
        raise StoreError(
            f"{shown}: the object store cannot be asked ({type(error).__name__}): check the AWS environment "
            "(AWS_ENDPOINT_URL, AWS_REGION, AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)"
        ) from None
    if not found:
        raise StoreError(f"{shown}: no such object, and none below it")
    start = len(key.rstrip("/")) + 1 if key else 0
    yield from (Listed(stored.key[start:], f"{SCHEME}{bucket}/{stored.key}", stored) for stored in found)


def _parts(url: str) -> tuple[str, str]:
    bucket, _, key = url.removeprefix(SCHEME).partition("/")
    if "@" in bucket:
        raise StoreError(f"{SCHEME}{visible(bucket.rpartition('@')[2])}: credentials belong in the AWS environment")
    if not bucket or "?" in bucket:
        raise StoreError(f"{SCHEME}: write s3://BUCKET/KEY, or s3://BUCKET/PREFIX/ for every object below it")
    if "?" in key:
        shown = visible(f"{SCHEME}{bucket}/{key.partition('?')[0]}")
        raise StoreError(f"{shown}: a query is not read: name the object alone, or the prefix above it")
    return bucket, key


def _as_walked(stored: Stored) -> list[tuple[bool, str]]:
    """Files of a folder, then its folders: the order in which a directory is read."""
    *folders, file = stored.key.split("/")
    return [*((True, folder) for folder in folders), (False, file)]


def _head(bucket: str, key: str) -> Stored | None:
    try:
        told = _call("head_object", Bucket=bucket, Key=key)
    except FileNotFoundError:
        return None
    return Stored(bucket, key, int(told["ContentLength"]), str(told.get("ETag", "")))


def _below(bucket: str, prefix: str) -> Iterator[Stored]:
    """Every object below a prefix, but the empty ones that stand for folders."""
    more: dict[str, str] = {}
    while True:
        try:
            page = _call("list_objects_v2", Bucket=bucket, Prefix=prefix, **more)
        except FileNotFoundError:
            raise StoreError(f"{SCHEME}{visible(bucket)}: no such bucket") from None
        for row in page.get("Contents", ()):
            if not row["Key"].endswith("/") or row["Size"]:
                yield Stored(bucket, row["Key"], row["Size"], row.get("ETag", ""))
        if not page.get("IsTruncated"):
            return
        more = {"ContinuationToken": page["NextContinuationToken"]}


@lru_cache(maxsize=1)
def _store() -> Any:
    """The client of this process. Endpoint and credentials are those of the AWS environment, and nothing else."""
    try:
        from s3fs import S3FileSystem
    except ImportError:
        raise StoreError(missing("s3://", "s3fs", "s3")) from None
    return S3FileSystem(skip_instance_cache=True, use_listings_cache=False)


def _call(method: str, **arguments: Any) -> Any:
    return _store().call_s3(method, **arguments)


def fetch(stored: Stored, start: int, end: int) -> bytes:
    """The bytes from `start` up to `end` of the version that was listed. Raises Damaged."""
    same = {"IfMatch": stored.etag} if stored.etag else {}
    for _ in range(_ATTEMPTS):
        try:
            told = _call("get_object", Bucket=stored.bucket, Key=stored.key, Range=f"bytes={start}-{end - 1}", **same)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            raise Damaged(_reason(error)) from None
        data = _body(told)
        if data is not None and len(data) == end - start:
            return data
    raise Damaged(Reason.VANISHED)


def _body(told: Any) -> bytes | None:
    """What an answer holds; None where it breaks off."""
    from fsspec.asyn import sync

    try:
        data: bytes = sync(_store().loop, told["Body"].read)
    except Exception:  # noqa: BLE001 - as above
        return None
    return data


def _reason(error: Exception) -> Reason:
    code = getattr(error.__cause__, "response", {}).get("Error", {}).get("Code")
    if code in ("PreconditionFailed", "412", "InvalidRange", "416"):
        return Reason.CHANGED
    return Reason.DENIED if isinstance(error, PermissionError) else Reason.VANISHED


def closing(stored: Stored) -> Digest:
    """Whether an object that was read in ranges is still the one that was listed. Stores tell no sha256."""
    try:
        now = _head(stored.bucket, stored.key)
    except StoreError:
        raise
    except Exception:  # noqa: BLE001 - as above
        now = None
    return Digest(None, stored.size, whole=now == stored)


class ObjectFile:
    """An object to read from, `AHEAD` bytes a request up to `end`, and little at a time behind it."""

    def __init__(self, stored: Stored, end: int | None = None, ahead: int = AHEAD) -> None:
        self.stored, self.ahead = stored, ahead
        self.end = stored.size if end is None else min(end, stored.size)
        self.at, self.start, self.held = 0, 0, memoryview(b"")

    def seek(self, offset: int, /) -> int:
        self.at = offset
        return offset

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes; none at the end only."""
        if not self.start <= self.at < self.start + len(self.held):
            step = min(self.ahead, self.end - self.at) if self.at < self.end else BEYOND
            last = min(self.at + step, self.stored.size)
            if last <= self.at:
                return b""
            self.start, self.held = self.at, memoryview(b"")
            self.held = memoryview(fetch(self.stored, self.at, last))
        begin = self.at - self.start
        data = bytes(self.held[begin : len(self.held) if size < 0 else begin + size])
        self.at += len(data)
        return data
