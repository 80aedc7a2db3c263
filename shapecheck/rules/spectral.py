"""Short-time Fourier transforms."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from shapecheck.lengths.swept import Int, Undecidable, compare, is_plain, minimum
from shapecheck.rules.axes import is_number
from shapecheck.rules.call import Call, NoRule
from shapecheck.tensor import Order, SweptTensor, dims_of, is_surely_contiguous, make

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
    if len(dims) == 2 and (not center or n_fft == 1) and not is_surely_contiguous(input):
        return make((dims[0], bins, frames), _COMPLEX[input.dtype], call.lazy_strides())
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
) -> Any:
    dims = dims_of(input)
    hop_length = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    plain = all(is_plain(number) and number >= 1 for number in (n_fft, hop_length, win_length))
    if not plain or len(dims) not in (2, 3) or return_complex or input.dtype not in _REAL:
        raise NoRule
    if hop_length > win_length or win_length > n_fft:
        return call.refuse()
    real = _REAL[input.dtype]
    if window is not None:
        if dims_of(window) != (win_length,) or window.dtype not in _COMPLEX:
            raise NoRule
        real = torch.promote_types(real, window.dtype)
    if length is not None and (not is_number(length) or not (length >= 1)):
        raise NoRule
    call.positive(*dims)
    bins, frames = dims[-2:]
    two_sided = onesided is False or (onesided is None and bool(bins == n_fft))
    call.need_equal(bins, n_fft if two_sided else n_fft // 2 + 1)
    whole = n_fft + hop_length * (frames - 1)
    half = n_fft // 2
    start = half if center else 0
    if length is not None:
        stop: Int = minimum(start + length, whole)
    else:
        stop = whole - half if center else whole
        call.need(not center or half > 0)  # the end is x[..., :-0]
    call.need(stop > start)  # "min(): Expected reduction dim to be specified"
    _need_coverage(call, _Windows.of(n_fft, hop_length, win_length, window), frames, start, stop, whole)
    return make((*dims[:-2], stop - start if length is None else length), real)


@dataclass(frozen=True, slots=True)
class _Windows:
    """Which samples the overlapping windows leave uncovered ("window overlap add min"), by the number of frames.

    From `many` frames on, both ends are the same, whatever their number, and what is between them repeats itself.
    """

    few: tuple[tuple[int, ...], ...]  # for 1, 2, ... frames, less than `many`
    many: int
    near: tuple[int, ...]  # positions from the beginning, up to a whole period past the first end
    tail: tuple[int, ...]  # distances from the end

    @staticmethod
    def of(n_fft: int, hop_length: int, win_length: int, window: torch.Tensor | None) -> _Windows:
        if window is None:
            weights = torch.ones(win_length)
        elif type(window) is not torch.Tensor or window.is_meta:
            raise Undecidable("istft depends on the values of its window, which are not there")
        else:
            weights = window.detach()
        left = (n_fft - win_length) // 2
        squared = torch.zeros(n_fft, dtype=weights.dtype)
        squared[left : left + win_length] = weights**2
        many = 2 * -(-n_fft // hop_length) + 1
        envelope = torch.zeros(n_fft + hop_length * (many - 1), dtype=weights.dtype)
        uncovered: list[tuple[int, ...]] = []
        for frames in range(1, many + 1):
            first = hop_length * (frames - 1)
            envelope[first : first + n_fft] += squared
            uncovered.append(tuple((envelope[: first + n_fft] < 1e-11).nonzero().reshape(-1).tolist()))
        whole, settled = len(envelope), hop_length * many  # later frames begin there
        near = tuple(p for p in uncovered[-1] if p < settled)
        tail = tuple(whole - p for p in uncovered[-1] if p >= settled)
        return _Windows(tuple(uncovered[:-1]), many, near, tail)


def _need_coverage(call: Call, windows: _Windows, frames: Int, start: int, stop: Int, whole: Int) -> None:
    """No uncovered sample in start..stop-1."""
    for count, positions in enumerate(windows.few, start=1):
        inside = [position for position in positions if position >= start]
        if inside:
            call.need(compare(frames, "!=", count) | compare(stop, "<=", inside[0]))
    fewer = compare(frames, "<", windows.many)
    inside = [position for position in windows.near if position >= start]
    if inside:
        call.need(fewer | compare(stop, "<=", inside[0]))
    if windows.tail:
        call.need(fewer | compare(stop, "<=", whole - max(windows.tail)))


ROWS: dict[Any, Any] = {
    torch.stft: stft,
    torch.Tensor.stft: stft,
    torch.istft: istft,
    torch.Tensor.istft: istft,
}

# the inverse looks at the values of its window
VALUES: dict[Any, Any] = {torch.istft: istft, torch.Tensor.istft: istft}
