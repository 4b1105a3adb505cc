"""What an env file and a running container really say about the switch. Docker's readers differ; where they do, so it is said."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from audit.engine.times import parse_time
from audit.policy.pack import ConsentSwitch
from audit.redact import instant


class Setting(StrEnum):
    OFF = "off"
    ON = "on"
    LOOKS_OFF = "only looks off"


class Remark(NamedTuple):
    """Something about one line that a reader of the file should know. `line` 0: about the file."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class EnvFile:
    """The setting that an env file makes, with every remark about it."""

    setting: Setting
    remarks: tuple[Remark, ...]


@dataclass(frozen=True, slots=True)
class Switch:
    """What docker.env and the running containers say together. `started`: when the last of them was started."""

    off: bool
    looks_off: bool
    says: str
    started: datetime | None = None


class InspectError(Exception):
    """`docker inspect` output that cannot be used."""


_ASSIGNMENT = re.compile(r"(\s*)(export\s+)?([A-Za-z_][A-Za-z0-9_]*)(\s*)(?:([=:])(.*))?", re.DOTALL)
_COMMENTED = re.compile(r"\s*#+\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=")


def is_env(text: str) -> bool:
    """Whether a text may be an env file: it has a line that is a name, with a value or without, or none but comments."""
    lines = [line for line in text.removeprefix("\ufeff").splitlines() if line.strip()]
    return any(map(_ASSIGNMENT.fullmatch, lines)) or all(line.lstrip().startswith("#") for line in lines)


def read_env(text: str, switch: ConsentSwitch) -> EnvFile:
    """Read env-file text as Docker's readers do: one assignment a line, `#` comments, the last assignment wins."""
    settings: list[tuple[int, Setting]] = []
    remarks: list[Remark] = []
    marked = text.startswith("\ufeff")
    if marked:
        remarks.append(
            Remark(1, "a byte order mark stands before the first name: some readers take it as part of the name")
        )
        text = text.removeprefix("\ufeff")
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.removesuffix("\r")
        found = _read_line(number, line, switch)
        if isinstance(found, Remark):
            remarks.append(found)
        elif found is not None:
            setting, said = found
            settings.append((number, setting))
            remarks += [Remark(number, text) for text in said]
            if marked and number == 1 and setting is Setting.OFF:
                settings[-1] = (number, Setting.LOOKS_OFF)
            if raw.endswith("\r"):
                remarks.append(Remark(number, "the line ends in CR LF: some readers keep the CR as part of the value"))
                settings[-1] = (number, Setting.LOOKS_OFF if setting is Setting.OFF else setting)
    if len(settings) > 1:
        lines = ", ".join(str(number) for number, _ in settings)
        remarks.append(Remark(settings[-1][0], f"{switch.env} stands on lines {lines}: the last one wins"))
    looks = any(remark.text.startswith("looks like") for remark in remarks)
    final = settings[-1][1] if settings else Setting.LOOKS_OFF if looks else Setting.ON
    if not settings:
        remarks.append(Remark(0, f"{switch.env} is not set"))
    return EnvFile(final, tuple(sorted(remarks)))


def _read_line(number: int, line: str, switch: ConsentSwitch) -> Remark | tuple[Setting, list[str]] | None:
    commented = _COMMENTED.match(line)
    if commented is not None:
        return Remark(number, "the line is a comment: it sets nothing") if commented[1] == switch.env else None
    match = _ASSIGNMENT.fullmatch(line)
    if match is None:
        return None
    _, export, name, gap, mark, value = match.groups()
    if name != switch.env:
        near = difflib.SequenceMatcher(None, name.upper(), switch.env.upper()).ratio() > 0.85
        return Remark(number, f"looks like {switch.env} but is another name: it sets nothing") if near else None
    if mark is None:
        return Setting.LOOKS_OFF, [
            "a name without value: Docker takes it from the environment of whoever starts the containers"
        ]
    if mark == ":":
        looks = _value(value.strip(), switch)[0] is not Setting.ON
        return Setting.LOOKS_OFF if looks else Setting.ON, ["a colon in place of `=`: that is YAML; env files need `=`"]
    doubts = [*_doubts(export, gap)]
    setting, more = _value(value, switch)
    doubts += more
    return (Setting.LOOKS_OFF if setting is Setting.OFF and doubts else setting), doubts


def _doubts(export: str | None, gap: str) -> Iterator[str]:
    if export:
        yield "`export` before the name: Docker Compose 2 drops it, `docker run` and old Compose do not"
    if gap:
        yield "spaces around the name: Docker Compose 2 drops them, `docker run` refuses them"


def _value(value: str, switch: ConsentSwitch) -> tuple[Setting, list[str]]:
    if value in switch.off:
        return Setting.OFF, []
    if "$" in value:
        return Setting.LOOKS_OFF, [
            "a variable in the value: Docker Compose 2 fills it in, other readers take it as it stands"
        ]
    bare = re.split(r"\s#", value)[0].strip()
    off = " or ".join(switch.off)
    if bare != value and bare in switch.off:
        return Setting.OFF, [
            "spaces or a comment after the value: Docker Compose 2 drops them, other readers keep them"
        ]
    if len(bare) >= 2 and bare[0] == bare[-1] and bare[0] in "\"'" and bare[1:-1].strip() in switch.off:
        return Setting.OFF, [
            "quotes around the value: Docker Compose 2 drops them, `docker run` and old Compose keep them as part of it"
        ]
    if bare.strip("\"'").strip().lower() in _alike(switch.off):
        return Setting.LOOKS_OFF, [f"the value must be exactly {off}: this one is another word"]
    return Setting.ON, [f"the value is not {off}: telemetry stays on"]


_YES = frozenset({"true", "1", "yes", "on", "y", "t"})
_NO = frozenset({"false", "0", "no", "off", "n", "f"})


def _alike(off: tuple[str, ...]) -> frozenset[str]:
    """Words that a person takes for the one that switches telemetry off."""
    words = frozenset(word.lower() for word in off)
    return words | (_YES if words & _YES else frozenset()) | (_NO if words & _NO else frozenset())


def read_inspect(text: str, switch: ConsentSwitch, name: str) -> Switch:
    """The environment in force and the latest start, from `docker inspect` output. Raises InspectError."""
    try:
        containers = json.loads(text)
    except (ValueError, RecursionError):
        raise InspectError(f"{name}: not JSON: save the output of `docker inspect CONTAINER...`") from None
    containers = containers if isinstance(containers, list) else [containers]
    found = [pair for container in containers if (pair := _container(container, switch.env)) is not None]
    if not found:
        raise InspectError(
            f"{name}: no container in it has {switch.env} in its environment: inspect the product's containers, "
            "or they were not recreated since the variable was set"
        )
    values = {value for value, _ in found}
    if len(values) > 1:
        raise InspectError(f"{name}: its containers have different values of {switch.env}: recreate all of them")
    starts = [start for _, start in found if start is not None]
    if len(starts) != len(found):
        raise InspectError(f"{name}: a container has no State.StartedAt: save the whole output of `docker inspect`")
    off = values.pop() in switch.off
    return Switch(
        off,
        looks_off=False,
        says=f"{name} says that it is {'off' if off else 'on'} since {instant(max(starts))}",
        started=max(starts),
    )


def _container(raw: object, env: str) -> tuple[str, datetime | None] | None:
    config = raw.get("Config") if isinstance(raw, dict) else None
    entries = config.get("Env") if isinstance(config, dict) else None
    state = raw.get("State") if isinstance(raw, dict) else None
    started = state.get("StartedAt") if isinstance(state, dict) else None
    for entry in reversed(entries if isinstance(entries, list) else []):
        if isinstance(entry, str) and entry.partition("=")[0] == env:
            when = parse_time(started)
            return entry.partition("=")[2], when if when is not None and when.year > 1 else None
    return None


def combine(env: EnvFile | None, inspect: Switch | None, name: str) -> Switch | None:
    """Both sources together; a contradiction is an InspectError."""
    if env is None:
        return inspect
    if inspect is None:
        says = f"{name} says that telemetry is {env.setting.value}"
        return Switch(env.setting is Setting.OFF, env.setting is Setting.LOOKS_OFF, says)
    if env.setting is not Setting.LOOKS_OFF and (env.setting is Setting.OFF) is not inspect.off:
        raise InspectError(
            f"{name} says that telemetry is {env.setting.value}, but {inspect.says}: "
            "the file was changed after the containers were created; recreate them, or give the file that was in force"
        )
    return inspect
