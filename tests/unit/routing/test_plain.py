"""Tables of routes as plain data: what is written is read back, and what was changed is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from durwan.routing.plain import PlainRoutesError, read_plain_routes, write_routes
from tests.reference_set import reference_program, reference_set


def plain() -> list[dict[str, Any]]:
    """The routes of the reference set, as a bundle holds them."""
    routes = reference_set().routes
    assert routes is not None
    found: list[dict[str, Any]] = json.loads(json.dumps(write_routes(routes.table)))
    return found


def test_routes_are_read_back() -> None:
    """Every route of the reference set comes back as it was, types included."""
    routes = reference_set().routes
    assert routes is not None
    assert read_plain_routes(plain(), reference_program().schema).routes == routes.table.routes


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("method", "get"), ("method", 5), ("template", "/a//b"), ("template", "a"), ("template", "/{a}{b}"),
        ("action", "no.such"),
        ("sources", [["request.no_such", "body.a", False]]), ("sources", [["request.symbol", "cookie.a", False]]),
        ("sources", [["request.symbol", "path.other", False]]), ("sources", [["request.symbol", "body.a"]]),
        ("constants", {"request": {"weight": 0}}), ("constants", {"request": {"no_such": 1}}),
        ("constants", {"request": 5}),
        ("constants", []), ("idempotency", 5),
    ],
)  # fmt: skip
def test_routes_that_do_not_go_with_the_program_are_refused(field: str, value: object) -> None:
    """An action, an attribute, a place or a constant that cannot be is no part of a table."""
    changed = plain()
    changed[0][field] = value
    with pytest.raises(PlainRoutesError):
        read_plain_routes(changed, reference_program().schema)


def test_other_data_is_no_table() -> None:
    """A field too many, a field too few, and anything that is no list are refused."""
    schema = reference_program().schema
    with pytest.raises(PlainRoutesError):
        read_plain_routes({}, schema)
    with pytest.raises(PlainRoutesError):
        read_plain_routes([{**plain()[0], "more": 1}], schema)
    with pytest.raises(PlainRoutesError):
        read_plain_routes([5], schema)
