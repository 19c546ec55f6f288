"""Exact decimals of 18+18 digits in a database whose integers have 64 bits: a pair of them.

The first is the whole part, rounded down; the second is the rest, in units of 1e-18, from 0 to below 1e18. Both are
NULL where the decimal is unknown. So pairs compare as rows do, part by part. An int is a pair too, whose first part may
have 19 digits.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from durwan.backends.queries.fragments import Fragment, Steps, junction, parameter, sql
from durwan.backends.queries.translation import Term
from durwan.model import types
from durwan.model.values import EXACT

ONE: Final = 10**18
# Products are made of parts of nine digits: five of them together fit 64 bits.
_LIMB: Final = 10**9
_LIMBS: Final = 5
NUMBER: Final = types.Number()


def pair_of(number: int | Decimal) -> tuple[int, int]:
    """The pair of a number that has at most 18 digits after the point."""
    return divmod(int(EXACT.multiply(Decimal(number), Decimal(ONE))), ONE)


class DecimalPairs:
    """Makes pairs; what a pair is made of is computed in steps."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps

    def read(self, column: Fragment, low: Decimal | None, high: Decimal | None) -> Term[Fragment]:
        """The decimal that a column has as text, in the form of a request, or as an integer; within a range, if any."""
        bind = self._steps.bind
        is_read = sql("typeof({c}) = 'integer' OR (typeof({c}) = 'text' AND instr({c}, char(0)) = 0)", c=column)
        text = bind(sql("CASE WHEN {} THEN CAST({} AS TEXT) END", is_read, column))
        digits = bind(sql("CASE WHEN substr({t}, 1, 1) = '-' THEN substr({t}, 2) ELSE {t} END", t=text))
        after = bind(sql("rtrim(substr({d}, instr({d} || '.', '.') + 1), '0')", d=digits))
        sign = sql("CASE WHEN substr({}, 1, 1) = '-' THEN -1 ELSE 1 END", text)
        whole = sql("{} * CASE WHEN {} THEN CAST({} AS INTEGER) END", sign, _is_decimal(digits, after), digits)
        rest = sql("{} * CAST(substr({} || '000000000000000000', 1, 18) AS INTEGER)", sign, after)
        found = self._normal(whole, rest)
        return found if low is None or high is None else self._within(found, low, high)

    def of_int(self, number: Fragment) -> Term[Fragment]:
        """An int."""
        bound = self._steps.bind(number)
        return Term(NUMBER, (bound, sql("({} * 0)", bound)))

    def sum(self, sign: str, left: Term[Fragment], right: Term[Fragment]) -> Term[Fragment]:
        """The exact sum or difference; NULL where it has more than 18 digits before the point."""
        (high, low), (other_high, other_low) = left.values, right.values
        return self._normal(sql(f"({{}} {sign} {{}})", high, other_high), sql(f"({{}} {sign} {{}})", low, other_low))

    def product(self, term: Term[Fragment], factor: int | Decimal) -> Term[Fragment]:
        """The exact product; NULL where it has too many digits, before or after the point."""
        units = int(EXACT.multiply(Decimal(factor), Decimal(ONE)))
        if units == 0:
            return Term(NUMBER, (sql("({} * 0)", term.values[0]), sql("({} * 0)", term.values[1])))
        limbs = self._limbs(term)
        sums = self._carried(limbs, _limbs_of(units))
        # In units of 1e-36 now: nothing may be below 1e-18, and nothing above 18 digits before the point.
        lost = [sql(f"{{}} % {_LIMB} = 0", each) for each in sums[:2]]
        fits = junction("AND", [*lost, *(sql("{} = 0", each) for each in sums[6:])])
        low, high = (
            sql(f"({{}} % {_LIMB} * {_LIMB} + {{}} % {_LIMB})", sums[place + 1], sums[place]) for place in (2, 4)
        )
        return self._normal(sql("CASE WHEN {} THEN {} END", fits, high), low)

    def _limbs(self, term: Term[Fragment]) -> list[Fragment]:
        """Five parts of nine digits, the lowest first, all of one sign."""
        bind = self._steps.bind
        high, low = map(bind, term.values)
        below = sql("({} < 0 AND {} > 0)", high, low)
        high, low = bind(sql("({} + {})", high, below)), bind(sql(f"({{}} - {{}} * {ONE})", low, below))
        return [
            bind(sql(f"({{}} % {_LIMB})", low)),
            bind(sql(f"({{}} / {_LIMB})", low)),
            bind(sql(f"({{}} % {_LIMB})", high)),
            bind(sql(f"({{}} / {_LIMB} % {_LIMB})", high)),
            bind(sql(f"({{}} / {ONE})", high)),
        ]

    def _carried(self, limbs: list[Fragment], factors: list[int]) -> list[Fragment]:
        """The sums of the products by place, each with what is carried from the one below."""
        found: list[Fragment] = []
        for place in range(len(limbs) + len(factors) - 1):
            terms = [
                sql("{} * {}", limb, parameter(factors[place - at]))
                for at, limb in enumerate(limbs)
                if 0 <= place - at < len(factors) and factors[place - at]
            ]
            if found:
                terms.append(sql(f"{{}} / {_LIMB}", found[-1]))
            found.append(self._steps.bind(junction("+", terms) if terms else sql("({} * 0)", limbs[0])))
        return found

    def _normal(self, whole: Fragment, rest: Fragment) -> Term[Fragment]:
        """The pair of a whole part and a rest that may be below 0, or 1 and more; NULL if it has too many digits."""
        bind = self._steps.bind
        whole, rest = bind(whole), bind(rest)
        carry = bind(sql(f"CASE WHEN {{r}} >= {ONE} THEN 1 WHEN {{r}} < 0 THEN -1 ELSE 0 END", r=rest))
        high, low = bind(sql("({} + {})", whole, carry)), bind(sql(f"({{}} - {{}} * {ONE})", rest, carry))
        # An int that overflowed is a floating-point number by now, and beyond these bounds.
        fits = sql(f"({{}}, {{}}) BETWEEN (-{ONE}, 1) AND ({ONE - 1}, {ONE - 1})", high, low)
        return Term(NUMBER, tuple(bind(sql("CASE WHEN {} THEN {} END", fits, each)) for each in (high, low)))

    def _within(self, term: Term[Fragment], low: Decimal, high: Decimal) -> Term[Fragment]:
        bounds = [parameter(each) for bound in (low, high) for each in pair_of(bound)]
        fits = sql("({}, {}) BETWEEN ({}, {}) AND ({}, {})", *term.values, *bounds)
        return Term(
            NUMBER, tuple(self._steps.bind(sql("CASE WHEN {} THEN {} END", fits, each)) for each in term.values)
        )


def _is_decimal(digits: Fragment, after: Fragment) -> Fragment:
    """Whether a text, its sign apart, is a decimal as a request writes it, with at most 18+18 digits."""
    return sql(
        "({d} NOT GLOB '*[^0-9.]*' AND {d} GLOB '[0-9]*' AND {d} GLOB '*[0-9]' AND {d} NOT GLOB '*.*.*' "
        "AND {d} NOT GLOB '0[0-9]*' AND instr({d} || '.', '.') <= 19 "
        "AND length({d}) - instr({d} || '.', '.') <= 64 AND length({after}) <= 18)",
        d=digits,
        after=after,
    )


def _limbs_of(units: int) -> list[int]:
    """Five parts of nine digits, the lowest first, all of one sign."""
    sign, rest = (-1 if units < 0 else 1), abs(units)
    found: list[int] = []
    for _ in range(_LIMBS):
        rest, limb = divmod(rest, _LIMB)
        found.append(sign * limb)
    return found


__all__ = ["DecimalPairs", "pair_of"]
