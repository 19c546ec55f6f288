"""The function that answers from the decision cache: it makes the cache key of a request, and looks it up.

    def decide(request, now):
        t = (request['key'], <one position for each attribute that the action's rules read>)
        a, b, c = entries[t]                    # decided at a, holds until b; (1, 0, None) where there is none
        if a <= now < b: return c
        return fill(t, request, now)

The key is made only of what the rules of the action read (R16), each attribute in a position of its own and there as
the value that the schema reads it to be, None where unknown. A position holds values of one type alone, so values of
different types never meet (R15): there is no text to escape and no delimiter to forge. Where the rules ask only on
which side of the policy's own edges a value is, the position says just that (R20); see `reads.py` beside this file.

A key that is named by its id stands in the cache key by its id: what the id stands for is watched by the key source's
notices (R18). Like the functions that decide, this one has a strict form, which raises where something is absent, and a
careful form. In both, a request that holds anything but plain data raises and is not cached.
"""

from __future__ import annotations

import ast
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from durwan.backends.bytecode import emit
from durwan.backends.bytecode.conditions import Conditions
from durwan.backends.bytecode.frame import Frame, Shared, Unsettled
from durwan.backends.bytecode.reads import Reads, Use
from durwan.backends.bytecode.states import NOTHING_READ, State
from durwan.model import types
from durwan.model.decision import Decision

# Decided at, holds until, decision.
Entry = tuple[int, int, Decision | None]
NO_ENTRY: Entry = (1, 0, None)


class Entries(dict[tuple[Any, ...], Entry]):
    """The entries of a cache: what is not there has an entry that never holds."""

    def __missing__(self, _key: tuple[Any, ...]) -> Entry:
        return NO_ENTRY


def _refuse(_given: object) -> NoReturn:
    raise Unsettled


class CacheKeyWriter:
    """Writes the function of one action.

    Args:
        shared: what the functions of the program share.
        reads: what the rules of the action read.
        strict: whether to raise where something is absent.
        by_id: whether a key may stand in the cache key by its id.
    """

    def __init__(self, shared: Shared, reads: Reads, *, strict: bool, by_id: bool) -> None:
        self._frame = Frame(shared, template=False, strict=strict)
        self._conditions = Conditions(self._frame)
        self._uses = reads.uses
        self._by_id = by_id
        # Only plain data is cached: anything else could answer otherwise when it is read again.
        refusals = dict.fromkeys(("open_context", "open_key", "find_key"), _refuse)
        self._frame.bound |= {**refusals, "below": bisect_left}

    def write(self) -> ast.FunctionDef:
        """The function's tree; `bound` is what it may reach, apart from `entries` and `fill`."""
        with_key = [path for path in sorted(self._uses) if path.startswith("key.")]
        others = [path for path in sorted(self._uses) if not path.startswith("key.")]
        body: list[ast.stmt] = []
        if not with_key or not self._by_id:
            # The first position is that of a key's id: None, lest a text be taken for one.
            body.append(emit.assign("t", self._tuple([emit.NONE], [*with_key, *others])))
        else:
            given = self._frame.context_as_given("key")
            is_id = emit.compare(emit.call("type", emit.bind("y", given)), "is", emit.name("str"))
            by_id = emit.assign("t", self._tuple([emit.name("y")], others))
            # With the key's own attributes: longer than the other form, so the two never meet.
            by_attributes = emit.assign("t", self._tuple([emit.NONE], [*with_key, *others]))
            body.append(ast.If(is_id, [by_id], [by_attributes]))
        targets: list[ast.expr] = [ast.Name(each, emit.STORE) for each in "abc"]
        found = emit.item(emit.name("entries"), emit.name("t"))
        body.append(ast.Assign([ast.Tuple(targets, emit.STORE)], found, None))
        holds = ast.Compare(emit.name("a"), [ast.LtE(), ast.Lt()], [emit.name("now"), emit.name("b")])
        body.append(emit.when(holds, ast.Return(emit.name("c"))))
        body.append(ast.Return(emit.call("fill", emit.name("t"), emit.name("request"), emit.name("now"))))
        return emit.function_tree(["request", "now"], body)

    @property
    def bound(self) -> Mapping[str, Any]:
        """What the function reaches by name."""
        return {**self._frame.bound, **self._frame.constants.bound()}

    def _tuple(self, first: Sequence[ast.expr], paths: Sequence[str]) -> ast.expr:
        positions = list(first)
        state = NOTHING_READ
        for path in paths:
            added, state = self._positions(path, self._uses[path], state)
            positions += added
        return ast.Tuple(positions, emit.LOAD)

    def _positions(self, path: str, use: Use, state: State) -> tuple[list[ast.expr], State]:
        if use.type == types.Bool():
            return self._truth(path, state)
        if use.itself:
            _, value, state = self._frame.attribute(path, use.type, state)
            return [value], state
        if use.bits:
            slot, mask, state = self._frame.mask(path, state)
            return [self._where_known(slot, mask, lambda each: _both_bits(each, use.bits))], state
        if use.questions:
            return self._answers(use, state)
        slot, value, state = self._frame.attribute(path, use.type, state)
        return [self._where_known(slot, value, lambda each: self._side(use, each))], state

    def _truth(self, path: str, state: State) -> tuple[list[ast.expr], State]:
        slot, truth, state = self._frame.truth(path, state)
        if self._frame.strict:
            return [truth], state
        known = emit.either(emit.compare(truth, "is", emit.TRUE), emit.compare(emit.name(slot), "is", emit.FALSE))
        return [ast.IfExp(known, emit.name(slot), emit.NONE)], state

    def _answers(self, use: Use, state: State) -> tuple[list[ast.expr], State]:
        answers: list[ast.expr] = []
        for question in use.questions:
            answer, state = self._conditions.three_valued(question, state)
            answers.append(answer)
        return answers, state

    def _where_known(self, slot: str, value: ast.expr, side: Callable[[ast.expr], ast.expr]) -> ast.expr:
        if self._frame.strict:
            return side(value)
        known = emit.compare(value, "is not", emit.NONE)
        return ast.IfExp(known, side(emit.name(slot)), emit.NONE)

    def _side(self, use: Use, value: ast.expr) -> ast.expr:
        """On which side of the edges a known value is."""
        bind = self._frame.constants.bind
        if use.texts and use.type == types.String():
            return emit.call("get", bind(use.classes()), value, emit.number(0))
        if use.texts:  # one of few choices
            return value
        if use.decimals:
            edges = bind(tuple(sorted(use.decimals)))
            # Twice, since a value on an edge is on neither side of it.
            return ast.BinOp(emit.call("bisect", edges, value), ast.Add(), emit.call("below", edges, emit.again(value)))
        if len(use.cuts) == 1:
            return emit.compare(value, ">=", emit.number(next(iter(use.cuts))))
        if use.cuts:
            return emit.call("bisect", bind(tuple(sorted(use.cuts))), value)
        return emit.compare(value, "is not", emit.NONE)  # only whether it is known


def _both_bits(mask: ast.expr, bits: int) -> ast.expr:
    return ast.BinOp(mask, ast.BitAnd(), emit.number(bits))
