"""`shapecheck explain`: why a component or a module refuses a length, step by step, and what would decide next."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from shapecheck.cli.checking import DebugOption, FormatOption, OutputOption, TrainOption, quiet
from shapecheck.cli.groups import group, show_help
from shapecheck.cli.job import Job
from shapecheck.cli.output import with_kept_output
from shapecheck.cli.subject import (
    ConfigOption,
    InitOption,
    InputsArgument,
    MethodOption,
    PresetOption,
    SourceOption,
    TargetArgument,
    UnitOption,
    component_names,
    load_styletts2,
    named_module,
    one_component,
    source_files,
)
from shapecheck.errors import UsageError
from shapecheck.exit_codes import ExitCode
from shapecheck.options import Format, Problems, parse_choice

if TYPE_CHECKING:
    from shapecheck.explanation import Explanation
    from shapecheck.model import Component, Model
    from shapecheck.render.destination import Destination

LengthOption = Annotated[
    str | None,
    typer.Option(metavar="N", help="The length to explain, in the component's own unit, such as 64."),
]
SvgOption = Annotated[
    str | None, typer.Option("--svg", metavar="FILE", help="Draw the way of the length through the layers, too.")
]

app = group()


@app.callback()
def _explain(context: typer.Context) -> None:
    """Show how a length comes to the layer that refuses it, what it needs, and what would decide next.

    \b
    Examples:
      shapecheck explain styletts2 --component style_encoder --length 64
      shapecheck explain styletts2 --component mpd --length 5 --svg mpd.svg
      shapecheck explain module models.py:StyleEncoder "f32[1, 1, 80, T]" --length 64
    """
    show_help(context)


@dataclass(frozen=True, slots=True)
class _Settings:
    length: int
    written: Format
    destination: Destination
    picture: Destination | None
    train: bool
    debug: bool


@app.command("styletts2", short_help="Why a component of StyleTTS2 refuses a length.")
def styletts2(
    config: ConfigOption = None,
    preset: PresetOption = None,
    source: SourceOption = None,
    component: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The component to explain, such as style_encoder.",
            autocompletion=component_names,
        ),
    ] = None,
    length: LengthOption = None,
    train: TrainOption = False,
    format_: FormatOption = "table",
    output: OutputOption = None,
    svg: SvgOption = None,
    debug: DebugOption = False,
) -> Job:
    """Show why a component of StyleTTS2 refuses a length, or what it is on the way to the end.

    \b
    Examples:
      shapecheck explain styletts2 --component style_encoder --length 64
      shapecheck explain styletts2 --config config_ft.yml --component decoder --length 1 --format json
    """

    def run(stream: TextIO | None) -> ExitCode:
        problems = Problems()
        with quiet(debug=debug):
            model = problems.attempt(partial(load_styletts2, config, preset, source, None))
        chosen = None if model is None else problems.attempt(partial(one_component, model, component))
        sources = (config, *source_files(source))
        settings = _parsed(problems, length, format_, output, svg, sources, train=train, debug=debug, stream=stream)
        problems.check()
        assert model is not None
        assert chosen is not None
        assert settings is not None
        return _explained(model, chosen, settings)

    return Job(partial(with_kept_output, run), debug)


@app.command("module", short_help="Why any nn.Module refuses a length.")
def module(
    target: TargetArgument,
    inputs: InputsArgument = None,
    init: InitOption = None,
    method: MethodOption = "forward",
    length: LengthOption = None,
    unit: UnitOption = None,
    train: TrainOption = False,
    format_: FormatOption = "table",
    output: OutputOption = None,
    svg: SvgOption = None,
    debug: DebugOption = False,
) -> Job:
    """Show why any nn.Module refuses a length, or what it is on the way to the end. TARGET and INPUT: as in `module`.

    \b
    Examples:
      shapecheck explain module models.py:StyleEncoder "f32[1, 1, 80, T]" --length 64
      shapecheck explain module torch.nn:Conv1d --init "[80, 64, 5]" "f32[1, 80, T]" --length 4 --svg conv.svg
    """

    def run(stream: TextIO | None) -> ExitCode:
        problems = Problems()
        load = named_module(problems, target, inputs, init, method, unit, debug=debug)
        sources = (target.rpartition(":")[0],)
        settings = _parsed(problems, length, format_, output, svg, sources, train=train, debug=debug, stream=stream)
        problems.check()
        assert settings is not None
        model = load()
        return _explained(model, one_component(model, None), settings)

    return Job(partial(with_kept_output, run), debug)


def _parsed(
    problems: Problems,
    length: str | None,
    format_: str,
    output: str | None,
    svg: str | None,
    sources: tuple[str | None, ...],
    *,
    train: bool,
    debug: bool,
    stream: TextIO | None,
) -> _Settings | None:
    from shapecheck.render.destination import Destination

    number = problems.attempt(partial(_parse_length, length))
    written = problems.attempt(partial(parse_choice, "--format", format_, Format))
    destination = problems.attempt(partial(Destination.checked, output, sources=sources))
    picture = None
    if svg is not None:
        picture = problems.attempt(partial(Destination.checked, svg, sources=(*sources, output), option="--svg"))
        if svg == "-" and output in (None, "-"):
            problems.add("--svg -: the explanation goes to standard output already; give a file to one of them")
        elif output not in (None, "-") and svg == output:
            problems.add(f"--svg {svg}: is the file of --output, too; give another name")
    if number is None or written is None or destination is None:
        return None
    return _Settings(number, written, replace(destination, stream=stream), picture, train, debug)


def _parse_length(text: str | None) -> int:
    from shapecheck.options import LONGEST_SWEEP

    example = "such as --length 64"
    if text is None:
        raise UsageError(f"--length: is missing; give the length to explain, {example}")
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= LONGEST_SWEEP:
        raise UsageError(f"--length {text}: expected a whole number from 1 to {LONGEST_SWEEP:,}, {example}")
    return int(text)


def _explained(model: Model, component: Component, settings: _Settings) -> ExitCode:
    from shapecheck.render.progress import progress_line

    with progress_line() as show, quiet(debug=settings.debug):
        show("loading PyTorch")
        from shapecheck.explanation import Outcome, explain_component

        show(f"analysing {component.name}")
        try:
            found = explain_component(component, settings.length, train=settings.train)
        except ImportError as error:
            raise UsageError(f"{component.name}: cannot be analysed: {error}") from error
    for note in model.notes:
        print(f"shapecheck: note: {note}", file=sys.stderr)
    settings.destination.write(_rendered(component, found, settings))
    if settings.picture is not None:
        from shapecheck.render.funnel import svg

        settings.picture.write(svg(component, found))
    return ExitCode.UNKNOWN if found.outcome is Outcome.UNKNOWN else ExitCode.OK


def _rendered(component: Component, found: Explanation, settings: _Settings) -> str:
    from shapecheck.render import console, explanation

    if settings.written is Format.JSON:
        return explanation.document(component, found)
    to_file = settings.destination.path is not None
    shown = console.for_file() if to_file else console.for_stream(settings.destination.stream or sys.stdout)
    return explanation.text(component, found, shown)
