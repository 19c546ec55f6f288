"""Addresses and texts: which of them would do, worked out one by one for all that the policy can tell apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from durwan.backends.solver.nearest.situation import Situation, Way
from durwan.model import types
from durwan.model.address import AddressRange, NetworkSet
from durwan.program import nodes
from durwan.program.explanation import parts_through
from durwan.program.nodes import Expression

# Texts of which each is tried.
_MOST_WORDS: Final = 64


def network_that_does(situation: Situation, way: Way, path: str) -> NetworkSet:
    """All addresses that would do, the rest of the way being as it is."""
    values: dict[str, Any] = {**situation.values, **way.values}
    told_apart = list(_networks(situation, values))
    answers: dict[tuple[bool, ...], bool] = {}
    good: list[AddressRange] = []
    for each in _pieces(told_apart):
        nature = tuple(each.first in network for network in told_apart)
        if nature not in answers:
            answers[nature] = situation.allowed({**way.values, path: each.first})
        if answers[nature]:
            good.append(each)
    return NetworkSet(good)


def _pieces(networks: list[NetworkSet]) -> Iterator[AddressRange]:
    """All addresses in ranges that none of the networks divides."""
    for length in (4, 16):
        found = {bytes(length)}
        for network in networks:
            found.update(network.breaks4 if length == 4 else network.breaks6)
        starts = sorted(found)
        for first, after in zip(starts, [*starts[1:], None], strict=True):
            last = b"\xff" * length if after is None else _before(after)
            yield AddressRange(first, last)


def _before(address: bytes) -> bytes:
    return (int.from_bytes(address, "big") - 1).to_bytes(len(address), "big")


def _networks(situation: Situation, values: dict[str, Any]) -> Iterator[NetworkSet]:
    """The networks, and single addresses, by which the rules can tell addresses apart."""
    seen: set[str] = set()
    for expression in situation.expressions:
        for node in parts_through(expression, situation.program, seen):
            match node:
                case nodes.NamedNetwork(name=name):
                    yield situation.program.networks[name]
                case nodes.LiteralNetwork(value=network):
                    yield network
                case nodes.AddressLiteral(value=address):
                    yield _only(address)
                case nodes.LiteralSet(members=members, element=types.Address()):
                    yield from (_only(each) for each in members if isinstance(each, bytes))
                case nodes.Attribute(path=path):
                    value = values.get(path)
                    if isinstance(value, NetworkSet):
                        yield value
                    elif isinstance(value, bytes):
                        yield _only(value)
                case _:
                    pass


def _only(address: bytes) -> NetworkSet:
    return NetworkSet([AddressRange(address, address)])


def words_that_do(situation: Situation, way: Way, path: str) -> tuple[list[str], list[str], str | None] | None:
    """Of the texts that the policy tells apart those that would do, and those that would not; and another that would.

    None where they are too many, or told apart by a pattern.
    """
    named = _words(situation, way, path)
    if named is None or len(named) > _MOST_WORDS:
        return None
    good = [word for word in sorted(named) if situation.allowed({**way.values, path: word})]
    bad = sorted(named - set(good))
    declared = situation.types[path]
    if isinstance(declared, types.String) and declared.choices is not None:
        return good, bad, None
    other = f"some-{path.rpartition('.')[2]}"
    while other in named:
        other += "-else"
    return good, bad, other if situation.allowed({**way.values, path: other}) else None


def _words(situation: Situation, way: Way, path: str) -> set[str] | None:
    declared = situation.types[path]
    if isinstance(declared, types.String) and declared.choices is not None:
        return set(declared.choices)
    values: dict[str, Any] = {**situation.values, **way.values}
    found: set[str] = set()
    seen: set[str] = set()
    for expression in situation.expressions:
        for node in parts_through(expression, situation.program, seen):
            if isinstance(node, nodes.Operation) and _asks(node, path):
                if node.operator == "like":
                    return None
                for operand in node.operands:
                    found |= _texts(operand, situation, values, path)
    return found


def _asks(operation: nodes.Operation, path: str) -> bool:
    """Whether an operand is the attribute, with or without a default."""
    plain = (each.operand if isinstance(each, nodes.Default) else each for each in operation.operands)
    return any(isinstance(each, nodes.Attribute) and each.path == path for each in plain)


def _texts(operand: Expression, situation: Situation, values: dict[str, Any], path: str) -> set[str]:
    """The texts that one operand stands for; one line per kind of it."""
    match operand:
        case nodes.StringLiteral(value=value) | nodes.ScopeLiteral(value=value):
            return {value}
        case nodes.LiteralSet(members=named):
            return {each for each in named if isinstance(each, str)}
        case nodes.NamedSet(name=name):
            return {each for each in situation.program.sets[name] if isinstance(each, str)}
        case nodes.Default(operand=inner, fallback=fallback):
            return _texts(inner, situation, values, path) | _texts(fallback, situation, values, path)
        case nodes.Attribute(path=other) if other != path:
            given: Any = values.get(other)
            held: list[object] = list(given) if isinstance(given, frozenset) else [given]  # pyright: ignore[reportUnknownArgumentType]  # of one kind
            return {each for each in held if isinstance(each, str)}
        case _:
            return set()
