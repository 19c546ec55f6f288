"""`durwan routes show`: every route, what it asks for, and where its attributes come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from durwan.cli.exits import GOOD
from durwan.cli.routes.tables import add_table, table_of
from durwan.diagnostics.terminal import visible
from durwan.routing.plain import write_routes
from durwan.routing.route import Route

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output

EXAMPLES = """\
  durwan routes show --routes policies/
  durwan routes show --routes routes.yaml -f json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    add_table(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Writes a line for each route, and below it one for each attribute."""
    table = table_of(arguments)
    if output.is_json:
        output.write_json({"routes": write_routes(table)}, None)
        return GOOD
    methods = max((len(route.method) for route in table), default=0)
    templates = max((len(route.template) for route in table), default=0)
    for route in table:
        marks = "".join(f"  {mark}" for mark in _marks(route))
        line = f"{route.method:<{methods}}  {route.template:<{templates}}  {route.action}{marks}"
        output.write(f"{visible(line)}\n")
        for attribute, source in attribute_lines(route):
            output.write(f"{'':<{methods}}    {visible(f'{attribute} = {source}')}\n")
    return GOOD


def _marks(route: Route) -> Iterator[str]:
    if route.is_public:
        yield "(public)"
    if route.idempotency is not None:
        yield f"(once per {route.idempotency})"


def attribute_lines(route: Route) -> Iterator[tuple[str, str]]:
    """Each attribute of a route, and where it comes from or what it always is."""
    for source in route.sources:
        kind = "" if source.type is None else f"  ({source.type})"
        yield source.attribute, f"count of {source}" if source.counts else f"{source}{kind}"
    for context, values in sorted(route.constants.items()):
        for name, value in sorted(values.items()):
            yield f"{context}.{name}", repr(value)
