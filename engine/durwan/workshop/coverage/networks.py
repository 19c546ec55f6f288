"""Network borders: the first and last address of each range, and their neighbours outside.

Ranges that touch or overlap count as one, since nothing tells them apart. A list that comes from a file is not policy
but what the policy works on, often long and changed every day: of it, a case inside and one outside will do, which is
what its condition asks for anyway. The same holds of networks that come with the request, such as `key.networks`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from durwan.diagnostics import Span
from durwan.language import syntax
from durwan.model import types
from durwan.model.address import AddressRange, NetworkSet, format_address, network_range
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.workshop.coverage.thresholds import text_of


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkGoal:
    """What is wanted of one border: the words, the condition, and the range that it is the border of."""

    wanted: str
    expression: Expression
    range: AddressRange


def network_goals(operand: Expression, network: NetworkSet) -> Iterator[NetworkGoal]:
    """What is wanted of a network about which it is asked whether the operand lies in it; each address once."""
    asked: set[bytes] = set()
    for each in network.ranges():
        for words, address in _borders(each):
            if address not in asked:
                asked.add(address)
                yield NetworkGoal(
                    wanted=f"in which {text_of(operand)} is {format_address(address)}, {words} {format_range(each)}",
                    expression=nodes.Operation(
                        operator="==", operands=(operand, nodes.AddressLiteral(value=address)), type=types.Bool()
                    ),
                    range=each,
                )


def written_at(declaration: syntax.NetworkDeclaration, within: AddressRange) -> Span:
    """Where the first entry stands that made a range, or else the declaration's name."""
    for item in declaration.items or ():
        first = item.value.first if isinstance(item, syntax.Network) else item.value
        if first == within.first:
            return item.span
    return declaration.name.span


def format_range(each: AddressRange) -> str:
    """`203.0.113.0/24`, or `10.0.0.1-10.0.0.5` where a range is no network; a single address is itself."""
    first, last = (int.from_bytes(address, "big") for address in (each.first, each.last))
    if first == last:
        return format_address(each.first)
    prefix = len(each.first) * 8 - (last - first).bit_length()
    if network_range(each.first, prefix) == each:
        return f"{format_address(each.first)}/{prefix}"
    return f"{format_address(each.first)}-{format_address(each.last)}"


def _borders(each: AddressRange) -> Iterator[tuple[str, bytes]]:
    if each.first == each.last:
        yield "all of", each.first
    else:
        yield "the first of", each.first
        yield "the last of", each.last
    for words, address in (("right before", _next(each.first, -1)), ("right after", _next(each.last, 1))):
        if address is not None:
            yield words, address


def _next(address: bytes, step: int) -> bytes | None:
    """The neighbour of an address; None beyond the end of its family."""
    number = int.from_bytes(address, "big") + step
    size = len(address)
    return number.to_bytes(size, "big") if 0 <= number < 1 << (size * 8) else None
