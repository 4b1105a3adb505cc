"""Whose a destination is: the installation's own, named by the page, allowed by the auditor, or foreign."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple, TypeAlias

from audit.model import Contact
from audit.policy.pack import Policy

Net: TypeAlias = IPv4Network | IPv6Network
Address: TypeAlias = IPv4Address | IPv6Address


class Standing(StrEnum):
    """How a destination stands to the page and to the auditor's own words."""

    OWN = "own"
    DOCUMENTED = "documented"
    ALLOWED = "allowed"
    UNNAMED = "unnamed"
    UNDOCUMENTED = "undocumented"


TELEMETRY, RELEASE_NOTES, DATASOURCE = "telemetry", "release notes", "datasource"
PURPOSES: Mapping[str, str] = {"telemetry": TELEMETRY, "release-notes": RELEASE_NOTES, "datasource": DATASOURCE}
"""What an auditor may say a host is for, as the option writes it and as packs do."""

_OWN_NETS: tuple[Net, ...] = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/32",
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "224.0.0.0/4",
        "255.255.255.255/32",
        "::/128",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
        "ff00::/8",
    )
)
_METADATA = frozenset(
    ip_address(text) for text in ("169.254.169.254", "169.254.170.2", "169.254.169.253", "fd00:ec2::254")
)
_METADATA_NAMES = frozenset({"metadata.google.internal", "metadata.goog", "instance-data"})
_OWN_NAMES = re.compile(r"(?:\A|\.)(?:localhost|local|internal|home\.arpa)\Z")
_REVERSE = re.compile(r"((?:\d{1,3}\.){4})in-addr\.arpa\Z|((?:[0-9a-f]\.){32})ip6\.arpa\Z")


class Place(NamedTuple):
    """A contact's standing, and what it is for where somebody said so. Unnamed is told only after the last merge."""

    standing: Standing
    purpose: str | None = None


@dataclass(frozen=True, slots=True)
class Territory:
    """What the auditor says of hosts: names (`*.` for everything below) and networks of the installation's own, and hosts
    allowed for a purpose (None: for no stated one)."""

    own_names: frozenset[str] = frozenset()
    own_nets: tuple[Net, ...] = ()
    allowed: Mapping[str, str | None] = field(default_factory=dict)

    def place(self, policy: Policy, contact: Contact) -> Place:
        """Whose the destination is. The name decides before the address."""
        host = contact.host
        if self._own(host, contact.address):
            return Place(Standing.OWN)
        for destination in policy.destinations:
            if _listed(host, destination.hosts):
                return Place(Standing.DOCUMENTED, str(destination.purpose))
        for name, purpose in self.allowed.items():
            if _listed(host, (name,)):
                return Place(Standing.ALLOWED, purpose)
        return Place(Standing.UNDOCUMENTED)

    def _own(self, host: str, address: str | None) -> bool:
        if _listed(host, self.own_names):
            return True
        number = address_of(host)
        if number is not None:
            return self._own_address(number)
        reverse = _REVERSE.fullmatch(host)
        if reverse is not None:
            asked = _reversed(reverse)
            return asked is not None and self._own_address(asked)
        if ("." in host and _OWN_NAMES.search(host) is None) or host in _METADATA_NAMES:
            return False
        # A name that means nothing outside; but whoever says `localhost` to a public address goes outside.
        behind = address_of(address) if address is not None else None
        return behind is None or self._own_address(behind)

    def _own_address(self, number: Address) -> bool:
        if isinstance(number, IPv6Address) and number.ipv4_mapped is not None:
            number = number.ipv4_mapped
        nets = self.own_nets if number in _METADATA else (*self.own_nets, *_OWN_NETS)
        return any(number.version == net.version and number in net for net in nets)


def own_hosts(texts: Iterable[str]) -> tuple[frozenset[str], tuple[Net, ...]]:
    """Names and networks of `--own-host`. Raises ValueError with the text that is neither."""
    names: set[str] = set()
    nets: list[Net] = []
    for text in texts:
        try:
            nets.append(ip_network(text.strip("[]"), strict=False))
        except ValueError:
            names.add(host_name(text))
    return frozenset(names), tuple(nets)


_NAME = re.compile(r"(?:\*\.)?[^\s/:@?#*]{1,253}")


def host_name(text: str) -> str:
    """A host as it is compared: lower case, without the root's dot. Raises ValueError for what is no host."""
    name = text.strip().lower().rstrip(".")
    if _NAME.fullmatch(name) is None and address_of(name.strip("[]")) is None:
        raise ValueError(text)
    return name.strip("[]")


@lru_cache(4096)
def address_of(host: str) -> Address | None:
    """The address that a host is, zone left out."""
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _listed(host: str, names: Iterable[str]) -> bool:
    return any(host == name or (name.startswith("*.") and host.endswith(name[1:])) for name in names)


def _reversed(found: re.Match[str]) -> Address | None:
    if found[1]:
        return address_of(".".join(reversed(found[1].rstrip(".").split("."))))
    digits = "".join(reversed(found[2].replace(".", "")))
    return address_of(":".join(digits[at : at + 4] for at in range(0, 32, 4)))
