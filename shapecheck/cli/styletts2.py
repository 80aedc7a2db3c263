"""`shapecheck styletts2`: the limits of StyleTTS2's components, built in or in a checkout of one's own."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from shapecheck.cli.checking import (
    DebugOption,
    FormatOption,
    LayersOption,
    OutputOption,
    TrainOption,
    check_model,
    parse_settings,
    quiet,
)
from shapecheck.cli.job import Job
from shapecheck.cli.output import kept_output
from shapecheck.errors import UsageError
from shapecheck.exit_codes import ExitCode
from shapecheck.options import Problems, select_components

if TYPE_CHECKING:
    from shapecheck.model import Model

DEFAULT_PRESET = "ft"


def command(
    config: Annotated[
        str | None, typer.Option(metavar="FILE", help="A StyleTTS2 configuration, such as config_ft.yml.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A published configuration: ft, ljspeech or libritts. Without --config: ft."),
    ] = None,
    source: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            help="A StyleTTS2 checkout whose own modules to analyze, or the package styletts2. Its code runs.",
        ),
    ] = None,
    component: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this component, such as style_encoder; may be repeated."),
    ] = None,
    lengths: Annotated[
        str | None,
        typer.Option(metavar="LO:HI", help="Lengths to go through, in each component's own unit, such as 1:1024."),
    ] = None,
    train: TrainOption = False,
    layers: LayersOption = "all",
    format_: FormatOption = "table",
    output: OutputOption = None,
    debug: DebugOption = False,
) -> Job:
    """Show the smallest input lengths of StyleTTS2's components, layer by layer.

    Every call of every conv layer of the encoders, the decoder and the discriminators, with the lengths that it
    refuses, PyTorch's own message and the way there. Needs neither weights nor data.

    \b
    Examples:
      shapecheck styletts2
      shapecheck styletts2 --config Configs/config_ft.yml
      shapecheck styletts2 --component style_encoder --component decoder
      shapecheck styletts2 --preset ljspeech --layers none
      shapecheck styletts2 --source ../StyleTTS2 --config ../StyleTTS2/Configs/config_ft.yml
      shapecheck styletts2 --format json | python -m json.tool
    """

    def run() -> ExitCode:
        if source is None:
            return _run(None)
        with kept_output() as stream:  # the source's code may print
            return _run(stream)

    def _run(stream: TextIO | None) -> ExitCode:
        problems = Problems()
        with quiet(debug=debug):
            model = problems.attempt(partial(_load, config, preset, source))
        names = select_components(model, component or (), problems) if model is not None else None
        settings = parse_settings(
            problems,
            lengths=lengths,
            layers=layers,
            format_=format_,
            output=output,
            sources=(config, *_source_files(source)),
            train=train,
            debug=debug,
            stream=stream,
        )
        problems.check()
        assert model is not None
        assert settings is not None
        return check_model(model, names, settings)

    return Job(run, debug)


def _source_files(source: str | None) -> list[str]:
    """The files of a checkout, but for its data: they are not to be written over."""
    if not source:
        return []
    patterns = (
        f"{where}*.{ending}" for where in ("", "Configs/", "Modules/**/", "Utils/**/") for ending in ("py", "yml")
    )
    return [str(file) for pattern in patterns for file in Path(source).glob(pattern)]


def _load(config: str | None, preset: str | None, source: str | None) -> Model:
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
        return architecture.load(config, source=source)
    if preset is not None:
        return architecture.preset(preset, source=source)
    model = architecture.preset(DEFAULT_PRESET, source=source)
    return replace(model, notes=(f"neither --config nor --preset was given: preset {DEFAULT_PRESET}", *model.notes))
