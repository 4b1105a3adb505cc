"""Whatever is fed in: a clear answer, everything accounted for, no crash, and no clean verdict that was not earned.

Each case is a sentence; its test runs the tool on bytes and reads what comes out.
"""

from __future__ import annotations

import functools
import gzip
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import threading
import unicodedata
import zipfile
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from audit.model import Reason
from tests import hostile
from tests.conftest import (
    Json,
    Run,
    accounted,
    active,
    check,
    check_bytes,
    cli,
    compact,
    grouped,
    jsonl,
    load,
    measured,
    numbered,
    page_load,
    samples,
    started,
    support,
    upheld,
)

MIB = 1 << 20
EMAIL = "nina.q@fabrikam-mail.com"
SHAPE_CLAIMS = ("installation-events", "server-no-other-data", "client-navigation-and-clicks")
UPHELD_BY_SAMPLES = {*SHAPE_CLAIMS, "email-only-on-support"}


@functools.cache
def plain_samples() -> Run:
    """The run that every harmless variation of the three samples must equal."""
    return check_bytes(jsonl(*samples()))


def places_aside(run: Run) -> list[tuple[str, str | None, str | None]]:
    return [(finding["rule"], finding["event"], finding["pointer"]) for finding in run.findings]


def judged_like_the_samples(run: Run) -> None:
    accounted(run)
    assert run.code == 0
    assert upheld(run) == UPHELD_BY_SAMPLES
    assert run.claims == plain_samples().claims
    assert places_aside(run) == places_aside(plain_samples())
    assert run.total("events") == 3
    assert run.total("unreadable") == 0


def nothing_read(run: Run) -> None:
    """Exit 3: nothing was tested, and that is what it says; the requested output is written all the same."""
    accounted(run)
    assert run.code == 3
    assert run.verdict == "not-exercised"
    assert run.total("events") == 0
    assert not upheld(run)


def refused(run: Run, *words: str) -> None:
    """Exit 2: a message for the person who typed the command, and no result."""
    assert run.code == 2, run.out + run.err
    assert "Traceback" not in run.out + run.err
    for word in words:
        assert word in run.err
    assert run.result == {}


# ---- files that are not what they should be ------------------------------------------------------------------------


def test_a_path_that_does_not_exist_ends_the_run_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "good.jsonl").write_bytes(jsonl(*samples()))
    run = check("good.jsonl", "no-such-file.jsonl", cwd=tmp_path)
    refused(run, "no-such-file.jsonl")
    assert "VIOLATED" not in run.out
    assert "good.jsonl" not in run.out


def test_an_older_result_survives_a_run_that_was_refused(tmp_path: Path) -> None:
    (tmp_path / "result.json").write_text("older")
    run = check("no-such-file.jsonl", "-o", "json=result.json", cwd=tmp_path, with_result=False)
    refused(run)
    assert (tmp_path / "result.json").read_text() == "older"


def test_a_glob_without_a_match_is_a_path_that_does_not_exist(tmp_path: Path) -> None:
    (tmp_path / "good.jsonl").write_bytes(jsonl(*samples()))
    refused(check("*.nothing", cwd=tmp_path), "*.nothing")
    refused(check("good.jsonl", "*.nothing", cwd=tmp_path), "*.nothing")


def test_a_glob_reads_all_that_it_matches(tmp_path: Path) -> None:
    for number, event in enumerate(samples()):
        (tmp_path / f"{number}.jsonl").write_bytes(jsonl(event))
    judged_like_the_samples(check("*.jsonl", cwd=tmp_path))


@pytest.mark.parametrize("pattern", ["logs/**", "logs/**/*", "logs*", "lo*/*", "logs/*/*", "**/*.jsonl"])
def test_a_pattern_reads_each_file_once(tmp_path: Path, pattern: str) -> None:
    """Also where it matches a directory and what lies below it."""
    (tmp_path / "logs" / "day").mkdir(parents=True)
    (tmp_path / "logs" / "day" / "a.jsonl").write_bytes(jsonl(*samples()))
    run = check(pattern, cwd=tmp_path)
    assert len(run.result["inputs"]) == 1
    judged_like_the_samples(run)


def test_a_file_that_a_pattern_matches_is_never_standard_input(tmp_path: Path) -> None:
    (tmp_path / "-").write_bytes(jsonl(*samples()))
    judged_like_the_samples(check("*", cwd=tmp_path, stdin=b""))


@pytest.mark.parametrize("name", ["empty.jsonl", "empty.json", "empty.gz", "empty"])
def test_an_empty_file_is_nothing_tested(name: str) -> None:
    run = check_bytes(b"", name=name)
    nothing_read(run)
    assert run.total("units") == 0


def test_empty_standard_input_is_nothing_tested() -> None:
    nothing_read(check("-", stdin=b""))


def test_an_empty_file_inside_a_container_is_nothing_tested() -> None:
    for ending, squeeze in hostile.COMPRESSORS.items():
        nothing_read(check_bytes(squeeze(b""), name=f"empty.jsonl.{ending}"))


@pytest.mark.parametrize("lines", [b"\n\n\n", b"\r\n\r\n", b"   \n\t\n", b" "], ids=["LF", "CRLF", "blanks", "no end"])
def test_blank_lines_alone_are_counted_as_blank_and_test_nothing(lines: bytes) -> None:
    run = check_bytes(lines)
    nothing_read(run)
    assert run.total("blank") == run.total("units") == max(1, lines.count(b"\n"))


def test_an_empty_directory_is_nothing_tested(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    nothing_read(check("logs", cwd=tmp_path))


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="this system has no such devices")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom"])
def test_a_device_without_an_end_is_not_read(device: str) -> None:
    run = check(device)
    assert run.code == 3
    assert run.result["unreadable"] == {Reason.NO_FILE.value: 1}
    assert check("/dev/null").result["unreadable"] == {}


def test_one_empty_file_beside_a_good_one_spoils_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").write_bytes(b"")
    (tmp_path / "good.jsonl").write_bytes(jsonl(*samples()))
    judged_like_the_samples(check("empty.jsonl", "good.jsonl", cwd=tmp_path))


def test_a_dangling_link_in_a_directory_is_a_gap_and_the_rest_goes_on(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.jsonl").write_bytes(jsonl(*samples()))
    (tmp_path / "logs" / "b.jsonl").symlink_to("rotated-away.jsonl")
    run = check("logs", cwd=tmp_path)
    accounted(run)
    assert run.code == 0
    assert run.total("events") == 3
    assert not upheld(run)
    assert "b.jsonl" in run.out + run.err


def test_a_link_to_itself_in_a_directory_is_a_gap_too(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.jsonl").write_bytes(jsonl(*samples()))
    (tmp_path / "logs" / "b.jsonl").symlink_to("b.jsonl")
    run = check("logs", cwd=tmp_path)
    accounted(run)
    assert run.total("events") == 3
    assert not upheld(run)


def test_a_link_to_a_directory_elsewhere_is_a_gap_and_one_that_is_named_is_read(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "logs" / "a.jsonl").write_bytes(jsonl(*samples()))
    (tmp_path / "elsewhere" / "b.jsonl").write_bytes(jsonl(*samples()))
    (tmp_path / "logs" / "older").symlink_to("../elsewhere")
    run = check("logs", cwd=tmp_path)
    accounted(run)
    assert (run.total("events"), run.result["unreadable"]) == (3, {Reason.LINKED.value: 1})
    assert [row["name"] for row in run.result["inputs"]] == ["a.jsonl", "older"]
    assert not upheld(run)
    for named in ("logs/older", "logs/old*"):
        judged_like_the_samples(check(named, cwd=tmp_path))


@pytest.mark.parametrize("leads", [".", "day", "../logs/day"])
def test_a_link_to_a_directory_that_is_read_anyhow_hides_nothing(tmp_path: Path, leads: str) -> None:
    (tmp_path / "logs" / "day").mkdir(parents=True)
    (tmp_path / "logs" / "day" / "a.jsonl").write_bytes(jsonl(*samples()))
    (tmp_path / "logs" / "latest").symlink_to(leads)
    judged_like_the_samples(check("logs", cwd=tmp_path))


ODD_TEXT = {
    "UTF-16": (jsonl(*samples()).decode().encode("utf-16"), Reason.UTF16),
    "UTF-16 without a mark": (jsonl(*samples()).decode().encode("utf-16-be"), Reason.UTF16),
    "UTF-32": (jsonl(*samples()).decode().encode("utf-32"), Reason.UTF32),
    "UTF-32 without a mark": (jsonl(*samples()).decode().encode("utf-32-le"), Reason.UTF32),
    "UTF-32 of the other order": (jsonl(*samples()).decode().encode("utf-32-be"), Reason.UTF32),
    **{
        f"{ending}, twice": (hostile.gz(pack(jsonl(*samples()))), Reason.PACKED)
        for ending, pack in hostile.COMPRESSORS.items()
    },
}


@pytest.mark.parametrize(("data", "reason"), ODD_TEXT.values(), ids=ODD_TEXT)
def test_what_is_to_be_converted_or_unpacked_first_is_told_with_the_remedy(data: bytes, reason: Reason) -> None:
    run = check_bytes(data, name="log.jsonl")
    nothing_read(run)
    assert run.result["unreadable"] == {reason.value: 1}


def test_only_a_dangling_link_is_nothing_tested(tmp_path: Path) -> None:
    (tmp_path / "link.jsonl").symlink_to("rotated-away.jsonl")
    run = check("link.jsonl", cwd=tmp_path)
    nothing_read(run)
    assert run.result["unreadable"] == {Reason.DANGLING.value: 1}


def test_a_pipe_that_lies_in_a_directory_is_not_waited_for(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "a.jsonl").write_bytes(jsonl(*samples()))
    os.mkfifo(tmp_path / "logs" / "b.pipe")
    run = check("logs", cwd=tmp_path)
    accounted(run)
    assert run.total("events") == 3
    assert run.result["unreadable"] == {Reason.NO_FILE.value: 1}
    assert not upheld(run)


def test_a_pipe_that_is_named_itself_is_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "b.pipe")
    writer = threading.Thread(target=(tmp_path / "b.pipe").write_bytes, args=[jsonl(*samples())])
    writer.start()
    judged_like_the_samples(check("b.pipe", cwd=tmp_path))
    writer.join()


def zipped(data: bytes) -> bytes:
    with zipfile.ZipFile(held := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("log.jsonl", data)
    return held.getvalue()


def tarred(data: bytes) -> bytes:
    with tarfile.open(fileobj=(held := io.BytesIO()), mode="w") as archive:
        (member := tarfile.TarInfo("log.jsonl")).size = len(data)
        archive.addfile(member, io.BytesIO(data))
    return held.getvalue()


@pytest.mark.parametrize(
    "pack", [zipped, tarred, lambda data: gzip.compress(tarred(data))], ids=["zip", "tar", "tar.gz"]
)
def test_an_archive_is_to_be_unpacked(pack: Callable[[bytes], bytes]) -> None:
    run = check_bytes(pack(jsonl(*samples())), name="logs.bin")
    nothing_read(run)
    assert run.result["unreadable"] == {Reason.ARCHIVE.value: 1}


# Root reads what permissions forbid. It stops doing so without two of its capabilities: CAP_DAC_OVERRIDE and
# CAP_DAC_READ_SEARCH, dropped (24 is PR_CAPBSET_DROP) before the tool is started.
WITHOUT_RIGHTS = """
import ctypes, os, sys
if os.geteuid() == 0:
    libc = ctypes.CDLL(None)
    libc.prctl(24, 1, 0, 0, 0)
    libc.prctl(24, 2, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def check_without_rights(*names: str, cwd: Path, probe: str | None = None) -> Run:
    """`check` in a process for which permissions hold. `probe`: what may not be read, the first name else."""
    needs_rights(probe or names[0], cwd=cwd)
    wrapper = (sys.executable, "-c", WITHOUT_RIGHTS)
    ran = cli("check", *names, "-o", "json=result.json", cwd=cwd, wrapper=wrapper)
    return replace(ran, result=load(cwd / "result.json"))


def needs_rights(name: str, *, cwd: Path) -> None:
    """Skips where root cannot be made to heed permissions."""
    probe = [sys.executable, "-c", WITHOUT_RIGHTS, sys.executable, "-c", "import sys; open(sys.argv[1])", name]
    if subprocess.run(probe, cwd=cwd, capture_output=True, check=False).returncode == 0:
        pytest.skip("root reads every file here: its capabilities cannot be dropped")


@pytest.fixture
def denied(tmp_path: Path) -> str:
    path = tmp_path / "denied.jsonl"
    path.write_bytes(jsonl(*samples()))
    path.chmod(0)
    return path.name


def test_a_file_without_permission_is_a_gap_and_the_rest_goes_on(tmp_path: Path, denied: str) -> None:
    (tmp_path / "good.jsonl").write_bytes(jsonl(*samples()))
    run = check_without_rights(denied, "good.jsonl", cwd=tmp_path)
    accounted(run)
    assert run.code == 0
    assert run.total("events") == 3
    assert not upheld(run)
    assert "denied.jsonl" in run.out


def test_only_a_file_without_permission_is_nothing_tested(tmp_path: Path, denied: str) -> None:
    nothing_read(check_without_rights(denied, cwd=tmp_path))


def shut(tmp_path: Path) -> Path:
    """A directory that may not be passed; the file in it could be read."""
    (tmp_path / "shut").mkdir()
    (tmp_path / "shut" / "x").write_bytes(jsonl(*samples()))
    (tmp_path / "shut").chmod(0)
    return Path("shut", "x")


@pytest.mark.parametrize("pattern", ["*/*", "*/x", "**/x", "s*/*", "**"])
def test_a_directory_without_permission_on_the_way_of_a_pattern_is_a_gap(tmp_path: Path, pattern: str) -> None:
    shut(tmp_path)
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "x").write_bytes(jsonl(*samples()))
    run = check_without_rights(pattern, cwd=tmp_path, probe="shut/x")
    accounted(run)
    assert (run.total("events"), run.result["unreadable"]) == (3, {Reason.DENIED.value: 1})
    assert not upheld(run)


def test_a_file_behind_a_directory_without_permission_is_a_gap_too(tmp_path: Path) -> None:
    behind = str(shut(tmp_path))
    (tmp_path / "good.jsonl").write_bytes(jsonl(*samples()))
    run = check_without_rights(behind, "good.jsonl", cwd=tmp_path)
    accounted(run)
    assert run.total("events") == 3
    assert run.result["unreadable"] == {Reason.DENIED.value: 1}


@pytest.mark.parametrize(
    "words",
    [
        ("check", "good.jsonl", "-o", "csv=shut/x"),
        ("check", "good.jsonl", "--policy", "shut/x"),
        ("inventory", "good.jsonl", "-o", "csv=shut/x"),
        ("policy", "lint", "shut/x"),
        ("policy", "show", "shut/x"),
        ("policy", "infer", "good.jsonl", "-o", "shut/x"),
        ("verify", "shut/x"),
    ],
    ids=" ".join,
)
def test_what_lies_behind_a_directory_without_permission_is_named_and_no_fault_of_the_tool(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    behind = str(shut(tmp_path))
    (tmp_path / "good.jsonl").write_bytes(jsonl(*samples()))
    needs_rights(behind, cwd=tmp_path)
    run = cli(*words, cwd=tmp_path, wrapper=(sys.executable, "-c", WITHOUT_RIGHTS))
    assert run.code == 2
    assert "shut/x" in run.err
    assert "permission denied" in run.err.lower()


def test_a_directory_without_permission_is_no_clean_one(tmp_path: Path, denied: str) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / denied).rename(tmp_path / "logs" / denied)
    (tmp_path / "logs").chmod(0)
    (tmp_path / "good.jsonl").write_bytes(jsonl(*samples()))
    run = check_without_rights("logs", "good.jsonl", cwd=tmp_path)
    (tmp_path / "logs").chmod(0o700)
    accounted(run)
    assert [row["name"] for row in run.result["inputs"]] == ["logs", "good.jsonl"]
    assert run.total("events") == 3
    assert not upheld(run)


def test_a_folder_of_trouble_is_told_alike_by_one_process_several_and_a_cluster(tmp_path: Path, denied: str) -> None:
    """Each file that cannot be read is named and counted, the rest is judged, and nothing is upheld."""
    logs = tmp_path / "logs"
    logs.mkdir()
    (logs / "gone.jsonl").symlink_to("rotated-away.jsonl")
    (logs / "noise.bin").write_bytes(hostile.noise(8192))
    (logs / "packed.gz").write_bytes(hostile.gz(jsonl(*hostile.many(4000))))
    (logs / "cut.gz").write_bytes(hostile.truncated(hostile.gz(jsonl(*hostile.many(4000)))))
    (logs / "array.json").write_bytes(b"[" + compact(started()) + b"]")
    (logs / "empty.jsonl").write_bytes(b"")
    ways = [("-j", "1"), ("-j", "2"), *([("-j", "2", "--engine", "dask")] if find_spec("distributed") else [])]
    alone, *others = (check_without_rights(denied, "logs", *way, cwd=tmp_path) for way in ways)
    accounted(alone)
    assert not upheld(alone)
    troubled = {row["name"] for row in alone.result["inputs"] if row["unreadable"]}
    assert troubled == {"denied.jsonl", "gone.jsonl", "noise.bin", "cut.gz"}
    assert alone.total("events") > 4001
    assert all(other.result == alone.result for other in others)


def test_a_binary_file_is_unreadable() -> None:
    run = check_bytes(hostile.noise(8192), name="capture.bin")
    nothing_read(run)
    assert run.total("unreadable") >= 1


def test_a_binary_file_named_like_a_log_beside_a_log_spoils_only_itself(tmp_path: Path) -> None:
    (tmp_path / "noise.jsonl").write_bytes(hostile.noise(8192))
    (tmp_path / "good.jsonl").write_bytes(jsonl(*samples()))
    run = check("noise.jsonl", "good.jsonl", cwd=tmp_path)
    accounted(run)
    assert run.code == 0
    assert run.total("events") == 3


# ---- containers ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", hostile.COMPRESSORS)
def test_a_compressed_log_is_read_like_a_plain_one(ending: str) -> None:
    judged_like_the_samples(check_bytes(hostile.COMPRESSORS[ending](jsonl(*samples())), name=f"log.jsonl.{ending}"))


@pytest.mark.parametrize("ending", hostile.COMPRESSORS)
def test_a_log_is_read_as_what_it_is_whatever_its_name_says(ending: str) -> None:
    judged_like_the_samples(check_bytes(jsonl(*samples()), name=f"plain.jsonl.{ending}"))
    judged_like_the_samples(check_bytes(hostile.COMPRESSORS[ending](jsonl(*samples())), name="packed.jsonl"))


@pytest.mark.parametrize("ending", hostile.COMPRESSORS)
def test_what_was_readable_of_a_container_cut_off_is_judged_and_the_rest_is_one_unreadable_unit(ending: str) -> None:
    whole = hostile.COMPRESSORS[ending](jsonl(*hostile.many(4000)))
    run = check_bytes(hostile.truncated(whole), name=f"log.jsonl.{ending}")
    accounted(run)
    assert run.code == 0
    assert 0 < run.total("carrying") < 4000
    assert run.total("unreadable") == 1


@pytest.mark.parametrize("ending", hostile.COMPRESSORS)
def test_what_was_readable_of_a_damaged_container_is_judged_and_the_rest_is_a_gap(ending: str) -> None:
    whole = hostile.COMPRESSORS[ending](jsonl(*hostile.many(4000)))
    run = check_bytes(hostile.corrupted(whole), name=f"log.jsonl.{ending}")
    accounted(run)  # not the exit code: the damage may yield text before it is noticed
    assert run.total("carrying") > 0
    assert run.total("unreadable") >= 1


def test_a_container_cut_inside_its_header_is_nothing_tested() -> None:
    for ending, squeeze in hostile.COMPRESSORS.items():
        nothing_read(check_bytes(squeeze(jsonl(*samples()))[:5], name=f"log.jsonl.{ending}"))


def test_a_wrong_checksum_at_the_end_is_a_gap() -> None:
    packed = hostile.gz(jsonl(*samples()))
    run = check_bytes(packed[:-8] + bytes(byte ^ 0xFF for byte in packed[-8:-4]) + packed[-4:], name="log.jsonl.gz")
    accounted(run)
    assert run.total("unreadable") >= 1


def test_garbage_after_the_end_of_a_container_is_a_gap() -> None:
    run = check_bytes(hostile.gz(jsonl(*samples())) + b"not gzip any more", name="log.jsonl.gz")
    accounted(run)
    assert run.total("carrying") == 3
    assert run.total("unreadable") >= 1


def test_containers_one_after_another_are_one_log() -> None:
    judged_like_the_samples(check_bytes(b"".join(hostile.gz(jsonl(event)) for event in samples()), name="log.jsonl.gz"))


# ---- one bad line among good ones ----------------------------------------------------------------------------------

GOOD = compact(started())

UNREADABLE: dict[str, bytes] = {
    "a byte that is not UTF-8": hostile.os_is(b'"\xff"'),
    "Latin-1 text": hostile.os_is(b'"Z\xfcrich"'),
    "an overlong encoding of a slash": hostile.os_is(b'"\xc0\xaf"'),
    "an overlong encoding of a letter": hostile.os_is(b'"\xe0\x81\x81"'),
    "a surrogate encoded as UTF-8": hostile.os_is(b'"\xed\xa0\x80"'),
    "a character beyond Unicode": hostile.os_is(b'"\xf4\x90\x80\x80"'),
    "a character cut in the middle": hostile.os_is(b'"\xf0\x9f\x98"'),
    "a byte order mark in the middle of a file": hostile.BOM + GOOD,
    "a line of NUL bytes": b"\0" * 64,
    "a NUL byte inside a string": hostile.os_is(b'"u\0b"'),
    "a raw carriage return inside a string": hostile.os_is(b'"u\rb"'),
    "a raw tab inside a string": hostile.os_is(b'"u\tb"'),
    "a raw line separator of ASCII inside a string": hostile.os_is(b'"u\x1cb"'),
    "a raw form feed inside a string": hostile.os_is(b'"u\x0cb"'),
    "a raw vertical tab inside a string": hostile.os_is(b'"u\x0bb"'),
    "an unknown escape": hostile.os_is(r'"\x41"'),
    "half a unicode escape": hostile.os_is(r'"\u00"'),
    "NaN": hostile.os_is("NaN"),
    "NaN in an undocumented field": hostile.extra_is("NaN"),
    "Infinity": hostile.os_is("Infinity"),
    "minus Infinity": hostile.extra_is("[-Infinity]"),
    "a number with a leading zero": hostile.os_is("01"),
    "a number with a leading plus": hostile.os_is("+1"),
    "a hexadecimal number": hostile.os_is("0x1F"),
    "Python's None": hostile.os_is("None"),
    "a string for an event": b'"an event"',
    "an event inside a string": compact(GOOD.decode()),
    "a number for an event": b"42",
    "a boolean for an event": b"true",
    "null for an event": b"null",
    "two events on a line": GOOD + GOOD,
    "two events on a line with a space between": GOOD + b" " + GOOD,
    "two events on a line with a comma between": GOOD + b"," + GOOD,
    "two events on a line with a carriage return between": GOOD + b"\r" + GOOD,
    "an event with text behind it": GOOD + b" trailing",
    "an event with a time stamp before it": b"2020-11-04T08:05:52Z " + GOOD,
    "a comment after an event": GOOD + b" // fine",
    "a comment inside an event": GOOD.replace(b'"properties"', b'/* os */"properties"'),
    "a line that is a comment": b"# telemetry of november",
    "a trailing comma in an object": hostile.os_is('"ubuntu",'),
    "a trailing comma in an array": hostile.extra_is("[1,]"),
    "a trailing comma after an event": GOOD + b",",
    "single quotes": GOOD.replace(b'"', b"'"),
    "keys without quotes": b"{event:1}",
    "an event cut off": GOOD[:-20],
    "an event cut off inside a string": GOOD[: GOOD.index(b"Installation") + 5],
    "an empty object": b"{}",
    "the log line of another program": b'{"level":"info","msg":"request served","status":200}',
    "an object of an unknown type without an event": b'{"type":"request","url":"/api/v1/users"}',
    "a batch that is no list": b'{"batch":"none"}',
    "a batch that is an object": hostile.raw({"batch": hostile.PLACE}, GOOD),
    "a batch that is null": b'{"batch":null}',
    "brackets opened and never closed": hostile.opened_only(64),
}


@pytest.mark.parametrize("line", UNREADABLE.values(), ids=UNREADABLE.keys())
def test_is_one_unreadable_line_and_the_others_are_judged(line: bytes) -> None:
    run = check_bytes(hostile.among_samples(line))
    accounted(run)
    assert run.code == 0
    assert run.total("units") == 4
    assert run.total("carrying") == run.total("events") == 3
    assert run.total("unreadable") == 1
    assert run.has("unreadable-record", None, line=2, unit=2, input="capture.jsonl", level="warning")
    assert {finding["rule"] for finding in run.breaches} == {"unreadable-record"}
    assert "capture.jsonl:2" in run.out


# A mark at the very start is fine, and a file of nothing but objects and commas is read as printed objects.
NOT_ALONE = {"a byte order mark in the middle of a file", "a trailing comma after an event"}
ALONE = {name: line for name, line in UNREADABLE.items() if name not in NOT_ALONE}


@pytest.mark.parametrize("line", ALONE.values(), ids=ALONE.keys())
def test_alone_is_nothing_tested(line: bytes) -> None:
    run = check_bytes(line + b"\n" + line + b"\n")
    nothing_read(run)
    assert run.total("unreadable") == run.total("units") >= 1  # what is no line may be read as one cut-off document


DEEP: dict[str, Callable[[], bytes]] = {
    "100,000 objects in each other": lambda: hostile.nested_objects(100_000),
    "100,000 arrays in each other": lambda: hostile.nested_arrays(100_000),
    "100,000 brackets that never close": lambda: hostile.opened_only(100_000),
    "100,000 objects that never close": lambda: b'{"a":' * 100_000,
    "an event of some 250 levels": lambda: hostile.nested_arrays(250),
}


@pytest.mark.parametrize("line", DEEP.values(), ids=DEEP.keys())
def test_nesting_beyond_the_limit_is_unreadable(line: Callable[[], bytes]) -> None:
    run = check_bytes(hostile.among_samples(line()))
    accounted(run)
    assert run.code == 0
    assert (run.total("carrying"), run.total("unreadable")) == (3, 1)
    assert run.has("unreadable-record", None, line=2)


def test_the_depth_limit_is_named_when_it_bit() -> None:
    assert "max-depth" in check_bytes(hostile.nested_arrays(500) + b"\n" + GOOD).out
    assert "max-depth" not in plain_samples().out


def test_nesting_below_the_limit_is_judged_at_its_leaf() -> None:
    run = check_bytes(hostile.nested_objects(150))
    accounted(run)
    assert run.code == 1
    assert run.has("undocumented-field", "/properties/extra" + "/a" * 150)


def test_the_depth_limit_is_the_users_to_choose() -> None:
    assert check_bytes(hostile.nested_objects(20), "--max-depth", "10").total("unreadable") == 1
    assert check_bytes(hostile.nested_objects(220), "--max-depth", "250").total("carrying") == 1


def test_a_line_over_the_limit_is_unreadable_and_the_limit_is_named() -> None:
    run = check_bytes(hostile.among_samples(hostile.long_os(100 * 1024)), "--max-line", "64KiB")
    accounted(run)
    assert run.code == 0
    assert (run.total("carrying"), run.total("unreadable")) == (3, 1)
    assert run.has("unreadable-record", None, line=2)
    assert "max-line" in run.out


def test_a_long_line_over_the_limit_does_not_shift_the_lines_after_it() -> None:
    late = compact(started(properties={"os": "ubuntu", "extra": 1}))
    run = check_bytes(hostile.long_os(3 * MIB) + b"\n" + late, "--max-line", "64KiB")
    accounted(run)
    offset = len(hostile.long_os(3 * MIB)) + 1
    assert run.has("undocumented-field", "/properties/extra", line=2, unit=2, offset=offset)


def test_an_event_with_more_keys_than_the_limit_is_unreadable_and_the_limit_is_named() -> None:
    run = check_bytes(hostile.among_samples(compact(hostile.with_keys(10_001))))
    accounted(run)
    assert (run.total("carrying"), run.total("unreadable")) == (3, 1)
    assert "max-keys" in run.out
    assert check_bytes(compact(hostile.with_keys(50)), "--max-keys", "40").total("unreadable") == 1


@pytest.mark.slow
@pytest.mark.parametrize("write", [hostile.write_long_line, hostile.write_long_gz], ids=["plain", "gzip"])
@pytest.mark.parametrize("limit", [(), ("--max-line", "64KiB")], ids=["default limit", "small limit"])
def test_a_line_of_200_megabytes_is_unreadable_within_200_megabytes(
    tmp_path: Path, write: Callable[..., Path], limit: tuple[str, ...]
) -> None:
    log = write(tmp_path / "long.jsonl", 200 * MIB, after=jsonl(*samples()))
    ran, peak = measured("check", log, *limit, "-o", f"json={tmp_path / 'result.json'}")
    run = Run(ran.code, ran.out, ran.err, load(tmp_path / "result.json"))
    accounted(run)
    assert run.code == 0
    assert (run.total("carrying"), run.total("unreadable")) == (3, 1)
    assert run.has("unreadable-record", None, line=1)
    assert peak < 200 * MIB


@pytest.mark.slow
def test_200_megabytes_without_a_line_end_on_standard_input_stay_within_200_megabytes(tmp_path: Path) -> None:
    log = hostile.write_long_line(tmp_path / "long.jsonl", 200 * MIB, last_newline=False)
    ran, peak = measured("check", "-", "-o", f"json={tmp_path / 'result.json'}", stdin=log)
    run = Run(ran.code, ran.out, ran.err, load(tmp_path / "result.json"))
    nothing_read(run)
    assert (run.total("units"), run.total("unreadable")) == (1, 1)
    assert peak < 200 * MIB


# ---- other encodings of a whole file -------------------------------------------------------------------------------


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_one_unreadable_unit_with_the_remedy(encoding: str) -> None:
    run = check_bytes(("\ufeff" + jsonl(*samples()).decode()).encode(encoding))
    nothing_read(run)
    assert (run.total("units"), run.total("unreadable")) == (1, 1)
    (finding,) = run.of("unreadable-record")
    assert "UTF-16" in finding["message"]
    assert "UTF-8" in finding["message"]


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "cp037"])
def test_other_encodings_without_a_mark_are_unreadable(encoding: str) -> None:
    nothing_read(check_bytes(jsonl(*samples()).decode().encode(encoding)))


# ---- what is odd, and fine -----------------------------------------------------------------------------------------

FINE: dict[str, bytes] = {
    "a byte order mark at the start": hostile.BOM + jsonl(*samples()),
    "line ends of Windows": hostile.with_ends(samples(), b"\r\n"),
    "no line end after the last event": jsonl(*samples())[:-1],
    "blank lines between events": hostile.with_ends(samples(), b"\n\n \t\n"),
    "spaces around an event": b"  " + b" \n\t ".join(map(compact, samples())) + b"  \n",
    "spaces after commas and colons": b"".join(json.dumps(event).encode() + b"\n" for event in samples()),
    "members in another order": jsonl(*(dict(reversed(event.items())) for event in samples())),
    "a JSON array, printed over lines": hostile.array(*samples()),
    "a JSON array on one line": hostile.array(*samples(), indent=None),
    "a JSON array after a byte order mark and white space": hostile.BOM + b" \n" + hostile.array(*samples()),
    "objects one after another as jq prints them": hostile.pretty(*samples()),
    "the same with line ends of Windows": hostile.pretty(*samples()).replace(b"\n", b"\r\n"),
    "a batch on a line": hostile.batch(*samples()) + b"\n",
    "a batch with the fields of the transport": hostile.batch(
        *samples(), timestamp="2020-11-04T10:52:15.000Z", writeKey="wk", channel="server"
    ),
    "a batch, printed over lines": hostile.pretty({"batch": samples()}),
    "an array on a line of many": jsonl([started(), active()], page_load()),
}


@pytest.mark.parametrize("data", FINE.values(), ids=FINE.keys())
def test_is_judged_like_the_samples_themselves(data: bytes) -> None:
    judged_like_the_samples(check_bytes(data))


@pytest.mark.parametrize("data", FINE.values(), ids=FINE.keys())
def test_is_judged_the_same_from_standard_input(data: bytes) -> None:
    judged_like_the_samples(check("-", stdin=data))


def test_one_object_printed_over_lines_is_one_unit() -> None:
    run = check_bytes(hostile.pretty(started()))
    accounted(run)
    assert (run.code, run.total("units"), run.total("carrying"), run.total("events")) == (0, 1, 1, 1)


def test_objects_printed_one_after_another_are_a_unit_each() -> None:
    odd = active(properties={"instanceId": active()["properties"]["instanceId"], "extra": 1})
    run = check_bytes(hostile.pretty(started(), odd, page_load()))
    accounted(run)
    assert (run.code, run.total("units"), run.total("carrying")) == (1, 3, 3)
    assert run.has("undocumented-field", "/properties/extra", unit=2, item=0, event="Instance Active")


def test_items_of_an_array_file_are_a_unit_each() -> None:
    odd = active(properties={"instanceId": active()["properties"]["instanceId"], "extra": 1})
    run = check_bytes(hostile.array(started(), odd, page_load()), name="capture.json")
    accounted(run)
    assert (run.code, run.total("units"), run.total("carrying")) == (1, 3, 3)
    assert run.has("undocumented-field", "/properties/extra", unit=2, event="Instance Active")


def test_an_item_of_an_array_file_that_is_no_event_is_one_unreadable_unit() -> None:
    items = (started(), "text", active(), 5, page_load(), {"level": "info"})
    run = check_bytes(hostile.array(*items), name="capture.json")
    accounted(run)
    assert run.code == 0
    assert (run.total("units"), run.total("carrying"), run.total("unreadable")) == (6, 3, 3)


def test_a_line_that_is_an_array_is_one_unit_with_several_events() -> None:
    odd = started(properties={"os": "ubuntu", "extra": 1})
    run = check_bytes(jsonl(page_load(), [active(), odd]))
    accounted(run)
    assert (run.code, run.total("units"), run.total("carrying"), run.total("events")) == (1, 2, 2, 3)
    assert run.has("undocumented-field", "/properties/extra", line=2, unit=2, item=1)


def test_a_batch_is_one_unit_with_several_events() -> None:
    odd = started(properties={"os": "ubuntu", "extra": 1})
    run = check_bytes(jsonl(page_load()) + hostile.batch(active(), odd, sentAt="2020-11-04T08:05:52.000Z"))
    accounted(run)
    assert (run.code, run.total("units"), run.total("carrying"), run.total("events")) == (1, 2, 2, 3)
    assert run.has("undocumented-field", "/properties/extra", line=2, unit=2, item=1)


BAD_ITEMS: dict[str, object] = {
    "a string": "text",
    "a number": 5,
    "null": None,
    "a list": [],
    "an empty object": {},
    "an object without an envelope": {"level": "info"},
    "another batch": {"batch": [started()]},
}


@pytest.mark.parametrize("item", BAD_ITEMS.values(), ids=BAD_ITEMS.keys())
def test_in_a_batch_is_a_finding_and_a_gap_while_the_line_carries_its_events(item: object) -> None:
    run = check_bytes(hostile.batch(started(), item, active(), page_load()) + b"\n")
    accounted(run)
    assert run.code == 0
    assert (run.total("units"), run.total("carrying"), run.total("unreadable")) == (1, 1, 0)
    assert run.has("unreadable-record", None, line=1, item=1)
    assert not upheld(run)


@pytest.mark.parametrize("data", [b"[]", b"[]\n[]\n", b'{"batch":[]}', hostile.pretty([])], ids=repr)
def test_an_array_or_a_batch_without_items_tests_nothing(data: bytes) -> None:
    nothing_read(check_bytes(data))


BROKEN_DOCUMENTS: dict[str, bytes] = {
    "an array cut off": hostile.array(*samples())[:-60],
    "an array cut off between items": hostile.array(*samples()).rpartition(b"},\n")[0] + b"},\n",
    "an array without its end": hostile.array(*samples()).rstrip()[:-1],
    "an array with text behind it": hostile.array(*samples()) + b"and more",
    "an array with a comma too many": hostile.array(*samples()).rstrip()[:-1] + b",]",
    "an array with NaN in one item": hostile.array(started(properties={"os": float("nan")}), active(), page_load()),
    "printed objects, the last one cut off": hostile.pretty(*samples())[:-60],
    "printed objects, the first one cut off": hostile.pretty(started())[:-60] + hostile.pretty(active(), page_load()),
    "printed objects with text between": hostile.pretty(started()) + b"oops\n" + hostile.pretty(active(), page_load()),
}


@pytest.mark.parametrize("data", BROKEN_DOCUMENTS.values(), ids=BROKEN_DOCUMENTS.keys())
def test_is_never_taken_for_whole(data: bytes) -> None:
    run = check_bytes(data, name="capture.json")
    accounted(run)
    assert run.total("unreadable") >= 1
    assert run.code in {0, 3}


def test_a_single_printed_object_cut_off_is_nothing_tested() -> None:
    nothing_read(check_bytes(hostile.pretty(started())[:-60], name="capture.json"))


@pytest.mark.parametrize("separator", ["\u2028", "\u2029", "\u0085", "\u000b", "\u001e"], ids=repr)
def test_no_separator_inside_a_string_splits_a_line(separator: str) -> None:
    line = hostile.os_is(f'"u{separator}b"')
    run = check_bytes(hostile.among_samples(line))
    accounted(run)
    assert run.total("units") == 4
    assert run.total("unreadable") == (1 if separator < " " else 0)  # a raw control character is no JSON


def test_escaped_line_ends_inside_strings_are_values_like_others() -> None:
    run = check_bytes(hostile.among_samples(hostile.os_is(r'"u\r\n\u2028b"')))
    accounted(run)
    assert (run.code, run.total("units"), run.total("carrying")) == (0, 4, 4)
    assert upheld(run) == UPHELD_BY_SAMPLES


def test_line_ends_of_an_old_macintosh_are_not_taken_for_a_clean_log() -> None:
    run = check_bytes(hostile.with_ends(samples(), b"\r"))
    accounted(run)
    assert run.total("events") == 3 or run.total("unreadable")


@pytest.mark.parametrize("padding", range(4))
def test_characters_of_several_bytes_at_any_cut_are_read_whole(padding: int) -> None:
    data = hostile.misaligned(padding)
    run = check_bytes(data)
    accounted(run)
    assert run.code == 0
    assert run.total("carrying") == run.total("units") == data.count(b"\n")
    assert run.claims["installation-events"] == "upheld"


# ---- what is read losslessly and judged ----------------------------------------------------------------------------

BIG = "7" * 5000


def odd(**members: object) -> Json:
    """A documented event beside the samples: it needs a message id of its own."""
    return started(**{"messageId": "api-odd", **members})


ODD_VALUES: dict[str, tuple[bytes, str, str]] = {
    "1e400 where text is documented": (hostile.os_is("1e400"), "invalid-value", "/properties/os"),
    "1e400 where nothing is documented": (hostile.extra_is("1e400"), "undocumented-field", "/properties/extra"),
    "minus 1e400": (hostile.extra_is("-1e400"), "undocumented-field", "/properties/extra"),
    "1e-400": (hostile.extra_is("1e-400"), "undocumented-field", "/properties/extra"),
    "an exponent of 18 digits": (hostile.extra_is("1e999999999999999999"), "undocumented-field", "/properties/extra"),
    "an integer of 5,000 digits where text is documented": (hostile.os_is(BIG), "invalid-value", "/properties/os"),
    "an integer of 5,000 digits elsewhere": (hostile.extra_is(BIG), "undocumented-field", "/properties/extra"),
    "2 to the 64th": (hostile.extra_is(str(2**64)), "undocumented-field", "/properties/extra"),
    "a decimal of 5,000 digits": (hostile.extra_is("0." + BIG), "undocumented-field", "/properties/extra"),
    "a lone surrogate elsewhere": (hostile.extra_is(r'"\ud800"'), "undocumented-field", "/properties/extra"),
    "a lone surrogate in an id": (
        hostile.raw(odd(userId=hostile.PLACE), r'"\udfff"'),
        "invalid-value",
        "/userId",
    ),
    "a NUL escape elsewhere": (hostile.extra_is(r'"\u0000"'), "undocumented-field", "/properties/extra"),
    "an object where text is documented": (hostile.os_is('{"a":1}'), "invalid-value", "/properties/os"),
    "text where an object is documented": (compact(odd(properties="none")), "invalid-value", "/properties"),
    "a list where an object is documented": (compact(odd(context=["library"])), "invalid-value", "/context"),
    "an empty key": (compact(odd(properties={"os": "ubuntu", "": 1})), "undocumented-field", "/properties/{"),
    "a key with slash and tilde": (
        compact(odd(properties={"os": "ubuntu", "a/b~c": 1})),
        "undocumented-field",
        "/properties/{",
    ),
    "a key of a prototype": (
        compact(odd(properties={"os": "ubuntu", "__proto__": {"a": 1}})),
        "undocumented-field",
        "/properties/__proto__/a",
    ),
    "an empty object where nothing is documented": (hostile.extra_is("{}"), "undocumented-field", "/properties/extra"),
    "an empty list where nothing is documented": (hostile.extra_is("[]"), "undocumented-field", "/properties/extra"),
    "an item of a list": (hostile.extra_is("[[1]]"), "undocumented-field", "/properties/extra/0/0"),
}


@pytest.mark.parametrize(("line", "rule", "pointer"), ODD_VALUES.values(), ids=ODD_VALUES.keys())
def test_is_read_losslessly_and_judged(line: bytes, rule: str, pointer: str) -> None:
    run = check_bytes(hostile.among_samples(line))
    accounted(run)
    assert run.code == 1
    assert (run.total("carrying"), run.total("unreadable")) == (4, 0)
    found = [finding for finding in run.of(rule) if (finding["line"], finding["unit"]) == (2, 2)]
    assert [(finding["level"], finding["event"]) for finding in found] == [("error", "Installation Started")]
    assert found[0]["pointer"].startswith(pointer) if pointer.endswith("{") else found[0]["pointer"] == pointer
    assert run.claims["installation-events"] == "violated"
    assert run.claims["server-no-other-data"] == "upheld"


def test_a_lone_surrogate_where_text_is_documented_crashes_nothing() -> None:
    run = check_bytes(hostile.among_samples(hostile.os_is(r'"\ud800"')), "-o", "jsonl=-")
    accounted(run)
    assert (run.code, run.total("carrying")) == (0, 4)


@pytest.mark.parametrize("raw_key", [r'"\ud800"', r'"\u0000"', r'"\u202egnp"', r'"\u200b"'])
def test_an_odd_key_is_an_undocumented_field_and_is_shown_as_its_shape(raw_key: str) -> None:
    run = check_bytes(hostile.raw(started(properties={"os": "ubuntu", hostile.PLACE: 1}), raw_key))
    accounted(run)
    assert run.code == 1
    (finding,) = run.of("undocumented-field")
    assert finding["pointer"].startswith("/properties/{")
    assert "\u202e" not in run.out
    assert "\x00" not in run.out


# ---- a key twice ---------------------------------------------------------------------------------------------------

LISTED = started(properties={"os": "ubuntu", "list": [{"a": 1}]})
TWICE: dict[str, tuple[Json, str]] = {
    "the event's name": (started(), "/event"),
    "the kind of call": (started(), "/type"),
    "the message id": (started(), "/messageId"),
    "a time": (started(), "/timestamp"),
    "the user": (started(), "/userId"),
    "an empty object": (started(), "/integrations"),
    "the context": (started(), "/context"),
    "the library": (started(), "/context/library"),
    "the name of the library": (started(), "/context/library/name"),
    "the properties": (started(), "/properties"),
    "a property": (started(), "/properties/os"),
    "the page of a client": (page_load(), "/context/page/url"),
    "the id of an instance": (active(), "/properties/instanceId"),
    "an undocumented key inside a list": (LISTED, "/properties/list/0/a"),
}


@pytest.mark.parametrize(("event", "pointer"), TWICE.values(), ids=TWICE.keys())
def test_twice_in_an_object_is_an_error_and_a_gap(event: Json, pointer: str) -> None:
    run = check_bytes(hostile.twice(event, pointer) + b"\n")
    accounted(run)
    assert run.code == 1
    assert run.verdict == "violated"
    assert run.total("carrying") == 1
    assert run.has("duplicate-key", pointer, line=1, level="error")
    assert not upheld(run)
    assert {one["id"]: one["verdict"] for one in run.result["requirements"]}["clean-json"] == "violated"


@pytest.mark.parametrize("hidden_first", [True, False], ids=["first", "last"])
@pytest.mark.parametrize("pointer", ["/properties", "/properties/os", "/context/library/name", "/context"])
def test_an_address_in_either_value_of_a_key_that_stands_twice_is_found(pointer: str, *, hidden_first: bool) -> None:
    hidden = {
        "/properties": f'{{"os":"{EMAIL}"}}',
        "/properties/os": f'"{EMAIL}"',
        "/context/library/name": f'"{EMAIL}"',
        "/context": f'{{"library":{{"name":"{EMAIL}","version":"1"}}}}',
    }[pointer]
    run = check_bytes(hostile.twice(started(), pointer, hidden, hidden_first=hidden_first) + b"\n")
    accounted(run)
    assert run.code == 1
    assert run.has("duplicate-key", pointer)
    assert run.has("email-address", level="error")
    assert run.claims["email-only-on-support"] == "violated"
    assert EMAIL not in run.out + json.dumps(run.result)


@pytest.mark.parametrize("hidden_first", [True, False], ids=["first", "last"])
def test_an_undocumented_field_in_either_value_of_a_key_that_stands_twice_is_found(*, hidden_first: bool) -> None:
    line = hostile.twice(started(), "/properties", '{"os":"ubuntu","extra":1}', hidden_first=hidden_first)
    run = check_bytes(line)
    accounted(run)
    assert run.has("duplicate-key", "/properties")
    assert run.has("undocumented-field", "/properties/extra")


def test_a_key_that_stands_twice_by_an_escape_is_found() -> None:
    run = check_bytes(hostile.os_is(r'"ubuntu","\u006fs":"debian"'))
    accounted(run)
    assert run.code == 1
    assert run.has("duplicate-key", "/properties/os")


def test_two_batches_under_one_key_are_not_taken_for_one() -> None:
    bad = compact([started(properties={"os": "ubuntu", "extra": 1})])
    good = compact([started()])
    for first, second in ((bad, good), (good, bad)):
        run = check_bytes(b'{"batch":' + first + b',"batch":' + second + b"}")
        accounted(run)
        assert not upheld(run)
        assert run.code == 1 or run.total("unreadable") == 1


# ---- names that are nearly right -----------------------------------------------------------------------------------

LOOK_ALIKE_KEYS: dict[str, str] = {
    "a zero-width space": "o\u200bs",
    "a zero-width joiner at the end": "os\u200d",
    "a soft hyphen": "o\u00ads",
    "a Cyrillic letter": "\u043es",
    "full-width letters": "\uff4f\uff53",
    "a byte order mark": "\ufeffos",
    "a variation selector": "os\ufe0f",
    "capitals": "OS",
    "a space behind": "os ",
    "a combining mark": "os\u0301",
}


@pytest.mark.parametrize("key", LOOK_ALIKE_KEYS.values(), ids=LOOK_ALIKE_KEYS.keys())
def test_makes_another_key_that_is_undocumented(key: str) -> None:
    beside = check_bytes(jsonl(started(properties={"os": "ubuntu", key: "ubuntu"})))
    instead = check_bytes(jsonl(started(properties={key: "ubuntu"})))
    for run in (beside, instead):
        accounted(run)
        assert run.code == 1
        assert run.count("undocumented-field") == 1
        assert run.of("undocumented-field")[0]["pointer"].startswith("/properties/")
        assert run.claims["installation-events"] == "violated"
    assert not beside.has("missing-field", "/properties/os")
    assert instead.has("missing-field", "/properties/os", level="note")


def test_keys_that_differ_by_normalisation_are_two_undocumented_fields() -> None:
    keys = [unicodedata.normalize(form, "café") for form in ("NFC", "NFD")]
    run = check_bytes(jsonl(started(properties={"os": "ubuntu", **dict.fromkeys(keys, 1)})))
    accounted(run)
    assert run.count("undocumented-field") == 2
    assert not run.has("duplicate-key")


NEAR_NAMES: dict[str, str] = {
    "a space behind": "Instance Active ",
    "a space before": " Instance Active",
    "two spaces": "Instance  Active",
    "no space": "InstanceActive",
    "small letters": "instance active",
    "capitals": "INSTANCE ACTIVE",
    "the plural": "Instance Actives",
    "a tab behind": "Instance Active\t",
    "a line end behind": "Instance Active\n",
}


@pytest.mark.parametrize("name", NEAR_NAMES.values(), ids=NEAR_NAMES.keys())
def test_in_an_events_name_is_a_warning_and_the_event_is_judged_by_the_name_that_it_nearly_has(name: str) -> None:
    run = check_bytes(jsonl(active(event=name)))
    accounted(run)
    assert run.code == 0
    assert run.has("undocumented-event", "/event", line=1, level="warning")
    assert run.count("undocumented-event") == 1
    assert run.claims["keepalive-only"] == run.claims["server-no-other-data"] == "inconclusive"
    assert not run.has("invalid-value", "/event")
    worse = check_bytes(jsonl(active(event=name, properties={"instanceId": "x", "extra": 1})))
    assert worse.code == 1
    assert worse.has("undocumented-field", "/properties/extra", level="error")


LOOK_ALIKE_NAMES: dict[str, str] = {
    "a Cyrillic letter": "\u0406nstance Active",
    "a Greek letter": "Instance \u0391ctive",
    "full-width letters": "\uff29nstance Active",
    "a zero-width space": "Instance\u200b Active",
    "an invisible letter behind": "Instance Active\u2063",
    "a byte order mark before": "\ufeffInstance Active",
    "a right-to-left override": "\u202eevitcA ecnatsnI",
    "a digit for a letter": "1nstance Active",
    "one letter less": "Instance Activ",
}


@pytest.mark.parametrize("name", LOOK_ALIKE_NAMES.values(), ids=LOOK_ALIKE_NAMES.keys())
def test_in_an_events_name_makes_another_event_that_the_page_does_not_list(name: str) -> None:
    run = check_bytes(jsonl(active(event=name)))
    accounted(run)
    assert run.code == 1
    assert run.has("undocumented-event", "/event", line=1, level="error")
    assert run.count("undocumented-event") == 1
    assert not {*SHAPE_CLAIMS, "keepalive-only"} & upheld(run)
    assert not any(unicodedata.category(char) == "Cf" for char in run.out)


@pytest.mark.parametrize("name", ["applications_page_load", "Applications_Page_Load", "APPLICATIONS_PAGE_LOADS"])
def test_a_near_name_of_a_client_event_is_one_warning(name: str) -> None:
    run = check_bytes(jsonl(page_load(event=name)))
    accounted(run)
    assert run.code == 0
    assert run.has("undocumented-event", "/event", level="warning")
    assert run.count("undocumented-event") == 1
    assert run.claims["client-navigation-and-clicks"] == "inconclusive"


@pytest.mark.parametrize("call", ["Track", "TRACK", "track ", "tr\u0430ck", "", "identify", "screen"])
def test_another_kind_of_call_with_a_documented_name_is_never_clean(call: str) -> None:
    for event in (started(type=call), active(type=call), page_load(type=call)):
        run = check_bytes(jsonl(event))
        accounted(run)
        assert run.code == 1
        assert {"/type", "/event"} & {found["pointer"] for found in run.breaches if found["level"] == "error"}
        assert not set(SHAPE_CLAIMS) & upheld(run)


@pytest.mark.parametrize("call", ["identify", "page", "screen", "group", "alias"])
def test_a_call_other_than_track_is_an_undocumented_event_shown_by_the_name_of_the_call(call: str) -> None:
    event = page_load(type=call)
    del event["event"]
    run = check_bytes(jsonl(event))
    accounted(run)
    assert run.code == 1
    assert run.has("undocumented-event", "/type", event=call, level="error", line=1)
    assert run.count("undocumented-field") == run.count("invalid-value") == run.count("missing-field") == 0


# ---- events where none should be -----------------------------------------------------------------------------------

SMUGGLED = active(event="Secret Event")
HIDDEN_EVENTS: dict[str, bytes] = {
    "as text in a documented property": compact(started(properties={"os": compact(SMUGGLED).decode()})),
    "as text in an undocumented property": hostile.extra_is(compact(compact(SMUGGLED).decode())),
    "in an undocumented property": hostile.extra_is(compact(SMUGGLED)),
    "in a list of an undocumented property": hostile.extra_is(compact([SMUGGLED])),
    "in the properties": compact(started(properties={"os": "ubuntu", **SMUGGLED})),
    "as a batch in the properties": compact(started(properties={"os": "ubuntu", "batch": [SMUGGLED]})),
    "as a batch beside a documented event": compact(started(batch=[SMUGGLED])),
    "in the integrations": compact(started(integrations=SMUGGLED)),
    "in the context": compact(started(context={**started()["context"], "event": SMUGGLED})),
    "in place of the event's name": compact(started(event=SMUGGLED)),
    "as a list in place of the event's name": compact(started(event=["Installation Started"])),
}


@pytest.mark.parametrize("line", HIDDEN_EVENTS.values(), ids=HIDDEN_EVENTS.keys())
def test_an_event_hidden_elsewhere_is_never_clean(line: bytes) -> None:
    run = check_bytes(line)
    accounted(run)
    assert not set(SHAPE_CLAIMS) & upheld(run)
    assert run.breaches


@pytest.mark.parametrize("name", ["5", "null", "true", "{}", "[]", '""', "1e400"])
def test_an_event_whose_name_is_no_name_is_never_clean(name: str) -> None:
    run = check_bytes(hostile.raw(started(event=hostile.PLACE), name))
    accounted(run)
    assert not set(SHAPE_CLAIMS) & upheld(run)
    assert run.breaches


# ---- the log of another program ------------------------------------------------------------------------------------


def test_the_log_of_another_program_accuses_nobody() -> None:
    run = check_bytes(hostile.other_program(200))
    nothing_read(run)
    assert run.total("unreadable") == run.total("units") == 200
    assert {finding["rule"] for finding in run.breaches} == {"unreadable-record"}
    assert run.result["counts"]["error"] == 0
    assert "violated" not in run.claims.values()


def test_the_lines_of_another_program_between_events_are_gaps_and_accuse_nobody() -> None:
    run = check_bytes(hostile.other_program(5) + jsonl(*samples()) + hostile.other_program(5))
    accounted(run)
    assert run.code == 0
    assert (run.total("carrying"), run.total("unreadable")) == (3, 10)
    assert run.result["counts"]["error"] == 0


# ---- floods --------------------------------------------------------------------------------------------------------


@functools.cache
def flooded() -> Run:
    odd = started(properties={"os": EMAIL})
    return check_bytes(hostile.flood(20_000, odd, at=13_579))


def test_a_flood_of_findings_is_counted_exactly_and_shown_shortly() -> None:
    run = flooded()
    accounted(run)
    assert run.code == 1
    assert run.total("carrying") == 20_001
    assert run.count("undocumented-field") == 20_000
    assert [finding["line"] for finding in run.of("undocumented-field")] == [1, 2, 3]
    (group,) = (group for group in run.result["groups"] if group["rule"] == "undocumented-field")
    assert (group["count"], group["shown"], group["field"]) == (20_000, 3, "/properties/extra")
    assert len(run.out.splitlines()) < 200


def test_one_other_breach_is_not_pushed_off_the_page_by_a_flood() -> None:
    run = flooded()
    assert run.has("email-address", "/properties/os", line=13_580, level="error")
    assert "email-address" in run.out
    assert "capture.jsonl:13580" in run.out


def test_a_flood_of_the_same_rule_does_not_push_another_field_off_the_page() -> None:
    odd = page_load(properties={"other": 1})
    run = check_bytes(hostile.flood(20_000, odd, at=19_999))
    accounted(run)
    assert run.has("undocumented-field", "/properties/other", line=20_000)
    assert "/properties/other" in run.out
    assert "capture.jsonl:20000" in run.out


def test_the_number_of_examples_is_the_users_to_choose() -> None:
    data = hostile.flood(50, started(), at=50)
    assert len(check_bytes(data, "--examples", "1").of("undocumented-field")) == 1
    assert len(check_bytes(data, "--examples", "20").of("undocumented-field")) == 20


def bounded(run: Run, rule: str, total: int) -> None:
    """Every finding is counted, though not every group is kept."""
    groups = [group for group in run.result["groups"] if group["rule"] == rule]
    assert run.count(rule) == grouped(run, rule) == total
    assert len(groups) <= 10_001
    assert len(run.findings) <= 3 * (10_001 + 100)
    assert len(run.result["coverage"]["events"]) <= 1_001


def test_a_flood_of_distinct_events_is_bounded_and_never_clean() -> None:
    run = check_bytes(hostile.distinct_events(10_050))
    accounted(run)
    assert run.code == 1
    bounded(run, "undocumented-event", 10_050)
    assert not {*SHAPE_CLAIMS, "keepalive-only"} & upheld(run)


def test_a_flood_of_events_that_are_only_warnings_is_inconclusive() -> None:
    run = check_bytes(jsonl(*samples()) + hostile.distinct_events(10_050, "CLICK_{}"))
    accounted(run)
    assert run.code == 0
    bounded(run, "undocumented-event", 10_050)
    for claim in (*SHAPE_CLAIMS, "keepalive-only"):  # all of them stand on the rule whose groups overflowed
        assert run.claims[claim] == "inconclusive"


def test_a_flood_of_distinct_keys_is_bounded_and_never_clean() -> None:
    run = check_bytes(jsonl(active(), page_load()) + hostile.distinct_keys(10_500))
    accounted(run)
    assert run.code == 1
    bounded(run, "undocumented-field", 10_500)
    assert run.claims["installation-events"] == "violated"
    assert not set(SHAPE_CLAIMS) & upheld(run)


def test_a_flood_of_other_rules_does_not_hide_an_address() -> None:
    odd = started(properties={"os": EMAIL})
    run = check_bytes(hostile.distinct_events(10_050) + jsonl(odd))
    accounted(run)
    assert run.has("email-address", "/properties/os", line=10_051)
    assert "capture.jsonl:10051" in run.out


def test_a_long_list_is_one_group_with_a_finding_for_each_item() -> None:
    run = check_bytes(hostile.extra_is(json.dumps([1] * 5_000)))
    accounted(run)
    (group,) = (group for group in run.result["groups"] if group["rule"] == "undocumented-field")
    assert (group["count"], group["shown"], group["field"]) == (5_000, 3, "/properties/extra/*")


def test_the_order_of_lines_changes_no_verdict_and_no_count() -> None:
    breaches = [active(event="Secret Event"), started(properties={"os": 1}), page_load(event="click")]
    events = numbered([*samples(), support(), *breaches])
    lines = [*map(compact, events), b"no json", b'{"level":"info"}']
    one = check_bytes(b"\n".join(lines))
    random.Random(5).shuffle(lines)
    other = check_bytes(b"\n".join(lines))
    assert one.claims == other.claims
    assert one.result["counts"] == other.result["counts"]
    assert sorted(map(repr, one.result["groups"])) == sorted(map(repr, other.result["groups"]))


# ---- options that contradict each other ----------------------------------------------------------------------------


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "logs.jsonl"
    path.write_bytes(jsonl(*samples()))
    return path


def test_two_outputs_on_standard_output_are_refused(log: Path) -> None:
    for first, second in (("json", "jsonl"), ("text", "json"), ("json=-", "text"), ("json", "json")):
        run = check(log.name, "-o", first, "-o", second, cwd=log.parent, with_result=False)
        refused(run, "=")  # the remedy is FORMAT=PATH
        assert run.out == ""


def test_two_outputs_in_one_file_are_refused(log: Path) -> None:
    refused(check(log.name, "-o", "jsonl=x.out", "-o", "json=./x.out", cwd=log.parent, with_result=False), "x.out")
    assert not (log.parent / "x.out").exists()


@pytest.mark.parametrize("disguise", ["itself", "another spelling", "absolute", "a symbolic link"])
def test_an_output_that_is_an_input_is_refused_and_the_input_stays(log: Path, disguise: str) -> None:
    before = log.read_bytes()
    target = log.parent / "out.json"
    match disguise:
        case "another spelling":
            target = Path("../") / log.parent.name / log.name
        case "absolute":
            target = log
        case "a symbolic link":
            target.symlink_to(log.name)
        case _:
            target = Path(log.name)
    run = check(log.name, "-o", f"json={target}", cwd=log.parent, with_result=False)
    refused(run, target.name)
    assert log.read_bytes() == before


def test_an_output_that_is_a_hard_link_to_an_input_leaves_the_input_as_it_was(log: Path) -> None:
    before = log.read_bytes()
    (log.parent / "out.json").hardlink_to(log)
    assert check(log.name, "-o", "json=out.json", cwd=log.parent, with_result=False).code in {0, 2}
    assert log.read_bytes() == before


def test_an_output_that_is_a_directory_is_refused(log: Path) -> None:
    (log.parent / "out").mkdir()
    refused(check(log.name, "-o", "json=out", cwd=log.parent, with_result=False), "out")


def test_an_output_that_cannot_be_written_after_all_is_no_finding(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit 1 means findings, and nothing else."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    monkeypatch.setattr(Path, "replace", full)
    run = check(log.name, "-o", "json=out.json", cwd=log.parent, with_result=False)
    assert run.code in {2, 70}
    assert "out.json" in run.err
    assert {path.name for path in log.parent.iterdir()} == {log.name}


def test_an_output_below_a_directory_that_is_the_input_may_not_be_one_of_its_files(log: Path) -> None:
    before = log.read_bytes()
    refused(check(log.parent, "-o", f"json={log}", with_result=False), log.name)
    assert log.read_bytes() == before


def test_an_output_in_a_directory_that_does_not_exist_is_refused(log: Path) -> None:
    refused(check(log.name, "-o", "json=no/such/x.json", cwd=log.parent, with_result=False), "no/such")


def test_an_unknown_format_is_refused_with_those_that_exist(log: Path) -> None:
    refused(check(log.name, "-o", "yaml=x.yaml", cwd=log.parent), "yaml", "text", "json", "jsonl")
    refused(check(log.name, "-o", "yaml", cwd=log.parent), "yaml", "json")


def test_an_output_without_a_path_behind_the_sign_is_refused(log: Path) -> None:
    refused(check(log.name, "-o", "json=", cwd=log.parent), "json")


def test_an_unknown_policy_is_refused_with_a_way_to_find_one(log: Path) -> None:
    run = check(log.name, "-p", "nobody/1999-01", cwd=log.parent)
    refused(run, "nobody/1999-01")
    assert "policy list" in run.err or "appsmith/2020-11" in run.err


def test_a_directory_that_is_no_policy_pack_is_refused(log: Path) -> None:
    refused(check(log.name, "-p", ".", cwd=log.parent), "policy.toml")


OPTIONS: dict[str, tuple[str, ...]] = {
    "no example at all": ("--examples", "0"),
    "fewer examples than none": ("--examples", "-1"),
    "a number of examples that is none": ("--examples", "some"),
    "a line limit of nothing": ("--max-line", "0"),
    "a line limit that is no size": ("--max-line", "long"),
    "a depth of nothing": ("--max-depth", "0"),
    "no keys": ("--max-keys", "0"),
    "an unknown level to fail on": ("--fail-on", "sometimes"),
    "an unknown option": ("--no-such-option", "1"),
}


@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_is_refused_with_the_name_of_the_option(log: Path, options: tuple[str, ...]) -> None:
    refused(check(log.name, *options, cwd=log.parent), options[0])


def test_no_capture_at_all_is_refused() -> None:
    refused(check(), "CAPTURE")


def test_an_unknown_command_is_refused_by_the_process_itself() -> None:
    assert cli("chekc", "x.jsonl").code == 2


# ---- the process itself --------------------------------------------------------------------------------------------


def test_the_process_leaves_with_the_code_and_keeps_stderr_for_trouble(log: Path) -> None:
    (log.parent / "bad.jsonl").write_bytes(jsonl(started(properties={"os": 1})))
    (log.parent / "none.jsonl").write_bytes(b"")
    for name, code in (("logs.jsonl", 0), ("bad.jsonl", 1), ("none.jsonl", 3), ("missing.jsonl", 2)):
        run = cli("check", name, cwd=log.parent)
        assert run.code == code
        assert "Traceback" not in run.err
        assert run.err == "" or code in {2, 3}


def test_the_process_reads_standard_input_and_writes_the_result_to_standard_output() -> None:
    run = cli("check", "-", "-o", "json", stdin=hostile.among_samples(b"no json"))
    assert run.code == 0
    result = json.loads(run.out)
    assert [(one["name"], one["units"], one["unreadable"]) for one in result["inputs"]] == [("-", 4, 1)]


def test_the_process_survives_hostile_lines_with_nobody_to_catch_its_errors(log: Path) -> None:
    odd_lines = (line for line, _, _ in ODD_VALUES.values())
    log.write_bytes(b"\n".join([*UNREADABLE.values(), hostile.nested_objects(100_000), *odd_lines]))
    run = cli("check", log.name, "-o", "json=result.json", cwd=log.parent)
    assert run.code == 1
    assert "Traceback" not in run.err
    accounted(Run(run.code, run.out, run.err, load(log.parent / "result.json")))


def test_a_gzip_file_of_hostile_lines_gives_what_the_plain_file_gives() -> None:
    data = b"\n".join([*UNREADABLE.values(), *(line for line, _, _ in ODD_VALUES.values()), GOOD])
    plain, packed = check_bytes(data), check_bytes(gzip.compress(data))
    assert plain.findings == packed.findings
    assert plain.claims == packed.claims


def test_an_empty_name_is_no_capture(tmp_path: Path) -> None:
    """As of a variable that is not set: the directory in which the command runs is not meant."""
    (tmp_path / "a.jsonl").write_bytes(jsonl(*samples()))
    run = check("", cwd=tmp_path)
    assert run.code == 2
    assert "an empty name was given: perhaps a variable is not set. Nothing was read." in run.err
