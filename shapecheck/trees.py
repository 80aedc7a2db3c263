"""Nested arguments and results: tuples, lists, dicts, named tuples and slices, and the leaves in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from shapecheck.lengths.swept import SweptInt
from shapecheck.tensor import SweptSize


def map_tree(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply to every leaf of nested tuples, lists, dicts, named tuples and slices."""
    kind = type(tree)
    if kind is tuple:
        return tuple([map_tree(function, item) for item in tree])
    if kind is list:
        return [map_tree(function, item) for item in tree]
    if kind is SweptSize:
        return tuple([map_tree(function, item) for item in tree])
    if kind is torch.Size:  # torch.Size((1,)) + x.shape[1:] holds swept sizes, too
        return tree if not any(type(size) is SweptInt for size in tree) else tuple(map_tree(function, s) for s in tree)
    if kind is slice:
        return slice(
            map_tree(function, tree.start), map_tree(function, tree.stop), map_tree(function, tree.step)
        )
    if isinstance(tree, dict):
        items = {key: map_tree(function, item) for key, item in tree.items()}
        return items if kind is dict else _rebuilt(tree, items)
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):
        return kind(*[map_tree(function, item) for item in tree])
    if isinstance(tree, (tuple, list)):  # torch.return_types and the like
        return kind([map_tree(function, item) for item in tree])
    return function(tree)


def leaves(tree: Any) -> list[Any]:
    """The leaves, in order."""
    found: list[Any] = []

    def visit(item: Any) -> None:
        if type(item) is torch.Size and not any(type(size) is SweptInt for size in item):
            found.append(item)
        elif isinstance(item, (tuple, list)):
            for part in item:
                visit(part)
        elif isinstance(item, dict):
            for part in item.values():
                visit(part)
        elif type(item) is slice:
            visit((item.start, item.stop, item.step))
        else:
            found.append(item)

    visit(tree)
    return found


def _rebuilt(original: Any, items: dict[Any, Any]) -> Any:
    try:
        return type(original)(**items)
    except TypeError:
        return type(original)(items)


def tensors_of(tree: Any) -> list[torch.Tensor]:
    """The tensors among the leaves, in order."""
    return [leaf for leaf in leaves(tree) if isinstance(leaf, torch.Tensor)]
