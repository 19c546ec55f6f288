"""`durwan routes import FILE`: a file of routes out of an OpenAPI document, and what could not be taken over."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from durwan.cli.exits import FINDINGS, GOOD, UsageError
from durwan.compilation import compile_policy
from durwan.diagnostics.terminal import visible
from durwan.language.manifest import ROUTES, read_manifest
from durwan.language.policy_set import read_directory, read_mapping
from durwan.workshop.openapi import read_document, routes_of

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output
    from durwan.model.schema import Schema

EXAMPLES = """\
  durwan routes import openapi.yaml -o routes.yaml
  durwan routes import openapi.json --policies policies/ --prefix /v1 -o policies/routes.yaml

Actions are proposed: by `x-action`, else by the operation's id. With --policies, those that the policy set declares are
preferred, and attributes that it does not declare are left out. What could not be taken over is said on standard error.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("document", metavar="FILE", help="an OpenAPI document, 3.0 or 3.1, YAML or JSON")
    help_ = "a policy set, whose actions and attributes are used"
    parser.add_argument("--policies", metavar="PATH", help=help_)
    help_ = "what stands before every path (default: the path of the document's first server)"
    parser.add_argument("--prefix", metavar="PATH", help=help_)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Writes the file of routes to standard output, or where `-o` says."""
    path = Path(arguments.document)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}") from None
    imported = routes_of(read_document(str(path), content), _schema(arguments), prefix=arguments.prefix)
    if output.is_json:
        fields = {"routes": imported.text, "left_out": list(imported.left_out)}
        output.write_json(fields, None)
    else:
        output.write(imported.text)
        for line in imported.left_out:
            sys.stderr.write(f"{visible(line)}\n")
    return GOOD if imported.is_sound else FINDINGS


def _schema(arguments: argparse.Namespace) -> Schema | None:
    """What the policy set declares; its routes, which are about to be written anew, may have mistakes."""
    if arguments.policies is None:
        return None
    found = read_directory(arguments.policies)
    manifest, _ = read_manifest(found)
    without = {**found.files, manifest.routes or ROUTES: b"routes: {}\n"}
    return compile_policy(read_mapping(without)).finished().program.schema
