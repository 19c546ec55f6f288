"""`durwan routes match METHOD TARGET`: which route a request takes, with which attributes; or why it is refused."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from durwan.cli.exits import FINDINGS, GOOD, UsageError
from durwan.cli.routes.tables import add_table, table_of
from durwan.credentials.raw_request import RawRequest
from durwan.credentials.refusals import Refusal
from durwan.diagnostics.terminal import visible
from durwan.routing.route import RouteTable
from durwan.routing.router import Routed, Router
from durwan.routing.rules import RequestRules
from durwan.routing.target import canonical_path

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output

EXAMPLES = """\
  durwan routes match GET /v1/orders/17 --routes policies/
  durwan routes match POST /v1/orders --routes policies/ --body order.json
  durwan routes match GET '/v1/orders?symbol=BTC-PERP' --routes routes.yaml -H 'X-Venue: X1' -f json
"""

_MOST_BODY = 1 << 20


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("method", metavar="METHOD", help="the method, in capital letters")
    parser.add_argument("target", metavar="TARGET", help="path and query as they stand in the request line")
    parser.add_argument("-H", "--header", action="append", default=[], metavar="NAME: VALUE", help="a header")
    parser.add_argument("--body", metavar="FILE", help="the body, JSON unless a header says otherwise; - is stdin")
    add_table(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Writes the route and the attributes, or the refusal and what may have been meant."""
    table = table_of(arguments)
    raw = _raw(arguments)
    found = Router(table, RequestRules()).read(raw)
    attributes = found if isinstance(found, Refusal) else found.attributes(raw)
    if isinstance(attributes, Refusal):
        reasons = list(_reasons(attributes, table, raw))
        if output.is_json:
            refusal = {"code": attributes.code, "status": attributes.status, "reason": attributes.reason}
            output.write_json({"route": None, "refusal": refusal, "because": reasons}, None)
        else:
            output.write(f"refused  {attributes.status} {attributes.code}: {attributes.reason}\n")
            output.write("".join(f"         {visible(reason)}\n" for reason in reasons))
        return FINDINGS
    if isinstance(found, Routed):
        _write(output, found, attributes)
    return GOOD


def _write(output: Output, found: Routed, attributes: Any) -> None:
    route = found.route
    if output.is_json:
        routed = {"method": route.method, "template": route.template, "action": route.action}
        fields = {"route": routed, "path": found.path, "parameters": dict(found.parameters), "attributes": attributes}
        output.write_json({**fields, "refusal": None}, None)
        return
    output.write(f"{visible(route.key)}  {visible(route.action)}\n")
    output.write(f"  path {found.path}\n")
    for context, values in attributes.items():
        for name, value in values.items():
            output.write(f"  {context}.{name} = {visible(repr(value))}\n")
    given = {f"{context}.{name}" for context, values in attributes.items() for name in values}
    for source in route.sources:
        if source.attribute not in given:
            output.write(f"  {source.attribute} is unknown: there is no {visible(str(source))}\n")


def _raw(arguments: argparse.Namespace) -> RawRequest:
    headers = [_header(text) for text in arguments.header]
    names = {name.lower() for name, _ in headers}
    body = b"" if arguments.body is None else _body(arguments.body)
    if b"host" not in names:
        headers.append((b"host", b"localhost"))
    if body and b"content-type" not in names:
        headers.append((b"content-type", b"application/json"))
    return RawRequest(arguments.method, arguments.target.encode(), tuple(headers), body, "127.0.0.1", 0)


def _header(text: str) -> tuple[bytes, bytes]:
    name, colon, value = text.partition(":")
    if not colon:
        raise UsageError(f"-H {text} is no header: write 'Name: value'")
    return name.encode(), value.strip(" \t").encode()


def _body(path: str) -> bytes:
    try:
        with sys.stdin.buffer if path == "-" else Path(path).open("rb") as file:
            return file.read(_MOST_BODY)
    except OSError as error:
        raise UsageError(f"the body {path} cannot be read: {error.strerror}") from None


def _reasons(refusal: Refusal, table: RouteTable, raw: RawRequest) -> Iterator[str]:
    """What a person may want to know who sees a refusal of the request that they typed."""
    path = raw.target.partition(b"?")[0]
    canonical = canonical_path(path)
    match refusal.code:
        case "method_not_allowed" if canonical is not None:
            yield f"{canonical} can be asked for with {', '.join(sorted(table.methods_at(canonical)))}"
        case "route_unknown" if canonical is not None:
            templates = sorted({route.template for route in table})
            near = get_close_matches(canonical, templates, n=3, cutoff=0.4)
            yield f"the nearest are {', '.join(near)}" if near else "durwan routes show lists all routes"
        case "target_refused":
            yield from _odd_parts(path)
        case _:
            return


def _odd_parts(path: bytes) -> Iterator[str]:
    if not path.startswith(b"/"):
        yield "a target begins with a slash"
        return
    segments = path[1:].split(b"/")
    for index, segment in enumerate(segments):
        if not segment and index < len(segments) - 1:
            yield f"segment {index + 1} is empty"
        elif segment and canonical_path(b"/" + segment) is None:
            text = segment.decode("utf-8", "backslashreplace")
            yield f"segment {index + 1}, {text!r}, can be read in more than one way"


__all__ = ["EXAMPLES", "configure", "run"]
