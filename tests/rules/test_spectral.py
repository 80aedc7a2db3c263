"""Short-time Fourier transforms beside eager: lengths, windows, the coverage that the inverse needs."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
import torch

from tests.rules.drawing import ANY, REAL, SIZES, Drawer, drawn
from tests.rules.oracle import Fact, facts

FORWARD = "\n".join(
    f"torch.stft(x, {arguments}, return_complex=True) :: {spec} :: {lengths}"
    for arguments in (
        "16", "16, 4, 16, w", "16, 4, window=w, center=False", "16, 5", "16, 4, 8, torch.hann_window(8)", "16, 4, 8, w",
        "16, 4, 20, torch.hann_window(20)", "16, 4, 8", "16, 4, window=w, onesided=False", "16, 4, window=w, pad_mode='constant'",
        "16, 4, window=w, pad_mode='replicate'", "16, 4, window=w, pad_mode='circular'", "15, 4", "15, 4, center=False",
        "16, 4, window=w, normalized=True", "16, 0", "0, 1", "1, 1", "16, 4, window=w.double()", "16, 4, window=ones(16, dtype=i64)",
        "16, 4, window=ones(16, dtype=c64)", "16, 4, window=w[: x.shape[-1]]", "x.shape[-1]",
    )
    for spec, lengths in (("f32[T]", "1:36"), ("f32[2, T]", "1:20"), ("f64[T]", "1:12"), ("i64[T]", "1:12"), ("f32[1, 1, T]", "1:3"), ("f32[T - 1]", "1:12"))
)  # fmt: skip

RESULTS = """
torch.stft(x, 16, 4, window=w, return_complex=True)                                   :: f32[2, T]   :: all, 14:24
torch.stft(x, 16, 4, window=w, center=False, return_complex=True)                     :: f32[2, T]   :: all, 14:24
torch.stft(x, 16, 4, window=w)                                                        :: f32[T]      :: 14:24
torch.stft(x, 16, 4, window=w, return_complex=False)                                  :: f32[T]      :: 14:24
torch.stft(x, 16, 4, window=w, return_complex=True).abs()                             :: f32[2, T]   :: 14:24
torch.stft(x, 16, 4, window=w, return_complex=True).angle()                           :: f32[2, T]   :: 14:24
torch.view_as_real(torch.stft(x, 16, 4, window=w, return_complex=True))               :: f32[2, T]   :: 14:24
torch.stft(x, 16, 4, window=w, return_complex=True).real                              :: f32[T]      :: 14:24
torch.stft(x, 16, 4, window=w, return_complex=True).abs().view(-1)                    :: f32[T]      :: 1:24
torch.stft(x, 16, 4, window=w, return_complex=True).abs().transpose(-1, -2).view(-1)  :: f32[T]      :: 1:24
torch.istft(torch.stft(x, 16, 4, window=w, return_complex=True), 16, 4, window=w)     :: f32[T]      :: 1:40
torch.istft(torch.stft(x, 16, 4, window=w, return_complex=True)[..., 2:], 16, 4, window=w) :: f32[2, T] :: 1:40
torch.istft(torch.stft(x, 16, 4, window=w, return_complex=True), 32, 8)               :: f32[T]      :: 1:20
torch.istft(torch.stft(x, 16, 4, window=w, return_complex=True), 16, 4, window=w)     :: f64[T]      :: 1:20
torch.istft(torch.stft(x, 16, 4, window=w, onesided=False, return_complex=True), 16, 4, window=w) :: f32[T] :: 1:20
torch.istft(torch.stft(x, 16, 4, window=w, onesided=False, return_complex=True), 16, 4, window=w, onesided=True) :: f32[T] :: 1:20
torch.istft(x, 16, 4, window=w)                                                       :: f32[9, T]   :: 1:6, open
torch.istft(x, 16, 4, window=w, return_complex=True)                                  :: c64[16, T]  :: 1:6, open
torch.fft.irfft(torch.fft.rfft(x))                                                    :: f32[2, T]   :: 1:12
"""

# every window shape with its hop: which numbers of frames leave a sample uncovered, at either end or in the middle
INVERSE = "\n".join(
    f"torch.istft(x, {n_fft}, {hop}, {width}, {window}({width}), center={center}, length={length}) :: c64[{n_fft // 2 + 1}, T] :: 1:14"
    for n_fft, hop, width in ((8, 3, 8), (8, 8, 8), (8, 5, 6), (7, 2, 7), (1, 1, 1), (9, 4, 5), (8, 9, 8))
    for window, center, length in product(
        ("torch.hann_window", "torch.hamming_window", "torch.bartlett_window", "half", "spike", "none"), (True, False), ("None", "5", "x.shape[-1]", "3 * x.shape[-1]")
    )
)  # fmt: skip

NAMES: dict[str, Any] = {
    "w": torch.hann_window(16),
    "half": lambda size: torch.cat([torch.zeros(size // 2), torch.ones(size - size // 2)]),
    "spike": lambda size: torch.eye(size)[size // 2],
    "none": lambda size: None,
}


@pytest.mark.parametrize("fact", facts(FORWARD, share=0.3, **NAMES) + facts(RESULTS, **NAMES))
def test_transforms(fact: Fact) -> None:
    fact.check()


@pytest.mark.parametrize("fact", facts(INVERSE, share=0.2, **NAMES))
def test_coverage_of_the_inverse(fact: Fact) -> None:
    fact.check()


@drawn()
def test_any_transform(d: Drawer) -> tuple[str, ...]:
    n_fft = d.whole(1, 12)
    width = d.one((n_fft, n_fft, max(n_fft // 2, 1), n_fft + 1))
    window = d.one((f"torch.hann_window({width})", f"torch.hamming_window({width})", f"ones({width})", "None"))
    options = f"{n_fft}, {d.one((1, 2, 3, n_fft, None))}, {width}, {window}"
    more = d.arguments(
        center=(True, False),
        pad_mode=("'reflect'", "'constant'", "'replicate'", "'circular'"),
        onesided=(True, False),
        normalized=(True, False),
    )
    batch = d.one(("", "2, ", "T, ", "1, 1, " if d.seldom(10) else ""))
    if d.whole(0, 1):
        sizes, dtype = d.one(("T", "2*T", "T + 6", "3*T")), d.one(("f32", "f32", "f64", d.one(ANY)))
        text = f"torch.stft(x, {options}{more}, return_complex=True)"
        return text, f"{dtype}[{batch}{sizes}]"
    more = d.arguments(
        center=(True, False), onesided=(True, False, None), length=(1, 5, 12, "x.shape[-1]", "4 * x.shape[-1]")
    )
    bins = d.one((n_fft // 2 + 1, n_fft // 2 + 1, n_fft, "T"))
    return (
        f"torch.istft(x, {options}{more})",
        f"{d.one(('c64', 'c64', 'c128', 'f32'))}[{batch}{bins}, {d.one(('T', 'T', '2*T', 'T - 1'))}]",
    )


@drawn()
def test_any_fourier_transform(d: Drawer) -> tuple[str, ...]:
    name, sizes = d.one(("fft", "ifft", "rfft", "irfft", "hfft", "fftn", "rfft2", "fftshift")), d.some(0, 3, SIZES)
    arguments = f", dim={d.axis(len(sizes))}" if name not in ("fftn", "rfft2", "fftshift") else ""
    arguments += d.arguments(n=(1, 4, "x.shape[-1]"), norm=("'ortho'", "'forward'")) if arguments else ""
    return f"torch.fft.{name}(x{arguments})", f"{d.one(d.one((REAL, ('c64', 'c128'), ANY)))}[{', '.join(sizes)}]"
