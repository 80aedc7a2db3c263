"""StyleTTS2 as a list of components: which module, called how in training, along which variable.

Nothing here imports torch: a module is imported and constructed when an analysis builds it. Every size comes from the
configuration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from functools import partial
from importlib.util import find_spec
from typing import TYPE_CHECKING

from shapecheck import Component, Model, Skipped, Unit

from . import chain
from .clip_way import clip_way
from .config import ISTFTNET, StyleTTS2Config

if TYPE_CHECKING:
    from torch import nn

# What the public data loader computes, whatever the configuration says (meldataset.py).
PUBLIC_PREPROCESSING = {
    "sr": chain.LOADER_SAMPLE_RATE,
    "n_fft": 2048,
    "win_length": 1200,
    "hop_length": chain.LOADER_HOP_LENGTH,
}
PUBLIC_MELS = 80

SLM_HOP = 320  # samples for one frame of WavLM: the product of its convolutions' strides
ALIGNED_TOKENS = 2  # any number will do: the aligner's limits do not depend on its text
ALIGNMENT_FRAMES = 100  # likewise the predictor's on the frames that its text is aligned to

TOKENS = Unit("tokens")


def model(config: StyleTTS2Config, batch: int | str = 1) -> Model:
    """Every component, in the order of the table in the README; without the extra `hf`, two are skipped.

    `batch` is the number of samples in each input: a number, or a symbol of the specs.
    """
    slm, skipped = _hugging_face(config, batch)
    components = (
        *_encoders(config, batch),
        *_prosody(config, batch),
        *_others(config, batch),
        *_discriminators(config, batch),
        *slm,
    )
    left_out = {entry.name for entry in skipped}
    return Model(
        name="StyleTTS2",
        config=config.source,
        source="builtin",
        components=tuple(
            replace(component, build=partial(_construct, component.build))
            for component in components
            if component.name not in left_out
        ),
        skipped=skipped,
        notes=(*config.notes, *_notes(config)),
        advise=partial(chain.advise, config=config),
        clip_way=clip_way(config),
    )


def _encoders(config: StyleTTS2Config, batch: int | str) -> tuple[Component, ...]:
    params = config.model_params
    mel = _mel_frames(config)

    def text_encoder() -> nn.Module:
        from .encoders import TextEncoder

        return TextEncoder(params.hidden_dim, kernel_size=5, depth=params.n_layer, n_symbols=params.n_token)

    def style_encoder() -> nn.Module:
        from .encoders import StyleEncoder

        # the public scripts limit the width by hidden_dim, not by max_conv_dim
        return StyleEncoder(params.dim_in, params.style_dim, params.hidden_dim)

    def bert() -> nn.Module:
        from .hf import build_plbert

        values = asdict(config.plbert)
        del values["source"]
        return build_plbert(values)

    style_inputs = (f"f32[{batch}, 1, {params.n_mels}, T]",)
    return (
        Component(
            "text_encoder",
            "TextEncoder",
            "encoder",
            text_encoder,
            (f"i64[{batch}, L]", f"i64[{batch}] = L", f"b8[{batch}, L]"),
            variable="L",
            unit=TOKENS,
        ),
        Component("style_encoder", "StyleEncoder", "encoder", style_encoder, style_inputs, unit=mel),
        Component("predictor_encoder", "StyleEncoder", "encoder", style_encoder, style_inputs, unit=mel),
        Component(
            "bert",
            "PLBERT",
            "encoder",
            bert,
            (f"i64[{batch}, L]",),
            variable="L",
            unit=TOKENS,
        ),
    )


def _prosody(config: StyleTTS2Config, batch: int | str) -> tuple[Component, ...]:
    params = config.model_params

    def predictor() -> nn.Module:
        from .prosody import ProsodyPredictor

        return ProsodyPredictor(
            params.style_dim, params.hidden_dim, params.n_layer, max_dur=params.max_dur, dropout=params.dropout
        )

    style = f"f32[{batch}, {params.style_dim}]"
    text = f"f32[{batch}, {params.hidden_dim}, L]"
    return (
        Component(
            "predictor",
            "ProsodyPredictor",
            "prosody",
            predictor,
            (text, style, f"i64[{batch}] = L", f"f32[{batch}, L, {ALIGNMENT_FRAMES}]", f"b8[{batch}, L]"),
            variable="L",
            unit=TOKENS,
        ),
        Component(
            "predictor.F0Ntrain",
            "ProsodyPredictor",
            "prosody",
            predictor,
            (f"f32[{batch}, {params.hidden_dim + params.style_dim}, c]", style),
            variable="c",
            unit=_decoder_frames(config),
            method="F0Ntrain",
        ),
    )


def _others(config: StyleTTS2Config, batch: int | str) -> tuple[Component, ...]:
    params = config.model_params
    mel = _mel_frames(config)

    def text_aligner() -> nn.Module:
        from .aligner import ASRCNN

        aligner = config.aligner
        return ASRCNN(
            aligner.input_dim, aligner.hidden_dim, aligner.n_token, aligner.n_layers, aligner.token_embedding_dim
        )

    def pitch_extractor() -> nn.Module:
        from .pitch import JDCNet

        return JDCNet(num_class=1)

    style = f"f32[{batch}, {2 * params.style_dim}]"
    embedding = f"f32[{batch}, L, {config.plbert.hidden_size}]"
    return (
        Component(
            "decoder",
            "Decoder",
            "decoder",
            partial(_decoder, config),
            (
                f"f32[{batch}, {params.hidden_dim}, c]",
                f"f32[{batch}, 2*c]",
                f"f32[{batch}, 2*c]",
                f"f32[{batch}, {params.style_dim}]",
            ),
            variable="c",
            unit=_decoder_frames(config),
        ),
        Component(
            "text_aligner",
            "ASRCNN",
            "aligner",
            text_aligner,
            # the scripts make every T even, and the mask T / 2 frames long; an odd T leaves ceil(T / 2) frames
            (f"f32[{batch}, {params.n_mels}, T]", f"b8[{batch}, (T + 1)//2]", f"i64[{batch}, {ALIGNED_TOKENS}]"),
            unit=mel,
        ),
        Component(
            "pitch_extractor", "JDCNet", "pitch", pitch_extractor, (f"f32[{batch}, 1, {params.n_mels}, T]",), unit=mel
        ),
        Component(
            "diffusion",
            "StyleTransformer1d" if params.multispeaker else "Transformer1d",
            "style",
            partial(_diffusion, config),
            (f"f32[{batch}, 1, {2 * params.style_dim}]",),
            {"embedding": embedding, "features": style} if params.multispeaker else {"embedding": embedding},
            variable="L",
            unit=TOKENS,
        ),
    )


def _discriminators(config: StyleTTS2Config, batch: int | str) -> tuple[Component, ...]:
    slm = config.model_params.slm

    def mpd() -> nn.Module:
        from .discriminators import MultiPeriodDiscriminator

        return MultiPeriodDiscriminator()

    def msd() -> nn.Module:
        from .discriminators import MultiResSpecDiscriminator

        return MultiResSpecDiscriminator()

    def wd() -> nn.Module:
        from .discriminators import WavLMDiscriminator

        return WavLMDiscriminator(slm.hidden, slm.nlayers, slm.initial_channel)

    role = "discriminator"
    real_and_generated = (f"f32[{batch}, 1, N]", f"f32[{batch}, 1, N]")
    samples = _unit(config, "samples", 1, config.preprocess.sr)
    frames = _unit(config, "SLM frames", SLM_HOP, slm.sr)
    features = (f"f32[{batch}, {slm.hidden * slm.nlayers}, F]",)
    return (
        Component("mpd", "MultiPeriodDiscriminator", role, mpd, real_and_generated, variable="N", unit=samples),
        Component("msd", "MultiResSpecDiscriminator", role, msd, real_and_generated, variable="N", unit=samples),
        Component("wd", "WavLMDiscriminator", role, wd, features, variable="F", unit=frames),
    )


def _hugging_face(config: StyleTTS2Config, batch: int | str) -> tuple[tuple[Component, ...], tuple[Skipped, ...]]:
    """The SLM, and what of PLBERT and the SLM cannot be built."""
    slm = config.model_params.slm
    reason = ""
    if find_spec("transformers") is None:
        reason = "needs the extra hf: pip install 'torch-shapecheck[hf]'"
    skipped = [Skipped("bert", reason)] if reason else []
    if not slm.model.rstrip("/").endswith("wavlm-base-plus"):
        reason = f"model_params.slm.model is {slm.model!r}, and only 'microsoft/wavlm-base-plus' is built in"
    if reason:
        return (), (*skipped, Skipped("slm", reason))

    def build() -> nn.Module:
        from .hf import build_wavlm

        return build_wavlm()

    unit = _unit(config, f"samples at {slm.sr:,} Hz", 1, slm.sr)
    keywords = {"output_hidden_states": True}
    frozen = Component(
        "slm", "WavLMModel", "slm", build, (f"f32[{batch}, N]",), keywords, variable="N", unit=unit, is_frozen=True
    )
    return (frozen,), ()


def _decoder(config: StyleTTS2Config) -> nn.Module:
    from .decoder import Decoder

    params, decoder = config.model_params, config.model_params.decoder
    ladder = (
        params.style_dim,
        decoder.resblock_kernel_sizes,
        decoder.upsample_rates,
        decoder.upsample_initial_channel,
        decoder.resblock_dilation_sizes,
        decoder.upsample_kernel_sizes,
    )
    if decoder.type == ISTFTNET:
        from . import istftnet

        n_fft, hop_size = decoder.gen_istft_n_fft, decoder.gen_istft_hop_size
        assert n_fft is not None, "the reader checks it"
        assert hop_size is not None, "the reader checks it"
        generator = istftnet.Generator(*ladder, n_fft, hop_size)
    else:
        from . import hifigan

        generator = hifigan.Generator(*ladder)
    return Decoder(generator, dim_in=params.hidden_dim, style_dim=params.style_dim)


def _diffusion(config: StyleTTS2Config) -> nn.Module:
    from .diffusion import AudioDiffusionConditional, LogNormalDistribution, StyleTransformer1d, Transformer1d

    params, diffusion = config.model_params, config.model_params.diffusion
    kind = StyleTransformer1d if params.multispeaker else Transformer1d
    transformer = kind(
        num_layers=diffusion.num_layers,
        channels=2 * params.style_dim,
        num_heads=diffusion.num_heads,
        head_features=diffusion.head_features,
        multiplier=diffusion.multiplier,
        context_embedding_features=config.plbert.hidden_size,
        context_features=2 * params.style_dim if params.multispeaker else None,
    )
    return AudioDiffusionConditional(
        transformer,
        sigma_distribution=LogNormalDistribution(diffusion.mean, diffusion.std),
        sigma_data=diffusion.sigma_data,
        embedding_mask_proba=diffusion.embedding_mask_proba,
    )


def _construct(build: Callable[[], nn.Module]) -> nn.Module:
    from .construction import construct

    return construct(build)


def _mel_frames(config: StyleTTS2Config) -> Unit:
    return _unit(config, "mel frames", config.preprocess.hop_length, config.preprocess.sr)


def _decoder_frames(config: StyleTTS2Config) -> Unit:
    return _unit(config, "decoder frames", 2 * config.preprocess.hop_length, config.preprocess.sr)


def _unit(config: StyleTTS2Config, name: str, count: int, rate: int) -> Unit:
    """A step that lasts `count` samples at `rate`."""
    samples = count * config.preprocess.sr / rate  # at the model's own rate
    return Unit(name, seconds=count / rate, samples=samples, mel_frames=samples / config.preprocess.hop_length)


def _notes(config: StyleTTS2Config) -> tuple[str, ...]:
    params, preprocess = config.model_params, config.preprocess
    notes = [
        f"preprocess_params say {key} = {value}: the units follow them, and the public training scripts count with"
        f" {PUBLIC_PREPROCESSING[key]} all the same"
        for key, value in asdict(preprocess).items()
        if value != PUBLIC_PREPROCESSING[key]
    ]
    if params.n_mels != PUBLIC_MELS:
        notes.append(f"n_mels is {params.n_mels}: the public training scripts compute {PUBLIC_MELS} all the same")
    samples = params.decoder.samples_per_frame
    if samples != preprocess.hop_length:
        notes.append(
            f"the decoder makes {samples} samples of a mel frame and the hop length is {preprocess.hop_length}: its"
            " audio has another length than the recording, which training does not survive"
        )
    return tuple(notes)
