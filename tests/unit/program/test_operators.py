"""What operators mean where it is easily got wrong."""

from __future__ import annotations

import pytest

from durwan import Engine

POLICY = """
actions { pay }
context request { fee : decimal }
allow pay on pay when request.notional + request.fee > 0
"""


@pytest.mark.parametrize(
    ("notional", "fee"),
    [(900_000_000_000_000_000, 900_000_000_000_000_000), ("900000000000000000", 900_000_000_000_000_000)],
)
def test_a_sum_of_decimals_overflows_at_18_digits_however_they_came(notional: object, fee: object) -> None:
    """Whole numbers and texts of the same decimals are decided alike: 19 digits before the point are unknown."""
    engine = Engine.from_sources({"a.policy": POLICY})
    request = {"action": "pay", "request": {"notional": notional, "fee": fee}}
    assert not engine.decide(request).allowed


def test_a_sum_of_decimals_within_18_digits_is_known() -> None:
    """Up to there it is exact."""
    engine = Engine.from_sources({"a.policy": POLICY})
    request = {"action": "pay", "request": {"notional": "999999999999999998", "fee": 1}}
    assert engine.decide(request).allowed
