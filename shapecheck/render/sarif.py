"""Notices as a SARIF 2.1.0 log, which code hosts and editors show beside the code.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any
from urllib.parse import quote

from shapecheck._version import __version__
from shapecheck.render.notices import RULES, Notice

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def log(found: Sequence[Notice]) -> str:
    """The whole log as text, ending with a newline."""
    names = list(dict.fromkeys(each.rule for each in found))
    driver = {
        "name": "shapecheck",
        "semanticVersion": __version__,
        "rules": [_rule(name) for name in names],
    }
    results = [_result(each, names.index(each.rule)) for each in found]
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": results}
    return json.dumps({"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(name: str) -> dict[str, Any]:
    what = RULES.get(name, f"The finding {name} of the pre-flight of a training run.")
    page = "docs/preflight.md" if name not in RULES else "README.md"
    return {
        "id": name,
        "name": "".join(word.capitalize() for word in name.split("-")),
        "shortDescription": {"text": what},
        "help": {"text": f"{what} See {page} of shapecheck."},
    }


def _result(notice: Notice, rule: int) -> dict[str, Any]:
    result: dict[str, Any] = {
        "ruleId": notice.rule,
        "ruleIndex": rule,
        "level": notice.level.value,
        "message": {"text": notice.text},
    }
    if notice.file:
        region = {"startLine": 1 if notice.line is None else notice.line}  # without one, GitHub shows nothing
        place = {"artifactLocation": {"uri": _uri(notice.file)}, "region": region}
        result["locations"] = [{"physicalLocation": place}]
    return result


def _uri(file: str) -> str:
    """A relative reference from the working directory where the file is below it, else a file URI."""
    path = Path(file)
    if path.is_absolute():
        try:
            path = path.relative_to(Path.cwd())
        except ValueError:
            return path.as_uri()
    return quote(PurePath(path).as_posix())


__all__ = ["log"]
