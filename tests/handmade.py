"""Reports made by hand, for tests of what is written: every kind of row, verdict and failure, and no engine."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch.fx

from shapecheck import (
    Component,
    ComponentReport,
    Failure,
    LayerLimit,
    LengthSet,
    Model,
    ModelReport,
    Report,
    Skipped,
    Step,
    Undecided,
    Unit,
)

MEL = Unit("mel frames", seconds=0.0125, samples=300, mel_frames=1)
DECODER = Unit("decoder frames", seconds=0.025, samples=600, mel_frames=2)
WAVE = Unit("samples", seconds=1 / 24000, samples=1, mel_frames=1 / 300)
TOKENS = Unit("tokens")

NOTHING = LengthSet.parse("none")


def layer(name: str, kind: str = "Conv1d", kernel: tuple[int, ...] = (3,), **fields: Any) -> LayerLimit:
    """A conv that keeps the length, accepts everything, and differs from that in the fields given."""
    ones = (1,) * len(kernel)
    values: dict[str, Any] = {
        "stride": ones,
        "padding": tuple(size // 2 for size in kernel),
        "dilation": ones,
        "input_length": "T",
        "output_length": fields.get("input_length", "T"),
        "needs": 1,
        "minimum": 1,
        "rejects": NOTHING,
        "is_conv": bool(kernel),
        "is_binding": False,
    }
    return LayerLimit(name=name, kind=kind, kernel_size=kernel, **{**values, **fields})


def report(valid: str, layers: list[LayerLimit], *, swept: tuple[int, int] = (1, 1024), **fields: Any) -> Report:
    """A report whose lengths that are neither valid nor unknown are invalid."""
    variable = fields.get("variable", "T")
    lengths = LengthSet.parse(valid, variable).swept(*swept)
    unknown = LengthSet.parse(fields.pop("unknown", "none"), variable).swept(*swept)
    values: dict[str, Any] = {
        "variable": "T",
        "proved": True,
        "failures": (),
        "undecided": (),
        "graph": torch.fx.Graph(),
    }
    return Report(
        valid=lengths,
        invalid=~lengths - unknown,
        unknown=unknown,
        swept=swept,
        layers=tuple(layers),
        **{**values, **fields},
    )


def component(name: str, class_name: str, role: str, unit: Unit, result: Report) -> ComponentReport:
    def build() -> Any:
        raise AssertionError("a hand-made component is not built")

    return ComponentReport(
        Component(name, class_name, role, build, result.inputs, variable=result.variable, unit=unit), result
    )


def style_encoder() -> ComponentReport:
    """The most telling one: four halvings and a conv without padding."""
    refused = LengthSet.parse("1 <= T <= 64")
    halves = ["T", "ceil(T/2)", "ceil(T/4)", "ceil(T/8)", "ceil(T/16)"]
    layers = [layer("shared.0", "Conv2d", (3, 3))]
    for block, (before, after) in enumerate(pairwise(halves), start=1):
        inside = f"shared.{block}"
        layers += [
            layer(f"{inside}.conv1x1", "Conv2d", (1, 1), input_length=before),
            layer(f"{inside}.conv1", "Conv2d", (3, 3), input_length=before),
            layer(
                f"{inside}.downsample_res.conv",
                "Conv2d",
                (3, 3),
                input_length=before,
                output_length=after,
                stride=(2, 2),
            ),
            layer(f"{inside}.conv2", "Conv2d", (3, 3), input_length=after),
        ]
    layers.append(
        layer(
            "shared.6",
            "Conv2d",
            (5, 5),
            padding=(0, 0),
            input_length=halves[-1],
            output_length="ceil(T/16) - 4",
            needs=5,
            minimum=65,
            rejects=refused,
            is_binding=True,
        )
    )
    chain = tuple(
        Step(f"shared.{block}.downsample_res.conv", "Conv2d", before, after, 64 >> block)
        for block, (before, after) in enumerate(pairwise(halves), start=1)
    )
    failure = Failure(
        "shared.6",
        "Conv2d",
        refused,
        64,
        "RuntimeError: Calculated padded input size per channel: (5 x 4). Kernel size: (5 x 5). Kernel size can't be "
        "greater than actual input size",
        chain,
    )
    result = report("T >= 65", layers, inputs=("f32[1, 1, 80, T]",), failures=(failure,))
    return component("style_encoder", "StyleEncoder", "encoder", MEL, result)


def bert() -> ComponentReport:
    """No convs, a largest length, and tokens, which have no duration."""
    refused = LengthSet.parse("L >= 513", "L")
    table = layer(
        "embeddings",
        "add",
        (),
        stride=(),
        padding=(),
        dilation=(),
        input_length="L",
        output_length="L",
        rejects=refused,
        is_binding=True,
    )
    failure = Failure(
        "embeddings",
        "add",
        refused,
        1024,
        "RuntimeError: The size of tensor a (1024) must match the size of tensor b (512) at non-singleton dimension 1",
        (),
    )
    result = report("1 <= L <= 512", [table], inputs=("i64[1, L]",), failures=(failure,), variable="L")
    return component("bert", "PLBERT", "encoder", TOKENS, result)


def decoder(blocks: int = 12) -> ComponentReport:
    """Many layers with long names; what decides is no conv."""
    refused = LengthSet.parse("T = 1")
    norm = layer(
        "encode.norm1.norm",
        "InstanceNorm1d",
        (),
        stride=(),
        padding=(),
        dilation=(),
        needs=2,
        minimum=2,
        rejects=refused,
        is_binding=True,
    )
    layers = [norm, layer("encode.conv1"), layer("encode.conv2")]
    layers.append(
        layer(
            "generator.ups.0",
            "ConvTranspose1d",
            (20,),
            stride=(10,),
            padding=(5,),
            input_length="2T",
            output_length="20T",
        )
    )
    layers.append(
        layer(
            "generator.noise_convs.0",
            "Conv1d",
            (60,),
            stride=(30,),
            padding=(15,),
            input_length="600T",
            output_length="floor((600T + 30)/30) - 1",
        )
    )
    for block in range(blocks):
        for index, dilation in enumerate((1, 3, 5)):
            name = f"generator.resblocks.{block}.convs1.{index}"
            layers.append(
                layer(name, "Conv1d", (11,), dilation=(dilation,), padding=(5 * dilation,), input_length="20T")
            )
    failure = Failure(
        "encode.norm1.norm",
        "InstanceNorm1d",
        refused,
        1,
        "ValueError: Expected more than 1 spatial element when training, got input size torch.Size([1, 514, 1])",
        (),
    )
    result = report(
        "T >= 2", layers, inputs=("f32[1, 512, T]", "f32[1, 2*T]", "f32[1, 2*T]", "f32[1, 128]"), failures=(failure,)
    )
    return component("decoder", "Decoder", "decoder", DECODER, result)


def undecided() -> ComponentReport:
    """Even lengths valid, some unknown, nothing proved."""
    layers = [layer("convs.0", "Conv2d", (5, 1), stride=(3, 1), input_length="see lengths", needs=None, minimum=None)]
    reason = Undecided("convs", "torch.rand", LengthSet.parse("T in {5, 7}"), "the result depends on random numbers")
    result = report(
        "6 <= T <= 64, T even",
        layers,
        inputs=("f32[1, 1, T]",),
        unknown="T in {5, 7}",
        undecided=(reason,),
        proved=False,
        swept=(1, 64),
    )
    return component("mpd", "MultiPeriodDiscriminator", "discriminator", WAVE, result)


def model_report(*components: ComponentReport, skipped: tuple[Skipped, ...] = (), **fields: Any) -> ModelReport:
    model = Model("StyleTTS2", "preset ft", "builtin", tuple(each.component for each in components), skipped, **fields)
    return ModelReport(model, components, skipped)


def everything() -> ModelReport:
    """One of each."""
    return model_report(
        style_encoder(),
        bert(),
        decoder(),
        undecided(),
        skipped=(Skipped("slm", 'needs the extra hf: pip install "torch-shapecheck[hf]"'),),
        notes=("the configuration of the text aligner: published values",),
        advise=lambda report: ("The shortest clip that trains is 0.3958 s: style_encoder's shared.6 decides.",),
    )


STRANGE_NAMES = ("<script>window.harm = 1</script>", "a|b `c` *d*", "größe.層.0", "every third")
STRANGE_MESSAGE = (
    "RuntimeError: \"it's\" </script><img src=x onerror='window.harm = 1'> & `ticks` ``` | pipes\n"
    "second line, \u2028 and \u00e9; -->"
)


def strange_report() -> ModelReport:
    """Periodic sets, sets that begin late and end early, and names and messages that look like markup."""
    markup, pipes, unicode, third = STRANGE_NAMES
    thirds = LengthSet.parse("T >= 3, T mod 3 = 0")
    others = ~thirds.swept(1, 1024)

    def refusing(name: str, lengths: LengthSet) -> tuple[LayerLimit, Failure]:
        row = layer(name, needs=3, minimum=3, rejects=lengths, is_binding=True)
        at = lengths.maximum or 1024
        return row, Failure(name, "conv1d", lengths, at, STRANGE_MESSAGE, ())

    rows = [refusing(markup, LengthSet.parse("T in {1, 2}")), refusing(pipes, others - LengthSet.parse("T in {1, 2}"))]
    inputs = ("f32[1, T]",)
    failures = tuple(failure for _, failure in rows)
    every = report("T >= 3, T mod 3 = 0", [row for row, _ in rows], inputs=inputs, failures=failures)
    row, failure = refusing(unicode, LengthSet.parse("9 <= T <= 20, T even"))
    late = report(
        "5 <= T <= 64, T odd or 22 <= T <= 64",
        [row, layer("plain.1")],
        inputs=inputs,
        swept=(5, 64),
        proved=False,
        unknown="T in {6, 8}",
        failures=(failure,),
        undecided=(Undecided(markup, "item", LengthSet.parse("T in {6, 8}"), STRANGE_MESSAGE),),
    )
    nothing = report("none", [refusing("only.one", LengthSet.parse("T >= 1"))[0]], inputs=inputs)
    return model_report(
        component(third, "Strange<T>", "encoder", MEL, every),
        component(unicode, "Strange", "encoder", Unit("steps & bounds"), late),
        component(markup, "Strange", "", Unit("steps & bounds"), nothing),
        undecided(),
        notes=(STRANGE_MESSAGE,),
        skipped=(Skipped(markup, STRANGE_MESSAGE),),
    )
