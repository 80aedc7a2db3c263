"""The tokens of shapecheck's notation, shared by the parsers of specs, expressions and sets; and the error they raise.

A scanner never looks past its text and never evaluates it; positions count from 0 in the text that the user wrote.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LARGEST_LITERAL = 2**40  # anything larger is no size of a tensor, and would overflow 64-bit arithmetic further on
LONGEST_TEXT = 2_000_000  # exact texts of irregular sets are long; anything longer was not written by shapecheck


class SpecError(ValueError):
    """A text that is not in shapecheck's notation: what is wrong and where, every fault in one message.

    `text` is the whole text, `problems` one sentence for each fault, `example` a text that would be accepted.
    """

    def __init__(self, text: str, problems: tuple[str, ...], example: str) -> None:
        self.text = text
        self.problems = problems
        self.example = example
        shown = text if len(text) <= 200 else f"{text[:197]}..."
        super().__init__(f"{shown!r}: {'; '.join(problems)}. Example: {example!r}")

    def __reduce__(self) -> tuple[type[SpecError], tuple[str, tuple[str, ...], str]]:
        return SpecError, (self.text, self.problems, self.example)  # the default would pass the message alone


@dataclass(frozen=True, slots=True)
class Token:
    """One token: a number, a name, an operator, a character that belongs to none of them, or the end of the text."""

    kind: str  # "number", "name", "operator", "unknown", "end"
    text: str
    position: int

    def __str__(self) -> str:
        return repr(self.text) if self.text else "the end of the text"


class Scanner:
    """A cursor over the tokens of one text."""

    def __init__(self, text: str, example: str, *, begin: int = 0, end: int | None = None) -> None:
        """Scan text[begin:end]; positions in messages stay those of the whole text."""
        self.text = text
        self.example = example
        self._next = 0
        if len(text) > LONGEST_TEXT:
            raise SpecError(
                text, (f"the text has {len(text):,} characters, at most {LONGEST_TEXT:,} are read",), example
            )
        stop = len(text) if end is None else end
        self._tokens = [
            Token(match.lastgroup or "unknown", match.group(), match.start())
            for match in _TOKEN.finditer(text, begin, stop)
            if match.lastgroup != "space"
        ]
        self._tokens.append(Token("end", text[stop : stop + 1], stop))  # what stands behind the part, for messages

    @property
    def token(self) -> Token:
        """The token under the cursor."""
        return self._tokens[self._next]

    def advance(self) -> Token:
        """The token under the cursor; the cursor moves on (not past the end)."""
        token = self._tokens[self._next]
        if token.kind != "end":
            self._next += 1
        return token

    def accept(self, *texts: str) -> Token | None:
        """The token under the cursor if it is an operator or a name among `texts`, and move on; else None."""
        token = self.token
        if token.kind in ("operator", "name") and token.text in texts:
            return self.advance()
        return None

    def expect(self, text: str) -> Token:
        """Like accept, but anything else is an error."""
        token = self.accept(text)
        if token is None:
            raise self.error(f"expected {text!r}")
        return token

    def number(self) -> int:
        """The number under the cursor, and move on."""
        token = self.token
        if token.kind != "number":
            raise self.error("expected a number")
        # The length is looked at first: Python itself refuses to convert thousands of digits.
        if len(token.text) > 20 or int(token.text) > LARGEST_LITERAL:
            shown = token.text if len(token.text) <= 20 else f"a number of {len(token.text)} digits"
            raise self.fault(
                f"{shown} at position {token.position} is larger than {LARGEST_LITERAL:,}, the largest number read"
            )
        self.advance()
        return int(token.text)

    def finish(self) -> None:
        """Nothing may be left."""
        if self.token.kind != "end":
            raise self.error("expected the end of the text")

    def error(self, expected: str) -> SpecError:
        """The error of not finding what was expected under the cursor."""
        return self.fault(f"{expected} at position {self.token.position}, found {self.token}")

    def fault(self, problem: str) -> SpecError:
        """An error with a sentence of the caller's."""
        return SpecError(self.text, (problem,), self.example)


_TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<number>[0-9]+)|(?P<name>[A-Za-z_][A-Za-z_0-9]*)"
    r"|(?P<operator>\.\.\.|//|\*\*|<=|>=|!=|==|[-+*/%(),\[\]{}=<>])|(?P<unknown>.)",
    re.DOTALL,
)
