"""The outcomes of `policy test` as JUnit XML: one test case a file of the pack, one for the mutants of each event."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from audit.authoring.trial import Outcome, Trial

_FORBIDDEN = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _text(text: str) -> str:
    """XML 1.0 knows no control characters: one makes the whole file unreadable."""
    return _FORBIDDEN.sub("?", text)


def junit(runs: Sequence[tuple[str, Trial]]) -> str:
    """The report over all packs. No times: the same packs give the same bytes."""
    root = Element("testsuites", name="telemetry-audit policy test")
    root.set("tests", str(sum(len(run.outcomes) for _, run in runs)))
    root.set("failures", str(sum(len(run.failed) for _, run in runs)))
    root.set("errors", "0")
    for pack, run in runs:
        for group in dict.fromkeys(outcome.group for outcome in run.outcomes):
            _suite(root, pack, group, [outcome for outcome in run.outcomes if outcome.group == group])
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _suite(root: Element, pack: str, group: str, outcomes: Sequence[Outcome]) -> None:
    suite = SubElement(root, "testsuite", name=_text(f"{pack} {group}"), tests=str(len(outcomes)))
    suite.set("failures", str(sum(outcome.fault is not None for outcome in outcomes)))
    suite.set("errors", "0")
    for outcome in outcomes:
        case = SubElement(suite, "testcase", name=_text(outcome.name), classname=_text(f"{pack}.{group}"))
        if outcome.fault is not None:
            failure = SubElement(case, "failure", message=_text(outcome.fault), type=group)
            failure.text = _text("\n".join((outcome.fault, *outcome.details)))
