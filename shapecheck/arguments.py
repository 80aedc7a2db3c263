"""The arguments of a module as texts of a command line: specs, Python literals and keywords."""

from __future__ import annotations

import ast
import json
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from shapecheck.errors import UsageError
from shapecheck.joint import swept_symbol
from shapecheck.lengths.notation import EXAMPLE, InputSpec, SpecError, looks_like_spec
from shapecheck.model import Unit

_KEYWORD = re.compile(r"\s*(\w+)\s*=(?!=)\s*(.*)", re.DOTALL)
_SIZES = re.compile(r"\s*(\w+)\s*=\s*([0-9]{1,9}):([0-9]{1,9})\s*")
_LONGEST = 80  # characters of a text in a message
_INIT_EXAMPLE = "--init '{\"dim_in\": 64}'"


@dataclass(frozen=True, slots=True)
class Arguments:
    """What a method is called with; texts of specs stand for tensors."""

    positional: tuple[Any, ...]
    keywords: Mapping[str, Any]
    variable: str  # the symbol of the specs that is swept
    sizes: Mapping[str, tuple[int, int]]  # first and last value of each other symbol

    @classmethod
    def parse(cls, texts: Sequence[str]) -> Arguments:
        """Each text is a spec, a Python literal, NAME= and one of them, or SYMBOL=FIRST:LAST.

        Raises UsageError with all that is wrong.
        """
        problems: list[str] = []
        positional: list[Any] = []
        keywords: dict[str, Any] = {}
        variables: dict[str, None] = {}
        sizes: dict[str, tuple[int, int]] = {}
        for text in texts:
            values = _SIZES.fullmatch(text)
            if values is not None:
                if values[1] in sizes:
                    problems.append(f"INPUT {values[1]}: is given twice")
                sizes[values[1]] = int(values[2]), int(values[3])
                continue
            matched = None if looks_like_spec(text) else _KEYWORD.fullmatch(text)
            name, value = (matched[1], matched[2]) if matched and matched[1].isidentifier() else (None, text)
            try:
                argument = _value(value, variables)
            except UsageError as error:
                problems.append(f"INPUT {error}" if name is None else f"INPUT {name}: {error}")
                continue
            if name is None and keywords:
                problems.append(f"INPUT {_short(text)}: stands after a keyword; give positional inputs first")
            elif name is None:
                positional.append(argument)
            elif name in keywords:
                problems.append(f"INPUT {name}: is given twice")
            else:
                keywords[name] = argument
        if texts and not variables and not problems:
            problems.append(f"INPUT: none has a variable, such as T in '{EXAMPLE}': there is no length to analyze")
        variable = "T"
        if variables and not problems:
            try:
                variable = swept_symbol(tuple(variables), sizes)
            except UsageError as error:
                problems.append(f"INPUT: {error}")
        if problems:
            raise UsageError("\n".join(problems))
        return cls(tuple(positional), keywords, variable, sizes)


def parse_init(text: str | None) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """`--init`: a JSON object of keyword arguments, or a list of positional ones."""
    if text is None:
        return (), {}
    try:
        value: object = json.loads(text, object_pairs_hook=_without_repetition)
    except json.JSONDecodeError as error:
        what = f"is not JSON: {error.msg} at position {error.pos}"
        raise UsageError(f"--init {_short(text)}: {what}; write {_INIT_EXAMPLE}") from error
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, a list in a list in a list ...
        raise UsageError(f"--init {_short(text)}: cannot be read: {error}; write {_INIT_EXAMPLE}") from error
    if isinstance(value, dict):
        return (), cast("dict[str, Any]", value)
    if isinstance(value, list):
        return tuple(cast("list[Any]", value)), {}
    raise UsageError(f"--init {_short(text)}: is neither a JSON object nor a list; write {_INIT_EXAMPLE}")


def parse_unit(text: str | None) -> Unit:
    """`--unit`: a plural, and what one lasts: `mel frames=0.0125 s`, `samples=1/24000 s`."""
    if text is None:
        return Unit("steps")
    name, equals, rest = (part.strip() for part in text.partition("="))
    matched = re.fullmatch(r"([0-9.eE+-]+)(?:\s*/\s*([0-9.]+))?\s*(ms|s)", rest)
    seconds = math.nan
    if matched is not None:
        try:
            seconds = float(matched[1]) / float(matched[2] or 1) / (1000 if matched[3] == "ms" else 1)
        except (ValueError, ZeroDivisionError):
            seconds = math.nan
    if not name or not name.isprintable() or (equals and not 0 < seconds < math.inf):
        wanted = "write what a length counts and how long one lasts: 'mel frames=0.0125 s'"
        raise UsageError(f"--unit {_short(text)}: {wanted}")
    return Unit(name, seconds=seconds if equals else None)


def _value(text: str, variables: dict[str, None]) -> Any:
    if looks_like_spec(text):
        variables.update(dict.fromkeys(_symbols(text)))
        return text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an escape that is none
            value: Any = ast.literal_eval(text.strip())
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        literals = "a Python literal such as 1.0, None or '\"text\"'"
        raise UsageError(f"{_short(text)}: is neither a spec such as '{EXAMPLE}' nor {literals}") from None
    _note_specs(value, variables)
    return value


def _note_specs(value: Any, variables: dict[str, None]) -> None:
    """Check the specs inside of a literal's lists, tuples and dicts, and note their variables."""
    if isinstance(value, str) and looks_like_spec(value):
        variables.update(dict.fromkeys(_symbols(value)))
    elif isinstance(value, list | tuple):
        for item in cast("Sequence[Any]", value):
            _note_specs(item, variables)
    elif isinstance(value, dict):
        for item in cast("dict[Any, Any]", value).values():
            _note_specs(item, variables)


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(name for name in names if names.count(name) > 1)} is given twice")
    return found


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _symbols(text: str) -> tuple[str, ...]:
    try:
        return InputSpec.parse(text).symbols
    except SpecError as error:
        raise UsageError(str(error)) from None
