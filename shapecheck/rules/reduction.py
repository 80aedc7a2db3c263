"""Reductions: some axes go, or keep a size of 1. Their results are contiguous, whatever the layout of the argument.

Empty tensors are asked of PyTorch: some reductions have no value for them.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from shapecheck.rules.axes import axes_of, axis_of
from shapecheck.rules.call import Call, NoRule
from shapecheck.rules.values import carries
from shapecheck.tensor import Bounds, Dims, SweptTensor, dims_of, make

_NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim"}


def _named(args: tuple[Any, ...], named: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """Positional and keyword arguments by name; NoRule for any other."""
    if len(args) > len(names):
        raise NoRule
    given = {_NUMPY_NAMES.get(key, key): value for key, value in named.items() if key != "out" or value is not None}
    if set(given) - set(names) or set(names[: len(args)]) & set(given):
        raise NoRule
    return {**dict(zip(names, args, strict=False)), **given}


def _reduced(call: Call, input: torch.Tensor, dim: Any, keepdim: Any) -> Dims:
    """The sizes left when these axes go; all of them for None."""
    dims = dims_of(input)
    if type(keepdim) is not bool:
        raise NoRule
    call.positive(*dims)
    if dim is None:
        axes = list(range(len(dims)))
    else:
        axes = axes_of(dim, len(dims))
        if not axes:
            raise NoRule
    return tuple(1 if axis in axes else size for axis, size in enumerate(dims) if keepdim or axis not in axes)


def _made(dims: Dims, dtype: torch.dtype, source: torch.Tensor) -> SweptTensor:
    integer = not dtype.is_floating_point and not dtype.is_complex
    return make(dims, dtype, tainted=integer and carries(source))


def total(call: Call, input: torch.Tensor, *args: Any, **named: Any) -> SweptTensor:
    """sum and prod: integers become int64."""
    given = _named(args, named, ("dim", "keepdim", "dtype"))
    dtype = given.get("dtype")
    if dtype is None:
        exact = not input.dtype.is_floating_point and not input.dtype.is_complex
        dtype = torch.int64 if exact else input.dtype
    if isinstance(given.get("dim"), (tuple, list)) and call.function in (torch.prod, torch.Tensor.prod):
        raise NoRule
    return _made(_reduced(call, input, given.get("dim"), given.get("keepdim", False)), dtype, input)


def mean(call: Call, input: torch.Tensor, *args: Any, **named: Any) -> Any:
    given = _named(args, named, ("dim", "keepdim", "dtype"))
    dtype = given.get("dtype") or input.dtype
    if not dtype.is_floating_point and not dtype.is_complex:
        return call.refuse()  # "mean(): could not infer output dtype"
    return make(_reduced(call, input, given.get("dim"), given.get("keepdim", False)), dtype)


def deviation(call: Call, input: torch.Tensor, *args: Any, **named: Any) -> SweptTensor:
    """std and var, with `unbiased` as it was and with `correction`."""
    if args and isinstance(args[0], bool):  # x.std(unbiased)
        args = (None, *args)
    given = _named(args, named, ("dim", "unbiased", "keepdim", "correction"))
    if not input.dtype.is_floating_point:
        raise NoRule
    return make(_reduced(call, input, given.get("dim"), given.get("keepdim", False)), input.dtype)


def logsumexp(call: Call, input: torch.Tensor, dim: Any, keepdim: bool = False) -> SweptTensor:
    if not input.dtype.is_floating_point or dim is None:
        raise NoRule
    return make(_reduced(call, input, dim, keepdim), input.dtype)


def norm(call: Call, input: torch.Tensor, *args: Any, **named: Any) -> SweptTensor:
    """torch.norm and x.norm: of everything or over axes."""
    given = _named(args, named, ("p", "dim", "keepdim", "dtype"))
    order = given.get("p", "fro")
    if not input.dtype.is_floating_point or given.get("dtype") is not None or not isinstance(order, (int, float, str)):
        raise NoRule
    if isinstance(order, str) and order != "fro":
        raise NoRule
    if order in (float("inf"), float("-inf")):
        raise NoRule
    return make(_reduced(call, input, given.get("dim"), given.get("keepdim", False)), input.dtype)


def vector_norm(call: Call, input: torch.Tensor, *args: Any, **named: Any) -> SweptTensor:
    given = _named(args, named, ("ord", "dim", "keepdim", "dtype"))
    single = not isinstance(given.get("dim"), (tuple, list))
    if call.function is torch.linalg.norm and (
        not single or (given.get("dim") is None and given.get("ord") is not None)
    ):
        raise NoRule  # a matrix norm
    order = given.get("ord", 2)
    if (
        not input.dtype.is_floating_point
        or given.get("dtype") is not None
        or not isinstance(order, (int, float, type(None)))
    ):
        raise NoRule
    return make(_reduced(call, input, given.get("dim"), given.get("keepdim", False)), input.dtype)


def truth(call: Call, input: torch.Tensor, *args: Any, **named: Any) -> SweptTensor:
    """any and all: bool, and uint8 for uint8."""
    given = _named(args, named, ("dim", "keepdim"))
    if isinstance(given.get("dim"), (tuple, list)):
        raise NoRule
    dims = _reduced(call, input, given.get("dim"), given.get("keepdim", False))
    return make(dims, torch.uint8 if input.dtype == torch.uint8 else torch.bool)


def bound(call: Call, input: torch.Tensor, *args: Any, **named: Any) -> SweptTensor:
    """amax and amin."""
    given = _named(args, named, ("dim", "keepdim"))
    if input.dtype.is_complex:
        raise NoRule
    dim = given.get("dim")
    return _made(_reduced(call, input, None if dim == () else dim, given.get("keepdim", False)), input.dtype, input)


def selection(call: Call, input: torch.Tensor, *args: Any, **named: Any) -> Any:
    """max and min: of everything, or (values, indices) over one axis."""
    given = _named(args, named, ("dim", "keepdim"))
    if input.dtype.is_complex or isinstance(given.get("dim"), (tuple, list)):
        raise NoRule
    if "dim" not in given:
        if "keepdim" in given:
            raise NoRule
        return _made(_reduced(call, input, None, False), input.dtype, input)
    dims = _reduced(call, input, given["dim"], given.get("keepdim", False))
    name: str = call.function.__name__
    kind: Any = getattr(torch.return_types, name)
    return kind((_made(dims, input.dtype, input), _indices(dims, input, given["dim"])))


def position(call: Call, input: torch.Tensor, *args: Any, **named: Any) -> SweptTensor:
    """argmax and argmin."""
    given = _named(args, named, ("dim", "keepdim"))
    if input.dtype.is_complex or input.dtype == torch.bool or isinstance(given.get("dim"), (tuple, list)):
        raise NoRule
    dims = _reduced(call, input, given.get("dim"), given.get("keepdim", False))
    if given.get("dim") is None:
        return make(dims, torch.int64, tainted=carries(input))
    return _indices(dims, input, given["dim"])


def _indices(dims: Dims, input: torch.Tensor, dim: int) -> SweptTensor:
    own = dims_of(input)
    size = own[axis_of(dim, len(own))] if own else 1
    return make(dims, torch.int64, bounds=Bounds(0, size - 1, exact=False))


def normalize(
    call: Call, input: torch.Tensor, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Any = None
) -> SweptTensor:
    """F.normalize: divided by its norm over an axis."""
    if out is not None or not input.dtype.is_floating_point or type(p) not in (int, float) or abs(p) == float("inf"):
        raise NoRule
    _reduced(call, input, dim, True)
    return call.out(dims_of(input), input)


def _rows() -> dict[Any, Any]:
    rows: dict[Any, Any] = {
        F.normalize: normalize,
        torch.linalg.vector_norm: vector_norm,
        torch.linalg.norm: vector_norm,
    }
    for rule, names in (
        (total, "sum prod"), (mean, "mean"), (deviation, "std var"), (logsumexp, "logsumexp"), (norm, "norm"),
        (truth, "any all"), (bound, "amax amin"), (position, "argmax argmin"),
    ):  # fmt: skip
        for name in names.split():
            for owner in (torch, torch.Tensor):
                rows[getattr(owner, name)] = rule
    return rows


ROWS: dict[Any, Any] = _rows()
