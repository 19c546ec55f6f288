"""`policy-check sample-log [PATH] --log FILE`: requests that might have been made, where there is no real log yet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from durwan.cli import arguments as options
from durwan.cli.exits import GOOD, UsageError
from durwan.cli.findings import write_broken, write_mistakes
from durwan.cli.given_keys import given_keys
from durwan.cli.reading import compile_set, root_of
from durwan.model.values import parse_instant

if TYPE_CHECKING:
    import argparse

    from durwan.cli.output import Output

_MARCH = "2026-03-01T00:00:00Z"
_MOST_REQUESTS = 1_000_000_000
_MOST_DAYS = 3_650

EXAMPLES = """\
  policy-check sample-log policies/ --log month.parquet
  policy-check sample-log policies/ --log day.jsonl --requests 20000 --days 1 --seed 7

Requests come from the keys of the policy set, few of which make most, by day and by night, for what they may do and
now and then for what they may not; with them is recorded what the policies decide. The same seed gives the same log.
Then see what a change would have done to them:
  policy-check replay HEAD policies/ --log month.parquet
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    options.add_policy_set(parser)
    help_ = "where it goes: a file that does not exist yet, which ends in .parquet or .jsonl"
    parser.add_argument("--log", required=True, metavar="FILE", help=help_)
    help_ = "the keys of this file instead of those of the policy set; may be given again"
    parser.add_argument("--keys", action="append", metavar="FILE", help=help_)
    options.add_cache(parser)
    made = parser.add_argument_group("what is made")
    help_ = "so many requests (default: 100000)"
    number = options.whole_number(1, _MOST_REQUESTS)
    made.add_argument("--requests", type=number, default=100_000, metavar="N", help=help_)
    help_ = f"the first instant (default: {_MARCH})"
    made.add_argument("--start", default=_MARCH, metavar="INSTANT", help=help_)
    help_ = "over so many days (default: 31)"
    made.add_argument("--days", type=options.whole_number(1, _MOST_DAYS), default=31, metavar="N", help=help_)
    help_ = "of chance: another seed makes other requests (default: 1)"
    made.add_argument("--seed", type=options.whole_number(0, 1 << 32), default=1, metavar="N", help=help_)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Writes the log, and returns the exit code."""
    path, start = Path(arguments.log), parse_instant(arguments.start)
    if start is None:
        raise UsageError(f"--start {arguments.start} is no instant: write it as {_MARCH}")
    if path.exists():
        raise UsageError(f"{path} is there already: name a file that is not")
    compilation = compile_set(arguments)
    if compilation.program is None:
        return write_broken(output, compilation, root_of(arguments))
    keys, mistakes = given_keys(arguments.keys, compilation.keys, compilation.program.schema)
    if mistakes:
        return write_mistakes(output, mistakes)
    # polars takes a while to load: not before it is known that there is something to make.
    from durwan.workshop.replaying.synthetic import SyntheticLog  # noqa: PLC0415

    asking = {key: dict(attributes) for key, attributes in keys}
    log = SyntheticLog(
        compilation.program, asking, count=arguments.requests, seed=arguments.seed, start=start, days=arguments.days
    )
    with output.progress_bar("making requests") as bar:
        bar.begin("making requests", share=lambda: log.made / log.count)
        log.write(path)
    if output.is_json:
        output.write_json({"log": arguments.log, "requests": log.count, "keys": len(asking)}, compilation.revision)
    else:
        output.write(f"{log.count:,} requests of {len(asking):,} keys: --log {arguments.log}\n")
    return GOOD
