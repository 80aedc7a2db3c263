"""Checks that analyze modules together: the decoder beside the recording, and batches and replicas of one sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from shapecheck import Component, Model, Report, check
from shapecheck.preflight import Finding, Moment, Severity

from .. import chain
from .run import Run

if TYPE_CHECKING:
    from torch import nn


def module_findings(run: Run) -> Iterator[Finding]:
    yield from _never_run(run)
    yield from _single_samples(run)
    yield from _decoder(run)


def _never_run(run: Run) -> Iterator[Finding]:
    for name, report in run.fates.reports.items():
        if name == "decoder" or report.valid or not report.failures:
            continue
        refused = report.failures[-1]
        yield Finding(
            "module-never-runs",
            Severity.FATAL,
            Moment.FIRST_STEP,
            1,
            f"{name} runs for no length at all: with {report.variable} = {refused.at}, {refused.layer}"
            f" ({refused.operation}): {refused.error}.",
            "Other values of model_params, or another source.",
        )


def _single_samples(run: Run) -> Iterator[Finding]:
    """The scripts squeeze tensors between the modules, which takes the batch's axis from one sample alone."""
    size, gpus = run.batch_size, run.gpus
    if gpus > 1 and not run.stage.trains_prosody:
        if size > 1 and size % gpus:
            yield Finding(
                "batch-not-divisible",
                Severity.FATAL,
                Moment.IMPORT,
                1,
                f"batch_size {size} is no multiple of {gpus} processes, and {run.stage.script} splits its batches among"
                " them: ValueError, of accelerate.",
                f"batch_size {max(2, -(-size // gpus)) * gpus}.",
            )
            return
        size //= gpus
    refusal = run.single(size)
    if refusal is None:
        return
    if size == 1:
        what = f"batch_size {run.batch_size}" + (f" on {gpus} GPUs" if gpus > 1 else "") + ": one sample at a time"
    else:
        chunks = run.chunks(size)
        what = f"batch_size {size} on {gpus} GPUs: {', '.join(map(str, chunks))} samples on each"
        if set(chunks) != {1}:
            what += "; what is alone loses the batch's axis, and does not fit to the others; with one on each"
    better = next((other for other in range(size + 1, size + 2 * gpus + 2) if run.single(other) is None), None)
    yield Finding(
        "batch-of-one" if size == 1 else "replica-of-one",
        Severity.FATAL,
        Moment.FIRST_STEP,
        1,
        f"{what}: {refusal.text}: {refusal.error}.",
        f"batch_size {better * (run.batch_size // size)}, or fewer GPUs." if better else "Fewer GPUs.",
    )


def _decoder(run: Run) -> Iterator[Finding]:
    decoder = run.fates.reports.get("decoder")
    if decoder is None:
        return
    kind, rates = run.config.model_params.decoder.type, list(run.config.model_params.decoder.upsample_rates)
    settings = f"decoder.type {kind}, upsample_rates {rates}"
    if not decoder.valid:
        refused = decoder.failures[-1] if decoder.failures else None
        if refused is not None:
            yield Finding(
                "decoder-branches",
                Severity.FATAL,
                Moment.FIRST_STEP,
                1,
                f"The decoder runs for no length at all ({settings}, upsample_kernel_sizes"
                f" {list(run.config.model_params.decoder.upsample_kernel_sizes)}): with {decoder.variable} ="
                f" {refused.at}, {refused.layer} ({refused.operation}): {refused.error}.",
                "Kernel sizes that keep its two branches equal: twice each upsample rate.",
            )
        return
    crop = max(run.config.training.max_len, chain.GATE) // 2
    beside = _beside_recording(run, crop)
    if beside is None or crop not in beside.invalid:
        return
    refused = next(failure for failure in beside.failures if crop in failure.lengths)
    joint = run.config.training.joint_epoch
    # until joint training the second stage compares the decoder with itself, and with the recording in validation only
    is_late = run.stage.name == "second" and joint is not None and joint > 0
    yield Finding(
        "decoder-length",
        Severity.FATAL,
        Moment.END_OF_EPOCH_1 if is_late else Moment.FIRST_STEP,
        1,
        f"{settings}: the decoder's audio has another length than the recording, whose {2 * chain.LOADER_HOP_LENGTH}"
        " samples a decoder frame the loader fixes, and the discriminators' scores do not fit together: with c ="
        f" {refused.at}, {refused.layer} ({refused.operation}): {refused.error}.",
        f"upsample_rates, and with istftnet gen_istft_hop_size, whose product is {chain.LOADER_HOP_LENGTH}.",
    )


def _beside_recording(run: Run, frames: int) -> Report | None:
    """Whether the discriminators can compare the decoder's audio of so many frames with the recording."""
    known = {component.name: component for component in run.report.model.components}
    parts = [known.get(name) for name in ("decoder", "mpd", "msd")]
    present = [part for part in parts if part is not None]
    if len(present) < len(parts):
        return None
    decoder = present[0]
    component = replace(
        decoder,
        name="decoder beside recording",
        build=lambda: _build(present),
        inputs=(f"f32[1, 1, {2 * chain.LOADER_HOP_LENGTH}*{decoder.variable}]", *decoder.inputs),
    )
    model: Model = replace(run.report.model, components=(component,), skipped=())
    return check(model, lengths=(frames, frames)).components[0].report


def _build(parts: Sequence[Component]) -> nn.Module:
    from .recording import DecodedBesideRecording

    decoder, mpd, msd = (part.build() for part in parts)
    return DecodedBesideRecording(decoder, mpd, msd)
