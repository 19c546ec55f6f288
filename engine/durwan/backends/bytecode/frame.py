"""What one generated function knows while it is being written: its constants, its locals, and how it reads a request.

A *slot* is a local variable that holds something read once: a context, an attribute's value (None where unknown), a
mask of networks. A *state* says which slots are certainly assigned at a point of the code, and which of them are
certainly known there (`slot!`). Slots are assigned inside expressions where they are first needed, so nothing is read
that the decision does not need, and nothing is read twice.

A *strict* function takes everything that it reads to be there and of its type, and raises `Unsettled` or KeyError
where it is not: then the careful function of the same action decides. So the usual request costs no test for the
unknown at all. Where a policy itself asks whether something is known, or names a default, even a strict function
reads carefully.
"""

from __future__ import annotations

import ast
from bisect import bisect_right
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

from durwan.backends.bytecode import emit
from durwan.backends.bytecode.addresses import AddressTable
from durwan.backends.bytecode.moving import Movement
from durwan.backends.bytecode.states import State
from durwan.backends.bytecode.stretches import Stretches
from durwan.model import types
from durwan.model.address import NetworkSet
from durwan.model.decision import NEVER
from durwan.model.types import INT64_MAX, INT64_MIN, TIME_MAX, TIME_MIN
from durwan.model.values import StringSet, reader
from durwan.program.nodes import Expression
from durwan.program.operators import (
    add,
    add_decimals,
    has_at_least,
    like,
    multiply,
    multiply_decimals,
    subtract,
    subtract_decimals,
)
from durwan.program.program import Program

DECIMAL_BOUND = 10**18
SCOPES = types.SetOf(types.Scope())


class Unsettled(Exception):  # noqa: N818 - no error: the careful function of the action decides instead
    """Something is unknown that a strict function took to be known."""


def unsettled() -> NoReturn:
    """Leaves a strict function."""
    raise Unsettled


def settled(read: Callable[[object], Any]) -> Callable[[object], Any]:
    """The reader of a strict function: what it cannot read ends the function."""

    def read_settled(raw: object) -> Any:
        value = read(raw)
        if value is None:
            raise Unsettled
        return value

    return read_settled


def settled_sum(calculate: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """The arithmetic of a strict function: an overflow ends the function."""

    def calculate_settled(left: Any, right: Any) -> Any:
        value = calculate(left, right)
        if value is None:
            raise Unsettled
        return value

    return calculate_settled


def all_strings(raw: object) -> object:
    """A collection as it came, if all its members are texts; else None, unknown."""
    kind = type(raw)
    if kind is not list and kind is not tuple and kind is not frozenset and kind is not set and kind is not StringSet:
        return None
    for member in raw:  # type: ignore[attr-defined]
        if type(member) is not str:  # pyright: ignore[reportUnknownArgumentType] - it may be anything
            return None
    return raw


def inside(address: bytes, network: NetworkSet) -> bool:
    """Whether a packed address lies in a network that came with the request."""
    return address in network


# What generated code may call. Nothing else is callable there: its builtins are empty.
HELPERS: Mapping[str, Any] = {
    "type": type,
    "dict": dict,
    "int": int,
    "str": str,
    "len": len,
    "list": list,
    "get": dict[str, Any].get,
    "NetworkSet": NetworkSet,
    "StringSet": StringSet,
    "bisect": bisect_right,
    "inside": inside,
    "startswith": str.startswith,
    "endswith": str.endswith,
    "like": like,
    "disjoint": frozenset[Any].isdisjoint,
    "covers": frozenset[Any].issuperset,
    "has_at_least": has_at_least,
    "add": add,
    "subtract": subtract,
    "multiply": multiply,
    "add_decimals": add_decimals,
    "subtract_decimals": subtract_decimals,
    "multiply_decimals": multiply_decimals,
    "settled_add": settled_sum(add),
    "settled_subtract": settled_sum(subtract),
    "settled_multiply": settled_sum(multiply),
    "settled_add_decimals": settled_sum(add_decimals),
    "settled_subtract_decimals": settled_sum(subtract_decimals),
    "settled_multiply_decimals": settled_sum(multiply_decimals),
    "NEVER": NEVER,
}


@dataclass(frozen=True, slots=True)
class Shared:
    """What the functions of one program share."""

    program: Program
    movement: Movement
    # The networks that the address table answers, each with its bit.
    bits: Mapping[NetworkSet, int]
    addresses: AddressTable
    # The answers of a window by stretches of time.
    stretches: Callable[[str], Stretches]
    # Reads one expression by the reference evaluator: (value, deadline).
    reference: Callable[[Expression], Callable[[Mapping[str, Any], int], tuple[Any, int | None]]]
    # A context that is not a plain dict, or a key's id, as a plain dict.
    open_context: Callable[[object], dict[str, Any]]
    open_key: Callable[[object], dict[str, Any]]
    # The same, for a strict function: raises where it cannot.
    find_key: Callable[[Any], dict[str, Any]]
    # Whether what `find_key` gives for an id holds only values as the schema reads them.
    keys_are_read: bool
    # The scopes that are held by whom these were given to.
    read_scopes: Callable[[object], frozenset[str] | None]
    # Whether strict functions take every key to be named by its id.
    by_id: bool = False


class Frame:
    """The function that is being written."""

    def __init__(self, shared: Shared, *, template: bool, strict: bool) -> None:
        self.shared = shared
        self.constants = emit.Constants(template=template)
        self.strict = strict
        self._by_id = strict and shared.by_id
        self._slots: dict[object, str] = {}
        # Lets that were evaluated beforehand, since several conditions ask for them.
        self.hoisted: dict[str, str] = {}
        self.bound: dict[str, Any] = {
            **HELPERS,
            "open_context": shared.open_context,
            "open_key": shared.open_key,
            "find_key": shared.find_key,
            "masks": shared.addresses.masks,
            "packed": shared.addresses.packed,
            "unsettled": unsettled,
        }

    @contextmanager
    def relaxed(self) -> Generator[None, None, None]:
        """Within this, reading is careful even in a strict function."""
        strict, self.strict = self.strict, False
        try:
            yield
        finally:
            self.strict = strict

    def slot(self, key: object) -> str:
        """The local variable that holds what `key` stands for."""
        return self._slots.setdefault(key, f"v{len(self._slots)}")

    def helper(self, prefix: str, key: object, make: Callable[[], Any]) -> str:
        """A bound helper made for this program, such as the reader of one type."""
        identifier = self.slot((prefix, key)).replace("v", prefix)
        if identifier not in self.bound:
            self.bound[identifier] = make()
        return identifier

    # -------------------------------------------------------------------------------------- reading a request

    def _item(self, container: ast.expr, key: str) -> ast.expr:
        """What stands under a key: an index where absence may raise KeyError, else None where it is absent."""
        if self.strict:
            return emit.item(container, ast.Constant(key))
        return emit.call("get", container, ast.Constant(key))

    def context_as_given(self, context: str) -> ast.expr:
        """What the request says under the name of a context: a mapping, or a key's id."""
        return self._item(emit.name("request"), context)

    def _context(self, context: str, state: State) -> tuple[ast.expr, State]:
        slot = self.slot(("context", context))
        if slot in state:
            return emit.name(slot), state
        if context == "key" and self._by_id:
            is_id = emit.compare(
                emit.call("type", emit.bind("x", self.context_as_given(context))), "is", emit.name("str")
            )
            found = emit.bind(slot, emit.call("find_key", emit.name("x")))
            return ast.IfExp(is_id, found, emit.call("unsettled")), state | {slot}
        given = emit.bind(slot, self.context_as_given(context))
        opener = "open_key" if context == "key" and not self.strict else "open_context"
        plain = emit.compare(emit.call("type", given), "is", emit.name("dict"))
        opened = emit.bind(slot, emit.call(opener, emit.name(slot)))
        if self.strict and context == "key":
            # The lookup may be a dict's own, which would also take a text that only claims to be equal.
            is_id = emit.compare(emit.call("type", emit.name(slot)), "is", emit.name("str"))
            opened = ast.IfExp(is_id, emit.bind(slot, emit.call("find_key", emit.name(slot))), opened)
        return ast.IfExp(plain, emit.name(slot), opened), state | {slot}

    def raw(self, path: str, state: State) -> tuple[ast.expr, State]:
        """What the request says under `context.name`, as it came."""
        context, _, attribute = path.partition(".")
        opened, state = self._context(context, state)
        return self._item(opened, attribute), state

    def attribute(self, path: str, declared: types.Type, state: State) -> tuple[str, ast.expr, State]:
        """The slot of an attribute's value, an expression that yields it (None where unknown), and the state after.

        A value of the plainest form is taken as it is; for any other, the reader of its type decides.
        """
        slot, found = self._slot_of("value", path, state)
        if found:
            return slot, emit.name(slot), state
        if declared == types.Address():
            return self._remembered(slot, path, "packed", state)
        raw, state = self.raw(path, state)
        if self._is_read(path):
            return slot, emit.bind(slot, raw), self.assigned(slot, state)
        value = emit.name(slot)
        plain = self._plain(declared, emit.bind(slot, raw), value)
        read = self.helper("r", (declared, self.strict), lambda: self._reader(declared))
        if plain is None:
            loaded = emit.bind(slot, emit.call(read, raw))
        else:
            loaded = ast.IfExp(plain, value, emit.bind(slot, emit.call(read, value)))
        return slot, loaded, self.assigned(slot, state)

    def collection(self, path: str, state: State) -> tuple[str, ast.expr, State]:
        """Like `attribute`, for a set of strings or scopes of which only single members are asked: it stays as it came.

        Scopes are not widened by what they include: who asks must ask for every scope that includes the wanted one.
        """
        slot, found = self._slot_of("collection", path, state)
        if found:
            return slot, emit.name(slot), state
        raw, state = self.raw(path, state)
        if self._is_read(path):
            return slot, emit.bind(slot, raw), self.assigned(slot, state)
        plain = emit.compare(emit.call("type", emit.bind(slot, raw)), "is", emit.name("StringSet"))
        check = self.helper("g", self.strict, lambda: settled(all_strings) if self.strict else all_strings)
        checked = emit.bind(slot, emit.call(check, emit.name(slot)))
        return slot, ast.IfExp(plain, emit.name(slot), checked), self.assigned(slot, state)

    def collection_ahead(self, path: str, state: State) -> tuple[list[ast.stmt], State]:
        """Statements that read such a collection where it will be needed for certain.

        A call costs as much as looking at a handful of members, so in a strict function the look is written out.
        """
        slot, found = self._slot_of("collection", path, state)
        if found or not self.strict:
            return [], state
        raw, state = self.raw(path, state)
        if self._is_read(path):
            return [emit.assign(slot, raw)], self.assigned(slot, state)
        is_list = emit.compare(emit.call("type", emit.name(slot)), "is", emit.name("list"))
        is_read = emit.compare(emit.call("type", emit.name(slot)), "is not", emit.name("StringSet"))
        odd = emit.compare(emit.call("type", emit.name("x")), "is not", emit.name("str"))
        look = ast.For(
            ast.Name("x", emit.STORE), emit.name(slot), [emit.when(odd, ast.Expr(emit.call("unsettled")))], [], None
        )
        check = self.helper("g", True, lambda: settled(all_strings))
        otherwise = emit.when(is_read, emit.assign(slot, emit.call(check, emit.name(slot))))
        return [emit.assign(slot, raw), ast.If(is_list, [look], [otherwise])], self.assigned(slot, state)

    def _is_read(self, path: str) -> bool:
        """Whether what stands there is certainly as the schema reads it, if it is there at all."""
        return self._by_id and path.startswith("key.")

    def _slot_of(self, kind: str, path: str, state: State) -> tuple[str, bool]:
        """The slot for a reading in the present mode, and whether one that serves is assigned already."""
        careful, strict = self.slot((kind, path, False)), self.slot((kind, path, True))
        if strict in state:
            return strict, True
        if careful in state and (not self.strict or careful + "!" in state):
            return careful, True
        return (strict if self.strict else careful), False

    def assigned(self, slot: str, state: State) -> State:
        """The state after a slot was assigned: in a strict function it is known, too."""
        return state | {slot, slot + "!"} if self.strict else state | {slot}

    def _reader(self, declared: types.Type) -> Callable[[object], Any]:
        read = self.shared.read_scopes if declared == SCOPES else reader(declared)
        return settled(read) if self.strict else read

    def _plain(self, declared: types.Type, raw: ast.expr, value: ast.expr) -> ast.expr | None:
        """The test that a value of this type passes in its plainest form, or None where there is no such form."""
        kind = emit.call("type", raw)

        def of(type_name: str, *further: ast.expr) -> ast.expr:
            return emit.both(emit.compare(kind, "is", emit.name(type_name)), *further)

        match declared:
            case types.Int(low, high):
                return of("int", _range(value, INT64_MIN if low is None else low, INT64_MAX if high is None else high))
            case types.Number(None):
                return of("int", _range(value, 1 - DECIMAL_BOUND, DECIMAL_BOUND - 1))
            case types.String(None) | types.Scope():
                return of("str")
            case types.String(choices):
                return of("str", emit.compare(value, "in", self.constants.bind(frozenset(choices or ()))))
            case types.Time():
                return of("int", _range(value, TIME_MIN, TIME_MAX))
            case types.Duration():
                return of("int", _range(value, INT64_MIN, INT64_MAX))
            case types.Network():
                return of("NetworkSet")
            case types.SetOf(types.String(None) | types.Scope()):
                return of("StringSet")
            case _:
                return None

    def mask(self, path: str, state: State) -> tuple[str, ast.expr, State]:
        """Like `attribute`, for the mask of the networks that an address is in."""
        slot, found = self._slot_of("mask", path, state)
        if found:
            return slot, emit.name(slot), state
        return self._remembered(slot, path, "masks", state)

    def _remembered(self, slot: str, path: str, memory: str, state: State) -> tuple[str, ast.expr, State]:
        """What a memory of address texts holds for an address attribute."""
        raw, state = self.raw(path, state)
        is_text = emit.compare(emit.call("type", emit.bind("x", raw)), "is", emit.name("str"))
        found = emit.bind(slot, emit.item(emit.name(memory), emit.name("x")))
        if not self.strict:
            return slot, ast.IfExp(is_text, found, emit.bind(slot, emit.NONE)), state | {slot}
        if memory == "packed":
            found = emit.either(found, emit.call("unsettled"))
        # A mask of None needs no test: every test of a mask raises TypeError then, which ends a strict function, too.
        return slot, ast.IfExp(is_text, found, emit.call("unsettled")), self.assigned(slot, state)

    def truth(self, path: str, state: State) -> tuple[str, ast.expr, State]:
        """Like `attribute`, for a bool, which needs no reading: it is True, False, or something else, unknown."""
        slot, found = self._slot_of("truth", path, state)
        if found:
            return slot, emit.name(slot), state
        raw, state = self.raw(path, state)
        if not self.strict or self._is_read(path):
            return slot, emit.bind(slot, raw), self.assigned(slot, state)
        is_true = emit.compare(emit.bind(slot, raw), "is", emit.TRUE)
        is_false = emit.compare(emit.name(slot), "is", emit.FALSE)
        settled_ = ast.IfExp(emit.either(is_true, is_false), emit.name(slot), emit.call("unsettled"))
        return slot, settled_, self.assigned(slot, state)


def _range(value: ast.expr, low: int, high: int) -> ast.expr:
    return emit.between(emit.number(low), value, emit.number(high))
