"""`telemetry-audit policy plan`: what to capture for each claim, from what the pack calls sufficient."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from datetime import timedelta

from audit.policy.pack import Claim, Policy, Sufficient
from audit.redact import duration

CONSENT_FILE = """at,subject,state,effective_at
# at: when it happened, as 2020-11-05T00:00:00Z. subject: * for the whole installation, or an id.
# state: opted-in, declined, opted-out, or exercised (you used the product then).
# effective_at: for opted-out only, when it took effect (the restart).
"""

CUSTODY_FILE = """captured_by = ""          # who
captured_from = ""        # 2020-11-04T08:00:00Z
captured_to = ""
captured_at = ""          # where in the network: collector, proxy, switch port
captured_with = ""        # tool and version
product_version = ""
filtered = false          # true if anything was left out
sensitivity = ""          # how the report is to be handled, as on its cover
"""


def plan(policy: Policy) -> Iterator[str]:
    """The plan as lines: steps in order, then every claim with what it needs."""
    yield f"How to exercise every claim of {policy.id} {policy.revision}"
    yield ""
    yield "In this order"
    for number, step in enumerate(_steps(policy), 1):
        yield from _wrap(f"{number}. {step}", "   ", "  ")
    yield ""
    yield "Claim by claim"
    for claim in policy.claims:
        if claim.not_testable is None:
            yield f"  {claim.id}"
            for line in _needs(claim):
                yield from _wrap(line, "      ", "    ")
    yield ""
    untestable = [claim.id for claim in policy.claims if claim.not_testable is not None]
    if untestable:
        yield from _wrap(f"No capture can test: {', '.join(untestable)}.", "  ", "")
        yield ""
    yield "consent.csv, to fill in (check --consent consent.csv)"
    yield from (f"  {line}" for line in CONSENT_FILE.splitlines())
    yield ""
    yield "custody.toml, to fill in and keep with the capture"
    yield from (f"  {line}" for line in CUSTODY_FILE.splitlines())


def _conditions(policy: Policy) -> list[Sufficient]:
    return [condition for claim in policy.claims for condition in claim.sufficient]


def _steps(policy: Policy) -> Iterator[str]:
    needs = _conditions(policy)
    if any(n.contacts for n in needs):
        yield "Put a proxy or a packet capture in front of the installation: a log of events has no destinations."
    else:
        yield "Capture where every event passes: at the collector or at a proxy."
    if any(n.seeds for n in needs):
        yield "Plant canaries in a database or API that the product reads, and note when."
    if any(n.alive_without_consent for n in needs):
        yield "Install, and decline telemetry when asked. Note the time as `declined`."
        yield "Use the product: every page and action once. Note the time as `exercised`."
        yield "Opt in. Note the time as `opted-in`. Use the product again."
    elif any(origin.match for origin in policy.origins):
        yield "Install, and use the product: every page and action once."
    before = max((n.before_opt_out or 0 for n in needs), default=0)
    if before:
        yield f"Make sure that at least {_opted_in(before)} {'was' if before == 1 else 'were'} sent."
        yield from _opt_out(policy)
    wait = _longest(policy)
    if wait:
        yield f"Go on capturing for {duration(wait)}, with one restart of the server in it at most."
    yield "Stop the capture, write down who captured what and how, and run `telemetry-audit check`."


def _opted_in(number: int) -> str:
    return "1 opt-in event" if number == 1 else f"{number:,} opt-in events"


def _opt_out(policy: Policy) -> Iterator[str]:
    if policy.consent is not None:
        yield f"Opt out: set {policy.consent.env}={policy.consent.off[0]}. Note the time as `opted-out`."
        if policy.consent.needs_restart:
            again = "a mere restart does not read the file again"
            yield f"Recreate the containers as the page demands; {again}. Note that time as effective_at."
    yield "Use the product again, as before. Note the time as `exercised`."


def _longest(policy: Policy) -> timedelta:
    """The longest window or number of intervals that any claim asks for."""
    found = [timedelta()]
    for condition in _conditions(policy):
        found.append(condition.window or timedelta())
        entry = policy.events.get(condition.event or "")
        if condition.intervals and entry is not None and entry.cadence is not None:
            found.append(condition.intervals * entry.cadence.every)
    return max(found)


def _needs(claim: Claim) -> Iterator[str]:
    if not claim.sufficient:
        yield "needs: any event"
    for number, condition in enumerate(claim.sufficient):
        yield f"{'or' if number else 'needs'}: {'; '.join(_said(condition))}"
    if claim.limit:
        yield f"limit: {claim.limit}"


def _said(n: Sufficient) -> Iterator[str]:  # noqa: C901 - one line a key of a closed set
    if n.never:
        yield "nothing that a capture can hold: content can only speak against it"
    if n.events:
        what = f"event {n.event}" if n.event else f"event of the {n.origin}" if n.origin else "event"
        yield f"{n.events} {what}"
    if n.window:
        yield f"a capture over {duration(n.window)}"
    if n.intervals:
        yield f"{n.intervals} intervals between the {n.event} events of one instance"
    if n.contacts:
        yield "network contacts: a HAR, a packet capture or the proxy"
    if n.seeds:
        yield "planted canaries or listed values to search for"
    if n.positive_control:
        yield "a sign that the planted rows were really read"
    if n.consent_known:
        yield "consent given to the audit (--consent FILE)"
    if n.alive_without_consent:
        yield "use of the product while consent is known not to be given"
    if n.before_opt_out:
        yield f"{_opted_in(n.before_opt_out)} before the opt-out"
    if n.alive_after_opt_out:
        least = duration(n.alive_after_opt_out)
        yield f"silence after it for more than {least} and the longest gap before it, or signs of use"


def _wrap(text: str, indent: str, first: str) -> list[str]:
    return textwrap.wrap(text, 80, initial_indent=first, subsequent_indent=first + indent, break_on_hyphens=False)
