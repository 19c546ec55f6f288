"""Filters choose exactly the rows whose requests the reference evaluator allows."""

from __future__ import annotations

import pytest

from durwan.backends.queries.forms import Form
from tests import filter_differential, postgresql_server
from tests.filter_differential import Compared, compare

# `python -m tests.filter_differential --pairs 100000` is the long run.
PARTS = 2
PROGRAMS = 30


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("form", ["sqlite", "polars"])
def test_filters_agree_with_the_reference(form: Form, part: int) -> None:
    """A row is chosen if and only if the request that it is a part of is allowed."""
    with filter_differential.asking(form) as ask:
        _agree(form, ask, 1_000_000 + part * PROGRAMS)


def test_filters_in_postgresql_agree_with_the_reference() -> None:
    """The same in a real server of PostgreSQL, where there is one."""
    reason = postgresql_server.missing()
    if reason is not None:
        pytest.skip(reason)
    with filter_differential.asking("postgresql") as ask:
        _agree("postgresql", ask, 2_000_000)


def _agree(form: Form, ask: filter_differential.Ask, first: int) -> None:
    done = Compared()
    for seed in range(first, first + PROGRAMS):
        done += compare(seed, form, ask)
    assert done.open > PROGRAMS * 20, "the generator no longer leaves anything to be asked"
    assert done.allowed > PROGRAMS
