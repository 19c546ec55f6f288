"""`policy-check diff OLD NEW`: what two policy sets decide differently, for all requests."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, Final

from durwan.cli import arguments as options
from durwan.cli.difference_output import comparison_fields, draw_comparison, markdown
from durwan.cli.exits import FINDINGS, GOOD, UNDECIDED
from durwan.cli.proof_output import add_deadline, deadline_of
from durwan.cli.reading import clock_of
from durwan.cli.sides import SIDE, keys_of, read_side
from durwan.workshop.differences import DEADLINE, Comparison
from durwan.workshop.instants import midweek

if TYPE_CHECKING:
    from durwan.cli.output import Output
    from durwan.runtime.policy import Compiled

FORMATS: Final = (*options.PLAIN_FORMATS, "markdown")
EXAMPLES = """\
  policy-check diff origin/main policies/             a revision, and the files as they are now
  policy-check diff origin/main                       the same, in the current directory
  policy-check diff v1.4.0 v1.5.0 --path policies/    two revisions of one directory
  policy-check diff live.bundle policies/ --fail-on allow
  policy-check diff origin/main policies/ -f markdown -o difference.md
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("old", metavar="OLD", help=f"before: {SIDE}")
    parser.add_argument("new", metavar="NEW", nargs="?", help="after, likewise (default: the files at --path)")
    parser.add_argument("--path", default=".", metavar="DIR", help="the policy set of a revision (default: .)")
    options.add_cache(parser)
    help_ = "exit with 1 where something is newly allowed, or where anything is decided differently"
    parser.add_argument("--fail-on", choices=["allow", "any"], help=help_)
    add_deadline(parser, DEADLINE, "action")
    options.add_clock(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Compares the two, writes the differences, and returns the exit code."""
    deadline = deadline_of(arguments)
    near = midweek() if arguments.now is None else clock_of(arguments)()
    began = time.perf_counter()
    read: list[Compiled] = []
    for side in (arguments.old, arguments.new or arguments.path):
        found = read_side(arguments, output, side)
        if isinstance(found, int):
            return found
        read.append(found)
    old, new = read
    # The solver takes a while to load: not before it is known that there is something to compare.
    from durwan.workshop.difference import compare  # noqa: PLC0415

    with output.progress_bar("comparing") as bar:

        def settled(done: int, total: int) -> None:
            bar.total, bar.done = total, done

        comparison = compare(
            old.program, new.program, deadline, keys=(keys_of(old), keys_of(new)), near=near, settled=settled
        )
    if output.is_json:
        output.write_json(comparison_fields(comparison, old.revision), new.revision)
    elif output.format == "markdown":
        output.write(markdown(comparison, arguments.old, arguments.new or arguments.path))
    else:
        output.write(draw_comparison(comparison, output, time.perf_counter() - began))
    return _code(arguments, comparison)


def _code(arguments: argparse.Namespace, comparison: Comparison) -> int:
    kinds = {each.kind for each in comparison.differences}
    if (arguments.fail_on == "allow" and "allowed" in kinds) or (arguments.fail_on == "any" and kinds):
        return FINDINGS
    return UNDECIDED if comparison.undecided else GOOD
