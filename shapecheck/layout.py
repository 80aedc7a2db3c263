"""Memory layouts: how the strides of a tensor follow from its sizes.

Invariant: at each live length, strides and contiguity are what eager gives a tensor of that layout there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from shapecheck.lengths.swept import Bool, Int, SweptInt, Undecidable, compare, is_plain, maximum

Dims: TypeAlias = "tuple[Int, ...]"


@dataclass(frozen=True, slots=True)
class Lazy:
    """Strides that nobody has asked for yet; None if it turns out that they are those of a contiguous tensor.

    `loose`: those of axes of size 1 may be others. They decide which elements are where in no tensor, but the layout of
    what is computed from it. `is_open`: the backend decides, so that to look at them raises Undecidable. `is_dense`: no
    two elements share their memory, whatever the strides.
    """

    strides: Callable[[], Dims | None]
    loose: bool = False
    is_open: bool = False
    is_dense: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """Dense, with the axes in this order from the slowest to the fastest: a permuted contiguous tensor.

    `loose`: the strides of axes of size 1 may be any.
    """

    axes: tuple[int, ...]
    loose: bool = False


Strides: TypeAlias = "Dims | Lazy | Order | None"  # None: contiguous


def product(sizes: Sequence[Int]) -> Int:
    """The number of elements."""
    result: Any = 1
    for size in sizes:
        result = result * size
    return result


def is_same(left: Int, right: Int) -> bool:
    """Whether two sizes are the same at every length, as far as that shows."""
    return left is right or (is_plain(left) and is_plain(right) and left == right)


def contiguous_strides(dims: Sequence[Int]) -> Dims:
    """The strides of a fresh tensor: sizes of 0 count as 1, as in torch."""
    strides: list[Any] = []
    step: Any = 1
    for size in reversed(dims):
        strides.append(step)
        step = step * (max(size, 1) if is_plain(size) else _at_least_one(size))
    return tuple(reversed(strides))


def open_layout(reason: str, *, is_dense: bool) -> Lazy:
    """A layout that is not known; whoever looks at it is told why."""

    def unknown() -> Dims:
        raise Undecidable(reason)

    return Lazy(unknown, is_open=True, is_dense=is_dense)


def strides_in(dims: Dims, layout: Strides) -> Dims:
    """The strides of a tensor of these sizes and this layout, in elements."""
    if isinstance(layout, Lazy):
        layout = layout.strides()
    if isinstance(layout, Order):
        permuted = contiguous_strides([dims[axis] for axis in layout.axes])
        return tuple(permuted[layout.axes.index(axis)] for axis in range(len(layout.axes)))
    return contiguous_strides(dims) if layout is None else layout


def ordered(axes: tuple[int, ...], *, loose: bool = False) -> Strides:
    """The layout of a dense tensor whose axes are in this order."""
    return Order(axes, loose) if loose or list(axes) != sorted(axes) else None


def is_in_order(dims: Dims, layout: Strides) -> bool:
    """Contiguous at every length, as far as shows without computing strides: only axes of size 1 are out of place."""
    if layout is None:
        return True
    if not isinstance(layout, Order):
        return False
    moving = [axis for axis in layout.axes if not (is_plain(dims[axis]) and dims[axis] == 1)]
    return moving == sorted(moving)


def is_loose(layout: Strides) -> bool:
    """Whether the strides of axes of size 1 may be others than those of the layout."""
    return isinstance(layout, (Lazy, Order)) and layout.loose


def contiguous_at(dims: Dims, strides: Dims) -> Bool:
    """The lengths at which the layout is contiguous: sizes of 1 have any stride, and no elements are contiguous too."""
    verdict: Any = True
    step: Any = 1
    for size, stride in reversed(list(zip(dims, strides, strict=True))):
        verdict = (compare(stride, "==", step) | compare(size, "==", 1)) & verdict
        step = step * size
    return compare(product(dims), "==", 0) | verdict


def _at_least_one(size: SweptInt) -> Int:
    certificate = size.certificate
    if int(size.values.min()) < 1 or certificate is None or certificate.rise < 0:
        return maximum(size, 1)
    covered = certificate.start + certificate.period - 1 <= size.sweep.last
    return size if covered else maximum(size, 1)  # positive on the sweep, and not falling after it
