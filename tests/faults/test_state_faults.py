"""The fault programs of shared state, for as long as a test may take; each has a longer version started by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults import redis_faults, replay_race, revocation_lag, sqlite_kills
from tests.state.servers import ENGINES, binary, missing

# Those that show most in a short time; the program itself has all of them.
_FAULTS = ("killed", "stopped", "500 ms late", "replies shifted", "out of memory", "emptied")


def test_one_of_all_who_use_a_nonce_at_once_is_accepted() -> None:
    """F13: two processes of sixteen threads use the same nonces, each accepted once, and limits, none exceeded."""
    found = replay_race.run_all(rounds=30)
    assert {each.store for each in found} >= {"memory", "sqlite"}
    for each in found:
        assert (each.right, each.unavailable) == (30, 0), each


def test_a_revocation_is_known_everywhere_within_a_second() -> None:
    """F14: a second at most, and a process that is cut off denies after its staleness bound."""
    for each in revocation_lag.run_all(rounds=20):
        assert each.worst < 1000, each
        assert each.cut_off is None or each.cut_off < 1000 * revocation_lag.STALE + 100, each


@pytest.mark.parametrize("fault", _FAULTS)
def test_no_fault_of_a_server_allows_anything(fault: str) -> None:
    """F7: while it lasts nothing is wrong and nobody waits long, and soon after it all is well again."""
    engine = next((each for each in ENGINES if binary(each)), None)
    if engine is None:
        pytest.skip(missing("valkey"))
    found = redis_faults.run(engine, fault, cycles=1, seconds=0.4)
    assert found.wrong == 0, found
    assert found.seen, found
    assert found.slow < 60, found
    assert found.recovery < 2000, found


def test_nobody_reads_the_answer_to_another() -> None:
    """F8: operations that are given up at random moments leave no answer behind."""
    engine = next((each for each in ENGINES if binary(each)), None)
    if engine is None:
        pytest.skip(missing("valkey"))
    found = redis_faults.cross_talk(engine, 1_000)
    assert found.mixed_up == 0, found
    assert min(found.cancelled, found.answered) > 20, found


def test_a_process_that_is_killed_while_it_writes_loses_nothing(tmp_path: Path) -> None:
    """What a state file acknowledged is in it, whatever the moment at which its process died."""
    counts = sqlite_kills.run(tmp_path, kills=10)
    assert (counts.kills, counts.lost) == (10, 0)
    assert counts.acknowledged > 10
