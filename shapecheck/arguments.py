"""The arguments of a module as texts of a command line: specs, Python literals and keywords."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, cast

from shapecheck.errors import UsageError
from shapecheck.lengths.notation import EXAMPLE, InputSpec, SpecError, looks_like_spec
from shapecheck.model import Unit

_KEYWORD = re.compile(r"\s*([A-Za-z_][A-Za-z_0-9]*)\s*=(?!=)\s*(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a method is called with; texts of specs stand for tensors."""

    positional: tuple[Any, ...]
    keywords: Mapping[str, Any]
    variables: tuple[str, ...]  # of the specs, in order of appearance

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Arguments:
        """Each text is a spec, a Python literal, or NAME= and one of them. Raises UsageError with all that is wrong."""
        problems: list[str] = []
        positional: list[Any] = []
        keywords: dict[str, Any] = {}
        variables: dict[str, None] = {}
        for text in texts:
            matched = None if looks_like_spec(text) else _KEYWORD.fullmatch(text)
            name, value = (matched[1], matched[2]) if matched else (None, text)
            try:
                argument = _value(value, variables)
            except UsageError as error:
                problems.append(f"INPUT {error}" if name is None else f"INPUT {name}: {error}")
                continue
            if name is None and keywords:
                problems.append(f"INPUT {text}: stands after a keyword; give positional inputs first")
            elif name is None:
                positional.append(argument)
            elif name in keywords:
                problems.append(f"INPUT {name}: is given twice")
            else:
                keywords[name] = argument
        if problems:
            raise UsageError("\n".join(problems))
        return cls(tuple(positional), keywords, tuple(variables))


def parse_init(text: str | None) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """`--init`: a JSON object of keyword arguments, or a list of positional ones."""
    if text is None:
        return (), {}
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError as error:
        raise UsageError(
            f"--init {text}: is not JSON: {error.msg} at position {error.pos}; write --init '{{\"dim_in\": 64}}'"
        ) from error
    if isinstance(value, dict):
        return (), cast("dict[str, Any]", value)
    if isinstance(value, list):
        return tuple(cast("list[Any]", value)), {}
    raise UsageError(f"--init {text}: is neither a JSON object nor a list; write --init '{{\"dim_in\": 64}}'")


def parse_unit(text: str | None) -> Unit:
    """`--unit`: a plural, and what one lasts: `mel frames=0.0125 s`, `samples=1/24000 s`."""
    if text is None:
        return Unit("steps")
    name, equals, rest = (part.strip() for part in text.partition("="))
    matched = re.fullmatch(r"([0-9.eE+-]+)(?:\s*/\s*([0-9.]+))?\s*(ms|s)", rest)
    seconds = math.nan
    if matched is not None:
        try:
            seconds = float(Fraction(matched[1]) / Fraction(matched[2] or 1)) / (1000 if matched[3] == "ms" else 1)
        except (ValueError, ZeroDivisionError, OverflowError):
            seconds = math.nan
    if not name or not name.isprintable() or (equals and not 0 < seconds < math.inf):
        raise UsageError(f"--unit {text}: write what a length counts and how long one lasts: 'mel frames=0.0125 s'")
    return Unit(name, seconds=seconds if equals else None)


def _value(text: str, variables: dict[str, None]) -> Any:
    if looks_like_spec(text):
        variables.update(dict.fromkeys(_symbols(text)))
        return text
    try:
        value: Any = ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise UsageError(
            f"{text}: is neither a spec such as '{EXAMPLE}' nor a Python literal such as 1.0, None or '\"text\"'"
        ) from None
    return _checked(value, variables)


def _checked(value: Any, variables: dict[str, None]) -> Any:
    """A literal, the specs inside of lists, tuples and dicts noted."""
    if isinstance(value, str) and looks_like_spec(value):
        variables.update(dict.fromkeys(_symbols(value)))
    elif isinstance(value, list | tuple):
        for item in cast("Sequence[Any]", value):
            _checked(item, variables)
    elif isinstance(value, dict):
        for item in cast("dict[Any, Any]", value).values():
            _checked(item, variables)
    return value


def _symbols(text: str) -> tuple[str, ...]:
    try:
        return InputSpec.parse(text).symbols
    except SpecError as error:
        raise UsageError(str(error)) from None
