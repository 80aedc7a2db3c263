"""What the tests of repair share: the scripts' own verdict on a clip, and a plan and its files for a data set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from shapecheck import ModelReport
from shapecheck.models import styletts2
from shapecheck.models.styletts2.preflight import check as preflight_check
from shapecheck.models.styletts2.preflight import module_checks
from shapecheck.models.styletts2.preflight.repaired import Repairing
from shapecheck.models.styletts2.preflight.run import Run
from shapecheck.preflight import Finding, Mended, Policy, Repair

from .datasets import Clip, DataSet
from .test_findings import report
from .test_walk import loaded

DROP, PAD, REPEAT, STRETCH = Policy
SHORT = Clip(9_000, text="abcdef")


@pytest.fixture(autouse=True, scope="module")
def modules_once() -> Iterator[None]:
    """What the pre-flight finds wrong with the modules does not depend on clips, and takes a second each time."""
    true, known = module_checks.module_findings, {}

    def once(run: Run) -> list[Finding]:
        key = (id(run.report), run.stage.name, repr(run.config.training))
        if key not in known:
            known[key] = (list(true(run)), run.report)  # kept, so that no other report has its id
        return known[key][0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preflight_check, "module_findings", once)
        yield


def mel_frames(samples: int, rate: int) -> int:
    """As the loader makes them: resampled, with zeros around, framed as torch.stft frames, made even."""
    return loaded(int(np.ceil(samples * (24_000 / rate))))[1].shape[1]


def runs(samples: int, rate: int, roles: set[str], max_len: int = 400) -> bool:
    """Whether the public scripts neither end at nor lose a batch with a clip: encoders of 65 mel frames, gate of 80."""
    frames = mel_frames(samples, rate)
    if frames < 65:
        return False
    if "train" in roles and 2 * min(frames // 2 - 1, max_len // 2) < 80:
        return False
    return "val" not in roles or 2 * (frames // 2 - 1) >= 65


def repaired(data: DataSet, limits: ModelReport | None = None, goal: str = "training", **options: Any) -> Repairing:
    return styletts2.repair(limits or report(), data.config, styletts2.Options(cache=False, **options), goal=goal)


def written(repairing: Repairing, policy: Policy, folder: Path) -> Mended:
    output = repairing.output(policy, folder)
    return repairing.mended(output, output.write())


def lines_of(path: Path) -> list[list[str]]:
    return [line.split("|") for line in path.read_text(encoding="utf-8").splitlines()]


def state(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(file.relative_to(folder)): (file.read_bytes(), file.stat().st_mtime_ns)
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def joined(root: Path, path: str) -> str:
    """As the public loader finds a clip."""
    return os.path.join(str(root), path)  # noqa: PTH118


def one(repairing: Repairing) -> Repair:
    (found,) = repairing.plan.repairs
    return found
