"""The detectors over a corpus that shares no code with them: recall of each family, and silence on what looks alike."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import NamedTuple

import pytest

from tests.conftest import Json, page_load
from tests.corpus import Specimen, leaks, look_alikes
from tests.within import APPSMITH, auditor_of, event

CONTENT = frozenset({"email-address", "secret", "personal-data", "datasource-payload"})


class Recall(NamedTuple):
    family: str
    found: int
    of: int


def holding(specimen: Specimen) -> Json:
    """A documented event with the specimen in it."""
    value = page_load()
    if specimen.where == "title":
        value["context"]["page"]["title"] = specimen.value
    else:
        value["properties"][specimen.where] = specimen.value
    return value


def rules_of(specimen: Specimen) -> set[str]:
    return {finding.rule for finding in event(auditor_of(APPSMITH), holding(specimen)).findings} & CONTENT


@cache
def recall() -> tuple[Recall, ...]:
    found, of = Counter[str](), Counter[str]()
    for specimen in leaks():
        of[specimen.family] += 1
        found[specimen.family] += specimen.rule in rules_of(specimen)
    return tuple(Recall(family, found[family], number) for family, number in of.items())


@cache
def flagged() -> tuple[Recall, ...]:
    found, of = Counter[str](), Counter[str]()
    for specimen in look_alikes():
        of[specimen.family] += 1
        found[specimen.family] += bool(rules_of(specimen))
    return tuple(Recall(family, found[family], number) for family, number in of.items())
