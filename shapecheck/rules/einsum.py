"""torch.einsum with an explicit equation; an ellipsis stands for the same number of axes everywhere."""

from __future__ import annotations

import string
from typing import Any

import torch

from shapecheck.lengths.swept import Int, is_plain, where
from shapecheck.rules.call import Call, NoRule
from shapecheck.tensor import SweptTensor, dims_of, make


def einsum(call: Call, equation: Any, *operands: Any) -> SweptTensor:
    if not isinstance(equation, str) or equation.count("->") != 1:
        raise NoRule
    tensors: list[torch.Tensor] = (
        list(operands[0]) if len(operands) == 1 and isinstance(operands[0], (list, tuple)) else list(operands)
    )
    left, right = equation.replace(" ", "").split("->")
    terms = left.split(",")
    if "..." in left and len(terms) == len(tensors):
        spare = {
            len(dims_of(tensor)) - len(term.replace("...", "")) for term, tensor in zip(terms, tensors, strict=True)
        }
        unused = "".join(letter for letter in string.ascii_letters if letter not in equation)
        if len(spare) != 1 or not all("..." in term for term in (*terms, right)) or not 0 <= min(spare) <= len(unused):
            raise NoRule
        axes = unused[: min(spare)]
        terms, right = [term.replace("...", axes) for term in terms], right.replace("...", axes)
    if len(terms) != len(tensors) or len({tensor.dtype for tensor in tensors}) != 1:
        raise NoRule
    if not tensors[0].dtype.is_floating_point or len(set(right)) != len(right) or set(right) - set("".join(terms)):
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
