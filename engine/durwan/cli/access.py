"""`policy-check access [PATH]`: who can do what, and under which conditions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durwan.cli import arguments as options
from durwan.cli.action_patterns import matching_actions
from durwan.cli.assumptions import read_assumptions
from durwan.cli.exits import GOOD, UsageError
from durwan.cli.findings import write_broken, write_mistakes
from durwan.cli.given_keys import given_keys
from durwan.cli.reading import compile_set, root_of
from durwan.program.wording import worded_remedy
from durwan.workshop.access import Assumptions, Cell, Row, access_of, lets_named
from durwan.workshop.access_drawing import draw_grid, draw_lets, draw_row
from durwan.workshop.key_classes import each_by_itself, key_classes

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Mapping, Sequence

    from durwan.cli.output import Output

EXAMPLES = """\
  policy-check access policies/
  policy-check access policies/ --by key --action 'orders.*'
  policy-check access policies/ --keys keys.json --fix gateway.environment=production -f json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    options.add_policy_set(parser)
    options.add_cache(parser)
    help_ = "the keys of this file instead of those of the policy set; may be given again"
    parser.add_argument("--keys", action="append", metavar="FILE", help=help_)
    help_ = "a line for each key, or one for all that no rule tells apart (default: class)"
    parser.add_argument("--by", choices=["class", "key"], default="class", help=help_)
    help_ = "only these actions: orders.create, orders.* or *; may be given again"
    parser.add_argument("--action", action="append", metavar="PATTERN", help=help_)
    help_ = "what every request says, such as gateway.environment=production; may be given again"
    parser.add_argument("--fix", action="append", metavar="ATTRIBUTE=VALUE", help=help_)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Writes the matrix; the exit code is good whatever it shows."""
    compilation = compile_set(arguments)
    root = root_of(arguments)
    if compilation.program is None:
        return write_broken(output, compilation, root)
    program = compilation.program
    actions = matching_actions(arguments.action or ["*"], program)
    assumed = read_assumptions(arguments.fix or (), program.schema)
    keys, mistakes = given_keys(arguments.keys, compilation.keys, program.schema)
    if mistakes:
        return write_mistakes(output, mistakes)
    if not keys:
        raise UsageError("there is no key: put some into the set's key files, or name a file with --keys")
    classes = key_classes(program, keys) if arguments.by == "class" else each_by_itself(keys)
    output.progress(f"{len(keys)} keys in {len(classes)} classes")
    rows = access_of(program, classes, actions, assumed)
    lets = lets_named(rows, program)
    if output.is_json:
        output.write_json(_form(rows, lets, actions, assumed), compilation.revision)
    else:
        output.write("\n".join(_drawn(rows, lets, output)) + "\n")
    return GOOD


def _drawn(rows: Sequence[Row], lets: Mapping[str, str], output: Output) -> Iterable[str]:
    style = output.style
    yield from draw_grid(rows, style)
    yield ""
    yield "yes: whatever else the request says   if: under conditions   -: refused   (limits are not counted in)"
    for row in rows if not output.quiet else ():
        yield ""
        yield from draw_row(row, style)
    if lets and not output.quiet:
        yield ""
        yield style.paint("where", "bold")
        yield from draw_lets(lets, style)


# ------------------------------------------------------------------------------------------------------------- JSON


def _form(rows: Sequence[Row], lets: Mapping[str, str], actions: Sequence[str], assumed: Assumptions) -> dict[str, Any]:
    return {
        "assumptions": {context: dict(names) for context, names in assumed.by_context.items()},
        "actions": list(actions),
        "rows": [_row_form(row) for row in rows],
        "lets": dict(lets),
    }


def _row_form(row: Row) -> dict[str, Any]:
    return {
        "name": row.keys.name,
        "keys": list(row.keys.ids),
        "scopes": list(row.keys.scopes),
        "differing": sorted(row.keys.kept),
        "common": [each.text for each in row.common],
        "cells": {action: _cell_form(cell) for action, cell in row.cells.items()},
    }


def _cell_form(cell: Cell) -> dict[str, Any]:
    return {
        "verdict": cell.verdict,
        "refused_by": list(cell.refused_by),
        "conditions": [{"text": each.text, "rules": list(each.rules)} for each in cell.conditions],
        "challenges": [
            {
                "rule": each.rule,
                "require": worded_remedy(each.remedy),
                "remedy": each.remedy.as_dict(),
                "unless": each.condition.text,
            }
            for each in cell.demands
        ],
    }
