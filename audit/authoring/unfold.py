"""How large a schema is once its references are followed: a short file can stand for more than any engine can visit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

MOST = 1_000_000
"""Objects and lists that one event's schema may stand for. The largest real one that is known has a few hundred."""


def unfolds_too_far(root: Any) -> bool:
    """Whether following every reference visits more than MOST places. A circle counts once: it is told elsewhere."""
    sizes: dict[int, int] = {}
    targets: dict[str, Any] = {}
    open_: set[int] = set()
    stack: list[tuple[Any, bool]] = [(root, False)]
    while stack:
        node, left = stack.pop()
        if left:
            open_.discard(id(node))
            below = sum(sizes.get(id(inner), 1) for inner in _below(root, node, targets))
            sizes[id(node)] = min(1 + below, MOST + 1)
        elif id(node) not in sizes and id(node) not in open_:
            open_.add(id(node))
            stack.append((node, True))
            stack.extend((inner, False) for inner in _below(root, node, targets))
    return sizes.get(id(root), 1) > MOST


def _below(root: Any, node: Any, targets: dict[str, Any]) -> Iterator[Any]:
    """Everything that a visitor of this place visits next."""
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    yield from (value for value in inner if isinstance(value, dict | list))
    ref = node.get("$ref") if isinstance(node, dict) else None
    if isinstance(ref, str) and ref.startswith("#"):
        if ref not in targets:
            targets[ref] = _target(root, ref)
        if targets[ref] is not None:
            yield targets[ref]


def _target(root: Any, ref: str) -> Any:
    node = root
    for token in ref.removeprefix("#").split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(node, dict):
            node = node.get(key)
        elif isinstance(node, list) and key.isdecimal() and int(key) < len(node):
            node = node[int(key)]
        else:
            return None
    return node if isinstance(node, dict | list) else None
