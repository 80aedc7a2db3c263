"""The inverses of the length chain: the shortest clip that escapes each event, and the smallest max_len."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from shapecheck.preflight import Batches, Threshold, quantile

from .. import chain
from .fates import Refusal
from .run import Run

CRASH = "crash"
VALIDATION = "validation_batch_lost"
VALIDATION_CRASH = "validation_crash"  # instead, where the script swallows nothing
DROPPED = "batch_dropped"
SLM = "slm_eligible"  # where the SLM stage takes its shortest crop
SLM_SURELY = "slm_eligible_surely"  # where it takes its longest one

_LONGEST = 6_000  # mel frames, 75 s; that a module refuses longer clips only is told clip by clip, not as a threshold
_USUAL_MAX_LEN = 400  # mel frames; of the public configurations for fine-tuning and for one speaker


def thresholds(run: Run) -> tuple[Threshold, ...]:
    """The events of the run's stage, each with the shortest clip from which on it does not happen."""
    names = (CRASH, VALIDATION if run.stage.passes_over_errors else VALIDATION_CRASH, DROPPED)
    if slm_crop(run, longest=False) is not None:
        names += (SLM, SLM_SURELY)
    return tuple(shortest_for(name, run) for name in names)


def shortest_for(event: str, run: Run) -> Threshold:
    """The shortest clip with which an event does not happen; for SLM and SLM_SURELY a run with that stage."""
    fates = run.fates
    if event == CRASH:
        return _threshold(
            event, lambda frames: fates.whole(frames) or (None if fates.is_passed_over(frames) else fates.crop(frames))
        )
    if event in (VALIDATION, VALIDATION_CRASH):
        return _threshold(event, lambda frames: fates.whole(frames) or fates.validation(frames))
    if event == DROPPED:
        gate = f"the scripts pass over a batch whose crops have fewer than {chain.GATE} mel frames"
        return _threshold(event, lambda frames: gate if fates.is_passed_over(frames) else None)
    count = slm_crop(run, longest=event == SLM_SURELY)
    assert count is not None
    key = "min_len" if event == SLM else "max_len"
    because = f"slmadv_params.{key}: a clip needs more than {count:,} half frames"
    return _from_frames(event, 2 * (count + 1), because)


def slm_crop(run: Run, *, longest: bool) -> int | None:
    """Half frames that a clip must exceed in the SLM stage; it depends on the shortest speech that was predicted."""
    training = run.config.training
    if not run.stage.trains_prosody or training.slm_min_len is None or training.slm_max_len is None:
        return None
    most = training.slm_max_len // 2
    return most if longest else min(training.slm_min_len // 2, most)


def max_len(run: Run) -> dict[str, Any]:
    """The configured value, the smallest with which anything is trained, and a recommended one.

    More than the crops of half of the batches, which their shortest clips limit, costs memory and brings little.
    """
    configured = run.config.training.max_len
    smallest = _smallest_max_len(run)
    recommended, because = _USUAL_MAX_LEN, "as in the public configurations"
    median = quantile(_usable(run).shortest(), 0.5)
    if median is not None and median - 2 < recommended:
        recommended, because = median - 2, "half of the batches have a clip that leaves no longer crop"
    if smallest is not None and recommended < smallest:
        recommended, because = smallest, "the smallest that trains"
    return {
        "configured": configured,
        "smallest": smallest,
        "recommended": recommended,
        "because": because,
        # of the decoder, the discriminators and the SLM, whose activations grow with the crop
        "memory": round(configured / recommended, 2),
    }


def _usable(run: Run) -> Batches:
    """Of the training clips that neither end the run nor have their batch passed over for their own length."""
    fates, measured = run.fates, () if run.train is None else run.train.with_lengths
    lengths = [clip.mel_frames for clip in measured]
    least = chain.shortest_member(chain.GATE // 2)
    return Batches([frames for frames in lengths if frames >= least and not fates.whole(frames)], run.batch_size)


def _smallest_max_len(run: Run) -> int | None:
    """In steps of a decoder frame; a clip that is long enough is taken for granted."""
    fates = run.fates
    for value in range(_LONGEST, 1, -2):
        if value < chain.GATE or fates.crop_of(value // 2) is not None:
            return value + 2 if value < _LONGEST else None
    return 2


def _threshold(name: str, refusal: Callable[[int], Refusal | str | None]) -> Threshold:
    for frames in range(_LONGEST, 0, -2):
        found = refusal(frames)
        if found is not None:
            because = found if isinstance(found, str) else found.text
            return _from_frames(name, frames + 2 if frames < _LONGEST else None, because)
    return Threshold(name, 0, 0.0, 2, "no clip is too short")


def _from_frames(name: str, frames: int | None, because: str) -> Threshold:
    if frames is None:
        return Threshold(name, None, None, None, because)
    samples = chain.shortest_clip(frames, chain.LOADER_HOP_LENGTH)
    return Threshold(name, samples, samples / chain.LOADER_SAMPLE_RATE, frames, because)
