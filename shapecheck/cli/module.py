"""`shapecheck module`: the limits of any nn.Module, of the user's own source or of an installed package."""

from __future__ import annotations

import shlex
from functools import partial
from typing import Annotated, TextIO

import typer

from shapecheck.cli.checking import (
    DebugOption,
    FormatOption,
    LayersOption,
    OutputOption,
    TrainOption,
    check_model,
    parse_settings,
    quiet,
)
from shapecheck.cli.job import Job
from shapecheck.cli.output import kept_output
from shapecheck.errors import UsageError
from shapecheck.exit_codes import ExitCode
from shapecheck.options import Problems


def command(
    target: Annotated[
        str,
        typer.Argument(metavar="TARGET", help="FILE.py:NAME or PACKAGE.MODULE:NAME: a class, instance or function."),
    ],
    inputs: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[INPUT]...",
            help="For each argument a spec such as 'f32[1, 80, T]', a Python literal, or NAME=... for a keyword;"
            " SYMBOL=FIRST:LAST for another size.",
            show_default=False,
        ),
    ] = None,
    init: Annotated[
        str | None, typer.Option(metavar="JSON", help="Arguments of the class or function, such as '{\"dim_in\": 64}'.")
    ] = None,
    method: Annotated[str, typer.Option(metavar="NAME", help="The method to call.")] = "forward",
    lengths: Annotated[str | None, typer.Option(metavar="LO:HI", help="Lengths to go through, such as 1:1024.")] = None,
    unit: Annotated[
        str | None,
        typer.Option(metavar="NAME[=SECONDS s]", help="What a length counts, such as 'mel frames=0.0125 s'."),
    ] = None,
    train: TrainOption = False,
    layers: LayersOption = "all",
    format_: FormatOption = "table",
    output: OutputOption = None,
    debug: DebugOption = False,
) -> Job:
    """Show for which input lengths any nn.Module runs, layer by layer.

    The module is built from its own source, which is executed, and nothing is computed. A spec is a dtype and sizes,
    with one variable: 'f32[1, 1, 80, T]', 'f32[1, 300*T]', 'b8[1, T//2]'; 'i64[1] = T' is a tensor with known values.

    \b
    Examples:
      shapecheck module models.py:StyleEncoder "f32[1, 1, 80, T]"
      shapecheck module torch.nn:Conv1d --init "[80, 64, 5]" "f32[1, 80, T]"
      shapecheck module my_tts.decoder:build "f32[1, 512, T]" speed=1.0 --init '{"dim_in": 512}'
      shapecheck module torch.nn:BatchNorm1d --init "[80]" "f32[B, 80, T]" B=1:4 --train
      shapecheck module vocoder.py:Generator "f32[1, 80, T]" --unit "mel frames=0.0125 s" --layers binding
    """

    def run() -> ExitCode:
        with kept_output() as stream:
            return _run(stream)

    def _run(stream: TextIO | None) -> ExitCode:
        from shapecheck.arguments import Arguments, parse_init, parse_unit
        from shapecheck.model import built
        from shapecheck.target import Target

        problems = Problems()
        found = problems.attempt(partial(Target.parse, target))
        given = problems.attempt(partial(Arguments.parse, inputs or ()))
        made_with = problems.attempt(partial(parse_init, init))
        counted = problems.attempt(partial(parse_unit, unit))
        settings = parse_settings(
            problems,
            lengths=lengths,
            layers=layers,
            format_=format_,
            output=output,
            sources=(target.rpartition(":")[0],),
            train=train,
            debug=debug,
            stream=stream,
        )
        problems.check()
        assert found is not None
        assert given is not None
        assert made_with is not None
        assert counted is not None
        assert settings is not None
        if not inputs:
            arguments, keywords = made_with
            options = ("--init", init), ("--method", method if method != "forward" else None)
            said = "".join(f" {option} {shlex.quote(value)}" for option, value in options if value is not None)
            with quiet(debug=debug), found.code.visit():
                module = built(lambda: found.build(arguments, keywords))
                raise UsageError(found.inputs_wanted(module, method, said))
        return check_model(found.model(given, made_with, method, counted), None, settings)

    return Job(run, debug)
