"""Real tensors in place of specs: the inputs of a module at one length, to run or to count with.

Integers without values are zeros, which any embedding has; masks are False; other numbers are drawn, or on the meta
device not there at all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from shapecheck.errors import UsageError
from shapecheck.lengths.notation import InputSpec, SpecError, looks_like_spec
from shapecheck.trees import map_tree

_DTYPES = {
    "f64": torch.float64, "f32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16, "i64": torch.int64,
    "i32": torch.int32, "i16": torch.int16, "i8": torch.int8, "u8": torch.uint8, "b8": torch.bool,
    "c64": torch.complex64, "c128": torch.complex128,
}  # fmt: skip


def examples_at(inputs: Any, values: int | Mapping[str, int], *, device: str = "cpu", seed: int = 0) -> Any:
    """Nested inputs with a tensor in place of each spec; what is no spec stays as it is.

    `values`: those of the specs' symbols, or one for all of them. The same seed gives the same numbers, whatever the
    device, and torch's own generators stay as they are. Raises UsageError for a spec that cannot be read, a symbol
    without a value, or a size below 0.

    >>> tokens, lengths = examples_at(["i64[1, T]", "i64[1] = T"], 3)
    >>> print(tokens, lengths)
    tensor([[0, 0, 0]]) tensor([3])
    """
    generator = torch.Generator().manual_seed(seed)

    def tensor(leaf: Any) -> Any:
        if not isinstance(leaf, str) or not looks_like_spec(leaf):
            return leaf
        try:
            spec = InputSpec.parse(leaf)
        except SpecError as error:
            raise UsageError(str(error)) from None
        return _example(spec, values, torch.device(device), generator)

    return map_tree(tensor, inputs)


def _example(
    spec: InputSpec, values: int | Mapping[str, int], device: torch.device, generator: torch.Generator
) -> torch.Tensor:
    known = dict.fromkeys(spec.symbols, values) if isinstance(values, int) else values
    try:
        dims = [int(size.evaluate(known)) for size in spec.dims]
        if isinstance(spec.values, tuple):
            elements = [int(element.evaluate(known)) for element in spec.values]
        else:
            elements = int(spec.values.evaluate(known)) if spec.values is not None else 0
    except KeyError as error:
        raise UsageError(f"{spec}: {error.args[0]} has no value") from None
    except ZeroDivisionError:
        raise UsageError(f"{spec}: it divides by 0 with {dict(known)}") from None
    if any(size < 0 for size in dims):
        raise UsageError(f"{spec}: a size is negative with {dict(known)}")
    dtype = _DTYPES[spec.dtype]
    if device.type == "meta":
        return torch.empty(dims, dtype=dtype, device=device)
    if dtype.is_floating_point or dtype.is_complex:
        wide = torch.complex128 if dtype.is_complex else torch.float64
        return torch.randn(dims, dtype=wide, generator=generator).to(device, dtype)
    if isinstance(elements, list):
        return torch.tensor(elements, dtype=dtype, device=device)
    return torch.full(dims, elements, dtype=dtype, device=device)


__all__ = ["examples_at"]
