"""`durwan audit prove PATH SEQ`: a proof that a record is in a log, to be checked by whoever has the public key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from durwan.audit.checkpoint_files import BESIDE, read_checkpoints
from durwan.audit.proofs import prove_line
from durwan.cli.audit import options
from durwan.cli.exits import GOOD, UsageError

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output

EXAMPLES = """\
  durwan audit prove audit/stream-1 5120 -o decision.tlog-proof
  durwan audit check decision.tlog-proof --key audit.pem.pub

The number of a record is what durwan audit show prints last. The proof holds the record itself, and shows nothing of
any other one.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    options.add_log(parser)
    parser.add_argument("seq", type=int, metavar="SEQ", help="the number of the record")
    options.add_checkpoints(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Writes the proof by the last checkpoint that there is."""
    stream, seq = options.one_stream(arguments.path), arguments.seq
    if seq < 0:
        raise UsageError("records are numbered from 0")
    beside = stream / BESIDE
    known = options.checkpoints_of(arguments) or (read_checkpoints(beside) if beside.exists() else [])
    checkpoint = max((each for each in known if each.size > seq), key=lambda each: each.size, default=None)
    if checkpoint is None:
        raise UsageError(
            f"no checkpoint vouches for record {seq} yet: there is one when the log is closed, or by the time"
        )
    proof = prove_line(stream, seq, checkpoint)
    if output.is_json:
        output.write_json({"seq": seq, "origin": checkpoint.origin, "size": checkpoint.size, "proof": proof}, None)
    else:
        output.write(proof)
    return GOOD
