"""Routes and rules beside each other: routes that nobody could ever be allowed, and actions that nobody can ask for."""

from __future__ import annotations

from collections.abc import Iterator

from durwan.compilation import Compilation
from durwan.diagnostics import Diagnostic
from durwan.language.syntax import ActionsDeclaration
from durwan.program.program import Program
from durwan.routing import mistakes


def check_routes(compilation: Compilation, program: Program) -> Iterator[Diagnostic]:
    """What is wrong between the routes of a policy set, where it has some, and its rules."""
    routes = compilation.routes
    if routes is None:
        return
    allowed = {
        action for rule in program.rules if rule.effect == "allow" and not rule.shadow for action in rule.actions
    }
    for route in routes.table:
        if route.action not in allowed:
            yield mistakes.never_allowed(routes.action_span(route), routes.span(route))
    asked = {route.action for route in routes.table}
    for module in compilation.modules:
        for declaration in module.declarations:
            if isinstance(declaration, ActionsDeclaration):
                for name in declaration.names:
                    if name.text in allowed - asked:
                        yield mistakes.without_route(name.span)


__all__ = ["check_routes"]
