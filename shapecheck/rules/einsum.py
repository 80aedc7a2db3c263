"""torch.einsum with an explicit equation of single letters."""

from __future__ import annotations

from typing import Any

import torch

from shapecheck.lengths.swept import Int, is_plain, where
from shapecheck.rules.call import Call, NoRule
from shapecheck.tensor import SweptTensor, dims_of, make


def einsum(call: Call, equation: Any, *operands: Any) -> SweptTensor:
    if not isinstance(equation, str) or "." in equation or equation.count("->") != 1:
        raise NoRule
    tensors: list[torch.Tensor] = (
        list(operands[0]) if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else list(operands)
    )
    left, right = equation.replace(" ", "").split("->")
    terms = left.split(",")
    if len(terms) != len(tensors) or len({tensor.dtype for tensor in tensors}) != 1:
        raise NoRule
    if not tensors[0].dtype.is_floating_point or len(set(right)) != len(right) or set(right) - set(left):
        raise NoRule
    sizes: dict[str, Int] = {}
    for term, tensor in zip(terms, tensors, strict=True):
        dims = dims_of(tensor)
        if len(term) != len(dims) or len(set(term)) != len(term) or not term.isalpha():
            raise NoRule
        call.positive(*dims)
        for letter, size in zip(term, dims, strict=True):
            known = sizes.setdefault(letter, size)
            if known is size or (is_plain(known) and is_plain(size) and known == size):
                continue
            call.need((known == size) | (known == 1) | (size == 1))  # a size of 1 is broadcast
            sizes[letter] = where(known == 1, size, known)
    return make([sizes[letter] for letter in right], tensors[0].dtype, call.lazy_strides())


ROWS: dict[Any, Any] = {torch.einsum: einsum}
