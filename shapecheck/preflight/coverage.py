"""What `load_state_dict` would do with a state dict: a comparison of names, shapes and dtypes, without weights."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shapecheck.model import built

from .tensors import StateDict, TensorInfo

if TYPE_CHECKING:
    from torch import nn

PREFIX = "module."  # what DataParallel and DistributedDataParallel put before the names of the module in them

# the two forms of weight_norm: as hooks (old), and as a parametrization (new), which takes over the tensors of the old
OLD_WEIGHT_NORM = ("weight_g", "weight_v")
NEW_WEIGHT_NORM = ("parametrizations.weight.original0", "parametrizations.weight.original1")


@dataclass(frozen=True, slots=True)
class Mismatch:
    name: str
    expected: TensorInfo
    found: TensorInfo


@dataclass(frozen=True, slots=True)
class Coverage:
    """What becomes of one component's tensors. Names are those of the module, with `module.` where it is wrapped."""

    component: str
    expected: int  # tensors of the module
    loaded: tuple[str, ...]
    missing: tuple[str, ...]  # expected and not found: these keep the values that they have
    unexpected: tuple[str, ...]  # found and not expected: these are not used
    mismatched: tuple[Mismatch, ...]  # of another shape: load_state_dict raises, strict or not
    not_tensors: tuple[str, ...]  # expected, and found as something else: likewise
    converted: tuple[Mismatch, ...]  # loaded, and of another dtype
    is_wrapped: bool  # names are expected with `module.`
    prefixed: int  # of the names found, how many have it
    fits_with_prefix_changed: int  # tensors that would be loaded if `module.` were added, or else taken away
    fits_with_weight_norm_changed: int  # tensors that would be loaded in the other form of weight_norm
    expected_weight_norm: str  # "", "old", "new", "mixed"
    found_weight_norm: str

    @property
    def raises(self) -> bool:
        """Whether `load_state_dict(strict=False)` raises RuntimeError."""
        return bool(self.mismatched or self.not_tensors)

    @property
    def raises_if_strict(self) -> bool:
        return bool(self.raises or self.missing or self.unexpected)


def expected_tensors(build: Callable[[], nn.Module]) -> dict[str, TensorInfo]:
    """The state dict of the module that `build` makes: on the meta device if it can be made there."""
    from torch import Tensor

    entries: dict[str, object] = dict(built(build).state_dict())
    return {
        name: TensorInfo(tuple(entry.shape), str(entry.dtype).removeprefix("torch."))
        for name, entry in entries.items()
        if isinstance(entry, Tensor)  # and no extra state
    }


def compare(
    component: str, expected: Mapping[str, TensorInfo], found: StateDict, *, is_wrapped: bool = False
) -> Coverage:
    """What `load_state_dict` does with `found`, for a module of these tensors, which may be in a DataParallel."""
    wanted = {PREFIX + name: info for name, info in expected.items()} if is_wrapped else dict(expected)
    names = _taken_over(wanted, found)
    loaded = [name for name, info in wanted.items() if name in names and _fits(info, found.tensors[names[name]])]
    pairs = {name: Mismatch(name, info, found.tensors[names[name]]) for name, info in wanted.items() if name in names}
    others = set(found.others)
    missing = [name for name in wanted if name not in names and name not in others and not _is_made_up(name, found)]
    used = {*names.values(), *wanted}
    others_expected = tuple(name for name in wanted if name in others)
    changed = _with_prefix_changed(found, is_wrapped)
    return Coverage(
        component=component,
        expected=len(wanted),
        loaded=tuple(loaded),
        missing=tuple(missing),
        unexpected=tuple(name for name in (*found.tensors, *found.others) if name not in used),
        mismatched=tuple(pair for name, pair in pairs.items() if name not in set(loaded)),
        not_tensors=others_expected,
        converted=tuple(pairs[name] for name in loaded if pairs[name].expected.dtype != pairs[name].found.dtype),
        is_wrapped=is_wrapped,
        prefixed=sum(name.startswith(PREFIX) for name in found.tensors),
        fits_with_prefix_changed=_fitting(wanted, changed),
        fits_with_weight_norm_changed=_fitting(wanted, _with_weight_norm_changed(found)),
        expected_weight_norm=_weight_norm(wanted),
        found_weight_norm=_weight_norm(found.tensors),
    )


def _taken_over(wanted: Mapping[str, TensorInfo], found: StateDict) -> dict[str, str]:
    """The name of the tensor that each wanted one is loaded from."""
    names = {name: name for name in wanted if name in found.tensors}
    for name in wanted:
        layer, is_new, index = name.rpartition(NEW_WEIGHT_NORM[0][:-1])
        if is_new and index in ("0", "1"):
            old = [layer + part for part in OLD_WEIGHT_NORM]
            if all(each in found.tensors for each in old):
                names[name] = old[int(index)]
    return names


def _fits(expected: TensorInfo, found: TensorInfo) -> bool:
    return expected.shape == found.shape or (expected.shape == () and found.shape == (1,))  # torch 0.3 had no scalars


def _is_made_up(name: str, found: StateDict) -> bool:
    """The counter of a BatchNorm of before version 2, or of a state dict without versions: 0, and not missing."""
    layer, is_counter, rest = name.rpartition("num_batches_tracked")
    return bool(is_counter) and not rest and found.versions.get(layer.removesuffix("."), 0) < 2


def _with_prefix_changed(found: StateDict, is_wrapped: bool) -> StateDict:
    if is_wrapped:
        return StateDict({PREFIX + name: info for name, info in found.tensors.items()})
    return StateDict({name.removeprefix(PREFIX): info for name, info in found.tensors.items()})


def _with_weight_norm_changed(found: StateDict) -> StateDict:
    tensors: dict[str, TensorInfo] = {}
    for name, info in found.tensors.items():
        for old, new in zip(OLD_WEIGHT_NORM, NEW_WEIGHT_NORM, strict=True):
            if name.endswith(old):
                name = name.removesuffix(old) + new
            elif name.endswith(new):
                name = name.removesuffix(new) + old
        tensors[name] = info
    return StateDict(tensors)


def _fitting(wanted: Mapping[str, TensorInfo], found: StateDict) -> int:
    return sum(name in found.tensors and _fits(info, found.tensors[name]) for name, info in wanted.items())


def _weight_norm(names: Iterable[str]) -> str:
    # spectral_norm has a weight_v, too, but no weight_g
    names = tuple(names)
    forms = [
        form
        for form, ending in (("old", OLD_WEIGHT_NORM[0]), ("new", NEW_WEIGHT_NORM[1]))
        if any(name.endswith(ending) for name in names)
    ]
    return "mixed" if len(forms) == 2 else "".join(forms)
