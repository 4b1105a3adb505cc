"""The shapes of data that a database or an API returned: rows, tables, result sets, response bodies, error texts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache
from typing import Any

from audit.leaks.views import is_plain, views
from audit.model import Json


class Payload(StrEnum):
    ROWS = "rows of one shape"
    TABLE = "a table of columns and rows"
    RESULT_SET = "a result set"
    RESPONSE = "a response with its body"
    DELIMITED = "delimited rows"
    MARKUP = "a marked-up table"
    DATABASE_ERROR = "a database's error text"


_ROW_NAMES = frozenset(
    "rows row records record results result data items hits docs documents entries dataset tuples".split()
)
_COLUMN_NAMES = frozenset("columns fields headers header cols columnnames fieldnames".split())
_COUNT_NAMES = frozenset(
    "rowcount affectedrows row_count rows_affected numrows totalrows insertid command totalsize".split()
)
_STATUS_NAMES = frozenset("status statuscode status_code httpstatus".split())
_BODY_NAMES = frozenset("body responsebody response_body responsetext payload data headers".split())
_ID = re.compile(r"(?:^|[_-])id$|[a-z]I[dD]$|^_?id$|^ID$")

_ERROR = re.compile(
    r"ORA-\d{5}|SQLSTATE\W|E11000 duplicate key|duplicate key value violates|Duplicate entry '"
    r"|violates (?:foreign|unique|check|not-null)"
    r"|relation \"[^\"]{1,200}\" does not exist|column \"[^\"]{1,200}\" (?:of relation|does not exist)|syntax error at or near"
    r"|You have an error in your SQL syntax|Unknown column '|Table '[^']{1,200}' doesn't exist"
    r"|near \"[^\"]{1,200}\": syntax error"
    r"|UNIQUE constraint failed|no such (?:table|column): |PSQLException|SQLSyntaxErrorException|SQLException|MongoServerError"
    r"|psycopg2?\.|MySQLdb|pymysql\.err|ER_[A-Z]+_[A-Z_]+|PG::[A-Z]\w+"
    r"|Violation of (?:PRIMARY|UNIQUE) KEY|Invalid (?:object|column) name '"
    r"|invalid input syntax for (?:type )?\w+|null value in column \"|WRONGTYPE Operation|Msg \d{2,5}, Level \d{1,2}"
    r"|Cannot insert duplicate key|Data truncat(?:ed|ion)[: ]|String or binary data would be truncated|FOREIGN KEY constraint"
)


def shape_of_container(value: Json, name: str = "") -> Payload | None:
    """The payload shape of an object or array under the member `name`, or None."""
    if isinstance(value, list):
        return _rows(value, name.lower())
    if isinstance(value, dict):
        return _result(value)
    return None


def _rows(value: list[Json], name: str) -> Payload | None:
    first = value[0] if value else None
    if isinstance(first, dict) and first:
        if len(value) < 2:
            return Payload.RESULT_SET if name in _ROW_NAMES and len(first) >= 2 else None
        keys = first.keys()
        if all(isinstance(row, dict) and row.keys() == keys for row in value):
            tabular = len(keys) >= 3 or name in _ROW_NAMES or any(_ID.search(key) for key in keys)
            return Payload.ROWS if tabular and len(keys) >= 2 else None
    if isinstance(first, list) and len(value) >= 2 and len(first) >= 2:
        same = all(isinstance(row, list) and len(row) == len(first) for row in value)
        texts = sum(isinstance(cell, str) for row in value if isinstance(row, list) for cell in row)
        return Payload.ROWS if same and (name in _ROW_NAMES or (texts >= 2 and len(first) >= 3)) else None
    return None


def _result(value: dict[str, Json]) -> Payload | None:
    names = {key.lower(): child for key, child in value.items()}
    rows = [
        child for key, child in names.items() if key in (_ROW_NAMES | {"values"}) and isinstance(child, list) and child
    ]
    if rows and any(isinstance(names.get(key), list) for key in _COLUMN_NAMES):
        return Payload.TABLE
    if any(isinstance(row, dict | list) for table in rows for row in table[:1]) and _COUNT_NAMES & names.keys():
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


@lru_cache(maxsize=8192)
def shape_of_text(text: str) -> tuple[Payload, tuple[str, ...]] | None:
    """The payload shape that a text holds, with its decoding path, or None. RecursionError never escapes."""
    if is_plain(text):
        return None
    for view in views(text):
        kind = _text(view.text)
        if kind is not None:
            return kind, view.path
        inner = _embedded(view.text)
        if inner is not None:
            return inner, (*view.path, "json")
    return None


def suspect_payload(text: str) -> bool:
    return shape_of_text(text) is not None


def _text(text: str) -> Payload | None:
    if " " in text and _ERROR.search(text):
        return Payload.DATABASE_ERROR
    if "\n" in text and _delimited(text):
        return Payload.DELIMITED
    lower = text[:65536].lower() if "<" in text else ""
    if (lower.count("<tr") >= 2 and "<td" in lower) or lower.count("<row") >= 2 or lower.count("<record") >= 2:
        return Payload.MARKUP
    return None


def _delimited(text: str) -> bool:
    lines = [line for line in text[:65536].splitlines() if line.strip()][:50]
    if len(lines) < 3:
        return False
    for mark in ",;\t|":
        counts = {line.count(mark) for line in lines}
        if len(counts) == 1 and counts.pop() >= 2:
            return True
    return False


def _embedded(text: str) -> Payload | None:
    stripped = text.strip()
    if len(stripped) < 8 or stripped[0] + stripped[-1] not in ("[]", "{}", '""'):
        return None
    try:
        value: Any = json.loads(stripped)
    except (ValueError, RecursionError):
        return None
    if isinstance(value, str):
        return _embedded(value) if len(value) < len(stripped) else None
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
