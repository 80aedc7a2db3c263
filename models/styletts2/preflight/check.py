"""The pre-flight of one configuration: everything that is read for it, and all findings in one value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from shapecheck import ClipWay, ModelReport, UsageError
from shapecheck.preflight import (
    AudioFile,
    Checkpoint,
    Finding,
    Moment,
    Preflight,
    Severity,
    read_checkpoint,
    read_manifest,
    scan,
)

from .. import checkpoint as scripts
from ..clip_way import clip_way
from ..config import StyleTTS2Config
from . import batch_checks, checkpoint_checks, thresholds
from .batch_checks import batch_findings
from .checkpoint_checks import checkpoint_findings, outcome_of, part_findings, with_checkpoint
from .clip_checks import clip_findings
from .clips import joined, path_of
from .config_checks import config_findings
from .files import Files, locate
from .list_checks import list_findings
from .lists import read_clips, read_texts
from .module_checks import module_findings
from .options import Options
from .run import Run, counted
from .stage import Stage, inferred, named
from .walk import chain_of

_SEVERITIES = tuple(Severity)
_MOMENTS = tuple(Moment)


@dataclass(frozen=True, slots=True)
class Preparation:
    """A run of which everything is known but the limits of its modules; the files that it names are there."""

    config: StyleTTS2Config
    stage: Stage
    stage_reason: str
    options: Options
    files: Files
    checkpoint: Checkpoint | None  # None: none is loaded, or it is not there

    @classmethod
    def of(cls, config: StyleTTS2Config, options: Options, folder: Path | None = None) -> Preparation:
        """`folder`: of the configuration, where its paths are looked up when the working directory has no such file.

        Raises UsageError with all that is wrong.
        """
        problems: list[str] = []
        stage, reason = inferred(config)
        if options.stage:
            try:
                stage, reason = named(options.stage), "as asked for"
            except UsageError as error:
                problems.append(str(error))
        if options.gpus < 1:
            problems.append(f"--gpus {options.gpus}: expected 1 or more")
        if options.checkpoint:
            config = with_checkpoint(config, options.checkpoint)
        loading = scripts.loading(config, stage.script.removesuffix(".py"), processes=options.gpus)
        files = locate(config, options, (loading.key, loading.path), folder, problems)
        checkpoint = None
        if files.checkpoint is not None and files.checkpoint.exists():
            try:
                checkpoint = read_checkpoint(files.checkpoint)
            except UsageError as error:
                problems.append(str(error))
        if problems:
            raise UsageError("\n".join(problems))
        return cls(config, stage, reason, options, files, checkpoint)

    @property
    def clip_way(self) -> ClipWay:
        """What becomes of a clip in the script that the run is of."""
        return clip_way(self.config, self.stage)

    def preflight(self, report: ModelReport, progress: Callable[[int, int], None] | None = None) -> Preflight:
        """What the run will meet, by the limits that were found; `progress(done, total)` counts clips.

        Raises UsageError if a list or a manifest cannot be read.
        """
        return self.preflight_of(self.run(report, progress))

    def preflight_of(self, run: Run) -> Preflight:
        """Likewise, where the lists and the audio were read before."""
        outcome = None if self.checkpoint is None else outcome_of(run, self.checkpoint)
        path = self.files.checkpoint
        findings = [*config_findings(run), *module_findings(run), *_of_data(run)]
        if outcome is not None and path is not None:
            findings += checkpoint_findings(run, outcome, path)
        findings += part_findings(run, self.files.parts)
        training = self.config.training
        later = {"diff_epoch": training.diff_epoch, "joint_epoch": training.joint_epoch}
        if not self.stage.trains_prosody:
            later = {"TMA_epoch": training.tma_epoch}
        known = {key: epoch for key, epoch in later.items() if epoch is not None}
        return Preflight(
            stage=self.stage.name,
            stage_reason=self.stage_reason,
            chain=chain_of(run),
            thresholds=thresholds.thresholds(run),
            max_len=thresholds.max_len(run),
            findings=_in_order(findings),
            epochs={"epochs": run.epochs, **known},
            data=_summary(run),
            batches=batch_checks.summary(run),
            checkpoint=None if outcome is None or path is None else checkpoint_checks.summary(outcome, path),
            not_checked=(*self.files.missing, *self.not_in_manifest(run)),
        )

    def run(self, report: ModelReport, progress: Callable[[int, int], None] | None = None) -> Run:
        """The run with its lists and the lengths of its clips; raises UsageError as `preflight` does."""
        files = self.files
        read = {
            name: read_clips(str(file), file)
            for name, file in (("train", files.train), ("val", files.val))
            if file is not None
        }
        paths = [path_of(files.root, line) for listed in read.values() for line in listed.clips]
        sets = {name: joined(listed, files.root, self._audio(paths, progress)) for name, listed in read.items()}
        minimum = self.config.training.ood_min_length
        texts = None
        if files.ood is not None and minimum is not None:
            texts = read_texts(str(files.ood), files.ood, minimum)
        return Run(self.config, self.stage, self.options.gpus, report, sets.get("train"), sets.get("val"), texts)

    def not_in_manifest(self, run: Run) -> Iterable[str]:
        """How many clips of each list the manifest leaves open, in words."""
        if self.options.manifest:
            for clips in (run.train, run.val):
                missing = [clip for clip in clips.clips if clip.line.path and clip.audio is None] if clips else []
                if clips is not None and missing:
                    yield f"{counted(len(missing), 'clip')} of {clips.listed.name}: not in {self.options.manifest}"

    def _audio(self, paths: Sequence[str], progress: Callable[[int, int], None] | None) -> Mapping[str, AudioFile]:
        options = self.options
        if options.manifest:
            return read_manifest(options.manifest)
        if not self.files.has_root:
            return {}
        found = scan(paths, cache=options.cache, decode=options.decode, dask=options.dask or None, progress=progress)
        return {entry.path: entry for entry in found}


def _of_data(run: Run) -> Iterable[Finding]:
    for found in (*list_findings(run), *clip_findings(run)):
        yield replace(found, is_removable=any(file.line is not None and file.listed for file in found.files))
    yield from batch_findings(run)


def _in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """By severity, then by moment, then as they were found."""
    return tuple(sorted(findings, key=lambda found: (_SEVERITIES.index(found.severity), _MOMENTS.index(found.when))))


def _summary(run: Run) -> dict[str, Any] | None:
    if run.train is None and run.val is None:
        return None
    found: dict[str, Any] = {}
    for name, listed in (("train", run.train), ("val", run.val)):
        if listed is None:
            continue
        lengths = sorted(clip.seconds for clip in listed.with_lengths)
        found[name] = {
            "list": listed.listed.name,
            "lines": len(listed.clips),
            "clips_measured": len(lengths),
            "hours": round(listed.hours, 4),
            "shortest_samples": min(
                (clip.samples for clip in listed.with_lengths), default=None
            ),  # at the loader's rate
            "shortest_seconds": round(lengths[0], 4) if lengths else None,
            "longest_seconds": round(lengths[-1], 4) if lengths else None,
        }
    if run.texts is not None:
        found["ood"] = {"list": run.texts.name, "lines": run.texts.lines, "texts_drawn_from": len(run.texts.texts)}
    return found
