"""The lets of a set: checked in an order in which each comes after those it uses, and kept within bounds."""

from __future__ import annotations

from durwan.diagnostics import Diagnostic
from durwan.language.checker import Checker
from durwan.language.dependencies import order_dependencies
from durwan.language.expression_walk import measure, names_in
from durwan.language.mistakes import names
from durwan.language.syntax import Expression, LetDeclaration
from durwan.language.vocabulary import Vocabulary

# What evaluators and provers may rely on: an expression with all its lets written out is no deeper and no larger than
# this. A text alone never gets there, unless its limit of nesting is raised; a chain of lets does, and one that doubles
# at each step is a bomb.
DEEPEST = 128
LARGEST = 100_000
# How much deeper than its brackets an expression may be: a test, its operands, their default.
_LEVELS_OF_A_TEST = 8


class Lets:
    """Checks lets, and measures what uses them."""

    def __init__(self, vocabulary: Vocabulary, checker: Checker, report: list[Diagnostic], *, nesting: int = 0) -> None:
        """Make one; `nesting` is the levels that one text may have."""
        self._deepest = max(DEEPEST, nesting + _LEVELS_OF_A_TEST)
        self._vocabulary = vocabulary
        self._checker = checker
        self._report = report
        self._measures: dict[str, tuple[int, int]] = {}

    def check(self) -> None:
        """Check every let, dependencies first. Those in a cycle are wrong, and so, silently, is what uses them."""
        lets = self._vocabulary.lets
        order, cycles = order_dependencies({name: self._uses(declaration) for name, declaration in lets.items()})
        for cycle in cycles:
            self._report.append(names.let_cycle([lets[name].name for name in cycle]))
            self._checker.lets.update(dict.fromkeys(cycle))
        for name in order:
            if not self.fits(lets[name].value, name):
                self._checker.lets[name] = None
            self._checker.check_let(name)

    def measured(self, name: str) -> tuple[int, int] | None:
        """How deep and how large a let is with all that it uses; None where that was not asked."""
        return self._measures.get(name)

    def fits(self, written: Expression, name: str | None = None) -> bool:
        """Whether an expression (that of the let `name`) keeps within the bounds; what does not is reported."""
        depth, size = measure(written, self._measures)
        if name is not None:
            # What is out of bounds counts as small from here on: it is reported once.
            self._measures[name] = (depth, size) if depth <= self._deepest and size <= LARGEST else (1, 1)
        if depth > self._deepest:
            self._report.append(names.too_deep(written.span, self._deepest))
        elif size > LARGEST:
            self._report.append(names.too_large(written.span, LARGEST))
        return depth <= self._deepest and size <= LARGEST

    def _uses(self, declaration: LetDeclaration) -> list[str]:
        """The lets that a let uses. A name that may be a scope, and is one, is taken for it."""
        return [
            name.text
            for name, scope in names_in(declaration.value)
            if name.text in self._vocabulary.lets and not (scope and name.text in self._vocabulary.scopes)
        ]
