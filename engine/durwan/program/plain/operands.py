"""Which operands an operator takes, looked up by the words for their kinds."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Final

from durwan.model.types import Type
from durwan.program.operators import OPERATORS, Operator
from durwan.program.plain.type_forms import LITERALS, SIMPLE

_SINGLE: Final = tuple(LITERALS)


def _accepted(wanted: str) -> tuple[str, ...]:
    """The kinds that stand where the registry names one: a literal also where any value of its kind does."""
    special = {"count": "int literal", "pattern": "string literal"}.get(wanted)
    if special is not None:
        return (special,)
    return (wanted, f"{wanted} literal") if wanted in _SINGLE else (wanted,)


def _signatures(operator: Operator) -> Iterator[tuple[tuple[str, ...], str]]:
    for overload in operator.overloads:
        generic = any("T" in operand.split() for operand in overload.operands)
        for kind in _SINGLE if generic else ("",):
            yield tuple(_with(operand, kind) for operand in overload.operands), overload.result
    if operator.name == "*":
        # The registry names the factor second; it may also be written first.
        yield from [(overload.operands[::-1], overload.result) for overload in operator.overloads]
    if operator.name == "in_set":
        # A whole number may be looked for among decimals, to which it compares.
        yield ("int", "literals of decimal"), "bool"


def _with(operand: str, kind: str) -> str:
    return " ".join(kind if word == "T" else word for word in operand.split())


# The type of the result by the operator's name and the kinds of its operands.
RESULTS: Final[dict[tuple[str, ...], Type]] = {
    (name, *kinds): SIMPLE[result]
    for name, operator in OPERATORS.items()
    for wanted, result in _signatures(operator)
    for kinds in product(*map(_accepted, wanted))
}
