"""Pieces of SQL text with parameters in them, and the values that are computed before they are used.

A value from a policy or from a caller is always a parameter; text comes from this package alone, names of columns
apart, which are quoted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

Placeholders = Literal["?", "%s", "$1"]
# What begins the names that are made up here; columns of the asker do not begin so.
OWN: Final = "durwan_"
# A parser of SQL has a stack of some hundred places. What nests deeper is computed in a step of its own.
_DEEP: Final = 7
# So many operands stand in one pair of brackets: the depth of an expression has its limits too.
_MANY: Final = 50


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that the database is given beside the text."""

    value: Any


class Fragment(NamedTuple):
    """A piece of text that stands by itself, whatever it is put into.

    Attributes:
        parts: text, and the parameters between it.
        depth: how deeply its brackets nest, about.
        level: how many steps have to be computed before it.
    """

    parts: tuple[str | Parameter, ...]
    depth: int = 0
    level: int = 0


def sql(template: str, *operands: Fragment) -> Fragment:
    """The template with each `{}` in it replaced by an operand."""
    texts = template.split("{}")
    if len(texts) != len(operands) + 1:
        raise ValueError(f"{template!r} does not take {len(operands)} operands")
    parts: list[str | Parameter] = [texts[0]]
    for operand, text in zip(operands, texts[1:], strict=True):
        parts += [*operand.parts, text]
    depth = 1 + max(operand.depth for operand in operands) if operands else 0
    return Fragment(tuple(parts), depth, max((operand.level for operand in operands), default=0))


def parameter(value: Any) -> Fragment:
    """A value that the database is given beside the text."""
    return Fragment((Parameter(value),))


def listed(fragments: Sequence[Fragment], between: str = ", ") -> Fragment:
    """The fragments one after the other, without brackets."""
    found = sql(between.join(["{}"] * len(fragments)), *fragments)
    return found._replace(depth=found.depth - 1)


def junction(word: str, fragments: Sequence[Fragment]) -> Fragment:
    """The fragments joined by `AND` or `OR`."""
    while len(fragments) > 1:
        groups = [fragments[start : start + _MANY] for start in range(0, len(fragments), _MANY)]
        fragments = [sql("({})", listed(group, f" {word} ")) for group in groups]
    return fragments[0]


class Steps:
    """Values that are computed once a row, each step from those before it, so that they may be used several times."""

    def __init__(self) -> None:
        self._levels: list[list[tuple[str, Fragment]]] = []
        self.count = 0

    def bind(self, fragment: Fragment) -> Fragment:
        """The name of the fragment's value."""
        if not fragment.depth and len(fragment.parts) == 1:
            return fragment
        return self.bind_always(fragment)

    def bind_always(self, fragment: Fragment) -> Fragment:
        """The name of the fragment's value, of a column's too: within a subquery its own name may be another's."""
        only = fragment.parts[0] if len(fragment.parts) == 1 else ""
        if isinstance(only, Parameter) or only.startswith(OWN):
            return fragment
        self.count += 1
        name = f"{OWN}{self.count}"
        if fragment.level == len(self._levels):
            self._levels.append([])
        self._levels[fragment.level].append((name, fragment))
        return Fragment((name,), 0, fragment.level + 1)

    def shallow(self, fragment: Fragment) -> Fragment:
        """The fragment, computed in a step of its own if it nests deeply."""
        return self.bind_always(fragment) if fragment.depth > _DEEP else fragment

    def finish(self, truth: Fragment) -> Fragment:
        """The truth, with all steps before it."""
        if not self._levels:
            return truth
        steps: list[Fragment] = []
        for number, level in enumerate(self._levels):
            values = [sql(f"{{}} AS {name}", fragment) for name, fragment in level]
            before = f"*, {{}} FROM {OWN}step_{number}" if number else "{}"
            steps.append(sql(f"{OWN}step_{number + 1} AS MATERIALIZED (SELECT {before})", listed(values)))
        return sql(f"(WITH {{}} SELECT {{}} FROM {OWN}step_{len(steps)})", listed(steps), truth)


def rendered(fragment: Fragment, placeholders: Placeholders) -> tuple[str, tuple[Any, ...]]:
    """The text with its placeholders, and the parameters in their order."""
    text: list[str] = []
    values: list[Any] = []
    for part in fragment.parts:
        if isinstance(part, Parameter):
            values.append(part.value)
            text.append(f"${len(values)}" if placeholders == "$1" else placeholders)
        else:
            text.append(part.replace("%", "%%") if placeholders == "%s" else part)
    return "".join(text), tuple(values)


__all__ = ["OWN", "Fragment", "Parameter", "Placeholders", "Steps", "junction", "listed", "parameter", "rendered", "sql"]
