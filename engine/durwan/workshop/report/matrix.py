"""The matrix of keys and actions as a section of the report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from durwan.model.values import read_value
from durwan.program.program import Program
from durwan.program.wording import worded_remedy, worded_value
from durwan.workshop.access import Assumptions, Cell, Condition, Demand, Row, access_of, alike
from durwan.workshop.key_classes import KeyClass, key_classes
from durwan.workshop.report.content import Access, AccessRow, Conditional, Refused, Want

# Beyond that a table is not read any more. A policy set whose thousands of keys have few scopes has few classes.
_MOST_ROWS: Final = 150
_MOST_KEYS: Final = 24
# A single condition is read sooner than looked up elsewhere.
_FEW_WANTS: Final = 1

Keys = Sequence[tuple[str, Mapping[str, object]]]


class Matrix:
    """The classes of the keys, and what each of them can do."""

    def __init__(self, program: Program, keys: Keys, assumed: Assumptions) -> None:
        self._keys = keys
        self._assumed = assumed
        self._actions = tuple(sorted(program.schema.actions))
        self._schema = program.schema
        self.classes = key_classes(program, keys)
        self.shown = self.classes[:_MOST_ROWS]
        self._rows = access_of(program, self.shown, self._actions, assumed)
        self._anchors = {key: _anchor(place) for place, each in enumerate(self.shown) for key in each.ids}

    def anchor_of(self, key: str) -> str | None:
        """Where the report says what a key can do; None where its class is left out."""
        return self._anchors.get(key)

    def section(self) -> Access:
        """The section of the report."""
        return Access(
            actions=self._actions,
            keys=len(self._keys),
            rows=tuple(_told_once([_row(place, row) for place, row in enumerate(self._rows)])),
            left_out=len(self.classes) - len(self.shown),
            assumed=tuple(self._assumptions()),
        )

    def _assumptions(self) -> Iterator[str]:
        for path in sorted(self._assumed.paths):
            context, _, name = path.partition(".")
            declared = self._schema.attributes[path]
            value = read_value(declared, self._assumed.by_context[context][name])
            yield f"{path} = {worded_value(value, declared)}"


def _anchor(place: int) -> str:
    return f"keys-{place + 1}"


def _row(place: int, row: Row) -> AccessRow:
    conditional = {action: cell for action, cell in row.cells.items() if cell.verdict == "conditional"}
    refused = {action: cell for action, cell in row.cells.items() if cell.verdict == "refused"}
    keys: KeyClass = row.keys
    return AccessRow(
        anchor=_anchor(place),
        name=keys.name,
        keys=keys.ids[:_MOST_KEYS],
        left_out=max(len(keys.ids) - _MOST_KEYS, 0),
        scopes=keys.scopes,
        differing=tuple(sorted(keys.kept)),
        cells=tuple(cell.verdict for cell in row.cells.values()),
        allowed=tuple(action for action, cell in row.cells.items() if cell.verdict == "allowed"),
        common=_wants(row.common, row.common_demands),
        conditional=tuple(
            _conditional(f"{_anchor(place)}-{number}", row, cell, actions)
            for number, (cell, actions) in enumerate(alike(conditional), 1)
        ),
        refused=tuple(Refused(actions=tuple(actions), by=cell.refused_by) for cell, actions in alike(refused)),
    )


def _told_once(rows: Iterable[AccessRow]) -> Iterator[AccessRow]:
    """The rows, each long list of conditions in them with the place where it stood before, if it did."""
    told: dict[tuple[Want, ...], str] = {}
    for row in rows:
        groups = [replace(each, like=told.get(each.wants)) for each in row.conditional]
        yield replace(row, conditional=tuple(groups))
        for each in groups:
            if len(each.wants) > _FEW_WANTS:
                told.setdefault(each.wants, each.anchor)


def _conditional(anchor: str, row: Row, cell: Cell, actions: Iterable[str]) -> Conditional:
    conditions = [each for each in cell.conditions if each not in row.common]
    demands = [each for each in cell.demands if each not in row.common_demands]
    return Conditional(anchor=anchor, actions=tuple(actions), wants=_wants(conditions, demands))


def _wants(conditions: Iterable[Condition], demands: Iterable[Demand]) -> tuple[Want, ...]:
    return (
        *(Want(text=each.text, rules=each.rules) for each in conditions),
        *(
            Want(text=each.condition.text, rules=each.condition.rules, remedy=worded_remedy(each.remedy))
            for each in demands
        ),
    )
