"""Checkpoints beside the configuration: what is loaded, left as it was, refused, or trained out already."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch

from shapecheck import UsageError
from shapecheck.models import styletts2
from shapecheck.models.styletts2 import config
from shapecheck.models.styletts2.checkpoint import NEVER_IN_DATA_PARALLEL, expected
from shapecheck.preflight import Moment, Preflight, Severity, TensorInfo, Verdict

from .datasets import make
from .test_findings import clips, names, one, report

FATAL, DEGRADE, INFO = Severity.FATAL, Severity.DEGRADE, Severity.INFO

State = dict[str, Any]
Tensors = Mapping[str, Mapping[str, TensorInfo]]


def tensors(**changed: Any) -> Tensors:
    """The tensors of the published model, or of one with other model_params."""
    values = config.preset("ft")
    if changed:
        made = {**dict(values.values), "model_params": {**values.values["model_params"], **changed}}
        values = config.parse(made, "changed")
    from shapecheck.models.styletts2 import components

    return expected(values, components.model(values)).components


def saved(folder: Path, model: Tensors, *, prefix: str = "module.", **top: Any) -> Path:
    """A checkpoint as the scripts save it; each tensor has one element in the file, whatever its shape."""

    net = {
        name: {
            (each if name in NEVER_IN_DATA_PARALLEL else prefix + each): _blank(info) for each, info in entries.items()
        }
        for name, entries in model.items()
    }
    path = folder / "checkpoint.pth"
    torch.save({"net": net, "optimizer": {}, "iters": 5, "epoch": 20, "val_loss": 0.5, **top}, path)
    return path


def _blank(info: TensorInfo) -> torch.Tensor:
    return torch.zeros((), dtype=getattr(torch, info.dtype)).expand(info.shape)


def checked(folder: Path, path: Path, **values: Any) -> Preflight:
    data = make(folder / "data", clips(16), config=values)
    options = styletts2.Options(cache=False, checkpoint=str(path))
    return styletts2.prepare(data.config, options).preflight(report())


def test_a_checkpoint_that_fits(tmp_path: Path) -> None:
    found = checked(tmp_path, saved(tmp_path, tensors()))
    assert names(found) == set()
    assert found.checkpoint is not None
    assert {entry["outcome"] for entry in found.checkpoint["components"].values()} == {"loaded"}
    assert len(found.checkpoint["components"]) == 13


def test_names_without_the_prefix(tmp_path: Path) -> None:
    found = checked(tmp_path, saved(tmp_path, tensors(), prefix=""))
    finding = one(found, "checkpoint-left-out")
    assert (finding.severity, finding.when) == (DEGRADE, Moment.IMPORT)
    assert found.verdict is Verdict.WILL_DEGRADE
    assert found.checkpoint is not None
    whole = [name for name, entry in found.checkpoint["components"].items() if entry["outcome"] == "loaded"]
    assert whole == ["mpd", "msd", "wd"]
    assert "prints 'loaded' for 10 components of them" in finding.message
    assert "do not have the prefix module." in finding.message


def test_one_speaker_against_many(tmp_path: Path) -> None:
    """The facts' numbers: 24 of 92 tensors of the diffusion."""
    path = saved(tmp_path, tensors())
    data = make(tmp_path / "data", clips(16), config={"model_params.multispeaker": False})
    from shapecheck import check

    limits = check(styletts2.load(data.config))
    found = styletts2.prepare(data.config, styletts2.Options(cache=False, checkpoint=str(path))).preflight(limits)
    finding = one(found, "checkpoint-left-out")
    assert finding.count == 24
    assert "diffusion (24 of 92)" in finding.message
    assert {file.file.partition(".")[0] for file in finding.files} == {"diffusion"}


@pytest.mark.parametrize("change", [{"n_token": 180}, {"style_dim": 64}, {"max_dur": 40}], ids=str)
def test_shapes_that_differ(tmp_path: Path, change: dict[str, int]) -> None:
    found = checked(tmp_path, saved(tmp_path, tensors(**change)))
    finding = one(found, "checkpoint-shapes")
    assert (finding.severity, finding.when) == (FATAL, Moment.IMPORT)
    assert finding.count == len(finding.files) > 0
    assert "size mismatch" in finding.message
    (key, value), *_ = change.items()
    if key == "n_token":
        assert str(value) in str(finding.files[0].numbers["checkpoint"])


@pytest.mark.parametrize(
    ("epoch", "only_params", "is_found"), [(50, False, True), (49, False, False), (50, True, False)]
)
def test_a_checkpoint_that_has_all_epochs(tmp_path: Path, epoch: int, only_params: bool, is_found: bool) -> None:
    path = saved(tmp_path, tensors(), epoch=epoch)
    found = checked(tmp_path, path, load_only_params=only_params)
    assert names(found) == ({"checkpoint-has-all-epochs"} if is_found else set())
    if is_found:
        assert one(found, "checkpoint-has-all-epochs").severity is FATAL


def test_a_checkpoint_without_what_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "other.pth"
    torch.save({"model": {"weight": torch.zeros(1)}}, path)
    finding = one(checked(tmp_path, path), "checkpoint-keys")
    assert (finding.severity, finding.count) == (FATAL, 1)
    assert "KeyError: net" in finding.message


class _Harmful:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return Path.touch, (self.marker,)


def test_a_malicious_checkpoint_does_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    path = saved(tmp_path, tensors(), extra=_Harmful(marker))
    finding = one(checked(tmp_path, path), "checkpoint-needs-unpickling")
    assert finding.severity is INFO
    assert "touch" in finding.message or "Path" in finding.message
    assert not marker.exists()


def test_the_parts_that_are_trained_before(tmp_path: Path) -> None:
    data = make(tmp_path, clips(16))
    model = tensors()

    def save(path: str, key: str, name: str, *, wrapped: str = "", without: str = "") -> None:
        entries = {f"{wrapped}{each}": _blank(info) for each, info in model[name].items() if each != without}
        if name == "bert":
            entries["module.encoder.embeddings.position_ids"] = torch.zeros((), dtype=torch.int64).expand(1, 512)
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        torch.save({key: entries}, tmp_path / path)

    def found() -> Preflight:
        return styletts2.prepare(data.config, styletts2.Options(cache=False)).preflight(report())

    some = next(iter(model["text_aligner"]))
    save("Utils/ASR/epoch_00080.pth", "model", "text_aligner", without=some)
    finding = one(found(), "part-not-loadable")
    assert (finding.severity, finding.when) == (FATAL, Moment.IMPORT)
    assert f"such as {some}" in finding.message
    save("Utils/ASR/epoch_00080.pth", "model", "text_aligner")
    save("Utils/JDC/bst.t7", "net", "pitch_extractor")
    save("Utils/PLBERT/step_1000.t7", "net", "bert", wrapped="module.encoder.")
    assert names(found()) == set()
    (tmp_path / "Utils/PLBERT/step_1000.t7").unlink()
    assert "PLBERT_dir: IndexError" in one(found(), "part-not-loadable").message
    save("Utils/JDC/bst.t7", "model", "pitch_extractor")
    assert {finding.message.partition(":")[0] for finding in found().findings} >= {"F0_path", "PLBERT_dir"}


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04 cut off"], ids=repr)
def test_a_file_that_is_no_checkpoint(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.pth"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"broken\.pth: is "):
        checked(tmp_path, path)


def test_a_checkpoint_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--checkpoint .*nowhere\.pth: there is no such file"):
        checked(tmp_path, tmp_path / "nowhere.pth")
    data = make(tmp_path / "data", clips(16))
    found = styletts2.prepare(data.config, styletts2.Options(cache=False)).preflight(report())
    assert found.checkpoint is None
    assert any("epochs_2nd_00020.pth: not found in" in text for text in found.not_checked)
