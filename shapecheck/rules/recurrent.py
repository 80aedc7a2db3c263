"""Recurrent layers and packed sequences. Their kernels unroll time or read lengths, so these rules are always on."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import PackedSequence

from shapecheck.lengths.swept import Int, Undecidable, minimum
from shapecheck.rules.call import Call, NoRule, frozen
from shapecheck.tensor import Recipe, Strides, SweptTensor, dims_of, known_values, make, ordered

_LENGTHS = "_packed_lengths"  # set on the batch sizes of a packed sequence: the lengths it was packed from


def recurrent(call: Call, module: nn.RNNBase, input: Any, hx: Any = None) -> Any:
    """RNN, LSTM and GRU layers, batched or not, packed or padded."""
    width = module.proj_size or module.hidden_size
    directions = 2 if module.bidirectional else 1
    weight = module._flat_weights[0]
    packed = input if isinstance(input, PackedSequence) else None
    tensor: torch.Tensor = input if packed is None else packed.data  # pyright: ignore[reportAssignmentType]  # not packed
    dims = dims_of(tensor)
    if packed is not None:
        lengths = getattr(packed.batch_sizes, _LENGTHS, None)
        if lengths is None:
            raise Undecidable("a packed sequence that was not packed from known lengths")
        if len(dims) != 2:
            call.need(False)  # "input must have 2 dimensions"
            return None
        batch: Int = len(lengths)
        call.need_equal(dims[0], _sum(lengths))  # fewer rows where a length is longer than what was packed
    elif len(dims) == 3:
        batch = dims[0] if module.batch_first else dims[1]
        call.need((dims[1] if module.batch_first else dims[0]) >= 1)  # "Expected sequence length to be larger than 0"
    elif len(dims) == 2:
        batch = 1
        call.need(dims[0] >= 1)
    else:
        call.need(False)
        return None
    unchecked = packed is not None and isinstance(module, nn.LSTM)
    if unchecked and not (dims[-1] == module.input_size):
        raise Undecidable("some kernels take a packed sequence of a wrong width")
    call.need_equal(dims[-1], module.input_size)
    call.need(weight is None or tensor.dtype == weight.dtype)
    layers = module.num_layers * directions
    unbatched = packed is None and len(dims) == 2
    states = _states(module, hx)
    for state, size in zip(states, (width, module.hidden_size), strict=False):
        call.need_same_dtype(tensor, state)
        wanted: tuple[Int, ...] = (layers, size) if unbatched else (layers, batch, size)
        have = dims_of(state)
        if len(have) != len(wanted):
            call.need(False)
            continue
        for one, other in zip(have, wanted, strict=True):
            if unchecked and not (one == other):
                raise Undecidable("some kernels take hidden states of a wrong size with a packed sequence")
            call.need_equal(one, other)
    out_dims = (*dims[:-1], width * directions)
    strides: Strides = None
    if packed is None and len(dims) == 3 and module.batch_first:  # computed time first, returned transposed
        strides = ordered((1, 0, 2))
    output: Any = make(out_dims, tensor.dtype, strides)
    if packed is not None:
        output = PackedSequence(output, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)

    def state_of(size: int) -> SweptTensor:
        return make((layers, size) if unbatched else (layers, batch, size), tensor.dtype)

    if isinstance(module, nn.LSTM):
        return output, (state_of(width), state_of(module.hidden_size))
    return output, state_of(width)


def _states(module: nn.RNNBase, hx: Any) -> list[torch.Tensor]:
    """The hidden states as the layer takes them: two in a tuple for an LSTM, else one."""
    if hx is None:
        return []
    given: list[Any] = list(hx) if isinstance(module, nn.LSTM) and type(hx) is tuple else [hx]
    wanted = 2 if isinstance(module, nn.LSTM) else 1
    if len(given) != wanted or not all(isinstance(state, torch.Tensor) for state in given):
        raise NoRule
    return given


def _sum(lengths: list[Int]) -> Int:
    total: Any = 0
    for length in lengths:
        total = total + length
    return total


def cell(call: Call, module: nn.RNNCellBase, input: torch.Tensor, hx: Any = None) -> Any:
    """RNNCell, LSTMCell and GRUCell: one step in time, batched or not."""
    dims = dims_of(input)
    call.need(len(dims) in (1, 2))
    call.need_equal(dims[-1], module.input_size)
    call.need_same_dtype(input, module.weight_ih)
    call.positive(*dims)
    wanted = (*dims[:-1], module.hidden_size)
    for state in hx if isinstance(hx, (tuple, list)) else [] if hx is None else [hx]:
        have = dims_of(state)
        if len(have) != len(wanted):
            raise NoRule
        call.need_same_dtype(input, state)
        for one, other in zip(have, wanted, strict=True):
            call.need_equal(one, other)
    state = make(wanted, input.dtype)
    return (state, make(wanted, input.dtype)) if isinstance(module, nn.LSTMCell) else state


def pack(call: Call, input: torch.Tensor, lengths: torch.Tensor, batch_first: bool) -> tuple[SweptTensor, SweptTensor]:
    """What `pack_padded_sequence` calls, with the lengths sorted from long to short: (data, batch sizes)."""
    dims = dims_of(input)
    known = known_values(lengths)
    if len(dims) < 2:
        raise NoRule
    if known is None:
        raise Undecidable("pack_padded_sequence needs the values of its lengths")
    batch, time = (dims[0], dims[1]) if batch_first else (dims[1], dims[0])
    call.need_equal(batch, known.size)
    if known.size == 0:
        raise NoRule
    for size in dims:
        call.need(size >= 1)  # "Cannot pack empty tensors."
    rows: list[Int] = []
    for position, length in enumerate(known):
        call.need(length >= 1)  # "Length of all samples has to be greater than 0"
        if position:
            call.need(known[position - 1] >= length)
        rows.append(minimum(length, time))  # one that is too long is cut, and refused when the sequence is used
    sizes = make((known[0],), torch.int64, tainted=True)
    sizes._recipe = Recipe(_batch_sizes, (frozen(lengths),), {}, None)
    setattr(sizes, _LENGTHS, list(known))
    return make((_sum(rows), *dims[2:]), input.dtype), sizes


def _batch_sizes(lengths: torch.Tensor) -> torch.Tensor:
    """How many sequences are longer than 0, 1, 2, ... steps."""
    return (lengths[:, None] > torch.arange(int(lengths.max()))).sum(0)


def unpack(
    call: Call,
    data: torch.Tensor,
    batch_sizes: torch.Tensor,
    batch_first: bool,
    padding_value: float,
    total_length: Int,
) -> tuple[SweptTensor, SweptTensor]:
    """What `pad_packed_sequence` calls: (padded, lengths)."""
    known = getattr(batch_sizes, _LENGTHS, None)
    if known is None:
        raise Undecidable("a packed sequence that was not packed from known lengths")
    rest = dims_of(data)[1:]
    batch = len(known)
    call.need_equal(dims_of(data)[0], _sum(known))
    dims = (batch, total_length, *rest) if batch_first else (total_length, batch, *rest)
    # padded time first, returned transposed
    strides: Strides = ordered((1, 0, *range(2, len(dims)))) if batch_first else None
    values = np.empty(batch, dtype=object)
    values[:] = known
    return make(dims, data.dtype, strides), make((batch,), torch.int64, values=values)


def scatter(call: Call, input: torch.Tensor, dim: int, index: torch.Tensor, src: Any, **named: Any) -> SweptTensor:
    """`x.scatter_(0, index, src)` of small one-dimensional tensors of known values, as a permutation is inverted."""
    positions = known_values(index)
    values = known_values(src) if isinstance(src, torch.Tensor) else None
    own = dims_of(input)
    if type(input) is not SweptTensor or named or dim != 0 or len(own) != 1 or positions is None or values is None:
        raise NoRule
    if positions.shape != values.shape or positions.shape != own or not all(type(p) is int for p in positions):
        raise NoRule
    if sorted(positions) != list(range(len(positions))):
        raise NoRule
    inverse = np.empty(own, dtype=object)
    for position, value in zip(positions, values, strict=True):
        inverse[position] = value
    input._values, input._tainted = inverse, False
    return input


LEAF_ROWS: dict[Any, Any] = {
    nn.LSTM.forward: recurrent,
    nn.GRU.forward: recurrent,
    nn.RNN.forward: recurrent,
    nn.LSTMCell.forward: cell,
    nn.GRUCell.forward: cell,
    nn.RNNCell.forward: cell,
}

ALWAYS: dict[Any, Any] = {
    torch.Tensor.scatter_: scatter,
    torch._VF._pack_padded_sequence: pack,  # pyright: ignore[reportAttributeAccessIssue]
    torch._VF._pad_packed_sequence: unpack,  # pyright: ignore[reportAttributeAccessIssue]
}
