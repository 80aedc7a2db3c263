"""Data sets made for one test: clips of so many samples, their lists, and a configuration that names them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import yaml

from shapecheck.models.styletts2 import presets

RATE = 24_000
LONG = 6 * RATE  # samples that nothing finds too short
TEXT = "ðɪs ɪz ɐ klˈɪɹ sˈɛntəns wɪð ɪnˈʌf fˈoʊniːmz."  # 45 symbols


@dataclass
class Clip:
    """One clip to make. `line`: instead of `path|text|speaker`."""

    samples: int = LONG
    text: str = TEXT
    speaker: str = "0"
    rate: int = RATE
    channels: int = 1
    suffix: str = "wav"
    subtype: str | None = None
    line: str | None = None


@dataclass
class DataSet:
    """Its folder has config.yml, train.txt, val.txt, ood.txt and wavs/."""

    folder: Path
    config: Path
    train: list[str] = field(default_factory=list[str])
    val: list[str] = field(default_factory=list[str])


def make(
    folder: Path,
    train: Sequence[Clip],
    val: Sequence[Clip] | None = None,
    *,
    ood: Sequence[str] = (f"{TEXT} {TEXT}", f"{TEXT} {TEXT}", "last"),
    config: Mapping[str, Any] | None = None,
    preset: str = "ft",
) -> DataSet:
    """`config`: values by dotted key, None deletes one; without `val`, eight long clips."""
    val = [Clip() for _ in range(8)] if val is None else val
    (folder / "wavs").mkdir(parents=True, exist_ok=True)
    made = DataSet(folder, folder / "config.yml")
    for name, clips, lines in (("train", train, made.train), ("val", val, made.val)):
        for number, clip in enumerate(clips):
            path = f"{name}{number:04d}.{clip.suffix}"
            lines.append(f"{path}|{clip.text}|{clip.speaker}" if clip.line is None else clip.line)
            if clip.line is None:
                write(folder / "wavs" / path, clip)
        (folder / f"{name}.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    (folder / "ood.txt").write_text("".join(f"{line}\n" for line in ood), encoding="utf-8")
    values = deepcopy(presets.values(preset))
    values["data_params"] = {
        "train_data": "train.txt",
        "val_data": "val.txt",
        "root_path": "wavs",
        "OOD_data": "ood.txt",
        "min_length": 50,
    }
    for key, value in (config or {}).items():
        assign(values, key, value)
    made.config.write_text(yaml.safe_dump(values), encoding="utf-8")
    return made


def write(path: Path, clip: Clip) -> None:
    time = np.arange(clip.samples, dtype=np.float32) / clip.rate
    wave = 0.3 * np.sin(2 * np.pi * 220 * time)
    data = wave if clip.channels == 1 else np.stack([wave] * clip.channels, axis=1)
    soundfile.write(path, data, clip.rate, subtype=clip.subtype)


def assign(values: dict[str, Any], key: str, value: Any) -> None:
    *path, last = key.split(".")
    for part in path:
        values = values[part]
    if value is None:
        values.pop(last, None)
    else:
        values[last] = value
