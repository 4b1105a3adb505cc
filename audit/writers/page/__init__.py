"""The report for people, as one HTML file: no script, nothing fetched, a policy that forbids both; prints on A4."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from audit.engine.result import Result
from audit.redact import visible
from audit.writers.page.view import view


def write(result: Result) -> str:
    """The whole page. Same result, same bytes: no clock, no locale."""
    from jinja2 import Environment, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda value: visible(value) if type(value) is str else value,
    )
    environment.filters["plain"] = lambda quote: " ".join(quote.replace("**", "").split())
    environment.filters["n"] = lambda number: f"{number:,}"
    style = _read("report.css") + (_read("revealed.css") if "reveal" in result else "")
    template = environment.from_string(_read("report.html.j2"))
    page: str = template.render(view(result), style=Markup(style), style_hash=_hash(style))  # noqa: S704 - our own file
    return page


def _read(name: str) -> str:
    return files(__package__ or "audit.writers.page").joinpath(name).read_text("utf-8")


def _hash(style: str) -> str:
    return b64encode(sha256(style.encode()).digest()).decode()
