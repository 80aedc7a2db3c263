"""`shapecheck diff` from outside: what it takes, what it refuses, and its exit codes; and one run of everything."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from shapecheck import Model, ModelReport, UsageError
from shapecheck.cli import main
from shapecheck.exit_codes import ExitCode
from shapecheck.render.document import document
from tests import handmade

SCHEMA = json.loads((Path(__file__).parent / "render" / "diff.schema.json").read_text(encoding="utf-8"))

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run in a folder with some files: a.json, worse.json, unknown.json, other.json, c.yml and a checkout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    style, bert, mpd = handmade.style_encoder(), handmade.bert(), handmade.undecided()
    reports = {
        "a": handmade.model_report(style, bert),
        "worse": handmade.model_report(style),
        "better": handmade.model_report(style, bert, mpd),
        "unknown": handmade.model_report(style, skipped=(handmade.Skipped("bert", "needs hf"),)),
    }
    for name, report in reports.items():
        Path(f"{name}.json").write_text(document(report))
    Path("other.json").write_text(document(reports["a"]).replace('"StyleTTS2"', '"Other"'))
    Path("c.yml").write_text("model_params: {}")
    Path("checkout").mkdir()

    def command(*arguments: str) -> tuple[int, str, str]:
        code = main(["diff", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return command


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands in for the architecture and the analysis: what they were asked for."""
    questions: list[str] = []
    report = handmade.model_report(handmade.style_encoder(), handmade.bert())

    def model(what: str, source: str | None = None) -> Model:
        questions.append(f"{what} of {source}")
        if what == "bad":
            raise UsageError("--source checkout: has no models.py")
        if what == "broken":
            raise UsageError("models.py, line 7: needs einops")
        return Model("StyleTTS2", what, source or "builtin", report.model.components, notes=("a note",))

    def check(model: Model, **options: Any) -> ModelReport:
        questions.append(f"analyzed {model.config}")
        options["progress"]("bert", 0, 2)
        return ModelReport(model, report.components, ())

    monkeypatch.setattr("shapecheck.models.styletts2.preset", lambda name, source=None: model(name, source))
    monkeypatch.setattr("shapecheck.models.styletts2.load", lambda path, source=None: model(path, source))
    monkeypatch.setattr("shapecheck.model.check", check)
    return questions


@pytest.mark.parametrize(
    ("before", "after", "code", "verdict"),
    [
        ("a", "a", ExitCode.OK, "No difference: 2 components, all the same"),
        ("a", "worse", ExitCode.FINDINGS, "1 component disappeared, 1 the same"),
        ("worse", "a", ExitCode.OK, "1 component added, 1 the same"),
        ("a", "better", ExitCode.OK, "1 component added, 2 the same"),
        ("a", "unknown", ExitCode.UNKNOWN, "1 component newly skipped, 1 the same"),
        ("unknown", "a", ExitCode.OK, "1 component got better, 1 the same"),
    ],
)
def test_exit_codes(before: str, after: str, code: int, verdict: str, run: Run) -> None:
    found, out, err = run(f"{before}.json", f"{after}.json")
    assert (found, out.splitlines()[0], err) == (code, verdict, "")


def test_json(run: Run) -> None:
    code, out, err = run("a.json", "worse.json", "--format", "json")
    assert (code, err) == (ExitCode.FINDINGS, "")
    values = json.loads(out)
    jsonschema.validate(values, SCHEMA)
    assert (values["verdict"], values["before"]["origin"], values["after"]["origin"]) == (
        "worse",
        "a.json",
        "worse.json",
    )


def test_markdown_to_a_file(run: Run) -> None:
    code, out, err = run("a.json", "worse.json", "--format", "markdown", "--output", "comment.md")
    assert (code, out, err) == (ExitCode.FINDINGS, "", "")
    assert Path("comment.md").read_text().startswith("## 1 component disappeared, 1 the same\n")


def test_a_document_is_known_by_what_it_holds(run: Run) -> None:
    Path("limits.txt").write_bytes(b"\n" + Path("a.json").read_bytes())
    assert run("a.json", "limits.txt")[:2] == (ExitCode.OK, "No difference: 2 components, all the same\n")


def test_a_configuration_is_analyzed_on_the_spot(run: Run, asked: list[str]) -> None:
    code, out, _ = run("a.json", "c.yml")
    assert (code, asked) == (ExitCode.OK, ["c.yml of None", "analyzed c.yml"])
    assert out == "No difference: 2 components, all the same\nnote: B: a note\n"


@pytest.mark.parametrize("source", ["styletts2", "checkout"])
def test_a_checkout_takes_preset_ft(source: str, run: Run, asked: list[str]) -> None:
    _, out, _ = run(source, "a.json")
    assert asked == [f"ft of {source}", "analyzed ft"]
    assert "note: A: neither --config nor --preset was given: preset ft" in out
    assert f"note: the modules of A are those of {source}, and those of B of builtin" in out


@pytest.mark.parametrize(("option", "value"), [("--config", "c.yml"), ("--preset", "ljspeech")])
def test_a_configuration_of_checkouts_is_for_both(option: str, value: str, run: Run, asked: list[str]) -> None:
    assert "neither" not in run("styletts2", "checkout", option, value)[1]
    assert asked == [f"{value} of styletts2", f"{value} of checkout", f"analyzed {value}", f"analyzed {value}"]


ALLOWED = "give a report (of --format json), a configuration (.yml) or the folder of a StyleTTS2 checkout"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.json", "none.json"], "none.json: there is no such file or folder\n"),
        (["a.json", ""], f"the name of a file is empty; {ALLOWED}\n"),
        (["a.json", "x" * 5000], f"{'x' * 5000}: cannot be read: File name too long\n"),
        (["a.json", "text.txt"], f"text.txt: is neither JSON nor named .yml; {ALLOWED}\n"),
        (["a.json", "empty.json"], "empty.json: is empty; give what a shapecheck command wrote with --format json\n"),
        (["a.json", "other.json"], "a.json is of StyleTTS2, and other.json of Other: only two reports of one model"),
        (["c.yml", "other.json"], "c.yml is of StyleTTS2, and other.json of Other: only two reports of one model"),
        (["a.json", "c.yml", "--preset", "ft"], "--preset ft: is for a checkout, and neither A nor B is one\n"),
        (["a.json", "checkout", "--config", "bad"], "checkout: has no models.py\n"),
        (["a.json", "checkout", "--preset", "broken"], "checkout: models.py, line 7: needs einops\n"),
        (["a.json", "checkout", "--config", ""], "--config: the name is empty; give a YAML file"),
        (["a.json", "checkout", "--config", "c.yml", "--preset", "ft"], "--config c.yml and --preset ft: give one of"),
        (["a.json", "a.json", "--format", "html"], "--format html: unknown; one of: table, json, markdown\n"),
        (["a.json", "c.yml", "--output", "a.json"], "--output a.json: is a file that this command reads; give another"),
        (["a.json"], "Missing argument 'B'. See shapecheck diff --help.\n"),
        (
            ["none.json", "schema.json", "--preset", "ft"],
            (
                "3 problems:\n"
                "  none.json: there is no such file or folder\n"
                "  --preset ft: is for a checkout, and neither A nor B is one\n"
                '  schema.json: schema: found "x"; this version of shapecheck reads shapecheck.limits/1 only;'
            ),
        ),
        (
            ["fields.json", "empty.json"],
            ("2 problems:\n  fields.json: 8 fields are wrong:\n      shapecheck_version: is missing; needs a text\n"),
        ),
    ],
)
def test_misuse(arguments: list[str], message: str, run: Run, asked: list[str]) -> None:
    Path("text.txt").write_text("hello")
    Path("empty.json").touch()
    Path("schema.json").write_text('{"schema": "x"}')
    Path("fields.json").write_text('{"schema": "shapecheck.limits/1"}')
    before = Path("a.json").read_bytes()
    code, out, err = run(*arguments)
    assert (code, out) == (ExitCode.USAGE, "")
    assert err.replace("Missing argument '{B}'", "Missing argument 'B'").startswith(f"shapecheck: {message}")
    assert not any(question.startswith("analyzed") for question in asked)
    assert Path("a.json").read_bytes() == before


def test_debug_shows_the_traceback(run: Run) -> None:
    assert run("a.json", "none.json", "--debug")[2].startswith("Traceback (most recent call last):")


def test_help(run: Run) -> None:
    code, out, _ = run("--help")
    assert code == ExitCode.OK
    assert "    shapecheck diff before.json after.json\n" in out
    assert all(option in out for option in ("--config", "--preset", "--format", "--output", "--debug"))


def test_the_two_published_configurations_beside_each_other(
    capsys: pytest.CaptureFixture[str], golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    package = find_spec("styletts2")
    assert package is not None
    assert package.submodule_search_locations
    monkeypatch.chdir(package.submodule_search_locations[0])
    monkeypatch.setenv("COLUMNS", "100")
    assert main(["diff", "Configs/config_ft.yml", "Configs/config.yml"]) == ExitCode.OK
    out, err = capsys.readouterr()
    assert err == ""
    golden("diff_ft_ljspeech.txt", out)
