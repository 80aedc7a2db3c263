"""The user's own source: imported only when it is named, and everything as it was when it is left.

Invariant: after a visit `sys.path`, `sys.argv`, the working directory, the filters of warnings and the modules known
under the source's names are what they were before; nothing is written beside the source, no `__pycache__` either.
"""

from __future__ import annotations

import importlib
import os
import site
import sys
import sysconfig
import traceback
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import find_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

from shapecheck.errors import UsageError
from shapecheck.missing import is_installed, missing_packages, needs
from shapecheck.stand_in import StandIns
from shapecheck.streams import diverted

# folders of installed packages; they may lie inside of the user's own: a virtual environment
LIBRARIES = frozenset(
    folder
    for path in (
        *(sysconfig.get_paths()[key] for key in ("stdlib", "platstdlib", "purelib", "platlib")),
        *site.getsitepackages(),
        site.getusersitepackages(),
    )
    for folder in (path, os.path.realpath(path))
)

OURS = frozenset(("shapecheck", "torch", "numpy"))  # a folder of one of these names beside the source is not meant
_LONGEST_ERROR = 600  # characters of an error's text


class UserCode:
    """Source that is importable only during a visit. What it prints goes to standard error."""

    def __init__(
        self,
        *roots: Path,
        package: str | None = None,
        files: Mapping[str, Path] | None = None,
        dispensable: Sequence[str] = (),
        label: str = "",
    ) -> None:
        """`roots`: folders that its imports start from; `package`: an installed package instead.

        `files`: files that are imported under these top-level names, whatever else goes by them.
        `dispensable`: packages that it may import although they are broken here; what uses them raises ImportError.
        `label`: how the source was named, for the beginning of each message.
        """
        self._roots = tuple(str(root) for root in roots)
        self._package = package
        self._dispensable = dispensable
        self._label = f"{label}: " if label else ""
        self._modules: dict[str, ModuleType] = {}  # its own, from visit to visit
        self._files = _Files(dict(files or {}))
        self._stand_ins = StandIns()
        self._is_visited = False

    @contextmanager
    def visit(self) -> Generator[None]:
        """Make the source importable. Raises UsageError where its code ends the program."""
        if self._is_visited:
            yield
            return
        for name in OURS:
            importlib.import_module(name)  # finds its own modules, not those of the source
        self._is_visited = True
        path, arguments, writes = sys.path[:], sys.argv[:], sys.dont_write_bytecode
        folder = _working_directory()
        sys.path[:0] = self._roots
        sys.meta_path[:0] = (self._stand_ins, self._files)
        sys.argv[1:] = []
        sys.dont_write_bytecode = True
        importlib.invalidate_caches()  # a file may be newer than the last look at its folder
        hidden = self._taken_out(before=None)
        before = frozenset(map(_top, sys.modules))
        sys.modules.update(self._modules)
        try:
            with warnings.catch_warnings(), diverted():
                yield
        except SystemExit as error:
            where = self.place(error) or "its code"
            raise UsageError(f"{self._label}{where} called sys.exit({error.code!r})") from error
        except (Exception, KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # what its code raises is no defect of ours, whatever it is
            if not self.place(error):
                raise
            raise UsageError(f"{self._label}{self.describe(error)}") from error
        finally:
            self._modules = self._taken_out(before)
            sys.modules.update(hidden)
            for finder in (self._stand_ins, self._files):  # others, of libraries that it imported, stay
                with suppress(ValueError):
                    sys.meta_path.remove(finder)
            sys.path[:], sys.argv[:], sys.dont_write_bytecode = path, arguments, writes
            if folder is not None:
                with suppress(OSError):
                    os.chdir(folder)
            importlib.invalidate_caches()
            self._is_visited = False

    def load(self, *names: str) -> list[ModuleType]:
        """Import modules, as its own programs do, during a visit.

        Raises UsageError: with the place where an import fails, or with all packages that are missing.
        """
        import torch

        for name in self._dispensable:
            self._replace_if_broken(name)
        try:
            with torch.device("cpu"):  # tensors that it makes while it is imported have values
                return [importlib.import_module(name) for name in names]
        except Exception as error:
            raise self.failure(error, names) from error

    def failure(self, error: Exception, names: Sequence[str] = (), doing: str = "importing it") -> UsageError:
        """What its code raised, as a message; `names`: the modules of its that were being imported."""
        if isinstance(error, UsageError):
            return error
        where = self.place(error)
        at = f"{self._label}{where}: " if where else self._label
        if isinstance(error, ModuleNotFoundError) and error.name is not None:
            top = _top(error.name)
            if self._is_own(top) or is_installed(top):
                return UsageError(f"{at}{_text(error)}")
            missing = missing_packages(names, self._is_own, self._own_file)
            return UsageError(f"{at}{needs(list(dict.fromkeys((top, *missing))))}")
        if isinstance(error, SyntaxError):
            file = self._shown(error.filename or "")
            if file is not None:
                line = "" if error.lineno is None else f", line {error.lineno}"
                return UsageError(f"{self._label}{file}{line}: is not Python: {error.msg}")
        return UsageError(f"{self._label}{doing} failed: {self.describe(error)}")

    def describe(self, error: BaseException) -> str:
        """Where in the source an error came from, and what it is: `models.py, line 12: ValueError: no such layer`."""
        where, text = self.place(error), _text(error)
        return f"{where}: {type(error).__name__}: {text}".removeprefix(": ").removesuffix(": ")

    def place(self, error: BaseException) -> str:
        """Where in the source an error came from: `models.py, line 12`; "" where its code had no part in it."""
        for frame in reversed(traceback.extract_tb(error.__traceback__)):
            file = self._shown(frame.filename)
            if file is not None:
                return f"{file}, line {frame.lineno}"
        return ""

    def finds(self, name: str) -> bool:
        """Whether the import of a top-level name, from its roots first, comes to a file of its own."""
        before = sys.path[:]
        sys.path[:0] = self._roots
        importlib.invalidate_caches()
        try:
            return self._is_own(name)
        finally:
            sys.path[:] = before

    def _shown(self, file: str) -> str | None:
        """A file of the source as it is shown: from its root on. None for other files."""
        own = (*self._roots, *self._package_folders(), *self._files.folders())
        others = (*LIBRARIES, *(folder for name in OURS for folder in _folders_of(name)))
        inside = [folder for folder in (*own, *others) if file.startswith(folder.rstrip(os.sep) + os.sep)]
        nearest = max(inside, key=len, default=None)
        return None if nearest not in own else file.removeprefix(nearest).lstrip(os.sep)

    def _taken_out(self, before: frozenset[str] | None) -> dict[str, ModuleType]:
        """Its modules, and those that go by their names, no longer in `sys.modules`.

        `before`: top-level names that were there at the beginning of the visit, and stay; None: this is the beginning.
        """
        entries = {entry.partition(".")[0] for root in self._roots for entry in _entries(root)}
        kept = OURS if before is None else before | OURS
        tops: set[str] = set()
        for top in {_top(name) for name in sys.modules} - kept:
            if top in self._stand_ins.reasons or self._is_named(top):
                tops.add(top)
            elif top in entries:
                is_here = self._is_here(getattr(sys.modules.get(top), "__spec__", None))
                if is_here or (before is None and self._is_own(top)):
                    tops.add(top)
        found = {
            name: module for name, module in sys.modules.items() if _top(name) in tops or self._stand_ins.made(module)
        }
        for name in found:
            del sys.modules[name]
        return found

    def _is_named(self, name: str) -> bool:
        return name == self._package or name in self._files.files

    def _is_own(self, name: str) -> bool:
        """Whether the import of a top-level name comes to a file of the source, during a visit."""
        if self._is_named(name):
            return True
        if name in sys.stdlib_module_names or name in OURS or not self._roots:
            return False
        for finder in sys.meta_path:
            spec = finder.find_spec(name, None)
            if spec is not None:
                return self._is_here(spec)
        return False

    def _is_here(self, spec: ModuleSpec | None) -> bool:
        if spec is None:
            return False
        places = spec.submodule_search_locations or ([spec.origin] if spec.origin else [])
        return any(os.path.dirname(place) in self._roots for place in places)  # noqa: PTH120

    def _own_file(self, name: str) -> Path | None:
        top, *rest = name.split(".")
        file = self._files.files.get(top)
        if file is not None:
            bases = [file.parent.joinpath(*rest)] if file.name == "__init__.py" else []
            if not rest:
                return file
        elif top == self._package:
            bases = [Path(folder).joinpath(*rest) for folder in self._package_folders()]
        else:
            bases = [Path(root).joinpath(top, *rest) for root in self._roots]
        candidates = [file for base in bases for file in (base / "__init__.py", base.with_name(f"{base.name}.py"))]
        return next((file for file in candidates if file.is_file()), None)

    def _package_folders(self) -> list[str]:
        return [] if self._package is None else _folders_of(self._package)

    def _replace_if_broken(self, name: str) -> None:
        if name in self._stand_ins.reasons or name in sys.modules or self._is_own(name) or not is_installed(name):
            return
        before = frozenset(sys.modules)
        try:
            importlib.import_module(name)
        except Exception as error:  # noqa: BLE001  # a build that does not fit fails in many ways
            self._stand_ins.reasons[name] = f"{name} is installed and cannot be imported: {_named(error)}"
            for part in [part for part in sys.modules if _top(part) == name and part not in before]:
                del sys.modules[part]


class _Files(MetaPathFinder):
    """Finds files under names that Python's own finders would not give them."""

    def __init__(self, files: dict[str, Path]) -> None:
        self.files = files

    def folders(self) -> list[str]:
        """The folders that those files are imported from, as a root would be."""
        return [str(file.parent.parent if file.name == "__init__.py" else file.parent) for file in self.files.values()]

    def find_spec(self, fullname: str, *_where: object) -> ModuleSpec | None:
        file = self.files.get(fullname)
        if file is None:
            return None
        inside = [str(file.parent)] if file.name == "__init__.py" else None
        return spec_from_file_location(fullname, file, submodule_search_locations=inside)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _text(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= _LONGEST_ERROR else f"{text[:_LONGEST_ERROR]} ..."


def _named(error: BaseException) -> str:
    return f"{type(error).__name__}: {_text(error)}".removesuffix(": ")


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  # names are all that is wanted
    except OSError:
        return []


def _folders_of(package: str) -> list[str]:
    try:
        spec = find_spec(package)
    except (ImportError, ValueError):
        return []
    return [] if spec is None else list(spec.submodule_search_locations or ())


def _working_directory() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109  # to go back to, as it was written
    except OSError:
        return None


__all__ = ["LIBRARIES", "OURS", "UserCode"]
