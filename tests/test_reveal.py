"""`--reveal values`: asked for twice, labelled everywhere, for people only; and never a credential or a listed value.

Without both options nothing changes, not one byte.
"""

from __future__ import annotations

import base64
import hashlib
import json
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from audit.engine.result import REVEALED, digest
from audit.model import Breach, Event, Level, Place, Reveal, Revealed
from audit.policy.files import schemas_root
from audit.redact import Redactor, Veil, visible
from audit.writers import FORMATS, LABELLED
from tests.conftest import CAPTURES, Json, Run, compact, invoke, jsonl, page_load, started

YES = "--i-understand-this-report-holds-personal-data"
BOTH = ("--reveal", "values", YES)
EMAIL = "maria.lopez@fabrikam-mail.com"
CANARY = "orchid-lantern-4471"
TOKEN = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
SEEDS = (
    f"value,kind,label\n{CANARY},canary,row\n{EMAIL},identifier,maria\nzq7k9,identifier,short\nsalt-of-ours,salt,salt\n"
)


def audit(tmp_path: Path, *events: Json | bytes, options: tuple[str, ...] = BOTH) -> Run:
    """A run on some events; its result and every format for people lie in the directory."""
    (tmp_path / "c.jsonl").write_bytes(b"\n".join(e if isinstance(e, bytes) else compact(e) for e in events) + b"\n")
    wanted = [part for kind in LABELLED for part in ("-o", f"{kind}=out.{kind}")]
    return invoke("check", "c.jsonl", "-q", *options, *wanted, cwd=tmp_path)


def result(tmp_path: Path) -> Json:
    document: Json = json.loads((tmp_path / "out.json").read_text("utf-8"))
    return document


def values(tmp_path: Path) -> dict[str, str]:
    """The shown values by pointer."""
    return {row["pointer"]: row["value"]["text"] for row in result(tmp_path)["findings"] if "value" in row}


def everything(tmp_path: Path, run: Run) -> str:
    return run.out + run.err + "".join((tmp_path / f"out.{kind}").read_text("utf-8") for kind in LABELLED)


# ---- asked for twice -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("half", [("--reveal", "values"), (YES,), ("--reveal", "shape", YES)])
def test_half_of_the_question_is_refused_with_what_to_do(tmp_path: Path, half: tuple[str, ...]) -> None:
    run = audit(tmp_path, started(secretField=EMAIL), options=half)
    assert (run.code, run.out) == (2, "")
    assert YES in run.err
    assert EMAIL not in run.err
    assert not [*tmp_path.glob("out.*")]


@pytest.mark.parametrize("kind", [kind for kind in FORMATS if kind not in LABELLED])
def test_formats_for_machines_are_refused(tmp_path: Path, kind: str) -> None:
    audit(tmp_path, started(extra=EMAIL))
    for run in (
        invoke("check", "c.jsonl", *BOTH, "-o", f"{kind}=x", cwd=tmp_path),
        invoke("report", "out.json", "-o", f"{kind}=x", cwd=tmp_path),
    ):
        assert (run.code, run.out) == (2, "")
        assert f"-o {kind}: values are revealed for people only" in run.err
        assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("option", ["--findings", "--write-baseline"])
def test_what_holds_no_values_is_not_written_beside_them(tmp_path: Path, option: str) -> None:
    audit(tmp_path, started(extra=EMAIL))
    run = invoke("check", "c.jsonl", *BOTH, option, "x", cwd=tmp_path)
    assert (run.code, (tmp_path / "x").exists()) == (2, False)
    assert "run once for each" in run.err


def test_only_check_can_reveal(tmp_path: Path) -> None:
    for command in (("proxy", "--observe"), ("inventory", "c.jsonl"), ("report", "r.json")):
        run = invoke(*command, *BOTH, cwd=tmp_path)
        assert run.code == 2
        assert "No such option" in run.err


def test_without_both_options_not_one_byte_changes(tmp_path: Path) -> None:
    wanted = [part for kind in FORMATS for part in ("-o", f"{kind}=out.{kind}")]
    files = []
    for options in ((), ("--reveal", "shape")):
        run = invoke("check", CAPTURES / "python-segment.jsonl", *options, *wanted, cwd=tmp_path)
        files.append((run, {kind: (tmp_path / f"out.{kind}").read_bytes() for kind in FORMATS}))
    assert files[0] == files[1]
    assert not {"reveal", "sensitivity"} & {*result(tmp_path)}
    assert "reveal" not in result(tmp_path)["parameters"]


# ---- labelled ------------------------------------------------------------------------------------------------------


def test_every_format_says_first_what_it_holds(tmp_path: Path) -> None:
    audit(tmp_path, started(extra=EMAIL))
    text, markdown = ((tmp_path / f"out.{kind}").read_text("utf-8") for kind in ("text", "markdown"))
    assert text.startswith("HOLDS PERSONAL DATA")
    assert "HOLDS PERSONAL DATA" in text.rstrip().split("\n")[-4]
    assert markdown.startswith("**HOLDS PERSONAL DATA")
    assert [*result(tmp_path)][1:3] == ["reveal", "sensitivity"]
    assert result(tmp_path)["sensitivity"] == REVEALED
    assert result(tmp_path)["parameters"]["reveal"] == "values"
    page = (tmp_path / "out.html").read_text("utf-8")
    assert "<title>Holds personal data." in page
    assert '@top-center { content: "HOLDS PERSONAL DATA' in page
    assert "holds no captured value" not in page
    assert "never shown, only its shape" not in page


def test_a_revealed_result_is_valid_and_renders_again_with_its_label(tmp_path: Path) -> None:
    audit(tmp_path, started(extra=EMAIL, other=7))
    schema = json.loads((schemas_root() / "result.schema.json").read_text("utf-8"))
    Draft202012Validator(schema).validate(result(tmp_path))
    for kind in LABELLED:
        assert invoke("report", "out.json", "-q", "-o", f"{kind}=again", cwd=tmp_path).code == 0
        assert (tmp_path / "again").read_bytes() == (tmp_path / f"out.{kind}").read_bytes()


def without(document: Json) -> None:
    del document["reveal"], document["sensitivity"]


def unlabelled(document: Json) -> None:
    del document["sensitivity"]


@pytest.mark.parametrize("change", [without, unlabelled])
def test_a_result_that_lost_its_label_is_refused(tmp_path: Path, change: Callable[[Json], None]) -> None:
    audit(tmp_path, started(extra=EMAIL))
    document = result(tmp_path)
    change(document)
    document["digest"] = digest(document)
    (tmp_path / "cut.json").write_text(json.dumps(document), "utf-8")
    run = invoke("report", "cut.json", "-o", "html=x", cwd=tmp_path)
    assert (run.code, (tmp_path / "x").exists()) == (2, False)
    assert EMAIL not in run.err


# ---- what is shown -------------------------------------------------------------------------------------------------


def test_the_value_at_the_pointer_of_a_finding_is_shown(tmp_path: Path) -> None:
    audit(tmp_path, started(extra=EMAIL, number=12.5, flag=False, list=[], big=10**30))
    shown = values(tmp_path)
    assert shown["/extra"] == EMAIL
    assert shown["/number"] == "12.5"
    assert shown["/flag"] == "false"
    assert shown["/big"] == str(10**30)
    assert "/list" not in shown  # its shape says all
    for kind in LABELLED:
        assert EMAIL in (tmp_path / f"out.{kind}").read_text("utf-8")


def test_names_are_shown_no_more_than_before(tmp_path: Path) -> None:
    audit(tmp_path, started(**{"key-of-4155550123": "plain"}))
    run = audit(tmp_path, started(**{"key-of-4155550123": "plain"}))
    assert "4155550123" not in everything(tmp_path, run)
    audit(tmp_path, started(**{"key-of-4155550123": "plain"}))
    revealed = [row["fingerprint"] for row in result(tmp_path)["groups"]]
    audit(tmp_path, started(**{"key-of-4155550123": "plain"}), options=())
    assert revealed == [row["fingerprint"] for row in result(tmp_path)["groups"]]


def test_a_long_value_is_cut_and_its_length_told(tmp_path: Path) -> None:
    audit(tmp_path, started(extra="lorem " * 1000 + "END-OF-IT"))
    (row,) = [row for row in result(tmp_path)["findings"] if row["pointer"] == "/extra"]
    assert row["value"] == {"text": ("lorem " * 1000)[:200], "length": 6009}
    for kind in LABELLED:
        assert "END-OF-IT" not in (tmp_path / f"out.{kind}").read_text("utf-8")
    assert "the first 200 of 6,009 characters" in (tmp_path / "out.html").read_text("utf-8")


@pytest.mark.parametrize("digits", [3000, 6000])
def test_a_number_of_very_many_digits_is_cut_too(tmp_path: Path, digits: int) -> None:
    line = compact(started(extra=1)).replace(b'"extra":1', b'"extra":' + b"9" * digits)
    assert audit(tmp_path, line).code == 1
    assert values(tmp_path)["/extra"] == "9" * 200


HOSTILE = [
    "\x1b[2J\x1b]52;c;aGk=\x07",
    "\u202egnp.exe",
    "a\u200bb\ufeff",
    "</code><script>alert(1)</script>",
    "`x` | ![i](http://x/y.png) @team",
    "::error::gone\nnext",
    "\ud800 lone",
    "=cmd|' /C calc'!A0",
    "\x00\x08\x0b",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_value_is_no_markup_anywhere(tmp_path: Path, text: str) -> None:
    run = audit(tmp_path, json.dumps(started(extra=text)).encode())
    assert run.code == 1, run.err
    for kind in LABELLED:
        seen = (tmp_path / f"out.{kind}").read_bytes().decode("utf-8")
        assert not [char for char in seen if char != "\n" and not char.isprintable()]
    assert "<script" not in (tmp_path / "out.html").read_text("utf-8")


@given(st.text(max_size=300))
def test_a_shown_value_is_bounded_and_printable(text: str) -> None:
    redactor = Redactor(frozenset(), reveal=Reveal.VALUES)
    event = Event(Place(0, 0, 0, 0, 1), {"a": text}, None, None, "unknown")
    shown = redactor.finding("r", Level.NOTE, Breach(("a",), "x"), event, Veil()).value
    assert shown == Revealed(visible(text[:200]), len(text))
    assert isinstance(shown, Revealed)
    assert len(shown.text) <= 2000
    assert not [char for char in shown.text if unicodedata.category(char)[0] == "C"]


def test_without_a_veil_a_redactor_shows_nothing() -> None:
    event = Event(Place(0, 0, 0, 0, 1), {"a": "b"}, None, None, "unknown")
    assert (
        Redactor(frozenset(), reveal=Reveal.VALUES).finding("r", Level.NOTE, Breach(("a",), "x"), event).value is None
    )
    assert Redactor(frozenset()).finding("r", Level.NOTE, Breach(("a",), "x"), event, Veil()).value is None


# ---- what is never shown -------------------------------------------------------------------------------------------


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


FORMS: dict[str, object] = {
    "as it is": CANARY,
    "in a sentence": f"row was {CANARY}, it said",
    "in base64": b64(f"xx {CANARY} yy"),
    "in base64 twice": b64(b64(CANARY)),
    "backwards": CANARY[::-1],
    "hashed": hashlib.sha256(EMAIL.encode()).hexdigest(),
    "in other letters": CANARY.upper(),
    "in a list of letters": list(CANARY),
    "in parts": [CANARY[:9], CANARY[9:]],
    "as numbers": list(CANARY.encode()),
    "in JSON in a text": json.dumps({"deep": [CANARY]}),
    "a short one inside a word": "abczq7k9def",
    "a salt": "x salt-of-ours y",
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_listed_value_stays_hidden_in_every_form(tmp_path: Path, form: object) -> None:
    (tmp_path / "seeds.csv").write_text(SEEDS, "utf-8")
    run = audit(tmp_path, started(extra=form, harmless="shown"), options=(*BOTH, "--seeds", "seeds.csv"))
    shown = values(tmp_path)
    assert shown.get("/harmless") == "shown"
    assert not [pointer for pointer in shown if pointer.startswith("/extra")]
    text = everything(tmp_path, run).casefold()
    leaked = [str(leaf) for leaf in (form if isinstance(form, list) else [form]) if len(str(leaf)) > 3]
    for part in (CANARY, EMAIL, "salt-of-ours", *leaked):
        assert part.casefold() not in text


@pytest.mark.parametrize(
    "value", [TOKEN, f"Bearer {TOKEN}", b64(f"token {TOKEN}"), f"postgres://app:{TOKEN}@db.internal/prod"]
)
def test_a_credential_stays_hidden(tmp_path: Path, value: str) -> None:
    run = audit(tmp_path, started(extra=value, harmless="shown"))
    assert result(tmp_path)["counts"]["rules"]["secret"] >= 1
    assert values(tmp_path) == {**values(tmp_path), "/harmless": "shown"}
    assert TOKEN not in everything(tmp_path, run)
    assert value not in everything(tmp_path, run)
    assert "never shown" in (tmp_path / "out.text").read_text("utf-8").replace("\n       ", " ")


@pytest.mark.parametrize("elsewhere", ["hunter2-of-maria", "it is hunter2-of-maria!", "hunter2"])
def test_a_password_that_its_name_tells_stays_hidden_under_other_names_too(tmp_path: Path, elsewhere: str) -> None:
    run = audit(tmp_path, started(password="hunter2-of-maria", note=elsewhere, harmless="shown"))
    assert result(tmp_path)["counts"]["rules"]["secret"] >= 1
    assert values(tmp_path).get("/harmless") == "shown"
    assert "hunter2" not in everything(tmp_path, run)


def test_a_credential_in_a_request_beside_telemetry_stays_hidden(tmp_path: Path) -> None:
    url = f"https://tracker.test/t?user={EMAIL}&token={TOKEN}"
    headers = [{"name": "Authorization", "value": f"Bearer {TOKEN}"}, {"name": "X-User", "value": EMAIL}]
    request = {"method": "GET", "url": url, "headers": headers}
    entry = {"startedDateTime": "2020-11-04T08:00:00Z", "request": request, "response": {"status": 200}}
    (tmp_path / "c.har").write_text(json.dumps({"log": {"version": "1.2", "entries": [entry]}}), "utf-8")
    wanted = [part for kind in LABELLED for part in ("-o", f"{kind}=out.{kind}")]
    run = invoke("check", "c.har", "-q", *BOTH, *wanted, cwd=tmp_path)
    assert run.code == 1
    assert "secret" in result(tmp_path)["counts"]["rules"]
    assert EMAIL in values(tmp_path).values()
    assert TOKEN not in everything(tmp_path, run)


def test_of_a_key_that_stands_twice_no_value_is_shown_under_the_wrong_finding(tmp_path: Path) -> None:
    line = compact(started(extra=1)).replace(b'"extra":1', f'"extra":"{TOKEN}","extra":"harmless"'.encode())
    run = audit(tmp_path, line)
    assert TOKEN not in everything(tmp_path, run)


def test_an_event_that_was_not_searched_to_its_end_shows_nothing(tmp_path: Path) -> None:
    (tmp_path / "seeds.csv").write_text(SEEDS, "utf-8")
    bulk = {f"f{n}": b64(f"{n} " + "filler text of no use " * 400) for n in range(400)}
    audit(tmp_path, started(extra="harmless", **bulk), options=(*BOTH, "--seeds", "seeds.csv"))
    assert result(tmp_path)["coverage"]["gaps"]
    assert "/extra" not in values(tmp_path)


# ---- the same bytes ------------------------------------------------------------------------------------------------


def test_processes_and_order_change_no_byte(tmp_path: Path) -> None:
    events = [page_load(messageId=f"ajs-{n}", extra=f"v{n % 7}", other="o" * (n % 300)) for n in range(600)]
    (tmp_path / "c.jsonl").write_bytes(jsonl(*events))
    seen = set()
    for jobs in ("1", "2"):
        invoke("check", "c.jsonl", "-q", *BOTH, "-j", jobs, "-o", "json=out.json", "-o", "html=out.html", cwd=tmp_path)
        seen.add(((tmp_path / "out.json").read_bytes(), (tmp_path / "out.html").read_bytes()))
    assert len(seen) == 1
    assert values(tmp_path)


@settings(max_examples=10, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.sampled_from([EMAIL, CANARY, TOKEN, b64(CANARY), "plain"]), min_size=1, max_size=4))
def test_no_mixture_lets_a_listed_value_or_a_credential_through(tmp_path: Path, mixed: list[str]) -> None:
    (tmp_path / "seeds.csv").write_text(SEEDS, "utf-8")
    run = audit(tmp_path, page_load(messageId="ajs-1", extra=mixed), options=(*BOTH, "--seeds", "seeds.csv"))
    text = everything(tmp_path, run)
    assert not [part for part in (EMAIL, CANARY, TOKEN, b64(CANARY)) if part in text]
