"""Evidence is append-only and chained: what was written stays, what was changed shows, and who else looks sees nothing."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.engine.parse import Limits
from audit.evidence import MANIFEST, Failing, Store, Unusable, verify
from audit.model import Contact, Known, Scheme
from audit.sources.evidence import Chained, bare, part_of, whole
from audit.sources.requests import Request
from tests.conftest import CAPTURES, Json, check, invoke

EVENT = (CAPTURES / "python-segment.jsonl").read_bytes().split(b"\n")[0]
HEADERS = (
    ("Content-Type", "application/json"),
    ("Authorization", "Bearer planted-secret-value"),
    ("Cookie", "session=planted-cookie"),
    ("x-set", "kept"),
)
TRACK = Request("POST", "https://api.segment.example:443/v1/track", HEADERS, EVENT)


def begin(directory: Path, **options: Any) -> Store:
    return Store.open(directory, {"begun": "2026-11-24T10:00:00Z"}, **options)


def written(directory: Path, count: int = 5, **options: Any) -> str:
    """An evidence directory with this many requests; its head."""
    store = begin(directory, **options)
    for _ in range(count):
        store.append(whole(TRACK, store.keyed, ()))
    store.close()
    return store.head


def lines(directory: Path) -> list[bytes]:
    return (directory / "segment-000001.jsonl").read_bytes().splitlines(keepends=True)


# ---- what is written -------------------------------------------------------------------------------------------------


def test_only_its_owner_can_read_it(tmp_path: Path) -> None:
    written(tmp_path / "e")
    assert stat.S_IMODE((tmp_path / "e").stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in (tmp_path / "e").iterdir()} == {0o600}


def test_credentials_are_kept_as_keyed_digests_only(tmp_path: Path) -> None:
    written(tmp_path / "e", 2)
    everything = b"".join(file.read_bytes() for file in (tmp_path / "e").iterdir())
    assert b"planted-secret-value" not in everything
    assert b"planted-cookie" not in everything
    first, second = (dict(json.loads(line[65:])["headers"]) for line in lines(tmp_path / "e"))
    assert first["Authorization"].startswith("hmac-sha256:")
    assert first["Authorization"] == second["Authorization"] != first["Cookie"]
    assert first["x-set"] == "kept"


def test_the_digest_of_a_credential_is_not_taken_for_what_was_sent(tmp_path: Path) -> None:
    key = ("Authorization", "Basic QVBQU01JVEhURVNUS0VZOg==")
    store = begin(tmp_path / "e")
    store.append(whole(replace(TRACK, headers=(HEADERS[0], key, HEADERS[2])), store.keyed, ()))
    store.close()
    run = check(tmp_path / "e")
    assert run.of("secret") == []
    assert run.claims["client-navigation-and-clicks"] == "upheld"


def test_the_digests_of_two_directories_cannot_be_compared(tmp_path: Path) -> None:
    assert begin(tmp_path / "a").keyed("same") != begin(tmp_path / "b").keyed("same")


def test_segments_rotate_and_the_chain_goes_on(tmp_path: Path) -> None:
    head = written(tmp_path / "e", 9, segment=3_000)
    assert len(list((tmp_path / "e").glob("segment-*.jsonl"))) > 2
    report = verify(tmp_path / "e", head)
    assert (report.records, report.held, report.broken) == (9, 9, None)


def test_a_directory_that_others_can_read_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "e")
    (tmp_path / "e").chmod(0o755)
    with pytest.raises(Unusable, match="chmod 700"):
        begin(tmp_path / "e")


def test_a_directory_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "e").mkdir(mode=0o700)
    (tmp_path / "e" / "thesis.txt").write_text("mine")
    with pytest.raises(Unusable, match="other files"):
        begin(tmp_path / "e")


def test_two_writers_are_refused(tmp_path: Path) -> None:
    store = begin(tmp_path / "e")
    with pytest.raises(Unusable, match="another process"):
        begin(tmp_path / "e")
    store.close()


def test_a_changed_directory_is_not_gone_on_with(tmp_path: Path) -> None:
    written(tmp_path / "e")
    spoil(tmp_path / "e", lambda kept: [kept[0], *kept[2:]])
    with pytest.raises(Unusable, match="breaks after record 1"):
        begin(tmp_path / "e")


def test_a_full_disk_leaves_no_half_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system writes a part of a record and then nothing more."""
    import os

    store = begin(tmp_path / "e")
    store.append({"kind": "session"})
    real = os.write
    monkeypatch.setattr("audit.evidence.store.os.write", lambda file, data: real(file, data[:10]))
    with pytest.raises(Failing, match="no space"):
        store.append({"kind": "session"})
    monkeypatch.undo()
    store.append({"kind": "session"})
    store.close()
    report = verify(tmp_path / "e", store.head)
    assert (report.records, report.held, report.torn) == (2, 2, ())


# ---- what the chain shows --------------------------------------------------------------------------------------------

Kept = list[bytes]
SPOILT: dict[str, Callable[[Kept], Kept]] = {
    "a record changed": lambda kept: [kept[0], kept[1].replace(b'"POST"', b'"PUT_"'), *kept[2:]],
    "a record removed": lambda kept: [kept[0], *kept[2:]],
    "records reordered": lambda kept: [kept[1], kept[0], *kept[2:]],
    "a record put in twice": lambda kept: [*kept[:2], kept[1], *kept[2:]],
    "a line of something else": lambda kept: [*kept[:2], b"hello\n", *kept[2:]],
    "a digest changed": lambda kept: [kept[0], b"0" * 64 + kept[1][64:], *kept[2:]],
    "a line torn in the middle": lambda kept: [kept[0], kept[1][:80] + b"\n", *kept[2:]],
}


def spoil(directory: Path, change: Callable[[Kept], Kept]) -> None:
    (directory / "segment-000001.jsonl").write_bytes(b"".join(change(lines(directory))))


@pytest.mark.parametrize("change", SPOILT.values(), ids=list(SPOILT))
def test_a_change_shows_without_a_head(tmp_path: Path, change: Callable[[Kept], Kept]) -> None:
    written(tmp_path / "e")
    spoil(tmp_path / "e", change)
    run = invoke("verify", tmp_path / "e")
    assert run.code == 5
    assert "BROKEN after record" in run.out


@given(st.data())
@settings(max_examples=60, deadline=None)
def test_any_changed_byte_shows_with_the_head(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    directory = tmp_path_factory.mktemp("evidence") / "e"
    head = written(directory, 3)
    name = data.draw(st.sampled_from(["segment-000001.jsonl", MANIFEST]))
    content = bytearray((directory / name).read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    (directory / name).write_bytes(content)
    try:
        assert not verify(directory, head).proves(head)
    finally:
        for file in directory.iterdir():
            file.unlink()


def test_a_cut_tail_shows_with_the_head_only(tmp_path: Path) -> None:
    head = written(tmp_path / "e")
    spoil(tmp_path / "e", lambda kept: kept[:3])
    without = invoke("verify", tmp_path / "e")
    assert without.code == 0
    assert "consistent up to record 3; a cut tail or a full rewrite cannot be excluded\n" in without.out
    held = invoke("verify", tmp_path / "e", "--head", head)
    assert held.code == 5
    assert "NOT PROVED" in held.out


@pytest.mark.parametrize("head", [(), ("--head", "0" * 64)])
def test_a_chain_without_records_is_no_quiet_green(tmp_path: Path, head: tuple[str, ...]) -> None:
    written(tmp_path / "e")
    for segment in (tmp_path / "e").glob("segment-*"):
        segment.write_bytes(b"")
    run = invoke("verify", tmp_path / "e", *head)
    assert run.code == 5
    assert "EMPTY: no record" in run.out


def test_an_earlier_head_proves_what_stood_before_it(tmp_path: Path) -> None:
    head = written(tmp_path / "e", 3)
    written(tmp_path / "e", 2)
    run = invoke("verify", tmp_path / "e", "--head", head)
    assert run.code == 0
    assert "proved up to record 3: nothing before this head was changed, removed or reordered." in run.out
    assert "2 records follow" in run.out


def test_a_missing_segment_shows(tmp_path: Path) -> None:
    written(tmp_path / "e", 9, segment=3_000)
    (tmp_path / "e" / "segment-000002.jsonl").unlink()
    run = invoke("verify", tmp_path / "e")
    assert run.code == 5
    assert "segment-000002.jsonl is missing" in run.out


def test_a_torn_tail_is_reported_and_gone_on_from(tmp_path: Path) -> None:
    """What a killed writer leaves: the chain holds, the torn record counts for nothing, the next run goes on."""
    written(tmp_path / "e", 3)
    with (tmp_path / "e" / "segment-000001.jsonl").open("ab") as file:
        file.write(lines(tmp_path / "e")[0][:100])
    run = invoke("verify", tmp_path / "e")
    assert run.code == 0
    assert "consistent up to record 3" in run.out
    assert "segment-000001.jsonl ends in a torn record of 100 bytes" in run.out
    store = begin(tmp_path / "e")
    assert (store.records, store.torn) == (3, 100)
    store.append({"kind": "session"})
    store.close()
    again = verify(tmp_path / "e", store.head)
    assert (again.records, again.held, len(again.torn)) == (4, 4, 1)


def test_what_is_no_evidence_is_a_usage_error(tmp_path: Path) -> None:
    assert invoke("verify", tmp_path / "none").code == 2
    assert invoke("verify", tmp_path).code == 2
    written(tmp_path / "e")
    assert invoke("verify", tmp_path / "e", "--head", "abc").code == 2


# ---- judged again ----------------------------------------------------------------------------------------------------


def test_check_knows_evidence_by_its_manifest_also_below_a_directory(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    head = written(tmp_path / "run" / "e", 4)
    for place, name in ((tmp_path / "run" / "e", "e"), (tmp_path / "run", "e")):
        run = check(place)
        (row,) = run.result["inputs"]
        assert (row["name"], row["format"], row["units"], row["events"]) == (name, "evidence", 4, 4)
        assert row["head"] == head
        assert re.fullmatch("[0-9a-f]{64}", row["sha256"])


def test_several_processes_read_evidence_as_one_does(tmp_path: Path) -> None:
    written(tmp_path / "e", 4)
    assert check(tmp_path / "e", "-j", "2").result == check(tmp_path / "e").result


def test_after_a_break_nothing_is_judged(tmp_path: Path) -> None:
    written(tmp_path / "e", 5)
    spoil(tmp_path / "e", SPOILT["a record changed"])
    run = check(tmp_path / "e")
    assert (run.total("events"), run.total("unreadable")) == (1, 1)
    assert any("chain of evidence breaks" in reason for reason in run.result["unreadable"])


@pytest.mark.parametrize("more", [(), ("--fail-on", "never"), ("--require", "all"), ("-j", "2")], ids=" ".join)
def test_evidence_that_was_changed_is_no_quiet_green(tmp_path: Path, more: tuple[str, ...]) -> None:
    """The exit code is that of `verify`, above findings and above nothing read; the same evidence unchanged is clean."""
    written(tmp_path / "e", 5)
    whole = check(tmp_path / "e", "--fail-on", "never")
    assert whole.code == invoke("verify", tmp_path / "e").code == 0
    spoil(tmp_path / "e", SPOILT["a record changed"])
    run = check(tmp_path / "e", *more)
    assert run.code == invoke("verify", tmp_path / "e").code == 5
    assert run.result["gate"]["exit"] == 5
    assert "chain of the evidence is broken" in run.result["headline"]


@pytest.mark.parametrize("how", ["emptied", "removed", "torn"])
def test_evidence_without_a_record_is_changed_evidence_for_check_too(tmp_path: Path, how: str) -> None:
    """Also beside a capture that can be read: what was in it is unknown."""
    written(tmp_path / "e")
    for segment in (tmp_path / "e").glob("segment-*"):
        segment.unlink() if how == "removed" else segment.write_bytes(b"" if how == "emptied" else b"0123 {")
    for more in ((), (CAPTURES / "three-samples.jsonl",)):
        run = check(tmp_path / "e", *more)
        assert run.code == invoke("verify", tmp_path / "e").code == 5
        assert "chain of the evidence is broken" in run.result["headline"]
        assert "upheld" not in {claim["verdict"] for claim in run.result["claims"]}


def test_evidence_that_holds_nothing_but_the_proxys_own_word_was_not_read(tmp_path: Path) -> None:
    store = begin(tmp_path / "e")
    store.append({"kind": "session"})
    store.close()
    run = check(tmp_path / "e")
    assert (run.total("other"), run.total("events"), run.code) == (1, 0, 3)


def test_a_contact_whose_content_was_not_kept_is_opaque(tmp_path: Path) -> None:
    store = begin(tmp_path / "e")
    store.append(bare(Contact("chat.example", 443, Scheme.HTTPS, Known.HTTP, bytes_out=900), ()))
    store.close()
    (row,) = check(tmp_path / "e").result["destinations"]
    assert (row["host"], row["opaque"], row["connected"], row["bytes_out"]) == ("chat.example", 1, 1, 900)


def test_a_record_of_a_stranger_says_only_what_rules_of_content_may(tmp_path: Path) -> None:
    """A forged directory cannot make up verdicts: it can only claim findings that content can have."""
    store = begin(tmp_path / "e")
    row = bare(Contact("chat.example", 443, Scheme.HTTPS, Known.HTTP), ())
    finding: Json = {"level": "error", "grade": "proved", "message": "made up\x1b[2J", "shape": None, "path": []}
    row["findings"] = [{**finding, "rule": "event-after-opt-out"}, {**finding, "rule": "email-address"}, "x", {}]
    store.append(row)
    store.close()
    run = check(tmp_path / "e")
    assert not run.has("event-after-opt-out")
    (found,) = run.of("email-address")
    assert "\x1b" not in found["message"]


MEMBERS = "kind url method headers body at host port scheme known findings address size".split()
VALUES = st.recursive(
    st.none() | st.text() | st.integers() | st.booleans(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(MEMBERS), inner),
)
KINDS = st.sampled_from(["request", "contact", "failed", "custody", "lost"])


@given(st.binary(max_size=200) | st.builds(lambda kind, rest: json.dumps({**rest, "kind": kind}).encode(), KINDS,
                                           st.dictionaries(st.sampled_from(MEMBERS), VALUES)))  # fmt: skip
@settings(max_examples=200, deadline=None)
def test_any_record_is_read_without_an_error(data: bytes) -> None:
    part_of(data, 1, Limits())


def test_links_and_pipes_in_a_strangers_directory_lead_nowhere(tmp_path: Path) -> None:
    import os

    written(tmp_path / "e", 2)
    (tmp_path / "secret").write_text("not yours\n")
    (tmp_path / "e" / "segment-000002.jsonl").symlink_to(tmp_path / "secret")
    assert invoke("verify", tmp_path / "e").code == 2
    (tmp_path / "e" / "segment-000002.jsonl").unlink()
    os.mkfifo(tmp_path / "e" / "segment-000002.jsonl")
    assert invoke("verify", tmp_path / "e").code == 2
    assert list(Chained(tmp_path / "e", Limits()).parts())  # ends


# ---- custody ---------------------------------------------------------------------------------------------------------

STATEMENT = 'captured_by = "A. Auditor"\ncaptured_with = "telemetry-audit proxy"\nfiltered = true\n'


def test_a_statement_stands_in_the_result_and_filtered_weakens_only_claims(tmp_path: Path) -> None:
    (tmp_path / "custody.toml").write_text(STATEMENT)
    capture = CAPTURES / "three-samples.jsonl"
    plain, told = check(capture), check(capture, "--custody", tmp_path / "custody.toml")
    assert plain.result["custody"] is None
    assert told.result["custody"]["says"]["captured_by"] == "A. Auditor"
    assert told.result["custody"]["file"] == "custody.toml"
    weakened = {claim for claim, verdict in plain.claims.items() if verdict != told.claims[claim]}
    assert {told.claims[claim] for claim in weakened} == {"inconclusive"}
    assert "server-no-other-data" in weakened
    assert plain.result["headline"].startswith("nothing was sent beyond the page; ")
    assert told.result["headline"].startswith("no breach was found, but ")


def test_a_statement_that_lies_with_the_evidence_is_found_and_its_change_shows(tmp_path: Path) -> None:
    import hashlib

    store = begin(tmp_path / "e")
    store.append(whole(TRACK, store.keyed, ()))
    store.keep("custody-1.toml", STATEMENT.encode())
    store.append(
        {"kind": "custody", "file": "custody-1.toml", "sha256": hashlib.sha256(STATEMENT.encode()).hexdigest()}
    )
    store.close()
    assert check(tmp_path / "e").result["custody"]["says"]["captured_by"] == "A. Auditor"
    assert invoke("verify", tmp_path / "e", "--head", store.head).code == 0
    (tmp_path / "e" / "custody-1.toml").write_text(STATEMENT.replace("A.", "B."))
    run = invoke("verify", tmp_path / "e", "--head", store.head)
    assert run.code == 5
    assert "CHANGED: custody-1.toml" in run.out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("captured_by = 3", "write text"),
        ("# nothing", "says nothing"),
        ("who = 'me'", "unknown key who"),
        ("x", "custody.toml"),
        ("filtered = 'no'", "true or false"),
    ],
)
def test_a_wrong_statement_names_file_and_key(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "custody.toml").write_text(text)
    run = check(CAPTURES / "three-samples.jsonl", "--custody", tmp_path / "custody.toml")
    assert run.code == 2
    assert said in run.err
