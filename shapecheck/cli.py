"""The command `shapecheck`: reads the options, runs the work, and says by message and exit code what went wrong.

Typer only parses: a command returns a Job that `main` runs, so that misuse, Ctrl-C and a closed pipe are handled in one
place and alike for all commands. Nothing heavy is imported before the options are known to be good.
"""

from __future__ import annotations

import atexit
import gc
import sys
import traceback
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Annotated, cast

import typer

from shapecheck._version import __version__
from shapecheck.errors import UsageError
from shapecheck.exit_codes import ExitCode
from shapecheck.options import Format, Layers, Problems, parse_choice, parse_lengths, select_components

if TYPE_CHECKING:
    from shapecheck.model import Model, ModelReport
    from shapecheck.render.destination import Destination

DEFAULT_PRESET = "ft"


@dataclass(frozen=True, slots=True)
class Job:
    """What a command is to do, once its options are parsed."""

    run: Callable[[], ExitCode]
    debug: bool = False


app = typer.Typer(
    name="shapecheck",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: it needs no rich, and looks the same in a pipe and in the README
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; the entry point of `shapecheck` and of `python -m shapecheck`."""
    if arguments is None:
        _without_collector()
    debug = False
    try:
        _accept_any_name()
        job = _parse(list(sys.argv[1:] if arguments is None else arguments) or ["--help"])
        if not isinstance(job, Job):
            return job
        debug = job.debug
        return job.run()
    except UsageError as error:
        return _report_error(str(error), ExitCode.USAGE, debug)
    except BrokenPipeError:
        return ExitCode.BROKEN_PIPE
    except KeyboardInterrupt:
        return _report_error("interrupted; nothing was written", ExitCode.INTERRUPTED, debug)
    except Exception as error:
        message = f"a defect of shapecheck, not of your model: {type(error).__name__}: {error}"
        return _report_error(f"{message}\n(--debug shows where; please report it)", ExitCode.UNKNOWN, debug)


def _parse(arguments: list[str]) -> Job | int:
    """Let typer read the arguments: a Job, or the exit code of something that typer did itself (help, version)."""
    # typer has its own copy of click or uses the installed one, depending on its version: ask it for the base class
    bases = cast("tuple[type[Exception], ...]", typer.BadParameter.__mro__)
    parse_error = next(base for base in bases if base.__name__ == "ClickException")
    command = typer.main.get_command(app)
    try:
        job = command.main(args=arguments, prog_name="shapecheck", standalone_mode=False)
    except parse_error as error:
        refused = cast("typer.BadParameter", error)
        path = refused.ctx.command_path if refused.ctx is not None else "shapecheck"
        raise UsageError(f"{refused.format_message().rstrip('.')}. See {path} --help.") from error
    return cast("Job | int | None", job) or ExitCode.OK


def _report_error(message: str, code: ExitCode, debug: bool) -> ExitCode:
    if debug:
        traceback.print_exc()
    print(f"shapecheck: {message}", file=sys.stderr)
    return code


def _without_collector() -> None:
    """Switch garbage collection off for the rest of a process that is ours alone and soon over.

    The collector would walk the few hundred thousand objects of an imported PyTorch again and again, a fifth of the
    time that the command takes, and free next to nothing: the reports hold what the analyses made.
    """
    gc.disable()
    atexit.register(gc.freeze)  # the last walk, at exit, finds nothing to visit either


def _accept_any_name() -> None:
    # a path or layer name that the terminal's encoding cannot show is shown escaped, never a reason to fail
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"shapecheck {__version__}")
        raise typer.Exit


@app.callback()
def _shapecheck(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """For which input lengths does a PyTorch model run, which layer decides, and why?

    Nothing is executed on real data: no weights, no GPU.

    \b
    Examples:
      shapecheck styletts2
      shapecheck styletts2 --config config_ft.yml --layers binding
      shapecheck styletts2 --format json --output limits.json

    \b
    Exit codes:
      0  done    1  findings    2  wrong options or configuration
      3  something could not be decided
    """


@app.command(short_help="The smallest input lengths of StyleTTS2, layer by layer.")
def styletts2(
    config: Annotated[
        str | None, typer.Option(metavar="FILE", help="A StyleTTS2 configuration, such as config_ft.yml.")
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="A published configuration: ft, ljspeech or libritts. Without --config: ft."),
    ] = None,
    component: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only this component, such as style_encoder; may be repeated."),
    ] = None,
    lengths: Annotated[
        str | None,
        typer.Option(metavar="LO:HI", help="Lengths to go through, in each component's own unit, such as 1:1024."),
    ] = None,
    train: Annotated[
        bool, typer.Option("--train", help="In training mode, with every outcome of the random draws that matter.")
    ] = False,
    layers: Annotated[
        str, typer.Option(metavar="all|binding|none", help="Layers to list: all, those that decide, none.")
    ] = "all",
    format_: Annotated[str, typer.Option("--format", metavar="table|json", help="How to write the result.")] = "table",
    output: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write to a file instead of standard output (-).")
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
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
      shapecheck styletts2 --format json | python -m json.tool
    """

    def run() -> ExitCode:
        from shapecheck.render.destination import Destination

        problems = Problems()
        model = problems.attempt(partial(_load_styletts2, config, preset))
        names = select_components(model, component or (), problems) if model is not None else None
        sweep = None if lengths is None else problems.attempt(partial(parse_lengths, lengths))
        shown = problems.attempt(partial(parse_choice, "--layers", layers, Layers))
        written = problems.attempt(partial(parse_choice, "--format", format_, Format))
        destination = problems.attempt(partial(Destination.checked, output, sources=(config,)))
        problems.check()
        assert model is not None
        assert shown is not None
        assert written is not None
        assert destination is not None
        return _check_model(model, names, sweep, shown, written, destination, train=train, debug=debug)

    return Job(run, debug)


def _load_styletts2(config: str | None, preset: str | None) -> Model:
    from shapecheck.models import styletts2 as architecture

    if config is not None and preset is not None:
        raise UsageError(f"--config {config} and --preset {preset}: give one of the two")
    if config == "":
        raise UsageError("--config: the name is empty; give a YAML file, such as config_ft.yml")
    if config is not None:
        return architecture.load(config)
    if preset is not None:
        return architecture.preset(preset)
    model = architecture.preset(DEFAULT_PRESET)
    return replace(model, notes=(f"neither --config nor --preset was given: preset {DEFAULT_PRESET}", *model.notes))


def _check_model(
    model: Model,
    components: Sequence[str] | None,
    lengths: tuple[int, int] | None,
    layers: Layers,
    written: Format,
    destination: Destination,
    *,
    train: bool,
    debug: bool,
) -> ExitCode:
    """Analyze, write the result, and say by the exit code whether everything was decided."""
    from shapecheck.render.progress import progress_line

    with progress_line() as show, warnings.catch_warnings():
        if not debug:  # what PyTorch deprecates is of no use to the reader of a table
            warnings.simplefilter("ignore")
        show("loading PyTorch")
        from shapecheck.model import check

        report = check(
            model,
            components=components,
            lengths=lengths,
            train=train,
            progress=lambda name, done, total: show(f"analysing {name} ({done + 1} of {total})"),
        )
    destination.write(_rendered(report, layers, written, destination))
    return ExitCode.UNKNOWN if _undecided(report) else ExitCode.OK


def _rendered(report: ModelReport, layers: Layers, written: Format, destination: Destination) -> str:
    if written is Format.JSON:
        from shapecheck.render.document import document

        for note in report.model.notes:
            print(f"shapecheck: note: {note}", file=sys.stderr)
        return document(report, layers)
    from shapecheck.render import console
    from shapecheck.render.table import table

    return table(report, console.for_stream(sys.stdout) if destination.path is None else console.for_file(), layers)


def _undecided(report: ModelReport) -> bool:
    """Whether a length of a component, or a component that the model can build, was left without a verdict."""
    left_out = set(report.skipped) - set(report.model.skipped)
    return bool(left_out) or any(entry.report.unknown for entry in report.components)
