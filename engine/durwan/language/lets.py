"""The lets of a set: checked in an order in which each comes after those it uses, and kept within bounds."""

from __future__ import annotations

from durwan.diagnostics import Diagnostic
from durwan.language.checker import Checker
from durwan.language.dependencies import order_dependencies
from durwan.language.expression_walk import measure, names_in
from durwan.language.mistakes import names
from durwan.language.syntax import Expression, LetDeclaration
from durwan.language.vocabulary import Vocabulary

# What evaluators and provers may rely on: an expression with all its lets written out is no deeper than twice the
# nesting that one text may have, and no larger than this. A chain of lets that doubles at each step is a bomb.
DEEPEST = 128
LARGEST = 100_000


class Lets:
    """Checks lets, and measures what uses them."""

    def __init__(self, vocabulary: Vocabulary, checker: Checker, report: list[Diagnostic]) -> None:
        self._vocabulary = vocabulary
        self._checker = checker
        self._report = report
        self._measures: dict[str, tuple[int, int]] = {}

    def check(self) -> None:
        """Check every let, dependencies first. Those in a cycle are wrong, and so, silently, is what uses them."""
        lets = self._vocabulary.lets
        order, cycles = order_dependencies({name: self._uses(declaration) for name, declaration in lets.items()})
        cyclic = {name for cycle in cycles for name in cycle}
        for cycle in cycles:
            self._report.append(names.let_cycle([lets[name].name for name in cycle]))
        for name in order:
            declaration = lets[name]
            fits = self.fits(declaration.value, name)
            self._checker.lets[name] = None
            if fits and name not in cyclic:
                self._checker.lets[name] = self._checker.value(declaration.value)

    def fits(self, written: Expression, name: str | None = None) -> bool:
        """Whether an expression (that of the let `name`) keeps within the bounds; what does not is reported."""
        depth, size = measure(written, self._measures)
        if name is not None:
            # What is out of bounds counts as small from here on: it is reported once.
            self._measures[name] = (depth, size) if depth <= DEEPEST and size <= LARGEST else (1, 1)
        if depth > DEEPEST:
            self._report.append(names.too_deep(written.span, DEEPEST))
        elif size > LARGEST:
            self._report.append(names.too_large(written.span, LARGEST))
        return depth <= DEEPEST and size <= LARGEST

    def _uses(self, declaration: LetDeclaration) -> list[str]:
        """The lets that a let uses. A name that may be a scope, and is one, is taken for it."""
        return [
            name.text
            for name, scope in names_in(declaration.value)
            if name.text in self._vocabulary.lets and not (scope and name.text in self._vocabulary.scopes)
        ]
