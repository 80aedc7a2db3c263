"""What swept execution can trip over, one test each: the verdicts equal eager PyTorch's at every length."""

from __future__ import annotations

import random
import warnings
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import shapecheck

LENGTHS = range(1, 41)


class Of(nn.Module):
    """A function of the module and its inputs as a module."""

    def __init__(self, function: Any, **attributes: Any) -> None:
        super().__init__()
        self.function = function
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, *inputs: Any) -> Any:
        return self.function(self, *inputs)


def runs(module: nn.Module, *inputs: Any) -> bool:
    try:
        with torch.no_grad():
            module(*inputs)
    except Exception:  # noqa: BLE001  # that it raises is what is asked
        return False
    return True


def agrees(module: nn.Module, *, lengths_too: bool = False) -> shapecheck.Report:
    """Analyze with x of [1, 4, T] (and the lengths [T]), and run at every length."""
    specs = ["f32[1, 4, T]", "i64[1] = T"] if lengths_too else ["f32[1, 4, T]"]
    report = shapecheck.analyze(module, *specs, lengths=(1, LENGTHS[-1]))
    for length in LENGTHS:
        inputs = [torch.zeros(1, 4, length), torch.tensor([length])][: len(specs)]
        assert (length in report.valid) == runs(module, *inputs), f"T = {length}"
    assert not report.unknown
    return report


def test_a_view_of_a_transposed_tensor_is_refused_but_where_the_size_is_one() -> None:
    report = agrees(Of(lambda _, x: x.transpose(1, 2).view(-1)))
    assert str(report.valid) == "T = 1"


def test_a_pointwise_operation_keeps_a_permuted_layout() -> None:
    agrees(Of(lambda _, x: F.relu(x.transpose(1, 2) + 1).view(-1)))


def test_a_dtype_decides() -> None:
    report = agrees(Of(lambda self, x: self.conv(x.double()), conv=nn.Conv1d(4, 4, 3)))
    assert not report.valid
    assert "type" in report.failures[0].error


def test_values_of_small_integer_tensors_decide_shapes() -> None:
    report = agrees(Of(lambda _, x, lengths: x[..., : int((lengths // 2).max())].view(4, -1, 3)), lengths_too=True)
    assert 6 in report.valid
    assert 5 not in report.valid


def test_positions_made_of_a_length_are_indices() -> None:
    report = agrees(Of(lambda self, x: self.table(torch.arange(x.shape[-1])), table=nn.Embedding(16, 4)))
    assert str(report.valid) == "1 <= T <= 16"


def _scriptable(x: torch.Tensor, kernel: torch.Tensor) -> torch.Tensor:
    return torch.conv1d(x[:, :, : x.size(2) - 2], kernel)


def test_a_scripted_function_goes_around_torch_function() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # published models (VITS) still have them
        scripted = torch.jit.script(_scriptable)
    report = agrees(Of(lambda self, x: scripted(x, self.conv.weight), conv=nn.Conv1d(4, 4, 5)))
    assert report.minimum == 7
    assert not report.proved


def test_a_hook_may_pad() -> None:
    conv = nn.Conv1d(4, 4, 5)
    conv.register_forward_pre_hook(lambda _, inputs: (F.pad(inputs[0], (2, 1)),))
    assert agrees(nn.Sequential(conv)).minimum == 2


def test_a_recurrent_layer_refuses_with_pytorchs_words() -> None:
    report = agrees(nn.Sequential(nn.Conv1d(4, 4, 3), nn.LSTM(6, 3)))
    assert str(report.valid) == "T = 8"
    assert "input.size(-1)" in report.failures[-1].error or "input.size(-1)" in report.failures[0].error


def test_hooks_of_weight_norm_are_skipped() -> None:
    with torch.no_grad():
        conv = nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 4, 5))
    report = agrees(nn.Sequential(conv))
    assert report.minimum == 5
    assert report.layers[0].kind == "Conv1d"


def test_numpy_scalars_meet_sizes() -> None:
    agrees(Of(lambda _, x: x[..., : np.prod([2, 1]) * x.shape[-1] - np.int64(9)].view(4, 3, -1)))


def test_no_device_is_touched() -> None:
    module = Of(lambda _, x: x.to("cuda").view(2, -1) + torch.zeros(2, 1, device="cuda:0"))
    assert str(shapecheck.analyze(module, "f32[1, 4, T]").valid) == "T >= 1"


def test_a_shape_behaves_like_torch_size() -> None:
    def forward(_: Any, x: torch.Tensor) -> torch.Tensor:
        *batch, length = x.shape
        assert x.shape.numel() == 4 * length
        return x.view(*batch[:-1], *(2, 2), *x.shape[2:]).view(x.shape[:1] + (-1, 8))  # noqa: RUF005  # is what is tested

    agrees(Of(forward))


def test_a_module_that_counts_its_calls_is_as_it_was() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        x = x[..., 1:] if x.shape[-1] % 2 else x
        return x.view(4, -1, 2 * self.calls)

    module = Of(forward, calls=0)
    report = shapecheck.analyze(module, "f32[1, 4, T]", lengths=(1, 40))
    assert module.calls == 0
    for length in LENGTHS:
        assert (length in report.valid) == runs(Of(forward, calls=0), torch.zeros(1, 4, length))


def test_what_is_random_is_unknown() -> None:
    report = shapecheck.analyze(Of(lambda _, x: x if torch.rand(1).item() < 0.5 else x.view(3, -1)), "f32[1, 4, T]")
    assert not report.valid
    assert not report.invalid


def test_an_error_that_code_catches_is_no_failure() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.conv(x)
        except RuntimeError:
            return x.view(2, -1)

    report = agrees(Of(forward, conv=nn.Conv1d(4, 4, 9)))
    assert report.minimum == 1


def test_the_world_is_as_before() -> None:
    before = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_rng_state(), nn.Module.__call__
    shapecheck.analyze(Of(lambda _, x: (torch.rand(3), x.view(5, -1), 1 // 0)), "f32[1, 4, T]")
    after = torch.get_default_dtype(), torch.is_grad_enabled(), torch.get_rng_state(), nn.Module.__call__
    assert before[:2] == after[:2]
    assert torch.equal(before[2], after[2])
    assert before[3] is after[3]


def test_paths_add_up_and_do_not_multiply() -> None:
    def halve(_: Any, x: torch.Tensor) -> torch.Tensor:
        return F.avg_pool1d(F.pad(x, (0, 1)) if x.shape[-1] % 2 else x, 2)

    report = shapecheck.analyze(nn.Sequential(*(Of(halve) for _ in range(6))), "f32[1, 4, T]")
    assert report.proved
    assert str(report.valid) == "T >= 1"
    pools = [node for node in report.graph.nodes if node.meta.get("operation") == "avg_pool1d"]
    assert len(pools) == 2 * 6  # not 2 ** 6


def test_a_layer_refuses_a_tensor_whose_layout_is_left_open() -> None:
    """The layout of a convolution of a permuted tensor is the backend's affair; what the next one needs is not."""

    class Convs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.convs = nn.Sequential(nn.Conv1d(4, 4, 3), nn.Conv1d(4, 4, 5))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.convs(x.transpose(1, 2))

    report = shapecheck.analyze(Convs().eval(), "f32[1, T, 4]", lengths=(1, 20))
    assert str(report.valid) == "T >= 7"
    assert "Kernel size: (5)" in report.failures[-1].error


def test_a_product_of_halves_is_laid_out_anew_for_every_length() -> None:
    def forward(_: Any, x: torch.Tensor) -> torch.Tensor:
        left, right = x.transpose(1, 2).contiguous().chunk(2, dim=-1)
        return (left * right + 1).view(-1)

    assert agrees(Of(forward)).proved


def test_a_contiguous_product_of_two_varying_sizes_is_viewed_for_every_length() -> None:
    def forward(_: Any, x: torch.Tensor) -> torch.Tensor:
        left, right, *_ = x.transpose(1, 2).contiguous().chunk(4, dim=-1)
        gate = (left * right).view(1, -1, 1)
        return (gate * x.new_zeros(4, 1, x.shape[-1])).view(-1, x.shape[-1], x.shape[-1])

    assert agrees(Of(forward)).proved


@pytest.mark.parametrize("seed", range(40))
def test_an_elementwise_result_is_laid_out_as_eager_does(seed: int) -> None:
    """Operands that are permuted, sliced and broadcast: the strides of the result, by which a view is refused."""
    draw = random.Random(seed)
    recipes = [(draw.sample(range(4), 4), draw.randrange(4), draw.random() < 0.4) for _ in range(2)]
    axes = draw.choice([(0, 2), (1, 3), (2, 4)])

    def operand(length: int, order: list[int], sliced: int, broadcast: bool) -> torch.Tensor:
        sizes = [2, 3, length, 1 if broadcast else 4]
        sizes[sliced] *= 2
        x = torch.zeros([sizes[axis] for axis in order])
        return x.permute([order.index(axis) for axis in range(4)]).narrow(sliced, 0, sizes[sliced] // 2)

    def forward(_: Any, x: torch.Tensor) -> torch.Tensor:
        left, right = (operand(x.shape[-1], *recipe) for recipe in recipes)
        result = left + right
        return result.view([*result.shape[: axes[0]], -1, *result.shape[axes[1] :]])

    agrees(Of(forward))


@pytest.mark.parametrize("function", [torch.rsub, torch.Tensor.__rsub__, torch.sub])
def test_a_swapped_difference_is_laid_out_as_its_second_operand(function: Any) -> None:
    def forward(_: Any, x: torch.Tensor) -> torch.Tensor:
        return function(x, torch.zeros(1, x.shape[-1], 4).transpose(1, 2)).view(-1)

    agrees(Of(forward))
