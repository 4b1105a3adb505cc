"""The HTML report in a real browser: it opens, prints, reads aloud, and stays what it is whatever stands in it.

Runs where Chromium is found; `make proof` demands it, and axe-core beside it.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.engine.result import Result
from audit.writers import writer
from tests.browser import Browser, browser, found
from tests.conftest import CAPTURES, ROOT, invoke, started
from tests.make_reports import CASES, REPORTS
from tests.test_hostile_reports import EVIL, base, tame, wild

PROOF = "TELEMETRY_AUDIT_PROOF" in os.environ
MODULES = Path(os.environ.get("TELEMETRY_AUDIT_NODE_MODULES", ROOT / ".proof" / "node_modules"))
AXE = MODULES / "axe-core" / "axe.min.js"
PAGES = [f"{case}.html" for case in CASES]
BOTH = ("--reveal", "values", "--i-understand-this-report-holds-personal-data")
STRUCTURE = """[...document.querySelectorAll('*')].map(
  node => [node.tagName, node.namespaceURI, ...[...node.attributes].map(one => one.name).sort()].join(' '))"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = found()
    if program is None:
        if PROOF:
            pytest.fail("the proofs need Chromium: install it")
        pytest.skip("no Chromium here")
    with browser(program, tmp_path_factory.mktemp("browser")) as running:
        yield running


@pytest.fixture
def revealed(tmp_path: Path) -> Path:
    path = tmp_path / "revealed.html"
    assert invoke("check", CAPTURES / "python-segment.jsonl", "-q", *BOTH, "-o", f"html={path}").code == 1
    return path


def page(directory: Path, result: Result) -> Path:
    path = directory / "report.html"
    path.write_bytes(writer("html")(result).encode("utf-8", "backslashreplace"))
    return path


def large() -> Result:
    """10,000 groups of 100 findings each, and a table of every kind at its bound."""
    result: dict[str, Any] = dict(base())
    group, finding = result["groups"][0], result["findings"][0]
    fingerprints = [f"ta1:{number:032x}" for number in range(10_000)]
    result["groups"] = [{**group, "fingerprint": f, "count": 100, "shown": 3} for f in fingerprints]
    result["findings"] = [
        {**finding, "fingerprint": f, "level": group["level"]} for f in fingerprints for _ in range(3)
    ]
    result["claims"] = [{**row, "id": f"{row['id']}-{number}"} for number in range(40) for row in result["claims"]]
    result["inputs"], result["destinations"] = result["inputs"] * 500, result["destinations"] * 500
    result["inventory"]["fields"] = result["inventory"]["fields"] * 20
    return result  # type: ignore[return-value]  # a result of hostile size


# ---- it opens ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PAGES)
def test_it_opens_without_a_complaint_and_asks_nobody_for_anything(chromium: Browser, name: str) -> None:
    chromium.open(REPORTS / name)
    assert chromium.complaints() == []
    assert chromium.requests() == [(REPORTS / name).as_uri()]
    assert chromium.value("document.scripts.length + document.images.length + document.links.length") == chromium.value(
        "document.querySelectorAll('a[href^=\"#\"]').length"
    )
    assert chromium.value("document.compatMode") == "CSS1Compat"


def test_the_largest_page_opens_within_two_seconds(chromium: Browser, tmp_path: Path) -> None:
    path = page(tmp_path, large())
    assert path.stat().st_size < 3 << 20
    chromium.open(path)
    took = chromium.value("performance.getEntriesByType('navigation')[0].loadEventEnd")
    assert took < 2000 or not PROOF, took  # beside other work, a machine may take longer
    assert chromium.complaints() == []


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_no_width_of_screen_makes_the_page_itself_scroll_sideways(chromium: Browser, width: int) -> None:
    chromium.ask("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=False)
    try:
        chromium.open(REPORTS / "four-days.html")
        assert chromium.value("document.documentElement.scrollWidth") <= width
    finally:
        chromium.ask("Emulation.clearDeviceMetricsOverride")


def test_light_and_dark_are_two_pictures_of_the_same_page(chromium: Browser, tmp_path: Path) -> None:
    seen = {}
    for scheme in ("light", "dark"):
        chromium.scheme(scheme)
        chromium.open(REPORTS / "four-days.html")
        colour = chromium.value("getComputedStyle(document.body).backgroundColor")
        seen[scheme] = (colour, chromium.picture(tmp_path / f"{scheme}.png").read_bytes())
    chromium.scheme("light")
    assert seen["light"][0] == "rgb(255, 255, 255)"
    assert seen["dark"][0] != seen["light"][0]
    assert seen["dark"][1] != seen["light"][1]
    assert all(data.startswith(b"\x89PNG") for _, data in seen.values())


# ---- it prints -----------------------------------------------------------------------------------------------------


def sheets(data: bytes, directory: Path) -> list[str]:
    """The text of each page of a PDF."""
    assert data.startswith(b"%PDF")
    program = shutil.which("pdftotext")
    if program is None:
        if PROOF:
            pytest.fail("the proofs need pdftotext: install poppler-utils")
        pytest.skip("no pdftotext here")
    path = directory / "report.pdf"
    path.write_bytes(data)
    done = subprocess.run([program, "-layout", path, "-"], capture_output=True, check=True)
    return done.stdout.decode().split("\f")[:-1]


def test_it_prints_on_a4_with_numbered_pages(chromium: Browser, tmp_path: Path) -> None:
    chromium.open(REPORTS / "four-days.html")
    data = chromium.pdf()
    boxes = {tuple(map(float, box.split())) for box in re.findall(rb"/MediaBox\s*\[([^\]]+)\]", data)}
    assert {(round(width), round(height)) for _, _, width, height in boxes} == {(595, 842)}
    texts = sheets(data, tmp_path)
    assert 3 <= len(texts) <= 30
    for number, text in enumerate(texts, 1):
        assert f"Page {number} of {len(texts)}" in text
        assert "No legal assessment" in text
        assert "no captured value" in text


def test_every_printed_page_says_that_values_are_revealed(chromium: Browser, tmp_path: Path, revealed: Path) -> None:
    chromium.open(revealed)
    texts = sheets(chromium.pdf(), tmp_path)
    assert len(texts) > 3
    for text in texts:
        assert text.count("HOLDS PERSONAL DATA") >= 2  # head and foot
        assert "no captured value" not in text


def test_a_screen_shows_the_label_wherever_one_reads(chromium: Browser, revealed: Path) -> None:
    chromium.open(revealed)
    chromium.value("window.scrollTo(0, document.body.scrollHeight)")
    top = chromium.value("document.querySelector('.holds').getBoundingClientRect().top")
    assert top == 0


# ---- whatever stands in it -----------------------------------------------------------------------------------------


def test_hostile_names_change_nothing_of_the_page_that_a_browser_builds(chromium: Browser, tmp_path: Path) -> None:
    chromium.open(page(tmp_path, tame()))
    wanted = chromium.value(STRUCTURE)
    assert len(wanted) > 500
    for evil in EVIL if PROOF else EVIL[::3]:
        chromium.open(page(tmp_path, wild(evil)))
        assert chromium.value(STRUCTURE) == wanted, evil
        assert chromium.complaints() == [], evil
        assert len(chromium.requests()) == 1, evil


def test_hostile_values_that_are_revealed_change_nothing_either(chromium: Browser, tmp_path: Path) -> None:
    seen = set()
    for text in (
        "plain words",
        "</code><script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "\u202e\x1b[2J \x00 \ud800",
    ):
        (tmp_path / "c.jsonl").write_text(json.dumps(started(extra=text)) + "\n", "utf-8")
        assert invoke("check", "c.jsonl", "-q", *BOTH, "-o", "html=r.html", cwd=tmp_path).code == 1
        chromium.open(tmp_path / "r.html")
        assert chromium.complaints() == []
        assert len(chromium.requests()) == 1
        seen.add(json.dumps(chromium.value(STRUCTURE)))
    assert len(seen) == 1


# ---- for everyone --------------------------------------------------------------------------------------------------

RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", [*PAGES, "revealed", "everything"])
def test_axe_finds_nothing(
    chromium: Browser, tmp_path: Path, request: pytest.FixtureRequest, name: str, scheme: str
) -> None:
    if not AXE.is_file():
        if PROOF:
            pytest.fail("the proofs need axe-core: make proof installs it with npm")
        pytest.skip("one of the long proofs, with axe-core: make proof")
    path = REPORTS / name
    if name == "revealed":
        path = request.getfixturevalue("revealed")
    elif name == "everything":
        path = page(tmp_path, base())  # type: ignore[arg-type]  # a result with something in every part
    chromium.scheme(scheme)
    try:
        chromium.open(path)
        chromium.value(AXE.read_text("utf-8") + ";0")
        options = json.dumps({"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]})
        told = chromium.value(f"axe.run(document, {options}).then(done => JSON.stringify(done.violations))")
    finally:
        chromium.scheme("light")
    broken = [(rule["id"], [node["html"][:200] for node in rule["nodes"][:3]]) for rule in json.loads(told)]
    assert broken == []
