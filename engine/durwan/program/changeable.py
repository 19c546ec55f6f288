"""What a request may change, and what it may not, when the nearest request that would be allowed is looked for.

What may change is the situation: where from, when, with which approvals and at which risk; and amounts. What may not is
who asks and what is asked for: the answer to "why may I not withdraw" is not "be somebody else", nor "read instead".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from durwan.model import types
from durwan.model.types import Type
from durwan.program.operators import like

Sort = Literal["circumstance", "amount"]
_Kind = Literal["time", "number", "any"]

# The first line that fits says it: a pattern of paths, the types of values, and what these are. Whatever context a
# policy set declares itself describes the situation, so its attributes are circumstances. `now` may only move forward:
# who asks can wait.
MAY_CHANGE: Final[tuple[tuple[str, _Kind, Sort | None], ...]] = (
    ("key.*", "any", None),
    ("gateway.*", "any", None),
    ("token.*", "time", "circumstance"),
    ("token.*", "any", None),
    ("request.*", "number", "amount"),
    ("request.*", "time", "circumstance"),
    ("request.*", "any", None),
    ("*", "any", "circumstance"),
)

# What the caller can do something about himself comes first, then what only happens to him, then asking for less.
_OWN: Final = ("now", "client.ip", "session.*", "approvals.*", "token.*")


def sort_of(path: str, declared: Type, may_change: Sequence[str] = ()) -> Sort | None:
    """What kind of a change it would be to change an attribute; None where it may not change.

    Args:
        path: the attribute, or `now`.
        declared: its type.
        may_change: patterns of the paths that may change, such as `risk.*`; where there are some, they replace the
            table, which then only tells amounts from circumstances.
    """
    found: Sort | None = next(
        sort for pattern, kind, sort in MAY_CHANGE if like(path, pattern) and kind in _kinds(declared)
    )
    if may_change:
        return (found or "circumstance") if any(like(path, pattern) for pattern in may_change) else None
    return found


def _kinds(declared: Type) -> tuple[_Kind, ...]:
    if isinstance(declared, types.Time):
        return "time", "any"
    return ("number", "any") if isinstance(declared, types.Int | types.Number) else ("any",)


def rank_of(path: str, sort: Sort) -> int:
    """Which of two changes is named first: the smaller one."""
    if sort == "amount":
        return 2
    return 0 if any(like(path, pattern) for pattern in _OWN) else 1
