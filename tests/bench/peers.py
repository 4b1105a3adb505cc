"""The whole check beside tools that check schemas, interleaved in one run: CPU and wall time, and what each refuses.

The peers do the schema part only. What is missing is fetched into a temporary folder; what cannot be had is "not run".
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from math import inf
from pathlib import Path
from typing import NamedTuple

from tests.bench.spend import AUDIT, PARSE, Spent, generate, spend
from tests.bench.spread import Spread, spread

LOOP = """
import json,sys
from jsonschema import Draft202012Validator
log,schemas=sys.argv[1:]
validators={name:Draft202012Validator(schema) for name,schema in json.load(open(schemas)).items()}
refused=0
for line in open(log,'rb'):
    try: event=json.loads(line)
    except ValueError: continue
    validator=validators.get(event.get('event'))
    if validator is not None and list(validator.iter_errors(event)): refused+=1
print(refused)
"""
AJV = """
const [log, schemas] = process.argv.slice(2)
const Ajv = require("ajv/dist/2020"), formats = require("ajv-formats"), fs = require("fs")
const ajv = new Ajv({strict: false})
formats(ajv)
const validators = new Map(Object.entries(JSON.parse(fs.readFileSync(schemas))).map(([n, s]) => [n, ajv.compile(s)]))
let refused = 0
require("readline").createInterface({input: fs.createReadStream(log), crlfDelay: Infinity})
  .on("line", line => {
    let event
    try { event = JSON.parse(line) } catch { return }
    const validate = validators.get(event.event)
    if (validate && !validate(event)) refused++
  })
  .on("close", () => console.log(refused))
"""
WHOLE, ALONE = "the whole check, all rules", "orjson.loads alone"
_NEVER = Spent(inf, inf, 0)
_FAILED = re.compile(r"(\d+) failed")
_PLACE = re.compile(r"^\$\[(\d+)\]")


class Peer(NamedTuple):
    """A tool. `commands`: what to run on a laid out log. `refused`: how many events it said do not fit, if it counts."""

    name: str
    commands: Callable[[Spread], list[Sequence[str]]]
    refused: Callable[[list[str]], int] | None = None
    env: Mapping[str, str] = {}


class Missing(NamedTuple):
    name: str
    why: str


def _first(outputs: list[str]) -> int:
    return int(outputs[0])


def _failed(outputs: list[str]) -> int:
    return sum(int(number) for out in outputs for number in _FAILED.findall(out))


def _places(outputs: list[str]) -> int:
    """How many elements of the arrays have an error."""
    paths = ([error["path"] for error in json.loads(out)["errors"]] for out in outputs)
    return sum(len({place[1] for path in found if (place := _PLACE.match(path))}) for found in paths)


def _check_jsonschema(folder: Path) -> Peer | Missing:
    name, home = "check-jsonschema", folder / "python"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(home), name]
    if subprocess.run(install, check=False, capture_output=True).returncode:
        return Missing(name, "pip could not install it")
    command = [sys.executable, "-m", "check_jsonschema", "--output-format", "json", "--schemafile"]
    [info] = home.glob("check_jsonschema-*.dist-info")
    return Peer(
        f"{name} {info.name.split('-')[1].removesuffix('.dist')}",
        lambda log: [[*command, str(kind.array_schema), str(kind.array)] for kind in log.types],
        _places,
        {"PYTHONPATH": str(home)},
    )


def of_node(folder: Path) -> list[Peer | Missing]:
    names = ("ajv over readline", "sourcemeta jsonschema --fast")
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return [Missing(name, "no node and npm here") for name in names]
    home = folder / "node"
    home.mkdir()
    install = [npm, "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(home)]
    packages = ("ajv", "ajv-formats", "@sourcemeta/jsonschema")
    if subprocess.run([*install, *packages], check=False, capture_output=True).returncode:
        return [Missing(name, "npm could not install it") for name in names]
    script, modules = home / "ajv.js", home / "node_modules"
    script.write_text(AJV, "utf-8")

    def named(text: str, package: str) -> str:
        told = json.loads((modules / package / "package.json").read_text("utf-8"))
        return f"{text} {told['version']}"

    tool = [str(modules / ".bin" / "jsonschema"), "validate", "--fast", "--continue", "--format-assertion"]
    return [
        Peer(named(names[0], "ajv"), lambda log: [[node, str(script), str(log.log), str(log.schemas)]], _first),
        Peer(
            named(names[1], "@sourcemeta/jsonschema"),
            lambda log: [[*tool, str(kind.schema), str(kind.lines)] for kind in log.types],
            _failed,
        ),
    ]


def present() -> list[Peer]:
    """Ourselves, the floor, and what needs nothing but the packages of the project."""
    return [
        Peer(WHOLE, lambda log: [[*AUDIT, str(log.log)]]),
        Peer(ALONE, lambda log: [[*PARSE, str(log.log)]]),
        Peer(
            f"json + jsonschema {version('jsonschema')} loop",
            lambda log: [[sys.executable, "-c", LOOP, str(log.log), str(log.schemas)]],
            _first,
        ),
    ]


def run(peer: Peer, log: Spread) -> tuple[Spent, int | None]:
    """What one tool costs on a log, and how many events it refused."""
    done = [spend(command, peer.env) for command in peer.commands(log)]
    total = Spent(sum(d.cpu for d in done), sum(d.wall for d in done), max(d.peak for d in done))
    return total, peer.refused([d.out for d in done]) if peer.refused is not None else None


def measure(events: int, rounds: int, folder: Path) -> None:
    """Print a row a tool: its start, seconds without it, and how many times the CPU of the whole check that is."""
    logs = []
    for name, number in (("small", 100), ("large", events)):
        generate(str(folder / f"{name}.jsonl"), number, 0.01)
        logs.append(spread(folder / f"{name}.jsonl", folder / name))
    small, large = logs
    there = [_able(peer, small) for peer in (*present(), _check_jsonschema(folder), *of_node(folder))]
    running = [peer for peer in there if isinstance(peer, Peer)]
    starts, taken = (dict.fromkeys((peer.name for peer in running), _NEVER) for _ in range(2))
    told: dict[str, int | None] = {}
    for _ in range(rounds):
        for peer in running:
            starts[peer.name] = starts[peer.name].least(run(peer, small)[0])
            spent, told[peer.name] = run(peer, large)
            taken[peer.name] = taken[peer.name].least(spent)
    print(f"{events:,} events, 1 % breaches, least of {rounds} rounds; the schemas refuse {large.refused} events")
    print(f"{'':<36} {'start':>8} {'CPU':>8} {'wall':>8} {'times ours':>11} {'of loads':>9}  refused")
    rest = {name: spent.less(starts[name]) for name, spent in taken.items()}
    for entry in there:
        if isinstance(entry, Missing):
            print(f"{entry.name:<36} not run: {entry.why}")
            continue
        start, mine = starts[entry.name].cpu, rest[entry.name]
        ours, loads = mine.cpu / rest[WHOLE].cpu, rest[ALONE].cpu / mine.cpu
        print(
            f"{entry.name:<36} {start:6.2f} s {mine.cpu:6.2f} s {mine.wall:6.2f} s {ours:11.2f} {loads:9.3f}"
            f"  {_said(told[entry.name], large.refused)}"
        )


def _able(peer: Peer | Missing, small: Spread) -> Peer | Missing:
    """A tool that does not answer on a small log is not run at all."""
    if isinstance(peer, Missing):
        return peer
    try:
        run(peer, small)
    except (ValueError, LookupError):
        return Missing(peer.name, "it failed on a small log")
    return peer


def _said(refused: int | None, known: int) -> str:
    if refused is None:
        return "-"
    return "as ours" if refused == known else f"{refused}: not as ours"
