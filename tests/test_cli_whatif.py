"""`shapecheck whatif` from outside: text, JSON, what it refuses, and its exit codes."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import jsonschema
import pytest

from shapecheck.cli import main
from shapecheck.exit_codes import ExitCode

SCHEMA = json.loads((Path(__file__).parent / "render" / "whatif.schema.json").read_text(encoding="utf-8"))

NET = """
import torch
from torch import nn
from torch.nn import functional as F

class Block(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.shortcut = nn.AvgPool1d(2, ceil_mode=True)
        self.learned = nn.Conv1d(dim, dim, 3, 2, 1, groups=dim)

    def forward(self, x):
        return self.shortcut(x) + self.learned(x)

class Encoder(nn.Module):
    def __init__(self, dim=4):
        super().__init__()
        layers = [nn.Conv1d(dim, dim, 3, 1, 1)]
        for _ in range(2):
            layers += [Block(dim)]
        self.shared = nn.Sequential(
            *layers,
            nn.utils.weight_norm(nn.Conv1d(dim, dim, 5)),
        )

    def forward(self, x):
        return self.shared(x)

class Reflecting(nn.Module):
    def forward(self, x):
        return F.pad(x, (4, 4), "reflect")

class Open(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(4, 4, 5)

    def forward(self, x):
        return self.conv(x)[..., : int(x.sum())]

built = Encoder()
"""
X = "f32[1, 4, T]"
ENCODER = ("module", "net.py:Encoder", X, "--unit", "frames=0.01 s")

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    Path("net.py").write_text(NET)

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(["whatif", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return command


def test_edits(run: Run, golden: Callable[[str, str], None]) -> None:
    code, out, err = run(*ENCODER, "--set", "shared.3.kernel_size=3", "--set", "shared.2.downsample=none")
    assert (code, err) == (ExitCode.OK, "")
    golden("whatif_edits.txt", out)


def test_target(run: Run, golden: Callable[[str, str], None]) -> None:
    code, out, err = run(*ENCODER, "--target", "10")
    assert (code, err) == (ExitCode.OK, "")
    golden("whatif_target.txt", out)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--set", "shared.3.kernel_size=3"),
        ("--target", "10"),
        ("--target", "100"),
        ("--set", "shared.3.padding=1", "--target", "4"),
    ],
)
def test_json(arguments: tuple[str, ...], run: Run) -> None:
    code, out, err = run(*ENCODER, *arguments, "--format", "json")
    assert (code, err) == (ExitCode.OK, "")
    values = json.loads(out)
    jsonschema.validate(values, SCHEMA)
    assert (values["whatif"] is not None) == ("--set" in arguments)
    assert (values["search"] is not None) == ("--target" in arguments)


def test_json_of_edits(run: Run) -> None:
    values = json.loads(run(*ENCODER, "--set", "shared.3.kernel_size=3", "--format", "json")[1])["whatif"]
    (change,) = values["changes"]
    line = NET.splitlines().index("            nn.utils.weight_norm(nn.Conv1d(dim, dim, 5)),") + 1
    assert (Path(change["file"]).name, change["line"]) == ("net.py", line)
    assert change["text"] == "nn.utils.weight_norm(nn.Conv1d(dim, dim, 5)),"
    assert change["layer_after"] == "Conv1d(4, 4, kernel_size=(3,), stride=(1,))"
    assert (values["before"]["minimum"], values["after"]["minimum"]) == (17, 9)
    assert [(run["length"], run["runs"]) for run in values["confirmed"]] == [(8, False), (9, True)]
    assert [each["name"] for each in values["tensors"]["reshaped"]] == ["shared.3.weight_v"]


def test_to_a_file(run: Run) -> None:
    code, out, err = run(*ENCODER, "--set", "shared.3.padding=2", "--output", "found.txt")
    assert (code, out, err) == (ExitCode.OK, "", "")
    assert "loads as before" in Path("found.txt").read_text()


def test_first_the_edits_and_then_the_search_from_there(run: Run) -> None:
    code, out, _ = run(*ENCODER, "--set", "shared.3.padding=1", "--target", "1")
    assert code == ExitCode.OK
    assert "padding 0 -> 1" in out
    assert "Target: every length from T = 1 on" in out
    assert "as it is" in out
    code, out, _ = run(*ENCODER, "--set", "shared.3.padding=2", "--target", "1")
    assert code == ExitCode.OK
    assert out.endswith("Target: every length from T = 1 on: met as it is, T >= 1 (proved)\n")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("net.py:Encoder", X, "--set", "shared.3.kernel_size=9"), ExitCode.FINDINGS),  # lengths are lost
        (("net.py:Encoder", X, "--set", "shared.3.stride=2"), ExitCode.OK),  # nothing is
        (("net.py:Reflecting", X, "--target", "2"), ExitCode.FINDINGS),
        (("net.py:Open", X, "--set", "conv.padding=1"), ExitCode.UNKNOWN),
        (("net.py:Open", X, "--target", "2"), ExitCode.UNKNOWN),
        (("net.py:built", X, "--target", "16"), ExitCode.OK),
        (("torch.nn:Conv1d", X, "--init", "[4, 4, 5]", "--target", "2"), ExitCode.OK),
        (("net.py:Encoder", "f32[B, 4, T]", "B=2:2", "--target", "10", "--edits", "1"), ExitCode.OK),
    ],
)
def test_exit_codes(arguments: tuple[str, ...], code: int, run: Run) -> None:
    assert run("module", *arguments)[0] == code


def test_what_is_in_the_way(run: Run) -> None:
    out = run("module", "net.py:Reflecting", X, "--target", "2")[1]
    assert out == (
        "Target: every length from T = 2 on: no set of at most 2 edits was found\n"
        "  pad refuses 1 <= T <= 4; no padding, kernel, dilation or downsampling decides it\n"
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (ENCODER, "--set and --target: give an edit, such as --set shared.6.padding=2, or a length"),
        ((*ENCODER, "--target", "0"), "--target 0: expected a whole number from 1 to 1,000,000, such as --target 40"),
        ((*ENCODER, "--target", "4.5"), "--target 4.5: expected a whole number"),
        ((*ENCODER, "--target", "4", "--edits", "9"), "--edits 9: expected 1 to 4"),
        ((*ENCODER, "--target", "4", "--lengths", "9:1"), "--lengths 9:1: the first length is larger"),
        ((*ENCODER, "--target", "4", "--format", "xml"), "--format xml: unknown; one of: table, json"),
        ((*ENCODER, "--set", "shared.3.pading=1"), "--set shared.3.pading=1: pading is no setting of a layer; did you"),
        ((*ENCODER, "--set", "shared.9.padding=1"), "--set shared.9.padding=1: there is no layer shared.9; there are"),
        ((*ENCODER, "--set", "shared.3.padding=-1"), "--set shared.3.padding=-1: padding is 0 or more"),
        ((*ENCODER, "--set", "shared.0.downsample=none"), "a downsampling can be switched off in shared.1, shared.2"),
        (
            (*ENCODER, "--set", "shared.3.padding=1", "--output", "net.py"),
            "--output net.py: is a file that this command",
        ),
        (("module", "net.py:None", X, "--target", "4"), "net.py has no None"),
        (("module", "net.py:Encoder", "f32[B, 4, T]", "B=1:2", "--target", "4"), "INPUT B: give one value for each"),
        (("styletts2", "--target", "40"), "--component: is missing; one of: text_encoder, style_encoder"),
        (("styletts2", "--component", "style", "--target", "40"), "--component style: unknown; one of: text_encoder"),
        (("styletts2", "--component", "mpd", "--set", "shared.6.pading=1"), "pading is no setting of a layer"),
        (("styletts2", "--component", "mpd", "--set", "model_params.n_layr=4"), "the nearest is model_params.n_layer"),
        (("styletts2", "--component", "mpd", "--set", "max_len=x"), 'max_len: found the text "x"; needs an integer'),
        (("styletts2", "--config", "no.yml", "--component", "mpd", "--set", "a.padding=1"), "no.yml: there is no such"),
    ],
)
def test_usage_errors(arguments: tuple[str, ...], message: str, run: Run) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (ExitCode.USAGE, "")
    assert message in err


def test_everything_that_is_wrong_at_once(run: Run) -> None:
    code, _, err = run("module", "net.py:Encoder", X, "--target", "x", "--set", "a.padding=-1", "--format", "xml")
    assert code == ExitCode.USAGE
    assert err.startswith("shapecheck: 3 problems:\n")


def test_styletts2(run: Run) -> None:
    small = [f"--set=model_params.{key}" for key in ("dim_in=4", "hidden_dim=8", "style_dim=8")]
    component = ("styletts2", "--preset", "ft", "--component", "style_encoder")
    code, out, err = run(*component, *small, "--set", "shared.6.padding=2")
    assert code == ExitCode.OK
    assert "configuration: model_params.dim_in  64 -> 4\n            dim_in: 4\n" in out
    assert "StyleEncoder in models.py: shared.6" in out
    assert "gained      1 <= T <= 64" in out
    assert "no longer load: load_state_dict raises" in out
    assert "note: preset ft" in err


def test_the_other_entry_point_of_a_module(run: Run) -> None:
    _, _, err = run("styletts2", "--preset", "ft", "--component", "predictor.F0Ntrain", "--target", "2")
    assert "note: predictor: of the same module as predictor.F0Ntrain; look at it, too\n" in err


def test_groups(run: Run) -> None:
    code, out, _ = run()
    assert code == ExitCode.OK
    assert "What edits of a component of StyleTTS2 do." in out
