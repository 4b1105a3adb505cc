"""HAR files: every entry once, whatever the writer's spacing, however the bytes arrive, cut off or hostile."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.engine.parse import Limits
from audit.engine.run import Broken
from audit.engine.traffic import Traffic
from audit.model import Reason
from audit.sources import har
from audit.sources.entries import Entries, Found
from tests.conftest import CAPTURES, Json, accounted, check, check_bytes

EVENT = {"userId": "u", "event": "APPLICATIONS_PAGE_LOAD", "properties": {}}
HEAD = '{"log": {"version": "1.2", "creator": {"name": "x", "version": "1"}, "entries": ['


def entry(url: str = "https://api.segment.io/v1/t", body: str | None = None, **members: Any) -> dict[str, Any]:
    asked: dict[str, Any] = {"method": "GET" if body is None else "POST", "url": url, "headers": [], "bodySize": 0}
    if body is not None:
        asked |= {"postData": {"mimeType": "text/plain", "text": body}, "bodySize": len(body)}
    asked |= members.pop("request", {})
    answered = {"status": 200, "headers": [], "content": {"text": '{"entries": [ "\\" ] }'}}
    return {"startedDateTime": "2026-11-23T14:49:29.403Z", "request": asked, "response": answered, **members}


def archive(*entries: Any) -> bytes:
    return json.dumps({"log": {"version": "1.2", "creator": {"name": "x"}, "entries": entries}}).encode()


def sent(**members: Any) -> dict[str, Any]:
    return entry(body=json.dumps(EVENT), **members)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text('"{}[]\\a', max_size=3), inner, max_size=3),
    max_leaves=8,
)


def scanned(data: bytes, cuts: list[int]) -> tuple[Entries, list[Found]]:
    """What is found in some data that comes in blocks."""
    scanner = Entries(1 << 20, 0)
    found: list[Found] = []
    at = 0
    for cut in (*cuts, len(data)):
        found += list(scanner.feed(data[at : at + cut]))
        at += cut
    return scanner, [*found, *scanner.finish()]


@given(
    st.lists(st.dictionaries(st.text('"{}[]\\a', max_size=3), values, max_size=3), max_size=5),
    st.lists(st.integers(1, 40), max_size=30),
    st.sampled_from([None, 1]),
)
def test_the_entries_are_found_wherever_the_blocks_end(entries: Any, cuts: list[int], indent: int | None) -> None:
    data = json.dumps({"log": {"entries": entries, "comment": '"entries": [ {} ]'}}, indent=indent).encode()
    scanner, found = scanned(data, cuts)
    assert scanner.done
    assert [json.loads(text) for _, text, _ in found if text is not None] == entries
    assert all(text is not None and data[offset:].startswith(text) for offset, text, _ in found)


@given(st.integers(100, 2_000), st.lists(st.integers(1, 700), max_size=30))
def test_an_entry_that_is_too_long_is_told_and_passed_over(size: int, cuts: list[int]) -> None:
    entries = [{"a": "x" * size + '\\"{['}, {"b": [{}] * size}, {"c": 1}]
    data = json.dumps({"log": {"entries": entries}}).encode()
    scanner = Entries(50, 0)
    found: list[bytes | None] = []
    at = 0
    for cut in (*cuts, *[64] * (len(data) // 64 + 1)):
        found += [text for _, text, _ in scanner.feed(data[at : at + cut])]
        at += cut
    found += [text for _, text, _ in scanner.finish()]
    assert len(found) == 3
    assert found[2] == b'{"c": 1}'
    assert found[0] is None or json.loads(found[0]) == entries[0]
    assert scanner.done


def test_an_entry_yields_its_event_and_its_contact() -> None:
    run = check_bytes(
        archive(sent(), entry("https://app.example.test/")), "--own-host", "app.example.test", name="a.har"
    )
    accounted(run)
    row = run.result["inputs"][0]
    assert (row["format"], row["units"], row["carrying"], row["other"]) == ("har", 2, 1, 1)
    assert (row["events"], row["contacts"]) == (1, 2)
    assert run.result["coverage"]["first"] == "2026-11-23T14:49:29.403Z"
    assert {d["host"]: d["class"] for d in run.result["destinations"]} == {
        "api.segment.io": "unnamed",
        "app.example.test": "own",
    }


MANY = {
    "an array": b"[" + archive(sent()) + b", " + archive(sent(), sent()) + b"]",
    "an array, printed": json.dumps(
        [json.loads(archive(sent())), json.loads(archive(sent(), sent()))], indent=2
    ).encode(),
    "one after another": archive(sent()) + b"\n" + archive() + b"\n" + archive(sent(), sent()) + b"\n",
}


@pytest.mark.parametrize("data", MANY.values(), ids=MANY)
def test_several_archives_in_one_file_are_all_read(data: bytes) -> None:
    run = check_bytes(data, name="a.har")
    accounted(run)
    assert (run.result["inputs"][0]["format"], run.total("events"), run.total("unreadable")) == ("har", 3, 0)
    cut = check_bytes(data[:-90], name="a.har")
    assert (cut.total("events"), list(cut.result["unreadable"])) == (2, [Reason.CUT.value])
    scanner = Entries(1 << 20, 0)
    assert sum(len(list(scanner.feed(data[at : at + 7]))) for at in range(0, len(data), 7)) == 3


LINE = json.dumps(EVENT).encode() + b"\n"
NO_ARCHIVE = {
    "a log of events": (LINE * 3, 3),
    "text": (b"and so on", 1),
    "a list": (b"[1, 2, [3]]", 1),
    "an object with a log of another kind": (b'{"log": {"level": "info"}}', 1),
    "much of it": (LINE * 20_000, 20_000),
}


@pytest.mark.parametrize("before", [1, 0], ids=["an archive", "an empty one"])
@pytest.mark.parametrize(("text", "number"), NO_ARCHIVE.values(), ids=NO_ARCHIVE)
def test_what_follows_an_archive_and_is_none_is_unreadable(before: int, text: bytes, number: int) -> None:
    data = archive(*[sent()] * before) + b"\n" + text
    for end, after in ((b"", 0), (b"\n" + archive(sent()), 1)):
        run = check_bytes(data + end, name="a.har")
        accounted(run)
        assert (run.total("events"), run.result["unreadable"]) == (before + after, {Reason.NO_ENTRIES.value: number})
        assert "upheld" not in {claim["verdict"] for claim in run.result["claims"]}


@pytest.mark.parametrize(
    "inside", [b'{"log": {}}', b'{"log": {"entries": null}}', b'{"log": {"version": "1.2", "entries": {}}}']
)
def test_an_archive_without_a_list_of_entries_does_not_end_early(inside: bytes) -> None:
    for data in (inside, b"[" + archive(sent()) + b"," + inside + b"]"):
        run = check_bytes(data, name="a.har")
        accounted(run)
        assert run.result["unreadable"] == {Reason.NO_ENTRIES.value: 1}


@pytest.mark.parametrize("behind", ["", ', "pages": [{"entries": [], "id": "]}"}]', ', "comment": "}"'])
def test_an_archive_that_is_cut_off_behind_its_entries_may_lack_more(behind: str) -> None:
    whole = json.dumps({"log": {"entries": [sent()]}})[:-2] + behind + "}}"
    for end, unreadable in (("", 0), (whole, 0)):
        assert check_bytes((whole + end).encode(), name="a.har").total("unreadable") == unreadable
    for size in (1, 2):
        run = check_bytes((whole + whole[:-size]).encode(), name="a.har")
        accounted(run)
        assert (run.total("events"), run.result["unreadable"]) == (2, {Reason.CUT.value: 1})


@given(st.lists(st.integers(1, 60), max_size=40), st.sampled_from([b"", b" x ", b"[]", b'{"a": "}\\""}', b"]"]))
def test_what_is_no_archive_is_told_wherever_the_blocks_end(cuts: list[int], odd: bytes) -> None:
    one = json.dumps({"log": {"pages": [{"t": '"entries": ['}], "entries": [{"a": "]"}], "comment": "\\"}}).encode()
    data = one + odd + one
    scanner, found = scanned(data, cuts)
    told = [at for at, _, value in found if value is Reason.NO_ENTRIES]
    assert not scanner.cut
    assert told == ([len(one) + len(odd) - len(odd.lstrip())] if odd else [])
    assert [json.loads(text) for _, text, _ in found if text] == [{"a": "]"}] * 2


def test_parameters_are_read_decoded_or_as_they_stood() -> None:
    text = json.dumps(EVENT)
    for value in (text, quote(text, safe=""), quote_plus(text), base64.b64encode(text.encode()).decode()):
        params = {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "data", "value": value}]}
        assert check_bytes(archive(sent(request={"postData": params})), name="a.har").total("events") == 1
    odd = {"mimeType": "x", "params": [{"name": "\ud800", "value": "\ud800%"}]}
    assert check_bytes(archive(sent(request={"postData": odd})), name="a.har").total("unreadable") == 1


def test_a_request_without_an_answer_is_an_attempt() -> None:
    failed = entry("https://tracker.example.test/x", response={"status": 0})
    (row,) = check_bytes(archive(failed), name="a.har").result["destinations"]
    assert (row["attempted"], row["connected"]) == (1, 0)


@pytest.mark.parametrize("size", [40, 200, -3])
def test_a_file_that_is_cut_off_is_judged_up_to_there(size: int) -> None:
    whole = archive(sent(), sent(), sent())
    run = check_bytes(whole[: len(whole) // 2 + size if size > 0 else size], name="a.har")
    accounted(run)
    assert run.result["inputs"][0]["unreadable"] == 1
    assert Reason.CUT.value in run.result["unreadable"]
    assert run.total("events") >= 1


@pytest.mark.parametrize(
    "bad",
    [
        None,
        17,
        "[text, with } marks]",
        [],
        [{"request": {}}],
        {},
        {"request": None},
        {"request": {"method": 1, "url": "https://x/"}},
        {"request": {"method": "POST", "url": "no url", "headers": []}},
        {"request": {"method": "POST", "url": "http://[::1", "headers": []}},
    ],
)
def test_one_bad_entry_is_one_unreadable_record(bad: Any) -> None:
    run = check_bytes(archive(sent(), bad, sent()), name="a.har")
    accounted(run)
    assert (run.total("carrying"), run.total("unreadable"), run.total("events")) == (2, 1, 2)
    assert run.of("unreadable-record")[0]["unit"] == 2


@pytest.mark.parametrize("at", [0, 1, 2])
def test_an_item_that_is_no_entry_is_told_wherever_it_stands(at: int) -> None:
    items: list[Any] = [sent(), sent()]
    items.insert(at, None)
    run = check_bytes(archive(*items), name="a.har")
    accounted(run)
    assert (run.total("carrying"), run.total("unreadable")) == (2, 1)
    assert run.of("unreadable-record")[0]["unit"] == at + 1


def test_a_body_that_was_not_exported_is_a_gap() -> None:
    run = check_bytes(archive(sent(request={"postData": {"mimeType": "text/plain"}, "bodySize": 70})), name="a.har")
    assert list(run.result["unreadable"]) == [Reason.BODILESS.value]


def test_what_a_browser_makes_itself_is_no_contact() -> None:
    run = check_bytes(archive(entry("data:text/plain,x"), entry("blob:https://x/1"), sent()), name="a.har")
    assert (run.total("other"), run.total("contacts")) == (2, 1)


def test_a_tunnel_is_opaque() -> None:
    tunnel = entry("pinned.example.test:443", request={"method": "CONNECT"})
    run = check_bytes(archive(tunnel, sent()), name="a.har")
    row = next(d for d in run.result["destinations"] if d["host"] == "pinned.example.test")
    assert (row["known"], row["opaque"], row["port"]) == (["connect"], 1, 443)
    assert run.result["coverage"]["gaps"]["opaque-traffic"] == 1
    assert run.claims["email-only-on-support"] == "inconclusive"


def test_a_websocket_is_opaque_beside_requests_that_are_not() -> None:
    run = check_bytes(archive(entry("wss://api.segment.io/live"), sent()), name="a.har")
    assert run.result["coverage"]["gaps"]["opaque-traffic"] == 1


def test_a_tunnel_whose_requests_are_shown_is_no_gap() -> None:
    tunnel = entry("api.segment.io:443", request={"method": "CONNECT"})
    run = check_bytes(archive(tunnel, sent()), name="a.har")
    assert "opaque-traffic" not in run.result["coverage"]["gaps"]


def test_a_deep_or_strange_entry_crashes_nothing() -> None:
    deep = b'{"request": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    strange = b'{"request": {"method": "POST", "url": "https://api.segment.io/v1/t", "postData": {"text": "\\ud800"}}}'
    data = HEAD.encode() + b",".join((deep, strange, json.dumps(sent()).encode())) + b"]}}"
    run = check_bytes(data, name="a.har")
    accounted(run)
    assert (run.total("unreadable"), run.total("events")) == (2, 1)


def test_no_entries_is_nothing_read() -> None:
    assert check_bytes(archive(), name="a.har").code == 3


def test_memory_holds_one_entry_at_a_time() -> None:
    one = json.dumps(sent()).encode()
    blocks = [HEAD.encode(), *[one + b","] * 200, one, b"]}}"]
    parts = list(har.split(blocks, Limits(max_line=len(one)), 0))
    assert len(parts) == 201
    assert all(isinstance(part, Traffic) for part in parts)
    assert isinstance(next(iter(har.split(blocks, Limits(max_line=len(one) - 1), 0))), Broken)


def test_real_har_files_give_what_their_collector_received() -> None:
    for path in sorted(CAPTURES.glob("*.har")):
        log = check(path.with_suffix(".jsonl"))
        run = check(path)
        accounted(run)
        assert run.total("events") == log.total("events"), path.name


@pytest.mark.parametrize(
    ("before", "log", "known"),
    [
        ({"_meta": {"exporter": "x", "build": 3}}, None, "har"),
        ({"comment": "made by hand", "schema": 2, "_meta": {}}, None, "har"),
        ({"level": 3}, {"message": "started"}, "jsonl"),
        ({"level": 3, "source": {"file": "x"}}, {"entry": "x", "version": "1"}, "jsonl"),
    ],
    ids=["an object", "three members", "no HAR", "no HAR either"],
)
def test_a_har_is_known_behind_members_of_its_exporter(
    tmp_path: Path, before: Json, log: Json | None, known: str
) -> None:
    har = json.loads((CAPTURES / "curl-shapes.har").read_bytes())
    file = tmp_path / "capture"
    file.write_text(json.dumps({**before, "log": log or har["log"]}) + "\n")
    run = check(file)
    assert run.result["inputs"][0]["format"] == known
    assert run.total("events") == (10 if known == "har" else 0)


def socket(*messages: dict[str, Any], url: str = "wss://live.example.test/feed") -> dict[str, Any]:
    return entry(url, _webSocketMessages=list(messages))


def said(text: str, **members: Any) -> dict[str, Any]:
    return {"type": "send", "time": 1795445370.5, "opcode": 1, "data": text} | members


ADDRESS = '{"note": "write to jane.roe@gmail.com"}'


def packed(text: str) -> dict[str, Any]:
    return said(base64.b64encode(text.encode()).decode(), opcode=2)


@pytest.mark.parametrize("message", [said(ADDRESS), packed(ADDRESS)], ids=["text", "binary"])
def test_what_a_client_says_over_a_websocket_is_searched(message: dict[str, Any]) -> None:
    run = check_bytes(archive(socket(said("ping"), message)), name="a.har")
    accounted(run)
    (finding,) = run.of("email-address")
    assert (finding["host"], finding["pointer"]) == ("live.example.test", "/body/note")
    (row,) = run.result["destinations"]
    assert (row["contacts"], row["connected"], row["opaque"]) == (1, 1, 0)
    assert row["last"] == "2026-11-23T14:49:30.500Z"
    assert "opaque-traffic" not in run.result["coverage"]["gaps"]


def test_what_a_client_hears_over_a_websocket_went_nowhere() -> None:
    run = check_bytes(archive(socket(said(ADDRESS, type="receive"))), name="a.har")
    assert (run.of("email-address"), run.result["destinations"][0]["opaque"]) == ([], 0)


def test_an_event_over_a_websocket_is_an_event() -> None:
    run = check_bytes(archive(socket(said(json.dumps(EVENT)), said(json.dumps([EVENT, EVENT])))), name="a.har")
    accounted(run)
    assert (run.total("events"), run.total("carrying"), run.total("units")) == (3, 1, 1)
    assert run.result["destinations"][0]["class"] == "unnamed"


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [said("x"), {"type": "send", "opcode": 1}],
        [said("x"), {"opcode": 1, "data": "y"}],
        [said("x"), "y"],
        [said("x", data=None)],
    ],
)
def test_a_websocket_whose_messages_are_not_all_there_stays_opaque(messages: list[Any]) -> None:
    run = check_bytes(archive(socket(*messages)), name="a.har")
    accounted(run)
    assert run.result["coverage"]["gaps"]["opaque-traffic"] == 1


def test_a_message_that_inflates_without_end_is_searched_no_further_and_a_gap() -> None:
    bomb = base64.b64encode(gzip.compress(b"\0" * 3_000_000)).decode()
    run = check_bytes(archive(socket(said(bomb, opcode=2))), "--max-line", "1MiB", name="a.har")
    assert run.result["coverage"]["searched"]["gave_up"] == 1


BARE = {
    "printed": json.dumps([sent(), entry(), sent()], indent=1).encode(),
    "on one line": json.dumps([sent(), entry(), sent()]).encode(),
    "two lists": json.dumps([sent(), entry()]).encode() + b"\n" + json.dumps([sent()]).encode() + b"\n",
    "with much before the request": json.dumps(
        [{"_initiator": {"stack": [{"url": '"{['}] * 50}} | sent(), entry(), sent()]
    ).encode(),
}


@pytest.mark.parametrize("data", BARE.values(), ids=BARE)
def test_a_list_of_entries_alone_is_read(data: bytes) -> None:
    run = check_bytes(data, name="a.json")
    accounted(run)
    row = run.result["inputs"][0]
    assert (row["format"], row["units"], row["carrying"], row["other"]) == ("har", 3, 2, 1)
    assert [found["host"] for found in run.result["destinations"]] == ["api.segment.io"]


@pytest.mark.parametrize("tail", [b"", b"]}", b"] x", b', "x"'])
def test_a_list_of_entries_that_does_not_end_as_one_is_not_all_read(tail: bytes) -> None:
    run = check_bytes(json.dumps([sent(), entry()]).encode()[:-1] + tail, name="a.json")
    accounted(run)
    assert (run.total("events"), list(run.result["unreadable"])) == (1, [Reason.CUT.value])


def test_a_list_of_events_about_requests_is_a_list_of_events() -> None:
    told = EVENT | {"request": {"method": "GET", "url": "https://app.example.test/"}}
    run = check_bytes(json.dumps([told, told], indent=1).encode(), name="a.json")
    assert (run.result["inputs"][0]["format"], run.total("events")) == ("json-array", 2)


def test_an_item_of_such_a_list_that_is_no_entry_is_told() -> None:
    run = check_bytes(json.dumps([sent(), {"x": 1}, sent()], indent=1).encode(), name="a.json")
    assert (run.total("events"), list(run.result["unreadable"])) == (2, [Reason.NO_REQUEST.value])


def test_an_archive_in_which_nothing_stands_is_no_log() -> None:
    run = check_bytes(archive(), name="a.har")
    (claim,) = [claim for claim in run.result["claims"] if claim["id"] == "disclosed-destinations"]
    assert (claim["verdict"], claim["reason"]) == ("not-exercised", "no contact was captured")


def test_a_list_of_the_same_name_elsewhere_hides_no_entry() -> None:
    log = {"pages": [{"id": "p", "_timing": {"entries": [{"name": "x"}]}}], "entries": [sent(), sent()]}
    run = check_bytes(json.dumps({"log": log}).encode(), name="a.har")
    accounted(run)
    assert (run.total("events"), list(run.result["unreadable"])) == (2, [Reason.NO_REQUEST.value])


def test_no_pattern_of_the_tool_is_one_that_older_pythons_read_wrongly() -> None:
    """Before 3.11.5, a repeated group that gives nothing back may match too much: whole archives were passed over."""
    sources = (Path(__file__).parent.parent / "audit").rglob("*.py")
    code = (
        line for path in sources for line in path.read_text("utf-8").splitlines() if not line.lstrip().startswith("#")
    )
    assert [line for line in code if re.search(r"\)[*+?]\+", line)] == []
