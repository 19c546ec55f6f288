"""What columns of polars and PostgreSQL may hold although it is not of the type of their attribute."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import polars as pl

from durwan.backends.queries.fragments import Fragment, parameter, rendered, sql
from durwan.backends.queries.polars_translation import PolarsTranslation
from durwan.model import types
from durwan.model.types import Type
from durwan.program import nodes
from tests.unit.backends.queries.asking import Ask, attribute, condition, in_polars, in_postgresql, program_of

# For each type, what is of it and what is not.
IN_POLARS: Mapping[Type, tuple[list[Any], list[Any]]] = {
    types.Int(0, 100): ([0, 100], [-1, 101]),
    types.Number(): (
        [Decimal("999999999999999999.999999999999999999"), Decimal(0)],
        [Decimal(10**18), Decimal(-(10**18))],
    ),
    types.Number(Decimal(0), Decimal("0.5")): ([Decimal("0.5")], [Decimal("0.500000000000000001"), Decimal(-1)]),
    types.String(("buy", "sell")): (["buy"], ["BUY", ""]),
    types.Address(): ([b"1" * 16], [b"1" * 15, b"1" * 17, b""]),
    types.Network(): ([[]], [[None]]),
    types.SetOf(types.String()): ([[], ["a"]], [[None], ["a", None]]),
    types.SetOf(types.Int()): ([[1]], [[1, None]]),
    types.SetOf(types.Int(0, 9)): ([[], [0, 9]], [[10], [0, None]]),
    types.SetOf(types.String(("a", "b"))): ([["a"]], [["a", "c"]]),
}
IN_POSTGRESQL: Mapping[Type, tuple[list[Any], list[Any]]] = {
    types.Int(0, 100): ([0, 100], [-1, 101]),
    types.Number(): ([Decimal("999999999999999999.999999999999999999")],
                     [Decimal(10**18), Decimal("1e-19"), Decimal("NaN"), Decimal("Infinity")]),
    types.Number(Decimal(0), Decimal("0.5")): ([Decimal("0.5")], [Decimal("0.500000000000000001"), Decimal(-1)]),
    types.String(("buy", "sell")): (["buy"], ["BUY", ""]),
    types.Address(): (["10.0.0.1", "::ffff:10.0.0.1", "::"], ["10.0.0.1/24", "2001:db8::/32", "::ffff:0.0.0.0/96"]),
    types.Network(): ([[], ["10.0.0.0/8", "::/0", "::ffff:10.0.0.1/128"]], [["::ffff:10.0.0.0/104"], [None]]),
    types.Time(): (["2026-03-02T09:00:00Z"],
                   ["infinity", "-infinity", "10000-01-01 00:00:00Z", "0001-01-01 00:00:00Z BC"]),
    types.SetOf(types.String()): ([[], ["a"]], [["a", None]]),
    types.SetOf(types.Int(0, 9)): ([[], [0, 9]], [[10], [0, None]]),
    types.SetOf(types.String(("a", "b"))): ([["a"]], [["a", "c"]]),
}  # fmt: skip


def _check(ask: Ask, values: Mapping[Type, tuple[list[Any], list[Any]]]) -> None:
    for declared, (known, unknown) in values.items():
        asked = nodes.IsKnown(operand=attribute("a.b", declared))
        rows = [{"a.b": each} for each in (*known, *unknown, None)]
        got = ask(program_of({"a.b": declared}), [asked], rows)
        assert got == [(True,)] * len(known) + [(False,)] * (len(unknown) + 1), declared


def test_what_polars_holds_and_is_not_of_its_type_is_unknown() -> None:
    """Outside a range or a closed set, too many digits, an address of another length, a list with a null in it."""
    _check(in_polars, IN_POLARS)


def test_what_postgresql_holds_and_is_not_of_its_type_is_unknown() -> None:
    """The same, and what only PostgreSQL has: infinite instants and numbers, addresses with a mask, years before 1."""
    with in_postgresql() as ask:
        _check(ask, IN_POSTGRESQL)


def test_instants_of_polars_may_be_finer_and_are_cut_off() -> None:
    """What is finer than a millisecond is cut off, before 1970 too; a decimal may have any scale."""
    program = program_of({"at": types.Time(), "amount": types.Number()})
    conditions = [
        condition("==", attribute("at", types.Time()), nodes.InstantLiteral(value=-1)),
        condition("==", attribute("amount", types.Number()), nodes.DecimalLiteral(value=Decimal("0.10"))),
    ]
    frame = pl.DataFrame({
        "at": pl.Series([-1000, -1, 0], dtype=pl.Datetime("us", "UTC")),
        "amount": pl.Series(["0.1", "0.10", "0.2"]).cast(pl.Decimal(10, 2)),
    })  # fmt: skip
    translated = [PolarsTranslation(program, pl.col, (0, 0)).condition(each) for each in conditions]
    assert [frame.select(each).to_series().to_list() for each in translated] == [[True, True, False]] * 2


def test_a_mapped_address_of_postgresql_is_its_ipv4_address() -> None:
    """So is one in a network of a column; and a network of all IPv6 addresses holds none of them."""
    declared: dict[str, Type] = {"a.ip": types.Address(), "a.held": types.Network()}
    program = program_of(declared)
    conditions = [
        condition("==", attribute("a.ip", types.Address()), nodes.AddressLiteral(value=bytes([10, 0, 0, 1]))),
        condition("in_network", *(attribute(path, kind) for path, kind in declared.items())),
    ]
    rows = [
        {"a.ip": "::ffff:10.0.0.1", "a.held": ["10.0.0.0/8"]},
        {"a.ip": "10.0.0.1", "a.held": ["::ffff:10.0.0.1/128"]},
        {"a.ip": "::ffff:10.0.0.1", "a.held": ["::/0"]},
    ]
    with in_postgresql() as ask:
        assert ask(program, conditions, rows) == [(True, True), (True, True), (True, False)]


def test_a_value_is_given_beside_the_text() -> None:
    """A percent sign in a name is doubled where the driver would take it for a placeholder, and nowhere else."""
    made = sql("{} = {}", Fragment(('"a%b"',)), parameter(5))
    assert rendered(made, "%s") == ('"a%%b" = %s', (5,))
    assert rendered(made, "?") == ('"a%b" = ?', (5,))
    assert rendered(made, "$1") == ('"a%b" = $1', (5,))
