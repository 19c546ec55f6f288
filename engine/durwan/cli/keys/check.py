"""`durwan keys check`: what the field knows to be dangerous about keys."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from durwan.cli.arguments import add_clock
from durwan.cli.exits import FINDINGS, GOOD, UsageError
from durwan.cli.keys import options
from durwan.cli.reading import clock_of
from durwan.credentials.kept_files import read_whole
from durwan.credentials.key_hygiene import KeyFinding, ScopeRoles, key_findings, roles_by_name
from durwan.credentials.key_material import Seals
from durwan.credentials.key_upkeep import shared_secrets, upkeep_findings
from durwan.diagnostics.terminal import visible

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output
    from durwan.credentials.key_editing import KeyFile
    from durwan.credentials.secrets_file import StoredSecrets

EXAMPLES = """\
  durwan keys check
  durwan keys check --keys policies/keys/desk.yaml --fail-on medium
  durwan keys check --keys policies/keys/desk.yaml --requests last-month.json

Dangerous are: withdrawal rights or trading without an allowlist, one key for several jobs, secrets that are old, shared
or older than is said, keys that are idle, never used or without an end, scopes that nothing needs.
"""

_MOST_BYTES: Final = 256 << 20
_GRAVITY: Final = ("high", "medium", "low")


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    help_ = "the gravity from which a finding makes the exit code 1 (default: high)"
    parser.add_argument("--fail-on", choices=[*_GRAVITY, "never"], default="high", help=help_)
    help_ = "requests of these keys, as policy-check eval takes them: scopes that none of them needs are reported"
    parser.add_argument("--requests", metavar="FILE", help=help_)
    add_clock(parser)
    options.add_files(parser)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Writes the findings, the gravest first."""
    now = clock_of(arguments)()
    venue = options.venue_of(arguments)
    keys, secrets = options.ring_alone(arguments).read()
    roles = _roles(venue.roles, keys)
    found = [
        *key_findings(keys.records(), roles, now),
        *upkeep_findings(keys.records(), secrets, roles, now, elsewhere=venue.taken),
        *_shared(arguments, output, secrets),
        *_unused(arguments, keys, now),
    ]
    found.sort(key=lambda each: _GRAVITY.index(each.severity))
    _write(output, found, len(keys.records()))
    counting = _GRAVITY[: _GRAVITY.index(arguments.fail_on) + 1] if arguments.fail_on != "never" else ()
    return FINDINGS if any(each.severity in counting for each in found) else GOOD


def _roles(known: ScopeRoles, keys: KeyFile) -> ScopeRoles:
    """What the scopes stand for; where no policies declare them, by their names."""
    if known.includes is not None:
        return known
    given = [record.get("scopes") for _, record in keys.records()]
    scopes = {str(scope) for each in given if isinstance(each, list) for scope in cast("list[object]", each)}
    return roles_by_name({scope: (scope,) for scope in scopes})


def _shared(arguments: argparse.Namespace, output: Output, secrets: StoredSecrets) -> list[KeyFinding]:
    """Secrets of several keys can be seen by those alone who have the sealing key; also whether all can be opened."""
    if not _has_sealing_key(arguments):
        output.progress("without the sealing key, nobody can tell whether two keys have the same secret")
        return []
    return list(shared_secrets(secrets, Seals(options.sealing_of(arguments), secrets.sealed_with)))


def _unused(arguments: argparse.Namespace, keys: KeyFile, now: int) -> list[KeyFinding]:
    """Scopes that no request needed, where there are requests to judge by."""
    if arguments.requests is None:
        return []
    compilation = options.policies_of(arguments)
    if compilation is None:
        raise UsageError("--requests needs the policies that decide them: name the policy set with --policies")
    # Of no use to the other checks.
    from durwan.runtime.engine import Engine  # noqa: PLC0415
    from durwan.workshop.request_text import read_requests  # noqa: PLC0415
    from durwan.workshop.unused_scopes import unused_scopes  # noqa: PLC0415

    requests, _ = read_requests(read_whole(Path(arguments.requests), _MOST_BYTES, "the file of requests"))
    with Engine(compilation.finished, clock=lambda: now, limits=None) as engine:
        return unused_scopes(engine.decide, keys.records(), requests)


def _has_sealing_key(arguments: argparse.Namespace) -> bool:
    named = (arguments.sealing_key_file, arguments.sealing_key_command)
    return any(named) or any(name in os.environ for name in options.SEALING_VARIABLES)


def _write(output: Output, found: list[KeyFinding], count: int) -> None:
    if output.is_json:
        forms = [{"key": each.key, "code": each.code, "severity": each.severity, "words": each.words} for each in found]
        output.write_json({"keys": count, "findings": forms}, None)
        return
    for each in found:
        role = "bad" if each.severity == "high" else "bold"
        output.write(f"{output.style.paint(f'{each.severity:<6}', role)}  {visible(each.key)}: {visible(each.words)}")
        output.write(f"  [{each.code}]\n")
    if not output.quiet:
        output.write(f"checked {count} keys: {len(found)} findings\n")
