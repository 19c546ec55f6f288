"""Saying why a case failed: what was expected and decided, and the first condition that did not hold."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from durwan.diagnostics.terminal import Style, located, visible
from durwan.model.decision import Decision
from durwan.model.values import format_instant
from durwan.program.explanation import ConditionExplanation, Explanation, RuleExplanation
from durwan.workshop.runner import CaseResult

_LONGEST_VALUE = 200
_MOST_RULES = 5


def draw_failure(result: CaseResult, style: Style, *, root: str = "") -> str:
    """A failed case, several lines: where it stands, what differs, why, and the request."""
    source = result.case.span.source
    line, column = source.position(result.case.span.start)
    head = f"{visible(located(source.path, root))}:{line}:{column} {visible(result.case.name)}"
    lines = [f"{style.paint('FAILED', 'bad')} {style.paint(head, 'bold')}"]
    if result.decision is not None:
        lines.append(f"  expected  {visible(_fields(result.case.expected))}")
        lines.append(f"  decided   {visible(_fields(_decided(result.decision, result.case.expected)))}")
    for number, reason in enumerate(reasons(result)):
        label = "  because   " if number == 0 else " " * 12
        lines.append(label + visible(reason))
    lines.append(f"  request   {visible(_plain(result.case.request))}")
    return "\n".join(lines) + "\n"


def reasons(result: CaseResult) -> Iterator[str]:
    """Why the decision is another one than the case expects, a line each."""
    if result.reference is not None:
        yield f"the reference evaluator decides {_fields(_decided(result.reference, {}))}:"
        yield "this is a mistake of durwan, not of the policy; please report it with the request"
    explanation, decision = result.explanation, result.decision
    if explanation is None or decision is None or not {"effect", "rule", "code"} & set(result.differing):
        return
    if decision.code == "unknown_action":
        yield "no policy declares this action"
        return
    wanted = result.case.expected.get("rule")
    if isinstance(wanted, str):
        yield from _about_expected(wanted, explanation, decision)
    elif result.case.expected.get("effect") == "allow" and decision.effect == "deny" and decision.rule is None:
        yield from _about_allows(explanation)
    decider = explanation.rule(decision.rule) if decision.rule is not None else None
    if decider is not None and decider.name != wanted:
        yield f"`{decider.name}` applied:" if decider.conditions else f"`{decider.name}` applies to every such request"
        for condition in decider.conditions:
            yield from _about_condition(condition, indent="  ")


def _about_expected(name: str, explanation: Explanation, decision: Decision) -> Iterator[str]:
    rule = explanation.rule(name)
    if rule is None:
        yield f"`{name}` is no rule about this action, or a limit that was not used up"
    elif rule.applied:
        first = f"`{decision.rule}`" if decision.rule is not None else "the want of an allow"
        yield f"`{name}` applied too, but {first} decided before it"
    else:
        yield from _about_failure(rule)


def _about_allows(explanation: Explanation) -> Iterator[str]:
    allows = [rule for rule in explanation.rules if rule.effect == "allow" and not rule.shadow]
    if not allows:
        yield "no allow rule is about this action"
    for rule in allows[:_MOST_RULES]:
        yield from _about_failure(rule)
    if len(allows) > _MOST_RULES:
        yield f"and so for {len(allows) - _MOST_RULES} more allow rules"


def _about_failure(rule: RuleExplanation) -> Iterator[str]:
    """The first condition that kept the rule from applying."""
    failure = rule.first_failure if rule.effect == "allow" else _first_disproof(rule)
    if failure is None:
        yield f"`{rule.name}` did not apply"
        return
    yield f"`{rule.name}` did not apply:"
    yield from _about_condition(failure, indent="  ")


def _first_disproof(rule: RuleExplanation) -> ConditionExplanation | None:
    """A deny or challenge is stopped only by what is certain."""
    stopping = {"when": False, "unless": True}
    return next((each for each in rule.conditions if each.truth is stopping[each.clause]), None)


def _about_condition(condition: ConditionExplanation, *, indent: str) -> Iterator[str]:
    truth = "unknown" if condition.truth is None else str(condition.truth).lower()
    yield f"{indent}{condition.clause} `{condition.text}` is {truth}"
    for path, value in condition.values.items():
        yield f"{indent}  {path} = {'unknown' if value is None else _short(value)}"


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _decided(decision: Decision, expected: Mapping[str, Any]) -> dict[str, Any]:
    """What a decision says of the expected fields, and always what decided."""
    fields = decision.as_dict()
    always = {"effect", "rule", "status", "code"}
    if decision.unknowns:
        always.add("unknowns")
    if decision.valid_until is not None:
        fields["valid_until"] = format_instant(decision.valid_until)
    return {name: fields[name] for name in fields if name in always or name in expected}


def _fields(fields: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {_plain(value)}" for name, value in fields.items())


def _plain(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
