"""From what was typed to a table of routes: that of a policy set, of a bundle, or of a file alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from durwan.cli.bundle_files import MOST_BYTES, is_bundle_file, read_content
from durwan.cli.exits import UsageError
from durwan.compilation import compile_policy
from durwan.language.policy_set import read_directory
from durwan.model.types import TIME_MIN
from durwan.routing.route import RouteTable
from durwan.routing.routes_file import load_routes
from durwan.runtime.bundle import read_bundle

if TYPE_CHECKING:
    import argparse


def add_table(parser: argparse.ArgumentParser) -> None:
    """Where the routes stand."""
    help_ = "the directory of a policy set that has routes, a bundle of one, or a file of routes (default: .)"
    parser.add_argument("--routes", default=".", metavar="PATH", help=help_)


def table_of(arguments: argparse.Namespace) -> RouteTable:
    """The routes at the path. Those of a file alone have no types, but the ones that it states itself.

    Raises:
        UsageError: there are none.
        DurwanError: they cannot be read, or have mistakes.
    """
    path = Path(arguments.routes)
    if is_bundle_file(str(path)):
        bundle = read_bundle(read_content(str(path)), trust=None, now_ms=TIME_MIN, most_bytes=MOST_BYTES)
        table = bundle.compiled.routes
    elif path.is_dir():
        table = compile_policy(read_directory(path)).finished().routes
    elif path.exists():
        return load_routes(path)
    else:
        raise UsageError(f"{path} does not exist")
    if table is None:
        raise UsageError(f"{path} has no routes: add a file routes.yaml, or give one with --routes")
    return table
