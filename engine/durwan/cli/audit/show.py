"""`durwan audit show PATH`: the decisions in a log."""

from __future__ import annotations

import json
import sys
from collections import deque
from typing import TYPE_CHECKING, Any, cast

from durwan.cli.audit import options
from durwan.cli.exits import GOOD
from durwan.diagnostics.terminal import visible
from durwan.model.types import TIME_MAX, TIME_MIN
from durwan.model.values import format_instant

if TYPE_CHECKING:
    import argparse

    from durwan.audit.reading import Recorded
    from durwan.cli.output import Output

EXAMPLES = """\
  durwan audit show audit --since 1h --effect deny
  durwan audit show audit --key desk-7 --action orders.* --last 20
  durwan audit show audit --decision-id 5f0c2a9be1d04476a1b2c3d4 -f json

Nothing is verified here: durwan audit verify does that.
"""

_EFFECTS = {"allow": "good", "deny": "bad", "challenge": "warning"}


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    options.add_log(parser)
    options.add_filters(parser)
    help_ = "only so many of them, the newest (default: 100; 0 for all)"
    parser.add_argument("--last", type=int, default=100, metavar="N", help=help_)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Writes the decisions that were asked for, the oldest first."""
    damaged: list[str] = []
    found = deque(options.decisions_of(arguments, damaged), arguments.last or None)
    records = sorted(found, key=lambda each: (_time(each), each.stream, each.seq))
    if output.is_json:
        output.write_json({"decisions": [_form(each) for each in records], "damaged": damaged}, None)
    else:
        for each in records:
            output.write(_text(output, each, whole=output.verbose or arguments.decision_id is not None))
    for problem in damaged:
        sys.stderr.write(f"durwan: {visible(problem)}\n")
    return GOOD


def _time(found: Recorded) -> int:
    at = found.record.get("time")
    return at if type(at) is int else 0


def _form(found: Recorded) -> dict[str, Any]:
    return {"stream": found.stream, "seq": found.seq, **found.record}


def _text(output: Output, found: Recorded, *, whole: bool) -> str:
    record = found.record
    effect = str(record.get("effect"))
    # Padded before it is painted: colours take no room.
    painted = output.style.paint(visible(f"{effect:<9}"), _EFFECTS.get(effect, "bold"))
    who = _said(record.get("key")) or _said(record.get("subject")) or "-"
    what = [_said(record.get("action")) or "-", f"by {who}", f"from {_said(record.get('address')) or '-'}"]
    why = [_said(record.get("rule")) or "-", f"{_said(record.get('status'))} {_said(record.get('code'))}"]
    line = "  ".join(
        [_instant(record), painted, *what, *why, _said(record.get("decision_id")), f"{found.stream}:{found.seq}"]
    )
    return f"{line}\n{_details(record)}" if whole else f"{line}\n"


def _instant(record: dict[str, Any]) -> str:
    at = record.get("time")
    return format_instant(at) if type(at) is int and TIME_MIN <= at <= TIME_MAX else _said(at)


def _details(record: dict[str, Any]) -> str:
    contexts = record.get("contexts")
    pairs = [(name, record.get(name)) for name in ("method", "path", "session", "because", "unknowns", "shadows")]
    pairs += [("policy", record.get("revision"))]
    pairs += cast("dict[str, Any]", contexts).items() if isinstance(contexts, dict) else [("contexts", contexts)]
    return "".join(
        f"    {visible(str(name))}: {_said(value)}\n" for name, value in pairs if value not in (None, "", [])
    )


def _said(value: object) -> str:
    """A value of a record for people; nothing in it acts on the terminal."""
    if value is None:
        return ""
    return visible(value if isinstance(value, str) else json.dumps(value, sort_keys=True))
