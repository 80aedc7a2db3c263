"""The folder in which the commands of README.md and docs/ are run: a user's own, beside a checkout of StyleTTS2.

    StyleTTS2/            the published package as a checkout
    project/              the working directory: Configs/config_ft.yml, Data/ with lists, wavs/, models.py, vocoder.py

Of the 40 clips of the training list three are too short for the style encoder, and two more drop their batch; of the
eight to validate with one loses its batch.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import yaml

from tests.models.conftest import STAND_INS, write
from tests.models.preflight.datasets import LONG, TEXT, Clip
from tests.models.preflight.datasets import write as write_clip
from tests.models.published import config_path

SHORT = {7: 9_000, 19: 6_000, 30: 9_499, 12: 12_000, 25: 14_299}  # samples by the line of the training list
SHORT_TO_VALIDATE = {3: 10_000}

MODELS = """\
from torch import nn


class StyleEncoder(nn.Module):
    def __init__(self, dim_in=64):
        super().__init__()
        halvings = [nn.Sequential(nn.Conv2d(dim_in, dim_in, 3, padding=1), nn.AvgPool2d(2)) for _ in range(4)]
        self.shared = nn.Sequential(nn.Conv2d(1, dim_in, 3, padding=1), *halvings, nn.Conv2d(dim_in, dim_in, 5))

    def forward(self, mel):
        return self.shared(mel).mean((2, 3))


class Generator(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv1d(80, 32, 7), nn.ConvTranspose1d(32, 1, 16, stride=8, padding=4))

    def forward(self, mel):
        return self.layers(mel)
"""


def make(folder: Path) -> Path:
    """The folder's own `project`."""
    checkout, project = folder / "StyleTTS2", folder / "project"
    package = config_path("ft").parent.parent
    shutil.copytree(package, checkout, ignore=shutil.ignore_patterns("__pycache__"))
    (checkout / "__init__.py").unlink()
    for file in (*checkout.glob("*.py"), *checkout.glob("Modules/*.py")):
        inside = "Modules." if file.parent.name == "Modules" else ""
        file.write_text(re.sub(r"(?m)^(\s*)from \.(\w)", rf"\1from {inside}\2", file.read_text()))
    write(folder / "libraries", STAND_INS)
    for name in ("Configs", "Data", "wavs"):
        (project / name).mkdir(parents=True)
    values = yaml.safe_load(config_path("ft").read_text())
    values["batch_size"] = 4
    values["data_params"] |= {
        "train_data": "Data/train_list.txt",
        "val_data": "Data/val_list.txt",
        "root_path": "wavs",
        "OOD_data": "Data/OOD_texts.txt",
    }
    (project / "Configs" / "config_ft.yml").write_text(yaml.safe_dump(values, sort_keys=False), encoding="utf-8")
    for name, count, short in (("train", 40, SHORT), ("val", 8, SHORT_TO_VALIDATE)):
        lines: list[str] = []
        for line in range(1, count + 1):
            path = f"{name}_{line:03d}.wav"
            write_clip(project / "wavs" / path, Clip(samples=short.get(line, LONG)))
            text = TEXT[: TEXT.index(" ")] if line in short else TEXT  # a text that the clip has time for
            lines.append(f"{path}|{text}|0\n")
        (project / "Data" / f"{name}_list.txt").write_text("".join(lines), encoding="utf-8")
    (project / "Data" / "OOD_texts.txt").write_text(f"{TEXT} {TEXT}\n" * 3, encoding="utf-8")
    for name in ("models.py", "vocoder.py"):
        (project / name).write_text(MODELS, encoding="utf-8")
    return project
