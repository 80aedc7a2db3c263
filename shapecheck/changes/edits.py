"""Edits of a model as values: `shared.6.padding=2`, `shared.4.downsample=none`, `model_params.n_layer=4`; and the
texts that they are read from.

An edit says what is to be set, and to what; whether a layer can have the value is known where it is applied
(`editing.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from shapecheck.errors import UsageError

NUMBERS = ("kernel_size", "stride", "padding", "dilation")
SETTINGS = (*NUMBERS, "padding_mode")
DOWNSAMPLE = "downsample"  # no attribute: stands for whatever makes a layer's result shorter by a factor
NONE = "none"
EXAMPLE = "--set shared.6.padding=2"

_LONGEST = 80  # characters of a text in a message
_INTEGER = re.compile(r"[+-]?[0-9]{1,9}")
_LIST = re.compile(r"[(\[]\s*([^()\[\]]*?)\s*,?\s*[)\]]")

Value = int | tuple[int, ...] | str


@dataclass(frozen=True, slots=True)
class Edit:
    """One setting of one layer.

    >>> str(Edit("shared.6", "kernel_size", (3, 3)))
    'shared.6.kernel_size=3x3'
    """

    layer: str  # as in named_modules(); "": the module itself
    setting: str  # one of SETTINGS, or DOWNSAMPLE
    value: Value

    @property
    def path(self) -> str:
        return f"{self.layer}.{self.setting}" if self.layer else self.setting

    def __str__(self) -> str:
        return f"{self.path}={value_text(self.value)}"


@dataclass(frozen=True, slots=True)
class KeyEdit:
    """One key of the model's configuration; its value is read as the configuration's own values are."""

    path: str  # "model_params.n_layer"
    text: str  # the value as it was given

    def __str__(self) -> str:
        return f"{self.path}={self.text}"


def parse_edits(texts: Sequence[str]) -> tuple[Edit | KeyEdit, ...]:
    """Read `LAYER.SETTING=VALUE` or `KEY=VALUE`, each. Raises UsageError with all that is wrong.

    >>> [str(edit) for edit in parse_edits(["shared.6.padding=(2, 2)", "max_len=200"])]
    ['shared.6.padding=2x2', 'max_len=200']
    """
    found: list[Edit | KeyEdit] = []
    problems: list[str] = []
    for text in texts:
        try:
            found.append(_parsed(text))
        except UsageError as error:
            problems.append(str(error))
    paths = [edit.path for edit in found]
    problems += [f"--set {path}: is given twice" for path in dict.fromkeys(paths) if paths.count(path) > 1]
    if problems:
        raise UsageError("\n".join(problems))
    return tuple(found)


def value_text(value: Value) -> str:
    """`3`, `3x5`, `reflect`."""
    return "x".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _parsed(text: str) -> Edit | KeyEdit:
    path, equals, given = (part.strip() for part in text.partition("="))
    if not equals or not given or not path or not all(path.split(".")):
        wanted = "write LAYER.SETTING=VALUE or KEY=VALUE"
        raise UsageError(f"--set {_short(text) or repr(text)}: {wanted}, as in {EXAMPLE}")
    layer, _, setting = path.rpartition(".")
    if setting == DOWNSAMPLE:
        if given != NONE:
            raise UsageError(f"--set {_short(text)}: the only value of {DOWNSAMPLE} is {NONE}, which switches it off")
        return Edit(layer, DOWNSAMPLE, NONE)
    if setting == "padding_mode":
        return Edit(layer, setting, given)
    if setting in NUMBERS:
        return Edit(layer, setting, _value(text, setting, given))
    return KeyEdit(path, given)


def _value(text: str, setting: str, given: str) -> Value:
    if _INTEGER.fullmatch(given):
        return _checked(text, setting, (int(given),))[0]
    listed = _LIST.fullmatch(given)
    parts = re.split(r"\s*,\s*" if listed or "," in given else r"\s*x\s*", listed[1] if listed else given)
    if all(_INTEGER.fullmatch(part) for part in parts):
        return _checked(text, setting, tuple(map(int, parts)))
    if setting == "padding" and given in ("same", "valid"):
        return given
    words = ", same or valid" if setting == "padding" else ""
    raise UsageError(
        f"--set {_short(text)}: {_short(given)} is no whole number: write 3, or 3x5 or (3, 5), one number for each"
        f" axis{words}"
    )


def _checked(text: str, setting: str, numbers: tuple[int, ...]) -> tuple[int, ...]:
    least = 0 if setting == "padding" else 1
    if min(numbers) < least:
        raise UsageError(f"--set {_short(text)}: {setting} is {least} or more")
    return numbers


def _short(text: str) -> str:
    shown = text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
    return shown if len(shown) <= _LONGEST else f"{shown[:_LONGEST]}..."


__all__ = ["DOWNSAMPLE", "EXAMPLE", "NONE", "NUMBERS", "SETTINGS", "Edit", "KeyEdit", "Value", "parse_edits"]
