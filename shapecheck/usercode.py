"""The user's own source: imported only when it is named, and everything as it was when it is left.

Invariant: after a visit `sys.path`, `sys.argv`, the working directory, the filters of warnings and the modules known
under the source's names are what they were before; nothing is written beside the source, no `__pycache__` either.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from shapecheck.errors import UsageError

# names that a module has and the package that brings it does not
_PACKAGES = {
    "cv2": "opencv-python",
    "einops_exts": "einops-exts",
    "PIL": "pillow",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
_OURS = frozenset(("shapecheck", "torch", "numpy"))  # a folder of one of these names beside the source is not meant


class UserCode:
    """Source that is importable only during a visit. What it prints goes to standard error."""

    def __init__(self, *roots: Path, package: str | None = None, dispensable: Sequence[str] = ()) -> None:
        """`roots`: folders that its imports start from; `package`: an installed package instead.

        `dispensable`: packages that it may import although they are broken here; what uses them raises ImportError.
        """
        self._roots = roots
        self._package = package
        self._dispensable = dispensable
        self._modules: dict[str, ModuleType] = {}  # its own, from visit to visit
        self._stand_ins = _StandIns()
        self._is_visited = False

    @contextmanager
    def visit(self) -> Generator[None]:
        """Make the source importable. Raises UsageError where its code ends the program."""
        if self._is_visited:
            yield
            return
        self._is_visited = True
        path, arguments, writes = sys.path[:], sys.argv[:], sys.dont_write_bytecode
        folder = _working_directory()
        hidden = self._taken_out()
        sys.modules.update(self._modules)
        sys.path[:0] = [str(root) for root in self._roots]
        sys.argv[1:] = []
        sys.dont_write_bytecode = True
        sys.meta_path.insert(0, self._stand_ins)
        importlib.invalidate_caches()  # a file may be newer than the last look at its folder
        try:
            with warnings.catch_warnings(), redirect_stdout(sys.stderr):
                yield
        except SystemExit as error:
            raise UsageError(f"{self.place(error)} called sys.exit({error.code!r})") from error
        finally:
            sys.meta_path.remove(self._stand_ins)
            sys.path[:], sys.argv[:], sys.dont_write_bytecode = path, arguments, writes
            self._modules = self._taken_out()
            sys.modules.update(hidden)
            if folder is not None:
                with suppress(OSError):
                    os.chdir(folder)
            self._is_visited = False

    def load(self, *names: str) -> list[ModuleType]:
        """Import modules of its, during a visit.

        Raises UsageError: with the place where an import fails, or with all packages that are missing.
        """
        for name in self._dispensable:
            self._replace_if_broken(name)
        missing: dict[str, BaseException] = {}
        while True:
            try:
                modules = [importlib.import_module(name) for name in names]
                break
            except ModuleNotFoundError as error:
                top = (error.name or "").partition(".")[0]
                if missing:
                    if self.is_own(top) or _is_installed(top):
                        break
                elif self.is_own(top) or _is_installed(top):
                    raise UsageError(f"{self.place(error)}: {error}") from error
                missing[top] = error
                self._stand_ins.reasons[top] = str(error)  # to see what else is missing
                self._taken_out()
            except SyntaxError as error:
                if missing:
                    break
                where = f"{Path(error.filename or 'the source').name}, line {error.lineno}"
                raise UsageError(f"{where}: is not Python: {error.msg}") from error
            except Exception as error:
                if missing:
                    break
                what = f"{type(error).__name__}: {error}"
                raise UsageError(f"{self.place(error)}: importing it failed: {what}") from error
        if missing:
            self._taken_out()
            for name in missing:
                del self._stand_ins.reasons[name]
            first = next(iter(missing.values()))
            raise UsageError(f"{self.place(first)}: {needs(list(missing))}") from first
        return modules

    def is_own(self, name: str) -> bool:
        """Whether a module of this top-level name is of the source."""
        return name in self._names()

    def place(self, error: BaseException) -> str:
        """Where in the source an error came from: `models.py, line 12`."""
        folders = [f"{root}{os.sep}" for root in (*self._roots, *self._package_folders())]
        frames = traceback.extract_tb(error.__traceback__)
        for frame in reversed(frames):
            inside = [frame.filename.removeprefix(folder) for folder in folders if frame.filename.startswith(folder)]
            if inside:
                return f"{min(inside, key=len)}, line {frame.lineno}"
        return f"{Path(frames[-1].filename).name}, line {frames[-1].lineno}"

    def _taken_out(self) -> dict[str, ModuleType]:
        """Its modules, and those that go by their names, no longer in `sys.modules`."""
        names = self._names() | self._stand_ins.reasons.keys()
        found = {name: module for name, module in sys.modules.items() if name.partition(".")[0] in names}
        for name in found:
            del sys.modules[name]
        return found

    def _names(self) -> frozenset[str]:
        """Top-level names of its modules."""
        if self._package is not None:
            return frozenset((self._package,))
        found: set[str] = set()
        for root in self._roots:
            with suppress(OSError):
                entries = list(root.iterdir())
                found.update(entry.stem for entry in entries if entry.suffix == ".py")
                found.update(entry.name for entry in entries if entry.name.isidentifier() and entry.is_dir())
        return frozenset(found) - sys.stdlib_module_names - _OURS

    def _package_folders(self) -> list[str]:
        spec = None if self._package is None else find_spec(self._package)
        return [] if spec is None else list(spec.submodule_search_locations or ())

    def _replace_if_broken(self, name: str) -> None:
        if name in self._stand_ins.reasons or not _is_installed(name):
            return
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001  # a build that does not fit fails in many ways
            reason = f"{name} is installed and cannot be imported: {type(error).__name__}: {error}"
            self._stand_ins.reasons[name] = " ".join(reason.split())


class _StandIns(MetaPathFinder, Loader):
    """Finds packages that cannot be imported: modules whose every function raises ImportError when it is called."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}  # by the package's name

    def find_spec(self, fullname: str, *_where: object) -> ModuleSpec | None:
        is_one = fullname.partition(".")[0] in self.reasons
        return ModuleSpec(fullname, self, is_package=True) if is_one else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name, self.reasons[spec.name.partition(".")[0]])

    def exec_module(self, module: ModuleType) -> None:
        pass


class _StandIn(ModuleType):
    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name)
        self._reason = reason

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def unusable(*_args: Any, **_kwargs: Any) -> Any:
            raise ImportError(self._reason)

        return unusable


def needs(missing: list[str]) -> str:
    """`needs munch, yaml, which are not installed: pip install munch pyyaml`."""
    packages = dict.fromkeys(_PACKAGES.get(name, name) for name in missing)
    are = "which is" if len(missing) == 1 else "which are"
    return f"needs {', '.join(missing)}, {are} not installed: pip install {' '.join(packages)}"


def _is_installed(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False


def _working_directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109  # to go back to, as it was written
    except OSError:
        return None
