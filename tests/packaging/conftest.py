"""The mark by which the tests of the wheel are run alone: `pytest -m packaging`."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "packaging: builds the wheel and installs it; takes seconds, needs pip")
