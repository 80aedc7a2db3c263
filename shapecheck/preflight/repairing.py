"""Clips that a run cannot take, and what mends each: so many zeros, repetitions, a stretch, or leaving it out.

Values and arithmetic, of no particular model: what a clip needs is known to the model, and comes in as a number.
Invariant: samples are counted at the file's own rate, and `samples_after(policy)` is exactly what is written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from shapecheck.preflight.audio import AudioFile
from shapecheck.preflight.findings import Finding, Threshold

MOST_STRETCH = Fraction(2)  # half the speed; beyond, speech does not sound like speech any more
MOST_REPETITIONS = 32  # a word said more often is no speech to learn from
PADDED_AT = "end"  # zeros go after the last sample, so that the speech begins where it began


class Policy(Enum):
    """What is done with all clips that need it."""

    DROP = "drop"  # their lines are left out
    PAD = "pad"  # zeros after the last sample
    REPEAT = "repeat"  # the whole clip again, and its text as often
    STRETCH = "stretch"  # slower, at the same pitch


@dataclass(frozen=True, slots=True)
class Place:
    """One line of a list that names the clip."""

    listed: str  # the list, as it was given
    line: int  # there, counted from 1
    path: str  # the clip, as the list has it


@dataclass(frozen=True, slots=True)
class Repair:
    """One clip that a run cannot take as it is; the same file in several lines is one clip.

    `needed` None: only leaving it out helps, and `reason` says why. `repetitions` None: repeating does not help, and
    `no_repetition` says why.
    """

    places: tuple[Place, ...]
    audio: AudioFile
    events: tuple[str, ...]  # what happens because of it: in each list that names it, the first thing that does
    needed: int | None  # the fewest samples, no fewer than it has, with which none of them happens
    repetitions: int | None = None  # the fewest with which none of them happens
    reason: str = ""
    no_repetition: str = ""

    @property
    def samples(self) -> int:
        return self.audio.samples

    @property
    def padding(self) -> int | None:
        """Zeros to put at the end."""
        return None if self.needed is None else self.needed - self.samples

    @property
    def stretch(self) -> Fraction | None:
        """How many times as long, exactly; None where no length helps, or beyond `MOST_STRETCH`."""
        if self.needed is None:
            return None
        factor = Fraction(self.needed, self.samples)
        return factor if factor <= MOST_STRETCH else None

    def samples_after(self, policy: Policy) -> int | None:
        """Of the new file; None where the policy has none, and the clip is left out."""
        if policy is Policy.PAD:
            return self.needed
        if policy is Policy.REPEAT:
            return None if self.repetitions is None else self.repetitions * self.samples
        return self.needed if policy is Policy.STRETCH and self.stretch is not None else None

    def why_left_out(self, policy: Policy) -> str:
        """Why the policy leaves the clip out; "" where it does not, and where that is what it is for."""
        if policy is Policy.DROP or self.samples_after(policy) is not None:
            return ""
        if self.needed is None:
            return self.reason
        if policy is Policy.REPEAT:
            return self.no_repetition
        return f"more than {MOST_STRETCH} times as long, which is no speech any more"


@dataclass(frozen=True, slots=True)
class Listed:
    """One list of clips, as far as its audio was measured; every line counts."""

    name: str
    role: str  # "train" or "val"
    lines: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Totals:
    """What a policy makes of the lists, counted in lines; a clip in two lines counts twice."""

    policy: Policy
    mended: int  # lines whose clip gets a new file
    left_out: int
    files: int  # new ones
    seconds_kept: float  # of recordings that are still in the lists, in new files or not
    seconds_synthetic: float  # that no recording had: zeros, repetitions, what stretching adds
    seconds_lost: float

    @property
    def hours_kept(self) -> float:
        return self.seconds_kept / 3600

    @property
    def hours_synthetic(self) -> float:
        return self.seconds_synthetic / 3600

    @property
    def hours_lost(self) -> float:
        return self.seconds_lost / 3600


@dataclass(frozen=True, slots=True)
class LoaderChange:
    """One line in the data loader that pads every clip, instead of new files."""

    samples: int  # to which it pads, at the loader's rate
    code: str
    where: str
    mends: int  # clips
    leaves: Mapping[str, int]  # of the others how many, by reason


@dataclass(frozen=True, slots=True)
class LateStage:
    """A part of the training that clips must be long for, counted in lines of the training list."""

    name: str  # "SLM"
    lines: int
    short: int  # of them too short for it
    samples: int  # that a clip needs for it, at the loader's rate


@dataclass(frozen=True, slots=True)
class RepairPlan:
    """All that is to be mended in a run's lists."""

    stage: str
    stage_reason: str
    goal: str
    lists: tuple[Listed, ...]
    root: str  # the folder of the clips
    thresholds: tuple[Threshold, ...]  # of the events that the goal is about, at the loader's rate
    repairs: tuple[Repair, ...]  # by list and line
    loader: LoaderChange | None = None  # None: it would mend nothing
    late_stage: LateStage | None = None
    notes: tuple[str, ...] = ()
    hopeless: str = ""  # why no length of a clip will do; then nothing is to be repaired
    not_checked: tuple[str, ...] = ()

    @property
    def lines(self) -> int:
        """That name a clip to repair."""
        return sum(len(repair.places) for repair in self.repairs)

    def totals(self, policy: Policy) -> Totals:
        mended = [repair for repair in self.repairs if repair.samples_after(policy) is not None]
        left_out = [repair for repair in self.repairs if repair.samples_after(policy) is None]
        lost = sum(repair.audio.seconds * len(repair.places) for repair in left_out)
        return Totals(
            policy=policy,
            mended=sum(len(repair.places) for repair in mended),
            left_out=sum(len(repair.places) for repair in left_out),
            files=len(mended),
            seconds_kept=sum(listed.seconds for listed in self.lists) - lost,
            seconds_synthetic=sum(_added(repair, policy) * len(repair.places) for repair in mended),
            seconds_lost=lost,
        )

    def left_out(self, policy: Policy) -> dict[str, int]:
        """Clips that a policy cannot mend, by reason."""
        found: dict[str, int] = {}
        for repair in self.repairs:
            why = repair.why_left_out(policy)
            if why:
                found[why] = found.get(why, 0) + 1
        return found


@dataclass(frozen=True, slots=True)
class Mended:
    """What was written by a policy, and what the pre-flight says of the new lists."""

    policy: Policy
    folder: str
    lists: tuple[str, ...]  # the new ones
    files: int  # new audio files
    written: int  # of them by this run; the others were there
    encoded_anew: int  # of them in a format that loses something
    as_wav: int  # of them that are WAV now, since their format does not keep the number of samples
    remaining: tuple[Finding, ...]  # that repairing is for, or that came with it, and that end the run or lose batches
    others: tuple[Finding, ...]  # the others that end the run or lose batches, or degrade it and were not there before


def _added(repair: Repair, policy: Policy) -> float:
    """Seconds."""
    after = repair.samples_after(policy)
    assert after is not None
    return (after - repair.samples) / repair.audio.sample_rate
