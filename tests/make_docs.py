"""The derived pages and blocks of the documentation: nothing that the code says already is written twice.

python -m tests.make_docs          write docs/rules/ and every generated block anew
python -m tests.make_docs --check  compare with what is there; exit 1 with the differences

A block stands between `<!-- generated: NAME -->` and `<!-- /generated -->` in README.md or in a page of docs/.
"""

from __future__ import annotations

import argparse
import contextlib
import difflib
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import click

from audit.authoring.diff_change import KINDS
from audit.authoring.faults import LINTS
from audit.cli.check import command as check_command
from audit.cli.plan import _said
from audit.model import Outcome
from audit.policy.files import built_in
from audit.policy.load import load
from audit.policy.pack import CATEGORIES, Claim, Policy
from audit.rules import NOT_YET, RULES
from audit.rules.case import Rule
from tests.bench.day import day
from tests.conftest import ROOT, invoke

DOCS = ROOT / "docs"
RULE_PAGES = DOCS / "rules"
PACK = "appsmith/2020-11"

BLOCK = re.compile(r"(?P<open><!-- generated: (?P<name>[a-z-]+) -->\n).*?(?P<close><!-- /generated -->)", re.DOTALL)
FILE = re.compile(r"^```\w+ (?P<name>[\w.-]+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
"""A fenced block whose info string ends in a file name: the file that the commands of the page use."""

EXIT_CODES: Mapping[Outcome, str] = {
    Outcome.CLEAN: "Nothing at or above `--fail-on` (default `error`), and everything of `--require` was decided.",
    Outcome.FINDINGS: "The capture holds findings at or above `--fail-on`. Findings about the page alone never decide.",
    Outcome.USAGE: "Wrong options, a fault in a policy pack or a consent file, a named capture that does not exist, or an "
    "output that cannot be written.",
    Outcome.NOTHING_READ: "No record of any input could be read, or there was none.",
    Outcome.NOT_EXERCISED: "A claim or requirement of `--require` was not exercised, or is inconclusive.",
    Outcome.UNVERIFIED: "Evidence was changed after it was written: its chain is broken or, for `verify`, the head that "
    "was given is not in it.",
    Outcome.INTERNAL: "A fault of the tool itself. Never 1, so that a crash never looks like findings.",
    Outcome.INTERRUPTED: "Interrupted from the keyboard. No output was written.",
    Outcome.TERMINATED: "Ended by another process (SIGTERM). No output was written.",
}


class Example(NamedTuple):
    """A run of the tool, and the sections of its text (by their first words) that are shown; None: all of it."""

    arguments: tuple[str, ...]
    sections: tuple[str, ...] | None


EXAMPLES: Mapping[str, Example] = {
    "example": Example(
        ("check", "fixtures/captures/three-samples.jsonl", "--opted-out-at", "2020-11-04T09:00:00Z"),
        ("telemetry-audit", "VIOLATED", " claim", "opt-out  ", "Not testable"),
    ),
    "example-consent": Example(("consent", "docker.env"), None),
    "example-harbour": Example(
        ("check", "fixtures/captures/harbour-broken.jsonl", "-p", "fixtures/packs/harbour/2025-03"),
        ("telemetry-audit", "VIOLATED", "agent-no-other-data", "console-reports", "no-person", "Not testable"),
    ),
    "example-unknown": Example(
        ("check", "fixtures/captures/python-segment.jsonl"), ("telemetry-audit", "VIOLATED", "Of unknown origin")
    ),
}


def differences() -> Iterator[str]:
    """Lines of a diff between the documentation and what it should be."""
    wanted = pages()
    for name in sorted(wanted.keys() | {relative(path) for path in RULE_PAGES.glob("*.md")}):
        path = ROOT / name
        before, after = path.read_text("utf-8") if path.is_file() else "", wanted.get(name, "")
        if before != after or not path.is_file():
            yield from difflib.unified_diff(
                before.splitlines(), after.splitlines(), name, f"{name} (anew)", lineterm=""
            )
            yield f"{name}: not what the code says; run: python -m tests.make_docs"


def write() -> None:
    """Write every page anew, and remove pages of rules that are no more."""
    RULE_PAGES.mkdir(parents=True, exist_ok=True)
    wanted = pages()
    for path in RULE_PAGES.glob("*.md"):
        if relative(path) not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (ROOT / name).write_text(text, "utf-8", newline="\n")


def pages() -> dict[str, str]:
    """Every page that holds something derived, whole, by its path from the root."""
    found = {f"docs/rules/{rule.id}.md": rule_page(rule) for rule in RULES}
    for path in written_pages():
        found[relative(path)] = filled(path.read_text("utf-8"), path)
    return found


def written_pages() -> list[Path]:
    """The pages that people write: README.md and docs/, without the pages of rules."""
    return [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]


def filled(text: str, path: Path) -> str:
    """A page with its generated blocks made anew."""

    def fill(match: re.Match[str]) -> str:
        name = match["name"]
        if name in EXAMPLES:
            block = example(EXAMPLES[name], path, text)
        elif name in BLOCKS:
            block = BLOCKS[name](path)
        else:
            raise SystemExit(f"{relative(path)}: no block of the name {name}: use one of {', '.join(names())}")
        return f"{match['open']}\n{block}\n\n{match['close']}"

    return BLOCK.sub(fill, text)


def names() -> list[str]:
    return sorted({*BLOCKS, *EXAMPLES})


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


# ---- pages of rules ------------------------------------------------------------------------------------------------


def rule_page(rule: Rule) -> str:
    """A rule's docstring as a page: the same words that `telemetry-audit explain` prints."""
    first, _, rest = rule.doc.strip().partition("\n")
    parts = [titled(part) for part in rest.strip().split("\n\n")]
    claims = [claim.id for claim in pack().claims if rule.id in claim.rules]
    tested = f"Claims of `{PACK}` that it tests: {listed(claims)}." if claims else f"No claim of `{PACK}` names it."
    return "\n\n".join(
        (
            "<!-- Generated from the rule's docstring by `make docs`. Change it there. -->",
            f"# {rule.id}",
            first,
            f"Level: {rule.levels}.",
            *parts,
            tested,
            f"On the command line: `telemetry-audit explain {rule.id}`. All rules: [README](../../README.md#rules).\n",
        )
    )


def titled(part: str) -> str:
    """A paragraph of a docstring with its title in bold."""
    match = re.match(r"(What|Why it matters|Example|Limits):\s+", part)
    if match is None:
        return part
    rest = part[match.end() :]
    return f"**{match[1]}.** {rest[:1].upper()}{rest[1:]}"


def listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


# ---- tables --------------------------------------------------------------------------------------------------------


@cache
def pack() -> Policy:
    return load(built_in()[PACK])


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; cells are escaped where they would break it."""
    lines = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in (header, ["---"] * len(header), *lines))


def rules_table(path: Path) -> str:
    base = "rules" if path.parent == DOCS else "docs/rules"
    rows = ((f"[`{rule.id}`]({base}/{rule.id}.md)", rule.levels, rule.doc.strip().split("\n", 1)[0]) for rule in RULES)
    return table(("rule", "level", "a finding is"), rows)


def claims_table(path: Path) -> str:
    rows = (
        (f"`{claim.id}`", quote(claim.quotes[0]), tested_by(claim), needs(claim))
        for claim in pack().claims
        if claim.not_testable is None
    )
    claims = table(("claim", "the page says", "tested by", "the capture must hold"), rows)
    later = "*Italic*: a rule that this version does not run yet. Each answer says so beside the claim."
    return f"{claims}\n\n{later}" if any(rule in NOT_YET for claim in pack().claims for rule in claim.rules) else claims


def quote(text: str) -> str:
    plain = text.replace("**", "")
    return f"“{plain}”" if len(plain) <= 90 else f"“{plain[:90].rsplit(' ', 1)[0]} ...”"


def tested_by(claim: Claim) -> str:
    return ", ".join(f"*{rule}*" if rule in NOT_YET else f"`{rule}`" for rule in claim.rules)


def needs(claim: Claim) -> str:
    return "; or ".join(", ".join(_said(condition)) for condition in claim.sufficient)


def untestable_table(path: Path) -> str:
    rows = ((f"`{claim.id}`", claim.not_testable) for claim in pack().claims if claim.not_testable is not None)
    return table(("sentence", "why no capture can test it"), rows)


def exit_codes_table(path: Path) -> str:
    return table(("code", "meaning"), ((f"`{code.value}`", EXIT_CODES[code]) for code in Outcome))


def changes_table(_path: Path) -> str:
    return table(
        ("change", "severity", "what it is"),
        ((f"`{kind}`", severity.value, meaning) for kind, (severity, meaning) in KINDS.items()),
    )


def recall_table(_path: Path) -> str:
    from tests.test_detectors import recall

    rows = ((family.family, str(family.of), f"{100 * family.found / family.of:.1f} %") for family in recall())
    return table(("leaks", "number", "found"), rows)


def silence_table(_path: Path) -> str:
    from tests.test_detectors import flagged

    rows = ((family.family, str(family.of), str(family.found)) for family in flagged())
    return table(("what only looks like a leak", "number", "flagged"), rows)


def terabyte(_path: Path) -> str:
    return day()


def categories_table(path: Path) -> str:
    return table(("category", "identifies"), ((f"`{name}`", who.value) for name, who in CATEGORIES.items()))


def lints_table(path: Path) -> str:
    rows = ((f"`{name}`", lint.severity.value, lint.remedy) for name, lint in LINTS.items())
    return table(("fault", "severity", "remedy"), rows)


def options_table(path: Path) -> str:
    context = click.Context(check_command)
    options = [option for option in check_command.get_params(context) if isinstance(option, click.Option)]
    return table(("option", "what it does"), (option_row(option, context) for option in options))


def option_row(option: click.Option, context: click.Context) -> tuple[str, str]:
    written, _ = option.get_help_record(context) or ("", "")
    said = [option.help or ""]
    if isinstance(option.type, click.IntRange):
        written = written.replace("INTEGER RANGE", "NUMBER")
        said.append(f"From {option.type.min} to {option.type.max}.")
    if option.show_default and option.default is not None:
        said.append(f"Default: `{option.default}`.")
    return f"`{written}`", " ".join(said)


BLOCKS: Mapping[str, Callable[[Path], str]] = {
    "rules": rules_table,
    "claims": claims_table,
    "untestable": untestable_table,
    "exit-codes": exit_codes_table,
    "options": options_table,
    "categories": categories_table,
    "lints": lints_table,
    "recall": recall_table,
    "terabyte": terabyte,
    "look-alikes": silence_table,
    "changes": changes_table,
}


# ---- examples ------------------------------------------------------------------------------------------------------


def example(wanted: Example, path: Path, page: str) -> str:
    """The command and what it prints. A line `...` stands for what is left out."""
    with tempfile.TemporaryDirectory() as scratch:
        furnish(Path(scratch), page)
        run = invoke(*wanted.arguments, cwd=Path(scratch))
    if run.code not in (0, 1):
        raise SystemExit(f"{relative(path)}: {' '.join(wanted.arguments)}: exit code {run.code}: {run.err}")
    ending = f"  # exit {run.code}" if run.code else ""
    text = abridged(run.out, wanted.sections)
    return f"```console\n$ telemetry-audit {' '.join(wanted.arguments)}{ending}\n{text}\n```"


def abridged(text: str, sections: tuple[str, ...] | None) -> str:
    """The sections (between blank lines) that begin with these words; each run of others becomes one line `...`."""
    parts = text.strip("\n").split("\n\n")
    if sections is None:
        return "\n\n".join(parts)
    missing = [first for first in sections if not any(part.startswith(first) for part in parts)]
    if missing:
        raise SystemExit(f"the example has no section that begins with {missing[0]!r}")
    shown: list[str] = []
    for part in parts:
        if part.startswith(sections):
            shown.append(part)
        elif shown[-1:] != ["..."]:
            shown.append("...")
    return "\n\n".join(shown)


def furnish(directory: Path, page: str) -> None:
    """Give a directory what the commands of a page name: the fixtures, and the files that the page itself shows."""
    (directory / "fixtures").symlink_to(ROOT / "fixtures", target_is_directory=True)
    for match in FILE.finditer(page):
        (directory / match["name"]).write_text(match["text"], "utf-8", newline="\n")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the derived documentation, or compare it with what is there.")
    parser.add_argument("--check", action="store_true", help="compare only; exit 1 with the differences")
    if not parser.parse_args(arguments).check:
        write()
        return 0
    found = list(differences())
    with contextlib.suppress(BrokenPipeError):
        print("\n".join(found), end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
