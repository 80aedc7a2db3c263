"""The limits of every convolution, and the messages, against what is seen when the published modules are executed.

Which sizes a layer gets and gives is read by hooks; what it needs is tried on the layer alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import pytest
import torch
from torch import Size, nn

import shapecheck
from shapecheck import LayerLimit, Report
from shapecheck.lengths.formula import Formula
from shapecheck.models import styletts2

from .execution import CASES, SLM, Call, Case, built_in, component, convolutions, execute, executed
from .published import CONFIGS, build_published

CONVOLUTIONS = {"ft": 284, "libritts": 284, "ljspeech": 232}  # without WavLM
NOT_CALLED = "not called"
ON_CPU = ("text_encoder", "predictor", "predictor.F0Ntrain", "pitch_extractor", SLM)  # see test_verdicts
SEEDED = {"decoder": 4}  # lengths besides those where something changes; 12 for all others


@cache
def report(case: Case) -> Report:
    entry = component(case)
    return shapecheck.analyze(built_in(case), *entry.inputs, method=entry.method, **entry.keyword_inputs)


# How many, and which


@pytest.mark.parametrize("config", CONFIGS)
def test_every_published_convolution_is_a_row_and_nothing_else(config: str) -> None:
    expected = {
        (name, layer) for name, module in build_published(config, "meta").items() for layer in convolutions(module)
    }
    found = {
        (entry.name.split(".")[0], layer.name)
        for entry in styletts2.preset(config).components
        if entry.name != SLM
        for layer in report(Case(config, entry.name)).layers
        if layer.is_conv
    }
    assert found == expected
    assert len(found) == CONVOLUTIONS[config]


def test_the_convolutions_of_wavlm() -> None:
    case = Case("ft", SLM)
    assert [layer.name for layer in rows(case)] == list(convolutions(executed(case, "meta")))
    assert len(rows(case)) == 8


def test_a_convolution_that_is_never_called_says_so() -> None:
    (row,) = (layer for layer in rows(Case("ft", "pitch_extractor")) if layer.input_length == NOT_CALLED)
    assert (row.name, row.output_length, row.needs, row.minimum) == ("detector_conv.0", NOT_CALLED, None, None)
    assert not row.is_binding


def test_each_entry_point_of_the_predictor_calls_its_own() -> None:
    forward, curves = (rows(Case("ft", name)) for name in ("predictor", "predictor.F0Ntrain"))
    assert {layer.input_length for layer in forward} == {NOT_CALLED}
    assert NOT_CALLED not in {layer.input_length for layer in curves}
    assert {layer.name for layer in forward} == {layer.name for layer in curves}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_row_has_the_settings_of_its_layer(case: Case) -> None:
    layers = convolutions(executed(case, "meta"))
    for row in rows(case):
        layer = layers[row.name]
        (kind,) = (kind.__name__ for kind in type(layer).__mro__ if kind.__name__ in dir(nn) and kind is not nn.Module)
        settings = (kind, layer.kernel_size, layer.stride, layer.padding, layer.dilation)
        assert (row.kind, row.kernel_size, row.stride, row.padding, row.dilation) == settings


def rows(case: Case) -> list[LayerLimit]:
    return [layer for layer in report(case).layers if layer.is_conv]


# What each gets, gives, refuses and needs


@pytest.mark.parametrize("case", CASES, ids=str)
def test_formulas_minimum_and_rejects_are_those_of_execution(case: Case) -> None:
    lengths = watched_lengths(case)
    runs = {length: execute(case, length, device_of(case)).calls for length in lengths}
    for row, index in numbered(rows(case)):
        calls = {length: calls[row.name][index] for length, calls in runs.items() if has(calls, row.name, index)}
        place = f"{case} {row.name}, call {index + 1}"
        if row.input_length == NOT_CALLED:
            assert not calls, place
            continue
        axis = time_axis(list(calls.values()))
        completed = {length: call.output for length, call in calls.items() if call.output is not None}
        assert sizes(case, row.input_length, list(calls)) == [call.input[axis] for call in calls.values()], place
        assert sizes(case, row.output_length, list(completed)) == [size[axis] for size in completed.values()], place
        assert {length: length in row.rejects for length in calls} == {
            length: length not in completed for length in calls
        }, place
        assert row.minimum == min(completed), place
        assert row.is_binding == bool(row.rejects), place


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_call_has_its_row(case: Case) -> None:
    """As many rows as calls, at a length with which the whole component runs."""
    length = next(iter(report(case).valid))
    calls = execute(case, length, device_of(case)).calls
    called = [row.name for row in rows(case) if row.input_length != NOT_CALLED]
    assert {name: len(of_layer) for name, of_layer in calls.items()} == {name: called.count(name) for name in called}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_needs_is_the_smallest_size_that_the_layer_alone_accepts(case: Case) -> None:
    layers = convolutions(executed(case, "meta"))
    runs = [execute(case, length, device_of(case)).calls for length in watched_lengths(case)]
    known: dict[Any, int] = {}
    for row, index in numbered(rows(case)):
        if row.input_length == NOT_CALLED:
            continue
        calls = [calls[row.name][index] for calls in runs if has(calls, row.name, index)]
        axis, layer, seen = time_axis(calls), layers[row.name], calls[-1].input
        others = tuple(size for place, size in enumerate(seen) if place - len(seen) != axis)
        key = (row.kind, row.kernel_size, row.stride, row.padding, row.dilation, axis, others)
        if key not in known:
            known[key] = next(size for size in range(1, 1000) if accepts(layer, seen, axis, size))
        assert row.needs == known[key], f"{case} {row.name}"


def accepts(layer: nn.Module, seen: Size, axis: int, size: int) -> bool:
    shape = list(seen)
    shape[axis] = size
    try:
        with torch.no_grad():
            layer(torch.empty(shape, device="meta"))
    except RuntimeError:
        return False
    return True


def device_of(case: Case) -> str:
    return "cpu" if case.name in ON_CPU else "meta"


@cache
def watched_lengths(case: Case) -> list[int]:
    """Where something changes, each with the length before; some others, seeded."""
    minimums = {row.minimum for row in report(case).layers if row.minimum is not None}
    last = max(minimums, default=1) + (100 if device_of(case) == "cpu" else 2000)  # MPD's last convs get 1 up to 891
    lengths = {length for minimum in minimums for length in (minimum - 1, minimum) if length}
    lengths.update(random.Random(str(case)).sample(range(1, last), SEEDED.get(case.name, 12)))
    return sorted({*lengths, last})


def numbered(layers: list[LayerLimit]) -> Iterator[tuple[LayerLimit, int]]:
    """Each row with the number of the call that it is: one layer's calls stand in their order."""
    count: dict[str, int] = {}
    for row in layers:
        index = count.get(row.name, 0)
        count[row.name] = index + 1
        yield row, index


def has(calls: dict[str, list[Call]], name: str, index: int) -> bool:
    return index < len(calls.get(name, []))


def time_axis(calls: list[Call]) -> int:
    """The last axis, from the end, whose size varies from one length to another; where none does, the last one."""
    shapes = [call.input for call in calls]
    varying = [axis for axis in range(-len(shapes[0]), 0) if len({shape[axis] for shape in shapes}) > 1]
    return varying[-1] if varying else -1


def sizes(case: Case, formula: str, lengths: list[int]) -> list[int]:
    return Formula.parse(formula, component(case).variable).evaluate(np.array(lengths, dtype=np.int64)).tolist()


# Which layer decides, and its words


DECIDING = {
    "text_encoder": [],
    "style_encoder": [("shared.6", "Conv2d", "1 <= T <= 64", 64)],
    "bert": [("embeddings.expand", "expand", "T >= 513", 2048)],
    "predictor": [],
    "predictor.F0Ntrain": [("F0.0.norm1.norm", "InstanceNorm1d", "T = 1", 1)],
    "decoder": [("encode.norm1.norm", "InstanceNorm1d", "T = 1", 1)],
    "text_aligner": [],
    "pitch_extractor": [],
    "mpd": [
        ("discriminators.0.pad", "pad reflect", "T = 1", 1),
        ("discriminators.2.pad", "pad reflect", "T = 2", 2),
        ("discriminators.3.pad", "pad reflect", "T = 3", 3),
        ("discriminators.4.pad", "pad reflect", "T in {4, 5}", 5),
    ],
    "msd": [
        ("discriminators.0.stft", "stft", "1 <= T <= 512", 512),
        ("discriminators.1.stft", "stft", "513 <= T <= 1024", 1024),
    ],
    "wd": [],
    SLM: [
        ("feature_extractor.conv_layers.0.conv", "Conv1d", "1 <= T <= 9", 9),
        ("feature_extractor.conv_layers.0.layer_norm", "GroupNorm", "10 <= T <= 14", 14),
        ("feature_extractor.conv_layers.1.conv", "Conv1d", "15 <= T <= 19", 19),
        ("feature_extractor.conv_layers.2.conv", "Conv1d", "20 <= T <= 39", 39),
        ("feature_extractor.conv_layers.3.conv", "Conv1d", "40 <= T <= 79", 79),
        ("feature_extractor.conv_layers.4.conv", "Conv1d", "80 <= T <= 159", 159),
        ("feature_extractor.conv_layers.5.conv", "Conv1d", "160 <= T <= 239", 239),
        ("feature_extractor.conv_layers.6.conv", "Conv1d", "240 <= T <= 399", 399),
    ],
}


@pytest.mark.parametrize("case", [case for case in CASES if case.name in DECIDING], ids=str)
def test_the_deciding_layers_are_rows_that_reject_what_fails_there(case: Case) -> None:
    found = report(case)
    binding = {(row.name, row.kind): str(row.rejects) for row in found.layers if row.is_binding}
    ends = {failure.layer: failure.at for failure in found.failures}
    expected = {(name, kind): rejects for name, kind, rejects, _ in DECIDING[case.name]}
    assert binding == expected
    assert ends == {name: at for name, _, _, at in DECIDING[case.name]}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_each_failure_has_the_words_and_the_place_of_execution(case: Case) -> None:
    for failure in report(case).failures:
        execution = execute(case, failure.at, "cpu")
        assert execution.error == failure.error
        # a function stands behind the module that calls it: discriminators.0.pad
        assert execution.raised_in in (failure.layer, failure.layer.rpartition(".")[0])


@pytest.mark.parametrize("case", [Case("ft", "diffusion"), Case("ljspeech", "diffusion")], ids=str)
def test_the_position_table_of_the_diffusion_decides(case: Case) -> None:
    found = report(case)
    assert str(found.valid) == "1 <= T <= 512"
    (failure,) = found.failures
    assert (failure.layer, str(failure.lengths)) == ("diffusion.net.fixed_embedding", "T >= 513")


MINIMUM_AND_MAXIMUM = {
    "text_encoder": (1, None),
    "style_encoder": (65, None),
    "bert": (1, 512),
    "predictor": (1, None),
    "predictor.F0Ntrain": (2, None),
    "decoder": (2, None),
    "text_aligner": (1, None),
    "pitch_extractor": (1, None),
    "diffusion": (1, 512),
    "mpd": (6, None),
    "msd": (1025, None),
    "wd": (1, None),
    SLM: (400, None),
}


@pytest.mark.parametrize("config", CONFIGS)
def test_minimum_threshold_and_maximum_are_the_known_ones_for_every_length(config: str) -> None:
    for name, (minimum, maximum) in MINIMUM_AND_MAXIMUM.items():
        found = report(Case(config, name))
        assert (found.minimum, found.maximum, found.proved) == (minimum, maximum, True), name
        assert found.threshold == (minimum if maximum is None else None), name


def test_the_style_encoder_at_64_frames() -> None:
    """The chain of its four halvings ends with four frames for a kernel of five."""
    (failure,) = report(Case("ft", "style_encoder")).failures
    assert (failure.layer, failure.at) == ("shared.6", 64)
    assert failure.error == (
        "RuntimeError: Calculated padded input size per channel: (5 x 4). Kernel size: (5 x 5)."
        " Kernel size can't be greater than actual input size"
    )
    assert [(step.layer, step.before, step.after, step.value) for step in failure.chain] == [
        ("shared.1.downsample", "T", "ceil(T/2)", 32),
        ("shared.2.downsample", "ceil(T/2)", "ceil(T/4)", 16),
        ("shared.3.downsample", "ceil(T/4)", "ceil(T/8)", 8),
        ("shared.4.downsample", "ceil(T/8)", "ceil(T/16)", 4),
    ]
