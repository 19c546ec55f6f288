"""`durwan audit export PATH --to FILE`: the decisions in a log as a table, to be looked through or replayed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from durwan.audit.export import export_decisions
from durwan.cli.audit import options
from durwan.cli.exits import GOOD
from durwan.cli.findings import counted
from durwan.diagnostics.terminal import visible

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output

EXAMPLES = """\
  durwan audit export audit --to decisions.parquet
  durwan audit export audit --to denied.jsonl --effect deny --since 7d

Each decision has the request as it was decided, `action`, `now` and `contexts`, and what was decided, `effect`, `rule`,
`code`, `status` and `revision`. In Parquet, `contexts` is a JSON text.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    options.add_log(parser)
    help_ = "the file; .parquet or .jsonl says in which form"
    parser.add_argument("--to", required=True, metavar="FILE", help=help_)
    options.add_filters(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Writes the table, and says how many decisions are in it."""
    damaged: list[str] = []
    with output.progress_bar("exporting") as bar:
        count = export_decisions(options.decisions_of(arguments, damaged), Path(arguments.to), bar.advance)
    if output.is_json:
        output.write_json({"file": arguments.to, "decisions": count, "damaged": damaged}, None)
    else:
        output.write(f"{visible(arguments.to)}: {counted(count, 'decision')}\n")
    for problem in damaged:
        sys.stderr.write(f"durwan: {visible(problem)}\n")
    return GOOD
