"""Thresholds: which values are wanted around a border."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.workshop.coverage.sets import assert_each_is_needed, covered


def borders(condition: str, lets: str = "") -> list[str]:
    """The words of what is wanted of the thresholds in a condition."""
    coverage = covered(f"{lets}\ndeny a on orders.create when {condition}", {})
    return [each.wanted.removeprefix("in which ") for each in coverage.targets if each.kind == "threshold"]


def test_ints() -> None:
    """The border itself and the next int on its other side; no other request will do."""
    scores = {str(score): {"risk": {"score": score}} for score in (88, 89, 90, 91)}
    assert_each_is_needed(
        "deny risky on orders.create when risk.score >= 90",
        {**scores, "absent": {}},
        {
            "89": {"in which `risk.score` is `89`"},
            "90": {"in which `risk.score` is `90`"},
            "absent": {"in which it is unknown"},
        },
    )


def test_durations() -> None:
    """Ages are exact to the millisecond."""
    instants = {
        "half": "2026-03-02T08:59:45Z",
        "border": "2026-03-02T08:59:30Z",
        "across": "2026-03-02T08:59:29.999Z",
        "beyond": "2026-03-02T08:59:29.998Z",
    }
    assert_each_is_needed(
        "deny stale on orders.create when now - risk.as_of > 30s",
        {**{name: {"risk": {"as_of": instant}} for name, instant in instants.items()}, "absent": {}},
        {
            "border": {"in which `now - risk.as_of` is `30s`"},
            "across": {"in which `now - risk.as_of` is `30s1ms`"},
            "absent": {"in which it is unknown"},
        },
    )


def test_decimals() -> None:
    """The border itself exactly, and on the other side anything at most one unit of the constant's last place away."""
    sizes = {size: {"request": {"size": size}} for size in ("10", "10.5", "10.4", "10.39", "10.51")}
    left = {
        "10.5": {"in which `request.size` is `10.5`"},
        "10.4": {"in which `request.size` is below `10.5`, by 0.1 at most"},
        "absent": {"in which it is unknown"},
    }
    assert_each_is_needed("deny a on orders.create when request.size >= 10.5", {**sizes, "absent": {}}, left)


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("risk.score > 90", ["`risk.score` is `90`", "`risk.score` is `91`"]),
        ("risk.score <= 90", ["`risk.score` is `90`", "`risk.score` is `91`"]),
        ("risk.score < 90", ["`risk.score` is `90`", "`risk.score` is `89`"]),
        ("90 < risk.score", ["`risk.score` is `90`", "`risk.score` is `91`"]),
        ("risk.score >= 89.5", ["`risk.score` is `90`", "`risk.score` is `89`"]),
        ("risk.score * 2 >= 90", ["`risk.score * 2` is `90`", "`risk.score * 2` is `88`"]),
        ("risk.score * 2 > 89", ["`risk.score * 2` is `90`", "`risk.score * 2` is `88`"]),
        ("risk.score + request.lots > 90", [
            "`risk.score + request.lots` is `90`", "`risk.score + request.lots` is `91`"]),
        ("risk.score > request.lots", [
            "`risk.score` is `request.lots`", "`risk.score` is `request.lots` plus 1"]),
        ("now >= key.expires", ["`now` is `key.expires`", "`now` is `key.expires` minus 1ms"]),
        ("risk.as_of <= now + 5s", ["`risk.as_of` is `now + 5s`", "`risk.as_of` is `now + 5s` plus 1ms"]),
        ("now < 2026-06-01T00:00:00Z", ["`now` is `2026-06-01T00:00:00Z`", "`now` is `2026-05-31T23:59:59.999Z`"]),
        ("request.size > 100", ["`request.size` is `100`", "`request.size` is above `100`, by 1 at most"]),
        ("request.size > 2.50", ["`request.size` is `2.50`", "`request.size` is above `2.50`, by 0.01 at most"]),
        ("request.size * 3 > 100", [
            "`request.size * 3` is below `100`, by 1 at most", "`request.size * 3` is above `100`, by 1 at most"]),
        ("request.size * 3 > request.price", [
            "`request.size * 3` is `request.price`", "`request.size * 3` is above `request.price`, by 1 at most"]),
        ("risk.score default 5 >= 90", ["`risk.score default 5` is `90`", "`risk.score default 5` is `89`"]),
        ("risk.score == 90", []),
        ('approvals.by has any of { "a", "b" }', []),
    ],
)  # fmt: skip
def test_what_is_wanted(condition: str, wanted: list[str]) -> None:
    """The border, and what lies right across it, for every operator, order of sides, and type."""
    assert borders(condition) == wanted


def test_lets_are_followed() -> None:
    """The threshold of a sum that a let names stands where it is compared."""
    lets = "let age = now - risk.as_of\nlet longest = 5m"
    assert borders("age > longest", lets) == ["`age` is `longest`", "`age` is `5m1ms`"]


def test_counts() -> None:
    """Of members, as many as are asked for, and one fewer."""
    people: dict[str, Any] = {str(count): {"approvals": {"by": ["a", "b", "c"][:count]}} for count in (0, 1, 2, 3)}
    assert_each_is_needed(
        'set treasury = { "a", "b", "c" }\ndeny a on orders.create when approvals.by has at least 2 of treasury',
        {**people, "absent": {}},
        {
            "1": {"in which `approvals.by` has exactly 1 member of `treasury`"},
            "2": {"in which `approvals.by` has exactly 2 members of `treasury`"},
            "absent": {"in which it is unknown"},
        },
    )
