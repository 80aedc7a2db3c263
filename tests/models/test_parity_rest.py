"""Aligner, pitch extractor, style diffusion, discriminators, PLBERT and WavLM against the published modules.

State dicts have the same keys and shapes; with the same weights and seed outputs agree to 1e-5; the same lengths run,
and the others raise the same message. Ours are made on meta and take the published weights, as from a checkpoint.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from shapecheck.models.styletts2 import diffusion, discriminators, hf, presets
from shapecheck.models.styletts2.aligner import ASRCNN, MFCC
from shapecheck.models.styletts2.construction import construct
from shapecheck.models.styletts2.pitch import JDCNet

from .published import CONFIGS, build_published, published

Call = Callable[[Any, int], Any]

TOLERANCE = 1e-5
ONE_SPEAKER = "diffusion, one speaker"
ALIGNER = presets.ALIGNER["model_params"]
BERT = presets.PLBERT["model_params"]
TRANSFORMER = {
    "num_layers": 3,
    "num_heads": 8,
    "head_features": 64,
    "multiplier": 2,
    "channels": 256,
    "context_embedding_features": 768,
}


def style_diffusion(*, features: int | None) -> Any:
    kind = diffusion.Transformer1d if features is None else diffusion.StyleTransformer1d
    return diffusion.AudioDiffusionConditional(
        kind(**TRANSFORMER, context_features=features),
        sigma_distribution=diffusion.LogNormalDistribution(-3.0, 1.0),
        sigma_data=0.2,
    )


def published_diffusion(*, features: int | None) -> nn.Module:
    models, sampler = published().models, published().sampler
    kind = models.Transformer1d if features is None else models.StyleTransformer1d
    whole = models.AudioDiffusionConditional(embedding_features=768, embedding_max_length=512)
    whole.unet = kind(**TRANSFORMER, context_features=features)
    distribution = sampler.LogNormalDistribution(mean=-3.0, std=1.0)
    whole.diffusion = sampler.KDiffusion(net=whole.unet, sigma_distribution=distribution, sigma_data=0.2)
    return whole


def wavlm_by_default() -> nn.Module:
    """The published scripts download WavLM's class by name; without a download, `transformers` has the base size."""
    from transformers.models.wavlm.configuration_wavlm import WavLMConfig
    from transformers.models.wavlm.modeling_wavlm import WavLMModel

    return WavLMModel(WavLMConfig())


OURS: dict[str, Callable[[], nn.Module]] = {
    "text_aligner": partial(ASRCNN, **ALIGNER),
    "pitch_extractor": JDCNet,
    "diffusion": partial(style_diffusion, features=256),
    ONE_SPEAKER: partial(style_diffusion, features=None),
    "mpd": discriminators.MultiPeriodDiscriminator,
    "msd": discriminators.MultiResSpecDiscriminator,
    "wd": discriminators.WavLMDiscriminator,
    "bert": partial(hf.build_plbert, BERT),
    "slm": hf.build_wavlm,
}
THEIRS: dict[str, Callable[[], nn.Module]] = {
    "text_aligner": lambda: published().asr.ASRCNN(**ALIGNER),
    "pitch_extractor": lambda: published().jdc.JDCNet(num_class=1, seq_len=192),
    "diffusion": partial(published_diffusion, features=256),
    ONE_SPEAKER: partial(published_diffusion, features=None),
    "mpd": lambda: published().models.MultiPeriodDiscriminator(),
    "msd": lambda: published().models.MultiResSpecDiscriminator(),
    "wd": lambda: published().discriminators.WavLMDiscriminator(768, 13, 64),
    "bert": lambda: published().plbert.CustomAlbert(published().plbert.AlbertConfig(**BERT)),
    "slm": wavlm_by_default,
}


def made_on_meta(name: str) -> nn.Module:
    with torch.device("meta"):
        return construct(OURS[name])


@cache
def pair(name: str) -> tuple[Any, Any]:
    """Ours and the published one, in eval mode, with the same weights, and no two channels alike."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        theirs = THEIRS[name]().eval()
        for tensor in (*theirs.parameters(), *theirs.buffers()):
            if tensor.is_floating_point() and tensor.numel() > 1 and bool((tensor == tensor.flatten()[0]).all()):
                tensor.add_(torch.rand_like(tensor) / 2)  # norms start as ones and zeros
        # the models of transformers have buffers that a checkpoint does not fill
        ours = OURS[name]() if name in ("bert", "slm") else made_on_meta(name)
    ours.load_state_dict(theirs.state_dict(), strict=True, assign=True)
    return ours.eval(), theirs


@pytest.fixture(autouse=True)
def published_spectrograms_on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """The published MSD moves its window to `get_device()`, which is -1 on a CPU: no device."""
    monkeypatch.setattr(Tensor, "get_device", lambda tensor: tensor.device)


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("component", ["text_aligner", "pitch_extractor", "diffusion", "mpd", "msd", "wd", "bert"])
def test_state_dict_has_the_published_keys_and_shapes(component: str, config: str):
    name = ONE_SPEAKER if (component, config) == ("diffusion", "ljspeech") else component
    assert shapes(made_on_meta(name)) == shapes(build_published(config, "meta")[component])


def test_wavlm_has_the_keys_and_shapes_of_the_base_model():
    assert shapes(made_on_meta("slm")) == shapes(pair("slm")[1])


@pytest.mark.parametrize("name", OURS)
def test_nothing_is_computed_on_meta(name: str):
    assert all(tensor.is_meta for tensor in made_on_meta(name).state_dict().values())


def shapes(module: nn.Module) -> list[tuple[str, torch.Size, torch.dtype]]:
    return [(key, tensor.shape, tensor.dtype) for key, tensor in module.state_dict().items()]


def aligner_memory_mask(frames: int) -> Tensor:
    """Two samples, the second about half as long, in the aligner's own frames."""
    return torch.arange(frames) >= torch.tensor([[frames], [frames // 2 + 1]])


def align(module: Any, frames: int, *, mask_frames: int | None = None) -> Any:
    mask = aligner_memory_mask(math.ceil(frames / 2) if mask_frames is None else mask_frames)
    return module(torch.randn(2, 80, frames), mask, torch.randint(178, (2, 5)))


def denoise(module: Any, length: int, **options: Any) -> Any:
    embedding, features = torch.randn(2, length, 768), torch.randn(2, 256)
    return module.unet(torch.randn(2, 1, 256), torch.rand(2), embedding=embedding, features=features, **options)


def diffusion_loss(module: Any, length: int) -> Any:
    return module(torch.randn(2, 1, 256), embedding=torch.randn(2, length, 768), features=torch.randn(2, 256))


def diffusion_step(module: Any, length: int) -> Any:
    embedding, features = torch.randn(1, length, 768), torch.randn(1, 256)
    noisy, sigma = torch.randn(1, 1, 256), torch.tensor(0.3)
    return module.diffusion.denoise_fn(noisy, sigma=sigma, embedding=embedding, features=features)


def judge(module: Any, samples: int) -> Any:
    return module(torch.randn(1, 1, samples), torch.randn(1, 1, samples))


def read_text(module: Any, length: int) -> Any:
    mask = (torch.arange(length) < torch.tensor([[length], [length // 2 + 1]])).int()
    return module(torch.randint(178, (2, length)), attention_mask=mask)


def listen(module: Any, samples: int) -> Any:
    return module(input_values=torch.randn(1, samples), output_hidden_states=True).hidden_states


OUTPUTS = [
    ("text_aligner", lambda module, n: module(torch.randn(2, 80, n)), (1, 2, 65)),
    ("text_aligner", lambda module, n: module.to_mfcc(torch.randn(80, n)), (1, 3)),
    ("text_aligner", lambda module, n: module.get_feature(torch.randn(1, 1, 80, n)), (1, 33)),
    ("text_aligner", align, (1, 2, 65)),
    ("pitch_extractor", lambda module, n: module(torch.randn(1, 1, 80, n)), (1, 2, 49)),
    ("pitch_extractor", lambda module, n: module(torch.randn(2, 1, 80, n)), (1, 16)),
    ("diffusion", denoise, (1, 2, 65)),
    ("diffusion", partial(denoise, embedding_scale=2.5), (9,)),
    ("diffusion", partial(denoise, embedding_mask_proba=0.5), (9,)),
    ("diffusion", partial(denoise, embedding_mask_proba=1.0), (9,)),
    ("diffusion", diffusion_loss, (33,)),
    ("diffusion", diffusion_step, (1,)),
    (ONE_SPEAKER, denoise, (1, 65)),
    (ONE_SPEAKER, diffusion_loss, (1,)),
    (ONE_SPEAKER, diffusion_step, (33,)),
    ("mpd", judge, (6, 385)),
    ("msd", judge, (1025, 1500)),
    ("wd", lambda module, n: module(torch.randn(2, 768 * 13, n)), (1, 2, 49)),
    ("bert", read_text, (1, 33)),
    ("bert", lambda module, n: module(torch.randint(178, (1, n))), (1, 2)),
    ("slm", listen, (400, 1100)),
]


@pytest.mark.parametrize(
    ("name", "call", "length"),
    [
        pytest.param(name, call, length, id=f"{name}-{index}-{length}")
        for index, (name, call, lengths) in enumerate(OUTPUTS)
        for length in lengths
    ],
)
def test_same_outputs(name: str, call: Call, length: int):
    ours, theirs = (list(tensors(run(call, module, length))) for module in pair(name))
    assert [tensor.shape for tensor in ours] == [tensor.shape for tensor in theirs]
    assert max(float((one - other).abs().max()) for one, other in zip(ours, theirs, strict=True)) <= TOLERANCE


LIMITS = [
    ("text_aligner", lambda module, n: module(torch.randn(1, 80, n)), {1, 2}, {0}),
    ("text_aligner", align, {1, 2, 3}, {0}),
    # the scripts' mask is floor(T / 2) long: right for an even T only
    ("text_aligner", lambda module, n: align(module, n, mask_frames=n // 2), {2, 3, 4}, {5, 7}),
    ("pitch_extractor", lambda module, n: module(torch.randn(1, 1, 80, n)), {1, 2}, {0}),
    ("diffusion", denoise, {0, 1, 512}, {513}),
    (ONE_SPEAKER, denoise, {0, 1}, {513}),
    ("mpd", judge, {6, 7}, {0, 1, 2, 3, 4, 5}),
    ("msd", judge, {1025}, {0, 256, 257, 512, 513, 1024}),
    ("wd", lambda module, n: module(torch.randn(1, 768 * 13, n)), {1, 2}, {0}),
    ("bert", lambda module, n: module(torch.randint(178, (1, n))), {1, 512}, {0, 513, 514}),
    ("bert", read_text, {1}, {0, 513}),
    ("slm", listen, {400, 720}, {0, 9, 10, 399}),
]


@pytest.mark.parametrize(
    ("name", "call", "length", "runs"),
    [
        pytest.param(name, call, length, length in valid, id=f"{name}-{index}-{length}")
        for index, (name, call, valid, invalid) in enumerate(LIMITS)
        for length in sorted(valid | invalid)
    ],
)
def test_same_lengths_run_and_the_others_raise_the_same(name: str, call: Call, length: int, runs: bool):
    ours, theirs = (outcome(call, module, length) for module in pair(name))
    assert ours == theirs
    assert (ours == "") == runs


def run(call: Call, module: Any, length: int) -> Any:
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(length)
        return call(module, length)


def outcome(call: Call, module: Any, length: int) -> str:
    """Empty where the module runs, else the error with its type."""
    try:
        run(call, module, length)
    except (RuntimeError, IndexError, AssertionError, ValueError) as error:
        return f"{type(error).__name__}: {error}"
    return ""


def tensors(output: Any) -> Iterator[Tensor]:
    if isinstance(output, Tensor):
        yield output
    else:
        for part in output:
            yield from tensors(part)


def test_dct_matrix_is_the_orthonormal_one():
    matrix, n, k = MFCC().dct_mat, torch.arange(80.0), torch.arange(40.0)
    exact = torch.cos(math.pi / 80 * (n[:, None] + 0.5).double() * k) * math.sqrt(2 / 80)
    torch.testing.assert_close(matrix[:, 1:].double(), exact[:, 1:], atol=2e-6, rtol=0)  # phases up to 124 in float32
    torch.testing.assert_close(matrix.T @ matrix, torch.eye(40), atol=2e-6, rtol=0)


def test_the_aligner_keeps_no_state_between_calls():
    module = pair("text_aligner")[0].asr_s2s
    before = set(vars(module))
    run(lambda _, n: module(torch.randn(1, n, 128), None, torch.randint(178, (1, 2))), module, 3)
    assert set(vars(module)) == before


def test_the_transformer_is_one_module_under_two_names():
    module = style_diffusion(features=None)
    assert module.unet is module.diffusion.net
    assert {key.split(".")[0] for key in module.state_dict()} == {"unet", "diffusion"}


@pytest.mark.parametrize(
    ("module", "build", "part"),
    [
        ("transformers.models.albert.configuration_albert", partial(hf.build_plbert, BERT), "PLBERT"),
        ("transformers.models.wavlm.configuration_wavlm", hf.build_wavlm, "WavLM"),
    ],
)
def test_without_transformers_the_remedy_is_named(
    module: str, build: Callable[[], nn.Module], part: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(hf.MissingExtra) as caught:
        build()
    assert str(caught.value) == f"{part} needs the extra hf: pip install 'torch-shapecheck[hf]'"
