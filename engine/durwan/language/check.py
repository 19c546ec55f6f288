"""Modules to a program: the stages of the checker, in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from durwan.diagnostics import Diagnostic
from durwan.language.checker import Checker
from durwan.language.known_file import KnownFile
from durwan.language.lets import Lets
from durwan.language.lists import ListReader
from durwan.language.lowering import Lowering
from durwan.language.mistakes import rules as mistakes
from durwan.language.part import Part, Place
from durwan.language.prelude import prelude
from durwan.language.resolver import Resolver
from durwan.language.syntax import Module, RuleDeclaration
from durwan.language.view import View
from durwan.language.vocabulary import Vocabulary
from durwan.language.windows import WindowMaker
from durwan.model.calendar import Calendar, exchange_calendar
from durwan.model.schema import Schema
from durwan.program.program import Program

if TYPE_CHECKING:
    # The manifest is read with pydantic, which is slow to import; checking needs only its shape.
    from durwan.language.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Checked:
    """What the files of a policy set mean, and every mistake in them, in source order.

    The program is None if and only if there is an error among the diagnostics; it is made of the `parts`, one for each
    file.
    """

    program: Program | None
    diagnostics: list[Diagnostic]
    parts: tuple[Part, ...]


def check(
    modules: Sequence[Module], files: Mapping[str, bytes], manifest: Manifest
) -> tuple[Program | None, list[Diagnostic]]:
    """The program that the modules of a policy set mean, and every mistake in them: see `check_files`."""
    checked = check_files([KnownFile(module=module) for module in modules], files, manifest)
    return checked.program, checked.diagnostics


def check_files(
    known: Sequence[KnownFile],
    files: Mapping[str, bytes],
    manifest: Manifest,
    exchange_calendar: Callable[[str], Calendar] = exchange_calendar,
) -> Checked:
    """Checks the policy files of a set, of which something may be known already.

    `files` are all files of the set, of which lists and calendars are read. Mistakes of the text itself are the
    parser's; a file that has some is checked as far as it could be read, and then the program does not stand for the
    whole text.
    """
    report: list[Diagnostic] = []
    # The path decides which rule is named as the reason, never whether a request is allowed.
    known = sorted(known, key=lambda file: _bytes(file.module.source.path))
    windows = WindowMaker(manifest.calendars, files, report, exchange_calendar)
    vocabulary = _resolve(known, files, manifest, windows, report)
    checker = Checker(vocabulary, report)
    # Lets before rules: a rule that uses a wrong let is not wrong itself.
    lets = Lets(vocabulary, checker, report, nesting=manifest.limits.nesting)
    lets.check()
    lowering = Lowering(vocabulary, checker, lets, report)
    parts = _lower(known, lowering, View(vocabulary, checker, lets), report)
    _count_rules(known, manifest, report)
    report.sort(key=_source_order)
    program = None
    if not any(item.severity == "error" for item in report):
        program = _assemble(manifest.name, vocabulary, checker, parts, windows)
    return Checked(program, report, parts)


def _resolve(
    known: Sequence[KnownFile],
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
    return Resolver(vocabulary, lists, windows, report).resolve(prelude(), known)


def _lower(known: Sequence[KnownFile], lowering: Lowering, view: View, report: list[Diagnostic]) -> tuple[Part, ...]:
    """The parts of the program, each taken over if its file and all that the names in it stand for are as they were."""
    parts: list[Part] = []
    place = Place()
    for file in known:
        seen = view.of(file.names)
        part = file.part_at(place, seen)
        if part is None:
            before = len(report)
            part = lowering.lower(file.module, place)
            # What has mistakes is made anew each time, so that they are told each time.
            if view.is_complete and len(report) == before:
                file.keep(part, seen)
        parts.append(part)
        place = part.end
    return tuple(parts)


def _count_rules(known: Sequence[KnownFile], manifest: Manifest, report: list[Diagnostic]) -> None:
    count, most = sum(file.declared.rule_count for file in known), manifest.limits.rules
    if count > most:
        rules = (each for file in known for each in file.module.declarations if isinstance(each, RuleDeclaration))
        report.append(mistakes.too_many_rules(next(islice(rules, most, None)).name, count, most))


def _source_order(item: Diagnostic) -> tuple[bytes, int, int, str]:
    path, start, end, code = item.order
    return _bytes(path), start, end, code


def _bytes(path: str) -> bytes:
    return path.encode("utf-8", "surrogatepass")


def _assemble(
    name: str, vocabulary: Vocabulary, checker: Checker, parts: Sequence[Part], windows: WindowMaker
) -> Program:
    """The program, of parts that are all known to be right."""
    return Program(
        name=name,
        schema=Schema(
            actions=frozenset(vocabulary.actions),
            scopes=vocabulary.includes,
            attributes={path: each.type for path, each in vocabulary.attributes.items() if each.type is not None},
        ),
        rules=tuple(each for part in parts for each in part.rules),
        limits=tuple(each for part in parts for each in part.limits),
        invariants=tuple(each for part in parts for each in part.invariants),
        lets={let: found.node for let, found in checker.lets.items() if found is not None},
        networks={key: each.ranges for key, each in vocabulary.networks.items() if each.ranges is not None},
        sets={key: each.members for key, each in vocabulary.sets.items() if each.members is not None},
        windows={key: each.window for key, each in vocabulary.windows.items() if each.window is not None},
        environment=windows.environment,
    )
