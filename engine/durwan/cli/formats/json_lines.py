"""JSON objects, one a line and each with its `kind`: what is judged is told as soon as that is done.

The first line is of the kind `run`, the last one `summary`; in between stand judgements, each of its own kind such as
`case`, and lines of the kinds `diagnostic` and `complaint`. Every field is that of the JSON document.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from durwan.diagnostics.json_form import diagnostic_form

if TYPE_CHECKING:
    from durwan.cli.judgements import Findings, Judgement
    from durwan.cli.output import Output


def write_early(output: Output, judgement: Judgement, root: str) -> None:
    """Writes a judgement now; `render` leaves it out then."""
    if output.told_early == 0:
        output.write(_run(output))
    output.write(_judged(judgement, root))
    output.told_early += 1
    output.flush()


def render(findings: Findings, output: Output) -> Iterator[str]:
    """What was not told before, and the summary."""
    if output.told_early == 0:
        yield _run(output)
    for judgement in findings.judgements[output.told_early :]:
        yield _judged(judgement, findings.root)
    for item in findings.diagnostics:
        yield _line("diagnostic", diagnostic_form(item, root=findings.root))
    for complaint in findings.complaints:
        yield _line("complaint", {"message": complaint})
    counts = {"compiled": findings.compiled, **findings.tally(), **findings.totals()}
    yield _line("summary", {"revision": findings.revision, "exit_code": findings.code, **counts})


def _run(output: Output) -> str:
    return _line("run", {"version": 1, "command": output.command})


def _judged(judgement: Judgement, root: str) -> str:
    return _line(judgement.kind, judgement.form(root))


def _line(kind: str, fields: Mapping[str, Any]) -> str:
    return json.dumps({"kind": kind, **fields}, allow_nan=False) + "\n"
