"""`policy-check`: what policy authors run, offline. Finds the command and imports that alone."""

# Every import costs the start of every command, also of those that do not need it.
# ruff: noqa: PLC0415

from __future__ import annotations

import gc
import sys
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence
    from types import ModuleType

# Each command: its module, and what it does in a few words. The first one is run where no command is named.
COMMANDS: Final = {
    "check": ("check", "compile, lint, test, prove: all that a merge request needs"),
    "test": ("run_tests", "run the test files of a policy set"),
    "prove": ("prove", "prove the invariants of a policy set for all requests"),
    "diff": ("diff", "show what two policy sets decide differently, each with a request"),
    "replay": ("replay", "show what another policy would have done to recorded requests"),
    "eval": ("evaluate", "decide requests by a policy set"),
    "why": ("why", "explain how requests are decided, and how a refused one would be allowed"),
    "access": ("access", "show who can do what, and under which conditions"),
    "exposure": ("exposure", "show what a thief of a key could do with it and nothing else"),
    "least-privilege": ("least_privilege", "show which scopes, networks and rules nobody used, and what is enough"),
    "sample-log": ("sample_log", "make up requests that might be recorded, to replay where there is no log yet"),
    "report": ("report", "write a page for auditors: who can do what, what is proved, what needs attention"),
    "show": ("show", "list what a policy set declares"),
    "build": ("build", "compile and test a policy set, and make a bundle of it"),
    "sign": ("sign", "add a signature to a bundle"),
    "verify": ("verify", "verify a bundle as a gateway does"),
    "keygen": ("keygen", "make a pair of keys to sign bundles with"),
    "fmt": ("reformat", "write policy files in the one layout"),
    "explain": ("explain", "print the page of a code, such as P0101"),
}

_OVERVIEW: Final = """\
usage: policy-check [COMMAND] [PATH] [OPTION ...]

Checks policy sets. Without a command it runs `check`; without a path, on the current directory.

commands:
{commands}

  policy-check COMMAND --help   says more about one command
  policy-check --version        prints the version

examples:
  policy-check policies/
  policy-check policies/ --ref HEAD~1
  policy-check test policies/ --run withdrawal
  policy-check eval policies/ --request request.json -f json
  policy-check diff origin/main policies/ --fail-on allow
  policy-check replay origin/main policies/ --log week.parquet
  policy-check exposure policies/ desk-7
  policy-check build policies/ -o desk.bundle --version 42
  policy-check why policies/ --request request.json
  policy-check least-privilege policies/ --log month.parquet --patch | git apply
  policy-check explain P0101

exit codes:
  0  good
  1  findings: a test or proof failed, a bundle is refused, a warning under --fail-level warning
  2  the call or the configuration is wrong
  3  the policies do not compile
  4  undecided: the solver gave up
  5  less coverage than --threshold asks for
  10 a fault of policy-check itself
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code; nothing escapes as an exception."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] in (["--version"], ["-V"]):
        from durwan import __version__

        sys.stdout.write(f"policy-check {__version__}\n")
        return 0
    if words[:1] in (["--help"], ["-h"], ["help"]) and len(words) == 1:
        width = max(len(name) for name in COMMANDS)
        commands = "\n".join(f"  {name:<{width}}  {summary}" for name, (_, summary) in COMMANDS.items())
        sys.stdout.write(_OVERVIEW.format(commands=commands))
        return 0
    verbose = any(word in {"-v", "--verbose"} for word in words)
    from durwan.cli.ending import guarded

    return guarded("policy-check", lambda: _dispatch(words, verbose), verbose)


def run() -> int:
    """The command `policy-check`: one call of `main` in a process of its own.

    Such a process builds much, drops little and soon ends; looking for garbage would take a third of its time.
    """
    gc.disable()
    code = main()
    # Python would look through all of it once more before it ends, for a quarter of a second.
    gc.freeze()
    return code


def _dispatch(words: list[str], verbose: bool) -> int:
    from importlib import import_module

    from durwan.cli.arguments import PLAIN_FORMATS, choose_format, make_parser

    name, rest = (words[0], words[1:]) if words and words[0] in COMMANDS else ("check", words)
    module, summary = COMMANDS[name]
    command = import_module(f"durwan.cli.{module}")
    formats: Sequence[str] = getattr(command, "FORMATS", PLAIN_FORMATS)
    parser: argparse.ArgumentParser = make_parser(name, summary, command.EXAMPLES, formats)
    command.configure(parser)
    arguments = parser.parse_args(rest)
    choose_format(arguments, formats)
    if getattr(arguments, "watch", False):
        from durwan.cli.ending import guarded
        from durwan.cli.watch import run_again

        return run_again(lambda: guarded("policy-check", lambda: _run(name, command, arguments), verbose), arguments)
    return _run(name, command, arguments)


def _run(name: str, command: ModuleType, arguments: argparse.Namespace) -> int:
    from durwan.cli.output import Output

    with Output(name, arguments) as output:
        code: int = command.run(arguments, output)
    return code


if __name__ == "__main__":
    sys.exit(main())
