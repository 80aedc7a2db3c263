"""Stand-ins for packages that are installed and cannot be imported.

Importing one works; using it raises ImportError with the reason.
"""

from __future__ import annotations

from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class StandIns(MetaPathFinder, Loader):
    """A finder, for `sys.meta_path`, of those packages and of everything inside them."""

    def __init__(self) -> None:
        self.reasons: dict[str, str] = {}  # by the package's name

    def find_spec(self, fullname: str, *_where: object) -> ModuleSpec | None:
        is_one = fullname.partition(".")[0] in self.reasons
        return ModuleSpec(fullname, self, is_package=True) if is_one else None

    def made(self, module: object) -> bool:
        """Whether a module is one of these."""
        return getattr(getattr(module, "__spec__", None), "loader", None) is self

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _Module(spec.name, self.reasons[spec.name.partition(".")[0]])

    def exec_module(self, module: ModuleType) -> None:
        pass


class _Module(ModuleType):
    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name)
        self._reason = reason

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Unusable(self._reason)


class _Unusable:
    """Something of the package: may be named, decorated with and derived from, but not called."""

    def __init__(self, reason: str) -> None:
        self._reason = reason

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Unusable(self._reason)

    def __call__(self, *_args: Any, **_kwargs: Any) -> Any:
        raise ImportError(self._reason)

    def __mro_entries__(self, _bases: tuple[Any, ...]) -> tuple[type, ...]:
        reason = self._reason

        class Unusable:
            def __init__(self, *_args: Any, **_kwargs: Any) -> None:
                raise ImportError(reason)

        return (Unusable,)
