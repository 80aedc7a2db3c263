"""Statements that call layers: convolutions, pools, norms, recurrent layers and attention."""

from __future__ import annotations

from tests.fuzz.grammar import Lines, Writer, line, statement

_ACTIVATIONS = ("relu", "tanh", "sigmoid", "softplus", "gelu", "silu", "leaky_relu", "elu", "mish", "hardtanh")


def _convolved(size: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _transposed(size: int, kernel: int, stride: int, padding: int, dilation: int, output_padding: int) -> int:
    return (size - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1


def _wrapped(w: Writer, text: str) -> str:
    """Sometimes with a reparametrized weight."""
    if not w.chance(0.06):
        return text
    wrapper = w.pick("nn.utils.weight_norm", "nn.utils.parametrizations.weight_norm", "nn.utils.spectral_norm")
    return f"{wrapper}({text})"


def _options(**options: object) -> str:
    """Those that are not PyTorch's defaults."""
    defaults = {
        "stride": 1, "padding": 0, "dilation": 1, "output_padding": 0, "groups": 1, "bias": True, "ceil_mode": False,
        "padding_mode": "zeros", "count_include_pad": True,
    }  # fmt: skip
    return "".join(f", {key}={value!r}" for key, value in options.items() if value != defaults.get(key))


@statement(9, "bct")
def conv1d(w: Writer) -> Lines:
    channels = w.integer(1, 4)
    kernel, stride, dilation = w.pick(1, 2, 3, 3, 4, 5, 7), w.pick(1, 1, 1, 2, 2, 3), w.pick(1, 1, 1, 2, 3)
    padding: int | str = w.pick(0, 0, 0, 1, 2, 3, kernel // 2)
    if w.chance(0.12):
        padding = w.pick("same", "valid")
        stride = 1 if padding == "same" else stride
    mode = w.pick("zeros", "zeros", "zeros", "reflect", "replicate", "circular")
    made = f"nn.Conv1d({w.channels}, {channels}, {kernel}" + _options(
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=w.divisor(w.channels, channels) if w.chance(0.3) else 1,
        bias=w.chance(0.7),
        padding_mode=mode,
    )
    if padding == "same":
        length = w.length
    else:
        length = _convolved(w.length, kernel, stride, 0 if isinstance(padding, str) else padding, dilation)
    w.resized(length, channels)
    return line(f"x = {w.layer(_wrapped(w, made + ')'))}(x)")


@statement(4, "bct")
def conv_transpose1d(w: Writer) -> Lines | None:
    channels = w.integer(1, 4)
    kernel, stride, dilation = w.integer(1, 6), w.pick(1, 2, 2, 3), w.pick(1, 1, 1, 2)
    padding, output_padding = w.pick(0, 0, 1, 2, 3), w.integer(0, max(stride, dilation) - 1)
    made = f"nn.ConvTranspose1d({w.channels}, {channels}, {kernel}" + _options(
        stride=stride,
        padding=padding,
        output_padding=output_padding,
        groups=w.divisor(w.channels, channels) if w.chance(0.3) else 1,
        bias=w.chance(0.7),
        dilation=dilation,
    )
    w.resized(_transposed(w.length, kernel, stride, padding, dilation, output_padding), channels)
    return line(f"x = {w.layer(_wrapped(w, made + ')'))}(x)")


@statement(7, "bcht", "bcth")
def conv2d(w: Writer) -> Lines | None:
    channels = w.integer(1, 4)
    kernel, stride, dilation = ((w.integer(1, 4), w.integer(1, 4)), (w.pick(1, 1, 2), w.pick(1, 1, 2, 3)), (1, 1))
    if w.chance(0.3):
        dilation = (w.integer(1, 2), w.integer(1, 3))
    padding = w.pick((0, 0), (0, 0), (1, 1), (kernel[0] // 2, kernel[1] // 2), (w.integer(0, 2), w.integer(0, 2)))
    made = f"nn.Conv2d({w.channels}, {channels}, {kernel}" + _options(
        stride=stride,
        padding=padding,
        dilation=dilation,
        groups=w.divisor(w.channels, channels) if w.chance(0.3) else 1,
        padding_mode=w.pick("zeros", "zeros", "zeros", "reflect", "replicate", "circular"),
    )
    sizes = [_convolved(*each) for each in zip(w.dims[2:], kernel, stride, padding, dilation, strict=True)]
    w.becomes(w.dims[0], channels, *sizes)
    return line(f"x = {w.layer(_wrapped(w, made + ')'))}(x)")


@statement(2, "bcht", "bcth")
def conv_transpose2d(w: Writer) -> Lines | None:
    channels = w.integer(1, 3)
    kernel, stride = (w.integer(1, 4), w.integer(1, 4)), (w.pick(1, 1, 2), w.pick(1, 2, 3))
    padding = w.pick((0, 0), (1, 1), (0, w.integer(0, 2)))
    output_padding = (w.integer(0, stride[0] - 1), w.integer(0, stride[1] - 1))
    made = f"nn.ConvTranspose2d({w.channels}, {channels}, {kernel}" + _options(
        stride=stride, padding=padding, output_padding=output_padding
    )
    geometry = zip(w.dims[2:], kernel, stride, padding, (1, 1), output_padding, strict=True)
    w.becomes(w.dims[0], channels, *(_transposed(*each) for each in geometry))
    return line(f"x = {w.layer(made + ')')}(x)")


@statement(4, "bct")
def pool1d(w: Writer) -> Lines | None:
    kernel, stride = w.integer(1, 5), w.integer(1, 4)
    padding, ceil_mode = w.integer(0, kernel // 2), w.chance(0.5)
    kind = w.pick("max", "max", "avg", "lp")
    made = {"max": "nn.MaxPool1d(", "avg": "nn.AvgPool1d(", "lp": "nn.LPPool1d(2, "}[kind] + str(kernel)
    dilation = w.pick(1, 1, 2, 3) if kind == "max" else 1
    padding = 0 if kind == "lp" else padding
    options = {"stride": stride, "ceil_mode": ceil_mode, "padding": padding, "dilation": dilation}
    made += "".join(
        f", {key}={value}" for key, value in options.items() if value != {"padding": 0, "dilation": 1}.get(key)
    )
    w.resized(_convolved(w.length, kernel, stride, padding, dilation))
    return line(f"x = {w.layer(made + ')')}(x)")


@statement(2, "bcht", "bcth")
def pool2d(w: Writer) -> Lines | None:
    kernel, stride = (w.integer(1, 3), w.integer(1, 3)), (w.integer(1, 2), w.integer(1, 3))
    padding = w.pick((0, 0), (kernel[0] // 2, kernel[1] // 2))
    kind = w.pick("MaxPool2d", "AvgPool2d")
    made = f"nn.{kind}({kernel}, stride={stride}, padding={padding}, ceil_mode={w.chance(0.5)})"
    sizes = [_convolved(*each) for each in zip(w.dims[2:], kernel, stride, padding, (1, 1), strict=True)]
    w.becomes(*w.dims[:2], *sizes)
    return line(f"x = {w.layer(made)}(x)")


@statement(1, "bct")
def functional_pool(w: Writer) -> Lines | None:
    kernel = w.integer(1, 4)
    w.resized(_convolved(w.length, kernel, kernel, 0, 1))
    kind = w.pick("max_pool1d", "avg_pool1d")
    return line(f"x = F.{kind}(x, {kernel}, ceil_mode={w.chance(0.5)})")


@statement(0.6, "bct")
def adaptive_pool(w: Writer) -> Lines:
    size = w.integer(1, 12)
    if w.chance(0.5):
        size, text = w.length // 2, "x.shape[-1] // 2"
    else:
        text = str(size)
    w.resized(size)
    kind = w.pick("adaptive_avg_pool1d", "adaptive_max_pool1d")
    return line(f"x = F.{kind}(x, {text})")


@statement(3, "bct", "bcht", "bcth")
def norm(w: Writer) -> Lines:
    rank = "1d" if w.form == "bct" else "2d"
    made = w.pick(
        f"nn.InstanceNorm{rank}({w.channels}, affine={w.chance(0.5)})",
        f"nn.BatchNorm{rank}({w.channels})",
        f"nn.GroupNorm({w.divisor(w.channels)}, {w.channels})",
    )
    return line(f"x = {w.layer(made)}(x)")


@statement(1, "btc")
def layer_norm(w: Writer) -> Lines:
    return line(f"x = {w.layer(f'nn.LayerNorm({w.channels})')}(x)")


@statement(0.5)
def norm_over_time(w: Writer) -> Lines:
    return line(
        w.pick(
            "x = F.layer_norm(x, x.shape[-1:])",
            "x = F.normalize(x, dim=-1)",
            "x = (x - x.mean(-1, keepdim=True)) / (x.std(-1, keepdim=True) + 1e-5)",
            "x = F.layer_norm(x.transpose(-1, -2), (x.shape[-2],)).transpose(-1, -2)",
        )
    )


@statement(2)
def activation(w: Writer) -> Lines:
    name = w.pick(*_ACTIVATIONS)
    return line(
        w.pick(
            f"x = F.{name}(x)",
            "x = x + torch.sin(x) ** 2",
            "x = x.softmax(-1)",
            "x = F.dropout(x, 0.2, self.training)",
            "x = x.clamp(min=0.1) * 2",
            "x = x.cumsum(-1)",
            "x = torch.where(x > 0, x, -x)",
        )
    )


@statement(1, "bct")
def glu(w: Writer) -> Lines | None:
    if w.channels % 2:
        return None
    w.resized(w.length, w.channels // 2)
    if w.chance(0.5):
        return line("x = F.glu(x, 1)")
    return line("a, b = x.chunk(2, 1)", "x = torch.tanh(a) * torch.sigmoid(b)")


@statement(1, "btc")
def linear(w: Writer) -> Lines:
    features = w.integer(1, 4)
    made = f"nn.Linear({w.channels}, {features})"
    w.resized(w.length, features)
    return line(f"x = {w.layer(made)}(x)")


@statement(2, "btc")
def recurrent(w: Writer) -> Lines:
    hidden, both, layers = w.integer(1, 3), w.chance(0.4), w.pick(1, 1, 2)
    made = f"nn.{w.pick('LSTM', 'GRU', 'RNN')}({w.channels}, {hidden}"
    made += f", num_layers={layers}" * (layers > 1) + ", bidirectional=True" * both
    w.resized(w.length, hidden * (1 + both))
    if w.chance(0.3):
        return line(f"x = {w.layer(made + ')')}(x.transpose(0, 1))[0].transpose(0, 1)")
    return line(f"x = {w.layer(made + ', batch_first=True)')}(x)[0]")


@statement(2, "btc")
def attention(w: Writer) -> Lines:
    channels = w.channels
    made = f"nn.MultiheadAttention({channels}, {w.divisor(channels)}, batch_first=True)"
    encoder = f"nn.TransformerEncoderLayer({channels}, {w.divisor(channels)}, 4, batch_first=True)"
    causal = "torch.ones(x.shape[1], x.shape[1]).tril().log()"
    return line(
        w.pick(
            f"x = {w.layer(made)}(x, x, x)[0]",
            f"x = {w.layer(made)}(x, x[:, {w.integer(0, 5)}:], x[:, {w.integer(0, 5)}:])[0]",
            f"x = {w.layer(made)}(x, x, x, attn_mask={causal}, need_weights=False)[0]",
            f"x = {w.layer(encoder)}(x)",
            "x = F.scaled_dot_product_attention(x, x, x)",
            f"x = F.scaled_dot_product_attention(x[:, ::{w.integer(1, 3)}], x, x, is_causal={w.chance(0.5)})",
            f"x = torch.softmax(x @ x.transpose(-1, -2) / {channels} ** 0.5, -1) @ x",
            "x = torch.einsum('bij,bjc->bic', torch.einsum('bic,bjc->bij', x, x), x)",
        )
    )
