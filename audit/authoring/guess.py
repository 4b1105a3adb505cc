"""What data a leaf holds, told from its name and format: raises the least category in lint, proposes one in drafts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from audit.policy.pack import CATEGORIES, Identifies

_RANK = {Identifies.NOBODY: 0, Identifies.INSTALLATION: 1, Identifies.PERSON: 2}
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")

# The last words of a name, and the category that they propose. First match wins.
_NAMES: tuple[tuple[frozenset[str], str], ...] = tuple(
    (frozenset(words.split()), category)
    for words, category in (
        ("email emails mail", "email"),
        ("ip ipaddress ipv4 ipv6", "ip-address"),
        ("useragent", "user-agent"),
        ("userid username login loginname accountid customerid memberid personid", "user-id"),
        ("anonymousid deviceid clientid sessionid browserid cookieid visitorid fingerprint machineid", "device-id"),
        (
            "instanceid distinctid installationid installid clusterid serverid hostid organizationid orgid workspaceid",
            "installation-id",
        ),
        ("messageid eventid insertid", "message-id"),
        ("hostname fqdn", "installation-id"),
        ("time timestamp date at created sent received updated", "time"),
        ("locale language timezone lang", "locale"),
        ("url path referrer referer search href", "page-address"),
        ("os version library lib sdk app build release browser platform arch", "software"),
        ("device model screen width height memory cpu cores", "device"),
        ("error exception stacktrace", "error-text"),
    )
)


def words(name: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(name)]


def by_name(pointer: Sequence[str | int]) -> str | None:
    """The category that the name of a leaf proposes: its last words, as they are joined in names."""
    names = [step for step in pointer if isinstance(step, str) and step != "*"]
    if not names:
        return None
    last = words(names[-1])
    parent = words(names[-2]) if len(names) > 1 else []
    ends = {"".join(last[-count:]) for count in (1, 2, 3)} | {"".join([*parent[-1:], *last])}
    return next((category for known, category in _NAMES if ends & known), None)


def by_format(nodes: Iterable[Any]) -> str | None:
    """The category that a leaf's format leaves no doubt about."""
    formats = {node.get("format") for node in nodes if isinstance(node, dict)}
    if formats & {"email"}:
        return "email"
    if formats & {"ipv4", "ipv6"}:
        return "ip-address"
    return None


def propose(pointer: Sequence[str | int], nodes: Sequence[Any]) -> str:
    """The category of a leaf in a draft, always for review."""
    sure = by_format(nodes)
    if sure is not None:
        return sure
    formats = {node.get("format") for node in nodes if isinstance(node, dict)}
    if formats & {"date-time", "date", "time"}:
        return "time"
    named = by_name(pointer)
    if named is None and "uuid" in formats:
        return "device-id"
    return named or "other"


def least(pointer: Sequence[str | int], nodes: Sequence[Any]) -> str | None:
    """The category whose reach a leaf must at least have; None where nothing says so."""
    found = by_format(nodes) or by_name(pointer)
    if found is not None and CATEGORIES[found] is not Identifies.NOBODY:
        return found
    if any(isinstance(node, dict) and node.get("format") == "uuid" for node in nodes) and found is None:
        return "installation-id"
    return None


def too_low(category: str, minimum: str) -> bool:
    return _RANK[CATEGORIES[category]] < _RANK[CATEGORIES[minimum]]
