"""The pre-flight part of the command `styletts2`: its options, what it writes beside the report, and its exit code."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shapecheck.cli.subject import DEFAULT_PRESET
from shapecheck.errors import UsageError
from shapecheck.exit_codes import ExitCode
from shapecheck.options import Problems

if TYPE_CHECKING:
    from shapecheck.model import ModelReport
    from shapecheck.models.styletts2 import Options
    from shapecheck.models.styletts2.preflight.check import Preparation
    from shapecheck.preflight import Preflight
    from shapecheck.render.destination import Destination

StageOption = Annotated[
    str | None,
    typer.Option(
        metavar="STAGE",
        help="The training script: finetune, finetune-accelerate, first or second. Without: as the file tells.",
    ),
]
GpusOption = Annotated[int, typer.Option(metavar="N", help="GPUs that the script will see.")]
DataOption = Annotated[
    bool | None,
    typer.Option("--data/--no-data", help="Require the data, or do not look at it. Without: where it is found."),
]
RootOption = Annotated[str | None, typer.Option(metavar="DIR", help="Instead of data_params.root_path.")]
TrainListOption = Annotated[str | None, typer.Option(metavar="FILE", help="Instead of data_params.train_data.")]
ValListOption = Annotated[str | None, typer.Option(metavar="FILE", help="Instead of data_params.val_data.")]
OodOption = Annotated[str | None, typer.Option(metavar="FILE", help="Instead of data_params.OOD_data.")]
CheckpointOption = Annotated[str | None, typer.Option(metavar="FILE", help="Instead of pretrained_model.")]
ManifestOption = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="Durations instead of audio: JSONL or Parquet; path, samples, sample_rate."),
]
DecodeOption = Annotated[bool, typer.Option("--decode", help="Read the samples, too: silence, NaN, cut-off files.")]
NoCacheOption = Annotated[bool, typer.Option("--no-cache", help="Neither read nor keep the durations of clips.")]
DaskOption = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Read the headers on this Dask cluster.")]
ListOption = Annotated[
    str | None, typer.Option("--list", metavar="FILE", help="Write all affected files with their numbers, as CSV.")
]
FilteredOption = Annotated[
    str | None,
    typer.Option(metavar="DIR", help="Write the lists without the lines that end the run or lose a batch."),
]
StrictOption = Annotated[bool, typer.Option("--strict", help="Exit with 1 for what degrades the training, too.")]


@dataclass(frozen=True, slots=True)
class Given:
    """The options of the pre-flight as they were given."""

    stage: str | None = None
    gpus: int = 1
    data: bool | None = None
    root: str | None = None
    train_list: str | None = None
    val_list: str | None = None
    ood: str | None = None
    checkpoint: str | None = None
    manifest: str | None = None
    decode: bool = False
    no_cache: bool = False
    dask: str | None = None


def preflight_options(
    given: Given, narrowed: Mapping[str, bool], written: Mapping[str, str | None], *, has_config: bool, strict: bool
) -> Options | None:
    """None where no pre-flight is asked for, or it cannot be.

    `narrowed`: whether other options leave it less than it needs; `written`: options that name its files.
    """
    texts = {
        "--stage": given.stage,
        "--root": given.root,
        "--train-list": given.train_list,
        "--val-list": given.val_list,
        "--ood": given.ood,
        "--checkpoint": given.checkpoint,
        "--manifest": given.manifest,
        "--dask": given.dask,
        **written,
    }
    empty = [option for option, value in texts.items() if value == ""]
    if empty:
        raise UsageError(f"{', '.join(empty)}: the name is empty")
    asked = [option for option, value in texts.items() if value is not None]
    unused = [option for option in asked if option not in ("--stage", "--checkpoint")]
    if given.data is False and (unused or given.decode):
        both = ", ".join([*unused, *["--decode"] * given.decode])
        raise UsageError(f"--no-data with {both}: leave out one of the two")
    flags = {
        "--data": given.data is True,
        "--decode": given.decode,
        "--strict": strict,
        "--gpus": given.gpus != 1,
    }
    asked += [option for option, is_given in flags.items() if is_given]
    others = [option for option, is_given in narrowed.items() if is_given]
    if others and asked:
        raise UsageError(
            f"{', '.join(asked)} with {', '.join(others)}: the pre-flight needs all components, over all"
            " lengths, in evaluation mode; leave out the latter"
        )
    if others or not (has_config or asked):
        return None
    from shapecheck.models.styletts2 import Options

    return Options(
        stage=given.stage or "",
        gpus=given.gpus,
        data=given.data,
        train_list=given.train_list or "",
        val_list=given.val_list or "",
        ood=given.ood or "",
        root=given.root or "",
        checkpoint=given.checkpoint or "",
        manifest=given.manifest or "",
        decode=given.decode,
        cache=not given.no_cache,
        dask=given.dask or "",
    )


def prepared(config: str | None, preset: str | None, source: str | None, options: Options) -> Preparation:
    """What a training run with this configuration needs; what is wrong with its files is a UsageError."""
    from shapecheck.models import styletts2 as architecture

    return architecture.prepare(config, options, preset=preset or DEFAULT_PRESET, source=source)


@dataclass(frozen=True, slots=True)
class Extras:
    """What is written beside the report."""

    affected: Destination | None = None
    filtered: Mapping[str, Destination] = field(default_factory=dict[str, "Destination"])  # by the list's name


def checked_extras(
    listed: str | None, filtered: str | None, sources: Sequence[str | None], preparation: Preparation | None
) -> Extras:
    """`sources`: files that must not be written over. Raises UsageError with all that cannot be written."""
    if preparation is None:
        return Extras()
    from shapecheck.render.destination import Destination

    problems = Problems()
    files = preparation.files
    lists = [str(file) for file in (files.train, files.val) if file is not None]
    affected = None
    if listed is not None:
        affected = problems.attempt(partial(Destination.checked, listed, sources=tuple(sources), option="--list"))
    targets = None
    if filtered is not None and lists and not (files.has_root or preparation.options.manifest):
        problems.add(
            f"--write-filtered-lists {filtered}: the clips were not found ({files.root or 'no root_path'}), so that no"
            " length is known; give --root or --manifest"
        )
    elif filtered is not None:
        targets = problems.attempt(partial(_targets, filtered, lists))
    problems.check()
    return Extras(affected, targets or {})


def data_files(preparation: Preparation | None) -> list[str]:
    """The files of the data and the checkpoints: they are not to be written over."""
    if preparation is None:
        return []
    files = preparation.files
    return [str(file) for file in (files.train, files.val, files.ood, files.checkpoint, *files.parts.values()) if file]


def _targets(text: str, lists: Sequence[str]) -> dict[str, Destination]:
    """Where each list is written without some of its lines; the folder is made."""
    from shapecheck.render.destination import Destination

    option = "--write-filtered-lists"
    folder = Path(text)
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{option} {text}: is a file; give a folder")
    if not lists:
        raise UsageError(f"{option} {text}: there is no list to filter; give --train-list or --val-list")
    targets = {name: folder / Path(name).name for name in dict.fromkeys(lists)}
    if len(set(targets.values())) < len(targets):
        raise UsageError(f"{option} {text}: the lists have the same file name; rename one of them")
    taken = [str(target) for target in targets.values() if target.exists()]
    if taken:
        verb = "is" if len(taken) == 1 else "are"
        raise UsageError(f"{option} {text}: {' and '.join(taken)} {verb} there already; give another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{option} {text}: cannot be made: {error.strerror or error}") from error
    return {name: Destination.checked(str(target), option=option) for name, target in targets.items()}


def write_extras(preflight: Preflight, extras: Extras) -> None:
    """Each file is written in one step."""
    if extras.affected is not None:
        from shapecheck.render.preflight import affected_csv

        extras.affected.write(affected_csv(preflight))
        if extras.affected.path is not None:
            count = sum(len(found.files) for found in preflight.findings)
            print(f"shapecheck: wrote {extras.affected.path}: {count:,} lines of files and findings", file=sys.stderr)
    for name, destination in extras.filtered.items():
        from shapecheck.preflight.filtering import without_lines

        offending = preflight.offending_lines(name)
        destination.write(without_lines(Path(name), offending))
        what = f"{len(offending):,} lines of {name} left out; run the pre-flight on it, and name it in data_params"
        print(f"shapecheck: wrote {destination.path}: {what}", file=sys.stderr)


def looked_at(preparation: Preparation, report: ModelReport) -> Preflight:
    """The pre-flight; a line on the terminal counts the clips."""
    from shapecheck.render.progress import progress_line

    with progress_line() as show:
        return preparation.preflight(report, lambda done, total: show(f"reading clips ({done:,} of {total:,})"))


def exit_code(preflight: Preflight | None, is_undecided: bool, *, strict: bool) -> ExitCode:
    """FINDINGS for what ends a run or loses batches, and where `strict` for what degrades it; else what was decided."""
    from shapecheck.preflight import Severity

    bad = (Severity.FATAL, Severity.DROP, *((Severity.DEGRADE,) if strict else ()))
    if preflight is not None and preflight.of_severity(*bad):
        return ExitCode.FINDINGS
    return ExitCode.UNKNOWN if is_undecided else ExitCode.OK
