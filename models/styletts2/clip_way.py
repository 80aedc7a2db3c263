"""The length chain of the training scripts as formulas: what each component receives of a clip, and when.

The arithmetic is that of `chain` and of `preflight.fates`, written down so that a report can show it and a page do it.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from shapecheck import ClipWay, Gate, Occasion, Quantity

from . import chain
from .config import StyleTTS2Config
from .preflight.stage import FINETUNE, Stage, named


def clip_way(config: StyleTTS2Config, stage: Stage | None = None) -> ClipWay:
    """The way of the shortest clip of a batch through a training script; without a stage, that of fine-tuning."""
    stage = stage or named(FINETUNE)
    return ClipWay(
        source=stage.script,
        sample_rate=chain.LOADER_SAMPLE_RATE,
        symbol="S",
        quantities=(
            Quantity("N", f"S + {chain.PADDING}", "samples with the zeros on both sides"),
            Quantity("T", f"N//{chain.LOADER_HOP_LENGTH} + 1", "mel frames"),
            Quantity("E", "T - T % 2", "mel frames, made even"),
            Quantity("c", f"min(E//2 - 1, {config.training.max_len // 2})", "decoder frames of a crop"),
        ),
        occasions=(
            *_whole(stage),
            Occasion(
                "Training, the crops of its batch",
                _crops(config, stage, count="c", is_training=True),
                "the run ends",
                Gate("2*c", chain.GATE, "mel frames", "the script passes over the batch, without a word"),
            ),
            Occasion(
                "Validation, the crops of its batch",
                _crops(config, stage, count="c" if stage.crops_validation else "E//2 - 1", is_training=False),
                "the validation batch is lost" if stage.passes_over_errors else "the run ends",
            ),
        ),
    )


def _whole(stage: Stage) -> tuple[Occasion, ...]:
    lost = "the batch is passed over" if stage.passes_over_errors else "the run ends"
    aligned = Occasion("Alignment, the whole clip", {"text_aligner": "E"}, lost)
    encoders = {"predictor_encoder": "E", "style_encoder": "E"}  # in the order in which the scripts call them
    return (
        (aligned, Occasion("Style, the whole clip", encoders, "the run ends")) if stage.trains_prosody else (aligned,)
    )


def _crops(config: StyleTTS2Config, stage: Stage, *, count: str, is_training: bool) -> Mapping[str, str]:
    """What each component gets of crops of `count` decoder frames, in the order in which the scripts call them."""
    doubled = "E - 2" if count == "E//2 - 1" else "2*c"  # E is even
    is_uncropped = is_training and stage.styles_uncropped and config.model_params.multispeaker
    lengths = {"style_encoder": "E - 2" if is_uncropped else doubled}
    if stage.trains_prosody:
        lengths |= {"predictor_encoder": lengths["style_encoder"], "predictor.F0Ntrain": count}
    lengths |= {"pitch_extractor": doubled, "decoder": count}
    if is_training:
        samples = 2 * chain.LOADER_HOP_LENGTH
        slm = Fraction(samples * config.model_params.slm.sr, config.preprocess.sr)
        resampled = f"{slm.numerator}*c" if slm.denominator == 1 else f"ceil({slm.numerator}*c/{slm.denominator})"
        lengths |= {"mpd": f"{samples}*c", "msd": f"{samples}*c", "slm": resampled}
    return lengths
