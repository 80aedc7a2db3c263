"""The published package `styletts2` 0.1.6 as an oracle: its modules, and its three configurations built whole.

Nothing is downloaded and no weights are read. What the package imports and nobody has is stood in for, only while it is
imported, so that no other library ever sees a stand-in.
"""

from __future__ import annotations

import math
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch
import yaml
from torch import Tensor, nn
from torch.nn.utils.spectral_norm import SpectralNorm

CONFIGS = {"ft": "config_ft.yml", "libritts": "config_libritts.yml", "ljspeech": "config.yml"}


@cache
def published() -> SimpleNamespace:
    """The published modules by a short name: `published().models.StyleEncoder`, `published().asr.ASRCNN`."""
    names = {
        "models": "models",
        "hifigan": "Modules.hifigan",
        "istftnet": "Modules.istftnet",
        "discriminators": "Modules.discriminators",
        "diffusion": "Modules.diffusion.modules",
        "sampler": "Modules.diffusion.sampler",
        "asr": "Utils.ASR.models",
        "jdc": "Utils.JDC.model",
    }
    with _quiet():
        plbert = import_module("styletts2.Utils.PLBERT.util")  # imports transformers, which must not see a stand-in
    with _quiet(), _stand_ins():
        modules = {name: import_module(f"styletts2.{path}") for name, path in names.items()}
    return SimpleNamespace(plbert=plbert, **modules)


def config_path(config: str) -> Path:
    """The published file of a configuration named as in `CONFIGS`."""
    return _root() / "Configs" / CONFIGS[config]


@cache
def model_params(config: str) -> dict[str, Any]:
    """The section `model_params` of a published configuration; not to be changed by a caller."""
    return yaml.safe_load(config_path(config).read_text())["model_params"]


@cache
def build_published(config: str, device: str = "cpu") -> dict[str, nn.Module]:
    """Every module of a configuration in eval mode, made by the package's own `build_model`: 13 names, `bert` to `wd`.

    Cached for each device: a caller that changes a module's mode or weights changes it for all. Weights are random, and
    such that a parity test can fail: no two channels alike, and spectral norms that keep activations near 1.
    """
    with torch.device(device), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        modules = build_modules(model_params(config))
        if device != "meta":
            for module in modules.values():
                _tell_channels_apart(module)
                _settle_spectral_norms(module)
    return {name: module.eval() for name, module in modules.items()}


def build_modules(
    params: dict[str, Any], aligner: dict[str, Any] | None = None, plbert: dict[str, Any] | None = None
) -> dict[str, nn.Module]:
    """What the package's `build_model` makes of `model_params` on torch's default device; None: the published ones."""
    from munch import munchify

    package = published()
    with _quiet():
        text_aligner = package.asr.ASRCNN(**(aligner or _params("ASR")))
        pitch_extractor = package.jdc.JDCNet(num_class=1, seq_len=192)
        bert = package.plbert.CustomAlbert(package.plbert.AlbertConfig(**(plbert or _params("PLBERT"))))
        return dict(package.models.build_model(munchify(params), text_aligner, pitch_extractor, bert))


def _params(part: str) -> dict[str, Any]:
    return yaml.safe_load((_root() / "Utils" / part / "config.yml").read_text())["model_params"]


@torch.no_grad()
def _tell_channels_apart(module: nn.Module) -> None:
    """Changes the parameters and statistics that start as all zeros or ones; variances stay positive."""
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_floating_point() and tensor.numel() > 1 and bool((tensor == tensor.flatten()[0]).all()):
            tensor.add_(torch.rand_like(tensor) / 2)


def _settle_spectral_norms(module: nn.Module) -> None:
    """The power iterations that some steps of training do; without them the estimated norm is far too small."""
    for layer in module.modules():
        for hook in layer._forward_pre_hooks.values():
            if isinstance(hook, SpectralNorm):
                for _ in range(10):
                    hook.compute_weight(layer, do_power_iteration=True)


def _root() -> Path:
    return Path(import_module("styletts2").__path__[0])


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # weight_norm's and spectral_norm's deprecation, LSTM dropout with one layer
        yield


@contextmanager
def _stand_ins() -> Iterator[None]:
    """`torchaudio` has no build for every torch, and of scipy the package needs one window."""
    torchaudio, scipy = ModuleType("torchaudio"), ModuleType("scipy")
    functional, transforms, signal = (
        ModuleType(name) for name in ("torchaudio.functional", "torchaudio.transforms", "scipy.signal")
    )
    functional.create_dct = _create_dct  # type: ignore[attr-defined]
    torchaudio.functional, torchaudio.transforms = functional, transforms  # type: ignore[attr-defined]
    signal.get_window, scipy.signal = _get_window, signal  # type: ignore[attr-defined]
    modules = {module.__name__: module for module in (torchaudio, functional, transforms, scipy, signal)}
    before = {name: sys.modules.get(name) for name in modules}
    sys.modules.update(modules)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def _create_dct(n_mfcc: int, n_mels: int, norm: str | None) -> Tensor:
    """The DCT-II matrix [n_mels, n_mfcc] of `torchaudio.functional.create_dct`."""
    rows = torch.arange(float(n_mfcc)).unsqueeze(1)
    dct = torch.cos(math.pi / n_mels * (torch.arange(float(n_mels)) + 0.5) * rows)
    if norm is None:
        return (2 * dct).T
    dct[0] /= math.sqrt(2)
    return (dct * math.sqrt(2 / n_mels)).T


def _get_window(window: str, length: int, fftbins: bool) -> Any:
    """The periodic Hann window of `scipy.signal.get_window`, as a float64 array."""
    if window != "hann" or not fftbins:
        raise ValueError(f"the stand-in knows the periodic Hann window only, not {window!r}, fftbins={fftbins}")
    import numpy as np

    return 0.5 + 0.5 * np.cos(np.linspace(-np.pi, np.pi, length + 1))[:-1]
