"""`shapecheck diff`: two reports of one model beside each other, and by the exit code whether anything got worse."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shapecheck.cli.checking import DebugOption, OutputOption, quiet
from shapecheck.cli.job import Job
from shapecheck.cli.subject import DEFAULT_PRESET
from shapecheck.errors import UsageError
from shapecheck.exit_codes import ExitCode
from shapecheck.options import DifferenceFormat, Problems, parse_choice

if TYPE_CHECKING:
    from shapecheck.difference import Difference
    from shapecheck.model import Model
    from shapecheck.saved import SavedReport

PACKAGE = "styletts2"

_ALLOWED = "give a report (of --format json), a configuration (.yml) or the folder of a StyleTTS2 checkout"
_Load = Callable[[], "SavedReport | Model"]


def command(
    before: Annotated[
        str,
        typer.Argument(metavar="A", help="A JSON report, a StyleTTS2 configuration (.yml), a checkout, or styletts2."),
    ],
    after: Annotated[str, typer.Argument(metavar="B", help="What to compare with it, of the same kinds.")],
    config: Annotated[
        str | None, typer.Option(metavar="FILE", help="The configuration with which a checkout is analyzed.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(metavar="NAME", help="The same: ft, ljspeech or libritts. Without --config: ft.")
    ] = None,
    format_: Annotated[
        str, typer.Option("--format", metavar="table|json|markdown", help="How to write the result.")
    ] = "table",
    output: OutputOption = None,
    debug: DebugOption = False,
) -> Job:
    """Show what changed from A to B, component by component, and whether anything got worse.

    A and B are reports of --format json, or configurations and checkouts of StyleTTS2, which are analyzed on the spot;
    the code of a checkout runs. Lengths are compared where both were swept, and everywhere where both are proved.

    \b
    Examples:
      shapecheck diff before.json after.json
      shapecheck diff limits.json Configs/config_ft.yml
      shapecheck diff limits.json Configs/config_ft.yml --format markdown --output comment.md
      shapecheck diff styletts2 ../StyleTTS2 --preset ljspeech

    \b
    Exit codes:
      0  nothing got worse
      1  a minimum or threshold rises or disappears, a valid length or a component is lost
      2  wrong options or files
      3  nothing of that, but something that was decided is not any more
    """

    def run() -> ExitCode:
        from shapecheck.render.destination import Destination

        problems = Problems()
        loads = [problems.attempt(partial(_recognized, path, config, preset)) for path in (before, after)]
        problems.attempt(partial(_check_options, (before, after), config, preset))
        written = problems.attempt(partial(parse_choice, "--format", format_, DifferenceFormat))
        sources = tuple(path for path in (before, after, config) if path)
        destination = problems.attempt(partial(Destination.checked, output, sources=sources))
        if written is None or destination is None:
            problems.check()  # what the files hold is looked at when it is known what for
        with quiet(debug=debug):
            found = [problems.attempt(load) for load in loads if load is not None]
        problems.check()
        assert written is not None
        assert destination is not None
        one, other = (side for side in found if side is not None)
        difference = _compared(one, other, (before, after), debug=debug)
        destination.write(_rendered(difference, written, to_file=destination.path is not None))
        return _exit_code(difference)

    return Job(run, debug)


def _recognized(path: str, config: str | None, preset: str | None) -> _Load:
    """How one side is loaded. Raises UsageError where it is nothing that can be; reads a file, and executes nothing."""
    from shapecheck import saved

    if not path:
        raise UsageError(f"the name of a file is empty; {_ALLOWED}")
    if _is_checkout(path):
        return partial(_checkout, path, config, preset)
    content = saved.read_bytes(path)
    if saved.is_document(path, content):
        return partial(saved.parse, content, path)
    if path.lower().endswith((".yml", ".yaml")):
        return partial(_configuration, path)
    raise UsageError(f"{saved.printable(path)}: is neither JSON nor named .yml; {_ALLOWED}")


def _is_checkout(path: str) -> bool:
    try:
        return path == PACKAGE or (bool(path) and Path(path).is_dir())
    except OSError:  # a name that is too long for any folder
        return False


def _check_options(paths: tuple[str, ...], config: str | None, preset: str | None) -> None:
    given = f"--config {config}" if config is not None else f"--preset {preset}"
    if config is not None and preset is not None:
        raise UsageError(f"--config {config} and --preset {preset}: give one of the two")
    if config == "":
        raise UsageError("--config: the name is empty; give a YAML file, such as config_ft.yml")
    if (config is not None or preset is not None) and not any(map(_is_checkout, paths)):
        raise UsageError(f"{given}: is for a checkout, and neither A nor B is one")


def _configuration(path: str) -> Model:
    from shapecheck.models import styletts2 as architecture

    return architecture.load(path)


def _checkout(path: str, config: str | None, preset: str | None) -> Model:
    from shapecheck.models import styletts2 as architecture

    try:
        if config is not None:
            return architecture.load(config, source=path)
        model = architecture.preset(preset or DEFAULT_PRESET, source=path)
    except UsageError as error:
        message = str(error).removeprefix("--source ")  # which is no option here
        raise UsageError(message if message.startswith(path) else f"{path}: {message}") from error
    if preset is not None:
        return model
    return replace(model, notes=(f"neither --config nor --preset was given: preset {DEFAULT_PRESET}", *model.notes))


def _compared(
    one: SavedReport | Model, other: SavedReport | Model, paths: tuple[str, str], *, debug: bool
) -> Difference:
    """The difference; what is not analyzed yet is, once it is known that both sides are of one model."""
    from shapecheck.difference import check_same_model, compare
    from shapecheck.model import Model

    check_same_model((paths[0], _name(one)), (paths[1], _name(other)))
    reports: list[SavedReport] = []
    notes: list[str] = []
    for side, label, path in ((one, "A", paths[0]), (other, "B", paths[1])):
        if isinstance(side, Model):
            notes += [f"{label}: {note}" for note in side.notes]
            reports.append(_analyzed(side, label, path, debug=debug))
        else:
            reports.append(side)
    difference = compare(*reports)
    return replace(difference, notes=(*notes, *difference.notes))


def _name(side: SavedReport | Model) -> str:
    from shapecheck.model import Model

    return side.name if isinstance(side, Model) else side.model


def _analyzed(model: Model, label: str, path: str, *, debug: bool) -> SavedReport:
    """The report of a model, the way of any other: as what its document says."""
    from shapecheck.render.progress import progress_line

    with progress_line() as show, quiet(debug=debug):
        show("loading PyTorch")
        from shapecheck import saved
        from shapecheck.model import check
        from shapecheck.render.document import limits

        report = check(
            model,
            progress=lambda name, done, total: show(f"analysing {name} of {label} ({done + 1} of {total})"),
        )
        return saved.from_values(limits(report), path)


def _rendered(difference: Difference, written: DifferenceFormat, *, to_file: bool) -> str:
    if written is DifferenceFormat.MARKDOWN:
        from shapecheck.render.markdown import markdown

        return markdown(difference)
    from shapecheck.render import console
    from shapecheck.render import difference as text

    if written is DifferenceFormat.JSON:
        return text.document(difference)
    return text.table(difference, console.for_file() if to_file else console.for_stream(sys.stdout))


def _exit_code(difference: Difference) -> ExitCode:
    from shapecheck.difference import Verdict

    codes = {Verdict.WORSE: ExitCode.FINDINGS, Verdict.UNKNOWN: ExitCode.UNKNOWN}
    return codes.get(difference.verdict, ExitCode.OK)
