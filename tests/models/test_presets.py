"""The presets hold what the published files hold: every key that is read, in every file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from shapecheck.models.styletts2 import config, presets

FILES = {"ft": "config_ft.yml", "libritts": "config_libritts.yml", "ljspeech": "config.yml"}

# Keys of the published files that nothing depends on that is looked at.
LEFT_OUT = ("save_freq", "log_interval", "device")


def test_the_presets_are_the_public_configurations() -> None:
    assert set(presets.NAMES) == set(FILES)


@pytest.mark.parametrize("name", presets.NAMES)
def test_a_preset_has_the_published_values(name: str, package: Path) -> None:
    published = _yaml(package / "Configs" / FILES[name])
    values = presets.values(name)
    for key in LEFT_OUT:
        del published[key]
    assert values == published


@pytest.mark.parametrize("name", presets.NAMES)
def test_a_preset_reads_as_the_published_file(
    name: str, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where neither an aligner nor a PLBERT is configured
    read = config.read(package / "Configs" / FILES[name])
    preset = config.preset(name)
    for part in ("model_params", "preprocess", "training", "paths", "aligner", "plbert"):
        assert getattr(read, part) == getattr(preset, part), part


@pytest.mark.parametrize("name", presets.NAMES)
def test_every_key_of_a_published_file_is_known(name: str, package: Path) -> None:
    assert not [note for note in config.read(package / "Configs" / FILES[name]).notes if "unknown key" in note]


def test_aligner_and_plbert_have_the_published_values(package: Path) -> None:
    assert presets.ALIGNER["model_params"] == _yaml(package / "Utils" / "ASR" / "config.yml")["model_params"]
    assert presets.PLBERT["model_params"] == _yaml(package / "Utils" / "PLBERT" / "config.yml")["model_params"]


def test_the_values_of_a_preset_are_a_copy_of_no_consequence() -> None:
    presets.values("ft")["model_params"]["n_layer"] = 99
    assert presets.values("ft")["model_params"]["n_layer"] == 3


def _yaml(path: Path) -> dict[str, Any]:
    return yaml.safe_load(path.read_text(encoding="utf-8"))
