"""What the proxy says while it runs: destinations, counts, rules and places, never anything of a request's content."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from audit.model import Contact, Finding, Level
from audit.redact import visible

UNREADABLE = "unreadable-record"
"""The rule about telemetry that cannot be decoded."""
_MOST_HOSTS = 1_000
_MOST_FINDINGS = 5


class Words:
    """One line a happening, each with its time. Destinations without telemetry are named once."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._named: set[tuple[str, int | None]] = set()
        self._lost = 0

    def line(self, text: str) -> None:
        self._say(f"{datetime.now(UTC):%H:%M:%S}Z  {text}")

    def request(self, contact: Contact, events: int, found: Sequence[Finding], refusal: str | None) -> None:
        notes = [finding for finding in found if finding.level is Level.NOTE]
        rows = [finding for finding in found if finding.level is not Level.NOTE]
        if not (events or rows or refusal) and not self._is_new(contact):
            return
        unread = any(finding.rule == UNREADABLE for finding in found)
        none = "telemetry that cannot be read" if unread else "no telemetry"
        what = f"{events} event{'' if events == 1 else 's'}" if events else none
        end = f"REFUSED: {refusal}" if refusal else "no finding" if events and not (rows or notes) else ""
        end = end or (f"{len(notes)} note{'' if len(notes) == 1 else 's'}" if notes else "")
        self.line("  ".join(part for part in (_target(contact), what, end) if part))
        for text, number in list(_summed(rows).items())[:_MOST_FINDINGS]:
            self.line(f"    {text}{f'  {number} times' if number > 1 else ''}")

    def opaque(self, contact: Contact) -> None:
        self.line(
            f"{_target(contact)}  opaque: its content cannot be seen (a pinned client, or the CA is not trusted?)"
        )

    def failed(self, contact: Contact) -> None:
        self.line(f"{_target(contact)}  did not answer")

    def verdict(self, what: str, now: str, was: str, reason: str) -> None:
        self.line(f"{what}: {now} (was {was}): {visible(reason)}")

    def lost(self, why: str, *, blocked: bool) -> None:
        """Said at once, then at each power of two: a full disk must not flood the terminal."""
        self._lost += 1
        if self._lost & (self._lost - 1) == 0:
            what = "refused" if blocked else "SENT ON without judgement or evidence (observing fails open)"
            self.line(f"{self._lost} request{'' if self._lost == 1 else 's'} {what}: {why}")

    def _is_new(self, contact: Contact) -> bool:
        key = (contact.host, contact.port)
        if key in self._named or len(self._named) >= _MOST_HOSTS:
            return False
        self._named.add(key)
        return True


def _target(contact: Contact) -> str:
    port = "" if contact.port is None else f":{contact.port}"
    return f"{visible(contact.host)}{port}"


def _summed(found: list[Finding]) -> Counter[str]:
    return Counter("  ".join(part for part in (f.level.value, f.rule, f.event, f.pointer) if part) for f in found)
