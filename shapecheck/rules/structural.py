"""What is not arithmetic on shapes: devices, dtypes, values of small integer tensors, and properties of tensors.

These rows are always on: there is nothing to ask PyTorch, for no device is touched and no data exists.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from shapecheck.lengths.swept import SweptBool, Undecidable, is_plain, maximum, minimum
from shapecheck.rules.preserved import preserved
from shapecheck.rules.values import carries, converted, limits, shares
from shapecheck.tensor import Bounds, SweptTensor, make

_torch: Any = torch  # its stubs leave out some functions

Row = Callable[[Any, tuple[Any, ...], dict[str, Any]], Any]

_TORCH: Any = torch  # whose stubs leave out what has a leading underscore


def _same(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Moves between devices, and what concerns gradients only: the tensor itself."""
    return args[0]


def _alias(tensor: SweptTensor) -> SweptTensor:
    """Another tensor in the same memory."""
    result = make(
        tensor._dims,
        tensor._dtype,
        tensor._strides,
        values=tensor._values,
        bounds=tensor._bounds,
        tainted=tensor._tainted,
    )
    result._copy_of = tensor
    return shares(result, tensor)


def _converted(tensor: SweptTensor, dtype: torch.dtype) -> SweptTensor:
    """A dense tensor of its own in another dtype; integers stay known, wrapped as the dtype wraps them."""
    result = make(tensor._dims, dtype, preserved(tensor))
    result._copy_of = tensor
    if dtype.is_floating_point or dtype.is_complex:
        result._tainted = carries(tensor)
        return result
    integer = not tensor._dtype.is_floating_point and not tensor._dtype.is_complex
    if integer and tensor._values is not None:
        result._values = converted(tensor._values, dtype)
    elif (
        integer and tensor._bounds is not None and dtype in (torch.int64, torch.int32) and _fits(tensor._bounds, dtype)
    ):
        result._bounds = tensor._bounds
    else:
        result._tainted = carries(tensor)
    return result


def _fits(bounds: Bounds, dtype: torch.dtype) -> bool:
    """Whether values in these bounds survive the conversion."""
    low, high = limits(dtype)
    ends = [(end, end) if is_plain(end) else (end.values.min(), end.values.max()) for end in (bounds.low, bounds.high)]
    return all(low <= smallest and largest <= high for smallest, largest in ends)


def _positive(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`+x` is x itself; PyTorch refuses booleans."""
    return args[0] if args and args[0].dtype != torch.bool else NotImplemented


def _detach(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return _alias(args[0]) if type(args[0]) is SweptTensor else NotImplemented


def _convert(tensor: Any, dtype: torch.dtype | None) -> Any:
    if type(tensor) is not SweptTensor:
        return tensor if dtype is None or dtype == tensor.dtype else NotImplemented
    if dtype is None or dtype == tensor._dtype:
        return tensor
    return _converted(tensor, dtype)


def _to(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """`x.to(device)`, `x.to(dtype)`, `x.to(other)`: only the dtype matters."""
    dtype: torch.dtype | None = None
    if kwargs.get("copy") or kwargs.get("memory_format") not in (None, torch.preserve_format):
        raise Undecidable("Tensor.to with copy or memory_format")
    for arg in (*args[1:], *kwargs.values()):
        if isinstance(arg, torch.dtype):
            dtype = arg
        elif isinstance(arg, torch.Tensor):
            dtype = arg.dtype
    if type(args[0]) is not SweptTensor:
        return args[0] if dtype is None or dtype == args[0].dtype else args[0].to(dtype)
    return _convert(args[0], dtype)


def _type(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    tensor: Any = args[0]
    wanted: Any = args[1] if len(args) > 1 else kwargs.get("dtype")
    if not isinstance(wanted, torch.dtype):
        return NotImplemented if type(tensor) is not SweptTensor else _unfollowed("Tensor.type with a name")
    return _convert(tensor, wanted)


def _type_as(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if type(args[0]) is not SweptTensor and args[0].dtype != args[1].dtype:
        return args[0].to(args[1].dtype)
    return _convert(args[0], args[1].dtype)


def _cast(dtype: torch.dtype) -> Row:
    def row(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return _convert(args[0], dtype)

    return row


def _unfollowed(what: str) -> Any:
    raise Undecidable(f"{what} cannot be followed")


def _single(tensor: SweptTensor, what: str) -> Any:
    if tensor._values is None or tensor._values.size != 1:
        raise Undecidable(f"{what} needs the values of a tensor")
    return tensor._values.reshape(-1)[0]


def _plain_bool(value: Any) -> Any:
    return bool(value) if type(value) is SweptBool else value  # code gets a real bool


def _item(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if type(args[0]) is not SweptTensor:
        return NotImplemented
    return _plain_bool(_single(args[0], function.__name__))


def _python(kind: Callable[[Any], Any]) -> Row:
    """`int(x)`, `bool(x)`, `float(x)`, and x as an index."""

    def row(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if type(args[0]) is not SweptTensor:
            return NotImplemented
        return kind(_single(args[0], function.__name__))

    return row


def _tolist(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if type(args[0]) is not SweptTensor:
        return NotImplemented
    values = args[0]._values
    if values is None:
        raise Undecidable("tolist needs the values of a tensor")
    return values.tolist()


def _numpy(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if type(args[0]) is not SweptTensor:
        return NotImplemented
    if args[0]._values is None:
        raise Undecidable("numpy() needs the values of a tensor")
    array = args[0]._values.copy()
    array.flags.writeable = False  # eager's shares the tensor's memory
    return array


def _reduced(combine: Callable[[Any, Any], Any]) -> Row:
    """max, min and sum over all of a small integer tensor whose values are known."""

    def row(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        tensor = args[0]
        if type(tensor) is not SweptTensor or len(args) != 1 or kwargs or tensor._values is None:
            return NotImplemented
        if tensor._values.size == 0 or tensor._dtype == torch.bool:
            return NotImplemented
        values = list(tensor._values.reshape(-1))
        result: Any = values[0]
        for value in values[1:]:
            result = combine(result, value)
        box = np.empty((), dtype=object)
        box[()] = result
        dtype = torch.int64 if function.__name__ == "sum" else tensor._dtype
        return make((), dtype, values=box)

    return row


def _sort(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """A small one-dimensional tensor of known values: sorted by comparisons that hold for each length."""
    tensor = args[0]
    if type(tensor) is not SweptTensor or tensor._values is None or tensor._values.ndim != 1 or len(args) > 1:
        return NotImplemented
    if set(kwargs) - {"descending", "dim", "stable"} or tensor._dtype == torch.bool or tensor._values.size > 16:
        return NotImplemented
    values = tensor._values.copy()
    if all(value is values[0] for value in values):  # the CPU's sort keeps the order of what is equal
        return torch.return_types.sort((make(tensor._dims, tensor._dtype, values=values), _positions(len(values))))
    first, second = (maximum, minimum) if kwargs.get("descending") else (minimum, maximum)
    for last in range(len(values) - 1, 0, -1):
        for i in range(last):
            values[i], values[i + 1] = first(values[i], values[i + 1]), second(values[i], values[i + 1])
    indices = make(tensor._dims, torch.int64)  # which element went where is not known
    return torch.return_types.sort((make(tensor._dims, tensor._dtype, values=values), indices))


def _positions(count: int) -> SweptTensor:
    """0, 1, ... as a tensor."""
    values = np.empty(count, dtype=object)
    values[:] = list(range(count))
    return make((count,), torch.int64, values=values)


def _refuse_storage(function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if type(args[0]) is not SweptTensor:
        return NotImplemented
    raise Undecidable(f"{function.__name__} reads the storage of a tensor")


def _refuse_values(function: Any, args: tuple[Any, ...], _kwargs: dict[str, Any]) -> Any:
    if type(args[0]) is SweptTensor:
        raise Undecidable(f"{function.__name__} needs the values of a tensor")
    return NotImplemented


def _rows() -> dict[Any, Row]:
    tensor = torch.Tensor
    rows: dict[Any, Row] = {tensor.to: _to, tensor.type: _type, tensor.type_as: _type_as}
    for name in ("cpu", "cuda", "pin_memory", "retain_grad", "resolve_conj", "resolve_neg"):
        rows[getattr(tensor, name)] = _same
    rows[tensor.detach] = rows[tensor.detach_] = rows[torch.detach] = _detach
    rows[torch.positive] = rows[tensor.positive] = rows[tensor.__pos__] = _positive
    casts = {"float": torch.float32, "double": torch.float64, "half": torch.float16, "bfloat16": torch.bfloat16}
    casts |= {"long": torch.int64, "int": torch.int32, "short": torch.int16, "char": torch.int8, "byte": torch.uint8}
    casts |= {"bool": torch.bool}
    for name, dtype in casts.items():
        rows[getattr(tensor, name)] = _cast(dtype)
    rows[torch.sort] = rows[tensor.sort] = _sort
    rows[tensor.item] = _item
    rows[tensor.__bool__] = _python(bool)
    rows[tensor.__int__] = _python(int)
    rows[tensor.__index__] = _python(int)
    rows[tensor.__float__] = _python(float)
    rows[tensor.tolist] = _tolist
    rows[tensor.numpy] = _numpy
    for owner in (torch, tensor):
        rows[owner.max] = _reduced(maximum)
        rows[owner.min] = _reduced(minimum)
        rows[owner.sum] = _reduced(lambda a, b: a + b)
        rows[owner.amax] = _reduced(maximum)
        rows[owner.amin] = _reduced(minimum)
    for name in (
        "untyped_storage",
        "data_ptr",
        "as_strided",
        "as_strided_",
        "set_",
        "resize_",
        "backward",
        "register_hook",
    ):
        rows[getattr(tensor, name)] = _refuse_storage
    rows[torch.as_strided] = _refuse_storage
    rows[_TORCH._assert_async] = _refuse_values
    for name in ("__array__", "__dlpack__", "numpy_T", "__contains__", "__reversed__", "share_memory_"):
        if hasattr(tensor, name):
            rows[getattr(tensor, name)] = _refuse_storage
    return rows


STRUCTURAL: dict[Any, Row] = _rows()

# `x.unsqueeze_(0)`: x itself takes the shape of `x.unsqueeze(0)`
IN_PLACE_FORMS: dict[Any, Any] = {
    getattr(torch.Tensor, name + "_"): getattr(torch.Tensor, name)
    for name in ("unsqueeze", "squeeze", "transpose", "t", "swapaxes", "swapdims")
}

# their results are random, so what is decided by them is unknown
RANDOM: frozenset[Any] = frozenset(
    function
    for owner, names in (
        (torch, "rand randn randint randperm normal bernoulli multinomial poisson rand_like randn_like randint_like"),
        (
            torch.Tensor,
            "normal_ uniform_ random_ bernoulli_ exponential_ geometric_ cauchy_ log_normal_ bernoulli multinomial",
        ),
    )
    for name in names.split()
    if (function := getattr(owner, name, None)) is not None
)

__all__ = ["IN_PLACE_FORMS", "RANDOM", "STRUCTURAL"]
