"""Reading the test files of a policy set: from YAML to cases, each with one complete request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from durwan.diagnostics import Diagnostic, Span
from durwan.diagnostics.yaml_document import Document, Path, read_yaml
from durwan.language.manifest import Manifest
from durwan.language.policy_set import PolicySet
from durwan.language.suggestions import Suggestions
from durwan.workshop import mistakes
from durwan.workshop.merging import blocked_path, combination_count, combinations, label, merge, nested
from durwan.workshop.shapes import CaseShape, FileShape, read_shape

_MOST_COMBINATIONS: Final = 10_000
SHARED_FILES: Final = ("fixtures.yaml", "fixtures.yml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request and what is expected of its decision.

    `title` is the name as written; `name` has the combination of the matrix after it. `expected` has only the fields
    that are given. `skip` is the reason, where the case is not to be run.
    """

    title: str
    name: str
    span: Span
    request: Mapping[str, Any]
    expected: Mapping[str, Any]
    skip: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SuiteFile:
    """One file whose shape is right, and the cases it makes."""

    document: Document
    shape: FileShape
    cases: tuple[Case, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """All test files of a policy set, by path, and the mistakes in them; `complete` if every file could be read."""

    files: Mapping[str, SuiteFile] = field(default_factory=dict[str, SuiteFile])
    diagnostics: tuple[Diagnostic, ...] = ()
    complete: bool = True

    @property
    def cases(self) -> tuple[Case, ...]:
        """Every case, in the order of the files and in that of the text."""
        return tuple(case for file in self.files.values() for case in file.cases)


def read_suite(policy_set: PolicySet, manifest: Manifest) -> Suite:
    """Reads the YAML files below the directory that the manifest names.

    A case with mistakes is left out, and so is a file that cannot be read; the others still make cases.
    """
    diagnostics: list[Diagnostic] = []
    prefix = f"{manifest.tests.strip('/')}/"
    read: dict[str, SuiteFile | None] = {}
    for path, content in policy_set.files.items():
        if path.startswith(prefix) and path.endswith((".yaml", ".yml")):
            read[path], mistaken = _read_file(path, content, manifest)
            diagnostics += mistaken
    shared = _Fixtures.of([read[prefix + name] for name in SHARED_FILES if prefix + name in read])
    files: dict[str, SuiteFile] = {}
    for path, file in read.items():
        if file is None:
            continue
        is_shared = path.removeprefix(prefix) in SHARED_FILES
        expansion = _Expansion(file, shared if is_shared else shared.with_own(file, diagnostics))
        files[path] = SuiteFile(document=file.document, shape=file.shape, cases=tuple(expansion.cases()))
        diagnostics += expansion.diagnostics
        if not is_shared:
            diagnostics += expansion.fixtures.unused()
            if not file.shape.cases:
                diagnostics.append(mistakes.empty_suite(file.document.first_line()))
    if len(files) == len(read):
        # A file that could not be read may be the one that uses them.
        diagnostics += shared.unused()
    ordered = tuple(sorted(diagnostics, key=lambda item: item.order))
    return Suite(files=files, diagnostics=ordered, complete=len(files) == len(read))


def _read_file(path: str, content: bytes, manifest: Manifest) -> tuple[SuiteFile | None, list[Diagnostic]]:
    document, mistaken = read_yaml(path, content, most_bytes=manifest.limits.file_bytes, aliases=True)
    if document is None:
        return None, mistaken
    shape, diagnostics = read_shape(document)
    return (None if shape is None else SuiteFile(document=document, shape=shape)), [*mistaken, *diagnostics]


class _Fixtures:
    """Partial requests by name, where they are defined, and which of them are used.

    They are not `complete` where a file that defines some could not be read.
    """

    def __init__(self, above: _Fixtures | None = None, *, complete: bool = True) -> None:
        self.complete = complete
        self._above = above
        self._requests: dict[str, Mapping[str, Any]] = {}
        self.spans: dict[str, Span] = {}
        self._used: set[str] = set()

    @classmethod
    def of(cls, files: list[SuiteFile | None], above: _Fixtures | None = None) -> _Fixtures:
        """The fixtures of some files, over those of `above`; None is a file that could not be read."""
        found = cls(above, complete=None not in files and (above is None or above.complete))
        for file in (each for each in files if each is not None):
            for name, request in file.shape.fixtures.items():
                found._requests[name] = request
                found.spans[name] = file.document.key_span(("fixtures", name))
        return found

    def with_own(self, file: SuiteFile, diagnostics: list[Diagnostic]) -> _Fixtures:
        """These, shared by all files, and those that a file defines for itself."""
        own = _Fixtures.of([file], self)
        for name, span in own.spans.items():
            if name in self.spans:
                diagnostics.append(mistakes.duplicate_fixture(span, name, self.spans[name]))
                self._used.add(name)
        return own

    def use(self, name: str) -> Mapping[str, Any] | None:
        """The request of this name, if it is defined; it counts as used from now on."""
        if name in self._requests:
            self._used.add(name)
            return self._requests[name]
        return None if self._above is None else self._above.use(name)

    def names(self) -> list[str]:
        """All that can be used."""
        return [*self._requests, *(self._above.names() if self._above is not None else ())]

    def unused(self) -> list[Diagnostic]:
        """A warning for each of these, not those above, that no case has used."""
        return [mistakes.unused_fixture(span, name) for name, span in self.spans.items() if name not in self._used]


class _Expansion:
    """From the shapes of one file's cases to cases, and the mistakes found on the way."""

    def __init__(self, file: SuiteFile, fixtures: _Fixtures) -> None:
        self.fixtures = fixtures
        self.diagnostics: list[Diagnostic] = []
        self._document = file.document
        self._shape = file.shape
        self._suggestions = Suggestions()

    def cases(self) -> Iterator[Case]:
        first: dict[str, Span] = {}
        for position, shape in enumerate(self._shape.cases):
            place: Path = ("cases", position)
            span = self._document.span((*place, "name"))
            if shape.name in first:
                self.diagnostics.append(mistakes.duplicate_case(span, shape.name, first[shape.name]))
            first.setdefault(shape.name, span)
            before = len(self.diagnostics)
            request = self._request(shape, place)
            if request is not None:
                self._check_matrix(shape, place, request)
            if request is not None and len(self.diagnostics) == before:
                yield from self._written_out(shape, place, span, request)

    def _request(self, shape: CaseShape, place: Path) -> dict[str, Any] | None:
        """The request before its matrix, or None where a fixture is missing."""
        missing = False
        request: dict[str, Any] = {} if self._shape.now is None else {"now": self._shape.now}
        for position, name in enumerate(shape.fixtures):
            fixture = self.fixtures.use(name)
            if fixture is not None:
                request = merge(request, fixture)
                continue
            missing = True
            if self.fixtures.complete:
                near = self._suggestions.nearest(name, self.fixtures.names())
                span = self._document.span((*place, "with", position))
                self.diagnostics.append(mistakes.undefined_fixture(span, name, near))
                # The one that was meant is not unused as well.
                self.fixtures.use(near or name)
        return None if missing else merge(request, shape.request)

    def _check_matrix(self, shape: CaseShape, place: Path, request: Mapping[str, Any]) -> None:
        matrix = shape.matrix
        for path, values in matrix.items():
            span = self._document.key_span((*place, "matrix", path))
            above = next((other for other in matrix if path.startswith(f"{other}.")), None)
            blocked = blocked_path(request, path)
            if not all(path.split(".")):
                self.diagnostics.append(mistakes.bad_matrix_path(span, path))
            elif above is not None:
                self.diagnostics.append(mistakes.conflicting_matrix(span, path, above))
            elif blocked is not None:
                self.diagnostics.append(mistakes.blocked_matrix(span, path, blocked))
            if not values:
                self.diagnostics.append(mistakes.empty_matrix(span, path))
        count = combination_count(matrix)
        if count > _MOST_COMBINATIONS:
            span = self._document.key_span((*place, "matrix"))
            self.diagnostics.append(mistakes.too_large_matrix(span, count, _MOST_COMBINATIONS))

    def _written_out(self, shape: CaseShape, place: Path, span: Span, request: Mapping[str, Any]) -> Iterator[Case]:
        given: Any = self._document.data["cases"][place[1]]["expect"]
        expected: Mapping[str, Any] = {"effect": given} if isinstance(given, str) else given
        for choice in combinations(shape.matrix):
            varied = request
            for path, value in choice.items():
                varied = merge(varied, nested(path, value))
            yield Case(
                title=shape.name,
                name=f"{shape.name} [{label(choice)}]" if choice else shape.name,
                span=span,
                request=varied,
                expected=expected,
                skip=shape.skip,
            )
