"""A replay as output: for people, and as Markdown for a merge request."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from durwan.diagnostics.terminal import visible
from durwan.workshop.replaying.answers import KINDS
from durwan.workshop.replaying.form import example_form
from durwan.workshop.replaying.report import (
    HEADS,
    RECORDED,
    amount_words,
    answer_words,
    kinds_words,
    moment,
    number,
    percent,
)  # fmt: skip
from durwan.workshop.request_drawing import draw_request

if TYPE_CHECKING:
    from durwan.cli.output import Output
    from durwan.diagnostics.terminal import Style
    from durwan.model.decision import Outcome
    from durwan.workshop.replaying.answers import Answer
    from durwan.workshop.replaying.checking import CheckedExample
    from durwan.workshop.replaying.report import ReplayReport
    from durwan.workshop.replaying.summary import Group, Ranking, Share

_ROLES: Final = {
    "newly-allowed": "bad", "newly-denied": "warning", "newly-challenged": "warning", "answered-otherwise": "bold"
}  # fmt: skip
_NONE: Final = "No request is decided otherwise."
# Names of a ranking that are told for one group on a terminal.
_FEW: Final = 3


def draw_replay(report: ReplayReport, output: Output, seconds: float) -> str:
    """Each group of flips with whose they are, what is at stake and a request; then what it comes to."""
    style = output.style
    lines: list[str] = []
    for kind, alike in report.replay.by_kind:
        count = report.replay.kinds[kind]
        lines += [f"{style.paint(HEADS[kind], _ROLES[kind])}: {_of_all(count, report)}", ""]
        for each in alike:
            lines += [*_group(each, report, style, whole=output.verbose), ""]
    if report.replay.groups and not output.quiet:
        for title, ranking in _rankings(report):
            lines += [*_ranked(title, ranking, report, style), ""]
    lines += _budgets(report, style)
    lines += [f"note: {each}" for each in report.counts]
    if not output.quiet:
        lines += [f"note: {visible(each)}" for each in report.remarks]
        lines.append(_summary(report, style, seconds))
    return "\n".join(lines) + "\n"


def _of_all(count: int, report: ReplayReport) -> str:
    return f"{number(count, 'request')}, {percent(count, report.replay.requests)} of all"


def _group(group: Group, report: ReplayReport, style: Style, *, whole: bool) -> Iterator[str]:
    words = f"{answer_words(group.before)} -> {answer_words(group.after)}"
    yield f"  {style.paint(visible(words), 'bold')}"
    yield f"      {_of_all(group.all.count, report)}; {moment(group.all.first)} to {moment(group.all.last)}"
    yield from (f"      {path}: {each}" for path, each in amount_words(group.all.amounts))
    for name, ranking in (("actions", group.actions), ("accounts", group.accounts), ("keys", group.keys)):
        yield f"      {name}: {_few(ranking)}"
    for example in group.examples if whole else group.examples[:1]:
        yield from (f"      {style.paint('|', 'faint')} {line}" for line in _example(example))


def _few(ranking: Ranking) -> str:
    named = [f"{visible(_name(each))} {each.count:,}" for each in ranking.heaviest[:_FEW]]
    more = ranking.number - len(named)
    return ", ".join(named) + (f" and {more:,} more" if more > 0 else "")


def _name(share: Share) -> str:
    return "unknown" if share.name is None else share.name


def _example(example: CheckedExample) -> Iterator[str]:
    yield from draw_request(example.request)
    for side, outcome in (("before", example.before), ("after", example.after)):
        unknowns = _unknowns(outcome)
        if unknowns:
            yield f"{side}: for doubt, since these are unknown: {', '.join(unknowns)}"


def _unknowns(outcome: Outcome | Answer) -> tuple[str, ...]:
    return getattr(outcome, "unknowns", ())


def _rankings(report: ReplayReport) -> Iterator[tuple[str, Ranking]]:
    replay = report.replay
    yield from (("actions", replay.actions), ("accounts", replay.accounts), ("keys", replay.keys))


def _ranked(title: str, ranking: Ranking, report: ReplayReport, style: Style) -> Iterator[str]:
    shown = len(ranking.heaviest)
    more = f", the heaviest {shown} of {ranking.number:,}" if ranking.number > shown else ""
    yield style.paint(f"{title} with flips{more}", "bold")
    width = max((len(visible(_name(each))) for each in ranking.heaviest), default=0)
    leading = report.amounts[0] if report.amounts else ""
    for each in ranking.heaviest:
        stake = dict(amount_words(each.amounts)).get(leading, "")
        told = f"; {leading} {stake}" if stake else ""
        yield f"  {visible(_name(each)):<{width}}  {each.count:>9,}  {kinds_words(each)}{told}"


def _budgets(report: ReplayReport, style: Style) -> Iterator[str]:
    for each in report.budgets:
        word = style.paint("exceeded", "bad") if each.exceeded else style.paint("kept", "good")
        yield f"budget {word}: fails on {visible(each.text)}; found {each.found}"


def _summary(report: ReplayReport, style: Style, seconds: float) -> str:
    replay = report.replay
    rate = f"{seconds:.2f} s, {replay.requests / max(seconds, 1e-6):,.0f} requests/s"
    if not replay.requests:
        return style.paint(f"there is no request to compare ({rate})", "warning")
    if not replay.flips:
        return f"{style.paint(_NONE, 'good')} {number(replay.requests, 'request')} compared ({rate})"
    kinds = ", ".join(f"{replay.kinds[kind]:,} {HEADS[kind]}" for kind in KINDS if replay.kinds[kind])
    words = f"{replay.flips:,} of {number(replay.requests, 'request')} decided otherwise"
    return f"{style.paint(words, 'bad')}: {kinds} ({rate})"


# -------------------------------------------------------------------------------------------------------- Markdown


def markdown(report: ReplayReport) -> str:
    """For the description of a merge request: newly allowed in full, the rest folded."""
    replay = report.replay
    lines = [f"## What {_side(report.after.name)} would have done to the requests we had", "", *_head(report), ""]
    if not replay.flips:
        lines += [f"{_NONE} {number(replay.requests, 'request')} compared.", ""]
    else:
        lines += [*_table(report), ""]
    if report.budgets:
        lines += [
            *(f"* {'❌ exceeded' if each.exceeded else '✅ kept'}: {_code(each.text)}, found {each.found}"
              for each in report.budgets),
            "",
        ]  # fmt: skip
    for kind, group in replay.by_kind:
        title = f"{HEADS[kind].capitalize()}: {_of_all(replay.kinds[kind], report)}"
        body = [line for each in group for line in _in_markdown(each, report)]
        if kind == "newly-allowed":
            lines += [f"### {title}", "", *body]
        else:
            lines += ["<details>", f"<summary>{title}</summary>", "", *body, "</details>", ""]
    lines += [f"* {_text(each)}" for each in (*report.counts, *report.remarks)]
    return "\n".join(lines).rstrip() + "\n"


def _side(name: str) -> str:
    return "what was recorded" if name == RECORDED else _code(name)


def _head(report: ReplayReport) -> Iterator[str]:
    period = report.period
    when = "" if period is None else f", {moment(period[0])} to {moment(period[1])}"
    logs = ", ".join(_code(each) for each in report.logs)
    yield f"Compared with {_side(report.before.name)} on {number(report.replay.requests, 'request')} of {logs}{when}."
    if report.filters:
        yield f"Only {', '.join(_code(each) for each in report.filters)}."


def _table(report: ReplayReport) -> Iterator[str]:
    yield "| | requests | of all | " + " | ".join(_code(path) for path in report.amounts[:1]) + " |"
    yield "|---|---:|---:|" + "---:|" * len(report.amounts[:1])
    for kind in KINDS:
        count = report.replay.kinds[kind]
        if count:
            said = dict(amount_words(report.replay.amounts[kind]))
            stakes = "".join(f" {said.get(path, '')} |" for path in report.amounts[:1])
            yield f"| {HEADS[kind]} | {count:,} | {percent(count, report.replay.requests)} |{stakes}"


def _in_markdown(group: Group, report: ReplayReport) -> Iterator[str]:
    yield f"**{_text(answer_words(group.before))} → {_text(answer_words(group.after))}**"
    yield ""
    yield f"* {_of_all(group.all.count, report)}; {moment(group.all.first)} to {moment(group.all.last)}"
    yield from (f"* {_code(path)}: {each}" for path, each in amount_words(group.all.amounts))
    for name, ranking in (("actions", group.actions), ("accounts", group.accounts), ("keys", group.keys)):
        named = ", ".join(f"{_code(_name(each))} {each.count:,}" for each in ranking.heaviest[:_FEW])
        more = ranking.number - min(_FEW, len(ranking.heaviest))
        yield f"* {name}: {named}{f' and {more:,} more' if more > 0 else ''}"
    yield ""
    for example in group.examples[:1]:
        yield "```json"
        # A fence that a text of the request could close would let it write into the page.
        yield json.dumps(example_form(example), indent=2).replace("`", "\\u0060")
        yield "```"
        yield ""


def _code(text: str) -> str:
    # A vertical line would end the cell of a table.
    return f"`{visible(text).replace('`', '').replace('|', '¦')}`"


def _text(text: str) -> str:
    """Words in which names stand between back-ticks; what came from a log cannot be markup."""
    parts = visible(text).split("`")
    for place in range(0, len(parts), 2):
        parts[place] = parts[place].replace("&", "&amp;").replace("<", "&lt;").replace("*", "\\*").replace("[", "\\[")
    return "`".join(parts)


__all__ = ["draw_replay", "markdown"]
