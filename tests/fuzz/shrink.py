"""A program with a difference made small: statements dropped and simplified while the difference stays."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace

from tests.fuzz.programs import Block, Body, Line, Part, Program

_NUMBER = re.compile(r"(?<![\w.\]])\d+(?![\w.:\]])")
_OPTION = re.compile(r", \w+=(?:\([^()]*\)|[^(),\[\]]+)(?=[,)])")
_CALL = re.compile(r" \+ [\w.]+\[[^\]]*\]|\.contiguous\(\)|(?<=\w)\[\.\.\.[^\]]*\]")


def shrink(program: Program, differs: Callable[[Program], bool], tries: int = 400) -> Program:
    """The smallest program found, within so many tries, for which `differs` still holds."""
    tried = {program.source()}
    again = True
    while again:
        again = False
        for candidate in sorted(_smaller(program), key=lambda smaller: len(smaller.source())):
            source = candidate.source()
            if source in tried:
                continue
            if len(tried) > tries:
                return program
            tried.add(source)
            if differs(candidate):
                program, again = candidate, True
                break
    return program


def _smaller(program: Program) -> Iterator[Program]:
    """All programs that are one step smaller."""
    count = len(program.body)
    for size in sorted({count // 2, count // 4}, reverse=True):
        for first in range(0, count, size) if size > 1 else ():
            yield replace(program, body=program.body[:first] + program.body[first + size :])
    for body in _bodies(program.body):
        yield replace(program, body=body)
    for position, part in enumerate(program.parts):
        before, after = program.parts[:position], program.parts[position + 1 :]
        yield replace(program, parts=before + after)
        for body in _bodies(part.body):
            yield replace(program, parts=(*before, replace(part, body=body), *after))
        if not part.head:
            yield from _inlined(program, part)
    for position, (name, spec) in enumerate(program.inputs):
        before, after = program.inputs[:position], program.inputs[position + 1 :]
        if before or after:
            yield replace(program, inputs=before + after)
        for simpler in _texts(spec):
            yield replace(program, inputs=(*before, (name, simpler), *after))


def _bodies(body: Body) -> Iterator[Body]:
    for position, statement in enumerate(body):
        before, after = body[:position], body[position + 1 :]
        yield before + after
        if isinstance(statement, Block):
            yield before + statement.body + after
            for block in _blocks(statement):
                yield (*before, block, *after)
    for position, statement in enumerate(body):
        if isinstance(statement, Line):
            for text in _texts(statement.text):
                yield (*body[:position], Line(text), *body[position + 1 :])


def _blocks(block: Block) -> Iterator[Block]:
    if block.rest is not None:
        if not block.head.startswith("try"):
            yield replace(block, rest=None)
        for rest in _blocks(block.rest):
            yield replace(block, rest=rest)
    for body in _bodies(block.body):
        yield replace(block, body=body)
    for head in _texts(block.head):
        yield replace(block, head=head)


def _inlined(program: Program, part: Part) -> Iterator[Program]:
    """The statements of a module class where the program calls it."""
    for position, statement in enumerate(program.body):
        if isinstance(statement, Line) and f": {part.name}()]]" in statement.text:
            body = program.body[:position] + part.body + program.body[position + 1 :]
            yield replace(program, body=body)


def _texts(text: str) -> Iterator[str]:
    """Simpler texts: an option less, an operand less, a smaller number."""
    for pattern in (_OPTION, _CALL):
        for match in pattern.finditer(text):
            yield text[: match.start()] + text[match.end() :]
    for match in _NUMBER.finditer(text):
        number = int(match[0])
        for smaller in sorted({1, 2, number // 2, number - 1}):
            if 0 < smaller < number:
                yield f"{text[: match.start()]}{smaller}{text[match.end() :]}"
