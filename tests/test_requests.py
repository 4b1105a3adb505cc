"""What a request to telemetry says, in every shape that SDKs, browsers and shell scripts give it."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from pathlib import Path
from typing import Any

import brotlicffi
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from audit.engine.parse import Limits
from audit.engine.traffic import Exchange
from audit.model import Reason, Scheme
from audit.sources.requests import Request, decode
from audit.sources.requests.endpoints import split_url


def _gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


HOST = "https://api.segment.io"
EVENT: dict[str, Any] = {"userId": "u-1", "event": "Installation Started", "properties": {"os": "ubuntu?>~"}}
BODY = json.dumps(EVENT).encode()
BATCH = json.dumps({"batch": [{**EVENT, "type": "track"}] * 2, "sentAt": "2020-11-04T08:00:00Z"}).encode()


def sent(
    path: str = "/v1/track", body: bytes = BODY, kind: str = "application/json", *, host: str = HOST, **fields: str
) -> Exchange:
    headers = (("Content-Type", kind), *((name.replace("_", "-"), text) for name, text in fields.items()))
    return decode(Request("POST", f"{host}{path}", headers, body))


def fetched(path: str) -> Exchange:
    return decode(Request("GET", f"{HOST}{path}"))


def event(exchange: Exchange) -> Any:
    assert exchange.reason is None
    (message,) = exchange.messages
    return message.document.value


@pytest.mark.parametrize(
    ("path", "call"),
    [
        *((f"/v1/{call}", call) for call in ("track", "identify", "page", "screen", "group", "alias")),
        ("/v1/t", "track"),
        ("/v1/i", "identify"),
        ("/v1/p", "page"),
        ("/v1/s", "screen"),
        ("/v1/g", "group"),
        ("/v1/a", "alias"),
        ("/v1/batch", None),
        ("/v1/b", None),
        ("/v1/import", None),
        ("/v1/m", None),
        ("/some/prefix/v1/track/", "track"),
        ("/beacon/v1/batch?writeKey=k", None),
        ("/i/v0/e/", "track"),
    ],
)
def test_a_path_says_what_kind_of_call_it_is(path: str, call: str | None) -> None:
    exchange = sent(path)
    assert event(exchange) == EVENT
    assert exchange.messages[0].call == call


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (BODY, "text/plain;charset=UTF-8"),
        (BODY, "application/x-www-form-urlencoded"),
        (b"\xef\xbb\xbf" + BODY, "application/json"),
        (_gz(BODY), "application/x-www-form-urlencoded"),
        (_gz(_gz(BODY)), "application/json"),
        (zlib.compress(BODY), "application/json"),
        (zstandard.compress(BODY), "application/json"),
        (base64.b64encode(BODY), "text/plain"),
        (b"data=" + base64.b64encode(BODY).replace(b"+", b"%2B"), "application/x-www-form-urlencoded"),
        (b"data=" + base64.b64encode(BODY), "text/plain"),  # a + in a form is a space
        (b"data=" + base64.urlsafe_b64encode(BODY).rstrip(b"="), "application/x-www-form-urlencoded"),
        (b"v=1&data=" + base64.b64encode(_gz(BODY)).replace(b"+", b"%2B"), "text/plain"),
        (b"data=%7B" + BODY[1:], "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_is_what_it_holds_not_what_its_label_says(body: bytes, kind: str) -> None:
    assert event(sent(body=body, kind=kind)) == EVENT


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data)[2:-4]),
        ("br", brotlicffi.compress),
        ("zstd", zstandard.compress),
        ("gzip, br", lambda data: brotlicffi.compress(_gz(data))),
        ("gzip", bytes),  # inflated already by whoever captured it
        ("br", bytes),
    ],
)
def test_content_encodings_are_undone_and_false_ones_seen_through(encoding: str, pack: Any) -> None:
    assert event(sent(body=pack(BODY), Content_Encoding=encoding)) == EVENT


@pytest.mark.parametrize("path", ["/v1/pixel/track", "/v1/track", "/v1/p", "/v1/pixel/t"])
def test_a_pixel_holds_its_event_in_the_query(path: str) -> None:
    for text in (base64.b64encode(BODY).decode(), base64.urlsafe_b64encode(BODY).decode().rstrip("=")):
        assert event(fetched(f"{path}?data={text}")) == EVENT


def test_a_pixel_without_data_holds_its_event_in_parameters() -> None:
    assert event(fetched("/pixel/v1/track?anonymousId=a&event=x")) == {"anonymousId": "a", "event": "x"}


def test_a_batch_is_one_message_with_its_own_level() -> None:
    value = event(sent("/v1/batch", BATCH))
    assert len(value["batch"]) == 2
    assert value["sentAt"] == "2020-11-04T08:00:00Z"


def test_a_webhook_of_the_installer_says_data_for_properties() -> None:
    body = b'{"userId": "203.0.113.9", "event": "Installation Started", "data": {"os": "ubuntu", "os": "x"}}'
    exchange = sent("/hook/abc", body, "text/plain", host="https://hook.example.test")
    assert event(exchange)["properties"] == {"os": "x"}
    assert exchange.messages[0].document.duplicates == (("properties", "os"),)
    assert exchange.messages[0].call == "track"


def test_a_webhook_built_by_hand_may_be_no_json() -> None:
    body = b'{"userId": "x", "event": "Installation Error", "data": {"message": "said "no" to it"}}'
    assert sent("/hook/abc", body, "text/plain", host="https://hook.example.test").reason is Reason.BODY


def test_posthogs_protocol_members_stand_in_segments_words() -> None:
    body = b'{"api_key": "k", "event": "x", "distinct_id": "d", "properties": {}}'
    value = event(sent("/capture/", body, host="https://eu.i.posthog.com"))
    assert value == {"writeKey": "k", "event": "x", "userId": "d", "properties": {}}


@pytest.mark.parametrize(
    ("path", "body"),
    [("/api/v1/actions", b'{"name": "x"}'), ("/graphql", b'{"query": "{a}"}'), ("/v1/tracks", b"x"), ("/login", b"")],
)
def test_other_requests_are_no_telemetry_and_no_gap(path: str, body: bytes) -> None:
    exchange = sent(path, body)
    assert (exchange.messages, exchange.reason) == ((), None)
    assert exchange.contact is not None
    assert exchange.contact.host == "api.segment.io"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", Reason.BODY),
        (b"not json", Reason.BODY),
        (b'{"event": ', Reason.BODY),
        (_gz(BODY)[:30], Reason.BODY),
        (b"\x00\x01\x02\xff" * 50, Reason.BODY),
        (b"data=%%%", Reason.BODY),
        (b"[" * 100_000, Reason.TOO_DEEP),
        (_gz(b" " * 20_000_000), Reason.BOMB),
        (zstandard.compress(b" " * 20_000_000), Reason.BOMB),
    ],
)
def test_telemetry_that_cannot_be_decoded_is_said_and_never_dropped(body: bytes, reason: Reason) -> None:
    exchange = sent(body=body)
    assert exchange.messages == ()
    assert exchange.reason is reason


def test_a_brotli_bomb_is_bounded() -> None:
    body = brotlicffi.compress(b" " * 2_000_000)
    exchange = decode(Request("POST", f"{HOST}/v1/t", (("content-encoding", "br"),), body), Limits(max_line=1000))
    assert exchange.reason is Reason.BOMB


def test_a_body_that_the_capture_does_not_hold_is_said() -> None:
    assert decode(Request("POST", f"{HOST}/v1/t", (), None)).reason is Reason.BODILESS
    assert decode(Request("POST", f"{HOST}/v1/t", (), BODY[:20], whole=False)).reason is Reason.CUT_BODY


def test_what_else_a_request_carries_is_content() -> None:
    exchange = decode(
        Request(
            "POST",
            "http://Tracker.Example.test:8080/collect?mail=a%40b.test&x=1&x=2",
            (("Referer", "https://app/"), ("Authorization", "Basic a2V5Og==")),
            b'{"user": {"name": "n"}}',
        )
    )
    assert exchange.contact is not None
    assert (exchange.contact.host, exchange.contact.port) == ("tracker.example.test", 8080)
    assert exchange.contact.scheme is Scheme.HTTP
    assert exchange.content is not None
    assert exchange.content.value == {
        "url": "http://tracker.example.test/collect",
        "query": {"mail": "a@b.test", "x": ["1", "2"]},
        "headers": {"referer": "https://app/"},
        "body": {"user": {"name": "n"}},
    }


def test_an_event_is_no_content_a_second_time() -> None:
    content = fetched(f"/v1/pixel/track?data={base64.urlsafe_b64encode(BODY).decode()}&v=1").content
    assert content is not None
    assert content.value == {"url": f"{HOST}/v1/pixel/track", "query": {"v": "1"}}
    content = sent().content
    assert content is not None
    assert isinstance(content.value, dict)
    assert "body" not in content.value


def test_a_real_body_of_each_shape_is_read() -> None:
    folder = Path(__file__).parent.parent / "fixtures" / "captures" / "bodies"
    for path in sorted(folder.iterdir()):
        exchange = sent("/v1/batch", path.read_bytes(), "application/octet-stream")
        assert exchange.reason is None, path.name
        assert exchange.messages, path.name


@given(st.binary(max_size=200), st.text(max_size=30), st.sampled_from(["", "gzip", "br", "deflate", "zstd"]))
def test_nothing_raises(body: bytes, path: str, encoding: str) -> None:
    for url in (f"{HOST}/v1/t", f"{HOST}/{path}", path, f"http://{path}"):
        for method in ("POST", "GET", path):
            decode(Request(method, url, (("content-encoding", encoding),), body))


@given(
    st.from_regex(r"(https?|wss?)://[a-z0-9.:-]{0,12}(/[ -~]{0,12})?(\?[ -~]{0,20})?", fullmatch=True),
    st.sampled_from(["", "\n", "é", "#x", "?a=1&b=%41+c", "?" + "a&" * 1_001]),
)
def test_a_plain_url_has_the_parts_that_any_url_has(url: str, rest: str) -> None:
    """One with its scheme in capitals takes the way that reads every URL."""
    scheme, colon, after = (url + rest).partition(":")
    assert split_url(scheme + colon + after) == split_url(scheme.upper() + colon + after)
