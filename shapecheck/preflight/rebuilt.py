"""What torch's functions make of what a checkpoint hands them: tensors without data, by name; nothing is called."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, cast

from .tensors import TensorInfo, Unreadable

KEYS = (str, int, float, bytes, type(None))  # of mappings: the hash of anything else may take forever
_MOST_DIMENSIONS = 64  # torch's own limit

STORAGE_DTYPES: Mapping[str, str] = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexDoubleStorage": "complex128",
    "ComplexFloatStorage": "complex64",
    "QInt8Storage": "qint8",
    "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32",
    "UntypedStorage": "uint8",
}

# "int4", "float4_e2m1fn_x2", "bits2x4": torch has no tensor of the narrow ones in a checkpoint, and refuses no name
_DTYPE = re.compile(r"bool|bfloat16|(u?int|q?u?int|float|complex)\d+\w*|bits\d+(x\d+)?")
_WIDTH = re.compile(r"\d+")

# what torch's own weights-only loader lets pass besides storages, dtypes and the functions in `_REBUILD`
_HARMLESS = frozenset(
    (
        "_codecs.encode",
        "builtins.bytearray",
        "builtins.complex",
        "builtins.set",
        "collections.Counter",
        "torch.device",
        "torch.Tensor",
        "torch.serialization._get_layout",
        *(
            f"torch._utils._rebuild_{name}"
            for name in ("device_tensor_from_numpy", "nested_tensor", "wrapper_subclass")
        ),
        "torch.storage.TypedStorage",
        "torch.storage.UntypedStorage",
        *(f"torch.{name}" for name in ("per_tensor_affine", "per_tensor_symmetric")),
        *(f"torch.per_channel_{name}" for name in ("affine", "symmetric", "affine_float_qparams")),
    )
)
_TYPED = re.compile(r"torch\.(cuda\.)?(sparse\.)?[A-Z][A-Za-z0-9]+(Storage|Tensor)")


@dataclass(frozen=True, slots=True)
class Name:
    """A class or function by its full name; it may exist or not."""

    text: str


@dataclass(frozen=True, slots=True)
class Opaque:
    """What would be made by calling a name, and is not."""

    name: str


@dataclass(frozen=True, slots=True)
class Storage:
    key: str
    dtype: str
    count: int  # elements

    @property
    def bytes(self) -> int:
        return self.count * item_size(self.dtype)


class Attributed(dict[Any, Any]):
    """An OrderedDict: a mapping with attributes, of which state dicts have `_metadata`."""

    attributes: Mapping[Any, Any] = {}


def item_size(dtype: str) -> int:
    """Bytes of one element."""
    width = _WIDTH.search(dtype)
    return 1 if width is None else -(-int(width[0]) // 8)


def called(function: object, arguments: object) -> Any:
    """What torch makes of the arguments, without data; Opaque where the function is none of torch's."""
    if isinstance(function, Name) and isinstance(arguments, tuple):
        if function.text in _REBUILD:
            return _REBUILD[function.text](*cast("tuple[Any, ...]", arguments))
        return Opaque(function.text)
    return function if isinstance(function, Opaque) else Opaque("a call")


def is_harmless(name: str) -> bool:
    if name in _REBUILD or name in _HARMLESS or _TYPED.fullmatch(name):
        return True
    module, _, attribute = name.rpartition(".")
    return module == "torch" and _DTYPE.fullmatch(attribute) is not None


def _tensor(storage: object, offset: object, size: object, stride: object, *_: Any) -> TensorInfo:
    if not isinstance(storage, Storage):
        raise Unreadable("its pickle is corrupt")
    return _checked(storage, offset, size, stride, storage.dtype, storage.count)


def _tensor_of_dtype(
    storage: Any, offset: Any, size: Any, stride: Any, _grad: Any, _hooks: Any, dtype: Any, *_: Any
) -> TensorInfo:
    name = _dtype(dtype)
    return _checked(storage, offset, size, stride, name, storage.bytes // item_size(name))


def _checked(storage: Storage, offset: object, size: object, stride: object, dtype: str, count: int) -> TensorInfo:
    sizes, strides = _naturals(size), _naturals(stride)
    last = natural(offset) + sum((each - 1) * step for each, step in zip(sizes, strides, strict=True))
    if prod(sizes) and last >= count:
        raise Unreadable(f"a tensor of the shape {list(sizes)} is larger than its storage {storage.key}")
    return TensorInfo(sizes, dtype)


def _without_storage(dtype: object, size: object, *_: Any) -> TensorInfo:
    return TensorInfo(_naturals(size), _dtype(dtype))


def _first(value: object = None, *_: Any) -> object:
    return value


def _of_type(function: object, _type: object, arguments: object, *_: Any) -> Any:
    return called(function, arguments)


def _on_device(data: object, dtype: object, *_: Any) -> Any:
    return TensorInfo(data.shape, _dtype(dtype)) if isinstance(data, TensorInfo) else Opaque("a tensor of a device")


def _ordered(items: object = (), *_: Any) -> Attributed:
    result = Attributed()
    for pair in cast("Sequence[Any]", items) if isinstance(items, (list, tuple)) else ():
        key, value = pair
        if isinstance(key, KEYS):
            result[key] = value
    return result


def _size(items: object = (), *_: Any) -> tuple[int, ...]:
    return _naturals(items)


def _sparse(_layout: object, data: Any, *_: Any) -> Any:
    at = next((at for at, each in enumerate(data) if isinstance(each, tuple)), 0)  # the size follows the values
    values = data[at - 1]
    return TensorInfo(_naturals(data[at]), values.dtype) if at and isinstance(values, TensorInfo) else Opaque("sparse")


def _dtype(name: object) -> str:
    text = name.text.rpartition(".")[2] if isinstance(name, Name) else ""
    if not _DTYPE.fullmatch(text):
        raise Unreadable("its pickle is corrupt")
    return text


def _naturals(values: object) -> tuple[int, ...]:
    if not isinstance(values, (tuple, list)) or len(cast("Sequence[Any]", values)) > _MOST_DIMENSIONS:
        raise Unreadable("its pickle is corrupt")
    return tuple(natural(value) for value in cast("Sequence[Any]", values))


def natural(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < 1 << 63:
        raise Unreadable("its pickle is corrupt")
    return int(value)


def text(value: object) -> str:
    if isinstance(value, bytes):
        return value.decode("ascii")
    if not isinstance(value, str):
        raise Unreadable("its pickle is corrupt")
    return value


_REBUILD: Mapping[str, Callable[..., Any]] = {
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_tensor_v3": _tensor_of_dtype,
    "torch._utils._rebuild_qtensor": _tensor,
    "torch._utils._rebuild_meta_tensor_no_storage": _without_storage,
    "torch._utils._rebuild_device_tensor_from_cpu_tensor": _on_device,
    "torch._utils._rebuild_sparse_tensor": _sparse,
    "torch._utils._rebuild_parameter": _first,
    "torch._utils._rebuild_parameter_with_state": _first,
    "torch._tensor._rebuild_from_type_v2": _of_type,
    "torch.nn.parameter.Parameter": _first,
    "torch.Size": _size,
    "collections.OrderedDict": _ordered,
}
