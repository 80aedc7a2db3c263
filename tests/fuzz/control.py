"""Statements around statements: branches, loops and refusals on sizes, handlers, helper functions, submodules."""

from __future__ import annotations

from tests.fuzz.grammar import Lines, Writer, line, statement
from tests.fuzz.programs import Block, Line, Part

_DEEPEST = 2


def _size(w: Writer) -> str:
    axis = w.time - len(w.dims)
    return w.pick(f"x.shape[{axis}]", f"x.size({axis})", f"x.shape[{w.time}]")


def _condition(w: Writer) -> str:
    """True for some lengths and false for others, most likely; true at the longest is as likely as false."""
    size, k, bound = _size(w), w.integer(2, 5), w.integer(1, max(2, w.length - 1))
    return w.pick(
        f"{size} % {k} == {w.integer(0, k - 1)}",
        f"{size} % {k}",
        f"{size} > {bound}",
        f"{size} <= {bound}",
        f"{bound // 3} <= {size} < {bound}",
        f"{size} // {k} % 2 == 0",
        f"{size} in ({bound}, {bound + 1}, {bound + 3})",
        f"x.numel() > {bound * k} and {size} % 2 == 1",
        f"not {size} % {k} or {size} < {bound}",
        f"max({size} - {bound}, 2) % {k} == 0",
        f"{size} / {k} > {bound / 2}",
        f"int({size} * 0.75) % 2",
    )


@statement(6)
def branch(w: Writer) -> Lines | None:
    if w.depth >= _DEEPEST:
        return None
    condition, before = _condition(w), (w.dims, w.time)
    body = _nested(w)
    after, length = (w.dims, w.time), w.length
    otherwise = None
    if w.chance(0.5):
        w.dims, w.time = before
        otherwise = Block("else:", _nested(w))
        length = min(length, w.length)
    else:
        length = min(length, before[0][before[1]])
    w.dims, w.time = after
    w.resized(length)
    return [Block(f"if {condition}:", body, otherwise)]


def _nested(w: Writer) -> tuple[Line | Block, ...]:
    w.depth += 1
    body = tuple(w.several(w.integer(1, 2), keep=True))
    w.depth -= 1
    return body


@statement(2)
def early_return(w: Writer) -> Lines | None:
    if w.depth >= _DEEPEST:
        return None
    condition, before = _condition(w), (w.dims, w.time)
    w.depth += 1
    body = tuple(w.several(w.integer(0, 2)))
    w.depth -= 1
    w.dims, w.time = before
    return [Block(f"if {condition}:", (*body, Line("return x")))]


@statement(2.5)
def refusal(w: Writer) -> Lines:
    condition = _condition(w)
    if w.chance(0.3):
        return line(f"assert {condition.replace(' == 0', ' == 1')} or {_size(w)} > {w.integer(2, 30)}, x.shape")
    message = w.pick("'too short'", "f'length {x.shape[-1]}'")
    error = w.pick("ValueError", "RuntimeError")
    return [Block(f"if {condition} and {_size(w)} % 3 != {w.integer(0, 2)}:", (Line(f"raise {error}({message})"),))]


@statement(2)
def loop(w: Writer) -> Lines | None:
    if w.depth >= _DEEPEST:
        return None
    size, bound = _size(w), w.integer(4, 12)
    before = w.length
    if w.form == "bct" and w.chance(0.4):
        half = w.pick("x[..., ::2]", "F.max_pool1d(x, 3, 2, 1)", "F.avg_pool1d(x, 2)", "x[..., : x.shape[-1] // 2]")
        while w.length > bound:
            w.resized(w.length // 2)
        return [Block(f"while {size} > {bound}:", (Line(f"x = {half}"),))]
    head = w.pick(
        "for _ in range(2):", "for _ in range(3):", f"for _ in range({size} // {before // 2 + 1}):",
        f"for _ in range({size} % 3):",
    )  # fmt: skip
    body = _nested(w)
    w.resized(before - 3 * (before - w.length))
    return [Block(head, body)]


@statement(1.5, "bct")
def pieces(w: Writer) -> Lines:
    """A layer over pieces of a fixed length, of which the last may be short."""
    step, kernel = w.integer(5, 40), w.integer(1, 4)
    made = f"nn.Conv1d({w.channels}, {w.channels}, {kernel})"
    outputs = w.name("outputs")
    loop = Block(f"for piece in x.split({step}, dim=-1):", tuple(line(f"{outputs}.append({w.layer(made)}(piece))")))
    w.resized(w.length - (kernel - 1) * -(-w.length // step))
    return [Line(f"{outputs} = []"), loop, Line(f"x = torch.cat({outputs}, dim=-1)")]


@statement(1.5)
def handler(w: Writer) -> Lines | None:
    if w.depth >= _DEEPEST:
        return None
    before = w.dims, w.time
    body = _nested(w)
    w.dims, w.time = before
    kind = w.pick("RuntimeError", "(RuntimeError, ValueError)", "Exception")
    caught = _nested(w) if w.chance(0.5) else (Line("x = x * 2"),)
    w.dims, w.time = before
    return [Block("try:", body, Block(f"except {kind}:", caught))]


@statement(4)
def submodule(w: Writer) -> Lines | None:
    """A module of its own, called once or twice."""
    if w.depth >= _DEEPEST:
        return None
    twice = w.chance(0.5)
    before = w.length
    w.depth += 1
    body = tuple(w.several(w.integer(1, 4), keep=twice))
    w.depth -= 1
    part = Part(w.name("Part"), body)
    if any(part.name in name for name, _ in w.inputs) or not body or _uses_inputs(w, body):
        return None
    w.parts.append(part)
    layer = f"{part.name.lower()}"
    lines = line(f"x = [[{layer}: {part.name}()]](x)")
    if twice:
        w.resized(2 * w.length - before)
        lines += line(f"x = [[{layer}]](x)")
    return lines


@statement(2)
def function(w: Writer) -> Lines | None:
    """A function outside of the class."""
    if w.depth >= _DEEPEST:
        return None
    before = w.dims, w.time
    for _ in range(10):
        w.depth += 1
        body = tuple(w.several(w.integer(1, 3), keep=True))
        w.depth -= 1
        text = "\n".join(statement.render() for statement in body)
        if body and "self." not in text and not _uses_inputs(w, body):
            part = Part(w.name("helper"), (*body, Line("return x")), "")
            w.parts.append(Part(part.name, part.body, f"def {part.name}(x):"))
            return line(f"x = {part.name}(x)")
        w.dims, w.time = before
    return None


_SCRIPTED = (
    ("x[..., : x.size(-1) - k]", -1),
    ("torch.cat([x, x[..., :k]], -1)", 1),
    ("torch.nn.functional.pad(x, [0, k])", 1),
    ("x.narrow(-1, k, x.size(-1) - 2 * k)", -2),
    ("x.flip(-1) * k if x.size(-1) > 4 * k else x", 0),
)


@statement(0.25, "bct")
def scripted(w: Writer) -> Lines:
    text, growth = w.pick(*_SCRIPTED)
    k = w.integer(1, 3)
    name = w.name("scripted")
    head = f"@torch.jit.script\ndef {name}(x: torch.Tensor, k: int) -> torch.Tensor:"
    w.parts.append(Part(name, (Line(f"return {text}"),), head))
    w.resized(w.length + growth * k)
    return line(f"x = {name}(x, {k})")


def _uses_inputs(w: Writer, body: tuple[Line | Block, ...]) -> bool:
    """Whether it needs another input of the program than x."""
    text = "\n".join(statement.render() for statement in body)
    return any(name != "x" and name in text for name, _ in w.inputs)
