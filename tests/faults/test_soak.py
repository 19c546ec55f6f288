"""F20 for as long as a test may take."""

from __future__ import annotations

import subprocess
import sys


def test_mixed_traffic_with_reloads_and_a_server_that_goes_away() -> None:
    """Nothing is wrong: what is refused meanwhile is refused for want of state alone.

    In a process of its own: a connection that was being opened as the server stopped may be left to its end.
    """
    command = [sys.executable, "-m", "tests.faults.soak", "--seconds", "5", "--reload", "0.5", "--blip", "2.5"]
    found = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert found.returncode == 0, found.stdout + found.stderr
    assert "wrong {}" in found.stdout
