"""A checkout of StyleTTS2 is analyzed by its own source: as the built-in modules where it is unchanged, and as changed.

The checkout is made here, of the published package, with the imports of the public repository. What the package imports
and nobody has is stood in for by packages in a folder of the test's own.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import warnings
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch

from shapecheck import ModelReport, UsageError, check
from shapecheck.cli import main
from shapecheck.exit_codes import ExitCode
from shapecheck.models import styletts2

from .published import CONFIGS

# weight_norm's and spectral_norm's deprecation, LSTM dropout with one layer: the command does not show them either
pytestmark = pytest.mark.filterwarnings("ignore")

Edit = Callable[[str, str, str], None]


@pytest.fixture
def edit(checkout: Path) -> Edit:
    def replace(name: str, old: str, new: str) -> None:
        file = checkout / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))

    return replace


def hashes(folder: Path) -> dict[str, str]:
    return {str(file): sha256(file.read_bytes()).hexdigest() for file in folder.rglob("*") if file.is_file()}


def analyzed(source: Path | str | None, config: str = "ft", **options: Any) -> ModelReport:
    return check(styletts2.preset(config, source=source), **options)


def found(report: ModelReport) -> dict[str, Any]:
    """Everything about lengths: the sets, each call of each layer, the failures."""
    return {
        entry.component.name: (
            entry.report.valid,
            entry.report.invalid,
            entry.report.unknown,
            entry.report.proved,
            entry.report.layers,
            entry.report.failures,
        )
        for entry in report.components
    }


@pytest.mark.parametrize("config", CONFIGS)
def test_the_published_package_has_the_limits_of_the_built_in_modules(config: str, libraries: Path) -> None:
    before = {name for name in sys.modules if name.startswith("styletts2.")}  # of tests that import it themselves
    own, builtin = analyzed("styletts2", config), analyzed(None, config)
    assert found(own) == found(builtin)
    assert own.model.source == "styletts2"
    assert own.advice == builtin.advice
    assert {name for name in sys.modules if name.startswith("styletts2.")} == before


def test_a_checkout_has_them_too_and_stays_as_it_is(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "models", known := type(sys)("models"))
    names = ["style_encoder", "decoder", "diffusion", "mpd"]
    before = (sys.path[:], sys.argv[:], os.getcwd(), warnings.filters[:], sys.dont_write_bytecode)  # noqa: PTH109
    modules, files = set(sys.modules), hashes(checkout)
    assert found(analyzed(checkout, components=names)) == found(analyzed(None, components=names))
    assert hashes(checkout) == files
    assert (sys.path[:], sys.argv[:], os.getcwd(), warnings.filters[:], sys.dont_write_bytecode) == before  # noqa: PTH109
    assert sys.modules["models"] is known
    assert not [name for name in set(sys.modules) - modules if name.partition(".")[0] in ("models", "Modules", "Utils")]


def eager_minimum(model: Any, length: int, *, width: int = 80) -> bool:
    """Whether the style encoder as it is built on the CPU runs at this length, and at none that is one less."""
    component = next(entry for entry in model.components if entry.name == "style_encoder")
    with component.surroundings(), torch.device("cpu"), torch.no_grad():
        module = component.build().eval()
        module(torch.zeros(1, 1, width, length))
        with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
            module(torch.zeros(1, 1, width, length - 1))
    return True


KERNEL = ("spectral_norm(nn.Conv2d(dim_out, dim_out, 5, 1, 0))", "spectral_norm(nn.Conv2d(dim_out, dim_out, {}))")


@pytest.mark.parametrize(
    ("old", "new", "least"),
    [
        (KERNEL[0], KERNEL[1].format("3, 1, 0"), 33),  # ceil(T/16) >= 3
        ("repeat_num = 4\n", "repeat_num = 3\n", 33),  # ceil(T/8) >= 5
        (KERNEL[0], KERNEL[1].format("5, 1, 2"), 1),
    ],
)
def test_what_is_changed_in_a_checkout_changes_the_limit(
    old: str, new: str, least: int, checkout: Path, edit: Edit
) -> None:
    text = (checkout / "models.py").read_text()
    start = text.index("class StyleEncoder")
    (checkout / "models.py").write_text(text[:start] + text[start:].replace(old, new, 1))
    assert new in (checkout / "models.py").read_text()[start:]
    model = styletts2.preset("ft", source=checkout)
    report = check(model, components=["style_encoder"]).components[0].report
    assert (report.minimum, report.proved, report.unknown.text()) == (least, True, "none")
    if least > 1:
        assert eager_minimum(model, least)
    else:
        component = next(entry for entry in model.components if entry.name == "style_encoder")
        with component.surroundings(), torch.device("cpu"), torch.no_grad():
            component.build().eval()(torch.zeros(1, 1, 80, 1))


def test_constructors_that_read_values_run_on_the_cpu(checkout: Path, edit: Edit) -> None:
    edit(
        "Modules/hifigan.py", "self.decode = nn.ModuleList()", "self.decode = nn.ModuleList([])[: int(torch.zeros(1))]"
    )
    model = styletts2.preset("ft", source=checkout)
    decoder = next(entry for entry in model.components if entry.name == "decoder")
    with torch.device("meta"):
        assert next(decoder.build().parameters()).device.type == "cpu"
    assert found(check(model, components=["decoder"])) == found(analyzed(None, components=["decoder"]))


def refused(source: Path | str, config: str = "ft") -> str:
    with pytest.raises(UsageError) as caught:
        styletts2.preset(config, source=source)
    return str(caught.value).removeprefix(f"--source {source}: ")


def test_all_packages_that_are_missing_are_in_one_message(
    checkout: Path, edit: Edit, libraries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(libraries / "torchaudio")
    for name in ("munch", "transformers"):
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    edit("models.py", "import copy\n", "import copy\nimport monotonic_align\n")
    assert refused(checkout) == (
        "models.py, line 7: needs monotonic_align, torchaudio, munch, transformers, which are not installed:"
        " pip install monotonic_align torchaudio munch transformers"
    )


def test_a_package_that_one_configuration_needs(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy", None)  # as if it were not installed
    monkeypatch.setitem(sys.modules, "scipy.signal", None)
    needed = "needs scipy, which is not installed: pip install scipy"
    assert refused(checkout, "ljspeech") == f"Modules/istftnet.py, line 11: {needed}"
    assert styletts2.preset("ft", source=checkout).source == "my StyleTTS2"


def test_a_broken_torchaudio_skips_the_text_aligner_alone(
    checkout: Path, libraries: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (libraries / "torchaudio" / "__init__.py").write_text("raise OSError('libtorchaudio.so: undefined symbol')")
    model = styletts2.preset("ft", source=checkout)
    reason = "torchaudio is installed and cannot be imported: OSError: libtorchaudio.so: undefined symbol"
    assert [(skipped.name, skipped.reason) for skipped in model.skipped] == [("text_aligner", reason)]
    assert "text_aligner" not in [entry.name for entry in model.components]
    option = ["styletts2", "--source", str(checkout), "--component"]
    assert main([*option, "text_aligner"]) == ExitCode.USAGE
    assert capsys.readouterr().err == f"shapecheck: --component text_aligner: cannot be analysed: {reason}\n"


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("models.py", "import copy", "import sys; sys.exit(5)", "models.py, line 6 called sys.exit(5)"),
        ("models.py", "import copy", "1 +", "models.py, line 6: is not Python: invalid syntax"),
        ("models.py", "import copy", "raise OSError", "importing it failed: models.py, line 6: OSError"),
        (
            "models.py",
            "def build_model(",
            "def build_models(",
            "has no models.build_model: is it a StyleTTS2 checkout?",
        ),
        (
            "models.py",
            "            mpd =",
            "            other =",
            "its build_model makes no mpd, but bert, bert_encoder, ",
        ),
        (
            "models.py",
            "assert args.decoder.type",
            "raise ValueError('odd')\n    assert args.decoder.type",
            "building the modules failed: models.py, line 615: ValueError: odd",
        ),
        (
            "models.py",
            "assert args.decoder.type",
            "exit(args.nothing)\n    assert args.decoder.type",
            "building the modules failed: models.py, line 615: AttributeError: nothing",
        ),
        (
            "Utils/PLBERT/util.py",
            "from transformers import AlbertConfig",
            "from transformers import NoConfig",
            "Utils/PLBERT/util.py, line 4: ImportError: cannot import name 'NoConfig' from 'transformers'",
        ),
    ],
)
def test_what_fails_in_a_checkout(file: str, old: str, new: str, message: str, checkout: Path, edit: Edit) -> None:
    edit(file, old, new)
    before = hashes(checkout)
    assert message in refused(checkout)
    assert hashes(checkout) == before


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("absent", "there is no such folder; give the folder of a StyleTTS2 checkout, or styletts2"),
        ("file", "is a file; give the folder of a StyleTTS2 checkout, or styletts2"),
        ("empty", "has no models.py, no Utils/PLBERT/util.py; give the folder of a StyleTTS2 checkout, or styletts2"),
    ],
)
def test_what_is_no_checkout(
    source: str, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").touch()
    assert main(["styletts2", "--source", source]) == ExitCode.USAGE
    assert capsys.readouterr() == ("", f"shapecheck: --source {source}: {message}\n")
    assert main(["styletts2", "--source", source, "--preset", "lj", "--layers", "x"]) == ExitCode.USAGE
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["shapecheck: 2 problems:", f"  --source {source}: {message}"]
    assert "lj" in lines[2]
    assert lines[3].startswith("  --layers x: unknown")


def test_the_document_names_the_source_and_prints_stay_out_of_it(
    checkout: Path, edit: Edit, capsys: pytest.CaptureFixture[str]
) -> None:
    edit("models.py", "import copy\n", "import copy\nprint('imported')\n")
    edit("models.py", "h = self.shared(x)", "print('called'); h = self.shared(x)")
    own = ["--source", str(checkout), "--component", "style_encoder", "--format", "json"]
    assert main(["styletts2", "--preset", "ft", *own]) == ExitCode.OK
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert (document["source"], document["components"][0]["minimum"]) == ("my StyleTTS2", 65)
    assert err.startswith("imported\n")
    assert "called\n" in err
    assert "note: the modules are those of my StyleTTS2\n" in err


def test_files_of_a_checkout_are_not_written_over(checkout: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = hashes(checkout)
    for name in ("models.py", "Utils/ASR/config.yml", "Modules/diffusion/utils.py"):
        assert main(["styletts2", "--source", str(checkout), "--output", str(checkout / name)]) == ExitCode.USAGE
        assert capsys.readouterr().err.endswith("is a file that this command reads; give another name\n")
    assert hashes(checkout) == before


def test_its_expected_tensors_are_those_of_the_built_in_modules(checkout: Path):
    from shapecheck.models.styletts2 import checkpoint, config

    values = config.preset("ljspeech")
    source = checkpoint.expected(values, styletts2.preset("ljspeech", source=checkout))
    assert source == checkpoint.expected(values, styletts2.preset("ljspeech"))
    assert tuple(source.components) == checkpoint.COMPONENTS
