"""What the commands that analyze a model share: their options, the work itself, and the exit code."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TextIO

import typer

from shapecheck.exit_codes import ExitCode
from shapecheck.options import Layers, OutputFormat, Problems, parse_choice, parse_lengths

if TYPE_CHECKING:
    from shapecheck.model import Model, ModelReport
    from shapecheck.preflight import Preflight
    from shapecheck.render.destination import Destination

TrainOption = Annotated[
    bool, typer.Option("--train", help="In training mode, with every outcome of the random draws that matter.")
]
LayersOption = Annotated[
    str, typer.Option(metavar="all|binding|none", help="Layers to list: all, those that decide, none.")
]
FormatOption = Annotated[str, typer.Option("--format", metavar="table|json", help="How to write the result.")]
OutputFormatOption = Annotated[
    str,
    typer.Option(
        "--format", metavar="table|json|github|sarif|junit", help="How to write the result; the last three are for CI."
    ),
]
OutputOption = Annotated[
    str | None, typer.Option(metavar="FILE", help="Write to a file instead of standard output (-).")
]
DebugOption = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@dataclass(frozen=True, slots=True)
class Settings:
    """How to analyze, and how to show it."""

    lengths: tuple[int, int] | None
    layers: Layers
    written: OutputFormat
    destination: Destination
    train: bool
    debug: bool
    file: str = ""  # that the report is about, for those who place its notices


def parse_settings(
    problems: Problems,
    *,
    lengths: str | None,
    layers: str,
    format_: str,
    output: str | None,
    sources: tuple[str | None, ...],
    train: bool,
    debug: bool,
    stream: TextIO | None = None,
) -> Settings | None:
    """The options that all these commands have; what is wrong goes to `problems`, and None comes back.

    `sources`: files that are read and must not be written over, first the one that it is all about; `stream`:
    standard output, where it is kept apart.
    """
    from shapecheck.render.destination import Destination

    sweep = None if lengths is None else problems.attempt(partial(parse_lengths, lengths))
    shown = problems.attempt(partial(parse_choice, "--layers", layers, Layers))
    written = problems.attempt(partial(parse_choice, "--format", format_, OutputFormat))
    destination = problems.attempt(partial(Destination.checked, output, sources=sources))
    if shown is None or written is None or destination is None:
        return None
    file = sources[0] if sources and sources[0] and Path(sources[0]).is_file() else ""
    return Settings(sweep, shown, written, replace(destination, stream=stream), train, debug, file)


@contextmanager
def quiet(*, debug: bool) -> Generator[None]:
    """Without warnings: what PyTorch deprecates is of no use to the reader of a table."""
    with warnings.catch_warnings():
        if not debug:
            warnings.simplefilter("ignore")
        yield


def check_model(model: Model, components: Sequence[str] | None, settings: Settings) -> ExitCode:
    """Analyze, write the result, and say by the exit code whether everything was decided."""
    report = analyzed(model, components, settings)
    write_report(report, settings)
    return ExitCode.UNKNOWN if is_undecided(report) else ExitCode.OK


def analyzed(model: Model, components: Sequence[str] | None, settings: Settings) -> ModelReport:
    """The report of the named components, or of all; a line on the terminal says how far it is."""
    from shapecheck.render.progress import progress_line

    with progress_line() as show, quiet(debug=settings.debug):
        show("loading PyTorch")
        from shapecheck.model import check

        return check(
            model,
            components=components,
            lengths=settings.lengths,
            train=settings.train,
            progress=lambda name, done, total: show(f"analysing {name} ({done + 1} of {total})"),
        )


def write_report(report: ModelReport, settings: Settings, preflight: Preflight | None = None) -> None:
    settings.destination.write(_rendered(report, settings, preflight))


def _rendered(report: ModelReport, settings: Settings, preflight: Preflight | None) -> str:
    if settings.written is OutputFormat.TABLE:
        return _table(report, settings, preflight)
    for note in report.model.notes:
        print(f"shapecheck: note: {note}", file=sys.stderr)
    if settings.written is OutputFormat.JSON:
        from shapecheck.render.document import document

        return document(report, settings.layers, preflight)
    from shapecheck.render.notices import notices

    found = notices(report, preflight, settings.file)
    if settings.written is OutputFormat.GITHUB:
        from shapecheck.render.github import workflow_commands

        return workflow_commands(found)
    if settings.written is OutputFormat.SARIF:
        from shapecheck.render.sarif import log

        return log(found)
    from shapecheck.render.junit import suites

    config = f" ({report.model.config})" if report.model.config else ""
    return suites(f"{report.model.name}{config}", found)


def _table(report: ModelReport, settings: Settings, preflight: Preflight | None) -> str:
    from shapecheck.render import console
    from shapecheck.render.table import table

    to_file = settings.destination.path is not None
    shown = console.for_file() if to_file else console.for_stream(settings.destination.stream or sys.stdout)
    text = table(report, shown, settings.layers)
    if preflight is None:
        return text
    from shapecheck.render.preflight import preflight_text

    return f"{text}\n{preflight_text(preflight, shown)}"


def is_undecided(report: ModelReport) -> bool:
    """Whether a length of a component, or a component that the model can build, was left without a verdict."""
    left_out = set(report.skipped) - set(report.model.skipped)
    return bool(left_out) or any(entry.report.unknown for entry in report.components)
