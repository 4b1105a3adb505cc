"""Query text and source code in strings: SQL, MongoDB, GraphQL, program code. Bounded patterns, prose told apart."""

from __future__ import annotations

import re
from enum import StrEnum


class Query(StrEnum):
    SQL = "SQL"
    MONGO = "a MongoDB query"
    GRAPHQL = "GraphQL"
    CODE = "source code"


_SELECT = re.compile(
    r"\bselect\s+(?:distinct\s+|top\s+\d+\s+)?(.{1,400}?)\s+from\s+([\w.\"`\[\]]+)(.{0,200})", re.IGNORECASE | re.DOTALL
)
_IDENTIFIER = re.compile(r"[\w$]+")
_ARTICLES = frozenset("the a an this that your our their his her my all these those each every".split())
_AFTER = re.compile(
    r"\s*(?:;|$)|.*?(?:\bwhere\b|\bjoin\b|\blimit\b|\border\s+by\b|\bgroup\s+by\b|;|=)", re.IGNORECASE | re.DOTALL
)
_SQL = re.compile(
    r"\binsert\s+into\s+[\w.\"`\[\]]+\s*(?:\(|values\b|select\b)|\bupdate\s+[\w.\"`\[\]]+\s+set\s+[\w.\"`\[\]]+\s*="
    r"|\bdelete\s+from\s+[\w.\"`\[\]]+\s*(?:where\b|;|$)|\b(?:create|alter|drop|truncate)\s+table\s+(?:if\s+(?:not\s+)?exists\s+)?[\w.\"`\[\]]+\s*(?:\(|;|add\b|drop\b|alter\b)"
    r"|\b(?:drop|truncate)\s+table\s+(?:if\s+exists\s+)?[\w.\"`\[\]]+\s*$"
    r"|\bunion\s+(?:all\s+)?select\b|\bwith\s+\w+\s+as\s*\(\s*select\b|\bcall\s+\w+\s*\([^)]{0,200}\)\s*;|\bexec(?:ute)?\s+[\w.]+\s+[@']"
    r"|\bmatch\s*\(\w{0,64}:?\w{0,64}(?:\s*\{[^{}]{0,400}\})?\)[^;]{0,400}\breturn\s+\w|\bfor\s+\w+\s+in\s+\w+\s+(?:filter|sort|limit)\s[^;]{0,400}\breturn\s+\w",
    re.IGNORECASE,
)
_MONGO = re.compile(
    r"\bdb\.\w{1,64}\.(?:find|aggregate|insert|update|delete|count|distinct|replace)\w{0,16}\s*\("
    r"|\$(?:match|lookup|group|project|where|regex|elemMatch|unwind|gte?|lte?|nin|ne|in|set|push|exists)[\"']?\s*:"
)
_GRAPHQL = re.compile(
    r"\b(?:query|mutation|subscription)\b\s*\w{0,64}\s*(?:\([^)]{0,400}\))?\s*\{\s*\w"
    r"|\bfragment\s+\w{1,64}\s+on\s+\w{1,64}\s*\{"
    r"|^\s*\{\s*\w{1,64}\s*(?:\([^)]{0,400}\))?\s*\{\s*\w{1,64}\b(?!\s*:)"
)
_CODE = re.compile(
    r"\bfunction\s*\w{0,64}\s*\([^)]{0,200}\)\s*\{|\)\s*=>\s*[{(\w]|\bdef\s+\w{1,64}\s*\([^)]{0,200}\)\s*(?:->[^:]{1,60})?:"
    r"|\b(?:const|let|var)\s+\w{1,64}\s*=\s*\S|\bimport\s+[\w{}*, ]{1,120}\s+from\s+['\"]|\{\{\s*[\w.$]{1,120}[^{}]{0,200}\}\}"
    r"|#include\s*<\w|\bpublic\s+(?:static\s+)?\w+\s+\w+\s*\("
)
_CODE_MARKS = ("function", "=>", "def", "const", "let", "var", "import", "{{", "#include", "public")
"""A text that `_CODE` finds something in holds one of these."""


def _sql(text: str) -> bool:
    if _SQL.search(text):
        return True
    for found in _SELECT.finditer(text):
        columns, table, rest = found[1].strip(), found[2], found[3]
        if table.lower() in _ARTICLES:
            continue
        if columns == "*" or (re.search(r"[*(.\"`]|\bas\b", columns, re.IGNORECASE) and not columns.endswith(".")):
            return True
        named = [part.strip() for part in columns.split(",")]
        if all(_IDENTIFIER.fullmatch(part) for part in named) and (_AFTER.match(rest) or "SELECT" in found[0][:6]):
            return (
                len(named) > 1 or "SELECT" in found[0][:6] or re.search(r"where\b|;|=", rest, re.IGNORECASE) is not None
            )
    return False


def query_kind(text: str) -> Query | None:
    """What kind of query or code a text holds as it stands, or None."""
    return _kind(text) if any(mark in text for mark in " \t\n({$") else None


def _kind(text: str) -> Query | None:
    lower = text.lower()
    if (
        "from" in lower
        or "into" in lower
        or "set" in lower
        or "table" in lower
        or "union" in lower
        or "exec" in lower
        or "call" in lower
        or "return" in lower
    ) and _sql(text):
        return Query.SQL
    if ("$" in text or "db." in text) and _MONGO.search(text):
        return Query.MONGO
    if "{" in text and _GRAPHQL.search(text):
        return Query.GRAPHQL
    return Query.CODE if any(mark in text for mark in _CODE_MARKS) and _CODE.search(text) else None
