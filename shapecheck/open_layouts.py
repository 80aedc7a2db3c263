"""Tensors whose memory layout is not known, because the backend decides it: what can be asked of them nevertheless.

Invariant: a function that is asked with contiguous stand-ins for them accepts and returns the same sizes in any layout.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from shapecheck.layout import open_layout
from shapecheck.lengths.swept import Undecidable
from shapecheck.tensor import Lazy, SweptTensor, dims_of, has_loose_strides, make, strides_of
from shapecheck.trees import map_tree, tensors_of

# only the strides of their results depend on those of their arguments
_NAMES = """
    diff complex polar roll flip cumsum cumprod sort topk cat stack split chunk tensor_split narrow unfold fold
    index_select gather where masked_fill __getitem__ repeat repeat_interleave movedim pad interpolate grid_sample
    matmul bmm einsum linear conv1d conv2d conv3d conv_transpose1d conv_transpose2d conv_transpose3d
    scaled_dot_product_attention softmax glu batch_norm group_norm layer_norm instance_norm pixel_shuffle
    max_pool1d max_pool2d avg_pool1d avg_pool2d
    adaptive_avg_pool1d adaptive_avg_pool2d adaptive_max_pool1d adaptive_max_pool2d
"""
_OWNERS: tuple[Any, ...] = (torch, torch.Tensor, F)
_LOOKS_AT_NO_LAYOUT = frozenset(
    getattr(owner, name) for owner in _OWNERS for name in _NAMES.split() if hasattr(owner, name)
)


_COMPUTED = "the memory layout of what is computed from a tensor of unknown layout is not followed"


def laid_out(value: Any) -> Any:
    """A tensor of unknown layout as a contiguous one; anything else as it is."""
    if type(value) is not SweptTensor or not _is_open(value):
        return value
    twin = make(value._dims, value._dtype, values=value._values, bounds=value._bounds, tainted=value._tainted)
    twin._recipe, twin._source = value._recipe, value._source
    return twin


class StandIns:
    """The arguments of a function with every unknown layout contiguous, where the function looks at no layout."""

    def __init__(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.args, self.kwargs = args, kwargs
        self._originals: dict[int, torch.Tensor] = {}  # by stand-in, and themselves
        tensors = tensors_of((args, kwargs))
        is_open = function in _LOOKS_AT_NO_LAYOUT and any(map(_is_open, tensors))
        loose = [tensor for tensor in tensors if has_loose_strides(tensor)]
        if is_open or loose:
            self.args, self.kwargs = map_tree(self._stand_in, (args, kwargs)) if is_open else (args, kwargs)
            self._originals |= {id(tensor): tensor for tensor in tensors}
        # of a memory format, or of operands that differ, the layout of the result may rest on any stride
        self._opens = is_open or len(tensors) > 1 or any(len(dims_of(tensor)) > 3 for tensor in loose)

    def result(self, result: Any) -> Any:
        """What came out, of unknown layout wherever that of an argument was."""
        return map_tree(self._opened, result) if self._originals else result

    def _stand_in(self, value: Any) -> Any:
        twin = laid_out(value)
        if twin is not value:
            self._originals[id(twin)] = value
        return twin

    def _opened(self, value: Any) -> Any:
        if id(value) in self._originals:
            return self._originals[id(value)]
        if type(value) is SweptTensor:
            strides = strides_of(value)
            value._strides = (
                open_layout(_COMPUTED, is_dense=False) if self._opens else Lazy(lambda: strides, loose=True)
            )
        return value


def _is_open(value: Any) -> bool:
    if type(value) is not SweptTensor:
        return False
    try:
        strides_of(value)
    except Undecidable:
        return True
    return False


__all__ = ["StandIns", "laid_out"]
