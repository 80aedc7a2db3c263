"""`shapecheck whatif`: edits on named layers or on the configuration, what they do and cost; and a search for some."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from shapecheck.changes.edits import EXAMPLE, SETTINGS, Edit, KeyEdit, parse_edits
from shapecheck.cli.checking import DebugOption, FormatOption, OutputOption, TrainOption, quiet
from shapecheck.cli.groups import group, show_help
from shapecheck.cli.job import Job
from shapecheck.cli.output import with_kept_output
from shapecheck.cli.subject import (
    DEFAULT_PRESET,
    ConfigOption,
    InitOption,
    InputsArgument,
    MethodOption,
    PresetOption,
    SourceOption,
    TargetArgument,
    UnitOption,
    load_styletts2,
    named_module,
    one_component,
    source_files,
)
from shapecheck.errors import UsageError
from shapecheck.exit_codes import ExitCode
from shapecheck.options import LONGEST_SWEEP, Format, Problems, parse_choice, parse_lengths, suggestion

if TYPE_CHECKING:
    from shapecheck.changes.comparison import KeyChange, WhatIf
    from shapecheck.changes.search import Search
    from shapecheck.model import Component, Model
    from shapecheck.render.destination import Destination

_MOST_EDITS = 4  # of one set; the number of sets grows with its power

SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="LAYER.SETTING=VALUE",
        help="An edit, such as shared.6.padding=2 or shared.4.downsample=none; may be repeated.",
    ),
]
TargetLengthOption = Annotated[
    str | None,
    typer.Option("--target", metavar="N", help="Search for edits with which every length from N on runs."),
]
EditsOption = Annotated[
    int, typer.Option("--edits", metavar="N", help="At most so many edits in one set of a search.", show_default=True)
]
LengthsOption = Annotated[str | None, typer.Option(metavar="LO:HI", help="Lengths to go through, such as 1:1024.")]

app = group()


@app.callback()
def _whatif(context: typer.Context) -> None:
    """Show what an edit of a layer or of the configuration does to the lengths, and what it costs.

    The edited module is built, analyzed, and run in eager PyTorch on each side of its limits. No file is changed.

    \b
    Examples:
      shapecheck whatif styletts2 --component style_encoder --set shared.6.padding=2
      shapecheck whatif styletts2 --component style_encoder --target 40
      shapecheck whatif module models.py:StyleEncoder "f32[1, 1, 80, T]" --set shared.4.downsample=none

    \b
    Exit codes:
      0  done; a search found something
      1  a search found nothing, or the edits lose a length
      2  wrong options, layers or values
      3  not every length could be decided
    """
    show_help(context)


@dataclass(frozen=True, slots=True)
class _Settings:
    target: int | None
    most_edits: int
    lengths: tuple[int, int] | None
    written: Format
    destination: Destination
    train: bool
    debug: bool


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked: a component, the same with another configuration if there is one, and edits of its layers."""

    component: Component
    changed: Component | None
    keys: tuple[KeyChange, ...]
    edits: tuple[Edit, ...]


@app.command("styletts2", short_help="What edits of a component of StyleTTS2 do.")
def styletts2(
    config: ConfigOption = None,
    preset: PresetOption = None,
    source: SourceOption = None,
    component: Annotated[
        str | None, typer.Option(metavar="NAME", help="The component to edit, such as style_encoder.")
    ] = None,
    set_: SetOption = None,
    target: TargetLengthOption = None,
    edits: EditsOption = 2,
    lengths: LengthsOption = None,
    train: TrainOption = False,
    format_: FormatOption = "table",
    output: OutputOption = None,
    debug: DebugOption = False,
) -> Job:
    """Show what edits of a component of StyleTTS2 do to its lengths, and what they cost; or search for some.

    SETTING: kernel_size, stride, padding, padding_mode, dilation of a layer, or downsample=none for whatever makes the
    length shorter in it. KEY=VALUE sets a key of the configuration: model_params.n_layer=4.

    \b
    Examples:
      shapecheck whatif styletts2 --component style_encoder --set shared.6.kernel_size=3 --set shared.6.padding=1
      shapecheck whatif styletts2 --component text_encoder --set model_params.n_layer=4
      shapecheck whatif styletts2 --component style_encoder --target 40 --format json
    """

    def run(stream: TextIO | None) -> ExitCode:
        problems = Problems()
        parsed = problems.attempt(partial(parse_edits, set_ or ()))
        keys = {edit.path: edit.text for edit in parsed or () if isinstance(edit, KeyEdit)}
        with quiet(debug=debug):
            model = problems.attempt(partial(_load, config, preset, source))
            if model is not None:
                problems.attempt(partial(_check_keys, config, preset, keys))
            good = model is not None and keys and not problems.found
            changed = problems.attempt(partial(_changed, config, preset, source, keys)) if good else None
        chosen = None if model is None else problems.attempt(partial(one_component, model, component))
        settings = _parsed(
            problems,
            (set_, target, edits, lengths, format_, output),
            (config, *source_files(source)),
            train=train,
            debug=debug,
            stream=stream,
        )
        problems.check()
        assert model is not None
        assert chosen is not None
        assert settings is not None
        question = _Question(
            chosen,
            None if changed is None else one_component(changed, component),
            _key_changes(config, preset, keys),
            tuple(edit for edit in parsed or () if isinstance(edit, Edit)),
        )
        return _answered(model, question, settings)

    return Job(partial(with_kept_output, run), debug)


@app.command("module", short_help="What edits of any nn.Module do.")
def module(
    target_: TargetArgument,
    inputs: InputsArgument = None,
    init: InitOption = None,
    method: MethodOption = "forward",
    set_: SetOption = None,
    target: TargetLengthOption = None,
    edits: EditsOption = 2,
    lengths: LengthsOption = None,
    unit: UnitOption = None,
    train: TrainOption = False,
    format_: FormatOption = "table",
    output: OutputOption = None,
    debug: DebugOption = False,
) -> Job:
    """Show what edits of any nn.Module do to its lengths, and what they cost. TARGET and INPUT: as in `module`.

    \b
    Examples:
      shapecheck whatif module models.py:StyleEncoder "f32[1, 1, 80, T]" --set shared.6.padding=2
      shapecheck whatif module torch.nn:Conv1d --init "[80, 64, 5]" "f32[1, 80, T]" --target 2
    """

    def run(stream: TextIO | None) -> ExitCode:
        problems = Problems()
        parsed = problems.attempt(partial(parse_edits, set_ or ()))
        for edit in parsed or ():
            if isinstance(edit, KeyEdit):
                problems.add(_no_setting(edit.path, edit.text))
        load = named_module(problems, target_, inputs, init, method, unit, debug=debug)
        settings = _parsed(
            problems,
            (set_, target, edits, lengths, format_, output),
            (target_.rpartition(":")[0],),
            train=train,
            debug=debug,
            stream=stream,
        )
        problems.check()
        assert settings is not None
        model = load()
        given = tuple(edit for edit in parsed or () if isinstance(edit, Edit))
        return _answered(model, _Question(one_component(model, None), None, (), given), settings)

    return Job(partial(with_kept_output, run), debug)


def _load(config: str | None, preset: str | None, source: str | None) -> Model:
    if source is None:
        return load_styletts2(config, preset, source, None)
    from shapecheck.changes.origins import recording

    with recording():  # a checkout builds its modules at once
        return load_styletts2(config, preset, source, None)


def _changed(config: str | None, preset: str | None, source: str | None, keys: dict[str, str]) -> Model:
    """The same with other values of keys; the options are known to be good."""
    from shapecheck.changes.origins import recording
    from shapecheck.models import styletts2 as architecture

    with recording():
        if config is not None:
            return architecture.load(config, source=source, changes=keys)
        return architecture.preset(preset or DEFAULT_PRESET, source=source, changes=keys)


def _check_keys(config: str | None, preset: str | None, keys: dict[str, str]) -> None:
    """Raise UsageError for what is neither a layer's setting nor a key."""
    if not keys:
        return
    from shapecheck.models import styletts2 as architecture

    tops = {path.partition(".")[0]: "" for path in keys if "." in path}
    present = architecture.values_of(config, preset or DEFAULT_PRESET, list(tops))
    wrong = [_no_setting(path, text) for path, text in keys.items() if present.get(path.partition(".")[0]) == ""]
    if wrong:
        raise UsageError("\n".join(wrong))


def _no_setting(path: str, text: str) -> str:
    name = path.rpartition(".")[2]
    known = (*SETTINGS, "downsample")
    return f"--set {path}={text}: {name} is no setting of a layer; {suggestion(name, known)}"


def _key_changes(config: str | None, preset: str | None, keys: dict[str, str]) -> tuple[KeyChange, ...]:
    if not keys:
        return ()
    from shapecheck.changes.comparison import KeyChange
    from shapecheck.models import styletts2 as architecture

    before = architecture.values_of(config, preset or DEFAULT_PRESET, list(keys))
    return tuple(KeyChange(path, before[path], text, config or "") for path, text in keys.items())


def _parsed(
    problems: Problems,
    options: tuple[Sequence[str] | None, str | None, int, str | None, str, str | None],
    sources: tuple[str | None, ...],
    *,
    train: bool,
    debug: bool,
    stream: TextIO | None,
) -> _Settings | None:
    from shapecheck.render.destination import Destination

    set_, target, most_edits, lengths, format_, output = options
    number = None if target is None else problems.attempt(partial(_parse_target, target))
    sweep = None if lengths is None else problems.attempt(partial(parse_lengths, lengths))
    written = problems.attempt(partial(parse_choice, "--format", format_, Format))
    destination = problems.attempt(partial(Destination.checked, output, sources=sources))
    if not set_ and target is None:
        problems.add(f"--set and --target: give an edit, such as {EXAMPLE}, or a length, such as --target 40")
    if not 1 <= most_edits <= _MOST_EDITS:
        problems.add(f"--edits {most_edits}: expected 1 to {_MOST_EDITS}")
    if written is None or destination is None:
        return None
    return _Settings(number, most_edits, sweep, written, replace(destination, stream=stream), train, debug)


def _parse_target(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= LONGEST_SWEEP:
        raise UsageError(f"--target {text}: expected a whole number from 1 to {LONGEST_SWEEP:,}, such as --target 40")
    return int(text)


def _answered(model: Model, question: _Question, settings: _Settings) -> ExitCode:
    from shapecheck.render.progress import progress_line

    with progress_line() as show, quiet(debug=settings.debug):
        show("loading PyTorch")
        try:
            result, found = _looked_at(question, settings, show)
        except ImportError as error:
            raise UsageError(f"{question.component.name}: cannot be analysed: {error}") from error
    for note in (*model.notes, *_beside(model, question.component)):
        print(f"shapecheck: note: {note}", file=sys.stderr)
    settings.destination.write(_rendered(result, found, settings))
    return _exit_code(result, found)


def _beside(model: Model, component: Component) -> list[str]:
    """Other entry points of the module that is edited."""
    names = [each.name for each in model.components if each.module_name == component.module_name]
    others = [name for name in names if name != component.name]
    return [f"{', '.join(others)}: of the same module as {component.name}; look at it, too"] if others else []


def _looked_at(
    question: _Question, settings: _Settings, show: Callable[[str], None]
) -> tuple[WhatIf | None, Search | None]:
    from shapecheck.changes.comparison import what_if
    from shapecheck.changes.editable import Editable
    from shapecheck.changes.search import search

    make = partial(Editable, lengths=settings.lengths, train=settings.train)
    original = make(question.component)
    changed = None if question.changed is None else make(question.changed)
    result = found = None
    if question.edits or question.keys:
        show(f"analysing {question.component.name}")
        result = what_if(original, question.edits, changed=changed, keys=question.keys)
    if settings.target is not None:
        found = search(
            original,
            settings.target,
            changed=changed,
            keys=question.keys,
            edits=question.edits,
            most_edits=settings.most_edits,
            progress=show,
        )
    return result, found


def _rendered(result: WhatIf | None, found: Search | None, settings: _Settings) -> str:
    from shapecheck.render import console, whatif, whatif_document

    if settings.written is Format.JSON:
        return whatif_document.document(result, found)
    to_file = settings.destination.path is not None
    shown = console.for_file() if to_file else console.for_stream(settings.destination.stream or sys.stdout)
    return whatif.text(result, found, shown)


def _exit_code(result: WhatIf | None, found: Search | None) -> ExitCode:
    if found is not None:
        if found.is_found:
            return ExitCode.OK
        is_open = found.undecided or not found.is_complete or found.start.unknown
        return ExitCode.UNKNOWN if is_open else ExitCode.FINDINGS
    assert result is not None
    if result.lost:
        return ExitCode.FINDINGS
    return ExitCode.UNKNOWN if result.is_undecided else ExitCode.OK
