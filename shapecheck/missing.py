"""What a source imports and nobody has: read from its text, so that one message names all of it.

Only what is surely imported counts: the statements at the top of a module, not those inside of functions, none that
hang on a condition, and none that are tried.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

# names that a module has and the package that brings it does not
_PACKAGES = {
    "cv2": "opencv-python",
    "einops_exts": "einops-exts",
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
_TRIES = frozenset(("ImportError", "ModuleNotFoundError", "Exception", "BaseException"))


def missing_packages(
    names: Iterable[str], is_own: Callable[[str], bool], own_file: Callable[[str], Path | None]
) -> list[str]:
    """Top-level names that the modules `names`, and the source's modules that they import, need and nobody has.

    `is_own`: whether a top-level name is of the source; `own_file`: the file of a module of the source, if it has one.
    """
    found: dict[str, None] = {}
    seen: set[str] = set()
    waiting = [part for name in reversed(list(names)) for part in reversed(_parents(name))]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        top = name.partition(".")[0]
        if not is_own(top):
            if not is_installed(top):
                found[top] = None
            continue
        file = own_file(name)
        if file is None:  # a name in a module, or a folder without __init__.py
            continue
        package = name if file.name == "__init__.py" else name.rpartition(".")[0]
        imported = [part for other in _imported(file, package) for part in _parents(other)]
        waiting.extend(reversed(imported))
    return list(found)


def needs(missing: list[str]) -> str:
    """`needs munch, yaml, which are not installed: pip install munch pyyaml`."""
    packages = dict.fromkeys(_PACKAGES.get(name, name) for name in missing)
    are = "which is" if len(missing) == 1 else "which are"
    return f"needs {', '.join(missing)}, {are} not installed: pip install {' '.join(packages)}"


def is_installed(name: str) -> bool:
    """Whether a top-level name can be imported, as far as can be told without importing it."""
    if sys.modules.get(name) is not None:
        return True
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _parents(name: str) -> list[str]:
    """`a.b.c` -> a, a.b, a.b.c."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _imported(file: Path, package: str) -> Iterator[str]:
    try:
        tree = ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return
    waiting: list[ast.stmt] = tree.body[::-1]
    while waiting:
        statement = waiting.pop()
        if isinstance(statement, ast.Import):
            yield from (alias.name for alias in statement.names)
        elif isinstance(statement, ast.ImportFrom):
            base = _absolute(statement, package)
            if base:
                yield base
                yield from (f"{base}.{alias.name}" for alias in statement.names)  # each may be a module
        elif isinstance(statement, ast.With | ast.ClassDef):
            waiting += statement.body[::-1]
        elif isinstance(statement, ast.Try):
            tried = [] if any(map(_catches_imports, statement.handlers)) else statement.body
            waiting += [*tried, *statement.finalbody][::-1]


def _absolute(statement: ast.ImportFrom, package: str) -> str:
    """The module of `from ..layers import x`; "" where it lies above the top package."""
    if not statement.level:
        return statement.module or ""
    parts = package.split(".") if package else []
    kept = len(parts) - (statement.level - 1)
    if kept < 1:
        return ""
    return ".".join([*parts[:kept], *([statement.module] if statement.module else [])])


def _catches_imports(handler: ast.ExceptHandler) -> bool:
    if handler.type is None:
        return True
    return any(isinstance(node, ast.Name) and node.id in _TRIES for node in ast.walk(handler.type))
