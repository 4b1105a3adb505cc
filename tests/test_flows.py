"""Flow dumps: every flow once, whatever it is of, cut off, damaged, or larger than may be held."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.engine.parse import Limits
from audit.engine.run import Broken
from audit.model import Reason
from audit.sources import flows
from tests.conftest import CAPTURES, Run, accounted, check_bytes, page_load

EVENT = json.dumps(page_load()).encode()


def net(value: Any) -> bytes:
    """A typed netstring."""
    match value:
        case None:
            body, kind = b"", b"~"
        case bool():
            body, kind = str(value).lower().encode(), b"!"
        case int():
            body, kind = str(value).encode(), b"#"
        case float():
            body, kind = repr(value).encode(), b"^"
        case bytes():
            body, kind = value, b","
        case str():
            body, kind = value.encode(), b";"
        case list():
            body, kind = b"".join(map(net, value)), b"]"
        case _:
            body, kind = b"".join(net(name) + net(child) for name, child in value.items()), b"}"
    return b"%d:%s%s" % (len(body), body, kind)


def flow(body: bytes = EVENT, answer: Any = None, **asked: Any) -> dict[str, Any]:
    request = {
        "method": b"POST",
        "scheme": b"https",
        "host": "api.telemetry.test",
        "port": 443,
        "authority": b"",
        "path": b"/v1/t",
        "headers": [[b"Content-Type", b"application/json"]],
        "content": body,
        "timestamp_start": 1795445369.5,
    }
    server = {"address": ["api.telemetry.test", 443], "peername": ["203.0.113.7", 443], "sni": "api.telemetry.test"}
    answered = {"status_code": 200, "content": b"ok", "headers": []} if answer is None else answer
    return {
        "type": "http",
        "response": answered or None,
        "request": request | asked,
        "server_conn": server,
        "version": 21,
    }


def audit(*parts: Any, tail: bytes = b"", args: tuple[str, ...] = ()) -> Run:
    run = check_bytes(b"".join(map(net, parts)) + tail, *args, name="dump.mitm")
    accounted(run)
    return run


def test_a_flow_yields_its_event_its_contact_and_its_time() -> None:
    run = audit(flow(), flow(b"", method=b"GET", path=b"/"))
    row = run.result["inputs"][0]
    assert (row["format"], row["units"], row["carrying"], row["other"], row["events"]) == ("flows", 2, 1, 1, 1)
    assert run.result["coverage"]["first"] == "2026-11-23T14:49:29.500Z"
    (found,) = run.result["destinations"]
    assert (found["host"], found["contacts"], found["addresses"]) == ("api.telemetry.test", 2, ["203.0.113.7"])


@pytest.mark.parametrize(
    "asked",
    [
        {"host": "203.0.113.7", "headers": [[b"Host", b"api.telemetry.test"]]},
        {"host": "203.0.113.7", "authority": b"api.telemetry.test:443"},
        {"host": b"api.telemetry.test"},
    ],
)
def test_the_name_that_was_asked_for_is_the_destination(asked: dict[str, Any]) -> None:
    assert [d["host"] for d in audit(flow(**asked)).result["destinations"]] == ["api.telemetry.test"]


def test_a_flow_without_an_answer_is_an_attempt() -> None:
    (found,) = audit(flow(answer=False)).result["destinations"]
    assert (found["attempted"], found["connected"]) == (1, 0)


def test_flows_that_are_no_http_are_opaque_contacts() -> None:
    raw = {
        "type": "tcp",
        "server_conn": {"address": ["db.test", 5432], "sni": None, "timestamp_tcp_setup": 1.0},
        "messages": [[True, b"select 1", 1.0], [False, b"rows", 1.0]],
        "timestamp_created": 1795445369.5,
    }
    (found,) = audit(raw).result["destinations"]
    assert (found["host"], found["port"], found["scheme"], found["opaque"], found["bytes_out"]) == (
        "db.test",
        5432,
        "tcp",
        1,
        8,
    )


def test_a_lookup_in_a_flow_is_a_contact_with_the_name() -> None:
    asked = {"questions": [{"name": "only.test", "type": 1}], "timestamp": 1795445369.5}
    (found,) = audit({"type": "dns", "request": asked, "response": None}).result["destinations"]
    assert (found["host"], found["scheme"], found["connected"]) == ("only.test", "dns", 0)


def test_an_answer_larger_than_may_be_held_does_not_hide_its_request() -> None:
    big = flow(answer={"status_code": 200, "content": b"x" * 70_000})
    run = audit(big, flow(), args=("--max-line", "64KiB"))
    assert (run.total("events"), run.total("unreadable")) == (2, 0)
    assert run.result["destinations"][0]["connected"] == 2
    long = audit(flow(b"x" * 70_000), flow(), args=("--max-line", "64KiB"))
    assert (long.total("events"), list(long.result["unreadable"])) == (1, [Reason.TOO_LONG.value])


def test_a_dump_that_is_cut_off_or_damaged_is_judged_up_to_there() -> None:
    whole = net(flow())
    cut = audit(flow(), tail=whole[:-40])
    assert (cut.total("events"), list(cut.result["unreadable"])) == (1, [Reason.CUT_FLOW.value])
    bad = audit(flow(), tail=b"garbage" + whole)
    assert (bad.total("events"), list(bad.result["unreadable"])) == (1, [Reason.BAD_FLOW.value])
    odd = audit(flow(), {"type": "http", "request": {"method": b"POST"}}, flow())
    assert (odd.total("events"), list(odd.result["unreadable"])) == (2, [Reason.NO_REQUEST.value])


def test_nesting_without_end_crashes_nothing() -> None:
    deep: Any = []
    for _ in range(100):
        deep = [deep]
    run = audit(flow(headers=deep), flow())
    assert (run.total("events"), list(run.result["unreadable"])) == (1, [Reason.ODD_FLOW.value])


@given(st.integers(0, 10_000), st.binary(max_size=4), st.integers(1, 5_000))
def test_damage_anywhere_crashes_nothing(at: int, junk: bytes, block: int) -> None:
    data = net(flow()) * 2
    at %= len(data)
    data = data[:at] + junk + data[at + len(junk) :]
    found = list(flows.split([data[i : i + block] for i in range(0, len(data), block)], Limits()))
    assert sum(isinstance(part, Broken) for part in found) <= 2


def test_real_dumps_are_whole() -> None:
    for path in sorted(CAPTURES.glob("*.mitm")):
        found = list(flows.split([path.read_bytes()], Limits()))
        assert found
        assert not any(isinstance(part, Broken) for part in found)


def test_an_answer_that_is_damaged_inside_shows_no_planted_value(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.csv"
    seeds.write_text("value,kind,label\nplanted-value-7f3a9c,canary,row\n")
    own = ("--own-host", "api.telemetry.test", "--seeds", str(seeds))
    whole = net(flow(answer={"status_code": 200, "headers": [], "content": b"planted-value-7f3a9c"}))
    damaged = whole.replace(b"20:planted", b"90:planted")
    searched = [check_bytes(dump, *own, name="dump.mitm").result["coverage"]["searched"] for dump in (whole, damaged)]
    assert [found.get("controls") for found in searched] == [1, None]


def spoken(*messages: Any) -> dict[str, Any]:
    asked = flow(b"", method=b"GET", path=b"/feed", headers=[[b"Upgrade", b"websocket"]])
    return asked | {"websocket": {"messages": list(messages), "closed_by_client": None}}


def test_what_a_client_says_over_a_websocket_is_searched() -> None:
    said = [1, True, b'{"note": "write to jane.roe@gmail.com"}', 1795445370.5, False, False]
    run = audit(spoken([1, False, b"hello", 1795445370.0, False, False], said, [1, True, EVENT, 1.0, False, False]))
    (finding,) = run.of("email-address")
    assert (finding["host"], finding["pointer"]) == ("api.telemetry.test", "/body/note")
    (row,) = run.result["destinations"]
    assert (row["contacts"], row["opaque"], run.total("events")) == (1, 0, 1)


@pytest.mark.parametrize("messages", [[], [[1, True]], [[1, None, b"x", 1.0]], [b"x"], [[1, True, 5, 1.0]]])
def test_a_websocket_whose_messages_are_not_all_there_stays_opaque(messages: list[Any]) -> None:
    assert audit(spoken(*messages)).result["coverage"]["gaps"]["opaque-traffic"] == 1


@pytest.mark.parametrize(
    ("raw", "unreadable"),
    [
        ({"type": "tcp", "server_conn": {"address": None}, "messages": []}, 0),
        ({"type": "tcp", "server_conn": {"address": None}, "messages": [[True, b"x", 1.0]]}, 1),
        ({"type": "quic"}, 1),
    ],
)
def test_a_flow_without_a_destination_is_one_without_a_word_or_unreadable(raw: Any, unreadable: int) -> None:
    assert audit(raw).total("unreadable") == unreadable
