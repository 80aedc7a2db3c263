"""Reading one YAML file into plain values, safely, or saying with YAML's own position why not.

Never more than 1 MiB is read, no tag constructs an object, and neither aliases nor merge keys can multiply.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from yaml.composer import ComposerError
from yaml.constructor import ConstructorError
from yaml.reader import ReaderError

from .fields import ConfigError, Problem

MAXIMUM_BYTES = 1 << 20
MAXIMUM_ALIASES = 1000
MAXIMUM_MERGED_KEYS = 1000

# What yaml.SafeLoader raises on a bad scalar, besides YAMLError: `!!int ""`, `2001-99-99`, an integer of 5,000 digits.
_VALUE_ERRORS = (ValueError, LookupError, AttributeError, TypeError, ArithmeticError)


def read(path: Path) -> object:
    """The document of a file, as safe_load gives it; ConfigError where there is none."""
    text = _text(path)
    try:
        loader = _Loader(text)
        loader.name = str(path)  # the name in YAML's own messages
        return loader.get_single_data()
    except ReaderError as error:
        error.name = str(path)  # raised before the loader had its name
        raise ConfigError([Problem(str(path), None, f"is not YAML: {error}")]) from None
    except yaml.YAMLError as error:
        raise ConfigError([Problem(str(path), None, f"is not YAML: {error}")]) from None
    except RecursionError:
        raise ConfigError([Problem(str(path), None, "is nested too deeply to be a configuration")]) from None


def _text(path: Path) -> str:
    def refuse(what: str) -> ConfigError:
        return ConfigError([Problem(str(path), None, what)])

    try:
        with path.open("rb") as file:
            content = file.read(MAXIMUM_BYTES + 1)
    except FileNotFoundError:
        raise refuse("there is no such file") from None
    except IsADirectoryError:
        inside = sorted(entry.name for entry in path.glob("*.y*ml"))[:3]
        remedy = f"for example {path / inside[0]}" if inside else "for example Configs/config_ft.yml"
        raise refuse(f"is a directory; name a YAML file, {remedy}") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise refuse(f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > MAXIMUM_BYTES:
        raise refuse(f"is larger than {MAXIMUM_BYTES:,} bytes; a configuration of StyleTTS2 has about 4,000")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise refuse(
            f"is not UTF-8 text (byte 0x{content[error.start]:02x} at offset {error.start:,}); save it as UTF-8"
        ) from None


class _Loader(yaml.SafeLoader):
    """SafeLoader that rejects duplicate keys, and anything that multiplies."""

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._aliases = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            self._aliases += 1
            if self._aliases > MAXIMUM_ALIASES:
                mark = self.peek_event().start_mark
                raise ComposerError(None, None, f"more than {MAXIMUM_ALIASES} aliases", mark)
        return super().compose_node(parent, index)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        first: dict[tuple[str, str], yaml.Mark] = {}
        for key, _ in node.value:
            # before merge keys are flattened: a key that overrides a merged one is no duplicate
            if not isinstance(key, yaml.ScalarNode):
                continue
            seen = first.setdefault((key.tag, key.value), key.start_mark)
            if seen is not key.start_mark:
                raise ComposerError(
                    f"while reading the key {key.value[:60]!r}", seen, "found it a second time", key.start_mark
                )
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except _VALUE_ERRORS as error:
            raise ConstructorError(None, None, f"cannot read the value: {error}", node.start_mark) from None

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        if len(node.value) > MAXIMUM_MERGED_KEYS:
            raise ConstructorError(
                "while merging mappings",
                node.start_mark,
                f"found more than {MAXIMUM_MERGED_KEYS} keys",
                node.start_mark,
            )
