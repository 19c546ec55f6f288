"""Suggested test cases in the command `test`: as a test file, or as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from durwan.cli.coverage_output import target_form
from durwan.cli.exits import GOOD, UNDECIDED, UsageError
from durwan.cli.proof_output import add_deadline, deadline_of
from durwan.cli.reading import clock_of, root_of
from durwan.workshop.instants import midweek

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output
    from durwan.workshop.coverage.target import Coverage
    from durwan.workshop.suggesting import Suggestions
    from durwan.workshop.verification import Verification

_DEADLINE: Final = 20.0


def add_suggest(parser: argparse.ArgumentParser) -> None:
    """Whether to suggest cases instead of telling how the cases went."""
    help_ = "write the cases that are missing for full coverage as a test file, for you to complete"
    parser.add_argument("--suggest", action="store_true", help=help_)
    add_deadline(parser, _DEADLINE, "missing case")


def write_suggestions(arguments: argparse.Namespace, output: Output, found: Verification, coverage: Coverage) -> int:
    """Writes the suggested cases; undecided where it is not known whether something can be reached.

    Raises:
        UsageError: another format was asked for.
    """
    if output.format not in {"pretty", "json"}:
        raise UsageError("--suggest writes a test file, or a document with -f json")
    deadline, root = deadline_of(arguments), root_of(arguments)
    near = midweek() if arguments.now is None else clock_of(arguments)()
    # With the solver, which takes a while to load.
    from durwan.workshop.suggesting import suggest  # noqa: PLC0415
    from durwan.workshop.suggesting.writing import suggested_file  # noqa: PLC0415

    with output.progress_bar("looking for requests", len(coverage.missing)) as bar:
        suggestions = suggest(found.compilation, coverage, found.suite, deadline, near=near, settled=bar.advance)
    if output.is_json:
        output.write_json(_form(suggestions, root), found.compilation.revision)
    else:
        output.write(suggested_file(suggestions, root))
    return UNDECIDED if suggestions.undecided else GOOD


def _form(suggestions: Suggestions, root: str) -> dict[str, Any]:
    from durwan.workshop.suggesting.writing import case_fields, case_name  # noqa: PLC0415 - with the solver

    return {
        "now": suggestions.now,
        "cases": [
            {
                "name": case_name(each.targets[0]),
                **case_fields(each, suggestions.now),
                "complete": each.request,
                "shows": [target_form(target, root) for target in each.targets],
            }
            for each in suggestions.cases
        ],
        "unreachable": [target_form(target, root) for target in suggestions.unreachable],
        "undecided": [target_form(target, root) | {"because": because} for target, because in suggestions.undecided],
    }
