"""The swept tensor: no data, only a dtype, a memory layout, and a shape whose sizes may be swept integers.

Invariant: what a swept tensor says of itself is what the eager tensor would say at each live length. Operations on it
go through the running tracer; one that reaches torch's dispatcher instead is noticed there, never computed.
"""

# A swept tensor answers with swept sizes, and with constants, where torch's stubs have ints, properties and methods:
# pyright: reportIncompatibleMethodOverride=false, reportIncompatibleVariableOverride=false, reportAssignmentType=false

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

import numpy as np
import torch

from shapecheck.layout import (
    Dims,
    Lazy,
    Order,
    Strides,
    contiguous_at,
    contiguous_strides,
    is_in_order,
    is_loose,
    ordered,
    product,
    strides_in,
)
from shapecheck.lengths.swept import Bool, Int, Undecidable, is_plain
from shapecheck.sizes import SweptSize, size_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch.fx import Node


class Dispatcher(Protocol):
    """Who answers for operations on swept tensors: the tracer."""

    def dispatch(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...

    def bypass(self, function: Any) -> BaseException: ...


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is known of the values of an integer tensor, for those who index with it.

    `exact`: both ends are attained, so an end out of range is an error of eager, not only a possible one.
    """

    low: Int
    high: Int
    exact: bool


@dataclass(frozen=True, slots=True)
class Recipe:
    """The operation that made a tensor, and which of its results the tensor is (None: the only one)."""

    function: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    position: int | None


class SweptTensor(torch.Tensor):
    """A tensor for all live lengths at once; made by `make`."""

    dispatcher: ClassVar[Dispatcher | None] = None

    _dims: Dims
    _dtype: torch.dtype
    _strides: Strides
    _values: NDArray[Any] | None  # exact values (int, bool, swept) of a small integer tensor
    _bounds: Bounds | None  # None: values of the user's own, taken to be in range
    _recipe: Recipe | None  # how to compute its values at one length, where no input data goes into them
    _source: Recipe | None  # how its values, of which input data is a part, came about: they have a range
    _copy_of: SweptTensor | None  # it has the elements of this one, converted or not, and no node of its own
    _tainted: bool  # integer values computed from lengths in a way that was not followed
    _node: Node | None
    _serial: int  # in the order of making
    _claims_grad: bool | None  # None: made while gradients were enabled, and they are not followed

    @classmethod
    def __torch_function__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if cls.dispatcher is None:
            raise RuntimeError("a swept tensor was used outside of the analysis that made it")
        return cls.dispatcher.dispatch(func, args, kwargs or {})

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func is torch.ops.aten.dim.default:  # torch's argument parsers ask for the rank, before they dispatch
            return len(args[0]._dims)
        if func is torch.ops.aten.sym_numel.default and not args[0]._dims:  # and whether a tensor could be a number
            return 1
        if cls.dispatcher is None:
            raise RuntimeError("a swept tensor was used outside of the analysis that made it")
        raise cls.dispatcher.bypass(func)

    @property
    def __class__(self) -> type:
        return torch.Tensor

    # what eager answers from a tensor's own fields ----------------------------------------------------------------

    @property
    def shape(self) -> Any:
        return size_of(self._dims)

    def size(self, dim: int | None = None) -> Any:
        if dim is None:
            return size_of(self._dims)
        if type(dim) is bool:
            raise TypeError("size(): argument 'dim' (position 1) must be int, not bool")
        rank = len(self._dims)
        dim = int(dim) if isinstance(dim, np.integer) else dim
        if is_plain(dim) and -rank <= dim < rank:
            return self._dims[dim]
        raise IndexError(_out_of_range(dim, rank))

    def dim(self) -> int:
        return len(self._dims)

    ndimension = dim

    @property
    def ndim(self) -> int:
        return len(self._dims)

    def numel(self) -> Any:
        return product(self._dims)

    nelement = numel

    def __len__(self) -> Any:
        if not self._dims:
            raise TypeError("len() of a 0-d tensor")
        return int(self._dims[0])  # Python wants a plain int of len(): one run for each value

    @property
    def dtype(self) -> torch.dtype:
        return self._dtype

    @property
    def device(self) -> torch.device:
        return torch.device("cpu")  # the claim of every swept tensor; device requests never reach a real device

    def get_device(self) -> int:
        return 0  # as on the accelerator that training scripts expect; eager's -1 for a CPU fails in `.to(-1)`

    is_cuda = False
    is_cpu = True
    is_meta = False
    is_sparse = False
    is_quantized = False
    is_mps = False
    is_xpu = False
    is_nested = False
    is_leaf = True
    layout = torch.strided
    grad = None
    grad_fn = None
    names = None

    @property
    def requires_grad(self) -> bool:
        if self._claims_grad is None:
            raise Undecidable("gradients are not followed")
        return self._claims_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> SweptTensor:
        if requires_grad and not (self.is_floating_point() or self.is_complex()):
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        if requires_grad and sys._getframe(1).f_globals.get("__name__") != "torch.nn.parameter":
            raise Undecidable("gradients are not followed")
        self._claims_grad = requires_grad  # a parameter made from sizes: what is computed with it requires none
        return self

    @property
    def itemsize(self) -> int:
        return self._dtype.itemsize

    def element_size(self) -> int:
        return self._dtype.itemsize

    def is_floating_point(self) -> bool:
        return self._dtype.is_floating_point

    def is_complex(self) -> bool:
        return self._dtype.is_complex

    def is_signed(self) -> bool:
        return self._dtype.is_signed

    def stride(self, dim: int | None = None) -> Any:
        strides = strides_of(self)
        for size in self._dims if dim is None else (self._dims[dim],):
            if size == 1:  # a layout keeps what matters for views; other lengths go on
                raise Undecidable("the stride of an axis of size 1 is not followed")
        return strides if dim is None else strides[dim]

    def storage_offset(self) -> int:
        raise self._dispatcher().bypass("storage_offset")

    def is_contiguous(self, memory_format: torch.memory_format = torch.contiguous_format) -> Any:
        if memory_format is not torch.contiguous_format:
            raise self._dispatcher().bypass("is_contiguous(memory_format)")
        return bool(contiguous_where(self))

    @property
    def data(self) -> Any:
        return self.detach()

    @data.setter
    def data(self, value: object) -> None:
        raise Undecidable(f"the data of a tensor is replaced by {type(value).__name__}")

    @property
    def _version(self) -> int:
        raise Undecidable("the number of changes in place is not followed")

    @property
    def _base(self) -> Any:
        raise Undecidable("which tensor another one is a view of is not followed")

    @property
    def T(self) -> Any:  # noqa: N802  # torch's name
        return self.permute(*range(len(self._dims) - 1, -1, -1))

    @property
    def mT(self) -> Any:  # noqa: N802  # torch's name
        if len(self._dims) == 1:
            raise RuntimeError("tensor.mT is only supported on matrices or batches of matrices. Got 1-D tensor.")
        return self.transpose(-2, -1) if self._dims else self

    def __iter__(self) -> Iterator[Any]:
        if not self._dims:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))

    def __repr__(self, *, tensor_contents: object = None) -> str:
        return f"<swept {str(self._dtype).removeprefix('torch.')}[{', '.join(map(str, self._dims))}]>"

    def __format__(self, format_spec: str) -> str:
        return repr(self) if self._values is None else format(self._plain(), format_spec)

    def __str__(self) -> str:
        return repr(self) if self._values is None else str(self._plain())

    def _plain(self) -> torch.Tensor:
        """The tensor with its known values, on a path for each."""
        assert self._values is not None
        values = np.empty(self._values.shape, dtype=np.int64)
        for index in np.ndindex(values.shape):
            values[index] = int(self._values[index])
        with torch._C.DisableTorchFunction():
            return torch.tensor(values.tolist(), dtype=self._dtype)

    def __deepcopy__(self, memo: Any) -> SweptTensor:
        return cast("SweptTensor", self.clone())

    def _dispatcher(self) -> Dispatcher:
        if SweptTensor.dispatcher is None:
            raise RuntimeError("a swept tensor was used outside of the analysis that made it")
        return SweptTensor.dispatcher


_CPU = torch.device("cpu")
_serials = itertools.count()


def make(
    dims: Sequence[Int],
    dtype: torch.dtype,
    strides: Strides = None,
    *,
    values: NDArray[Any] | None = None,
    bounds: Bounds | None = None,
    tainted: bool = False,
) -> SweptTensor:
    """A swept tensor of these sizes; contiguous unless strides are given."""
    result = torch.Tensor._make_wrapper_subclass(
        SweptTensor, (0,), dtype=dtype, device=_CPU, dispatch_sizes_strides_policy="sizes"
    )
    result._dims = tuple(dims)
    result._dtype = dtype
    result._strides = strides
    result._values = values
    result._bounds = bounds
    result._tainted = tainted
    result._recipe = None
    result._source = None
    result._copy_of = None
    result._node = None
    result._claims_grad = None if torch.is_grad_enabled() else False
    result._serial = next(_serials)
    return result


def made_so_far() -> int:
    """A number above those of all swept tensors so far: what is made from now on has a larger one."""
    return next(_serials)


def dims_of(tensor: torch.Tensor) -> Dims:
    """The sizes of a swept or of a plain tensor."""
    return tensor._dims if type(tensor) is SweptTensor else tuple(tensor.shape)


def strides_of(tensor: torch.Tensor) -> Dims:
    """The strides of a swept or of a plain tensor, in elements."""
    if type(tensor) is not SweptTensor:
        return tuple(tensor.stride())
    layout = tensor._strides
    if isinstance(layout, Lazy):
        strides = layout.strides()
        if not layout.loose:
            tensor._strides = strides
        elif strides is None:
            tensor._strides = ordered(tuple(range(len(tensor._dims))), loose=True)
        return strides_in(tensor._dims, strides)
    return strides_in(tensor._dims, layout)


def order_of(tensor: torch.Tensor) -> Order | None:
    """The order of the axes of a tensor that is surely dense; None where that is not known."""
    if type(tensor) is SweptTensor and isinstance(tensor._strides, Order):
        return tensor._strides
    if not is_surely_contiguous(tensor):
        return None
    return Order(tuple(range(len(dims_of(tensor)))), loose=not is_plainly_contiguous(tensor))


def is_surely_contiguous(tensor: torch.Tensor) -> bool:
    """Contiguous at every length, as far as is known without computing strides."""
    if type(tensor) is SweptTensor:
        return is_in_order(tensor._dims, tensor._strides)
    return tensor.is_contiguous()


def is_plainly_contiguous(tensor: torch.Tensor) -> bool:
    """Surely contiguous, and so are the strides of its axes of size 1."""
    if type(tensor) is SweptTensor:
        return tensor._strides is None
    return tuple(tensor.stride()) == contiguous_strides(tuple(tensor.shape))


def has_loose_strides(tensor: torch.Tensor) -> bool:
    """Whether the strides of its axes of size 1 are not known."""
    return type(tensor) is SweptTensor and is_loose(tensor._strides)


def is_dense(tensor: torch.Tensor) -> bool:
    """Whether surely no two elements share their memory, even where the strides are not known."""
    if type(tensor) is SweptTensor and isinstance(tensor._strides, Lazy):
        return tensor._strides.is_dense
    return order_of(tensor) is not None


def contiguous_where(tensor: SweptTensor) -> Bool:
    """The lengths at which the tensor is contiguous."""
    strides = strides_of(tensor)  # asked for first: a layout that was open can turn out to be contiguous
    return True if is_surely_contiguous(tensor) else contiguous_at(tensor._dims, strides)


def _out_of_range(dim: object, rank: int) -> str:
    bound = max(rank, 1)
    return f"Dimension out of range (expected to be in range of [{-bound}, {bound - 1}], but got {dim})"


def known_values(tensor: torch.Tensor) -> NDArray[Any] | None:
    """The exact values of a small integer or boolean tensor, as an object array; None where they are not known."""
    if type(tensor) is SweptTensor:
        return tensor._values
    if tensor.is_meta or tensor.dtype.is_floating_point or tensor.dtype.is_complex or tensor.numel() > LARGEST_VALUES:
        return None
    return np.array(listed(tensor), dtype=object).reshape(tuple(tensor.shape))


def listed(tensor: Any) -> Any:
    """The values of a plain tensor as nested lists."""
    return tensor.tolist()  # torch's own annotation leaves open what is in them


LARGEST_VALUES = 64  # elements up to which an integer tensor carries its values


__all__ = [
    "LARGEST_VALUES",
    "Bounds",
    "Dims",
    "Dispatcher",
    "Lazy",
    "Order",
    "Recipe",
    "Strides",
    "SweptSize",
    "SweptTensor",
    "contiguous_strides",
    "contiguous_where",
    "dims_of",
    "has_loose_strides",
    "is_dense",
    "is_plainly_contiguous",
    "is_surely_contiguous",
    "known_values",
    "listed",
    "made_so_far",
    "make",
    "order_of",
    "ordered",
    "product",
    "size_of",
    "strides_of",
]
