"""`durwan audit verify PATH`: whether a log is as it was written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from durwan.audit.reading import size_of, streams_in
from durwan.audit.verification import Verified, Verifier
from durwan.cli.audit import options
from durwan.cli.exits import FINDINGS, GOOD
from durwan.cli.findings import counted
from durwan.diagnostics.terminal import visible

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from durwan.audit.note import Checkpoint
    from durwan.cli.output import Output

EXAMPLES = """\
  durwan audit verify /var/log/durwan
  durwan audit verify audit --checkpoints kept-elsewhere.txt --key audit.pem.pub
  durwan audit verify audit/stream-2 --begins-at 1200345      older segments were archived

Each line is held to its own hash and to the line before it. That shows every edit by somebody who did not write all
lines after it anew. Who did is shown by checkpoints, if they were kept where he could not change them (--checkpoints),
or are signed with a key that he does not have (--key). Nothing vouches for lines after the last checkpoint.

The exit code is 1 if a line is wrong or missing; the first one is named.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    options.add_log(parser)
    options.add_checkpoints(parser)
    options.add_keys(parser)
    help_ = "the number of the first line that there has to be (default: 0)"
    parser.add_argument("--begins-at", type=int, default=0, metavar="SEQ", help=help_)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Verifies every stream, and says what is wrong with it first."""
    streams = streams_in(Path(arguments.path))
    checkpoints, keys = options.checkpoints_of(arguments), options.keys_of(arguments)
    found: list[Verified] = []
    for stream in streams:
        with output.progress_bar(f"verifying {stream.name}", size_of(stream)) as bar:
            verifier = Verifier(
                stream, checkpoints=checkpoints, keys=keys, begins_at=arguments.begins_at, advance=bar.advance
            )
            found.append(verifier.verify())
    missing = _missing(checkpoints, found, alone=streams == [Path(arguments.path)])
    _write(output, found, missing, signed=bool(keys))
    return FINDINGS if missing or any(each.finding for each in found) else GOOD


def _missing(checkpoints: Sequence[Checkpoint], found: Sequence[Verified], *, alone: bool) -> list[str]:
    """The logs that checkpoints vouch for and that are not there at all; of one stream alone, others may be."""
    known = {each.origin for each in checkpoints}
    there = {each.origin for each in found}
    return [] if alone and known & there else sorted(known - there)


def _write(output: Output, found: Sequence[Verified], missing: Sequence[str], *, signed: bool) -> None:
    if output.is_json:
        streams = [_form(each) for each in found]
        good = not missing and not any(each.finding for each in found)
        output.write_json({"good": good, "streams": streams, "missing": list(missing)}, None)
        return
    for each in found:
        output.write("".join(f"{line}\n" for line in _lines(output, each, signed=signed)))
    for origin in missing:
        output.write(
            f"{output.style.paint('missing', 'bad')}  the log {visible(origin)}, of which there is a checkpoint\n"
        )


def _lines(output: Output, found: Verified, *, signed: bool) -> list[str]:
    paint = output.style.paint
    lines = [f"{found.stream.name}  {visible(found.origin)}"]
    if found.finding is not None:
        finding = found.finding
        where = f", {visible(finding.file)}:{finding.line}" if finding.file else ""
        lines.append(f"  {paint('changed', 'bad')}  line {finding.seq}{where}: {visible(finding.problem)}")
        lines.append(f"  before it, {counted(found.lines, 'line')} can be read")
    else:
        lines.append(
            f"  {paint('whole', 'good')}  {counted(found.lines, 'line')}, {counted(found.decisions, 'decision')}"
        )
    kind = "signed checkpoint" if signed else "checkpoint"
    behind = found.lines - found.vouched
    if found.vouched:
        lines.append(
            f"  {counted(found.checkpoints, kind)}, the last one of {found.vouched} lines; {behind} are behind it"
        )
    else:
        lines.append(f"  no {kind} vouches for any line of it")
    if not signed:
        lines.append("  signatures of checkpoints were not looked at: --key FILE")
    if found.cuts:
        lines.append(f"  an end that was not whole was cut off: see {_listed(found.cuts)}")
    if found.lost:
        lines.append(f"  {counted(found.lost, 'record')} could not be written and are not in it")
    return [*lines, *(f"  {visible(note)}" for note in found.notes)]


def _listed(places: Sequence[int]) -> str:
    more = f" and {len(places) - 5} more" if len(places) > 5 else ""
    return f"line {', '.join(map(str, places[:5]))}{more}"


def _form(found: Verified) -> dict[str, Any]:
    finding = found.finding
    return {
        "stream": str(found.stream),
        "origin": found.origin,
        "lines": found.lines,
        "decisions": found.decisions,
        "root": found.root.hex(),
        "checkpoints": found.checkpoints,
        "vouched": found.vouched,
        "cuts": found.cuts,
        "lost": found.lost,
        "notes": found.notes,
        "finding": None
        if finding is None
        else {"seq": finding.seq, "file": finding.file, "line": finding.line, "problem": finding.problem},
    }
