"""What is said of a state dict is what torch's own load_state_dict does with it: row by row, wrapped and not."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from shapecheck.preflight import Coverage, TensorInfo, compare, expected_tensors, read_checkpoint

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

State = dict[str, Any]


def plain() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.LSTM(4, 5))


def old_norm() -> nn.Module:
    return nn.Sequential(nn.utils.weight_norm(nn.Conv1d(2, 3, 3)), nn.Linear(3, 3))


def new_norm() -> nn.Module:
    return nn.Sequential(parametrizations.weight_norm(nn.Conv1d(2, 3, 3)), nn.Linear(3, 3))


def scalars() -> nn.Module:
    module = nn.Module()
    module.register_parameter("scale", nn.Parameter(torch.tensor(1.0)))
    module.register_buffer("count", torch.tensor(1))
    return module


def without(state: State, *names: str) -> State:
    return OrderedDict((name, value) for name, value in state.items() if name not in names)


def changed(state: State, **values: Any) -> State:
    return OrderedDict({**state, **{name.replace("__", "."): value for name, value in values.items()}})


def kept(state: State) -> State:
    return state


def counterless(state: State) -> State:
    """With its versions, and without the counter of its BatchNorm."""
    del state["1.num_batches_tracked"]
    return state


ROWS: dict[str, tuple[Callable[[], nn.Module], Callable[[], nn.Module], Callable[[State], State]]] = {
    # the module, the module that was saved, and what was done to its state dict
    "the same": (plain, plain, kept),
    "nothing": (plain, plain, lambda _: {}),
    "one missing": (plain, plain, lambda state: without(state, "0.bias")),
    "one more": (plain, plain, lambda state: changed(state, more=torch.zeros(1), other__weight=torch.zeros(2))),
    "another shape": (plain, plain, lambda state: changed(state, **{"0.bias": torch.zeros(5)})),
    "two other shapes": (plain, lambda: nn.Sequential(nn.Linear(2, 4), nn.BatchNorm1d(4), nn.LSTM(4, 6)), kept),
    "fewer dimensions": (plain, plain, lambda state: changed(state, **{"0.bias": torch.zeros(4, 1)})),
    "another dtype": (plain, lambda: plain().half(), kept),
    "no tensor": (plain, plain, lambda state: changed(state, **{"0.bias": 3, "spare": None})),
    "no counter, and versions": (plain, plain, counterless),
    "no counter, and no versions": (plain, plain, lambda state: dict(without(state, "1.num_batches_tracked"))),
    "a scalar of one dimension": (scalars, scalars, lambda state: changed(state, scale=torch.zeros(1))),
    "a scalar of two elements": (scalars, scalars, lambda state: changed(state, scale=torch.zeros(2))),
    "old weight_norm in old": (old_norm, old_norm, kept),
    "old weight_norm in new": (new_norm, old_norm, kept),
    "new weight_norm in old": (old_norm, new_norm, kept),
    "new weight_norm in new": (new_norm, new_norm, kept),
    "half of the old in new": (new_norm, old_norm, lambda state: without(state, "0.weight_g")),
    "old of another shape in new": (new_norm, old_norm, lambda state: changed(state, **{"0.weight_g": torch.zeros(2)})),
    "no weight_norm in old": (old_norm, lambda: nn.Sequential(nn.Conv1d(2, 3, 3), nn.Linear(3, 3)), kept),
}

PREFIXES = [(False, False), (True, True), (False, True), (True, False)]  # of the module, and of the state dict


def with_prefix(state: State) -> State:
    """As the state dict of a DataParallel, versions as well."""
    result = OrderedDict((f"module.{name}", value) for name, value in state.items())
    metadata = getattr(state, "_metadata", None)
    if metadata is not None:
        result._metadata = {f"module.{name}".rstrip("."): value for name, value in metadata.items()}  # type: ignore[attr-defined]
    return result


@pytest.mark.parametrize(("is_wrapped", "has_prefix"), PREFIXES)
@pytest.mark.parametrize("name", ROWS)
def test_it_is_what_torch_does(tmp_path: Path, name: str, is_wrapped: bool, has_prefix: bool):
    build, build_saved, change = ROWS[name]
    state = change(build_saved().state_dict())
    if has_prefix:
        state = with_prefix(state)
    torch.save({"net": {"a": state, "b": {"weight": torch.zeros(1)}}}, tmp_path / "x.pth")
    found = read_checkpoint(tmp_path / "x.pth").components("net")["a"]
    coverage = compare("a", expected_tensors(build), found, is_wrapped=is_wrapped)
    module = nn.DataParallel(build()) if is_wrapped else build()
    same = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    missing, unexpected, errors = load(module, state)
    assert set(coverage.missing) == missing
    assert set(coverage.unexpected) == unexpected
    assert {mismatch.name for mismatch in coverage.mismatched} | set(coverage.not_tensors) == errors
    assert coverage.raises == bool(errors)
    assert coverage.raises_if_strict == bool(errors or missing or unexpected)
    rest = set(same) - missing - errors
    made_up = {name for name in rest - set(coverage.loaded) if name.endswith("num_batches_tracked")}
    assert set(coverage.loaded) == rest - made_up
    assert coverage.expected == len(same)
    check_mismatches(coverage, module, state)


def load(module: nn.Module, state: State) -> tuple[set[str], set[str], set[str]]:
    """Missing, unexpected and wrong names, as torch itself tells them."""
    told: list[tuple[set[str], set[str]]] = []
    module.register_load_state_dict_post_hook(
        lambda _, keys: told.append((set(keys.missing_keys), set(keys.unexpected_keys)))
    )
    text = ""
    try:
        module.load_state_dict(state, strict=False)
    except RuntimeError as error:
        text = str(error)
    errors = {
        name
        for name in module.state_dict()
        if f"size mismatch for {name}:" in text or f'parameter named "{name}"' in text
    }
    assert bool(text) == bool(errors)
    return *told[-1], errors


def check_mismatches(coverage: Coverage, module: nn.Module, state: State) -> None:
    for mismatch in (*coverage.mismatched, *coverage.converted):
        assert mismatch.expected.shape == tuple(module.state_dict()[mismatch.name].shape)
        old = mismatch.name.replace("parametrizations.weight.original0", "weight_g")
        assert mismatch.found.shape == tuple(state[mismatch.name if mismatch.name in state else old].shape)


def _compare(build: Callable[[], nn.Module], build_saved: Callable[[], nn.Module], **options: bool) -> Coverage:
    from shapecheck.preflight import StateDict

    return compare("a", expected_tensors(build), StateDict(expected_tensors(build_saved)), **options)


def test_the_prefix_is_what_keeps_it_from_loading():
    coverage = _compare(plain, plain, is_wrapped=True)
    assert coverage.loaded == ()
    assert coverage.prefixed == 0
    assert coverage.fits_with_prefix_changed == coverage.expected == 11
    assert coverage.missing[0] == "module.0.weight"
    assert coverage.unexpected[0] == "0.weight"


def test_a_prefix_too_many():
    wrapped = lambda: nn.DataParallel(plain())  # noqa: E731
    coverage = _compare(plain, wrapped)
    assert (coverage.loaded, coverage.prefixed, coverage.fits_with_prefix_changed) == ((), 11, 11)


@pytest.mark.parametrize(
    ("build", "build_saved", "forms", "loaded", "changed"),
    [
        (old_norm, old_norm, ("old", "old"), 5, 3),
        (old_norm, new_norm, ("old", "new"), 3, 5),
        (new_norm, old_norm, ("new", "old"), 5, 5),
        (plain, old_norm, ("", "old"), 0, 0),
    ],
)
def test_forms_of_weight_norm(
    build: Callable[[], nn.Module],
    build_saved: Callable[[], nn.Module],
    forms: tuple[str, str],
    loaded: int,
    changed: int,
):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        coverage = _compare(build, build_saved)
    assert (coverage.expected_weight_norm, coverage.found_weight_norm) == forms
    if build is not plain:
        assert len(coverage.loaded) == loaded
        assert coverage.fits_with_weight_norm_changed == changed


def test_other_dtypes_are_converted():
    coverage = _compare(plain, lambda: plain().double())
    assert len(coverage.converted) == 10  # and the counter stays an integer
    assert coverage.converted[0].expected == TensorInfo((4, 3), "float32")
    assert coverage.converted[0].found == TensorInfo((4, 3), "float64")
    assert not coverage.raises


def test_modules_are_built_without_their_weights():
    huge = expected_tensors(lambda: nn.Linear(1 << 20, 1 << 20))
    assert huge["weight"] == TensorInfo((1 << 20, 1 << 20), "float32")
