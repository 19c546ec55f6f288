"""The LALR machine: a stack of states, and beside it the values of the symbols and where they begin."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from durwan.language.grammar import END, Tables
from durwan.language.lexical import RESERVED, Token

Build = Callable[[list[Any], int, int], Any]
Make = Callable[[str, int, int], Any]


class Stacks:
    """Takes tokens one by one.

    `builds[number]` makes the value of a production from those of its symbols, None where the one symbol's value is
    taken over; `makes[kind]` that of a token, whose text is its value where there is none.
    """

    def __init__(self, tables: Tables, builds: Sequence[Build | None]) -> None:
        self._tables = tables
        self.keywords = tables.keywords
        self._builds = builds
        self.makes: dict[str, Make] = {}
        self._words = frozenset(tables.keywords.values())
        self._reserved = frozenset(tables.keywords[word] for word in RESERVED)
        self.states = [tables.start]
        self.values: list[Any] = []
        self.starts: list[int] = []
        self._end = 0

    def clear(self) -> None:
        """Forgets what was begun."""
        self.states = [self._tables.start]
        self.values.clear()
        self.starts.clear()

    def take(self, token: Token) -> bool:
        """Takes the next token, or tells that it does not fit."""
        kind, text, start, end = token
        actions = self._tables.actions
        while True:
            row = actions[self.states[-1]]
            target = row.get(kind)
            if target is None:
                name = self._as_name(row, kind)
                if name is None:
                    return False
                kind = name
            elif target >= 0:
                make = self.makes.get(kind)
                self.values.append(text if make is None else make(text, start, end))
                self.states.append(target)
                self.starts.append(start)
                self._end = end
                return True
            else:
                self._apply(~target)

    def give_back(self) -> None:
        """Undoes the taking of the last token, on which no production may have been applied yet."""
        self.states.pop()
        self.values.pop()
        self.starts.pop()

    def take_end(self) -> bool:
        """Takes the end of the text, which completes what was begun, or tells that it does not fit."""
        while True:
            target = self._tables.actions[self.states[-1]].get(END)
            if target is None or target >= 0:
                return target is not None
            if self._tables.productions[~target].origin == "start":
                return True
            self._apply(~target)

    def _apply(self, number: int) -> None:
        """Replaces the symbols of a production by the one that they make."""
        size, origin, _, gathers, repeats = self._tables.productions[number]
        states, values, starts = self.states, self.values, self.starts
        build = self._builds[number]
        if build is None:
            states[-1] = self._tables.gotos[states[-2]][origin]
            return
        symbols = values[-size:]
        start = starts[-size]
        del states[-size:], values[-size:], starts[-size:]
        if gathers:
            symbols = _gathered(symbols)
        values.append(symbols if repeats else build(symbols, start, self._end))
        starts.append(start)
        states.append(self._tables.gotos[states[-1]][origin])

    def _as_name(self, row: dict[str, int], kind: str) -> str | None:
        """The terminal that a keyword is where it is no keyword: any word, or a name unless it is reserved."""
        if kind not in self._words:
            return None
        if "WORD" in row:
            return "WORD"
        return "NAME" if "NAME" in row and kind not in self._reserved else None

    # ------------------------------------------------------------ looking ahead

    def fits(self, kinds: Iterable[str], *, without_last: bool = False) -> int:
        """How many of these kinds of tokens would be taken one after the other, if need be without the last one."""
        states = self.states[:-1] if without_last else self.states.copy()
        count = 0
        for kind in kinds:
            if not self._moves(states, kind):
                break
            count += 1
        return count

    def _moves(self, states: list[int], kind: str) -> bool:
        """Moves a stack of states as `take` would."""
        while True:
            row = self._tables.actions[states[-1]]
            target = row.get(kind)
            if target is None:
                name = self._as_name(row, kind)
                if name is None:
                    return False
                kind = name
            elif target >= 0:
                states.append(target)
                return True
            else:
                production = self._tables.productions[~target]
                if production.size:
                    del states[-production.size :]
                if production.origin == "start":
                    return True
                states.append(self._tables.gotos[states[-1]][production.origin])

    def expected(self, taken: Sequence[str] = ()) -> set[str]:
        """The terminals of which one could come next, after those that would be taken before."""
        states = self.states.copy()
        for kind in taken:
            self._moves(states, kind)
        return {kind for kind in self._tables.actions[states[-1]] if self._moves(states.copy(), kind)}


def _gathered(symbols: list[Any]) -> list[Any]:
    """The symbols, with the members of lists in their place. A list that comes first is taken over, not copied."""
    first, *others = symbols
    gathered = _members(first)
    for symbol in others:
        gathered += _members(symbol)
    return gathered


def _members(symbol: Any) -> list[Any]:
    # What the list holds cannot be told to a type checker: symbols are of every kind.
    return symbol if type(symbol) is list else [symbol]  # pyright: ignore[reportUnknownVariableType]
