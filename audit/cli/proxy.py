"""`telemetry-audit proxy`: live traffic in, evidence and verdicts out."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from time import monotonic
from typing import Any

import click

from audit.cli.consent_options import Consent, consent_options, gather
from audit.cli.custody import custody_option
from audit.cli.hosts import host_options, territory_of
from audit.cli.limit_options import limit_options, limits_of
from audit.cli.options import check_targets, load_policy, sources_of
from audit.cli.outputs import Output, choose, output_option, write
from audit.cli.proxy_options import listening, password, reverse_of, serving_options, trusted
from audit.cli.seed_options import gather_seeds, seed_options
from audit.engine.parse import Limits
from audit.engine.result import Result
from audit.engine.rows import InputFacts
from audit.engine.run import Auditor
from audit.engine.settle import settle
from audit.evidence import Failing, Store, Unusable, stored
from audit.extras import missing
from audit.gate.decided import decided
from audit.policy.pack import Policy
from audit.proxy import authority
from audit.proxy.guide import guide
from audit.proxy.live import Conduct, LiveAudit
from audit.proxy.verdicts import Conclude, Verdicts
from audit.proxy.words import Words
from audit.redact import visible
from audit.runners.marks import MarkStore
from audit.sources.custody import Custody, CustodyError, read
from audit.tally import Size as Bounds

EPILOG = """\b
Examples:
  telemetry-audit proxy
  telemetry-audit proxy --block --soft --evidence evidence/ -o json=result.json
  telemetry-audit proxy --mode reverse:https://api.segment.io
  telemetry-audit proxy ca show

Ctrl-C ends it and prints the full report. The evidence directory holds personal data, for its owner alone: judge it
again with `telemetry-audit check DIR`, and check its chain with `telemetry-audit verify DIR --head DIGEST`."""

_HOUR = 3600.0
_MARKS = 4 << 20
"""Bytes of marks in memory: less than a capture's, as they are read again and again beside the traffic."""


@click.group(invoke_without_command=True, epilog=EPILOG)
@serving_options
@click.option("-p", "--policy", "policy_name", default="appsmith/2020-11", show_default=True, metavar="NAME|DIR",
              help="The policy pack to judge by.")  # fmt: skip
@output_option
@consent_options
@host_options
@seed_options
@custody_option
@click.option("--fail-on", type=click.Choice(["error", "warning", "note", "never"]), default="error",
              show_default=True, help="The lowest level of finding that makes the exit code 1.")  # fmt: skip
@click.option("--examples", type=click.IntRange(1, 1000), default=3, show_default=True,
              help="Findings shown of each group; all are counted.")  # fmt: skip
@limit_options
@click.option("-q", "--quiet", is_flag=True, help="No text on stdout; the exit code and the outputs asked for remain.")
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Put the tool in front of the running product: judge its requests while they pass, and keep evidence.

    Every request is judged and written to the evidence directory before it is sent on.
    """
    options["block"] = not options["observe"]
    if ctx.invoked_subcommand is not None:
        ctx.obj = options
        return
    if find_spec("mitmproxy") is None:
        raise click.UsageError(missing("the proxy", "mitmproxy", "proxy"))
    if options["soft"] and not options["block"]:
        raise click.UsageError("--soft says how a refused request is answered: give --block too")
    sys.exit(_run(options))


@command.group()
def ca() -> None:
    """The proxy's own certificate authority."""


@ca.command()
@click.pass_obj
def show(options: dict[str, Any]) -> None:
    """Print where the certificate is, and its fingerprint."""
    directory = _ca_directory(options)
    try:
        digest = authority.fingerprint(directory)
    except authority.NoAuthority as error:
        raise click.UsageError(str(error)) from None
    click.echo(f"certificate  {visible(str(directory / authority.CERTIFICATE))}")
    click.echo(f"SHA-256      {digest}")
    click.echo("It is installed nowhere by this tool. Remove it from where you put it before you destroy it.")


@ca.command()
@click.pass_obj
def destroy(options: dict[str, Any]) -> None:
    """Remove the certificate and its key."""
    directory = _ca_directory(options)
    removed = authority.destroy(directory)
    where = visible(str(directory))
    click.echo(f"removed {removed} files from {where}" if removed else f"no CA in {where}: nothing was removed")


def _ca_directory(options: dict[str, Any]) -> Path:
    return Path(options["ca_dir"]) if options["ca_dir"] else authority.default_directory()


def _run(options: dict[str, Any]) -> int:
    policy = load_policy(options["policy_name"])
    outputs = choose(options["outputs"], quiet=options["quiet"])
    check_targets([output.path for output in outputs if output.path is not None], sources_of(options))
    consent, hosts, seeds = gather(options, policy), territory_of(options), gather_seeds(options, policy)
    for warning in (*consent.warnings, *seeds.warnings):
        _say(f"warning: {warning}")
    statement = _statement(options["custody"])
    host, port = listening(options)
    secret = password(options, host)
    trusted(options)
    try:
        authority.prepare(_ca_directory(options))
        store = _store(options)
    except (authority.NoAuthority, Unusable) as error:
        raise click.UsageError(str(error)) from None
    limits = limits_of(options)
    auditor = Auditor(policy, limits, consent.table, territory=hosts.territory, seeds=seeds.search)
    with MarkStore(_MARKS) as marks:
        conduct = Conduct(block=options["block"], everything=options["evidence_all"])
        live = LiveAudit(auditor, store, marks, Bounds(examples=options["examples"]), conduct, Words(_say))
        session = _Session(options, policy, live, {**hosts.parameters, **seeds.parameters}, consent, statement)
        try:
            session.begin()
            session.serve(host, port, secret)
            result = session.finish()
        finally:
            session.close()
            store.close()
    return _report(result, outputs, options)


def _report(result: Result, outputs: list[Output], options: dict[str, Any]) -> int:
    found = decided(result, options["fail_on"], ())
    write(found, outputs)
    return found["gate"]["exit"]


def _say(text: str) -> None:
    click.echo(text, err=True)


def _statement(path: str | None) -> Custody | None:
    try:
        return None if path is None else read(Path(path))
    except CustodyError as error:
        raise click.UsageError(f"--custody {error}") from None


def _store(options: dict[str, Any]) -> Store:
    now = datetime.now(UTC)
    directory = Path(options["evidence"] or f"evidence-{now:%Y%m%dT%H%M%SZ}")
    return Store.open(directory, {"begun": f"{now:%Y-%m-%dT%H:%M:%SZ}"})


class _Session:
    """One run of the command: what is said and written at its start, while it runs and at its end."""

    def __init__(  # noqa: PLR0913 - everything that a run of the command is made of
        self,
        options: dict[str, Any],
        policy: Policy,
        live: LiveAudit,
        chosen: dict[str, Any],
        consent: Consent,
        statement: Custody | None,
    ) -> None:
        self.options, self.policy, self.live, self.chosen, self.consent = options, policy, live, chosen, consent
        self.statement = statement
        self.store = live.store
        self._told = monotonic()
        self._verdicts = Verdicts(live, self._concluding)
        self._changed = _changed(options["consent_file"])

    def begin(self) -> None:
        if self.store.torn:
            _say(f"the evidence ends in a torn record of {self.store.torn:,} bytes, left by a writer that was ended")
        if self.store.records:
            self.live.resume()
        try:
            self.live.note(
                "session",
                policy={"id": self.policy.id, "revision": self.policy.revision, "sha256": self.policy.sha256},
                mode=self.options["mode"],
                conduct="block" if self.options["block"] else "observe",
                kept="all" if self.options["evidence_all"] else "telemetry",
            )
            statement = self.statement
            if statement is not None:
                name = f"custody-{statement.sha256[:16]}.toml"
                self.store.keep(name, statement.data)
                self.live.note("custody", file=name, sha256=statement.sha256)
        except Failing as error:
            raise click.UsageError(f"{visible(str(self.store.directory))}: {error}: evidence cannot be begun") from None

    def serve(self, host: str, port: int, secret: str | None) -> None:
        from audit.proxy.mitm import NotServing, Serving, serve

        serving = Serving(
            host=host,
            port=port,
            mode=self.options["mode"],
            ca_dir=str(_ca_directory(self.options)),
            soft=self.options["soft"],
            block=self.options["block"],
            max_body=self.options["max_body"],
            auth=secret,
            trust=self.options["trust_ca"],
        )
        try:
            serve(self.live, serving, self._started, self._tick)
        except NotServing as error:
            raise click.UsageError(str(error)) from None

    def _started(self, host: str, port: int) -> None:
        where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        _say(f"telemetry-audit proxy   policy {self.policy.id} {self.policy.revision}   listening on {where}")
        for line in _opening(self.options, self.store.directory):
            _say(line)
        self._head()
        ca_file = str((_ca_directory(self.options) / authority.CERTIFICATE).absolute())
        for line in guide(where, ca_file, reverse_of(self.options["mode"])):
            _say(line)
        _say("Ctrl-C ends it and prints the report.")

    def _head(self) -> None:
        number = self.store.records
        _say(f"evidence: {number:,} record{'' if number == 1 else 's'}, head {self.store.head}")

    def _tick(self) -> None:
        if monotonic() - self._told >= _HOUR:
            self._told = monotonic()
            self._head()
            if self._verdicts.headline:
                _say(f"so far: {self._verdicts.headline}")
        self._verdicts.tick()
        changed = _changed(self.options["consent_file"])
        if changed != self._changed:
            self._changed = changed
            self._read_consent()

    def _read_consent(self) -> None:
        try:
            self.consent = gather(self.options, self.policy)
        except click.UsageError as error:
            _say(f"warning: consent stays as it was: {error.format_message()}")
            return
        if self.consent.table is not None:
            digest = self.consent.parameters["consent"]["sha256"]
            self.live.consent(self.consent.table, digest)
            _say(f"consent read anew: sha256 {digest}")

    def close(self) -> None:
        self._verdicts.close()

    def finish(self) -> Result:
        self.close()
        try:
            self.live.note("end")
        except Failing as error:
            _say(f"warning: the evidence has no end record: {error}")
        self._head()
        size, digest = stored(self.store.directory)
        name = self.store.directory
        facts = InputFacts(
            name=visible(name.name if name.is_absolute() else str(name)),
            format="evidence",
            bytes=size,
            sha256=digest,
            lines=False,
            head=self.store.head,
        )
        if self.live.lost:
            _say(f"warning: {self.live.lost} requests went on without judgement or evidence; claims are inconclusive")
        return self._concluding(facts)(self.live.tally, self.live.marks.sorted)

    def _concluding(self, facts: InputFacts | None = None) -> Conclude:
        """What concludes from a tally and its marks, by the consent in force now."""
        facts = facts or InputFacts("evidence", "evidence", 0, None, lines=False)
        parameters, consent, seeds = self._parameters(), self.consent.table, self.live.auditor.seeds
        custody = None if self.statement is None else self.statement.row()
        return lambda tally, marks: settle(
            self.policy,
            tally,
            [facts],
            parameters,
            consent,
            marks,
            air_gapped=self.options["air_gapped"],
            custody=custody,
            seeds=seeds,
        )

    def _parameters(self) -> dict[str, Any]:
        told = ("fail_on", "examples", *Limits._fields, "mode", "evidence_all", "max_body")
        return {
            **{name: self.options[name] for name in told},
            "conduct": "block" if self.options["block"] else "observe",
            **self.consent.parameters,
            **self.chosen,
        }


def _opening(options: dict[str, Any], directory: Path) -> list[str]:
    lines = []
    if sys.version_info < (3, 12):
        lines.append("notice: on Python 3.11 mitmproxy 11.0.2 is the newest; its TLS and HTTP libraries are old")
    if options["block"]:
        lines.append(
            "blocking (fails closed): a violation, an unreadable body, an undocumented destination or an internal error "
            "is refused before the destination is contacted"
        )
    else:
        lines.append("observing (fails open): everything is sent on, also what breaks the page; --block refuses it")
    kept = "every request is kept whole" if options["evidence_all"] else "telemetry is kept whole, the rest as contacts"
    lines.append(f"evidence in {visible(str(directory))}: {kept}. It holds personal data, readable by you alone.")
    if options["evidence_all"]:
        lines.append("warning: --evidence-all keeps whatever passes, passwords typed into web pages included")
    return lines


def _changed(path: str | None) -> tuple[int, int] | None:
    try:
        found = None if path is None else Path(path).stat()
    except OSError:
        return None
    return None if found is None else (found.st_mtime_ns, found.st_size)
