"""The function that answers from the decision cache: it makes the cache key of a request, and looks it up.

    def decide(request, now):
        t = (request['key'], <one position for each attribute that the action's rules read>)
        a, b, c = entries[t]                    # decided at a, holds until b; (1, 0, None) where there is none
        if a <= now < b: return c
        return fill(t, request, now)

The key is made only of what the rules of the action read (R16), each attribute in a position of its own, None where it
is unknown. Values of different types never meet in a position (R15): it holds texts as they came, whole numbers times a
seed, and what else the schema reads as a value; there is no text to escape and no delimiter to forge. Where the rules
ask only on which side of the policy's own edges a value is, the position says just that (R20); see `reads.py`.

A key that is named by its id stands in the cache key by its id: what the id stands for is watched by the key source's
notices (R18). Like the functions that decide, this one has a strict form, which raises where something is absent, and a
careful form. In both, a request that holds anything but plain data raises and is not cached.
"""

from __future__ import annotations

import ast
import secrets
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NoReturn

from durwan.backends.bytecode import emit
from durwan.backends.bytecode.conditions import Conditions
from durwan.backends.bytecode.frame import Frame, Shared, Unsettled
from durwan.backends.bytecode.reads import Reads, Use
from durwan.backends.bytecode.states import NOTHING_READ, State
from durwan.model import types
from durwan.model.address import NetworkSet
from durwan.model.decision import Decision
from durwan.model.types import INT64_MAX, INT64_MIN
from durwan.model.values import reader

# Decided at, holds until, decision.
Entry = tuple[int, int, Decision | None]
NO_ENTRY: Entry = (1, 0, None)
# Another one in every process.
_SEED = secrets.randbits(64) | 1 << 64
# A text longer than this is not remembered with its side.
_LONG = 256


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
        self._frame.bound |= refusals

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
        """What the cache key holds of one attribute, and the state after."""
        if use.questions and not use.itself:
            return self._answers(use, state)
        if use.bits and not use.itself:
            slot, mask, state = self._frame.mask(path, state)
            return [self._known_bits(slot, mask, use.bits)], state
        raw, state = self._frame.raw(path, state)
        slot = self._frame.slot(("given", path))
        return [self._position(use, emit.bind(slot, raw), emit.name(slot))], state

    def _answers(self, use: Use, state: State) -> tuple[list[ast.expr], State]:
        answers: list[ast.expr] = []
        for question in use.questions:
            answer, state = self._conditions.three_valued(question, state)
            answers.append(answer)
        return answers, state

    def _known_bits(self, slot: str, mask: ast.expr, bits: int) -> ast.expr:
        known = ast.BinOp(mask if self._frame.strict else emit.name(slot), ast.BitAnd(), emit.number(bits))
        if self._frame.strict:
            return known
        return ast.IfExp(emit.compare(mask, "is not", emit.NONE), known, emit.NONE)

    def _position(self, use: Use, raw: ast.expr, again: ast.expr) -> ast.expr:
        """The value, or the side that it is on.

        A text or a whole number stands as it came: what it is read to be depends on nothing else. Whatever else may be
        read as the declared type is read first, so that what is no plain value never gets into a cache key.
        """
        if use.type == types.Bool():
            known = emit.either(emit.compare(raw, "is", emit.TRUE), emit.compare(again, "is", emit.FALSE))
            return ast.IfExp(known, again, emit.NONE)
        read: Callable[[object], Any] = reader(use.type)
        side = None if use.itself else side_of(use)
        # A set of texts is read to what may stand in a cache key as it is.
        are_texts = isinstance(use.type, types.SetOf) and isinstance(use.type.element, (types.String, types.Scope))
        kept = side if side is not None else _same if are_texts else _kept
        reading = self._frame.helper("s", (use.type, kept), lambda: _then(read, kept))
        otherwise = emit.call(reading, again)
        if side is not None:
            form = emit.item(self._frame.constants.bind(Sides(lambda value: side(read(value)))), again)
            whole = text = form
        else:
            # Whole numbers hash to themselves: whoever chooses them could choose many that meet in one place (R22).
            whole, text = ast.BinOp(again, ast.Mult(), self._frame.constants.bind(_SEED)), again
        match use.type:
            case types.String() | types.Scope() | types.Address():
                return ast.IfExp(_is_of(raw, "str"), text, otherwise)
            case types.Int() | types.Number() | types.Time() | types.Duration():
                return ast.IfExp(_is_of(raw, "int"), whole, ast.IfExp(_is_of(again, "str"), text, otherwise))
            case types.SetOf(types.String(None) | types.Scope()) if side is None:
                return ast.IfExp(_is_of(raw, "StringSet"), again, otherwise)
            case _:
                return emit.call(reading, raw)


def _is_of(value: ast.expr, kind: str) -> ast.expr:
    return emit.compare(emit.call("type", value), "is", emit.name(kind))


def _then(read: Callable[[object], Any], kept: Callable[[Any], object]) -> Callable[[object], object]:
    return lambda raw: kept(read(raw))


def _kept(value: object) -> object:
    """What stands for a value that came in none of the plain forms; texts hash by a seed, bytes are nothing else."""
    if value is None or isinstance(value, (str, NetworkSet)):
        return value
    if not isinstance(value, frozenset):
        return repr(value).encode()
    members: list[Any] = sorted(value)  # pyright: ignore[reportUnknownArgumentType] - of one type, whichever
    return repr(members).encode()


def _same(value: object) -> object:
    return value


class Sides(dict[Any, object]):
    """On which side values seen lately are, by the value as it came: always of one plain type each, text or int.

    Bounded like the memories of addresses: past the bound it starts anew.
    """

    BOUND = 4_096

    def __init__(self, side: Callable[[object], object]) -> None:
        super().__init__()
        self._side = side

    def __missing__(self, value: object) -> object:
        side = self._side(value)
        if len(value) <= _LONG if type(value) is str else type(value) is int and INT64_MIN <= value <= INT64_MAX:
            if len(self) >= self.BOUND:
                self.clear()
            self[value] = side
        return side


def side_of(use: Use) -> Callable[[Any], object]:
    """On which side of its edges a value is, as the schema reads it; None where it is unknown."""
    if use.texts:
        classes = use.classes()
        return lambda value: None if value is None else classes.get(value, 0)
    if use.decimals:
        edges = tuple(sorted(use.decimals))
        # Twice, since a value on an edge is on neither side of it.
        return lambda value: None if value is None else bisect_left(edges, value) + bisect_right(edges, value)
    cuts = tuple(sorted(use.cuts))
    return lambda value: None if value is None else bisect_right(cuts, value)
