"""`telemetry-audit consent`: what a docker.env really says about the switch."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator

import click

from audit.cli.consent_options import env_of, read_text
from audit.cli.options import load_policy
from audit.policy.pack import ConsentSwitch
from audit.redact import visible
from audit.sources.docker_env import EnvFile, Setting

_SENTENCES = {
    Setting.OFF: "telemetry is switched off",
    Setting.ON: "telemetry is on",
    Setting.LOOKS_OFF: "telemetry only LOOKS off: do not rely on it",
}


@click.command()
@click.argument("docker_env", nargs=-1, required=True, metavar="DOCKER_ENV...")
@click.option(
    "-p",
    "--policy",
    default="appsmith/2020-11",
    show_default=True,
    metavar="NAME|DIR",
    help="The pack that names the switch.",
)
def command(docker_env: tuple[str, ...], policy: str) -> None:
    """Say whether an env file switches telemetry off, or only looks as if it did, and why.

    Several files are read in the order of `env_file:`; the last one that sets the variable decides.
    Exit code 0: off. 1: on, or it only looks off. 2: a file cannot be read.
    """
    pack = load_policy(policy)
    if pack.consent is None:
        raise click.UsageError("this policy pack names no switch: it has no [consent] table")
    read = [(visible(path), env_of(read_text(path, visible(path)), visible(path), pack.consent)) for path in docker_env]
    deciding = _deciding(read)
    for line in _report(read, deciding, pack.consent):
        click.echo(line)
    sys.exit(0 if deciding[1].setting is Setting.OFF else 1)


def _deciding(read: list[tuple[str, EnvFile]]) -> tuple[str, EnvFile]:
    setting = [pair for pair in read if not any(remark.line == 0 for remark in pair[1].remarks)]
    return (setting or read)[-1]


def _report(read: list[tuple[str, EnvFile]], deciding: tuple[str, EnvFile], switch: ConsentSwitch) -> Iterator[str]:
    name, env = deciding
    unset = next((f"{remark.text}, so " for remark in env.remarks if not remark.line), "")
    yield from textwrap.wrap(f"{name}: {unset}{_SENTENCES[env.setting]}", 80, subsequent_indent="    ")
    for file, found in read:
        for remark in found.remarks:
            if found is env and not remark.line:
                continue  # it is the first thing said
            where = f"{file}:{remark.line}" if remark.line else file
            yield from textwrap.wrap(f"{where}: {remark.text}", 80, initial_indent="  ", subsequent_indent="    ")
    yield f"  The page asks for {switch.env}={switch.off[0]}, exactly so."
    if switch.needs_restart:
        yield from textwrap.wrap(
            "Nothing changes until the containers are recreated, as the page demands: a mere restart does not read the file "
            "again. `docker inspect` shows what is in force and since when (check --docker-inspect).",
            80,
            initial_indent="  ",
            subsequent_indent="  ",
        )
    yield from textwrap.wrap(
        "A value under `environment:` in the compose file beats every env file, and of several env files the last one wins.",
        80,
        initial_indent="  ",
        subsequent_indent="  ",
    )
