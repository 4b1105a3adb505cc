"""Captures in an S3 store: judged as the same files on a disk, each byte fetched about once, and nothing lost in silence."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

pytest.importorskip("s3fs", reason="the extra [s3] is not installed")
pytest.importorskip("moto", reason="no store to test against")

from audit.engine.parse import Limits
from audit.engine.run import Broken, Lines
from audit.model import Reason
from audit.sources import Reading
from audit.sources.chunks import parts, plan
from audit.sources.inputs import find
from tests.bench.generate import write
from tests.conftest import CAPTURES, ROOT, Run, active, environment, invoke, jsonl, page_load
from tests.s3 import BUCKET, Server, serving
from tests.test_cli import SCHEMA
from tests.test_processes import alone, together
from tests.within import APPSMITH, auditor_of

pytestmark = pytest.mark.filterwarnings("default")  # the libraries' own
LIMITS = Limits()
MIB = 1 << 20


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with serving(monkeypatch) as server:
        yield server


def result(run: Run) -> dict[str, Any]:
    assert run.out, run.err
    found: dict[str, Any] = json.loads(run.out)
    return found


def comparable(found: dict[str, Any], prefix: str) -> str:
    """A result without what tells where its captures lay."""
    for row in found["inputs"]:
        row.pop("etag", None)
        row["sha256"] = None
    found.pop("digest")
    return json.dumps(found).replace(prefix, "")


def logs(folder: Path) -> Path:
    """A log, an archive, a document, a HAR and a folder, with findings in each."""
    write(str(folder / "a.jsonl"), 400, 0.1)
    write(str(folder / "plain.jsonl"), 300, 0.1)
    (folder / "b.jsonl.gz").write_bytes(gzip.compress((folder / "plain.jsonl").read_bytes()))
    (folder / "plain.jsonl").unlink()
    (folder / "c.json").write_bytes(json.dumps([page_load(), page_load(extra=1)]).encode())
    (folder / "deep" / "er").mkdir(parents=True)
    write(str(folder / "deep" / "er" / "d.jsonl"), 50, 0.5)
    (folder / "deep" / "z.har").write_bytes((CAPTURES / "python-segment.har").read_bytes())
    (folder / "deep-e.jsonl").write_bytes(jsonl(active()))
    return folder


def stored(store: Server, folder: Path, prefix: str) -> None:
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            store.put(prefix + file.relative_to(folder).as_posix(), file.read_bytes())


@pytest.mark.parametrize("how", [(), ("-j", "2"), ("-j", "2", "--engine", "dask")], ids=["serial", "processes", "dask"])
def test_objects_are_judged_as_the_same_files(store: Server, tmp_path: Path, how: tuple[str, ...]) -> None:
    if "dask" in how:
        pytest.importorskip("distributed", reason="the extra [dask] is not installed")
    folder = logs(tmp_path)
    stored(store, folder, "2025/")
    there = invoke("check", f"s3://{BUCKET}/2025/", "-o", "json", *how)
    here = invoke("check", folder, "-o", "json")
    assert there.code == here.code == 1, there.err
    Draft202012Validator(SCHEMA).validate(result(there))
    rows = result(there)["inputs"]
    assert [row["name"] for row in rows] == [row["name"] for row in result(here)["inputs"]]
    assert all(row["sha256"] is None and len(row["etag"]) == 32 for row in rows)
    assert comparable(result(there), "") == comparable(result(here), "")


def test_one_object_is_named_by_its_url(store: Server) -> None:
    store.put("logs/one.jsonl", jsonl(page_load()))
    run = invoke("check", f"s3://{BUCKET}/logs/one.jsonl", "-o", "json")
    assert [row["name"] for row in result(run)["inputs"]] == [f"s3://{BUCKET}/logs/one.jsonl"]


def test_ranges_of_an_object_give_what_one_stream_gives(store: Server, tmp_path: Path) -> None:
    write(str(tmp_path / "log.jsonl"), 3_000, 0.02)
    store.put("log.jsonl", (tmp_path / "log.jsonl").read_bytes())
    inputs = find([f"s3://{BUCKET}/log.jsonl"])
    judge = auditor_of(APPSMITH)
    assert together(judge, inputs, 2, 150_000) == alone(judge, inputs)


@pytest.mark.parametrize("line", [300, 70_000, 400_000])
def test_a_log_in_ranges_is_fetched_once(store: Server, line: int) -> None:
    data = (b"{" + b" " * (line - 3) + b"}\n") * (40 * MIB // line)
    store.put("big.jsonl", data)
    [capture] = find([f"s3://{BUCKET}/big.jsonl"])
    chunks = plan(capture, 16 * MIB)
    assert len(chunks) == 3
    read = [part for chunk in chunks for part in parts(chunk, LIMITS)]
    assert b"".join(part.data for part in read if isinstance(part, Lines)) == data
    assert len(data) <= store.fetched <= 1.05 * len(data)


def test_what_is_read_in_one_piece_is_fetched_exactly_once(store: Server) -> None:
    plain = jsonl(*[page_load()] * 20_000)
    for key, data in {"a.jsonl": plain, "b.gz": gzip.compress(plain, 0), "c.json": b"[%s]" % plain[:-1]}.items():
        store.put(key, data)
        store.fetched = 0
        [capture] = find([f"s3://{BUCKET}/{key}"])
        assert sum(isinstance(part, Lines) or not isinstance(part, Broken) for part in Reading(capture, LIMITS).parts())
        assert store.fetched == len(data)


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_object_that_vanishes_is_named_and_the_rest_is_judged(store: Server, jobs: str) -> None:
    for key in "abc":
        store.put(f"x/{key}.jsonl", jsonl(page_load()))
    store.once("GET", "x/a.jsonl", lambda: store.drop("x/b.jsonl"))
    found = result(invoke("check", f"s3://{BUCKET}/x/", "-o", "json", "-j", jobs))
    assert [(row["name"], row["events"], row["unreadable"]) for row in found["inputs"]] == [
        ("a.jsonl", 1, 0),
        ("b.jsonl", 0, 1),
        ("c.jsonl", 1, 0),
    ]
    assert found["unreadable"] == {Reason.VANISHED.value: 1}
    assert found["coverage"]["gaps"]["unreadable"] == 1


def test_an_object_that_is_replaced_after_it_was_listed_is_not_taken_for_the_one_that_was(store: Server) -> None:
    store.put("a.jsonl", jsonl(page_load()))
    store.once("GET", "a.jsonl", lambda: store.put("a.jsonl", jsonl(page_load(), page_load())))
    found = result(invoke("check", f"s3://{BUCKET}/a.jsonl", "-o", "json"))
    assert found["unreadable"] == {Reason.CHANGED.value: 1}
    assert found["inputs"][0]["events"] == 0


def test_an_object_that_changes_between_two_ranges_is_never_mixed(store: Server) -> None:
    store.put("a.jsonl", b"{}\n" * MIB)
    [capture] = find([f"s3://{BUCKET}/a.jsonl"])
    first, second, *_ = plan(capture, MIB)
    assert not any(isinstance(part, Broken) for part in parts(first, LIMITS))
    store.put("a.jsonl", b"[]\n" * MIB)
    assert [part.reason for part in parts(second, LIMITS) if isinstance(part, Broken)] == [Reason.CHANGED]


def test_objects_that_may_not_be_read_are_named_and_the_rest_is_judged(store: Server) -> None:
    for key in ("a", "b"):
        store.put(f"x/{key}.jsonl", jsonl(page_load()))
    store.denied = {"x/a.jsonl"}
    for captures in ((f"s3://{BUCKET}/x/",), (f"s3://{BUCKET}/x/a.jsonl", f"s3://{BUCKET}/x/b.jsonl")):
        found = result(invoke("check", *captures, "-o", "json"))
        assert [(row["events"], row["unreadable"]) for row in found["inputs"]] == [(0, 1), (1, 0)]
        assert found["unreadable"] == {Reason.DENIED.value: 1}


@pytest.mark.parametrize(
    ("url", "says"),
    [
        (f"s3://{BUCKET}/none", "no such object, and none below it"),
        ("s3://no-such-bucket/x/", "s3://no-such-bucket: no such bucket"),
        ("s3://", "write s3://BUCKET/KEY"),
        (f"s3://key:hidden@{BUCKET}/a", f"s3://{BUCKET}: credentials belong in the AWS environment"),
        (f"s3://{BUCKET}/a?X-Amz-Signature=hidden", "a query is not read"),
    ],
)
def test_a_store_that_has_no_such_capture_is_a_usage_error(store: Server, url: str, says: str) -> None:
    run = invoke("check", url)
    assert run.code == 2
    assert says in " ".join(run.err.split())
    assert "hidden" not in run.err + run.out


def test_a_store_that_does_not_answer_is_told(store: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
    monkeypatch.setenv("AWS_CONFIG_FILE", os.devnull)
    run = invoke("check", f"s3://{BUCKET}/a")
    assert run.code == 2
    assert "NoCredentialsError" in run.err


def test_without_the_extra_the_remedy_is_told() -> None:
    code = "import sys; sys.modules['s3fs'] = None; from audit.cli import main; main()"
    run = subprocess.run(
        [sys.executable, "-c", code, "check", "s3://b/k"],
        env=environment(),
        cwd=ROOT,
        capture_output=True,
        check=False,
        text=True,
    )
    assert run.returncode == 2
    assert "pip install '.[s3]'" in " ".join(run.stderr.split())


def test_folders_markers_and_repeats_are_no_surprise(store: Server) -> None:
    store.put("x/", b"")
    store.put("x/empty.jsonl", b"")
    store.put("x/a.jsonl", jsonl(page_load()))
    inputs = find([f"s3://{BUCKET}/x", f"s3://{BUCKET}/x/"])
    assert [capture.name for capture in inputs] == ["a.jsonl", "empty.jsonl", "a.jsonl (2)", "empty.jsonl (2)"]


COUNT = int(os.environ.get("OBJECTS", "50"))
"""A thousand in `make proof`: one more than a page of the listing holds."""


def test_many_small_objects(store: Server, tmp_path: Path) -> None:
    """A listing comes in pages of a thousand; each object is one request."""
    for number in range(COUNT + 1):
        store.put(f"many/{number:04d}.jsonl", jsonl(page_load()))
    store.requests = store.fetched = 0
    found = result(invoke("check", f"s3://{BUCKET}/many/", "-o", "json", "-j", "2"))
    assert [row["events"] for row in found["inputs"]] == [1] * (COUNT + 1)
    assert store.requests == 1 + COUNT // 1000 + COUNT + 1
    assert store.fetched == sum(row["bytes"] for row in found["inputs"])
