"""Style diffusion: the denoising transformer over style and text, and the two containers that its checkpoints name.

`AudioDiffusionConditional` holds one transformer twice, as `unet` and as `diffusion.net`: each weight has two keys.
Source: StyleTTS2, Modules/diffusion; the preconditioning is Karras et al. 2022, https://arxiv.org/abs/2206.00364.
"""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .blocks import AdaLayerNorm

PUBLISHED_IN = "Modules/diffusion/modules.py"  # in the public sources

POSITIONS = 512  # of `FixedEmbedding`; the public scripts leave the transformer's own default in place


class Transformer1d(nn.Module):
    """Predicts a denoised style vector from a noisy one, given a text and perhaps a reference style.

    Shapes: x [B, 1, channels], time [B], embedding [B, L, context_embedding_features] with L <= 512, features [B,
    context_features] -> [B, 1, channels]. Without `context_features`, as for one speaker, `features` is ignored.
    """

    def __init__(
        self,
        num_layers: int,
        channels: int,
        num_heads: int,
        head_features: int,
        multiplier: int,
        context_embedding_features: int,
        context_features: int | None = None,
        embedding_max_length: int = POSITIONS,
    ) -> None:
        super().__init__()
        features = channels + context_embedding_features
        self.blocks = nn.ModuleList(
            TransformerBlock(features, num_heads, head_features, multiplier, context_features)
            for _ in range(num_layers)
        )
        self.to_out = nn.Sequential(_SwapLast(), nn.Conv1d(features, channels, kernel_size=1))
        self.to_mapping = nn.Sequential(
            nn.Linear(features, features), nn.GELU(), nn.Linear(features, features), nn.GELU()
        )
        self.to_time = nn.Sequential(_time_embedding(channels, features), nn.GELU())
        self.to_features: nn.Sequential | None = None
        if context_features is not None:
            self.to_features = nn.Sequential(nn.Linear(context_features, features), nn.GELU())
        self.fixed_embedding = FixedEmbedding(embedding_max_length, context_embedding_features)

    def forward(
        self,
        x: Tensor,
        time: Tensor,
        embedding_mask_proba: float = 0.0,
        embedding: Tensor | None = None,
        features: Tensor | None = None,
        embedding_scale: float = 1.0,
    ) -> Tensor:
        if embedding is None:
            raise TypeError("the style diffusion needs a text embedding [B, L, C]; pass embedding=...")
        unconditional = self.fixed_embedding(embedding)  # always made: it is what bounds L, mask or not
        if embedding_mask_proba > 0.0:
            drop = _random_mask((embedding.shape[0], 1, 1), embedding_mask_proba, embedding.device)
            embedding = torch.where(drop, unconditional, embedding)
        conditioned = self.run(x, time, embedding, features)
        if embedding_scale == 1.0:
            return conditioned
        free = self.run(x, time, unconditional, features)  # classifier-free guidance
        return free + (conditioned - free) * embedding_scale

    def run(self, x: Tensor, time: Tensor, embedding: Tensor, features: Tensor | None) -> Tensor:
        """One pass: x is repeated along the L tokens, and the mean over the tokens is the prediction."""
        length = embedding.size(1)
        mapping = self.get_mapping(time, features).unsqueeze(1).expand(-1, length, -1)
        x = torch.cat([x.expand(-1, length, -1), embedding], dim=-1)
        for block in self.blocks:
            x = block(x + mapping, features)
        return self.to_out(x.mean(dim=1, keepdim=True)).transpose(-1, -2)

    def get_mapping(self, time: Tensor, features: Tensor | None) -> Tensor:
        """time [B] and features [B, C] -> [B, channels + context_embedding_features]."""
        items = [self.to_time(time)]
        if self.to_features is not None:
            assert features is not None, "context_features exists but no features provided"
            items.append(self.to_features(features))
        return self.to_mapping(torch.stack(items).sum(dim=0))  # stacked, as published: another batch is refused


class StyleTransformer1d(Transformer1d):
    """`Transformer1d` for many speakers, which is the one with `context_features`."""


class TransformerBlock(nn.Module):
    """[B, L, features] -> the same: self-attention and feed-forward, each with a residual."""

    def __init__(
        self, features: int, num_heads: int, head_features: int, multiplier: int, style_dim: int | None = None
    ) -> None:
        super().__init__()
        self.attention = Attention(features, num_heads, head_features, style_dim)
        self.feed_forward = _feed_forward(features, multiplier)

    def forward(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        x = self.attention(x, style) + x
        return self.feed_forward(x) + x


class Attention(nn.Module):
    """Self-attention over [B, L, features], with one norm for the queries and one for the keys and values.

    With `style_dim`, the norms are modulated by a style [B, style_dim].
    """

    def __init__(self, features: int, num_heads: int, head_features: int, style_dim: int | None = None) -> None:
        super().__init__()
        self.norm = _norm(features, style_dim)
        self.norm_context = _norm(features, style_dim)
        self.to_q = nn.Linear(features, num_heads * head_features, bias=False)
        self.to_kv = nn.Linear(features, 2 * num_heads * head_features, bias=False)
        self.attention = AttentionBase(features, num_heads, head_features)

    def forward(self, x: Tensor, style: Tensor | None = None) -> Tensor:
        query = self.to_q(_normalize(self.norm, x, style))
        key, value = self.to_kv(_normalize(self.norm_context, x, style)).chunk(2, dim=-1)
        return self.attention(query, key, value)


class AttentionBase(nn.Module):
    """Scaled dot-product attention: query, key, value [B, L, heads * head_features] -> [B, L, features]."""

    def __init__(self, features: int, num_heads: int, head_features: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.scale = head_features**-0.5
        self.to_out = nn.Linear(num_heads * head_features, features)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        query, key, value = (self._split(tensor) for tensor in (query, key, value))
        weights = (torch.matmul(query, key.transpose(-1, -2)) * self.scale).softmax(dim=-1)
        return self.to_out(torch.matmul(weights, value).transpose(1, 2).flatten(2))

    def _split(self, tensor: Tensor) -> Tensor:
        """[B, L, heads * C] -> [B, heads, L, C]."""
        return tensor.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)


class LearnedPositionalEmbedding(nn.Module):
    """A continuous time [B] -> [B, dim + 1]: the time itself, and dim / 2 learned frequencies' sine and cosine."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.weights = nn.Parameter(torch.empty(dim // 2))
        nn.init.normal_(self.weights)

    def forward(self, time: Tensor) -> Tensor:
        time = time.unsqueeze(1)
        phase = time * self.weights * (2 * math.pi)
        return torch.cat([time, phase.sin(), phase.cos()], dim=-1)


class FixedEmbedding(nn.Module):
    """The embedding that stands for no text: [B, L, ...] -> [B, L, features], L <= max_length."""

    def __init__(self, max_length: int, features: int) -> None:
        super().__init__()
        self.max_length = max_length
        self.embedding = nn.Embedding(max_length, features)

    def forward(self, x: Tensor) -> Tensor:
        batch, length = x.shape[0], x.shape[1]
        assert length <= self.max_length, "Input sequence length must be <= max_length"
        return self.embedding(torch.arange(length, device=x.device)).expand(batch, -1, -1)


class LogNormalDistribution:
    """The noise levels of training: exp(mean + std * N(0, 1))."""

    def __init__(self, mean: float, std: float) -> None:
        self.mean = mean
        self.std = std

    def __call__(self, num_samples: int, device: torch.device | str = "cpu") -> Tensor:
        return (self.mean + self.std * torch.randn(num_samples, device=device)).exp()


class KDiffusion(nn.Module):
    """The training loss of a denoiser `net` (a scalar), and `denoise_fn`, the call that samplers make."""

    def __init__(self, net: nn.Module, *, sigma_distribution: LogNormalDistribution, sigma_data: float) -> None:
        super().__init__()
        self.net = net
        self.sigma_distribution = sigma_distribution
        self.sigma_data = sigma_data

    def forward(self, x: Tensor, noise: Tensor | None = None, **kwargs: Any) -> Tensor:
        """x [B, 1, channels] -> the weighted mean squared error at one random noise level for each sample."""
        sigmas = self.sigma_distribution(num_samples=x.shape[0], device=x.device)
        noise = torch.randn_like(x) if noise is None else noise
        denoised = self.denoise_fn(x + sigmas[:, None, None] * noise, sigmas=sigmas, **kwargs)
        losses = F.mse_loss(denoised, x, reduction="none").flatten(1).mean(dim=1)
        return (losses * self.loss_weight(sigmas)).mean()

    def denoise_fn(
        self, x_noisy: Tensor, sigmas: Tensor | None = None, sigma: float | Tensor | None = None, **kwargs: Any
    ) -> Tensor:
        """Denoises [B, 1, channels] at one noise level for all, `sigma`, or at one for each sample, `sigmas` [B]."""
        if (sigma is None) == (sigmas is None):
            raise TypeError("pass sigma, one noise level for all samples, or sigmas [B], one for each")
        batch = x_noisy.shape[0]
        levels = torch.full((batch,), sigma, device=x_noisy.device) if sigmas is None else sigmas  # type: ignore[arg-type]
        c_skip, c_out, c_in, c_noise = self.get_scale_weights(levels)
        return c_skip * x_noisy + c_out * self.net(c_in * x_noisy, c_noise, **kwargs)

    def get_scale_weights(self, sigmas: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The paper's c_skip, c_out, c_in, each [B, 1, 1], and c_noise [B] (table 1)."""
        sigma_data = self.sigma_data
        sigma = sigmas[:, None, None]
        total = sigma**2 + sigma_data**2
        return sigma_data**2 / total, sigma * sigma_data * total**-0.5, total**-0.5, torch.log(sigmas) * 0.25

    def loss_weight(self, sigmas: Tensor) -> Tensor:
        return (sigmas**2 + self.sigma_data**2) * (sigmas * self.sigma_data) ** -2


class AudioDiffusionConditional(nn.Module):
    """A transformer with its training loss: style [B, 1, C], embedding=[B, L, E] and features=[B, C] -> a scalar."""

    def __init__(
        self,
        transformer: Transformer1d,
        *,
        sigma_distribution: LogNormalDistribution,
        sigma_data: float,
        embedding_mask_proba: float = 0.1,
    ) -> None:
        super().__init__()
        self.embedding_mask_proba = embedding_mask_proba
        self.diffusion = KDiffusion(transformer, sigma_distribution=sigma_distribution, sigma_data=sigma_data)
        self.unet = transformer

    def forward(self, x: Tensor, **kwargs: Any) -> Tensor:
        return self.diffusion(x, **{"embedding_mask_proba": self.embedding_mask_proba, **kwargs})


class _SwapLast(nn.Module):
    """[B, L, C] -> [B, C, L]; a module, since the published index of the convolution after it is 1."""

    def forward(self, x: Tensor) -> Tensor:
        return x.transpose(1, 2)


def _norm(features: int, style_dim: int | None) -> nn.LayerNorm | AdaLayerNorm:
    return nn.LayerNorm(features) if style_dim is None else AdaLayerNorm(style_dim, features)


def _normalize(norm: nn.Module, x: Tensor, style: Tensor | None) -> Tensor:
    return norm(x, style) if isinstance(norm, AdaLayerNorm) else norm(x)


def _feed_forward(features: int, multiplier: int) -> nn.Sequential:
    hidden = features * multiplier
    return nn.Sequential(nn.Linear(features, hidden), nn.GELU(), nn.Linear(hidden, features))


def _time_embedding(dim: int, out_features: int) -> nn.Sequential:
    return nn.Sequential(LearnedPositionalEmbedding(dim), nn.Linear(dim + 1, out_features))


def _random_mask(shape: tuple[int, ...], probability: float, device: torch.device) -> Tensor:
    if probability == 1:
        return torch.ones(shape, device=device, dtype=torch.bool)
    return torch.bernoulli(torch.full(shape, probability, device=device)).bool()
