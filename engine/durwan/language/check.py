"""Modules to a program: the stages of the checker, in their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from durwan.diagnostics import Diagnostic
from durwan.language.checker import Checker
from durwan.language.lets import Lets
from durwan.language.lists import ListReader
from durwan.language.lowering import Lowering
from durwan.language.mistakes import rules as mistakes
from durwan.language.prelude import prelude
from durwan.language.resolver import Resolver
from durwan.language.syntax import Module, RuleDeclaration
from durwan.language.vocabulary import Vocabulary
from durwan.language.windows import WindowMaker
from durwan.model.schema import Schema
from durwan.program.program import Program

if TYPE_CHECKING:
    # The manifest is read with pydantic, which is slow to import; checking needs only its shape.
    from durwan.language.manifest import Manifest


def check(
    modules: Sequence[Module], files: Mapping[str, bytes], manifest: Manifest
) -> tuple[Program | None, list[Diagnostic]]:
    """The program that the modules of a policy set mean, and every mistake in them, in source order.

    `files` are all files of the set, of which lists and calendars are read. The program is None if and only if there
    is an error among the diagnostics. Mistakes of the text itself are the parser's; a module that has some is checked
    as far as it could be read, and then the program does not stand for the whole text.
    """
    report: list[Diagnostic] = []
    # The path decides which rule is named as the reason, never whether a request is allowed.
    modules = sorted(modules, key=lambda module: _bytes(module.source.path))
    windows = WindowMaker(manifest.calendars, files, report)
    vocabulary = _resolve(modules, files, manifest, windows, report)
    checker = Checker(vocabulary, report)
    # Lets before rules: a rule that uses a wrong let is not wrong itself.
    lets = Lets(vocabulary, checker, report, nesting=manifest.limits.nesting)
    lets.check()
    lowering = Lowering(vocabulary, checker, lets, report)
    lowering.lower(modules)
    _count_rules(modules, manifest, report)
    report.sort(key=_source_order)
    if any(item.severity == "error" for item in report):
        return None, report
    return _assemble(manifest.name, vocabulary, checker, lowering, windows), report


def _resolve(
    modules: Sequence[Module],
    files: Mapping[str, bytes],
    manifest: Manifest,
    windows: WindowMaker,
    report: list[Diagnostic],
) -> Vocabulary:
    vocabulary = Vocabulary()
    lists = ListReader(
        files,
        most_entries=manifest.limits.list_entries,
        longest=manifest.limits.string_bytes,
        suggestions=vocabulary.suggestions,
        report=report,
    )
    return Resolver(vocabulary, lists, windows, report).resolve(prelude(), modules)


def _count_rules(modules: Sequence[Module], manifest: Manifest, report: list[Diagnostic]) -> None:
    rules = [each for module in modules for each in module.declarations if isinstance(each, RuleDeclaration)]
    most = manifest.limits.rules
    if len(rules) > most:
        report.append(mistakes.too_many_rules(rules[most].name, len(rules), most))


def _source_order(item: Diagnostic) -> tuple[bytes, int, int, str]:
    path, start, end, code = item.order
    return _bytes(path), start, end, code


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogatepass")


def _assemble(name: str, vocabulary: Vocabulary, checker: Checker, lowering: Lowering, windows: WindowMaker) -> Program:
    """The program, of parts that are all known to be right."""
    return Program(
        name=name,
        schema=Schema(
            actions=frozenset(vocabulary.actions),
            scopes=vocabulary.includes,
            attributes={path: each.type for path, each in vocabulary.attributes.items() if each.type is not None},
        ),
        rules=tuple(lowering.rules),
        limits=tuple(lowering.limits),
        invariants=tuple(lowering.invariants),
        lets={let: found.node for let, found in checker.lets.items() if found is not None},
        networks={key: each.ranges for key, each in vocabulary.networks.items() if each.ranges is not None},
        sets={key: each.members for key, each in vocabulary.sets.items() if each.members is not None},
        windows={key: each.window for key, each in vocabulary.windows.items() if each.window is not None},
        environment=windows.environment,
    )
