"""Files: what is no configuration, what would multiply, and the files that a configuration points to."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import yaml

from shapecheck.models.styletts2 import config, presets
from shapecheck.models.styletts2.config import ConfigError

from .test_config import GONE, changed


def refused_file(path: Path, content: str | bytes | None) -> str:
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        config.read(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("a:\n\tb: 1\n", "found character '\\t' that cannot start any token\n  in \"FILE\", line 2, column 1"),
        ("a: 1\nb:\n  c: 1\n  c: 2\n", 'found it a second time\n  in "FILE", line 4, column 3'),
        ("'a': 1\na: 2\n", "while reading the key 'a'"),
        ("a: [1\n", "FILE: is not YAML: while parsing a flow sequence"),
        ("a: 1\n---\nb: 1\n", "expected a single document"),
        ("- 1\n- 2\n", "FILE: found [1, 2]; needs a mapping of keys to values, such as model_params"),
        ("hello\n", 'FILE: found the text "hello"; needs a mapping'),
        ("", "FILE: is empty; needs model_params"),
        ("# only a comment\n", "FILE: is empty; needs model_params"),
        (b"\xff\xfea\x00", "FILE: is not UTF-8 text (byte 0xff at offset 0); save it as UTF-8"),
        (b"a: \x00", 'special characters are not allowed\n  in "FILE", position 3'),
        ("a: !!python/object:os.system {}\n", "could not determine a constructor for the tag"),
        ("a: !!int ''\n", 'cannot read the value: string index out of range\n  in "FILE", line 1, column 4'),
        ("a: 2001-99-99\n", "cannot read the value: month must be in 1..12"),
        ("a: " + 5000 * "9", "cannot read the value: Exceeds the limit"),
        (5000 * "[", "FILE: is nested too deeply"),
        (1_100_000 * "#", "FILE: is larger than 1,048,576 bytes"),
        ("? [1, 2]\n: 3\n", "found unhashable key"),
        ("b: 1\n", "FILE: model_params: is missing; needs a mapping of keys to values"),
    ],
    ids=lambda content: repr(content[:20]),
)
def test_files_that_are_no_configuration(content: str | bytes, expected: str, tmp_path: Path) -> None:
    path = tmp_path / "c.yml"
    assert expected.replace("FILE", str(path)) in refused_file(path, content)


def test_paths_that_are_no_file(tmp_path: Path) -> None:
    assert refused_file(tmp_path / "none.yml", None) == f"{tmp_path / 'none.yml'}: there is no such file"
    (tmp_path / "config_ft.yml").touch()
    expected = f"{tmp_path}: is a directory; name a YAML file, for example {tmp_path / 'config_ft.yml'}"
    assert refused_file(tmp_path, None) == expected
    assert "File name too long" in refused_file(tmp_path / ("x" * 5000), None)
    assert "embedded null byte" in refused_file(tmp_path / "x\0y", None)
    assert "Not a directory" in refused_file(tmp_path / "config_ft.yml" / "x", None)


def test_byte_order_marks_merge_keys_and_anchors_are_yaml(tmp_path: Path) -> None:
    values = changed()
    shared = yaml.safe_dump({"shared": {"n_layer": 3, "n_mels": 80, "n_token": 99}}).replace(
        "shared:", "shared: &shared"
    )
    del values["model_params"]["n_layer"], values["model_params"]["n_mels"]
    text = yaml.safe_dump(values).replace("model_params:\n", "model_params:\n  <<: *shared\n")
    path = tmp_path / "c.yml"
    path.write_text(f"\ufeff{shared}{text}", encoding="utf-8")
    assert config.read(path).model_params == config.preset("ft").model_params  # n_token is overridden


def _bomb(first: str, link: str) -> str:
    """25 levels, each with nine aliases of the level below."""
    levels = (
        f"a{level}: &a{level} {link.replace('ALIASES', ', '.join([f'*a{level - 1}'] * 9))}" for level in range(1, 25)
    )
    return "\n".join([f"a0: &a0 {first}", *levels]) + "\n"


LISTS = _bomb("[x, x, x]", "[ALIASES]")
MERGES = _bomb("{k0: 1, k1: 1, k2: 1}", "{<<: [ALIASES]}")


@pytest.mark.parametrize(
    "content",
    [
        LISTS,
        LISTS + "model_params: *a24\n",
        LISTS + "model_params: {hidden_dim: *a24, decoder: {upsample_rates: *a24, type: *a24}}\n",
        MERGES,
        "a: &a {}\nb: [" + "*a, " * 100_000 + "]\n",
        "model_params: &a {decoder: *a, slm: *a, hidden_dim: *a}\n",
        "&a model_params: *a\n",
        "model_params: &a [*a]\n",
    ],
    ids=["alias", "alias used", "alias in fields", "merge", "many aliases", "recursive", "key anchor", "own member"],
)
def test_what_multiplies_is_refused_at_once(content: str, tmp_path: Path) -> None:
    began = time.perf_counter()
    message = refused_file(tmp_path / "c.yml", content)
    assert len(message) < 8000
    assert time.perf_counter() - began < 5


# ---- the text aligner and PLBERT


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory beside which `configs/c.yml` lies."""
    (tmp_path / "work").mkdir()
    (tmp_path / "configs").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    (tmp_path / "configs" / "c.yml").write_text(yaml.safe_dump(presets.values("ft")), encoding="utf-8")
    return tmp_path


def _write(path: Path, values: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(values), encoding="utf-8")


def test_published_values_stand_in_and_a_note_says_so(folder: Path) -> None:
    read = config.read(folder / "configs" / "c.yml")
    assert read.aligner.source == read.plbert.source == "published values"
    beside = folder / "configs"
    assert read.notes == (
        (
            "the text aligner has its published values: ASR_config: Utils/ASR/config.yml is not in the working"
            f" directory nor in {beside}"
        ),
        (
            "PLBERT has its published values: PLBERT_dir: Utils/PLBERT/config.yml is not in the working directory"
            f" nor in {beside}"
        ),
    )


def test_a_file_in_the_working_directory_is_looked_for_once(folder: Path) -> None:
    _write(Path("c.yml"), changed(PLBERT_dir=GONE))
    assert config.read("c.yml").notes == (
        "the text aligner has its published values: ASR_config: Utils/ASR/config.yml is not in the working directory",
        "PLBERT has its published values: PLBERT_dir: it is not given",
    )


def test_the_working_directory_comes_before_the_file_s_own(folder: Path) -> None:
    _write(Path("Utils/ASR/config.yml"), {"model_params": {"hidden_dim": 64, "n_token": 10}, "epochs": 3})
    _write(folder / "configs/Utils/ASR/config.yml", {"model_params": {"hidden_dim": 128}})
    _write(folder / "configs/Utils/PLBERT/config.yml", {"model_params": {"hidden_size": 96, "num_attention_heads": 4}})
    read = config.read(folder / "configs" / "c.yml")
    assert (read.aligner.hidden_dim, read.aligner.n_token, read.aligner.token_embedding_dim) == (64, 10, 256)
    assert (read.plbert.hidden_size, read.plbert.vocab_size) == (96, 30000)
    assert read.notes == (
        "the text aligner is configured by Utils/ASR/config.yml",
        f"PLBERT is configured by {folder / 'configs/Utils/PLBERT/config.yml'}",
    )


def test_what_is_wrong_in_them_is_in_the_same_error(folder: Path) -> None:
    _write(Path("Utils/ASR/config.yml"), {"model_params": {"hidden_dim": 12, "n_token": "178"}})
    _write(Path("Utils/PLBERT/config.yml"), {"model_params": {"hidden_size": 100, "num_attention_heads": 12}})
    path = folder / "configs" / "c.yml"
    _write(path, changed(model_params__n_layer=0))
    with pytest.raises(ConfigError) as caught:
        config.read(path)
    assert [(problem.file, problem.key) for problem in caught.value.problems] == [
        (str(path), "model_params.n_layer"),
        ("Utils/ASR/config.yml", "model_params.hidden_dim"),
        ("Utils/ASR/config.yml", "model_params.n_token"),
        ("Utils/PLBERT/config.yml", "model_params.hidden_size"),
    ]


@pytest.mark.parametrize("content", ["a:\n\tb: 1\n", "- 1\n", "a: 1\n", ""])
def test_one_of_them_is_no_configuration(content: str, folder: Path) -> None:
    Path("Utils/ASR").mkdir(parents=True)
    Path("Utils/ASR/config.yml").write_text(content, encoding="utf-8")
    assert refused_file(folder / "configs" / "c.yml", None).startswith("Utils/ASR/config.yml: ")


def test_impossible_paths_to_them_are_paths_to_nothing(folder: Path) -> None:
    path = folder / "configs" / "c.yml"
    _write(path, changed(ASR_config="x" * 5000, PLBERT_dir="a\0b"))
    assert config.read(path).aligner.source == "published values"
