"""What mends the clips that a run cannot take: how many samples each needs, by the limits that were found.

Every length is searched upwards in the modules' own sets, hole by hole, in all that gets it: the encoders that get the
clip whole, and the modules that get the crops of a batch in which it is the shortest.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import Enum

from shapecheck import UsageError
from shapecheck.preflight import (
    MOST_REPETITIONS,
    AudioFile,
    LateStage,
    Listed,
    LoaderChange,
    Place,
    Repair,
    RepairPlan,
)

from .. import chain
from . import thresholds
from .clips import STEREO, Clip, ClipSet, looks_stereo, path_of
from .list_checks import text_refusal
from .lists import Line
from .run import Run

ALIGNER = "aligner_refuses"
SLM_MISSED = "slm_missed"
UNREADABLE = "unreadable"
CHANNELS = "too_many_channels"
TWO_SAMPLES = "two_samples"  # which the loader takes for two channels

_FURTHER = 6_000  # mel frames, 75 s, beyond a clip's own that are searched
_TRAIN, _VAL = "train", "val"

_Roles = frozenset[str]


class Goal(Enum):
    """What no clip shall be in the way of."""

    TRAINING = "training"  # no clip ends the run, drops its batch or loses its validation batch
    SLM = "slm"  # and every training clip is long enough for the SLM stage, at its shortest crop


def named(name: str) -> Goal:
    """Raises UsageError for a name that no goal has."""
    for goal in Goal:
        if goal.value == name:
            return goal
    raise UsageError(f"--goal {name}: unknown; one of: {', '.join(goal.value for goal in Goal)}")


def plan(run: Run, goal: Goal, root: str, not_checked: tuple[str, ...] = ()) -> RepairPlan:
    """Every clip of the run's lists that is in the way of the goal, and what mends it.

    Raises UsageError where the goal is a stage that the run does not have.
    """
    late = _late_stage(run)
    if goal is Goal.SLM and late is None:
        why = "it is not reached" if run.stage.trains_prosody else f"stage {run.stage.name} has none"
        raise UsageError(f"--goal slm: this run has no SLM stage: {why}")
    needs = _Needs(run, goal)
    hopeless = needs.hopeless()
    repairs = () if hopeless else tuple(_repairs(needs, root))
    wanted = (thresholds.SLM,) if goal is Goal.SLM else ()
    known = tuple(
        each
        for each in thresholds.thresholds(run)
        if each.name not in (thresholds.SLM, thresholds.SLM_SURELY) or each.name in wanted
    )
    return RepairPlan(
        stage=run.stage.name,
        stage_reason="",
        goal=goal.value,
        lists=tuple(_listed(needs)),
        root=root,
        thresholds=known,
        repairs=repairs,
        loader=_loader_change(needs, repairs),
        late_stage=late,
        notes=tuple(_undecided(run)),
        hopeless=hopeless,
        not_checked=not_checked,
    )


@dataclass(frozen=True)
class _Needs:
    """How long clips must be; roles are the lists that a clip stands in."""

    run: Run
    goal: Goal
    _known: dict[tuple[int, _Roles], tuple[str, ...]] = field(
        init=False, default_factory=dict[tuple[int, _Roles], tuple[str, ...]]
    )

    @property
    def sets(self) -> tuple[tuple[str, ClipSet], ...]:
        """Each list with its role."""
        found = ((_TRAIN, self.run.train), (_VAL, self.run.val))
        return tuple((role, clips) for role, clips in found if clips is not None)

    def events(self, frames: int, roles: _Roles) -> tuple[str, ...]:
        """What happens because of a clip of so many mel frames (even): in each list the first thing that does."""
        found = self._known.get((frames, roles))
        if found is None:
            found = self._known[frames, roles] = tuple(self._events(frames, roles))
        return found

    def _events(self, frames: int, roles: _Roles) -> Iterable[str]:
        run, fates = self.run, self.run.fates
        is_refused = fates.whole(frames) is not None
        if _TRAIN in roles:
            is_dropped = fates.is_passed_over(frames)
            if is_refused or (not is_dropped and fates.crop(frames) is not None):
                yield thresholds.CRASH
            elif is_dropped:
                yield thresholds.DROPPED
            elif fates.aligner(frames) is not None:
                yield ALIGNER
            elif self.goal is Goal.SLM and frames < _slm_frames(run):
                yield SLM_MISSED
        if _VAL in roles and (is_refused or fates.validation(frames) is not None):
            yield thresholds.VALIDATION if run.stage.passes_over_errors else thresholds.VALIDATION_CRASH

    def shortest(self, samples: int, rate: int, roles: _Roles) -> int | None:
        """The fewest samples at a rate, and no fewer than these, with which nothing happens; None: there are none."""
        start = frames_of(samples, rate)
        for frames in range(start, start + _FURTHER, 2):
            if self.events(frames, roles):
                continue
            count = max(samples, chain.shortest_at(chain.shortest_clip(frames, chain.LOADER_HOP_LENGTH), rate))
            if not self.events(frames_of(count, rate), roles):  # at a very low rate a sample is many frames
                return count
        return None

    def hopeless(self) -> str:
        """Why no length of a clip will do; "" where some does."""
        fates, max_len = self.run.fates, self.run.config.training.max_len
        refusal = fates.crop_of(max_len // 2)
        if self.run.train is not None and max_len < chain.GATE:
            what = f"leaves crops under {chain.GATE} mel frames, and every batch is passed over"
            return f"max_len {max_len} {what}: raise it to {chain.GATE} or more first"
        if self.run.train is not None and refusal is not None:
            return f"max_len {max_len} leaves crops that are refused ({refusal.text}): change it first"
        for role, clips in self.sets:
            if self.shortest(1, chain.LOADER_SAMPLE_RATE, frozenset((role,))) is None:
                return f"no length of a clip of {clips.listed.name} will do: change the configuration first"
        return ""


def frames_of(samples: int, rate: int) -> int:
    """Mel frames (even) that the loader makes of so many samples at a rate."""
    return chain.mel_frames(chain.resampled(samples, rate), chain.LOADER_HOP_LENGTH)


def repeated(line: Line, times: int) -> str:
    """The text of a line so often, with a space between; one without known symbols stays as it is."""
    return " ".join([line.text] * times) if line.numbers else line.text


def _slm_frames(run: Run) -> int:
    crop = thresholds.slm_crop(run, longest=False)
    return 0 if crop is None else 2 * (crop + 1)


def _late_stage(run: Run) -> LateStage | None:
    least = _slm_frames(run)
    if run.train is None or not least or not run.reaches_joint_training:
        return None
    measured = run.train.with_lengths
    short = sum(clip.mel_frames < least for clip in measured)
    return LateStage("SLM", len(measured), short, chain.shortest_clip(least, chain.LOADER_HOP_LENGTH))


def _undecided(run: Run) -> Iterable[str]:
    names = [name for name, report in run.fates.reports.items() if report.unknown]
    if names:
        yield f"some lengths of {', '.join(names)} were left undecided, and count as running"


def _listed(needs: _Needs) -> Iterable[Listed]:
    seen: set[str] = set()
    for role, clips in needs.sets:
        if clips.listed.name not in seen:  # one list may be given for both
            seen.add(clips.listed.name)
            seconds = sum(clip.audio.seconds for clip in clips.clips if clip.audio is not None)
            yield Listed(clips.listed.name, role, len(clips.clips), seconds)


def _repairs(needs: _Needs, root: str) -> Iterable[Repair]:
    """One for each file, whatever lines name it."""
    uses: dict[str, list[tuple[str, str, Clip]]] = {}  # (role, list, clip) by file
    for role, clips in needs.sets:
        for clip in clips.clips:
            if clip.audio is not None:
                uses.setdefault(path_of(root, clip.line), []).append((role, clips.listed.name, clip))
    for same in uses.values():
        audio = same[0][2].audio
        assert audio is not None
        roles = frozenset(role for role, _, _ in same)
        places = dict.fromkeys(Place(name, clip.line.number, clip.line.path) for _, name, clip in same)
        repair = _repair(needs, audio, roles, tuple(places), [clip.line for _, _, clip in same])
        if repair is not None:
            yield repair


def _repair(
    needs: _Needs, audio: AudioFile, roles: _Roles, places: tuple[Place, ...], lines: list[Line]
) -> Repair | None:
    """None for a clip that nothing happens with."""
    if not audio.is_readable:
        return Repair(places, audio, (UNREADABLE,), None, reason=f"it cannot be read ({audio.error})")
    if audio.channels > STEREO:
        return Repair(places, audio, (CHANNELS,), None, reason=f"it has {audio.channels} channels, and no length helps")
    found = needs.events(frames_of(audio.samples, audio.sample_rate), roles)
    least = audio.samples
    if looks_stereo(audio):
        found, least = (TWO_SAMPLES, *found), least + 1
    if not found:
        return None
    if not audio.samples:
        return Repair(places, audio, found, None, reason="it has no samples, and would be nothing but silence")
    needed = needs.shortest(least, audio.sample_rate, roles)
    if needed is None:
        return Repair(places, audio, found, None, reason="no longer clip will do")
    repetitions, why = _repetitions(needs, audio, roles, needed, lines)
    return Repair(places, audio, found, needed, repetitions, no_repetition=why)


def _repetitions(
    needs: _Needs, audio: AudioFile, roles: _Roles, needed: int, lines: list[Line]
) -> tuple[int | None, str]:
    """The fewest, and why there are none. The texts are repeated with the clip, and must not become too long."""
    for times in range(-(-needed // audio.samples), MOST_REPETITIONS + 1):
        frames = frames_of(times * audio.samples, audio.sample_rate)
        if needs.events(frames, roles):
            continue
        for line in lines:
            so_often = replace(line, text=repeated(line, times))
            refusal = text_refusal(needs.run, so_often)
            if refusal is not None and text_refusal(needs.run, line) is None:
                return None, f"its text so often has too many tokens ({refusal.component})"
            # the loader's own zeros, which are part of every clip, are not repeated
            own = frames_of(audio.samples, audio.sample_rate)
            if so_often.tokens > frames // 2 and line.tokens <= own // 2:
                return None, "its text so often has more tokens than the clip has frames for the aligner"
        return times, ""
    return None, f"more than {MOST_REPETITIONS} times"


def _loader_change(needs: _Needs, repairs: Iterable[Repair]) -> LoaderChange | None:
    """The line for the public loader, which adds its own zeros afterwards."""
    wanted = [frames_of(repair.needed, repair.audio.sample_rate) for repair in repairs if repair.needed is not None]
    if not wanted:
        return None
    roles = frozenset(role for role, _ in needs.sets)
    start = chain.shortest_clip(max(wanted), chain.LOADER_HOP_LENGTH)
    samples = needs.shortest(start, chain.LOADER_SAMPLE_RATE, roles)
    if samples is None:
        return None
    leaves: Counter[str] = Counter()
    mends = 0
    for repair in repairs:
        why = _not_mended_by_padding(needs, repair, samples, roles)
        if why:
            leaves[why] += 1
        else:
            mends += 1
    return LoaderChange(
        samples=samples,
        code=f"wave = np.pad(wave, (0, max(0, {samples} - len(wave))))",
        where="meldataset.py, _load_tensor, before the line that puts np.zeros([5000]) on both sides",
        mends=mends,
        leaves=dict(leaves),
    )


def _not_mended_by_padding(needs: _Needs, repair: Repair, samples: int, roles: _Roles) -> str:
    if repair.needed is None:
        return repair.reason
    if looks_stereo(repair.audio):
        return "the loader takes its two samples for two channels before"
    padded = max(samples, chain.resampled(repair.samples, repair.audio.sample_rate))
    return "no longer clip will do" if needs.events(frames_of(padded, chain.LOADER_SAMPLE_RATE), roles) else ""
