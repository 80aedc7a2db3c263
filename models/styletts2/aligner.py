"""The text aligner: ASRCNN, cepstral coefficients of a mel spectrogram through convolutions, with an attention decoder.

The convolutions halve the frames once: h = ceil(T / 2). The decoder makes one step to start and one for each token.
Source: StyleTTS2, Utils/ASR; the attention is Tacotron 2's, location-sensitive.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import LinearNorm

PUBLISHED_IN = "Utils/ASR/models.py or layers.py"  # in the public sources

START_TOKEN = 1
UNKNOWN_TOKEN = 3
MASKED_SHARE = 0.1  # of the text tokens that the decoder sees as unknown, in eval mode too


class ASRCNN(nn.Module):
    """mel [B, input_dim, T] -> CTC logits [B, h, n_token]; with a text [B, L] also what `ASRS2S` makes of it.

    `src_key_padding_mask` [B, h] is true past the end of a sample's own frames.
    """

    def __init__(
        self,
        input_dim: int = 80,
        hidden_dim: int = 256,
        n_token: int = 35,
        n_layers: int = 6,
        token_embedding_dim: int = 256,
    ) -> None:
        super().__init__()
        self.n_token = n_token
        self.n_down = 1  # halvings of the frames
        self.to_mfcc = MFCC()
        self.init_cnn = ConvNorm(input_dim // 2, hidden_dim, kernel_size=7, stride=2)
        self.cnns = nn.Sequential(
            *(nn.Sequential(ConvBlock(hidden_dim), nn.GroupNorm(1, hidden_dim)) for _ in range(n_layers))
        )
        self.projection = ConvNorm(hidden_dim, hidden_dim // 2)
        self.ctc_linear = nn.Sequential(
            LinearNorm(hidden_dim // 2, hidden_dim), nn.ReLU(), LinearNorm(hidden_dim, n_token)
        )
        self.asr_s2s = ASRS2S(token_embedding_dim, hidden_dim // 2, n_token=n_token)

    def forward(
        self, x: Tensor, src_key_padding_mask: Tensor | None = None, text_input: Tensor | None = None
    ) -> Tensor | tuple[Tensor, Tensor, Tensor]:
        memory = self._features(x).transpose(1, 2)
        ctc_logit = self.ctc_linear(memory)
        if text_input is None:
            return ctc_logit
        _, s2s_logit, s2s_attention = self.asr_s2s(memory, src_key_padding_mask, text_input)
        return ctc_logit, s2s_logit, s2s_attention

    def get_feature(self, x: Tensor) -> Tensor:
        """mel [B, 1, input_dim, T] -> [B, hidden_dim // 2, h]."""
        return self._features(x.squeeze(1))

    def _features(self, mel: Tensor) -> Tensor:
        return self.projection(self.cnns(self.init_cnn(self.to_mfcc(mel))))


class MFCC(nn.Module):
    """Mel frequency cepstral coefficients: log-mel [B, n_mels, T] or [n_mels, T] -> [B, n_mfcc, T] or [n_mfcc, T]."""

    dct_mat: Tensor

    def __init__(self, n_mfcc: int = 40, n_mels: int = 80) -> None:
        super().__init__()
        self.register_buffer("dct_mat", _dct_matrix(n_mfcc, n_mels))

    def forward(self, mel: Tensor) -> Tensor:
        single = mel.dim() == 2
        if single:
            mel = mel.unsqueeze(0)
        coefficients = torch.matmul(mel.transpose(1, 2), self.dct_mat).transpose(1, 2)
        return coefficients.squeeze(0) if single else coefficients


class ConvNorm(nn.Module):
    """A convolution with Xavier-uniform weights, padded so that only a stride changes the length."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int = 1,
        *,
        stride: int = 1,
        dilation: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv1d(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=dilation * (kernel_size - 1) // 2,
            dilation=dilation,
            bias=bias,
        )
        nn.init.xavier_uniform_(self.conv.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.conv(x)


class ConvBlock(nn.Module):
    """Three residual pairs of convolutions on [B, hidden_dim, h]; the first of each pair is dilated, by 1, 3 and 9."""

    def __init__(self, hidden_dim: int, n_conv: int = 3, dropout_p: float = 0.2) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(
            nn.Sequential(
                ConvNorm(hidden_dim, hidden_dim, 3, dilation=3**index),
                nn.ReLU(),
                nn.GroupNorm(8, hidden_dim),
                nn.Dropout(dropout_p),
                ConvNorm(hidden_dim, hidden_dim, 3),
                nn.ReLU(),
                nn.Dropout(dropout_p),
            )
            for index in range(n_conv)
        )

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x) + x
        return x


class ASRS2S(nn.Module):
    """The attention decoder: memory [B, h, hidden_dim] and text [B, L] -> L + 1 steps, the first for the start token.

    Returns hidden states [B, L + 1, hidden_dim], logits [B, L + 1, n_token] and the alignment [B, L + 1, h]. A tenth of
    the text tokens, drawn at random in eval mode too, is replaced by the unknown token.
    """

    def __init__(
        self,
        embedding_dim: int = 256,
        hidden_dim: int = 512,
        n_location_filters: int = 32,
        location_kernel_size: int = 63,
        n_token: int = 40,
    ) -> None:
        super().__init__()
        self.hidden_dim = hidden_dim
        self.embedding = nn.Embedding(n_token, embedding_dim)
        bound = math.sqrt(6 / hidden_dim)
        nn.init.uniform_(self.embedding.weight, -bound, bound)
        self.project_to_n_symbols = nn.Linear(hidden_dim, n_token)
        self.attention_layer = Attention(hidden_dim, hidden_dim, hidden_dim, n_location_filters, location_kernel_size)
        self.decoder_rnn = nn.LSTMCell(hidden_dim + embedding_dim, hidden_dim)
        self.project_to_hidden = nn.Sequential(LinearNorm(hidden_dim * 2, hidden_dim), nn.Tanh())

    def forward(self, memory: Tensor, memory_mask: Tensor | None, text_input: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        batch, frames, channels = memory.shape
        processed_memory = self.attention_layer.memory_layer(memory)
        hidden = memory.new_zeros(batch, self.hidden_dim)
        cell = memory.new_zeros(batch, self.hidden_dim)
        context = memory.new_zeros(batch, channels)
        weights = memory.new_zeros(batch, frames)
        weights_sum = memory.new_zeros(batch, frames)

        outputs: list[Tensor] = []
        logits: list[Tensor] = []
        alignments: list[Tensor] = []
        for token in self._decoder_inputs(text_input):
            hidden, cell = self.decoder_rnn(torch.cat([token, context], dim=-1), (hidden, cell))
            context, weights = self.attention_layer(
                hidden, memory, processed_memory, torch.stack([weights, weights_sum], dim=1), memory_mask
            )
            weights_sum = weights_sum + weights
            output = self.project_to_hidden(torch.cat([hidden, context], dim=-1))
            outputs.append(output)
            logits.append(self.project_to_n_symbols(F.dropout(output, 0.5, self.training)))
            alignments.append(weights)
        return torch.stack(outputs, dim=1), torch.stack(logits, dim=1), torch.stack(alignments, dim=1)

    def _decoder_inputs(self, text: Tensor) -> Tensor:
        """[B, L] -> embeddings [L + 1, B, embedding_dim], the start token first."""
        hidden = torch.rand(text.shape, device=text.device) < MASKED_SHARE
        tokens = self.embedding(text.masked_fill(hidden, UNKNOWN_TOKEN)).transpose(0, 1)
        start = self.embedding(torch.full((tokens.size(1),), START_TOKEN, device=text.device))
        return torch.cat([start.unsqueeze(0), tokens], dim=0)


class Attention(nn.Module):
    """Location-sensitive attention of one decoder step over the memory [B, h, embedding_dim]."""

    def __init__(
        self,
        attention_rnn_dim: int,
        embedding_dim: int,
        attention_dim: int,
        attention_location_n_filters: int,
        attention_location_kernel_size: int,
    ) -> None:
        super().__init__()
        self.query_layer = LinearNorm(attention_rnn_dim, attention_dim, bias=False, w_init_gain="tanh")
        self.memory_layer = LinearNorm(embedding_dim, attention_dim, bias=False, w_init_gain="tanh")
        self.v = LinearNorm(attention_dim, 1, bias=False)
        self.location_layer = LocationLayer(attention_location_n_filters, attention_location_kernel_size, attention_dim)

    def forward(
        self, query: Tensor, memory: Tensor, processed_memory: Tensor, previous_weights: Tensor, mask: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """query [B, C], previous_weights [B, 2, h] (the last and their sum) -> context [B, C], weights [B, h]."""
        energies = self.v(
            torch.tanh(self.query_layer(query.unsqueeze(1)) + self.location_layer(previous_weights) + processed_memory)
        ).squeeze(-1)
        if mask is not None:
            energies.masked_fill_(mask, -math.inf)  # in place: a mask of another length must not broadcast the energies
        weights = F.softmax(energies, dim=1)
        return torch.bmm(weights.unsqueeze(1), memory).squeeze(1), weights


class LocationLayer(nn.Module):
    """Where the decoder looked before: attention weights [B, 2, h] -> [B, h, attention_dim]."""

    def __init__(self, attention_n_filters: int, attention_kernel_size: int, attention_dim: int) -> None:
        super().__init__()
        self.location_conv = ConvNorm(2, attention_n_filters, attention_kernel_size, bias=False)
        self.location_dense = LinearNorm(attention_n_filters, attention_dim, bias=False, w_init_gain="tanh")

    def forward(self, weights: Tensor) -> Tensor:
        return self.location_dense(self.location_conv(weights).transpose(1, 2))


def _dct_matrix(n_mfcc: int, n_mels: int) -> Tensor:
    """The orthonormal DCT-II [n_mels, n_mfcc]: sqrt(2 / n_mels) cos(pi / n_mels (n + 1/2) k), column 0 over sqrt(2)."""
    matrix = torch.empty(n_mfcc, n_mels)
    if not matrix.is_meta:  # there, no values: and the first arithmetic costs a second of imports
        frequency = torch.arange(float(n_mfcc)).unsqueeze(1)
        torch.cos(math.pi / n_mels * (torch.arange(float(n_mels)) + 0.5) * frequency, out=matrix)
        matrix[0] *= 1 / math.sqrt(2)
        matrix *= math.sqrt(2 / n_mels)
    return matrix.t()
