"""Integer values through arithmetic: exact where all operands have them, or bounds, or a taint where neither is known.

Integers wrap as those of their dtype do, and torch's `//` and `%` round to minus infinity, as Python's.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from shapecheck.lengths.swept import SweptBool, SweptInt, is_plain, maximum, minimum, where
from shapecheck.rules.call import Call, NoRule
from shapecheck.tensor import LARGEST_VALUES, Bounds, SweptTensor, known_values

_SHARED = "_shapecheck_shared"  # the tensors in the memory of a tensor


def carries(tensor: torch.Tensor) -> bool:
    """Whether anything is known, or suspected, of the values of a tensor."""
    if type(tensor) is not SweptTensor:
        return False
    return tensor._values is not None or tensor._bounds is not None or tensor._tainted


def shares(result: SweptTensor, source: torch.Tensor) -> SweptTensor:
    """Note that both are in the same memory: integers that change in one of them change in the other."""
    if type(source) is SweptTensor and not source._dtype.is_floating_point and not source._dtype.is_complex:
        together: list[SweptTensor] = vars(source).setdefault(_SHARED, [source])
        together.append(result)
        vars(result)[_SHARED] = together
    return result


def spoil(target: SweptTensor) -> None:
    """Integer values were overwritten: what was known of them is gone, in every tensor in the same memory."""
    for tensor in target.__dict__.get(_SHARED, [target]):
        tensor._values, tensor._bounds, tensor._tainted = None, None, True


def integers(call: Call, result: SweptTensor, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """Values, bounds or the taint of an integer result of a pointwise operation."""
    tensors = [leaf for leaf in (*args, *kwargs.values()) if isinstance(leaf, torch.Tensor)]
    if not any(carries(tensor) for tensor in tensors):
        return
    name: str = getattr(call.function, "__name__", "")
    if all(known_values(tensor) is not None for tensor in tensors) and not kwargs.keys() - {"rounding_mode"}:
        values = _computed(call, name, result, args, kwargs.get("rounding_mode"))
        if values is not None:
            result._values = values
            return
    if result.dtype == torch.bool:
        return  # never an index into anything but by its data, which is asked for and not there
    bounds = None if kwargs else _shifted(name, args)
    if bounds is not None and result.dtype == torch.int64:
        result._bounds = bounds
    else:
        result._tainted = True


def limits(dtype: torch.dtype) -> tuple[int, int]:
    """The smallest and the largest value of an integer dtype."""
    if dtype == torch.bool:
        return 0, 1
    info = torch.iinfo(dtype)
    return info.min, info.max


def wrapped(value: Any, dtype: torch.dtype) -> Any:
    """An integer as a conversion to `dtype` gives it: for bool whether it is not 0, else modulo 2**bits."""
    if dtype == torch.bool:
        return value if type(value) in (bool, SweptBool) else value != 0
    if type(value) is SweptBool:
        value = value.as_int()
    if dtype == torch.int64:  # 2**61 is the engine's own limit
        return int(value) if type(value) is bool else value
    low, high = limits(dtype)
    if is_plain(value):
        return (int(value) - low) % (high - low + 1) + low
    if dtype == torch.int32 and int(value.values.min()) >= -(2**31) and int(value.values.max()) < 2**31:
        return value
    return (value - low) % (high - low + 1) + low


def converted(values: Any, dtype: torch.dtype) -> Any:
    """All values of an object array in another integer dtype."""
    result = np.empty(values.shape, dtype=object)
    for index in np.ndindex(values.shape):
        result[index] = wrapped(values[index], dtype)
    return result


def _computed(call: Call, name: str, result: SweptTensor, args: tuple[Any, ...], rounding_mode: str | None) -> Any:
    """The values as an object array; None where they are not followed."""
    operation = _OPERATIONS.get(name)
    if name in ("div", "divide"):
        operation = operator.floordiv if rounding_mode == "floor" else None
    if operation is None or not all(is_plain(size) for size in result._dims):
        return None
    if int(np.prod([int(size) for size in result._dims])) > LARGEST_VALUES or not all(map(_is_exact, args)):
        return None
    operands = [_boxed(known_values(arg) if isinstance(arg, torch.Tensor) else arg) for arg in args]
    if result.dtype == torch.bool and name not in _COMPARISONS:
        return None  # the sum of two booleans is their disjunction, and so on
    if operation in (operator.floordiv, operator.mod, _swapped_floordiv, _swapped_mod):
        divisor = operands[0] if operation in (_swapped_floordiv, _swapped_mod) else operands[1]
        for value in divisor.flat:
            if not (value != 0):  # splits: what division by zero does is asked of PyTorch
                raise NoRule
    return converted(_boxed(np.frompyfunc(operation, len(operands), 1)(*operands)), result.dtype)


def _is_exact(operand: Any) -> bool:
    return isinstance(operand, (torch.Tensor, bool)) or is_plain(operand) or type(operand) in (SweptInt, SweptBool)


def _boxed(value: Any) -> Any:
    """A value, or an array of them, as an object array of integers."""
    values = value if isinstance(value, np.ndarray) else np.empty((), dtype=object)
    if values is not value:
        values[()] = value
    if any(type(item) is SweptBool for item in values.flat):
        return converted(values, torch.int64)
    return values


def _shifted(name: str, args: tuple[Any, ...]) -> Bounds | None:
    """Bounds after adding or subtracting a number."""
    if len(args) != 2 or name not in ("add", "__add__", "__radd__", "sub", "__sub__"):
        return None
    left, right = args
    if isinstance(right, torch.Tensor) and not isinstance(left, torch.Tensor) and "sub" not in name:
        left, right = right, left
    if type(left) is not SweptTensor or left._bounds is None or left.dtype != torch.int64:
        return None
    if isinstance(right, torch.Tensor) or not (is_plain(right) or type(right) is SweptInt):
        return None
    shift: Any = -right if "sub" in name else right
    return Bounds(left._bounds.low + shift, left._bounds.high + shift, left._bounds.exact)


def _swapped_floordiv(left: Any, right: Any) -> Any:
    return right // left


def _swapped_mod(left: Any, right: Any) -> Any:
    return right % left


def _swapped_sub(left: Any, right: Any) -> Any:
    return right - left


def _absolute(value: Any) -> Any:
    return maximum(value, -value)


def _sign(value: Any) -> Any:
    return where(value > 0, 1, where(value < 0, -1, 0))


_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    name: function
    for key, function in (
        ("eq", operator.eq), ("ne", operator.ne), ("lt", operator.lt),
        ("le", operator.le), ("gt", operator.gt), ("ge", operator.ge),
    )
    for name in (key, f"__{key}__")
}  # fmt: skip

_OPERATIONS: dict[str, Callable[..., Any]] = {
    **_COMPARISONS,
    **dict.fromkeys(("add", "__add__", "__radd__"), operator.add),
    **dict.fromkeys(("sub", "subtract", "__sub__"), operator.sub),
    **dict.fromkeys(("rsub", "__rsub__"), _swapped_sub),
    **dict.fromkeys(("mul", "multiply", "__mul__", "__rmul__"), operator.mul),
    **dict.fromkeys(("floor_divide", "__floordiv__"), operator.floordiv),
    **dict.fromkeys(("remainder", "__mod__"), operator.mod),
    "__rfloordiv__": _swapped_floordiv,
    "__rmod__": _swapped_mod,
    **dict.fromkeys(("neg", "negative", "__neg__"), operator.neg),
    **dict.fromkeys(("abs", "__abs__", "absolute"), _absolute),
    **dict.fromkeys(("max", "maximum"), maximum),
    **dict.fromkeys(("min", "minimum"), minimum),
    "sign": _sign,
    "square": lambda value: value * value,
}

__all__ = ["carries", "converted", "integers", "limits", "shares", "spoil", "wrapped"]
