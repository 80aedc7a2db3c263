"""`shapecheck report`: the limits of a model as documents to look at, of StyleTTS2, of any module, of the presets."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from shapecheck.cli.checking import DebugOption, Settings, TrainOption, analyzed, is_undecided, quiet
from shapecheck.cli.groups import group, show_help
from shapecheck.cli.job import Job
from shapecheck.cli.output import with_kept_output
from shapecheck.cli.preflight import (
    CheckpointOption,
    DaskOption,
    DataOption,
    DecodeOption,
    Given,
    GpusOption,
    ManifestOption,
    NoCacheOption,
    OodOption,
    RootOption,
    StageOption,
    StrictOption,
    TrainListOption,
    ValListOption,
    exit_code,
    looked_at,
    preflight_options,
    prepared,
)
from shapecheck.cli.subject import (
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
    source_files,
)
from shapecheck.errors import UsageError
from shapecheck.exit_codes import ExitCode
from shapecheck.options import Layers, OutputFormat, Problems, parse_choice, parse_lengths, select_components

if TYPE_CHECKING:
    from shapecheck.model import Model, ModelReport
    from shapecheck.preflight import Preflight
    from shapecheck.render.folder import Folder
    from shapecheck.render.report_files import ReportFormat

ComponentOption = Annotated[
    list[str] | None, typer.Option(metavar="NAME", help="Only this component, such as style_encoder; may be repeated.")
]
LengthsOption = Annotated[
    str | None,
    typer.Option(metavar="LO:HI", help="Lengths to go through, in each component's own unit, such as 1:1024."),
]
FolderOption = Annotated[
    str | None, typer.Option("--output", metavar="DIR", help="The folder to write to; it is made if it is not there.")
]
OneFormatOption = Annotated[
    str | None, typer.Option("--format", metavar="markdown|html|json|csv", help="Write this alone. Without: all.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Write over files that no report wrote, too.")]

_NO_FOLDER = "--output: is missing; give a folder, such as --output report"

app = group()


@app.callback()
def _report(context: typer.Context) -> None:
    """Write the limits of a model as documents: Markdown, a page of HTML that needs nothing else, JSON and CSV.

    \b
    Examples:
      shapecheck report styletts2 --config Configs/config_ft.yml --output report
      shapecheck report module models.py:StyleEncoder "f32[1, 1, 80, T]" --output report
      shapecheck report presets --output reports
    """
    show_help(context)


@dataclass(frozen=True, slots=True)
class _Written:
    """Where the documents go, and which."""

    folder: Folder
    formats: tuple[ReportFormat, ...]


@app.command("styletts2", short_help="Documents of the limits of StyleTTS2, and of the pre-flight.")
def styletts2(
    config: ConfigOption = None,
    preset: PresetOption = None,
    source: SourceOption = None,
    component: ComponentOption = None,
    lengths: LengthsOption = None,
    train: TrainOption = False,
    stage: StageOption = None,
    gpus: GpusOption = 1,
    data: DataOption = None,
    root: RootOption = None,
    train_list: TrainListOption = None,
    val_list: ValListOption = None,
    ood: OodOption = None,
    checkpoint: CheckpointOption = None,
    manifest: ManifestOption = None,
    decode: DecodeOption = False,
    no_cache: NoCacheOption = False,
    dask: DaskOption = None,
    strict: StrictOption = False,
    output: FolderOption = None,
    format_: OneFormatOption = None,
    force: ForceOption = False,
    debug: DebugOption = False,
) -> Job:
    """Write the limits of StyleTTS2's components, and with a configuration the pre-flight, as documents.

    report.md, report.html, report.json, components.csv and layers.csv, each written in one step. The page has a map of
    lengths against layers, and a slider that shows what becomes of your shortest clip. Exit code 1: the training will
    end, or lose batches.

    \b
    Examples:
      shapecheck report styletts2 --config Configs/config_ft.yml --output report
      shapecheck report styletts2 --config Configs/config_ft.yml --root wavs --output report
      shapecheck report styletts2 --preset ljspeech --format html --output page
    """
    given = Given(stage, gpus, data, root, train_list, val_list, ood, checkpoint, manifest, decode, no_cache, dask)
    narrowed = {"--component": bool(component), "--lengths": lengths is not None, "--train": train}
    asked = partial(preflight_options, given, narrowed, {}, has_config=bool(config), strict=strict)

    def run(_stream: TextIO | None) -> ExitCode:
        problems = Problems()
        with quiet(debug=debug):
            model = problems.attempt(partial(load_styletts2, config, preset, source, None))
        names = select_components(model, component or (), problems) if model is not None else None
        options = problems.attempt(asked)
        preparation = None
        if model is not None and options is not None:
            preparation = problems.attempt(partial(prepared, config, preset, source, options))
        lists = () if preparation is None else (preparation.files.train, preparation.files.val)
        sources = (config, *source_files(source), *map(str, filter(None, lists)))
        sweep = _sweep(problems, lengths)
        written = _written(problems, output, format_, sources, force=force)
        problems.check()
        assert model is not None
        assert written is not None
        if preparation is not None:
            model = replace(model, clip_way=preparation.clip_way)
        report = _analyzed(model, names, sweep, train=train, debug=debug)
        preflight = None if preparation is None else looked_at(preparation, report)
        _write(written, report, preflight)
        if preflight is not None:
            from shapecheck.render.preflight import verdict

            count = len(preflight.findings)
            findings = f"{count:,} finding{'s' * (count != 1)}"
            print(f"shapecheck: pre-flight: {verdict(preflight)} ({findings})", file=sys.stderr)
        return exit_code(preflight, is_undecided(report), strict=strict)

    return Job(partial(with_kept_output, run), debug)


@app.command("module", short_help="The same documents of any nn.Module.")
def module(
    target: TargetArgument,
    inputs: InputsArgument = None,
    init: InitOption = None,
    method: MethodOption = "forward",
    lengths: LengthsOption = None,
    unit: UnitOption = None,
    train: TrainOption = False,
    output: FolderOption = None,
    format_: OneFormatOption = None,
    force: ForceOption = False,
    debug: DebugOption = False,
) -> Job:
    """Write the limits of any nn.Module as documents. TARGET and INPUT: as in `module`.

    \b
    Examples:
      shapecheck report module models.py:StyleEncoder "f32[1, 1, 80, T]" --output report
      shapecheck report module torch.nn:Conv1d --init "[80, 64, 5]" "f32[1, 80, T]" --output report
    """

    def run(_stream: TextIO | None) -> ExitCode:
        problems = Problems()
        load = named_module(problems, target, inputs, init, method, unit, debug=debug)
        sweep = _sweep(problems, lengths)
        written = _written(problems, output, format_, (target.rpartition(":")[0],), force=force)
        problems.check()
        assert written is not None
        report = _analyzed(load(), None, sweep, train=train, debug=debug)
        _write(written, report, None)
        return ExitCode.UNKNOWN if is_undecided(report) else ExitCode.OK

    return Job(partial(with_kept_output, run), debug)


@app.command("presets", short_help="The public configurations of StyleTTS2, each and compared.")
def presets(output: FolderOption = None, force: ForceOption = False, debug: DebugOption = False) -> Job:
    """Write the reports of the public configurations of StyleTTS2, and an index that compares them.

    The same bytes on every machine: of versions, only the first two numbers are named.

    \b
    Examples:
      shapecheck report presets --output reports
    """

    def run(_stream: TextIO | None) -> ExitCode:
        from shapecheck.models import styletts2 as architecture
        from shapecheck.render.folder import Folder
        from shapecheck.render.report_files import MARKDOWN_MARK, MARKS, ReportFormat, names, texts, versions_line

        formats = (ReportFormat.MARKDOWN, ReportFormat.HTML, ReportFormat.JSON)
        folders = {name: f"config_{name}" for name in architecture.PRESETS}
        marks = {f"{folder}/{name}": MARKS[name] for folder in folders.values() for name in names(formats)}
        if output is None:
            raise UsageError(_NO_FOLDER)
        folder = Folder.checked(output, {"README.md": MARKDOWN_MARK, **marks}, force=force)
        with quiet(debug=debug):
            models = {name: architecture.preset(name) for name in folders}
        reports = {
            folders[name]: _analyzed(model, None, None, train=False, debug=debug) for name, model in models.items()
        }
        from shapecheck.render.comparison import comparison

        made = {"README.md": comparison(reports, versions=versions_line(whole=False))}
        for name, report in reports.items():
            made |= {f"{name}/{file}": text for file, text in texts(report, None, formats, versions=False).items()}
        for name, text in made.items():
            folder.write(name, text)
        return ExitCode.UNKNOWN if any(map(is_undecided, reports.values())) else ExitCode.OK

    return Job(partial(with_kept_output, run), debug)


def _sweep(problems: Problems, lengths: str | None) -> tuple[int, int] | None:
    return None if lengths is None else problems.attempt(partial(parse_lengths, lengths))


def _written(
    problems: Problems, output: str | None, format_: str | None, sources: Sequence[str | None], *, force: bool
) -> _Written | None:
    from shapecheck.render.folder import Folder
    from shapecheck.render.report_files import MARKS, ReportFormat, names

    formats = tuple(ReportFormat)
    if format_ is not None:
        chosen = problems.attempt(partial(parse_choice, "--format", format_, ReportFormat))
        formats = (chosen,) if chosen is not None else ()
    if output is None:
        problems.add(_NO_FOLDER)
        return None
    marks = {name: MARKS[name] for name in names(formats)}
    folder = problems.attempt(partial(Folder.checked, output, marks, sources=sources, force=force))
    return None if folder is None else _Written(folder, formats)


def _analyzed(
    model: Model, names: Sequence[str] | None, sweep: tuple[int, int] | None, *, train: bool, debug: bool
) -> ModelReport:
    from shapecheck.render.destination import Destination

    return analyzed(model, names, Settings(sweep, Layers.ALL, OutputFormat.JSON, Destination(None), train, debug))


def _write(written: _Written, report: ModelReport, preflight: Preflight | None) -> None:
    from shapecheck.render.report_files import texts

    for name, text in texts(report, preflight, written.formats).items():
        written.folder.write(name, text)
        print(f"shapecheck: wrote {written.folder.path / name}", file=sys.stderr)
