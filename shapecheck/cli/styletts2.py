"""`shapecheck styletts2`: the limits of StyleTTS2's components, built in or in a checkout of one's own."""

from __future__ import annotations

from functools import partial
from typing import Annotated, TextIO

import typer

from shapecheck.cli.checking import (
    DebugOption,
    LayersOption,
    OutputFormatOption,
    OutputOption,
    TrainOption,
    analyzed,
    is_undecided,
    parse_settings,
    quiet,
    write_report,
)
from shapecheck.cli.job import Job
from shapecheck.cli.output import kept_output
from shapecheck.cli.preflight import (
    CheckpointOption,
    DaskOption,
    DataOption,
    DecodeOption,
    FilteredOption,
    Given,
    GpusOption,
    ListOption,
    ManifestOption,
    NoCacheOption,
    OodOption,
    RootOption,
    StageOption,
    StrictOption,
    TrainListOption,
    ValListOption,
    checked_extras,
    data_files,
    exit_code,
    looked_at,
    preflight_options,
    prepared,
    write_extras,
)
from shapecheck.cli.subject import (
    ConfigOption,
    PresetOption,
    SourceOption,
    component_names,
    load_styletts2,
    source_files,
)
from shapecheck.exit_codes import ExitCode
from shapecheck.options import Problems, parse_batch, select_components


def command(
    config: ConfigOption = None,
    preset: PresetOption = None,
    source: SourceOption = None,
    component: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME",
            help="Only this component, such as style_encoder; may be repeated.",
            autocompletion=component_names,
        ),
    ] = None,
    batch: Annotated[
        str | None,
        typer.Option(
            metavar="FIRST:LAST",
            help="Batch sizes, such as 1:4, and the calls that the training scripts make between the modules.",
        ),
    ] = None,
    lengths: Annotated[
        str | None,
        typer.Option(metavar="LO:HI", help="Lengths to go through, in each component's own unit, such as 1:1024."),
    ] = None,
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
    list_: ListOption = None,
    write_filtered_lists: FilteredOption = None,
    strict: StrictOption = False,
    layers: LayersOption = "all",
    format_: OutputFormatOption = "table",
    output: OutputOption = None,
    debug: DebugOption = False,
) -> Job:
    """Show the smallest input lengths of StyleTTS2's components, layer by layer, and what a training run will meet.

    Every call of every conv layer of the encoders, the decoder and the discriminators, with the lengths that it
    refuses, PyTorch's own message and the way there. Needs neither weights nor data. With a configuration, the
    pre-flight: whether its training will crash, skip or train nothing, when, because of which files, and what to
    change. Exit code 1: it will end, or lose batches.

    \b
    Examples:
      shapecheck styletts2
      shapecheck styletts2 --config Configs/config_ft.yml
      shapecheck styletts2 --config Configs/config_ft.yml --root wavs --list affected.csv
      shapecheck styletts2 --config Configs/config_ft.yml --write-filtered-lists Data/filtered
      shapecheck styletts2 --component style_encoder --component decoder
      shapecheck styletts2 --preset ljspeech --layers none
      shapecheck styletts2 --source ../StyleTTS2 --config ../StyleTTS2/Configs/config_ft.yml
      shapecheck styletts2 --batch 1:4 --layers none
      shapecheck styletts2 --format json | python -m json.tool
    """

    given = Given(
        stage=stage,
        gpus=gpus,
        data=data,
        root=root,
        train_list=train_list,
        val_list=val_list,
        ood=ood,
        checkpoint=checkpoint,
        manifest=manifest,
        decode=decode,
        no_cache=no_cache,
        dask=dask,
    )
    narrowed = {"--component": bool(component), "--lengths": lengths is not None, "--train": train}
    narrowed["--batch"] = batch is not None  # a report for each size: the pre-flight takes one
    written = {"--list": list_, "--write-filtered-lists": write_filtered_lists}
    asked = partial(preflight_options, given, narrowed, written, has_config=bool(config), strict=strict)

    def run() -> ExitCode:
        if source is None:
            return _run(None)
        with kept_output() as stream:  # the source's code may print
            return _run(stream)

    def _run(stream: TextIO | None) -> ExitCode:
        problems = Problems()
        sizes = None if batch is None else problems.attempt(partial(parse_batch, batch))
        with quiet(debug=debug):
            model = problems.attempt(partial(load_styletts2, config, preset, source, sizes))
        names = select_components(model, component or (), problems) if model is not None else None
        options = problems.attempt(asked)
        preparation = None
        if model is not None and options is not None:
            preparation = problems.attempt(partial(prepared, config, preset, source, options))
        sources = (config, *source_files(source), *data_files(preparation))
        extras = problems.attempt(partial(checked_extras, list_, write_filtered_lists, sources, preparation))
        settings = parse_settings(
            problems,
            lengths=lengths,
            layers=layers,
            format_=format_,
            output=output,
            sources=sources,
            train=train,
            debug=debug,
            stream=stream,
        )
        problems.check()
        assert model is not None
        assert settings is not None
        report = analyzed(model, names, settings)
        preflight = None if preparation is None else looked_at(preparation, report)
        write_report(report, settings, preflight)
        if preflight is not None and extras is not None:
            write_extras(preflight, extras)
        return exit_code(preflight, is_undecided(report), strict=strict)

    return Job(run, debug)
