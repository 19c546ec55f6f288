"""What the commands can be told: the options they share, and a parser that explains itself."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from typing import Final, NoReturn

from durwan.cli.exits import USAGE
from durwan.diagnostics.terminal import visible


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: error: {visible(message)}\n{self.prog} --help says what it takes\n")


# What every command can print, and what those can that find mistakes or judge something.
PLAIN_FORMATS: Final = ("pretty", "json")
FORMATS: Final = (*PLAIN_FORMATS, "jsonl", "junit", "sarif", "github", "tap")


def make_parser(
    name: str, summary: str, examples: str, formats: Sequence[str] = PLAIN_FORMATS, program: str = "policy-check"
) -> argparse.ArgumentParser:
    """The parser of one command, with the options that all commands take, and the formats that this one can print."""
    parser = _Parser(
        prog=f"{program} {name}",
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    shared = parser.add_argument_group("output")
    of_itself = "pretty" if "github" not in formats else "pretty; under GitHub Actions, github"
    help_ = f"for people or for programs (default: {of_itself})"
    shared.add_argument("-f", "--format", choices=formats, help=help_)
    shared.add_argument("-o", "--output", metavar="FILE", help="write the results to a file")
    shared.add_argument("--color", choices=["auto", "always", "never"], default="auto", help="colours on a terminal")
    shared.add_argument("-q", "--quiet", action="store_true", help="print findings only")
    shared.add_argument("-v", "--verbose", action="store_true", help="say more, and show tracebacks of internal errors")
    return parser


def choose_format(arguments: argparse.Namespace, formats: Sequence[str]) -> None:
    """Chooses the format where none was asked for: `github` in the log of a GitHub Action, else `pretty`."""
    if arguments.format is None:
        in_action = os.environ.get("GITHUB_ACTIONS") == "true" and arguments.output is None
        arguments.format = "github" if in_action and "github" in formats else "pretty"


def add_policy_set(parser: argparse.ArgumentParser) -> None:
    """The path of the policy set, and at which revision to read it."""
    add_path(parser)
    add_revision(parser)


def add_path(parser: argparse.ArgumentParser) -> None:
    """The path of the policy set."""
    help_ = "the directory of the policy set, or one policy file"
    parser.add_argument("path", nargs="?", default=".", metavar="PATH", help=help_)


def add_revision(parser: argparse.ArgumentParser) -> None:
    """At which revision to read the policy set."""
    parser.add_argument("--ref", metavar="REV", help="read it as it is at a git revision")


def add_cache(parser: argparse.ArgumentParser) -> None:
    """Where to keep what was found out, for the next run."""
    help_ = "keep there what the next run would find out again (default: DURWAN_CACHE, or the user's cache directory)"
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--cache", metavar="DIR", help=help_)
    either.add_argument("--no-cache", action="store_true", help="find everything out anew")


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """What reads a number of an option, within bounds."""

    def read(text: str) -> int:
        digits = text.replace("_", "")
        is_number = digits.isascii() and digits.isdecimal() and len(digits) <= len(str(most))
        number = int(digits) if is_number else least - 1
        if not least <= number <= most:
            raise argparse.ArgumentTypeError(f"{text} is no number from {least} to {most}")
        return number

    return read


def add_clock(parser: argparse.ArgumentParser) -> None:
    """The instant to use where a request brings none."""
    parser.add_argument("--now", metavar="INSTANT", help="the time to go by, such as 2026-03-02T09:00:00Z")


def add_filters(parser: argparse.ArgumentParser) -> None:
    """Which warnings count."""
    parser.add_argument("--select", action="append", metavar="CODE", help="only warnings of this code or section (P07)")
    parser.add_argument("--ignore", action="append", metavar="CODE", help="no warnings of this code or section")
    levels = ["error", "warning"]
    parser.add_argument("--fail-level", choices=levels, default="error", help="what makes the exit code 1")


def add_case_filter(parser: argparse.ArgumentParser) -> None:
    """Which test cases to run."""
    parser.add_argument("--run", metavar="REGEX", help="only test cases whose name matches somewhere")


def add_watch(parser: argparse.ArgumentParser) -> None:
    """Whether to run again and again."""
    help_ = "run again whenever a file of the policy set changes, until Ctrl-C"
    parser.add_argument("--watch", action="store_true", help=help_)
