"""The command line: parse, wire, run, write, exit. Only here do errors become text and exit codes."""

from __future__ import annotations

import errno
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import click

from audit import __version__

# Short help stands here, so that `--help` loads click and nothing else.
COMMANDS = {
    "check": ("audit.cli.check", "Judge captures against a telemetry page, claim by claim."),
    "canary": ("audit.cli.canary", "Make canaries to plant, and show what was planted where and when."),
    "consent": ("audit.cli.consent", "Say what a docker.env really means for telemetry, and its traps."),
    "explain": ("audit.cli.explain", "Say what a rule finds, why it matters, and its limits."),
    "inventory": ("audit.cli.inventory", "List every event and field that captures hold, never a value."),
    "report": ("audit.cli.report", "Render a saved result in any format, without judging again."),
    "proxy": ("audit.cli.proxy", "Judge live traffic: an intercepting proxy that keeps evidence."),
    "verify": ("audit.cli.verify", "Check that an evidence directory was not changed."),
    "policy": ("audit.cli.policy", "List, show, check and write policy packs; plan what to capture."),
}


class _Lazy(click.Group):
    """Loads a command's module when it is run; turns every ending into the documented exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name][0]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        if name not in COMMANDS and not name.startswith("-"):
            from difflib import get_close_matches

            from audit.redact import visible

            near = get_close_matches(name, COMMANDS, n=1)
            meant = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(COMMANDS)}."
            raise click.UsageError(f"No such command {visible(name)!r}. {meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, short) for name, (_, short) in COMMANDS.items()])

    def main(  # type: ignore[override]  # click's overloads promise a return value that no caller of ours may have
        self, args: Sequence[str] | None = None, prog_name: str | None = None, **extra: Any
    ) -> NoReturn:
        extra.pop("standalone_mode", None)
        try:
            with _terminable():
                code = super().main(args, prog_name or "telemetry-audit", standalone_mode=False, **extra)
        except click.exceptions.Exit as done:
            code = done.exit_code
        except click.ClickException as error:
            error.show()
            code = error.exit_code
        except (KeyboardInterrupt, click.Abort) as stop:
            cause = stop.__cause__ if isinstance(stop, click.Abort) else stop
            how = "terminated" if isinstance(cause, Terminated) else "interrupted"
            click.echo(f"{how} {cause or ''}".rstrip() + ": nothing was written", err=True)
            code = 128 + (signal.SIGTERM if isinstance(cause, Terminated) else signal.SIGINT)
        except BrokenPipeError:
            mute()
            code = 0
        except PermissionError as error:
            code = _report_crash(error) if error.filename is None else _report_closed(error)
        except OSError as error:
            code = _report_full(error) if error.errno in (errno.ENOSPC, errno.EDQUOT) else _report_crash(error)
        except Exception as error:  # noqa: BLE001 - the last door: a crash must neither leak nor look like findings
            code = _report_crash(error)
        sys.exit(code if isinstance(code, int) else 0)


class Terminated(KeyboardInterrupt):
    """Another process asked this one to end."""


@contextmanager
def _terminable() -> Iterator[None]:
    """What ends this process from without (SIGTERM) ends it as Ctrl-C does: nothing half is left behind."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(*_: object) -> NoReturn:
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def mute() -> None:
    """The reader of stdout left: say nothing more, not even when Python flushes at its end."""
    sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - it lives as long as the process


def _report_full(error: OSError) -> int:
    """No room is the machine's fault, not the tool's: nothing half is left of what was being written."""
    click.echo(
        f"Error: {error.strerror}: what was being written is not there; free some space, also where temporary files "
        "lie (TMPDIR), and run again",
        err=True,
    )
    return 2


def _report_closed(error: PermissionError) -> int:
    """A file or directory that this user may not open, wherever it stood on the command line."""
    from audit.redact import visible

    click.echo(f"Error: {visible(str(error.filename))}: permission denied", err=True)
    return 2


def _report_crash(error: Exception) -> int:
    """Type and place of an internal error. Not its text: that may quote what was captured."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "audit" in Path(frame.filename).parts] or frames
    where = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "unknown place"
    # A worker process tells kind and place of its own error.
    kind, where = getattr(error, "kind", type(error).__name__), getattr(error, "where", where)
    click.echo(f"internal error: {kind} in {where} (telemetry-audit {__version__})", err=True)
    click.echo(
        "This is a fault of the tool, not of the capture. Please report this line; it holds nothing captured.", err=True
    )
    return 70


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, "-V", "--version", prog_name="telemetry-audit")
def main() -> None:
    """Tell, with evidence, whether the telemetry that a product really sends is what its vendor says it sends.

    Start with: telemetry-audit check logs.jsonl

    \b
    Exit codes: 0 nothing found at or above --fail-on    1 findings
                2 usage, policy or missing file          3 nothing could be read
                4 a required claim was not exercised     5 evidence was changed
                70 internal error
    """  # noqa: D301 - click wants the very character
