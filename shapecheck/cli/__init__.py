"""The command `shapecheck`: reads the options, runs the work, and says by message and exit code what went wrong.

Typer only parses: a command returns a Job that `main` runs, so that misuse, Ctrl-C and a closed pipe are handled in one
place and alike for all commands. Nothing heavy is imported before the options are known to be good.
"""

from __future__ import annotations

import atexit
import gc
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, cast

import typer

from shapecheck._version import __version__
from shapecheck.cli import diff, explain, module, repair, report, styletts2, whatif
from shapecheck.cli.job import Job
from shapecheck.cli.output import this_process_is_ours
from shapecheck.errors import UsageError
from shapecheck.exit_codes import ExitCode

app = typer.Typer(
    name="shapecheck",
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: it needs no rich, and looks the same in a pipe and in the README
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; the entry point of `shapecheck` and of `python -m shapecheck`."""
    if arguments is None:
        _without_collector()
        this_process_is_ours()
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
    except KeyboardInterrupt as stop:  # with what was written, where anything was
        return _report_error(str(stop) or "interrupted; nothing was written", ExitCode.INTERRUPTED, debug)
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
        message = refused.format_message().rstrip(".")
        raise UsageError(f"{message}{'' if message.endswith('?') else '.'} See {path} --help.") from error
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
      shapecheck module models.py:StyleEncoder "f32[1, 1, 80, T]"
      shapecheck explain styletts2 --component style_encoder --length 64
      shapecheck whatif styletts2 --component style_encoder --target 40
      shapecheck diff limits.json Configs/config_ft.yml
      shapecheck repair --config Configs/config_ft.yml
      shapecheck report styletts2 --config Configs/config_ft.yml --output report

    \b
    Exit codes:
      0  done    1  findings    2  wrong options or configuration
      3  something could not be decided
    """


app.command("styletts2", short_help="The smallest input lengths of StyleTTS2, layer by layer.")(styletts2.command)
app.command("module", short_help="The same for any nn.Module.")(module.command)
app.command("diff", short_help="What changed between two reports, and whether anything got worse.")(diff.command)
app.add_typer(explain.app, name="explain", short_help="Why a length is refused, and what would decide next.")
app.command("repair", short_help="What mends the clips that a training run cannot take; and mend them.")(repair.command)
app.add_typer(
    whatif.app, name="whatif", short_help="What edits do to the lengths, and what they cost; a search for some."
)
app.add_typer(report.app, name="report", short_help="The limits as documents to look at: a page, Markdown, tables.")
