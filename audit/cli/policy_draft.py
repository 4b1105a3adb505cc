"""`telemetry-audit policy infer` and `policy init`: the first draft of a pack, from captures or from a page."""

from __future__ import annotations

import datetime as dt
import re
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import click

from audit.cli.consent_options import not_utf8
from audit.cli.policy_lint import say
from audit.engine.seen import plural
from audit.model import Json, Outcome
from audit.redact import visible

INFER_EPILOG = """\b
Examples:
  telemetry-audit policy infer logs.jsonl -o my-policy
  telemetry-audit policy lint my-policy        what is still open
  telemetry-audit check logs.jsonl -p my-policy

Nothing that was captured is written into the draft but names, and short plain words that several senders share."""

INIT_EPILOG = """\b
Examples:
  telemetry-audit policy init page.md -o my-policy
  telemetry-audit policy lint my-policy        what is still open"""


def _output(path: str) -> Path:
    """The directory of the new pack: it must not exist yet, or be empty."""
    folder = Path(path)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise click.UsageError(f"{visible(path)} exists and is not empty: name a new directory")
    parent = folder.resolve().parent
    if not parent.is_dir():
        raise click.UsageError(f"{visible(str(Path(path).parent))} does not exist: create the directory first")
    return folder


def _identity(folder: Path, pack_id: str | None) -> str:
    found = pack_id or re.sub(r"[^a-z0-9]+", "-", folder.resolve().name.lower()).strip("-") or "product"
    if re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", found) is None:
        raise click.UsageError(f"--id {visible(found)}: write lower-case words joined by -, such as my-product")
    return found


def _revision(_: click.Context, param: click.Parameter, value: str) -> str:
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", value) is None:
        raise click.BadParameter("write letters, digits, '.', '_' and '-', such as 2026-11", param=param)
    return value


def _save(folder: Path, files: Mapping[str, str], points: Sequence[str]) -> None:
    """Write the pack whole or not at all, and say what is open."""
    from audit.authoring.draft import write

    try:
        with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.resolve().parent) as scratch:
            made = Path(scratch) / "pack"
            made.mkdir()
            write(made, files)
            if folder.exists():
                folder.rmdir()
            made.rename(folder)
    except OSError as error:
        raise click.UsageError(f"{visible(str(folder))} was not written: {error.strerror}") from None
    told = [f"wrote a draft of {len(files)} files to {visible(str(folder))}; open points:"]
    told += [f"  - {visible(point)}" for point in points[:20]]
    if len(points) > 20:
        told.append(f"  - and {len(points) - 20} more: see open-points.md")
    told.append(f"Next: telemetry-audit policy lint {visible(str(folder))}")
    say("".join(f"{line}\n" for line in told))


@click.command("infer", epilog=INFER_EPILOG)
@click.argument("captures", nargs=-1, required=True, metavar="CAPTURE...")
@click.option("-o", "--output", required=True, metavar="DIR", help="The directory of the new pack.")
@click.option("--id", "pack_id", metavar="NAME", help="The product's id. [default: the directory's name]")
@click.option("--revision", default="draft", show_default=True, callback=_revision, help="The revision of the pack.")
@click.option(
    "--envelope", "kind", metavar="NAME", help="The messages' envelope. [default: what fits most of the first records]"
)
@click.option(
    "--enough",
    type=click.IntRange(1, 1_000_000),
    default=50,
    show_default=True,
    help="So many events make what always held a rule: required members, forms; twice as many a vocabulary.",
)
def infer_command(  # noqa: PLR0913 - the command's options
    captures: tuple[str, ...], output: str, pack_id: str | None, revision: str, kind: str | None, enough: int
) -> None:
    """Draft a closed policy pack from captured events: what is really sent, to be compared with what the page says.

    Every event and field that was seen, with types, forms, bounds and required members, maps recognised, cadences with their
    spread, categories guessed and marked for review, invented pass files and fail files. The pack is marked as a draft.
    """
    from audit.authoring.draft import Head, draft
    from audit.authoring.envelopes import built_in_envelopes, envelope
    from audit.authoring.infer import observe
    from audit.engine.parse import Limits
    from audit.sources import Reading
    from audit.sources.inputs import NoSuchInput, find

    folder = _output(output)
    name = _identity(folder, pack_id)
    known = built_in_envelopes()
    if kind is not None and kind not in known:
        raise click.UsageError(f"--envelope {visible(kind)}: use one of {', '.join(known)}")
    try:
        inputs = find(captures)
    except NoSuchInput as error:
        raise click.UsageError(f"{error}. Nothing was read.") from None
    parts = (part for capture in inputs for part in Reading(capture, Limits()).parts())
    seen = observe(parts, envelope(kind, known[kind]) if kind is not None else None)
    if seen.envelope is None or not seen.types:
        told = "".join(f"; {number:,} {reason}" for reason, number in sorted(seen.left.items()))
        click.echo(f"no event with a name was found, so nothing was written{told}", err=True)
        click.echo("remedy: give a log of events, or say with --envelope how its messages are built", err=True)
        sys.exit(Outcome.NOTHING_READ)
    head = Head(name, revision, f"{name}, drafted from a capture", dt.datetime.now(dt.UTC).date())
    made = draft(seen, head, enough)
    say(f"read {plural(seen.events, 'event')} of {plural(len(seen.types), 'name')}, envelope {seen.envelope.kind}\n")
    _save(folder, made.files, made.open_points)


@click.command("init", epilog=INIT_EPILOG)
@click.argument("page", type=click.Path(), metavar="PAGE.md")
@click.argument("samples", nargs=-1, metavar="[SAMPLE.json]...")
@click.option("-o", "--output", required=True, metavar="DIR", help="The directory of the new pack.")
@click.option("--id", "pack_id", metavar="NAME", help="The product's id. [default: the directory's name]")
@click.option("--revision", default="draft", show_default=True, callback=_revision, help="The revision of the page.")
def init_command(page: str, samples: tuple[str, ...], output: str, pack_id: str | None, revision: str) -> None:
    """Start a policy pack from a telemetry page (Markdown) and its JSON samples.

    The samples that the page prints, and those given beside it, become events with closed schemas; what stands at the head of
    list items becomes an event documented by its name; every sentence becomes a claim to decide on. The pack is a draft.
    """
    from audit.authoring.draft import Head
    from audit.authoring.from_page import from_page, left_out

    folder = _output(output)
    name = _identity(folder, pack_id)
    text = _page(page)
    title = re.search(r"^#\s+(.{1,100})$", text, re.MULTILINE)
    head = Head(name, revision, title[1].strip() if title else f"{name}, telemetry", dt.datetime.now(dt.UTC).date())
    made = from_page(text, [(path, _sample(path)) for path in samples], head)
    if made is None:
        click.echo(f"{visible(page)}: no event was found: the page prints no JSON message and lists no names", err=True)
        for point in left_out(text):
            click.echo(visible(point), err=True)
        click.echo("remedy: give a sample of a message as a file beside the page", err=True)
        sys.exit(Outcome.NOTHING_READ)
    _save(folder, made.files, made.open_points)


_MOST = 1 << 20


def _page(path: str) -> str:
    """A text file of the user's. A fault names the file and says what it is."""
    try:
        if not Path(path).is_file():
            raise click.UsageError(f"{visible(path)}: no such file")
        if Path(path).stat().st_size > _MOST:
            raise click.UsageError(f"{visible(path)}: larger than 1 MiB, which no page is")
        text = Path(path).read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise click.UsageError(f"{visible(path)}: {not_utf8(error)}") from None
    except OSError as error:
        raise click.UsageError(f"{visible(path)}: cannot be read: {error.strerror}") from None
    if "\x00" in text or not text.strip():
        raise click.UsageError(f"{visible(path)}: no text")
    return text.replace("\r\n", "\n")


def _sample(path: str) -> Json:
    from audit.authoring.tree import read_nested

    try:
        found: Json = read_nested(_page(path))
    except RecursionError:
        raise click.UsageError(f"{visible(path)}: nested too deep") from None
    except ValueError as error:
        line = getattr(error, "lineno", 1)
        raise click.UsageError(f"{visible(path)}:{line}: not JSON: {getattr(error, 'msg', 'unreadable')}") from None
    return found
