"""From a key path to the line where it stands, in JSON and in TOML. Neither standard parser tells lines."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator
from functools import cached_property
from typing import Any

from audit.model import parse_pointer


class Lines:
    """The lines of one file. Built when the first fault asks; the deepest key of a path that the text has decides."""

    def __init__(self, text: str, *, toml: bool) -> None:
        self.text, self.toml = text, toml

    def at(self, path: str) -> int | None:
        """The line of a key path (RFC 6901), from 1; None where nothing of it is found."""
        if not path or path == "/":
            return 1 if self.text else None
        try:
            tokens = parse_pointer(path)
        except ValueError:
            return None
        return self._toml_line(tokens) if self.toml else self._json_line(tokens)

    @cached_property
    def _root(self) -> Any:
        import tree_sitter_json
        import tree_sitter_toml
        from tree_sitter import Language, Parser

        language = tree_sitter_toml.language() if self.toml else tree_sitter_json.language()
        return Parser(Language(language)).parse(self.text.encode("utf-8", "surrogatepass")).root_node

    def _json_line(self, tokens: tuple[str, ...]) -> int | None:
        node = next(iter(self._root.named_children), None)
        line: int | None = None
        for token in tokens:
            found = _member(node, token) if node is not None else None
            if found is None:
                return line
            line, node = found
        return line

    @cached_property
    def _index(self) -> dict[tuple[str, ...], int]:
        index: dict[tuple[str, ...], int] = {}
        counts: dict[tuple[str, ...], int] = {}
        for node in self._root.named_children:
            if node.type == "pair":
                _pair(node, (), index)
            elif node.type in ("table", "table_array_element"):
                head, *rest = node.named_children or [None]
                if head is None:
                    continue
                base: tuple[str, ...] = ()
                for key in _keys(head):
                    base = (*base, key)
                    if base in counts and base != _full(head, counts):
                        base = (*base, str(counts[base]))
                if node.type == "table_array_element":
                    counts[base] = counts.get(base, -1) + 1
                    index.setdefault(base, head.start_point[0] + 1)
                    base = (*base, str(counts[base]))
                index.setdefault(base, head.start_point[0] + 1)
                for child in rest:
                    if child.type == "pair":
                        _pair(child, base, index)
        return index

    def _toml_line(self, tokens: tuple[str, ...]) -> int | None:
        for length in range(len(tokens), 0, -1):
            line = self._index.get(tokens[:length])
            if line is not None:
                return line
        return None


def _full(head: Any, counts: dict[tuple[str, ...], int]) -> tuple[str, ...]:
    """The whole key of a table header: itself it is no element of the list that it opens."""
    keys = tuple(_keys(head))
    return keys if keys in counts else ()


def _member(node: Any, token: str) -> tuple[int, Any] | None:
    """The line and the value of a member or an item of a JSON node."""
    if node.type == "object":
        pairs = [pair for pair in node.named_children if pair.type == "pair"]
        for pair in reversed(pairs):  # of a doubled key, parsers keep the last
            key = pair.child_by_field_name("key")
            if key is not None and _text(key) == token:
                return key.start_point[0] + 1, pair.child_by_field_name("value")
    elif node.type == "array" and token.isdecimal():
        items = [item for item in node.named_children if item.type != "comment"]
        if int(token) < len(items):
            return items[int(token)].start_point[0] + 1, items[int(token)]
    return None


def _text(key: Any) -> str | None:
    try:
        found = json.loads(key.text)
    except ValueError:
        return None
    return found if isinstance(found, str) else None


def _keys(node: Any) -> Iterator[str]:
    if node.type == "dotted_key":
        for child in node.named_children:
            yield from _keys(child)
    elif node.type == "bare_key":
        yield node.text.decode()
    elif node.type == "quoted_key":
        try:
            yield next(iter(tomllib.loads(f"{node.text.decode()} = 0")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError):
            yield "?"


def _pair(node: Any, base: tuple[str, ...], index: dict[tuple[str, ...], int]) -> None:
    key, *rest = node.named_children or [None]
    if key is None:
        return
    for token in _keys(key):
        base = (*base, token)
        index.setdefault(base, key.start_point[0] + 1)
    for value in rest:
        _value(value, base, index)


def _value(node: Any, base: tuple[str, ...], index: dict[tuple[str, ...], int]) -> None:
    if node.type == "inline_table":
        for pair in node.named_children:
            if pair.type == "pair":
                _pair(pair, base, index)
    elif node.type == "array":
        items = [item for item in node.named_children if item.type != "comment"]
        for number, item in enumerate(items):
            index.setdefault((*base, str(number)), item.start_point[0] + 1)
            _value(item, (*base, str(number)), index)
