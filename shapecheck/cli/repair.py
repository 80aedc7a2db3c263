"""`shapecheck repair`: what mends the clips that a run cannot take, and on request new lists and audio files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from shapecheck.cli.checking import DebugOption, FormatOption, analyzed, is_undecided, parse_settings, quiet
from shapecheck.cli.job import Job
from shapecheck.cli.output import kept_output
from shapecheck.cli.preflight import (
    DecodeOption,
    GpusOption,
    ManifestOption,
    NoCacheOption,
    RootOption,
    StageOption,
    TrainListOption,
    ValListOption,
    prepared,
)
from shapecheck.cli.subject import load_styletts2, source_files
from shapecheck.errors import UsageError
from shapecheck.exit_codes import ExitCode
from shapecheck.options import Format, Problems, parse_choice

if TYPE_CHECKING:
    from shapecheck.model import ModelReport
    from shapecheck.models.styletts2 import Options
    from shapecheck.models.styletts2.preflight.check import Preparation
    from shapecheck.models.styletts2.preflight.repair import Goal
    from shapecheck.models.styletts2.preflight.repaired import Repairing
    from shapecheck.preflight import Mended, Output, Policy
    from shapecheck.render.destination import Destination


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is to be planned, and written; None: only planned, and every policy."""

    policy: Policy | None
    folder: Path | None
    listed: Destination | None


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
        typer.Option(metavar="PATH", help="A StyleTTS2 checkout whose own modules to analyze. Its code runs."),
    ] = None,
    policy: Annotated[
        str | None,
        typer.Option(metavar="drop|pad|repeat|stretch", help="What to do with the clips. Without: every one, planned."),
    ] = None,
    goal: Annotated[
        str,
        typer.Option(
            metavar="training|slm",
            help="training: no clip ends the run or loses a batch. slm: and all are long enough for the SLM stage.",
        ),
    ] = "training",
    output: Annotated[
        str | None, typer.Option(metavar="DIR", help="Write new lists and audio files to this new folder.")
    ] = None,
    stage: StageOption = None,
    gpus: GpusOption = 1,
    root: RootOption = None,
    train_list: TrainListOption = None,
    val_list: ValListOption = None,
    manifest: ManifestOption = None,
    decode: DecodeOption = False,
    no_cache: NoCacheOption = False,
    list_: Annotated[
        str | None, typer.Option("--list", metavar="FILE", help="Write all clips to repair with their numbers, as CSV.")
    ] = None,
    format_: FormatOption = "table",
    debug: DebugOption = False,
) -> Job:
    """Plan what mends every clip that ends the run, drops a batch or misses a stage; with --output, do it.

    For each clip the fewest zeros at its end, the repetitions or the stretch that mend it, by the limits of the
    model's own modules, and for each policy how much audio it keeps. Originals are never touched, nothing is written
    over, and a run that was interrupted goes on where it stopped. Afterwards the pre-flight looks at the new lists.

    \b
    Examples:
      shapecheck repair --config Configs/config_ft.yml
      shapecheck repair --config Configs/config_ft.yml --list clips.csv
      shapecheck repair --config Configs/config_ft.yml --policy pad --output Data/padded
      shapecheck repair --config Configs/config_ft.yml --policy drop --output Data/kept
      shapecheck repair --config Configs/config_ft.yml --goal slm --format json

    \b
    Exit codes:
      0  nothing to repair; or all was repaired
      1  there are clips to repair; or some finding is left
      2  wrong options or files
      3  nothing to repair, but something could not be decided
    """

    def run() -> ExitCode:
        if source is None:
            return _run(None)
        with kept_output() as stream:  # the source's code may print
            return _run(stream)

    def _run(stream: TextIO | None) -> ExitCode:
        from shapecheck.models.styletts2.preflight.repair import Goal

        problems = Problems()
        with quiet(debug=debug):
            model = problems.attempt(partial(load_styletts2, config, preset, source, None))
        options = problems.attempt(options_given)
        preparation = None
        if model is not None and options is not None:
            preparation = problems.attempt(partial(prepared, config, preset, source, options))
        aim = problems.attempt(partial(parse_choice, "--goal", goal, Goal))
        sources = (config, *source_files(source))
        wanted = problems.attempt(partial(_wanted, policy, output, list_, manifest, sources, preparation))
        written = problems.attempt(partial(parse_choice, "--format", format_, Format))
        settings = parse_settings(
            problems,
            lengths=None,
            layers="none",
            format_="table",  # of the report, which is not shown
            output=None,
            sources=sources,
            train=False,
            debug=debug,
            stream=stream,
        )
        problems.check()
        assert model is not None
        assert preparation is not None
        assert aim is not None
        assert wanted is not None
        assert written is not None
        assert settings is not None
        report = analyzed(model, None, settings)
        repairing = _planned(preparation, report, aim)
        undecided = is_undecided(report)
        mended = _mended(repairing, wanted)
        settings.destination.write(_rendered(repairing, wanted, mended, written, stream))
        if wanted.listed is not None:
            from shapecheck.render.repair import plan_csv

            wanted.listed.write(plan_csv(repairing.plan))
        return _exit_code(repairing, mended, is_undecided=undecided)

    def options_given() -> Options:
        given = {
            "--stage": stage,
            "--root": root,
            "--train-list": train_list,
            "--val-list": val_list,
            "--manifest": manifest,
            "--list": list_,
            "--output": output,
        }
        empty = [option for option, value in given.items() if value == ""]
        if empty:
            raise UsageError(f"{', '.join(empty)}: the name is empty")
        from shapecheck.models.styletts2 import Options

        return Options(
            stage=stage or "",
            gpus=gpus,
            train_list=train_list or "",
            val_list=val_list or "",
            root=root or "",
            manifest=manifest or "",
            decode=decode,
            cache=not no_cache,
        )

    return Job(run, debug)


def _wanted(
    policy: str | None,
    output: str | None,
    listed: str | None,
    manifest: str | None,
    sources: tuple[str | None, ...],
    preparation: Preparation | None,
) -> _Wanted:
    """Raises UsageError with all that cannot be written, or not with these options."""
    from shapecheck.preflight import Policy, check_folder, check_stretching
    from shapecheck.render.destination import Destination

    problems = Problems()
    chosen = None if policy is None else problems.attempt(partial(parse_choice, "--policy", policy, Policy))
    folder = None
    if output is not None:
        if policy is None:
            problems.add(f"--output {output}: needs a --policy: {', '.join(each.value for each in Policy)}")
        if manifest is not None:
            problems.add(f"--output {output} with --manifest: the audio is not at hand; leave out one of the two")
        if chosen is Policy.STRETCH:
            problems.attempt(check_stretching)
        if preparation is not None and output:
            folder = problems.attempt(partial(check_folder, output, preparation.files.root))
    destination = None
    if listed and preparation is not None:
        lists = [str(file) for file in (preparation.files.train, preparation.files.val) if file is not None]
        destination = problems.attempt(
            partial(Destination.checked, listed, sources=(*sources, *lists), option="--list")
        )
    problems.check()
    return _Wanted(chosen, folder, destination)


def _planned(preparation: Preparation, report: ModelReport, goal: Goal) -> Repairing:
    """A line on the terminal counts the clips."""
    from shapecheck.models.styletts2.preflight.repaired import Repairing
    from shapecheck.render.progress import progress_line

    with progress_line() as show:
        return Repairing.of(
            preparation, report, goal, lambda done, total: show(f"reading clips ({done:,} of {total:,})")
        )


def _mended(repairing: Repairing, wanted: _Wanted) -> Mended | None:
    """Write what is wanted, if there is anything to repair, and look at it again."""
    if wanted.folder is None or wanted.policy is None or not repairing.plan.repairs:
        return None
    from shapecheck.render.progress import progress_line

    output = repairing.output(wanted.policy, wanted.folder)
    with progress_line() as show:
        written = _written(output, lambda done, total: show(f"writing audio ({done + 1:,} of {total:,})"))
        show("reading the new lists")
        return repairing.mended(output, written)


def _written(output: Output, progress: Callable[[int, int], None]) -> int:
    try:
        return output.write(progress)
    except KeyboardInterrupt:
        what = f"interrupted; what {output.folder} has is whole; run the same command again, and it goes on from there"
        raise KeyboardInterrupt(what) from None


def _rendered(
    repairing: Repairing,
    wanted: _Wanted,
    mended: Mended | None,
    written: Format,
    stream: TextIO | None,
) -> str:
    from shapecheck.preflight import Policy
    from shapecheck.render import console, repair

    policies = tuple(Policy) if wanted.policy is None else (wanted.policy,)
    if written is Format.JSON:
        return repair.document(repairing.plan, policies, mended)
    return repair.plan_text(repairing.plan, policies, console.for_stream(stream or sys.stdout), mended)


def _exit_code(repairing: Repairing, mended: Mended | None, *, is_undecided: bool) -> ExitCode:
    plan = repairing.plan
    left = bool(plan.repairs) or bool(plan.hopeless) if mended is None else bool(mended.remaining)
    if left:
        return ExitCode.FINDINGS
    return ExitCode.UNKNOWN if is_undecided else ExitCode.OK
