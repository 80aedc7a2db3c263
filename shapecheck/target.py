"""A module named by text: `package.module:Name` or `path/to/file.py:Name`, a class, an instance or a function.

Its source is executed only when the module is built.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shapecheck.arguments import Arguments
from shapecheck.errors import UsageError
from shapecheck.model import Component, Model, Unit
from shapecheck.usercode import UserCode, needs

if TYPE_CHECKING:
    from torch import nn

EXAMPLE = "shapecheck module models.py:StyleEncoder 'f32[1, 1, 80, T]'"


@dataclass(frozen=True, slots=True)
class Target:
    """Where the module is: the name `name` of the Python module `module`."""

    text: str
    code: UserCode
    module: str
    name: str
    source: str  # the file's name, or the package

    @classmethod
    def parse(cls, text: str) -> Target:
        """Raises UsageError for a text that names nothing; finds the file, and executes nothing."""
        where, colon, name = text.rpartition(":")
        if not colon:
            where, name = text, ""
        if not where:
            raise UsageError(f"{text}: names no module; write FILE.py:NAME or PACKAGE.MODULE:NAME, as in {EXAMPLE}")
        path = Path(where)
        is_file = where.endswith(".py") or "/" in where or "\\" in where or path.is_file()
        code, module, file = _file(text, path) if is_file else _module(text, where)
        if not name:
            raise UsageError(f"{text}: names no module of the file; {_candidates(where, file)}")
        source = path.name if is_file else module.partition(".")[0]
        return cls(text, code, module, name, source)

    def build(self, arguments: Sequence[Any] = (), keywords: Mapping[str, Any] | None = None) -> nn.Module:
        """The module, on meta where that works, else on the CPU; `arguments` go to the class or function.

        During a visit only. Raises UsageError with what failed, and where.
        """
        import torch
        from torch import nn

        made = self._named()
        if isinstance(made, nn.Module):
            if arguments or keywords:
                raise UsageError(f"{self.text}: is an instance already; --init is for a class or a function")
            return made
        if not callable(made):
            raise UsageError(f"{self.text}: is a {type(made).__name__}, neither an nn.Module nor what makes one")
        self._check_call(made, arguments, keywords or {})
        try:
            with torch.device("meta"):
                module = made(*arguments, **(keywords or {}))
        except Exception:  # noqa: BLE001  # code that reads values while it builds: they exist on the CPU
            module = self._built_on_cpu(lambda: made(*arguments, **(keywords or {})))
        if not isinstance(module, nn.Module):
            raise UsageError(f"{self.text}: returned a {type(module).__name__}, not an nn.Module")
        return module

    def model(
        self, arguments: Arguments, init: tuple[Sequence[Any], Mapping[str, Any]], method: str, unit: Unit
    ) -> Model:
        """A model of one component: the module, made with `init`, and called with `arguments`."""
        component = Component(
            name=self.name,
            class_name="",
            role="module",
            build=lambda: self.build(*init),
            inputs=arguments.positional,
            keyword_inputs=arguments.keywords,
            variable=arguments.variables[0] if arguments.variables else "T",
            unit=unit,
            method=method,
            surroundings=self.code.visit,
        )
        return Model(name=self.text, config="", source=self.source, components=(component,))

    def _named(self) -> Any:
        found: Any = self.code.load(self.module)[0]
        for part in self.name.split("."):
            if not hasattr(found, part):
                raise UsageError(f"{self.text}: {self.module} has no {self.name}; {_candidates_in(found)}")
            found = getattr(found, part)
        return found

    def _check_call(self, made: Callable[..., Any], arguments: Sequence[Any], keywords: Mapping[str, Any]) -> None:
        try:
            signature = inspect.signature(made)
        except (TypeError, ValueError):
            return
        try:
            signature.bind(*arguments, **keywords)
        except TypeError as error:
            raise UsageError(
                f"{self.text}: {error}: {self.name}{signature}; give its arguments as JSON,"
                f" such as --init '{_example_of(signature)}'"
            ) from error

    def _built_on_cpu(self, make: Callable[[], Any]) -> Any:
        import torch

        try:
            with torch.device("cpu"):
                return make()
        except UsageError:
            raise
        except Exception as error:
            where = self.code.place(error)
            raise UsageError(f"{self.text}: building it failed ({where}): {type(error).__name__}: {error}") from error


def inputs_wanted(target: Target, module: nn.Module, method: str) -> str:
    """What to give as inputs: the signature of the method, and a line to start from."""
    function = getattr(module, method, None)
    try:
        signature = inspect.signature(function) if callable(function) else None
    except (TypeError, ValueError):
        signature = None
    name = type(module).__name__
    shown = "" if signature is None else f": {name}.{method}{signature}"
    required = [
        parameter
        for parameter in (signature.parameters.values() if signature is not None else ())
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]
    specs = [_first_spec(module), *["f32[1, T]"] * (len(required) - 1)]
    line = " ".join(f"'{spec}'" for spec in specs)
    return f"give an input for each argument{shown}\nto start from: shapecheck module {target.text} {line}"


def _file(text: str, path: Path) -> tuple[UserCode, str, Path]:
    if not path.is_file():
        what = "is a directory" if path.is_dir() else "there is no such file"
        raise UsageError(f"{text}: {path}: {what}; write FILE.py:NAME, as in {EXAMPLE}")
    if path.suffix != ".py":
        raise UsageError(f"{text}: {path.name} is not a .py file")
    path = path.resolve()
    names, root = [path.stem], path.parent
    while (root / "__init__.py").is_file():  # relative imports need the package
        names.insert(0, root.name)
        root = root.parent
    if names[-1] == "__init__":
        names.pop()
    return UserCode(*dict.fromkeys((root, Path.cwd()))), ".".join(names), path


def _module(text: str, name: str) -> tuple[UserCode, str, Path | None]:
    if not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(f"{text}: {name} is neither a .py file nor the name of a Python module, as in {EXAMPLE}")
    top = name.partition(".")[0]
    code = UserCode(Path.cwd())
    if not code.is_own(top):
        if find_spec(top) is None:
            raise UsageError(f"{text}: {needs([top])}")
        code = UserCode()
    return code, name, None


def _candidates(where: str, file: Path | None) -> str:
    """The classes and functions of a file, read without executing it."""
    example = f"write {where}:NAME"
    if file is None:
        return example
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return example
    names = [node.name for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    return f"{example}, one of: {', '.join(names)}" if names else example


def _candidates_in(module: Any) -> str:
    from torch import nn

    names = [
        name
        for name, value in vars(module).items()
        if (isinstance(value, type) and issubclass(value, nn.Module)) or isinstance(value, nn.Module)
    ]
    return f"it has {', '.join(names)}" if names else "it has no nn.Module"


def _example_of(signature: inspect.Signature) -> str:
    required = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY)
    ]
    return "{" + ", ".join(f'"{name}": 64' for name in required) + "}"


def _first_spec(module: nn.Module) -> str:
    """An input for the first layer that says what it takes; a guess to start from."""
    from torch import nn

    for layer in module.modules():
        if isinstance(layer, nn.Conv1d):
            return f"f32[1, {layer.in_channels}, T]"
        if isinstance(layer, nn.Conv2d):
            return f"f32[1, {layer.in_channels}, 80, T]"
        if isinstance(layer, nn.Linear):
            return f"f32[1, T, {layer.in_features}]"
        if isinstance(layer, nn.Embedding):
            return "i64[1, T]"
        if isinstance(layer, nn.LSTM | nn.GRU | nn.RNN):
            return f"f32[1, T, {layer.input_size}]" if layer.batch_first else f"f32[T, 1, {layer.input_size}]"
    return "f32[1, T]"
