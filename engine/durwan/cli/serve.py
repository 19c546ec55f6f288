"""`durwan serve [FILE]`: answers gateways and proxies by a configuration."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from durwan.cli.exits import GOOD, USAGE, UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

    from durwan.cli.output import Output
    from durwan.diagnostics import Diagnostic
    from durwan.gateways.serving.assembly import Service
    from durwan.gateways.serving.reading import Loaded

EXAMPLES = """\
  durwan serve --init gateway && cd gateway && durwan serve
  durwan serve durwan.yaml --check
  DURWAN_LISTEN=unix:/run/durwan.sock durwan serve

A running server reads policies, routes and keys again on SIGHUP, and ends on SIGTERM: it is not ready any more at once,
and takes no more connections once `stop.drain` has passed.
"""

_VARIABLE: Final = "DURWAN_CONFIG"
_FILE: Final = "durwan.yaml"


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    help_ = f"the configuration (default: {_VARIABLE}, or {_FILE})"
    parser.add_argument("file", nargs="?", metavar="FILE", help=help_)
    either = parser.add_mutually_exclusive_group()
    help_ = "say what is wrong with the configuration, or print it with its defaults, and end"
    either.add_argument("--check", action="store_true", help=help_)
    help_ = "make a directory with a small working example: policies, routes, a key, and a configuration"
    either.add_argument("--init", metavar="DIR", help=help_)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Checks, makes an example, or answers until it is told to end."""
    if arguments.init is not None:
        return _init(Path(arguments.init), output)
    from durwan.gateways.serving.reading import ConfigurationError, load  # noqa: PLC0415 - loads pydantic and YAML

    path = _path(arguments)
    try:
        loaded = load(path, os.environ)
        _show(loaded.warnings, output)
        return _checked(loaded, output) if arguments.check else _served(loaded)
    except ConfigurationError as error:
        _show(error.diagnostics, output)
        return USAGE


def _path(arguments: argparse.Namespace) -> Path:
    named = arguments.file or os.environ.get(_VARIABLE)
    path = Path(named or _FILE)
    if named is None and not path.is_file():
        raise UsageError(f"there is no {_FILE} here: name a file, or make an example with durwan serve --init DIR")
    return path


def _served(loaded: Loaded) -> int:
    from durwan.gateways.serving.running import Server  # noqa: PLC0415 - loads all that answers

    return Server(loaded, dict(os.environ)).run()


def _checked(loaded: Loaded, output: Output) -> int:
    """Does all that a start does, but for listening, and for what one process at a time alone may do."""
    from durwan.errors import DurwanError  # noqa: PLC0415 - with what follows
    from durwan.gateways.serving.assembly import assemble  # noqa: PLC0415 - loads all that answers
    from durwan.gateways.serving.reading import ConfigurationError  # noqa: PLC0415
    from durwan.gateways.serving.running import code_of, visible_lines  # noqa: PLC0415

    try:
        service = assemble(loaded, dict(os.environ), records=False)
    except ConfigurationError:
        raise
    except DurwanError as error:
        sys.stderr.write(f"durwan: error: {visible_lines(str(error))}\n")
        return code_of(error)
    try:
        _write(loaded.configuration.effective(), service, output)
    finally:
        service.close()
    return GOOD


def _write(settings: dict[str, Any], service: Service, output: Output) -> None:
    table = service.application.table() + ([] if service.admin is None else service.admin.table())
    if output.is_json:
        fields = {"configuration": settings, "answers": table, "refused_by_self_test": service.tried}
        output.write_json(fields, service.engine.revision)
        return
    import yaml  # noqa: PLC0415 - for this alone

    output.write(yaml.safe_dump(settings, sort_keys=False, default_flow_style=None, width=100))
    output.write("".join(f"# answers {line}\n" for line in table))
    output.write(f"# {service.tried} requests were tried, and refused; revision {service.engine.revision[:12]}\n")


def _show(diagnostics: Iterable[Diagnostic], output: Output) -> None:
    from durwan.diagnostics.json_form import diagnostic_form  # noqa: PLC0415 - where there is something to show
    from durwan.diagnostics.terminal import draw_all  # noqa: PLC0415

    shown = list(diagnostics)
    if shown and output.is_json:
        output.write_json({"diagnostics": [diagnostic_form(each) for each in shown]}, None)
    elif shown:
        sys.stderr.write("".join(draw_all(shown, output.style)))


def _init(directory: Path, output: Output) -> int:
    from durwan.gateways.serving.example import write_example  # noqa: PLC0415 - for this alone

    example = write_example(directory)
    if output.is_json:
        output.write_json({"directory": str(directory), "files": example.files, **example.shown}, None)
    else:
        output.write(example.told(directory))
    return GOOD
