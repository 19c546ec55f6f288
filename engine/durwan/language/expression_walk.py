"""Walking a written expression without recursion, so that its depth cannot exhaust the stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from durwan.language.syntax import (
    And,
    Arithmetic,
    Braces,
    Comparison,
    Default,
    Expression,
    Group,
    Has,
    In,
    Known,
    Like,
    Name,
    Not,
    Or,
)


def parts(written: Expression | Braces) -> tuple[Expression | Braces, ...]:
    """What an expression is made of directly."""
    match written:
        case And(operands=operands) | Or(operands=operands):
            return operands
        case Comparison(left=left, right=right) | Arithmetic(left=left, right=right):
            return left, right
        case Not(operand=operand) | Like(operand=operand) | Known(operand=operand):
            return (operand,)
        case In(operand=operand, collection=collection):
            return operand, collection
        case Has(operand=operand, target=target):
            return operand, target
        case Default(operand=operand, fallback=fallback):
            return operand, fallback
        case Group(inner=inner):
            return (inner,)
        case Braces(items=items):
            return items
        case _:
            return ()


def names_in(written: Expression) -> Iterator[tuple[Name, bool]]:
    """Every name, and whether it stands where it may be a scope."""
    pending: list[tuple[Expression | Braces, bool]] = [(written, False)]
    while pending:
        part, scope = pending.pop()
        if isinstance(part, Name):
            yield part, scope
            continue
        may_be_scope = isinstance(part, Braces | Has | Default | Comparison)
        pending.extend((each, may_be_scope) for each in reversed(parts(part)))


def measure(written: Expression, lets: Mapping[str, tuple[int, int]]) -> tuple[int, int]:
    """How deep and how large an expression is with its lets written out.

    `lets` has the depth and size of each let that may be named. Names and literals are 1 deep and 1 large; braces
    count as one part, however many members they have, and parentheses do not count.
    """
    deepest, size = 0, 0
    pending: list[tuple[Expression | Braces, int]] = [(written, 1)]
    while pending:
        part, depth = pending.pop()
        inner_depth, inner_size = lets.get(part.text, (1, 1)) if isinstance(part, Name) else (1, 1)
        deepest = max(deepest, depth + inner_depth - 1)
        size += inner_size
        if isinstance(part, Group):
            pending.append((part.inner, depth))
        elif not isinstance(part, Braces):
            pending.extend((each, depth + 1) for each in parts(part))
    return deepest, size
