"""The checked program: what a policy set means once every name is resolved and every mistake is ruled out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

from durwan.diagnostics import Span
from durwan.model.address import NetworkSet
from durwan.model.decision import Remedy
from durwan.model.schema import Schema
from durwan.model.window import Window
from durwan.program.nodes import FALSE, TRUE, Expression

Effect = Literal["allow", "deny", "challenge"]
Scalar = bool | int | Decimal | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """`when A unless B`: the body is `A and not B`; a missing `when` is true, a missing `unless` is false."""

    when: Expression = TRUE
    unless: Expression = FALSE


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """An allow, deny or challenge.

    `actions` is expanded: every declared action that the rule is about, sorted. `order` is its position in source
    order among all rules. `status` and `code` are the answer when it decides (200 and `allowed` for an allow).
    """

    effect: Effect
    name: str
    actions: tuple[str, ...]
    body: Body
    order: int
    status: int
    code: str
    reason: str
    shadow: bool = False
    obligations: tuple[tuple[str, Scalar], ...] = ()
    remedy: Remedy | None = None
    documentation: str = ""
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """`limit NAME ... to count per period`: parsed and checked; `period` in milliseconds, `per` attribute paths."""

    name: str
    actions: tuple[str, ...]
    body: Body
    order: int
    count: Decimal
    period: int
    cost: Expression
    per: tuple[str, ...]
    status: int
    code: str
    reason: str
    documentation: str = ""
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invariant:
    """`invariant NAME never|always allow on ACTIONS when C`."""

    name: str
    holds: Literal["never", "always"]
    actions: tuple[str, ...]
    condition: Expression
    order: int
    documentation: str = ""
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A whole policy set, checked.

    `rules` are in source order; `lets`, `networks`, `sets` and `windows` are by name. `environment` names what else
    the meaning depends on, such as the digest of the time-zone data, and is part of the revision.
    """

    name: str
    schema: Schema
    rules: tuple[Rule, ...] = ()
    limits: tuple[Limit, ...] = ()
    invariants: tuple[Invariant, ...] = ()
    lets: Mapping[str, Expression] = field(default_factory=dict[str, Expression])
    networks: Mapping[str, NetworkSet] = field(default_factory=dict[str, NetworkSet])
    sets: Mapping[str, frozenset[str] | frozenset[int]] = field(
        default_factory=dict[str, frozenset[str] | frozenset[int]]
    )
    windows: Mapping[str, Window] = field(default_factory=dict[str, Window])
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
