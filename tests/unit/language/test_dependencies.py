"""Orders and cycles."""

from __future__ import annotations

from durwan.language.dependencies import order_dependencies


def test_each_after_what_it_needs() -> None:
    """Everything comes after all that it needs; what is not declared is left out."""
    order, cycles = order_dependencies({"a": ["b", "c"], "b": ["c", "x"], "c": [], "d": ["a"]})
    assert order == ["c", "b", "a", "d"]
    assert cycles == []


def test_cycles() -> None:
    """A cycle begins where it is first declared, and is told once, however many ways lead into it."""
    order, cycles = order_dependencies({"x": ["c"], "a": ["b"], "b": ["c"], "c": ["a", "b"], "d": ["d"]})
    assert cycles == [["a", "b", "c"], ["d"]]
    assert sorted(order) == ["a", "b", "c", "d", "x"]


def test_a_long_chain() -> None:
    """A chain of any length is ordered, without recursion."""
    chain = {str(number): [str(number + 1)] for number in range(20_000)}
    order, _ = order_dependencies(chain)
    assert order[0] == "19999"
    assert order[-1] == "0"
