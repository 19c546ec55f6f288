"""`policy-check replay OLD NEW --log PATH`: what another policy would have done to the requests that were made."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from durwan.cli import arguments as options
from durwan.cli.action_patterns import matching_actions
from durwan.cli.exits import FINDINGS, GOOD, UNDECIDED, UsageError
from durwan.cli.findings import write_mistakes
from durwan.cli.given_keys import given_keys
from durwan.cli.sides import SIDE, keys_of, read_side
from durwan.credentials.keys import StaticKeys
from durwan.model.values import parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from durwan.cli.output import Output
    from durwan.cli.progress import ProgressBar
    from durwan.runtime.policy import Compiled
    from durwan.workshop.replaying.flips import Flips
    from durwan.workshop.replaying.logs import BrokenRecords, RecordedRequests
    from durwan.workshop.replaying.question import Filters, Question
    from durwan.workshop.replaying.report import BrokenCount, ReplayReport, SideName
    from durwan.workshop.replaying.sides import ProgramSide, RecordedSide

FORMATS: Final = (*options.PLAIN_FORMATS, "markdown", "html")
EXAMPLES = """\
  policy-check replay origin/main policies/ --log week.parquet
  policy-check replay origin/main --log logs/ --fail-on 'newly-allowed > 0' --fail-on 'flips > 0.1%'
  policy-check replay --recorded policies/ --log audit.jsonl.gz    what was decided, and what would be
  policy-check replay v1.4.0 v1.5.0 --path policies/ --log 'logs/2026-03-*.parquet' -f html -o replay.html
  policy-check replay origin/main --log s3a://logs/2026/ --engine spark --master yarn
  policy-check replay origin/main --log audit.jsonl --processes 4  by default, as many as there are cores
  policy-check replay origin/main --log logs/ --prepare week/      reads it once; --log week/ is then many times faster
"""
_RECORDED: Final = "recorded"
_SPARK: Final = "spark"
_HERE: Final = "local[*]"


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    help_ = f"before: {SIDE}; or `recorded`, for what was decided"
    parser.add_argument("old", metavar="OLD", nargs="?", help=help_)
    parser.add_argument("new", metavar="NEW", nargs="?", help="after, likewise (default: the files at --path)")
    parser.add_argument("--recorded", action="store_true", help="as `recorded` in place of OLD: only NEW is named")
    parser.add_argument("--path", default=".", metavar="DIR", help="the policy set of a revision (default: .)")
    help_ = "recorded requests: a file, a directory or a glob, of Parquet or JSON Lines; may be given again"
    parser.add_argument("--log", action="append", required=True, metavar="PATH", help=help_)
    help_ = "the keys of this file instead of those of the policy sets; may be given again"
    parser.add_argument("--keys", action="append", metavar="FILE", help=help_)
    options.add_cache(parser)
    _configure_choice(parser)
    _configure_telling(parser)
    _configure_place(parser)


def _configure_choice(parser: argparse.ArgumentParser) -> None:
    chosen = parser.add_argument_group("which requests")
    chosen.add_argument("--since", metavar="INSTANT", help="from then on, such as 2026-03-02T09:00:00Z")
    chosen.add_argument("--until", metavar="INSTANT", help="before then")
    chosen.add_argument("--key", action="append", metavar="ID", help="of this key; may be given again")
    help_ = "about these actions: orders.create, orders.*; may be given again"
    chosen.add_argument("--action", action="append", metavar="ACTION", help=help_)


def _configure_telling(parser: argparse.ArgumentParser) -> None:
    help_ = "exit with 1 beyond this budget: 'newly-allowed > 0', 'flips > 0.1%%', 'newly-denied notional > 1_000_000'"
    parser.add_argument("--fail-on", action="append", metavar="BUDGET", help=help_)
    help_ = "add up this attribute, such as request.notional (default: each decimal of `request`); may be given again"
    parser.add_argument("--amount", action="append", metavar="ATTRIBUTE", help=help_)
    help_ = "name so many keys and accounts (10)"
    parser.add_argument("--top", type=options.whole_number(1, 1000), default=10, metavar="N", help=help_)
    help_ = "where records that cannot be read are kept (default: broken-records.jsonl, if there are any)"
    parser.add_argument("--broken", default="broken-records.jsonl", metavar="FILE", help=help_)
    help_ = "write the log there in the form that is read fastest, and replay nothing"
    parser.add_argument("--prepare", metavar="DIR", help=help_)


def _configure_place(parser: argparse.ArgumentParser) -> None:
    place = parser.add_argument_group("where")
    help_ = "columns: on this machine (default); spark: on a cluster, or on many cores, with the same answer"
    place.add_argument("--engine", choices=("columns", _SPARK), default="columns", help=help_)
    help_ = "where Spark runs: yarn, an address with spark:// or k8s:// (default: local[*], all cores of this machine)"
    place.add_argument("--master", metavar="URL", help=help_)
    help_ = "so many processes read lines, where there are enough of them (default: one for each core)"
    place.add_argument("--processes", type=options.whole_number(1, 1000), metavar="N", help=help_)


def run(arguments: argparse.Namespace, output: Output) -> int:
    """Replays the log, writes what became of it, and returns the exit code."""
    began = time.perf_counter()
    names = _names(arguments, output)
    sides: list[Compiled | None] = []
    for name in names:
        found = None if name == _RECORDED else read_side(arguments, output, name)
        if isinstance(found, int):
            return found
        sides.append(found)
    keys = _given_keys(arguments, output, sides)
    if isinstance(keys, int):
        return keys
    question = _question(arguments, sides, keys)
    log = _addresses(arguments) or _log(arguments, question)
    if arguments.prepare is not None and not isinstance(log, list):
        return _prepare(arguments, output, log, question)
    report = _replayed(arguments, output, log, question)
    _write(report, output, time.perf_counter() - began)
    if any(each.exceeded for each in report.budgets):
        return FINDINGS
    return GOOD if report.replay.requests else UNDECIDED


# ------------------------------------------------------------------------------------------------------------- the call


def _names(arguments: argparse.Namespace, output: Output) -> tuple[str, str]:
    """Who decided before, and who decides after."""
    if output.format == "html" and arguments.output is None and sys.stdout.isatty():
        raise UsageError("a page is nothing to read on a terminal: name a file with -o replay.html")
    old, new = arguments.old, arguments.new
    if arguments.recorded:
        if new is not None:
            raise UsageError("with --recorded, only NEW is named: what decided before stands in the log")
        old, new = _RECORDED, old
    if old is None:
        raise UsageError("name what decided before: a directory, a bundle, a git revision, or --recorded")
    new = arguments.path if new is None else new
    if old == new == _RECORDED:
        raise UsageError("what was recorded is compared with a policy set: name one")
    return old, new


def _given_keys(
    arguments: argparse.Namespace, output: Output, sides: Sequence[Compiled | None]
) -> tuple[StaticKeys, ...] | int:
    """The keys of each policy set, the one after first; an exit code where they have mistakes, which were written."""
    found: list[StaticKeys] = []
    for compiled in reversed(sides):
        if compiled is not None:
            keys, mistakes = given_keys(arguments.keys, keys_of(compiled), compiled.program.schema)
            if mistakes:
                return write_mistakes(output, mistakes)
            found.append(StaticKeys(dict(keys)))
    return tuple(found)


def _question(
    arguments: argparse.Namespace, sides: Sequence[Compiled | None], keys: tuple[StaticKeys, ...]
) -> Question:
    # polars takes a while to load: not before it is known that there is something to replay.
    from durwan.workshop.replaying.question import Question, chosen_amounts, usual_amounts  # noqa: PLC0415
    from durwan.workshop.replaying.sides import ProgramSide, RecordedSide  # noqa: PLC0415

    compiled = [each for each in reversed(sides) if each is not None]
    programs = [ProgramSide(replace(each, keys=own)) for each, own in zip(compiled, keys, strict=True)]
    waiting = list(programs)
    after, before = (RecordedSide(programs[0].program) if each is None else waiting.pop(0) for each in reversed(sides))
    chosen = chosen_amounts(arguments.amount, programs) if arguments.amount else usual_amounts(programs)
    return Question(before=before, after=after, amounts=chosen, filters=_filters(arguments, programs))


def _filters(arguments: argparse.Namespace, programs: Sequence[ProgramSide]) -> Filters:
    from durwan.workshop.replaying.question import Filters  # noqa: PLC0415 - see `_question`

    schemas = [each.program.schema for each in programs]
    declared = programs[0].program
    both = replace(declared, schema=replace(declared.schema, actions=frozenset().union(*(s.actions for s in schemas))))
    return Filters(
        since=_instant("--since", arguments.since),
        until=_instant("--until", arguments.until),
        keys=None if arguments.key is None else frozenset(arguments.key),
        actions=None if arguments.action is None else frozenset(matching_actions(arguments.action, both)),
    )


def _instant(option: str, text: str | None) -> int | None:
    instant = None if text is None else parse_instant(text)
    if text is not None and instant is None:
        raise UsageError(f"{option} {text} is no instant: write it as 2026-03-02T09:00:00Z")
    return instant


def _addresses(arguments: argparse.Namespace) -> list[str]:
    """The logs that Spark itself reads: none where they are files."""
    from durwan.workshop.replaying.spark import is_remote  # noqa: PLC0415 - see `_question`

    found = [each for each in arguments.log if is_remote(each)]
    if arguments.engine != _SPARK:
        if found:
            raise UsageError(f"{found[0]} is read by Spark: add --engine spark")
        if arguments.master is not None:
            raise UsageError("--master says where Spark runs: add --engine spark")
    elif arguments.prepare is not None:
        raise UsageError("--prepare works on this machine: leave --engine spark out")
    elif arguments.processes is not None:
        raise UsageError("--processes says how much of this machine is used: leave --engine spark out")
    if found and len(found) < len(arguments.log):
        raise UsageError("name files as --log, or addresses that Spark reads, but not both at once")
    return found


def _log(arguments: argparse.Namespace, question: Question) -> RecordedRequests:
    from durwan.workshop.replaying.logs import RecordedRequests  # noqa: PLC0415 - see `_question`

    leading = question.programs[0]
    aside = Path(arguments.broken)
    return RecordedRequests.open(arguments.log, leading.reading, leading.keys, aside=aside, contexts=question.contexts)


# ------------------------------------------------------------------------------------------------------------- the work


def _prepare(arguments: argparse.Namespace, output: Output, log: RecordedRequests, question: Question) -> int:
    with output.progress_bar("preparing") as bar:
        bar.begin("preparing", share=lambda: log.share)
        others = [each.side for each in question.programs[1:]]
        count = log.prepare(Path(arguments.prepare), *others)
    broken = _broken(arguments, log.broken)
    if output.is_json:
        fields = {"prepared": arguments.prepare, "requests": count, "broken": {"count": broken.count}}
        output.write_json(fields, question.programs[0].revision)
    else:
        aside = f", kept in {broken.aside}" if broken.aside else ""
        output.write(
            f"{count:,} requests prepared: --log {arguments.prepare}; {broken.count:,} broken records{aside}\n"
        )
    return GOOD


def _replayed(
    arguments: argparse.Namespace, output: Output, log: RecordedRequests | list[str], question: Question
) -> ReplayReport:
    from durwan.workshop.replaying.budgets import read_budget  # noqa: PLC0415 - see `_question`
    from durwan.workshop.replaying.report import ReplayReport, remarks_on  # noqa: PLC0415
    from durwan.workshop.replaying.summary import summarize  # noqa: PLC0415

    budgets = [read_budget(each, question.amounts) for each in arguments.fail_on or ()]
    with output.progress_bar("replaying") as bar:
        flips, records = _compared(arguments, bar, log, question)
        found = summarize(flips, question, most=arguments.top)
    broken = _broken(arguments, records)
    return ReplayReport(
        replay=found,
        before=_named(arguments, question.before, before=True),
        after=_named(arguments, question.after, before=False),
        logs=tuple(arguments.log),
        amounts=question.amounts,
        filters=tuple(_chosen(arguments)),
        broken=broken,
        budgets=tuple(each.spent(found, broken.count) for each in budgets),
        remarks=tuple(remarks_on(found, question.before.program, question.after.program)),
    )


def _compared(
    arguments: argparse.Namespace, bar: ProgressBar, log: RecordedRequests | list[str], question: Question
) -> tuple[Flips, BrokenRecords]:
    from durwan.workshop.replaying.processes import usable_processors  # noqa: PLC0415 - see `_question`
    from durwan.workshop.replaying.running import replay  # noqa: PLC0415

    if isinstance(log, list) or arguments.engine == _SPARK:
        return _compared_on_spark(arguments, bar, log, question)
    bar.begin("replaying", log.rows, share=lambda: bar.done / log.rows if log.rows else log.share)

    def told(done: int) -> None:
        bar.done = done

    return replay(log, question, told, processes=arguments.processes or usable_processors()), log.broken


def _compared_on_spark(
    arguments: argparse.Namespace, bar: ProgressBar, log: RecordedRequests | list[str], question: Question
) -> tuple[Flips, BrokenRecords]:
    from durwan.workshop.replaying.spark import replay_on_spark  # noqa: PLC0415 - see `_question`

    rows = None if isinstance(log, list) else log.rows
    done = 0.0
    bar.begin("replaying", rows, share=lambda: done)

    def told(share: float) -> None:
        nonlocal done
        done = share
        bar.done = int(share * (rows or 0))

    master = arguments.master or _HERE
    return replay_on_spark(log, question, master=master, aside=Path(arguments.broken), told=told)


def _broken(arguments: argparse.Namespace, records: BrokenRecords) -> BrokenCount:
    from durwan.workshop.replaying.report import BrokenCount  # noqa: PLC0415 - see `_question`

    aside = arguments.broken if records.count else None
    return BrokenCount(count=records.count, reasons=dict(records.reasons), aside=aside)


def _named(arguments: argparse.Namespace, side: ProgramSide | RecordedSide, *, before: bool) -> SideName:
    from durwan.workshop.replaying.report import RECORDED, SideName  # noqa: PLC0415 - see `_question`
    from durwan.workshop.replaying.sides import ProgramSide  # noqa: PLC0415

    if not isinstance(side, ProgramSide):
        return SideName(name=RECORDED, revision=None)
    new = (arguments.old if arguments.recorded else arguments.new) or arguments.path
    return SideName(name=arguments.old if before else new, revision=side.revision)


def _chosen(arguments: argparse.Namespace) -> Iterator[str]:
    """The options by which requests were chosen, as they were written."""
    for option, given in (("--since", arguments.since), ("--until", arguments.until)):
        if given is not None:
            yield f"{option} {given}"
    for option, several in (("--key", arguments.key), ("--action", arguments.action)):
        yield from (f"{option} {each}" for each in several or ())


def _write(report: ReplayReport, output: Output, seconds: float) -> None:
    if output.is_json:
        from durwan.workshop.replaying.form import report_form  # noqa: PLC0415 - one of four

        output.write_json(report_form(report), report.after.revision)
    elif output.format == "html":
        from durwan.workshop.replaying.page import replay_page  # noqa: PLC0415 - one of four

        output.write(replay_page(report))
    else:
        from durwan.cli.replay_output import draw_replay, markdown  # noqa: PLC0415 - two of four

        output.write(markdown(report) if output.format == "markdown" else draw_replay(report, output, seconds))
