"""The benchmark's generator tells the truth, and the tool finds all of it and nothing else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.bench.__main__ import found
from tests.bench.generate import write
from tests.conftest import invoke


@pytest.mark.parametrize("spaced", [False, True], ids=["compact", "spaced"])
@pytest.mark.parametrize("share", [0.0, 0.5], ids=["clean", "dirty"])
def test_every_injected_breach_is_found_and_nothing_else(tmp_path: Path, share: float, spaced: bool) -> None:  # noqa: FBT001
    truth = Counter(write(str(tmp_path / "log.jsonl"), 3000, share, seed=7, spaced=spaced))
    run = invoke("check", tmp_path / "log.jsonl", "-q", "--findings", tmp_path / "found.jsonl")
    assert run.code == (1 if share else 0)
    assert found(tmp_path / "found.jsonl") == truth
    assert bool(truth) is bool(share)
