"""Edits of StyleTTS2's components beside the published modules, edited by their own constructors or by hand."""

from __future__ import annotations

import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from shapecheck import Component, Model, UsageError, analyze
from shapecheck.changes.comparison import WhatIf, what_if
from shapecheck.changes.editable import Editable
from shapecheck.changes.edits import Edit, KeyEdit, parse_edits
from shapecheck.changes.layer_settings import settings_of, torch_class
from shapecheck.changes.origins import origin_of, recording
from shapecheck.changes.search import holds_from, search
from shapecheck.models import styletts2

from .published import published

SMALL = {"model_params.dim_in": "4", "model_params.hidden_dim": "8", "model_params.style_dim": "8"}
Shapes = list[tuple[str, tuple[int, ...]]]


def component(name: str, model: Model) -> Component:
    return next(entry for entry in model.components if entry.name == name)


def small(name: str) -> Editable:
    return Editable(component(name, styletts2.preset("ft", changes=SMALL)))


def edits(*texts: str) -> tuple[Edit, ...]:
    return tuple(edit for edit in parse_edits(texts) if isinstance(edit, Edit))


def shapes(module: nn.Module) -> Shapes:
    return [(name, tuple(tensor.shape)) for name, tensor in module.state_dict().items()]


def published_encoder(*texts: str, dim_in: int = 64, style_dim: int = 128, hidden_dim: int = 512) -> nn.Module:
    """The published style encoder, its halvings left out by its own argument, other layers made anew."""
    models = published().models
    encoder = models.StyleEncoder(dim_in, style_dim, hidden_dim)
    for edit in edits(*texts):
        place = int(edit.layer.removeprefix("shared."))
        old = encoder.shared[place]
        if edit.setting == "downsample":
            encoder.shared[place] = models.ResBlk(old.conv2.in_channels, old.conv2.out_channels, downsample="none")
        else:
            values: Any = {"kernel_size": old.kernel_size, "padding": old.padding, edit.setting: edit.value}
            encoder.shared[place] = models.spectral_norm(nn.Conv2d(old.in_channels, old.out_channels, **values))
    return encoder.eval()


EDITED = (
    ("shared.6.padding=1",),
    ("shared.6.padding=2",),
    ("shared.6.kernel_size=3",),
    ("shared.6.kernel_size=1",),
    ("shared.6.kernel_size=3", "shared.6.padding=1"),
    ("shared.1.downsample=none",),
    ("shared.4.downsample=none",),
    ("shared.3.downsample=none", "shared.4.downsample=none"),
    ("shared.2.downsample=none", "shared.6.kernel_size=3"),
)


@pytest.mark.parametrize("texts", EDITED, ids=" ".join)
def test_the_published_encoder_edited_alike(texts: tuple[str, ...]) -> None:
    """At full size the same tensors; and at a small one the same lengths, in both analyses and in eager."""
    with torch.device("meta"):
        expected = published_encoder(*texts)
    whole = Editable(component("style_encoder", styletts2.preset("ft")))
    assert shapes(whole.module(edits(*texts))[0]) == shapes(expected)
    editable = small("style_encoder")
    result = what_if(editable, edits(*texts))
    oracle = published_encoder(*texts, dim_in=4, style_dim=8, hidden_dim=8)
    report = analyze(oracle, "f32[1, 1, 80, T]")
    assert result.after.report.valid == report.valid
    assert result.after.report.proved
    minimum = result.after.report.minimum
    assert minimum is not None
    with torch.no_grad():
        oracle(torch.zeros(1, 1, 80, minimum))
        if minimum > 1:
            with pytest.raises(RuntimeError, match="Kernel size can't be greater than actual input size"):
                oracle(torch.zeros(1, 1, 80, minimum - 1))
    ran = {run.length: run.error for run in result.confirmed}
    assert ran[minimum] == ""
    assert minimum == 1 or ran[minimum - 1]


@cache
def target_40() -> dict[str, WhatIf]:
    result = search(small("style_encoder"), 40)
    assert result.is_complete
    return {" ".join(map(str, proposal.edits)): proposal for proposal in result.proposals}


def test_target_40_keeps_the_checkpoint_before_it_changes_a_kernel() -> None:
    found = target_40()
    assert list(found) == [
        "shared.6.padding=1",
        "shared.6.padding=2",
        "shared.4.downsample=none",
        "shared.3.downsample=none",
        "shared.2.downsample=none",
        "shared.1.downsample=none",
        "shared.6.kernel_size=3",
    ]
    for text, proposal in found.items():
        assert holds_from(proposal.after.report, 40)
        assert {40: "", 41: ""}.items() <= {run.length: run.error for run in proposal.confirmed}.items()
        with torch.device("meta"):
            before, after = shapes(published_encoder()), shapes(published_encoder(text))
        changed = [name for name, shape in before if name in dict(after) and dict(after)[name] != shape]
        assert [each.name for each in proposal.reshaped] == changed
        assert [each.name for each in proposal.unused] == [name for name, _ in before if name not in dict(after)]
        assert proposal.added == ()
    assert all(not found[text].tensors for text in ("shared.6.padding=1", "shared.6.padding=2"))
    assert [each.name for each in found["shared.6.kernel_size=3"].reshaped] == [
        "shared.6.weight_orig",
        "shared.6.weight_v",
    ]


def test_what_a_halving_left_out_costs() -> None:
    """The receptive fields from the kernels and strides by hand."""
    found = target_40()
    assert {text: proposal.after.field.size for text, proposal in found.items()} == {
        "shared.6.padding=1": field(),
        "shared.6.padding=2": field(),
        "shared.6.kernel_size=3": field(last=3),
        **{f"shared.{block}.downsample=none": field(without=block) for block in range(1, 5)},
    }
    assert field() == 187
    assert field(without=4) == 123
    proposal = found["shared.4.downsample=none"]
    assert str(proposal.after.report.valid) == "T >= 33"
    assert proposal.after.multiply_adds is not None
    assert proposal.before.multiply_adds is not None
    assert proposal.after.multiply_adds > proposal.before.multiply_adds
    assert proposal.after.parameters == proposal.before.parameters - (8 * 9 + 8)


def field(without: int = 0, last: int = 5) -> int:
    """Of the published encoder: each layer adds (kernel - 1) times the strides before it."""
    size, step = 1, 1
    kernels: list[tuple[int, int]] = [(3, 1)]
    for block in range(1, 5):
        kernels += [(3, 1), *([] if block == without else [(3, 2)]), (3, 1)]
    for kernel, stride in (*kernels, (last, 1)):
        size += (kernel - 1) * step
        step *= stride
    return size


def test_the_target_at_full_size() -> None:
    model = styletts2.preset("ft")
    result = what_if(Editable(component("style_encoder", model)), edits("shared.6.padding=1"), target=40)
    assert result.tensors == ()
    assert [(run.length, run.error == "") for run in result.confirmed] == [
        (32, False), (33, True), (40, True), (41, True),
    ]  # fmt: skip
    (change,) = result.changes
    assert (change.setting, change.before, change.after) == ("padding", "0", "1")
    assert str(change.origin) == "StyleEncoder in models.py"


@pytest.mark.filterwarnings("ignore")
def test_the_lines_of_a_checkout(checkout: Path) -> None:
    with recording():
        model = styletts2.preset("ft", source=checkout)
    made = component("style_encoder", model)
    with made.surroundings():
        _, changes = Editable(made).module(edits("shared.6.padding=2", "shared.4.downsample=none"))
    lines = (checkout / "models.py").read_text().splitlines()
    for change in changes:
        assert change.origin is not None
        assert change.origin.line is not None
        assert lines[change.origin.line - 1].strip() == change.origin.text
    assert [each.origin.text for each in changes if each.origin is not None] == [
        "blocks += [spectral_norm(nn.Conv2d(dim_out, dim_out, 5, 1, 0))]",
        "self.downsample = DownSample(downsample)",
        "self.downsample_res = LearnedDownSample(downsample, dim_in)",
    ]
    assert changes[0].also == ()
    assert changes[1].also == ("shared.1.downsample", "shared.2.downsample", "shared.3.downsample")
    assert "blocks += [ResBlk(dim_in, dim_out, downsample='half')]" in changes[1].notes[0]


@pytest.mark.parametrize("name", ["ft", "ljspeech"])
def test_the_published_files_have_these_classes(name: str, package: Path) -> None:
    """Of every layer that can be edited."""
    seen: dict[str, str] = {}
    for entry in styletts2.preset(name).components:
        if entry.role == "slm" or entry.name == "bert":
            continue
        with torch.device("meta"):
            module = entry.build()
        layers = dict(module.named_modules())
        for path, layer in layers.items():
            if not settings_of(layer):
                continue
            around = path
            while torch_class(layers[around]) is not None:
                around = around.rpartition(".")[0]
            owner = layers[around]
            origin = origin_of(layer, owner)
            assert origin is not None, (entry.name, path)
            seen[type(owner).__name__] = origin.file
            assert origin.file == sys.modules[type(owner).__module__].PUBLISHED_IN
    assert len(seen) >= 10
    for kind, files in seen.items():
        places = [package / file for file in re.findall(r"[\w/]+\.py", files)]
        places += [package / "Utils/ASR/layers.py"] * ("layers.py" in files)
        texts = [place.read_text() for place in places if place.is_file()]
        assert any(re.search(rf"^class {kind}\(", text, re.MULTILINE) for text in texts), (kind, files)


def test_keys_of_the_configuration() -> None:
    result = what_if(
        small("text_encoder"),
        (),
        changed=Editable(
            component("text_encoder", styletts2.preset("ft", changes={**SMALL, "model_params.n_layer": "4"}))
        ),
    )
    assert [each.name for each in result.added] == [
        f"cnn.3.{name}" for name in ("0.bias", "0.weight_g", "0.weight_v", "1.gamma", "1.beta")
    ]
    assert result.before.field.size == 13  # three convolutions of 5
    assert result.after.field.size == 17


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model_params.n_layr": "4"}, "there is no such key; the nearest is model_params.n_layer"),
        ({"model_params.n_layer": "four"}, 'n_layer: found the text "four"; needs an integer from 1 to 256'),
        ({"model_params.n_layer": "0"}, "preset ft: model_params.n_layer: found 0; needs an integer from 1 to 256"),
        ({"model_params.n_layer.x": "4"}, "preset ft: model_params.n_layer.x: found 3 where x would stand"),
        ({"nothing.here": "4"}, "preset ft: nothing.here: there is no nothing"),
        ({"max_len": "[1"}, "preset ft: max_len: '[1' is not YAML"),
        ({"model_params.decoder.upsample_rates": "[10, 6]"}, "upsample_kernel_sizes: found 4 entries; needs 2"),
        ({"max_len": "x", "batch_size": "0"}, "2 fields are wrong"),
    ],
)  # fmt: skip
def test_keys_that_cannot_be(changes: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        styletts2.preset("ft", changes=changes)
    assert message in str(caught.value)


def test_a_key_that_the_decoder_needs_with_another() -> None:
    changes = {
        "model_params.decoder.type": "istftnet",
        "model_params.decoder.upsample_rates": "[10, 6]",
        "model_params.decoder.upsample_kernel_sizes": "[20, 12]",
        "model_params.decoder.gen_istft_n_fft": "20",
        "model_params.decoder.gen_istft_hop_size": "5",
    }
    with torch.device("meta"):
        made, expected = (
            component("decoder", model).build()
            for model in (styletts2.preset("ft", changes=changes), styletts2.preset("ljspeech"))
        )
    assert shapes(made) == shapes(expected)
    texts = [f"{key}={value}" for key, value in changes.items()]
    assert all(isinstance(edit, KeyEdit) for edit in parse_edits(texts))


def test_present_values() -> None:
    keys = ["model_params.n_layer", "model_params.decoder.upsample_rates", "nothing"]
    assert styletts2.values_of(None, "ft", keys) == {keys[0]: "3", keys[1]: "[10, 5, 3, 2]", keys[2]: ""}


@pytest.mark.parametrize(
    ("name", "texts", "valid"),
    [
        ("wd", ("convs.0.padding=0", "convs.1.padding=0"), "T >= 9"),
        ("predictor.F0Ntrain", ("F0.0.conv1.kernel_size=5",), "none"),
        ("pitch_extractor", ("conv_block.0.padding=0",), "none"),
        ("text_encoder", ("cnn.0.0.padding=0",), "none"),
    ],
)
def test_other_components(name: str, texts: tuple[str, ...], valid: str) -> None:
    result = what_if(small(name), edits(*texts))
    assert str(result.after.report.valid) == valid
    minimum = result.after.report.minimum
    if minimum is not None:
        ran = {run.length: run.error == "" for run in result.confirmed}
        assert ran == {minimum - 1: False, minimum: True}
