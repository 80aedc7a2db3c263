"""Errors that depend on values, not on sizes: no stand-in for the data decides them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from tests.adversarial.against import Of, X, need, sound

# with the ones that eager gets, each of these runs from some length on
RUN: dict[str, Callable[[torch.Tensor], Any]] = {
    "integer division": lambda x: x.long() // x.long(),
    "integer remainder": lambda x: x.long() % x.long(),
    "integer fmod": lambda x: torch.fmod(x.long(), x.long()),
    "integer division by a sum": lambda x: 7 // x.long().sum(),
    "division with rounding": lambda x: torch.div(x.long(), x.long(), rounding_mode="trunc"),
    "integer negative power": lambda x: x.long() ** -x.long(),
    "integer division in place": lambda x: x.long().floor_divide_(x.long()),
    "gcd": lambda x: torch.gcd(x.long(), x.long()),
    "_assert_async": lambda x: torch._assert_async((x > 0).all()),
    "one_hot": lambda x: F.one_hot(x.long(), 2),
    "bincount": lambda x: torch.bincount(x.long().view(-1)),
    "multinomial": lambda x: torch.multinomial(x[0], 3),
    "multinomial of a mask": lambda x: torch.multinomial((x[0] > 0).float(), 3),
    "multinomial of integers": lambda x: torch.multinomial(x[0].long().float(), 3),
    "bernoulli": lambda x: torch.bernoulli(x),
    "poisson": lambda x: torch.poisson(x),
    "normal": lambda x: torch.normal(x, x),
    "binomial": lambda x: torch.binomial(x, x),
    "binary_cross_entropy": lambda x: F.binary_cross_entropy(x, x),
    "cross_entropy": lambda x: F.cross_entropy(x, x[:, 0].long()),
    "cross_entropy of the last class": lambda x: F.cross_entropy(x, x[:, 0].long() * 3),
    "nll_loss": lambda x: F.nll_loss(x, x[:, 0].long()),
    "multi_margin_loss": lambda x: F.multi_margin_loss(x[0].T, x[0, 0].long()),
    "multilabel_margin_loss": lambda x: F.multilabel_margin_loss(x[0], x[0].long() - 1),
    "ctc_loss": lambda x: F.ctc_loss(
        x.permute(2, 0, 1).log_softmax(-1), x[0, :2].long(), x[0, 0, :1].long() * 9, x[0, 0, :1].long()
    ),
    "embedding": lambda x: F.embedding(x.long(), torch.ones(2, 2)),
    "embedding_bag": lambda x: F.embedding_bag(x[0].long(), torch.ones(2, 2)),
    "repeat_interleave": lambda x: x.repeat_interleave(x[0, 0].long(), dim=-1).view(1, 4, 3, -1),
    "repeat_interleave by fours": lambda x: x.repeat_interleave(x[0, 0].long() * 4, dim=-1).view(1, 4, 8, -1),
    "tensor_split": lambda x: need(len(x.tensor_split(x[0, 0].long() * 2)) == 6),
    "masked_select": lambda x: x.masked_select(x > 0).view(4, 3, -1),
    "masked_scatter": lambda x: x.masked_scatter(x > 0, x[..., 1:]),
    "nonzero": lambda x: x.nonzero().view(3, 3, -1),
    "unique": lambda x: x.unique().view(1),
    "unique_consecutive": lambda x: torch.unique_consecutive(x).view(1),
    "argwhere": lambda x: torch.argwhere(x > 0).view(3, 3, -1),
    "inverse": lambda x: torch.linalg.inv(torch.eye(4) + 0 * x[0, :, :1]),
    "inverse of a product": lambda x: torch.linalg.inv(torch.eye(x.shape[-1]) + x[0].T @ x[0]),
    "cholesky": lambda x: torch.linalg.cholesky(torch.eye(4) + x[0] @ x[0].T),
    "solve": lambda x: torch.linalg.solve(torch.eye(4), x[0]),
    "eigh": lambda x: torch.linalg.eigh(x[0] @ x[0].T),
    "svd": lambda x: torch.linalg.svd(x[0]),
    "lstsq": lambda x: torch.linalg.lstsq(x[0], x[0, :, :1]),
    "quantile": lambda x: torch.quantile(x, x[0, 0, 0]),
    "histc": lambda x: torch.histc(x, 3, 0, 2),
    "histogram of its own range": lambda x: torch.histc(x, 3),
    "bucketize": lambda x: torch.bucketize(x, x[0, 0]),
    "searchsorted": lambda x: torch.searchsorted(x, x),
    "combinations": lambda x: torch.combinations(x[0, 0]),
    "median": lambda x: x.median(-1),
    "kthvalue": lambda x: x.kthvalue(3),
    "max of an empty slice": lambda x: x[..., 3:].max(),
    "argmax of an empty slice": lambda x: x[..., 3:].argmax(-1),
    "sort of integers": lambda x: x.long().sort(),
    "allclose": lambda x: need(torch.allclose(x, x)),
    "equal": lambda x: need(torch.equal(x, x)),
    "item of a count": lambda x: need(int((x > 0).sum()) > 12),
    "a mask counted": lambda x: x[:, :, : int((x[0, 0] > 0).sum())].view(1, 4, 3, -1),
    "from_dlpack": lambda x: torch.from_dlpack(x).view(1, 4, 3, -1),
    "quantize": lambda x: torch.quantize_per_tensor(x, float(x[0, 0, 0]), 0, torch.qint8),
    "complex": lambda x: torch.complex(x, x).abs().view(1, 4, 3, -1),
    "polar": lambda x: torch.polar(x, x).real.view(1, 4, 3, -1),
    "stft": lambda x: torch.stft(x[0], 8, window=x[0, 0, :8], return_complex=True),
    "istft": lambda x: torch.istft(
        torch.stft(x[0], 8, window=torch.hann_window(8), return_complex=True), 8, window=torch.hann_window(8)
    ),
    "istft of a zero window": lambda x: torch.istft(
        torch.stft(x[0], 8, window=torch.ones(8), return_complex=True), 8, window=torch.zeros(8)
    ),
    "a distribution": lambda x: torch.distributions.Normal(x, x).log_prob(x),
    "a categorical distribution": lambda x: torch.distributions.Categorical(logits=x).sample().view(3, -1),
    "weights from the input": lambda x: F.conv1d(x, x[:, :, :3].expand(2, 4, 3)),
    "batch statistics": lambda x: F.batch_norm(x, x[0, :, 0], x[0, :, 0]),
    "grid_sample": lambda x: F.grid_sample(x.view(1, 2, 2, -1), x.view(1, 2, -1, 2)[:, :, :2]),
    "pad_packed": lambda x: torch.nn.utils.rnn.pack_padded_sequence(x.mT, x[0, 0, :1].long() * 3, batch_first=True),
}


@pytest.mark.parametrize("name", RUN)
def test_no_stand_in_decides(name: str) -> None:
    sound(Of(lambda self, x: RUN[name](x)), X, lengths=(1, 24))
