"""The four public training scripts, as far as they differ in what lengths they accept and when.

Source: yl4579/StyleTTS2, train_finetune.py, train_finetune_accelerate.py, train_first.py, train_second.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shapecheck import UsageError

from ..config import StyleTTS2Config

FINETUNE = "finetune"
FINETUNE_ACCELERATE = "finetune-accelerate"
FIRST = "first"
SECOND = "second"

DEFAULT_EPOCHS = 200  # of each script, where the file does not say


@dataclass(frozen=True, slots=True)
class Stage:
    """One script, and what it does with lengths."""

    name: str
    script: str
    epochs_key: str
    trains_prosody: bool = True  # whole clips are encoded, PLBERT and the predictor run; the first stage has none of it
    passes_over_errors: bool = True  # an exception of a validation batch, or of the aligner, is swallowed
    crops_validation: bool = False  # validation clips are cut to max_len
    decodes_validation: bool = False  # after validation clips of its last batch are decoded whole; errors end the run
    styles_uncropped: bool = False  # with multispeaker the style encoders get the shortest clip whole, not the crop

    @property
    def is_finetuning(self) -> bool:
        return self.epochs_key == "epochs"


STAGES = (
    Stage(FINETUNE, "train_finetune.py", "epochs"),
    Stage(FINETUNE_ACCELERATE, "train_finetune_accelerate.py", "epochs"),
    Stage(
        FIRST,
        "train_first.py",
        "epochs_1st",
        trains_prosody=False,
        passes_over_errors=False,
        crops_validation=True,
        styles_uncropped=True,
    ),
    Stage(SECOND, "train_second.py", "epochs_2nd", decodes_validation=True, styles_uncropped=True),
)


def named(name: str) -> Stage:
    """Raises UsageError for a name that no stage has."""
    for stage in STAGES:
        if stage.name == name:
            return stage
    raise UsageError(f"--stage {name}: unknown; one of: {', '.join(stage.name for stage in STAGES)}")


def inferred(config: StyleTTS2Config) -> tuple[Stage, str]:
    """The script that a configuration is for, and by what that is told."""
    training, paths = config.training, config.paths
    staged = [key for key, value in (("epochs_1st", training.epochs_1st), ("epochs_2nd", training.epochs_2nd)) if value]
    if training.epochs is not None or not staged:
        why = "epochs is given" if training.epochs is not None else "neither epochs_1st nor epochs_2nd is given"
        return named(FINETUNE), why
    if staged == ["epochs_2nd"]:
        return named(SECOND), "epochs_2nd is given, and epochs_1st is not"
    if staged == ["epochs_1st"]:
        return named(FIRST), "epochs_1st is given, and epochs_2nd is not"
    if paths.pretrained_model and training.second_stage_load_pretrained:
        return named(SECOND), "second_stage_load_pretrained is true, and pretrained_model is given"
    first_stage = Path(paths.log_dir, paths.first_stage_path or "first_stage.pth")
    if paths.log_dir and _exists(first_stage):
        return named(SECOND), f"the first stage's {first_stage} is there"
    return named(FIRST), f"epochs_1st is given, and there is no {first_stage} of a first stage yet"


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
