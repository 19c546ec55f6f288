"""Pieces of SQL text with parameters in them, and the values that are computed before they are used.

A value from a policy or from a caller is always a parameter; text comes from this package alone, names of columns
apart, which are quoted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

Placeholders = Literal["?", "%s", "$1"]
# What begins the names that are made up here; columns of the asker do not begin so.
OWN: Final = "durwan_"
_PLACE: Final = re.compile(r"\{(\w*)\}")
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

    @property
    def is_name(self) -> bool:
        """Whether it is the name of a value that was computed before."""
        return len(self.parts) == 1 and isinstance(self.parts[0], str) and self.parts[0].startswith(OWN)

    @property
    def is_parameter(self) -> bool:
        """Whether it is a parameter and nothing else, a cast of it apart."""
        return self.depth == 0 and any(isinstance(each, Parameter) for each in self.parts)


def sql(template: str, *operands: Fragment, **named: Fragment) -> Fragment:
    """The template with each `{}` in it replaced by an operand, and each `{name}` by the one of that name."""
    texts = _PLACE.split(template)
    waiting = iter(operands)
    chosen = [named[name] if name else next(waiting) for name in texts[1::2]]
    if any(True for _ in waiting):
        raise ValueError(f"{template!r} does not take {len(operands)} operands")
    parts: list[str | Parameter] = [texts[0]]
    for operand, text in zip(chosen, texts[2::2], strict=True):
        parts += [*operand.parts, text]
    depth = 1 + max(operand.depth for operand in chosen) if chosen else 0
    return Fragment(tuple(parts), depth, max((operand.level for operand in chosen), default=0))


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
        """The name of the fragment's value; where it is to be used in a subquery, a column must not go by its own."""
        if fragment.is_name or fragment.is_parameter:
            return fragment
        self.count += 1
        name = f"{OWN}{self.count}"
        if fragment.level == len(self._levels):
            self._levels.append([])
        self._levels[fragment.level].append((name, fragment))
        return Fragment((name,), 0, fragment.level + 1)

    def shallow(self, fragment: Fragment) -> Fragment:
        """The fragment, computed in a step of its own if it nests deeply."""
        return self.bind(fragment) if fragment.depth > _DEEP else fragment

    def finish(self, truth: Fragment) -> Fragment:
        """The truth, with all steps before it."""
        if not self._levels:
            return truth
        steps: list[Fragment] = []
        last = Fragment(())
        for number, level in enumerate(self._levels, start=1):
            values = listed([sql("{} AS {}", fragment, Fragment((name,))) for name, fragment in level])
            values = sql("*, {} FROM {}", values, last) if last.parts else values
            last = Fragment((f"{OWN}step_{number}",))
            steps.append(sql("{} AS MATERIALIZED (SELECT {})", last, values))
        return sql("(WITH {} SELECT {} FROM {})", listed(steps), truth, last)


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


__all__ = [
    "OWN",
    "Fragment",
    "Parameter",
    "Placeholders",
    "Steps",
    "junction",
    "listed",
    "parameter",
    "rendered",
    "sql",
]
