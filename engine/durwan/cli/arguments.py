"""What the commands can be told: the options they share, and a parser that explains itself."""

from __future__ import annotations

import argparse
from typing import NoReturn

from durwan.cli.exits import USAGE
from durwan.diagnostics.terminal import visible


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(USAGE, f"{self.prog}: error: {visible(message)}\n{self.prog} --help says what it takes\n")


def make_parser(name: str, summary: str, examples: str) -> argparse.ArgumentParser:
    """The parser of one command, with the options that all commands take."""
    parser = _Parser(
        prog=f"policy-check {name}",
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    shared = parser.add_argument_group("output")
    formats = ["pretty", "json"]
    shared.add_argument("-f", "--format", choices=formats, default="pretty", help="for people or for programs")
    shared.add_argument("-o", "--output", metavar="FILE", help="write the results to a file")
    shared.add_argument("--color", choices=["auto", "always", "never"], default="auto", help="colours on a terminal")
    shared.add_argument("-q", "--quiet", action="store_true", help="print findings only")
    shared.add_argument("-v", "--verbose", action="store_true", help="say more, and show tracebacks of internal errors")
    return parser


def add_policy_set(parser: argparse.ArgumentParser) -> None:
    """The path of the policy set, and at which revision to read it."""
    help_ = "the directory of the policy set, or one policy file"
    parser.add_argument("path", nargs="?", default=".", metavar="PATH", help=help_)
    parser.add_argument("--ref", metavar="REV", help="read it as it is at a git revision")


def add_cache(parser: argparse.ArgumentParser) -> None:
    """Where to keep what was found out, for the next run."""
    help_ = "keep there what the next run would find out again (default: DURWAN_CACHE, or the user's cache directory)"
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--cache", metavar="DIR", help=help_)
    either.add_argument("--no-cache", action="store_true", help="find everything out anew")


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
