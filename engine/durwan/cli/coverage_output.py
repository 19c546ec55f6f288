"""Coverage in the commands: what they can be told about it, how it is written, what it means for the exit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from durwan.cli.exits import GOOD, UNCOVERED, UsageError
from durwan.diagnostics.terminal import located, visible
from durwan.workshop.coverage import measure, plan

if TYPE_CHECKING:
    import argparse

    from durwan.diagnostics import Span
    from durwan.diagnostics.terminal import Style
    from durwan.workshop.coverage.target import Coverage, Figure, Target
    from durwan.workshop.verification import Verification

_OF: Final = "of rules, conditions, thresholds and borders"


def add_coverage(parser: argparse.ArgumentParser) -> None:
    """Whether to measure coverage, and where to put the page."""
    parser.add_argument("--coverage", action="store_true", help="say which conditions and borders no case has shown")
    parser.add_argument("--coverage-html", metavar="FILE", help="write the policies, shaded by coverage, as a page")
    add_threshold(parser)


def add_threshold(parser: argparse.ArgumentParser) -> None:
    """How much has to be covered."""
    parser.add_argument("--threshold", metavar="PERCENT", help="less coverage than this makes the exit code 5")


def is_wanted(arguments: argparse.Namespace) -> bool:
    """Whether `test` is to measure coverage at all."""
    return arguments.coverage or arguments.coverage_html is not None or arguments.threshold is not None


def threshold_of(arguments: argparse.Namespace) -> float:
    """The percentage of `--threshold`; 0 where none is given.

    Raises:
        UsageError: it is no percentage.
    """
    if arguments.threshold is None:
        return 0.0
    text: str = arguments.threshold.removesuffix("%").strip()
    plain = text.replace(".", "", 1)
    if not (plain.isascii() and plain.isdigit() and float(text) <= 100):
        raise UsageError(
            f"--threshold {arguments.threshold} is no percentage: write a number from 0 to 100, such as 95"
        )
    return float(text)


def coverage_of(found: Verification, clock: Callable[[], int]) -> Coverage | None:
    """What the cases that were run have shown; None where the policy set does not compile."""
    compilation = found.compilation
    if compilation.program is None or found.results is None:
        return None
    cases = (result.case for result in found.results)
    return measure(plan(compilation.program, compilation.modules), cases, clock, compilation.keys.get)


def coverage_code(coverage: Coverage | None, threshold: float) -> int:
    """What coverage means for the exit of a command that has found nothing else."""
    return UNCOVERED if coverage is not None and coverage.figure.is_under(threshold) else GOOD


def coverage_line(coverage: Coverage) -> str:
    """`93.1 % of rules, conditions, thresholds and borders`."""
    return f"{coverage.figure.percent} % {_OF}"


def coverage_fields(coverage: Coverage, root: str) -> dict[str, Any]:
    """Coverage as JSON: figures of all, by kind and by file, and each target that is missing."""
    return {
        **_figure_form(coverage.figure),
        "kinds": {kind: _figure_form(figure) for kind, figure in coverage.by_kind().items()},
        "files": {located(path, root): _figure_form(figure) for path, figure in coverage.file_figures().items()},
        "missing": [target_form(target, root) for target in coverage.missing],
    }


def coverage_complaints(coverage: Coverage | None, threshold: float) -> list[str]:
    """What is to be said where less is covered than the threshold asks for."""
    if coverage is None or not coverage.figure.is_under(threshold):
        return []
    return [f"the cases cover {coverage_line(coverage)}, less than the {threshold:g} % of --threshold"]


def coverage_totals(coverage: Coverage | None) -> dict[str, Any]:
    """Coverage as one figure, for formats that sum up."""
    return {} if coverage is None else {"coverage": _figure_form(coverage.figure)}


def draw_coverage(coverage: Coverage, style: Style, root: str, *, every: bool) -> str:
    """A table by file, then what is missing, in the order of the text; with `every` all that was shown too."""
    rows = [(visible(located(path, root)), figure) for path, figure in coverage.file_figures().items()]
    width = max((len(path) for path, _ in rows), default=0)
    lines: list[str] = []
    for path, figure in [*rows, ("all", coverage.figure)]:
        role = "good" if figure.reached == figure.total else "bad"
        shown = style.paint(f"{figure.percent:5.1f} %", role)
        lines.append(f"{path:<{width}}  {shown}  {figure.reached:>5,} of {figure.total:,}")
    lines += (line for place in _listed(coverage, root, every=every) for line in place)
    return "".join(f"{line}\n" for line in lines)


def write_page(path: str, coverage: Coverage, found: Verification) -> None:
    """Writes the page of `--coverage-html`.

    Raises:
        PagesNotInstalledError: what makes pages is not installed.
        OSError: the file cannot be written.
    """
    from durwan.workshop.coverage.page import coverage_page  # noqa: PLC0415 - most runs make no page

    compilation = found.compilation
    page = coverage_page(
        coverage,
        [module.source for module in compilation.modules],
        name=compilation.manifest.name,
        revision=compilation.revision or "",
    )
    Path(path).write_text(page, encoding="utf-8")


def _listed(coverage: Coverage, root: str, *, every: bool) -> Iterator[list[str]]:
    """What belongs to one place, together: where it is and what is written there, then a line for each target."""
    places: dict[tuple[str, str, int], list[Target]] = {}
    for target in coverage.targets:
        if every or not target.reached:
            places.setdefault((target.owner, target.span.source.path, target.span.start), []).append(target)
    for targets in places.values():
        span = targets[0].span
        text = " ".join(span.text.split())
        head = targets[0].owner if targets[0].owner.endswith(f" {text}") else f"{targets[0].owner}: {text}"
        lines = [
            f"  a case {each.wanted}: {each.reached_by}" if each.reached else f"  no case {each.wanted}"
            for each in targets
        ]
        yield [visible(line) for line in (f"{_place(span, root)} {head}", *lines)]


def _place(span: Span, root: str) -> str:
    line, column = span.source.position(span.start)
    return f"{located(span.source.path, root)}:{line}:{column}"


def _figure_form(figure: Figure) -> dict[str, Any]:
    return {"reached": figure.reached, "total": figure.total, "percent": figure.percent}


def target_form(target: Target, root: str) -> dict[str, Any]:
    """A target that is missing as JSON, with its place."""
    source = target.span.source
    line, column = source.position(target.span.start)
    end_line, end_column = source.position(target.span.end)
    return {
        "kind": target.kind,
        "owner": target.owner,
        "text": " ".join(target.span.text.split()),
        "missing": f"no case {target.wanted}",
        "actions": sorted(target.goal.actions),
        "file": located(source.path, root),
        "line": line,
        "column": column,
        "end_line": end_line,
        "end_column": end_column,
    }
