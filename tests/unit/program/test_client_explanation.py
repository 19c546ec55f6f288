"""What the sender of a refused request is told holds nothing of the policy but what was written for him."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

import pytest

from durwan import Engine
from durwan.model.address import NetworkSet
from durwan.model.request import Attributes, KeyLookup
from durwan.model.values import format_duration, format_instant
from durwan.program import nodes
from durwan.program.explanation import parts_through
from durwan.program.program import Program
from tests.reference_set import altered, case_named, reference_cases, reference_program, reference_set

FIELDS = {"effect", "status", "code", "reason", "remedies", "missing", "networks"}
# Texts shorter than this are found everywhere.
SHORTEST = 3


def _secrets(program: Program) -> set[str]:
    """Every constant, list entry, name and condition of a program, as text."""
    found = (
        {rule.name for rule in program.rules}
        | {limit.name for limit in program.limits}
        | set(program.lets)
        | set(program.windows)
    )
    found |= set(program.networks) | {str(each) for held in program.sets.values() for each in held}
    found |= {text for network in program.networks.values() for text in network.networks()}
    seen: set[str] = set()
    for rule in program.rules:
        for expression in (rule.body.when, rule.body.unless):
            for node in parts_through(expression, program, seen):
                found |= set(_texts(node))
    return {text for text in found if len(text) >= SHORTEST}


def _texts(node: nodes.Expression) -> Iterator[str]:
    match node:
        case nodes.IntLiteral(value=number) | nodes.DecimalLiteral(value=number):
            yield f"{number:f}" if isinstance(number, Decimal) else str(number)
        case nodes.StringLiteral(value=text) | nodes.ScopeLiteral(value=text):
            yield text
        case nodes.DurationLiteral(value=duration):
            yield from (str(duration), format_duration(duration))
        case nodes.InstantLiteral(value=instant):
            yield format_instant(instant)
        case nodes.LiteralSet(members=members):
            yield from (str(each) for each in members)
        case nodes.LiteralNetwork(value=network):
            yield from network.networks()
        case nodes.Attribute(path=path):
            yield path
        case _:
            if node.span is not None:
                yield node.span.text


def _leaks(form: Mapping[str, Any], public: set[str], secrets: set[str]) -> set[str]:
    """The secrets that stand in a form apart from what is public anyway."""
    told = json.dumps(form)
    for text in sorted(public, key=len, reverse=True):
        told = told.replace(json.dumps(text), "")
    return {secret for secret in secrets if secret in told}


def test_nothing_of_the_policy_leaks_to_the_client() -> None:
    """For every refused request of the reference set: its own fields' names, its key's networks, and nothing else."""
    program, compiled = reference_program(), reference_set().finished()
    secrets = _secrets(program)
    assert len(secrets) > 150
    # What the client himself sends goes by its name.
    fields = {path for path in program.schema.attributes if path.startswith("request.")}
    refused = 0
    with Engine(lambda: compiled, clock=lambda: 1_772_442_000_000) as engine:
        for case in reference_cases():
            explanation = engine.explain(case.request, nearest=False)
            if explanation.decision.allowed:
                continue
            refused += 1
            form = explanation.for_client().as_dict()
            decision = explanation.decision.as_dict()
            assert form.keys() == FIELDS
            for name in FIELDS & decision.keys():
                assert form.pop(name) == decision[name]
            public = {*_own_networks(program, case.request, compiled.keys.get), *fields}
            assert _leaks(form, public, secrets) == set(), case.name
    assert refused > 300


def _own_networks(program: Program, request: Mapping[str, Any], keys: KeyLookup) -> list[str]:
    networks = Attributes(program.schema, request, keys).read("key.networks")
    return networks.networks() if isinstance(networks, NetworkSet) else []


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """An engine of the reference set."""
    with Engine(lambda: reference_set().finished(), clock=lambda: 1_772_442_000_000) as made:
        yield made


def test_networks_are_told_only_where_they_stopped_the_request(engine: Engine) -> None:
    """The allowlist is shown where the address is not on it, and not where something else stops the request."""
    order = case_named("the symbols a key is bound to [action=orders.create, request.symbol=BTC-PERP]")
    elsewhere = engine.explain(altered(order, client={"ip": "198.51.100.77"}), nearest=False)
    assert elsewhere.for_client().networks == ("203.0.113.0/24", "2001:db8:10::/48")
    risky = engine.explain(altered(order, risk={"score": 95}), nearest=False)
    assert risky.for_client().networks == ()


def test_only_fields_of_the_request_are_told_to_be_missing(engine: Engine) -> None:
    """Whoever sent no amount hears of it; that the risk engine was silent is nobody's business."""
    order = case_named("the symbols a key is bound to [action=orders.create, request.symbol=BTC-PERP]")
    assert engine.explain(altered(order, request={"notional": None}), nearest=False).for_client().missing == (
        "request.notional",
    )
    silent = engine.explain(altered(order, risk={"score": 12, "flagged": None}), nearest=False)
    assert silent.decision.unknowns == ("risk.flagged",)
    assert silent.for_client().missing == ()


def test_the_nearest_change_is_not_told(engine: Engine) -> None:
    """How far a request was from being allowed is for its operators: the client's form is the same with it."""
    order = case_named("the symbols a key is bound to [action=orders.create, request.symbol=BTC-PERP]")
    explanation = engine.explain(altered(order, risk={"score": 95}))
    assert [change.text for change in explanation.nearest] == ["at a risk score of 89 or less"]
    assert "89" not in json.dumps(explanation.for_client().as_dict())
