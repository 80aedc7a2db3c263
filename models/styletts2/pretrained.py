"""The configurations of the two modules that StyleTTS2 takes over trained: the text aligner and PLBERT.

Each stands in a file of its own that the main configuration points to; where that file is not at hand, the published
values stand in, and a note says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from . import presets
from .fields import DEPTH, ENTRIES, WIDTH, ConfigError, Findings, Section

GROUPS = 16  # each group has inner_group_num layers of its own


@dataclass(frozen=True, slots=True)
class AlignerConfig:
    """ASRCNN; the defaults of the reader are those of its published constructor."""

    source: str
    input_dim: int
    hidden_dim: int
    n_token: int
    n_layers: int
    token_embedding_dim: int


@dataclass(frozen=True, slots=True)
class PlbertConfig:
    """An ALBERT; the defaults of the reader are those of transformers.AlbertConfig."""

    source: str
    vocab_size: int
    embedding_size: int
    hidden_size: int
    num_attention_heads: int
    intermediate_size: int
    max_position_embeddings: int
    num_hidden_layers: int
    num_hidden_groups: int
    inner_group_num: int
    type_vocab_size: int


def read_aligner(findings: Findings, path: str, folders: Sequence[Path]) -> AlignerConfig:
    section, source = _other_file(findings, "ASR_config", path, folders, presets.ALIGNER, "the text aligner")
    return AlignerConfig(
        source=source,
        input_dim=section.integer("input_dim", 2, WIDTH, default=80),
        hidden_dim=section.integer("hidden_dim", 8, WIDTH, default=256, multiple=8),  # GroupNorm of 8 groups
        n_token=section.integer("n_token", 1, ENTRIES, default=35),
        n_layers=section.integer("n_layers", 1, DEPTH, default=6),
        token_embedding_dim=section.integer("token_embedding_dim", 1, WIDTH, default=256),
    )


def read_plbert(findings: Findings, folder: str, folders: Sequence[Path]) -> PlbertConfig:
    path = str(Path(folder, "config.yml")) if folder else ""
    section, source = _other_file(findings, "PLBERT_dir", path, folders, presets.PLBERT, "PLBERT")
    section.accept("dropout", "hidden_dropout_prob", "attention_probs_dropout_prob", "hidden_act", "initializer_range")
    section.accept("classifier_dropout_prob", "layer_norm_eps", "pad_token_id", "bos_token_id", "eos_token_id")
    config = PlbertConfig(
        source=source,
        vocab_size=section.integer("vocab_size", 1, ENTRIES, default=30000),
        embedding_size=section.integer("embedding_size", 1, WIDTH, default=128),
        hidden_size=section.integer("hidden_size", 1, WIDTH, default=4096),
        num_attention_heads=section.integer("num_attention_heads", 1, DEPTH, default=64),
        intermediate_size=section.integer("intermediate_size", 1, WIDTH, default=16384),
        max_position_embeddings=section.integer("max_position_embeddings", 1, ENTRIES, default=512),
        num_hidden_layers=section.integer("num_hidden_layers", 1, DEPTH, default=12),
        num_hidden_groups=section.integer("num_hidden_groups", 1, GROUPS, default=1),
        inner_group_num=section.integer("inner_group_num", 1, GROUPS, default=1),
        type_vocab_size=section.integer("type_vocab_size", 1, ENTRIES, default=2),
    )
    if config.num_attention_heads and config.hidden_size % config.num_attention_heads:
        section.problem(
            "hidden_size",
            f"found {config.hidden_size}; needs a multiple of num_attention_heads, {config.num_attention_heads}",
        )
    return config


def _other_file(
    findings: Findings, key: str, path: str, folders: Sequence[Path], published: presets.Values, whose: str
) -> tuple[Section, str]:
    """The model_params of the file that `path` names, or else the published ones, and where they come from."""
    places = (Path(), *folders) if path and folders else ()
    found = next((folder / path for folder in places if _exists(folder / path)), None)
    values: object = published
    if found is not None:
        from . import yamlfile

        try:
            values = yamlfile.read(found)
        except ConfigError as error:
            findings.problems.extend(error.problems)
        findings.notes.append(f"{whose} is configured by {found}")
    elif folders:
        others = [str(folder) for folder in folders if folder.absolute() != Path.cwd()]
        elsewhere = "".join(f" nor in {folder}" for folder in others)
        looked = f"{path} is not in the working directory{elsewhere}" if path else "it is not given"
        findings.notes.append(f"{whose} has its published values: {key}: {looked}")
    source = "published values" if found is None else str(found)
    top = Section(findings, source, "", values, published, needs=", such as model_params")
    section = top.section("model_params")
    top.accept_rest()
    return section, source


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):  # a name that no file can have: too long, or with a null byte
        return False
