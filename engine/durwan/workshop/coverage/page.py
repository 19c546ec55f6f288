"""Coverage as a page: the text of the policies, shaded by what tests have shown of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from durwan.diagnostics import Source
from durwan.workshop.coverage.target import Coverage, Figure, Target, figure_of
from durwan.workshop.html_page import render_page

Shade = Literal["full", "partly", "none", "plain"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a line; `title` says what was shown of it, and by which cases."""

    text: str
    shade: Shade = "plain"
    title: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a policy, and a note for each thing that ends there and has something missing."""

    number: int
    pieces: tuple[Piece, ...]
    notes: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """One file of the policy set."""

    path: str
    figure: Figure
    lines: tuple[Line, ...]


@dataclass(slots=True)
class _Mark:
    """A stretch of the text that targets are about."""

    start: int
    end: int
    targets: list[Target]

    @property
    def shade(self) -> Shade:
        reached, total = figure_of(self.targets)
        return "full" if reached == total else "partly" if reached else "none"

    @property
    def title(self) -> str:
        return "\n".join(
            f"shown: a case {each.wanted} ({each.reached_by})" if each.reached else f"missing: a case {each.wanted}"
            for each in self.targets
        )

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(f"no case {each.wanted}" for each in self.targets if not each.reached)


def coverage_page(coverage: Coverage, sources: Iterable[Source], *, name: str, revision: str) -> str:
    """One HTML file that stands alone.

    Args:
        coverage: what was measured.
        sources: the policy files, in the order in which they are to stand there.
        name: the name of the policy set.
        revision: its revision.

    Raises:
        PagesNotInstalledError: jinja2 is not installed.
    """
    targets = coverage.by_file()
    content = {
        "name": name,
        "revision": revision,
        "figure": coverage.figure,
        "kinds": coverage.by_kind(),
        "files": [_file(source, targets.get(source.path, ())) for source in sources],
    }
    return render_page("coverage/page.html.j2", content)


def _file(source: Source, targets: Sequence[Target]) -> PolicyFile:
    marks = _marks(targets)
    count = source.position(len(source.text))[0] - source.text.endswith("\n")
    lines = tuple(_line(source, number, marks) for number in range(1, count + 1))
    return PolicyFile(source.path, figure_of(targets), lines)


def _marks(targets: Sequence[Target]) -> list[_Mark]:
    """The stretches that targets are about, in the order of the text; what lies within another belongs to it."""
    marks: list[_Mark] = []
    for target in sorted(targets, key=lambda each: (each.span.start, -each.span.end)):
        if marks and target.span.start < marks[-1].end:
            marks[-1].targets.append(target)
        else:
            marks.append(_Mark(target.span.start, target.span.end, [target]))
    return marks


def _line(source: Source, number: int, marks: Sequence[_Mark]) -> Line:
    start = source.line_start(number)
    end = start + len(source.line(number))
    here = [mark for mark in marks if mark.start < end and mark.end > start]
    notes = [(mark.targets[0].owner, mark.missing) for mark in here if mark.missing and mark.end <= end]
    return Line(number, tuple(_pieces(source.text, start, end, here)), tuple(notes))


def _pieces(text: str, start: int, end: int, marks: Iterable[_Mark]) -> Iterator[Piece]:
    for mark in marks:
        first, last = max(mark.start, start), min(mark.end, end)
        # The indentation of a condition's second line is no part of it.
        first += len(text[first:last]) - len(text[first:last].lstrip())
        if first > start:
            yield Piece(text[start:first])
        yield Piece(text[first:last], mark.shade, mark.title)
        start = last
    if start < end:
        yield Piece(text[start:end])
