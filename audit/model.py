"""The words of the house as values: places, events, breaches, findings, verdicts. Frozen, no I/O, no clock."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from typing import NamedTuple, NewType, TypeAlias

Json: TypeAlias = "bool | int | float | Decimal | str | list[Json] | dict[str, Json] | None"
Pointer: TypeAlias = tuple[str | int, ...]
"""RFC 6901 as its parsed tokens; an int is an array index. Holds captured names: shown only through `redact`."""

PackStr = NewType("PackStr", str)
"""Text that a policy pack says. The only text that a rule may put into a finding."""


class Level(StrEnum):
    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"

    @property
    def rank(self) -> int:
        return ("note", "warning", "error").index(self.value)


class Grade(StrEnum):
    PROVED = "proved"
    STRONG = "strong"
    SUSPECTED = "suspected"


class Verdict(StrEnum):
    VIOLATED = "violated"
    CONTRADICTED = "contradicted"
    INCONCLUSIVE = "inconclusive"
    UPHELD = "upheld"
    NOT_EXERCISED = "not-exercised"
    NOT_TESTABLE = "not-testable"


class Shape(StrEnum):
    """What a value looks like, said without saying the value."""

    ABSENT = "absent"
    NULL = "null"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    OBJECT = "object"
    ARRAY = "array"
    EMPTY = "empty"
    UUID = "uuid"
    DATE_TIME = "date-time"
    IPV4 = "ipv4"
    IPV6 = "ipv6"
    EMAIL = "email"
    URL = "url"
    OBJECT_ID = "hex-24"
    HEX_32 = "hex-32"
    HEX_40 = "hex-40"
    HEX_64 = "hex-64"
    HEX = "hex"
    DIGITS = "digits"
    WORD = "word"
    TEXT = "text"

    @property
    def words(self) -> str:
        return _WORDS.get(self.value, self.value)


_WORDS = {
    "null": "null",
    "boolean": "true or false",
    "integer": "an integer",
    "number": "a number",
    "object": "an object",
    "array": "a list",
    "empty": "empty text",
    "uuid": "a UUID",
    "date-time": "a date and time",
    "ipv4": "an IPv4 address",
    "ipv6": "an IPv6 address",
    "email": "an e-mail address",
    "url": "a URL",
    "hex-24": "24 hex digits (an ObjectId, which carries its creation time?)",
    "hex-32": "32 hex digits",
    "hex-40": "40 hex digits",
    "hex-64": "64 hex digits",
    "hex": "hex digits",
    "digits": "digits",
    "word": "a single word",
    "text": "text",
}


class Place(NamedTuple):
    """Where a record stands: (input, offset, item) orders; `chunk` and `unit` (1-based in it) give the number at the end.

    `offset` is the byte offset of the unit in the decoded stream, or its ordinal; `item` the index in a batch or array.
    """

    input: int
    offset: int
    item: int
    chunk: int
    unit: int


class Reason(StrEnum):
    """Why a record is unreadable, with what to do next."""

    NOT_JSON = "not JSON: one JSON object a line is expected"
    CONCATENATED = "several JSON values on one line: put each on a line of its own"
    CONSTANT = "not JSON: NaN or Infinity; the writer must send null or a string"
    BOM = "not JSON: a byte order mark inside the file (were files concatenated?)"
    NOT_OBJECT = "JSON, but no object: a telemetry event is an object"
    NO_ENVELOPE = "an object without an event envelope: another program's log, or a wrong --policy?"
    UTF8 = "not UTF-8: convert the file to UTF-8"
    UTF16 = "UTF-16 text: convert it first, for example with iconv -f UTF-16 -t UTF-8"
    UTF32 = "UTF-32 text: convert it first, for example with iconv -f UTF-32 -t UTF-8"
    ARCHIVE = "an archive of files: unpack it, and give the directory"
    PACKED = "compressed twice: unpack it once"
    BINARY = "binary data, no text: export the capture as JSON lines"
    TOO_LONG = "longer than --max-line"
    TOO_DEEP = "nested deeper than --max-depth"
    TOO_MANY = "more members than --max-keys"
    TRUNCATED = "the compressed stream ends early: what came before was judged, the rest is missing"
    CORRUPT = "the compressed stream is damaged: what came before was judged, the rest is missing"
    CUT = "the JSON document ends early: what came before was judged, the rest is missing"
    BATCH = "a batch that is no list of events"
    EMPTY_BATCH = "a batch without events"
    DENIED = "permission denied: nothing of this file was read"
    VANISHED = "the file could not be read to its end"
    CHANGED = "the file changed while it was read: audit a copy that nobody writes to"
    CRASHED = "the process that read this part died, twice: nothing of it was judged"
    DANGLING = "a link to a file that is not there: nothing of it was read"
    LINKED = "a link to a directory elsewhere: links are not followed; name that directory too"
    NO_FILE = "not a regular file: nothing of it was read"
    BODY = "a telemetry request whose body is no event: encrypted, damaged, or of an unknown encoding"
    BODILESS = "a telemetry request whose body the capture does not hold: export the capture with its request bodies"
    CUT_BODY = "a telemetry request that the capture cuts off: capture whole packets (snap length 0)"
    BOMB = "a telemetry request whose body inflates beyond --max-line"
    BROKEN_CHAIN = "the chain of evidence breaks here: what stands before was judged, what follows was not"
    TORN = "a record that was being written when the proxy was ended: its request was not sent on"
    UNRECORDED = "a request that went through without being recorded or judged: see what the proxy said then"
    NO_REQUEST = "an entry without a request: method, URL and headers are expected"
    NO_ENTRIES = (
        "no HAR with a list of entries: give a log of events as a capture of its own, or with --input-format jsonl"
    )
    CUT_FLOW = "the flow dump ends inside a flow: what came before was judged, the rest is missing"
    ODD_FLOW = "a flow that is damaged: the others were judged"
    BAD_FLOW = "the flow dump is damaged here: what came before was judged, the rest cannot be found"
    CUT_PACKETS = "the packet capture ends inside a packet: what came before was judged, the rest is missing"
    BAD_PACKETS = "the packet capture is damaged here: what came before was judged, the rest cannot be found"
    LINK = "a packet capture of a link type that is not read: capture Ethernet, Linux cooked or raw IP"


class Gap(StrEnum):
    """Something in a claim's scope that was not looked at."""

    UNREADABLE = "unreadable"
    ORIGIN = "unknown-origin"
    TIME = "unknown-time"
    SUBJECT = "unknown-subject"
    DUPLICATE = "duplicate-key"
    OVERFLOW = "too-many-groups"
    SEARCH = "search-given-up"
    OPAQUE = "opaque-traffic"


class Known(StrEnum):
    """How the name of a destination is known; the first that a capture offers decides."""

    HTTP = "http-host"
    TLS = "tls-name"
    CONNECT = "connect"
    DNS = "dns"
    ADDRESS = "address"


class Scheme(StrEnum):
    """What was spoken with a destination, as far as the capture shows."""

    HTTP = "http"
    HTTPS = "https"
    TLS = "tls"
    TCP = "tcp"
    QUIC = "quic"
    UDP = "udp"
    DNS = "dns"
    ICMP = "icmp"
    IP = "ip"


@dataclass(frozen=True, slots=True)
class Contact:
    """One destination that was contacted, or that a contact was attempted with.

    `host`: the name, lower case, or the address where no name is known; `address`: where it went, if known; `connected`:
    it answered; `until`: when it was last heard of; `opaque`: something was said that the capture does not show (TLS, QUIC,
    a tunnel, a websocket).
    """

    host: str
    port: int | None
    scheme: Scheme
    known: Known
    seen_at: datetime | None = None
    address: str | None = None
    connected: bool = True
    opaque: bool = False
    bytes_out: int = 0
    until: datetime | None = None


UNKNOWN = "unknown"
"""The origin of an event that no list, option or match rule places."""


class Times(NamedTuple):
    """An event's clocks, UTC; None where it has none. `arrived` and `sent` follow the plan's definitions.

    `stated`: when the sender's clock says it was sent; `original`: when that clock says it was created; `naive`: a time had
    no offset and was read as UTC; `stamped`: whoever received it, or captured it, says when it arrived, not its sender.
    """

    sent: datetime | None = None
    arrived: datetime | None = None
    created: datetime | None = None
    stated: datetime | None = None
    original: datetime | None = None
    naive: bool = False
    stamped: bool = False


@dataclass(frozen=True, slots=True)
class Event:
    """One telemetry message. `hidden`: values that the parsed view does not show (earlier duplicates of a key,
    batch members that the event's own member shadows), each with the pointer where it stands. `wire`: met on its way, so
    that it lacks what only the collector adds."""

    place: Place
    value: dict[str, Json]
    name: str | None
    call: str | None
    origin: str
    times: Times = field(default_factory=Times)
    message_id: str | None = None
    hidden: tuple[tuple[Pointer, Json], ...] = ()
    duplicates: tuple[Pointer, ...] = ()
    subject: str | None = None
    wire: bool = False


@dataclass(frozen=True, slots=True)
class Unreadable:
    place: Place
    reason: Reason
    column: int | None = None


Fact: TypeAlias = int | datetime | timedelta | Enum | PackStr


@dataclass(frozen=True, slots=True)
class Breach:
    """One breach as a rule says it: no captured text fits in here but the pointer, which the engine redacts.

    `template` is a format string over `facts`; `level` None means the rule's own.
    """

    pointer: Pointer
    template: str
    facts: Mapping[str, Fact] = field(default_factory=dict)
    level: Level | None = None
    grade: Grade = Grade.PROVED
    path: tuple[str, ...] = ()


class Reveal(StrEnum):
    """What of a captured value an audit may show: what it looks like, or, asked for twice, the value."""

    SHAPE = "shape"
    VALUES = "values"


class Withheld(StrEnum):
    """Why a value is not shown although values are asked for."""

    LISTED = "a credential, or a listed value in some form: never shown"
    UNSEARCHED = "not all of this event could be searched for listed values"
    DOUBLED = "its key stands more than once: which value is meant does not show"


@dataclass(frozen=True, slots=True)
class Revealed:
    """A captured value that two options let through, made by `redact` alone: its first characters, none of them active,
    and how many it has in all. Whatever shows it says on every page that it does."""

    text: str
    length: int


@dataclass(frozen=True, slots=True)
class Finding:
    """A breach after redaction: every field may be printed. Page findings have no place, event or pointer. `value`: only
    where values are revealed."""

    fingerprint: str
    rule: str
    level: Level
    grade: Grade
    place: Place | None
    event: str | None
    message_id: str | None
    origin: str | None
    pointer: str | None
    field: str | None
    host: str | None
    message: str
    shape: Shape | None
    path: tuple[str, ...] = ()
    value: Revealed | Withheld | None = None

    def order(self) -> tuple[object, ...]:
        """The order of findings in every output: by place, rule, pointer, message; no place first."""
        where = (0, 0, 0, 0) if self.place is None else (1, *self.place[:3])
        return (*where, self.rule, self.pointer or "", self.message)


class Outcome(IntEnum):
    """Exit codes of `check`, the same for every format."""

    CLEAN = 0
    FINDINGS = 1
    USAGE = 2
    NOTHING_READ = 3
    NOT_EXERCISED = 4
    UNVERIFIED = 5
    INTERNAL = 70
    INTERRUPTED = 130
    TERMINATED = 143


def leaves(value: Json, at: Pointer = ()) -> Iterator[tuple[Pointer, Json]]:
    """Every leaf below a value with its pointer; an empty container is a leaf, null is absent. Depth-first, no recursion."""
    stack: list[tuple[Pointer, Json]] = [(at, value)]
    while stack:
        where, node = stack.pop()
        if isinstance(node, dict) and node:
            stack.extend(((*where, key), child) for key, child in reversed(node.items()))
        elif isinstance(node, list) and node:
            stack.extend(((*where, index), node[index]) for index in range(len(node) - 1, -1, -1))
        elif node is not None:
            yield where, node


def members(value: Json, at: Pointer = ()) -> Iterator[Pointer]:
    """The pointer of every object member below a value, leaf or not."""
    stack: list[tuple[Pointer, Json]] = [(at, value)]
    while stack:
        where, node = stack.pop()
        if isinstance(node, dict):
            for key, child in node.items():
                yield (*where, key)
                stack.append(((*where, key), child))
        elif isinstance(node, list):
            stack.extend(((*where, index), child) for index, child in enumerate(node))


_MISSING = object()


def resolve(value: Json, pointer: Pointer) -> Json:
    """The value at a pointer, or None where there is none (null is absent)."""
    node: object = value
    for token in pointer:
        if isinstance(node, dict):
            node = node.get(token, _MISSING)
        elif isinstance(node, list) and isinstance(token, int) and token < len(node):
            node = node[token]
        else:
            return None
    return None if node is _MISSING else node  # type: ignore[return-value]  # narrowed by hand: tokens walk Json only


def parse_pointer(text: str) -> tuple[str, ...]:
    """RFC 6901 text to tokens; every token stays text, as a policy pack addresses object members only."""
    if not text.startswith("/"):
        raise ValueError("a JSON Pointer starts with '/'")
    return tuple(token.replace("~1", "/").replace("~0", "~") for token in text[1:].split("/"))
