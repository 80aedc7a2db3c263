"""`shapecheck module`: the limits of any nn.Module, of the user's own source or of an installed package."""

from __future__ import annotations

from typing import Annotated, TextIO

import typer

from shapecheck.cli.checking import (
    DebugOption,
    LayersOption,
    OutputFormatOption,
    OutputOption,
    TrainOption,
    check_model,
    parse_settings,
)
from shapecheck.cli.job import Job
from shapecheck.cli.output import kept_output
from shapecheck.cli.subject import (
    InitOption,
    InputsArgument,
    MethodOption,
    TargetArgument,
    UnitOption,
    named_module,
)
from shapecheck.exit_codes import ExitCode
from shapecheck.options import Problems


def command(
    target: TargetArgument,
    inputs: InputsArgument = None,
    init: InitOption = None,
    method: MethodOption = "forward",
    lengths: Annotated[str | None, typer.Option(metavar="LO:HI", help="Lengths to go through, such as 1:1024.")] = None,
    unit: UnitOption = None,
    train: TrainOption = False,
    layers: LayersOption = "all",
    format_: OutputFormatOption = "table",
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
        problems = Problems()
        load = named_module(problems, target, inputs, init, method, unit, debug=debug)
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
        assert settings is not None
        return check_model(load(), None, settings)

    return Job(run, debug)
