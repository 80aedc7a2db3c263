"""Statements that change the shape: pads, slices, views, transposes, unfolds, and resizing."""

from __future__ import annotations

from tests.fuzz.grammar import Lines, Writer, line, statement


@statement(4, "bct")
def pad(w: Writer) -> Lines:
    left, right = w.integer(-2, 5), w.integer(-2, 5)
    kind = w.pick("constant", "constant", "reflect", "reflect", "replicate", "circular", "layer", "multiple", "varying")
    if kind == "constant":
        w.resized(w.length + left + right)
        return line(f"x = F.pad(x, ({left}, {right}))")
    if kind == "multiple":
        factor = w.pick(2, 3, 4, 8)
        w.resized(-(-w.length // factor) * factor)
        mode = w.pick("constant", "constant", "replicate", "reflect")
        return line(f"x = F.pad(x, (0, -x.shape[-1] % {factor}), {mode!r})")
    if kind == "varying":
        part = w.integer(2, 4)
        w.resized(w.length + w.length // part + abs(left))
        return line(
            f"x = F.pad(x, ({abs(left)}, x.shape[-1] // {part}), {w.pick('constant', 'reflect', 'circular')!r})"
        )
    left, right = abs(left), abs(right)
    w.resized(w.length + left + right)
    if kind == "layer":
        made = w.pick("ReflectionPad1d", "ReplicationPad1d", "ZeroPad1d", "CircularPad1d")
        return line(f"x = {w.layer(f'nn.{made}(({left}, {right}))')}(x)")
    return line(f"x = F.pad(x, ({left}, {right}), mode={kind!r})")


@statement(1.5, "bcht", "bcth")
def pad2d(w: Writer) -> Lines:
    amounts = [w.integer(0, 2) for _ in range(4)]
    mode = w.pick("constant", "reflect", "replicate", "circular")
    w.becomes(*w.dims[:2], w.dims[2] + amounts[2] + amounts[3], w.dims[3] + amounts[0] + amounts[1])
    return line(f"x = F.pad(x, {tuple(amounts)}, {mode!r})")


def _at(w: Writer, index: str) -> str:
    """An index of the time axis."""
    last = len(w.dims) - 1 - w.time
    if w.chance(0.5):
        return f"x[{':, ' * w.time}{index}]"
    return f"x[..., {index}{', :' * last}]"


@statement(5)
def slice_time(w: Writer) -> Lines | None:
    first, last, step = w.integer(0, 6), w.integer(1, 5), w.integer(2, 3)
    n, axis = w.length, w.time - len(w.dims)
    size = f"x.shape[{axis}]"
    length, text = w.pick(
        (n - first, _at(w, f"{first}:")),
        (n - last, _at(w, f":-{last}")),
        (n - first - last, _at(w, f"{first}:-{last}")),
        (-(-n // step), _at(w, f"::{step}")),
        ((n - first + step - 1) // step, _at(w, f"{first}::{step}")),
        (n - n // 2, _at(w, f"{size} // 2:")),
        (n // step, _at(w, f": {size} // {step}")),
        (n - n // step - first, _at(w, f"{first} : {size} - {size} // {step}")),
        (n - n % 4, _at(w, f": {size} // 4 * 4")),
        (min(n, 40), _at(w, f": max({size} - 8, 4)")),
        (min(n, 5), _at(w, f"{size} // 2 : {size} // 2 + 5")),
        (n - first - last, f"x.narrow({axis}, {first}, {size} - {first + last})"),
        (n // 2, f"x.narrow({axis}, {size} // 4, {size} // 2)"),
        (8, f"x.narrow({axis}, {first}, 8)"),
        (n - 1, f"x.diff(dim={axis})"),
        (n, f"x.flip({axis})"),
        (n, f"x.roll({first}, {axis})"),
        (min(n, 20), f"x.index_select({axis}, torch.arange(0, {size}, 2))"),
        (first + 1, f"x.topk({first + 1}, dim={axis})[0]"),
    )
    w.resized(length)
    return line(f"x = {text}")


@statement(1)
def one_step(w: Writer) -> Lines:
    """One step of the time, or a mean over it, and stretched again."""
    axis = w.time - len(w.dims)
    step = w.pick(*(f"x.select({axis}, {w.integer(-4, 5)}).unsqueeze({axis})", f"x.max({axis}, keepdim=True)[0]"))
    return line(f"x = x * {w.pick(step, f'x.mean({axis}, keepdim=True)')}")


@statement(4)
def transpose(w: Writer) -> Lines | None:
    dims = w.dims
    if w.form == "bct":
        w.becomes(dims[0], dims[2], dims[1], time=1)
    elif w.form == "btc":
        w.becomes(dims[0], dims[2], dims[1], time=2)
    elif len(dims) == 4:
        if w.chance(0.5):
            w.becomes(dims[0], dims[1], dims[3], dims[2], time=5 - w.time)
            return line(f"x = {w.pick('x.transpose(2, 3)', 'x.mT', 'x.permute(0, 1, 3, 2)', 'x.swapaxes(-1, -2)')}")
        w.becomes(dims[0], dims[2], dims[1], dims[3], time=3)
        return line("x = x.transpose(1, 2)") if w.time == 3 and w.form == "bcht" else None
    else:
        return None
    text = w.pick("x.transpose(1, 2)", "x.permute(0, 2, 1)", "x.mT", "x.transpose(-1, -2)", "x.movedim(1, -1)")
    return line(f"x = {text}{w.pick('', '', '.contiguous()')}")


@statement(4, "bct")
def fold_period(w: Writer) -> Lines:
    """The time in two axes; views that only some lengths allow."""
    batch, channels, length = w.dims
    period = w.integer(2, 6)
    text, dims, time = w.pick(
        (f"x.view({batch}, {channels}, -1, {period})", (length // period, period), 2),
        (f"x.reshape({batch}, x.shape[1], x.shape[2] // {period}, {period})", (length // period, period), 2),
        (f"x.view({batch}, {channels}, {period}, -1)", (period, length // period), 3),
        (f"x.unflatten(-1, (-1, {period}))", (length // period, period), 2),
        (f"x.unfold(-1, {period}, {period - 1})", ((length - period) // (period - 1) + 1, period), 2),
        (f"x.unfold(2, {period}, {period + 1})", ((length - period) // (period + 1) + 1, period), 2),
        (f"x.unfold(-1, x.shape[-1] // 4, {period})", ((length - length // 4) // period + 1, length // 4), 2),
    )
    w.becomes(batch, channels, *dims, time=time)
    return line(f"x = {text}")


@statement(5, "bcht", "bcth")
def unfold_period(w: Writer) -> Lines:
    """The two last axes in one, or one of them away."""
    batch, channels, high, wide = w.dims
    choice = w.integer(0, 4)
    if choice == 0:
        w.becomes(batch, channels, high * wide, time=2)
        return line(f"x = {w.pick('x.flatten(2)', 'x.reshape(*x.shape[:2], -1)', f'x.view({batch}, {channels}, -1)')}")
    if w.form == "bcth":
        if choice < 3:
            w.becomes(batch, channels, high, time=2)
            return line(f"x = {w.pick('x.mean(-1)', 'x.amax(3)', 'x[..., 0]', 'x.sum(dim=-1)', f'x[..., {wide - 1}]')}")
        w.becomes(batch, high, channels * wide, time=1)
        return line(f"x = x.transpose(1, 2).{w.pick('reshape', 'reshape', 'view')}({batch}, -1, {channels * wide})")
    if choice < 3:
        w.becomes(batch, channels, wide, time=2)
        return line(f"x = {w.pick('x.mean(2)', 'x.amax(-2)', 'x[:, :, 0]', 'x.select(2, -1)')}")
    w.becomes(batch, channels * high, wide, time=2)
    viewed = f"x.view({batch}, {channels * high}, -1)"
    return line(f"x = {w.pick('x.flatten(1, 2)', viewed, f'x.reshape({batch}, -1, x.shape[-1])')}")


@statement(2, "bct")
def up_a_rank(w: Writer) -> Lines:
    batch, channels, length = w.dims
    if w.chance(0.5):
        w.becomes(batch, 1, channels, length, time=3)
        last = w.pick("x.unsqueeze(-1).movedim(-1, 1)", "x[..., None].permute(0, 3, 1, 2)")  # as channels last
        return line(f"x = {w.pick('x.unsqueeze(1)', 'x.unsqueeze(1)', 'x[:, None]', last)}")
    w.becomes(batch, channels, 1, length, time=3)
    return line(f"x = {w.pick('x[:, :, None]', 'x.unsqueeze(-2)', 'x.unsqueeze(-1).mT')}")


@statement(3, "bct", "btc")
def flat(w: Writer) -> Lines:
    """Channels and time in one axis, or the channels away."""
    if w.chance(0.5):
        axis = 1 if w.form == "bct" else 2
        w.becomes(w.dims[0], w.length, time=1)
        return line(f"x = {w.pick(f'x.mean({axis})', f'x.select({axis}, 0)', f'x.sum({axis})')}")
    w.becomes(w.dims[0], w.dims[1] * w.dims[2], time=1)
    return line(f"x = {w.pick('x.flatten(1)', 'x.reshape(x.shape[0], -1)', f'x.view({w.dims[0]}, -1)')}")


@statement(6, "bt")
def from_flat(w: Writer) -> Lines:
    batch, length = w.dims
    channels = w.integer(2, 4)
    text, dims, time = w.pick(
        ("x.unsqueeze(1)", (1, length), 2),
        ("x[:, :, None]", (length, 1), 1),
        (f"x.unsqueeze(1).repeat(1, {channels}, 1)", (channels, length), 2),
        (f"x[:, None].expand(-1, {channels}, -1)", (channels, length), 2),
        (f"x.view({batch}, {channels}, -1)", (channels, length // channels), 2),
        (f"x.view({batch}, -1, {channels})", (length // channels, channels), 1),
        (f"x.view({batch}, -1, {channels}).transpose(1, 2)", (channels, length // channels), 2),
    )
    w.becomes(batch, *dims, time=time)
    return line(f"x = {text}")


@statement(4, "bct")
def interpolate(w: Writer) -> Lines:
    factor = w.pick(2, 2, 3, 0.5, 1.5, 0.75, 0.3, 1.25, 2.0, "1 / 3", 0.1)
    mode = w.pick("nearest", "nearest", "linear", "area", "nearest-exact")
    options = f", mode={mode!r}" * (mode != "nearest")
    if mode == "linear" and w.chance(0.5):
        options += ", align_corners=True"
    choice = w.integer(0, 5)
    if choice == 0:
        size = w.integer(2, 20)
        w.resized(size)
        return line(f"x = F.interpolate(x, size={size}{options})")
    if choice == 1:
        w.resized(w.length * 2 - 3)
        return line(f"x = F.interpolate(x, x.shape[-1] * 2 - 3{options})")
    w.resized(int(w.length * (1 / 3 if isinstance(factor, str) else factor)))
    if choice == 2 and "corners" not in options and mode != "area":
        made = f"nn.Upsample(scale_factor={factor}{options})"
        return line(f"x = {w.layer(made)}(x)")
    if choice == 3:
        options += ", recompute_scale_factor=True"
    return line(f"x = F.interpolate(x, scale_factor={factor}{options})")


@statement(1.5, "bcht", "bcth")
def interpolate2d(w: Writer) -> Lines:
    factors = w.pick(1, 2, 0.5), w.pick(1, 2, 0.5, 1.5)
    mode = w.pick("nearest", "bilinear", "bicubic", "area")
    w.becomes(*w.dims[:2], *(int(size * factor) for size, factor in zip(w.dims[2:], factors, strict=True)))
    return line(f"x = F.interpolate(x, scale_factor={factors}, mode={mode!r})")


@statement(1.5, "bcht", "bcth")
def unfold_image(w: Writer) -> Lines:
    batch, channels, high, wide = w.dims
    kernel = (w.integer(1, min(3, high)), w.integer(1, min(3, wide)))
    step = w.pick(1, 2)
    blocks = ((high - kernel[0]) // step + 1) * ((wide - kernel[1]) // step + 1)
    w.becomes(batch, channels * kernel[0] * kernel[1], blocks, time=2)
    return line(f"x = F.unfold(x, {kernel}, stride={step})")


@statement(4, "bt")
def stft(w: Writer) -> Lines:
    size = w.pick(4, 6, 8)
    hop, window = w.integer(1, size // 2), w.integer(size // 2, size)
    center = w.chance(0.6)
    options = f", hop_length={hop}, win_length={window}, window=torch.hann_window({window})"
    if not center:
        options += ", center=False"
    elif w.chance(0.4):
        options += f", pad_mode={w.pick('constant', 'replicate', 'circular')!r}"
    options += ", normalized=True" * w.chance(0.2)
    one_sided = w.chance(0.8)
    options += "" if one_sided else ", onesided=False"
    frames = (w.length if center else w.length - size) // hop + 1
    w.becomes(w.dims[0], size // 2 + 1 if one_sided else size, frames, time=2)
    return line(f"x = torch.stft(x, {size}{options}, return_complex=True).abs()")


@statement(3, "bct")
def istft(w: Writer) -> Lines | None:
    size = 2 * (w.channels - 1)
    if size < 4:
        return None
    hop = w.integer(1, size // 2)
    length = (w.length - 1) * hop
    w.becomes(w.dims[0], length, time=1)
    options = f", length=x.shape[-1] * {hop}" * w.chance(0.2)
    return line(f"x = torch.istft(torch.complex(x, x), {size}, hop_length={hop}, window=torch.ones({size}){options})")
