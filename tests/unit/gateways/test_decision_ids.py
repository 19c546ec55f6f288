"""The ids of decisions."""

from __future__ import annotations

import os
import re
from threading import Thread

import pytest

from durwan.gateways.decision_ids import DecisionIds


def test_no_id_comes_twice() -> None:
    """Of many, drawn by several threads at once, all differ and have one form."""
    ids = DecisionIds()
    found: list[str] = []
    threads = [Thread(target=lambda: found.extend([ids.new() for _ in range(2_000)])) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert len(set(found)) == len(found) == 8_000
    assert all(re.fullmatch("[0-9a-f]{24}", each) for each in found)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
def test_a_child_has_ids_of_its_own() -> None:
    """What was drawn before a fork is the parent's alone."""
    ids = DecisionIds()
    ids.new()
    ours, theirs = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(theirs, ids.new().encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(ours, 64).decode() not in {ids.new() for _ in range(600)}
    os.close(ours)
    os.close(theirs)
