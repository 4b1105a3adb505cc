"""The shapes of data that a database or an API returned, as objects and lists: rows, tables, result sets, responses."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from enum import StrEnum

from audit.leaks.personal import DEVICES, words_of
from audit.model import Json


class Payload(StrEnum):
    ROWS = "rows of one shape"
    TABLE = "a table of columns and rows"
    RESULT_SET = "a result set"
    RESPONSE = "a response with its body"
    DELIMITED = "delimited rows"
    MARKUP = "a marked-up table"
    DATABASE_ERROR = "a database's error text"
    QUOTING_ERROR = "an error text that quotes data"
    DOCUMENT = "a document of a database"
    RECORD = "a record of a person, an order or the like"


_ROW_NAMES = frozenset(
    "rows row records record results result data items hits docs documents entries dataset tuples".split()
)
_COLUMN_NAMES = frozenset("columns fields headers header cols columnnames fieldnames".split())
_COUNT_NAMES = frozenset(
    "rowcount affectedrows row_count rows_affected numrows totalrows insertid command totalsize majordimension".split()
)
_STATUS_NAMES = frozenset("status statuscode status_code httpstatus".split())
_BODY_NAMES = frozenset("body responsebody response_body responsetext payload data headers".split())
ID = re.compile(r"(?:^|[_-])id$|[a-z]I[dD]$|^_?id$|^ID$")
_WORDS = re.compile(r"[A-Z]?[a-z]+")
_LAYOUT = frozenset(
    "left top right bottom width height x y w h z zindex row column rows columns col span size margin padding type visible "
    "disabled collapsed label icon duration start".split()
)
"""Names of the members that place an element on a page."""

_TYPED = frozenset(
    "$oid $date $numberLong $numberDecimal $binary $uuid S N BOOL "
    "stringValue integerValue doubleValue booleanValue timestampValue referenceValue".split()
)
"""How extended JSON and key-value stores wrap a value with its type."""


def shape_of_container(value: Json, name: str = "") -> Payload | None:
    """The payload shape of an object or array under the member `name`, or None."""
    if isinstance(value, list):
        return _rows(value, name.lower())
    if isinstance(value, dict):
        return _result(value) or _document(value) or _columnar(value) or _keyed(value)
    return None


def _rows(value: list[Json], name: str) -> Payload | None:
    first = value[0] if value else None
    if isinstance(first, dict) and first:
        if len(value) < 2:
            return Payload.RESULT_SET if name in _ROW_NAMES and len(first) >= 2 else None
        keys = first.keys()
        if all(isinstance(row, dict) and row.keys() == keys for row in value) and not is_layout(first):
            tabular = len(keys) >= 3 or name in _ROW_NAMES or any(ID.search(key) for key in keys)
            return Payload.ROWS if tabular and len(keys) >= 2 else None
    if isinstance(first, list) and len(value) >= 2 and len(first) >= 2:
        same = all(isinstance(row, list) and len(row) == len(first) for row in value)
        texts = sum(isinstance(cell, str) for row in value if isinstance(row, list) for cell in row)
        return Payload.ROWS if same and (name in _ROW_NAMES or (texts >= 2 and len(first) >= 3)) else None
    return None


def is_layout(item: Collection[str]) -> bool:
    """Whether names are those of a part of a page, not of a row: most place and size it, or say what widget it is."""
    placing = sum(
        name.lower().startswith("widget")
        or not _LAYOUT.isdisjoint([name.lower(), *map(str.lower, _WORDS.findall(name))])
        for name in item
    )
    return 2 * placing > len(item)


_RESULT_NAMES = _ROW_NAMES | _STATUS_NAMES | {"values", "jsonrpc", "value", "hits", "data"}
"""One of these stands in every object that `_result` knows."""


def _result(value: dict[str, Json]) -> Payload | None:
    if _RESULT_NAMES.isdisjoint(map(str.lower, value)):
        return None
    names = {key.lower(): child for key, child in value.items()}
    rows = [
        child for key, child in names.items() if key in (_ROW_NAMES | {"values"}) and isinstance(child, list) and child
    ]
    if rows and any(isinstance(names.get(key), list) for key in _COLUMN_NAMES):
        return Payload.TABLE
    if any(isinstance(row, dict | list) for table in rows for row in table[:1]) and _COUNT_NAMES & names.keys():
        return Payload.RESULT_SET
    if "jsonrpc" in names and names.get("result") and isinstance(names["result"], dict | list):
        return Payload.RESPONSE
    if isinstance(names.get("value"), list) and any(name.startswith("@odata.") for name in names):
        return Payload.RESULT_SET
    hits = names.get("hits")
    if isinstance(hits, dict) and isinstance(hits.get("hits"), list):
        return Payload.RESULT_SET
    status = next((names[key] for key in _STATUS_NAMES if key in names), None)
    carries = any(names.get(key) not in (None, "", {}, []) for key in _BODY_NAMES)
    if isinstance(status, int) and not isinstance(status, bool) and 100 <= status <= 599 and carries:
        return Payload.RESPONSE
    if isinstance(names.get("data"), dict) and isinstance(names.get("errors"), list):
        return Payload.RESPONSE
    return None


def _document(value: dict[str, Json]) -> Payload | None:
    """One record as a database or a query language writes it, known by what they add."""
    if "__typename" in value and len(value) > 1:
        return Payload.DOCUMENT
    if "_id" in value and len(value) > 2 and {"_rev", "__v", "_source"} & value.keys():
        return Payload.DOCUMENT
    cells = value.get("f")
    if isinstance(cells, list) and cells and all(isinstance(cell, dict) and cell.keys() == {"v"} for cell in cells):
        return Payload.ROWS
    if any(isinstance(child, dict) and len(child) == 1 and _TYPED & child.keys() for child in value.values()):
        return Payload.DOCUMENT
    edges = value.get("edges")
    if isinstance(edges, list) and edges and isinstance(edges[0], dict) and isinstance(edges[0].get("node"), dict):
        return Payload.RESULT_SET
    errors = value.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict) and "message" in errors[0]:
        return Payload.RESPONSE if {"locations", "path", "extensions"} & errors[0].keys() else None
    data = value.get("data")
    if len(value) <= 2 and isinstance(data, dict) and len(data) == 1:
        (record,) = data.values()
        if isinstance(record, dict) and _is_record(record):
            return Payload.RESPONSE
    return None


def _is_record(record: dict[str, Json]) -> bool:
    """What a query asked for: members with an id, or three and more plain ones that place nothing on a page."""
    plain = sum(isinstance(child, str | int | float) for child in record.values())
    return len(record) >= 2 and (any(ID.search(key) for key in record) or (plain >= 3 and not is_layout(record)))


_TELLING = frozenset(
    "customer buyer patient employee firstname lastname fullname surname birth birthday birthdate dob street postcode zip iban "
    "ssn salary invoice sku qty quantity shipped mail email phone".split()
)
_TOGETHER = tuple(
    frozenset(words.split())
    for words in (
        "first name,last name,full name,given name,family name,address line,postal code,post code,order id,order no,order number,"
        "unit price"
    ).split(",")
)
"""Words of names that records of people, orders and stock have, and settings hardly have two of."""

_SAYS = re.compile(r"[0-9]|[^\W\d_]{2,}\W{1,2}[A-Z]")


def is_record_of_business(value: dict[str, Json]) -> bool:
    """Whether an object reads as one record of business data: three plain members, two of which such records have by their
    names, or one beside an id. A list of labels says no number and no name; a form has places to fill in."""
    plain = {
        name: child
        for name, child in value.items()
        if isinstance(child, str | int | float) and not isinstance(child, bool) and "{{" not in str(child)
    }
    telling = [name for name in plain if _is_telling(words_of(name))]
    identified = any(ID.search(name) and name not in telling for name in plain)
    return len(plain) >= 3 and len(telling) + identified >= 2 and any(_says(name, plain[name]) for name in telling)


def _is_telling(words: frozenset[str]) -> bool:
    if not DEVICES.isdisjoint(words):
        return False
    return not _TELLING.isdisjoint(words) or any(together <= words for together in _TOGETHER)


def _says(name: str, value: Json) -> bool:
    """Whether a value is a number, or a text with one or with a name in it that does not begin as the member is called."""
    if not isinstance(value, str):
        return True
    label = value.replace(" ", "").casefold().startswith(name.replace("_", "").casefold())
    return not label and _SAYS.search(value) is not None


def _columnar(value: dict[str, Json]) -> Payload | None:
    """A table turned on its side: lists of one length, a column each."""
    lists = [child for child in value.values() if isinstance(child, list)]
    if len(lists) < 2 or len(lists) != len(value) or len(lists[0]) < 2:
        return None
    same = all(len(child) == len(lists[0]) for child in lists)
    flat = all(not isinstance(cell, dict | list) for child in lists for cell in child[:50])
    named = any(ID.search(key) for key in value) or len(lists) >= 3
    return Payload.TABLE if same and flat and named else None


_KEY = re.compile(r"[0-9]{1,20}|[0-9a-f]{24}|[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")


def _keyed(value: dict[str, Json]) -> Payload | None:
    """Rows under their ids: objects with the same three members or more."""
    rows = [row for row in value.values() if isinstance(row, dict)]
    if len(rows) < 2 or len(rows) < len(value) or not all(map(_KEY.fullmatch, value)):
        return None
    same = all(row.keys() == rows[0].keys() for row in rows)
    return Payload.ROWS if same and len(rows[0]) >= 3 and not is_layout(rows[0]) else None


def shape_below(value: Json) -> Payload | None:
    """The payload shape of a value or of anything in it."""
    return next((kind for name, node in _containers(value) if (kind := shape_of_container(node, name))), None)


def _containers(value: Json) -> Iterator[tuple[str, Json]]:
    stack: list[tuple[str, Json]] = [("", value)]
    while stack:
        name, node = stack.pop()
        if isinstance(node, dict):
            yield name, node
            stack.extend((key, child) for key, child in node.items() if isinstance(child, dict | list))
        elif isinstance(node, list):
            yield name, node
            stack.extend((name, child) for child in node if isinstance(child, dict | list))
