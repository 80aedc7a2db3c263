"""What the training scripts do between the modules: each class holds modules, and makes the script's calls of them.

The scripts squeeze without an axis, so that one sample alone loses its batch axis between one module and the next.
Source: yl4579/StyleTTS2, train_first.py, train_second.py, train_finetune.py and Modules/slmadv.py.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

SLMADV_STYLE = 128  # slmadv.py divides acoustic from prosodic style here, whatever style_dim is
SLMADV_FRAMES = 2  # of the alignment with which slmadv.py asks for durations


class Styles(nn.Module):
    """The styles of whole clips, as train_second.py and train_finetune.py take them: clip by clip, then all in one."""

    def __init__(self, style_encoder: nn.Module, predictor_encoder: nn.Module, devices: int) -> None:
        super().__init__()
        self.style_encoder = on_devices(style_encoder, devices)
        self.predictor_encoder = on_devices(predictor_encoder, devices)

    def styles(self, mels: Tensor) -> tuple[Tensor, Tensor]:
        """Mels [B, n_mels, T] -> acoustic and prosodic styles, [B, style_dim] each; for B = 1, [style_dim]."""
        clips = [mels[index, :, :].unsqueeze(0).unsqueeze(1) for index in range(mels.shape[0])]
        prosodic = torch.stack([self.predictor_encoder(clip) for clip in clips]).squeeze()
        acoustic = torch.stack([self.style_encoder(clip) for clip in clips]).squeeze()
        return acoustic, prosodic


class StylesToPredictor(Styles):
    """Whole clips -> prosodic styles -> the predictor's forward."""

    def __init__(
        self, style_encoder: nn.Module, predictor_encoder: nn.Module, predictor: nn.Module, devices: int = 1
    ) -> None:
        super().__init__(style_encoder, predictor_encoder, devices)
        self.predictor = on_devices(predictor, devices)

    def forward(self, mels: Tensor, text: Tensor, text_lengths: Tensor, alignment: Tensor, mask: Tensor) -> Any:
        """`mels` is [B, n_mels, T], `text` [B, hidden_dim, L], `alignment` [B, L, T // 2], `mask` [B, L]."""
        _, prosodic = self.styles(mels)
        return self.predictor(text, prosodic, text_lengths, alignment, mask)


class StylesToDiffusion(Styles):
    """Whole clips -> both styles -> the loss of the denoiser; from diff_epoch on."""

    def __init__(
        self, style_encoder: nn.Module, predictor_encoder: nn.Module, diffusion: nn.Module, devices: int = 1
    ) -> None:
        super().__init__(style_encoder, predictor_encoder, devices)
        self.diffusion = on_devices(diffusion, devices)

    def forward(self, mels: Tensor, embedding: Tensor, reference_mels: Tensor | None = None) -> Any:
        """`mels` is [B, n_mels, T], `embedding` PLBERT's [B, L, C]; for many speakers there are `reference_mels`."""
        target = torch.cat(self.styles(mels), dim=-1).unsqueeze(1)
        if reference_mels is None:
            whole: Any = self.diffusion.module if isinstance(self.diffusion, Replicas) else self.diffusion
            return whole.diffusion(target, embedding=embedding)  # the scripts go past the replicas here
        reference = reference_mels.unsqueeze(1)
        features = torch.cat([self.style_encoder(reference), self.predictor_encoder(reference)], dim=1)
        return self.diffusion(target, embedding=embedding, features=features)


class StylesToSLMAdversarial(Styles):
    """Whole clips -> both styles -> the predictor as slmadv.py calls it first; from joint_epoch on.

    The script takes these styles, or samples of their shape from the denoiser.
    """

    def __init__(
        self, style_encoder: nn.Module, predictor_encoder: nn.Module, predictor: nn.Module, devices: int = 1
    ) -> None:
        super().__init__(style_encoder, predictor_encoder, devices)
        self.predictor = on_devices(predictor, devices)

    def forward(self, mels: Tensor, text: Tensor, text_lengths: Tensor, mask: Tensor) -> Any:
        """`mels` is [B, n_mels, T], `text` [B, hidden_dim, L], `mask` [B, L]."""
        styles = torch.cat(self.styles(mels), dim=-1)
        alignment = torch.randn(text_lengths.shape[0], text_lengths.max(), SLMADV_FRAMES)  # type: ignore[arg-type]
        return self.predictor(text, styles[:, SLMADV_STYLE:], text_lengths, alignment, mask)


class PitchToDecoder(nn.Module):
    """A crop of the recording -> its pitch, energy and style -> the decoder, as all of the scripts call it."""

    def __init__(
        self, style_encoder: nn.Module, pitch_extractor: nn.Module, decoder: nn.Module, devices: int = 1
    ) -> None:
        super().__init__()
        self.style_encoder = on_devices(style_encoder, devices)
        self.pitch_extractor = on_devices(pitch_extractor, devices)
        self.decoder = on_devices(decoder, devices)

    def forward(self, mels: Tensor, text: Tensor) -> Any:
        """`mels` is [B, n_mels, 2c], `text`, aligned, [B, hidden_dim, c]."""
        mel = mels.unsqueeze(1)
        style = self.style_encoder(mel)
        pitch, _, features = self.pitch_extractor(mel)
        features.reshape(features.shape[0], features.shape[1] * 2, features.shape[2], 1).squeeze()
        return self.decoder(text, pitch, _energy(mel).squeeze(1), style)


class WaveformsToSLM(nn.Module):
    """Real and generated waveforms -> the SLM's features, as train_second.py and train_finetune.py compare them."""

    def __init__(self, slm: nn.Module, devices: int = 1) -> None:
        super().__init__()
        self.loss = on_devices(SLMFeatures(slm), devices)

    def forward(self, real: Tensor, generated: Tensor) -> Any:
        """[B, 1, N] each, at the SLM's own rate."""
        return self.loss(real.squeeze(), generated.squeeze())


class SLMFeatures(nn.Module):
    """The two calls in WavLMLoss; the one for the generated waveform squeezes it once more."""

    def __init__(self, slm: nn.Module) -> None:
        super().__init__()
        self.slm = slm

    def forward(self, real: Tensor, generated: Tensor) -> Any:
        self.slm(input_values=real, output_hidden_states=True)
        self.slm(input_values=generated.squeeze(), output_hidden_states=True)
        return real.sum()


class Replicas(nn.Module):
    """What nn.DataParallel does with shapes, on any device: inputs in chunks, a call for each, outputs joined again.

    Equal chunks only. A chunk of one beside a larger one is refused by the joining itself where an output has lost its
    batch axis.
    """

    def __init__(self, module: nn.Module, devices: int) -> None:
        super().__init__()
        self.module = module
        self.devices = devices

    def forward(self, *inputs: Tensor, **keyword_inputs: Tensor) -> Any:
        chunks = [tensor.chunk(self.devices) for tensor in (*inputs, *keyword_inputs.values())]
        outputs: list[Any] = []
        for chunk in zip(*chunks, strict=True):
            keywords = dict(zip(keyword_inputs, chunk[len(inputs) :], strict=True))
            outputs.append(self.module(*chunk[: len(inputs)], **keywords))
        return _joined(outputs)


def on_devices(module: nn.Module, devices: int) -> nn.Module:
    """The module as the scripts wrap it; nn.DataParallel on one device calls it as it is."""
    return module if devices == 1 else Replicas(module, devices)


def _joined(outputs: list[Any]) -> Any:
    if len(outputs) == 1:
        return outputs[0]
    if isinstance(outputs[0], tuple):
        return tuple(_joined(list(parts)) for parts in zip(*outputs, strict=True))
    return torch.stack(outputs) if outputs[0].dim() == 0 else torch.cat(outputs)


def _energy(mel: Tensor) -> Tensor:
    """log_norm of utils.py: the log of the energy of a normalized log mel [B, 1, n_mels, T] -> [B, 1, T]."""
    return torch.log(torch.exp(mel * 4 - 4).norm(dim=2))
