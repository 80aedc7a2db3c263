"""Recurrent layers over padded batches: each sequence is read up to its own length only."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


def run_packed(lstm: nn.LSTM, x: Tensor, lengths: Tensor) -> Tensor:
    """[B, T, C] -> [B, max(lengths), C'], zero past each of the `lengths` [B]; a length of 0 raises."""
    packed = pack_padded_sequence(x, lengths.cpu().long(), batch_first=True, enforce_sorted=False)
    return pad_packed_sequence(lstm(packed)[0], batch_first=True)[0]


def pad_time(x: Tensor, width: int) -> Tensor:
    """[B, T, C] -> [B, width, C], zero past T; float32, as published, whatever the precision of `x`."""
    padded = torch.zeros([x.shape[0], width, x.shape[-1]])
    padded[:, : x.shape[1]] = x
    return padded.to(x.device)
