"""Contacts: whose a destination is, what it carries, and what the claims and requirements about them say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.engine.run import Auditor
from audit.engine.traffic import Traffic
from audit.model import Contact, Known, Reason, Scheme
from audit.policy.destinations import Standing, Territory, own_hosts
from audit.sources.requests import Request, decode
from audit.tally import Size, Tally
from tests.conftest import CAPTURES, Run, accounted, active, check, check_bytes, compact, invoke, jsonl, page_load
from tests.test_har import archive, entry
from tests.within import APPSMITH, HARBOUR, policy_of

HOSTS = ("a.test", "b.test", "10.0.0.1", "c.test", "localhost")
EVENT = json.dumps(page_load())


def at(hour: int) -> datetime:
    return datetime(2026, 11, 23, hour, tzinfo=UTC)


def audit(*entries: dict[str, Any], args: tuple[str, ...] = ()) -> Run:
    run = check_bytes(archive(*entries), *args, name="trace.har")
    accounted(run)
    return run


def requirement(run: Run, name: str) -> str:
    return next(str(r["verdict"]) for r in run.result["requirements"] if r["id"] == name)


def standing(host: str, address: str | None = None, territory: Territory | None = None) -> Standing:
    contact = Contact(host, 443, Scheme.TLS, Known.TLS, address=address)
    return (territory or Territory()).place(policy_of(APPSMITH), contact).standing


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "10.9.8.7", "172.31.0.1", "192.168.1.1", "169.254.7.7", "224.0.0.251", "::1", "fe80::1%eth0"),
        *("fd12::1", "ff02::fb", "::ffff:10.0.0.1", "mongo", "app.localhost", "printer.local", "db.internal"),
        "7.1.168.192.in-addr.arpa",
    ],
)
def test_hosts_of_the_installations_own(host: str) -> None:
    assert standing(host) is Standing.OWN


@pytest.mark.parametrize(
    "host",
    [
        *("8.8.8.8", "100.64.1.1", "172.32.0.1", "169.254.169.254", "fd00:ec2::254", "2606:4700::1", "::ffff:8.8.8.8"),
        *("example.com", "local.example.com", "metadata.google.internal", "8.8.8.8.in-addr.arpa"),
    ],
)
def test_hosts_outside(host: str) -> None:
    assert standing(host) is Standing.UNDOCUMENTED


def test_a_name_decides_before_the_address_and_a_public_address_before_an_empty_name() -> None:
    assert standing("tracker.test", "127.0.0.1") is Standing.UNDOCUMENTED
    assert standing("localhost", "8.8.8.8") is Standing.UNDOCUMENTED
    assert standing("localhost", "127.0.0.1") is Standing.OWN


def test_the_auditor_names_hosts_and_networks() -> None:
    names, nets = own_hosts(["app.example.com", "*.corp.test", "203.0.113.0/24", "2001:db8::/32", "169.254.169.254"])
    territory = Territory(names, nets, {"*.vendor.test": None})
    for host in ("app.example.com", "a.b.corp.test", "203.0.113.9", "2001:db8::9", "169.254.169.254"):
        assert standing(host, None, territory) is Standing.OWN, host
    assert standing("x.vendor.test", None, territory) is Standing.ALLOWED
    for host in ("corp.test", "evilcorp.test", "vendor.test", "www.app.example.com"):
        assert standing(host, None, territory) is Standing.UNDOCUMENTED, host


@pytest.mark.parametrize(
    ("args", "what"),
    [
        (("--own-host", "http://x/"), "--own-host http://x/: write a host name"),
        (("--allow-host", "a b"), "--allow-host a b: write HOST"),
        (("--allow-host", "x.test=fun"), "use one of telemetry, release-notes, datasource"),
        (("--own-host", "x.test", "--allow-host", "x.test"), "x.test is given with --own-host and with --allow-host"),
    ],
)
def test_a_fault_of_an_option_names_option_and_remedy(args: tuple[str, ...], what: str) -> None:
    run = invoke("check", CAPTURES / "curl-shapes.har", *args)
    assert run.code == 2
    assert what in " ".join(run.err.split())


def test_a_contact_for_release_notes_upholds_its_disclosure() -> None:
    allowed = ("--allow-host", "notes.vendor.test=release-notes")
    run = audit(entry("https://notes.vendor.test/latest"), args=allowed)
    assert run.claims["release-notes-ping"] == "upheld"
    assert run.claims["disclosed-destinations"] == "upheld"
    assert audit(entry("https://app.internal/")).claims["release-notes-ping"] == "not-exercised"


def test_release_notes_in_the_clear_break_a_requirement_and_no_sentence_of_the_page() -> None:
    run = audit(entry("http://notes.vendor.test/latest"), args=("--allow-host", "notes.vendor.test=release-notes"))
    assert run.claims["release-notes-ping"] == "upheld"
    assert requirement(run, "encrypted-transport") == "violated"
    assert [(f["rule"], f["claims"]) for f in run.of("plaintext-transport")] == [("plaintext-transport", [])]
    assert (run.verdict, run.code) == ("violated", 1)


@pytest.mark.parametrize(
    "gap",
    [
        b'{"type": "track", "event": "Instance Active", "event": "Instance Active"}\n',
        b"{no json\n",
        compact(
            page_load(context={"blob": {f"a{n}": f"QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo{n}==" for n in range(5000)}})
        ),
    ],
    ids=["key-twice", "unreadable", "search-given-up"],
)
def test_what_a_log_does_not_show_hides_no_destination(tmp_path: Path, gap: bytes) -> None:
    (tmp_path / "log.jsonl").write_bytes(gap)
    (tmp_path / "trace.har").write_bytes(archive(entry("https://notes.vendor.test/latest")))
    run = check("log.jsonl", "trace.har", "--allow-host", "notes.vendor.test=release-notes", cwd=tmp_path)
    assert {run.claims[claim] for claim in ("release-notes-ping", "disclosed-destinations")} == {"upheld"}
    assert requirement(run, "encrypted-transport") == "upheld"
    assert run.claims["email-only-on-support"] in ("inconclusive", "not-exercised")


def test_an_unreadable_unit_of_traffic_may_hide_a_destination() -> None:
    run = audit(entry("https://notes.vendor.test/latest"), {}, args=("--allow-host", "notes.vendor.test=release-notes"))
    assert run.claims["disclosed-destinations"] == "inconclusive"
    assert requirement(run, "encrypted-transport") == "inconclusive"


def test_telemetry_in_the_clear_is_no_breach_of_the_release_notes_sentence() -> None:
    run = audit(entry("http://api.telemetry.test/v1/t", EVENT))
    assert run.claims["release-notes-ping"] == "not-exercised"
    requirement = next(r for r in run.result["requirements"] if r["id"] == "encrypted-transport")
    assert (requirement["verdict"], run.verdict, run.code) == ("violated", "violated", 1)


def test_a_log_asks_for_no_transport_and_lists_no_destination() -> None:
    run = check_bytes(jsonl(page_load()))
    assert [r["id"] for r in run.result["requirements"]] == ["clean-json", "one-id-one-message"]
    assert "traffic" not in run.result
    gapped = check_bytes(jsonl(page_load()), "--air-gapped")
    requirement = next(r for r in gapped.result["requirements"] if r["id"] == "air-gap")
    assert (requirement["verdict"], gapped.code) == ("not-exercised", 0)


def test_what_goes_to_others_is_searched_for_what_must_not_leave() -> None:
    mail = json.dumps({"user": {"email": "jane@acme-mail.co"}})
    run = audit(entry("https://tracker.test/x?u=jane%40acme-mail.co", mail))
    found = {(f["host"], f["pointer"], f["origin"]) for f in run.of("email-address")}
    assert found == {("tracker.test", "/body/user/email", "unknown"), ("tracker.test", "/query/u", "unknown")}
    assert run.claims["anonymous"] == "violated"
    assert "jane" not in run.out + json.dumps(run.result)


def test_a_host_named_for_telemetry_is_read_in_the_words_of_the_pack() -> None:
    allowed = ("-p", str(HARBOUR), "--allow-host", "collect.harbour.test=telemetry")
    lines = (CAPTURES / "harbour.jsonl").read_text("utf-8").splitlines()
    sent = [entry("https://collect.harbour.test/ingest", line) for line in lines]
    log, run = check(CAPTURES / "harbour.jsonl", "-p", HARBOUR), audit(*sent, args=allowed)
    assert (run.total("events"), run.total("unreadable")) == (log.total("events"), log.total("unreadable"))
    garbled = audit(entry("https://collect.harbour.test/ingest", "%% no event"), args=allowed)
    assert list(garbled.result["unreadable"]) == [Reason.BODY.value]


def test_own_hosts_and_data_sources_are_not_searched() -> None:
    mail = json.dumps({"user": {"email": "jane@acme-mail.co"}})
    args = ("--own-host", "app.test", "--allow-host", "db.test=datasource")
    assert not audit(entry("https://app.test/", mail), entry("https://db.test/", mail), args=args).of("email-address")


def test_an_event_is_searched_once_and_its_write_key_is_no_secret() -> None:
    key = {"name": "Authorization", "value": "Basic QVBQU01JVEhURVNUS0VZOg=="}
    run = audit(
        entry(
            "https://api.telemetry.test/v1/t",
            json.dumps(page_load(userId="jane@acme-mail.co")),
            request={"headers": [key]},
        )
    )
    assert [f["pointer"] for f in run.of("email-address")] == ["/userId"]
    assert run.of("secret") == []


def test_requests_to_own_hosts_are_signs_of_use(tmp_path: Path) -> None:
    consent = tmp_path / "consent.csv"
    consent.write_text("at,subject,state\n2026-11-23T10:00:00Z,*,declined\n")
    log = tmp_path / "log.jsonl"
    log.write_bytes(jsonl(active()))
    idle, used = tmp_path / "idle.har", tmp_path / "used.har"
    idle.write_bytes(archive(entry("https://notes.vendor.test/")))
    used.write_bytes(archive(entry("https://app.example.test/applications")))
    args = ("--consent", consent, "--own-host", "app.example.test")
    assert check(log, idle, *args).claims["client-opt-in"] == "inconclusive"
    assert check(log, used, *args).claims["client-opt-in"] == "upheld"


@pytest.mark.parametrize(
    "text", ['{"name": "kestrel-7Q2-amber-lantern"}', '{"name": "kestrel\\u002d7Q2-amber-lantern"}']
)
def test_a_planted_value_in_an_answer_of_an_own_host_is_the_positive_control(tmp_path: Path, text: str) -> None:
    seeds = tmp_path / "seeds.csv"
    seeds.write_text("value,kind,label\nkestrel-7Q2-amber-lantern,canary,orders row\n")
    args = ("--seeds", str(seeds), "--own-host", "app.example.test")
    event = entry("https://api.telemetry.test/v1/t", EVENT)
    answered = {"status": 200, "content": {"text": text}}
    mute = audit(event, entry("https://app.example.test/rows"), args=args)
    told = audit(event, entry("https://app.example.test/rows", response=answered), args=args)
    foreign = audit(event, entry("https://tracker.test/rows", response=answered), args=args)
    assert mute.claims["no-datasource-data"] == foreign.claims["no-datasource-data"] == "inconclusive"
    assert told.claims["no-datasource-data"] == "upheld"
    assert told.result["coverage"]["searched"]["controls"] == 1
    assert not told.of("canary")


def test_a_planted_value_that_goes_to_others_came_out(tmp_path: Path) -> None:
    seeds = tmp_path / "seeds.csv"
    seeds.write_text("value,kind,label\nkestrel-7Q2-amber-lantern,canary,orders row\n")
    run = audit(
        entry("https://tracker.test/c", '{"t": "a2VzdHJlbC03UTItYW1iZXItbGFudGVybg=="}'), args=("--seeds", str(seeds))
    )
    (finding,) = run.of("canary")
    assert (finding["host"], finding["pointer"], run.claims["no-datasource-data"]) == (
        "tracker.test",
        "/body/t",
        "violated",
    )


def test_destinations_are_bounded_and_those_outside_stay() -> None:
    run = audit(*(entry(f"http://10.0.{n // 250}.{n % 250}/") for n in range(1_200)), entry("https://tracker.test/"))
    assert len(run.result["destinations"]) == 1_000
    assert run.result["destinations"][0]["host"] == "tracker.test"
    assert run.result["traffic"]["unlisted"] == 201


def test_hosts_are_shown_escaped() -> None:
    run = audit(entry("https://a\u202eb.test/"), entry("https://x\x1b[31m.test/"))
    text = run.out
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_the_same_captures_give_the_same_bytes_in_any_order_of_reading(tmp_path: Path) -> None:
    one, two = tmp_path / "1.json", tmp_path / "2.json"
    for target in (one, two):
        invoke("check", CAPTURES / "browser-segment-next.har", CAPTURES / "egress-dirty.pcap", "-o", f"json={target}")
    assert one.read_bytes() == two.read_bytes()


@given(st.lists(st.tuples(st.sampled_from(HOSTS), st.integers(0, 3), st.booleans()), max_size=12), st.integers(0, 12))
def test_contacts_add_up_however_they_are_cut(met: list[tuple[str, int, bool]], cut: int) -> None:
    judge = Auditor(policy_of(APPSMITH))

    def tally(parts: list[Traffic]) -> Tally:
        found = judge.tally(Size(groups=2))
        for part in parts:
            judge.feed(part, found, (0, part.unit))
        return found

    parts = [
        Traffic(
            number, number, (decode(Request("POST", f"https://{host}/v1/t", (), b"{}" if told else b"x", at(when))),)
        )
        for number, (host, when, told) in enumerate(met, 1)
    ]
    whole = tally(parts)
    assert tally(parts[:cut]) + tally(parts[cut:]) == tally(parts[cut:]) + tally(parts[:cut]) == whole
    assert whole.contacts == len(parts)


def test_what_could_not_be_read_may_have_gone_out_in_the_clear() -> None:
    whole = archive(entry("https://api.telemetry.test/v1/t", EVENT))
    cut = archive(entry("https://api.telemetry.test/v1/t", EVENT), entry("https://api.telemetry.test/v1/t", EVENT))[
        :-40
    ]
    for data, wanted in ((whole, "upheld"), (cut, "inconclusive")):
        run = check_bytes(data, name="x")
        requirement = next(r for r in run.result["requirements"] if r["id"] == "encrypted-transport")
        assert requirement["verdict"] == wanted, requirement["reason"]


def test_a_requirement_can_be_demanded_of_a_capture() -> None:
    log = jsonl(page_load())
    assert check_bytes(log, "--require", "clean-json").code == 0
    assert check_bytes(log, "--require", "encrypted-transport").code == 4  # a log shows no transport
    assert check_bytes(log, "--air-gapped", "--require", "air-gap").code == 4
    assert check(CAPTURES / "egress-clean.pcap", "--air-gapped", "--require", "air-gap").code == 4  # too short
    run = invoke("check", CAPTURES / "egress-clean.pcap", "--require", "air-gap")
    assert (run.code, "--require air-gap: add --air-gapped" in run.err) == (2, True)
