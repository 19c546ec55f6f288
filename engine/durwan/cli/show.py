"""`policy-check show [PATH]`: what a policy set, or a bundle of one, declares."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from durwan.cli import arguments as options
from durwan.cli.bundle_files import bundle_at
from durwan.cli.exits import GOOD
from durwan.cli.findings import counted, write_broken
from durwan.cli.reading import compile_set, root_of
from durwan.diagnostics.terminal import located
from durwan.model.types import TIME_MIN
from durwan.model.values import format_duration

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output
    from durwan.diagnostics import Span
    from durwan.diagnostics.terminal import Style
    from durwan.program.program import Invariant, Limit, Program, Rule

EXAMPLES = """\
  policy-check show policies/
  policy-check show policies/ --ref v1.4.0 -f json
  policy-check show desk.bundle
"""

_EFFECTS = ("deny", "allow", "challenge")


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    options.add_policy_set(parser)
    options.add_cache(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Writes what is declared, in source order."""
    bundle = bundle_at(arguments, TIME_MIN)
    if bundle is not None:
        return _show(output, bundle.compiled.program, bundle.compiled.revision, "")
    compilation = compile_set(arguments)
    root = root_of(arguments)
    if compilation.program is None:
        return write_broken(output, compilation, root)
    return _show(output, compilation.program, compilation.revision, root)


def _show(output: Output, program: Program, revision: str | None, root: str) -> int:
    if output.is_json:
        output.write_json(_form(program, root), revision)
        return GOOD
    output.write(f"{output.style.paint(program.name, 'bold')}\nrevision {revision}\n")
    for section in (_actions(program, output.style), *_tables(program, output.style, root)):
        text = "\n".join(line.rstrip() for line in section)
        output.write(f"\n{text}\n" if text else "")
    return GOOD


def _by_action(program: Program, action: str) -> dict[str, list[str]]:
    """The names of the rules about an action by effect, shadow rules apart, and of its limits."""
    about = [rule for rule in program.rules if action in rule.actions]
    found = {effect: [rule.name for rule in about if rule.effect == effect and not rule.shadow] for effect in _EFFECTS}
    found["shadow"] = [rule.name for rule in about if rule.shadow]
    found["limit"] = [limit.name for limit in program.limits if action in limit.actions]
    return found


def _actions(program: Program, style: Style) -> Iterator[str]:
    yield style.paint(counted(len(program.schema.actions), "action"), "bold")
    for action in sorted(program.schema.actions):
        yield f"  {action}"
        for kind, names in _by_action(program, action).items():
            if names:
                label = f"    {kind:<9}  "
                yield from textwrap.wrap(
                    ", ".join(names), style.width, initial_indent=label, subsequent_indent=" " * len(label)
                )


def _tables(program: Program, style: Style, root: str) -> Iterator[Iterator[str]]:
    yield _table(style, "rule", [_rule_row(rule, root) for rule in program.rules])
    yield _table(style, "limit", [_limit_row(limit, root) for limit in program.limits])
    yield _table(style, "invariant", [_invariant_row(each, root) for each in program.invariants])


def _table(style: Style, noun: str, rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if rows:
        yield style.paint(counted(len(rows), noun), "bold")
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  " + "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True))


def _rule_row(rule: Rule, root: str) -> tuple[str, ...]:
    effect = f"shadow {rule.effect}" if rule.shadow else rule.effect
    answer = f"{rule.status} {rule.code}"
    return effect, rule.name, answer, counted(len(rule.actions), "action"), _where(rule.span, root)


def _limit_row(limit: Limit, root: str) -> tuple[str, ...]:
    rate = f"{limit.count:f} per {format_duration(limit.period)}"
    per = f"per {', '.join(limit.per)}"
    return limit.name, rate, per, counted(len(limit.actions), "action"), _where(limit.span, root)


def _invariant_row(invariant: Invariant, root: str) -> tuple[str, ...]:
    holds = f"{invariant.holds} allow"
    return invariant.name, holds, counted(len(invariant.actions), "action"), _where(invariant.span, root)


def _where(span: Span | None, root: str) -> str:
    if span is None:
        return ""
    return f"{located(span.source.path, root)}:{span.source.position(span.start)[0]}"


def _form(program: Program, root: str) -> dict[str, Any]:
    return {
        "name": program.name,
        "actions": {action: _by_action(program, action) for action in sorted(program.schema.actions)},
        "rules": [
            {
                "effect": rule.effect,
                "shadow": rule.shadow,
                "status": rule.status,
                "code": rule.code,
                "reason": rule.reason,
                **_declared(rule, root),
            }
            for rule in program.rules
        ],
        "limits": [
            {
                "count": f"{limit.count:f}",
                "period": limit.period,
                "per": list(limit.per),
                "status": limit.status,
                "code": limit.code,
                **_declared(limit, root),
            }
            for limit in program.limits
        ],
        "invariants": [{"holds": each.holds, **_declared(each, root)} for each in program.invariants],
    }


def _declared(declaration: Rule | Limit | Invariant, root: str) -> dict[str, Any]:
    """What rules, limits and invariants have in common."""
    span = declaration.span
    return {
        "name": declaration.name,
        "actions": list(declaration.actions),
        "documentation": declaration.documentation,
        "file": None if span is None else located(span.source.path, root),
        "line": None if span is None else span.source.position(span.start)[0],
    }
