"""Pointwise operations: broadcasting, type promotion, and the layout of the result."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from shapecheck.lengths.swept import Int, SweptInt, is_plain, where
from shapecheck.rules.call import Call, NoRule, frozen
from shapecheck.rules.iteration import OpenOrderError, iterated
from shapecheck.rules.preserved import preserved
from shapecheck.rules.reduction import selection
from shapecheck.rules.values import carries, integers, limits, spoil
from shapecheck.tensor import Dims, Strides, SweptTensor, dims_of, is_plainly_contiguous, make

# they write to expanded tensors, too
_WRITES_ANYWHERE = frozenset({"fill_", "zero_", "masked_fill_"})

# of their operands the second comes first in the memory layout of the result
_SWAPPED = frozenset({"rsub", "__rsub__"})


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
    if not dtype.is_floating_point and not dtype.is_complex and dtype not in (torch.bool, torch.int64):
        low, high = limits(dtype)
        for number in args:
            if type(number) is SweptInt and (not (number >= low) or not (number <= high)):
                raise NoRule  # a number that does not fit the dtype
    if getattr(call.function, "__name__", "") in _SWAPPED:
        tensors.reverse()
    result = make(dims, dtype, _layout(call, dims, tensors))
    if not dtype.is_floating_point and not dtype.is_complex:
        integers(call, result, args, kwargs)
    return result


def powers(call: Call, input: Any, exponent: Any, **named: Any) -> Any:
    if type(exponent) is SweptInt and not (exponent >= 0):
        raise NoRule  # "Integers to negative integer powers are not allowed."
    result: SweptTensor = pointwise(call, input, exponent, **named)
    if not isinstance(input, torch.Tensor):
        result._strides = None  # powers of a number are always contiguous
    return result


def reflected_powers(call: Call, exponent: torch.Tensor, base: Any) -> Any:
    return pointwise(call, exponent, base) if isinstance(base, torch.Tensor) else powers(call, base, exponent)


def extremum(call: Call, input: torch.Tensor, *args: Any, **named: Any) -> Any:
    """max and min: of two tensors elementwise, else over an axis or over everything."""
    if not args and set(named) == {"other"}:
        args = (named.pop("other"),)
    if args and isinstance(args[0], torch.Tensor):
        return pointwise(call, input, *args, **named)
    return selection(call, input, *args, **named)


def masked_fill(call: Call, input: torch.Tensor, *args: Any, **named: Any) -> Any:
    """The operands broadcast to a new tensor, which is always contiguous."""
    result: SweptTensor = pointwise(call, input, *args, **named)
    result._strides = None
    return result


def _layout(call: Call, dims: Dims, tensors: list[torch.Tensor]) -> Strides:
    """TensorIterator's choice: axes are ordered by the strides of the first operand that tells two of them apart."""
    if all(is_plainly_contiguous(tensor) for tensor in tensors):
        return None
    try:
        return iterated(dims, tensors)
    except OpenOrderError:
        return call.elementwise_strides(tensors, dims)


def in_place(call: Call, target: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
    """`x.add_(y)`, `x += y`, `x.masked_fill_(mask, 0)`: the others broadcast to x, which keeps its shape."""
    if kwargs.get("out") is not None:
        raise NoRule
    own = dims_of(target)
    others = [leaf for leaf in (*args, *kwargs.values()) if isinstance(leaf, torch.Tensor)]
    dims = broadcast(call, [own, *[dims_of(other) for other in others]])
    if len(dims) != len(own):
        return call.refuse()
    for size, wanted in zip(own, dims, strict=True):
        call.need_equal(size, wanted)
    if call.dtype_of_result() != target.dtype or any(type(leaf) is SweptInt for leaf in args):
        raise NoRule
    if getattr(call.function, "__name__", "") not in _WRITES_ANYWHERE:
        call.need_writable(target)
    if type(target) is SweptTensor:
        exact = not target.dtype.is_floating_point and not target.dtype.is_complex
        if carries(target) or (exact and any(carries(other) for other in others)):
            spoil(target)
    else:
        call.written.append(target)
    return target


def unary(call: Call, input: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
    """One tensor in, the same shape out; `inplace` as torch.nn.functional has it."""
    if any(isinstance(leaf, torch.Tensor) for leaf in (*args, *kwargs.values())):
        return pointwise(call, input, *args, **kwargs)
    dtype = call.dtype_of_result()
    if kwargs.get("inplace"):
        if type(input) is not SweptTensor:
            raise NoRule
        if call.function is not F.threshold:
            call.need_writable(input)
        return input
    result = call.out(dims_of(input), input, dtype)
    if not dtype.is_floating_point and not dtype.is_complex:
        integers(call, result, (input, *args), kwargs)
    return result


def contiguous_unary(call: Call, input: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
    """One tensor in, and a contiguous one of the same shape out."""
    if args or kwargs:
        raise NoRule
    return make(dims_of(input), call.dtype_of_result())


def angle(call: Call, input: torch.Tensor) -> Any:
    return contiguous_unary(call, input) if input.dtype.is_complex else unary(call, input)


def dropout(call: Call, input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    if not 0.0 <= p <= 1.0 or not input.dtype.is_floating_point:
        raise NoRule
    if inplace:
        if training and p > 0:
            call.need_writable(input)
        return input
    if not training:
        return input if type(input) is not SweptTensor else make(dims_of(input), input.dtype, frozen(input)._strides)
    return make(dims_of(input), input.dtype, preserved(input))


def dropout1d(call: Call, input: torch.Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Whole channels of a tensor of two or three axes."""
    call.need(len(dims_of(input)) in (2, 3))
    return dropout(call, input, p, training, inplace)


def softmax(call: Call, input: torch.Tensor, dim: Any = None, *args: Any, **kwargs: Any) -> SweptTensor:
    dims = dims_of(input)
    if args[1:] or kwargs.keys() - {"dtype", "_stacklevel"} or not input.dtype.is_floating_point:
        raise NoRule
    if not is_plain(dim) or not -len(dims) <= dim < len(dims):
        raise NoRule
    dtype = args[0] if args else kwargs.get("dtype")
    return make(dims, dtype if isinstance(dtype, torch.dtype) else input.dtype)


def cumulative(call: Call, input: torch.Tensor, dim: Any = None, **named: Any) -> SweptTensor:
    """cumsum and cumprod of a floating point tensor."""
    dims = dims_of(input)
    if set(named) or not is_plain(dim) or not -len(dims) <= dim < len(dims) or not input.dtype.is_floating_point:
        raise NoRule
    return make(dims, input.dtype)


# rows -------------------------------------------------------------------------------------------------------------

_nn: Any = torch._C._nn  # pyright: ignore[reportAttributeAccessIssue]

_BINARY = """
max min add sub subtract mul multiply div divide true_divide floor_divide remainder fmod pow maximum minimum
fmax fmin atan2 hypot eq ne lt le gt ge logical_and logical_or logical_xor bitwise_and bitwise_or bitwise_xor
where lerp addcmul addcdiv masked_fill clamp clip rsub copysign xlogy logaddexp isclose
""".split()  # noqa: SIM905  # a list of words reads best as words

_UNARY = """
abs absolute neg negative exp exp2 expm1 log log2 log10 log1p sqrt rsqrt sin cos tan asin acos atan
sinh cosh tanh sigmoid erf erfc floor ceil round trunc frac sign square reciprocal isnan isinf isfinite
logical_not bitwise_not relu angle nan_to_num rad2deg deg2rad logit bernoulli
""".split()  # noqa: SIM905  # a list of words reads best as words

_FUNCTIONAL_UNARY = """
relu leaky_relu gelu silu mish elu selu celu hardtanh hardswish hardsigmoid softplus logsigmoid
relu6 softsign tanhshrink softshrink hardshrink threshold
""".split()  # noqa: SIM905  # a list of words reads best as words

# PyTorch dispatches the other operators under the names of their methods
_DUNDER_BINARY = "rsub rtruediv floordiv rfloordiv rmod pow rpow eq and or xor ipow iand ior ixor".split()  # noqa: SIM905


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
        put(_nn, name, unary)
    for name in _DUNDER_BINARY:
        put(torch.Tensor, f"__{name}__", in_place if name.startswith("i") else pointwise)
    for name in ("max", "min"):
        put(torch, name, extremum)
        put(torch.Tensor, name, extremum)
    for name in ("pow", "__pow__"):
        put(torch, name, powers)
        put(torch.Tensor, name, powers)
    put(torch.Tensor, "__rpow__", reflected_powers)
    put(torch.Tensor, "pow_", in_place)
    put(torch, "masked_fill", masked_fill)
    put(torch.Tensor, "masked_fill", masked_fill)
    put(torch, "angle", angle)
    put(torch.Tensor, "angle", angle)
    put(F, "logsigmoid", contiguous_unary)
    put(_nn, "log_sigmoid", contiguous_unary)
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
    for name in ("dropout", "dropout2d", "alpha_dropout"):
        put(F, name, dropout)
    put(F, "dropout1d", dropout1d)
    return rows


ROWS: dict[Any, Any] = _rows()
