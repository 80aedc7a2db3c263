"""torch.nn's own modules that change or check lengths: windows, sampling, padding, norms, losses and lookups."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from tests.adversarial.against import Of
from tests.families.family import Family, family

IMAGE = "f32[2, 4, 9, W]"
SIGNAL = "f32[2, 4, L]"


def _materialized(module: nn.Module, *inputs: torch.Tensor) -> nn.Module:
    with torch.no_grad():
        module(*inputs)
    return module


def _unpooling(pool: nn.Module, unpool: nn.Module, *, sized: bool) -> nn.Module:
    def forward(self: Any, x: torch.Tensor) -> torch.Tensor:
        return self.unpool(*self.pool(x), output_size=x.size() if sized else None)

    return Of(forward, pool=pool, unpool=unpool)


WINDOWS: dict[str, Family] = {
    "unfold": family(lambda: nn.Unfold((3, 5), dilation=2, padding=1, stride=2), IMAGE),
    "unfold column": family(lambda: nn.Unfold((3, 1), stride=(2, 1)), "f32[2, 4, W, 1]"),
    "fold": family(lambda: nn.Fold((8, 9), 3), "f32[2, 36, L]"),
    "fold with stride": family(lambda: nn.Fold((9, 9), 3, dilation=2, padding=1, stride=2), "f32[2, 36, L]"),
    "fold of unfold": family(
        lambda: Of(lambda self, x: F.fold(F.unfold(x, 3, stride=2), (9, x.shape[-1]), 3, stride=2)), IMAGE
    ),
    "fold to a size": family(lambda: Of(lambda self, x: F.fold(x, (6, (x.shape[-1] + 8) // 4), 3)), "f32[2, 36, 4*L]"),
    "max pool 1d": family(lambda: nn.MaxPool1d(5, 3, padding=2, dilation=2), SIGNAL),
    "max pool 1d, ceil": family(lambda: nn.MaxPool1d(3, 4, padding=1, ceil_mode=True), SIGNAL),
    "max pool 1d, indices": family(lambda: nn.MaxPool1d(3, 2, ceil_mode=True, return_indices=True), SIGNAL),
    "max pool 2d": family(lambda: nn.MaxPool2d((3, 5), (2, 3), padding=1, dilation=(1, 2)), IMAGE),
    "max pool 2d, ceil": family(lambda: nn.MaxPool2d(3, 2, padding=1, ceil_mode=True), IMAGE),
    "max pool 2d, indices": family(lambda: nn.MaxPool2d(2, 3, ceil_mode=True, return_indices=True), IMAGE),
    "max pool 3d": family(lambda: nn.MaxPool3d((1, 2, 3), 2, ceil_mode=True), "f32[2, 3, 4, 5, W]"),
    "max unpool 1d": family(lambda: _unpooling(nn.MaxPool1d(2, 2, return_indices=True), nn.MaxUnpool1d(2, 2), sized=False), SIGNAL),
    "max unpool 1d, sized": family(lambda: _unpooling(nn.MaxPool1d(3, 2, return_indices=True), nn.MaxUnpool1d(3, 2), sized=True), SIGNAL),
    "max unpool 2d": family(lambda: _unpooling(nn.MaxPool2d(2, 2, return_indices=True), nn.MaxUnpool2d(2, 2), sized=False), "f32[2, 4, 9, 2*W]"),
    "max unpool 2d, sized": family(lambda: _unpooling(nn.MaxPool2d(2, 2, return_indices=True), nn.MaxUnpool2d(2, 2), sized=True), IMAGE),
    "max unpool 2d, one size": family(
        lambda: Of(
            lambda self, x: self.unpool(*self.pool(x), output_size=(8, 20)),
            pool=nn.MaxPool2d(2, 2, return_indices=True),
            unpool=nn.MaxUnpool2d(2, 2),
        ),
        "f32[2, 4, 8, 2*W]",
    ),
    "average pool 1d": family(lambda: nn.AvgPool1d(4, 3, padding=2), SIGNAL),
    "average pool 1d, ceil": family(lambda: nn.AvgPool1d(4, 3, padding=2, ceil_mode=True, count_include_pad=False), SIGNAL),
    "average pool 2d": family(lambda: nn.AvgPool2d((3, 4), (2, 3), padding=(1, 2), divisor_override=3), IMAGE),
    "average pool 2d, ceil": family(lambda: nn.AvgPool2d(3, 2, ceil_mode=True), IMAGE),
    "average pool 3d": family(lambda: nn.AvgPool3d((2, 3, 3), 2, padding=1), "f32[2, 3, 4, 5, W]"),
    "lp pool 1d": family(lambda: nn.LPPool1d(2, 4, 3), SIGNAL),
    "lp pool 1d, ceil": family(lambda: nn.LPPool1d(2, 4, 3, ceil_mode=True), SIGNAL),
    "lp pool 2d": family(lambda: nn.LPPool2d(1.5, (3, 2), 2), IMAGE),
    "lp pool 3d": family(lambda: nn.LPPool3d(2, 2), "f32[2, 3, 4, 5, W]"),
    "fractional max pool, size": family(lambda: nn.FractionalMaxPool2d((3, 2), output_size=(4, 6)), IMAGE),
    "fractional max pool, ratio": family(lambda: nn.FractionalMaxPool2d(2, output_ratio=0.5), IMAGE),
    "fractional max pool, indices": family(lambda: nn.FractionalMaxPool2d(3, output_ratio=(0.3, 0.7), return_indices=True), IMAGE),
    "adaptive average pool 1d": family(lambda: nn.AdaptiveAvgPool1d(5), SIGNAL),
    "adaptive average pool 2d": family(lambda: nn.AdaptiveAvgPool2d((None, 7)), IMAGE),
    "adaptive average pool 3d": family(lambda: nn.AdaptiveAvgPool3d((1, None, 2)), "f32[2, 3, 4, 5, W]"),
    "adaptive max pool 1d": family(lambda: nn.AdaptiveMaxPool1d(5, return_indices=True), SIGNAL),
    "adaptive max pool 2d": family(lambda: nn.AdaptiveMaxPool2d((3, None)), IMAGE),
    "adaptive max pool 3d": family(lambda: nn.AdaptiveMaxPool3d(2), "f32[2, 3, 4, 5, W]"),
    "convolution 3d": family(lambda: nn.Conv3d(3, 2, (2, 3, 5), (1, 2, 2), padding=(0, 1, 0)), "f32[2, 3, 4, 5, W]"),
    "convolution 3d, transposed": family(lambda: nn.ConvTranspose3d(3, 2, (2, 3, 4), 2, padding=1), "f32[2, 3, 4, 5, W]"),
    "convolution 1d, transposed, sized": family(
        lambda: Of(lambda self, x: self.up(x, output_size=[2 * x.shape[-1]]), up=nn.ConvTranspose1d(4, 3, 5, 2, padding=2)), SIGNAL
    ),
    "convolution, circular": family(lambda: nn.Conv1d(4, 3, 7, padding=3, padding_mode="circular"), SIGNAL),
    "convolution, reflected": family(lambda: nn.Conv2d(4, 3, 5, padding="same", dilation=2, padding_mode="reflect"), IMAGE),
    "lazy convolution": family(lambda: _materialized(nn.LazyConv1d(3, 5, 2), torch.ones(2, 4, 20)), SIGNAL),
    "lazy linear": family(lambda: _materialized(nn.LazyLinear(5), torch.ones(2, 4, 12)), SIGNAL),
    "lazy batch norm": family(lambda: _materialized(nn.LazyBatchNorm1d(), torch.ones(2, 4, 12)), SIGNAL),
    "lazy chain": family(
        lambda: _materialized(nn.Sequential(nn.LazyConv2d(3, 3), nn.Flatten(), nn.LazyLinear(2)), torch.ones(2, 4, 9, 12)), IMAGE
    ),
}  # fmt: skip

SAMPLING: dict[str, Family] = {
    "pixel shuffle": family(lambda: nn.PixelShuffle(2), IMAGE),
    "pixel shuffle of channels": family(lambda: nn.PixelShuffle(3), "f32[2, C, 4, 5]"),
    "pixel unshuffle": family(lambda: nn.PixelUnshuffle(3), IMAGE),
    "channel shuffle": family(lambda: nn.ChannelShuffle(2), IMAGE),
    "channel shuffle of channels": family(lambda: nn.ChannelShuffle(3), "f32[2, C, 5]"),
    **{
        f"upsample {mode} by {scale}{', corners' * bool(corners)}": family(
            lambda mode=mode, scale=scale, corners=corners: nn.Upsample(scale_factor=scale, mode=mode, align_corners=corners), spec
        )
        for mode, spec, corners in (
            ("nearest", SIGNAL, None), ("nearest-exact", SIGNAL, None), ("linear", SIGNAL, False), ("linear", SIGNAL, True),
            ("bilinear", IMAGE, True), ("bicubic", IMAGE, False), ("trilinear", "f32[1, 2, 3, 4, W]", None),
            ("area", IMAGE, None),
        )
        for scale in (2, 0.3, 1.7)
    },
    **{
        f"upsample {mode} to a size": family(lambda mode=mode, size=size: nn.Upsample(size=size, mode=mode), spec)
        for mode, spec, size in (
            ("nearest", SIGNAL, 17), ("linear", SIGNAL, (17,)), ("bilinear", IMAGE, (3, 17)), ("bicubic", IMAGE, 17),
            ("area", SIGNAL, 17), ("nearest-exact", IMAGE, (5, 3)),
        )
    },
    "upsample nearest 2d": family(lambda: nn.UpsamplingNearest2d(scale_factor=1.5), IMAGE),
    "upsample bilinear 2d": family(lambda: nn.UpsamplingBilinear2d(size=(4, 5)), IMAGE),
    "interpolate, antialias": family(
        lambda: Of(lambda self, x: F.interpolate(x, scale_factor=0.4, mode="bilinear", antialias=True)), IMAGE
    ),
    "interpolate, scale recomputed": family(
        lambda: Of(lambda self, x: F.interpolate(x, scale_factor=0.6, mode="linear", recompute_scale_factor=True)), SIGNAL
    ),
    "grid sample": family(
        lambda: Of(lambda self, x: F.grid_sample(x, F.affine_grid(torch.ones(2, 2, 3), list(x.shape), align_corners=False), align_corners=False)),
        IMAGE,
    ),
    **{
        f"{kind} pad {rank}d": family(
            lambda kind=kind, rank=rank, sides=sides: getattr(nn, f"{kind.title()}Pad{rank}d")(sides), spec
        )
        for kind in ("reflection", "replication", "circular", "zero")
        for rank, spec, sides in (
            (1, SIGNAL, (5, 3)), (2, IMAGE, (4, -2, 1, 3)), (3, "f32[2, 3, 4, 5, W]", (6, 2, 1, 1, 0, 2)),
        )
    },
    "reflection pad without a batch": family(lambda: nn.ReflectionPad1d(6), "f32[4, L]"),
    "constant pad, cropping": family(lambda: nn.ConstantPad1d((-5, -6), 1.0), SIGNAL),
    "flatten": family(lambda: nn.Sequential(nn.Flatten(), nn.Linear(96, 2)), "f32[2, 4, L]"),
    "unflatten": family(lambda: nn.Unflatten(-1, (4, -1)), SIGNAL),
    "unflatten, whole": family(lambda: nn.Unflatten(2, (4, 6)), SIGNAL),
    "channel dropout": family(lambda: nn.Sequential(nn.Dropout1d(), nn.AlphaDropout(), nn.FeatureAlphaDropout()), SIGNAL),
}  # fmt: skip

NORMS: dict[str, Family] = {
    **{
        f"{name}{', training' * train}": Family(make, (spec,), train=train)
        for name, make, spec in (
            ("batch norm 1d", lambda: nn.BatchNorm1d(4), "f32[1, 4, L]"),
            ("batch norm of rows", lambda: nn.BatchNorm1d(4), "f32[N, 4]"),
            ("batch norm 2d", lambda: nn.BatchNorm2d(4), "f32[1, 4, 1, L]"),
            ("batch norm 3d", lambda: nn.BatchNorm3d(4, momentum=None), "f32[1, 4, 1, 1, L]"),
            ("batch norm without statistics", lambda: nn.BatchNorm1d(4, track_running_stats=False), "f32[1, 4, L]"),
            ("instance norm 1d", lambda: nn.InstanceNorm1d(4), "f32[1, 4, L]"),
            ("instance norm 2d", lambda: nn.InstanceNorm2d(4, affine=True), "f32[1, 4, 1, L]"),
            ("instance norm with statistics", lambda: nn.InstanceNorm1d(4, track_running_stats=True), "f32[2, 4, L]"),
            ("instance norm without a batch", lambda: nn.InstanceNorm1d(4), "f32[4, L]"),
            ("group norm", lambda: nn.GroupNorm(2, 4), "f32[1, 4, L]"),
            ("group norm of one value", lambda: nn.GroupNorm(4, 4), "f32[1, 4, L]"),
            ("group norm of rows", lambda: nn.GroupNorm(4, 4), "f32[N, 4]"),
        )
        for train in (False, True)
    },
    "group norm of channels": family(lambda: nn.GroupNorm(3, 12), "f32[2, C, 5]"),
    "layer norm": family(lambda: nn.LayerNorm(12), SIGNAL),
    "layer norm of two axes": family(lambda: nn.LayerNorm([4, 12]), SIGNAL),
    "rms norm": family(lambda: nn.RMSNorm(12), SIGNAL),
    "local response norm": family(lambda: nn.LocalResponseNorm(3), SIGNAL),
    "local response norm of channels": family(lambda: nn.LocalResponseNorm(4), "f32[2, C, 5]"),
    "local response norm of an image": family(lambda: nn.LocalResponseNorm(5), IMAGE),
    "cross map norm": Family(
        lambda: nn.CrossMapLRN2d(3), ("f32[2, C, 5, 6]",), unknown="changes the shape of its argument in place"
    ),
    "soft max 2d": family(lambda: nn.Softmax2d(), IMAGE),
    "gated linear unit": family(lambda: nn.GLU(), SIGNAL),
    "parametric relu": family(lambda: nn.PReLU(12), "f32[2, C, 5]"),
    "soft maximum": family(lambda: nn.Sequential(nn.LogSoftmax(-1), nn.Softmin(1), nn.Softmax(0)), SIGNAL),
}  # fmt: skip

PAIRS: dict[str, Family] = {
    "bilinear": family(lambda: nn.Bilinear(12, 5, 3), "f32[2, 7, L]", "f32[2, 7, 5]"),
    "bilinear of rows": family(lambda: nn.Bilinear(6, 5, 3), "f32[N, 6]", "f32[9, 5]"),
    "cosine similarity": family(lambda: nn.CosineSimilarity(dim=2), SIGNAL, "f32[2, 4, 12]"),
    "cosine similarity over time": family(lambda: nn.CosineSimilarity(dim=1), SIGNAL, "f32[2, 1, 12]"),
    "pairwise distance": family(lambda: nn.PairwiseDistance(), SIGNAL, "f32[4, 12]"),
    "distances": family(lambda: Of(lambda self, x, y: torch.cdist(x, y)), "f32[2, L, 5]", "f32[2, 7, 5]"),
    "embedding": family(lambda: nn.Embedding(30, 4), "i64[2, L]"),
    "embedding bag": family(lambda: nn.EmbeddingBag(30, 4), "i64[2, L]"),
    "embedding bag, max": family(lambda: nn.EmbeddingBag(30, 4, mode="max"), "i64[L, 3]"),
    "embedding bag, offsets": family(lambda: Of(lambda self, x: self.bag(x, torch.tensor([0, 4, 9])), bag=nn.EmbeddingBag(30, 4)), "i64[L]"),
    "embedding bag, weights": family(lambda: Of(lambda self, x, w: self.bag(x, per_sample_weights=w), bag=nn.EmbeddingBag(30, 4, mode="sum")), "i64[2, L]", "f32[2, 12]"),
    "positions": family(lambda: Of(lambda self, x: self.table(torch.arange(x.shape[1])), table=nn.Embedding(30, 4)), "i64[2, L]"),
    "nll loss": family(lambda: nn.NLLLoss(), "f32[L, 5]", "i64[12]"),
    "nll loss over time": family(lambda: nn.NLLLoss(), "f32[2, 5, L]", "i64[2, 12]"),
    "nll loss of classes": family(lambda: nn.NLLLoss(weight=torch.ones(6)), "f32[4, C]", "i64[4]"),
    "cross entropy": family(lambda: nn.CrossEntropyLoss(label_smoothing=0.1), "f32[2, 5, L]", "i64[2, 12]"),
    "cross entropy with probabilities": family(lambda: nn.CrossEntropyLoss(), "f32[2, 5, L]", "f32[2, 5, 12]"),
    "cross entropy of an image": family(lambda: nn.CrossEntropyLoss(reduction="none"), IMAGE, "i64[2, 9, 12]"),
    "ctc loss, given lengths": family(lambda: nn.CTCLoss(), "f32[T, 2, 6]", "i64[2, 5]", (30, 12), (5, 4)),
    "ctc loss, own lengths": family(lambda: nn.CTCLoss(), "f32[T, 2, 6]", "i64[2, 5]", "i64[2] = T", (5, 4)),
    "ctc loss, target lengths": family(lambda: nn.CTCLoss(), "f32[40, 2, 6]", "i64[2, S]", (40, 12), (5, 4)),
    "ctc loss, joined targets": family(lambda: nn.CTCLoss(), "f32[40, 2, 6]", "i64[S]", (40, 12), (5, 4)),
    "l1 loss": family(lambda: nn.L1Loss(), SIGNAL, SIGNAL),
    "bce loss": family(lambda: nn.BCEWithLogitsLoss(), SIGNAL, "f32[2, 4, 12]"),
    "bce loss of probabilities": family(lambda: Of(lambda self, x, y: F.binary_cross_entropy(torch.sigmoid(x), y)), SIGNAL, "f32[2, 4, 12]"),
    "divergence": family(lambda: nn.KLDivLoss(reduction="batchmean"), SIGNAL, "f32[2, 4, 12]"),
    "gaussian loss": Family(lambda: nn.GaussianNLLLoss(), (SIGNAL, SIGNAL, "f32[2, 4, 1]"), unknown="values of a tensor"),
    "poisson loss": family(lambda: nn.PoissonNLLLoss(), SIGNAL, SIGNAL),
    "triplet loss": family(lambda: nn.TripletMarginLoss(), "f32[L, 5]", "f32[12, 5]", "f32[L, 5]"),
    "cosine loss": family(lambda: nn.CosineEmbeddingLoss(), "f32[L, 5]", "f32[L, 5]", "f32[12]"),
    "margin loss": family(lambda: nn.MultiMarginLoss(), "f32[L, 5]", "i64[12]"),
    "multilabel loss": family(lambda: nn.MultiLabelMarginLoss(), "f32[2, L]", "i64[2, 12]"),
    "soft margin loss": family(lambda: nn.MultiLabelSoftMarginLoss(), "f32[2, L]", "f32[2, 12]"),
    "ranking loss": family(lambda: nn.MarginRankingLoss(), "f32[L]", "f32[L]", "f32[12]"),
    "hinge loss": family(lambda: nn.HingeEmbeddingLoss(), SIGNAL, "f32[2, 4, 12]"),
    "adaptive soft max": Family(
        lambda: nn.AdaptiveLogSoftmaxWithLoss(8, 20, [5, 10]), ("f32[L, 8]", "i64[12]"), unknown="values of a tensor"
    ),
}  # fmt: skip

LAYERS: dict[str, Family] = {**WINDOWS, **SAMPLING, **NORMS, **PAIRS}
