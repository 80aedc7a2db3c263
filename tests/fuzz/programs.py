"""A program: a module as statements, of which its source text is made; without some of them it still is a program.

A statement holds the layers that it calls, as `[[name: nn.Conv1d(3, 4, 5)]]`; the text has `self.name` there, and the
layer in `__init__`. A second `[[name]]` is the same layer.
"""

from __future__ import annotations

import linecache
import re
import textwrap
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import nn

HEADER = "import torch\nimport torch.nn.functional as F\nfrom torch import nn\n"
LENGTHS = (1, 96)
_LAYER = re.compile(r"\[\[(\w+)(?:: (.*?))?\]\](?!\])")


@dataclass(frozen=True, slots=True)
class Line:
    """One statement, on one line."""

    text: str

    def render(self) -> str:
        return _LAYER.sub(r"self.\1", self.text)


@dataclass(frozen=True, slots=True)
class Block:
    """A compound statement: a head such as "if x.shape[-1] % 2:", and a body; `rest`: its else or except clause."""

    head: str
    body: Body
    rest: Block | None = None

    def render(self) -> str:
        text = f"{self.head}\n{_indented(self.body)}"
        return text if self.rest is None else f"{text}\n{self.rest.render()}"


Statement = Line | Block
Body = tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Part:
    """Something that the program's own class uses: a module class, or a function with this head."""

    name: str
    body: Body
    head: str = ""  # "def halve(x):"; "" is a module class

    def render(self) -> str:
        return f"{self.head}\n{_indented(self.body)}" if self.head else _module(self.name, "x", self.body)


@dataclass(frozen=True, slots=True)
class Program:
    """The inputs, by name in the order of `forward`, the parts, and the statements of `forward`."""

    inputs: tuple[tuple[str, str], ...]  # ("x", "f32[1, 4, T]")
    parts: tuple[Part, ...]
    body: Body

    @property
    def specs(self) -> tuple[str, ...]:
        return tuple(spec for _, spec in self.inputs)

    def source(self) -> str:
        parts = [part.render() for part in self.parts]
        names = ", ".join(name for name, _ in self.inputs)
        return "\n\n".join([HEADER, *parts, _module("Program", names, self.body)])

    def paste(self, note: str = "") -> str:
        """A script that shows what the analyzer says of it, and what eager does."""
        specs = ", ".join(map(repr, self.specs))
        comment = textwrap.indent(note, "# ") + "\n" if note else ""
        call = f"shapecheck.analyze(Program().eval(), {specs}, lengths={LENGTHS})"
        shown = "print(report.valid, report.invalid, report.unknown, report.undecided, report.failures, sep='\\n')"
        return f"{comment}{self.source()}\n\nimport shapecheck\nreport = {call}\n{shown}\n"


def build(source: str) -> nn.Module:
    """The class `Program` of a source, made and in eval mode. Raises whatever a source that makes no sense raises."""
    name = f"<program {abs(hash(source))}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)  # torch.jit.script reads it
    namespace: dict[str, type[nn.Module]] = {"__name__": "generated"}  # pyright: ignore[reportAssignmentType]
    try:
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.manual_seed(0)
            exec(compile(source, name, "exec"), namespace)
            return namespace["Program"]().eval()
    finally:
        linecache.cache.pop(name, None)


def layers_in(body: Body) -> Iterator[tuple[str, str]]:
    """The name and the constructor of each layer, in the order of the text."""
    for statement in body:
        if isinstance(statement, Line):
            yield from ((name, made) for name, made in _LAYER.findall(statement.text) if made)
        else:
            block: Block | None = statement
            while block is not None:
                yield from ((name, made) for name, made in _LAYER.findall(block.head) if made)
                yield from layers_in(block.body)
                block = block.rest


def with_body(block: Block, body: Body) -> Block:
    return replace(block, body=body)


def _indented(body: Body) -> str:
    lines = [_LAYER.sub(r"self.\1", statement.render()) for statement in body] or ["pass"]
    return textwrap.indent("\n".join(lines), "    ")


def _module(name: str, names: str, body: Body) -> str:
    layers = "".join(f"        self.{layer} = {made}\n" for layer, made in dict(layers_in(body)).items())
    forward = textwrap.indent(_indented((*body, Line("return x"))), "    ")
    init = f"    def __init__(self):\n        super().__init__()\n{layers}\n" if layers else ""
    return f"class {name}(nn.Module):\n{init}    def forward(self, {names}):\n{forward}"
