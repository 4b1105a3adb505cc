"""Reports of hostile names: whatever stands in a result, no reader's parser sees another structure than that of a tame one.

Each format is read by a parser that is not ours: html5lib, markdown-it with GitHub's tables and links, the csv module.
"""

from __future__ import annotations

import base64
import csv
import functools
import hashlib
import io
import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

import html5lib
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from audit.engine.result import Result
from audit.writers import markdown, writer
from tests.conftest import CAPTURES, Json, active, invoke, jsonl, page_load

EVIL = (
    "<img src=x onerror=alert(1)>",
    "</title></style></script><script>alert(1)</script>",
    "\"'><svg onload=alert(1)>",
    "<!--",
    "]]>",
    "{{ 7 * 7 }}{% raw %}",
    "a | b || c",
    "a `b`` c``` d",
    "`",
    "``",
    "[text](https://fabrikam.test/x) ![i](https://fabrikam.test/i.png)",
    "https://fabrikam.test/?a=b www.fabrikam.test ann@fabrikam.test",
    "@everyone #1 GH-1 :tada: **bold** __bold__ ~~gone~~ <b>",
    "line\n\n# heading\n- item\n> quote\n| a | b |",
    "::error file=x::text%0A",
    "\x1b]8;;https://fabrikam.test\x07click\x1b]8;;\x07\x1b[2J",
    "\u202egnp.exe \u2066\u200b\ufeff\x00\x0b\x85\u2028",
    "=cmd|' /C calc'!A0",
    "+1+1",
    "-1+1",
    "@SUM(1+1)*cmd",
    "\t=1+1",
    "\r=1+1",
    "\uff1d1+1",
    " =1+1",
    'a","b\n"c',
    "\ud800",
    "\U0001f600" * 200,
    "x" * 5000,
)

KEPT = {"unknown", "*"}
SWAPPED = set(
    "name title revision headline quotes reason limit hint origin origins event events field fields pointer host message"
    " message_id input path purpose scheme addresses category unreadable parameters custody subject"
    " types words encodings owner file files conclusion attributes outcome".split()
)


def swapped(result: Json, form: Callable[[int], str]) -> Result:
    """The result with every text that something foreign may have named put in another form: the same text the same way."""
    known: dict[str, str] = {}

    def text(old: str) -> str:
        if old in KEPT:
            return old
        new = known.setdefault(old, form(len(known)))
        return "/" + new.replace("/", "").replace("~", "") if old.startswith("/") else new

    def walk(value: Any, key: str, *, names: bool) -> Any:
        if isinstance(value, dict):
            foreign = key in ("origins", "events", "unreadable", "gaps", "left_out")
            return {
                (text(name) if foreign and names else name): walk(v, name, names=names) for name, v in value.items()
            }
        if isinstance(value, list):
            return [walk(child, key, names=names and key != "events") for child in value]
        return text(value) if isinstance(value, str) and key in SWAPPED else value

    whole = {key: walk(value, key, names=key in ("coverage", "unreadable")) for key, value in result.items()}
    whole["parameters"] = {text(key): text(str(value)) for key, value in result["parameters"].items()}
    says = {"captured_by": text("me"), "sensitivity": text("secret"), "filtered": False}
    whole["custody"] = {"file": text("c.toml"), "sha256": "0" * 64, "says": says}
    whole["policy"]["id"] = text("id")
    return whole  # type: ignore[return-value]  # the same shape


@functools.cache
def base() -> Json:
    """A result with something in every part of a report."""
    bad = {**page_load(), "extra": "x"}
    twice = jsonl(active()).replace(b'"event"', b'"event":"x","event"', 1)
    nobody = {"type": "identify", "userId": "u", "messageId": "ajs-1"}
    log = CAPTURES.joinpath("three-samples.jsonl").read_bytes() + jsonl(*([active()] * 3), bad, nobody) + twice + b"{\n"
    run = invoke(
        "check", "-", "-o", "json", "--inventory", "--measures", "--opted-out-at", "2020-11-04T08:00:00Z", stdin=log
    )
    result: Json = json.loads(run.out)
    moment = "2020-11-04T08:00:00.000Z"
    result["destinations"] = [
        {
            "host": "a.test",
            "port": 443,
            "scheme": "https",
            "contacts": 1,
            "class": "unnamed",
            "purpose": "telemetry",
            "attempted": 1,
            "connected": 1,
            "bytes_out": 2,
            "first": moment,
            "last": None,
        }
    ]
    result["groups"][0]["host"] = "a.test"
    about = {"rule": "email-address", "event": "Instance Active", "field": "/userId", "host": None}
    entry = {
        **about,
        "reason": "known",
        "owner": "ann",
        "expires": "2026-01-31",
        "cap": 3,
        "matched": 1,
        "state": "expired",
    }
    result["exceptions"] = {
        "on": "2026-02-01",
        "applied": True,
        "suppressed": 0,
        "files": [{"name": "exceptions.toml", "sha256": "0" * 64}],
        "entries": [entry, {**entry, "state": "in-force"}],
    }
    gone = {**about, "fingerprint": "ta1:" + "0" * 32, "level": "error"}
    result["baseline"] = {
        "file": {"name": "baseline.json", "sha256": "0" * 64},
        "revision": "2020-11",
        "known": 1,
        "new": 2,
        "gone": 1,
        "gone_entries": [gone],
    }
    result["groups"][0]["baseline"] = "known"
    result["coverage"]["searched"] |= {"words": "for nothing", "encodings": ["base64", "hex"], "left_out": {"short": 2}}
    row = {"event": "Instance Active", "every": 21_600_000, "tolerance": 900_000, "instances": 1, "intervals": 2}
    bins = [{"from": None, "to": 1_000, "intervals": 1}, {"from": 20_700_000, "to": 22_500_000, "intervals": 1}]
    result["timeline"]["intervals"] = [{**row, "bins": bins}]
    return result


def tame() -> Result:
    return swapped(base(), lambda number: f"x{number}")


def wild(evil: str) -> Result:
    return swapped(base(), lambda number: f"{evil}{number}")


def hostile(test: Callable[[str], None]) -> Callable[[], None]:
    """A test of one text, tried with every known trick and with made-up ones."""
    strange = st.text(
        st.characters(exclude_categories=()) | st.sampled_from("<>&\"'`|*_[]()!#@=+-~:\\\n\t\r/{}% "), max_size=30
    )
    tried = settings(max_examples=12, deadline=None)(given(evil=strange)(test))
    return functools.reduce(lambda found, evil: example(evil=evil)(found), EVIL, tried)


# ---- HTML ----------------------------------------------------------------------------------------------------------


def tree(page: str) -> Any:
    """The page as a browser's parser reads it. Raises where it had to mend anything."""
    return html5lib.HTMLParser(tree=html5lib.getTreeBuilder("etree"), strict=True, namespaceHTMLElements=False).parse(
        page
    )


def structure(page: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(str(node.tag), tuple(sorted(node.attrib))) for node in tree(page).iter()]


@functools.cache
def tame_structure() -> list[tuple[str, tuple[str, ...]]]:
    return structure(writer("html")(tame()))


@hostile
def test_html_keeps_its_structure(evil: str) -> None:
    assert structure(writer("html")(wild(evil))) == tame_structure()


LIVE = "script link img iframe object embed form base video audio".split()


@pytest.mark.parametrize("evil", ["", "<script>"])
def test_html_holds_no_script_and_fetches_nothing(evil: str) -> None:
    page = writer("html")(wild(evil))
    for node in tree(page).iter():
        assert str(node.tag).rpartition("}")[2] not in (
            "script",
            "link",
            "img",
            "iframe",
            "object",
            "embed",
            "form",
            "base",
            "a:",
        )
        for name, value in node.attrib.items():
            assert not str(name).startswith("on")
            assert name not in ("src", "srcset", "style", "xlink:href")
            assert name != "href" or value.startswith("#")
    assert "url(" not in page
    assert "@import" not in page


def test_html_forbids_what_it_does_not_hold_and_its_style_is_the_allowed_one() -> None:
    page = writer("html")(tame())
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    allowed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{allowed}'; base-uri 'none'; form-action 'none'" in page


def test_html_links_and_labels_lead_somewhere() -> None:
    nodes = list(tree(writer("html")(tame())).iter())
    ids = [node.attrib["id"] for node in nodes if "id" in node.attrib]
    assert len(ids) == len(set(ids))
    for node in nodes:
        for name in ("aria-labelledby", "href"):
            for target in node.attrib.get(name, "").split():
                assert target.removeprefix("#") in ids, target


SECTIONS = (
    "answer tested findings timelines fields destinations anonymity exceptions baseline law method integrity glossary"
).split()


ABSENT = {
    "timeline": "Events over time: not stated in this result",
    "inventory": "Not measured in this run",
    "measures": "Not measured in this run",
    "exceptions": "Not stated: no suppressions were given",
    "baseline": "Not stated: no baseline was given",
    "findings": "That is worth as much as",
}


@pytest.mark.parametrize("left_out", ABSENT)
def test_no_section_is_silently_missing(left_out: str) -> None:
    result: Json = {key: value for key, value in base().items() if key != left_out}
    if left_out == "findings":
        result |= {"findings": [], "groups": [], "claims": [], "inputs": [], "requirements": []}
    page = writer("html")(result)  # type: ignore[arg-type]  # a result of an older version
    for section in SECTIONS:
        assert f'<section aria-labelledby="{section}">' in page
    assert ABSENT[left_out] in page
    assert "no legal assessment" in page


def test_every_chart_has_a_title_a_description_and_its_numbers() -> None:
    found = tree(writer("html")(tame()))
    figures = list(found.iter("figure"))
    assert len(figures) >= 5
    for figure in figures:
        (drawing, *_) = [node for node in figure.iter() if str(node.tag).endswith("svg")]
        assert drawing.attrib["role"] == "img"
        assert [str(node.tag).rpartition("}")[2] for node in drawing][:2] == ["title", "desc"]
        assert len(list(figure.iter("table"))) == 1


def test_a_result_of_any_size_makes_a_page_that_opens() -> None:
    """10,000 groups of 100 findings: what is shown is bounded, and how much there is is said."""
    result: Json = dict(base())
    group, finding = result["groups"][0], result["findings"][0]
    fingerprints = [f"ta1:{number:032x}" for number in range(10_000)]
    result["groups"] = [{**group, "fingerprint": f, "count": 100, "shown": 3} for f in fingerprints]
    result["findings"] = [
        {**finding, "fingerprint": f, "level": group["level"]} for f in fingerprints for _ in range(3)
    ]
    result["claims"] = result["claims"] * 10
    result["inventory"]["fields"] = result["inventory"]["fields"] * 20
    page = writer("html")(result)  # type: ignore[arg-type]  # a result of hostile size
    assert len(page.encode()) < 3 << 20
    assert "Shown: 500 of 10,000 groups, the heaviest first" in page
    assert "Shown: 40 of 120 claims." in page
    assert f"Shown: 400 of {len(result['inventory']['fields']):,} fields." in page


# ---- Markdown ------------------------------------------------------------------------------------------------------


def reader() -> MarkdownIt:
    found = MarkdownIt("gfm-like", {"html": True, "linkify": True})
    assert found.linkify is not None
    found.linkify.set({"fuzzy_link": False})  # GitHub links bare domains only after www.
    return found


def blocks(text: str) -> Iterator[str]:
    """The blocks as GitHub's parser reads them; inside, only words, code and our own emphasis may stand."""
    for token in reader().parse(text):
        yield token.type
        for child in token.children or ():
            assert child.type in ("text", "code_inline", "strong_open", "strong_close", "softbreak"), (
                child,
                token.content,
            )


@hostile
def test_markdown_keeps_its_structure(evil: str) -> None:
    assert list(blocks(writer("markdown")(wild(evil)))) == list(blocks(writer("markdown")(tame())))


@hostile
def test_a_code_span_shows_what_it_was_given(evil: str) -> None:
    span = markdown.span(evil[:100])
    (paragraph,) = [token for token in reader().parse(f"a {span} z") if token.type == "inline"]
    kinds = [child.type for child in paragraph.children or ()]
    assert kinds in (["text", "code_inline", "text"], ["text"])


def test_prose_stays_prose_and_anything_else_is_code() -> None:
    assert markdown.prose("3 findings do not match: 2 email-address, 1 secret") == (
        "3 findings do not match: 2 email-address, 1 secret"
    )
    for alive in (
        "a_b",
        "<b>",
        "a|b",
        "see https://x.test",
        "www.x.test",
        ":tada:",
        "@ann",
        "#1",
        "GH-12",
        "*x*",
        "1. x",
    ):
        assert markdown.prose(alive).startswith("`"), alive


def test_mentions_and_references_stand_in_code_only() -> None:
    text = writer("markdown")(wild("@everyone #1 GH-1 :tada: "))
    outside = re.sub(r"(`+).*?\1", "", text)
    assert not re.search(r"@everyone|#1|GH-1|:tada:", outside)


def test_markdown_stays_below_a_mebibyte() -> None:
    result: Json = dict(wild("\U0001f600|" * 400))
    for member in ("claims", "groups", "findings", "inputs", "requirements", "destinations"):
        result[member] = result[member] * (3_000 // max(len(result[member]), 1) + 1)
    result["unreadable"] = {f"{n}" + "\U0001f600|" * 400: n for n in range(3_000)}
    text = writer("markdown")(result)  # type: ignore[arg-type]  # a result of hostile size
    assert len(text.encode()) < 1 << 20
    assert "Shown: 100 of " in text


# ---- CSV -----------------------------------------------------------------------------------------------------------


@hostile
def test_csv_keeps_its_rows_and_no_cell_is_a_formula(evil: str) -> None:
    result = wild(evil)
    text = writer("csv")(result)
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert len(rows) == len(result["findings"]) == text.count("\n") - 1
    assert {len(row) for row in rows} == {len(header)}
    for cell in (cell for row in rows for cell in row):
        assert unicodedata.normalize("NFKC", cell).lstrip()[:1] not in ("=", "+", "-", "@")
        assert all(unicodedata.category(char)[0] != "C" for char in cell)


def test_csv_has_a_header_also_without_findings() -> None:
    (header,) = csv.reader(io.StringIO(writer("csv")({**tame(), "findings": []})))
    assert header[:3] == ["level", "rule", "claims"]


# ---- every other text ----------------------------------------------------------------------------------------------


@hostile
def test_the_terminal_gets_no_control_characters(evil: str) -> None:
    for line in writer("text")(wild(evil)).splitlines():
        assert all(unicodedata.category(char)[0] != "C" for char in line)


@pytest.mark.parametrize("kind", ["text", "markdown", "csv", "html"])
def test_bytes_depend_on_the_result_alone(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = writer(kind)(tame())
    for name, value in (("TZ", "Asia/Kolkata"), ("SOURCE_DATE_EPOCH", "1"), ("LC_ALL", "de_DE.UTF-8")):
        monkeypatch.setenv(name, value)
    assert writer(kind)(tame()) == first


@pytest.mark.parametrize("wide", range(40, 80, 3))
def test_no_line_of_the_text_is_a_command_of_a_job_log(wide: int) -> None:
    """Wherever a line is broken. Runners also look behind blanks, and for their older form anywhere."""
    command = re.compile(r"^\s*::.*::|##\[", re.MULTILINE)
    for evil in ("::error file=x::gone", "::stop-commands::x", "##[error]gone"):
        text = writer("text")(swapped(base(), f"{'a' * wide} {evil} {{}}".format))
        assert command.search(text) is None


def test_an_address_of_colons_is_no_command() -> None:
    result = {**base(), "headline": "::1 and ::ffff:0:1"}
    assert "::1 and" in writer("text")(result)  # type: ignore[arg-type]  # another headline
