"""`durwan audit check PROOF`: what a proof shows, without the log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from durwan.audit.proofs import ProofError, check_proof
from durwan.cli.audit import options
from durwan.cli.exits import FINDINGS, GOOD, UsageError
from durwan.diagnostics.terminal import visible

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output

EXAMPLES = """\
  durwan audit check decision.tlog-proof --key audit.pem.pub
"""

_MOST_BYTES = 1 << 26


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("proof", metavar="PROOF", help="the file that durwan audit prove wrote")
    options.add_keys(parser, required=True)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Writes the record that is proved; 1 where nothing is."""
    path = Path(arguments.proof)
    with path.open("rb") as file:
        content = file.read(_MOST_BYTES)
    try:
        proved = check_proof(content.decode(), options.keys_of(arguments))
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no text") from None
    except ProofError as error:
        if output.is_json:
            output.write_json({"good": False, "problem": str(error)}, None)
        else:
            output.write(f"{output.style.paint('not proved', 'bad')}  {visible(str(error))}\n")
        return FINDINGS
    origin, size = proved.checkpoint.origin, proved.checkpoint.size
    if output.is_json:
        fields = {"good": True, "seq": proved.seq, "origin": origin, "size": size, "record": proved.record}
        output.write_json(fields, None)
    else:
        text = json.dumps(proved.record, indent=2, sort_keys=True)
        output.write(
            f"{output.style.paint('proved', 'good')}  record {proved.seq} of {visible(origin)}, of {size} lines\n"
        )
        output.write(f"{text}\n")
    return GOOD
