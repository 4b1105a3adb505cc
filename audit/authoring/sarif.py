"""Faults of packs as SARIF 2.1.0, each on the pack's own file and line, so that a review shows them where they are mended."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable

from audit import __version__
from audit.authoring.faults import LINTS, Fault

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"


def sarif(packs: Iterable[tuple[str, Iterable[Fault]]]) -> str:
    """One run over all packs. `packs`: the directory as it was given, and its faults."""
    found = [(folder, fault) for folder, faults in packs for fault in faults]
    used = sorted({fault.lint for _, fault in found})
    driver = {
        "name": "telemetry-audit policy lint",
        "version": __version__,
        "rules": [_rule(lint) for lint in used],
    }
    results = [_result(folder, fault, used.index(fault.lint)) for folder, fault in found]
    document = {
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{"tool": {"driver": driver}, "columnKind": "utf16CodeUnits", "results": results}],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def _rule(lint: str) -> dict[str, object]:
    known = LINTS[lint]
    return {
        "id": lint,
        "shortDescription": {"text": lint.replace("-", " ")},
        "help": {"text": known.remedy},
        "defaultConfiguration": {"level": known.severity.value},
    }


def _result(folder: str, fault: Fault, index: int) -> dict[str, object]:
    uri = place(folder, fault.file)
    located: dict[str, object] = {"artifactLocation": {"uri": uri}}
    if fault.line is not None:
        located["region"] = {"startLine": fault.line}
    print_ = hashlib.sha256(f"{fault.lint} {fault.file} {fault.key}".encode()).hexdigest()[:32]
    where = f"{fault.key}: " if fault.key else ""
    return {
        "ruleId": fault.lint,
        "ruleIndex": index,
        "level": fault.severity.value,
        "message": {"text": f"{where}{fault.what}. Remedy: {fault.remedy}."},
        "locations": [{"physicalLocation": located}],
        "partialFingerprints": {"telemetryAuditFault/v1": print_},
    }


def place(folder: str, file: str) -> str:
    """A relative URI of a pack's file: what stands outside the working directory is named from the pack on."""
    from pathlib import Path, PurePosixPath
    from urllib.parse import quote

    path = Path(folder)
    base = PurePosixPath(path.name if path.is_absolute() or ".." in path.parts else path.as_posix())
    return quote((base / file).as_posix())
