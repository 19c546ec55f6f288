"""P0706, P0707 and P0708: what is declared for nothing, actions that are never allowed, and those allowed to all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from durwan.diagnostics import Diagnostic
from durwan.language.lint.program_walk import all_expressions, parts_of
from durwan.language.mistakes import warnings
from durwan.language.syntax import (
    ActionsDeclaration,
    AnyDeclaration,
    ContextDeclaration,
    LetDeclaration,
    Module,
    Name,
    NetworkDeclaration,
    ScopesDeclaration,
    SetDeclaration,
    WindowDeclaration,
)
from durwan.model import types
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.program import Program


@dataclass(slots=True)
class _Uses:
    """The names that a program uses, by kind."""

    attributes: set[str] = field(default_factory=set[str])
    scopes: set[str] = field(default_factory=set[str])
    named: set[str] = field(default_factory=set[str])


def lint_unused(modules: Sequence[Module], program: Program, prelude: frozenset[str]) -> Iterator[Diagnostic]:
    """What the modules declare and the program never uses. `prelude` are the attributes that are always declared."""
    uses = _uses_of(program)
    allowed = {
        action for rule in program.rules if rule.effect == "allow" and not rule.shadow for action in rule.actions
    }
    for module in modules:
        for declaration in module.declarations:
            yield from _lint_declaration(declaration, program, uses, allowed, prelude)


def lint_unconditional(program: Program) -> Iterator[Diagnostic]:
    """Allow rules without any condition."""
    for rule in program.rules:
        if rule.effect == "allow" and rule.body.when == nodes.TRUE and rule.body.unless == nodes.FALSE and rule.span:
            yield warnings.unconditional_allow(rule.span)


def _lint_declaration(
    declaration: AnyDeclaration, program: Program, uses: _Uses, allowed: set[str], prelude: frozenset[str]
) -> Iterator[Diagnostic]:
    match declaration:
        case ContextDeclaration():
            for path, name in _attributes(declaration):
                if path not in uses.attributes and path not in prelude:
                    yield warnings.unused(name.span, "attribute", path)
        case ActionsDeclaration(names=names):
            yield from (warnings.action_never_allowed(name.span) for name in names if name.text not in allowed)
        case ScopesDeclaration(entries=entries):
            includes = program.schema.scopes
            unasked = (entry.name for entry in entries if uses.scopes.isdisjoint(includes[entry.name.text]))
            yield from (warnings.unused_scope(name.span) for name in unasked)
        case LetDeclaration() | SetDeclaration() | NetworkDeclaration() | WindowDeclaration():
            if declaration.name.text not in uses.named:
                yield warnings.unused(declaration.name.span, _KINDS[type(declaration)], declaration.name.text)
        case _:
            pass


def _attributes(declaration: ContextDeclaration) -> Iterator[tuple[str, Name]]:
    for attribute in declaration.attributes:
        for name in attribute.names:
            yield f"{declaration.name.text}.{name.text}", name


_KINDS: dict[type[AnyDeclaration], str] = {
    LetDeclaration: "let",
    SetDeclaration: "set",
    NetworkDeclaration: "network",
    WindowDeclaration: "window",
}


def _uses_of(program: Program) -> _Uses:
    uses = _Uses()
    for expression in all_expressions(program):
        for part in parts_of(expression):
            _note(part, program, uses)
    for limit in program.limits:
        uses.attributes.update(limit.per)
    for rule in program.rules:
        if rule.remedy is not None and rule.remedy.of is not None:
            uses.named.add(rule.remedy.of)
    return uses


def _note(part: Expression, program: Program, uses: _Uses) -> None:
    match part:
        case nodes.Attribute(path=path):
            uses.attributes.add(path)
        case nodes.ScopeLiteral(value=scope):
            uses.scopes.add(scope)
        case nodes.LiteralSet(members=members, element=types.Scope()):
            uses.scopes.update(str(member) for member in members)
        case nodes.NamedSet(name=name, element=element):
            uses.named.add(name)
            if isinstance(element, types.Scope):
                uses.scopes.update(str(member) for member in program.sets[name])
        case nodes.LetReference(name=name) | nodes.NamedNetwork(name=name) | nodes.NamedWindow(name=name):
            uses.named.add(name)
        case nodes.Default(fallback=nodes.ScopeLiteral(value=scope)):
            uses.scopes.add(scope)
        case _:
            pass
