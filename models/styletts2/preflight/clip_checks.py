"""Checks of the clips: what the loader raises on their audio, and which of them are too short, for what."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from shapecheck.preflight import AudioFile, Finding, Moment, Severity

from .. import chain
from . import thresholds
from .clips import STEREO, Clip, ClipSet, looks_stereo
from .fates import Refusal
from .list_checks import when_loaded
from .run import Run, affected, counted, duration

LONG = 2 * 60 * 24_000  # samples at the loader's rate


def clip_findings(run: Run) -> Iterator[Finding]:
    for clips, is_training in ((run.train, True), (run.val, False)):
        if clips is not None:
            yield from _audio(run, clips, is_training)
    if run.train is not None:
        yield from _short_in_training(run, run.train)
        yield from _long(run.train)
    if run.val is not None:
        yield from _short_in_validation(run, run.val)


@dataclass(frozen=True, slots=True)
class _AudioCheck:
    """What is looked for in the audio of one clip, and what it means."""

    identity: str
    severity: Severity
    is_found: Callable[[AudioFile], bool]
    what: str  # {error}: what is wrong with the first of them; {nan}: what the script does when its loss is NaN
    remedy: str
    only_training: bool = False


_AUDIO = (
    _AudioCheck(
        "audio-unreadable",
        Severity.FATAL,
        lambda audio: not audio.is_readable,
        "the loader cannot read them, and raises ({error})",
        "Correct root_path or the list, convert the file, or leave it out.",
    ),
    _AudioCheck(
        "audio-channels",
        Severity.FATAL,
        lambda audio: audio.is_readable and audio.channels > STEREO,
        "more than two channels, which the loader cannot join with its zeros: ValueError",
        "Convert to one channel.",
    ),
    _AudioCheck(
        "audio-two-samples",
        Severity.FATAL,
        looks_stereo,
        "two samples long, which the loader takes for two channels: IndexError: too many indices for array",
        "Leave it out.",
    ),
    _AudioCheck(
        "audio-not-finite",
        Severity.FATAL,
        lambda audio: audio.decoded is not None and audio.decoded.non_finite > 0,
        "samples that are NaN or infinite: the loss becomes NaN, {nan}",
        "Repair the file, or leave it out.",
        only_training=True,
    ),
    _AudioCheck(
        "audio-truncated",
        Severity.DEGRADE,
        lambda audio: audio.samples > 0 and bool(audio.error),
        "shorter than the file says ({error}), so that the text goes on without the speech",
        "Copy or convert the file again.",
    ),
    _AudioCheck(
        "audio-silent",
        Severity.DEGRADE,
        lambda audio: audio.decoded is not None and audio.samples > 0 and audio.decoded.silent,
        "silent from beginning to end",
        "Leave it out.",
    ),
    _AudioCheck(
        "audio-stereo",
        Severity.INFO,
        lambda audio: audio.samples > 0 and audio.channels == STEREO,
        "stereo, of which the loader keeps the left channel",
        "Convert to one channel, if the voice is in both.",
    ),
)


def _audio(run: Run, clips: ClipSet, is_training: bool) -> Iterator[Finding]:
    nan = "and the script opens a debugger: the job hangs"
    if not run.stage.trains_prosody:
        nan = "and with it all weights, without a word"
    for check in _AUDIO:
        found = [clip for clip in clips.clips if clip.audio is not None and check.is_found(clip.audio)]
        if not found or (check.only_training and not is_training):
            continue
        error = found[0].audio.error if found[0].audio is not None else ""
        yield Finding(
            check.identity,
            check.severity,
            when_loaded(is_training),
            len(found),
            f"{counted(len(found), 'clip')} of {clips.listed.name}: {check.what.format(error=error, nan=nan)}.",
            check.remedy,
            affected(clips, found),
        )


def _short_in_training(run: Run, clips: ClipSet) -> Iterator[Finding]:
    fates = run.fates
    refused = [(clip, refusal) for clip in clips.with_lengths if (refusal := fates.whole(clip.mel_frames)) is not None]
    if refused:
        what = "too short for the encoders, which get whole clips"
        yield _refused("clip-too-short", Severity.FATAL, Moment.EPOCH_1, thresholds.CRASH, run, clips, refused, what)
    taken = [clip for clip in clips.with_lengths if fates.whole(clip.mel_frames) is None]
    cropped = [
        (clip, refusal)
        for clip in taken
        if not fates.is_passed_over(clip.mel_frames) and (refusal := fates.crop(clip.mel_frames)) is not None
    ]
    if cropped and fates.crop_of(run.config.training.max_len // 2) is None:
        what = "as the shortest of a batch, leaves crops that are too short"
        yield _refused(
            "clip-crop-too-short", Severity.FATAL, Moment.EPOCH_1, thresholds.CRASH, run, clips, cropped, what
        )
    short = [clip for clip in taken if fates.is_passed_over(clip.mel_frames)]
    if short and run.config.training.max_len >= chain.GATE:
        needed = thresholds.shortest_for(thresholds.DROPPED, run)
        yield Finding(
            "clip-drops-batch",
            Severity.DROP,
            Moment.EPOCH_1,
            len(short),
            f"{counted(len(short), 'clip')} of {clips.listed.name}: too short to crop {chain.GATE} mel frames from:"
            f" the whole batch of {run.batch_size} is passed over without a word, whenever one is in it.",
            f"Leave out, or pad, clips under {_needed(needed.samples, clips)}.",
            affected(clips, short),
        )
    aligned = [clip for clip in taken if fates.aligner(clip.mel_frames) is not None]
    if aligned:
        yield Finding(
            "clip-refused-by-aligner",
            Severity.DROP if run.stage.passes_over_errors else Severity.FATAL,
            Moment.EPOCH_1,
            len(aligned),
            f"{counted(len(aligned), 'clip')} of {clips.listed.name}: the text aligner refuses the length.",
            "Leave them out.",
            affected(clips, aligned),
        )


def _short_in_validation(run: Run, clips: ClipSet) -> Iterator[Finding]:
    fates = run.fates
    found = [
        (clip, refusal)
        for clip in clips.with_lengths
        if (refusal := fates.whole(clip.mel_frames) or fates.validation(clip.mel_frames)) is not None
    ]
    if not found:
        return
    severity, what = Severity.FATAL, "too short for validation"
    if run.stage.passes_over_errors:
        severity, what = Severity.DROP, f"{what}, where the script swallows the error and loses the whole batch"
    when, event = Moment.END_OF_EPOCH_1, thresholds.VALIDATION
    yield _refused("clip-loses-validation", severity, when, event, run, clips, found, what)


def _refused(
    identity: str,
    severity: Severity,
    when: Moment,
    event: str,
    run: Run,
    clips: ClipSet,
    refused: Sequence[tuple[Clip, Refusal]],
    what: str,
) -> Finding:
    """Clips for which a module gets too little; `event`: the threshold from which on it does not."""
    worst = max((refusal for _, refusal in refused), key=lambda refusal: refusal.length)
    needed = thresholds.shortest_for(event, run)
    return Finding(
        identity,
        severity,
        when,
        len(refused),
        f"{counted(len(refused), 'clip')} of {clips.listed.name}: {what}: {worst.text}: {worst.error}.",
        f"Leave out, or pad, clips under {_needed(needed.samples, clips)}.",
        affected(clips, [clip for clip, _ in refused]),
    )


def _long(clips: ClipSet) -> Iterator[Finding]:
    found = [clip for clip in clips.with_lengths if clip.samples > LONG]
    if found:
        yield Finding(
            "clip-very-long",
            Severity.INFO,
            Moment.EPOCH_1,
            len(found),
            f"{counted(len(found), 'clip')} of {clips.listed.name}: longer than {LONG // 24_000} s. max_len does not"
            " bound what the text aligner and the encoders get, nor validation: they may run out of memory.",
            "Split them.",
            affected(clips, found),
        )


def _needed(samples: int | None, clips: ClipSet) -> str:
    """The shortest clip that will do, at the loader's rate and at the one that most clips have."""
    if samples is None:
        return "no length: none will do"
    rates = Counter(clip.audio.sample_rate for clip in clips.with_lengths if clip.audio is not None)
    (rate, _), *_ = rates.most_common(1)
    if rate == chain.LOADER_SAMPLE_RATE:
        return duration(samples)
    return f"{duration(samples)} at 24,000 Hz, {chain.shortest_at(samples, rate):,} at {rate:,} Hz"
