"""What the batches of a run come to: their number and shares, and the findings that only whole batches show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from shapecheck.preflight import Affected, Batches, Finding, Moment, Severity, quantile

from .. import chain
from . import thresholds
from .clips import Clip, ClipSet
from .list_checks import text_refusal
from .run import Run, affected, counted, duration

_QUANTILES = (0.05, 0.5, 0.95)
_DECODED = 6  # clips of a validation batch, the longest first
_OFTEN = 0.5  # of the batches: below, the SLM stage is said to run seldom


@dataclass(frozen=True, slots=True)
class ValidationBatch:
    """One batch of the validation list, in the list's order; `reason`: why it is lost, "" where it is not."""

    clips: tuple[Clip, ...]
    reason: str


def batch_findings(run: Run) -> Iterator[Finding]:
    yield from _too_few(run)
    yield from _nothing_trained(run)
    yield from _lost_validation(run)
    yield from _decoded_after_validation(run)
    yield from _slm_clips(run)


def ends_run(run: Run, clip: Clip) -> bool:
    """Whether a training clip ends the run, whatever batch it is in."""
    if clip.line.refusal or (clip.audio is not None and not clip.has_length):
        return True
    if text_refusal(run, clip.line) is not None:
        return True
    return clip.has_length and run.fates.whole(clip.mel_frames) is not None


def ruins_loss(run: Run, clip: Clip) -> bool:
    """Whether a training clip makes the loss NaN, in a batch that is not passed over before there is one."""
    if run.stage.trains_prosody and not clip.line.numbers:
        return True
    return clip.audio is not None and clip.audio.decoded is not None and clip.audio.decoded.non_finite > 0


def training_batches(run: Run, clips: ClipSet) -> Batches:
    """A clip whose length is not known counts as long enough."""
    fatal = [position for position, clip in enumerate(clips.clips) if ends_run(run, clip)]
    late = [position for position, clip in enumerate(clips.clips) if ruins_loss(run, clip)]
    longest = max((clip.mel_frames for clip in clips.with_lengths), default=0)
    lengths = [clip.mel_frames if clip.has_length else longest for clip in clips.clips]
    return Batches(lengths, run.batch_size, fatal, late)


def validation_batches(run: Run, clips: ClipSet) -> tuple[ValidationBatch, ...]:
    """In the list's order; what the loader itself raises is not looked at, since it ends the run."""
    size = run.batch_size
    starts = range(0, len(clips.clips), size)
    parts = [clips.clips[start : start + size] for start in starts]
    return tuple(ValidationBatch(part, _lost(run, part)) for part in parts)


def _lost(run: Run, clips: Sequence[Clip]) -> str:
    measured = [clip.mel_frames for clip in clips if clip.has_length]
    single = run.single_in_validation(len(clips))
    if single is not None:
        return f"{single.text}, {single.error}"
    refused = next((found for frames in measured if (found := run.fates.whole(frames)) is not None), None)
    refused = refused or next((found for clip in clips if (found := text_refusal(run, clip.line)) is not None), None)
    if refused is None and measured:
        refused = run.fates.validation(min(measured))
    return refused.text if refused is not None else ""


def summary(run: Run) -> dict[str, Any] | None:
    """Of the batches, as plain values; None where no audio was measured."""
    if run.train is None or not run.train.with_lengths:
        return None
    batches = training_batches(run, run.train)
    fates = run.fates
    outcomes = batches.outcomes(fates.is_passed_over, lambda frames: fates.crop(frames) is not None)
    shortest = batches.shortest()
    bucketed = batches.bucketed()
    usable = [clip for clip in run.train.with_lengths if not (ends_run(run, clip) or ruins_loss(run, clip))]
    short = [clip for clip in usable if fates.is_passed_over(clip.mel_frames)]
    found: dict[str, Any] = {
        "batch_size": run.batch_size,
        "steps_per_epoch": batches.per_epoch,
        "left_over": batches.left_over,
        "crash": float(outcomes.crash),
        "dropped": float(outcomes.dropped),
        "fine": float(outcomes.fine) if batches.per_epoch else 0.0,
        "crop_mel_frames": {
            f"{level:g}": min(length - 2, 2 * (run.config.training.max_len // 2))
            for level in _QUANTILES
            if (length := quantile(shortest, level)) is not None
        },
        "bucketed_dropped": sum(map(fates.is_passed_over, bucketed)) / len(bucketed) if bucketed else 0.0,
        "without_short": {
            "clips": len(short),
            "hours": round(sum(clip.seconds for clip in short) / 3600, 4),
        },
        "slm_stage": _slm_chance(run, batches),
    }
    if run.val is not None:
        lost = [batch for batch in validation_batches(run, run.val) if batch.reason]
        found["validation"] = {"batches": -(-len(run.val.clips) // run.batch_size), "lost": len(lost)}
    return found


def _slm_chance(run: Run, batches: Batches) -> float | None:
    """At most: where every clip is predicted as long as it is; None where the stage is not reached."""
    crop = thresholds.slm_crop(run, longest=False)
    share = run.config.training.slm_batch_percentage
    if crop is None or share is None or not run.reaches_joint_training:
        return None
    if share * run.batch_size <= 1:
        return 0.0
    return float(batches.share_with_enough(2 * (crop + 1), 2))


def _too_few(run: Run) -> Iterator[Finding]:
    if run.train is not None and len(run.train.clips) < run.batch_size:
        count = len(run.train.clips)
        error = (
            "Expected positive integer steps_per_epoch, but got 0"
            if count
            else "num_samples should be a positive integer value, but got num_samples=0"
        )
        yield Finding(
            "training-list-too-short",
            Severity.FATAL,
            Moment.IMPORT,
            count or 1,
            f"{run.train.listed.name} has {counted(count, 'line')}, fewer than batch_size {run.batch_size}, and"
            f" incomplete batches are left out: ValueError: {error}.",
            f"batch_size {max(2, count)} or less, or more clips." if count > 1 else "More clips.",
            (Affected(run.train.listed.name),),
        )


def _nothing_trained(run: Run) -> Iterator[Finding]:
    """Where no batch ends the run, and every one has a clip that makes the script pass it over."""
    if run.train is None or not run.train.with_lengths or run.config.training.max_len < chain.GATE:
        return
    batches = training_batches(run, run.train)
    fates = run.fates
    needed = thresholds.shortest_for(thresholds.DROPPED, run).samples
    if (
        needed is not None
        and batches.per_epoch
        and batches.outcomes(fates.is_passed_over, lambda _: False).dropped == 1
    ):
        yield Finding(
            "every-batch-dropped",
            Severity.FATAL,
            Moment.FIRST_STEP,
            batches.per_epoch,
            f"{run.train.listed.name}: every batch of {run.batch_size} has a clip too short to crop {chain.GATE} mel"
            " frames from, and is passed over without a word: the run finishes normally and has trained nothing.",
            f"Leave out, or pad, clips under {duration(needed)}.",
        )


def _lost_validation(run: Run) -> Iterator[Finding]:
    if run.val is None or any(clip.line.refusal or (clip.audio and not clip.has_length) for clip in run.val.clips):
        return  # the run ends there, with a finding of its own
    batches = validation_batches(run, run.val)
    lost = [batch for batch in batches if batch.reason]
    name = run.val.listed.name
    if len(lost) == len(batches) and (run.stage.passes_over_errors or not batches):
        what = f"all of its {counted(len(batches), 'batch')} are lost ({lost[0].reason})" if lost else "it has no clips"
        yield Finding(
            "validation-all-lost",
            Severity.FATAL,
            Moment.END_OF_EPOCH_1,
            len(batches) or 1,
            f"{name}: {what}, and the loss is divided by the number of those that are left: ZeroDivisionError, after a"
            " whole epoch.",
            f"{run.batch_size} clips or more that are long enough.",
            affected(run.val, [clip for batch in lost for clip in batch.clips]),
        )
        return
    single = run.single_in_validation(len(batches[-1].clips)) if batches else None
    if single is not None and run.single_in_validation(run.batch_size) is None:
        swallowed = run.stage.passes_over_errors
        chunks = run.chunks(len(batches[-1].clips))
        place = f", {' and '.join(map(str, chunks))} on the GPUs" if len(chunks) > 1 else ""
        yield Finding(
            "validation-clip-alone",
            Severity.DROP if swallowed else Severity.FATAL,
            Moment.END_OF_EPOCH_1,
            1,
            f"{name} has {counted(len(run.val.clips), 'clip')}: with batch_size {run.batch_size} the last batch has"
            f" {counted(len(batches[-1].clips), 'clip')}{place}: {single.text}: {single.error}."
            + (" The script swallows it, and loses the batch." if swallowed else ""),
            "One clip more, or one less.",
            affected(run.val, batches[-1].clips),
        )


def _decoded_after_validation(run: Run) -> Iterator[Finding]:
    """The second stage then decodes clips of its last batch whole, with what is left of the batch, lost or not."""
    joint = run.config.training.joint_epoch
    if not run.stage.decodes_validation or run.val is None or joint is None or joint < 1:
        return
    if any(not clip.has_length or clip.line.refusal for clip in run.val.clips):
        return
    batches = validation_batches(run, run.val)
    if not batches or all(batch.reason for batch in batches) or _is_predicted(run, batches[-1]):
        return
    aligned = max(clip.mel_frames for clip in [batch for batch in batches if _is_predicted(run, batch)][-1].clips)
    decoded = sorted(batches[-1].clips, key=lambda clip: -clip.mel_frames)[:_DECODED]
    refused = [clip for clip in decoded if run.fates.whole(clip.mel_frames) is not None or clip.mel_frames > aligned]
    if refused:
        yield Finding(
            "validation-ends-in-lost-batch",
            Severity.FATAL,
            Moment.END_OF_EPOCH_1,
            len(refused),
            f"The last batch of {run.val.listed.name} is lost ({batches[-1].reason}), and {run.stage.script} then"
            f" decodes up to {_DECODED} of its clips whole, outside of the part where it swallows errors: the encoders"
            f" refuse them, or they are longer than the {aligned} mel frames of the alignment that is left from the"
            " batch before: RuntimeError.",
            "Change the order of the list, or its length, so that the last batch is not lost.",
            affected(run.val, refused),
        )


def _is_predicted(run: Run, batch: ValidationBatch) -> bool:
    """Whether a validation batch comes through the predictor."""
    if run.single_in_validation(len(batch.clips)) is not None or any(
        text_refusal(run, clip.line) for clip in batch.clips
    ):
        return False
    return all(run.fates.whole(clip.mel_frames) is None for clip in batch.clips)


def _slm_clips(run: Run) -> Iterator[Finding]:
    crop = thresholds.slm_crop(run, longest=False)
    share = run.config.training.slm_batch_percentage
    if run.train is None or crop is None or share is None or share * run.batch_size <= 1:
        return
    if not run.reaches_joint_training or not run.train.with_lengths or len(run.train.clips) < run.batch_size:
        return
    least = 2 * (crop + 1)
    short = [clip for clip in run.train.with_lengths if clip.mel_frames < least]
    chance = _slm_chance(run, training_batches(run, run.train))
    if chance is None or chance >= _OFTEN:
        return
    needed = thresholds.shortest_for(thresholds.SLM, run)
    what = "never runs" if chance == 0 else f"runs for {100 * chance:.2g} % of the batches at most"
    yield Finding(
        "slm-stage-clips-too-short",
        Severity.DEGRADE,
        Moment.JOINT_EPOCH,
        len(short),
        f"{counted(len(short), 'clip')} of {run.train.listed.name}: under {needed.seconds:.3f} s, too short for the SLM"
        f" adversarial stage, which needs two clips of a batch with more than min_len {2 * crop} mel frames: it {what};"
        " else its losses are 0.",
        f"slmadv_params.min_len below {_reasonable(run)}, or longer clips.",
        affected(run.train, short),
    )


def _reasonable(run: Run) -> int:
    """The mel frames that half of the clips have."""
    assert run.train is not None
    lengths = sorted(clip.mel_frames for clip in run.train.with_lengths)
    return lengths[len(lengths) // 2] if lengths else 2
