"""Recurrent layers and packed sequences beside eager."""

from __future__ import annotations

import copy
from itertools import product
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pack_sequence, pad_packed_sequence, pad_sequence

from tests.rules.drawing import ANY, REAL, Drawer, drawn
from tests.rules.oracle import Fact, differences, facts

KINDS = (nn.LSTM, nn.GRU, nn.RNN)
SETTINGS = (
    {},
    {"batch_first": True},
    {"bidirectional": True, "batch_first": True},
    {"num_layers": 2, "bidirectional": True},
    {"bias": False},
)
SPECS = ("f32[2, T, 3]", "f32[T, 2, 3]", "f32[T, 3]", "f32[2, 3, T]", "f32[T]", "f32[1, 2, T, 3]", "f32[2, T - 1, 3]", "f32[T - 1, 2, 3]",
         "f32[T - 1, 3]", "f64[2, T, 3]", "f16[2, T, 3]", "i64[2, T, 3]", "f32[T, T, 3]")  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "options"), [*product(KINDS, SETTINGS), (nn.LSTM, {"proj_size": 2, "batch_first": True})]
)
def test_layers(kind: Any, options: dict[str, object]) -> None:
    module = kind(3, 5, **options)
    for spec in SPECS:
        problems = differences(lambda x: module(x), spec, lengths=(1, 4))
        assert not problems, (spec, problems[:3])
    problems = differences(
        lambda x: module(x), "f32[2, T, 3]", lengths=(1, 3), layouts=("transposed", "outer", "sliced", "expanded")
    )
    assert not problems, problems[:3]


def states(kind: type[nn.RNNBase], *sizes: int) -> object:
    return (torch.zeros(*sizes), torch.zeros(*sizes)) if kind is nn.LSTM else torch.zeros(*sizes)


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_states(kind: Any) -> None:
    first, deep = kind(3, 5, batch_first=True), kind(3, 5, num_layers=2, bidirectional=True)
    cases = {
        "fixed": lambda x: first(x, states(kind, 1, 2, 5)),
        "of the batch": lambda x: first(x, states(kind, 1, x.shape[0], 5)),
        "of the time": lambda x: first(x, states(kind, 1, x.shape[1], 5)),
        "too many": lambda x: first(x, states(kind, 2, 2, 5)),
        "too few axes": lambda x: first(x, states(kind, 1, 5)),
        "deep": lambda x: deep(x, states(kind, 4, x.shape[1], 5)),
        "unbatched": lambda x: first(x[0], states(kind, 1, 5)),
        "unbatched, three axes": lambda x: first(x[0], states(kind, 1, 1, 5)),
        "none": lambda x: first(x, None),
        "by name": lambda x: first(input=x, hx=states(kind, 1, 2, 5)),
        "output viewed": lambda x: first(x)[0].view(2, -1),
        "last state viewed": lambda x: (deep(x)[1][0] if kind is nn.LSTM else deep(x)[1]).view(2, 2, -1, 5),
        "half": lambda x: copy.deepcopy(first).half()(x.half()),
        "double": lambda x: copy.deepcopy(first).double()(x.double()),
        "mixed": lambda x: first(x.double()),
    }
    for name, run in cases.items():
        for spec in ("f32[2, T, 3]", "f32[T, 2, 3]"):
            problems = differences(run, spec, lengths=(1, 4))
            assert not problems, (name, spec, problems[:3])


CELLS = "\n".join(
    f"{name}(x) :: {spec} :: 1:5"
    for name, spec in product(("lstm", "gru", "rnn"), ("f32[T, 3]", "f32[2, T]", "f32[T]", "f32[3]", "f64[T, 3]"))
)


@pytest.mark.parametrize("fact", facts(CELLS, lstm=nn.LSTMCell(3, 5), gru=nn.GRUCell(3, 5), rnn=nn.RNNCell(3, 5)))
def test_cells(fact: Fact) -> None:
    fact.check()


LSTM = nn.LSTM(3, 5, batch_first=True)
GRU = nn.GRU(3, 5, batch_first=True, bidirectional=True)

PACKED = """
through(x, y)                                                       :: f32[1, T, 3] & i64[1] = T              :: 1:8
through(x, y)                                                       :: f32[1, 5, 3] & i64[1] = T              :: 1:8
through(x, y)                                                       :: f32[2, T, 3] & i64[2] = [T, T // 2]    :: 1:8
through(x, y)                                                       :: f32[2, T, 3] & i64[2] = [T // 2, T]    :: 1:8
through(x, y, enforce_sorted=False)                                 :: f32[2, T, 3] & i64[2] = [T // 2, T]    :: 1:8
through(x, y, enforce_sorted=False)                                 :: f32[2, T, 3] & i64[2] = [T, 3]         :: 1:8
through(x, y, enforce_sorted=False)                                 :: f32[3, 2*T, 3] & i64[3] = [T, 2*T, 3]  :: 1:8
through(x, y, enforce_sorted=False)                                 :: f32[3, T, 3] & i64[3] = T              :: 1:8
through(x, y, enforce_sorted=False)                                 :: f32[2, T, 3] & i64[2] = 3              :: 1:8
through(x, y)                                                       :: f32[1, T, 3] & i64[1] = T - 2          :: 2:8
through(x, y)                                                       :: f32[1, T, 3] & i64[1] = T + 1          :: 1:8
through(x, y)                                                       :: f32[3, T, 3] & i64[2] = [T, T]         :: 1:8
through(x, y)                                                       :: f32[1, T, 3] & i32[1] = T              :: 1:8
through(x, y)                                                       :: f32[1, T, 3] & i64[1]                  :: 1:8, open
unpack(gru(pack(x, [x.shape[1], 1], batch_first=True))[0], batch_first=True)              :: f32[2, T, 3]     :: 1:8
unpack(gru(pack(x, [x.shape[1]] * 2, batch_first=True))[0], batch_first=True, total_length=10) :: f32[2, T, 3] :: 1:12
unpack(gru(pack(x, index(3, 2), batch_first=True))[0], batch_first=True, total_length=x.shape[1]) :: f32[2, T, 3] :: 1:8
unpack(lstm(pack(x, index(3, 2), batch_first=True))[0])             :: f32[2, T, 3]                           :: 1:8
lstm(pack(x, [x.shape[1], 1], batch_first=True), (zeros(1, 2, 5), zeros(1, 2, 5)))[1] :: f32[2, T, 3]         :: 1:8
gru(pack(x, [x.shape[1], 1], batch_first=True), zeros(2, 3, 5))[1]  :: f32[2, T, 3]                           :: 1:8
unpack(gru(pack(x.transpose(0, 1), [x.shape[1], 1]))[0])            :: f32[2, T, 3]                           :: 1:8
unpack(lstm(pack(x, [x.shape[1], 1], batch_first=True))[0], batch_first=True)[0].view(2, -1) :: f32[2, T, 3]  :: 1:8
unpack(lstm(pack(x, [x.shape[1], 1], batch_first=True))[0])[0].view(-1, 10) :: f32[2, T, 3]                   :: 1:8
pack(x, [x.shape[1], 1], batch_first=True).data                     :: f32[2, T, 3]                           :: 1:8
pack(x[..., None], [x.shape[1], 1], batch_first=True).data          :: f32[2, T, 3]                           :: 1:8
pack(x[..., 0], [x.shape[1], 1], batch_first=True).data             :: f32[2, T, 3]                           :: 1:8
pad_sequence([x[0], x[1, :2]], batch_first=True)                    :: f32[2, T, 3]                           :: 1:8
lstm(pack_sequence([x[0], x[1, :1]]))[1]                            :: f32[2, T, 3]                           :: 1:8
unpack(gru(pack(x, [x.shape[1], 1], batch_first=True))[0], batch_first=True)[1] :: f32[2, T, 3]               :: 1:8
"""


def through(x: torch.Tensor, lengths: torch.Tensor, **options: bool) -> object:
    return pad_packed_sequence(LSTM(pack_padded_sequence(x, lengths, batch_first=True, **options))[0], batch_first=True)


@pytest.mark.parametrize(
    "fact",
    facts(
        PACKED,
        through=through,
        lstm=LSTM,
        gru=GRU,
        pack=pack_padded_sequence,
        unpack=pad_packed_sequence,
        pack_sequence=pack_sequence,
        pad_sequence=pad_sequence,
    ),
)
def test_packed_sequences(fact: Fact) -> None:
    fact.check()


@drawn()
def test_any_recurrent_layer(d: Drawer) -> tuple[str, ...]:
    kind, width = d.one(("LSTM", "GRU", "RNN")), d.whole(1, 4)
    options = d.arguments(num_layers=(1, 2), batch_first=(True, False), bidirectional=(True, False), bias=(True, False))
    if kind == "LSTM" and width > 1 and d.seldom(4):
        options += ", proj_size=1"
    sizes = (
        [d.one(("T", "2", "1", "T - 1")) for _ in range(d.one((2, 1, 1, 0, 3)))] if d.seldom(4) else d.order(["T", "2"])
    )
    dtype = d.one(ANY) if d.seldom() else "f32"
    state = ""
    if d.seldom(3):
        of = f"zeros({d.one((1, 1, 2))}, {d.one(('x.shape[0]', 'x.shape[1]', '2'))}, {width})"
        state = f", ({of}, {of})" if kind == "LSTM" else f", {of}"
    text = f"nn.{kind}(3, {width}{options}).eval()(x{state})"
    return d.one(
        (text, text, f"{text}[0].reshape(-1)", f"{text}[1]")
    ), f"{dtype}[{', '.join([*sizes, d.one(('3', '3', '3', 'T'))])}]"


@drawn(unknown="which PyTorch accepts")
def test_any_cell(d: Drawer) -> tuple[str, ...]:
    kind, sizes = d.one(("LSTM", "GRU", "RNN")), d.some(0, 2, ("T", "2", "T - 1")) if d.seldom(4) else ["T"]
    return (
        f"nn.{kind}Cell(3, 2)(x)",
        f"{d.one(REAL) if d.seldom() else 'f32'}[{', '.join([*sizes, d.one(('3', '3', 'T'))])}]",
    )


@drawn(unknown="which PyTorch accepts")
def test_any_packing(d: Drawer) -> tuple[str, ...]:
    first, batch = d.one((True, False)), d.whole(1, 3)
    sizes = [str(batch), d.one(("T", "2*T", "5"))]
    lengths = ", ".join(d.one(("T", "T", "2*T", "3", "T // 2", "1", "T - 1")) for _ in range(batch))
    pack = f"torch.nn.utils.rnn.pack_padded_sequence(x, y, batch_first={first}, enforce_sorted={d.one((False, False, True))})"
    unpack = d.one(
        (f"torch.nn.utils.rnn.pad_packed_sequence({pack}, batch_first={d.one((True, False))})", f"{pack}.data")
    )
    return unpack, f"f32[{', '.join([*(sizes if first else sizes[::-1]), '3'])}]", f"i64[{batch}] = [{lengths}]"
