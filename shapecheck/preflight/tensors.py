"""What a checkpoint says of its tensors: values without data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


class Unreadable(Exception):
    """Why a file is no checkpoint that can be read; whoever knows the file's name makes a UsageError of it."""


@dataclass(frozen=True, slots=True)
class TensorInfo:
    shape: tuple[int, ...]
    dtype: str  # torch's own name without "torch.": "float32"


@dataclass(frozen=True, slots=True)
class StateDict:
    """The tensors of one module by name, as `load_state_dict` gets them."""

    tensors: Mapping[str, TensorInfo]
    others: tuple[str, ...] = ()  # names of entries that are no tensors
    versions: Mapping[str, int] = field(default_factory=dict[str, int])  # of submodules, as `_metadata` has them
