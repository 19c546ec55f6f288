"""`policy-check explain [CODE]`: the page of a code, or the list of all codes.

With a request it explains that one, as `policy-check why` does: many will try it so.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

from durwan.cli.exits import GOOD, UsageError
from durwan.cli.why_options import add_options
from durwan.diagnostics.codes import CODES
from durwan.diagnostics.explanations import draw_page, find_code, list_codes, nearest_code

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output

EXAMPLES = """\
  policy-check explain P0101
  policy-check explain unknown-attribute
  policy-check explain
  policy-check explain policies/ --request request.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    help_ = "a code, or its name; without it, all are listed; with --request, the policy set, as for `why`"
    parser.add_argument("code", nargs="?", metavar="CODE", help=help_)
    add_options(parser, required=False)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Writes the page, or the list; with a request, how it is decided."""
    if arguments.request is not None:
        from durwan.cli import why  # noqa: PLC0415 - a code is explained without a compiler

        arguments.path = arguments.code or "."
        return why.run(arguments, output)
    if arguments.code is None:
        if output.is_json:
            output.write_json({"codes": [asdict(code) for code in CODES.values()]}, None)
        else:
            output.write(list_codes(output.style))
        return GOOD
    code = find_code(arguments.code)
    if code is None:
        near = nearest_code(arguments.code)
        help_ = f"did you mean {near}?" if near else "policy-check explain lists all codes"
        raise UsageError(f"there is no code {arguments.code}; {help_}")
    if output.is_json:
        output.write_json({**asdict(code), "text": code.page}, None)
    else:
        output.write(draw_page(code, output.style))
    return GOOD
