"""Plausible values of attributes, by their types, their names, and what the policies compare them with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from durwan.backends.columns.polars_interface import pl
from durwan.model import types
from durwan.model.types import Type
from durwan.program import nodes
from durwan.program.explanation import parts_through
from durwan.program.nodes import Expression
from durwan.program.program import Program
from durwan.workshop.replaying.chance import Chance

_SECOND: Final = 1000
_MINUTE: Final = 60 * _SECOND
_DAY: Final = 86_400 * _SECOND
_COUNTRIES: Final = ("GB", "SG", "DE", "JP", "FR", "CH", "BR", "AU", "IN", "NL")
_SYMBOLS: Final = ("BTC-PERP", "ETH-PERP", "SOL-PERP", "BTC-USD", "ETH-USD", "XRP-USD")
_CURRENCIES: Final = ("BTC", "USDT", "ETH", "USD")
# By endings of names: how old such an instant is, at most; most are much younger.
_AGES: Final = (
    ("as_of", 20 * _SECOND), ("timestamp", 2 * _SECOND), ("last_seen", 10 * _MINUTE), ("mfa_at", 20 * _MINUTE),
    ("started", 8 * 60 * _MINUTE), ("issued", 60 * _MINUTE), ("last_used", 30 * _DAY),
)  # fmt: skip
_OLD: Final = 400 * _DAY
_MOST_COST: Final = 9
# What is in the future, where it is there at all.
_FUTURE: Final = ("expires", "until", "not_after")
# Names of texts of which every request has its own.
_OWN: Final = ("client_id", "id", "order")


class Plausible:
    """Draws columns of values.

    Args:
        literals: by attribute, the texts that the policies compare it with; see `literals_of`.
        costs: the attributes that limits count; see `costs_of`.
        chance: of which rows.
        now: their instants.
    """

    def __init__(
        self, literals: Mapping[str, Sequence[str]], costs: frozenset[str], chance: Chance, now: pl.Series
    ) -> None:
        self._literals = literals
        self._costs = costs
        self._chance = chance
        self._now = now

    def column(self, path: str, declared: Type) -> pl.Series:  # noqa: C901 - one case for each type
        """Values of an attribute, as a log has them."""
        match declared:
            case types.Bool():
                return self._chance.share(path) < 0.02
            case types.Int(low, high):
                least, most = (0, 1000) if low is None or high is None else (low, high)
                if path in self._costs:
                    # What is counted is mostly one, and never near what there is of it.
                    least, most = max(least, min(1, most)), min(most, max(least, 1) + _MOST_COST)
                # Low numbers are the usual ones.
                return least + (self._chance.share(path).pow(6) * (most - least + 1)).cast(pl.Int64)
            case types.Number(_, high):
                return self._amounts(path, high)
            case types.Time():
                return self._instants(path)
            case types.Duration():
                return self._chance.below(path, 60 * _MINUTE)
            case types.Address():
                return self.anywhere(path)
            case types.Network():
                return self._among(path, [[], ["203.0.113.0/24"], ["198.51.100.0/24", "2001:db8::/32"]])
            case types.SetOf(types.Int()):
                return self._among(path, [[], [1], [1, 2]])
            case types.SetOf():
                pool = self._pool(path)
                return self._among(path, [[], *([each] for each in pool), list(pool[:2])])
            case types.String() | types.Scope():
                return self._texts(path, declared)

    def anywhere(self, name: str) -> pl.Series:
        """Addresses from all over the world, a tenth of them IPv6."""
        number = self._chance.below(f"{name} 4", 1 << 32)
        quad = [(number // 256**power % 256).cast(pl.String) for power in (3, 2, 1, 0)]
        groups = [self._chance.below(f"{name} {place}", 10_000).cast(pl.String) for place in range(3)]
        sextet = pl.lit("2a00:1450:") + pl.concat_str(groups, separator=":") + "::1"
        is_sextet = pl.lit(self._chance.share(f"{name} family") < 0.1)
        return pl.select(pl.when(is_sextet).then(sextet).otherwise(pl.concat_str(quad, separator="."))).to_series()

    def _amounts(self, path: str, most: Decimal | None) -> pl.Series:
        """Amounts of money: over four orders of magnitude, some of them far above."""
        power = 2 + self._chance.share(path) * 4 + self._chance.share(f"{path} large").pow(12) * 4
        cents = pl.select(pl.lit(10.0).pow(pl.lit(power)).cast(pl.Int64)).to_series()
        return decimals(cents.clip(0, 10**15 if most is None else int(most * 100)), 2)

    def _instants(self, path: str) -> pl.Series:
        oldest = next((age for ending, age in _AGES if path.endswith(ending)), _OLD)
        age = (self._chance.share(path).pow(2) * oldest).cast(pl.Int64)
        if path.endswith(_FUTURE):
            # Most of what ends has not ended, or was never there.
            ends = pl.when(pl.lit(self._chance.share(f"{path} there") < 0.1)).then(pl.lit(self._now + 30 * _DAY - age))
            return pl.select(ends).to_series()
        return self._now - age

    def _texts(self, path: str, declared: types.String | types.Scope) -> pl.Series:
        if path.endswith(_OWN):
            number = self._chance.below(path, 1 << 40).cast(pl.String)
            return pl.select(pl.lit(f"{path.partition('.')[0]}-") + pl.lit(number)).to_series()
        choices = declared.choices if isinstance(declared, types.String) else None
        return self._among(path, list(choices or self._pool(path)))

    def _pool(self, path: str) -> list[str]:
        made_up = {"country": _COUNTRIES, "symbol": _SYMBOLS, "currency": _CURRENCIES}
        last = path.rpartition(".")[2]
        return [*made_up.get(last, ()), *self._literals.get(path, ())] or [f"{last}-{number}" for number in range(20)]

    def _among(self, path: str, values: Sequence[Any]) -> pl.Series:
        """One of some values, the first ones more often."""
        weights = [1 / (place + 1) ** 2 for place in range(len(values))]
        return pl.Series(values, strict=False).gather(self._chance.choice(path, weights))


def decimals(units: pl.Series, digits: int) -> pl.Series:
    """Whole numbers of units as decimals with so many digits after the point, exactly."""
    power = pl.Series([10**digits], dtype=pl.Decimal(38, 0))
    return units.cast(pl.Decimal(38, digits)) / power


def literals_of(program: Program) -> dict[str, list[str]]:
    """By attribute, the texts that the rules compare it with."""
    found: dict[str, set[str]] = {}
    seen: set[str] = set()
    for rule in program.rules:
        for clause in (rule.body.when, rule.body.unless):
            for part in parts_through(clause, program, seen):
                if isinstance(part, nodes.Operation) and isinstance(part.operands[0], nodes.Attribute):
                    found.setdefault(part.operands[0].path, set()).update(_texts_in(part.operands[1:], program))
    return {path: sorted(texts) for path, texts in found.items() if texts}


def costs_of(program: Program) -> frozenset[str]:
    """The attributes that are what a limit counts, or part of it."""
    seen: set[str] = set()
    parts = (part for limit in program.limits for part in parts_through(limit.cost, program, seen))
    return frozenset(part.path for part in parts if isinstance(part, nodes.Attribute))


def _texts_in(operands: Sequence[Expression], program: Program) -> Iterator[str]:
    for operand in operands:
        match operand:
            case nodes.StringLiteral(value=value) | nodes.ScopeLiteral(value=value):
                yield value
            case nodes.LiteralSet(members=members):
                yield from (each for each in members if type(each) is str)
            case nodes.NamedSet(name=name):
                yield from (each for each in sorted(program.sets[name], key=str)[:100] if type(each) is str)
            case _:
                continue
