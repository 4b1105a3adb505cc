"""`telemetry-audit check`: captures in, verdicts out."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from audit.cli.consent_options import consent_options, gather
from audit.cli.custody import custody_of, custody_option
from audit.cli.gate_options import gate_of, gate_options, targets
from audit.cli.hosts import host_options, territory_of
from audit.cli.input_format import forced, input_format_option
from audit.cli.limit_options import limit_options, limits_of
from audit.cli.options import check_targets, load_policy, sources_of
from audit.cli.outputs import choose, output_option, save, write
from audit.cli.reveal import reveal_of, reveal_options
from audit.cli.running import fold, teller
from audit.cli.seed_options import gather_seeds, seed_options
from audit.engine.parse import Limits
from audit.engine.requirements import AIR_GAP, ENCRYPTED, REQUIREMENTS
from audit.engine.result import Result
from audit.engine.run import Auditor
from audit.engine.seen import CONSENT_RULES
from audit.engine.settle import settle
from audit.engine.silence import crowded
from audit.extras import missing
from audit.gate.baseline import render as render_baseline
from audit.gate.decided import decided
from audit.model import Reveal
from audit.policy.pack import Policy
from audit.redact import visible
from audit.runners.marks import MarkStore
from audit.sources.inputs import Input, NoSuchInput, find
from audit.writers.files import is_kept
from audit.writers.findings import FindingsFile

EPILOG = """\b
Examples:
  telemetry-audit check logs.jsonl
  telemetry-audit check trace.har dump.mitm logs.jsonl.gz --own-host app.example.com
  telemetry-audit check trace.pcap --air-gapped
  telemetry-audit check logs/ -o json=result.json --require server-no-other-data
  zcat events.gz | telemetry-audit check - -p ./my-policy

Nothing is sent anywhere, and no captured value is printed (but see --reveal): findings give place, pointer and shape."""


@click.command(epilog=EPILOG)
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...")
@click.option(
    "-p",
    "--policy",
    "policy_name",
    default="appsmith/2020-11",
    show_default=True,
    metavar="NAME|DIR",
    help="The policy pack to judge by.",
)
@output_option
@click.option(
    "--findings",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Write every finding here as JSON lines, not only the examples.",
)
@click.option(
    "--origin",
    "origins",
    multiple=True,
    metavar="FILE=ORIGIN",
    help="Who sent the events of a capture, where their names do not tell. Repeatable.",
)
@seed_options
@consent_options
@host_options
@custody_option
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning", "note", "never"]),
    default="error",
    show_default=True,
    help="The lowest level of finding that makes the exit code 1.",
)
@click.option(
    "--require",
    "required",
    multiple=True,
    metavar="CLAIM|all",
    help="Exit code 4 unless this claim, or requirement such as air-gap, was exercised and decided. Repeatable.",
)
@gate_options
@click.option(
    "--examples",
    type=click.IntRange(1, 1000),
    default=3,
    show_default=True,
    help="Findings shown of each group; all are counted.",
)
@reveal_options
@limit_options
@input_format_option
@click.option(
    "--inventory/--no-inventory",
    default=None,
    help="Count every field seen, which takes longer. Default: when HTML is asked for.",
)
@click.option(
    "-j",
    "--jobs",
    type=click.IntRange(1, 256),
    default=1,
    show_default=True,
    metavar="N",
    help="Read with N processes. The result is the same, byte for byte.",
)
@click.option(
    "--measures",
    is_flag=True,
    help="Measure what the data's anonymity rests on: identifiers, their persistence, how many subjects are unique. "
    "Needs pandas (the extra `measures`), and takes longer.",
)
@click.option(
    "--engine",
    type=click.Choice(["processes", "dask"]),
    default="processes",
    show_default=True,
    help="What runs the processes; dask needs the extra [dask].",
)
@click.option(
    "--scheduler", metavar="ADDRESS", help="A Dask cluster, such as tcp://HOST:8786. Default: -j processes here."
)
@click.option("-q", "--quiet", is_flag=True, help="No text on stdout; the exit code and the outputs asked for remain.")
@click.option("-v", "--verbose", is_flag=True, help="Say on stderr how each capture was read.")
@click.option("--no-progress", is_flag=True, help="No progress on stderr (it is shown on a terminal only).")
def command(captures: tuple[str, ...], **options: Any) -> None:
    """Judge captured telemetry against what the vendor's page says, claim by claim.

    CAPTURE is a log of events (JSON lines, a JSON array or JSON objects), a HAR, a flow dump of mitmproxy or a packet
    capture (pcap, pcapng), plain, .gz, .bz2, .xz or .zst; an evidence directory of the proxy, another directory, a
    pattern, - for standard input, or s3://BUCKET/KEY or s3://BUCKET/PREFIX/ (extra [s3]). What a file is, is told by its
    content.
    """
    policy = load_policy(options["policy_name"])
    inputs = forced(_inputs(captures), options["input_formats"])
    origins = _origins(options["origins"], inputs, policy)
    _check_required(options["required"], policy, air_gapped=options["air_gapped"])
    outputs = choose(options["outputs"], quiet=options["quiet"])
    reveal = reveal_of(options, outputs)
    paths = [output.path for output in outputs if output.path is not None]
    gate = gate_of(options, policy)
    written = [*paths, *([options["findings"]] if options["findings"] else []), *targets(options)]
    check_targets(written, [*(c.path for c in inputs if c.path is not None), *sources_of(options)])
    limits = limits_of(options)
    consent = gather(options, policy)
    seeds = gather_seeds(options, policy)
    for warning in (*consent.warnings, *seeds.warnings):
        click.echo(f"warning: {warning}", err=True)
    hosts = territory_of(options)
    custody = custody_of(options["custody"], inputs)
    if options["measures"] and find_spec("pandas") is None:
        raise click.UsageError(missing("--measures", "pandas", "measures"))
    counted = options["inventory"]
    inventory = any(output.format == "html" for output in outputs) if counted is None else counted
    parameters = {
        **_parameters(options, limits, origins, inputs),
        "inventory": inventory,
        **({"measures": True} if options["measures"] else {}),
        **({"reveal": reveal.value} if reveal is Reveal.VALUES else {}),
        **consent.parameters,
        **seeds.parameters,
        **hosts.parameters,
        **gate.parameters,
    }
    kit: dict[str, Any] = {
        "limits": limits,
        "consent": consent.table,
        "territory": hosts.territory,
        "seeds": seeds.search,
        "inventory": inventory,
        "measures": options["measures"],
        "reveal": reveal,
    }
    judged = _judge(Auditor(policy, **kit), kit, inputs, origins, parameters, options, custody)
    result = decided(judged, options["fail_on"], options["required"], gate.suppressions, gate.baseline)
    try:
        write(result, outputs)
    finally:
        _write_baseline(result, options["write_baseline"])
    sys.exit(result["gate"]["exit"])


def _write_baseline(result: Result, path: str | None) -> None:
    if path is None:
        return
    if result["overflow"]:
        click.echo("warning: findings that stand in no group are not in the baseline: they count as new", err=True)
    save(path, render_baseline(result))


def _judge(  # noqa: PLR0913 - one audit's whole environment
    auditor: Auditor,
    kit: dict[str, Any],
    inputs: list[Input],
    origins: dict[int, str],
    parameters: dict[str, Any],
    options: dict[str, Any],
    custody: dict[str, Any] | None,
) -> Result:
    """Read, fold and settle; the findings file, if asked for, takes its name at the end."""
    policy, consent = auditor.policy, auditor.consent
    with ExitStack() as stack:
        file = stack.enter_context(_findings_file(options["findings"])) if options["findings"] else None
        marks = stack.enter_context(MarkStore())
        progress = stack.enter_context(_progress(hidden=options["no_progress"]))

        rows = file.add if file is not None else None
        tally, facts = fold(auditor, kit, inputs, origins, marks, rows, progress, options)
        if options["verbose"]:
            for fact in facts:
                told = f"etag {fact.etag}" if fact.etag is not None else f"sha256 {fact.sha256}"
                click.echo(f"capture {fact.name}: read as {fact.format}, {fact.bytes:,} bytes, {told}", err=True)
        listen = teller(auditor, inputs, rows)
        result = settle(
            policy,
            tally,
            facts,
            parameters,
            consent,
            marks.sorted,
            listen,
            air_gapped=options["air_gapped"],
            custody=custody,
            seeds=auditor.seeds,
        )
        if file is not None:
            softer = CONSENT_RULES if consent is not None and crowded(consent, tally) else frozenset[str]()
            file.finish([row for row in result["findings"] if row["input"] is None], softer)
    return result


def _findings_file(path: str) -> FindingsFile:
    if is_kept(Path(path)):  # rows may still change at the end: what was sent into a pipe cannot be taken back
        raise click.UsageError(f"--findings {visible(path)} is a device or a pipe: name a file")
    try:
        return FindingsFile(path)
    except OSError as error:
        raise click.UsageError(f"{visible(path)} cannot be written: {error.strerror}") from None


def _inputs(captures: Sequence[str]) -> list[Input]:
    if captures.count("-") > 1:
        raise click.UsageError("standard input (-) can be read once only")
    try:
        return find(captures)
    except NoSuchInput as error:
        raise click.UsageError(f"{error}. Nothing was read.") from None


def _origins(pairs: Sequence[str], inputs: list[Input], policy: Policy) -> dict[int, str]:
    known = {origin.name for origin in policy.origins}
    found: dict[int, str] = {}
    for pair in pairs:
        name, equals, origin = pair.rpartition("=")
        if not equals or origin not in known:
            raise click.UsageError(
                f"--origin {visible(pair)}: write FILE=ORIGIN, with an origin of the policy: {', '.join(sorted(known))}"
            )
        mine = [
            i.index
            for i in inputs
            if name in (i.name, i.path) or (i.path and Path(name) in (Path(i.path), *Path(i.path).parents))
        ]
        if not mine:
            raise click.UsageError(f"--origin {visible(pair)}: no capture of that name was given")
        for index in mine:
            if found.get(index, origin) != origin:
                raise click.UsageError(f"--origin: {visible(name)} is given two origins")
            found[index] = origin
    return found


def _check_required(required: Sequence[str], policy: Policy, *, air_gapped: bool) -> None:
    if policy.draft:
        if required:
            raise click.UsageError(
                "--require: the policy is a draft that nobody has reviewed; settle its open points, then remove `draft = true`"
            )
        click.echo("warning: the policy is a draft: it says what was captured, not what a page promises", err=True)
    testable = [claim.id for claim in policy.claims if claim.not_testable is None]
    for name in required:
        if name not in ("all", *testable, *REQUIREMENTS, ENCRYPTED, AIR_GAP):
            known = f"{', '.join(testable)}; or a requirement: {', '.join((*REQUIREMENTS, ENCRYPTED, AIR_GAP))}"
            raise click.UsageError(
                f"--require {visible(name)}: no claim of that name can be tested; use all or one of: {known}"
            )
    if AIR_GAP in required and not air_gapped:
        raise click.UsageError(f"--require {AIR_GAP}: add --air-gapped, which asks for it")


def _parameters(
    options: dict[str, Any], limits: Limits, origins: dict[int, str], inputs: list[Input]
) -> dict[str, Any]:
    told = {capture.name: capture.forced.value for capture in inputs if capture.forced is not None}
    return {
        "fail_on": options["fail_on"],
        "require": sorted(set(options["required"])),
        "examples": options["examples"],
        "origins": {inputs[index].name: origin for index, origin in sorted(origins.items())},
        **({"input_format": told} if told else {}),
        **limits._asdict(),
    }


@dataclass(slots=True)
class _Progress:
    """How many units were judged so far; `shown`: as a running count on stderr."""

    shown: bool
    units: int = 0

    def __call__(self, units: int) -> None:
        self.units = units
        if self.shown:
            click.echo(f"\rread {units:,} units", nl=False, err=True)


@contextmanager
def _progress(*, hidden: bool) -> Iterator[_Progress]:
    """A running count, on a terminal only. Who interrupts it is told how far it came."""
    progress = _Progress(shown=not hidden and sys.stderr.isatty())
    try:
        yield progress
    except KeyboardInterrupt as stop:
        raise type(stop)(f"after {progress.units:,} units were judged") from None
    finally:
        if progress.shown:
            click.echo("\r\x1b[K", nl=False, err=True)
