"""Several processes give what one gives, byte for byte, whatever is cut where, and whichever of them dies when."""

from __future__ import annotations

import gzip
import hashlib
import json
import multiprocessing
import os
import random
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections import deque
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.engine.bulk import packed
from audit.engine.parse import Limits
from audit.engine.run import Auditor, Broken, Lines
from audit.engine.settle import settle
from audit.leaks.search import Search
from audit.leaks.seeds import Kind, Seed, SeedList
from audit.model import Reason
from audit.runners import processes, serial
from audit.runners.fold import Asked, Fold
from audit.runners.lent import lent
from audit.runners.marks import MarkStore, moved
from audit.runners.merge import Merge
from audit.runners.pool import Ended, Given, Lost, NoWorkerError, Pool, WorkerError
from audit.runners.serial import Progress
from audit.runners.work import Done, Recipe, audit_chunk
from audit.sources.chunks import digest, parts, plan
from audit.sources.detect import BOM
from audit.sources.inputs import MOST, Input, find
from audit.tally import MARK, Tally
from tests.bench.generate import write
from tests.conftest import active, check, invoke, jsonl, numbered, page_load, samples
from tests.pool_tasks import borrowing, dying, failing, poisoned, unfit
from tests.test_laws import tried
from tests.within import APPSMITH, auditor_of, policy_of

LIMITS = Limits()

# ---- chunks: every line once -----------------------------------------------------------------------------------------


def lines_of(path: Path, size: int, max_line: int = 100) -> list[tuple[int, bytes | Reason]]:
    """(offset, line) of every line, as the chunks give them, each numbered on from the chunk before."""
    found: list[tuple[int, bytes | Reason]] = []
    for chunk in plan(Input(0, "x", str(path)), size):
        unit = 1
        for part in parts(chunk, Limits(max_line)) if chunk.stamp else [Lines(0, 1, path.read_bytes())]:
            assert part.unit == unit
            if isinstance(part, Broken):
                found.append((part.offset, part.reason))
                unit += 1
                continue
            assert isinstance(part, Lines)
            offset = part.offset
            for line in part.data.removesuffix(b"\n").split(b"\n"):
                found.append((offset, line if len(line) <= max_line else Reason.TOO_LONG))
                offset, unit = offset + len(line) + 1, unit + 1
    return found


texts = st.lists(st.sampled_from((b"", b"{}", b'{"a":1}', b"x" * 50, b"y" * 101, b"\r", b"z" * 300)), max_size=12)


@tried(300)
@given(texts, st.sampled_from((b"", BOM)), st.sampled_from((b"", b"\n")), st.integers(1, 200))
def test_a_line_belongs_to_the_chunk_that_holds_its_first_byte(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], head: bytes, end: bytes, size: int
) -> None:
    data = head + b"{}\n" + b"\n".join(lines) + end
    path = tmp_path_factory.mktemp("chunks") / "x"
    path.write_bytes(data)
    wanted, offset = [], len(head)
    body = data[offset:].removesuffix(b"\n")
    for line in body.split(b"\n"):
        wanted.append((offset, line if len(line) <= 100 else Reason.TOO_LONG))
        offset += len(line) + 1
    chunks = plan(Input(0, "x", str(path)), size)
    if chunks[0].stamp is not None:
        assert lines_of(path, size) == wanted
        assert b"".join(data[c.start : c.end] for c in chunks) == data[len(head) :]


def test_only_plain_lines_are_cut(tmp_path: Path) -> None:
    log = jsonl(*numbered([active()] * 20))
    (tmp_path / "lines").write_bytes(log)
    (tmp_path / "small").write_bytes(log[:200])
    (tmp_path / "packed").write_bytes(gzip.compress(os.urandom(2000) + log))
    (tmp_path / "array").write_bytes(b"[" + b",".join(log.splitlines()) + b"]")
    (tmp_path / "document").write_text(json.dumps(active(), indent=1) * 5, "utf-8")
    cut = {capture.name: len(plan(capture, 1000)) for capture in find([str(tmp_path)])}
    assert cut.pop("lines") > 5
    assert set(cut.values()) == {1}
    assert len(plan(Input(0, "-", None), 1)) == 1


@given(st.lists(st.integers(0, 2**40 - 1000), min_size=1, max_size=50), st.integers(0, 999))
def test_marks_move_all_at_once(units: list[int], before: int) -> None:
    marks = [os.urandom(26) + unit.to_bytes(5, "big") + b"\x07" for unit in units]
    assert len(marks[0]) == MARK
    wanted = [mark[:26] + (unit + before).to_bytes(5, "big") + b"\x07" for mark, unit in zip(marks, units, strict=True)]
    assert moved(b"".join(marks), before) == b"".join(wanted)


# ---- the same result ---------------------------------------------------------------------------------------------------


def recipe(**options: Any) -> Recipe:
    return Recipe(str(APPSMITH), policy_of(APPSMITH).sha256, options, None, findings=True)


def both(paths: list[Path], jobs: int, chunk: int) -> tuple[tuple[str, list[str]], tuple[str, list[str]]]:
    """Result and findings of the serial run, and of the one in processes."""
    judge, inputs = auditor_of(APPSMITH), find(map(str, paths))
    return alone(judge, inputs), together(judge, inputs, jobs, chunk)


def alone(judge: Auditor, inputs: list[Input]) -> tuple[str, list[str]]:
    from audit.cli.running import teller

    rows: list[str] = []
    with MarkStore() as marks:
        sink = teller(judge, inputs, lambda row: rows.append(json.dumps(row)))
        tally, facts = serial.run(judge, inputs, marks, sink=sink)
        return json.dumps(settle(judge.policy, tally, facts, {}, None, marks.sorted)), rows


def together(
    judge: Auditor, inputs: list[Input], jobs: int, chunk: int, progress: Progress | None = None
) -> tuple[str, list[str]]:
    rows: list[str] = []
    with MarkStore() as marks:
        asked = Asked(judge, recipe(), inputs, marks, {}, lambda row: rows.append(json.dumps(row)), progress, chunk)
        tally, facts = processes.run(asked, jobs)
        return json.dumps(settle(judge.policy, tally, facts, {}, None, marks.sorted)), rows


@pytest.fixture
def captures(tmp_path: Path) -> list[Path]:
    """Logs of every kind: large and small, packed and broken, with repeats across files and chunks."""
    folder = tmp_path / "logs"
    folder.mkdir()
    write(str(folder / "a.jsonl"), 800, 0.1)
    write(str(folder / "half.jsonl"), 200, 0.5, spaced=True)
    (folder / "b.jsonl.gz").write_bytes(gzip.compress((folder / "half.jsonl").read_bytes()))
    (folder / "again.jsonl").write_bytes((folder / "a.jsonl").read_bytes()[:50_000])
    (folder / "array.json").write_text(json.dumps(samples()), "utf-8")
    (folder / "broken.jsonl").write_bytes(b"\xef\xbb\xbf" + b'nonsense\n\n{"a":\n' * 200 + jsonl(page_load()))
    (folder / "cut.gz").write_bytes(gzip.compress(jsonl(active()) * 50)[:-9])
    (folder / "empty").write_bytes(b"")
    return [folder]


@pytest.mark.parametrize(("jobs", "chunk"), [(2, 100_000), (2, 4_999)])
def test_the_result_is_that_of_one_process(jobs: int, chunk: int, captures: list[Path]) -> None:
    one, many = both(captures, jobs, chunk)
    assert many[0] == one[0]
    assert many[1] == one[1]
    assert len(one[1]) > 200


def test_the_comparison_would_see_a_chunk_that_is_lost_or_comes_twice(captures: list[Path]) -> None:
    judge, inputs = auditor_of(APPSMITH), find(map(str, captures))
    log = next(capture for capture in inputs if capture.name == "a.jsonl")
    one = alone(judge, [Input(0, log.name, log.path)])
    whole = Path(str(log.path)).read_bytes()
    lines = whole.splitlines(keepends=True)
    for wrong in (lines[:500] + lines[510:], lines[:510] + lines[500:]):
        Path(str(log.path)).write_bytes(b"".join(wrong))
        assert together(judge, [Input(0, log.name, log.path)], 2, 50_000) != one


def test_a_chunk_that_comes_twice_is_refused() -> None:
    with MarkStore() as marks, Merge([2], marks, None, None) as merge:
        merge.take([(0, 1)], Done(Tally()), [])
        with pytest.raises(AssertionError, match="twice"):
            merge.take([(0, 1)], Done(Tally()), [])


def test_the_command_gives_the_same_files_with_every_option(captures: list[Path], tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.csv"
    seeds.write_text("value,kind,label\ncnry7Kq2mX9tRb4Lw8Zd,canary,one\nanna@example.org,identifier,two\n", "utf-8")
    with (captures[0] / "a.jsonl").open("ab") as file:
        file.write(jsonl({**page_load(), "anonymousId": "cnry7Kq2mX9tRb4Lw8Zd"}) * 3)
    more = ("--seeds", seeds, "--opted-out-at", "2020-11-04T09:00:00Z", "--inventory", "--examples", "7")
    told = []
    for jobs in ("1", "2"):
        result, rows = tmp_path / f"r{jobs}", tmp_path / f"f{jobs}"
        run = invoke("check", captures[0], "-j", jobs, "-o", f"json={result}", "--findings", rows, "-q", *more)
        told.append((run.code, result.read_bytes(), rows.read_bytes()))
    assert told[0] == told[1]
    assert b"canary" in told[0][2]


LISTED = SeedList(
    (*(Seed(f"anna.{number}@example.org", Kind.IDENTIFIER) for number in range(40)), Seed("pepper", Kind.SALT))
)


@pytest.mark.skipif(os.name != "posix", reason="files are handed on to processes")
def test_hashes_of_listed_values_are_made_once_and_read_by_every_process() -> None:
    search = Search(LISTED)
    shared = recipe()._replace(options={"seeds": search})
    with lent(shared) as lending, Pool[str](2, partial(borrowing, lending)) as pool:
        hashes = [hashlib.sha256(f"anna.{number}@example.org".encode()).hexdigest() for number in (0, 39)]
        texts = deque([*hashes, hashlib.sha1(b"bert@example.org").hexdigest()])
        said = {text: message.value for text, message in pool.run(texts, lambda _: True) if isinstance(message, Ended)}
    assert [said[text].seed for text in hashes] == [0, 39]
    assert len([one for one in said.values() if one is None]) == 1
    assert search.find(hashes[1]).hits[0].seed == 39, "the table of the process that lent is the same, and stays"


@pytest.mark.skipif(os.name != "posix", reason="files are handed on to processes")
def test_what_is_lent_has_no_name_and_is_the_owners_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with lent(recipe()._replace(options={"seeds": Search(LISTED)})) as lending:
        held = os.fstat(lending.options["seeds"].file)
        assert not list(tmp_path.iterdir())
    assert held.st_nlink == 0
    assert stat.S_IMODE(held.st_mode) == 0o600


def test_standard_input_is_read_by_the_process_that_has_it(captures: list[Path]) -> None:
    log = (captures[0] / "half.jsonl").read_bytes()
    one, many = (invoke("check", "-", captures[0] / "again.jsonl", "-j", n, "-o", "json", stdin=log) for n in "12")
    assert one.out == many.out
    assert one.code == many.code


def test_a_changed_pack_is_refused(captures: list[Path]) -> None:
    judge, inputs = auditor_of(APPSMITH), find(map(str, captures))
    other = recipe()._replace(sha256="0" * 64)
    with MarkStore() as marks, pytest.raises(NoWorkerError, match="the policy pack is not the one"):
        processes.run(Asked(judge, other, inputs, marks), 2)


def test_another_version_of_the_tool_is_refused(captures: list[Path]) -> None:
    judge, inputs = auditor_of(APPSMITH), find(map(str, captures))
    with MarkStore() as marks, pytest.raises(NoWorkerError, match=r"was asked to work for 0\.0\.9"):
        processes.run(Asked(judge, recipe()._replace(version="0.0.9"), inputs, marks), 2)


# ---- processes that die ------------------------------------------------------------------------------------------------


def killer(seed: int, kills: int) -> tuple[Progress, list[int]]:
    """Told that a chunk was done, at some of these moments it kills a process a little later: in the midst of a chunk, between
    two, or while it is being started."""
    rng, killed, chunks = random.Random(seed), list[int](), count()
    moments = rng.sample(range(12), kills)

    def kill(_: int) -> None:
        if next(chunks) in moments:
            time.sleep(rng.random() * 0.05)
            killed.append(rng.choice([process.pid or 0 for process in multiprocessing.active_children()]))
            os.kill(killed[-1], signal.SIGKILL)

    return kill, killed


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
@pytest.mark.parametrize("seed", range(int(os.environ.get("KILLS", "2"))))
def test_processes_that_are_killed_change_nothing(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each chunk may cost more processes than usual, so that no chance makes one of them poison."""
    monkeypatch.setattr("audit.runners.pool.ATTEMPTS", 100)
    monkeypatch.setattr("audit.runners.pool.STARTS", 100)
    log = tmp_path / "log.jsonl"
    write(str(log), 15_000, 0.02)
    judge, inputs = auditor_of(APPSMITH), find([str(log)])
    wanted = alone(judge, inputs)
    kill, killed = killer(seed, 3)
    assert together(judge, inputs, 2, 400_000, kill) == wanted
    assert len(killed) == 3


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_a_task_is_done_again_once_and_then_given_back(tmp_path: Path) -> None:
    once = str(tmp_path / "once")
    said: dict[str, list[Any]] = {}
    with Pool[str](2, poisoned) as pool:
        for task, message in pool.run(deque(["a", "poison", "b", once, "c"]), lambda _: True):
            said.setdefault(task, []).append(message)
    assert said["a"] == [Given("begun a"), Ended("done a")]
    assert said[once] == [Given(f"begun {once}"), Lost(final=False), Given(f"begun {once}"), Ended(f"done {once}")]
    assert said["poison"] == [Given("begun poison"), Lost(final=False), Given("begun poison"), Lost(final=True)]
    assert not multiprocessing.active_children()


@pytest.mark.skipif(os.name != "posix", reason="needs SIGKILL")
def test_processes_that_die_at_their_start_end_the_run() -> None:
    with pytest.raises(NoWorkerError, match="die as soon as they start"), Pool[str](2, dying) as pool:
        list(pool.run(deque(["a"]), lambda _: True))
    assert not multiprocessing.active_children()


def test_a_process_that_may_not_work_says_why() -> None:
    with pytest.raises(NoWorkerError, match="not here"), Pool[str](1, unfit) as pool:
        list(pool.run(deque(["a"]), lambda _: True))


def test_an_error_in_a_process_tells_its_kind_and_place_and_no_value() -> None:
    with pytest.raises(WorkerError) as failed, Pool[str](1, failing) as pool:
        list(pool.run(deque(["a"]), lambda _: True))
    assert failed.value.kind == "KeyError"
    assert "captured" not in str(failed.value)


def test_a_lost_chunk_is_named_counted_and_moves_no_line_number(tmp_path: Path) -> None:
    """Every line of it is unreadable; the lines after it keep their numbers."""
    log = tmp_path / "log.jsonl"
    write(str(log), 400, 0.2)
    judge, inputs = auditor_of(APPSMITH), find([str(log)])
    chunks = plan(inputs[0], 60_000)
    stamp = chunks[0].stamp
    assert stamp is not None
    rows: list[dict[str, Any]] = []
    with MarkStore() as marks, Merge([len(chunks) + 1], marks, None, lambda row: rows.append(dict(row))) as merge:
        fold = Fold(judge, recipe(), merge, {}, None)
        for job in fold.jobs([chunks]):
            if job.digest:
                fold.hear(job, Ended(digest(str(log), stamp)))
            elif job.chunks[0].number == 1:
                fold.hear(job, Lost(final=True))
            else:
                given: list[Any] = []
                done = audit_chunk(judge, recipe(), job, given.append)
                for value in given:
                    fold.hear(job, Given(value))
                fold.hear(job, Ended(done))
        tally = merge.tally
    lost = log.read_bytes()[chunks[1].start : chunks[1].end].count(b"\n")
    assert lost - 1 <= tally.reasons[Reason.CRASHED] <= lost + 1
    whole = [json.loads(row) for row in alone(judge, inputs)[1]]
    kept = {(row["line"], row["rule"], row["pointer"]) for row in whole if row["rule"] != "unreadable-record"}
    mine = {(row["line"], row["rule"], row["pointer"]) for row in rows if row["rule"] != "unreadable-record"}
    assert mine < kept
    assert max(line for line, _, _ in mine) == max(line for line, _, _ in kept)


# ---- files that change -------------------------------------------------------------------------------------------------


def test_a_file_that_changed_since_it_was_planned_is_named(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    write(str(log), 100, 0)
    chunks = plan(Input(0, "log.jsonl", str(log)), 10_000)
    with log.open("ab") as file:
        file.write(b"{}\n")
    stamp = chunks[0].stamp
    assert stamp is not None
    assert not digest(str(log), stamp).whole
    assert [part.reason for part in parts(chunks[0], LIMITS) if isinstance(part, Broken)] == [Reason.CHANGED]
    log.unlink()
    assert [part.reason for part in parts(chunks[0], LIMITS) if isinstance(part, Broken)] == [Reason.VANISHED]
    assert digest(str(log), stamp) == (None, 0, False)


def test_a_file_that_grows_while_it_is_read_is_a_gap_in_one_process_too(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    write(str(log), 6000, 0)
    judge, inputs = auditor_of(APPSMITH), find([str(log)])

    size = log.stat().st_size

    def grow(units: int) -> None:
        if log.stat().st_size == size:
            with log.open("ab") as file:
                file.write(jsonl(active()))

    with MarkStore() as marks:
        tally, _ = serial.run(judge, inputs, marks, progress=grow)
    assert tally.reasons[Reason.CHANGED] == 1


def test_a_file_that_stays_as_it_is_leaves_no_gap() -> None:
    assert check(APPSMITH / "samples", "-j", "2").result["unreadable"] == {}


@pytest.mark.skipif(os.name != "posix", reason="a group of processes is interrupted")
@pytest.mark.parametrize("there", [2, 3, 4], ids=["one starts", "the next starts", "all are there"])
def test_interrupting_ends_every_process(tmp_path: Path, there: int) -> None:
    """As Ctrl-C does, which reaches them all: those that are only being started, too."""
    log = tmp_path / "log.jsonl"
    write(str(log), 40_000, 0.01)
    command = [sys.executable, "-m", "audit", "check", str(log), "-j", "2", "-q", "-o", f"json={tmp_path / 'result'}"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True)
    while process.poll() is None and processes_of(process.pid) < there:
        pass
    os.killpg(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=60)  # until the last of them closes its end
    assert process.returncode in (0, 1, 130)
    assert (process.returncode in (0, 1)) is (tmp_path / "result").exists()
    assert b"Traceback" not in err


def processes_of(group: int) -> int:
    """How many processes a group has: the first, the tracker of resources, the workers."""
    told = subprocess.run(["ps", "-A", "-o", "pgid="], capture_output=True, text=True, check=True)
    return told.stdout.split().count(str(group))


def test_files_that_cost_two_processes_together_are_done_one_by_one(captures: list[Path]) -> None:
    """So that the file to blame is named, and the others are judged."""
    judge, inputs = auditor_of(APPSMITH), find(map(str, captures))
    plans = [plan(capture, 1 << 20) for capture in inputs]
    with MarkStore() as marks, Merge([1] * len(plans), marks, None, None) as merge:
        fold = Fold(judge, recipe(), merge, {}, None)
        [job] = fold.jobs(plans)
        assert fold.hear(job, Lost(final=False)) == []
        alone = fold.hear(job, Lost(final=True))
        assert [single.chunks for single in reversed(alone)] == [(chunk,) for chunk in job.chunks]
        assert fold.hear(alone[0], Lost(final=True)) == []
        assert merge.tally.reasons == {Reason.CRASHED: 1}


# ---- very many files -------------------------------------------------------------------------------------------------

FILES = int(os.environ.get("FILES", "300"))
"""100,000 in `make proof`: what costs a little for each pair of files would take hours."""


def test_very_many_tiny_files_are_each_accounted_for(tmp_path: Path) -> None:
    lines = {0: jsonl(page_load()), 1: jsonl(page_load(extra=1)), 2: b"", 3: b"{\n"}
    for number in range(FILES):
        folder = tmp_path / f"{number // 1000:03d}"
        folder.mkdir(exist_ok=True)
        (folder / f"{number:06d}.jsonl").write_bytes(lines[number % 4])
    one = invoke("check", tmp_path, "-o", "json")
    assert one.out == invoke("check", tmp_path, "-o", "json", "-j", "2").out
    found = json.loads(one.out)
    told = [(row["name"], row["events"], row["unreadable"]) for row in found["inputs"]]
    assert told == [
        (f"{number // 1000:03d}/{number:06d}.jsonl", int(number % 4 < 2), int(number % 4 == 3))
        for number in range(FILES)
    ]
    assert found["counts"]["rules"]["undocumented-field"] == FILES // 4


def test_the_place_of_a_mark_sorts_by_input_beyond_two_bytes_of_them() -> None:
    places = [
        (0, 0, 1),
        (0, 1, 1),
        (0, 0, (1 << 36) - 1),
        (65_535, 0, 1),
        (65_536, 0, 1),
        (MOST - 1, 255, (1 << 36) - 1),
    ]
    marks = [packed(*place) for place in places]
    assert marks == sorted(set(marks))
