"""Pointwise operations: broadcasting, type promotion, and what becomes of known integer values."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from shapecheck.lengths.swept import Int, SweptBool, SweptInt, is_plain, maximum, minimum, where
from shapecheck.rules.call import Call, NoRule
from shapecheck.tensor import (
    LARGEST_VALUES,
    Bounds,
    Dims,
    Strides,
    SweptTensor,
    dims_of,
    is_surely_contiguous,
    known_values,
    make,
    order_of,
    ordered,
)


def broadcast(call: Call, shapes: list[Dims]) -> Dims:
    """The joint shape; sizes must agree or be 1."""
    rank = max(len(shape) for shape in shapes)
    result: list[Int] = []
    for axis in range(-rank, 0):
        size: Int = 1
        for shape in shapes:
            if len(shape) < -axis:
                continue
            other = shape[axis]
            if other is size or (is_plain(other) and other == 1):
                continue
            if is_plain(size) and size == 1:
                size = other
            elif is_plain(size) and is_plain(other):
                if size != other:
                    call.need(False)
            else:
                call.need((size == other) | (size == 1) | (other == 1))
                size = where(size == 1, other, size)
        result.append(size)
    return tuple(result)


def pointwise(call: Call, *args: Any, **kwargs: Any) -> Any:
    """Any operation that broadcasts all its tensor arguments."""
    if kwargs.get("out") is not None:
        raise NoRule
    tensors = [leaf for leaf in (*args, *kwargs.values()) if isinstance(leaf, torch.Tensor)]
    dims = broadcast(call, [dims_of(tensor) for tensor in tensors])
    dtype = call.dtype_of_result()
    result = make(dims, dtype, _layout(call, dims, tensors))
    if not dtype.is_floating_point and not dtype.is_complex:
        _integers(call, result, args, kwargs, tensors)
    return result


def _layout(call: Call, dims: Dims, tensors: list[torch.Tensor]) -> Strides:
    """TensorIterator's choice: axes are ordered by the strides of the first operand that tells two of them apart."""
    if all(is_surely_contiguous(tensor) for tensor in tensors):
        return None
    for tensor in tensors:
        own = dims_of(tensor)
        if len(own) == len(dims) and all(_same(a, b) for a, b in zip(own, dims, strict=True)):
            order = order_of(tensor)
            return call.lazy_strides() if order is None else ordered(dims, order)
        if sum(1 for size in own if not (is_plain(size) and size == 1)) > 1:
            break  # a broadcast operand with an order of its own
    return call.lazy_strides()


def _same(left: Int, right: Int) -> bool:
    return left is right or (is_plain(left) and is_plain(right) and left == right)


def in_place(call: Call, target: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
    """`x.add_(y)`, `x += y`, `x.masked_fill_(mask, 0)`: the others broadcast to x, which keeps its shape."""
    if kwargs.get("out") is not None:
        raise NoRule
    own = dims_of(target)
    others = [leaf for leaf in (*args, *kwargs.values()) if isinstance(leaf, torch.Tensor)]
    dims = broadcast(call, [own, *[dims_of(other) for other in others]])
    if len(dims) != len(own):
        call.need(False)
    else:
        for size, wanted in zip(own, dims, strict=True):
            call.need_equal(size, wanted)
    if call.dtype_of_result() != target.dtype:
        raise NoRule
    if type(target) is SweptTensor:
        if _carries(target) or (not target.dtype.is_floating_point and any(_carries(other) for other in others)):
            target._values, target._bounds, target._tainted = None, None, True
    else:
        call.written.append(target)
    return target


def unary(call: Call, input: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
    """One tensor in, the same shape out; `inplace` as torch.nn.functional has it."""
    if any(isinstance(leaf, torch.Tensor) for leaf in (*args, *kwargs.values())):
        return pointwise(call, input, *args, **kwargs)
    dtype = call.dtype_of_result()
    if kwargs.get("inplace") and type(input) is not SweptTensor:
        raise NoRule
    if kwargs.get("inplace"):
        return input
    result = call.out(dims_of(input), input, dtype)
    if not dtype.is_floating_point and not dtype.is_complex:
        _integers(call, result, (input, *args), kwargs, [input])
    return result


def dropout(
    call: Call, input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False
) -> Any:
    if not 0.0 <= p <= 1.0 or not input.dtype.is_floating_point:
        raise NoRule
    if not training or inplace:
        return input if inplace or type(input) is not SweptTensor else _alias(input)
    return call.out(dims_of(input), input)


def softmax(call: Call, input: torch.Tensor, dim: Any = None, *args: Any, **kwargs: Any) -> SweptTensor:
    dims = dims_of(input)
    if not is_plain(dim) or not -len(dims) <= dim < len(dims) or not input.dtype.is_floating_point:
        raise NoRule
    dtype = kwargs.get("dtype")
    return make(dims, dtype if isinstance(dtype, torch.dtype) else input.dtype)


def cumulative(call: Call, input: torch.Tensor, dim: Any = None, **named: Any) -> SweptTensor:
    """cumsum and cumprod of a floating point tensor."""
    dims = dims_of(input)
    if set(named) or not is_plain(dim) or not -len(dims) <= dim < len(dims) or not input.dtype.is_floating_point:
        raise NoRule
    return make(dims, input.dtype)


def _alias(tensor: SweptTensor) -> SweptTensor:
    return make(
        tensor._dims,
        tensor._dtype,
        tensor._strides,
        values=tensor._values,
        bounds=tensor._bounds,
        tainted=tensor._tainted,
    )


# integer values ---------------------------------------------------------------------------------------------------


def _floor_divide(left: Any, right: Any) -> Any:
    return left // right


def _trunc_or_floor(left: Any, right: Any, *, rounding_mode: str | None = None) -> Any:
    if rounding_mode != "floor":
        raise NoRule
    return left // right


_VALUES: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "__add__": operator.add,
    "__radd__": lambda a, b: b + a,
    "sub": operator.sub,
    "__sub__": operator.sub,
    "__rsub__": lambda a, b: b - a,
    "mul": operator.mul,
    "__mul__": operator.mul,
    "__rmul__": operator.mul,
    "floor_divide": _floor_divide,
    "__floordiv__": _floor_divide,
    "div": _trunc_or_floor,
    "remainder": operator.mod,
    "__mod__": operator.mod,
    "neg": operator.neg,
    "__neg__": operator.neg,
    "maximum": maximum,
    "minimum": minimum,
    "eq": operator.eq,
    "__eq__": operator.eq,
    "ne": operator.ne,
    "__ne__": operator.ne,
    "lt": operator.lt,
    "__lt__": operator.lt,
    "le": operator.le,
    "__le__": operator.le,
    "gt": operator.gt,
    "__gt__": operator.gt,
    "ge": operator.ge,
    "__ge__": operator.ge,
}


def _carries(tensor: torch.Tensor) -> bool:
    if type(tensor) is not SweptTensor:
        return False
    return tensor._values is not None or tensor._bounds is not None or tensor._tainted


def _integers(
    call: Call, result: SweptTensor, args: tuple[Any, ...], kwargs: dict[str, Any], tensors: list[torch.Tensor]
) -> None:
    """Values, bounds or the taint of an integer result."""
    if not any(_carries(tensor) for tensor in tensors):
        return
    name: str = getattr(call.function, "__name__", "")
    operation = _VALUES.get(name)
    if operation is not None and all(known_values(tensor) is not None for tensor in tensors):
        if all(is_plain(size) for size in result._dims) and int(np.prod(result._dims)) <= LARGEST_VALUES:
            operands = [known_values(arg) if isinstance(arg, torch.Tensor) else arg for arg in args]
            if "alpha" not in kwargs and all(_exact(operand) for operand in operands):
                arrays = [np.asarray(operand, dtype=object) if not isinstance(operand, np.ndarray) else operand for operand in map(_boxed, operands)]
                result._values = np.frompyfunc(operation, len(arrays), 1)(*arrays, **_mode(kwargs))
                if not isinstance(result._values, np.ndarray):  # pyright: ignore[reportUnnecessaryIsInstance]
                    result._values = _boxed(result._values)
                return
    if result.dtype == torch.bool:
        return  # never an index into anything but by its data, which is asked for and not there
    bounds = _shifted_bounds(name, args)
    if bounds is not None:
        result._bounds = bounds
    else:
        result._tainted = True


def _mode(kwargs: dict[str, Any]) -> dict[str, Any]:
    if not kwargs:
        return {}
    raise NoRule


def _exact(operand: Any) -> bool:
    return isinstance(operand, (np.ndarray, bool, SweptBool)) or is_plain(operand) or type(operand) is SweptInt


def _boxed(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value  # pyright: ignore[reportUnknownVariableType]
    box = np.empty((), dtype=object)
    box[()] = value
    return box


def _shifted_bounds(name: str, args: tuple[Any, ...]) -> Bounds | None:
    """Bounds after adding or subtracting a number."""
    if len(args) != 2 or name not in ("add", "__add__", "__radd__", "sub", "__sub__"):
        return None
    left, right = args
    if isinstance(right, torch.Tensor) and not isinstance(left, torch.Tensor):
        if name == "sub" or name == "__sub__":
            return None
        left, right = right, left
    if type(left) is not SweptTensor or left._bounds is None or isinstance(right, torch.Tensor):
        return None
    if not (is_plain(right) or type(right) is SweptInt):
        return None
    bounds = left._bounds
    shift: Any = -right if "sub" in name else right
    return Bounds(bounds.low + shift, bounds.high + shift, bounds.exact)


# rows -------------------------------------------------------------------------------------------------------------

_BINARY = """max min add sub subtract mul multiply div divide true_divide floor_divide remainder fmod pow maximum minimum fmax fmin atan2 hypot
eq ne lt le gt ge logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor where lerp addcmul addcdiv
masked_fill clamp clip rsub copysign xlogy logaddexp isclose""".split()

_UNARY = """abs absolute neg negative positive exp exp2 expm1 log log2 log10 log1p sqrt rsqrt sin cos tan asin acos atan sinh cosh tanh sigmoid erf erfc
floor ceil round trunc frac sign square reciprocal isnan isinf isfinite logical_not bitwise_not relu angle nan_to_num
rad2deg deg2rad logit bernoulli""".split()

_FUNCTIONAL_UNARY = """relu leaky_relu gelu silu mish elu selu celu sigmoid tanh hardtanh hardswish hardsigmoid softplus
logsigmoid relu6 softsign tanhshrink softshrink hardshrink threshold""".split()

_DUNDER_BINARY = """add radd sub rsub mul rmul truediv rtruediv floordiv mod pow rpow eq ne lt le gt ge and or xor
iadd isub imul itruediv ifloordiv imod ipow iand ior ixor""".split()


def _rows() -> dict[Any, Any]:
    rows: dict[Any, Any] = {}

    def put(owner: Any, name: str, rule: Any) -> None:
        function = getattr(owner, name, None)
        if function is not None:
            rows[function] = rule

    for name in _BINARY:
        put(torch, name, pointwise)
        put(torch.Tensor, name, pointwise)
        put(torch.Tensor, name + "_", in_place)
    for name in _UNARY:
        put(torch, name, unary)
        put(torch.Tensor, name, unary)
        put(torch.Tensor, name + "_", in_place)
        put(torch, name + "_", in_place)
    for name in _FUNCTIONAL_UNARY:
        put(F, name, unary)
        put(torch._C._nn, name, unary)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownArgumentType]
    for name in _DUNDER_BINARY:
        put(torch.Tensor, f"__{name}__", in_place if name.startswith("i") else pointwise)
    put(torch.Tensor, "__neg__", unary)
    put(torch.Tensor, "__invert__", unary)
    put(torch.Tensor, "__abs__", unary)
    put(torch.Tensor, "masked_fill_", in_place)
    put(torch.Tensor, "copy_", in_place)
    put(torch.Tensor, "zero_", in_place)
    put(torch.Tensor, "fill_", in_place)
    for owner, name in ((F, "softmax"), (F, "log_softmax"), (torch, "softmax"), (torch, "log_softmax")):
        put(owner, name, softmax)
    put(torch.Tensor, "softmax", softmax)
    put(torch.Tensor, "log_softmax", softmax)
    for name in ("cumsum", "cumprod"):
        put(torch, name, cumulative)
        put(torch.Tensor, name, cumulative)
    for owner, name in ((F, "dropout"), (F, "dropout1d"), (F, "dropout2d"), (F, "alpha_dropout")):
        put(owner, name, dropout)
    return rows


ROWS: dict[Any, Any] = _rows()
