"""Statements that part the tensor and join it again: branches of different strides, skips, chunks, a second input."""

from __future__ import annotations

from tests.fuzz.grammar import Lines, Writer, line, statement
from tests.fuzz.programs import Line


@statement(5, "bct")
def two_branches(w: Writer) -> Lines:
    """Two ways to a smaller length that agree for some lengths only."""
    stride, channels, length = w.integer(2, 4), w.channels, w.length

    def branch() -> str:
        made = f"nn.Conv1d({channels}, {channels}, {w.integer(1, 5)}, stride={stride}, padding={w.integer(0, 2)})"
        pool = f"nn.MaxPool1d({w.integer(2, 3)}, stride={stride}, ceil_mode={w.chance(0.5)})"
        return w.pick(
            f"{w.layer(made)}(x)",
            f"{w.layer(pool)}(x)",
            f"x[..., ::{stride}]",
            f"x[..., {stride - 1}::{stride}]",
            f"F.avg_pool1d(x, {stride})",
            f"F.interpolate(x, scale_factor=1 / {stride})",
            f"x.unfold(-1, {stride}, {stride})[..., 0]",
        )

    a, b = w.name("a"), w.name("b")
    lines = line(f"{a} = {branch()}", f"{b} = {branch()}")
    joined = w.pick("sum", "cat", "cat", "stack", "crop")
    w.resized(length // stride, 2 * channels if joined in ("cat", "stack") else channels)
    text = {
        "sum": f"{a} + {b}",
        "cat": f"torch.cat([{a}, {b}], 1)",
        "stack": f"torch.stack([{a}, {b}], 1).flatten(1, 2)",
        "crop": f"{a}[..., :{b}.shape[-1]] + {b}[..., :{a}.shape[-1]]",
    }[joined]
    return [*lines, Line(f"x = {text}")]


@statement(3, "bct")
def down_and_up(w: Writer) -> Lines:
    """Halved and doubled again, with skips: multiples of 2, 4 or 8."""
    depth, channels = w.integer(1, 3), w.channels
    skips = [w.name("skip") for _ in range(depth)]
    down: Lines = []
    up: Lines = []
    for skip in skips:
        half = w.pick(
            f"[[{w.name('down')}: nn.Conv1d({channels}, {channels}, 4, stride=2, padding=1)]](x)",
            f"[[{w.name('down')}: nn.Conv1d({channels}, {channels}, 3, stride=2, padding=1)]](x)",
            "F.max_pool1d(x, 2)",
            "F.avg_pool1d(x, 2, ceil_mode=True)",
        )
        double = w.pick(
            f"[[{w.name('up')}: nn.ConvTranspose1d({channels}, {channels}, 4, stride=2, padding=1)]](x)",
            "F.interpolate(x, scale_factor=2)",
            f"F.interpolate(x, size={skip}.shape[-1])",
            "x.repeat_interleave(2, dim=-1)",
        )
        down += line(f"{skip} = x", f"x = {half}")
        up = line(f"x = {double}", f"x = x + {skip}") + up
    w.resized(w.length)
    return [*down, *up]


@statement(3, "bct")
def residual(w: Writer) -> Lines:
    kernel, dilation = w.pick(1, 3, 3, 5, 2, 4), w.integer(1, 3)
    padding = dilation * (kernel - 1) // 2
    made = f"nn.Conv1d({w.channels}, {w.channels}, {kernel}, padding={padding}, dilation={dilation})"
    skip = w.name("skip")
    cropped = f"{skip}[..., :x.shape[-1]]" if w.chance(0.5) or kernel % 2 == 0 else skip
    return line(f"{skip} = x", f"x = {w.layer(made)}(x)", f"x = x + {cropped}")


@statement(3)
def parted(w: Writer) -> Lines | None:
    """Chunks, splits and slices of the time, joined again."""
    axis, n, step = w.time - len(w.dims), w.length, w.integer(2, 5)
    size = f"x.shape[{axis}]"
    length, text = w.pick(
        (n, f"x = torch.cat(x.chunk({step}, {axis}), {axis})"),
        (n, f"x = torch.cat(x.split({step}, dim={axis})[::-1], dim={axis})"),
        (n, f"x = torch.cat([part * 2 for part in x.tensor_split({step}, {axis})], {axis})"),
        (step, f"x = x.chunk({step}, {axis})[0]"),
        (step, f"x = x.split({step}, {axis})[1]"),
        (n // 2, f"x = sum(x.chunk(2, {axis}))"),
        (n // 2, f"x = x.chunk(2, {axis})[0] + x.chunk(2, {axis})[1]"),
        (n, f"x = torch.cat(x.split([{step}, {size} - {step}], {axis}), {axis})"),
        (n - n // 3, f"x = x.split([{size} // 3, {size} - {size} // 3], {axis})[1]"),
        (n, f"x = torch.stack(x.unbind({axis}), {axis})"),
        (n // step, f"x = torch.stack(x.split({step}, {axis})).sum(0)"),
        (n + n // 2, f"x = torch.cat([x, x.narrow({axis}, 0, {size} // 2)], {axis})"),
    )
    w.resized(length)
    return line(text)


@statement(1, "bct")
def halves(w: Writer) -> Lines:
    even = w.chance(0.5)
    n = w.length
    w.resized(n // 2)
    if even:
        return line("a, b = x[..., ::2], x[..., 1::2]", "x = a + b")
    return line("a, b = x.chunk(2, -1)", "x = a * b")


@statement(2, "bct")
def second_input(w: Writer) -> Lines | None:
    """Another input whose length follows from T, too."""
    if len(w.inputs) > 2:
        return None
    name, channels = w.name("z"), w.integer(1, 3)
    size = w.pick("T", "T // 2", "2T", "T + 3", "40", "T // 4 + 1")
    w.inputs.append((name, f"f32[{w.dims[0]}, {channels}, {size}]"))
    n = f"min(x.shape[-1], {name}.shape[-1])"
    text = w.pick(
        f"torch.cat([x, {name}[..., :x.shape[-1]]], 1)",
        f"torch.cat([x[..., :{n}], {name}[..., :{n}]], 1)",
        f"torch.cat([x, F.interpolate({name}, size=x.shape[-1])], 1)",
        f"torch.cat([x, F.pad({name}, (0, x.shape[-1] - {name}.shape[-1]))], 1)",
        f"torch.cat([F.pad(x, (0, {name}.shape[-1] - x.shape[-1])), {name}], 1)",
    )
    w.resized(min(w.length, 40), w.channels + channels)
    return line(f"x = {text}")


@statement(2)
def positions(w: Writer) -> Lines:
    """A table of fixed size bounds the length from above."""
    if w.form not in ("bct", "btc"):
        return line("x = x + torch.linspace(0, 1, x.shape[-1])")
    longest, channels = w.integer(w.length // 2, w.length + 30), w.channels
    if w.form == "bct":
        table = w.layer(f"nn.Parameter(torch.zeros(1, {channels}, {longest}))")
        text = w.pick(f"x + {table}[:, :, :x.shape[-1]]", f"x + {table}[..., :x.size(2)]")
    else:
        table = w.layer(f"nn.Embedding({longest}, {channels})")
        text = w.pick(
            f"x + {table}(torch.arange(x.shape[1]))",
            f"x + {table}(torch.arange(x.size(1), device=x.device).unsqueeze(0))",
            f"x + {table}.weight[None, :x.shape[1]]",
        )
    w.resized(min(w.length, longest))
    return line(f"x = {text}")
