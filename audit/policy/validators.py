"""One interface over two JSON Schema engines: jsonschema_rs in production, jsonschema as oracle and fallback.

Neither may open a socket or a file: both get a registry or retriever that refuses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, NoReturn, Protocol

from audit.model import Pointer

FORMATS = frozenset({"date-time", "date", "time", "duration", "uuid", "ipv4", "ipv6", "email", "hostname", "uri"})
"""The formats a pack may use: both engines check them. Any other is refused when the pack is loaded."""


class Fault(NamedTuple):
    """One refusal of a schema: where, by which keyword, and the unknown or absent names."""

    pointer: Pointer
    keyword: str
    names: tuple[str, ...] = ()


class Validator(Protocol):
    def is_valid(self, value: Any) -> bool: ...

    def faults(self, value: Any) -> tuple[Fault, ...]: ...


def refuse(uri: str) -> NoReturn:
    raise LookupError(f"a policy pack may not refer to {uri}: only local references are read")


@lru_cache(maxsize=4096)
def _compiled(schema: str) -> Validator:
    return compile_validator(json.loads(schema))


def accepts(schema: Mapping[str, Any], value: Any) -> bool:
    """Whether a value fits a piece of a schema; compiled once a piece."""
    try:
        return _compiled(json.dumps(schema, sort_keys=True)).is_valid(value)
    except (UnicodeEncodeError, ValueError):  # lone surrogates, numbers beyond the engine
        return False


@lru_cache(maxsize=256)
def whole(pattern: str) -> Validator:
    """A validator for texts that fit a pattern from end to end, by the linear engine. Raises ValueError where it reads none."""
    return compile_validator({"pattern": f"^(?:{pattern})$"})


def fits(pattern: str, text: str) -> bool:
    """Whether a captured text is of a form that a pack names, in time that grows with the text's length alone. One of two
    lines is of none: to some engines its first line would do."""
    try:
        return "\n" not in text and whole(pattern).is_valid(text)
    except UnicodeEncodeError:  # lone surrogates
        return False


EXTRA = ("additionalProperties", "unevaluatedProperties")


def compile_validator(schema: Mapping[str, Any]) -> Validator:
    """A validator for a schema that `check_safe` has passed. Raises ValueError where the schema is wrong."""
    try:
        import jsonschema_rs  # noqa: F401 - only whether it is there
    except ImportError:
        return oracle(schema)
    return fast(schema)


@dataclass(frozen=True, slots=True)
class _Fast:
    is_valid: Callable[[Any], bool]
    errors: Callable[[Any], Iterable[Any]]

    def faults(self, value: Any) -> tuple[Fault, ...]:
        return tuple(fault for error in self.errors(value) for fault in _from_rs(error, ()))


def fast(schema: Mapping[str, Any]) -> Validator:
    """jsonschema_rs: formats on, unknown formats refused, linear regex engine."""
    import jsonschema_rs

    named = _named(schema)
    try:
        compiled = jsonschema_rs.Draft202012Validator(
            named,
            validate_formats=True,
            ignore_unknown_formats=False,
            pattern_options=jsonschema_rs.RegexOptions(),
            retriever=refuse,
        )
    except jsonschema_rs.ValidationError as error:
        raise ValueError(str(error).split("\n", 1)[0]) from None
    lean = jsonschema_rs.Draft202012Validator(
        _counted(named),
        validate_formats=True,
        pattern_options=jsonschema_rs.RegexOptions(),
        retriever=refuse,
    )
    return _Fast(lean.is_valid, compiled.iter_errors)


def _counted(schema: Any) -> Any:
    """The same schema, quicker to decide by and worse to explain with: a closed object that requires every member it
    knows has them all if it has as many."""
    if not isinstance(schema, dict):
        return schema
    known = schema.get("properties")
    counted = {
        key: {name: _counted(child) for name, child in value.items()}
        if key in ("properties", "$defs") and isinstance(value, dict)
        else value
        for key, value in schema.items()
    }
    closed = schema.get("additionalProperties") is False and not {"patternProperties", "minProperties"} & schema.keys()
    if closed and isinstance(known, dict) and sorted(known) == sorted(schema.get("required", ())):
        counted["minProperties"] = len(counted.pop("required", ()))
    return counted


_MAPS = ("properties", "patternProperties", "$defs", "definitions", "dependentSchemas")
_NOTES = ("title", "description", "$comment", "default", "examples", "deprecated", "readOnly", "writeOnly")


def _named(schema: Any) -> Any:
    """The schema as the engine is best given it: with an empty `properties` in every closed object that has none, since
    only then it names what it refuses; without annotations, each of which costs time in every validation."""
    if isinstance(schema, list):
        return [_named(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    named = {
        key: {name: _named(child) for name, child in value.items()}
        if key in _MAPS and isinstance(value, dict)
        else value
        if key in ("const", "enum")
        else _named(value)
        for key, value in schema.items()
        if not key.startswith("x-") and key not in _NOTES
    }
    return {"properties": {}, **named} if schema.get("additionalProperties") is False else named


def _from_rs(error: Any, base: Pointer) -> Iterable[Fault]:
    where = (*base, *error.instance_path)
    kind = error.kind
    keyword = kind.name
    if keyword in EXTRA:
        yield Fault(where, keyword, tuple(kind.unexpected))
    elif keyword == "required":
        yield Fault(where, keyword, (kind.property,))
    elif keyword in ("anyOf", "oneOf") and hasattr(kind, "context"):
        branches = [[fault for inner in branch for fault in _from_rs(inner, ())] for branch in kind.context]
        yield from _nearest(where, keyword, branches)
    else:
        yield Fault(where, keyword)


def _nearest(where: Pointer, keyword: str, branches: list[list[Fault]]) -> Iterable[Fault]:
    """The faults of the branch that comes closest, if one clearly speaks of members below; else one fault at the node."""
    deep = [branch for branch in branches if branch and all(len(f.pointer) > len(where) or f.names for f in branch)]
    yield from min(deep, key=len, default=[Fault(where, keyword)])


@dataclass(frozen=True, slots=True)
class _Oracle:
    validator: Any

    def is_valid(self, value: Any) -> bool:
        return bool(self.validator.is_valid(value))

    def faults(self, value: Any) -> tuple[Fault, ...]:
        return tuple(fault for error in self.validator.iter_errors(value) for fault in self._from_py(error))

    def _from_py(self, error: Any) -> Iterable[Fault]:
        where = tuple(error.absolute_path)
        keyword = error.validator
        if keyword is None or (keyword == "not" and error.validator_value == {}):
            keyword = "falseSchema"
        if keyword == "additionalProperties":
            yield Fault(where, keyword, tuple(_extras(error.instance, error.schema)))
        elif keyword == "unevaluatedProperties":
            yield Fault(where, keyword, tuple(self._unevaluated(error)))
        elif keyword == "required":
            missing = [name for name in error.validator_value if name not in error.instance]
            # One error a name: the message ends in the name's place only for a reader, so take the names in turn.
            yield from (Fault(where, keyword, (name,)) for name in missing if error.message.startswith(repr(name)))
        elif keyword in ("anyOf", "oneOf") and error.context:
            branches: dict[Any, list[Fault]] = {}
            for inner in error.context:
                branches.setdefault(inner.schema_path[0], []).extend(self._from_py(inner))
            yield from _nearest(where, keyword, list(branches.values()))
        else:
            yield Fault(where, keyword)

    def _unevaluated(self, error: Any) -> Iterable[str]:
        alone = self.validator.evolve(schema=error.schema)
        for name, value in error.instance.items():
            if any(e.validator == "unevaluatedProperties" for e in alone.iter_errors({name: value})):
                yield name


def _extras(instance: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterable[str]:
    known = schema.get("properties", {})
    patterns = [re.compile(pattern) for pattern in schema.get("patternProperties", {})]
    return (name for name in instance if name not in known and not any(p.search(name) for p in patterns))


def oracle(schema: Mapping[str, Any]) -> Validator:
    """jsonschema: slower and exact; the referee in tests, and the engine where jsonschema_rs is absent."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from referencing import Registry

    def no_resource(uri: str) -> NoReturn:
        from referencing.exceptions import NoSuchResource

        raise NoSuchResource(uri)

    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise ValueError(error.message) from None
    registry: Registry[Any] = Registry(retrieve=no_resource)  # type: ignore[call-arg]  # attrs aliases are opaque to mypy
    return _Oracle(Draft202012Validator(_spelled(schema), registry=registry, format_checker=_format_checker()))


def _spelled(schema: Any) -> Any:
    """The schema with `false` spelled out below `properties`: jsonschema tells no place for a bare one."""
    if isinstance(schema, dict):
        spelled = {key: _spelled(value) for key, value in schema.items()}
        members = schema.get("properties")
        if isinstance(members, dict):
            spelled["properties"] = {
                name: {"not": {}} if value is False else _spelled(value) for name, value in members.items()
            }
        return spelled
    return [_spelled(value) for value in schema] if isinstance(schema, list) else schema


def _format_checker() -> Any:
    """jsonschema's checkers, where they are laxer than RFC 3339 and RFC 9562 narrowed to them."""
    from jsonschema import Draft202012Validator, FormatChecker

    checker = FormatChecker(formats=())
    checker.checkers = dict(Draft202012Validator.FORMAT_CHECKER.checkers)
    original, _ = checker.checkers["date-time"]
    ascii_uuid = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}", re.ASCII)
    checker.checkers["date-time"] = (lambda v: not isinstance(v, str) or (not v.endswith("\n") and original(v)), ())
    checker.checkers["uuid"] = (lambda v: not isinstance(v, str) or ascii_uuid.fullmatch(v) is not None, ())
    return checker


def check_safe(schema: object, at: str = "") -> Iterable[tuple[str, str]]:
    """Faults that must be found before any engine sees the schema: dialect, references, formats. (key path, what)."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            where = f"{at}/{key}"
            if key == "$schema" and value != "https://json-schema.org/draft/2020-12/schema":
                yield where, "the dialect must be https://json-schema.org/draft/2020-12/schema"
            elif key in ("$ref", "$dynamicRef") and not (isinstance(value, str) and value.startswith("#")):
                yield where, "a reference must be local (start with '#'): nothing is fetched"
            elif key in ("$id", "$anchor", "$dynamicAnchor", "$vocabulary"):
                yield where, f"{key} is not supported: refer with '#/$defs/...'"
            elif (
                key == "format"
                and at.rsplit("/", 1)[-1] != "properties"
                and not (isinstance(value, str) and value in FORMATS)
            ):
                yield where, f"unknown format: use one of {', '.join(sorted(FORMATS))}"
            if key not in ("const", "enum", "examples", "default"):
                yield from check_safe(value, where)
    elif isinstance(schema, list):
        for index, value in enumerate(schema):
            yield from check_safe(value, f"{at}/{index}")
