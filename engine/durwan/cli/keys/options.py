"""What the commands for keys can be told, and what becomes of it: a ring of keys, and what is known of its venue."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from durwan.cli.exits import FINDINGS, UsageError
from durwan.credentials.key_admission import KeyDemands, KeyRefusedError
from durwan.credentials.key_hygiene import ScopeRoles, roles_by_name
from durwan.credentials.key_ring import KeyRing, Venue
from durwan.credentials.key_rules import KeyRules
from durwan.credentials.sealing import SealingKey
from durwan.credentials.sealing_sources import COMMAND_VARIABLE, FILE_VARIABLE, VARIABLE, sealing_key
from durwan.diagnostics.terminal import visible
from durwan.model.values import parse_duration, parse_instant

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output
    from durwan.compilation import Compilation

KEYS_VARIABLE: Final = "DURWAN_KEYS"
SECRETS_VARIABLE: Final = "DURWAN_SECRETS"
SEALING_VARIABLES: Final = (VARIABLE, FILE_VARIABLE, COMMAND_VARIABLE)
_KEYS: Final = "keys.yaml"
_SECRETS: Final = "keys.secrets"


def add_files(parser: argparse.ArgumentParser) -> None:
    """Which files the keys are in."""
    files = parser.add_argument_group("files")
    help_ = f"the key file, of policies or beside them (default: {KEYS_VARIABLE}, or {_KEYS})"
    files.add_argument("--keys", metavar="FILE", help=help_)
    help_ = f"the secrets file (default: {SECRETS_VARIABLE}, or {_SECRETS})"
    files.add_argument("--secrets", metavar="FILE", help=help_)
    help_ = "the policy set that says which scopes there are (default: the one that the key file is a part of)"
    files.add_argument("--policies", metavar="PATH", help=help_)
    either = files.add_mutually_exclusive_group()
    either.add_argument("--sealing-key-file", metavar="FILE", help="the file that holds the sealing key, of mode 0600")
    either.add_argument("--sealing-key-command", metavar="COMMAND", help="the command that prints the sealing key")


def add_demands(parser: argparse.ArgumentParser) -> None:
    """What a key must be like."""
    demands = parser.add_argument_group("what a key must be like")
    default = KeyDemands().most_networks
    help_ = f"how many entries an allowlist may have (default: {default})"
    demands.add_argument("--most-networks", type=int, default=default, metavar="N", help=help_)
    demands.add_argument("--addresses-only", action="store_true", help="no networks in allowlists, single addresses")
    demands.add_argument("--ipv4-only", action="store_true", help="no IPv6 in allowlists")
    demands.add_argument("--longest-life", metavar="DURATION", help="how long a key may live, such as 360d")


def keys_path(arguments: argparse.Namespace) -> Path:
    """The key file."""
    return Path(arguments.keys or os.environ.get(KEYS_VARIABLE) or _KEYS)


def secrets_path(arguments: argparse.Namespace) -> Path:
    """The secrets file."""
    return Path(arguments.secrets or os.environ.get(SECRETS_VARIABLE) or _SECRETS)


def sealing_of(arguments: argparse.Namespace) -> Callable[[], SealingKey]:
    """What finds the sealing key when it is needed."""
    return lambda: sealing_key(os.environ, file=arguments.sealing_key_file, command=arguments.sealing_key_command)


def ring_of(arguments: argparse.Namespace) -> KeyRing:
    """The keys that the options name, held to what their policies say."""
    return _ring(arguments, venue_of(arguments))


def ring_alone(arguments: argparse.Namespace) -> KeyRing:
    """The same without a look at any policies: for what is to be done even if they are broken."""
    return _ring(arguments, Venue())


def _ring(arguments: argparse.Namespace, venue: Venue) -> KeyRing:
    return KeyRing(
        keys_path(arguments),
        secrets_path(arguments),
        sealing_of(arguments),
        venue=venue,
        clock=lambda: time.time_ns() // 1_000_000,
    )


def venue_of(arguments: argparse.Namespace) -> Venue:
    """What is known of the keys: by the policies, where there are some, and by the options."""
    compilation = policies_of(arguments)
    demands = _demands(arguments)
    if compilation is None or compilation.program is None:
        return Venue(demands=demands)
    schema = compilation.program.schema
    declared = [path.removeprefix("key.") for path in schema.attributes if path.startswith("key.")]
    # A set that declares no scopes knows none, and then none is wrong.
    scopes = schema.scopes or None
    roles = roles_by_name(scopes) if scopes else ScopeRoles()
    taken = {key_id for key_id, _ in compilation.keys.items()}
    return Venue(rules=KeyRules(declared, scopes), roles=roles, demands=demands, taken=taken)


def policies_of(arguments: argparse.Namespace) -> Compilation | None:
    """The policy set of the keys, compiled; None where there is none.

    Raises:
        UsageError: it does not compile, so that nobody knows which scopes there are.
    """
    path = Path(arguments.policies) if arguments.policies else _set_around(keys_path(arguments))
    if path is None:
        return None
    # Not needed where there are no policies.
    from durwan.cli.reading import compile_set  # noqa: PLC0415

    arguments.path, arguments.ref, arguments.cache, arguments.no_cache = str(path), None, None, False
    compilation = compile_set(arguments)
    if compilation.program is None:
        raise UsageError(f"the policies in {path} do not compile: policy-check {path} says why")
    return compilation


def _set_around(keys: Path) -> Path | None:
    """The policy set that a key file is a part of: the directory above its own, `keys`, if there are policies in it."""
    folder = Path(os.path.abspath(keys)).parent  # noqa: PTH100 - symbolic links are not to be followed
    return folder.parent if folder.name == "keys" and any(folder.parent.glob("*.policy")) else None


def _demands(arguments: argparse.Namespace) -> KeyDemands:
    if "most_networks" not in arguments:
        return KeyDemands()
    life = None if arguments.longest_life is None else duration_of(arguments.longest_life, "--longest-life")
    return KeyDemands(
        most_networks=arguments.most_networks,
        ranges=not arguments.addresses_only,
        ipv6=not arguments.ipv4_only,
        longest_life=life,
    )


def duration_of(text: str, option: str) -> int:
    """The milliseconds of a duration.

    Raises:
        UsageError: it is none.
    """
    found = 0 if text == "0" else parse_duration(text)
    if found is None:
        raise UsageError(f"{option} {text} is no duration: write it as 24h, 7d or 1h30m")
    return found


def instant_of(text: str, option: str, now: int) -> int:
    """An instant, or a duration from now on, in milliseconds since the epoch.

    Raises:
        UsageError: it is neither.
    """
    found = parse_instant(text)
    life = None if found is not None else parse_duration(text)
    if found is None and life is None:
        raise UsageError(f"{option} {text} is no instant and no duration: write it as 2027-01-15T00:00:00Z or as 90d")
    return found if found is not None else now + (life or 0)


def write_refused(output: Output, refused: KeyRefusedError) -> int:
    """Says why a key was refused, and gives the exit code."""
    if output.is_json:
        objections = [{"code": each.code, "field": each.field, "reason": each.words} for each in refused.objections]
        output.write_json({"refused": refused.key_id, "status": 422, "objections": objections}, None)
    else:
        output.write(f"refused  {visible(refused.key_id[:80])}\n")
        for each in refused.objections:
            output.write(f"  {output.style.paint(each.code, 'bad')}  {visible(each.words)}\n")
    return FINDINGS


__all__ = [
    "KEYS_VARIABLE", "SEALING_VARIABLES", "SECRETS_VARIABLE", "add_demands", "add_files", "duration_of",
    "instant_of", "keys_path", "policies_of", "ring_alone", "ring_of", "sealing_of", "secrets_path", "venue_of",
    "write_refused",
]  # fmt: skip
