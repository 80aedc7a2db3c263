"""What becomes of a clip and of a batch in a training script, by the limits that were found in the modules.

    a clip of E mel frames (even):  the encoders get it whole, before anything else looks at its length
    a batch, shortest clip m:       c = min(m / 2 - 1, floor(max_len / 2)); under 80 mel frames (2c) it is passed over;
                                    else the modules get 2c mel frames, c decoder frames, 600c samples
    a validation batch:             the same without max_len (but in the first stage) and without the gate

Each module's own set of valid lengths decides, hole by hole; a length that was left unknown counts as running.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from shapecheck import ModelReport, Report, check

from .. import chain
from ..batches import with_batch
from ..config import StyleTTS2Config
from .stage import Stage

_USUAL = {"T": 2 * chain.GATE, "c": chain.GATE, "N": 2 * chain.GATE * chain.LOADER_HOP_LENGTH}  # lengths that run

WHOLE = ("predictor_encoder", "style_encoder")  # in the order in which the scripts call them


@dataclass(frozen=True, slots=True)
class Refusal:
    """One module that refuses one length."""

    component: str
    layer: str
    operation: str
    length: int
    unit: str
    error: str  # as PyTorch prints it; "with N: ..." where it is that of another length, the largest that fails there

    @property
    def text(self) -> str:
        """`"style_encoder shared.6 (conv2d) refuses 64 mel frames"`."""
        place = f"{self.component} {self.layer}" + (f" ({self.operation})" if self.operation else "")
        return f"{place} refuses {self.length:,} {self.unit}"


@dataclass(frozen=True)
class Fates:
    report: ModelReport
    stage: Stage
    config: StyleTTS2Config

    @cached_property
    def reports(self) -> Mapping[str, Report]:
        return {entry.component.name: entry.report for entry in self.report.components}

    @cached_property
    def units(self) -> Mapping[str, str]:
        return {entry.component.name: entry.component.unit.name for entry in self.report.components}

    def refusal(self, component: str, length: int) -> Refusal | None:
        """None where the component runs, where it was left unknown, and where it was not analyzed.

        None as well for one that runs for no length at all, which no clip can mend: a finding of its own.
        """
        report = self.reports.get(component)
        if report is None or length not in report.invalid or not report.valid:
            return None
        failure = next((failure for failure in report.failures if length in failure.lengths), None)
        if failure is None:
            return Refusal(component, "", "", length, self.units[component], "the reason is not known")
        error = failure.error.rstrip(".")
        if failure.at != length:
            error = f"with {failure.at:,}: {error}"
        return Refusal(component, failure.layer, failure.operation, length, self.units[component], error)

    def whole(self, frames: int) -> Refusal | None:
        """Of a clip of so many mel frames, by an encoder that gets it whole."""
        if not self.stage.trains_prosody:
            return None
        return self._first((name, frames) for name in WHOLE)

    def aligner(self, frames: int) -> Refusal | None:
        return self.refusal("text_aligner", frames)

    def is_passed_over(self, shortest: int) -> bool:
        """Whether the gate lets no batch through whose shortest clip has so many mel frames."""
        return 2 * chain.clip_frames(shortest, self.config.training.max_len) < chain.GATE

    def crop(self, shortest: int) -> Refusal | None:
        """Of a batch that the gate lets through, by a module that gets the crops."""
        count = chain.clip_frames(shortest, self.config.training.max_len)
        is_uncropped = self.stage.styles_uncropped and self.config.model_params.multispeaker
        return self.crop_of(count, shortest - 2 if is_uncropped else 2 * count)

    def crop_of(self, count: int, styles: int | None = None) -> Refusal | None:
        """Of crops of so many decoder frames; `styles`: mel frames for the style encoders, where they get others."""
        return self._first(self._received(count, 2 * count if styles is None else styles, in_validation=False))

    def validation(self, shortest: int) -> Refusal | None:
        """Of a validation batch whose shortest clip has so many mel frames."""
        count = shortest // 2 - 1
        if self.stage.crops_validation:
            count = min(count, self.config.training.max_len // 2)
        return self._first(self._received(count, 2 * count, in_validation=True))

    @cached_property
    def alone(self) -> Refusal | None:
        """Of a batch of one sample, whose axis the scripts lose between two modules, whatever its length."""
        return self._of_one("training")

    @cached_property
    def alone_in_replica(self) -> Refusal | None:
        """Likewise of one sample on each device of an nn.DataParallel."""
        return self._of_one("replica")

    def _of_one(self, kind: str) -> Refusal | None:
        model = with_batch(self.report.model, self.config, (1, 1))
        calls = {component.name: component for component in model.components}
        receivers = ("predictor", "decoder", "slm") if self.stage.trains_prosody else ("decoder", "slm")
        for receiver in receivers:
            component = calls.get(f"{kind}.{receiver}")
            if component is None:
                continue
            length = _USUAL[component.variable]
            (entry,) = check(replace(model, components=(component,)), lengths=(length, length)).components
            if length in entry.report.invalid:
                failure = next(failure for failure in entry.report.failures if length in failure.lengths)
                error = failure.error.rstrip(".")
                return Refusal(component.name, failure.layer, failure.operation, 1, "sample", error)
        return None

    def _received(self, count: int, styles: int, *, in_validation: bool) -> Iterable[tuple[str, int]]:
        """Each module and the length that it gets of crops of `count` decoder frames."""
        samples = 2 * chain.LOADER_HOP_LENGTH * count
        yield "style_encoder", styles
        if self.stage.trains_prosody:
            yield "predictor_encoder", styles
            yield "predictor.F0Ntrain", count
        yield "pitch_extractor", 2 * count
        yield "decoder", count
        if not in_validation:
            yield "mpd", samples
            yield "msd", samples
            yield "slm", -(-samples * self.config.model_params.slm.sr // self.config.preprocess.sr)  # rounded up

    def _first(self, received: Iterable[tuple[str, int]]) -> Refusal | None:
        return next((found for name, length in received if (found := self.refusal(name, length)) is not None), None)
