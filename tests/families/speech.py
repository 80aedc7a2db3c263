"""Speech models of `transformers`, small and with random weights."""

from __future__ import annotations

from typing import Any

import transformers as hf
from torch import nn
from transformers.models.speecht5.modeling_speecht5 import SpeechT5EncoderWithSpeechPrenet
from transformers.models.whisper.modeling_whisper import WhisperDecoder, WhisperEncoder

from tests.families.family import Family, family

SMALL: dict[str, Any] = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48,
}  # fmt: skip
WAVE: dict[str, Any] = {
    "conv_dim": (16,) * 4, "conv_kernel": (10, 3, 3, 2), "conv_stride": (5, 2, 2, 2), "num_feat_extract_layers": 4,
    "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 4,
}  # fmt: skip
FEW_POSITIONS: dict[str, Any] = {**WAVE, "num_conv_pos_embeddings": 5, "conv_pos_kernel_size": 5}
ENCODER: dict[str, Any] = {"encoder_layers": 2, "encoder_attention_heads": 4, "encoder_ffn_dim": 32}
DECODER: dict[str, Any] = {"decoder_layers": 2, "decoder_attention_heads": 4, "decoder_ffn_dim": 32}


def _vits(**settings: Any) -> Any:
    return hf.VitsModel(
        hf.VitsConfig(
            vocab_size=38, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, ffn_dim=32, flow_size=32,
            spectrogram_bins=33, upsample_initial_channel=32, posterior_encoder_num_wavenet_layers=2,
            prior_encoder_num_flows=2, depth_separable_channels=2, duration_predictor_flow_bins=4,
            prior_encoder_num_wavenet_layers=2, **settings,
        )
    )  # fmt: skip


def _encodec(**settings: Any) -> Any:
    return hf.EncodecModel(
        hf.EncodecConfig(
            num_filters=4, hidden_size=16, codebook_size=1024, codebook_dim=16, upsampling_ratios=[4, 2, 2],
            num_lstm_layers=1, target_bandwidths=[30.0, 60.0], **settings,
        )
    )  # fmt: skip


def _dac() -> Any:
    return hf.DacModel(
        hf.DacConfig(
            encoder_hidden_size=8, downsampling_ratios=[2, 4, 4], decoder_hidden_size=32, n_codebooks=2,
            codebook_size=16, codebook_dim=4,
        )
    )  # fmt: skip


def _mimi() -> nn.Module:
    return hf.MimiModel(
        hf.MimiConfig(
            num_filters=4, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=4,
            head_dim=8, intermediate_size=32, codebook_size=16, codebook_dim=16,
            vector_quantization_hidden_dimension=16, num_quantizers=4, num_semantic_quantizers=1, sliding_window=10,
            upsample_groups=32,
        )
    )  # fmt: skip


def _speecht5() -> Any:
    return hf.SpeechT5Config(
        **{**SMALL, **WAVE, **ENCODER, **DECODER}, decoder_layerdrop=0.0, vocab_size=40, speech_decoder_prenet_units=32,
        speech_decoder_postnet_units=32, max_speech_positions=60, max_text_positions=50, encoder_max_relative_position=9,
    )  # fmt: skip


def _whisper() -> Any:
    return hf.WhisperConfig(
        d_model=32, **ENCODER, **DECODER, max_source_positions=50, max_target_positions=20, vocab_size=40,
        pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1,
    )  # fmt: skip


def _bark() -> Any:
    return {"num_layers": 2, "num_heads": 4, "hidden_size": 32, "block_size": 40}


WAVES: dict[str, Family] = {
    "Wav2Vec2": family(lambda: hf.Wav2Vec2Model(hf.Wav2Vec2Config(**SMALL, **WAVE)), "f32[1, N]"),
    "Wav2Vec2, masked": Family(  # an index is computed from the mask, and those of an input are taken to be in range
        lambda: hf.Wav2Vec2Model(hf.Wav2Vec2Config(**SMALL, **WAVE)),
        ("f32[2, N]",),
        {"attention_mask": "i64[2, N]"},
        fills=(1,),
    ),
    "Wav2Vec2, stable": family(
        lambda: hf.Wav2Vec2Model(
            hf.Wav2Vec2Config(**SMALL, **WAVE, do_stable_layer_norm=True, feat_extract_norm="layer")
        ),
        "f32[1, N]",
    ),
    "Wav2Vec2, adapter": family(
        lambda: hf.Wav2Vec2Model(hf.Wav2Vec2Config(**SMALL, **WAVE, add_adapter=True, output_hidden_size=32)), "f32[1, N]"
    ),
    "Wav2Vec2 for CTC": family(lambda: hf.Wav2Vec2ForCTC(hf.Wav2Vec2Config(**SMALL, **WAVE, vocab_size=32)), "f32[1, N]"),
    "Wav2Vec2 for classes": family(
        lambda: hf.Wav2Vec2ForSequenceClassification(hf.Wav2Vec2Config(**SMALL, **WAVE)), "f32[1, N]"
    ),
    "Wav2Vec2 for speakers": family(
        lambda: hf.Wav2Vec2ForXVector(hf.Wav2Vec2Config(**SMALL, **WAVE, tdnn_dim=(16, 16, 16, 16, 24))), "f32[1, N]"
    ),
    "HuBERT": family(lambda: hf.HubertModel(hf.HubertConfig(**SMALL, **WAVE)), "f32[1, N]"),
    "WavLM": family(lambda: hf.WavLMModel(hf.WavLMConfig(**SMALL, **WAVE)), "f32[1, N]"),
    "UniSpeech": family(lambda: hf.UniSpeechModel(hf.UniSpeechConfig(**SMALL, **WAVE)), "f32[1, N]"),
    "SEW": family(lambda: hf.SEWModel(hf.SEWConfig(**SMALL, **WAVE, squeeze_factor=2)), "f32[1, N]"),
    "SEW-D": family(
        lambda: hf.SEWDModel(hf.SEWDConfig(**SMALL, **WAVE, squeeze_factor=2, max_position_embeddings=64)), "f32[1, N]"
    ),
    "data2vec audio": family(
        lambda: hf.Data2VecAudioModel(
            hf.Data2VecAudioConfig(**SMALL, **FEW_POSITIONS)
        ),
        "f32[1, N]",
    ),
    "Wav2Vec2-Conformer": family(lambda: hf.Wav2Vec2ConformerModel(hf.Wav2Vec2ConformerConfig(**SMALL, **WAVE)), "f32[1, N]"),
    "Wav2Vec2-Conformer, rotary": family(
        lambda: hf.Wav2Vec2ConformerModel(
            hf.Wav2Vec2ConformerConfig(**SMALL, **WAVE, position_embeddings_type="rotary", max_source_positions=80)
        ),
        "f32[1, N]",
    ),
    "Wav2Vec2-BERT": family(
        lambda: hf.Wav2Vec2BertModel(hf.Wav2Vec2BertConfig(**SMALL, feature_projection_input_dim=160)), "f32[1, T, 160]"
    ),
    "Wav2Vec2-BERT, adapter": family(
        lambda: hf.Wav2Vec2BertModel(
            hf.Wav2Vec2BertConfig(**SMALL, feature_projection_input_dim=160, add_adapter=True, output_hidden_size=32)
        ),
        "f32[1, T, 160]",
    ),
    "SpeechT5 encoder": family(lambda: SpeechT5EncoderWithSpeechPrenet(_speecht5()), "f32[1, N]"),
    "SpeechT5 vocoder": family(
        lambda: hf.SpeechT5HifiGan(hf.SpeechT5HifiGanConfig(upsample_initial_channel=32)), "f32[L, 80]"
    ),
    "UnivNet": family(
        lambda: hf.UnivNetModel(
            hf.UnivNetConfig(
                num_mel_bins=80, model_in_channels=8, model_hidden_channels=8, kernel_predictor_hidden_channels=8
            )
        ),
        "f32[1, L, 80]",
    ),
    "EnCodec": family(_encodec, "f32[1, 1, N]"),
    "EnCodec, not causal": family(lambda: _encodec(use_causal_conv=False, norm_type="time_group_norm"), "f32[1, 1, N]"),
    "EnCodec encoder": family(lambda: _encodec().encoder, "f32[1, 1, N]"),
    "EnCodec decoder": family(lambda: _encodec().decoder, "f32[1, 16, L]"),
    "DAC": family(_dac, "f32[1, 1, N]"),
    "DAC decoder": family(lambda: _dac().decoder, "f32[1, 64, L]"),
    "Mimi": family(_mimi, "f32[1, 1, N]"),
}  # fmt: skip

SPECTROGRAMS: dict[str, Family] = {
    "Whisper encoder": family(lambda: WhisperEncoder(_whisper()), "f32[1, 80, T]"),
    "Whisper decoder": family(lambda: WhisperDecoder(_whisper()), "i64[1, L]", encoder_hidden_states="f32[1, 50, 32]"),
    "Audio Spectrogram Transformer": family(
        lambda: hf.ASTModel(hf.ASTConfig(**SMALL, max_length=64)), "f32[1, T, 128]"
    ),
    "Audio Spectrogram Transformer, default": family(lambda: hf.ASTModel(hf.ASTConfig(**SMALL)), "f32[1, T, 128]"),
    "CLAP audio": family(
        lambda: hf.ClapAudioModel(
            hf.ClapAudioConfig(
                patch_embeds_hidden_size=8, hidden_size=64, depths=[1, 1, 1, 1], num_attention_heads=[1, 2, 4, 8],
                window_size=4, spec_size=128,
            )
        ),
        "f32[1, 1, T, 64]",
    ),
    "Speech2Text": Family(  # whose positions are sums of a mask, and whose table of positions grows
        lambda: hf.Speech2TextModel(
            hf.Speech2TextConfig(d_model=32, **ENCODER, **DECODER, max_source_positions=60, max_target_positions=30, vocab_size=40)
        ),
        ("f32[1, T, 80]",),
        {"decoder_input_ids": "i64[1, 5]"},
        unknown="an index computed from lengths may be out of range",
    ),
    "Parakeet encoder": family(
        lambda: hf.ParakeetEncoder(
            hf.ParakeetEncoderConfig(**SMALL, subsampling_conv_channels=8, num_mel_bins=80, max_position_embeddings=90)
        ),
        "f32[1, T, 80]",
    ),
    "VITS text encoder": family(lambda: _vits().text_encoder, "i64[1, L]", "f32[1, L, 1]"),
    "VITS flow": family(lambda: _vits().flow, "f32[1, 32, L]", "f32[1, 1, L]"),
    "VITS decoder": family(lambda: _vits().decoder, "f32[1, 32, L]"),
    "VITS posterior encoder": family(lambda: _vits().posterior_encoder, "f32[1, 33, L]", "f32[1, 1, L]"),
    # its durations are data, and so is how many of their logarithms are in range of a spline
    "VITS": Family(_vits, ("i64[1, L]",), unknown="needs the values of a tensor"),
    "VITS, plain durations": Family(  # which are data
        lambda: _vits(use_stochastic_duration_prediction=False), ("i64[1, L]",), unknown="needs the values of a tensor"
    ),
    "Bark semantic": family(
        lambda: hf.BarkSemanticModel(hf.BarkSemanticConfig(**_bark(), input_vocab_size=40, output_vocab_size=40)), "i64[1, L]"
    ),
    "Bark fine": family(
        lambda: hf.BarkFineModel(hf.BarkFineConfig(**_bark(), input_vocab_size=40, output_vocab_size=40)), 2, "i64[1, L, 8]"
    ),
    "MusicGen decoder": family(
        lambda: hf.MusicgenForCausalLM(
            hf.MusicgenDecoderConfig(
                vocab_size=40, max_position_embeddings=60, num_hidden_layers=2, ffn_dim=32, num_attention_heads=4,
                hidden_size=32, num_codebooks=2, pad_token_id=39, bos_token_id=39,
            )
        ),
        "i64[2, L]",
    ),
}  # fmt: skip

SPEECH: dict[str, Family] = {**WAVES, **SPECTROGRAMS}
