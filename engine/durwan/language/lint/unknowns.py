"""P0709: attributes that a rule needs, does not guard, and that no test ever leaves unknown."""

from __future__ import annotations

from collections.abc import Container, Iterator

from durwan.diagnostics import Diagnostic, Span
from durwan.language.lint.program_walk import expressions_of, owners_of, parts_of
from durwan.language.mistakes import warnings
from durwan.program import nodes
from durwan.program.nodes import Expression
from durwan.program.program import Limit, Program, Rule


def lint_unknowns(program: Program, observed: Container[str]) -> Iterator[Diagnostic]:
    """Each such attribute, at its first unguarded use. `observed` are the attributes unknown in some test.

    An attribute is guarded in a rule that asks whether it is known, or that gives it a default.
    """
    reader = _Reader(program)
    told: set[str] = set()
    for owner in owners_of(program):
        for path, span in reader.unguarded(owner).items():
            if path not in observed and path not in told:
                told.add(path)
                yield warnings.untested_unknown(span, path)


class _Reader:
    """What rules read, through their lets."""

    def __init__(self, program: Program) -> None:
        self._lets = program.lets
        self._known: dict[str, tuple[dict[str, Span], frozenset[str]]] = {}

    def unguarded(self, owner: Rule | Limit) -> dict[str, Span]:
        """The attributes of a rule that nothing guards there, each with its first use."""
        reads: dict[str, Span] = {}
        guards: set[str] = set()
        for expression in expressions_of(owner):
            found, guarded = self._read(expression)
            reads = found | reads
            guards |= guarded
        return {path: span for path, span in reads.items() if path not in guards}

    def _read(self, expression: Expression) -> tuple[dict[str, Span], frozenset[str]]:
        reads: dict[str, Span] = {}
        guards: set[str] = set()
        for part in parts_of(expression):
            match part:
                case nodes.IsKnown(operand=nodes.Attribute(path=path)):
                    guards.add(path)
                case nodes.Default(operand=nodes.Attribute(path=path)):
                    guards.add(path)
                case nodes.Attribute(path=path, span=span) if span is not None:
                    reads.setdefault(path, span)
                case nodes.LetReference(name=name):
                    found, guarded = self._let(name)
                    reads = found | reads
                    guards |= guarded
                case _:
                    pass
        return reads, frozenset(guards)

    def _let(self, name: str) -> tuple[dict[str, Span], frozenset[str]]:
        if name not in self._known:
            self._known[name] = self._read(self._lets[name])
        return self._known[name]
