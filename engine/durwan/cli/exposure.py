"""`policy-check exposure [PATH] KEY`: what a thief of a key could do with it and nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from durwan.cli import arguments as options
from durwan.cli.action_patterns import matching_actions
from durwan.cli.exits import BROKEN, FINDINGS, GOOD, UNDECIDED, UsageError
from durwan.cli.findings import write_broken, write_mistakes
from durwan.cli.given_keys import given_attributes
from durwan.cli.proof_output import add_deadline, deadline_of
from durwan.cli.reading import clock_of, compile_set, root_of
from durwan.diagnostics.terminal import visible
from durwan.language.suggestions import Suggestions
from durwan.workshop.proofs import DEADLINE

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from durwan.cli.output import Output
    from durwan.compilation import Compilation
    from durwan.program.program import Program
    from durwan.workshop.exposure import Exposure, Key

_SOME_ID: Final = "some-key"

EXAMPLES = """\
  policy-check exposure policies/ desk-7
  policy-check exposure policies/ --all --fail-on 'withdrawals.create'
  policy-check exposure policies/ --attributes planned-key.yaml -f json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    help_ = "the id of a key in the set's key files, after the directory of the policy set if that is another one"
    parser.add_argument("words", nargs="*", metavar="[PATH] KEY", help=help_)
    parser.add_argument("--ref", metavar="REV", help="read the policy set as it is at a git revision")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--all", action="store_true", help="every key of the policy set")
    help_ = "a key that is not in the set: a YAML or JSON file with the attributes that it, or its class, has"
    which.add_argument("--attributes", metavar="FILE", help=help_)
    help_ = "exit code 1 where such an action is possible: orders.create, orders.* or *; may be given again"
    parser.add_argument("--fail-on", action="append", metavar="ACTION", help=help_)
    add_deadline(parser, DEADLINE, "action")
    options.add_cache(parser)
    options.add_clock(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Writes what is possible with the key or keys, and returns the exit code."""
    arguments.path, key_id = _split(arguments)
    deadline, near = deadline_of(arguments), None if arguments.now is None else clock_of(arguments)()
    compilation = compile_set(arguments)
    program = compilation.program
    if program is None:
        return write_broken(output, compilation, root_of(arguments), {} if arguments.all else {"actions": {}})
    refused = frozenset(matching_actions(arguments.fail_on or (), program))
    keys = _keys(arguments, key_id, compilation, program, output)
    if keys is None:
        return BROKEN
    # With the solver, which takes a while to load.
    from durwan.workshop.exposure import exposures  # noqa: PLC0415

    with output.progress_bar("looking for what is possible", len(keys) * len(program.schema.actions)) as bar:
        found = exposures(program, keys, deadline, near=near, settled=lambda _: bar.advance())
    if output.is_json:
        output.write_json(_form(found, one=not arguments.all), compilation.revision)
    else:
        from durwan.cli.exposure_output import draw_exposures  # noqa: PLC0415 - likewise

        output.write(draw_exposures(found, refused, output))
    return _code(found, refused)


def _split(arguments: argparse.Namespace) -> tuple[str, str | None]:
    """The path of the policy set, and the id of the key where one is asked for by its id."""
    words: list[str] = arguments.words
    by_id = not (arguments.all or arguments.attributes)
    if len(words) > 1 + by_id or (by_id and not words):
        raise UsageError("say which key: policy-check exposure [PATH] KEY, or --all, or --attributes FILE")
    *path, key_id = words if by_id else (*words, None)
    return (path or ["."])[0] or ".", key_id


def _keys(
    arguments: argparse.Namespace, key_id: str | None, compilation: Compilation, program: Program, output: Output
) -> Sequence[Key] | None:
    """The keys that are asked about; None where their file has mistakes, which are written."""
    own = dict(compilation.keys.items())
    if arguments.attributes is not None:
        attributes, mistakes = given_attributes(arguments.attributes, program.schema)
        if mistakes:
            write_mistakes(output, mistakes)
            return None
        # Whatever its id is, a key has one.
        return [(None, {"id": _SOME_ID, **attributes})]
    if arguments.all:
        if not own:
            raise UsageError("the policy set has no keys: name a file of attributes with --attributes")
        return list(own.items())
    if key_id not in own:
        near = Suggestions().nearest(key_id or "", own)
        raise UsageError(
            f"the policy set has no key {visible(key_id or '')}" + ("" if near is None else f"; did you mean {near}?")
        )
    return [(key_id, own[key_id])]


def _form(found: Sequence[Exposure], *, one: bool) -> dict[str, Any]:
    from durwan.workshop.exposure import exposure_form  # noqa: PLC0415 - with the solver

    forms: list[dict[str, Any]] = json.loads(json.dumps([exposure_form(each) for each in found], default=list))
    return forms[0] if one else {"keys": forms}


def _code(found: Sequence[Exposure], refused: frozenset[str]) -> int:
    """A finding where a refused action is possible; undecided where anything is, as long as nobody asks for less."""
    if any(reach.action in refused for each in found for reach in each.possible):
        return FINDINGS
    return UNDECIDED if any(each.undecided for each in found) else GOOD
