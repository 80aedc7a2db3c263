"""Types of elements, gradients and devices: operands that eager refuses, and branches on what a tensor is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import shapecheck
from tests.adversarial.against import Of, X, agrees, need, sound

# dtypes -------------------------------------------------------------------------------------------------------------


DTYPES: dict[str, Callable[[torch.Tensor], Any]] = {
    "half into a float layer": lambda x: F.conv1d(x.half(), torch.ones(1, 4, 3)),
    "double into a float layer": lambda x: F.linear(x.double().mT, torch.ones(3, 4)),
    "int plus float": lambda x: F.conv1d(x.long() + 1.0, torch.ones(1, 4, 3)),
    "int plus int": lambda x: F.conv1d(x.long() + 1, torch.ones(1, 4, 3)),
    "mean of ints": lambda x: x.long().mean(),
    "softmax of ints": lambda x: x.long().softmax(-1),
    "branch on a dtype": lambda x: x.view(3, -1) if x.dtype == torch.float64 else x.view(2, -1),
    "branch on is_floating_point": lambda x: x.view(3, -1) if x.is_floating_point() else x,
    "branch on torch.is_floating_point": lambda x: x.view(3, -1) if torch.is_floating_point(x) else x,
    "branch on is_complex": lambda x: (
        x.view(3, -1) if torch.view_as_complex(x.reshape(1, 2, -1, 2)).is_complex() else x
    ),
    "real of a complex tensor": lambda x: torch.fft.rfft(x).real.view(1, 4, 3, -1),
    "imag of a real tensor": lambda x: x.imag,
    "real of a real tensor": lambda x: x.real.view(1, 4, 3, -1),
    "abs of a complex tensor": lambda x: F.conv1d(torch.fft.rfft(x).abs(), torch.ones(1, 4, 3)),
    "a complex tensor into a layer": lambda x: F.conv1d(torch.fft.rfft(x), torch.ones(1, 4, 3)),
    "comparison into a layer": lambda x: F.conv1d(x > 0, torch.ones(1, 4, 3)),
    "comparison subtracted": lambda x: (x > 0) - (x > 1),
    "comparison added": lambda x: F.conv1d(((x > 0) + (x > 1)).float(), torch.ones(1, 4, 3)),
    "bool minus one": lambda x: 1 - (x > 0),
    "negated bool": lambda x: -(x > 0),
    "inverted float": lambda x: ~x,
    "bit and of floats": lambda x: x & 1,
    "in place into a smaller dtype": lambda x: x.long().add_(1.5),
    "in place into a larger dtype": lambda x: x.double().add_(1),
    "in place division of ints": lambda x: x.long().div_(2),
    "division of ints": lambda x: F.conv1d(x.long() / 2, torch.ones(1, 4, 3)),
    "masked by floats": lambda x: x[x],
    "masked_fill by a float mask": lambda x: x.masked_fill(x, 0.0),
    "where with an int condition": lambda x: torch.where(x.long(), x, x),
    "embedding by floats": lambda x: F.embedding(x, torch.ones(3, 2)),
    "cat of two dtypes": lambda x: F.conv1d(torch.cat([x, x.double()], -1), torch.ones(1, 4, 3)),
    "stack of two dtypes": lambda x: F.conv1d(torch.stack([x, x.double()])[1], torch.ones(1, 4, 3)),
    "matmul of two dtypes": lambda x: x.mT @ x.double(),
    "matmul of ints": lambda x: (x.mT.long() @ x.long()).view(3, -1),
    "type by name": lambda x: F.conv1d(x.type("torch.DoubleTensor"), torch.ones(1, 4, 3)),
    "type": lambda x: need(x.type() == "torch.FloatTensor" and x.shape[-1] > 3),
    "type_as": lambda x: F.conv1d(x.type_as(torch.ones(1).double()), torch.ones(1, 4, 3)),
    "to like another": lambda x: F.conv1d(x.to(torch.ones(1).double()), torch.ones(1, 4, 3)),
    "result_type": lambda x: need(torch.result_type(x, 1) == torch.float32 and x.shape[-1] > 3),
    "promote_types": lambda x: need(torch.promote_types(x.dtype, torch.int64) == torch.float32),
    "can_cast": lambda x: need(torch.can_cast(x.dtype, torch.int64) or x.shape[-1] > 3),
    "finfo": lambda x: x.masked_fill(x > 0, torch.finfo(x.dtype).min).view(1, 4, 3, -1),
    "itemsize": lambda x: need(x.itemsize == 4 and x.element_size() == 4 and x.shape[-1] > 3),
    "nbytes": lambda x: need(x.nbytes == 112),
    "default dtype of zeros": lambda x: F.conv1d(x, torch.zeros(1, 4, 3).to(x.dtype)),
    "autocast": lambda x: F.conv1d(_autocast(x), torch.ones(1, 4, 3)),
    "autocast dtype": lambda x: need(_autocast(x).dtype == torch.float32),
    "autocast of matmul": lambda x: need(_autocast_of(lambda: x @ x.mT) == torch.bfloat16),
    "autocast of a pointwise operation": lambda x: need(_autocast_of(lambda: x + 1) == torch.float32),
    "autocast disabled": lambda x: need(_autocast_of(lambda: x @ x.mT, enabled=False) == torch.float32),
    "autocast of an lstm": lambda x: need(_autocast_of(lambda: nn.LSTM(4, 2)(x.mT)[0]) == torch.bfloat16),
    "autocast of softmax": lambda x: need(_autocast_of(lambda: x.half().softmax(-1)) == torch.float32),
    "quantize": lambda x: torch.quantize_per_tensor(x, 0.1, 0, torch.qint8).int_repr().view(1, 4, 3, -1),
    "sparse": lambda x: x[0].to_sparse().to_dense().view(4, 3, -1),
    "view_as_real": lambda x: torch.view_as_real(torch.fft.rfft(x)).view(1, 4, 3, -1, 2),
    "requires_grad": lambda x: need(not x.requires_grad and x.shape[-1] > 3),
    "requires_grad_": lambda x: need(x.requires_grad_().requires_grad),
    "requires_grad_ of ints": lambda x: x.long().requires_grad_(),
    "requires_grad assigned": lambda x: (setattr(x, "requires_grad", True), need(x.requires_grad)),
    "a gradient": lambda x: _gradient(x).view(1, 4, 3, -1),
    "numpy of what requires a gradient": lambda x: x.requires_grad_().numpy(),
    "enable_grad": lambda x: need(_enabled(x).requires_grad),
    "is_grad_enabled": lambda x: need(not torch.is_grad_enabled() and x.shape[-1] > 3),
    "inference mode": lambda x: need(not torch.is_inference_mode_enabled() and x.shape[-1] > 3),
    "is_leaf": lambda x: need(x.is_leaf and x.shape[-1] > 3),
    "grad": lambda x: need(x.grad is None and x.grad_fn is None and x.shape[-1] > 3),
    "version": lambda x: (x.add_(1), need(x._version == 1)),
    "backward": lambda x: x.sum().backward(),
    "default dtype set within": lambda x: F.conv1d(x, _with_default_dtype(lambda: torch.ones(1, 4, 3))),
}


def _autocast(x: torch.Tensor) -> torch.Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return F.conv1d(x, torch.ones(4, 4, 1))


def _autocast_of(compute: Callable[[], torch.Tensor], *, enabled: bool = True) -> torch.dtype:
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
        return compute().dtype


def _enabled(x: torch.Tensor) -> torch.Tensor:
    with torch.enable_grad():
        return x * nn.Parameter(torch.ones(1))


def _gradient(x: torch.Tensor) -> torch.Tensor:
    with torch.enable_grad():
        y = x.detach().requires_grad_()
        return torch.autograd.grad((y * y).sum(), y)[0]


def _with_default_dtype(compute: Callable[[], torch.Tensor]) -> torch.Tensor:
    torch.set_default_dtype(torch.float64)
    try:
        return compute()
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("name", DTYPES)
def test_dtype(name: str) -> None:
    sound(Of(lambda self, x: DTYPES[name](x)), X)


def test_a_module_in_double() -> None:
    agrees(nn.Conv1d(4, 4, 5).double(), "f64[1, 4, T]")


def test_a_float_input_to_a_module_in_double() -> None:
    agrees(nn.Conv1d(4, 4, 5).double(), X)


def test_a_module_in_half() -> None:
    sound(nn.Sequential(nn.Conv1d(4, 4, 5), nn.ReLU()).half(), "f16[1, 4, T]")


def test_integer_inputs() -> None:
    agrees(nn.Sequential(nn.Embedding(10, 4), nn.LSTM(4, 3)), "i64[T, 2]")


@pytest.mark.parametrize("function", [lambda x: x.softmax(-1), lambda x: ~x.float()])
def test_a_dtype_without_a_kernel_at_sizes_past_those_that_the_cpu_confirms(function: Any) -> None:
    agrees(Of(lambda self, x: function(x)), "i64[2*T, T, 2*T, 2*T]", lengths=(1, 24))


# a float where PyTorch wants a size, and one where it takes a float; without rules of their own
FLOATS: dict[str, Callable[[torch.Tensor], Any]] = {
    "a limit of a slice": lambda x: x[: x.shape[-1] / 2],
    "split": lambda x: x.split(x.shape[-1] / 2, -1),
    "repeat": lambda x: x.repeat(1, 1, x.shape[-1] / 2),
    "pad": lambda x: F.pad(x, (0, x.shape[-1] / 2)),
    "scale_factor": lambda x: F.interpolate(x, scale_factor=(x.shape[-1] + 1) / 40, mode="linear").view(3, -1),
    "quantile": lambda x: torch.quantile(x, 3 / x.shape[-1]),
    "linspace": lambda x: torch.linspace(0, x.shape[-1] / 2, x.shape[-1] // 2).view(3, -1),
    "renorm": lambda x: x.renorm(2, 0, (x.shape[-1] - 9) / 2),
    "normal": lambda x: x.clone().normal_(0, (x.shape[-1] - 9) / 2),
}


@pytest.mark.parametrize("name", FLOATS)
def test_a_float_made_from_sizes(name: str) -> None:
    agrees(Of(lambda self, x: FLOATS[name](x)), X)


def test_complex_inputs() -> None:
    agrees(Of(lambda self, x: torch.fft.ifft(x).view(3, -1)), "c64[T]")


# devices ------------------------------------------------------------------------------------------------------------


DEVICES: dict[str, Callable[[torch.Tensor], Any]] = {
    "device": lambda x: need(x.device == torch.device("cpu") and x.shape[-1] > 3),
    "device type": lambda x: need(x.device.type == "cpu" and x.shape[-1] > 3),
    "device of an output": lambda x: need((x + 1).device.type == "cpu" and x.shape[-1] > 3),
    "device as a text": lambda x: need(str(x.device) == "cpu" and x.shape[-1] > 3),
    "zeros on its device": lambda x: torch.zeros(7, device=x.device) + x,
    "to its device": lambda x: x.to(x.device).view(3, -1),
    "to the device of a parameter": lambda x: x.to(nn.Linear(1, 1).weight.device).view(3, -1),
    "to cpu": lambda x: x.cpu().view(3, -1),
    "is_cuda": lambda x: need(not x.is_cuda and x.is_cpu and x.shape[-1] > 3),
    "is_meta": lambda x: need(not x.is_meta and not (x + 1).is_meta and x.shape[-1] > 3),
    "cuda.is_available": lambda x: x.cuda() if torch.cuda.is_available() else x.view(3, -1),
    "to meta": lambda x: need(x.to("meta").is_meta and x.shape[-1] > 3),
    "to meta and back": lambda x: x.to("meta").to("cpu"),
    "zeros on meta": lambda x: torch.zeros(7, device="meta") + x,
    "device of zeros on meta": lambda x: need(torch.zeros(x.shape[-1], device="meta").device.type == "meta"),
    "is_sparse": lambda x: need(
        not x.is_sparse and not x.is_quantized and x.layout == torch.strided and x.shape[-1] > 3
    ),
}


@pytest.mark.parametrize("name", DEVICES)
def test_device(name: str) -> None:
    sound(Of(lambda self, x: DEVICES[name](x)), X)


def _on_cuda() -> torch.Tensor:
    with torch.device("cuda"):
        return torch.ones(1)


REQUESTS: dict[str, Callable[[torch.Tensor], Any]] = {
    "cuda": lambda x: x.cuda(),
    "to": lambda x: x.to("cuda"),
    "to a keyword": lambda x: x.to(device="cuda:0", dtype=torch.float32),
    "to a torch.device": lambda x: x.to(torch.device("cuda", 1)),
    "to an index": lambda x: x.to(0),
    "zeros": lambda x: x + torch.zeros(1, device="cuda"),
    "zeros of a size": lambda x: x + torch.zeros(x.shape[-1], device="cuda"),
    "arange": lambda x: x + torch.arange(x.shape[-1], device="cuda"),
    "tensor": lambda x: x + torch.tensor([1.0], device="cuda"),
    "ones to": lambda x: x + torch.ones(1).to("cuda"),
    "ones cuda": lambda x: x + torch.ones(1).cuda(),
    "zeros_like": lambda x: x + torch.zeros_like(x, device="cuda"),
    "new_zeros": lambda x: x + x.new_zeros(1, device="cuda"),
    "get_device": lambda x: x.to(x.get_device()),
    "a layer": lambda x: nn.Conv1d(4, 4, 1).to("cuda")(x),
    "a layer by cuda": lambda x: nn.Conv1d(4, 4, 1).cuda()(x),
    "a layer with a device": lambda x: nn.Conv1d(4, 4, 1, device="cuda")(x),
    "rand": lambda x: x + torch.rand(1, device="cuda"),
    "full": lambda x: x + torch.full((1,), 2.0, device="cuda"),
    "a device as a context": lambda x: _on_cuda() + x,
    "pin_memory": lambda x: x.pin_memory(),
    "non_blocking": lambda x: x.to("cuda", non_blocking=True),
    "another tensor": lambda x: x.to(torch.ones(1, device="cuda")),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_device_request_reaches_no_device_and_decides_nothing(name: str) -> None:
    report = shapecheck.analyze(Of(lambda self, x: REQUESTS[name](x).reshape(1, 4, 3, -1)), X, lengths=(1, 12))
    assert [length for length in range(1, 13) if length in report.valid] in ([3, 6, 9, 12], [])
    assert not any(length in report.invalid for length in (3, 6, 9, 12))
