"""Checks of the checkpoints: what a script would take from them, what it would leave random, and what it raises."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from shapecheck import UsageError
from shapecheck.preflight import Affected, Checkpoint, Coverage, Finding, Moment, Severity, read_checkpoint

from .. import checkpoint as scripts
from ..checkpoint import ComponentOutcome, Outcome
from ..config import StyleTTS2Config
from .run import Run, counted

_PARTS = {
    "ASR_path": scripts.aligner_outcome,
    "F0_path": scripts.pitch_outcome,
    "PLBERT_dir": scripts.plbert_outcome,
}
_LEFT = (scripts.PARTLY, scripts.NOTHING, scripts.ABSENT)


def outcome_of(run: Run, checkpoint: Checkpoint) -> Outcome:
    """What the run's script makes of a checkpoint."""
    loading = scripts.loading(run.config, run.stage.script.removesuffix(".py"), processes=run.gpus)
    return scripts.outcome(loading, scripts.expected(run.config, run.report.model), checkpoint)


def with_checkpoint(config: StyleTTS2Config, path: str) -> StyleTTS2Config:
    """The configuration, as if it named this checkpoint."""
    return replace(
        config,
        paths=replace(config.paths, pretrained_model=path),
        training=replace(config.training, second_stage_load_pretrained=True),
        values={**config.values, "pretrained_model": path, "second_stage_load_pretrained": True},
    )


def checkpoint_findings(run: Run, outcome: Outcome, path: Path) -> Iterator[Finding]:
    yield from _raised(outcome, path)
    yield from _left(outcome, path)
    if outcome.epochs_to_train == 0:
        yield Finding(
            "checkpoint-has-all-epochs",
            Severity.FATAL,
            Moment.FIRST_STEP,
            1,
            f"load_only_params is false, and {path.name} has epoch {outcome.start_epoch}, of {run.stage.epochs_key}"
            f" {outcome.loading.epochs}: "
            + (
                "UnboundLocalError where the script saves."
                if outcome.raised
                else "the run ends as if all were well, and has trained nothing."
            ),
            f"load_only_params: true, or {run.stage.epochs_key} above {outcome.start_epoch}.",
        )
    if outcome.needs_unpickling:
        yield Finding(
            "checkpoint-needs-unpickling",
            Severity.INFO,
            Moment.IMPORT,
            len(outcome.needs_unpickling),
            f"{path.name} holds {', '.join(outcome.needs_unpickling)} beside its tensors, which torch.load executes"
            " only with weights_only=False; from PyTorch 2.6 on the scripts, which do not say so, refuse the file.",
            "Only for a file that you trust: pass weights_only=False in load_checkpoint, or an older PyTorch.",
        )


def part_findings(run: Run, files: Mapping[str, Path]) -> Iterator[Finding]:
    """Of the text aligner, the pitch extractor and PLBERT, which each script loads before anything else."""
    if not files:
        return
    expected = scripts.expected(run.config, run.report.model)
    for key, given in files.items():
        path = given
        if key == "PLBERT_dir":
            file = scripts.plbert_file(str(given), [entry.name for entry in given.iterdir()] if given.is_dir() else [])
            if isinstance(file, scripts.Raised):
                yield _unusable(key, f"{file.error}: {file.subject}", "A folder with a step_*.t7 and its config.yml.")
                continue
            path = file
        try:
            checkpoint = read_checkpoint(path)
        except UsageError as error:
            yield _unusable(key, str(error), "Take the published file.")
            continue
        part = _PARTS[key](expected, checkpoint)
        if part.raised is not None:
            unfit = "" if part.coverage is None else f", {_unfit(part.coverage)}"
            text = f"{path}: {part.raised.error}: {part.raised.subject}{unfit}"
            yield _unusable(key, text, "The file that belongs to its configuration.")


def _unusable(key: str, text: str, remedy: str) -> Finding:
    return Finding("part-not-loadable", Severity.FATAL, Moment.IMPORT, 1, f"{key}: {text}.", remedy)


def _unfit(coverage: Coverage) -> str:
    names = [*(mismatch.name for mismatch in coverage.mismatched), *coverage.missing, *coverage.unexpected]
    return f"{counted(len(names), 'tensor')} of another shape, missing or unexpected, such as {', '.join(names[:3])}"


def summary(outcome: Outcome, path: Path) -> dict[str, Any]:
    """Of a checkpoint, as plain values."""
    return {
        "file": str(path),
        "key": outcome.loading.key,
        "start_epoch": outcome.start_epoch,
        "components": {entry.component: _component(entry) for entry in outcome.components},
        "unused": list(outcome.unused),
        "unchecked": [f"{entry.name}: {entry.reason}" for entry in outcome.unchecked],
    }


def _component(entry: ComponentOutcome) -> dict[str, Any]:
    coverage = entry.coverage
    return {
        "outcome": entry.fate,
        "tensors": coverage.expected,
        "loaded": len(coverage.loaded),
        "missing": len(coverage.missing),
        "unexpected": len(coverage.unexpected),
        "mismatched": len(coverage.mismatched),
        "starts_as": entry.starts_as,
    }


def _raised(outcome: Outcome, path: Path) -> Iterator[Finding]:
    keys = [raised for raised in outcome.raised if raised.error not in ("RuntimeError", "UnboundLocalError")]
    if keys:
        yield Finding(
            "checkpoint-keys",
            Severity.FATAL,
            Moment.IMPORT,
            len(keys),
            f"{path.name}: " + ", ".join(f"{raised.error}: {raised.subject}" for raised in keys) + ".",
            "A checkpoint that the scripts saved; load_only_params: true needs its `net` only.",
        )
    refused = [entry.coverage for entry in outcome.components if entry.fate == scripts.RAISES]
    if refused:
        tensors = [_mismatch(coverage, mismatch.name) for coverage in refused for mismatch in coverage.mismatched]
        names = ", ".join(f"{coverage.component} ({len(coverage.mismatched):,})" for coverage in refused)
        first = tensors[0] if tensors else None
        example = f" {first.file} is {first.numbers['checkpoint']}, and {first.numbers['model']} here." if first else ""
        yield Finding(
            "checkpoint-shapes",
            Severity.FATAL,
            Moment.IMPORT,
            len(tensors) or len(refused),
            f"{path.name} does not fit the configured model: RuntimeError: size mismatch in {names}.{example}",
            "The model_params with which the checkpoint was trained.",
            tuple(tensors),
        )


def _mismatch(coverage: Coverage, name: str) -> Affected:
    mismatch = next(mismatch for mismatch in coverage.mismatched if mismatch.name == name)
    numbers = {"checkpoint": str(list(mismatch.found.shape)), "model": str(list(mismatch.expected.shape))}
    return Affected(f"{coverage.component}.{name}", numbers=numbers)


def _left(outcome: Outcome, path: Path) -> Iterator[Finding]:
    left = [entry for entry in outcome.components if entry.fate in _LEFT]
    if not left:
        return
    parts = ", ".join(
        f"{entry.component} ({len(entry.coverage.missing):,} of {entry.coverage.expected:,})" for entry in left
    )
    prefixed = [entry for entry in left if entry.fate == scripts.NOTHING and entry.coverage.fits_with_prefix_changed]
    printed = sum(entry.prints_loaded for entry in left)
    message = f"{path.name} leaves tensors as they were before, without a word: {parts}"
    if printed:
        message += f"; and the script prints 'loaded' for {counted(printed, 'component')} of them"
    if prefixed:
        state = "have" if prefixed[0].coverage.prefixed else "do not have"
        message += f". The names in it {state} the prefix module., against what the script expects"
        remedy = "Save the state dicts with, or without, the prefix, as the script expects them."
    else:
        remedy = "The checkpoint of the same configuration; look at multispeaker and n_layer."
    tensors = tuple(
        Affected(f"{entry.component}.{name}", numbers={"starts_as": entry.starts_as})
        for entry in left
        for name in entry.coverage.missing
    )
    yield Finding("checkpoint-left-out", Severity.DEGRADE, Moment.IMPORT, len(tensors), f"{message}.", remedy, tensors)
