"""The findings of a pre-flight as values: what will happen, when, to how many, why, and what to change.

Invariant: the verdict follows from the findings alone, and every finding has a moment, a count and a remedy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Severity(Enum):
    """What a finding does to the run, the worst first."""

    FATAL = "fatal"  # it ends, hangs, or trains nothing
    DROP = "drop"  # it goes on, without some of its batches
    DEGRADE = "degrade"  # it goes on, and learns something else than was asked for
    INFO = "info"  # good to know


class Moment(Enum):
    """When a finding strikes, in the order of a run."""

    IMPORT = "import"  # reading the configuration, the lists and the checkpoints, building the modules
    FIRST_STEP = "first step"
    EPOCH_1 = "within epoch 1"
    END_OF_EPOCH_1 = "end of epoch 1"
    TMA_EPOCH = "TMA_epoch"  # of a first stage
    DIFF_EPOCH = "diff_epoch"
    JOINT_EPOCH = "joint_epoch"


class Verdict(Enum):
    GO = "GO"
    WILL_DEGRADE = "WILL DEGRADE"
    WILL_FAIL = "WILL FAIL"


@dataclass(frozen=True, slots=True)
class Affected:
    """One file, or one line of a list, that a finding is about."""

    file: str  # the clip's path as the list has it, or the list's own
    listed: str = ""  # the list in which it stands
    line: int | None = None  # there, counted from 1
    numbers: Mapping[str, int | float | str] = field(default_factory=dict[str, int | float | str])

    @property
    def place(self) -> str:
        """`"train_list.txt:12 clip.wav"`."""
        line = f":{self.line}" if self.line is not None else ""
        return f"{self.listed}{line} {self.file}".strip() if self.listed else f"{self.file}{line}"


@dataclass(frozen=True, slots=True)
class Finding:
    """`identity` is stable, and documented in the README."""

    identity: str  # "clip-too-short"
    severity: Severity
    when: Moment
    count: int  # of files, lines or batches; 1 for a value of the configuration
    message: str  # what happens, with the numbers that decide it, and PyTorch's own words where it raises
    remedy: str
    files: tuple[Affected, ...] = ()
    is_removable: bool = False  # gone when these lines are left out of their lists


@dataclass(frozen=True, slots=True)
class Threshold:
    """The shortest clip from which on an event does not happen."""

    name: str  # "crash", "batch_dropped", "validation_batch_lost" or "validation_crash", "slm_eligible"
    samples: int | None  # at the model's rate, before any padding; None: there is no such clip
    seconds: float | None
    mel_frames: int | None
    because: str  # which layer or which line of the scripts decides


@dataclass(frozen=True, slots=True)
class Preflight:
    """All that is known before a training run starts."""

    stage: str
    stage_reason: str
    chain: tuple[str, ...]  # the length chain, a sentence a line
    thresholds: tuple[Threshold, ...]
    max_len: Mapping[str, Any]  # configured, smallest, recommended
    findings: tuple[Finding, ...]
    epochs: Mapping[str, int]  # of the moments that are epochs: "diff_epoch" -> 10; and "epochs" -> 50
    data: Mapping[str, Any] | None = None  # None: not checked, and `not_checked` says why
    batches: Mapping[str, Any] | None = None
    checkpoint: Mapping[str, Any] | None = None
    not_checked: tuple[str, ...] = ()  # what was not looked at, and where it was looked for

    @property
    def verdict(self) -> Verdict:
        severities = {finding.severity for finding in self.findings}
        if Severity.FATAL in severities:
            return Verdict.WILL_FAIL
        return Verdict.WILL_DEGRADE if severities & {Severity.DROP, Severity.DEGRADE} else Verdict.GO

    def of_severity(self, *severities: Severity) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.severity in severities)

    def offending_lines(self, listed: str) -> frozenset[int]:
        """The lines of a list without which nothing in it ends the run or loses a batch."""
        return frozenset(
            file.line
            for finding in self.findings
            if finding.is_removable and finding.severity in (Severity.FATAL, Severity.DROP)
            for file in finding.files
            if file.listed == listed and file.line is not None
        )
