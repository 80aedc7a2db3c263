"""The decoder beside the recording: verdicts and words are those of the modules run on the CPU."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch

from shapecheck import check
from shapecheck.models.styletts2 import components, config, presets
from shapecheck.models.styletts2.preflight.recording import DecodedBesideRecording


@pytest.mark.parametrize(
    ("rates", "kernel_sizes", "runs_from"),
    [([10, 5, 3, 2], [20, 10, 6, 4], 2), ([10, 6], [20, 12], None), ([10, 5, 3, 3], [20, 10, 6, 6], None)],
    ids=str,
)
def test_verdicts_are_those_of_eager(rates: list[int], kernel_sizes: list[int], runs_from: int | None) -> None:
    values: dict[str, Any] = deepcopy(presets.values("ft"))
    values["model_params"]["decoder"].update(upsample_rates=rates, upsample_kernel_sizes=kernel_sizes)
    model = components.model(config.parse(values, "changed"))
    known = {component.name: component for component in model.components}
    decoder, mpd, msd = (known[name] for name in ("decoder", "mpd", "msd"))

    def build() -> DecodedBesideRecording:
        return DecodedBesideRecording(decoder.build(), mpd.build(), msd.build())

    component = replace(decoder, build=build, inputs=("f32[1, 1, 600*c]", *decoder.inputs))
    module = build().eval()
    for count in (1, 2, 3):
        found = check(replace(model, components=(component,), skipped=()), lengths=(count, count)).components[0].report
        wave, pitch = torch.zeros(1, 1, 600 * count), torch.zeros(1, 2 * count)
        raised = ""
        try:
            with torch.no_grad():
                module(wave, torch.zeros(1, 512, count), pitch, pitch, torch.zeros(1, 128))
        except (RuntimeError, ValueError) as error:
            raised = f"{type(error).__name__}: {error}"
        assert [failure.error for failure in found.failures] == ([raised] if raised else [])
        assert (count in found.valid) is not bool(raised)
        assert (count in found.invalid) is bool(raised)
        assert bool(raised) is (runs_from is None or count < runs_from)
