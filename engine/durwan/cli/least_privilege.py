"""`policy-check least-privilege [PATH] --log LOG`: what of keys, rules and limits nobody used."""

from __future__ import annotations

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from durwan.cli import arguments as options
from durwan.cli.exits import FINDINGS, GOOD, UNDECIDED, UsageError
from durwan.cli.findings import write_broken, write_mistakes
from durwan.cli.given_keys import given_keys
from durwan.cli.reading import compile_set, root_of

if TYPE_CHECKING:
    from durwan.cli.output import Output
    from durwan.compilation import Compilation
    from durwan.program.program import Program
    from durwan.workshop.least_privilege.findings import LeastPrivilege
    from durwan.workshop.least_privilege.networks import Prefix

FORMATS: Final = (*options.PLAIN_FORMATS, "markdown")
_PREFIX = re.compile(r"([0-9]{1,2})(?:/([0-9]{1,3}))?", re.ASCII)

EXAMPLES = """\
  policy-check least-privilege policies/ --log month.parquet
  policy-check least-privilege policies/ --log logs/ --network-prefix 24/56 -f markdown -o unused.md
  policy-check least-privilege policies/ --log logs/ --patch | git apply
  policy-check least-privilege policies/ --log logs/ --fail-on unused --fail-on undecided

A scope or a network was used where a request that was not refused would have been refused without it. Requests are
decided by these policies and by the scopes and networks that the keys have in these files, whatever was recorded.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    options.add_policy_set(parser)
    help_ = "recorded requests: a file, a directory or a glob, of Parquet or JSON Lines; may be given again"
    parser.add_argument("--log", action="append", required=True, metavar="PATH", help=help_)
    help_ = "the keys of this file instead of those of the policy set; may be given again"
    parser.add_argument("--keys", action="append", metavar="FILE", help=help_)
    options.add_cache(parser)
    enough = parser.add_argument_group("what a log has to have before anything is said of a key")
    help_ = "so many requests that were not refused (default: 100)"
    enough.add_argument("--least-requests", type=options.whole_number(0, 10**12), default=100, metavar="N", help=help_)
    help_ = "so many days, from the key's creation if that is later than the beginning of the log (default: 14)"
    enough.add_argument("--least-days", type=_days, default=14.0, metavar="DAYS", help=help_)
    help_ = "round addresses up to networks of this prefix, of IPv4 and of IPv6 (default: 32/128)"
    parser.add_argument("--network-prefix", type=_prefix, default=(32, 128), metavar="24/56", help=help_)
    help_ = "leave to keys also what changes only how something is refused"
    parser.add_argument("--keep-refusals", action="store_true", help=help_)
    help_ = "write, instead of a report, what is enough as a change of the key files, for git apply"
    parser.add_argument("--patch", action="store_true", help=help_)
    help_ = "exit with 1 where a key has or is more than is used; with 4 where nothing can be said of one"
    parser.add_argument("--fail-on", action="append", choices=["unused", "undecided"], help=help_)
    help_ = "where records that cannot be read are kept (default: broken-records.jsonl, if there are any)"
    parser.add_argument("--broken", default="broken-records.jsonl", metavar="FILE", help=help_)


def _days(text: str) -> float:
    if re.fullmatch(r"[0-9]{1,5}(?:\.[0-9]{1,6})?", text, re.ASCII) is None:
        raise argparse.ArgumentTypeError(f"{text} is no number of days")
    return float(text)


def _prefix(text: str) -> tuple[int, int]:
    found = _PREFIX.fullmatch(text)
    ipv4, ipv6 = (int(found[1]), int(found[2] or 128)) if found else (99, 999)
    if ipv4 > 32 or ipv6 > 128:
        raise argparse.ArgumentTypeError(f"{text} is no prefix: write 24, or 24/56 for IPv4 and IPv6")
    return ipv4, ipv6


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Reads the log, writes what nobody used or the patch, and returns the exit code."""
    if arguments.patch and output.format == "markdown":
        raise UsageError("a patch is no Markdown: leave out --patch, or -f markdown")
    compilation = compile_set(arguments)
    if compilation.program is None:
        return write_broken(output, compilation, root_of(arguments))
    program = compilation.program
    keys, mistakes = given_keys(arguments.keys, compilation.keys, program.schema)
    if mistakes:
        return write_mistakes(output, mistakes)
    if not keys:
        raise UsageError("there is no key: put some into the set's key files, or name a file with --keys")
    found = _found(arguments, output, program, dict(keys))
    changes = _patch(arguments, compilation, found) if arguments.patch or output.is_json else ""
    _write(arguments, output, compilation, found, changes)
    return _code(arguments, found)


def _found(arguments: argparse.Namespace, output: Output, program: Program, keys: dict[str, Any]) -> LeastPrivilege:
    # polars takes a while to load: not before it is known that there is something to read.
    from durwan.workshop.least_privilege.finding import least_privilege  # noqa: PLC0415
    from durwan.workshop.least_privilege.judging import Demands  # noqa: PLC0415
    from durwan.workshop.least_privilege.networks import Prefix  # noqa: PLC0415
    from durwan.workshop.least_privilege.sightings import watched  # noqa: PLC0415
    from durwan.workshop.replaying.logs import RecordedRequests  # noqa: PLC0415

    rounded: Prefix = Prefix(*arguments.network_prefix)
    demands = Demands(
        requests=arguments.least_requests,
        days=arguments.least_days,
        prefix=rounded,
        keeps_refusals=arguments.keep_refusals,
    )
    log = RecordedRequests.open(arguments.log, watched(program), keys.get, aside=Path(arguments.broken))
    with output.progress_bar("reading") as bar:
        return least_privilege(program, keys, log, demands, bar)


def _patch(arguments: argparse.Namespace, compilation: Compilation, found: LeastPrivilege) -> str:
    from durwan.workshop.least_privilege.patching import patch  # noqa: PLC0415 - it reads YAML

    return patch(_key_files(arguments, compilation), found.keys)


def _key_files(arguments: argparse.Namespace, compilation: Compilation) -> dict[str, bytes]:
    """The key files, by their paths from the current directory where they lie below it."""
    if arguments.keys:
        return {_below_here(Path(path)): Path(path).read_bytes() for path in arguments.keys}
    folder, root = compilation.manifest.keys, Path(root_of(arguments))
    ends = (".yaml", ".yml", ".json")
    return {
        _below_here(root / path): content
        for path, content in compilation.policy_set.files.items()
        if path == folder or (path.startswith(f"{folder}/") and path.endswith(ends))
    }


def _below_here(path: Path) -> str:
    """A path as a patch names it, which is applied where the command was called."""
    whole, here = path.parent.resolve() / path.name, Path.cwd()
    return whole.relative_to(here).as_posix() if whole.is_relative_to(here) else path.as_posix().lstrip("/")


def _write(
    arguments: argparse.Namespace, output: Output, compilation: Compilation, found: LeastPrivilege, changes: str
) -> None:
    from durwan.cli.least_privilege_output import draw_findings, findings_form, markdown  # noqa: PLC0415 - see `_found`

    if output.is_json:
        output.write_json({**findings_form(found), "patch": changes}, compilation.revision)
    elif arguments.patch:
        output.write(changes)
    elif output.format == "markdown":
        output.write(markdown(found))
    else:
        output.write(draw_findings(found, output))


def _code(arguments: argparse.Namespace, found: LeastPrivilege) -> int:
    states = {each.state for each in found.keys}
    asked = arguments.fail_on or ()
    if "unused" in asked and states & {"narrower", "unused"}:
        return FINDINGS
    return UNDECIDED if "undecided" in asked and "undecided" in states else GOOD
