"""One recorded operation, as those see it who say what it does to places."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch

from shapecheck.receptive.hull import Hull, UnknownOperation, nowhere, union
from shapecheck.trees import leaves


@dataclass(slots=True)
class Call:
    """An operation at one length; the tensors among its arguments are hulls, but for parameters and constants."""

    operation: str
    function: Any
    results: list[tuple[int, ...]]  # the sizes of each tensor that it returned
    length: int
    is_sized: bool = False  # by a number that follows from the length
    is_statistic: bool = False  # set where something is computed of everything, and only scales and shifts
    note: str = ""  # set where something had to be taken for granted
    is_divided: bool = False  # set where the input as a whole is divided into a fixed number of parts

    @property
    def dims(self) -> tuple[int, ...]:
        """The sizes of the first result."""
        return self.results[0]

    def is_whole(self, hull: Hull) -> bool:
        """Whether it sees so much that it is taken to see everything: a longer input shows whether that is so."""
        return 2 * hull.size > self.length


Rule = Callable[..., Hull | list[Hull]]


def as_hull(tensor: Any) -> Hull:
    """A tensor among the arguments; parameters and constants depend on nothing."""
    if isinstance(tensor, Hull):
        return tensor
    if isinstance(tensor, torch.Tensor):
        return nowhere(tuple(tensor.shape))
    raise UnknownOperation


def needs_constant(*arguments: Any) -> None:
    """Weights and indices that are computed from the input are not followed."""
    if any(isinstance(leaf, Hull) and not leaf.is_empty for leaf in leaves(arguments)):
        raise UnknownOperation


def axes_of(dim: Any, rank: int) -> tuple[int, ...]:
    """The axes that a `dim` of torch names: one, several, or all for None."""
    if dim is None or dim in ((), []):
        return tuple(range(rank))
    return tuple(axis % max(rank, 1) for axis in ((dim,) if isinstance(dim, int) else dim))


def collapsed(hull: Hull, axes: Iterable[int]) -> Hull:
    """Along these axes one element, with what all of them depend on."""
    axes = {axis % len(hull.dims) for axis in axes}
    low, high = (
        bound.reshape([1 if axis in axes else size for axis, size in enumerate(bound.shape)])
        for bound in (hull.over(axes).low, hull.over(axes).high)
    )
    return Hull(low, high, tuple(1 if axis in axes else size for axis, size in enumerate(hull.dims)), hull.through)


def everything(hulls: Iterable[Hull], dims: tuple[int, ...]) -> Hull:
    """A tensor of which every element has what any element of these depends on."""
    points = [collapsed(hull, range(len(hull.dims))) for hull in hulls]
    return union([point.each(lambda bound: bound.reshape(())) for point in points], dims)


def hulls_of(arguments: Any) -> list[Hull]:
    """All hulls among nested arguments."""
    return [leaf for leaf in leaves(arguments) if isinstance(leaf, Hull)]


__all__ = ["Call", "Rule", "as_hull", "axes_of", "collapsed", "everything", "hulls_of", "needs_constant"]
