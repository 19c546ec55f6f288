"""`policy-check eval [PATH] --request FILE`: decides requests by a policy set, or by a bundle of one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from durwan.cli import arguments as options
from durwan.cli.exits import FINDINGS, GOOD
from durwan.cli.findings import write_broken
from durwan.cli.reading import clock_of, root_of
from durwan.cli.requests import engine_at, read_file, subject_of
from durwan.diagnostics.terminal import visible
from durwan.model.values import format_instant
from durwan.runtime.engine import Engine
from durwan.workshop.request_text import read_requests

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output
    from durwan.model.decision import Decision

EXAMPLES = """\
  policy-check eval policies/ --request request.json
  policy-check eval policies/ --request - --now 2026-03-02T09:00:00Z -f json < request.json
  policy-check eval policies/ --request request.json --fail-on deny
  policy-check eval desk.bundle --request request.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    options.add_policy_set(parser)
    options.add_cache(parser)
    help_ = "a JSON request, or an array of them; - is standard input"
    parser.add_argument("-r", "--request", required=True, metavar="FILE", help=help_)
    parser.add_argument(
        "--fail-on", choices=["deny"], help="exit with 1 unless every request is allowed; a challenge is not allowed"
    )
    options.add_clock(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Decides each request and writes the decisions; the exit code is good whatever they are, unless asked for."""
    clock = clock_of(arguments)
    requests, in_array = read_requests(read_file(arguments.request))
    engine = engine_at(arguments, clock)
    if not isinstance(engine, Engine):
        return write_broken(output, engine, root_of(arguments))
    decisions = [engine.decide(request) for request in requests]
    if output.is_json:
        fields: dict[str, Any] = {"decisions": [each.as_dict() for each in decisions]}
        output.write_json(fields if in_array else decisions[0].as_dict(), engine.revision)
    else:
        pairs = zip(requests, decisions, strict=True)
        output.write(
            "\n".join(_drawn(decision, output, subject_of(request) if in_array else "") for request, decision in pairs)
        )
    refused = any(not decision.allowed for decision in decisions)
    return FINDINGS if arguments.fail_on is not None and refused else GOOD


def _drawn(decision: Decision, output: Output, subject: str) -> str:
    """The decision, a line for what was decided and one for each field that says something."""
    until = decision.valid_until
    fields = {
        "request": subject,
        "rule": decision.rule or "none",
        "reason": decision.reason,
        "obligations": _listed(decision.as_dict()["obligations"]),
        "remedies": "; ".join(_listed(remedy.as_dict()) for remedy in decision.remedies),
        "unknowns": ", ".join(decision.unknowns),
        "retry after": "" if decision.retry_after is None else f"{decision.retry_after:g} s",
        "valid until": "" if until is None else format_instant(until),
        "shadows": ", ".join(decision.shadows),
        "revision": decision.revision[:12],
    }
    effect = output.style.paint(decision.effect, "good" if decision.allowed else "bad")
    lines = [f"{effect} {decision.status} {decision.code}"]
    lines += [f"  {name:<11}  {visible(text)}" for name, text in fields.items() if text]
    return "\n".join(lines) + "\n"


def _listed(fields: dict[str, Any]) -> str:
    return ", ".join(f"{name} {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items())
