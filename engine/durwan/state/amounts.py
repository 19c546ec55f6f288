"""Amounts of limits as whole numbers, which every store adds up exactly.

A unit is a power of ten, chosen for each limit so that its count is below 10**15 units: small enough for the numbers of
a Redis script, which are exact up to 2**53. Counts are rounded down and costs up, each by less than one unit, so
that a limit never lets more through than it says. What has at most 15 digits counts exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from functools import lru_cache
from typing import Final

from durwan.state.identity import identity
from durwan.state.store import LimitCharge

_DIGITS: Final = 15
# More than any amount of the language has: 18 digits before the point and 18 behind, or the 19 of an int.
_CEILING: Final = Context(prec=80, rounding=ROUND_CEILING)
_FLOOR: Final = Context(prec=80, rounding=ROUND_FLOOR)


@dataclass(frozen=True, slots=True)
class Counted:
    """A charge in the units of its limit, and the key under which the limit is counted.

    Attributes:
        key: the same for the same limit, `per` and unit.
        most: how many units a window holds.
        amount: how many are charged; one more than `most` where it is more in any case.
        period: in milliseconds.
    """

    key: str
    most: int
    amount: int
    period: int


# The same charges come again and again: a pure function's results, the latest of them.
@lru_cache(maxsize=4_096)
def counted(charge: LimitCharge) -> Counted:
    """A charge in whole units."""
    count = Decimal(charge.count)
    places = _DIGITS - max(count.adjusted() + 1, 1)
    most = int(count.scaleb(places, _FLOOR).to_integral_value(ROUND_FLOOR, _FLOOR))
    amount = int(Decimal(charge.cost).scaleb(places, _CEILING).to_integral_value(ROUND_CEILING, _CEILING))
    key = identity("limit", charge.limit, str(places), *charge.per)
    return Counted(key, most, min(amount, most + 1), charge.period)


def all_counted(charges: Sequence[LimitCharge]) -> list[Counted]:
    """Several charges in whole units.

    Raises:
        ValueError: two of them are counted together.
    """
    found = [counted(charge) for charge in charges]
    if len(found) > 1 and len({each.key for each in found}) != len(found):
        raise ValueError("a limit cannot be charged twice in one step: add the costs up")
    return found


__all__ = ["Counted", "all_counted", "counted"]
