"""The process around an analysis: what is patched is put back, whatever happens; threads, nesting, misuse."""

from __future__ import annotations

import asyncio
import concurrent.futures
import copy
import gc
import pickle
import queue
import random
import sys
import threading
import warnings
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import shapecheck
from shapecheck import UsageError
from tests.adversarial.against import Of, X, agrees, compare, need, sound, unchanged


class CustomError(BaseException):
    pass


class Endless(nn.Module):
    """Waits for a signal, so that an analysis is surely in progress."""

    def __init__(self) -> None:
        super().__init__()
        self.started = threading.Event()
        self.go = threading.Event()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.started.set()
        assert self.go.wait(30)
        return x.view(1, 4, 3, -1)


# what is put back ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, GeneratorExit, CustomError, MemoryError])
def test_everything_is_put_back_after(error: type[BaseException]) -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        self.n = 2
        torch.set_default_dtype(torch.float64)
        raise error

    module = Of(forward, n=1)
    with unchanged(module):
        try:
            shapecheck.analyze(module, X, lengths=(1, 4))
        except error:
            pass


def test_an_interrupt_reaches_the_caller() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shapecheck.analyze(Of(forward), X, lengths=(1, 4))


def test_an_interrupt_while_pytorch_is_asked() -> None:
    def interrupt(*args: Any) -> None:
        raise KeyboardInterrupt

    module = Of(lambda self, x: torch.cdist(x, x))
    before = torch.cdist
    with unchanged(module):
        torch.cdist = interrupt  # type: ignore[assignment]
        try:
            with pytest.raises(KeyboardInterrupt):
                shapecheck.analyze(module, X, lengths=(1, 4))
        finally:
            torch.cdist = before


def test_an_analysis_works_after_an_interrupted_one() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shapecheck.analyze(nn.Sequential(nn.Conv1d(4, 4, 3), Of(forward)), X, lengths=(1, 4))
    agrees(nn.Conv1d(4, 4, 3), X)


def test_sys_exit_within_a_module_is_not_an_error_of_pytorch() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        if x.shape[-1] == 3:
            sys.exit(3)

    try:
        report = shapecheck.analyze(Of(forward), X, lengths=(1, 8))
    except SystemExit:
        return
    assert 3 not in report.valid
    assert 4 not in report.invalid


def test_random_numbers_go_on_as_without_an_analysis() -> None:
    def drawn(analyze: bool) -> tuple[Any, ...]:
        random.seed(1), np.random.seed(1), torch.manual_seed(1)  # noqa: NPY002
        if analyze:
            shapecheck.analyze(Of(lambda self, x: x + torch.randn(1) + nn.Linear(1, 1).weight), X, lengths=(1, 4))
        return random.random(), np.random.rand(), torch.rand(1).item()  # noqa: NPY002

    assert drawn(True) == drawn(False)


def test_warnings_of_the_module_do_not_reach_the_user_twice_nor_change_filters() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        warnings.warn("careful", stacklevel=1)
        warnings.simplefilter("ignore")
        need(x.shape[-1] > 3)

    with unchanged():
        report = shapecheck.analyze(Of(forward), X, lengths=(1, 8))
    assert str(report.valid) in ("4 <= T <= 8", "T >= 4")


def test_a_warning_made_an_error_by_the_module() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            if x.shape[-1] < 5:
                warnings.warn("short", stacklevel=1)

    agrees(Of(forward), X)


def test_a_module_that_is_warned_about_records_its_warnings() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            if x.shape[-1] < 5:
                warnings.warn("short", stacklevel=1)
        need(not caught)

    agrees(Of(forward), X)


def test_warnings_are_errors_around_the_analysis() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sound(Of(lambda self, x: x.T if x.dim() == 2 else x.nonzero(as_tuple=True)), X)


def test_gradients_stay_enabled_for_the_caller() -> None:
    with torch.enable_grad():
        shapecheck.analyze(nn.Conv1d(4, 4, 3), X, lengths=(1, 4))
        assert torch.is_grad_enabled()
    with torch.no_grad():
        shapecheck.analyze(nn.Conv1d(4, 4, 3), X, lengths=(1, 4))
        assert not torch.is_grad_enabled()


def test_the_verdict_does_not_depend_on_the_callers_modes() -> None:
    module = Of(
        lambda self, x: need(not (x * self.conv.weight[:1, :, :1]).requires_grad and x.shape[-1] > 3),
        conv=nn.Conv1d(4, 4, 3),
    )
    with torch.enable_grad():
        agrees(module, X)
    with torch.inference_mode():
        report = shapecheck.analyze(module, X, lengths=(1, 8))
    assert 4 not in report.invalid
    assert 3 not in report.valid


def test_the_callers_default_dtype_holds_in_the_module() -> None:
    torch.set_default_dtype(torch.float64)
    try:
        agrees(Of(lambda self, x: F.conv1d(x, torch.ones(1, 4, 3))), "f64[1, 4, T]")
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(torch.float32)


def test_the_callers_autocast_holds_in_the_module() -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        sound(Of(lambda self, x: need(self.conv(x).dtype == torch.bfloat16), conv=nn.Conv1d(4, 4, 3)), X)


def test_the_callers_default_device_holds() -> None:
    with torch.device("meta"):
        report = shapecheck.analyze(Of(lambda self, x: x + torch.ones(7)), X, lengths=(1, 8))
    assert 8 not in report.valid


def test_a_module_left_in_training_is_analyzed_so() -> None:
    module = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(), nn.Conv1d(4, 4, 3))
    agrees(module, X)
    assert module.training


def test_a_module_in_evaluation_stays_so() -> None:
    module = nn.Sequential(nn.BatchNorm1d(4), nn.Dropout(), nn.Conv1d(4, 4, 3)).eval()
    agrees(module, X)
    assert not module.training


def test_a_module_runs_as_before_afterwards() -> None:
    module = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Conv1d(4, 4, 3)), nn.BatchNorm1d(4), nn.LSTM(6, 3))
    x = torch.randn(2, 4, 8)
    module.eval()
    before = module(x)[0]
    agrees(module, "f32[2, 4, T]")
    assert torch.equal(module(x)[0], before)


def test_a_module_trains_afterwards() -> None:
    module = nn.Sequential(nn.Conv1d(4, 4, 3), nn.ReLU(), nn.Conv1d(4, 1, 3))
    agrees(module, X)
    module(torch.randn(1, 4, 9)).sum().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())


def test_a_module_can_be_copied_and_pickled_afterwards() -> None:
    module = nn.Sequential(nn.Conv1d(4, 4, 3), nn.LSTM(5, 2))
    agrees(module, X)
    copy.deepcopy(module)
    pickle.dumps(module)


def test_the_report_outlives_the_module() -> None:
    module = nn.Conv1d(4, 4, 3)
    report = shapecheck.analyze(module, X, lengths=(1, 8))
    del module
    gc.collect()
    assert "8" in str(report.valid) or report.valid.infinite
    assert report.layers
    str(report.graph)


def test_a_swept_tensor_that_escaped_says_so() -> None:
    kept: queue.SimpleQueue[Any] = queue.SimpleQueue()  # an analysis cannot put it back
    shapecheck.analyze(Of(lambda self, x: kept.put(x)), X, lengths=(1, 4))
    with pytest.raises(RuntimeError, match="analysis"):
        kept.get() + 1


def test_a_swept_size_that_escaped_says_so() -> None:
    kept: queue.SimpleQueue[Any] = queue.SimpleQueue()
    shapecheck.analyze(Of(lambda self, x: kept.put(x.shape[-1])), X, lengths=(1, 4))
    with pytest.raises(RuntimeError, match="analysis"):
        int(kept.get())


def test_repr_of_what_escaped_works() -> None:
    kept: queue.SimpleQueue[Any] = queue.SimpleQueue()
    shapecheck.analyze(Of(lambda self, x: kept.put([x, x.shape, x.shape[-1], x.shape[-1] / 2])), X, lengths=(1, 4))
    assert all(isinstance(repr(item), str) for item in kept.get())


@pytest.mark.parametrize(
    ("keep", "use"),
    [
        (lambda x: x, lambda x, kept: (x + kept).shape[-1]),
        (lambda x: x.shape[-1], lambda x, kept: x.shape[-1] + kept),
        (lambda x: x.shape[-1], lambda x, kept: kept),
        (lambda x: x.shape, lambda x, kept: x.shape != kept),
        (lambda x: x, lambda x, kept: kept.shape[-1]),
    ],
    ids=["tensor and tensor", "size and size", "size", "shape", "size of a tensor"],
)
def test_what_escaped_into_another_analysis_gives_no_verdict(keep: Any, use: Any) -> None:
    kept: queue.SimpleQueue[Any] = queue.SimpleQueue()

    def forward(self: Any, x: torch.Tensor) -> None:
        if kept.empty():
            kept.put(keep(x))
        else:
            need(use(x, kept.get()) > 3)

    shapecheck.analyze(Of(forward), X, lengths=(1, 16))
    report = shapecheck.analyze(Of(forward), X, lengths=(5, 9))
    assert not report.valid
    assert not report.invalid


# nesting and threads ------------------------------------------------------------------------------------------------


def test_an_analysis_inside_an_analysis_is_no_error_of_the_module() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        shapecheck.analyze(nn.Conv1d(4, 4, 3), X, lengths=(1, 4))

    report = shapecheck.analyze(Of(forward), X, lengths=(1, 4))
    assert not report.invalid


def test_an_analysis_inside_an_analysis_that_is_caught() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        try:
            shapecheck.analyze(nn.Conv1d(4, 4, 3), X, lengths=(1, 4))
        except RuntimeError:
            raise ValueError("nested") from None

    report = shapecheck.analyze(Of(forward), X, lengths=(1, 4))
    assert not report.invalid


def test_two_analyses_in_two_threads() -> None:
    modules = [nn.Sequential(nn.Conv1d(4, 4, k), nn.ReLU(), nn.Conv1d(4, 4, k)) for k in (2, 3, 5, 7)] * 3
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda module: shapecheck.analyze(module, X, lengths=(1, 32)), modules))
    assert [report.minimum for report in reports] == [3, 5, 9, 13] * 3


def test_an_analysis_in_a_thread_that_is_not_the_main_one() -> None:
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        found = pool.submit(compare, nn.Conv1d(4, 4, 5), X).result()
    assert not found.wrong
    assert not found.unknown


def test_eager_modules_in_another_thread_meanwhile() -> None:
    module = Endless()
    conv = nn.Sequential(nn.Conv1d(4, 4, 3), nn.BatchNorm1d(4))
    reports: list[Any] = []
    thread = threading.Thread(target=lambda: reports.append(shapecheck.analyze(module, X, lengths=(1, 8))))
    thread.start()
    assert module.started.wait(30)
    try:
        assert conv(torch.ones(2, 4, 9)).shape == (2, 4, 7)
        with pytest.raises(RuntimeError):
            conv(torch.ones(2, 4, 1))
        conv.extra = 3
        del conv.extra
        conv.register_buffer("table", torch.ones(3))
        assert torch.zeros(3).shape == (3,)
        assert nn.Linear(3, 2)(torch.ones(3)).requires_grad
    finally:
        module.go.set()
        thread.join()
    assert 3 in reports[0].valid
    assert 4 in reports[0].invalid
    assert conv.table.shape == (3,)


def test_warning_filters_of_another_thread_meanwhile() -> None:
    module = Endless()
    thread = threading.Thread(target=lambda: shapecheck.analyze(module, X, lengths=(1, 8)))
    thread.start()
    assert module.started.wait(30)
    try:
        with pytest.warns(UserWarning, match="here"):
            warnings.warn("here", UserWarning, stacklevel=1)
    finally:
        module.go.set()
        thread.join()


def test_threads_within_a_module() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            first, second = pool.map(lambda layer: layer(x), [self.three, self.five])
        return first[..., 2:] + second

    sound(Of(forward, three=nn.Conv1d(4, 4, 3), five=nn.Conv1d(4, 4, 5)), X)


def test_threads_within_a_module_that_make_tensors() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            return pool.submit(lambda: x + torch.ones(x.shape[-1] // 2 * 2)).result()

    sound(Of(forward), X)


def test_a_thread_that_branches() -> None:
    def forward(self: Any, x: torch.Tensor) -> None:
        def run() -> None:
            seen.append(x.shape[-1] > 5)

        seen: list[bool] = []
        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        need(seen == [True])

    sound(Of(forward), X)


def test_asyncio_within_a_module() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        async def layer(k: int) -> torch.Tensor:
            await asyncio.sleep(0)
            return F.conv1d(x, torch.ones(4, 4, k))

        async def both() -> torch.Tensor:
            first, second = await asyncio.gather(layer(3), layer(5))
            return first[..., 2:] + second

        return asyncio.run(both())

    sound(Of(forward), X)


def test_asyncio_that_catches() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        async def layer(k: int) -> torch.Tensor:
            return F.conv1d(x, torch.ones(4, 4, k))

        async def both() -> torch.Tensor:
            results = await asyncio.gather(layer(3), layer(5), return_exceptions=True)
            return next(r for r in reversed(results) if isinstance(r, torch.Tensor))

        return asyncio.run(both())

    sound(Of(forward), X)


def test_a_future_that_keeps_an_exception() -> None:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        future: concurrent.futures.Future[Any] = concurrent.futures.Future()
        try:
            future.set_result(self.conv(x))
        except BaseException as error:  # noqa: BLE001
            future.set_exception(error)
        return x if future.exception() is not None else future.result().view(1, 4, 3, -1)

    sound(Of(forward, conv=nn.Conv1d(4, 4, 5)), X)


# misuse -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lengths", "word"),
    [
        ((0, 5), "lengths"),
        ((5, 4), "lengths"),
        ((-3, 5), "lengths"),
        ((1, 2**21), "lengths"),
        ((1.5, 4), "lengths"),
        ((1, 2, 3), "lengths"),
        ("15", "lengths"),
        (5, "lengths"),
    ],
)
def test_lengths_that_make_no_sense(lengths: Any, word: str) -> None:
    with unchanged(), pytest.raises(UsageError, match=word):
        shapecheck.analyze(nn.ReLU(), X, lengths=lengths)


@pytest.mark.parametrize(
    "spec",
    [
        "f32[1, 4, T",
        "f32[1, , T]",
        "f32[1, X, T]",
        "f32[T - 5]",
        "f32[2] = T",
        "i64[T] = T",
        "f32[-1]",
        "f32[T // 0]",
        "f32[T / 2]",
    ],
)
def test_a_spec_that_makes_no_sense(spec: str) -> None:
    with unchanged(), pytest.raises(UsageError):
        shapecheck.analyze(nn.ReLU(), spec, lengths=(1, 8))


def test_a_module_that_is_none() -> None:
    with pytest.raises(UsageError, match="Module"):
        shapecheck.analyze(lambda x: x, X)  # type: ignore[arg-type]


def test_a_method_that_is_none() -> None:
    with pytest.raises(UsageError, match="encode"):
        shapecheck.analyze(nn.ReLU(), X, method="encode")


def test_values_that_do_not_fit_their_dtype() -> None:
    with pytest.raises(UsageError):
        shapecheck.analyze(nn.ReLU(), "i8[1] = 100 * T", lengths=(1, 8))


def test_lengths_as_a_list() -> None:
    assert shapecheck.analyze(nn.Conv1d(4, 4, 3), X, lengths=[1, 8]).minimum == 3  # type: ignore[arg-type]


def test_too_few_and_too_many_inputs_are_errors_of_the_module() -> None:
    agrees(nn.Conv1d(4, 4, 3))
    agrees(nn.Conv1d(4, 4, 3), X, X)
