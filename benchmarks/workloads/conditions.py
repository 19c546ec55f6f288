"""Conditions and rules of a generated policy set: each in durwan's language, in fast Python, and in plain Python.

What all three say is written in one place, so that a workload with many rules needs no second text by hand.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from benchmarks.workloads.addresses import parse_networks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from benchmarks.workloads.workload import Decide, Request

READS: Mapping[str, str] = {
    "key": 'request["key"]',
    "now": 'request["now"]',
    "labels": 'request["key"]["labels"]',
    "scopes": 'request["key"]["scopes"]',
    "bits": 'mask(request["client"]["ip"])',
    "country": 'request["client"]["country"]',
    "score": 'request["risk"]["score"]',
    "symbol": 'request["request"]["symbol"]',
    "notional": 'Decimal(request["request"]["notional"])',
    "time_of_day": "now % 86_400_000",
    "weekday": "(now // 86_400_000 + 3) % 7",
}
"""The local variables of the fast form, and what each is; one may use those above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One condition, in three forms."""

    policy: str
    fast: str
    """A Python expression over READS, `request`, and the names of sets."""
    plain: Decide


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A deny or an allow: it applies where all conditions hold."""

    effect: str
    name: str
    actions: Sequence[str]
    conditions: Sequence[Condition]

    def applies(self, request: Request) -> bool:
        """What a developer writes first."""
        return request["action"] in self.actions and all(condition.plain(request) for condition in self.conditions)

    @property
    def policy(self) -> str:
        """The rule in durwan's language."""
        body = "\n   and ".join(condition.policy for condition in self.conditions)
        return f"{self.effect} {self.name}\n  on {', '.join(self.actions)}\n  when {body}\n"


def has_label(label: str) -> Condition:
    return Condition(
        policy=f'key.labels has "{label}"',
        fast=f'"{label}" in labels',
        plain=lambda request: label in request["key"]["labels"],
    )


def has_scope(scope: str) -> Condition:
    return Condition(
        policy=f"key.scopes has {scope}",
        fast=f'"{scope}" in scopes',
        plain=lambda request: scope in request["key"]["scopes"],
    )


def is_from(network: str, bit: int, texts: Sequence[str]) -> Condition:
    """`bit` is the network's in the one table of the fast form."""
    parsed = parse_networks(texts)
    return Condition(
        policy=f"client.ip in {network}",
        fast=f"bits & {bit}",
        plain=lambda request: any(ipaddress.ip_address(request["client"]["ip"]) in network for network in parsed),
    )


def is_symbol_of(name: str, members: Sequence[str], *, negated: bool = False) -> Condition:
    """`name` is that of the set, in the policy as in the fast form."""
    word = "not in" if negated else "in"
    return Condition(
        policy=f"request.symbol {word} {name}",
        fast=f"symbol {word} {name}",
        plain=lambda request: (request["request"]["symbol"] in members) != negated,
    )


def is_country_of(name: str, members: Sequence[str]) -> Condition:
    return Condition(
        policy=f"client.country in {name}",
        fast=f"country in {name}",
        plain=lambda request: request["client"]["country"] in members,
    )


def is_larger(amount: int) -> Condition:
    return Condition(
        policy=f"request.notional > {amount}",
        fast=f"notional > {amount}",
        plain=lambda request: Decimal(request["request"]["notional"]) > amount,
    )


def is_riskier(score: int) -> Condition:
    """At least that score."""
    return Condition(
        policy=f"risk.score >= {score}",
        fast=f"score >= {score}",
        plain=lambda request: request["risk"]["score"] >= score,
    )


def is_safer(score: int) -> Condition:
    """Below that score."""
    return Condition(
        policy=f"risk.score < {score}",
        fast=f"score < {score}",
        plain=lambda request: request["risk"]["score"] < score,
    )


def is_older(attribute: str, seconds: int) -> Condition:
    """An instant of the session lies further back."""
    return Condition(
        policy=f"now - session.{attribute} > {seconds}s",
        fast=f'now - request["session"]["{attribute}"] > {seconds * 1_000}',
        plain=lambda request: request["now"] - request["session"][attribute] > seconds * 1_000,
    )


def is_outside(window: str, first: int, last: int) -> Condition:
    """Not between two full hours of a working day."""
    low, high = first * 3_600_000, last * 3_600_000

    def plain(request: Request) -> bool:
        at = dt.datetime.fromtimestamp(request["now"] / 1_000, dt.UTC)
        return not (at.weekday() < 5 and first <= at.hour < last)

    return Condition(
        policy=f"not (now in {window})",
        fast=f"not (weekday < 5 and {low} <= time_of_day < {high})",
        plain=plain,
    )


def is_during(window: str, weekday: int, hour: int) -> Condition:
    """In a full hour of one day of the week."""
    low, high = hour * 3_600_000, (hour + 1) * 3_600_000

    def plain(request: Request) -> bool:
        at = dt.datetime.fromtimestamp(request["now"] / 1_000, dt.UTC)
        return at.weekday() == weekday and at.hour == hour

    return Condition(
        policy=f"now in {window}",
        fast=f"weekday == {weekday} and {low} <= time_of_day < {high}",
        plain=plain,
    )


def make_reference(rules: Sequence[Rule]) -> Decide:
    """One rule after the other: some allow applies, and no deny."""
    denies = [rule for rule in rules if rule.effect == "deny"]
    allows = [rule for rule in rules if rule.effect == "allow"]
    return lambda request: (
        any(rule.applies(request) for rule in allows) and not any(rule.applies(request) for rule in denies)
    )


def make_fast(rules: Sequence[Rule], sets: Mapping[str, frozenset[str]], mask: Callable[[str], int]) -> Decide:
    """What a patient programmer writes: a function an action, each thing read once, rules of one label together."""
    actions = {action: [rule for rule in rules if action in rule.actions] for rule in rules for action in rule.actions}
    functions = {action: _function(concerned, {**sets, "mask": mask}) for action, concerned in actions.items()}

    def decide(request: Request) -> bool:
        function = functions.get(request["action"])
        return function is not None and function(request)

    return decide


def _function(rules: Sequence[Rule], names: Mapping[str, object]) -> Decide:
    needed = _names(condition.fast for rule in rules for condition in rule.conditions)
    needed |= _names(READS[name] for name in needed & READS.keys())
    lines = [f"    {name} = {expression}" for name, expression in READS.items() if name in needed]
    lines += [*_grouped(rules, "deny", "return False"), *_grouped(rules, "allow", "return True")]
    namespace: dict[str, object] = {"Decimal": Decimal, **names}
    exec("\n".join(["def decide(request):", *lines, "    return False"]), namespace)  # noqa: S102 - made of the above
    decide: Callable[[Request], bool] = namespace["decide"]  # type: ignore[assignment]
    return decide


def _names(expressions: Iterable[str]) -> set[str]:
    return {name for expression in expressions for name in compile(expression, "a condition", "eval").co_names}


def _grouped(rules: Sequence[Rule], effect: str, answer: str) -> list[str]:
    """Rules whose first condition is the same stand below one `if`; those without fellows each have a line."""
    groups: dict[str, list[str]] = {}
    for rule in rules:
        if rule.effect == effect:
            first, *rest = (condition.fast for condition in rule.conditions)
            groups.setdefault(first, []).append(" and ".join(rest) or "True")
    lines: list[str] = []
    for first, rests in groups.items():
        if len(rests) == 1:
            lines.append(f"    if {first} and {rests[0]}: {answer}".replace(" and True:", ":"))
        else:
            lines += [f"    if {first}:", *(f"        if {rest}: {answer}" for rest in rests)]
    return lines
