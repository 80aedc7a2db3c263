"""A visit to a user's source: what it imports, what is left behind (nothing), and what is said where it fails."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from shapecheck import UsageError, UserCode

Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Make files of the folder `source`, where the test is, too: `write(models="X = 1")`."""
    root = tmp_path / "source"
    root.mkdir()
    monkeypatch.chdir(root)

    def files(**texts: str) -> Path:
        for name, text in texts.items():
            file = root / f"{name.replace('__in__', '/')}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return root

    return files


def hashes(root: Path) -> dict[str, str]:
    return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in root.rglob("*") if file.is_file()}


def state() -> dict[str, Any]:
    own = {name: id(module) for name, module in sys.modules.items() if name.partition(".")[0] in NAMES}
    return {
        "path": sys.path[:],
        "finders": sys.meta_path[:],
        "arguments": sys.argv[:],
        "folder": os.getcwd(),  # noqa: PTH109
        "filters": warnings.filters[:],
        "writes": sys.dont_write_bytecode,
        "streams": (sys.stdout, sys.stderr),
        "modules": own,
        "generator": torch.get_rng_state().tolist(),
    }


NAMES = ("models", "utils", "tests", "helper", "calendar", "random", "layers")


def load(root: Path, *names: str, **options: Any) -> list[ModuleType]:
    code = UserCode(root, **options)
    with code.visit():
        return code.load(*names)


def refused(root: Path, *names: str, **options: Any) -> str:
    with pytest.raises(UsageError) as caught:
        load(root, *names, **options)
    return str(caught.value)


def test_imports_start_from_the_root(write: Write) -> None:
    root = write(models="import utils\nfrom layers.conv import NAME", utils="", layers__in__conv="NAME = 'conv'")
    assert load(root, "models")[0].NAME == "conv"


WILD = """
import os, random, sys, warnings
import calendar, layers
sys.path.append("/nowhere")
sys.path.insert(0, "/nowhere")
sys.argv.append("--more")
warnings.simplefilter("error")
os.chdir("/")
sys.stdout = sys.stderr = None
"""


def test_everything_is_as_it_was(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write(models=WILD, layers="", calendar="MINE = True", tests__in____init__="")
    monkeypatch.delitem(sys.modules, "calendar", raising=False)
    monkeypatch.setitem(sys.modules, "models", ModuleType("models"))
    before, files = state(), hashes(root)
    load(root, "models", "tests")
    assert state() == before
    assert hashes(root) == files


def test_also_after_an_error(write: Write) -> None:
    root = write(models=WILD + "\nraise ValueError('no')", layers="", calendar="")
    before, files = state(), hashes(root)
    refused(root, "models")
    assert state() == before
    assert hashes(root) == files


def test_a_module_that_is_known_by_the_same_name_is_not_meant(write: Write) -> None:
    import tests

    root = write(tests="MINE = True")
    assert load(root, "tests")[0].MINE
    assert sys.modules["tests"] is tests


def test_two_sources_with_the_same_names(tmp_path: Path) -> None:
    codes: list[UserCode] = []
    for name in ("a", "b"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "utils.py").write_text(f"NAME = {name!r}")
        (folder / "models.py").write_text("def name():\n    import utils\n    return utils.NAME")
        codes.append(UserCode(folder))
    found: list[str] = []
    for code in (*codes, *codes):
        with code.visit():
            found.append(code.load("models")[0].name())
    assert found == ["a", "b", "a", "b"]


def test_a_visit_finds_what_the_one_before_imported(write: Write) -> None:
    code = UserCode(write(models="X = object()"))
    with code.visit():
        first = code.load("models")[0]
        with code.visit():  # one within the other is the same
            assert code.load("models")[0] is first
        assert sys.modules["models"] is first
    with code.visit():
        assert code.load("models")[0] is first


def test_a_file_that_is_newer_than_the_last_look_at_its_folder(write: Write) -> None:
    root = write(models="")
    load(root, "models")
    write(layers="X = 1")
    assert load(root, "layers")[0].X == 1


def test_a_folder_of_data_hides_no_package(write: Write) -> None:
    root = write(models="import numpy, torch, yaml\nassert yaml.safe_load")
    for name in ("numpy", "torch", "yaml", "transformers"):
        (root / name).mkdir()
    known = sys.modules.get("yaml")
    load(root, "models")
    assert known is None or sys.modules["yaml"] is known


def test_libraries_that_it_imports_stay(write: Write) -> None:
    load(write(models="import einops"), "models")
    known = sys.modules["einops"]
    load(write(models="import einops"), "models")
    assert sys.modules["einops"] is known


def test_what_it_prints_goes_to_standard_error(write: Write, capsys: pytest.CaptureFixture[str]) -> None:
    text = """
import io, sys
print("printed")
sys.stdout.buffer.write(b"bytes\\n")
sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")
print("wrapped")
sys.stderr.close()
"""
    load(write(models=text), "models")
    print("ours", file=sys.stderr)
    assert capsys.readouterr() == ("", "printed\nbytes\nwrapped\nours\n")


def test_a_logger_that_keeps_its_stream(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    module = load(write(models="import sys\nkept = sys.stdout"), "models")[0]
    module.kept.write("later")
    assert stream.getvalue() == "later"
    stream.close()
    module.kept.write("too late")


def test_tensors_have_values_while_it_is_imported(write: Write) -> None:
    root = write(models="import torch\nWINDOW = torch.hann_window(4)\nassert WINDOW.sum() > 0")
    with torch.device("meta"):
        assert load(root, "models")[0].WINDOW.device.type == "cpu"


def test_it_may_import_while_it_runs(write: Write) -> None:
    code = UserCode(write(models="def late():\n    from layers import X\n    return X", layers="X = 3"))
    with code.visit():
        models = code.load("models")[0]
    with code.visit():
        assert models.late() == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("\nraise ValueError('no such\\nlayer')", "models.py, line 2: ValueError: no such layer"),
        ("assert False", "models.py, line 1: AssertionError"),
        ("\n1 +", "models.py, line 2: is not Python: invalid syntax"),
        ("exec('1 +')", "models.py, line 1: SyntaxError: invalid syntax (<string>, line 1)"),
        ("import sys\nsys.exit()", "models.py, line 2 called sys.exit(None)"),
        ("exit(7)", "models.py, line 1 called sys.exit(7)"),
        ("class Stop(BaseException): pass\nraise Stop('now')", "models.py, line 2: Stop: now"),
        ("from torch.nn import Cov1d", "models.py, line 1: ImportError: cannot import name 'Cov1d' from 'torch.nn'"),
        ("import torch.nm", "models.py, line 1: No module named 'torch.nm'"),
        ("import helper", "again.py, line 1: ImportError: cannot import name 'X' from partially initialized"),
        ("import layers.absent", "models.py, line 1: No module named 'layers.absent'"),
        ("from . import x", "models.py, line 1: ImportError: attempted relative import with no known parent package"),
        ("import gruut", "models.py, line 1: needs gruut, which is not installed: pip install gruut"),
        ("raise ModuleNotFoundError('install the thing')", "models.py, line 1: ModuleNotFoundError: install the thing"),
        ("raise ValueError('x' * 100_000)", "xxx ..."),
    ],
)
def test_what_fails_is_said_with_its_place(text: str, message: str, write: Write) -> None:
    root = write(models=text, helper="from again import X", again="from helper import X", layers__in____init__="")
    said = refused(root, "models", label="models.py:X")
    assert message in said
    assert said.startswith("models.py:X: ")
    assert "\n" not in said
    assert len(said) < 1000


def test_a_file_with_a_null_byte(write: Write) -> None:
    root = write(models="")
    (root / "models.py").write_bytes(b"X = 1\0")
    assert "null bytes" in refused(root, "models")


def test_all_packages_that_are_missing_are_named(write: Write) -> None:
    root = write(
        models="import gruut\nfrom parts import decoder",
        parts__in____init__="from .encoder import X",
        parts__in__encoder="import cv2, torch.nn\nfrom . import more\nX = 1",
        parts__in__decoder="import phonemizer.backend\nimport cv2",
        parts__in__more="import torchcrepe",
        never="import not_imported",
        other="import pyworld",
    )
    names = "gruut, cv2, torchcrepe, phonemizer, pyworld"
    packages = "gruut opencv-python torchcrepe phonemizer pyworld"
    wanted = f"models.py, line 1: needs {names}, which are not installed: pip install {packages}"
    assert refused(root, "models", "other") == wanted


def test_only_what_is_surely_imported_is_said_to_be_missing(write: Write) -> None:
    text = """
import gruut
try:
    import torchcrepe
except ImportError:
    torchcrepe = None
try:
    import phonemizer
finally:
    pass
if False:
    import cv2
def late():
    import pyworld
class Inner:
    import monotonic_align
"""
    said = refused(write(models=text), "models")
    assert said.endswith("pip install gruut phonemizer monotonic_align")


def test_a_broken_package_that_is_dispensable(write: Write, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delitem(sys.modules, "torchaudio.part", raising=False)  # so that it is gone afterwards
    library = tmp_path / "library" / "torchaudio"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text("from . import part\nraise OSError('undefined symbol')")
    (library / "part.py").write_text("")
    monkeypatch.syspath_prepend(str(library.parent))
    text = """
import torchaudio
import torchaudio.functional as audio
from torchaudio.transforms import Spectrogram
class Own(Spectrogram): pass
def use(): audio.create_dct(1, 2)
"""
    root = write(models=text)
    assert "OSError: undefined symbol" in refused(root, "models")
    code = UserCode(root, dispensable=("torchaudio",))
    with code.visit():
        models = code.load("models")[0]
    with code.visit():
        for use in (models.use, models.Own):
            with pytest.raises(ImportError, match=r"^torchaudio is installed and cannot be imported: OSError: undef"):
                use()
    assert not {"torchaudio", "torchaudio.functional", "torchaudio.transforms"} & set(sys.modules)


def test_a_virtual_environment_inside_of_the_source_is_no_part_of_it(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write(models="import torch\ndef fails():\n    torch.nn.Conv1d(2, 2, 3)(torch.zeros(1))")
    code = UserCode(root, Path("/"))  # all libraries lie in the second
    with code.visit():
        models = code.load("models")[0]
        with pytest.raises(RuntimeError) as caught:
            models.fails()
        assert code.place(caught.value) == "models.py, line 3"


def test_an_error_without_any_code_of_the_source(write: Write) -> None:
    assert UserCode(write(models="")).place(ValueError()) == ""
    assert UserCode(write(models="")).describe(ValueError("x")) == "ValueError: x"


def test_a_folder_that_is_gone(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    root = write(models="X = 1")
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert load(root, "models")[0].X == 1
    monkeypatch.chdir(root)


def test_nothing_is_imported_by_importing_it() -> None:
    code = "import sys, shapecheck.usercode; print(*{'torch', 'numpy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "\n"
