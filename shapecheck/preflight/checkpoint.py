"""A checkpoint's tensor names, shapes and dtypes, read without executing anything in it and without reading weights.

Formats: torch's zip archive, torch's older stream of pickles, safetensors. Whatever else a file is, or whatever is
wrong with it, is one UsageError with the file and a remedy.
"""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO, cast

from shapecheck.errors import UsageError

from .pickled import Pickled
from .rebuilt import Attributed, Opaque, item_size
from .tensors import StateDict, TensorInfo, Unreadable

ZIP, LEGACY, SAFETENSORS = "zip", "legacy", "safetensors"

_MAGIC = 0x1950A86A20F9469CFC6C  # what the older format begins with, and its version
_PROTOCOL = 1001
_DEEPEST = 6  # mappings within mappings; StyleTTS2 has its state dicts in the second
_MOST_MAPPINGS = 10_000
_LOCAL_HEADER = 30  # bytes before a record of a zip archive; the last four say how long its name and extra field are
_LARGEST_HEADER = 100_000_000  # bytes; the limit of the safetensors library
_SAFETENSORS_DTYPES: Mapping[str, str] = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E8M0": "float8_e8m0fnu",
    "C64": "complex64",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}

_DOWNLOAD = "download or copy it again"
_SAVE = "save the state dicts alone: torch.save({'net': {name: module.state_dict(), ...}}, path)"

Scalar = bool | int | float | str | None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The tensors of a file, by the keys that lead to their state dict: (), ("model",), ("net", "decoder")."""

    path: Path
    format: str  # ZIP, LEGACY or SAFETENSORS
    keys: tuple[str, ...]  # of the top mapping
    state_dicts: Mapping[tuple[str, ...], StateDict]
    scalars: Mapping[str, Scalar]  # of the top mapping: epoch, iters, val_loss
    foreign: tuple[str, ...] = ()  # what torch.load needs weights_only=False for; it is not called here

    def components(self, key: str) -> dict[str, StateDict]:
        """The state dicts right under a key of the top mapping, by name: `components("net")["decoder"]`."""
        return {place[1]: found for place, found in self.state_dicts.items() if len(place) == 2 and place[0] == key}


def read_checkpoint(path: str | Path) -> Checkpoint:
    """What is in a checkpoint. Memory does not grow with the weights: a header or pickle is read, and no storage.

    Raises UsageError.
    """
    file = Path(path)
    try:
        if file.is_dir():
            raise UsageError(f"{path}: is a folder; give the checkpoint file in it")
        with file.open("rb") as stream:
            return _read(file, stream, file.stat().st_size)
    except FileNotFoundError as error:
        raise UsageError(f"{path}: there is no such file; correct the path, or download the checkpoint") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a null byte
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"{path}: cannot be read: {reason}; check the path and the file's permissions") from error
    except Unreadable as error:
        raise UsageError(f"{path}: {error}") from error


def _read(path: Path, stream: BinaryIO, size: int) -> Checkpoint:
    start = stream.read(16)
    stream.seek(0)
    if not start:
        raise Unreadable(f"is empty; {_DOWNLOAD}")
    if start[:4] == b"PK\x03\x04":
        return _read_zip(path, stream)
    if start[8:9] == b"{" and (path.suffix == ".safetensors" or start[:1] != b"\x80"):
        return _read_safetensors(path, stream, size)
    if start[:1] == b"\x80":
        return _read_legacy(path, stream, size)
    remedy = "give a file that torch.save or safetensors wrote"
    if start.startswith((b"version https:", b"<!DOCTYPE", b"<!doctype", b"<html")):
        what = "a pointer of Git LFS" if start.startswith(b"version") else "a web page"
        raise Unreadable(f"is {what}, not the checkpoint itself; {_DOWNLOAD}")
    raise Unreadable(f"is no checkpoint; {remedy}")


def _read_zip(path: Path, stream: BinaryIO) -> Checkpoint:
    try:
        with zipfile.ZipFile(stream) as archive:
            records = {info.filename: info for info in archive.infolist()}
            roots = [
                name.removesuffix("data.pkl") for name in records if name.endswith("/data.pkl") and name.count("/") == 1
            ]
            if len(roots) != 1:
                raise Unreadable(f"is a zip archive without a data.pkl, no checkpoint; {_SAVE}")
            root = roots[0]
            if f"{root}constants.pkl" in records:
                raise Unreadable(f"is a TorchScript archive, a program and no checkpoint; {_SAVE}")
            pickle = records[f"{root}data.pkl"]
            if pickle.compress_type != zipfile.ZIP_STORED:
                raise Unreadable(f"is compressed, which torch.save never does; {_SAVE}")
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError) as error:
        raise Unreadable(
            f"is cut off or corrupt (torch.save writes a zip archive; {_told(error)}); {_DOWNLOAD}"
        ) from error
    # read here and not by zipfile, which insists on check sums, and torch.save can leave them out
    stream.seek(pickle.header_offset)
    header = stream.read(_LOCAL_HEADER)
    if len(header) < _LOCAL_HEADER:
        raise Unreadable(f"is cut off; {_DOWNLOAD}")
    stream.seek(sum(struct.unpack("<HH", header[-4:])), 1)  # its name and an extra field
    content = _pickled(stream)
    for storage in content.storages.values():
        record = records.get(f"{root}data/{storage.key}")
        if record is None or record.file_size != storage.bytes:
            found = "is missing" if record is None else f"has {record.file_size:,} bytes and needs {storage.bytes:,}"
            raise Unreadable(f"is corrupt: its storage {storage.key} {found}; {_DOWNLOAD}")
    return _checkpoint(path, ZIP, content)


def _read_legacy(path: Path, stream: BinaryIO, size: int) -> Checkpoint:
    """Pickles one after another: magic number, version, system, content, keys; then each storage with its length."""
    try:
        magic, protocol, _system = (_pickled(stream).value for _ in range(3))
    except Unreadable as error:
        raise Unreadable(f"is no checkpoint, or cut off; give a file that torch.save wrote, or {_DOWNLOAD}") from error
    if magic != _MAGIC or protocol != _PROTOCOL:
        raise Unreadable(f"is a pickle, and not one of torch.save; {_SAVE}")
    content = _pickled(stream)
    keys = _pickled(stream).value
    if not isinstance(keys, list) or not all(key in content.storages for key in cast("list[Any]", keys)):
        raise Unreadable(f"is corrupt: it lists storages that no tensor has; {_DOWNLOAD}")
    needed = stream.tell() + sum(8 + content.storages[key].bytes for key in cast("list[str]", keys))
    if size < needed:
        raise Unreadable(f"is cut off: it has {size:,} bytes and needs {needed:,}; {_DOWNLOAD}")
    return _checkpoint(path, LEGACY, content)


def _pickled(stream: BinaryIO) -> Pickled:
    try:
        return Pickled(stream)
    except Unreadable as error:
        raise Unreadable(f"{error}; {_DOWNLOAD}") from error


def _checkpoint(path: Path, kind: str, content: Pickled) -> Checkpoint:
    foreign = tuple(content.foreign)
    top = content.value
    if not isinstance(top, dict):
        what = f"a {top.name} object" if isinstance(top, Opaque) else f"a {type(top).__name__}"
        what = "one tensor" if isinstance(top, TensorInfo) else what
        reason = f" that only running {', '.join(foreign[:3])} would make" if foreign else ""
        raise Unreadable(f"holds {what}{reason}, and not a mapping of state dicts; nothing was run; {_SAVE}")
    items = {key: value for key, value in cast("dict[Any, Any]", top).items() if isinstance(key, str)}
    scalars = {
        key: value for key, value in items.items() if value is None or isinstance(value, bool | int | float | str)
    }
    state_dicts = _StateDicts(cast("dict[Any, Any]", top)).found
    if not any(found.tensors for found in state_dicts.values()):
        needs = next((each for each in items.values() if isinstance(each, Opaque)), None)
        if needs is not None:
            raise Unreadable(
                f"keeps its tensors in objects that only running {needs.name} would make; nothing was run; {_SAVE}"
            )
        raise Unreadable(f"has no state dict in it; {_SAVE}")
    return Checkpoint(path, kind, tuple(items), state_dicts, scalars, foreign)


class _StateDicts:
    """The mappings from names to tensors, and the empty ones beside them, wherever they are within mappings."""

    def __init__(self, top: dict[Any, Any]) -> None:
        self.found: dict[tuple[str, ...], StateDict] = {}
        self._seen = 0
        self._visit((), top)

    def _visit(self, place: tuple[str, ...], mapping: dict[Any, Any]) -> None:
        self._seen += 1
        if self._seen > _MOST_MAPPINGS:
            raise Unreadable(f"has more than {_MOST_MAPPINGS:,} mappings in it; {_SAVE}")
        items = {key: value for key, value in mapping.items() if isinstance(key, str)}
        if mapping and not items:  # the state of an optimizer, by number
            return
        tensors = {key: value for key, value in items.items() if isinstance(value, TensorInfo)}
        if tensors or not items:
            others = tuple(key for key, value in items.items() if not isinstance(value, TensorInfo | dict))
            self.found[place] = StateDict(tensors, others, _versions(mapping))
        for key, value in items.items():
            if isinstance(value, dict) and len(place) < _DEEPEST:
                self._visit((*place, key), cast("dict[Any, Any]", value))


def _versions(mapping: dict[Any, Any]) -> dict[str, int]:
    metadata = mapping.attributes.get("_metadata") if isinstance(mapping, Attributed) else None
    versions: dict[str, int] = {}
    for name, entry in cast("dict[Any, Any]", metadata).items() if isinstance(metadata, dict) else ():
        version = cast("dict[Any, Any]", entry).get("version") if isinstance(entry, dict) else None
        if isinstance(name, str) and isinstance(version, int):
            versions[name] = version
    return versions


def _read_safetensors(path: Path, stream: BinaryIO, size: int) -> Checkpoint:
    """Eight bytes with the length of a JSON header, the header, and the data that it describes."""
    (length,) = struct.unpack("<Q", stream.read(8))
    if length > min(_LARGEST_HEADER, size - 8):
        raise Unreadable(f"is cut off or corrupt: its header says {length:,} bytes of {size:,}; {_DOWNLOAD}")
    try:
        header: object = json.loads(stream.read(length))
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"is corrupt: its header is no JSON; {_DOWNLOAD}") from error
    if not isinstance(header, dict):
        raise Unreadable(f"is corrupt: its header is no JSON object; {_DOWNLOAD}")
    entries = {name: entry for name, entry in cast("dict[str, Any]", header).items() if name != "__metadata__"}
    tensors: dict[str, TensorInfo] = {}
    for name, entry in entries.items():
        info = _safetensor(entry, size - 8 - length)
        if info is None:
            raise Unreadable(f"is cut off or corrupt: its tensor {name[:80]!r} does not fit into the file; {_DOWNLOAD}")
        tensors[name] = info
    if not tensors:
        raise Unreadable(f"has no tensor in it; {_SAVE}")
    return Checkpoint(path, SAFETENSORS, tuple(tensors), {(): StateDict(tensors)}, {})


def _safetensor(entry: Any, size: int) -> TensorInfo | None:
    """None where an entry is not of the documented form, or says more bytes than there are."""
    if not isinstance(entry, dict):
        return None
    values = cast("dict[str, object]", entry)
    dtype, shape, offsets = (values.get(key) for key in ("dtype", "shape", "data_offsets"))
    sizes, places = _naturals(shape), _naturals(offsets)
    if (
        not isinstance(dtype, str)
        or dtype not in _SAFETENSORS_DTYPES
        or sizes is None
        or places is None
        or len(places) != 2
    ):
        return None
    name = _SAFETENSORS_DTYPES[dtype]
    begin, end = places
    fits = begin <= end <= size and end - begin == prod(sizes) * item_size(name)
    return TensorInfo(sizes, name) if fits else None


def _naturals(values: object) -> tuple[int, ...] | None:
    if not isinstance(values, list) or len(cast("list[object]", values)) > 64:
        return None
    entries = tuple(each for each in cast("list[object]", values) if type(each) is int and 0 <= each < 1 << 63)
    return entries if len(entries) == len(cast("list[object]", values)) else None


def _told(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
