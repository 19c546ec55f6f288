"""Saying why a case failed: what was expected and decided, and the first condition that did not hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from durwan.diagnostics.terminal import Style, located, visible
from durwan.model.decision import Decision
from durwan.program.explanation import ConditionExplanation, Explanation, RuleExplanation
from durwan.workshop.mismatches import mismatches, plain, shown_fields
from durwan.workshop.runner import CaseResult

_LONGEST_VALUE = 200
_MOST_RULES = 5
_OK = 200
_FEW_FIELDS = 2
_STRUCTURED = frozenset({"obligations", "remedies", "unknowns", "shadows"})
# The fields that say what was decided; where another one differs, the same rule decided as was expected.
_DECIDING = frozenset({"effect", "allowed", "rule", "status", "code"})


def draw_failure(result: CaseResult, style: Style, *, root: str = "") -> str:
    """A failed case, several lines: where it stands, what differs, why, and the request."""
    source = result.case.span.source
    line, column = source.position(result.case.span.start)
    head = f"{visible(located(source.path, root))}:{line}:{column} {visible(result.case.name)}"
    lines = [f"{style.paint('FAILED', 'bad')} {style.paint(head, 'bold')}"]
    if result.decision is not None:
        expected = result.case.expected
        lines.append(f"  expected  {visible(_fields(expected))}")
        lines.append(f"  decided   {visible(_fields(_decided(result.decision, expected)))}")
        if len(expected) > _FEW_FIELDS or _STRUCTURED & set(result.differing):
            # One or two plain fields are seen to differ as they stand above.
            lines += _labelled("differs", mismatches(expected, result.differing, result.decision))
    lines += _labelled("because", reasons(result))
    lines += _labelled("request", _request_lines(result.case.request))
    return "\n".join(lines) + "\n"


def summarize_failure(result: CaseResult) -> str:
    """Why a case failed in one line, such as `effect: expected allow, got deny; decided by risky`."""
    if result.decision is None:
        return ""
    if result.reference is not None:
        return "the evaluators of durwan differ: a mistake of durwan, not of the policy"
    decider = result.decision.rule
    told = "; ".join(mismatches(result.case.expected, result.differing, result.decision))
    return f"{told}; {'no rule allows it' if decider is None else f'decided by {decider}'}"


def _labelled(label: str, lines: Iterable[str]) -> Iterator[str]:
    """Lines side by side with a label for all of them."""
    for number, line in enumerate(lines):
        yield f"  {label if number == 0 else '':<10}{visible(line)}"


def _request_lines(request: Mapping[str, Any]) -> Iterator[str]:
    """The request as JSON that can be copied, a line for each context."""
    members = [f"{json.dumps(name)}: {_json(value)}" for name, value in request.items()]
    for number, member in enumerate(members or [""]):
        yield f"{' ' if number else '{'}{member}{'}' if number >= len(members) - 1 else ','}"


def reasons(result: CaseResult) -> Iterator[str]:
    """Why the decision is another one than the case expects, a line each."""
    if result.reference is not None:
        yield f"the reference evaluator decides {_fields(_decided(result.reference, {}))}:"
        yield "this is a mistake of durwan, not of the policy; please report it with the request"
        return
    explanation, decision = result.explanation, result.decision
    if explanation is None or decision is None:
        return
    if decision.code == "unknown_action":
        yield "no policy declares this action"
        return
    if _DECIDING & set(result.differing):
        yield from _about_decision(result.case.expected, explanation, decision)
    if "shadows" in result.differing:
        yield from _about_shadows(result.case.expected["shadows"], explanation)


def _about_decision(expected: Mapping[str, Any], explanation: Explanation, decision: Decision) -> Iterator[str]:
    """What kept the expected rule from deciding, and what decided instead."""
    wanted = expected.get("rule")
    if isinstance(wanted, str):
        yield from _about_expected(wanted, explanation, decision)
    elif _is_allow(expected) and decision.effect == "deny" and decision.rule is None:
        yield from _about_allows(explanation)
    decider = explanation.rule(decision.rule) if decision.rule is not None else None
    if decider is not None and decider.name != wanted:
        yield f"`{decider.name}` applied:" if decider.conditions else f"`{decider.name}` applies to every such request"
        for condition in decider.conditions:
            yield from _about_condition(condition, indent="  ")


def _is_allow(expected: Mapping[str, Any]) -> bool:
    return expected.get("effect") == "allow" or expected.get("allowed") is True or expected.get("status") == _OK


def _about_shadows(wanted: Iterable[str], explanation: Explanation) -> Iterator[str]:
    for name in wanted:
        rule = explanation.rule(name)
        if rule is not None and not rule.applied:
            yield from _about_failure(rule)


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
    text = _json(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _decided(decision: Decision, expected: Mapping[str, Any]) -> dict[str, Any]:
    """What a decision says of the expected fields, and always what decided."""
    fields = shown_fields(decision)
    always = {"effect", "rule", "status", "code"}
    if decision.unknowns:
        always.add("unknowns")
    return {name: fields[name] for name in fields if name in always or name in expected}


def _fields(fields: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {plain(value)}" for name, value in fields.items())


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
