"""A StyleTTS2 configuration as typed values: read from a YAML file, or from a preset's data, by the same checks.

Every key that decides a shape is there and in range, or one ConfigError lists all that is wrong. Defaults stand only
where the public scripts (yl4579/StyleTTS2) have them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from . import presets
from .changes import Changes, changed, check_known
from .fields import DEPTH, ENTRIES, WIDTH, ConfigError, Findings, Problem, Section
from .pretrained import AlignerConfig, PlbertConfig, read_aligner, read_plbert

HIFIGAN = "hifigan"
ISTFTNET = "istftnet"

_RATE = 10_000_000  # samples, frames, epochs
_UPSAMPLING = 65_536  # samples for one frame


@dataclass(frozen=True, slots=True)
class DecoderConfig:
    type: str  # HIFIGAN or ISTFTNET
    resblock_kernel_sizes: tuple[int, ...]
    resblock_dilation_sizes: tuple[tuple[int, ...], ...]
    upsample_rates: tuple[int, ...]
    upsample_kernel_sizes: tuple[int, ...]
    upsample_initial_channel: int
    gen_istft_n_fft: int | None  # None only with HIFIGAN, likewise the next
    gen_istft_hop_size: int | None

    @property
    def samples_per_frame(self) -> int:
        """Samples that the generator makes of one frame of its input; the public scripts count on the hop length."""
        hop_size = self.gen_istft_hop_size if self.type == ISTFTNET else None
        return math.prod(self.upsample_rates) * (hop_size or 1)


@dataclass(frozen=True, slots=True)
class SlmConfig:
    model: str
    sr: int
    hidden: int
    nlayers: int
    initial_channel: int


@dataclass(frozen=True, slots=True)
class DiffusionConfig:
    embedding_mask_proba: float
    num_layers: int  # this and the next three: of the transformer
    num_heads: int
    head_features: int
    multiplier: int
    sigma_data: float  # this and the next three: of the noise distribution
    estimate_sigma_data: bool
    mean: float
    std: float


@dataclass(frozen=True, slots=True)
class ModelParams:
    multispeaker: bool
    dim_in: int
    hidden_dim: int
    n_layer: int
    n_mels: int
    n_token: int
    max_dur: int
    style_dim: int
    dropout: float
    decoder: DecoderConfig
    slm: SlmConfig
    diffusion: DiffusionConfig


@dataclass(frozen=True, slots=True)
class PreprocessParams:
    sr: int
    n_fft: int
    win_length: int
    hop_length: int


@dataclass(frozen=True, slots=True)
class Training:
    """What decides the lengths of a training run. None: the file does not say, and no script has a default."""

    batch_size: int
    max_len: int  # mel frames
    epochs: int | None
    epochs_1st: int | None
    epochs_2nd: int | None
    tma_epoch: int | None
    diff_epoch: int | None
    joint_epoch: int | None
    slm_min_len: int | None  # mel frames; this and the next three: slmadv_params
    slm_max_len: int | None
    slm_batch_percentage: float | None
    slm_iter: int | None
    ood_min_length: int | None  # characters; data_params.min_length
    load_only_params: bool
    second_stage_load_pretrained: bool


@dataclass(frozen=True, slots=True)
class Paths:
    """As they stand in the file; "" where it does not say."""

    log_dir: str
    train_data: str
    val_data: str
    root_path: str
    ood_data: str
    asr_config: str
    asr_path: str
    f0_path: str
    plbert_dir: str
    first_stage_path: str
    pretrained_model: str


@dataclass(frozen=True, slots=True)
class StyleTTS2Config:
    source: str  # the file's name, or "preset ft"
    model_params: ModelParams
    preprocess: PreprocessParams
    training: Training
    paths: Paths
    aligner: AlignerConfig
    plbert: PlbertConfig
    notes: tuple[str, ...]
    unknown_keys: tuple[tuple[str, str], ...]  # the place of each, and the nearest known one, or ""
    values: Mapping[str, Any] = field(repr=False, compare=False)  # the whole file, as it was read


def read(path: str | Path, *, folders: Sequence[Path] = (), changes: Changes | None = None) -> StyleTTS2Config:
    """The configuration in a file; what it points to is looked up beside it, too, and in `folders`.

    `changes`: keys that have another value than in the file. Raises ConfigError, which lists every wrong field.
    """
    from . import yamlfile  # a preset needs no YAML

    file = Path(path)
    return _parse(yamlfile.read(file), str(file), (file.parent, *folders), changes)


def preset(name: str, *, folders: Sequence[Path] = (), changes: Changes | None = None) -> StyleTTS2Config:
    """One of the public configurations: "ft", "ljspeech", "libritts"; `changes` as in `read`."""
    if name not in presets.NAMES:
        raise ConfigError([Problem(f"preset {name!r}", None, f"is unknown; there are {', '.join(presets.NAMES)}")])
    return _parse(presets.values(name), f"preset {name}", folders, changes)


def _parse(values: object, source: str, folders: Sequence[Path], changes: Changes | None) -> StyleTTS2Config:
    config = parse(changed(values, changes, source) if changes else values, source, folders=folders)
    check_known(changes or {}, config.unknown_keys, source)
    return config


def parse(values: object, source: str, *, folders: Sequence[Path] = ()) -> StyleTTS2Config:
    """Values as YAML gives them, checked.

    `folders`: where paths are looked up when the working directory has no such file; without any nothing is looked up,
    and the published text aligner and PLBERT are used.
    """
    if values is None:
        raise ConfigError([Problem(source, None, "is empty; needs model_params and the rest of a configuration")])
    findings = Findings()
    top = Section(findings, source, "", values, presets.values("ft"), needs=", such as model_params")
    if not top.present:
        raise ConfigError(findings.problems)
    data = top.section("data_params", required=False)
    paths = _paths(top, data)
    config = StyleTTS2Config(
        source=source,
        model_params=_model_params(top.section("model_params")),
        preprocess=_preprocess(top),
        training=_training(top, data),
        paths=paths,
        aligner=read_aligner(findings, paths.asr_config, folders),
        plbert=read_plbert(findings, paths.plbert_dir, folders),
        notes=(),
        unknown_keys=(),
        values=cast("Mapping[str, Any]", values),
    )
    notes = findings.finish()
    if not folders:
        notes = (f"{source}: the text aligner and PLBERT have their published values", *notes)
    return replace(config, notes=notes, unknown_keys=findings.unknown_keys())


def _model_params(section: Section) -> ModelParams:
    section.accept("max_conv_dim")  # no script reads it: the style encoders get hidden_dim
    return ModelParams(
        multispeaker=section.boolean("multispeaker"),
        dim_in=section.integer("dim_in", 1, WIDTH),
        hidden_dim=section.integer("hidden_dim", 2, WIDTH, multiple=2),  # the LSTMs run half of it in each direction
        n_layer=section.integer("n_layer", 1, DEPTH),
        n_mels=section.integer("n_mels", 1, WIDTH),
        n_token=section.integer("n_token", 1, ENTRIES),
        max_dur=section.integer("max_dur", 1, WIDTH),
        style_dim=section.integer("style_dim", 1, WIDTH),
        dropout=section.number("dropout", 0, 1),
        decoder=_decoder(section.section("decoder")),
        slm=_slm(section.section("slm")),
        diffusion=_diffusion(section.section("diffusion")),
    )


def _decoder(section: Section) -> DecoderConfig:
    kind = section.text("type", choices=(HIFIGAN, ISTFTNET))
    stft = ("gen_istft_n_fft", "gen_istft_hop_size")
    section.accept(*stft)
    n_fft, hop_size = (section.integer(key, 1, WIDTH) if kind == ISTFTNET else None for key in stft)
    config = DecoderConfig(
        type=kind,
        resblock_kernel_sizes=section.integers("resblock_kernel_sizes", 1, WIDTH),
        resblock_dilation_sizes=section.integer_lists("resblock_dilation_sizes", 1, WIDTH, entries=3),
        upsample_rates=section.integers("upsample_rates", 1, WIDTH),
        upsample_kernel_sizes=section.integers("upsample_kernel_sizes", 1, WIDTH),
        upsample_initial_channel=section.integer("upsample_initial_channel", 1, WIDTH),
        gen_istft_n_fft=n_fft,
        gen_istft_hop_size=hop_size,
    )
    for first, second in (
        ("upsample_rates", "upsample_kernel_sizes"),
        ("resblock_kernel_sizes", "resblock_dilation_sizes"),
    ):
        counts = len(getattr(config, first)), len(getattr(config, second))
        if all(counts) and counts[0] != counts[1]:  # 0: reported already
            section.problem(second, f"found {counts[1]} entries; needs {counts[0]}, one for each of {first}")
    halvings = len(config.upsample_rates)
    if config.upsample_initial_channel and config.upsample_initial_channel >> halvings == 0:
        section.problem(
            "upsample_initial_channel",
            f"found {config.upsample_initial_channel}; needs {1 << halvings} or more, since each of the {halvings}"
            " upsample_rates halves it",
        )
    if config.samples_per_frame > _UPSAMPLING:
        section.problem(
            "upsample_rates",
            f"found {list(config.upsample_rates)}, {config.samples_per_frame:,} samples for one frame;"
            f" needs at most {_UPSAMPLING:,} (published: 300)",
        )
    return config


def _slm(section: Section) -> SlmConfig:
    return SlmConfig(
        model=section.text("model"),
        sr=section.integer("sr", 1, _RATE),
        hidden=section.integer("hidden", 1, WIDTH),
        nlayers=section.integer("nlayers", 1, DEPTH),
        initial_channel=section.integer("initial_channel", 1, WIDTH),
    )


def _diffusion(section: Section) -> DiffusionConfig:
    transformer = section.section("transformer")
    distribution = section.section("dist")
    return DiffusionConfig(
        embedding_mask_proba=section.number("embedding_mask_proba", 0, 1),
        num_layers=transformer.integer("num_layers", 1, DEPTH),
        num_heads=transformer.integer("num_heads", 1, DEPTH),
        head_features=transformer.integer("head_features", 1, WIDTH),
        multiplier=transformer.integer("multiplier", 1, DEPTH),
        sigma_data=distribution.number("sigma_data", 0, math.inf),
        estimate_sigma_data=distribution.boolean("estimate_sigma_data"),
        mean=distribution.number("mean", -math.inf, math.inf),
        std=distribution.number("std", 0, math.inf),
    )


def _preprocess(top: Section) -> PreprocessParams:
    section = top.section("preprocess_params", required=False)
    spect = section.section("spect_params", required=False)
    return PreprocessParams(
        sr=section.integer("sr", 1, _RATE, default=24000),
        n_fft=spect.integer("n_fft", 1, _RATE, default=2048),
        win_length=spect.integer("win_length", 1, _RATE, default=1200),
        hop_length=spect.integer("hop_length", 1, _RATE, default=300),
    )


def _training(top: Section, data: Section) -> Training:
    top.accept("save_freq", "log_interval", "device")
    top.section("optimizer_params", required=False).accept("lr", "bert_lr", "ft_lr", "pct_start")
    loss = top.section("loss_params", required=False)
    loss.accept(*(f"lambda_{name}" for name in ("mel", "gen", "slm", "mono", "s2s", "F0", "norm", "dur", "ce", "sty")))
    loss.accept("lambda_diff")
    slm = top.section("slmadv_params", required=False)
    slm.accept("thresh", "scale", "sig")
    for key, default in (("batch_size", 10), ("max_len", 200)):
        if not top.has(key):
            top.note(f"{top.file}: {key} is not given: {default}, as in the public scripts")
    return Training(
        batch_size=top.integer("batch_size", 1, _RATE, default=10),
        max_len=top.integer("max_len", 1, _RATE, default=200),
        epochs=top.optional_integer("epochs", 1, _RATE),
        epochs_1st=top.optional_integer("epochs_1st", 1, _RATE),
        epochs_2nd=top.optional_integer("epochs_2nd", 1, _RATE),
        tma_epoch=loss.optional_integer("TMA_epoch", 0, _RATE),
        diff_epoch=loss.optional_integer("diff_epoch", 0, _RATE),
        joint_epoch=loss.optional_integer("joint_epoch", 0, _RATE),
        slm_min_len=slm.optional_integer("min_len", 1, _RATE),
        slm_max_len=slm.optional_integer("max_len", 1, _RATE),
        slm_batch_percentage=slm.optional_number("batch_percentage", 0, math.inf),
        slm_iter=slm.optional_integer("iter", 1, _RATE),
        ood_min_length=data.optional_integer("min_length", 0, _RATE),
        load_only_params=top.boolean("load_only_params", default=True),
        second_stage_load_pretrained=top.boolean("second_stage_load_pretrained", default=False),
    )


def _paths(top: Section, data: Section) -> Paths:
    return Paths(
        log_dir=top.optional_text("log_dir"),
        train_data=data.optional_text("train_data"),
        val_data=data.optional_text("val_data"),
        root_path=data.optional_text("root_path"),
        ood_data=data.optional_text("OOD_data"),
        asr_config=top.optional_text("ASR_config"),
        asr_path=top.optional_text("ASR_path"),
        f0_path=top.optional_text("F0_path"),
        plbert_dir=top.optional_text("PLBERT_dir"),
        first_stage_path=top.optional_text("first_stage_path"),
        pretrained_model=top.optional_text("pretrained_model"),
    )
