"""Packet captures: every destination and attempt is found, whatever the link, the order of segments or the file's state."""

from __future__ import annotations

import gzip
import json
import struct
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.engine.parse import Limits
from audit.engine.run import Broken
from audit.engine.traffic import Traffic, Watched
from audit.model import Reason
from audit.sources import packets
from audit.sources.bytestream import Bytes
from tests import wire
from tests.conftest import CAPTURES, Run, accounted, check, check_bytes
from tests.wire import Talk, cooked, cooked2, ethernet, hello, lookup, pcap, pcapng, post


def _gz(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


EVENT = json.dumps({"userId": "u", "event": "APPLICATIONS_PAGE_LOAD", "properties": {}, "context": {}}).encode()
HOST = "telemetry.example.test"


def run_of(frames: list[bytes], *args: str, wrap: Callable[[bytes], bytes] = ethernet, link: int = 1) -> Run:
    run = check_bytes(pcap([wrap(frame) for frame in frames], link), *args, name="trace.pcap")
    accounted(run)
    return run


def row(run: Run, host: str, scheme: str | None = None) -> dict[str, Any]:
    (found,) = [d for d in run.result["destinations"] if d["host"] == host and scheme in (None, d["scheme"])]
    return dict(found)


@pytest.mark.parametrize(
    ("wrap", "link"),
    [
        (ethernet, 1),
        (lambda frame: ethernet(frame, 5), 1),
        (lambda frame: ethernet(frame, 5, 7), 1),
        (cooked, 113),
        (cooked2, 276),
        (bytes, 101),
        (bytes, 228),
        (lambda frame: b"\x02\x00\x00\x00" + frame, 0),
        (lambda frame: b"\xff\x03\x00\x21" + frame, 9),
    ],
)
def test_every_link_layer_is_read(wrap: Callable[[bytes], bytes], link: int) -> None:
    run = run_of(Talk().open().send(hello(HOST)).close(), wrap=wrap, link=link)
    found = row(run, HOST)
    assert (found["port"], found["scheme"], found["known"]) == (443, "tls", ["tls-name"])
    assert (found["attempted"], found["connected"], found["addresses"]) == (1, 1, ["203.0.113.7"])
    assert found["first"] == "2026-11-23T14:49:39.000Z"


def test_ipv6_with_its_extension_headers() -> None:
    talk = Talk(client="fd00::2", server="2001:db8::7").open().send(hello(HOST))
    extended = [frame[:6] + b"\x00" + frame[7:40] + b"\x06\x00" + b"\x00" * 6 + frame[40:] for frame in talk.close()]
    sized = [f[:4] + (int.from_bytes(f[4:6], "big") + 8).to_bytes(2, "big") + f[6:] for f in extended]
    assert row(run_of(sized), HOST)["addresses"] == ["2001:db8::7"]


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize(("client", "server"), [("10.0.0.2", "203.0.113.7"), ("fd00::2", "2001:db8::7")])
def test_what_was_sent_in_fragments_is_put_together(client: str, server: str, order: int) -> None:
    whole = Talk(client=client, server=server, port=80).open().send(post(HOST, "/v1/t", EVENT)).close()
    pieces = [piece for number, frame in enumerate(whole) for piece in wire.fragments(frame, 64, number)[::order]]
    run, same = run_of(pieces), run_of(whole)
    assert (run.total("events"), run.total("unreadable")) == (1, 0)
    assert [d["bytes_out"] for d in run.result["destinations"]] == [d["bytes_out"] for d in same.result["destinations"]]
    assert [f["rule"] for f in run.findings] == [f["rule"] for f in same.findings]


def test_fragments_of_which_one_is_missing_show_the_destination_and_a_gap() -> None:
    talk = Talk(port=80).open().send(post(HOST, "/v1/t", EVENT))
    pieces = wire.fragments(talk.frames[3], 104)
    run = run_of([*talk.frames[:3], *pieces[:-1], *talk.frames[4:], *talk.close()[-2:]])
    assert row(run, HOST)["connected"] == 1
    assert (run.total("events"), list(run.result["unreadable"])) == (0, [Reason.CUT_BODY.value])


def test_the_same_ports_over_tcp_and_udp_are_two_conversations() -> None:
    talk = Talk(source=50_000).open().send(hello(HOST)).close()
    run = run_of([*talk, wire.ip("10.0.0.2", "203.0.113.7", 17, wire.udp((50_000, 443), b"x" * 1200))])
    assert {d["scheme"] for d in run.result["destinations"]} == {"tls", "quic"}


@pytest.mark.parametrize("order", [None, (1, 0, 2), (2, 1, 0), (0, 0, 2, 1, 1)])
def test_a_client_hello_over_several_segments_in_any_order(order: tuple[int, ...] | None) -> None:
    data = hello(HOST, padding=2300)
    run = run_of(Talk().open().send(data, size=len(data) // 3 + 1, order=order).close())
    assert row(run, HOST)["known"] == ["tls-name"]
    assert run.result["traffic"]["outside"] == 1


def test_a_name_that_tls_does_not_say_is_known_by_its_lookup() -> None:
    frames = lookup(HOST, "203.0.113.7") + Talk().open().send(hello(None)).close()
    assert row(run_of(frames), HOST, "tls")["known"] == ["dns"]
    assert row(run_of(Talk().open().send(hello(None)).close()), "203.0.113.7")["known"] == ["address"]


def test_a_lookup_that_is_never_followed_is_egress_of_the_name() -> None:
    run = run_of(lookup(HOST) + lookup("mongo"), "--air-gapped")
    assert run.code == 1
    (finding,) = run.of("egress")
    assert finding["host"] == HOST
    assert finding["message"].startswith("its name was looked up")
    found = row(run, HOST)
    assert (found["attempted"], found["connected"]) == (1, 0)


def test_a_planted_value_in_a_name_came_out(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.csv"
    seeds.write_text("value,kind,label\nkestrel7q2amberlantern,canary,orders row\n")
    run = run_of(lookup("kestrel7q2amberlantern.leak.test"), "--seeds", str(seeds))
    assert [(f["pointer"], f["host"]) for f in run.of("canary")] == [("/host", "{word}.leak.test")]
    assert "kestrel" not in run.out + json.dumps(run.result)


def test_a_packet_without_an_answer_is_an_attempt() -> None:
    found = row(run_of([Talk().open().frames[0]]), "203.0.113.7")
    assert (found["attempted"], found["connected"], found["bytes_out"], found["opaque"]) == (1, 0, 0, 0)


def test_a_refused_connection_is_an_attempt() -> None:
    talk = Talk()
    frames = [talk.open().frames[0], talk._back(wire.RST | wire.ACK)]
    assert row(run_of(frames), "203.0.113.7")["connected"] == 0


def test_udp_443_may_be_quic_and_is_opaque() -> None:
    found = row(run_of([wire.ip("10.0.0.2", "203.0.113.9", 17, wire.udp((50000, 443), b"x" * 1200))]), "203.0.113.9")
    assert (found["scheme"], found["opaque"], found["bytes_out"]) == ("quic", 1, 1200)


def test_a_ping_is_a_contact_and_its_answer_none() -> None:
    frames = [
        wire.ip("10.0.0.2", "198.51.100.1", 1, b"\x08\x00abcd"),
        wire.ip("198.51.100.1", "10.0.0.2", 1, b"\x00\x00abcd"),
    ]
    run = run_of(frames)
    assert row(run, "198.51.100.1")["scheme"] == "icmp"
    assert run.total("contacts") == 1


@pytest.mark.parametrize(
    ("body", "fields", "chunk", "size"),
    [
        (EVENT, (), 0, 100_000),
        (EVENT, (), 0, 7),
        (EVENT, (), 11, 13),
        (_gz(EVENT), ("Content-Encoding: gzip",), 0, 30),
    ],
)
def test_telemetry_in_the_clear_is_judged(body: bytes, fields: tuple[str, ...], chunk: int, size: int) -> None:
    data = post(HOST, "/v1/t", body, *fields, chunk=chunk)
    run = run_of(Talk(port=80).open().send(data, size=size).send(data, size=size).close())
    assert (run.total("events"), run.total("carrying"), run.total("unreadable")) == (2, 2, 0)
    (finding,) = run.of("plaintext-transport")
    assert finding["host"] == HOST
    assert run.result["coverage"]["first"].startswith("2026-11-23T14:49:39.")


def test_a_request_of_which_a_part_is_missing_is_unreadable() -> None:
    data = post(HOST, "/v1/t", EVENT)
    run = run_of(Talk(port=80).open().send(data, size=len(data) - 40, order=(0,)).close())
    assert (run.total("events"), list(run.result["unreadable"])) == (0, [Reason.CUT_BODY.value])


def test_unfinished_requests_are_held_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.sources.packets.conversations._HELD", 4_000)
    data = post(HOST, "/v1/t", b" " * 3_000 + EVENT)
    talks = [Talk(port=80, source=40_000 + n).open().send(data[:2_000]) for n in range(9)]
    whole = Talk(port=80, source=50_000).open().send(post(HOST, "/v1/t", EVENT)).close()
    run = run_of([frame for talk in talks for frame in talk.frames] + whole)
    assert run.total("events") == 1
    assert run.result["unreadable"] == {Reason.CUT_BODY.value: 9}


def test_a_first_packet_that_holds_a_request_already() -> None:
    data = post(HOST, "/v1/t", EVENT)
    ends = ("10.0.0.2", "203.0.113.7")
    frames = [
        wire.ip(*ends, 6, wire.tcp((40000, 80), 99, wire.SYN, data)),
        wire.ip(*ends[::-1], 6, wire.tcp((80, 40000), 5, wire.SYN | wire.ACK)),
        wire.ip(*ends, 6, wire.tcp((40000, 80), 100 + len(data), wire.ACK, data)),
    ]
    assert run_of(frames).total("events") == 2


def test_a_header_that_signs_a_packet_hides_nothing() -> None:
    def signed(frame: bytes) -> bytes:
        ends = (str(ip_address(frame[12:16])), str(ip_address(frame[16:20])))
        return wire.ip(*ends, 51, bytes((6, 4)) + b"\x00" * 22 + frame[20:])

    run = run_of([signed(frame) for frame in Talk(port=80).open().send(post(HOST, "/v1/t", EVENT)).close()])
    assert run.total("events") == 1


UPGRADE = b"GET / HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" % HOST.encode()
FRAMES = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00" * 40


@pytest.mark.parametrize(
    ("data", "events", "gap"),
    [
        (UPGRADE + post(HOST, "/v1/t", EVENT), 1, 0),
        (UPGRADE + FRAMES, 0, 1),
        (post(HOST, "/v1/t", EVENT) + FRAMES, 1, 1),
        (post(HOST, "/v1/t", EVENT) * 2, 2, 0),
    ],
    ids=["an offer that was not taken", "an offer that was taken", "something else after a request", "two requests"],
)
def test_what_follows_a_request_is_a_request_or_a_gap(data: bytes, events: int, gap: int) -> None:
    run = run_of(Talk(port=80).open().send(data, size=50).close())
    (found,) = run.result["destinations"]
    assert (run.total("events"), found["host"], found["opaque"]) == (events, HOST, gap)
    assert found["contacts"] == data.count(b" HTTP/1.1\r\n")


def test_a_request_whose_beginning_was_lost_is_a_gap() -> None:
    data = post(HOST, "/v1/t", EVENT)
    lost = Talk(port=80).open().send(data).send(data, size=60, order=range(1, 3)).close()
    (found,) = run_of(lost).result["destinations"]
    assert (found["contacts"], found["opaque"]) == (1, 1)


def test_a_client_of_whom_nothing_was_captured_is_opaque() -> None:
    heard = [wire.ip("203.0.113.7", "10.0.0.2", 6, wire.tcp((80, 40000), 5, wire.ACK, b"HTTP/1.1 200 OK\r\n\r\n"))]
    assert row(run_of(heard), "203.0.113.7")["opaque"] == 1
    assert row(run_of(Talk().open().close()), "203.0.113.7")["opaque"] == 0


@pytest.mark.parametrize("asked", [False, True])
def test_what_is_no_question_on_the_port_of_names_is_opaque(asked: bool) -> None:  # noqa: FBT001 - a case
    named = wire.question("a.example.test") if asked else b"\x00\x01 no question"
    run = run_of([wire.ip("10.0.0.2", "203.0.113.53", 17, wire.udp((5000, 53), named))])
    assert row(run, "203.0.113.53")["opaque"] == int(not asked)
    over_tcp = Talk(port=53, server="203.0.113.53").open().send(struct.pack(">H", len(named)) + named).close()
    assert row(run_of(over_tcp), "203.0.113.53")["opaque"] == 1


TUNNELS: dict[str, Callable[[bytes], bytes]] = {
    "MPLS": lambda f: wire.mpls(f, 17),
    "MPLS, two labels": lambda f: wire.mpls(f, 17, 18),
    "MPLS, Ethernet inside": lambda f: wire.mpls(f, 17, word=True),
    "GRE": lambda f: ethernet(wire.gre(f)),
    "GRE with a key, Ethernet inside": lambda f: ethernet(wire.gre(f, bridged=True, key=True)),
    "VXLAN": lambda f: ethernet(wire.vxlan(f)),
    "VXLAN as Linux numbered it": lambda f: ethernet(wire.vxlan(f, port=8472)),
    "Geneve": lambda f: ethernet(wire.geneve(f)),
    "IP in IP": lambda f: ethernet(wire.ip("10.0.0.2", "10.0.0.1", 4, f)),
    "IP in IPv6": lambda f: ethernet(wire.ip("fd00::2", "fd00::1", 4, f)),
    "GRE in VXLAN": lambda f: ethernet(wire.vxlan(wire.gre(f))),
}


@pytest.mark.parametrize("wrap", TUNNELS.values(), ids=TUNNELS)
def test_what_a_tunnel_carries_is_read(wrap: Callable[[bytes], bytes]) -> None:
    frames = Talk(port=80).open().send(post(HOST, "/v1/t", EVENT), size=100).close()
    run = run_of(frames, "--air-gapped", wrap=wrap)
    assert (run.total("events"), run.code) == (1, 1)
    assert row(run, HOST)["class"] == "unnamed"
    assert run.result["traffic"]["not_read"] == 0
    assert not any(found["opaque"] for found in run.result["destinations"])


def test_the_end_of_a_tunnel_is_a_destination_too() -> None:
    frames = Talk(server="10.0.0.9", port=80).open().send(post("inside", "/", b"")).close()
    run = run_of([wire.vxlan(frame, ("10.0.0.2", "203.0.113.50")) for frame in frames], "--air-gapped")
    found = row(run, "203.0.113.50")
    assert (found["port"], found["scheme"], found["class"], found["opaque"]) == (4789, "udp", "undocumented", 0)


UNREAD: dict[str, bytes] = {
    "another protocol": ethernet(wire.ip("10.0.0.2", "10.0.0.1", 47, b"\x00\x00\x12\x34" + b"x" * 40)),
    "another version": ethernet(wire.ip("10.0.0.2", "10.0.0.1", 47, b"\x00\x05\x08\x00" + b"x" * 40)),
    "cut off": ethernet(wire.gre(wire.ip("10.0.0.2", "203.0.113.7", 6, b"x" * 40)))[:50],
    "no VXLAN": ethernet(wire.vxlan(wire.ip("10.0.0.2", "203.0.113.7", 6, b"x" * 40), flags=0)),
    "labels over who knows what": wire.mpls(b"\x90" * 60, 17),
    "tunnels without end": ethernet(
        wire.gre(wire.gre(wire.gre(wire.gre(wire.gre(wire.ip("10.0.0.2", "203.0.113.7", 6, b"x" * 40))))))
    ),
}


@pytest.mark.parametrize("frame", UNREAD.values(), ids=UNREAD)
def test_a_tunnel_whose_inside_cannot_be_read_is_no_clean_air_gap(frame: bytes) -> None:
    clean = [ethernet(wire.ip("10.0.0.2", "10.0.0.1", 17, wire.udp((5000, 5001), b"x")))] * 3
    run = check_bytes(pcap([*clean, frame]), "--air-gapped", "--require", "air-gap", name="trace.pcap")
    accounted(run)
    (gap,) = [found for found in run.result["requirements"] if found["id"] == "air-gap"]
    assert (run.code, gap["verdict"]) == (4, "inconclusive")
    assert gap["reason"].endswith("but 1 packet of no protocol that is read")


def test_a_neighbour_asked_for_through_a_tunnel_is_no_gap() -> None:
    arp = b"\x02" * 12 + b"\x08\x06" + b"\x00" * 28
    asked = wire.ip("10.0.0.2", "10.0.0.1", 17, wire.udp((51000, 4789), b"\x08\x00\x00\x00\x00\x00\x07\x00" + arp))
    assert run_of([asked]).result["traffic"]["not_read"] == 0


def test_conversations_are_remembered_within_a_bound_however_often_requests_come(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("audit.sources.packets.conversations._MOST", 10)
    frames = []
    for number in range(200):
        frames += Talk(server=f"203.0.113.{number}").open().close()
        frames += Talk(server=f"198.51.100.{number}", port=80).open().send(post(HOST, "/", b"")).close()
    reading = packets._Reading(Bytes([pcap([ethernet(frame) for frame in frames])]), Limits())
    told = [exchange.contact for part in reading.frames() for exchange in part.exchanges]
    assert len(reading.conversations.known) <= 3 * 10 + 2
    told += [e.contact for part in reading.rest() if isinstance(part, Traffic) for e in part.exchanges]
    assert len({contact.address for contact in told if contact is not None}) == 400


def test_a_snap_length_cuts_and_is_told() -> None:
    frames = [ethernet(frame) for frame in Talk(port=80).open().send(post(HOST, "/v1/t", EVENT)).close()]
    run = check_bytes(pcap(frames, snaplen=160), name="trace.pcap")
    accounted(run)
    assert run.result["traffic"] | {"snaplen": 160, "cut_short": 1} == run.result["traffic"]
    assert list(run.result["unreadable"]) == [Reason.CUT_BODY.value]


def test_the_name_decides_before_the_address() -> None:
    foreign = Talk(client="127.0.0.1", server="127.0.0.1").open().send(hello(HOST)).close()
    assert row(run_of(foreign), HOST)["class"] == "undocumented"
    own = Talk(server="203.0.113.7", port=80).open().send(post("localhost", "/", b"")).close()
    assert row(run_of(own), "localhost")["class"] == "undocumented"
    inside = Talk(server="10.1.2.3").open().send(hello("redis")).close()
    assert row(run_of(inside), "redis")["class"] == "own"


def test_a_capture_that_begins_in_the_middle_still_shows_the_destination() -> None:
    run = run_of(Talk().open().send(b"\x17\x03\x03abc").close()[5:])
    assert row(run, "203.0.113.7")["port"] == 443


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_classic_files_of_either_byte_order(order: str, nanoseconds: bool) -> None:  # noqa: FBT001 - a case
    frames = [ethernet(frame) for frame in Talk().open().send(hello(HOST)).close()]
    run = check_bytes(pcap(frames, order=order, nanoseconds=nanoseconds), name="x")
    assert row(run, HOST)["first"] == "2026-11-23T14:49:39.000Z"
    assert run.result["traffic"]["dropped"] is None


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("power", [6, 9])
def test_pcapng_with_its_drop_counter(order: str, power: int) -> None:
    frames = [ethernet(frame) for frame in Talk(server="127.0.0.1").open().send(hello("localhost")).close()]
    run = check_bytes(pcapng(frames, order=order, power=power, dropped=3), "--air-gapped", name="x")
    accounted(run)
    assert run.result["inputs"][0]["format"] == "pcapng"
    assert run.result["traffic"]["dropped"] == 3
    assert row(run, "localhost")["first"] == "2026-11-23T14:49:39.000Z"
    gap = next(r for r in run.result["requirements"] if r["id"] == "air-gap")
    assert (gap["verdict"], run.code) == ("inconclusive", 0)


@pytest.mark.parametrize("build", [pcap, pcapng])
def test_a_file_that_is_cut_off_is_judged_up_to_there(build: Callable[[list[bytes]], bytes]) -> None:
    data = build([ethernet(frame) for frame in Talk().open().send(hello(HOST)).close()])
    run = check_bytes(data[:-20], name="x")
    accounted(run)
    assert row(run, HOST)
    assert list(run.result["unreadable"]) == [Reason.CUT_PACKETS.value]


def test_an_unknown_link_type_is_said() -> None:
    run = check_bytes(pcap([b"\x00" * 60] * 3, 127), name="x")
    assert Reason.LINK.value in run.result["unreadable"]
    assert run.code == 3


def test_packets_without_an_event_do_not_say_that_nothing_was_sent() -> None:
    run = check("fixtures/captures/egress-clean.pcap")
    assert run.result["headline"].startswith(
        "no destination beyond the page was contacted, and no event was captured; "
    )


def test_packets_of_which_none_can_be_read_are_nothing_read() -> None:
    run = check_bytes(pcap([LABELLED] * 3), name="x")
    assert (run.code, run.result["gate"]["reason"]) == (3, "nothing could be read")
    assert "nothing was sent beyond the page" not in run.result["headline"]
    question = b"\xff" * 6 + b"\x02" * 6 + b"\x08\x06" + b"\x00" * 46
    assert check_bytes(pcap([question] * 3), name="x").code == 0


def test_a_clean_capture_is_no_finding() -> None:
    run = check(CAPTURES / "egress-clean.pcap", "--air-gapped")
    accounted(run)
    assert (run.code, run.result["traffic"]["outside"]) == (0, 0)
    assert "None outside in 40 packets" in run.out


def test_a_real_capture_with_every_kind_of_destination() -> None:
    run = check(CAPTURES / "egress-dirty.pcap", "--air-gapped")
    accounted(run)
    assert run.code == 1
    hosts = {d["host"] for d in run.result["destinations"] if d["class"] != "own"}
    assert {"plain.tracker.example.test", "only-dns.example.test", "api.segment.io"} <= hosts
    assert len(hosts) == 8
    assert row(run, "plain.tracker.example.test", "http")["known"] == ["http-host"]
    assert {f["host"] for f in run.of("egress")} == hosts


HOUSE = Talk(server="10.0.0.9", port=80).open().send(post("app.internal", "/x", b"{}")).close()


def later(hours: int, *frames: bytes) -> bytes:
    """A packet capture in the house, some hours after the first one, and with more frames."""
    data, at = bytearray(pcap([*map(ethernet, HOUSE), *frames])), 24
    while at < len(data):
        second, _, kept, _ = struct.unpack_from("<IIII", data, at)
        struct.pack_into("<I", data, at, second + hours * 3600)
        at += 16 + kept
    return bytes(data)


def gap_of(run: Run) -> tuple[str, str]:
    return next((r["verdict"], r["reason"]) for r in run.result["requirements"] if r["id"] == "air-gap")


def test_an_installation_in_use_with_nothing_outside_upholds_the_gap() -> None:
    run = check_bytes(later(0) + later(7)[24:], "--air-gapped", name="x")
    assert gap_of(run) == ("upheld", "no destination outside in 14 packets over 7 h; no drop counter in the file")


def test_between_two_captures_nobody_watched(tmp_path: Path) -> None:
    (tmp_path / "morning").write_bytes(later(0))
    (tmp_path / "evening").write_bytes(later(7))
    assert gap_of(check("morning", "evening", "--air-gapped", cwd=tmp_path))[0] == "not-exercised"
    (tmp_path / "whole").write_bytes(later(0) + later(7)[24:])
    assert gap_of(check("morning", "evening", "whole", "--air-gapped", cwd=tmp_path))[0] == "upheld"


def test_a_capture_that_was_filtered_upholds_no_gap(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(later(0) + later(7)[24:])
    (tmp_path / "custody.toml").write_text("filtered = true\n")
    assert gap_of(check("x", "--air-gapped", "--custody", "custody.toml", cwd=tmp_path)) == (
        "inconclusive",
        "none in 14 packets over 7 h, but the custody statement says that the capture was filtered",
    )


LABELLED = b"\x02" * 12 + b"\x88\x47" + b"\x00" * 60
CUT = ethernet(HOUSE[0])[:20]


@pytest.mark.parametrize("frame", [LABELLED, CUT], ids=["labelled", "cut-in-its-head"])
def test_a_packet_that_cannot_be_read_may_have_left(frame: bytes) -> None:
    run = check_bytes(later(0) + later(7, frame)[24:], "--air-gapped", name="x")
    accounted(run)
    assert run.result["traffic"]["not_read"] == 1
    assert gap_of(run)[0] == "inconclusive"
    assert run.claims["disclosed-destinations"] == "inconclusive"


@pytest.mark.parametrize(
    "head", ["ffffffffffff 020202020202 0806", "0180c200000e 020202020202 88cc", "0180c2000000 020202020202 0026"]
)
def test_what_never_leaves_its_link_is_no_gap(head: str) -> None:
    run = check_bytes(later(0) + later(7, bytes.fromhex(head) + b"\x00" * 46)[24:], "--air-gapped", name="x")
    assert gap_of(run)[0] == "upheld"


@given(st.binary(max_size=300), st.integers(0, 400), st.integers(0, 255))
def test_damage_anywhere_crashes_nothing(tail: bytes, at: int, value: int) -> None:
    frames = Talk(port=80).open().send(post(HOST, "/v1/t", EVENT, chunk=9)).close() + lookup(HOST, "203.0.113.7")
    for build in (pcap, pcapng):
        data = bytearray(build([ethernet(frame) for frame in frames]) + tail)
        data[24 + at] = value
        found = list(packets.split([bytes(data)], Limits()))
        units = sum(part.units for part in found if isinstance(part, Traffic))
        watched = [part.watch.packets for part in found if isinstance(part, Watched)]
        assert watched == [units]
        assert sum(isinstance(part, Broken) for part in found) <= 1


@given(st.lists(st.binary(max_size=120), max_size=5), st.sampled_from([0, 1, 101, 113, 276]))
def test_garbage_in_frames_crashes_nothing(frames: list[bytes], link: int) -> None:
    assert list(packets.split([pcap(frames, link)], Limits()))


@given(st.binary(max_size=200))
def test_garbage_in_a_connection_crashes_nothing(data: bytes) -> None:
    for head in (
        b"",
        b"\x16\x03\x01",
        b"POST / HTTP/1.1\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ):
        frames = [ethernet(f) for f in Talk(port=80).open().send(head + data, size=50).close()]
        frames += [ethernet(wire.ip("10.0.0.2", "10.0.0.53", 17, wire.udp((5000, 53), data)))]
        assert list(packets.split([pcap(frames)], Limits()))


ENDS = (("10.0.0.2", "203.0.113.7"), ("fd00::2", "2001:db8::7"))
PORTS = ((40000, 443), (40000, 80), (40000, 53))
PAYLOADS = (b"", b"", b"x", b"\x17\x03\x03abc", hello(HOST), post(HOST, "/v1/t", EVENT), b"GET / HT")
FLAGS = (wire.SYN, wire.SYN | wire.ACK, wire.ACK, wire.ACK, wire.FIN | wire.ACK, wire.RST)


def packet_of_few(seed: Random) -> bytes:
    """A packet between few ends, so that each meets what others began: any flags, options, fragments, lengths that lie."""
    ends, ports, payload = seed.choice(ENDS), seed.choice(PORTS), seed.choice(PAYLOADS)
    if seed.random() < 0.5:
        ends, ports = ends[::-1], ports[::-1]
    if seed.random() < 0.8:
        inside = bytearray(wire.tcp(ports, seed.randrange(4), seed.choice(FLAGS), payload))
        inside[12] = seed.choice([0x50, 0x50, 0x50, 0x60, 0xF0, 0x00])
        packet = bytearray(wire.ip(*ends, 6, bytes(inside)))
    else:
        payload = seed.choice([payload, wire.question(HOST), wire.answer(HOST, "203.0.113.7")])
        packet = bytearray(wire.ip(*ends, 17, wire.udp(ports, payload)))
    size = 4
    if packet[0] >> 4 == 4:
        packet[6:8] = struct.pack(">H", seed.choice([0, 0, 0, 0x4000, 0x2000, 3]))
        size = 2
    length = int.from_bytes(packet[size : size + 2], "big") + seed.choice([0, 0, 0, -3, -30, 2, 60])
    packet[size : size + 2] = struct.pack(">H", max(length, 0))
    return bytes(packet[: seed.choice([len(packet), len(packet), len(packet), 30, 45, 70])])


@pytest.mark.parametrize("seed", range(40))
def test_packets_counted_where_they_stand_come_to_the_same(seed: int) -> None:
    """A raw link is always read in full: whatever link the same packets came over, they say the same."""
    chance = Random(seed)
    frames, block = [packet_of_few(chance) for _ in range(150)], chance.choice([24, 1000, 1 << 20])

    def told(data: bytes) -> list[Any]:
        parts = list(packets.split([data[at : at + block] for at in range(0, len(data), block)], Limits()))
        assert sum(part.units for part in parts if isinstance(part, Traffic)) == len(frames)
        return [
            (part.unit, part.exchanges if isinstance(part, Traffic) else part[2:])
            for part in parts
            if not isinstance(part, Traffic) or part.exchanges
        ]

    expected = told(pcap(frames, 101))
    for wrap, link in ((ethernet, 1), (lambda f: ethernet(f, 5), 1), (cooked, 113), (cooked2, 276)):
        assert told(pcap([wrap(frame) for frame in frames], link)) == expected
        assert told(pcapng([wrap(frame) for frame in frames], link)) == expected
