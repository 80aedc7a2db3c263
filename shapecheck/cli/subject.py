"""What a command is about: StyleTTS2 in a configuration, or a module that the user names; options, and the model."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shapecheck.cli.checking import quiet
from shapecheck.errors import UsageError
from shapecheck.options import Problems, select_components

if TYPE_CHECKING:
    from shapecheck.model import Component, Model

DEFAULT_PRESET = "ft"


def component_names() -> list[str]:
    """For the completion of a shell: the components of the default configuration."""
    return [component.name for component in load_styletts2(None, None, None, None).components]


ConfigOption = Annotated[
    str | None, typer.Option(metavar="FILE", help="A StyleTTS2 configuration, such as config_ft.yml.")
]
PresetOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="A published configuration: ft, ljspeech or libritts. Without --config: ft.",
        autocompletion=lambda: ["ft", "ljspeech", "libritts"],
    ),
]
SourceOption = Annotated[
    str | None,
    typer.Option(
        metavar="PATH",
        help="A StyleTTS2 checkout whose own modules to analyze, or the package styletts2. Its code runs.",
    ),
]
TargetArgument = Annotated[
    str, typer.Argument(metavar="TARGET", help="FILE.py:NAME or PACKAGE.MODULE:NAME: a class, instance or function.")
]
InputsArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[INPUT]...",
        help="For each argument a spec such as 'f32[1, 80, T]', a Python literal, or NAME=... for a keyword;"
        " SYMBOL=FIRST:LAST for another size.",
        show_default=False,
    ),
]
InitOption = Annotated[
    str | None, typer.Option(metavar="JSON", help="Arguments of the class or function, such as '{\"dim_in\": 64}'.")
]
MethodOption = Annotated[str, typer.Option(metavar="NAME", help="The method to call.")]
UnitOption = Annotated[
    str | None,
    typer.Option(metavar="NAME[=SECONDS s]", help="What a length counts, such as 'mel frames=0.0125 s'."),
]


def load_styletts2(config: str | None, preset: str | None, source: str | None, batch: tuple[int, int] | None) -> Model:
    from shapecheck.models import styletts2 as architecture

    if config is not None and preset is not None:
        raise UsageError(f"--config {config} and --preset {preset}: give one of the two")
    for option, value, example in (
        ("--config", config, "a YAML file, such as config_ft.yml"),
        ("--source", source, "a folder, such as ../StyleTTS2"),
    ):
        if value == "":
            raise UsageError(f"{option}: the name is empty; give {example}")
    if config is not None:
        return architecture.load(config, source=source, batch=batch)
    if preset is not None:
        return architecture.preset(preset, source=source, batch=batch)
    model = architecture.preset(DEFAULT_PRESET, source=source, batch=batch)
    return replace(model, notes=(f"neither --config nor --preset was given: preset {DEFAULT_PRESET}", *model.notes))


def source_files(source: str | None) -> list[str]:
    """The files of a checkout, but for its data: they are not to be written over."""
    if not source:
        return []
    patterns = (
        f"{where}*.{ending}" for where in ("", "Configs/", "Modules/**/", "Utils/**/") for ending in ("py", "yml")
    )
    return [str(file) for pattern in patterns for file in Path(source).glob(pattern)]


def named_module(
    problems: Problems,
    target: str,
    inputs: list[str] | None,
    init: str | None,
    method: str,
    unit: str | None,
    *,
    debug: bool,
) -> Callable[[], Model]:
    """What gives the model of the one module that TARGET names; called once all options are known to be good.

    What is wrong with the texts goes to `problems`. Inputs that are missing are asked for by the call, for the module's
    own code runs to say which.
    """
    from shapecheck.arguments import Arguments, parse_init, parse_unit
    from shapecheck.target import Target

    found = problems.attempt(partial(Target.parse, target))
    given = problems.attempt(partial(Arguments.parse, inputs or ()))
    made_with = problems.attempt(partial(parse_init, init))
    counted = problems.attempt(partial(parse_unit, unit))

    def load() -> Model:
        from shapecheck.model import built

        assert found is not None
        assert given is not None
        assert made_with is not None
        assert counted is not None
        if inputs:
            return found.model(given, made_with, method, counted)
        arguments, keywords = made_with
        options = ("--init", init), ("--method", method if method != "forward" else None)
        said = "".join(f" {option} {shlex.quote(value)}" for option, value in options if value is not None)
        with quiet(debug=debug), found.code.visit():
            module = built(partial(found.build, arguments, keywords))
            raise UsageError(found.inputs_wanted(module, method, said))

    return load


def one_component(model: Model, name: str | None) -> Component:
    """The component of that name, or the only one, with one value for each of its other sizes.

    Raises UsageError where there is none, or where sizes are left open.
    """
    from shapecheck.joint import bound, named

    if name is None and len(model.components) > 1:
        known = ", ".join(component.name for component in model.components)
        raise UsageError(f"--component: is missing; one of: {known}")
    if name is not None:
        problems = Problems()
        select_components(model, (name,), problems)
        problems.check()
    component = next(each for each in model.components if name in (None, each.name))
    several = [symbol for symbol, (first, last) in component.sizes.items() if first != last]
    if several:
        raise UsageError(f"INPUT {', '.join(several)}: give one value for each, such as {several[0]}=2:2")
    if not component.sizes:
        return component
    sizes = {symbol: first for symbol, (first, _) in component.sizes.items()}
    inputs, keyword_inputs = bound((component.inputs, dict(component.keyword_inputs)), sizes)
    name = f"{component.name}, {named(sizes)}"
    return replace(component, name=name, inputs=inputs, keyword_inputs=keyword_inputs, sizes={})
