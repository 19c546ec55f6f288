"""What the functions of one program share: its address table, its windows' answers, and how odd contexts are opened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from durwan.backends.bytecode.addresses import AddressTable
from durwan.backends.bytecode.frame import Shared
from durwan.backends.bytecode.index import has_equality
from durwan.backends.bytecode.moving import Movement
from durwan.backends.bytecode.stretches import Stretches
from durwan.model.address import NetworkSet
from durwan.model.request import PLAIN, Attributes, KeyLookup
from durwan.model.values import read_string_set
from durwan.program import nodes, reference
from durwan.program.nodes import Expression
from durwan.program.program import Program

# Up to so many networks are answered by the address table whoever asks for them.
_FEW_NETWORKS = 60
# How much memory its masks may take: one bit for each network at each border of any of them.
_MOST_MASK_BYTES = 32 << 20


def share(program: Program, keys: KeyLookup) -> Shared:
    """What all functions of a program share."""
    masked = _masked_networks(program)

    @cache
    def stretches(window: str) -> Stretches:
        return Stretches(program.windows[window].at)

    def open_key(given: Any) -> dict[str, Any]:
        return open_context(keys(given) if type(given) is str else given)

    def read_scopes(raw: object) -> frozenset[str] | None:
        read = read_string_set(raw)
        return None if read is None else program.schema.held(read)

    return Shared(
        program=program,
        movement=Movement(program),
        bits={network: 1 << index for index, network in enumerate(masked)},
        addresses=AddressTable(masked),
        stretches=stretches,
        reference=_reference(program, keys),
        open_context=open_context,
        open_key=open_key,
        find_key=_key_finder(keys, open_key),
        keys_are_read=getattr(getattr(keys, "__self__", None), "is_read", False),
        read_scopes=read_scopes,
    )


def share_specialized(shared: Shared, program: Program, keys: KeyLookup) -> Shared:
    """The same for a specialization of the program, which has the same networks and windows."""
    return replace(shared, program=program, movement=Movement(program), reference=_reference(program, keys))


def _reference(program: Program, keys: KeyLookup) -> Callable[[Expression], Any]:
    def reading(expression: Expression) -> Callable[[Mapping[str, Any], int], tuple[Any, int | None]]:
        def read(request: Mapping[str, Any], now: int) -> tuple[Any, int | None]:
            reading = reference.Evaluation(program, Attributes(program.schema, request, keys), now).read(expression)
            return reading.value, None if reading.change is None else now + reading.change

        return read

    return reading


def _key_finder(keys: KeyLookup, open_key: Callable[[Any], dict[str, Any]]) -> Callable[[Any], dict[str, Any]]:
    """The lookup for strict functions: of keys that are kept in a dict, its own, which raises where it fails."""
    table: Any = getattr(keys, "__self__", None)
    if table is not None and issubclass(type(table), PLAIN) and keys == table.get:
        find: Callable[[Any], dict[str, Any]] = table.__getitem__
        return find
    return open_key


def open_context(given: Any) -> dict[str, Any]:
    """A context that is not a plain dict: another mapping is copied, anything else says nothing."""
    if type(given) is PLAIN:
        return given
    context: Mapping[str, Any] | None = given
    if isinstance(context, Mapping):
        try:
            return {name: context.get(name) for name in context}
        except Exception:  # noqa: BLE001 - a foreign mapping may raise anything; then it says nothing
            return {}
    return {}


def _masked_networks(program: Program) -> list[NetworkSet]:
    """The networks for the address table: all of them where they are few, else those of rules that no index finds.

    Where every rule has a network of its own, an index finds the rule first, and its own network is small.
    """
    every = _uses(program, (rule.body for rule in program.rules))
    if len(every) <= _FEW_NETWORKS:
        return list(every)
    general = _uses(program, (rule.body for rule in program.rules if not has_equality(rule, program)))
    borders = 0
    masked: list[NetworkSet] = []
    for network, _ in general.most_common():
        borders += len(network.breaks4) + len(network.breaks6)
        if borders * (len(masked) + 1) // 8 > _MOST_MASK_BYTES:
            break
        masked.append(network)
    return masked


def _uses(program: Program, bodies: Iterable[Any]) -> Counter[NetworkSet]:
    """How often each network is asked for in these bodies and in lets."""
    uses: Counter[NetworkSet] = Counter()
    expressions = [expression for body in bodies for expression in (body.when, body.unless)]
    for expression in [*program.lets.values(), *expressions]:
        uses.update(_networks(expression, program))
    return uses


def _networks(expression: Expression, program: Program) -> Iterator[NetworkSet]:
    match expression:
        case nodes.Operation(operator="in_network", operands=(nodes.Attribute(), nodes.NamedNetwork(name=name))):
            yield program.networks[name]
        case nodes.Operation(operator="in_network", operands=(nodes.Attribute(), nodes.LiteralNetwork(value=value))):
            yield value
        case nodes.And(operands=operands) | nodes.Or(operands=operands) | nodes.Operation(operands=operands):
            for operand in operands:
                yield from _networks(operand, program)
        case nodes.Not(operand=operand) | nodes.Default(operand=operand):
            yield from _networks(operand, program)
        case _:
            return
