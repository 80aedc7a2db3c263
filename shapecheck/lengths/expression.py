"""Integer expressions of symbols, such as "ceil(T/16)" or "2T + 1": parse, evaluate, print.

The text is never run as Python. Evaluation uses + - * // % and the two functions for min and max only, so it works over
ints, NumPy arrays and swept integers alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np

from shapecheck.lengths.scanner import Scanner

EXAMPLE = "ceil((2T + 1)/16)"
FUNCTIONS = ("ceil", "floor", "min", "max")

_DEEPEST = 100  # operations inside one another: more is no size that anybody writes, and recursion stays harmless
_MOST_PARENTHESES = 40
_SYMBOL_BOUND = 2**17  # above the longest sweep (65,536); with it no value may leave 64 bits
_VALUE_BOUND = 2**62


@dataclass(frozen=True, slots=True)
class Operation:
    """left operator right; "ceil" and "floor" are those of the quotient left/right."""

    operator: str  # + - * // % ceil floor min max
    left: Node
    right: Node
    depth: int = field(default=1, compare=False, repr=False)


Node = int | str | Operation  # a literal, a symbol, an operation


@dataclass(frozen=True, slots=True)
class Expression:
    """An integer expression.

    >>> half = Expression.parse("T // 2 + 1")
    >>> print(half, half.symbols, half.evaluate({"T": 9}))
    T//2 + 1 ('T',) 5
    """

    root: Node

    @classmethod
    def parse(cls, text: str) -> Expression:
        """`300*T`, `300T`, `T // 2`, `ceil(T/16)`, `floor((T + 3)/2) - 1`, `min(T, 5)`, `max(...)`, `T % 2`.

        Raises SpecError, which says where and gives an example.
        """
        scanner = Scanner(text, EXAMPLE)
        root = parse_node(scanner)
        scanner.finish()
        return cls(root)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The symbols, in order of appearance."""
        found: dict[str, None] = {}
        _collect_symbols(self.root, found)
        return tuple(found)

    @property
    def constant(self) -> int | None:
        """The value of an expression without symbols; None if it has some."""
        return self.root if isinstance(self.root, int) else None

    def evaluate(
        self,
        values: Mapping[str, Any],
        minimum: Callable[[Any, Any], Any] | None = None,
        maximum: Callable[[Any, Any], Any] | None = None,
    ) -> Any:
        """The value with these values of the symbols: ints, integer NumPy arrays, or anything with + - * // %.

        minimum and maximum stand in for min and max; ints and NumPy arrays need none. Raises KeyError for a symbol
        without a value, ZeroDivisionError (also where only some elements of an array divide by zero).
        """
        return _evaluate(self.root, values, minimum or _minimum, maximum or _maximum)

    def bind(self, values: Mapping[str, int]) -> Expression:
        """The expression with numbers for some of its symbols. Raises ZeroDivisionError."""
        return Expression(_bound_to(self.root, values))

    def __str__(self) -> str:
        return _text(self.root)


def parse_node(scanner: Scanner) -> Node:
    """One expression under the scanner's cursor, up to a token that cannot continue it."""
    root = _sum(scanner, 0)
    if scanner.token.text == "/":
        raise scanner.error(
            "a quotient '/' stands only in ceil(a/b) and floor(a/b), elsewhere write '//': expected no '/'"
        )
    if scanner.token.text == "**":
        raise scanner.error("powers are written as products, T*T: expected no '**'")
    if not isinstance(root, int) and _bound(root) > _VALUE_BOUND:
        raise scanner.fault("the values of this expression leave 64 bits")
    return root


def apply(scanner: Scanner, operator: str, left: Node, right: Node) -> Node:
    """left operator right, computed at once where both are numbers."""
    if operator in _DIVISIONS and right == 0:
        raise scanner.fault(f"{operator} divides by zero")
    if isinstance(left, int) and isinstance(right, int):
        value = cast(int, _evaluate(Operation(operator, left, right), {}, min, max))
        if abs(value) > _VALUE_BOUND:
            raise scanner.fault("a number of this expression leaves 64 bits")
        return value
    depth = 1 + max(
        left.depth if isinstance(left, Operation) else 0, right.depth if isinstance(right, Operation) else 0
    )
    if depth > _DEEPEST:
        raise scanner.fault(f"more than {_DEEPEST} operations inside one another")
    return Operation(operator, left, right, depth)


# Reading: sum = product (+|- product)*; product = factor (*|//|% factor)*; factor = -factor | number atom | atom


def _sum(scanner: Scanner, nesting: int) -> Node:
    return _sum_from(scanner, _product(scanner, nesting), nesting)


def _sum_from(scanner: Scanner, left: Node, nesting: int) -> Node:
    while token := scanner.accept("+", "-"):
        left = apply(scanner, token.text, left, _product(scanner, nesting))
    return left


def _product(scanner: Scanner, nesting: int) -> Node:
    left = _factor(scanner, nesting)
    while token := scanner.accept("*", "//", "%"):
        left = apply(scanner, token.text, left, _factor(scanner, nesting))
    return left


def _factor(scanner: Scanner, nesting: int) -> Node:
    signs = 0
    while token := scanner.accept("-", "+"):
        signs += token.text == "-"
    number = scanner.token
    node = _atom(scanner, nesting)
    # Only without a space: in "f32[1, 80 T]" a comma is missing.
    joined = number.kind == "number" and scanner.token.position == number.position + len(number.text)
    if joined and (scanner.token.kind == "name" or scanner.token.text == "("):
        node = apply(scanner, "*", node, _atom(scanner, nesting))  # 300T, 2(T + 1), 5ceil(T/6)
    if signs % 2 == 0:
        return node
    if isinstance(node, Operation) and node.operator == "*" and isinstance(node.left, int):
        return apply(scanner, "*", -node.left, node.right)
    return apply(scanner, "-", 0, node)


def _atom(scanner: Scanner, nesting: int) -> Node:
    token = scanner.token
    if nesting > _MOST_PARENTHESES:
        raise scanner.fault(f"more than {_MOST_PARENTHESES} parentheses inside one another")
    if token.kind == "number":
        return scanner.number()
    if token.kind == "name":
        scanner.advance()
        if scanner.token.text != "(":
            if token.text in FUNCTIONS:
                raise scanner.error(f"expected '(' after {token.text}")
            return token.text
        if token.text not in FUNCTIONS:
            raise scanner.fault(
                f"{token.text!r} at position {token.position} is no function; there are {', '.join(FUNCTIONS)}"
            )
        scanner.advance()
        call = _quotient if token.text in ("ceil", "floor") else _extremum
        node = call(scanner, token.text, nesting + 1)
        scanner.expect(")")
        return node
    if scanner.accept("("):
        node = _sum(scanner, nesting + 1)
        scanner.expect(")")
        return node
    raise scanner.error("expected a number, a variable or '('")


def _quotient(scanner: Scanner, function: str, nesting: int) -> Node:
    left = _product(scanner, nesting)
    if not scanner.accept("/"):
        raise scanner.error(f"{function} takes one quotient, as in {function}((T + 3)/2): expected '/'")
    return apply(scanner, function, left, _factor(scanner, nesting))


def _extremum(scanner: Scanner, function: str, nesting: int) -> Node:
    left = _sum(scanner, nesting)
    scanner.expect(",")
    left = apply(scanner, function, left, _sum(scanner, nesting))
    while scanner.accept(","):
        left = apply(scanner, function, left, _sum(scanner, nesting))
    return left


# Values


_DIVISIONS = ("//", "%", "ceil", "floor")


def _evaluate(
    node: Node, values: Mapping[str, Any], minimum: Callable[[Any, Any], Any], maximum: Callable[[Any, Any], Any]
) -> Any:
    if isinstance(node, int):
        return node
    if isinstance(node, str):
        return values[node]
    left = _evaluate(node.left, values, minimum, maximum)
    right = _evaluate(node.right, values, minimum, maximum)
    operator = node.operator
    if operator in _DIVISIONS and issubclass(type(right), np.ndarray) and not right.all():
        raise ZeroDivisionError(f"{_text(node)} divides by zero")  # NumPy would only warn, and go on with 0
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
        case "//" | "floor":
            return left // right
        case "%":
            return left % right
        case "ceil":
            # By type, since a swept integer passes for an int, and would be split by the comparison.
            if type(right) is int and right > 0:
                return (left + (right - 1)) // right
            return 0 - (0 - left) // right
        case "min":
            return minimum(left, right)
        case "max":
            return maximum(left, right)
        case _:
            raise AssertionError(operator)


def _minimum(left: Any, right: Any) -> Any:
    return np.minimum(left, right) if _is_array(left, right) else min(left, right)


def _maximum(left: Any, right: Any) -> Any:
    return np.maximum(left, right) if _is_array(left, right) else max(left, right)


def _is_array(*operands: Any) -> bool:
    for operand in operands:
        # By type, since a swept integer passes for an int: builtin min would ask for the truth of a comparison of it.
        if not issubclass(type(operand), (int, np.integer, np.ndarray)):
            raise TypeError(f"min and max of {type(operand).__name__} need evaluate(..., minimum=..., maximum=...)")
    return any(issubclass(type(operand), np.ndarray) for operand in operands)


def _bound(node: Node) -> int:
    """An upper bound of |value| for all symbols up to _SYMBOL_BOUND."""
    if isinstance(node, int):
        return abs(node)
    if isinstance(node, str):
        return _SYMBOL_BOUND
    left, right = _bound(node.left), _bound(node.right)
    match node.operator:
        case "+" | "-":
            return left + right
        case "*":
            return left * right
        case "//" | "floor" | "ceil":
            return left + right  # the divisor is added before a rounding up
        case "%":
            return right
        case _:
            return max(left, right)


def _collect_symbols(node: Node, found: dict[str, None]) -> None:
    if isinstance(node, str):
        found[node] = None
    elif isinstance(node, Operation):
        _collect_symbols(node.left, found)
        _collect_symbols(node.right, found)


def _bound_to(node: Node, values: Mapping[str, int]) -> Node:
    if not isinstance(node, Operation):
        return values.get(node, node) if isinstance(node, str) else node
    left, right = _bound_to(node.left, values), _bound_to(node.right, values)
    made = Operation(node.operator, left, right, node.depth)
    if isinstance(left, int) and isinstance(right, int):
        return int(_evaluate(made, {}, _minimum, _maximum))
    return made


# Writing. Levels of binding: 1 a sum or a leading minus, 2 a product, 3 a number before a symbol (2T), 4 an atom.


def _text(node: Node) -> str:
    return _text_and_level(node)[0]


def _at(node: Node, level: int) -> str:
    """The node's text, in parentheses if it binds less than `level`."""
    text, own = _text_and_level(node)
    return text if own >= level else f"({text})"


def _text_and_level(node: Node) -> tuple[str, int]:
    if isinstance(node, int):
        return str(node), 4 if node >= 0 else 1
    if isinstance(node, str):
        return node, 4
    left, right = node.left, node.right
    match node.operator:
        case "-" if left == 0 and not _is_multiple(right):
            return f"-{_at(right, 3)}", 1
        case "+" | "-":
            return f"{_at(left, 1)} {node.operator} {_at(right, 2)}", 1
        case "*" if isinstance(left, int) and isinstance(right, str):
            return f"{left}{right}", 3 if left >= 0 else 1
        case "*" if isinstance(left, int) and left < 0:
            return f"{left}*{_at(right, 4)}", 1
        case "%":
            return f"{_at(left, 3)} % {_at(right, 3)}", 2
        case "*" | "//":
            plain = isinstance(left, Operation) and left.operator in ("*", "//")
            return f"{_at(left, 2 if plain else 3)}{node.operator}{_at(right, 3)}", 2
        case "ceil" | "floor":
            plain = isinstance(left, Operation) and left.operator == "*"
            return f"{node.operator}({_at(left, 2 if plain else 3)}/{_at(right, 3)})", 4
        case _:
            arguments = [_text(left), _text(right)]
            if isinstance(left, Operation) and left.operator == node.operator:
                arguments[0] = arguments[0][len(node.operator) + 1 : -1]  # min(min(a, b), c) as min(a, b, c)
            return f"{node.operator}({', '.join(arguments)})", 4


def _is_multiple(node: Node) -> bool:
    """Whether a minus before it would be read as part of its number: 0 - 3T is no (-3)T."""
    return isinstance(node, int) or (
        isinstance(node, Operation)
        and node.operator == "*"
        and isinstance(node.left, int)
        and isinstance(node.right, str)
    )
