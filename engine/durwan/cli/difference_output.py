"""Semantic differences as output: for people, for programs, and as Markdown for a merge request."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from durwan.cli.findings import counted
from durwan.diagnostics.terminal import visible
from durwan.workshop.request_drawing import draw_request

if TYPE_CHECKING:
    from durwan.cli.output import Output
    from durwan.diagnostics.terminal import Style
    from durwan.program.charges import Settled
    from durwan.workshop.differences import Comparison, Difference

_HEADS: Final = {
    "allowed": "newly allowed",
    "refused": "no longer allowed",
    "answered": "answered otherwise",
}
_NONE: Final = "No request is decided differently: proved for all requests."
_ROLES: Final = {"allowed": "bad", "refused": "warning", "answered": "bold"}


def comparison_fields(comparison: Comparison, revision: str) -> dict[str, Any]:
    """A comparison as JSON; `revision` is that of the old set."""
    return {
        "old_revision": revision,
        "same": comparison.same,
        "differences": [_form(each) for each in comparison.differences],
        "renamed": [{"before": old, "after": new} for new, old in comparison.renamed.items()],
        "undecided": dict(comparison.undecided),
        "notes": list(comparison.notes),
    }


def _form(difference: Difference) -> dict[str, Any]:
    return {
        "action": difference.action,
        "key": difference.key,
        "kind": difference.kind,
        "before": _side(difference.before),
        "after": _side(difference.after),
        "request": difference.request,
    }


def _side(settled: Settled) -> dict[str, Any]:
    outcome = settled.outcome
    fields: dict[str, Any] = {
        "effect": outcome.effect,
        "rule": outcome.rule,
        "status": outcome.status,
        "code": outcome.code,
        "obligations": {name: str(value) for name, value in outcome.obligations.items()},
        "remedies": [remedy.as_dict() for remedy in outcome.remedies],
        "limits": [
            {"name": charge.limit.name, "cost": None if charge.cost is None else str(charge.cost)}
            for charge in settled.charges
        ],
    }
    return fields


# ------------------------------------------------------------------------------------------------------ for people


def draw_comparison(comparison: Comparison, output: Output, seconds: float) -> str:
    """Each group of differences with its request, newly allowed first; what was renamed; a line on all."""
    style = output.style
    lines: list[str] = []
    for kind, group in groupby(comparison.differences, key=lambda each: each.kind):
        alike = list(group)
        lines.append(f"{style.paint(_HEADS[kind], _ROLES[kind])}: {_counted(alike)}")
        if kind == "answered" and not output.verbose:
            lines += _folded(alike, style)
        else:
            lines += [line for each in alike for line in _drawn(each, style)]
        lines.append("")
    lines += _notes(comparison)
    if not output.quiet:
        lines.append(_summary(comparison, style, seconds))
    return "\n".join(lines) + "\n" if lines else ""


def _drawn(difference: Difference, style: Style) -> Iterator[str]:
    before, after = _worded(difference.before), _worded(difference.after)
    yield f"  {style.paint(difference.action, 'bold')}{_with_key(difference)}: {before} -> {after}"
    yield from (f"      {line}" for line in draw_request(difference.request))


def _folded(differences: Sequence[Difference], style: Style) -> Iterator[str]:
    """What matters least, without requests: the actions for each change of the answer."""
    actions: dict[str, list[str]] = {}
    for each in differences:
        change = f"{_worded(each.before)} -> {_worded(each.after)}{_with_key(each)}"
        actions.setdefault(change, []).append(each.action)
    for change, names in actions.items():
        yield f"  {change}"
        yield from textwrap.wrap(", ".join(names), style.width, initial_indent=" " * 6, subsequent_indent=" " * 6)


def _with_key(difference: Difference) -> str:
    return "" if difference.key is None else f" with the key {_code(difference.key)}"


def _worded(settled: Settled) -> str:
    """Who decided, and with which answer; for what is allowed, the limits that count it too."""
    outcome = settled.outcome
    if outcome.effect == "allow":
        said = ", ".join(f"{name} {json.dumps(str(value))}" for name, value in outcome.obligations.items())
        limits = ", ".join(
            f"`{each.limit.name}`{'' if each.cost == 1 else f' at {each.cost}'}" for each in settled.charges
        )
        return (
            f"allowed by `{outcome.rule}`{f' with {said}' if said else ''}{f', counted by {limits}' if limits else ''}"
        )
    if outcome.rule is None:
        return f"denied ({outcome.status} {outcome.code})"
    remedies = ", ".join(remedy.kind for remedy in outcome.remedies)
    word = f"challenged by `{outcome.rule}` for {remedies}" if remedies else f"denied by `{outcome.rule}`"
    return f"{word} ({outcome.status} {outcome.code})"


def _notes(comparison: Comparison) -> Iterator[str]:
    for new, old in comparison.renamed.items():
        yield f"renamed: `{old}` is `{new}` now; a code that follows the name follows it"
    yield from comparison.notes
    for action, because in comparison.undecided.items():
        yield f"undecided: {action}: {visible(because)}"


def _summary(comparison: Comparison, style: Style, seconds: float) -> str:
    if comparison.same:
        return f"{style.paint(_NONE, 'good')} ({seconds:.2f} s)"
    words = [f"{counted(len(comparison.differences), 'group')} of differences"] if comparison.differences else []
    if comparison.undecided:
        words.append(f"{counted(len(comparison.undecided), 'action')} undecided")
    return f"{style.paint(', '.join(words), 'bad')} ({seconds:.2f} s)"


def _counted(differences: Sequence[Difference]) -> str:
    return f"{counted(len(differences), 'group')} of requests"


# -------------------------------------------------------------------------------------------------------- Markdown


def markdown(comparison: Comparison, old: str, new: str) -> str:
    """For the description of a merge request: newly allowed in full, the rest folded."""
    lines = [f"## What changes between {_code(old)} and {_code(new)}", ""]
    if comparison.same:
        lines += [_NONE, ""]
    for kind, group in groupby(comparison.differences, key=lambda each: each.kind):
        alike = list(group)
        title = f"{_HEADS[kind].capitalize()}: {_counted(alike)}"
        body = [line for each in alike for line in _in_markdown(each)]
        if kind == "allowed":
            lines += [f"### {title}", "", *body]
        else:
            lines += ["<details>", f"<summary>{title}</summary>", "", *body, "</details>", ""]
    lines += [f"* {note}" for note in _notes(comparison)]
    return "\n".join(lines).rstrip() + "\n"


def _in_markdown(difference: Difference) -> Iterator[str]:
    yield f"**{difference.action}**{_with_key(difference)}: {_worded(difference.before)} → {_worded(difference.after)}"
    yield ""
    yield "```json"
    # A fence that a text of the request could close would let it write into the page.
    yield json.dumps(difference.request, indent=2).replace("`", "\\u0060")
    yield "```"
    yield ""


def _code(text: str) -> str:
    return f"`{visible(text).replace('`', '')}`"
