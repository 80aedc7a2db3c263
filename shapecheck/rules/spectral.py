"""Short-time Fourier transforms."""

from __future__ import annotations

from typing import Any

import torch

from shapecheck.lengths.swept import Int, Undecidable, is_plain
from shapecheck.rules.call import Call, NoRule
from shapecheck.tensor import Order, SweptTensor, dims_of, make

_COMPLEX = {torch.float32: torch.complex64, torch.float64: torch.complex128}
_REAL = {complex_type: real for real, complex_type in _COMPLEX.items()}


def stft(
    call: Call,
    input: torch.Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: torch.Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> SweptTensor:
    dims = dims_of(input)
    hop_length = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    plain = all(is_plain(number) and number >= 1 for number in (n_fft, hop_length, win_length))
    if not plain or win_length > n_fft or len(dims) not in (1, 2) or not return_complex or align_to_window is not None:
        raise NoRule
    if input.dtype not in _COMPLEX or pad_mode not in ("reflect", "constant", "replicate"):
        raise NoRule
    if window is not None and (dims_of(window) != (win_length,) or window.dtype != input.dtype):
        raise NoRule
    call.positive(*dims)
    size = dims[-1]
    if center:
        half = n_fft // 2
        if pad_mode == "reflect":
            call.need(size >= half + 1)
        size = size + 2 * half
    call.need(size >= n_fft)
    bins = n_fft // 2 + 1 if onesided in (None, True) else n_fft
    frames = (size - n_fft) // hop_length + 1
    # computed frame by frame and returned transposed
    order = Order((1, 0) if len(dims) == 1 else (0, 2, 1))
    return make((*dims[:-1], bins, frames), _COMPLEX[input.dtype], order)


def istft(
    call: Call,
    input: torch.Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: torch.Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: Int | None = None,
    return_complex: bool = False,
) -> SweptTensor:
    dims = dims_of(input)
    hop_length = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    plain = all(is_plain(number) and number >= 1 for number in (n_fft, hop_length, win_length))
    if not plain or len(dims) not in (2, 3) or length is not None or return_complex or onesided is False or not center:
        raise NoRule
    if input.dtype not in _REAL or not hop_length <= win_length <= n_fft:
        raise NoRule
    if window is not None and (dims_of(window) != (win_length,) or window.dtype != _REAL[input.dtype]):
        raise NoRule
    call.positive(*dims)
    call.need_equal(dims[-2], n_fft // 2 + 1)
    frames = dims[-1]
    size = (frames - 1) * hop_length + n_fft - 2 * (n_fft // 2)  # n_fft + hop (frames - 1), less n_fft // 2 at both ends
    for few in _frames_not_covered(n_fft, hop_length, win_length, window):
        call.need(frames != few)
    call.need(size >= 1)
    return make((*dims[:-2], size), _REAL[input.dtype])


def _frames_not_covered(n_fft: int, hop_length: int, win_length: int, window: torch.Tensor | None) -> list[int]:
    """Numbers of frames for which the overlapping windows leave a sample uncovered ("window overlap add min").

    The sum of the squared windows over the trimmed signal depends on the number of frames only up to 2 * ceil(n_fft / hop):
    from there on both ends and the periodic middle are there, and more frames add only more of the middle.
    """
    if window is None:
        weights = torch.ones(win_length)
    elif type(window) is not torch.Tensor or window.is_meta:
        raise Undecidable("istft depends on the values of its window, which are not there")
    else:
        weights = window.detach().double()
    left = (n_fft - win_length) // 2
    squared = torch.zeros(n_fft, dtype=torch.float64)
    squared[left : left + win_length] = weights**2
    enough = 2 * -(-n_fft // hop_length) + 1
    uncovered: list[int] = []
    for frames in range(1, enough + 1):
        total = torch.zeros(n_fft + hop_length * (frames - 1), dtype=torch.float64)
        for frame in range(frames):
            total[frame * hop_length : frame * hop_length + n_fft] += squared
        inner = total[n_fft // 2 : len(total) - n_fft // 2]
        if inner.numel() and float(inner.min()) <= 1e-11:
            uncovered.append(frames)
    if enough in uncovered:
        raise NoRule
    return uncovered


ROWS: dict[Any, Any] = {
    torch.stft: stft,
    torch.Tensor.stft: stft,
    torch.istft: istft,
    torch.Tensor.istft: istft,
}

# the inverse looks at the values of its window
VALUES: dict[Any, Any] = {torch.istft: istft, torch.Tensor.istft: istft}
