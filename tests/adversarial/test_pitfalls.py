"""Each pitfall that the design lists, once and plainly; the other files of this folder have their variations."""

from __future__ import annotations

import math
import random
import warnings
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

import shapecheck
from tests.adversarial.against import Of, X, agrees, need, sound, undecided

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torch.jit is deprecated, and in use

    @torch.jit.script
    def gated(x: torch.Tensor, n: int) -> torch.Tensor:
        """As VITS has it: scripted, so that no Python function of torch is called."""
        return torch.tanh(x[:, :n]) * torch.sigmoid(x[:, n:])


def test_strides_decide_whether_a_view_is_one() -> None:
    agrees(Of(lambda self, x: x.transpose(1, 2).view(-1)), X)


def test_a_pointwise_operation_keeps_a_permuted_layout() -> None:
    agrees(Of(lambda self, x: (x.transpose(1, 2) * 2 + 1).view(-1)), X)


def test_is_contiguous_answers_as_eager_does() -> None:
    agrees(Of(lambda self, x: need(x.transpose(1, 2).is_contiguous())), X)


def test_small_integer_tensors_carry_values() -> None:
    def forward(self: Any, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        mask = torch.arange(lengths.max()) < lengths.unsqueeze(1) // 2
        return self.conv(x[..., : int(lengths[0].item()) // 2]) + mask[:, None, 4:]

    sound(Of(forward, conv=nn.Conv1d(4, 4, 3)), X, "i64[1] = T")  # the layout of the sum is left open


def test_lengths_pass_through_numpy_and_packing() -> None:
    def forward(self: Any, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        packed = pack_padded_sequence(x.transpose(1, 2), lengths.cpu().numpy(), batch_first=True, enforce_sorted=False)
        y, _ = pad_packed_sequence(self.lstm(packed)[0], batch_first=True)
        return F.conv1d(y.transpose(1, 2), torch.ones(1, 6, 3))

    agrees(Of(forward, lstm=nn.LSTM(4, 6, batch_first=True)), X, "i64[1] = T")


def test_a_value_that_depends_on_data_is_left_open() -> None:
    undecided(Of(lambda self, x: x[..., : int(x.sum().item())]), X)


def test_dtypes_are_part_of_a_shape() -> None:
    agrees(Of(lambda self, x: F.conv1d(x.double() if x.shape[-1] % 2 else x, torch.ones(1, 4, 3))), X)


def test_scripted_code_goes_around_torch_function() -> None:
    agrees(Of(lambda self, x: self.conv(gated(x, 2)), conv=nn.Conv1d(2, 2, 5)), X)


def test_a_custom_operator_goes_around_torch_function() -> None:
    agrees(Of(lambda self, x: torch.ops.aten.view.default(x, [1, 4, -1, 3])), X)


def test_vmap_goes_around_torch_function() -> None:
    agrees(Of(lambda self, x: torch.vmap(lambda row: row.view(3, -1))(x[0])), X)


def test_hooks_run_as_in_eager() -> None:
    conv = nn.Conv1d(4, 4, 5)
    conv.register_forward_pre_hook(lambda module, args: (F.pad(args[0], (0, 2)),))
    agrees(nn.Sequential(conv), X)


def test_weight_norm_decides_no_shape() -> None:
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        old = nn.utils.weight_norm(nn.Conv1d(4, 4, 5))
    agrees(nn.Sequential(old, nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 4, 3))), X)


def test_numpy_scalars_in_the_arithmetic() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        rate = np.prod([2, 3])
        return x[..., : x.shape[-1] // rate * rate].view(1, 4, rate, -1)[..., : math.ceil(x.shape[-1] / rate) - 1]

    agrees(Of(forward), X)


def test_a_device_request_reaches_no_device() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        y = torch.zeros(x.shape[-1], device="cuda") + x.to("cuda")
        return self.conv(y.to(x.get_device()).cuda())

    report = shapecheck.analyze(Of(forward, conv=nn.Conv1d(4, 4, 5)), X)
    assert str(report.valid) == "T >= 5"


def test_zeros_on_the_device_of_the_input() -> None:
    agrees(Of(lambda self, x: x + torch.zeros(1, 4, x.shape[-1] // 2 * 2, device=x.device)), X)


def test_torch_size_behaves_like_itself() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        need(isinstance(x.shape, torch.Size) and x.size()[1:].numel() > 20 and len(x.shape) == 3)
        return x.new_zeros(x.shape[:-1] + (6,)) + x.view(*x.shape[:2], -1, *x.shape[3:])

    agrees(Of(forward), X)


def test_hidden_state_between_calls() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        if x.shape[-1] % 2:
            x = x[..., 1:]
        need(self.calls == 1)
        self.last = x
        return self.last

    agrees(Of(forward, calls=0), X)


def test_an_instance_norm_rejects_one_element_in_evaluation() -> None:
    agrees(nn.InstanceNorm1d(4).eval(), X)


def test_the_error_is_pytorchs_own_at_the_largest_length() -> None:
    report = shapecheck.analyze(nn.Conv1d(4, 4, 5), X)
    assert report.failures[0].at == 4
    assert "Calculated padded input size per channel: (4). Kernel size: (5)" in report.failures[0].error


def test_a_random_number_that_decides_is_left_open() -> None:
    undecided(Of(lambda self, x: x[..., int(3 * random.random()) :].view(1, 4, 2, -1)), X)


def test_a_random_tensor_that_decides_nothing_is_none_of_it() -> None:
    agrees(Of(lambda self, x: self.conv(x + 0.1 * torch.randn_like(x)), conv=nn.Conv1d(4, 4, 5)), X)
