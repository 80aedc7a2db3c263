"""Nested arguments and results: tuples, lists, dicts, named tuples and slices, and the leaves in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from shapecheck.lengths.swept import SweptInt
from shapecheck.tensor import SweptSize


def map_tree(function: Callable[[Any], Any], tree: Any) -> Any:
    """Apply to every leaf of nested tuples, lists, dicts, named tuples and slices."""
    kind: Any = type(tree)
    if kind is tuple:
        return tuple([map_tree(function, item) for item in tree])
    if kind is list:
        return [map_tree(function, item) for item in tree]
    if kind is SweptSize:
        return tuple([map_tree(function, item) for item in tree])
    if kind is torch.Size:  # torch.Size((1,)) + x.shape[1:] holds swept sizes, too
        return tree if not any(type(size) is SweptInt for size in tree) else tuple(map_tree(function, s) for s in tree)
    if kind is slice:
        return slice(map_tree(function, tree.start), map_tree(function, tree.stop), map_tree(function, tree.step))
    if isinstance(tree, dict):
        mapping: dict[Any, Any] = tree
        return rebuilt(kind, {key: map_tree(function, item) for key, item in mapping.items()})
    if isinstance(tree, (tuple, list)):
        sequence: tuple[Any, ...] | list[Any] = tree
        items = [map_tree(function, item) for item in sequence]
        return kind(*items) if is_named(sequence) else kind(items)  # torch.return_types take one sequence
    return function(tree)


def leaves(tree: Any) -> list[Any]:
    """The leaves, in order."""
    found: list[Any] = []

    def visit(item: Any) -> None:
        if isinstance(item, (tuple, list)):
            sequence: tuple[Any, ...] | list[Any] = item
            if type(item) is torch.Size and not any(type(size) is SweptInt for size in sequence):
                found.append(item)
                return
            for part in sequence:
                visit(part)
        elif isinstance(item, dict):
            mapping: dict[Any, Any] = item
            for part in mapping.values():
                visit(part)
        elif type(item) is slice:
            visit((item.start, item.stop, item.step))
        else:
            found.append(item)

    visit(tree)
    return found


def is_named(value: object) -> bool:
    """Whether a value is a named tuple."""
    return isinstance(value, tuple) and hasattr(type(value), "_fields")  # pyright: ignore[reportUnknownArgumentType]


def rebuilt(kind: Callable[..., Any], items: dict[Any, Any]) -> Any:
    """A mapping of the same kind; the outputs of transformers' models are dataclasses, too, and take keywords."""
    if kind is dict:
        return items
    try:
        return kind(**items)
    except TypeError:
        return kind(items)


def tensors_of(tree: Any) -> list[torch.Tensor]:
    """The tensors among the leaves, in order."""
    return [leaf for leaf in leaves(tree) if isinstance(leaf, torch.Tensor)]
