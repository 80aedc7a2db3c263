"""A run's repair from the plan to the pre-flight of the lists that were written."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from shapecheck import ModelReport, UsageError
from shapecheck.preflight import Mended, Output, Policy, Repair, RepairPlan, Severity, output_of

from .check import Preparation
from .clips import ClipSet
from .repair import Goal, plan, repeated
from .run import Run

# what a repair is for: none of it may be left, wherever it comes from
_MENDED = frozenset(
    (
        "audio-channels",
        "audio-two-samples",
        "audio-unreadable",
        "clip-crop-too-short",
        "clip-drops-batch",
        "clip-loses-validation",
        "clip-refused-by-aligner",
        "clip-too-short",
        "every-batch-dropped",
    )
)
_ENDING = (Severity.FATAL, Severity.DROP)


@dataclass(frozen=True, slots=True)
class Repairing:
    """The lists and the audio are read; what mends the clips is known, and nothing is written."""

    preparation: Preparation
    report: ModelReport
    run: Run
    plan: RepairPlan

    @classmethod
    def of(
        cls,
        preparation: Preparation,
        report: ModelReport,
        goal: Goal = Goal.TRAINING,
        progress: Callable[[int, int], None] | None = None,
    ) -> Repairing:
        """`progress(done, total)` counts the clips that are read.

        Raises UsageError if there is no list or no audio, a list cannot be read, or the run has no such goal.
        """
        files = preparation.files
        if files.train is None and files.val is None:
            raise UsageError("\n".join(["there is no list of clips to repair", *files.missing]))
        if not files.has_root and not preparation.options.manifest:
            raise UsageError("\n".join(["there is no folder of clips: give --root", *files.missing]))
        run = preparation.run(report, progress)
        own = ("data_params.train_data", "data_params.val_data", "data_params.root_path")
        missing = (what for what in files.missing if what.startswith(own))
        found = plan(run, goal, files.root, (*missing, *preparation.not_in_manifest(run)))
        return cls(preparation, report, run, replace(found, stage_reason=preparation.stage_reason))

    def output(self, policy: Policy, folder: Path) -> Output:
        """What a folder shall hold; UsageError where it may not. Nothing is written."""
        sets = {clips.listed.name: clips for clips in (self.run.train, self.run.val) if clips is not None}

        def change(listed: str, number: int, repair: Repair, path: str | None) -> str | None:
            return None if path is None else _line(sets[listed], number, repair, policy, path)

        return output_of(self.plan, policy, folder, {name: clips.listed.file for name, clips in sets.items()}, change)

    def mended(self, output: Output, written: int) -> Mended:
        """What the pre-flight says of the lists that were written, beside what it said before."""
        files = self.preparation.files
        named = {"train": files.train, "val": files.val}
        new = {name: output.lists[str(file)] for name, file in named.items() if file is not None}
        preparation = replace(self.preparation, files=replace(files, **new))
        after = preparation.preflight(self.report)
        bad = after.of_severity(*_ENDING, Severity.DEGRADE)
        before = self.preparation.preflight_of(self.run).findings if bad else ()
        known = frozenset(found.identity for found in before)
        remaining = tuple(
            found
            for found in bad
            if found.severity in _ENDING and (found.identity in _MENDED or found.identity not in known)
        )
        others = tuple(
            found
            for found in bad
            if found not in remaining and (found.severity in _ENDING or found.identity not in known)
        )
        return Mended(
            policy=output.policy,
            folder=str(output.folder),
            lists=tuple(map(str, output.lists.values())),
            files=len(output.files),
            written=written,
            encoded_anew=sum(file.form.is_lossy for file in output.files),
            as_wav=sum(file.form.format != file.repair.audio.format for file in output.files),
            remaining=remaining,
            others=others,
        )


def _line(clips: ClipSet, number: int, repair: Repair, policy: Policy, path: str) -> str:
    """A line with the new file, and its text as often as the clip is repeated."""
    line = clips.listed.lines[number - 1]
    fields = line.raw.strip().split("|")
    fields[0] = path
    if policy is Policy.REPEAT and repair.repetitions is not None and len(fields) > 1:
        fields[1] = repeated(line, repair.repetitions)
    return "|".join(fields)
