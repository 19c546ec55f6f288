"""`durwan`: what runs beside a gateway. Finds the command and imports that alone."""

# Every import costs the start of every command, also of those that do not need it.
# ruff: noqa: PLC0415

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

# Each command, of one word or two: its module, and what it does in a few words.
COMMANDS: Final = {
    "serve": ("serve", "answer gateways and proxies by a configuration"),
    "keys new": ("keys.new", "make a key; its secret is shown once"),
    "keys show": ("keys.show", "show one key: what it may do, and what verifies it"),
    "keys list": ("keys.listing", "list all keys with the ages of their secrets"),
    "keys rotate": ("keys.rotate", "give a key another secret; the old one works for a while longer"),
    "keys revoke": ("keys.revoke", "revoke a key, at once and for ever"),
    "keys import": ("keys.importing", "take over keys from another place, all of them or none"),
    "keys check": ("keys.check", "report keys by which money is lost: too powerful, too old, forgotten"),
    "routes show": ("routes.show", "show every route: its action, and where its attributes come from"),
    "routes match": ("routes.match", "say which route a request takes, with which attributes; or why none"),
    "routes import": ("routes.importing", "make a file of routes out of an OpenAPI document"),
    "audit verify": ("audit.verify", "say whether an audit log is as it was written, and what was changed first"),
    "audit show": ("audit.show", "show what was decided, when, for whom and by which rule"),
    "audit export": ("audit.export", "write decisions to a table, Parquet or JSON lines"),
    "audit prove": ("audit.prove", "prove that a record is in an audit log"),
    "audit check": ("audit.check", "check such a proof, without the log"),
    "audit keygen": ("audit.keygen", "make the keys by which checkpoints of audit logs are signed and verified"),
}

# The first words of commands of two; alone they ask for help.
_GROUPS: Final = [[first] for first in sorted({name.split()[0] for name in COMMANDS if " " in name})]
_OVERVIEW: Final = """\
usage: durwan COMMAND [OPTION ...]

What runs beside a gateway. policy-check is for policies; this is for keys and for the record of what was decided.

commands:
{commands}

  durwan COMMAND --help   says more about one command
  durwan --version        prints the version

examples:
  durwan keys new desk-7 --scope orders.write --network 203.0.113.0/24
  durwan keys list -f json
  durwan keys rotate desk-7 --overlap 24h
  durwan keys revoke desk-7
  durwan keys check
  durwan audit verify /var/log/durwan --key audit.pem.pub

Keys are kept in two files. What a key may do stands in the key file (--keys, DURWAN_KEYS), which policies read and
people review. What verifies it stands in the secrets file (--secrets, DURWAN_SECRETS), where secrets are encrypted
under the sealing key (--sealing-key-file, DURWAN_SEALING_KEY_FILE, DURWAN_SEALING_KEY, DURWAN_SEALING_KEY_COMMAND).

exit codes:
  0  good
  1  findings: a key is refused, `keys check` has something to say, or an audit log was changed
  2  the call or the configuration is wrong
  10 a fault of durwan itself
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; nothing escapes as an exception."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] in (["--version"], ["-V"]):
        from durwan import __version__

        sys.stdout.write(f"durwan {__version__}\n")
        return 0
    if (words[:-1] if words and words[-1] in {"--help", "-h", "help"} else words) in ([], *_GROUPS):
        width = max(len(name) for name in COMMANDS)
        commands = "\n".join(f"  {name:<{width}}  {summary}" for name, (_, summary) in COMMANDS.items())
        sys.stdout.write(_OVERVIEW.format(commands=commands))
        return 0
    from durwan.cli.ending import guarded

    verbose = any(word in {"-v", "--verbose"} for word in words)
    return guarded("durwan", lambda: _dispatch(words), verbose, private=True)


def run() -> int:
    """The command `durwan`: one call of `main`."""
    # Nobody else may write what is written here; what nobody else may read is made so file by file.
    import os

    os.umask(os.umask(0o022) | 0o022)
    return main()


def _dispatch(words: list[str]) -> int:
    from importlib import import_module

    from durwan.cli.arguments import choose_format, make_parser
    from durwan.cli.output import Output

    name = _named(words)
    module, summary = COMMANDS[name]
    command = import_module(f"durwan.cli.{module}")
    parser: argparse.ArgumentParser = make_parser(name, summary, command.EXAMPLES, program="durwan")
    command.configure(parser)
    arguments = parser.parse_args(words[len(name.split()) :])
    choose_format(arguments, ("pretty", "json"))
    with Output(name, arguments) as output:
        code: int = command.run(arguments, output)
    return code


def _named(words: list[str]) -> str:
    """The command that the first words name.

    Raises:
        UsageError: they name none.
    """
    from difflib import get_close_matches

    from durwan.cli.exits import UsageError

    for count in (2, 1):
        name = " ".join(words[:count])
        if name in COMMANDS:
            return name
    # Not more than two words of it: the others may be secrets that came to the wrong place.
    name = " ".join(words[:2])
    near = get_close_matches(name, COMMANDS, n=1)
    meant = f"; did you mean durwan {near[0]}?" if near else "; durwan --help lists all commands"
    raise UsageError(f"there is no command {name}{meant}")


if __name__ == "__main__":
    sys.exit(run())
