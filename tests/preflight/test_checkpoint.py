"""Reading a checkpoint: the same tensors as torch.load finds, nothing executed, bounded memory, one error otherwise."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import struct
import subprocess
import sys
import warnings
import zipfile
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from shapecheck import UsageError
from shapecheck.preflight import Checkpoint, StateDict, TensorInfo, pickled, read_checkpoint

DTYPES = ("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64")

pytestmark = pytest.mark.filterwarnings("ignore:Sparse CSR:UserWarning")

FORMATS = [(True, 2), (True, 4), (False, 2), (False, 4)]  # zip or not, the pickle's protocol


def layers() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.Sequential(nn.utils.weight_norm(nn.Conv1d(2, 3, 3)), nn.BatchNorm1d(3), nn.LSTM(3, 4))


def content() -> dict[str, Any]:
    """What scripts save, and what else torch's weights-only loader takes."""
    module = layers()
    return {
        "net": {"a": module.state_dict(), "b": layers().half().state_dict(), "empty": {}},
        "optimizer": [("a", torch.optim.AdamW(module.parameters()).state_dict())],
        "one": torch.optim.SGD(module.parameters()).state_dict(),
        "epoch": 3,
        "iters": 1 << 40,
        "val_loss": 0.25,
        "name": "text",
        "none": None,
        "tensors": {
            **{dtype: torch.zeros(2, 3, dtype=getattr(torch, dtype)) for dtype in DTYPES},
            "scalar": torch.tensor(1.5),
            "none": torch.empty(0, 3),
            "view": torch.zeros(4, 6)[1:3, ::2].t(),
            "expanded": torch.zeros(1).expand(5, 7),
            "parameter": nn.Parameter(torch.zeros(2)),
            "sparse": torch.eye(3).to_sparse(),
            "compressed": torch.eye(4).to_sparse_csr(),
            "meta": torch.empty(3, 2, device="meta"),
            "narrow": torch.zeros(3).to(torch.float8_e4m3fn),
        },
        "rest": [torch.float16, torch.Size([2]), torch.device("cpu"), Counter("aab"), b"abc", {1, 2}, 1j, (1, (2, 3))],
        "ordered": OrderedDict(x=torch.zeros(2)),
    }


def loaded(path: Path, *, weights_only: bool = True) -> dict[str, Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.load(path, weights_only=weights_only, map_location="cpu")


def saved(path: Path, value: object, *, is_zip: bool = True, protocol: int = 2) -> Path:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(value, path, _use_new_zipfile_serialization=is_zip, pickle_protocol=protocol)
    return path


def places(value: object, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], TensorInfo]]:
    """Every tensor within mappings, by where it is."""
    for key, entry in value.items() if isinstance(value, Mapping) else ():
        if isinstance(entry, torch.Tensor):
            yield (*place, key), TensorInfo(tuple(entry.shape), str(entry.dtype).removeprefix("torch."))
        elif isinstance(key, str):
            yield from places(entry, (*place, key))


def tensors_of(checkpoint: Checkpoint) -> dict[tuple[str, ...], TensorInfo]:
    found = checkpoint.state_dicts.items()
    return {(*place, name): info for place, state in found for name, info in state.tensors.items()}


@pytest.mark.parametrize(("is_zip", "protocol"), FORMATS)
def test_the_tensors_are_those_that_torch_loads(tmp_path: Path, is_zip: bool, protocol: int):
    value = content()
    if not is_zip:
        del value["tensors"]["narrow"]  # torch writes it in this format and cannot read it
    path = saved(tmp_path / "x.pth", value, is_zip=is_zip, protocol=protocol)
    checkpoint = read_checkpoint(path)
    # of protocol 2, the default, torch's weights-only loader knows every instruction
    assert tensors_of(checkpoint) == dict(places(loaded(path, weights_only=protocol == 2)))
    assert len(tensors_of(checkpoint)) == 44 + is_zip
    assert checkpoint.format == ("zip" if is_zip else "legacy")
    assert checkpoint.keys == tuple(content())
    assert checkpoint.foreign == ()
    epoch = {"epoch": 3, "iters": 1 << 40, "val_loss": 0.25, "name": "text", "none": None}
    assert checkpoint.scalars == epoch
    assert tuple(checkpoint.components("net")) == ("a", "b", "empty")
    assert checkpoint.components("net")["empty"] == StateDict({})
    assert checkpoint.components("net")["a"].versions == {"": 1, "0": 1, "1": 2, "2": 1}


def test_a_bare_state_dict_stands_at_the_top(tmp_path: Path):
    checkpoint = read_checkpoint(saved(tmp_path / "x.pth", layers().state_dict()))
    assert tuple(checkpoint.state_dicts) == ((),)
    assert checkpoint.state_dicts[()].tensors["1.weight"] == TensorInfo((3,), "float32")


def test_what_is_no_tensor_is_named(tmp_path: Path):
    path = saved(tmp_path / "x.pth", {"net": {"a": {"weight": torch.zeros(2), "bias": None, "count": 3}}})
    assert read_checkpoint(path).components("net")["a"].others == ("bias", "count")


def test_safetensors_are_those_of_the_library(tmp_path: Path):
    library = pytest.importorskip("safetensors.torch")
    tensors = {name: torch.zeros(2, 3, dtype=getattr(torch, name)) for name in DTYPES if name != "complex64"}
    tensors |= {"scalar": torch.tensor(1.0), "none": torch.empty(0, 3), "narrow": torch.zeros(3).to(torch.float8_e5m2)}
    library.save_file(tensors, tmp_path / "x.safetensors", metadata={"format": "pt"})
    checkpoint = read_checkpoint(tmp_path / "x.safetensors")
    assert checkpoint.format == "safetensors"
    assert checkpoint.state_dicts[()].tensors == {place[0]: info for place, info in places(tensors)}


# one error for each thing that is wrong


def _bytes(value: object, *, is_zip: bool = True) -> bytes:
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=is_zip)
    return buffer.getvalue()


class Unknown:
    """An object that only importing this file could make."""


def _script() -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(nn.Linear(2, 3)), buffer)
    return buffer.getvalue()


def _without_storage() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(_bytes({"a": torch.zeros(9)}))) as old, zipfile.ZipFile(buffer, "w") as new:
        for info in old.infolist():
            if not info.filename.endswith("data/0"):
                new.writestr(info.filename, old.read(info))
    return buffer.getvalue()


def _compressed() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("x/data.pkl", pickle.dumps({}, 2))
    return buffer.getvalue()


def _archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x/readme.txt", "text")
    return buffer.getvalue()


def _safetensors(header: object, data: bytes = b"") -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def _entry(**changes: object) -> dict[str, object]:
    return {"x": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24], **changes}}


TENSOR = {"a": torch.zeros(100)}
AGAIN, SAVE = "download or copy it again", "save the state dicts alone"
REFUSED: dict[str, tuple[bytes, str, str]] = {
    "empty": (b"", "is empty", AGAIN),
    "text": (b"epoch: 3\n", "is no checkpoint", "torch.save or safetensors"),
    "web page": (b"<!DOCTYPE html><html>", "is a web page", AGAIN),
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid", "is a pointer of Git LFS", AGAIN),
    "zip cut off": (_bytes(TENSOR)[:-30], "is cut off or corrupt", AGAIN),
    "zip cut to half": (_bytes(TENSOR)[:200], "is cut off or corrupt", AGAIN),
    "zip of something else": (_archive(), "without a data.pkl", SAVE),
    "zip compressed": (_compressed(), "is compressed", SAVE),
    "zip without a storage": (_without_storage(), "its storage 0 is missing", AGAIN),
    "program": (_script(), "is a TorchScript archive", SAVE),
    "legacy cut off": (_bytes(TENSOR, is_zip=False)[:-1], "is cut off: it has", AGAIN),
    "legacy cut within": (_bytes(TENSOR, is_zip=False)[:150], "its pickle", AGAIN),
    "legacy begun": (_bytes(TENSOR, is_zip=False)[:10], "is no checkpoint, or cut off", AGAIN),
    "another pickle": (pickle.dumps({"a": 1}, 2) * 3, "is a pickle, and not one of torch.save", SAVE),
    "one tensor": (_bytes(torch.zeros(3)), "holds one tensor", SAVE),
    "a list": (_bytes([torch.zeros(3)]), "holds a list", SAVE),
    "no tensor": (_bytes({"epoch": 3, "net": {}}), "has no state dict in it", SAVE),
    "a whole module": (_bytes(layers()), "torch.nn.modules.container.Sequential", SAVE),
    "a whole module, legacy": (_bytes(layers(), is_zip=False), "torch.nn.modules.container.Sequential", SAVE),
    "modules": (_bytes({"net": nn.Linear(2, 3), "epoch": 3}), "only running torch.nn.modules.linear.Linear", SAVE),
    "an object": (_bytes(Unknown()), "Unknown object that only running", SAVE),
    "header cut off": (_safetensors(_entry())[:20], "is cut off or corrupt: its header", AGAIN),
    "header too long": (struct.pack("<Q", 1 << 62) + b"{}", "is cut off or corrupt: its header", AGAIN),
    "header no JSON": (_safetensors(b"{nonsense"), "its header is no JSON", AGAIN),
    "header deep": (_safetensors(b'{"a":' * 100_000), "its header is no JSON", AGAIN),
    "header empty": (_safetensors({}), "has no tensor in it", SAVE),
    "data cut off": (_safetensors(_entry(), bytes(23)), "does not fit into the file", AGAIN),
    "data too short": (_safetensors(_entry(shape=[2, 4]), bytes(24)), "does not fit", AGAIN),
    "data negative": (_safetensors(_entry(data_offsets=[24, 0]), bytes(24)), "does not fit", AGAIN),
    "shape negative": (_safetensors(_entry(shape=[-2, -3]), bytes(24)), "does not fit", AGAIN),
    "shape huge": (_safetensors(_entry(shape=[1 << 62] * 64), bytes(24)), "does not fit", AGAIN),
    "shape of truths": (_safetensors(_entry(shape=[True], data_offsets=[0, 4]), bytes(24)), "does not fit", AGAIN),
    "dtype unknown": (_safetensors(_entry(dtype="F31"), bytes(24)), "does not fit", AGAIN),
    "entry no mapping": (_safetensors({"x": 3}), "does not fit", AGAIN),
}


@pytest.mark.parametrize("name", REFUSED)
def test_one_error_with_the_file_and_a_remedy(tmp_path: Path, name: str):
    data, what, remedy = REFUSED[name]
    path = tmp_path / "epoch_2nd.pth"
    path.write_bytes(data)
    with pytest.raises(UsageError) as error:
        read_checkpoint(path)
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert what in message
    assert remedy in message
    assert len(message.splitlines()) == 1
    assert "Traceback" not in message


def test_no_such_file(tmp_path: Path):
    with pytest.raises(UsageError, match="there is no such file; correct the path"):
        read_checkpoint(tmp_path / "epoch.pth")


def test_a_folder(tmp_path: Path):
    with pytest.raises(UsageError, match="is a folder; give the checkpoint file in it"):
        read_checkpoint(tmp_path)


@pytest.mark.parametrize("name", ["a\0b", "a" * 5000])
def test_a_name_that_no_file_can_have(name: str):
    with pytest.raises(UsageError, match="cannot be read"):
        read_checkpoint(name)


# nothing is executed


class Harm:
    """Pickled, it is a call of open(path, "w"): unpickling it leaves a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.path), "w"))


@pytest.mark.parametrize(("is_zip", "protocol"), FORMATS)
def test_a_call_in_a_pickle_is_not_made(tmp_path: Path, is_zip: bool, protocol: int):
    marker = tmp_path / "marker"
    value = {"net": {"a": {"weight": torch.zeros(2)}}, "optimizer": Harm(marker), "epoch": 3}
    path = saved(tmp_path / "x.pth", value, is_zip=is_zip, protocol=protocol)
    checkpoint = read_checkpoint(path)
    assert checkpoint.components("net")["a"].tensors == {"weight": TensorInfo((2,), "float32")}
    assert checkpoint.foreign in (("io.open",), ("_io.open",))
    assert "optimizer" in checkpoint.keys
    assert not marker.exists()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.load(path, weights_only=False)["optimizer"].close()
    assert marker.exists(), "the file does what it was made for"


@pytest.mark.parametrize(("is_zip", "protocol"), FORMATS)
def test_a_file_that_is_a_call_is_refused_with_its_name(tmp_path: Path, is_zip: bool, protocol: int):
    marker = tmp_path / "marker"
    path = saved(tmp_path / "x.pth", Harm(marker), is_zip=is_zip, protocol=protocol)
    with pytest.raises(UsageError, match=r"that only running _?io\.open would make, .*; nothing was run"):
        read_checkpoint(path)
    assert not marker.exists()


FOREIGN: dict[str, tuple[object, tuple[str, ...]]] = {
    "getattr": (nn.ReLU().forward, ("builtins.getattr", "torch.nn.modules.activation.ReLU")),
    "path": (Path("x"), ("pathlib.PosixPath",)),
    "function": (os.getcwd, ("posix.getcwd",)),
    "set": ({1}, ()),
    "fraction": (slice(1, 2), ("builtins.slice",)),
    "bytes": (b"\xff", ()),
    "array": (bytearray(b"x"), ()),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_names_are_those_that_torch_does_not_let_pass(tmp_path: Path, name: str):
    value, names = FOREIGN[name]
    path = saved(tmp_path / "x.pth", {"net": {"a": {"weight": torch.zeros(2)}}, "more": value})
    found = read_checkpoint(path).foreign
    assert set(names) <= set(found)
    assert bool(names) == bool(found)
    if names:
        with pytest.raises(pickle.UnpicklingError):
            loaded(path)
    else:
        loaded(path)


# whatever the bytes say


@pytest.mark.parametrize("is_zip", [True, False])
def test_damaged_files_are_read_or_refused(tmp_path: Path, is_zip: bool):
    draw = random.Random(0)
    whole = _bytes({"net": {"a": layers().state_dict()}, "epoch": 3}, is_zip=is_zip)
    path = tmp_path / "x.pth"
    refused = 0
    for _ in range(400):
        data = bytearray(whole)
        for _ in range(draw.choice((1, 3, 20))):
            data[draw.randrange(len(data) // 2)] = draw.randrange(256)
        path.write_bytes(data)
        try:
            read_checkpoint(path)
        except UsageError:
            refused += 1
    assert 50 < refused < 400


def _archive_of(pickle_bytes: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("x/data.pkl", pickle_bytes)
    return buffer.getvalue()


BOMBS: dict[str, bytes] = {
    "a key that takes forever to hash": b"\x80\x02}(" + b")" + b"2\x86" * 200 + b"K\x01u.",
    "a memo far away": b"\x80\x02}r\xff\xff\xff\xff.",
    "a text of 4 GB": b"\x80\x02X\xff\xff\xff\xff.",
    "an array of 4 EB": b"\x80\x05\x96" + b"\xff" * 7 + b"\x3f.",
    "nothing on the stack": b"\x80\x02.",
    "no mark": b"\x80\x02u.",
    "a number of 20,000 digits": b"I" + b"9" * 20_000 + b"\n.",
    "one that holds itself": b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.",
    "doubled 200 times": b"\x80\x02}" + b"(X\x01\x00\x00\x00aX\x01\x00\x00\x00b" * 0 + b"q\x00"
    + b"".join(b"}(X\x01\x00\x00\x00ah\x00X\x01\x00\x00\x00bh\x00uq\x00" for _ in range(200)) + b".",
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_pickle_made_to_exhaust_is_refused_at_once(tmp_path: Path, name: str):
    path = tmp_path / "x.pth"
    path.write_bytes(_archive_of(BOMBS[name]))
    with pytest.raises(UsageError):
        read_checkpoint(path)


def test_a_pickle_is_followed_so_far_and_no_farther(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = saved(tmp_path / "x.pth", {"a": torch.zeros(3)})
    monkeypatch.setattr(pickled, "_MOST_INSTRUCTIONS", 10)
    with pytest.raises(UsageError, match="more than 10 instructions"):
        read_checkpoint(path)


# memory


_MEASURE = """
import sys
from shapecheck.preflight import read_checkpoint
checkpoint = read_checkpoint(sys.argv[1])
assert "torch" not in sys.modules
print(sum(len(state.tensors) for state in checkpoint.state_dicts.values()))
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


linux = pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measured as Linux tells it")


def _peak(path: Path) -> tuple[int, float]:
    """Tensors, and MB of a process that reads them."""
    run = subprocess.run([sys.executable, "-c", _MEASURE, str(path)], capture_output=True, text=True, check=True)
    tensors, kilobytes = run.stdout.split()
    return int(tensors), int(kilobytes) / 1024


@linux
@pytest.mark.skipif(
    not hasattr(torch.serialization, "skip_data"), reason="an older torch would write the two gigabytes"
)
def test_two_gigabytes_take_no_memory(tmp_path: Path):
    path = tmp_path / "x.pth"
    with torch.serialization.skip_data():  # reserved, not written: the file is sparse
        torch.save({"net": {"a": {f"{at}.weight": torch.empty(1 << 25) for at in range(16)}}}, path)
    assert path.stat().st_size > 1 << 31
    tensors, peak = _peak(path)
    assert tensors == 16
    assert peak < 200


@linux
def test_many_tensors_take_little(tmp_path: Path):
    one = torch.zeros(1)
    path = saved(tmp_path / "x.pth", {"net": {"a": {f"layer.{at}.weight": one.clone() for at in range(20_000)}}})
    tensors, peak = _peak(path)
    assert tensors == 20_000
    assert peak < 300
