"""A replay as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from durwan.model.decision import Outcome
from durwan.model.values import format_instant
from durwan.workshop.replaying.answers import Answer
from durwan.workshop.replaying.cells import Amount
from durwan.workshop.replaying.checking import CheckedExample
from durwan.workshop.replaying.report import ReplayReport
from durwan.workshop.replaying.summary import Group, Ranking, Share


def report_form(report: ReplayReport) -> dict[str, Any]:
    """All of a report as plain data; decimals as strings, instants as RFC 3339 texts."""
    replay = report.replay
    period = report.period
    return {
        "before": {"name": report.before.name, "revision": report.before.revision},
        "after": {"name": report.after.name, "revision": report.after.revision},
        "logs": list(report.logs),
        "filters": list(report.filters),
        "period": None if period is None else [format_instant(each) for each in period],
        "requests": replay.requests,
        "flips": replay.flips,
        "kinds": dict(replay.kinds),
        "amounts": {kind: _amounts(each) for kind, each in replay.amounts.items()},
        "effects": [
            {"before": before, "after": after, "count": count} for (before, after), count in replay.effects.items()
        ],
        "budgets": [{"budget": each.text, "found": each.found, "exceeded": each.exceeded} for each in report.budgets],
        "groups": [_group(each, replay.requests) for each in replay.groups],
        "actions": _ranking(replay.actions, replay.requests),
        "accounts": _ranking(replay.accounts, replay.requests),
        "keys": _ranking(replay.keys, replay.requests),
        "series": {
            "span_ms": replay.span,
            "moments": [
                {"at": _instant(at), "kind": kind, "count": count, "of": replay.totals[at]}
                for at, kind, count in replay.series
            ],
        },
        "broken": {"count": report.broken.count, "reasons": dict(report.broken.reasons), "file": report.broken.aside},
        "masked": dict(replay.masked),
        "beyond_columns": replay.beyond,
        "left_out": dict(replay.left_out),
        "remarks": list(report.remarks),
    }


def _group(group: Group, whole: int) -> dict[str, Any]:
    return {
        "kind": group.kind,
        "before": _answer(group.before),
        "after": _answer(group.after),
        **_share(group.all, whole),
        "actions": _ranking(group.actions, whole),
        "accounts": _ranking(group.accounts, whole),
        "keys": _ranking(group.keys, whole),
        "examples": [example_form(each) for each in group.examples],
    }


def _ranking(ranking: Ranking, whole: int) -> dict[str, Any]:
    heaviest = [{"name": each.name, **_share(each, whole)} for each in ranking.heaviest]
    return {"number": ranking.number, "heaviest": heaviest}


def _share(share: Share, whole: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "count": share.count,
        "share": share.count / whole,
        "first": _instant(share.first),
        "last": _instant(share.last),
        "amounts": _amounts(share.amounts),
    }
    return found | ({"kinds": dict(share.kinds)} if share.kinds else {})


def _amounts(amounts: Mapping[str, Amount]) -> dict[str, Any]:
    return {
        path: {
            "known": each.known,
            "sum": f"{each.total:f}",
            "largest": None if each.largest is None else f"{each.largest:f}",
        }
        for path, each in amounts.items()
    }


def example_form(example: CheckedExample) -> dict[str, Any]:
    """A request, and its whole outcomes."""
    return {
        "request": example.request, "before": _outcome(example.before), "after": _outcome(example.after)
    }  # fmt: skip


def _outcome(outcome: Outcome | Answer) -> dict[str, Any]:
    if isinstance(outcome, Answer):
        return _answer(outcome)
    found = outcome.until(None).as_dict()
    return {name: each for name, each in found.items() if name not in ("valid_until", "retry_after")}


def _answer(answer: Answer) -> dict[str, Any]:
    return {"effect": answer.effect, "rule": answer.rule, "status": answer.status, "code": answer.code}


def _instant(instant: int | None) -> str | None:
    return None if instant is None else format_instant(instant)


__all__ = ["example_form", "report_form"]
