"""Nested arguments and results: tuples, lists, dicts, named tuples and slices, and the leaves in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeGuard

import torch
from torch import nn

from shapecheck.lengths.swept import SweptInt
from shapecheck.tensor import SweptSize, SweptTensor, size_of

# the classes of most leaves: no containers, and told apart by one look-up
_LEAVES = frozenset((SweptTensor, torch.Tensor, nn.Parameter, SweptInt, int, float, bool, str, type(None), torch.dtype))


def map_tree(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply to every leaf of nested tuples, lists, dicts, named tuples and slices."""
    kind = kind_of(tree)
    if kind in _LEAVES:
        return function(tree)
    if kind is tuple:
        return tuple([map_tree(function, item) for item in tree])
    if kind is list:
        return [map_tree(function, item) for item in tree]
    if kind is SweptSize:
        return size_of([map_tree(function, item) for item in tree])
    if kind is torch.Size:  # torch.Size((1,)) + x.shape[1:] holds swept sizes, too
        return tuple([map_tree(function, item) for item in tree]) if _has_swept(tree) else tree
    if kind is slice:
        return slice(map_tree(function, tree.start), map_tree(function, tree.stop), map_tree(function, tree.step))
    if is_mapping(tree):
        return mapping_of(kind, {key: map_tree(function, item) for key, item in tree.items()})
    if is_sequence(tree):
        return sequence_of(kind, [map_tree(function, item) for item in tree])
    return function(tree)


def leaves(tree: Any) -> list[Any]:
    """The leaves, in order."""
    found: list[Any] = []
    _collect(tree, found)
    return found


def tensors_of(tree: Any) -> list[torch.Tensor]:
    """The tensors among the leaves, in order."""
    return [leaf for leaf in leaves(tree) if isinstance(leaf, torch.Tensor)]


def kind_of(value: object) -> Any:
    """The class of a value, whatever class it claims."""
    return type(value)


def is_sequence(value: object) -> TypeGuard[tuple[Any, ...] | list[Any]]:
    """Whether a value is a tuple or a list, of whatever kind."""
    return isinstance(value, (tuple, list))


def is_mapping(value: object) -> TypeGuard[dict[Any, Any]]:
    """Whether a value is a dict, of whatever kind."""
    return isinstance(value, dict)


def is_named(value: object) -> bool:
    """Whether a value is a named tuple."""
    return hasattr(kind_of(value), "_fields") and isinstance(value, tuple)


def sequence_of(kind: Callable[..., Any], items: list[Any]) -> Any:
    """A tuple or list of this class; a named tuple takes its items one by one, torch.return_types as one sequence."""
    return kind(*items) if hasattr(kind, "_fields") else kind(items)


def mapping_of(kind: Callable[..., Any], items: dict[Any, Any]) -> Any:
    """A dict of this class; the outputs of transformers' models are dataclasses, too, and take keywords."""
    if kind is dict:
        return items
    try:
        return kind(**items)
    except TypeError:
        return kind(items)


def _collect(tree: Any, found: list[Any]) -> None:
    kind = kind_of(tree)
    if kind in _LEAVES:
        found.append(tree)
    elif kind is tuple or is_sequence(tree):
        if kind is torch.Size and not _has_swept(tuple(tree)):
            found.append(tree)
            return
        for part in tree:
            _collect(part, found)
    elif is_mapping(tree):
        for part in tree.values():
            _collect(part, found)
    elif kind is slice:
        _collect((tree.start, tree.stop, tree.step), found)
    else:
        found.append(tree)


def _has_swept(sizes: tuple[Any, ...]) -> bool:
    return any(type(size) is SweptInt for size in sizes)
