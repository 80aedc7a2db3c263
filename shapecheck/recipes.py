"""How integer tensors that follow from lengths alone came about, so that their true values can be computed.

Positions, masks and buckets of relative distances serve as indices, and whether an index is in range is no matter of
shapes. Invariant: a recipe gives the tensor's values as they are now, or is withdrawn.
"""

from __future__ import annotations

from typing import Any

import torch

from shapecheck.execution import is_computable
from shapecheck.rules import RANDOM
from shapecheck.tensor import Recipe, SweptTensor, make
from shapecheck.trees import leaves, map_tree, tensors_of
from shapecheck.value_ranges import Follows, follows

_VIEWS = frozenset(
    name
    for names in (
        "view view_as reshape flatten unflatten unfold squeeze unsqueeze expand expand_as to type type_as contiguous",
        "detach transpose t T mT permute swapaxes swapdims movedim __getitem__ select narrow chunk split unbind",
        "diagonal",
    )
    for name in names.split()
)
_MOST_COPIED = 2**20  # elements of a plain tensor that goes into a recipe


class Recipes:
    """The recipes of one analysis."""

    def __init__(self) -> None:
        self._made: list[SweptTensor] = []
        self._viewed: dict[int, torch.Tensor] = {}  # tensors that share their memory with others
        self._withdrawn = False
        self._copies: dict[tuple[int, int], tuple[torch.Tensor, torch.Tensor]] = {}  # of plain tensors, by version

    def remember(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """Note how the results of one operation were made, if no input data went into them."""
        first = args[0] if args else None
        if type(first) is SweptTensor and not _follows(first) and function is not torch.Tensor.__setitem__:
            self._derive(function, args, kwargs, result)
            return  # the usual case: input data goes into the result
        inputs = [leaf for leaf in leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        known = function not in RANDOM and all(is_computable(tensor) for tensor in inputs)
        name: str = getattr(function, "__name__", "")
        if name == "__setitem__" or (inputs and any(result is tensor for tensor in inputs)):
            self._changed_in_place(function, args, kwargs, known)
            return
        if not known:
            return
        if any(type(tensor) is not SweptTensor and tensor.numel() > _MOST_COPIED for tensor in inputs):
            for output in leaves(result):
                if type(output) is SweptTensor and output._values is None:
                    output._tainted = not output.dtype.is_floating_point
            return
        if name in _VIEWS:
            self._viewed.update((id(tensor), tensor) for tensor in inputs)
        frozen_args, frozen_kwargs = map_tree(self._frozen, (args, kwargs))
        for position, output in enumerate(leaves(result)):
            if type(output) is SweptTensor and output._values is None:
                single = position if isinstance(result, (tuple, list)) else None
                self._give(output, Recipe(function, frozen_args, frozen_kwargs, single))

    def _derive(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        """Note how integers came of an input's values; those themselves, only moved, are taken to be in range."""
        outputs = [leaf for leaf in leaves(result) if type(leaf) is SweptTensor]
        if not outputs or outputs[0].dtype.is_floating_point or outputs[0].dtype.is_complex or self._withdrawn:
            return
        followed = follows(function)
        if followed is not Follows.MAKING:
            sources = [
                tensor for tensor in tensors_of((args, kwargs)) if type(tensor) is SweptTensor and tensor._source
            ]
            if followed is Follows.CHOOSING:  # the mask is no value
                sources = [tensor for tensor in sources if tensor._dtype != torch.bool]
            if followed is Follows.NOT or not sources:
                return
        frozen_args, frozen_kwargs = map_tree(self._frozen, (args, kwargs))
        for position, output in enumerate(outputs):
            if output._values is None:
                single = position if isinstance(result, (tuple, list)) else None
                output._source = Recipe(function, frozen_args, frozen_kwargs, single)

    def _changed_in_place(self, function: Any, args: tuple[Any, ...], kwargs: dict[str, Any], known: bool) -> None:
        target = args[0] if args else kwargs.get("tensor", kwargs.get("input"))  # nn.init's functions name it
        if type(target) is not SweptTensor:
            self._withdraw()
            return
        if target._recipe is None:
            if target._tainted or target._bounds is not None:
                self._withdraw()
            return
        if id(target) in self._viewed or getattr(target._recipe.function, "__name__", "") in _VIEWS:
            self._withdraw()  # whoever shares its memory changed, too
        elif known:
            before = self._frozen(target)
            rest, named = map_tree(self._frozen, (args[1:], kwargs))
            self._give(target, Recipe(_Changed(function), (before, *rest), named, None))
        else:
            target._recipe = None
            target._tainted = not target.dtype.is_floating_point

    def _frozen(self, leaf: Any) -> Any:
        """A copy that later changes in place do not reach."""
        if type(leaf) is SweptTensor:
            copy = make(leaf._dims, leaf._dtype, leaf._strides, values=leaf._values, bounds=leaf._bounds)
            copy._recipe, copy._source = leaf._recipe, leaf._source
            return copy
        if not isinstance(leaf, torch.Tensor) or leaf.is_meta:
            return leaf
        key = id(leaf), leaf._version
        if key not in self._copies:
            self._copies[key] = leaf, leaf.clone()
        return self._copies[key][1]

    def _give(self, tensor: SweptTensor, recipe: Recipe) -> None:
        if self._withdrawn:
            tensor._tainted = not tensor.dtype.is_floating_point
            return
        tensor._recipe = recipe
        self._made.append(tensor)

    def _withdraw(self) -> None:
        self._withdrawn = True
        for tensor in self._made:
            tensor._recipe = None
            tensor._tainted = not tensor.dtype.is_floating_point


def _follows(tensor: SweptTensor) -> bool:
    """Whether anything is known of the values of a tensor."""
    return tensor._recipe is not None or tensor._values is not None or tensor._tainted or tensor._bounds is not None


class _Changed:
    """An operation in place, as one that leaves its argument alone."""

    def __init__(self, function: Any) -> None:
        self._function = function
        self.__name__: str = getattr(function, "__name__", "")

    def __call__(self, target: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        changed = target.clone()
        self._function(changed, *args, **kwargs)
        return changed
