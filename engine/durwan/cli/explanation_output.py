"""Explanations for people and for programs: the rules that mattered, and what would have been allowed."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Final

from durwan.diagnostics.terminal import Style, visible

if TYPE_CHECKING:
    from durwan.program.client_explanation import ClientExplanation
    from durwan.program.explanation import ConditionExplanation, Explanation, RuleExplanation

_MARKS: Final = {True: ("✓", "good"), False: ("✗", "bad"), None: ("?", "note")}
_LONGEST_VALUE: Final = 80


def explanation_form(explanation: Explanation) -> dict[str, Any]:
    """An explanation as JSON."""
    return {
        "decision": explanation.decision.as_dict(),
        "rules": [_rule_form(rule) for rule in explanation.rules],
        "nearest": [change.as_dict() for change in explanation.nearest],
        "never": list(explanation.never),
        "never_conditions": list(explanation.never_conditions),
        "unanswered": explanation.unanswered or None,
    }


def _rule_form(rule: RuleExplanation) -> dict[str, Any]:
    return {
        "name": rule.name,
        "effect": rule.effect,
        "shadow": rule.shadow,
        "applied": rule.applied,
        "truth": rule.truth,
        "unknowns": list(rule.unknowns),
        "conditions": [
            {"clause": each.clause, "text": each.text, "truth": each.truth, "values": dict(each.values)}
            for each in rule.conditions
        ],
    }


def explanation_text(explanation: Explanation, style: Style, subject: str, *, every_rule: bool) -> str:
    """An explanation in lines: the decision, the rules that mattered, what would be allowed, then all the rest."""
    lines = list(_decision_lines(explanation, style, subject))
    told = explanation.rules if every_rule else _that_mattered(explanation)
    for rule in sorted(told, key=lambda rule: rule.name != explanation.decision.rule):
        lines += ["", *_rule_lines(rule, style)]
    lines += _nearest_lines(explanation, style)
    untold = len(explanation.rules) - len(told)
    if untold:
        others = f"{untold} other rule{'' if untold == 1 else 's'} about this action did not matter; -v shows all"
        lines += ["", style.paint(others, "faint")]
    return "\n".join(lines) + "\n"


def client_text(explanation: ClientExplanation, style: Style, subject: str) -> str:
    """The client's form in lines."""
    role = "good" if explanation.effect == "allow" else "bad"
    said = {
        "request": subject,
        "reason": explanation.reason,
        "remedies": "; ".join(json.dumps(each.as_dict(), ensure_ascii=False) for each in explanation.remedies),
        "missing": ", ".join(explanation.missing),
        "networks": ", ".join(explanation.networks),
    }
    lines = [style.paint(f"{explanation.effect} {explanation.status} {explanation.code}", role)]
    lines += [f"  {name:<9} {visible(text)}" for name, text in said.items() if text]
    return "\n".join(lines) + "\n"


def _decision_lines(explanation: Explanation, style: Style, subject: str) -> Iterator[str]:
    decision = explanation.decision
    effect = style.paint(decision.effect, "good" if decision.allowed else "bad")
    yield f"{effect} {decision.status} {decision.code}"
    said = {"request": subject, "rule": decision.rule or "none", "reason": decision.reason}
    yield from (f"  {name:<7} {visible(text)}" for name, text in said.items() if text)


def _that_mattered(explanation: Explanation) -> list[RuleExplanation]:
    """The rules that applied, as far as they had a say; where no rule allows it, those that could have."""
    decision = explanation.decision
    if decision.effect == "deny" and decision.rule is None:
        return [rule for rule in explanation.rules if rule.effect == "allow" and not rule.shadow]
    effects = {"allow": ("allow",), "challenge": ("challenge",), "deny": ("deny", "challenge")}[decision.effect]
    return [rule for rule in explanation.rules if rule.applied and rule.effect in effects and not rule.shadow]


def _rule_lines(rule: RuleExplanation, style: Style) -> Iterator[str]:
    applied = "applies" if rule.applied else "does not apply"
    doubt = f" for want of {', '.join(rule.unknowns)}" if rule.applied and rule.unknowns else ""
    shadow = "shadow " if rule.shadow else ""
    yield f"{style.paint(f'{shadow}{rule.effect} {rule.name}', 'bold')} {applied}{doubt}"
    for condition in rule.conditions:
        yield from _condition_lines(condition, style)
    if not rule.conditions:
        yield "  to every request for this action"


def _condition_lines(condition: ConditionExplanation, style: Style) -> Iterator[str]:
    """The mark tells whether the condition is true; `unless` stands before those that must not be."""
    mark, role = _MARKS[condition.truth]
    head = f"{'unless ' if condition.clause == 'unless' else ''}{condition.text}"
    first, *more = textwrap.wrap(visible(head), max(style.width - 4, 20)) or [""]
    yield f"  {style.paint(mark, role)} {first}"
    yield from (f"      {line}" for line in more)
    values = "   ".join(f"{path} = {_value(value)}" for path, value in condition.values.items())
    wrapped = textwrap.wrap(visible(values), max(style.width - 6, 20), break_on_hyphens=False)
    yield from (style.paint(f"      {line}", "faint") for line in wrapped)


def _value(value: object) -> str:
    text = "unknown" if value is None else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}…"


def _nearest_lines(explanation: Explanation, style: Style) -> Iterator[str]:
    if explanation.nearest:
        yield from ("", style.paint("it would be allowed", "bold"))
        for place, change in enumerate(explanation.nearest):
            first, *more = textwrap.wrap(visible(change.text), max(style.width - 6, 20), break_on_hyphens=False)
            yield f"  {'or' if place else '  '} {first}"
            yield from (f"     {line}" for line in more)
    elif explanation.never:
        rules = ", ".join(f"`{name}`" for name in explanation.never)
        yield from ("", f"{style.paint('never', 'bad')}, whatever the request says: {visible(rules)}")
        yield from (f"  {style.paint('✗', 'bad')} {visible(text)}" for text in explanation.never_conditions)
    elif explanation.unanswered:
        yield from ("", f"what would be allowed is not known: {visible(explanation.unanswered)}")
