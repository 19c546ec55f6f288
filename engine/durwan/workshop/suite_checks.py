"""Holding the test files against the program: names in them that it does not have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, cast

from durwan.diagnostics import Diagnostic
from durwan.diagnostics.yaml_document import Document, Path
from durwan.language.suggestions import Suggestions
from durwan.model.schema import Schema
from durwan.program.program import Program
from durwan.workshop import mistakes
from durwan.workshop.shapes import CaseShape
from durwan.workshop.test_files import Case, Suite, SuiteFile


def check_suite(suite: Suite, program: Program) -> list[Diagnostic]:
    """Every rule, limit, action and attribute that a test names and the program does not have, in source order."""
    names = _Names(program)
    found = [each for file in suite.files.values() for each in names.check(file)]
    return sorted(found, key=lambda item: item.order)


class _Names:
    """What the program declares, and what is said where a test names something else."""

    def __init__(self, program: Program) -> None:
        self._schema: Schema = program.schema
        self._effects: dict[str, str] = {rule.name: rule.effect for rule in program.rules if not rule.shadow}
        self._effects.update({limit.name: "deny" for limit in program.limits})
        self._shadows = [rule.name for rule in program.rules if rule.shadow]
        self._suggestions = Suggestions()

    def check(self, file: SuiteFile) -> Iterator[Diagnostic]:
        document = file.document
        for name, request in file.shape.fixtures.items():
            yield from self._attributes(document, ("fixtures", name), request)
        for position, shape in enumerate(file.shape.cases):
            place: Path = ("cases", position)
            yield from self._attributes(document, (*place, "request"), shape.request)
            yield from self._matrix(document, (*place, "matrix"), shape.matrix)
            yield from self._expected(document, (*place, "expect"), shape)
        asked: set[str] = set()
        for case in file.cases:
            action = case.request.get("action")
            if isinstance(action, str) and action not in self._schema.actions and f"{case.title} {action}" not in asked:
                asked.add(f"{case.title} {action}")
                yield from self._action(case, action)

    def _action(self, case: Case, action: str) -> Iterator[Diagnostic]:
        if case.expected.get("code") != "unknown_action":
            near = self._suggestions.nearest(action, self._schema.actions)
            yield mistakes.undeclared_action(case.span, action, near)

    def _attributes(self, document: Document, place: Path, request: Mapping[str, Any]) -> Iterator[Diagnostic]:
        for context, attributes in request.items():
            if context in {"action", "now"}:
                continue
            if context not in self._schema.contexts:
                yield self._undeclared(document, (*place, context), context, self._schema.contexts)
            elif isinstance(attributes, Mapping):
                for name in cast("Mapping[str, Any]", attributes):
                    path = f"{context}.{name}"
                    if path not in self._schema.attributes:
                        yield self._undeclared(document, (*place, context, name), path, self._schema.attributes)

    def _matrix(self, document: Document, place: Path, matrix: Mapping[str, list[Any]]) -> Iterator[Diagnostic]:
        for path in matrix:
            known = {"action", "now", *self._schema.contexts} if "." not in path else self._schema.attributes
            if path not in known and not path.startswith(tuple(f"{each}." for each in self._schema.attributes)):
                yield self._undeclared(document, (*place, path), path, known)

    def _undeclared(self, document: Document, place: Path, name: str, known: Any) -> Diagnostic:
        near = self._suggestions.nearest(name, known)
        span = document.key_span(place)
        # The key of a nested attribute is its last name; a repair has to be one too.
        if near is not None and span.text != name:
            near = near.rpartition(".")[2] if near.rpartition(".")[0] == name.rpartition(".")[0] else None
        return mistakes.undeclared_attribute(span, name, near)

    def _expected(self, document: Document, place: Path, shape: CaseShape) -> Iterator[Diagnostic]:
        expect = shape.expect
        if expect.rule is not None and expect.rule not in self._effects:
            span = document.span((*place, "rule"))
            near = self._suggestions.nearest(expect.rule, self._effects)
            advice = None
            if expect.rule in self._shadows:
                near, advice = None, f"it is a shadow rule: expect `shadows: [{expect.rule}]`"
            yield mistakes.unknown_rule(span, expect.rule, "rule or limit", near, advice)
        elif expect.rule is not None and "effect" in expect.model_fields_set:
            effect = self._effects[expect.rule]
            if effect != expect.effect:
                span = document.span((*place, "rule"))
                yield mistakes.rule_of_other_effect(span, expect.rule, effect, expect.effect)
        for position, name in enumerate(expect.shadows):
            if name not in self._shadows:
                span = document.span((*place, "shadows", position))
                near = self._suggestions.nearest(name, self._shadows)
                yield mistakes.unknown_rule(span, name, "shadow rule", near)
