"""What `policy-check why` can be told; apart from it, so that `explain` need not load it to explain a code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from durwan.cli import arguments as options

if TYPE_CHECKING:
    import argparse

SECONDS: Final = "2"


def add_options(parser: argparse.ArgumentParser, *, required: bool) -> None:
    """The options without the path."""
    options.add_revision(parser)
    options.add_cache(parser)
    help_ = "a JSON request, or an array of them; - is standard input"
    parser.add_argument("-r", "--request", required=required, metavar="FILE", help=help_)
    parser.add_argument("--client", action="store_true", help="only what may be shown to whoever sent the request")
    help_ = "an attribute that may change, such as 'client.*'; may be given several times (default: the situation)"
    parser.add_argument("--may-change", action="append", metavar="PATTERN", default=[], help=help_)
    help_ = f"how long to look for what would be allowed, for each request (default: {SECONDS})"
    parser.add_argument("--timeout", metavar="SECONDS", default=SECONDS, help=help_)
    options.add_clock(parser)
