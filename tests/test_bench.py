"""The benchmark's generator tells the truth, and the tool finds all of it and nothing else."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import orjson
import pytest

from tests.bench import peers
from tests.bench.__main__ import found
from tests.bench.generate import write
from tests.bench.spread import spread
from tests.bench.stages import STAGES, Pipeline
from tests.conftest import invoke


@pytest.mark.parametrize("spaced", [False, True], ids=["compact", "spaced"])
@pytest.mark.parametrize("share", [0.0, 0.5], ids=["clean", "dirty"])
def test_every_injected_breach_is_found_and_nothing_else(tmp_path: Path, share: float, spaced: bool) -> None:  # noqa: FBT001 - given by the test table
    truth = Counter(write(str(tmp_path / "log.jsonl"), 3000, share, seed=7, spaced=spaced))
    run = invoke("check", tmp_path / "log.jsonl", "-q", "--findings", tmp_path / "found.jsonl")
    assert run.code == (1 if share else 0)
    assert found(tmp_path / "found.jsonl") == truth
    assert bool(truth) is bool(share)


def test_the_log_laid_out_for_peers_holds_every_listed_event_and_tells_what_the_schemas_refuse(tmp_path: Path) -> None:
    write(str(tmp_path / "log.jsonl"), 400, 0.5, seed=7)
    laid = spread(tmp_path / "log.jsonl", tmp_path / "laid")
    lines = [kind.lines.read_bytes().splitlines() for kind in laid.types]
    arrays = [orjson.loads(kind.array.read_bytes()) for kind in laid.types]
    assert [[*map(orjson.loads, some)] for some in lines] == arrays
    assert 300 < sum(map(len, arrays)) < 400  # without cut lines and events that are not listed
    loop = next(peer for peer in peers.present() if peer.name.startswith("json + jsonschema"))
    assert peers.run(loop, laid)[1] == laid.refused > 50


def test_a_peer_that_is_not_there_is_named_as_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert all(isinstance(peer, peers.Missing) for peer in peers.of_node(tmp_path))


def test_each_stage_of_the_profile_runs_and_the_last_is_the_whole_check(tmp_path: Path) -> None:
    truth = write(str(tmp_path / "log.jsonl"), 200, 0.5, seed=7)
    for prefix in STAGES.values():
        pipeline = Pipeline(str(tmp_path / "log.jsonl"))
        pipeline.load()
        last = prefix(pipeline)
    assert sum(group["count"] for group in last["groups"] if group["rule"] == "query-text") == sum(
        true.rule == "query-text" for true in truth
    )
