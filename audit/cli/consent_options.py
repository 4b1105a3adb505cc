"""The options of `check` that say who agreed when, made into one table."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from audit.engine.times import parse_time
from audit.policy.consent import ConsentTable
from audit.policy.load import iso_duration, parse_duration
from audit.policy.pack import ConsentSwitch, Policy
from audit.redact import instant, visible
from audit.sources.consent import ConsentError, join, read_rows, table_from_options, table_of
from audit.sources.docker_env import EnvFile, InspectError, Switch, combine, is_env, read_env, read_inspect

F = TypeVar("F", bound=Callable[..., Any])
MAX_FILE = 64 * 1024 * 1024


class Time(click.ParamType[datetime]):
    """An ISO 8601 date and time; without offset UTC."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        when = value if isinstance(value, datetime) else parse_time(str(value))
        if when is None:
            self.fail(f"{visible(str(value))!r} is no date and time: write 2020-11-05T00:00:00Z", param, ctx)
        return when


class Span(click.ParamType[timedelta]):
    """A duration as policy packs write it."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        try:
            return value if isinstance(value, timedelta) else parse_duration(str(value))
        except (ValueError, OverflowError):
            self.fail(f"{visible(str(value))!r} is no duration: write PT5M, PT1H or P1D", param, ctx)


def consent_options(command: F) -> F:
    """Add the options, in the order of --help."""
    options = (
        click.option(
            "--consent",
            "consent_file",
            metavar="FILE",
            help="Who agreed when: CSV or JSON lines with at,subject,state[,effective_at].",
        ),
        click.option(
            "--opted-in-at",
            type=Time(),
            metavar="TIME",
            help="When the whole installation opted in; before it, it had not.",
        ),
        click.option(
            "--opted-out-at",
            type=Time(),
            metavar="TIME",
            help="When an opt-out of the whole installation took effect (the restart, not the edit).",
        ),
        click.option(
            "--docker-env", metavar="FILE", help="The env file of the installation: does it switch telemetry off?"
        ),
        click.option(
            "--docker-inspect",
            metavar="FILE",
            help="Output of `docker inspect` of its containers: what is in force, since when.",
        ),
        click.option(
            "--grace",
            type=Span(),
            metavar="DURATION",
            help="Forgive events this long after an opt-out, as PT5M. Default: the pack's.",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True)
class Consent:
    """The table (None: nothing was said), what of it stands in the result, and what the auditor should know."""

    table: ConsentTable | None
    parameters: dict[str, Any]
    warnings: tuple[str, ...]


def gather(options: dict[str, Any], policy: Policy) -> Consent:
    """One table from all options. Raises UsageError where they contradict each other."""
    names = ("consent_file", "opted_in_at", "opted_out_at", "docker_env", "docker_inspect")
    switch = policy.consent
    if switch is None:
        if any(options[name] is not None for name in (*names, "grace")):
            raise click.UsageError("this policy pack has no [consent] table: consent options say nothing about it")
        return Consent(None, {}, ())
    grace = options["grace"] if options["grace"] is not None else switch.grace
    parameters: dict[str, Any] = {"grace": iso_duration(grace), "flush_window": iso_duration(switch.flush_window)}
    if all(options[name] is None for name in names):
        return Consent(None, parameters, ())
    try:
        table = _table(options, switch, parameters)
    except (ConsentError, InspectError) as error:
        raise click.UsageError(str(error)) from None
    warnings = parameters.pop("_warnings", ())
    try:
        return Consent(table.forgiving(grace), parameters, tuple(warnings))
    except OverflowError:
        raise click.UsageError("--grace reaches beyond the calendar: write PT5M, PT1H or P1D") from None


def _table(options: dict[str, Any], switch: ConsentSwitch, parameters: dict[str, Any]) -> ConsentTable:
    inspected = _switch(options, switch, parameters)
    table = table_from_options(options["opted_in_at"], options["opted_out_at"], inspected)
    for name in ("opted_in_at", "opted_out_at"):
        if options[name] is not None:
            parameters[name] = instant(options[name])
    if options["consent_file"] is None:
        return table
    text, name = _read(options["consent_file"], "consent", parameters)
    given = any(options[key] is not None for key in ("opted_in_at", "opted_out_at", "docker_env", "docker_inspect"))
    return join(table_of(read_rows(text, name), name, needs_restart=switch.needs_restart), table, spoken=given)


def _switch(options: dict[str, Any], switch: ConsentSwitch, parameters: dict[str, Any]) -> Switch | None:
    env = inspected = None
    name = ""
    if options["docker_env"] is not None:
        text, name = _read(options["docker_env"], "docker_env", parameters)
        env = env_of(text, name, switch)
    if options["docker_inspect"] is not None:
        text, other = _read(options["docker_inspect"], "docker_inspect", parameters)
        inspected = read_inspect(text, switch, other)
    both = combine(env, inspected, name)
    if both is not None and both.looks_off and options["opted_out_at"] is None:
        parameters["_warnings"] = (
            f"{name}: telemetry only looks off; whether it is, is unknown (telemetry-audit consent {name} says why)",
        )
    return both


def _read(path: str, key: str, parameters: dict[str, Any]) -> tuple[str, str]:
    """A small text file, its shown name, and its hash into the parameters."""
    shown = visible(Path(path).name if Path(path).is_absolute() else path)
    text = read_text(path, shown)
    parameters[key] = {"name": shown, "sha256": hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()}
    return text, shown


def read_text(path: str, shown: str) -> str:
    """A text file of modest size. Raises UsageError that names it."""
    try:
        if Path(path).stat().st_size > MAX_FILE:
            raise click.UsageError(f"{shown} is larger than {MAX_FILE >> 20} MiB: is it the right file?")
        return Path(path).read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{shown}: {not_utf8(error)}") from None
    except OSError as error:
        raise click.UsageError(f"{shown} cannot be read: {error.strerror or type(error).__name__}") from None


def not_utf8(error: UnicodeDecodeError) -> str:
    """What to do with a text in another encoding, as spreadsheets write it."""
    utf16 = error.object[:2] in (b"\xff\xfe", b"\xfe\xff")
    name = "UTF-16" if utf16 else "WINDOWS-1252"
    what = "UTF-16 text" if utf16 else f"not UTF-8 at byte {error.start + 1}"
    return f"{what}: save it as UTF-8, for example with iconv -f {name} -t UTF-8"


def env_of(text: str, shown: str, switch: ConsentSwitch) -> EnvFile:
    """An env file's setting. Of another file nothing can be said, least of all that it switches nothing off."""
    if not is_env(text):
        raise click.UsageError(
            f"{shown}: no line is NAME=VALUE: give the env file that the containers are started with"
        )
    return read_env(text, switch)
