"""The public configurations of StyleTTS2, and the published ones of its text aligner and PLBERT, as plain data.

Data only: the same reader that reads a file reads these, so a preset is checked as a file is.
Source: yl4579/StyleTTS2, Configs/*.yml, Utils/ASR/config.yml, Utils/PLBERT/config.yml.
"""

from __future__ import annotations

from typing import Any

Values = dict[str, Any]

NAMES = ("ft", "ljspeech", "libritts")

ALIGNER: Values = {
    "model_params": {"input_dim": 80, "hidden_dim": 256, "n_token": 178, "token_embedding_dim": 512},
}

PLBERT: Values = {
    "model_params": {
        "vocab_size": 178,
        "hidden_size": 768,
        "num_attention_heads": 12,
        "intermediate_size": 2048,
        "max_position_embeddings": 512,
        "num_hidden_layers": 12,
        "dropout": 0.1,
    },
}


def values(name: str) -> Values:
    """The values of one public configuration; KeyError for another name."""
    return {
        "ft": lambda: _config(_HIFIGAN, multispeaker=True, training=_FT),
        "ljspeech": lambda: _config(_ISTFTNET, multispeaker=False, training=_LJSPEECH),
        "libritts": lambda: _config(_HIFIGAN, multispeaker=True, training=_LIBRITTS),
    }[name]()


def _config(decoder: Values, *, multispeaker: bool, training: Values) -> Values:
    return {
        **training,
        "ASR_config": "Utils/ASR/config.yml",
        "ASR_path": "Utils/ASR/epoch_00080.pth",
        "F0_path": "Utils/JDC/bst.t7",
        "PLBERT_dir": "Utils/PLBERT/",
        "preprocess_params": {
            "sr": 24000,
            "spect_params": {"n_fft": 2048, "win_length": 1200, "hop_length": 300},
        },
        "model_params": {
            "multispeaker": multispeaker,
            "dim_in": 64,
            "hidden_dim": 512,
            "max_conv_dim": 512,
            "n_layer": 3,
            "n_mels": 80,
            "n_token": 178,
            "max_dur": 50,
            "style_dim": 128,
            "dropout": 0.2,
            "decoder": decoder,
            "slm": {
                "model": "microsoft/wavlm-base-plus",
                "sr": 16000,
                "hidden": 768,
                "nlayers": 13,
                "initial_channel": 64,
            },
            "diffusion": {
                "embedding_mask_proba": 0.1,
                "transformer": {"num_layers": 3, "num_heads": 8, "head_features": 64, "multiplier": 2},
                "dist": {"sigma_data": 0.2, "estimate_sigma_data": True, "mean": -3.0, "std": 1.0},
            },
        },
    }


def _training(
    *, root_path: str, slm_iterations: int, loss_params: Values, learning_rate: float = 0.00001, **top: Any
) -> Values:
    return {
        **top,
        "second_stage_load_pretrained": True,
        "data_params": {
            "train_data": "Data/train_list.txt",
            "val_data": "Data/val_list.txt",
            "root_path": root_path,
            "OOD_data": "Data/OOD_texts.txt",
            "min_length": 50,
        },
        "loss_params": {**{f"lambda_{name}": weight for name, weight in _LOSSES.items()}, **loss_params},
        "optimizer_params": {"lr": 0.0001, "bert_lr": 0.00001, "ft_lr": learning_rate},
        "slmadv_params": {
            "min_len": 400,
            "max_len": 500,
            "batch_percentage": 0.5,
            "iter": slm_iterations,
            "thresh": 5,
            "scale": 0.01,
            "sig": 1.5,
        },
    }


_LOSSES = {
    "mel": 5.0,
    "gen": 1.0,
    "slm": 1.0,
    "mono": 1.0,
    "s2s": 1.0,
    "F0": 1.0,
    "norm": 1.0,
    "dur": 1.0,
    "ce": 20.0,
    "sty": 1.0,
    "diff": 1.0,
}

_HIFIGAN: Values = {
    "type": "hifigan",
    "resblock_kernel_sizes": [3, 7, 11],
    "upsample_rates": [10, 5, 3, 2],
    "upsample_initial_channel": 512,
    "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
    "upsample_kernel_sizes": [20, 10, 6, 4],
}

_ISTFTNET: Values = {
    "type": "istftnet",
    "resblock_kernel_sizes": [3, 7, 11],
    "upsample_rates": [10, 6],
    "upsample_initial_channel": 512,
    "resblock_dilation_sizes": [[1, 3, 5], [1, 3, 5], [1, 3, 5]],
    "upsample_kernel_sizes": [20, 12],
    "gen_istft_n_fft": 20,
    "gen_istft_hop_size": 5,
}

_FT = _training(
    log_dir="Models/LJSpeech",
    epochs=50,
    batch_size=8,
    max_len=400,
    pretrained_model="Models/LibriTTS/epochs_2nd_00020.pth",
    load_only_params=True,
    root_path="/local/LJSpeech-1.1/wavs",
    loss_params={"diff_epoch": 10, "joint_epoch": 30},
    learning_rate=0.0001,
    slm_iterations=10,
)

_LJSPEECH = _training(
    log_dir="Models/LJSpeech",
    first_stage_path="first_stage.pth",
    epochs_1st=200,
    epochs_2nd=100,
    batch_size=16,
    max_len=400,
    pretrained_model="",
    load_only_params=False,
    root_path="/local/LJSpeech-1.1/wavs",
    loss_params={"TMA_epoch": 50, "diff_epoch": 20, "joint_epoch": 50},
    slm_iterations=10,
)

_LIBRITTS = _training(
    log_dir="Models/LibriTTS",
    first_stage_path="first_stage.pth",
    epochs_1st=50,
    epochs_2nd=30,
    batch_size=16,
    max_len=300,
    pretrained_model="",
    load_only_params=False,
    root_path="",
    loss_params={"TMA_epoch": 5, "diff_epoch": 10, "joint_epoch": 15},
    slm_iterations=20,
)
