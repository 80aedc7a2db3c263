"""The pitch extractor: JDCNet, with one class, as StyleTTS2 reads F0 from a mel spectrogram.

Every pooling and every stride is along the mel axis, so the number of frames never changes.
Source: StyleTTS2, Utils/JDC; Kum and Nam 2019, "Joint Detection and Classification of Singing Voice Melody".
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

PUBLISHED_IN = "Utils/JDC/model.py"  # in the public sources

LEAKY_SLOPE = 0.01


class JDCNet(nn.Module):
    """mel [B, 1, 80, T] -> pitch, features for the generator [B, 256, 10, T], and features of the pool [B, 256, T, 2].

    The pitch is [B, T, num_class] without its axes of size 1: with one class and one sample, [T]. `detector_conv`,
    `bilstm_detector`, `detector` and the three `maxpool`s belong to a branch that the published forward never runs.
    """

    def __init__(self, num_class: int = 1) -> None:
        super().__init__()
        self.num_class = num_class
        self.conv_block = nn.Sequential(
            nn.Conv2d(1, 64, 3, padding=1, bias=False),
            nn.BatchNorm2d(64),
            nn.LeakyReLU(LEAKY_SLOPE, inplace=True),
            nn.Conv2d(64, 64, 3, padding=1, bias=False),
        )
        self.res_block1 = ResBlock(64, 128)
        self.res_block2 = ResBlock(128, 192)
        self.res_block3 = ResBlock(192, 256)
        self.pool_block = nn.Sequential(
            nn.BatchNorm2d(256), nn.LeakyReLU(LEAKY_SLOPE, inplace=True), nn.MaxPool2d((1, 4)), nn.Dropout(0.2)
        )
        self.maxpool1 = nn.MaxPool2d((1, 40))
        self.maxpool2 = nn.MaxPool2d((1, 20))
        self.maxpool3 = nn.MaxPool2d((1, 10))
        self.detector_conv = nn.Sequential(
            nn.Conv2d(640, 256, 1, bias=False),
            nn.BatchNorm2d(256),
            nn.LeakyReLU(LEAKY_SLOPE, inplace=True),
            nn.Dropout(0.2),
        )
        self.bilstm_classifier = nn.LSTM(512, 256, batch_first=True, bidirectional=True)
        self.bilstm_detector = nn.LSTM(512, 256, batch_first=True, bidirectional=True)
        self.classifier = nn.Linear(512, num_class)
        self.detector = nn.Linear(512, 2)
        self.apply(_initialize)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        frames = x.shape[-1]
        x = self.conv_block(x.float().transpose(-1, -2))  # [B, 64, T, 80]
        x = self.res_block3(self.res_block2(self.res_block1(x)))  # [B, 256, T, 10]
        normalized, activation, pool, _ = self.pool_block  # the published forward leaves out the dropout
        x = activation(normalized(x))
        generator_features = x.transpose(-1, -2)
        pooled = pool(x)  # [B, 256, T, 2]
        sequence = pooled.permute(0, 2, 1, 3).contiguous().view(-1, frames, 512)
        sequence, _ = self.bilstm_classifier(sequence)
        classes = self.classifier(sequence.contiguous().view(-1, 512)).view(-1, frames, self.num_class)
        return classes.squeeze().abs(), generator_features, pooled


class ResBlock(nn.Module):
    """[B, in_channels, T, M] -> [B, out_channels, T, M // 2]."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.pre_conv = nn.Sequential(
            nn.BatchNorm2d(in_channels), nn.LeakyReLU(LEAKY_SLOPE, inplace=True), nn.MaxPool2d((1, 2))
        )
        self.conv = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.LeakyReLU(LEAKY_SLOPE, inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
        )
        self.conv1by1 = None
        if in_channels != out_channels:
            self.conv1by1 = nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pre_conv(x)
        return self.conv(x) + (x if self.conv1by1 is None else self.conv1by1(x))


def _initialize(module: nn.Module) -> None:
    """Fresh weights, drawn as published."""
    if any(parameter.is_meta for parameter in module.parameters(recurse=False)):
        return  # no values there, and drawing none takes time
    if isinstance(module, nn.Linear):
        nn.init.kaiming_uniform_(module.weight)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Conv2d):
        nn.init.xavier_normal_(module.weight)
    elif isinstance(module, nn.LSTM):
        for parameter in module.parameters():
            with torch.no_grad():
                nn.init.orthogonal_(parameter) if parameter.dim() >= 2 else nn.init.normal_(parameter)
