"""The matrix of keys and actions for a terminal: a grid to be seen at once, then what each cell depends on."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from durwan.diagnostics.terminal import Style, visible
from durwan.program.wording import worded_remedy
from durwan.workshop.access import Cell, Condition, Demand, Row, alike

_SYMBOLS: Final = {"allowed": ("yes", "good"), "refused": ("-", "faint"), "conditional": ("if", "warning")}
_COLUMN: Final = 5
_LONGEST_NAME: Final = 36
_EVERY: Final = "every conditional action"


def draw_grid(rows: Sequence[Row], style: Style) -> Iterator[str]:
    """Lines: the actions by their numbers, then a line for each class of keys, in as many parts as the width takes."""
    actions = list(rows[0].cells) if rows else []
    names = [_shortened(row.keys.name) for row in rows]
    widest = max(map(len, names), default=0)
    most = max((style.width - widest - 2) // _COLUMN, 1)
    yield from _legend(actions, style)
    for start in range(0, len(actions), most):
        part = actions[start : start + most]
        yield ""
        numbers = "".join(f"{start + place:>{_COLUMN}}" for place in range(1, len(part) + 1))
        yield " " * widest + style.paint(numbers, "bold")
        for name, row in zip(names, rows, strict=True):
            yield f"{visible(name):<{widest}}" + "".join(_symbol(row.cells[action], style) for action in part)


def draw_row(row: Row, style: Style) -> Iterator[str]:
    """Lines: what has to be true for the actions of one class of keys, and what refuses the others."""
    scopes = ", ".join(row.keys.scopes) or "no scopes"
    yield style.paint(visible(row.keys.name), "bold") + visible(f"  ({scopes})")
    conditional = {action: cell for action, cell in row.cells.items() if cell.verdict == "conditional"}
    allowed = [action for action, cell in row.cells.items() if cell.verdict == "allowed"]
    if allowed:
        yield from _wrapped(f"allowed  {', '.join(allowed)}", 2, style)
    if row.common or row.common_demands:
        yield f"  {_EVERY}"
        yield from _wants(row.common, row.common_demands, style)
    for cell, actions in alike(conditional):
        conditions = [each for each in cell.conditions if each not in row.common]
        demands = [each for each in cell.demands if each not in row.common_demands]
        yield from _wrapped(", ".join(actions), 2, style)
        yield from _wants(conditions, demands, style)
    refused = {action: cell for action, cell in row.cells.items() if cell.verdict == "refused"}
    for cell, actions in alike(refused):
        reasons = ", ".join(cell.refused_by) or "its conditions exclude each other"
        yield from _wrapped(f"refused  {', '.join(actions)}", 2, style, reasons)


def draw_lets(lets: Mapping[str, str], style: Style) -> Iterator[str]:
    """Lines: what the names in the conditions stand for."""
    for name, text in lets.items():
        yield from _wrapped(f"{name} = {text}", 2, style)


def _legend(actions: Sequence[str], style: Style) -> Iterator[str]:
    entries = [f"{place:>2} {action}" for place, action in enumerate(actions, 1)]
    width = max(map(len, entries), default=0) + 3
    columns = max(style.width // width, 1)
    lines = -(-len(entries) // columns)
    for line in range(lines):
        yield "".join(f"{entry:<{width}}" for entry in entries[line::lines]).rstrip()


def _symbol(cell: Cell, style: Style) -> str:
    text, role = _SYMBOLS[cell.verdict]
    return " " * (_COLUMN - len(text)) + style.paint(text, role)


def _shortened(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _wants(conditions: Iterable[Condition], demands: Iterable[Demand], style: Style) -> Iterator[str]:
    empty = True
    for condition in conditions:
        empty = False
        yield from _wrapped(condition.text, 4, style, ", ".join(condition.rules))
    for demand in demands:
        empty = False
        text = f"after {worded_remedy(demand.remedy)}, unless {demand.condition.text}"
        yield from _wrapped(text, 4, style, demand.rule)
    if empty:
        yield "    nothing else"


def _wrapped(text: str, indent: int, style: Style, reason: str = "") -> Iterator[str]:
    """The text on as many lines as it takes, the reason behind it as a comment."""
    width = max(style.width, 40)
    first, others = " " * indent, " " * (indent + 4)
    lines = textwrap.wrap(
        visible(text), width, initial_indent=first, subsequent_indent=others, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    if not reason:
        yield from lines
        return
    comment = f"# {visible(reason)}"
    *before, last = lines
    yield from before
    if len(last) + 2 + len(comment) <= width:
        yield f"{last}  {style.paint(comment, 'faint')}"
    else:
        yield last
        wrapped = textwrap.wrap(comment, width, initial_indent=others, subsequent_indent=f"{others}# ")
        yield from (others + style.paint(line.removeprefix(others), "faint") for line in wrapped)


__all__ = ["draw_grid", "draw_lets", "draw_row"]
