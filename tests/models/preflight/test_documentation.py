"""docs/preflight.md lists every finding, with the severities that the code gives it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[3]
CHECKS = sorted((ROOT / "models" / "styletts2" / "preflight").glob("*_checks.py"))
IDENTITY = re.compile(r"[a-z]+(-[a-z]+)+")
ROW = re.compile(r"^\| `([a-z-]+)` \| ([a-z, ]+) \| (.+) \|$", re.MULTILINE)


def identities() -> Iterator[str]:
    """Every text in the checks that is an identifier of a finding."""
    for file in CHECKS:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and IDENTITY.fullmatch(node.value):
                yield node.value
    yield from ("diff-epoch-never-reached", "joint-epoch-never-reached")  # made from the key


def test_every_finding_is_documented() -> None:
    rows = ROW.findall((ROOT / "docs" / "preflight.md").read_text(encoding="utf-8"))
    documented = [identity for identity, _, _ in rows]
    assert len(documented) == len(set(documented))
    assert set(documented) == set(identities())
    assert all(set(severities.split(", ")) <= {"fatal", "drop", "degrade", "info"} for _, severities, _ in rows)


def test_every_finding_is_tested() -> None:
    """Each identifier stands in a test; those that need other modules in the one of checkouts."""
    tests = "".join(file.read_text(encoding="utf-8") for file in Path(__file__).parent.glob("test_*.py"))
    assert [identity for identity in identities() if f'"{identity}"' not in tests] == []
