"""Statements with integer tensors: lengths as values, ranges, masks, packed sequences."""

from __future__ import annotations

from tests.fuzz.grammar import Lines, Writer, line, statement


def _lengths(w: Writer) -> str:
    """The name of the input that holds lengths, one for each of the batch."""
    for name, spec in w.inputs:
        if spec.startswith("i64"):
            return name
    name = w.name("n")
    batch = w.dims[0]
    value = w.pick("T", "T", "T // 2 + 1", "max(T - 3, 1)")
    other = w.pick("T // 2", "T - T // 3", "1")
    values = value if batch == 1 or w.chance(0.3) else f"[{value}, {other}]"
    w.inputs.append((name, f"i64[{batch}] = {values}"))
    return name


@statement(2, "bct", "btc", "bt")
def mask(w: Writer) -> Lines | None:
    if w.depth:
        return None
    name, made = _lengths(w), w.name("mask")
    size = w.pick(f"int({name}.max())", f"x.shape[{w.time}]", f"{name}.max()", f"x.shape[{w.time}]")
    shaped = {"bct": f"{made}[:, None]", "btc": f"{made}[..., None]", "bt": made}[w.form]
    text = w.pick(f"x.masked_fill(~{shaped}, 0.0)", f"x * {shaped}", f"torch.where({shaped}, x, 0.0)")
    return line(f"{made} = torch.arange({size})[None] < {name}[:, None]", f"x = {text}")


@statement(2, "bct", "btc", "bt")
def slice_by_value(w: Writer) -> Lines | None:
    if w.depth:
        return None
    name = _lengths(w)
    k = w.integer(2, 4)
    first, last = w.pick(
        ("", f"int({name}[0])"),
        ("", f"{name}.max().item() // {k}"),
        (f"{name}[0] // {k}", ""),
        (f"int({name}.min()) // {k}", f"int({name}.max())"),
    )
    w.resized(w.length - w.length // k)
    return line(f"x = x[{':, ' * w.time}{first}:{last}]")


@statement(1, "bct")
def padded_to_value(w: Writer) -> Lines | None:
    if w.depth:
        return None
    name = _lengths(w)
    return line(f"x = F.pad(x, (0, int({name}.max()) - x.shape[-1]))")


@statement(1.5, "btc")
def packed(w: Writer) -> Lines | None:
    if w.depth:
        return None
    name, hidden = _lengths(w), w.integer(1, 3)
    made = f"nn.{w.pick('LSTM', 'GRU')}({w.channels}, {hidden}, batch_first=True)"
    p = w.name("packed")
    w.resized(w.length, hidden)
    sequence = f"nn.utils.rnn.pack_padded_sequence(x, {name}, batch_first=True, enforce_sorted=False)"
    total = w.pick("", "", ", total_length=x.shape[1]")
    padded = f"nn.utils.rnn.pad_packed_sequence({p}, batch_first=True{total})[0]"
    return line(f"{p} = {w.layer(made)}({sequence})[0]", f"x = {padded}")


@statement(1.5)
def ranges(w: Writer) -> Lines:
    axis, k = w.time - len(w.dims), w.integer(2, 4)
    size = f"x.shape[{axis}]"
    length, text = w.pick(
        (-(-w.length // k), f"torch.arange(0, {size}, {k})"),
        (w.length - k, f"torch.arange({k}, {size})"),
        (w.length // 2, f"torch.arange({size} // 2) * 2"),
        (k, f"torch.tensor([0, {size} // 2, {size} - 1, {k}])"),
        (w.length, f"torch.arange({size} - 1, -1, -1)"),
        (w.length, f"torch.arange({size}).clamp(max={k * 5})"),
        (w.length // k, f"torch.linspace(0, {size} - 1, {size} // {k}).long()"),
    )
    w.resized(length)
    return line(f"x = x.index_select({axis}, {text})")
