"""Listed values as a user gives them: seed files good and bad, what a claim may say of them, and that none is ever shown."""

from __future__ import annotations

import base64
import codecs
import csv
import hashlib
import json
from pathlib import Path

import pytest

from audit.leaks.digests import Digests, room
from tests.conftest import Run, check, invoke, jsonl, page_load, samples

CANARY = "cnry7Kq2mX9tRb4Lw8"
ADDRESS = "anna@fabrikam-mail.com"
HEADER = "value,kind,label,planted_at\n"
INSIDE, OUTSIDE = "2020-11-04T09:00:00Z", "2021-01-01T00:00:00Z"


def run(tmp_path: Path, seeds: str, *events: object, options: tuple[str, ...] = ()) -> Run:
    (tmp_path / "log.jsonl").write_bytes(jsonl(*(events or samples())))
    (tmp_path / "seeds.csv").write_text(seeds, "utf-8")
    return check("log.jsonl", "--seeds", "seeds.csv", *options, cwd=tmp_path)


def claim(run: Run, name: str) -> dict[str, object]:
    return next(row for row in run.result["claims"] if row["id"] == name)


def test_a_planted_value_that_stayed_inside_upholds_the_claim(tmp_path: Path) -> None:
    got = run(tmp_path, f"{HEADER}{CANARY},canary,orders,{INSIDE}\n")
    row = claim(got, "no-datasource-data")
    assert row["verdict"] == "upheld"
    assert row["reason"] == "none of 1 canary in 3 events"
    assert "Searched for 1 canary" in got.out
    assert got.result["coverage"]["searched"]["canaries"] == 1


@pytest.mark.parametrize("planted", ["", OUTSIDE])
def test_without_a_time_inside_the_capture_nothing_shows_that_it_was_read(tmp_path: Path, planted: str) -> None:
    row = claim(run(tmp_path, f"{HEADER}{CANARY},canary,orders,{planted}\n"), "no-datasource-data")
    assert row["verdict"] == "inconclusive"
    assert "nothing shows that the planted rows were read" in str(row["reason"])


def test_a_planted_value_that_came_out_violates_it(tmp_path: Path) -> None:
    event = page_load(properties={"note": base64.b64encode(CANARY.encode()).decode()})
    got = run(tmp_path, f"{HEADER}{CANARY},canary,orders,{INSIDE}\n", event)
    assert claim(got, "no-datasource-data")["verdict"] == "violated"
    assert got.has("canary", "/properties/note", grade="proved", path=["base64"])
    assert got.code == 1


def test_a_hash_of_a_listed_address_decides_anonymous(tmp_path: Path) -> None:
    event = page_load(userId=hashlib.sha256(ADDRESS.encode()).hexdigest())
    got = run(tmp_path, f"{HEADER}{ADDRESS},identifier,,\n", event)
    assert got.has("reidentified-hash", "/userId", path=["hex", "sha256"])
    assert claim(got, "anonymous")["verdict"] == "violated"


def test_bad_lines_are_named_and_counted_and_the_rest_is_used(tmp_path: Path) -> None:
    bad = ",canary,,\nx,y,z,w,v\nfoo bar,nothing,,\n"
    seeds = f"{HEADER}{CANARY},canary,,\n{bad}ab,identifier,,\n{CANARY},canary,,\nadmin,identifier,,\n"
    got = run(tmp_path, seeds)
    assert got.result["coverage"]["searched"]["left_out"] == {
        "bad line": 3, "listed twice": 1, "too common": 1, "too short": 1,
    }  # fmt: skip
    assert "seeds.csv: 1 left out, too short: line 6" in got.err
    assert "seeds.csv: 1 left out, listed twice: line 7" in got.err


@pytest.mark.parametrize(
    ("seeds", "said"),
    [
        ("", "the first line is the header"),
        ("name,place\na,b\n", "--seed-kind datasource"),
        (HEADER + "ab,identifier,,\n", "no value is left to search for"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_with_its_remedy(tmp_path: Path, seeds: str, said: str) -> None:
    got = run(tmp_path, seeds)
    assert got.code == 2
    assert said in " ".join(got.err.split())


def test_an_export_is_searched_cell_by_cell(tmp_path: Path) -> None:
    event = page_load(properties={"cart": "for Wanda Fabrikamova"})
    export = "id,name,paid\n1,Wanda Fabrikamova,true\n2,Otto Nordwind-Exempel,false\n"
    got = run(tmp_path, export, event, options=("--seed-kind", "datasource"))
    assert got.has("datasource-payload", "/properties/cart", level="error", grade="proved")
    assert got.result["coverage"]["searched"]["datasource"] == 2


@pytest.mark.parametrize("kind", ["identifier", "datasource"])
def test_a_list_that_begins_with_an_address_has_no_header_and_loses_nobody(tmp_path: Path, kind: str) -> None:
    got = run(tmp_path, f"{ADDRESS}\nkim@fabrikam-mail.com\n", page_load(userId=ADDRESS), options=("--seed-kind", kind))
    assert sum(got.result["coverage"]["searched"][name] for name in ("identifiers", "datasource")) == 2
    assert got.has("known-identifier" if kind == "identifier" else "datasource-payload", "/userId")
    assert "names of the columns" not in got.err


@pytest.mark.parametrize(("first", "said"), [("Anna Nordwind", True), ("email", False), ("id,name,paid", False)])
def test_a_first_line_that_may_hold_a_value_is_not_passed_over_in_silence(
    tmp_path: Path, first: str, *, said: bool
) -> None:
    got = run(tmp_path, f"{first}\n{ADDRESS}\n", options=("--seed-kind", "identifier"))
    assert got.result["coverage"]["searched"]["identifiers"] == 1
    assert ("seeds.csv: the first line was taken for the names of the columns" in " ".join(got.err.split())) is said


@pytest.mark.parametrize(
    ("encoding", "said"),
    [("utf-16", "iconv -f UTF-16 -t UTF-8"), ("windows-1252", "not UTF-8 at byte 31: save it as UTF-8")],
)
def test_a_list_in_another_encoding_says_how_to_convert_it(tmp_path: Path, encoding: str, said: str) -> None:
    (tmp_path / "log.jsonl").write_bytes(jsonl(*samples()))
    (tmp_path / "seeds.csv").write_bytes(f"{HEADER}zo\u00eb@fabrikam-mail.com,identifier,,\n".encode(encoding))
    got = check("log.jsonl", "--seeds", "seeds.csv", cwd=tmp_path)
    assert got.code == 2
    assert said in " ".join(got.err.split())


@pytest.mark.parametrize(
    ("kind", "text", "found"),
    [
        ("identifier", "by jane.nordwind: ok", True),
        ("identifier", "by jane.nordwind2", False),
        ("identifier", "userjane.nordwind", False),
        ("canary", "userjane.nordwind2", True),
    ],
)
def test_a_letter_glued_to_an_identifier_makes_it_another_name_and_not_to_a_canary(
    tmp_path: Path, kind: str, text: str, found: object
) -> None:
    got = run(tmp_path, f"{HEADER}jane.nordwind,{kind},,\n", page_load(properties={"label": text}))
    assert got.has("canary" if kind == "canary" else "known-identifier", "/properties/label") is found


def test_json_lines_are_seeds_too(tmp_path: Path) -> None:
    seeds = json.dumps({"value": CANARY, "kind": "canary", "planted_at": INSIDE})
    assert claim(run(tmp_path, seeds), "no-datasource-data")["verdict"] == "upheld"


def test_no_listed_value_and_no_plain_digest_of_one_stands_in_any_output(tmp_path: Path) -> None:
    seeds = f"{HEADER}{CANARY},canary,,\n{ADDRESS},identifier,,\nxy,identifier,,\n"
    event = page_load(event=CANARY, messageId="ajs-" + CANARY, properties={CANARY: ADDRESS, "n": ADDRESS[::-1]})
    formats = ("json", "jsonl", "markdown", "csv", "sarif", "junit", "html")
    outputs = tuple(arg for name in formats for arg in ("-o", f"{name}=out.{name}"))
    got = run(tmp_path, seeds, event, options=(*outputs, "--findings", "all.jsonl", "-v"))
    written = [path.read_text("utf-8") for path in tmp_path.glob("out.*")] + [
        (tmp_path / "all.jsonl").read_text("utf-8")
    ]
    assert len(written) == len(formats) + 1
    said = "".join((*written, got.out, got.err)).lower()
    for value in (CANARY, ADDRESS):
        assert value.lower() not in said
        for name in ("md5", "sha1", "sha256"):
            assert hashlib.new(name, value.encode()).hexdigest()[:16] not in said
    assert hashlib.sha256(seeds.encode()).hexdigest() not in said


def test_canaries_are_made_once_and_listed_without_their_values(tmp_path: Path) -> None:
    made = invoke(
        "canary", "new", "--count", "8", "--for", "orders-db", "-o", "c.csv", "--planted-at", INSIDE, cwd=tmp_path
    )
    rows = list(csv.DictReader((tmp_path / "c.csv").read_text("utf-8").splitlines()))
    assert made.code == 0
    assert len({row["value"] for row in rows}) == 8
    assert all(f"'{row['value']}'" in made.out for row in rows)
    assert invoke("canary", "new", "-o", "c.csv", cwd=tmp_path).code == 2
    listed = invoke("canary", "list", "c.csv", cwd=tmp_path)
    assert listed.out.count("orders-db") == 8
    assert not any(row["value"] in listed.out for row in rows)
    log = jsonl(*(page_load(properties={"v": row["value"]}, messageId=f"ajs-{n:032x}") for n, row in enumerate(rows)))
    (tmp_path / "log.jsonl").write_bytes(log)
    assert check("log.jsonl", "--seeds", "c.csv", cwd=tmp_path).count("canary") == 8


@pytest.mark.parametrize(
    "disguised",
    ["".join(chr(ord(letter) + 0xFEE0) for letter in CANARY), "\u200b".join(CANARY)],
    ids=["wide", "unseen"],
)
def test_letters_in_disguise_are_read_behind_an_encoding_too(tmp_path: Path, disguised: str) -> None:
    event = page_load(properties={"note": base64.b64encode(disguised.encode()).decode()})
    got = run(tmp_path, f"{HEADER}{CANARY},canary,orders,{INSIDE}\n", event)
    assert got.has("canary", "/properties/note", grade="proved")


@pytest.mark.parametrize(
    "turned",
    [
        codecs.encode("".join(f"&#x{ord(letter):X};" for letter in CANARY), "rot13"),
        " ".join(f"0x{ord(letter):02x}" for letter in CANARY)[::-1],
    ],
    ids=["shifted entities", "bytes backwards"],
)
def test_escapes_that_were_turned_are_read(tmp_path: Path, turned: str) -> None:
    got = run(tmp_path, f"{HEADER}{CANARY},canary,orders,{INSIDE}\n", page_load(properties={"note": turned}))
    assert got.has("canary", "/properties/note", grade="proved")


def test_an_event_too_large_to_decode_is_a_gap_and_plain_values_in_it_are_found(tmp_path: Path) -> None:
    long = {
        f"n{number}": base64.b64encode(hashlib.sha512(b"%d" % number).digest()).decode() * 40 for number in range(50)
    }
    unclear = run(tmp_path, f"{HEADER}{CANARY},canary,orders,{INSIDE}\n", page_load(properties=long))
    assert claim(unclear, "no-datasource-data")["verdict"] != "upheld"
    told = run(tmp_path, f"{HEADER}{CANARY},canary,orders,{INSIDE}\n", page_load(properties={**long, "z": CANARY}))
    assert told.has("canary", "/properties/z", grade="proved")


def test_the_room_that_hashes_take_is_known_before_anything_is_hashed() -> None:
    values, salts = ["Anna.Berg+x@gmail.com", "+49 170 1234567", "Zoë", "17"], ["pepper", "salt"]
    for some, with_salts in ((values, salts), (values, []), ([], salts)):
        assert room(some, with_salts) == sum(part.nbytes for part in Digests(some, with_salts).table)


def test_more_values_and_salts_than_fit_are_refused_before_they_are_hashed(tmp_path: Path) -> None:
    listed = [f"person.{number}@example.org,identifier,," for number in range(20_000)]
    salts = [f"grain {number},salt,," for number in range(20)]
    (tmp_path / "seeds.csv").write_text(HEADER + "\n".join([*listed, *salts]), "utf-8")
    (tmp_path / "log.jsonl").write_bytes(jsonl(page_load()))
    got = invoke("check", "log.jsonl", "--seeds", "seeds.csv", cwd=tmp_path)
    assert got.code == 2
    assert "20,000 values with 20 salts take" in got.err
    assert "list the most telling values, or fewer salts" in got.err
