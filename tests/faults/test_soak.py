"""F20 for as long as a test may take."""

from __future__ import annotations

from tests.faults.soak import soak


def test_mixed_traffic_with_reloads_and_a_server_that_goes_away() -> None:
    """Nothing is wrong, what is refused is refused for want of state alone, and no file is left open."""
    found = soak(seconds=5, reload=0.5, blip=2.5)
    assert not found.wrong
    assert found.right > 100
    assert found.reloads > 1
    assert max(found.files) - min(found.files) <= 4
