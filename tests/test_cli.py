"""The command from outside: output, messages, exit codes. What it analyses is made by hand; no torch is needed."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shapecheck import Model, ModelReport, Skipped, UsageError, __version__
from shapecheck.cli import main
from shapecheck.exit_codes import ExitCode
from tests import handmade

ROOT = Path(__file__).parent.parent


class Engine:
    """Stands in for shapecheck.model.check: hand-made results, and a record of what was asked for."""

    def __init__(self) -> None:
        self.report = handmade.model_report(handmade.style_encoder(), handmade.bert())
        self.error: BaseException | None = None
        self.asked: dict[str, Any] = {}
        self.skipped: tuple[Skipped, ...] = ()

    def check(self, model: Model, **options: Any) -> ModelReport:
        self.asked = options
        options["progress"]("style_encoder", 0, 2)
        if self.error is not None:
            raise self.error
        return ModelReport(model, self.report.components, (*model.skipped, *self.skipped))


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    stand_in = Engine()
    monkeypatch.setattr("shapecheck.model.check", stand_in.check)
    monkeypatch.setattr(
        "shapecheck.models.styletts2.preset", lambda name, source=None, batch=None: model(f"preset {name}")
    )
    monkeypatch.setattr("shapecheck.models.styletts2.load", load)
    monkeypatch.setattr("shapecheck.models.styletts2.prepare", lambda *_args, **_options: None)  # no pre-flight
    monkeypatch.setenv("COLUMNS", "100")
    return stand_in


def model(config: str) -> Model:
    if config not in ("preset ft", "preset ljspeech", "here.yml"):
        raise UsageError(f"{config}: is unknown")
    result = handmade.model_report(handmade.style_encoder(), handmade.bert(), skipped=(Skipped("slm", "needs hf"),))
    return Model("StyleTTS2", config, "builtin", result.model.components, result.skipped, notes=("a note",))


def load(path: str, source: str | None = None, batch: tuple[int, int] | None = None) -> Model:
    return model(path)


def test_training_mode_is_handed_on_and_said(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    engine.report = replace(engine.report, train=True)
    assert main(["styletts2", "--train", "--format", "json"]) == ExitCode.OK
    assert engine.asked["train"] is True
    capsys.readouterr()
    assert main(["styletts2"]) == ExitCode.OK
    assert engine.asked["train"] is False


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(engine: Engine, capsys: pytest.CaptureFixture[str]) -> Run:
    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(["styletts2", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return command


def test_table(run: Run, golden: Callable[[str, str], None]) -> None:
    code, out, err = run()
    assert (code, err) == (ExitCode.OK, "")
    golden("styletts2.txt", out)


def test_json_is_alone_on_standard_output(run: Run) -> None:
    code, out, err = run("--format", "json", "--preset", "ljspeech")
    assert code == ExitCode.OK
    assert json.loads(out)["config"] == "preset ljspeech"
    assert err == "shapecheck: note: a note\n"


def test_without_a_configuration_it_says_which_it_takes(run: Run) -> None:
    assert "neither --config nor --preset was given: preset ft" in run()[1]
    assert "neither --config nor --preset was given: preset ft" in run("--format", "json")[2]
    assert "neither" not in run("--preset", "ft")[1]


def test_config(run: Run) -> None:
    assert run("--config", "here.yml")[1].startswith("StyleTTS2 (here.yml)\n")


def test_what_the_engine_is_asked_for(run: Run, engine: Engine) -> None:
    run("--component", "bert", "--component", "style_encoder", "--lengths", "3:77")
    assert engine.asked["components"] == ("bert", "style_encoder")
    assert engine.asked["lengths"] == (3, 77)
    run()
    assert engine.asked["components"] is None
    assert engine.asked["lengths"] is None


def test_layers(run: Run) -> None:
    assert run("--layers", "all")[1].count("Conv2d ") > 17
    assert len(re.findall("^>>", run("--layers", "binding")[1], re.MULTILINE)) == 2
    assert ">>" not in run("--layers", "none")[1]


def test_output(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "limits.json"
    code, out, _ = run("--format", "json", "--output", str(file))
    assert (code, out) == (ExitCode.OK, "")
    assert file.read_text(encoding="utf-8") == run("--format", "json")[1]


def test_output_of_a_table_is_plain(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "300")
    run("--output", str(tmp_path / "limits.txt"))
    text = (tmp_path / "limits.txt").read_text(encoding="utf-8")
    assert "\x1b" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_colour_is_off_with_no_color(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[1m" in run()[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b" not in run()[1]


def test_unknown_lengths_have_an_exit_code(run: Run, engine: Engine) -> None:
    engine.report = handmade.model_report(handmade.style_encoder(), handmade.undecided())
    code, out, _ = run("--layers", "none")
    assert code == ExitCode.UNKNOWN
    assert "unknown  T in {5, 7} at convs" in out


def test_a_component_that_could_not_be_analysed_is_unknown(run: Run, engine: Engine) -> None:
    engine.skipped = (Skipped("decoder", "could not be built: ValueError"),)
    code, out, _ = run()
    assert code == ExitCode.UNKNOWN
    assert "skipped: decoder: could not be built: ValueError" in out


def test_a_component_that_needs_an_extra_is_not(run: Run) -> None:
    code, out, _ = run()
    assert code == ExitCode.OK
    assert "skipped: slm: needs hf" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lengths", "5:1"], "--lengths 5:1: the first length is larger than the last; did you mean 1:5?"),
        (
            ["--lengths", "0:10"],
            "--lengths 0:10: lengths start at 1; give the first and the last length, such as --lengths 1:1024",
        ),
        (["--component", "stile_encoder"], "--component stile_encoder: unknown; did you mean style_encoder?"),
        (["--component", "slm"], "--component slm: cannot be analysed: needs hf"),
        (["--preset", "lj"], "preset lj: is unknown"),
        (["--config", "x.yml"], "x.yml: is unknown"),
        (["--config", ""], "--config: the name is empty; give a YAML file, such as config_ft.yml"),
        (["--config", "x.yml", "--preset", "ft"], "--config x.yml and --preset ft: give one of the two"),
        (["--layers", "some"], "--layers some: unknown; one of: all, binding, none"),
        (["--format", "yaml"], "--format yaml: unknown; one of: table, json"),
        (["--output", "/"], "--output /: is a directory; give a file name"),
        (["--lengths"], "Option '--lengths' requires an argument. See shapecheck"),
        (["--nonsense"], "No such option: --nonsense. See shapecheck styletts2 --help."),
        (["more"], "Got unexpected extra argument(s) (more). See shapecheck styletts2 --help."),
        (
            ["--lengths", "a:b", "--layers", "x", "--format", "y", "--preset", "z", "--output", ""],
            (
                "5 problems:\n"
                "  preset z: is unknown\n"
                "  --lengths a:b: not of the form LO:HI; give the first and the last length, such as --lengths 1:1024\n"
                "  --layers x: unknown; one of: all, binding, none\n"
                "  --format y: unknown; one of: table, json, github, sarif, junit\n"
                "  --output: the name is empty; give a file name, or - for standard output"
            ),
        ),
    ],
)
def test_misuse(arguments: Sequence[str], message: str, run: Run, engine: Engine) -> None:
    code, out, err = run(*arguments)
    assert (code, out) == (ExitCode.USAGE, "")
    assert err.startswith(f"shapecheck: {message}")
    assert "Traceback" not in err
    assert not engine.asked  # before the work


def test_unknown_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["styletts"]) == ExitCode.USAGE
    assert "styletts2" in capsys.readouterr().err


def test_debug_shows_the_traceback(run: Run) -> None:
    _, _, err = run("--lengths", "5:1", "--debug")
    assert err.startswith("Traceback (most recent call last):")
    assert err.endswith("shapecheck: --lengths 5:1: the first length is larger than the last; did you mean 1:5?\n")


def test_a_failed_analysis_leaves_the_output_as_it_was(run: Run, engine: Engine, tmp_path: Path) -> None:
    file = tmp_path / "limits.json"
    file.write_text("precious")
    engine.error = RuntimeError("broken")
    code, out, err = run("--output", str(file))
    assert (code, out) == (ExitCode.UNKNOWN, "")
    assert err.splitlines() == [
        "shapecheck: a defect of shapecheck, not of your model: RuntimeError: broken",
        "(--debug shows where; please report it)",
    ]
    assert file.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [file]


def test_interrupted(run: Run, engine: Engine) -> None:
    engine.error = KeyboardInterrupt()
    assert run() == (ExitCode.INTERRUPTED, "", "shapecheck: interrupted; nothing was written\n")


def test_warnings_of_pytorch_are_not_shown(run: Run, engine: Engine, recwarn: pytest.WarningsRecorder) -> None:
    import warnings

    original = engine.check

    def warn(model: Model, **options: Any) -> ModelReport:
        warnings.warn("weight_norm is deprecated", FutureWarning, stacklevel=1)
        return original(model, **options)

    engine.check = warn  # type: ignore[method-assign]
    run()
    assert not recwarn.list


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == ExitCode.OK
    assert capsys.readouterr().out == f"shapecheck {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"]])
def test_help(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == ExitCode.OK
    out = capsys.readouterr().out
    assert "Examples:\n    shapecheck styletts2\n" in out
    assert "styletts2  The smallest input lengths of StyleTTS2, layer by layer.\n" in out


def test_help_of_the_command(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == ExitCode.OK
    assert "Examples:\n    shapecheck styletts2\n" in out
    options = ("--config", "--preset", "--component", "--lengths", "--layers", "--format", "--output", "--debug")
    assert all(re.search(rf"^  {option} ", out, re.MULTILINE) for option in options)


def python(code: str, **options: Any) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "100"}
    return subprocess.run(
        [sys.executable, "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        **options,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["styletts2", "--help"],
        ["styletts2", "--lengths", "x"],
        ["diff", "--help"],
        ["diff", "a.json", "b.yml", "--format", "x"],
        ["report", "styletts2", "--output", "no\0folder"],
        ["report", "module", "--help"],
    ],
)
def test_nothing_heavy_is_loaded_before_the_work(arguments: list[str]) -> None:
    done = python(
        "import sys\n"
        "from shapecheck.cli import main\n"
        f"main({arguments!r})\n"
        "print(*({'torch', 'numpy', 'transformers', 'rich'} & set(sys.modules)), file=sys.stderr)"
    )
    assert done.stderr.splitlines()[-1] == ""


def test_python_dash_m() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "shapecheck", "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == f"shapecheck {__version__}\n"


WITH_HAND_MADE_RESULTS = """
import sys
import shapecheck.model, shapecheck.models.styletts2
from shapecheck.cli import main
from tests import handmade
report = handmade.everything()
shapecheck.models.styletts2.preset = lambda name, source=None, batch=None: report.model
shapecheck.model.check = lambda model, **options: report
sys.exit(main(["styletts2"]))
"""


def test_a_closed_pipe_is_no_error() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-c", WITH_HAND_MADE_RESULTS],
        env=environment,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        timeout=120,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (ExitCode.BROKEN_PIPE, "")


def test_a_full_disk_behind_standard_output() -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123  a device
        done = subprocess.run(
            [sys.executable, "-c", WITH_HAND_MADE_RESULTS],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=120,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        ExitCode.USAGE,
        "shapecheck: standard output: cannot be written: No space left on device\n",
    )


def test_a_pipe_gets_plain_text() -> None:
    done = python(WITH_HAND_MADE_RESULTS)
    assert done.returncode == ExitCode.UNKNOWN
    assert done.stderr == ""
    assert "\x1b" not in done.stdout


def test_an_encoding_without_box_drawing() -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "ascii", "COLUMNS": "80"}
    done = subprocess.run(
        [sys.executable, "-c", WITH_HAND_MADE_RESULTS], env=environment, capture_output=True, timeout=120, check=False
    )
    assert done.stderr == b""
    assert done.stdout.isascii()
