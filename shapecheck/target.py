"""A module named by text: `package.module:Name` or `path/to/file.py:Name`, a class, an instance or a function.

Its source is executed only when the module is built.
"""

from __future__ import annotations

import ast
import difflib
import inspect
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from shapecheck.arguments import Arguments
from shapecheck.errors import UsageError
from shapecheck.missing import needs
from shapecheck.model import Component, Model, Unit
from shapecheck.usercode import LIBRARIES, OURS, UserCode

if TYPE_CHECKING:
    from torch import nn

EXAMPLE = "shapecheck module models.py:StyleEncoder 'f32[1, 1, 80, T]'"

_MOST_NAMES = 12  # in a message
_RUNS_LATER = (inspect.isgeneratorfunction, inspect.iscoroutinefunction, inspect.isasyncgenfunction)


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
            raise UsageError(
                f"{text or 'TARGET'}: names no module; write FILE.py:NAME or PACKAGE.MODULE:NAME, as in {EXAMPLE}"
            )
        path = Path(where)
        is_file = where.endswith(".py") or "/" in where or "\\" in where or path.is_file()
        code, module, file = _file(text, path) if is_file else _module(text, where)
        if not name:
            raise UsageError(f"{text}: names no class, instance or function; {_candidates(where, file)}")
        source = path.name if is_file else module.partition(".")[0]
        return cls(text, code, module, name, source)

    def build(self, arguments: Sequence[Any] = (), keywords: Mapping[str, Any] | None = None) -> nn.Module:
        """The module, on torch's current default device; `arguments` go to the class or function.

        During a visit only. Raises UsageError with what failed, and where; but on the meta device what the constructor
        raises, which may work on the CPU.
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
            module = made(*arguments, **(keywords or {}))
        except Exception as error:
            if torch.get_default_device().type == "meta" and not isinstance(error, ImportError):
                raise
            raise self.code.failure(error, doing="building it") from error
        if not isinstance(module, nn.Module):
            what = "is no nn.Module" if isinstance(made, type) else f"returned a {type(module).__name__}, no nn.Module"
            raise UsageError(f"{self.text}: {what}")
        if not hasattr(module, "_modules"):
            raise UsageError(f"{self.text}: the __init__ of {type(module).__name__} does not call super().__init__()")
        return module

    def model(
        self, arguments: Arguments, init: tuple[Sequence[Any], Mapping[str, Any]], method: str, unit: Unit
    ) -> Model:
        """The module, made with `init` and called with `arguments`, as the one component."""

        def build() -> nn.Module:
            module = self.build(*init)
            self._check_inputs(module, arguments, method)
            return module

        component = Component(
            name=self.name,
            class_name="",
            role="module",
            build=build,
            inputs=arguments.positional,
            keyword_inputs=arguments.keywords,
            variable=arguments.variable,
            unit=unit,
            method=method,
            surroundings=self.code.visit,
            sizes=arguments.sizes,
        )
        return Model(name=self.text, config="", source=self.source, components=(component,))

    def inputs_wanted(self, module: nn.Module, method: str, options: str = "") -> str:
        """What to give as inputs: the signature of the method, and a line to start from, with these options."""
        function = self._method(module, method)
        signature = _signature(function)
        called = f"{type(module).__name__}.{method}"
        if signature is None:
            return f"{self.text}: give an input for each argument of {called}, as in {EXAMPLE}"
        if not signature.parameters:
            return f"{self.text}: {called}() takes no input: there is no length to analyze"
        line = " ".join(("shapecheck module", shlex.quote(self.text), *_inputs_to_start_from(module, signature)))
        wanted = f"give an input for each argument of {called}{_shown(signature)}"
        return f"{self.text}: {wanted}\nto start from: {line}{options}"

    def _named(self) -> Any:
        found: Any = self.code.load(self.module)[0]
        for part in self.name.split("."):
            try:
                found = getattr(found, part)
            except AttributeError:
                what = f"{self.source} has no {self.name}; {_candidates_in(found, part)}"
                raise UsageError(f"{self.text}: {what}") from None
            except Exception as error:  # a property, or a module's own __getattr__
                raise self.code.failure(error, (self.module,), doing=f"looking up {self.name}") from error
        return found

    def _check_call(self, made: Callable[..., Any], arguments: Sequence[Any], keywords: Mapping[str, Any]) -> None:
        signature = _signature(made, follow_wrapped=False)
        if signature is None:
            return
        try:
            signature.bind(*arguments, **keywords)
        except TypeError as error:
            name = self.name.rpartition(".")[2]
            raise UsageError(
                f"{self.text}: {error}: {name}{_shown(signature)}; give its arguments as JSON,"
                f" such as --init '{_init_example(signature)}'"
            ) from error

    def _check_inputs(self, module: nn.Module, arguments: Arguments, method: str) -> None:
        function = self._method(module, method)
        if any(is_one(function) for is_one in _RUNS_LATER):
            what = f"{type(module).__name__}.{method} is a generator or a coroutine: a call alone runs nothing of it"
            raise UsageError(f"{self.text}: {what}")
        signature = _signature(function, follow_wrapped=False)
        hooks: Any = getattr(module, "_forward_pre_hooks", None)  # they may change the arguments
        if signature is None or (method == "forward" and hooks):
            return
        try:
            signature.bind(*arguments.positional, **arguments.keywords)
        except TypeError as error:
            raise UsageError(f"{self.text}: {error}: {type(module).__name__}.{method}{_shown(signature)}") from error

    def _method(self, module: nn.Module, method: str) -> Callable[..., Any]:
        try:
            function = getattr(module, method, None)
        except Exception as error:  # a property
            raise self.code.failure(error, doing=f"looking up {method}") from error
        if not callable(function):
            own = [
                name
                for name, value in vars(type(module)).items()
                if inspect.isfunction(value) and not name.startswith("_")
            ]
            known = f"; it has {_listed(own, method)}" if own else ""
            raise UsageError(f"{self.text}: --method {method}: {type(module).__name__} has no such method{known}")
        return function


def _file(text: str, path: Path) -> tuple[UserCode, str, Path]:
    if not path.is_file():
        what = "there is no such file"
        if path.is_dir():
            inside = path / "__init__.py"
            what = f"is a directory; there is {inside} in it" if inside.is_file() else "is a directory"
        raise UsageError(f"{text}: {path}: {what}; write FILE.py:NAME, as in {EXAMPLE}")
    if path.suffix != ".py":
        raise UsageError(f"{text}: {path.name} is not a .py file")
    file = path.parent.resolve() / path.name  # a link keeps its own name and its neighbours ...
    names, root, top = [file.stem], file.parent, file
    while (root / "__init__.py").is_file() and root != root.parent:  # relative imports need the package
        names.insert(0, root.name)
        root, top = root.parent, root / "__init__.py"
    if names[-1] == "__init__" and len(names) > 1:
        names.pop()
    if str(root) in LIBRARIES and str(root) in sys.path:
        return UserCode(package=names[0], label=text), ".".join(names), file
    names[0] = _importable(names[0])
    roots = dict.fromkeys((root, Path.cwd(), file.resolve().parent))  # ... and has those of the file that it points to
    found = [root for root in roots if str(root) not in LIBRARIES]
    return UserCode(*found, files={names[0]: top}, label=text), ".".join(names), file


def _importable(name: str) -> str:
    """A name for a module that is named as Python allows no module to be named, or as one that is known already."""
    is_taken = name in sys.stdlib_module_names or name in OURS
    return name if name.isidentifier() and not is_taken else "own_" + re.sub(r"\W", "_", name)


def _module(text: str, name: str) -> tuple[UserCode, str, Path | None]:
    if not all(part.isidentifier() for part in name.split(".")):
        raise UsageError(f"{text}: {name} is neither a .py file nor the name of a Python module, as in {EXAMPLE}")
    top = name.partition(".")[0]
    code = UserCode(Path.cwd(), label=text)
    if code.finds(top):
        return code, name, None
    try:
        is_there = find_spec(top) is not None
    except (ImportError, ValueError):
        is_there = top in sys.modules
    if not is_there:
        raise UsageError(f"{text}: {needs([top])}")
    return UserCode(label=text), name, None


def _signature(function: Callable[..., Any], *, follow_wrapped: bool = True) -> inspect.Signature | None:
    """None where Python cannot tell. Not following a decorator shows what the call itself accepts."""
    try:
        return inspect.signature(function, follow_wrapped=follow_wrapped)
    except (TypeError, ValueError):
        return None


def _shown(signature: inspect.Signature) -> str:
    """Without annotations, which are long and say nothing of sizes."""
    parameters = [parameter.replace(annotation=parameter.empty) for parameter in signature.parameters.values()]
    return str(signature.replace(parameters=parameters, return_annotation=signature.empty))


def _candidates(where: str, file: Path | None) -> str:
    """The classes and functions of a file, read without executing it."""
    example = f"write {where}:NAME"
    if file is None:
        return example
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError, RecursionError):
        return example
    names = [node.name for kind in (ast.ClassDef, ast.FunctionDef) for node in tree.body if isinstance(node, kind)]
    return f"{example}, one of: {_listed(names)}" if names else example


def _candidates_in(where: Any, missing: str) -> str:
    """The modules of a namespace: its own, or all if it has none of its own."""
    from torch import nn

    names = cast("Mapping[str, Any]", getattr(where, "__dict__", {}))
    found = {
        name: value
        for name, value in names.items()
        if (isinstance(value, type) and issubclass(value, nn.Module)) or isinstance(value, nn.Module)
    }
    module = getattr(where, "__name__", None)
    own = [name for name, value in found.items() if getattr(value, "__module__", None) == module]
    return f"it has {_listed(own or found, missing)}" if found else "it has no nn.Module"


def _listed(names: Iterable[str], missing: str = "") -> str:
    """Names for a message, those like the one that is missing first."""
    known = list(names)
    ordered = list(dict.fromkeys((*difflib.get_close_matches(missing, known), *known)))
    more = f" and {len(ordered) - _MOST_NAMES} more" if len(ordered) > _MOST_NAMES else ""
    return ", ".join(ordered[:_MOST_NAMES]) + more


def _init_example(signature: inspect.Signature) -> str:
    required = [
        name
        for name, parameter in signature.parameters.items()
        if parameter.default is parameter.empty
        and parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    return "{" + ", ".join(f'"{name}": 64' for name in required or list(signature.parameters)[:1]) + "}"


def _inputs_to_start_from(module: nn.Module, signature: inspect.Signature) -> list[str]:
    """A text for each argument that has to be given, and for one at least; guesses to start from."""
    parameters = list(signature.parameters.values())
    wanted = [
        parameter
        for parameter in parameters
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    texts: list[str] = []
    for parameter in wanted or parameters[:1]:
        text = _guess(parameter) or (_first_spec(module) if not texts else "f32[1, T]")
        is_keyword = parameter.kind in (parameter.KEYWORD_ONLY, parameter.VAR_KEYWORD)
        texts.append(shlex.quote(f"{parameter.name}={text}" if is_keyword else text))
    return texts


def _guess(parameter: inspect.Parameter) -> str | None:
    """By the name or the annotation of an argument; None: it may be anything."""
    annotation = getattr(parameter.annotation, "__name__", str(parameter.annotation))
    plain = {"float": "1.0", "int": "1", "bool": "False", "str": "'\"text\"'"}
    if annotation in plain:
        return plain[annotation]
    if re.search(r"(^|_)(len|lens|length|lengths)($|_)", parameter.name):
        return "i64[1] = T"
    return "b8[1, T]" if re.search(r"(^|_)masks?($|_)", parameter.name) else None


def _first_spec(module: nn.Module) -> str:
    """An input for the first layer that says what it takes."""
    from torch import nn

    for layer in module.modules():
        if isinstance(layer, nn.Conv1d | nn.ConvTranspose1d):
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
