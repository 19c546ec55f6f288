"""`policy-check why [PATH] --request FILE`: how requests are decided, and how a refused one would be allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from durwan.cli import arguments as options
from durwan.cli.exits import GOOD, UNDECIDED
from durwan.cli.explanation_output import client_text, explanation_form, explanation_text
from durwan.cli.findings import write_broken
from durwan.cli.proof_output import deadline_of
from durwan.cli.reading import clock_of, root_of
from durwan.cli.requests import engine_at, read_file, subject_of
from durwan.cli.why_options import add_options
from durwan.runtime.engine import Engine
from durwan.workshop.request_text import read_requests

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from durwan.cli.output import Output
    from durwan.program.explanation import Explanation

EXAMPLES = """\
  policy-check why policies/ --request request.json
  policy-check why policies/ --request request.json --may-change 'client.*' --may-change now
  policy-check why policies/ --request request.json --client -f json
  policy-check why desk.bundle --request - --now 2026-03-02T09:00:00Z < request.json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    options.add_path(parser)
    add_options(parser, required=True)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Explains each request; the exit code says only whether the nearest change of each refused one was found out."""
    clock, seconds = clock_of(arguments), deadline_of(arguments)
    requests, in_array = read_requests(read_file(arguments.request))
    engine = engine_at(arguments, clock)
    if not isinstance(engine, Engine):
        return write_broken(output, engine, root_of(arguments))
    # Whoever sent the request is not told what would be allowed, so nobody looks for it.
    nearest = not arguments.client
    explanations = [
        engine.explain(each, nearest=nearest, may_change=arguments.may_change, seconds=seconds) for each in requests
    ]
    forms = [each.for_client().as_dict() if arguments.client else explanation_form(each) for each in explanations]
    if output.is_json:
        fields: dict[str, Any] = {"explanations": forms}
        output.write_json(fields if in_array else forms[0], engine.revision)
    else:
        subjects = [subject_of(request) if in_array else "" for request in requests]
        output.write(_drawn(explanations, subjects, output, to_client=arguments.client))
    return UNDECIDED if any(each.unanswered for each in explanations) else GOOD


def _drawn(explanations: Sequence[Explanation], subjects: Sequence[str], output: Output, *, to_client: bool) -> str:
    return "\n".join(
        client_text(each.for_client(), output.style, subject)
        if to_client
        else explanation_text(each, output.style, subject, every_rule=output.verbose)
        for each, subject in zip(explanations, subjects, strict=True)
    )
