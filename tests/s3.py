"""An S3 store on loopback, in this process, that counts what it sends and can be told to lose, change or deny objects."""

from __future__ import annotations

import threading
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from audit.sources import objects

BUCKET = "captures"
Before = Callable[[str, str], None]


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - as the library names it
        pass


class Server:
    """`fetched`: bytes of objects sent; `requests`: of any kind; `denied`: keys that nobody may read; `before`: told
    method and path of each request before it is answered."""

    def __init__(self) -> None:
        self.app = DomainDispatcherApplication(create_backend_app)
        self.fetched, self.requests = 0, 0
        self.denied: set[str] = set()
        self.before: Before | None = None
        self.lock = threading.Lock()
        self.client: Any = None

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        with self.lock:
            self.requests += 1
        if self.before is not None:
            self.before(method, path)
        if any(path == f"/{BUCKET}/{key}" for key in self.denied):
            start("403 Forbidden", [("Content-Type", "application/xml")])
            said = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
            return [] if method == "HEAD" else [said]  # a body there would be taken for the next answer
        answer = list(self.app(environ, start))
        if method == "GET" and path.count("/") > 1 and not path.endswith("/"):
            with self.lock:
                self.fetched += sum(map(len, answer))
        return answer

    def put(self, key: str, data: bytes) -> None:
        self.client.put_object(Bucket=BUCKET, Key=key, Body=data)

    def drop(self, key: str) -> None:
        self.client.delete_object(Bucket=BUCKET, Key=key)

    def once(self, method: str, key: str, act: Callable[[], None]) -> None:
        """Do something before the first such request for an object is answered."""

        def before(asked: str, path: str) -> None:
            if (asked, path) == (method, f"/{BUCKET}/{key}"):
                self.before = None
                act()

        self.before = before


@contextmanager
def serving(patch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A store with an empty bucket, which the AWS environment of this process names."""
    server = Server()
    listening = make_server("127.0.0.1", 0, server, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{listening.port}")
    for name, value in {"ACCESS_KEY_ID": "test", "SECRET_ACCESS_KEY": "test", "REGION": "us-east-1"}.items():
        patch.setenv(f"AWS_{name}", value)
    patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    server.client = boto3.client("s3")
    urllib.request.urlopen(f"http://127.0.0.1:{listening.port}/moto-api/reset", b"").close()
    server.client.create_bucket(Bucket=BUCKET)
    objects._store.cache_clear()
    try:
        yield server
    finally:
        objects._store.cache_clear()
        listening.shutdown()
        thread.join()
        listening.server_close()
