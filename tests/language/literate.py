"""Literate cases: prose with policies, and what is to be said about them.

A case is a section of a Markdown file (`## …` or `### …`) with at least one block. Blocks:

* ```` ```policy ```` — the policy, as `case.policy`; a second word gives it another path;
* ```` ```text lists/tor.txt ````, ```` ```yaml policy.yaml ```` — any other file of the set;
* ```` ```errors ```` — exactly the errors that are found;
* ```` ```warnings ```` — exactly the warnings that lint gives, of a set without errors;
* ```` ```decisions ```` — a request in JSON and what is decided on it, one a line:
  `{"action": "orders.create"} -> deny closed 403 closed`; a rule of `-` is a default deny.

A set with neither errors nor warnings given has to be without errors. A diagnostic is written as its code and the text
that is underlined, and below, indented, its message, its help and its notes:

    P0201 risk.scor
      unknown attribute `risk.scor`
      help: did you mean `risk.score`?
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from durwan.diagnostics import Diagnostic, Source
from durwan.language.check import check
from durwan.language.lint import apply_suppressions, lint
from durwan.language.manifest import read_manifest
from durwan.language.parser import decode, parse
from durwan.language.policy_set import read_mapping
from durwan.language.syntax import Module
from durwan.program.program import Program

# What "the past" is measured from: 2030-01-01T00:00:00Z.
NOW = 1_893_456_000_000

_HEADING = re.compile(r"#+ (.*)")
_FENCE = re.compile(r"```([a-z]*)(?: (\S+))?\s*")


@dataclass(slots=True)
class Case:
    """One section: the files of a policy set, and the blocks that say what is expected, each with its line."""

    title: str
    line: int
    files: dict[str, str] = field(default_factory=dict[str, str])
    expected: dict[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Checked:
    """What became of a policy set."""

    program: Program | None
    errors: list[Diagnostic]
    warnings: list[Diagnostic]


def check_files(files: Mapping[str, str], observed: Iterable[str] | None = None) -> Checked:
    """Parse, check and lint a policy set; with `observed`, attributes that no test leaves unknown are told of."""
    policy_set = read_mapping(files)
    manifest, errors = read_manifest(policy_set)
    modules: list[Module] = []
    for path, content in policy_set.files.items():
        if path.endswith(".policy"):
            source, mistakes = decode(path, content, manifest.limits)
            errors.extend(mistakes)
            if source is not None:
                module, mistakes = parse(source, manifest.limits)
                modules.append(module)
                errors.extend(mistakes)
    program, mistakes = check(modules, policy_set.files, manifest)
    errors.extend(mistakes)
    errors.sort(key=lambda item: item.order)
    if program is None or errors:
        return Checked(None, errors, [])
    unknown = None if observed is None else frozenset(observed)
    found = lint(modules, policy_set.files, program, now=NOW, unknown_in_tests=unknown)
    lists = [Source(path, text) for path, text in files.items() if path.endswith(".txt")]
    return Checked(program, [], apply_suppressions([*(module.source for module in modules), *lists], found))


def render(diagnostics: Iterable[Diagnostic]) -> str:
    """Diagnostics in the form in which cases write them."""
    lines: list[str] = []
    for item in diagnostics:
        lines.append(f"{item.code} {' '.join(item.span.text.split())}")
        lines.append(f"  {item.message}")
        if item.help is not None:
            lines.append(f"  help: {item.help}")
        lines.extend(f"  note: {note.message}: {' '.join(note.span.text.split())}" for note in item.notes)
    return "\n".join(lines)


def read_cases(path: Path) -> Iterator[Case]:
    """The cases of a Markdown file."""
    case, block, fence = Case("", 1), [""], None
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if fence is not None:
            if line.startswith("```"):
                _add(case, *fence, "\n".join(block) + "\n")
                fence = None
            else:
                block.append(line)
        elif match := _FENCE.fullmatch(line):
            fence, block = (match[1], match[2]), []
        elif match := _HEADING.fullmatch(line):
            if case.files:
                yield case
            case = Case(match[1], number)
    if case.files:
        yield case


def _add(case: Case, kind: str, path: str | None, text: str) -> None:
    if kind == "policy":
        case.files[path or "case.policy"] = text
    elif kind in {"text", "yaml"} and path is not None:
        case.files[path] = text
    elif kind in {"errors", "warnings", "decisions"}:
        case.expected[kind] = text.rstrip("\n")


def decisions_of(text: str) -> Iterator[tuple[dict[str, Any], str]]:
    """The requests of a block of decisions, each with what is expected."""
    for line in text.split("\n"):
        request, _, expected = line.rpartition(" -> ")
        if expected:
            yield json.loads(request), expected
