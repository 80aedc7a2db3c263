"""One operation executed by PyTorch at one length: on meta tensors for its shapes, on the CPU for its truth.

Meta kernels compute nothing, and refuse what needs data; but some accept what the CPU refuses, or lay results out
otherwise. Invariant: what this module reports at a length is what eager PyTorch does there, or Undecidable.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch

from shapecheck.lengths.swept import Undecidable, at, is_plain
from shapecheck.open_layouts import laid_out
from shapecheck.tensor import LARGEST_VALUES, SweptTensor, dims_of, is_plainly_contiguous, listed, strides_of
from shapecheck.trees import is_mapping, is_sequence, kind_of, leaves, map_tree, tensors_of

_VF: Any = torch  # the stubs have no recurrent functions
_UNROLLED = (_VF.lstm, _VF.gru, _VF.rnn_tanh, _VF.rnn_relu)  # their meta kernels go step by step, in Python
_TRANSPOSED = (torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d)
_BOOLEANS = frozenset({torch.bool})
_INTEGERS = _BOOLEANS | {torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64}

CONFIRMED = 2**16  # elements of all arguments up to which the CPU confirms each answer
CONFIRMED_ONCE = 2**24  # and up to which it confirms the first and the last answer to a question, and an error
REFUSED = 2**27  # and up to which it is asked for the words of a refusal: none of the memory is ever touched
_OVERRULES = "_shapecheck_overrules_meta"


def execute(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], index: int, *, first: bool = False
) -> Any:
    """(structure, numbers) of the result at one length (an index of the sweep), or PyTorch's exception."""
    if function in _UNROLLED and _elements((args, dict(kwargs)), index) <= CONFIRMED_ONCE:
        made = _on_cpu(function, args, kwargs, index)
        found: list[int] = []
        return made if isinstance(made, Exception) else (_structure(made, [], found), tuple(found))
    arguments, keywords = concrete((args, dict(kwargs)), index, "meta")
    if any(tensor.is_meta for tensor in tensors_of((arguments, keywords))):
        arguments, keywords = map_tree(_to_meta, (arguments, keywords))  # small tensors with values go along
    inputs = tensors_of((arguments, keywords))
    before = [(tensor.shape, tensor.stride()) for tensor in inputs]
    error: Exception | None = None
    result: Any = None
    try:
        with torch.no_grad():
            result = function(*arguments, **keywords)
    except Exception as raised:
        if _needs_data(raised):
            what = f"{_name(function)} needs the values of a tensor ({type(raised).__name__} on meta tensors)"
            raise Undecidable(what) from raised
        error = raised
    if error is None and [(tensor.shape, tensor.stride()) for tensor in inputs] != before:
        raise Undecidable(f"{_name(function)} changes the shape of its argument in place")
    limit = CONFIRMED_ONCE if first or error is not None else CONFIRMED
    confirm = _for_cpu(function)
    if confirm is not None and _elements((args, dict(kwargs)), index) <= limit:
        truth = _confirmed(confirm, args, kwargs, index, result if error is None else error, inputs)
        if isinstance(truth, Exception):
            setattr(truth, _OVERRULES, error is None)
            return truth
        result = truth
    elif error is not None:
        if _may_be_empty(function, error):
            raise Undecidable(f"{_name(function)} is refused on meta, and too large to be confirmed on the CPU")
        return error
    numbers: list[int] = []
    return _structure(result, inputs, numbers), tuple(numbers)


def overrules(outcome: Any) -> bool:
    """Whether the CPU refused what the meta kernel accepts: then it tells nothing where only it was asked."""
    return isinstance(outcome, Exception) and getattr(outcome, _OVERRULES, False)


def has_no_kernel(outcome: Any) -> bool:
    """Whether the CPU refused for want of a kernel for the dtype."""
    return isinstance(outcome, NotImplementedError) and "not implemented for" in str(outcome)


def is_beyond(arguments: Any, index: int, *, first: bool = False) -> bool:
    """Whether the arguments are too large at this length for the CPU to confirm what meta says."""
    return _elements(arguments, index) > (CONFIRMED_ONCE if first else CONFIRMED)


def error_at(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], index: int
) -> Exception | None:
    """PyTorch's own error at one length (an index of the sweep); None where PyTorch accepts it.

    An argument of unknown layout is contiguous here: a rule that refuses it without asking does so in any layout.
    """
    args, kwargs = map_tree(laid_out, (args, dict(kwargs)))
    on_cpu = _for_cpu(function)
    if on_cpu is not None and _elements((args, dict(kwargs)), index) <= REFUSED:
        outcome = _on_cpu(on_cpu, args, kwargs, index, computed=True)
    else:
        outcome = execute(function, args, kwargs, index)
    return outcome if isinstance(outcome, Exception) else None


def concrete(
    tree: Any, index: int, device: str, *, ones: frozenset[torch.dtype] = frozenset(), computed: bool = False
) -> Any:
    """The arguments as they are at one length, on meta or on the CPU.

    `ones`: dtypes whose unknown values are 1. `computed`: with the values that follow from this very length; an answer
    for all lengths of these sizes must not see them.
    """

    def leaf(value: Any) -> Any:
        if type(value) is SweptTensor:
            if (
                computed
                and value._recipe is not None
                and not (value._dtype.is_floating_point or value._dtype.is_complex)
            ):
                return values_at(value, index, {})
            made = _concrete_tensor(value, index, device)
            return made.fill_(1) if value._dtype in ones and not _is_known(value) and made.numel() else made
        if isinstance(value, torch.Tensor):
            if device == "meta" and not value.is_meta and value.numel() > LARGEST_VALUES:
                return value.to("meta")
            if device == "cpu" and value.is_meta:
                return _blank(value.shape, value.dtype)
            return value
        return at(value, index)

    return map_tree(leaf, tree)


def _is_known(tensor: SweptTensor) -> bool:
    return tensor._values is not None or (tensor._bounds is not None and tensor._dtype != torch.bool)


def is_computable(value: Any) -> bool:
    """Whether the values of an argument follow from lengths and plain data alone, so that `values_at` can give them."""
    if type(value) is SweptTensor:
        return value._values is not None or value._recipe is not None
    return not isinstance(value, torch.Tensor) or not value.is_meta


def values_at(tensor: torch.Tensor, index: int, done: dict[int, Any]) -> torch.Tensor:
    """The true values of a computable tensor at one length, computed on the CPU."""
    if type(tensor) is not SweptTensor:
        return tensor
    if id(tensor) in done:
        return done[id(tensor)]
    if tensor._recipe is None:
        result = _concrete_tensor(tensor, index, "cpu")
    else:
        recipe = tensor._recipe
        elements = 1
        for size in tensor._dims:
            elements *= max(at(size, index), 1)
        if elements > 2**22:
            raise Undecidable("values that follow from lengths are too many to compute")

        def leaf(value: Any) -> Any:
            if isinstance(value, torch.Tensor):
                return values_at(value, index, done)
            return torch.device("cpu") if isinstance(value, torch.device) else at(value, index)

        made = recipe.function(*map_tree(leaf, recipe.args), **map_tree(leaf, recipe.kwargs))
        result = made if recipe.position is None else leaves(made)[recipe.position]
    done[id(tensor)] = result
    return result


def _concrete_tensor(tensor: SweptTensor, index: int, device: str) -> torch.Tensor:
    if tensor._values is not None:
        values = [at(value, index) for value in tensor._values.reshape(-1)]
        shape = [at(size, index) for size in tensor._dims]
        return torch.tensor(values, dtype=tensor._dtype).reshape(shape)
    shape = [at(size, index) for size in tensor._dims]
    if device == "cpu" and tensor._bounds is not None and tensor._dtype != torch.bool:  # either could be out of range
        made = torch.full(shape, at(tensor._bounds.high, index), dtype=tensor._dtype)
        made.reshape(-1)[:1] = at(tensor._bounds.low, index)
        return made
    if tensor._strides is None:
        if device == "meta":
            return torch.empty(shape, dtype=tensor._dtype, device="meta")
        return _blank(shape, tensor._dtype)
    stride = [at(step, index) for step in strides_of(tensor)]
    if device == "meta":
        return torch.empty_strided(shape, stride, dtype=tensor._dtype, device="meta")
    room = 0 if 0 in shape else 1 + sum((size - 1) * step for size, step in zip(shape, stride, strict=True))
    return _blank((room,), tensor._dtype).as_strided(shape, stride)


def _blank(shape: Any, dtype: torch.dtype) -> torch.Tensor:
    """A tensor whose values do not matter: integers could be indices, so they are zero; others are not even written."""
    make_blank = torch.empty if dtype.is_floating_point or dtype.is_complex else torch.zeros
    return make_blank(shape, dtype=dtype)


def _for_cpu(function: Any) -> Any:
    """What the CPU executes for a function; None for one that is made for meta tensors only."""
    return getattr(function, "on_cpu", None) if getattr(function, "on_meta", False) else function


def _on_cpu(
    function: Any,
    args: Any,
    kwargs: Any,
    index: int,
    fill: float | None = None,
    ones: frozenset[torch.dtype] = frozenset(),
    *,
    computed: bool = False,
) -> Any:
    """The result on the CPU, or the exception. Plain tensors are copied: the function may change them in place."""
    given = {id(tensor) for tensor in tensors_of((args, kwargs))}  # the others are made for this run

    def prepared(leaf: Any) -> Any:
        if isinstance(leaf, torch.device):
            return torch.device("cpu")
        if not isinstance(leaf, torch.Tensor):
            return leaf
        copy = leaf.clone() if leaf.is_contiguous() and id(leaf) in given else leaf
        return copy.fill_(fill) if fill is not None and copy.is_floating_point() and copy.is_contiguous() else copy

    arguments, keywords = map_tree(prepared, concrete((args, dict(kwargs)), index, "cpu", ones=ones, computed=computed))
    try:
        with torch.no_grad():
            return function(*arguments, **keywords)
    except Exception as error:  # noqa: BLE001  # whatever eager raises is the answer
        return error


def _confirmed(function: Any, args: Any, kwargs: Any, index: int, said: Any, inputs: list[torch.Tensor]) -> Any:
    """What meta said with the strides of the CPU, or what the CPU raises; undecided where they differ otherwise."""
    truth = _on_cpu(function, args, kwargs, index)
    name = _name(function)
    if isinstance(truth, Exception):
        if isinstance(said, Exception):
            return truth
        if not isinstance(_on_cpu(function, args, kwargs, index, fill=1.0), Exception):
            return said  # refused for its values, not for its shape
        if _differs_with_ones(function, args, kwargs, index, _INTEGERS, truth):
            raise Undecidable(f"whether {name} runs depends on the values of a tensor")
        if isinstance(truth, torch.linalg.LinAlgError):  # pyright: ignore[reportPrivateImportUsage, reportUnknownMemberType]  # public, not in the stubs
            raise Undecidable(f"whether {name} runs depends on the values of a tensor")
        return truth
    if isinstance(said, Exception):
        if not _may_be_empty(function, said):
            raise Undecidable(f"PyTorch's meta kernel of {name} refuses what the CPU accepts: {said}")
        return map_tree(_to_meta, truth)
    if _differs_with_ones(function, args, kwargs, index, _BOOLEANS, truth):
        raise Undecidable(f"whether {name} runs depends on the values of a tensor")
    twins = iter(tensors_of(truth))

    def laid_out(leaf: Any) -> Any:
        if not isinstance(leaf, torch.Tensor):
            return leaf
        twin = next(twins, None)
        if any(leaf is tensor for tensor in inputs):
            return leaf
        if twin is None or twin.shape != leaf.shape or twin.dtype != leaf.dtype:
            raise Undecidable(f"PyTorch's kernels of {name} on meta and on the CPU disagree on the result")
        if not leaf.is_meta or twin.stride() == leaf.stride():
            return leaf
        return torch.empty_strided(twin.shape, twin.stride(), dtype=leaf.dtype, device="meta")

    return map_tree(laid_out, said)


def _differs_with_ones(
    function: Any, args: Any, kwargs: Any, index: int, dtypes: frozenset[torch.dtype], truth: Any
) -> bool:
    """Whether it runs for one stand-in of unknown values and raises for the other."""
    tensors = tensors_of((args, kwargs))
    if not any(type(tensor) is SweptTensor and tensor._dtype in dtypes and not _is_known(tensor) for tensor in tensors):
        return False
    other = _on_cpu(function, args, kwargs, index, ones=dtypes)
    return isinstance(other, Exception) is not isinstance(truth, Exception)


def _elements(tree: Any, index: int) -> int:
    total = 0
    for tensor in tensors_of(tree):
        count = 1
        for size in dims_of(tensor):
            count *= max(at(size, index), 1)
        total += count
    return total


def _to_meta(value: Any) -> Any:
    return value.to("meta") if isinstance(value, torch.Tensor) and not value.is_meta else value


def _needs_data(error: Exception) -> bool:
    """Whether a meta kernel refused for want of data, not for a shape."""
    text = str(error)
    if isinstance(error, NotImplementedError):
        return "not implemented for" not in text  # as the CPU says of a dtype
    marks = ("meta tensor", "Meta tensor", "data-dependent", "on meta device", "'Meta'")
    return isinstance(error, RuntimeError) and any(mark in text for mark in marks)


def _may_be_empty(function: Any, error: Exception) -> bool:
    """Whether meta refuses an empty result, which the CPU may give."""
    return function in _TRANSPOSED and "Output size is too small" in str(error)


def _name(function: Any) -> str:
    return getattr(function, "__name__", None) or type(function).__name__


def _structure(result: Any, inputs: list[torch.Tensor], numbers: list[int]) -> Any:
    """A hashable description of a result; its sizes and integers are appended to `numbers`."""
    if isinstance(result, torch.Tensor):
        for position, tensor in enumerate(inputs):
            if tensor is result:
                return ("input", position)
        if result.is_sparse or result.is_nested:
            raise Undecidable("a result is a sparse or nested tensor")
        numbers.extend(result.shape)
        if not result.is_meta and result.numel() <= LARGEST_VALUES and not result.dtype.is_floating_point:
            numbers.extend(int(value) for value in listed(result.reshape(-1)))
            return ("values", result.dtype, tuple(result.shape))
        numbers.extend(result.stride())
        numbers.append(is_plainly_contiguous(result))
        return ("tensor", result.dtype, result.dim())
    if isinstance(result, bool) or result is None or isinstance(result, (float, complex, str, bytes)):
        return ("constant", result)
    if is_plain(result):
        numbers.append(result)
        return ("integer",)
    if isinstance(result, torch.Size):
        numbers.extend(result)
        return ("size", len(result))
    if is_mapping(result):
        items = tuple((key, _structure(item, inputs, numbers)) for key, item in result.items())
        return ("dict", kind_of(result), items)
    if is_sequence(result):
        return ("sequence", kind_of(result), tuple(_structure(item, inputs, numbers) for item in result))
    if isinstance(result, (torch.dtype, torch.device, torch.layout)):
        return ("constant", result)
    raise Undecidable(f"a result of type {type(result).__name__} cannot be followed")
