"""Requests put together of fixtures, and matrices written out."""

from __future__ import annotations

from typing import Any

import pytest

from durwan.workshop.merging import blocked_path, combination_count, combinations, label, merge, nested


@pytest.mark.parametrize(
    ("base", "over", "merged"),
    [
        ({}, {}, {}),
        ({"a": 1}, {"b": 2}, {"a": 1, "b": 2}),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3}}, {"a": {"b": 3, "c": 2}}),
        ({"a": {"b": 1}}, {"a": None}, {"a": None}),
        ({"a": None}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": {"b": 1}}, {"a": "desk-7"}, {"a": "desk-7"}),
        ({"a": "desk-7"}, {"a": {"b": 1}}, {"a": {"b": 1}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({"a": {"b": {"c": 1}}}, {"a": {"b": {"d": 2}}}, {"a": {"b": {"c": 1, "d": 2}}}),
        ({"a": {"b": 1}}, {"a": {}}, {"a": {"b": 1}}),
    ],
)
def test_merge(base: dict[str, Any], over: dict[str, Any], merged: dict[str, Any]) -> None:
    """Mappings are merged at any depth; lists, scalars and null replace."""
    assert merge(base, over) == merged


def test_merge_changes_nothing() -> None:
    """What was given stays as it was, and shares no mapping with the result."""
    base: dict[str, Any] = {"a": {"b": {"c": 1}}}
    over: dict[str, Any] = {"a": {"d": {"e": 2}}}
    merged = merge(base, over)
    merged["a"]["b"]["c"] = merged["a"]["d"]["e"] = 0
    assert over == {"a": {"d": {"e": 2}}}
    merge(base, {"a": {"b": {"c": 9}}})
    assert merge(base, {}) == base


def test_nested() -> None:
    """A dotted path is a mapping in a mapping."""
    assert nested("action", 1) == {"action": 1}
    assert nested("a.b.c", None) == {"a": {"b": {"c": None}}}


def test_combinations() -> None:
    """Every combination, once, the last path varying fastest."""
    matrix: dict[str, list[Any]] = {"action": ["a", "b"], "x.y": [None, 1, "1"]}
    found = [tuple(choice.values()) for choice in combinations(matrix)]
    assert found == [("a", None), ("a", 1), ("a", "1"), ("b", None), ("b", 1), ("b", "1")]
    assert combination_count(matrix) == len(found)


def test_no_matrix_is_one_combination() -> None:
    """A case without a matrix is one case."""
    assert list(combinations({})) == [{}]
    assert combination_count({}) == 1


def test_label() -> None:
    """The name of a combination says each value; a long one keeps both of its ends."""
    assert label({"action": "orders.read", "x.y": None, "z": [1, "é"]}) == 'action=orders.read, x.y=null, z=[1, "é"]'
    one, other = label({"a": "x" * 200 + "1"}), label({"a": "x" * 200 + "2"})
    assert one != other
    assert len(one) < 90


@pytest.mark.parametrize(
    ("request_", "path", "blocked"),
    [
        ({"key": "desk-7"}, "key.id", "key"),
        ({"key": {"id": "x"}}, "key.id", None),
        ({"key": {"id": "x"}}, "key.id.more", "key.id"),
        ({"key": None}, "key.id", None),
        ({}, "key.id", None),
        ({"action": "x"}, "action", None),
        ({"a": []}, "a.b", "a"),
    ],
)
def test_blocked_path(request_: dict[str, Any], path: str, blocked: str | None) -> None:
    """Below a plain value nothing can be set; in the place of null it can."""
    assert blocked_path(request_, path) == blocked
