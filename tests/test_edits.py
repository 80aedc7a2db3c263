"""Edits: their texts; and each on a layer of each kind, beside a layer that was constructed with the value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from shapecheck import UsageError, analyze
from shapecheck.analysis import accepting
from shapecheck.changes.editing import Applied, apply
from shapecheck.changes.edits import Edit, KeyEdit, parse_edits
from shapecheck.changes.origins import recording
from shapecheck.changes.shortenings import Shortenings

LENGTHS = 24


def norms(name: str) -> Callable[[nn.Module], nn.Module]:
    return {
        "plain": lambda layer: layer,
        "weight_norm": nn.utils.weight_norm,
        "weight_norm of axis 1": lambda layer: nn.utils.weight_norm(layer, dim=1),
        "spectral_norm": lambda layer: nn.utils.spectral_norm(layer, n_power_iterations=2, eps=1e-6),
        "weight_norm, parametrized": parametrizations.weight_norm,
        "spectral_norm, parametrized": lambda layer: parametrizations.spectral_norm(layer, n_power_iterations=2),
    }[name]


NORMS = (
    "plain",
    "weight_norm",
    "weight_norm of axis 1",
    "spectral_norm",
    "weight_norm, parametrized",
    "spectral_norm, parametrized",
)


def edited(layer: nn.Module, *texts: str, within: str = "") -> nn.Module:
    module = nn.Sequential(layer)
    apply(module, [edit for edit in parse_edits([f"0.{within}{text}" for text in texts]) if isinstance(edit, Edit)])
    return module[0]


def input_of(layer: Any, length: int) -> tuple[int, ...]:
    rank = int(next(kind.__name__ for kind in type(layer).__mro__ if kind.__name__[-2:] in ("1d", "2d", "3d"))[-2])
    return (1, getattr(layer, "in_channels", 2), *(7,) * (rank - 1), length)


def spec_of(layer: nn.Module) -> str:
    *others, _ = input_of(layer, 0)
    return f"f32[{', '.join(map(str, others))}, T]"


@torch.no_grad()
def outcome(layer: nn.Module, length: int) -> Tensor | str:
    try:
        return layer(
            torch.linspace(-1, 1, int(torch.tensor(input_of(layer, length)).prod())).reshape(input_of(layer, length))
        )
    except RuntimeError as error:
        return str(error)


def assert_same(one: nn.Module, other: nn.Module) -> None:
    """The same state dict in the same order, the same description, verdict, and result with the same weights."""
    old, new = one.state_dict(), other.state_dict()
    assert [(name, tensor.shape) for name, tensor in old.items()] == [
        (name, tensor.shape) for name, tensor in new.items()
    ]
    assert repr(one) == repr(other)
    one.load_state_dict(new)
    one.eval()
    other.eval()
    verdicts = [analyze(layer, spec_of(layer), lengths=(1, LENGTHS)) for layer in (one, other)]
    assert verdicts[0].valid == verdicts[1].valid
    for length in range(1, LENGTHS + 1):
        results = outcome(one, length), outcome(other, length)
        assert type(results[0]) is type(results[1])
        assert (length in verdicts[0].valid) == isinstance(results[0], Tensor)
        if isinstance(results[0], Tensor) and isinstance(results[1], Tensor):
            torch.testing.assert_close(results[0], results[1])


EDITS_1D = (
    ("kernel_size=3", {"kernel_size": 3}),
    ("stride=3", {"stride": 3}),
    ("padding=2", {"padding": 2}),
    ("padding=0", {"padding": 0}),
    ("dilation=2", {"dilation": 2}),
)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize(("text", "values"), EDITS_1D)
@pytest.mark.parametrize("kind", [nn.Conv1d, nn.ConvTranspose1d])
def test_a_convolution_is_as_constructed(kind: Any, text: str, values: dict[str, int], norm: str) -> None:
    def make(**more: int) -> nn.Module:
        return norms(norm)(kind(4, 6, **{"kernel_size": 5, "stride": 2, "padding": 1, "groups": 2, **more}))

    assert_same(edited(make(), text), make(**values))


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("kernel_size=3", {"kernel_size": 3}),
        ("kernel_size=1x3", {"kernel_size": (1, 3)}),
        ("kernel_size=(2, 7)", {"kernel_size": (2, 7)}),
        ("stride=1x2", {"stride": (1, 2)}),
        ("padding=0x3", {"padding": (0, 3)}),
        ("padding=same", {"padding": "same"}),
        ("padding=valid", {"padding": "valid"}),
        ("dilation=[1, 2]", {"dilation": (1, 2)}),
        ("padding_mode=reflect", {"padding_mode": "reflect"}),
        ("padding_mode=replicate", {"padding_mode": "replicate"}),
        ("padding_mode=circular", {"padding_mode": "circular"}),
    ],
)
@pytest.mark.parametrize("norm", ["plain", "spectral_norm"])
def test_a_convolution_of_two_axes(text: str, values: dict[str, Any], norm: str) -> None:
    def make(**more: Any) -> nn.Module:
        values: dict[str, Any] = {"kernel_size": (3, 5), "padding": (1, 2), "bias": False, **more}
        return norms(norm)(nn.Conv2d(2, 3, **values))

    assert_same(edited(make(), text), make(**values))


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["padding=1", "padding_mode=reflect"], {"padding": 1, "padding_mode": "reflect"}),
        (["padding_mode=circular", "padding=2"], {"padding": 2, "padding_mode": "circular"}),
        (["padding_mode=reflect", "dilation=2"], {"padding": "same", "padding_mode": "reflect", "dilation": 2}),
        (["kernel_size=3", "padding_mode=reflect"], {"padding": "same", "padding_mode": "reflect", "kernel_size": 3}),
    ],
)
def test_the_padding_before_a_convolution_is_kept_in_step(texts: list[str], values: dict[str, Any]) -> None:
    start: dict[str, Any] = {"kernel_size": 5, "padding": "same" if values["padding"] == "same" else 0}
    assert_same(edited(nn.Conv1d(2, 2, **start), *texts), nn.Conv1d(2, 2, **{**start, **values}))


@pytest.mark.parametrize("kind", [nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d])
def test_the_other_ranks(kind: Any) -> None:
    rank = int(kind.__name__[-2])
    values = (1,) * (rank - 1) + (3,)
    made = kind(2, 2, (3,) * (rank - 1) + (5,), padding=1)
    assert_same(edited(made, f"kernel_size={'x'.join(map(str, values))}"), kind(2, 2, values, padding=1))


@pytest.mark.parametrize(
    ("made", "text", "expected"),
    [
        (nn.MaxPool1d(4), "kernel_size=2", nn.MaxPool1d(2, stride=4)),
        (nn.MaxPool1d(4), "stride=1", nn.MaxPool1d(4, stride=1)),
        (nn.MaxPool1d(4), "padding=2", nn.MaxPool1d(4, padding=2)),
        (nn.MaxPool1d(2), "dilation=3", nn.MaxPool1d(2, dilation=3)),
        (nn.MaxPool2d(3), "kernel_size=1x2", nn.MaxPool2d((1, 2), stride=3)),
        (nn.MaxPool2d((2, 3)), "padding=1", nn.MaxPool2d((2, 3), padding=1)),
        (nn.AvgPool1d(3), "kernel_size=2", nn.AvgPool1d(2, stride=3)),
        (nn.AvgPool2d(3, 1), "padding=1", nn.AvgPool2d(3, 1, padding=1)),
        (nn.AvgPool3d(2), "stride=1x1x2", nn.AvgPool3d(2, stride=(1, 1, 2))),
        (nn.LPPool1d(2, 3), "kernel_size=2", nn.LPPool1d(2, 2)),
        (nn.ReflectionPad1d(3), "padding=1", nn.ReflectionPad1d(1)),
        (nn.ReflectionPad2d(3), "padding=1x2x1x2", nn.ReflectionPad2d((1, 2, 1, 2))),
        (nn.ReplicationPad1d((2, 1)), "padding=0x3", nn.ReplicationPad1d((0, 3))),
        (nn.ConstantPad1d(2, 1.0), "padding=4", nn.ConstantPad1d(4, 1.0)),
    ],
)
def test_layers_without_weights(made: nn.Module, text: str, expected: nn.Module) -> None:
    assert_same(edited(made, text), expected)


def test_a_subclass_keeps_its_class_and_says_what_it_may_hide() -> None:
    class Causal(nn.Conv1d):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.left = self.kernel_size[0] - 1

    module = nn.Sequential(Causal(1, 1, 5))
    (applied,) = apply(module, [Edit("0", "kernel_size", 3)])
    assert type(module[0]) is Causal
    assert module[0].left == 4
    (note,) = applied.notes
    assert note.startswith(
        "Causal is no class of torch's own: what its constructor or its forward makes of kernel_size"
    )


def test_the_rest_of_the_layer_stays() -> None:
    layer = nn.utils.weight_norm(nn.Conv1d(2, 3, 5).double())
    bias = layer.bias
    hooked: list[Any] = []
    layer.register_forward_hook(lambda _module, _args, result: hooked.append(result))
    changed = edited(layer, "kernel_size=1")
    assert changed is layer
    assert layer.bias is bias
    assert layer.weight_v.dtype is torch.float64
    changed(torch.zeros(1, 2, 1, dtype=torch.float64))
    assert len(hooked) == 1


def test_a_frozen_weight_stays_frozen() -> None:
    layer = nn.Conv1d(1, 1, 5).requires_grad_(False)
    assert not edited(layer, "kernel_size=3").weight.requires_grad


def test_no_random_number_is_drawn() -> None:
    before = torch.get_rng_state()
    edited(nn.Conv1d(1, 1, 5).to("meta"), "padding=1")
    layer = nn.Conv1d(1, 1, 5)
    before = torch.get_rng_state()
    edited(layer, "kernel_size=3")
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(
    ("layer", "text", "message"),
    [
        (nn.Conv1d(1, 1, 3), "padding=1x2", "padding takes one number, not 2"),
        (nn.Conv2d(1, 1, 3), "padding=1x2x3", "padding takes one number or 2, not 3"),
        (nn.Conv1d(1, 1, 3), "padding_mode=mirror", "padding_mode is one of zeros, reflect, replicate, circular"),
        (nn.Conv1d(1, 1, 3, stride=2), "padding=same", "padding='same' is not supported for strided convolutions"),
        (nn.Conv1d(1, 1, 3, padding="same"), "stride=2", "padding='same' is not supported for strided convolutions"),
        (nn.ConvTranspose1d(1, 1, 3), "padding=same", "padding is a number here, not same"),
        (nn.ConvTranspose1d(1, 1, 3), "padding_mode=reflect", 'Only "zeros" padding mode is supported'),
        (nn.LazyConv1d(1, 3), "kernel_size=5", "has no weights yet"),
        (nn.MaxPool1d(2), "padding=2", "the padding of a pool is at most half of its kernel_size"),
        (nn.MaxPool1d(4, padding=2), "kernel_size=3", "the padding of a pool is at most half of its kernel_size"),
        (nn.MaxPool2d(2), "stride=1x1x1", "stride takes one number or 2, not 3"),
        (nn.ReflectionPad1d(2), "padding=same", "padding is a number here, not same"),
        (nn.ReflectionPad1d(2), "padding=1x2x3", "padding takes one number or 2, not 3"),
        (nn.MaxPool1d(2), "padding_mode=zeros", "has no padding_mode; it has kernel_size=2, stride=2, padding=0"),
        (nn.Linear(1, 1), "stride=2", "Linear(in_features=1, out_features=1, bias=True) has no stride; it has none of"),
    ],
)  # fmt: skip
def test_values_that_a_layer_cannot_have(layer: nn.Module, text: str, message: str) -> None:
    before = repr(layer)
    with pytest.raises(UsageError, match=r"^--set 0[.]") as caught:
        edited(layer, text)
    assert message in str(caught.value)
    assert repr(layer) == before


def test_all_that_is_wrong_in_one_message() -> None:
    module = nn.Sequential(nn.Conv1d(1, 1, 3), nn.ReLU(), nn.Sequential(nn.Conv1d(1, 1, 3)))
    with pytest.raises(UsageError) as caught:
        apply(module, [Edit("2.00", "padding", 1), Edit("1", "padding", 1), Edit("3", "stride", 2)])
    assert str(caught.value).splitlines() == [
        "--set 2.00.padding=1: there is no layer 2.00; there are 2.0 and 1 more",
        "--set 1.padding=1: ReLU() has no padding; it has none of kernel_size, stride, padding, dilation, padding_mode",
        "--set 3.stride=2: there is no layer 3; there are 0, 2.0",
    ]


@pytest.mark.parametrize(
    ("text", "edit"),
    [
        ("shared.6.padding=2", Edit("shared.6", "padding", 2)),
        (" shared.6.padding = 2 ", Edit("shared.6", "padding", 2)),
        ("shared.6.kernel_size=3x5", Edit("shared.6", "kernel_size", (3, 5))),
        ("shared.6.kernel_size=(3, 5)", Edit("shared.6", "kernel_size", (3, 5))),
        ("shared.6.kernel_size=[3,5]", Edit("shared.6", "kernel_size", (3, 5))),
        ("shared.6.kernel_size=3,5", Edit("shared.6", "kernel_size", (3, 5))),
        ("shared.6.kernel_size=(3,)", Edit("shared.6", "kernel_size", (3,))),
        ("padding=0", Edit("", "padding", 0)),
        ("conv.padding=same", Edit("conv", "padding", "same")),
        ("conv.padding_mode=reflect", Edit("conv", "padding_mode", "reflect")),
        ("shared.4.downsample=none", Edit("shared.4", "downsample", "none")),
        ("model_params.n_layer=4", KeyEdit("model_params.n_layer", "4")),
        ("model_params.decoder.upsample_rates=[10, 6]", KeyEdit("model_params.decoder.upsample_rates", "[10, 6]")),
    ],
)
def test_texts(text: str, edit: Edit | KeyEdit) -> None:
    assert parse_edits([text]) == (edit,)
    assert parse_edits([str(edit)])[0].path == edit.path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "--set '': write LAYER.SETTING=VALUE or KEY=VALUE, as in --set shared.6.padding=2"),
        ("shared.6.padding", "--set shared.6.padding: write LAYER.SETTING=VALUE or KEY=VALUE"),
        ("shared..padding=2", "--set shared..padding=2: write LAYER.SETTING=VALUE or KEY=VALUE"),
        ("conv.padding=", "--set conv.padding=: write LAYER.SETTING=VALUE"),
        ("conv.padding=-1", "--set conv.padding=-1: padding is 0 or more"),
        ("conv.padding=1x-1", "--set conv.padding=1x-1: padding is 0 or more"),
        ("conv.kernel_size=0", "--set conv.kernel_size=0: kernel_size is 1 or more"),
        ("conv.stride=0", "--set conv.stride=0: stride is 1 or more"),
        ("conv.dilation=(1, 0)", "--set conv.dilation=(1, 0): dilation is 1 or more"),
        (
            "conv.padding=1.5",
            "--set conv.padding=1.5: 1.5 is no whole number: write 3, or 3x5 or (3, 5), one number for",
        ),
        ("conv.stride=same", "--set conv.stride=same: same is no whole number"),
        ("conv.kernel_size=()", "--set conv.kernel_size=(): () is no whole number"),
        ("conv.downsample=half", "--set conv.downsample=half: the only value of downsample is none"),
        ("conv.padding=1\x1b", "--set conv.padding=1\\x1b: 1\\x1b is no whole number"),
    ],
)
def test_texts_that_are_none(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_edits([text])
    assert str(caught.value).startswith(message)


def test_a_setting_given_twice() -> None:
    with pytest.raises(UsageError, match=r"^--set a.padding: is given twice$"):
        parse_edits(["a.padding=1", "a.padding=2", "b.padding=2"])


class Block(nn.Module):
    """Two branches that both halve."""

    def __init__(self, dim: int = 2) -> None:
        super().__init__()
        self.pool = nn.AvgPool1d(2)
        self.learned = nn.Conv1d(dim, dim, 2, stride=2, groups=dim)
        self.conv = nn.Conv1d(dim, dim, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.pool(x) + self.conv(self.learned(x))


class Functional(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.learned = nn.Conv1d(2, 2, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.avg_pool1d(x, 2) + self.learned(x)


def switched_off(module: nn.Module, layer: str, spec: str = "f32[1, 2, T]") -> tuple[Applied, ...]:
    report, _ = accepting(module, spec, lengths=(1, 256))
    return apply(module, [Edit(layer, "downsample", "none")], Shortenings(module, report.graph))


def test_a_downsampling_is_switched_off_in_all_branches() -> None:
    with recording():
        module = nn.Sequential(nn.Conv1d(2, 2, 3), Block(), Block())
    applied = switched_off(module, "2")
    assert [(each.layer, each.after) for each in applied] == [("2.pool", "Identity()"), ("2.learned", "Identity()")]
    assert [name for name in module.state_dict() if name.startswith("2.")] == ["2.conv.weight", "2.conv.bias"]
    assert module(torch.zeros(1, 2, 20)).shape == (1, 2, 9)
    assert [each.also for each in applied] == [("1.pool",), ("1.learned",)]  # made by the same line
    assert applied[0].origin is not None
    assert applied[0].origin.text == "self.pool = nn.AvgPool1d(2)"
    assert "is made at" in applied[0].notes[0]


def test_the_layers_in_which_it_can_be() -> None:
    module = nn.Sequential(nn.Conv1d(2, 4, 3, stride=2), nn.Sequential(nn.MaxPool1d(2), nn.Conv1d(4, 2, 3)), Block())
    report, _ = accepting(module, "f32[1, 2, T]", lengths=(1, 256))
    shortenings = Shortenings(module, report.graph)
    assert shortenings.units() == ["0", "1.0", "2"]
    assert shortenings.factor("0") == shortenings.factor("1.0") == shortenings.factor("2") == 2
    assert shortenings.factor("1.1") == 1
    everything = switched_off(module, "")
    assert [(each.layer, each.setting or each.after) for each in everything] == [
        ("0", "stride"), ("1.0", "Identity()"), ("2.pool", "Identity()"), ("2.learned", "Identity()"),
    ]  # fmt: skip
    assert module(torch.zeros(1, 2, 20)).shape == (1, 2, 16)


@pytest.mark.parametrize(
    ("module", "layer", "message"),
    [
        (nn.Sequential(Functional()), "0", "the forward of 0 itself makes the length shorter, by avg_pool1d"),
        (nn.Sequential(Block()), "0.conv", "nothing in it makes the length shorter by a factor and could be left out"),
        (nn.Sequential(nn.Conv1d(2, 2, 5)), "0", "nothing in it makes the length shorter"),
        (nn.MaxPool1d(2), "", "could be left out"),
    ],
)
def test_what_cannot_be_switched_off(module: nn.Module, layer: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        switched_off(module, layer)
    assert message in str(caught.value)


def test_a_layer_that_is_not_called() -> None:
    class Unused(Block):
        def __init__(self) -> None:
            super().__init__()
            self.other = nn.MaxPool1d(2)

    with pytest.raises(UsageError, match="other: it is not called, or not seen by itself"):
        switched_off(nn.Sequential(Unused()), "0.other")
