"""Keys of a configuration set to other values, before it is checked: a change of the file that nobody has to write."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from .fields import ConfigError, Problem, describe

Changes = Mapping[str, str]  # the path of a key, "model_params.n_layer", to a value as YAML has it


def changed(values: object, changes: Changes, source: str) -> object:
    """The values with the keys set. Raises ConfigError for a path that leads nowhere, or a text that is not YAML."""
    problems: list[Problem] = []
    for path, text in changes.items():
        try:
            values = _with(values, path.split("."), _value(text))
        except ValueError as error:
            problems.append(Problem(source, path, str(error)))
    if problems:
        raise ConfigError(problems)
    return values


def value_at(values: object, path: str) -> object:
    """The value of a key; None where there is none."""
    for key in path.split("."):
        if not isinstance(values, dict) or key not in values:
            return None
        values = cast("dict[str, Any]", values)[key]
    return values


def text_of(value: object) -> str:
    """A value as one writes it behind a key."""
    import yaml

    return yaml.safe_dump(value, default_flow_style=True, width=10_000).removesuffix("\n").removesuffix("\n...")


def check_known(changes: Changes, unknown: tuple[tuple[str, str], ...], source: str) -> None:
    """Raise ConfigError for each key that nothing reads, with the nearest that something does."""
    nearest = dict(unknown)
    problems = [
        Problem(source, path, "there is no such key" + (f"; the nearest is {nearest[path]}" if nearest[path] else ""))
        for path in changes
        if path in nearest
    ]
    if problems:
        raise ConfigError(problems)


def _value(text: str) -> object:
    import yaml  # where nothing is changed, a preset needs none

    try:
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, ArithmeticError, RecursionError):
        raise ValueError(f"{text!r} is not YAML") from None


def _with(values: object, path: list[str], value: object) -> object:
    if not path:
        return value
    if not isinstance(values, dict):
        raise ValueError(f"found {describe(values)} where {path[0]} would stand")  # noqa: TRY004  # of the path
    mapping = cast("dict[str, Any]", values)
    if len(path) > 1 and path[0] not in mapping:
        raise ValueError(f"there is no {path[0]}")
    return {**mapping, path[0]: _with(mapping.get(path[0]), path[1:], value)}
